/** A value of a column as the text of a cell. */
import type { Column } from "../data/columns";
import { bytes, short, whole } from "./numbers";
import { line } from "./safe";
import { localTime } from "./times";

const SIZES = new Set(["nbytes"]);

export function cellText(column: Column, run: number, letters = 200): string {
  if (column.numbers) {
    const number = column.numbers[run] ?? NaN;
    if (Number.isNaN(number)) return "";
    if (column.type === "time") return localTime(number);
    if (column.type === "truth") return number ? "yes" : "no";
    if (column.type === "integer") return SIZES.has(column.name) ? bytes(number) : column.name === "seed" ? String(number) : whole(number);
    return short(number);
  }
  const value = column.value(run);
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return line(value, letters);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return line(value.map(String).join(", "), letters);
  return line(typeof value === "object" ? JSON.stringify(value) : String(value), letters);
}
