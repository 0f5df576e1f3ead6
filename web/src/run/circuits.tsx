/** The circuits of a run, drawn and as OpenQASM. */
import { type ReactNode, useState } from "react";
import type { Circuit } from "../data/interface";
import { CopyButton } from "../words/copy";
import { line, plain } from "../words/safe";
import { LeftOut } from "./left_out";

export function Circuits({ circuits, all }: { circuits: Circuit[]; all: number }): ReactNode {
  const [place, setPlace] = useState(0);
  const circuit = circuits[place];
  if (!circuit) return null;
  return (
    <section className="card" aria-labelledby="circuits">
      <div className="card-head">
        <h2 id="circuits">{all === 1 ? "Circuit" : "Circuits"}</h2>
        {circuits.length > 1 && (
          <label>
            Circuit{" "}
            <select value={place} onChange={(event) => setPlace(Number(event.target.value))}>
              {circuits.map((one, number) => (
                <option key={number} value={number}>
                  {number}: {line(one.title, 60)}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      <p>
        <bdi>{line(circuit.title, 200)}</bdi>
      </p>
      {circuit.note && <p className="faint">{plain(circuit.note)}</p>}
      {circuit.drawing !== null && (
        <pre className="drawing" tabIndex={0} role="group" aria-label="Drawing of the circuit" data-testid="drawing">
          {plain(circuit.drawing)}
        </pre>
      )}
      {circuit.qasm !== null && (
        <details>
          <summary>OpenQASM</summary>
          <CopyButton text={circuit.qasm} what="the OpenQASM program" />
          <pre className="code" tabIndex={0} role="group" aria-label="OpenQASM program">
            {plain(circuit.qasm)}
          </pre>
        </details>
      )}
      <LeftOut shown={circuits.length} all={all} what="circuit" />
    </section>
  );
}
