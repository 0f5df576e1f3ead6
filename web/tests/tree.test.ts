import { describe, expect, it } from "vitest";
import ndarray, { copyElements } from "../src/tree/plain_ndarray";
import { h5webType } from "../src/tree/types";
import { elementsOfBytes, elementsOfLists } from "../src/tree/values";

describe("arrays without made code", () => {
  const array = ndarray(Float64Array.from({ length: 24 }, (_, place) => place), [2, 3, 4]);
  it("are looked at in row-major order", () => {
    expect([array.dtype, array.size, array.dimension, array.stride]).toEqual(["float64", 24, 3, [12, 4, 1]]);
    expect(array.get(1, 2, 3)).toBe(23);
    expect(ndarray([1, 2, 3]).shape).toEqual([3]);
  });

  it("give parts, which can be copied", () => {
    const part = array.pick(null, 1, null).transpose(1, 0);
    expect(part.shape).toEqual([4, 2]);
    const copy = ndarray(new Float64Array(8), part.shape);
    copyElements(copy, part);
    expect([...(copy.data as unknown as Float64Array)]).toEqual([4, 16, 5, 17, 6, 18, 7, 19]);
    expect(array.pick(1, 2, 3).get()).toBe(23);
    expect(array.lo(1, 1, 2).hi(1, 2, 2).shape).toEqual([1, 2, 2]);
    expect(array.step(1, 1, -1).get(0, 0, 0)).toBe(3);
  });
});

describe("values of datasets", () => {
  it("are read from little-endian bytes", () => {
    expect(elementsOfBytes(Float64Array.of(1, 2, 3, 4).buffer as ArrayBuffer, "complex128")).toEqual([[1, 2], [3, 4]]);
    expect(elementsOfBytes(Uint8Array.of(1, 0).buffer as ArrayBuffer, "bool")).toEqual([true, false]);
    expect([...(elementsOfBytes(Uint16Array.of(0x3c00, 0xc000, 0x7c00, 0x0001).buffer as ArrayBuffer, "float16") as Float32Array)]).toEqual([1, -2, Infinity, 2 ** -24]);
    expect(elementsOfBytes(BigInt64Array.of(-5n).buffer as ArrayBuffer, "int64")).toEqual(BigInt64Array.of(-5n));
    expect(() => elementsOfBytes(new ArrayBuffer(8), "strange")).toThrow("cannot be shown");
  });

  it("are read from lists as deep as their shape", () => {
    expect(elementsOfLists([["a", 1], ["b", 2]], [2])).toEqual([["a", 1], ["b", 2]]);
    expect(elementsOfLists([[["a", 1]], [["b", 2]]], [2, 1])).toEqual([["a", 1], ["b", 2]]);
    expect(elementsOfLists("text", [])).toEqual(["text"]);
  });

  it("have types that H5Web knows", () => {
    expect(h5webType("complex64")).toMatchObject({ class: "Complex", realType: { class: "Float", size: 32 } });
    expect(h5webType("S12")).toMatchObject({ class: "String", length: 12 });
    expect(h5webType("something")).toEqual({ class: "Unknown" });
    const compound = h5webType([["outcome", "S3", []], ["place", "float64", [2]]]) as unknown as { fields: Map<string, object> };
    expect(compound.fields.get("place")).toMatchObject({ class: "Array", dims: [2] });
  });
});
