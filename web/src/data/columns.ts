/** Columns of the catalogue: one value for each run. */
import { DataError, fetchFloat64, fetchJson } from "./fetching";
import type { CodedValues, ColumnDescription, ColumnType } from "./interface";

export class Column {
  readonly name: string;
  readonly title: string;
  readonly group: string;
  readonly type: ColumnType;
  /** One number for each run, if the column is one of numbers, truths or times. */
  readonly numbers: Float64Array | null;
  /** The distinct values, otherwise. */
  readonly values: readonly unknown[];
  /** For each run its place in `values`, or null if run `i` has `values[i]`. */
  readonly codes: Uint32Array | null;
  readonly length: number;

  constructor(description: ColumnDescription, data: Float64Array | CodedValues) {
    this.name = description.name;
    this.title = description.title;
    this.group = description.group;
    this.type = description.type;
    if (data instanceof Float64Array) {
      this.numbers = data;
      this.values = [];
      this.codes = null;
      this.length = data.length;
    } else {
      this.numbers = null;
      this.values = data.values;
      this.codes = data.codes ? Uint32Array.from(data.codes) : null;
      this.length = (this.codes ?? this.values).length;
    }
  }

  /** The place of a run's value in `values`. */
  place(run: number): number {
    return this.codes ? (this.codes[run] ?? 0) : run;
  }

  value(run: number): unknown {
    return this.numbers ? this.numbers[run] : this.values[this.place(run)];
  }

  /** A run's value as a number; NaN if it is none. */
  number(run: number): number {
    if (this.numbers) return this.numbers[run] ?? NaN;
    const value = this.values[this.place(run)];
    return typeof value === "number" ? value : NaN;
  }

  /** A run's value as a text; empty if it is missing. */
  text(run: number): string {
    const value = this.value(run);
    if (value === null || value === undefined || (typeof value === "number" && Number.isNaN(value))) return "";
    return typeof value === "string" ? value : Array.isArray(value) ? value.join(", ") : String(value);
  }
}

const NUMBERS: readonly ColumnType[] = ["number", "integer", "truth", "time"];

export function isOfNumbers(type: ColumnType): boolean {
  return NUMBERS.includes(type);
}

export async function loadColumn(description: ColumnDescription, runs: number, signal?: AbortSignal): Promise<Column> {
  const options = signal ? { signal } : {};
  const data = isOfNumbers(description.type)
    ? await fetchFloat64(description.address, options)
    : await fetchJson<CodedValues>(description.address, options);
  const column = new Column(description, data);
  if (column.length !== runs) {
    throw new DataError(`The column ${description.name} has ${column.length} values for ${runs} runs.`, 200);
  }
  return column;
}
