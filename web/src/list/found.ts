/** The runs that a filter lets through. The list and the sweep share it. */
import { useMemo, useRef } from "react";
import { useProject } from "../data/following";
import type { Project } from "../data/interface";
import { type Table, useTable } from "../data/table";
import { filterOf, type Test, testOf } from "../filter/matching";
import { columnsOf, type Filter } from "../filter/parsing";
import { FilterError } from "../filter/tokens";

export interface Found {
  table: Table | null;
  error: Error | null;
  /** Why the filter cannot be read; the runs are then those of the last one that could be. */
  filterError: string | null;
  /** The runs that were found, the oldest first. */
  runs: Uint32Array;
  /** How many runs are hidden because they were run by another run. */
  nested: number;
}

const EVERYTHING: Filter = { kind: "all", parts: [] };

function read(text: string, project: Project): { filter: Filter | null; error: string | null } {
  try {
    return { filter: filterOf(text, project), error: null };
  } catch (error) {
    if (error instanceof FilterError) return { filter: null, error: error.message };
    throw error;
  }
}

interface Result {
  table: Table;
  runs: Uint32Array;
  nested: number;
}

/** Runs of a table that a filter lets through, or the sentence that says why the filter cannot be used. */
function search(table: Table, filter: Filter, nested: boolean): Result | string {
  let test: Test;
  try {
    test = testOf(filter, table.columns);
  } catch (error) {
    if (error instanceof FilterError) return error.message;
    throw error;
  }
  const parent = nested ? undefined : table.column("parent");
  const found = new Uint32Array(table.runs);
  let number = 0;
  let hidden = 0;
  for (let run = 0; run < table.runs; run += 1) {
    if (!test(run)) continue;
    if (parent && parent.text(run)) hidden += 1;
    else found[number++] = run;
  }
  return { table, runs: found.slice(0, number), nested: hidden };
}

const NONE = new Uint32Array(0);

export function useFound(text: string, nested: boolean, more: readonly string[]): Found {
  const project = useProject();
  const lastFilter = useRef<Filter>(EVERYTHING);
  const last = useRef<Result | null>(null);
  const parsed = useMemo(() => read(text, project), [text, project]);
  const filter = parsed.filter ?? lastFilter.current;
  const present = useMemo(() => new Set(project.columns.map((column) => column.name)), [project]);
  const names = useMemo(() => ["key", "parent", ...columnsOf(filter, present), ...more], [filter, present, more.join("\0")]);
  const { table, error, complete } = useTable(project, names);
  // Until the columns are here, what was found before stays.
  const result = useMemo(() => (table && complete ? search(table, filter, nested) : null), [table, complete, filter, nested]);
  if (result !== null && typeof result !== "string") {
    last.current = result;
    lastFilter.current = filter;
  }
  const shown = last.current;
  return {
    table: shown?.table ?? null,
    error,
    filterError: parsed.error ?? (typeof result === "string" ? result : null),
    runs: shown?.runs ?? NONE,
    nested: shown?.nested ?? 0,
  };
}
