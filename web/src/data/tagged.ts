/** Values that JSON lacks are objects with the key "$" in the documents of a run; here they become what a person reads. */
import type { Json, JsonObject } from "./interface";

function floatOf(hex: string): string {
  const bytes = new DataView(new ArrayBuffer(8));
  for (let place = 0; place < 8; place += 1) bytes.setUint8(place, parseInt(hex.slice(2 * place, 2 * place + 2), 16));
  const number = bytes.getFloat64(0);
  return Number.isNaN(number) ? "nan" : number === Infinity ? "inf" : number === -Infinity ? "-inf" : String(number);
}

function complexOf(items: Json[]): string {
  const [real, imaginary] = items.map((one) => String(readable(one)));
  return `${real}${imaginary?.startsWith("-") ? "" : "+"}${imaginary}j`;
}

function valueOf(tagged: JsonObject): Json {
  const { $: tag, hex, text, iso, items, value, dtype, shape } = tagged;
  if (tag === "float" && typeof hex === "string") return floatOf(hex);
  if (tag === "complex" && Array.isArray(items)) return complexOf(items);
  if ((tag === "tuple" || tag === "set" || tag === "frozenset") && Array.isArray(items)) return items.map(readable);
  if (tag === "dict" && Array.isArray(items)) return items.map(readable);
  if (tag === "fraction" && Array.isArray(items)) return items.join("/");
  if (tag === "enum" && value !== undefined) return readable(value);
  if (tag === "ndarray" && Array.isArray(shape)) return `array of ${String(dtype)}, shape (${shape.join(", ")})`;
  const plain = [iso, text, hex].find((one) => typeof one === "string");
  return plain ?? `a ${String(tag)}`;
}

/** A document in which each tagged value is a text, a number or a list. */
export function readable(value: Json): Json {
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== "object" || value === null) return value;
  if (typeof value["$"] === "string") return valueOf(value);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, readable(one)]));
}
