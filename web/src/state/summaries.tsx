/** What a whole vector says: its most probable basis states, and each qubit on its own. */
import type { ReactNode } from "react";
import type { ArrayInfo } from "../data/interface";
import { useSettings } from "../routing";
import { Bars } from "../words/bars";
import { bits } from "../words/bits";
import { complex, short } from "../words/numbers";
import { line } from "../words/safe";
import { Swatch } from "./bin_tip";
import { phaseParts } from "./bin_words";
import { around, windowText } from "./window";
import { Wide } from "../words/wide";

function indexBits(index: number | string, qubits: number): string {
  if (typeof index === "number") return bits(index, qubits);
  return /^\d{1,40}$/.test(index) ? BigInt(index).toString(2).padStart(qubits, "0") : line(index, 60);
}

export function TopStates({ info, phases }: { info: ArrayInfo; phases: boolean }): ReactNode {
  const [, change] = useSettings();
  if (!info.top?.length) return null;
  return (
    <section className="card" aria-labelledby="top">
      <h2 id="top">Most probable basis states</h2>
      <div className="wide top-states" tabIndex={0} role="group" aria-labelledby="top">
        <table data-testid="top">
          <thead>
            <tr>
              <th scope="col">basis state</th>
              <th scope="col" className="right">
                probability
              </th>
              {phases && <th scope="col">phase</th>}
            </tr>
          </thead>
          <tbody>
            {info.top.map(([index, real, imaginary], place) => {
              const text = `|${indexBits(index, info.qubits)}⟩`;
              return (
                <tr key={place}>
                  <th scope="row" className="numeric">
                    {typeof index === "number" ? (
                      <button
                        type="button"
                        className="link"
                        aria-label={`Zoom to ${text}`}
                        onClick={() => change({ at: windowText(info, around(info, index, index)) })}
                      >
                        {text}
                      </button>
                    ) : (
                      text
                    )}
                  </th>
                  <td className="numeric right">{short(phases ? real * real + imaginary * imaginary : real, 4)}</td>
                  {phases && (
                    <td className="numeric" title={`amplitude ${complex(real, imaginary)}`}>
                      <Swatch phase={Math.atan2(imaginary, real)} /> {phaseParts(Math.atan2(imaginary, real))}
                    </td>
                  )}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

export function Marginals({ info }: { info: ArrayInfo }): ReactNode {
  if (!info.marginals?.length) return null;
  const bars = info.marginals.map((share, qubit) => ({ name: String(qubit), text: short(share, 4), share }));
  return (
    <section className="card" aria-labelledby="marginals">
      <h2 id="marginals">Probability of 1 for each qubit</h2>
      <Wide aria-labelledby="marginals" data-testid="marginals">
        <Bars label="Probability of 1 for each qubit" heads={["qubit", "probability"]} bars={bars} full={1} shares={false} />
      </Wide>
    </section>
  );
}
