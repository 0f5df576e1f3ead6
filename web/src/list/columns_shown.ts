/** Which columns the list shows, and how wide they are. */
import type { Column } from "../data/columns";
import type { ColumnDescription, Project } from "../data/interface";
import { cellText } from "../words/cell";
import { columnTitle } from "../words/column_title";

const USUAL = ["job_id", "name", "circuit.name", "created", "outcome", "tags", "num_qubits", "shots"];
/** How many columns of a group are shown unless the reader chooses. */
const FIRST: Record<string, number> = { params: 4, saved: 2 };
/** Never a column of the list: the key is an address. */
export const HIDDEN = new Set(["key"]);

export function usualColumns(project: Project): string[] {
  const left = { ...FIRST };
  return project.columns
    .filter((column) => {
      if (USUAL.includes(column.name)) return true;
      const number = left[column.group] ?? 0;
      left[column.group] = number - 1;
      return number > 0;
    })
    .map((column) => column.name);
}

/** The columns that the settings name, or the usual ones. */
export function shownColumns(project: Project, setting: string | null): ColumnDescription[] {
  const names = new Set(setting === null ? usualColumns(project) : setting.split(",").map(decodeURIComponent));
  return project.columns.filter((column) => names.has(column.name) && !HIDDEN.has(column.name));
}

/** The setting for these columns; null if they are the usual ones. */
export function columnsSetting(project: Project, names: ReadonlySet<string>): string | null {
  const shown = project.columns.map((column) => column.name).filter((name) => names.has(name) && !HIDDEN.has(name));
  const usual = usualColumns(project);
  if (shown.length === usual.length && shown.every((name, place) => name === usual[place])) return null;
  return shown.map(encodeURIComponent).join(",") || "-";
}

const SAMPLE = 200;

/** The width of a column in letters, from its title and some of its values. */
export function columnWidth(description: ColumnDescription, column: Column | undefined): number {
  if (description.name === "job_id") return 10;
  if (description.type === "time") return 26;
  let letters = columnTitle(description).length + 3;
  if (column) {
    const step = Math.max(1, Math.floor(column.length / SAMPLE));
    for (let run = 0; run < column.length; run += step) {
      const value = column.value(run);
      // Tags have room around them.
      const room = Array.isArray(value) ? 2 * value.length : 1;
      letters = Math.max(letters, cellText(column, run, 40).length + room);
    }
  }
  return Math.min(Math.max(letters, 6), description.name === "name" ? 30 : 24);
}
