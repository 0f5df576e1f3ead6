import { expect, test } from "vitest";
import { readable } from "../src/data/tagged";

test("values that JSON lacks are read as a person writes them", () => {
  expect(readable({ a: { $: "float", hex: "7ff8000000000000" }, b: { $: "float", hex: "fff0000000000000" } })).toEqual({ a: "nan", b: "-inf" });
  expect(readable({ $: "complex", items: [1, -2.5] })).toBe("1-2.5j");
  expect(readable([{ $: "tuple", items: [1, { $: "decimal", text: "0.10" }] }])).toEqual([[1, "0.10"]]);
  expect(readable({ $: "dict", items: [[1, "one"]] })).toEqual([[1, "one"]]);
  expect(readable({ $: "ndarray", dtype: "<f8", shape: [2, 3], order: "C", base64: "" })).toBe("array of <f8, shape (2, 3)");
  expect(readable({ $: "numpy", dtype: "<i8", base64: "BwAAAAAAAAA=" })).toBe("7");
  expect(readable({ $: "ndarray", dtype: "<i4", shape: [2], order: "C", base64: "AQAAAP////8=" })).toEqual(["1", "-1"]);
  expect(readable({ $: "bytes", base64: "AA==" })).toBe("a bytes");
});
