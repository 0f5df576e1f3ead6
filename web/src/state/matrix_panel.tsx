/** A matrix: heat map, where it is zoomed to, its greatest elements in sight, and its diagonal. */
import { type ReactNode, useId, useMemo } from "react";
import { latest, useLoaded } from "../data/loaded";
import { loadCells, type Cells, type MatrixSource } from "../data/tiles";
import { fill } from "../data/fetching";
import type { ArrayInfo } from "../data/interface";
import { useSettings } from "../routing";
import { powerOfTwo, short, whole } from "../words/numbers";
import { Failure, Loading } from "../words/notices";
import { Swatch } from "./bin_tip";
import { phaseParts } from "./bin_words";
import { greatest } from "./bins_table";
import { PhaseLegend } from "./legend";
import { cellBits, MatrixChart } from "./matrix_chart";
import { drawnMatrix, leastMatrixExponent, type MatrixWindow, matrixWindowText, movedMatrix, parseMatrixWindow, wholeMatrix, zoomedMatrix } from "./matrix_window";
import { VectorPanel } from "./vector_panel";
import { Wide } from "../words/wide";

const ROWS = 12;

export function MatrixPanel({ info, row, source, tick, label }: { info: ArrayInfo; row: number; source: MatrixSource; tick: number; label: string }): ReactNode {
  const [settings, change] = useSettings();
  const at = settings.get("square");
  const window = useMemo(() => parseMatrixWindow(source, at), [source.qubits, source.levels, at]);
  const setWindow = (next: MatrixWindow) => change({ square: matrixWindowText(source, next) });
  const log = settings.get("strength") === "log";
  const keys = useId();
  const { level, row: top, column, count } = drawnMatrix(source, window);
  const key = `${source.template} ${level} ${top} ${column} ${count} ${source.done ? "done" : tick}`;
  const loaded = useLoaded(key, (signal) => loadCells(source, level, top, column, count, signal), true);
  const cells = latest(loaded);
  return (
    <div className="state-grid matrix-grid">
      <section className="card" aria-label="Elements">
        <div className="card-head">
          <MatrixTools source={source} window={window} change={setWindow} />
          <label className="check">
            <input type="checkbox" checked={log} onChange={() => change({ strength: log ? null : "log" })} />
            logarithmic
          </label>
        </div>
        {loaded.state === "failed" && <Failure error={loaded.error} what="This part cannot be shown" again={loaded.again} />}
        {cells ? (
          <MatrixChart label={label} describedBy={keys} cells={cells} log={log} extent={source} window={window} change={setWindow} />
        ) : (
          loaded.state === "loading" && <Loading what="the elements" />
        )}
        <MatrixWords source={source} window={window} />
        <p id={keys} className="faint">
          Click to zoom in, drag over a square, or turn the wheel. Keys: + − ← → ↑ ↓ Home. Strength of colour is the magnitude.
        </p>
        <PhaseLegend />
      </section>
      <div>
        {cells && <GreatestCells cells={cells} qubits={source.qubits} />}
        {info.diagonal && (
          <section className="card" aria-labelledby="diagonal">
            <h2 id="diagonal">Probabilities on the diagonal</h2>
            <VectorPanel
              source={{
                qubits: source.qubits,
                levels: info.diagonal.levels ?? source.levels,
                tile: 1024,
                template: fill(info.diagonal.tiles, { row }),
                done: source.done,
              }}
              tick={tick}
              phases={false}
              label="Probabilities on the diagonal"
            />
          </section>
        )}
      </div>
    </div>
  );
}

function MatrixTools({ source, window, change }: { source: MatrixSource; window: MatrixWindow; change: (window: MatrixWindow) => void }): ReactNode {
  const all = window.exponent === source.qubits;
  const moves: [string, string, number, number][] = [
    ["←", "left", 0, -0.5],
    ["→", "right", 0, 0.5],
    ["↑", "up", -0.5, 0],
    ["↓", "down", 0.5, 0],
  ];
  return (
    <div className="zoom-tools" role="group" aria-label="Zoom">
      <button type="button" disabled={window.exponent <= leastMatrixExponent(source)} onClick={() => change(zoomedMatrix(source, window, 1))} aria-label="Zoom in">
        +
      </button>
      <button type="button" disabled={all} onClick={() => change(zoomedMatrix(source, window, -1))} aria-label="Zoom out">
        −
      </button>
      {moves.map(([sign, name, down, right]) => (
        <button key={name} type="button" disabled={all} onClick={() => change(movedMatrix(source, window, down, right))} aria-label={`Move ${name}`}>
          {sign}
        </button>
      ))}
      <button type="button" disabled={all} onClick={() => change(wholeMatrix(source))}>
        Whole matrix
      </button>
    </div>
  );
}

function MatrixWords({ source, window }: { source: MatrixSource; window: MatrixWindow }): ReactNode {
  const last = 2 ** window.exponent - 1;
  return (
    <p className="range-words" data-testid="range">
      rows {whole(window.row)} to {whole(window.row + last)}, columns {whole(window.column)} to {whole(window.column + last)} of{" "}
      {powerOfTwo(source.qubits)}
    </p>
  );
}

function GreatestCells({ cells, qubits }: { cells: Cells; qubits: number }): ReactNode {
  const places = useMemo(() => greatest(cells.magnitudes, ROWS), [cells]);
  return (
    <section className="card" aria-labelledby="greatest">
      <h2 id="greatest">Greatest elements in sight</h2>
      <Wide aria-labelledby="greatest">
        <table data-testid="cells-table">
          <thead>
            <tr>
              <th scope="col">row</th>
              <th scope="col">column</th>
              <th scope="col" className="right">
                magnitude
              </th>
              <th scope="col">phase</th>
            </tr>
          </thead>
          <tbody>
            {places.map((place) => (
              <tr key={place}>
                <td className="numeric">{cellBits(qubits, cells.level, cells.row + Math.floor(place / cells.count))}</td>
                <td className="numeric">{cellBits(qubits, cells.level, cells.column + (place % cells.count))}</td>
                <td className="numeric right">{short(cells.magnitudes[place] as number)}</td>
                <td className="numeric">
                  <Swatch phase={cells.phases[place] as number} /> {phaseParts(cells.phases[place] as number)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
    </section>
  );
}
