/** The values that a run has saved. */
import { type ReactNode, useState } from "react";
import type { RunDocument, SavedValue } from "../data/interface";
import { href } from "../route";
import { bytes, counted, short } from "../words/numbers";
import { line } from "../words/safe";
import { bindText } from "./experiment_chooser";
import { LeftOut } from "./left_out";
import { Wide } from "../words/wide";

const STEP = 50;

/** The number of a saved value that the address of its array names. */
export function arrayNumber(address: string): number | null {
  const match = /\/arrays\/(\d+)\/info\.json$/.exec(address);
  return match ? Number(match[1]) : null;
}

export function Saved({ run }: { run: RunDocument }): ReactNode {
  const [number, setNumber] = useState(STEP);
  if (!run.saved.length) return null;
  const binds = run.saved.some((one) => one.bind !== null);
  const several = run.num_experiments > 1;
  const infidelity = run.saved.some((one) => one.infidelity !== null);
  return (
    <section className="card" aria-labelledby="saved">
      <h2 id="saved">Saved values</h2>
      <Wide aria-labelledby="saved">
        <table data-testid="saved">
          <thead>
            <tr>
              {several && (
                <th scope="col" className="right">
                  experiment
                </th>
              )}
              {binds && <th scope="col">bound</th>}
              <th scope="col">label</th>
              <th scope="col">kind</th>
              <th scope="col">shape</th>
              <th scope="col">type</th>
              <th scope="col" className="right">
                size
              </th>
              {infidelity && (
                <th scope="col" className="right">
                  infidelity
                </th>
              )}
              <th scope="col">value</th>
            </tr>
          </thead>
          <tbody>
            {run.saved.slice(0, number).map((one, place) => (
              <tr key={place}>
                {several && <td className="numeric right">{one.experiment}</td>}
                {binds && <td>{bindText(one.bind)}</td>}
                <th scope="row" title={line(one.label, 300)}>
                  <bdi>{line(one.label, 40)}</bdi>
                </th>
                <td>{line(one.kind, 40)}</td>
                <td className="numeric">{one.shape.join(" × ")}</td>
                <td>{line(one.dtype, 30)}</td>
                <td className="numeric right">{one.nbytes ? bytes(one.nbytes) : ""}</td>
                {infidelity && <td className="numeric right">{one.infidelity === null ? "" : short(one.infidelity, 3)}</td>}
                <td>
                  <Value run={run} one={one} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
      {run.saved.length > number && (
        <button type="button" className="link" onClick={() => setNumber(number + 10 * STEP)}>
          Show {counted(Math.min(10 * STEP, run.saved.length - number), "more value", "more values")}
        </button>
      )}
      <LeftOut shown={run.saved.length} all={run.num_saved} what="saved value" />
    </section>
  );
}

function Value({ run, one }: { run: RunDocument; one: SavedValue }): ReactNode {
  const number = one.array === null ? null : arrayNumber(one.array);
  if (number !== null) {
    return (
      <a href={href({ view: "state", key: run.key, number })} aria-label={`Explore ${line(one.label, 60)}`}>
        explore
      </a>
    );
  }
  if (typeof one.value === "number") return <span className="numeric">{short(one.value, 12)}</span>;
  if (one.value !== null) {
    const text = typeof one.value === "string" ? one.value : JSON.stringify(one.value);
    return <code title={line(text, 1000)}>{line(text, 60)}</code>;
  }
  return <span className="faint">in the tree</span>;
}
