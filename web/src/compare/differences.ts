/** In what two documents differ. */
import type { Json, JsonObject } from "../data/interface";

export interface Difference {
  /** The names on the way to the value. */
  path: string[];
  /** undefined if the document has no such entry. */
  first: Json | undefined;
  second: Json | undefined;
  equal: boolean;
}

/** Values deeper than this are compared as a whole. */
const DEEPEST = 6;

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether two values are the same; the order of the names in an object does not matter. */
export function same(first: Json | undefined, second: Json | undefined): boolean {
  if (Array.isArray(first) && Array.isArray(second)) {
    return first.length === second.length && first.every((value, place) => same(value, second[place]));
  }
  if (isObject(first) && isObject(second)) {
    const names = Object.keys(first);
    return names.length === Object.keys(second).length && names.every((name) => Object.hasOwn(second, name) && same(first[name], second[name]));
  }
  return first === second;
}

/** All entries of two documents, in the order of the first one. */
export function differences(first: JsonObject, second: JsonObject): Difference[] {
  const found: Difference[] = [];
  const walk = (a: Json | undefined, b: Json | undefined, path: string[]) => {
    const inner = [a, b].filter(isObject);
    const deeper = path.length < DEEPEST && inner.length > 0 && (inner.length === 2 || a === undefined || b === undefined || a === null || b === null);
    if (deeper && inner.some((one) => Object.keys(one).length > 0)) {
      const names = new Set(inner.flatMap((one) => Object.keys(one)));
      const entry = (one: Json | undefined, name: string) => (isObject(one) && Object.hasOwn(one, name) ? one[name] : undefined);
      for (const name of names) walk(entry(a, name), entry(b, name), [...path, name]);
    } else {
      found.push({ path, first: a, second: b, equal: same(a, b) });
    }
  };
  for (const name of new Set([...Object.keys(first), ...Object.keys(second)])) walk(first[name], second[name], [name]);
  return found;
}

export function valueText(value: Json | undefined): string {
  if (value === undefined) return "";
  if (value === null) return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}
