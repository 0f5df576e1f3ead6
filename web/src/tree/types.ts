/** numpy's names of types as the types that H5Web knows. */
import type { DType } from "@h5web/app";
import type { TreeType } from "../data/interface";

// The enumerations of H5Web are not exported as values by its types; these are their values.
const CLASS = {
  bool: "Boolean",
  integer: "Integer",
  float: "Float",
  complex: "Complex",
  text: "String",
  compound: "Compound",
  array: "Array",
  unknown: "Unknown",
} as const;

function integer(signed: boolean, size: number) {
  return { class: CLASS.integer, signed, size, endianness: "little-endian" };
}

function float(size: number) {
  return { class: CLASS.float, size, endianness: "little-endian" };
}

const LONGEST = 24;

function plainType(name: string): object {
  const match = /^(bool|u?int|float|complex)(\d*)$/.exec(name);
  const size = Number(match?.[2] ?? 0);
  switch (match?.[1]) {
    case "bool":
      return { class: CLASS.bool, base: integer(false, 8) };
    case "int":
      return integer(true, size);
    case "uint":
      return integer(false, size);
    case "float":
      return float(size);
    case "complex":
      return { class: CLASS.complex, realType: float(size / 2), imagType: float(size / 2) };
  }
  const letters = /^[SU](\d+)$/.exec(name);
  // H5Web makes columns as wide as the longest text that fits: only of short ones it is told the length.
  const length = Number(letters?.[1] ?? 0);
  if (letters) return { class: CLASS.text, charSet: "UTF-8", strPad: "null-padded", ...(length <= LONGEST ? { length } : {}) };
  if (name === "text" || name === "object") return { class: CLASS.text, charSet: "UTF-8", strPad: "null-terminated" };
  return { class: CLASS.unknown };
}

export function h5webType(type: TreeType | null | undefined): DType {
  if (Array.isArray(type)) {
    const fields = new Map<string, unknown>();
    for (const [name, inner, shape] of type) {
      const base = h5webType(inner);
      fields.set(name, shape.length ? { class: CLASS.array, base, dims: shape } : base);
    }
    return { class: CLASS.compound, fields } as unknown as DType;
  }
  return plainType(type ?? "") as unknown as DType;
}
