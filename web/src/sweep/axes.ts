/** Which columns a sweep plots. */
import type { ColumnDescription, Project } from "../data/interface";

export function isPlottable(column: ColumnDescription): boolean {
  return column.type === "number" || column.type === "integer" || column.type === "time" || column.type === "truth";
}

/** Columns that colour points: numbers, and texts with few values. */
export function canColour(column: ColumnDescription): boolean {
  return column.type !== "texts" && !["key", "job_id", "message", "parent"].includes(column.name);
}

export interface Axes {
  x: string;
  y: string;
  colour: string | null;
}

/** The axes that the settings name, or those that probably show something. */
export function axesOf(project: Project, settings: URLSearchParams): Axes | null {
  const columns = project.columns.filter(isPlottable);
  const named = (name: string | null) => columns.find((column) => column.name === name)?.name;
  const first = (...groups: string[]) => columns.find((column) => groups.includes(column.group) && column.type !== "truth")?.name;
  const x = named(settings.get("x")) ?? first("params") ?? first("bound", "metadata") ?? named("created") ?? columns[0]?.name;
  const y = named(settings.get("y")) ?? first("saved") ?? first("counts") ?? named("seconds") ?? columns[1]?.name ?? x;
  if (x === undefined || y === undefined) return null;
  const colour = project.columns.find((column) => column.name === settings.get("colour") && canColour(column));
  return { x, y, colour: colour?.name ?? null };
}
