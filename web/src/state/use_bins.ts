/** Bins of a vector for a component. */
import type { VectorSource, Bins } from "../data/tiles";
import { loadBins } from "../data/tiles";
import { type Loaded, useLoaded } from "../data/loaded";
import { drawn, type Window } from "./window";

/**
 * Loads the bins of a window, and again with each `tick` while the numbers still change. The last ones stay until the next are here.
 *
 * @param most The greatest number of bins, as a power of two.
 */
export function useBins(source: VectorSource, window: Window, tick: number, most = 10): Loaded<Bins> & { again: () => void } {
  const { level, first, count } = drawn(source, window, most);
  const key = `${source.template} ${level} ${first} ${count} ${source.done ? "done" : tick}`;
  return useLoaded(key, (signal) => loadBins(source, level, first, count, signal), true);
}

/** As many bins as a chart of this width shows well, as a power of two. */
export function binsThatFit(width: number): number {
  return width >= 1024 ? 10 : width >= 480 ? 9 : 8;
}
