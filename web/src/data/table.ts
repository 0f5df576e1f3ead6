/** The columns that a view needs, loaded once for each generation of the project. */
import { useEffect, useMemo, useState } from "react";
import { Column, loadColumn } from "./columns";
import type { Project } from "./interface";

/** Columns of one generation of the project. */
export class Table {
  readonly generation: string;
  readonly runs: number;
  readonly columns: ReadonlyMap<string, Column>;

  constructor(generation: string, runs: number, columns: ReadonlyMap<string, Column>) {
    this.generation = generation;
    this.runs = runs;
    this.columns = columns;
  }

  column(name: string): Column | undefined {
    return this.columns.get(name);
  }
}

const kept = new Map<string, Promise<Column>>();

function columnOf(project: Project, name: string): Promise<Column> | null {
  const description = project.columns.find((one) => one.name === name);
  if (!description) return null;
  const address = description.address;
  let promise = kept.get(address);
  if (!promise) {
    promise = loadColumn(description, project.runs);
    kept.set(address, promise);
    promise.catch(() => kept.delete(address));
  }
  return promise;
}

function forgetOthers(project: Project): void {
  const now = new Set(project.columns.map((one) => one.address));
  for (const address of kept.keys()) if (!now.has(address)) kept.delete(address);
}

export interface TableState {
  /** The columns, of the last generation until those of the next are here. */
  table: Table | null;
  error: Error | null;
  /** Whether all columns that were asked for are in `table`. */
  complete: boolean;
}

/** Loads columns by name; names that the project does not have are left out. */
export function useTable(project: Project, names: readonly string[]): TableState {
  const wanted = useMemo(() => [...new Set(names)].sort(), [names.join("\0")]);
  const [table, setTable] = useState<Table | null>(null);
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    let stopped = false;
    forgetOthers(project);
    const loading: Promise<[string, Column]>[] = [];
    for (const name of wanted) {
      const promise = columnOf(project, name);
      if (promise) loading.push(promise.then((column) => [name, column]));
    }
    Promise.all(loading).then(
      (columns) => {
        if (stopped) return;
        setTable(new Table(project.generation, project.runs, new Map(columns)));
        setError(null);
      },
      (failure: unknown) => {
        if (!stopped) setError(failure instanceof Error ? failure : new Error(String(failure)));
      },
    );
    return () => {
      stopped = true;
    };
  }, [project.generation, wanted]);
  const complete =
    table !== null && table.generation === project.generation && wanted.every((name) => table.columns.has(name) || !project.columns.some((one) => one.name === name));
  return { table, error, complete };
}
