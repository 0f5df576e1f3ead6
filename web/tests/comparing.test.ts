import { describe, expect, it } from "vitest";
import { Column } from "../src/data/columns";
import type { CountsDocument } from "../src/data/interface";
import { differences } from "../src/compare/differences";
import { distances } from "../src/compare/distances";
import { clicked, NEWEST_FIRST, orderText, parseOrder, sortRuns } from "../src/list/sorting";
import { binned, categories, pointsOf } from "../src/sweep/points";

function column(type: "number" | "text", values: unknown[]): Column {
  const description = { name: "x", title: "x", group: "run", type, address: "" };
  return new Column(description, type === "number" ? Float64Array.from(values as number[]) : { values });
}

function counts(first: [string, number][], rest = 0): CountsDocument {
  const shots = first.reduce((sum, [, number]) => sum + number, rest);
  return { shots, outcomes: first.length, first, rest };
}

describe("counts of two runs", () => {
  it("have no distance if they are the same", () => {
    expect(distances(counts([["0", 5], ["1", 5]]), counts([["1", 500], ["0", 500]]))).toMatchObject({ variation: 0, fidelity: 1, bound: false });
  });

  it("are as far apart as the formulas say", () => {
    const result = distances(counts([["0", 3], ["1", 1]]), counts([["1", 1], ["2", 1]]));
    expect(result.variation).toBeCloseTo((0.75 + 0.25 + 0.5) / 2, 12);
    expect(result.fidelity).toBeCloseTo(0.25 * 0.5, 12);
  });

  it("bound the distance from below if outcomes are not listed", () => {
    // All of the second run's unlisted shots could be the outcome "1" of the first.
    const result = distances(counts([["0", 1], ["1", 1]]), counts([["0", 1]], 1));
    expect(result).toMatchObject({ variation: 0, fidelity: 1, bound: true });
    expect(result.outcomes.at(-1)).toEqual({ outcome: "others", first: 0.5, second: 0.5 });
  });
});

describe("documents of two runs", () => {
  it("differ in entries, wherever these are nested", () => {
    const found = differences({ a: 1, b: { c: [1, 2], d: null }, e: { x: 1, y: 2 } }, { a: 1, b: { c: [1, 3], d: { z: 1 } }, e: { y: 2, x: 1 }, f: false });
    expect(found.filter((one) => !one.equal).map((one) => [one.path.join("."), one.first, one.second])).toEqual([
      ["b.c", [1, 2], [1, 3]],
      ["b.d.z", undefined, 1],
      ["f", undefined, false],
    ]);
  });

  it("may have entries with the names of JavaScript's own", () => {
    const found = differences(JSON.parse('{"__proto__": {"a": 1}, "constructor": 1}'), JSON.parse('{"constructor": 1}'));
    expect(found.map((one) => [one.path.join("."), one.equal])).toEqual([["__proto__.a", false], ["constructor", true]]);
  });
});

describe("the order of runs", () => {
  it("has missing values last in both directions, and the newest first among equals", () => {
    const values = column("number", [2, NaN, 1, 2]);
    expect([...sortRuns(Uint32Array.of(0, 1, 2, 3), values, false)]).toEqual([2, 3, 0, 1]);
    expect([...sortRuns(Uint32Array.of(0, 1, 2, 3), values, true)]).toEqual([3, 0, 2, 1]);
    expect([...sortRuns(Uint32Array.of(0, 1, 2), column("text", ["b10", "", "b9"]), false)]).toEqual([2, 0, 1]);
  });

  it("is kept in the address", () => {
    expect(parseOrder(orderText({ column: "params.x", descending: true }))).toEqual({ column: "params.x", descending: true });
    expect(orderText(NEWEST_FIRST)).toBeNull();
    expect(clicked(NEWEST_FIRST, "created", true).descending).toBe(false);
    expect(clicked(NEWEST_FIRST, "name", false)).toEqual({ column: "name", descending: false });
  });
});

describe("the points of a sweep", () => {
  const [x, y] = [column("number", [0, 1, NaN, 3]), column("number", [5, 5, 5, Infinity])];
  it("are the runs that have both values", () => {
    expect(pointsOf(Uint32Array.of(0, 1, 2, 3), x, y)).toEqual([
      { run: 0, x: 0, y: 5 },
      { run: 1, x: 1, y: 5 },
    ]);
  });

  it("are counted in cells, none of them twice", () => {
    const points = Array.from({ length: 6000 }, (_, run) => ({ run, x: run % 77, y: Math.sin(run) }));
    const cells = binned(points, undefined, 50, 20);
    expect(cells.reduce((sum, cell) => sum + cell.runs, 0)).toBe(6000);
    expect(binned(pointsOf(Uint32Array.of(0, 1), x, y), y, 10, 10).map((cell) => cell.mean)).toEqual([5, 5]);
  });

  it("have a colour for each of the most frequent texts", () => {
    const texts = column("text", ["a", "b", "b", "c"]);
    const { names, nameOf } = categories([0, 1, 2, 3].map((run) => ({ run, x: 0, y: 0 })), texts, 2);
    expect(names).toEqual(["b", "a", "others"]);
    expect([0, 1, 3].map(nameOf)).toEqual(["a", "b", "others"]);
  });
});
