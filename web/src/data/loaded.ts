import { useCallback, useEffect, useState } from "react";

export type Loaded<T> = { state: "loading"; last?: T } | { state: "ready"; value: T } | { state: "failed"; error: Error; last?: T };

/**
 * Loads a value for a component, again whenever `key` changes; `null` loads nothing.
 *
 * @param keep Whether the last value stays visible while the next one is loaded.
 */
export function useLoaded<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
  keep = false,
): Loaded<T> & { again: () => void } {
  const [result, setResult] = useState<{ key: string | null; loaded: Loaded<T> }>({ key: null, loaded: { state: "loading" } });
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (key === null) return undefined;
    const abort = new AbortController();
    load(abort.signal).then(
      (value) => {
        if (!abort.signal.aborted) setResult({ key, loaded: { state: "ready", value } });
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        const failure = error instanceof Error ? error : new Error(String(error));
        setResult({ key, loaded: { state: "failed", error: failure } });
      },
    );
    return () => abort.abort();
    // `load` is made anew by each render; what it loads is named by `key`.
  }, [key, round]);
  const again = useCallback(() => setRound((number) => number + 1), []);
  if (result.key === key && key !== null) return { ...result.loaded, again };
  const last = result.loaded.state === "ready" ? result.loaded.value : result.loaded.last;
  return keep && last !== undefined ? { state: "loading", last, again } : { state: "loading", again };
}

/** The value, or the last one while the next is loaded. */
export function latest<T>(loaded: Loaded<T>): T | undefined {
  return loaded.state === "ready" ? loaded.value : loaded.last;
}
