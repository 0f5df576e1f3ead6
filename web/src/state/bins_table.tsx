/** The most probable bins in sight as a table, for those who do not see the chart or want the numbers. */
import { type ReactNode, useMemo } from "react";
import type { Bins } from "../data/tiles";
import { short } from "../words/numbers";
import { Swatch } from "./bin_tip";
import { amplitudeText, binBits, binRange, binSize, peakBits, phaseParts } from "./bin_words";
import { type Extent, leastExponent, ofBin, type Window } from "./window";
import { Wide } from "../words/wide";

const ROWS = 16;

/** The places of the greatest values, the greatest first. */
export function greatest(values: Float32Array, number: number): number[] {
  return Array.from(values.keys())
    .filter((place) => (values[place] as number) > 0)
    .sort((a, b) => (values[b] as number) - (values[a] as number))
    .slice(0, number);
}

interface Props {
  bins: Bins;
  values: Float32Array;
  phases: boolean;
  extent: Extent;
  change: (window: Window) => void;
}

export function BinsTable({ bins, values, phases, extent, change }: Props): ReactNode {
  const places = useMemo(() => greatest(values, ROWS), [values]);
  const one = binSize(bins) === 1;
  const deeper = extent.qubits - bins.level > leastExponent(extent);
  return (
    <Wide aria-label="The most probable bins in sight">
      <table data-testid="bins-table">
        <thead>
          <tr>
            <th scope="col">{one ? "basis state" : "basis states"}</th>
            <th scope="col" className="right">
              {one ? "index" : "indices"}
            </th>
            <th scope="col" className="right">
              probability
            </th>
            {one ? phases && <th scope="col">amplitude</th> : <th scope="col">most probable in it</th>}
            {phases && <th scope="col">phase</th>}
          </tr>
        </thead>
        <tbody>
          {places.map((bin) => {
            const phase = bins.phases[bin] as number;
            return (
              <tr key={bin}>
                <th scope="row" className="numeric">
                  {deeper ? (
                    <button type="button" className="link" onClick={() => change(ofBin(extent, bins.level, bins.first + bin))} aria-label={`Zoom into ${binBits(bins, bin)}`}>
                      {binBits(bins, bin)}
                    </button>
                  ) : (
                    binBits(bins, bin)
                  )}
                </th>
                <td className="numeric right">{binRange(bins, bin)}</td>
                <td className="numeric right">{short(bins.sums[bin] as number)}</td>
                {one ? (
                  phases && <td className="numeric">{amplitudeText(bins, bin)}</td>
                ) : (
                  <td className="numeric" title={`probability ${short(bins.peaks[bin] as number)}`}>
                    {peakBits(bins, bin)}
                  </td>
                )}
                {phases && (
                  <td className="numeric">
                    <Swatch phase={phase} /> {phaseParts(phase)}
                  </td>
                )}
              </tr>
            );
          })}
        </tbody>
      </table>
      {places.length === 0 && <p className="faint">Nothing in sight has a probability above zero.</p>}
    </Wide>
  );
}
