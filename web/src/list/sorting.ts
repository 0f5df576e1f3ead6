/** The order of runs by the values of a column. */
import type { Column } from "../data/columns";

export interface Order {
  column: string;
  descending: boolean;
}

export const NEWEST_FIRST: Order = { column: "created", descending: true };

export function parseOrder(text: string | null): Order {
  if (!text) return NEWEST_FIRST;
  return text.startsWith("-") ? { column: text.slice(1), descending: true } : { column: text, descending: false };
}

/** The order as a setting; null if it is the usual one. */
export function orderText({ column, descending }: Order): string | null {
  return column === NEWEST_FIRST.column && descending ? null : `${descending ? "-" : ""}${column}`;
}

/** The order after a click on the header of a column: first the usual direction of its type, then the other one. */
export function clicked(now: Order, column: string, isTime: boolean): Order {
  return now.column === column ? { column, descending: !now.descending } : { column, descending: isTime };
}

const COLLATOR = new Intl.Collator("en", { numeric: true });

/** For each distinct value its place in the order; NaN if the value is missing. */
function ranks(values: readonly unknown[]): Float64Array {
  const texts = values.map((value) => (value === null ? "" : Array.isArray(value) ? value.join(", ") : typeof value === "string" ? value : null));
  const order = values.map((_, place) => place);
  // Numbers come before texts.
  const compare = (a: number, b: number) => {
    const [x, y] = [texts[a] ?? null, texts[b] ?? null];
    if (x !== null && y !== null) return plainOrder(x, y);
    if (x === null && y === null) return Number(values[a]) - Number(values[b]) || 0;
    return x === null ? -1 : 1;
  };
  order.sort(compare);
  const rank = new Float64Array(values.length);
  let place = -1;
  order.forEach((value, index) => {
    const before = order[index - 1];
    if (before === undefined || compare(before, value) !== 0) place += 1;
    rank[value] = texts[value] === "" ? NaN : place;
  });
  return rank;
}

/** The collator is slow for long lists of texts such as ids, for which plain comparison gives as good an order. */
function plainOrder(a: string, b: string): number {
  if (a === b) return 0;
  if (a.length > 30 || b.length > 30) return a < b ? -1 : 1;
  return COLLATOR.compare(a, b) || (a < b ? -1 : 1);
}

/** Sorts runs by a column, in place. Missing values come last in both directions, and equal ones newest first. */
export function sortRuns(runs: Uint32Array, column: Column | undefined, descending: boolean): Uint32Array {
  if (!column) return runs.reverse();
  let keys: Float64Array;
  if (column.numbers) {
    keys = column.numbers;
  } else {
    const rank = ranks(column.values);
    keys = new Float64Array(column.length);
    for (let run = 0; run < keys.length; run += 1) keys[run] = rank[column.place(run)] ?? NaN;
  }
  const sign = descending ? -1 : 1;
  return runs.sort((a, b) => {
    const [x, y] = [keys[a] as number, keys[b] as number];
    if (x < y) return -sign;
    if (x > y) return sign;
    if (x === y) return b - a;
    return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || b - a;
  });
}
