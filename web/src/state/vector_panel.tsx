/** A vector: chart, where it is zoomed to, and the table of what is in sight. */
import { type ReactNode, useId, useMemo, useRef } from "react";
import { latest } from "../data/loaded";
import type { VectorSource } from "../data/tiles";
import { useSettings } from "../routing";
import { Failure, Loading } from "../words/notices";
import { BinsTable } from "./bins_table";
import { useWidth } from "./canvas";
import { PhaseLegend } from "./legend";
import { Minimap } from "./minimap";
import { scaleFor } from "./scale";
import { binsThatFit, useBins } from "./use_bins";
import { VectorChart } from "./vector_chart";
import { parseWindow, type Window, wholeWindow, windowText } from "./window";
import { Breadcrumbs, RangeWords, ZoomTools } from "./zoom_tools";

interface Props {
  source: VectorSource;
  /** Changes when tiles may have changed. */
  tick: number;
  /** Whether amplitudes have phases; probabilities have none. */
  phases: boolean;
  label: string;
}

/** The window and the scale in the settings of the view. */
export function useView(extent: { qubits: number; levels: number }) {
  const [settings, change] = useSettings();
  const at = settings.get("at");
  const window = useMemo(() => parseWindow(extent, at), [extent.qubits, extent.levels, at]);
  const setWindow = (next: Window) => change({ at: windowText(extent, next) });
  const peaks = settings.get("height") === "greatest";
  const log = settings.get("scale") === "log";
  return { window, setWindow, peaks, log, change };
}

export function VectorPanel({ source, tick, phases, label }: Props): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box, 1000);
  const { window, setWindow, peaks, log, change } = useView(source);
  const loaded = useBins(source, window, tick, binsThatFit(width));
  const all = latest(useBins(source, wholeWindow(source), tick, 9));
  const bins = latest(loaded);
  const keys = useId();
  const values = bins && (peaks ? bins.peaks : bins.sums);
  const scale = useMemo(() => values && scaleFor(values, log ? "log" : "linear"), [values, log]);
  return (
    <div className="vector" ref={box}>
      <div className="card-head">
        <ZoomTools extent={source} window={window} change={setWindow} />
        <ScaleTools peaks={peaks} log={log} change={change} />
      </div>
      <Breadcrumbs extent={source} window={window} change={setWindow} />
      {all && <Minimap bins={all} extent={source} window={window} change={setWindow} />}
      {loaded.state === "failed" && <Failure error={loaded.error} what="This part cannot be shown" again={loaded.again} />}
      {bins && values && scale ? (
        <>
          <VectorChart label={label} describedBy={keys} bins={bins} values={values} scale={scale} coloured={phases} extent={source} window={window} change={setWindow} />
          <RangeWords extent={source} window={window} />
          <p id={keys} className="faint">
            Click a bar to zoom into it, drag over a range, or turn the wheel. Keys: + − ← → Home.
          </p>
          {phases && <PhaseLegend />}
          <h3>Most probable in sight</h3>
          <BinsTable bins={bins} values={values} phases={phases} extent={source} change={setWindow} />
        </>
      ) : (
        loaded.state === "loading" && <Loading what="the amplitudes" />
      )}
    </div>
  );
}

export function ScaleTools({ peaks, log, change }: { peaks: boolean; log: boolean; change: (changes: Record<string, string | null>) => void }): ReactNode {
  return (
    <div className="zoom-tools">
      <label>
        Height{" "}
        <select value={peaks ? "greatest" : "sum"} onChange={(event) => change({ height: event.target.value === "sum" ? null : event.target.value })}>
          <option value="sum">sum of probabilities</option>
          <option value="greatest">greatest probability</option>
        </select>
      </label>
      <label className="check">
        <input type="checkbox" checked={log} onChange={() => change({ scale: log ? null : "log" })} />
        logarithmic
      </label>
    </div>
  );
}
