/** The points of a sweep: one for each run that has both values, or counts of them if there are many. */
import type { Column } from "../data/columns";

export interface Point {
  run: number;
  x: number;
  y: number;
}

/** More points than these are binned. */
export const MOST_POINTS = 5000;

export function pointsOf(runs: Uint32Array, x: Column, y: Column): Point[] {
  const points: Point[] = [];
  for (const run of runs) {
    const [a, b] = [x.number(run), y.number(run)];
    if (Number.isFinite(a) && Number.isFinite(b)) points.push({ run, x: a, y: b });
  }
  return points;
}

export interface Cell {
  x1: number;
  x2: number;
  y1: number;
  y2: number;
  runs: number;
  /** The mean of the values that colour the points; NaN if there are none. */
  mean: number;
}

function range(points: readonly Point[], axis: "x" | "y"): [number, number] {
  let least = Infinity;
  let greatest = -Infinity;
  for (const point of points) {
    if (point[axis] < least) least = point[axis];
    if (point[axis] > greatest) greatest = point[axis];
  }
  return least < greatest ? [least, greatest] : [least - 0.5, least + 0.5];
}

/** Counts points in cells of a grid; only cells that have points. */
export function binned(points: readonly Point[], colour: Column | undefined, columns: number, rows: number): Cell[] {
  const [left, right] = range(points, "x");
  const [bottom, top] = range(points, "y");
  const [width, height] = [(right - left) / columns, (top - bottom) / rows];
  const cells = new Map<number, Cell & { sum: number; valued: number }>();
  for (const point of points) {
    const column = Math.min(columns - 1, Math.floor((point.x - left) / width));
    const row = Math.min(rows - 1, Math.floor((point.y - bottom) / height));
    const place = row * columns + column;
    let cell = cells.get(place);
    if (!cell) {
      const [x1, y1] = [left + column * width, bottom + row * height];
      cell = { x1, x2: x1 + width, y1, y2: y1 + height, runs: 0, mean: NaN, sum: 0, valued: 0 };
      cells.set(place, cell);
    }
    cell.runs += 1;
    const value = colour?.number(point.run) ?? NaN;
    if (Number.isFinite(value)) {
      cell.sum += value;
      cell.valued += 1;
      cell.mean = cell.sum / cell.valued;
    }
  }
  return [...cells.values()];
}

/** The most frequent texts of a column among the points; others get one name. */
export function categories(points: readonly Point[], column: Column, most = 9): { names: string[]; nameOf: (run: number) => string } {
  const counts = new Map<string, number>();
  for (const { run } of points) {
    const text = column.text(run);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const first = [...counts].sort((a, b) => b[1] - a[1]).map(([text]) => text).slice(0, most);
  const kept = new Set(first);
  const others = counts.size > kept.size;
  return { names: others ? [...first, "others"] : first, nameOf: (run) => (kept.has(column.text(run)) ? column.text(run) : "others") };
}
