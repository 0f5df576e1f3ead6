import { describe, expect, it } from "vitest";
import { Column } from "../src/data/columns";
import type { ColumnDescription, ColumnType, Project } from "../src/data/interface";
import { condition, hasCondition, toggled } from "../src/filter/chips";
import { filterOf, testOf } from "../src/filter/matching";
import { columnsOf } from "../src/filter/parsing";

const DAY = 86_400_000_000;
const NOON = Date.UTC(2026, 10, 30, 12) * 1000;

const COLUMNS: [string, ColumnType, unknown[]][] = [
  ["job_id", "text", ["aaaa", "bbbb", "cccc", "dddd"]],
  ["name", "text", ["GHZ of three", "noisy GHZ", "", "ansatz"]],
  ["tags", "texts", [["vqe", "keep"], ["vqe"], [], ["two words"]]],
  ["outcome", "text", ["ok", "failed", "ok", "partial"]],
  ["num_qubits", "integer", [3, 20, 28, NaN]],
  ["params.theta", "number", [0.5, NaN, 2, -1]],
  ["params.a b", "value", ["x", 3, null, "3"]],
  ["noisy", "truth", [0, 1, 0, NaN]],
  ["created", "time", [NOON, NOON + DAY, NOON + 2 * DAY, NOON - DAY]],
];

const descriptions: ColumnDescription[] = COLUMNS.map(([name, type]) => ({ name, title: name.split(".").pop() ?? name, group: "run", type, address: "" }));
const project = { runs: 4, columns: descriptions } as Project;
const columns = new Map(
  COLUMNS.map(([name, , values], place) => {
    const description = descriptions[place] as ColumnDescription;
    const numbers = ["number", "integer", "truth", "time"].includes(description.type);
    return [name, new Column(description, numbers ? Float64Array.from(values as number[]) : { values })];
  }),
);

function found(text: string): number[] {
  const test = testOf(filterOf(text, project), columns);
  return [0, 1, 2, 3].filter(test);
}

function refusal(text: string): string {
  try {
    found(text);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`${text} is not refused.`);
}

describe("a filter", () => {
  it.each([
    ["", [0, 1, 2, 3]],
    ["ghz", [0, 1]],
    ["ghz three", [0]],
    ['"of three"', [0]],
    ["BBB", [1]],
    ["num_qubits >= 20", [1, 2]],
    ["num_qubits>=20 and outcome=ok", [2]],
    ["params.theta < 1", [0, 3]],
    ["theta < 1", [0, 3]],
    ['params["a b"] = 3', [1, 3]],
    ['params["a b"] = "3"', [1, 3]],
    ["params.theta = none", [1]],
    ["params.theta != none", [0, 2, 3]],
    ["outcome = failed", [1]],
    ["status = failed", [1]],
    ["outcome != ok", [1, 3]],
    ["tags = vqe", [0, 1]],
    ['tags = "two words"', [3]],
    ["tags contains keep", [0]],
    ["tags = none", [2]],
    ["tags = vqe or num_qubits = 28", [0, 1, 2]],
    ["(ghz or ansatz) not outcome = failed", [0, 3]],
    ["outcome in [failed, partial]", [1, 3]],
    ["outcome not in (failed, partial)", [0, 2]],
    ["name startswith GHZ", [0]],
    ["noisy", [1]],
    ["not noisy", [0, 2, 3]],
    ["noisy = no", [0, 2]],
    ["created > 2026-11-30", [1, 2]],
    ["created >= 2026-11-30", [0, 1, 2]],
    ["created = 2026-11-30", [0]],
    ["created < 2026-11-30", [3]],
    ["created > 2026-11-30T12:00:00Z", [1, 2]],
    ["spin in field", []],
  ])("%j finds %j", (text, runs) => {
    expect(found(text)).toEqual(runs);
  });

  it.each([
    ["num_qubits >=", 'After ">=" a value is missing.'],
    [">= 3", 'Before ">=" the name of a column is missing.'],
    ["(ghz", 'A ")" is missing.'],
    ["ghz or", "The filter ends where a word or a condition is expected."],
    ['name = "ghz', "This quotation mark is not closed."],
    ["num_qubits = many", '"many" is not a number, and num_qubits is a column of numbers.'],
    ["created > soon", '"soon" is no time; write 2026-11-30 or 2026-11-30T14:00.'],
    ["num_qubits contains 3", "num_qubits is a column of numbers: compare it with =, !=, <, <=, > or >=."],
    ["num_qbits > 3", 'There is no column "num_qbits". Similar ones are num_qubits.'],
    ["((((((((((((((((((((((((((((((((((((((((((((((((((((a", "The filter is nested too deeply."],
  ])("%j is refused with a sentence", (text, sentence) => {
    expect(refusal(text)).toBe(sentence);
  });

  it("asks only for the columns that it names", () => {
    const present = new Set(columns.keys());
    expect(columnsOf(filterOf("theta < 1 or outcome = ok", project), present)).toEqual(["params.theta", "outcome"]);
    expect(columnsOf(filterOf("ghz", project), present)).toEqual(["job_id", "name", "tags", "outcome"]);
  });
});

describe("a chip", () => {
  it("adds its condition and takes it out again", () => {
    const added = condition("tags", "=", "two words");
    const text = toggled("ghz", added);
    expect(text).toBe('ghz tags = "two words"');
    expect(hasCondition(text, added)).toBe(true);
    expect(toggled(text, added)).toBe("ghz");
  });

  it("keeps what the filter meant when it has an or", () => {
    expect(found(toggled("tags = vqe or num_qubits = 28", condition("outcome", "=", "ok")))).toEqual([0, 2]);
  });

  it.each(["and", 'a"b', "a\\b", "(x)", "5", "line\nbreak", "ψ"])("names any value: %j", (value) => {
    const filter = filterOf(condition("name", "=", value), project);
    expect(filter).toMatchObject({ kind: "comparison", column: "name", items: [{ text: value }] });
  });

  it("names any column", () => {
    expect(filterOf(condition("params.a b", "=", "3"), project)).toMatchObject({ column: "params.a b" });
  });
});
