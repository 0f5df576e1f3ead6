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

const READERS: Record<string, [number, (view: DataView, at: number) => number | bigint | boolean]> = {
  "|b1": [1, (view, at) => view.getUint8(at) !== 0],
  "|i1": [1, (view, at) => view.getInt8(at)],
  "|u1": [1, (view, at) => view.getUint8(at)],
  "<i2": [2, (view, at) => view.getInt16(at, true)],
  "<u2": [2, (view, at) => view.getUint16(at, true)],
  "<i4": [4, (view, at) => view.getInt32(at, true)],
  "<u4": [4, (view, at) => view.getUint32(at, true)],
  "<i8": [8, (view, at) => view.getBigInt64(at, true)],
  "<u8": [8, (view, at) => view.getBigUint64(at, true)],
  "<f4": [4, (view, at) => view.getFloat32(at, true)],
  "<f8": [8, (view, at) => view.getFloat64(at, true)],
};
/** How many numbers of an array are written out. */
const MOST_NUMBERS = 100;

/** The numbers of numpy in a tagged value, as texts; null for types that have no reader here. */
function numbersOf(dtype: string, base64: string): string[] | null {
  const reader = READERS[dtype];
  if (!reader) return null;
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const [size, read] = reader;
  const view = new DataView(bytes.buffer);
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, place) => String(read(view, place * size)));
}

function valueOf(tagged: JsonObject): Json {
  const { $: tag, hex, text, iso, items, value, dtype, shape, base64 } = tagged;
  const numbers = typeof dtype === "string" && typeof base64 === "string" ? numbersOf(dtype, base64) : null;
  if (tag === "numpy" && numbers?.length === 1) return numbers[0] ?? "";
  if (tag === "ndarray" && numbers && Array.isArray(shape) && shape.length === 1 && numbers.length <= MOST_NUMBERS) return numbers;
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
