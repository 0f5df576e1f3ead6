/** What is known of an array, asked again while a pass over it is under way. */
import { useEffect, useState } from "react";
import { fetchJson, fill, FRESH } from "../data/fetching";
import type { ArrayInfo } from "../data/interface";
import type { MatrixSource, VectorSource } from "../data/tiles";

const PERIOD_MS = 500;

export interface InfoState {
  info: ArrayInfo | null;
  error: Error | null;
  /** Counts the answers while the pass is under way. */
  tick: number;
}

/**
 * @param address Of the first row's info.json.
 * @param row The row whose vector or matrix is shown.
 */
export function useInfo(address: string, row: number): InfoState {
  const [state, setState] = useState<InfoState & { row: number }>({ info: null, error: null, tick: 0, row: -1 });
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    const options = { ...FRESH, signal: abort.signal };
    const ask = async (from: string, template?: string) => {
      try {
        let info = await fetchJson<ArrayInfo>(from, options);
        let next = from;
        if (row > 0 && row < info.rows && info.infos && template === undefined) {
          next = fill(info.infos, { row });
          info = await fetchJson<ArrayInfo>(next, options);
        }
        setState((before) => ({ info, error: null, tick: before.tick + 1, row }));
        if (info.progress < 1) timer = window.setTimeout(() => void ask(next, next), PERIOD_MS);
      } catch (error) {
        if (abort.signal.aborted) return;
        setState((before) => ({ ...before, row, error: error instanceof Error ? error : new Error(String(error)) }));
      }
    };
    void ask(address);
    return () => {
      abort.abort();
      window.clearTimeout(timer);
    };
  }, [address, row]);
  return state.row === row ? state : { info: null, error: null, tick: state.tick };
}

export function vectorSource(info: ArrayInfo, row: number): VectorSource {
  const template = fill(info.tiles ?? "", { row });
  return { qubits: info.qubits, levels: info.levels, tile: info.tile, template, done: info.progress >= 1 };
}

export function matrixSource(info: ArrayInfo, row: number): MatrixSource {
  return vectorSource(info, row);
}
