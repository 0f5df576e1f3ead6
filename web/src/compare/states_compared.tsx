/** States of two runs: both charts on the same part of the vector, and the difference of their probabilities. */
import { type ReactNode, useId, useMemo, useState } from "react";
import type { ArrayInfo, RunDocument, SavedValue } from "../data/interface";
import { latest } from "../data/loaded";
import type { Bins, VectorSource } from "../data/tiles";
import { href } from "../route";
import { arrayNumber } from "../run/saved";
import { PhaseLegend } from "../state/legend";
import { scaleFor } from "../state/scale";
import { useBins } from "../state/use_bins";
import { useInfo, vectorSource } from "../state/use_info";
import { VectorChart } from "../state/vector_chart";
import { ScaleTools, useView } from "../state/vector_panel";
import { Breadcrumbs, RangeWords, ZoomTools } from "../state/zoom_tools";
import { percent } from "../words/numbers";
import { Failure, Loading } from "../words/notices";
import { line } from "../words/safe";
import { DifferenceChart } from "./difference_chart";

/** As many bins as a chart of half a page shows well, as a power of two. */
const BINS = 9;

function arraysOf(run: RunDocument): SavedValue[] {
  return run.saved.filter((one) => one.array !== null && arrayNumber(one.array) !== null);
}

/** The first array of the first run that the second one has as well, by label and kind. */
function firstPair(first: SavedValue[], second: SavedValue[]): [number, number] {
  for (const [place, one] of first.entries()) {
    const other = second.findIndex((candidate) => candidate.label === one.label && candidate.kind === one.kind);
    if (other >= 0) return [place, other];
  }
  return [0, 0];
}

export function StatesCompared({ first, second }: { first: RunDocument; second: RunDocument }): ReactNode {
  const [a, b] = [arraysOf(first), arraysOf(second)];
  const [places, setPlaces] = useState(() => firstPair(a, b));
  const [one, other] = [a[places[0]], b[places[1]]];
  if (!one?.array || !other?.array) return null;
  return (
    <section className="card" aria-labelledby="states">
      <div className="card-head">
        <h2 id="states">States</h2>
        <div className="zoom-tools">
          <ArrayChooser label="first" arrays={a} place={places[0]} choose={(place) => setPlaces([place, places[1]])} />
          <ArrayChooser label="second" arrays={b} place={places[1]} choose={(place) => setPlaces([places[0], place])} />
        </div>
      </div>
      <Infos key={`${one.array} ${other.array}`} first={one.array} second={other.array} keys={[first.key, second.key]} />
    </section>
  );
}

function ArrayChooser({ label, arrays, place, choose }: { label: string; arrays: SavedValue[]; place: number; choose: (place: number) => void }): ReactNode {
  if (arrays.length < 2) return null;
  return (
    <label>
      {label}{" "}
      <select value={place} onChange={(event) => choose(Number(event.target.value))}>
        {arrays.map((one, number) => (
          <option key={number} value={number}>
            {one.experiment}: {line(one.label, 30)} ({line(one.kind, 30)})
          </option>
        ))}
      </select>
    </label>
  );
}

function Infos({ first, second, keys }: { first: string; second: string; keys: [string, string] }): ReactNode {
  const [a, b] = [useInfo(first, 0), useInfo(second, 0)];
  const error = a.error ?? b.error;
  if (error) return <Failure error={error} what="The states cannot be compared" />;
  if (!a.info || !b.info) return <Loading what="the states" />;
  const why = hindrance(a.info, b.info);
  if (why) {
    return (
      <p className="faint">
        {why} Open them on their own: <a href={href({ view: "state", key: keys[0], number: arrayNumber(first) ?? 0 })}>the first</a>,{" "}
        <a href={href({ view: "state", key: keys[1], number: arrayNumber(second) ?? 0 })}>the second</a>.
      </p>
    );
  }
  return <Charts first={a.info} second={b.info} ticks={[a.tick, b.tick]} />;
}

function hindrance(first: ArrayInfo, second: ArrayInfo): string | null {
  if (first.view !== "vector" || second.view !== "vector") return "Only vectors are drawn over each other.";
  if (first.qubits !== second.qubits) return `The states have ${first.qubits} and ${second.qubits} qubits.`;
  return null;
}

function Charts({ first, second, ticks }: { first: ArrayInfo; second: ArrayInfo; ticks: [number, number] }): ReactNode {
  const keys = useId();
  const sources: [VectorSource, VectorSource] = [vectorSource(first, 0), vectorSource(second, 0)];
  const extent = { qubits: first.qubits, levels: Math.min(first.levels, second.levels) };
  const { window, setWindow, peaks, log, change } = useView(extent);
  const loaded = [
    useBins({ ...sources[0], levels: extent.levels }, window, ticks[0], BINS),
    useBins({ ...sources[1], levels: extent.levels }, window, ticks[1], BINS),
  ] as const;
  const [a, b] = [latest(loaded[0]), latest(loaded[1])];
  const values = (bins: Bins) => (peaks ? bins.peaks : bins.sums);
  // One scale for both, so that heights can be compared.
  const scale = useMemo(() => {
    if (!a || !b) return null;
    const all = new Float32Array(a.count + b.count);
    all.set(values(a));
    all.set(values(b), a.count);
    return scaleFor(all, log ? "log" : "linear");
  }, [a, b, peaks, log]);
  const aligned = a && b && a.level === b.level && a.first === b.first && a.count === b.count;
  const progress = Math.min(first.progress, second.progress);
  return (
    <>
      <div className="card-head">
        <ZoomTools extent={extent} window={window} change={setWindow} />
        <ScaleTools peaks={peaks} log={log} change={change} />
      </div>
      <Breadcrumbs extent={extent} window={window} change={setWindow} />
      {progress < 1 && <p role="status">Reading the states: {percent(progress)}</p>}
      {loaded.map((one, place) => one.state === "failed" && <Failure key={place} error={one.error} what="A part cannot be shown" again={one.again} />)}
      {a && b && scale && aligned ? (
        <>
          <div className="pair">
            {[a, b].map((bins, place) => (
              <div key={place}>
                <h3>
                  <span className={`key key-${place ? "second" : "first"}`} aria-hidden="true" />
                  {place ? "second" : "first"}
                </h3>
                <VectorChart
                  label={`Probabilities of the ${place ? "second" : "first"} state`}
                  describedBy={keys}
                  bins={bins}
                  values={values(bins)}
                  scale={scale}
                  coloured={(place ? second : first).kind !== "probabilities"}
                  extent={extent}
                  window={window}
                  change={setWindow}
                  height={220}
                />
              </div>
            ))}
          </div>
          <RangeWords extent={extent} window={window} />
          <h3>Difference of the probabilities (second − first)</h3>
          <DifferenceChart first={a} second={b} extent={extent} window={window} change={setWindow} describedBy={keys} />
          <p id={keys} className="faint">
            All charts show the same basis states. Click a bar to zoom into it, or turn the wheel. Keys: + − ← → Home.
          </p>
          <PhaseLegend />
        </>
      ) : (
        <Loading what="the amplitudes" />
      )}
    </>
  );
}
