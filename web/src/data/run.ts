/** The document of a run, with its values as a person reads them. */
import { fetchJson, FRESH } from "./fetching";
import type { JsonObject, RunDocument } from "./interface";
import { readable } from "./tagged";

export async function fetchRun(key: string, signal: AbortSignal): Promise<RunDocument> {
  const run = await fetchJson<RunDocument>(`runs/${key}.json`, { ...FRESH, signal });
  const document = (one: JsonObject | null) => (one === null ? null : (readable(one) as JsonObject));
  return { ...run, labels: document(run.labels) ?? {}, config: document(run.config) ?? {}, status: document(run.status) ?? {}, provenance: document(run.provenance) } as RunDocument;
}
