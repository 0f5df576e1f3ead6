/** The values of a dataset as H5Web takes them. */
import type { Json, TreeType } from "../data/interface";

type Numbers = Float64Array | Float32Array | Int8Array | Int16Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array | Uint32Array | BigUint64Array;

const ARRAYS: Record<string, new (bytes: ArrayBuffer) => Numbers> = {
  float64: Float64Array,
  float32: Float32Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
};

/** A number of 16 bits, of which browsers have no arrays yet. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** All elements of a dataset of numbers, in row-major order. */
export function elementsOfBytes(bytes: ArrayBuffer, dtype: string): unknown[] | Numbers {
  if (dtype === "bool") return Array.from(new Uint8Array(bytes), Boolean);
  if (dtype === "float16") return Float32Array.from(new Uint16Array(bytes), half);
  const make = ARRAYS[dtype];
  if (make) return new make(bytes);
  const parts = dtype === "complex128" ? new Float64Array(bytes) : dtype === "complex64" ? new Float32Array(bytes) : null;
  if (!parts) throw new Error(`Values of the type ${dtype} cannot be shown here.`);
  return Array.from({ length: parts.length / 2 }, (_, place) => [parts[2 * place], parts[2 * place + 1]]);
}

/** Elements of nested lists in row-major order; `shape` says how deep they are nested. */
export function elementsOfLists(value: Json, shape: readonly number[]): unknown[] {
  let items: Json[] = [value];
  for (const _ of shape) items = items.flatMap((item) => (Array.isArray(item) ? item : [item]));
  return items;
}

/** Whether a type has its values as bytes, and not as JSON. */
export function isOfBytes(dtype: TreeType | undefined): dtype is string {
  return typeof dtype === "string" && /^(bool|u?int|float|complex)\d*$/.test(dtype);
}
