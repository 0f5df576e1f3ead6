/** A table of shares with a bar for each. */
import type { ReactNode } from "react";
import { percent } from "./numbers";

export interface Bar {
  name: string;
  /** What is written in the second column. */
  text: string;
  /** From 0 to 1. */
  share: number;
}

interface Props {
  label: string;
  heads: [string, string];
  bars: readonly Bar[];
  /** The share that fills the whole width. */
  full: number;
  /** Whether shares are written out as well. */
  shares?: boolean;
}

export function Bars({ label, heads, bars, full, shares = true }: Props): ReactNode {
  return (
    <table className="bars" aria-label={label}>
      <thead>
        <tr>
          <th scope="col">{heads[0]}</th>
          <th scope="col" className="right">
            {heads[1]}
          </th>
          {shares && (
            <th scope="col" className="right">
              share
            </th>
          )}
          <td />
        </tr>
      </thead>
      <tbody>
        {bars.map((bar, place) => (
          <tr key={place}>
            <th scope="row" className="numeric">
              {bar.name}
            </th>
            <td className="numeric right">{bar.text}</td>
            {shares && <td className="numeric right">{percent(bar.share)}</td>}
            <td className="bar-cell" aria-hidden="true">
              <div className="bar" style={{ width: `${full > 0 ? Math.min(100, (100 * bar.share) / full) : 0}%` }} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
