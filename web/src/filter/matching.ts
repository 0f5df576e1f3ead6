/** Which runs a filter lets through. */
import type { Column } from "../data/columns";
import type { Project } from "../data/interface";
import { columnTitle } from "../words/column_title";
import { interval } from "../words/times";
import { type Filter, type Item, type Operator, parseFilter, WORDS_IN } from "./parsing";
import { FilterError } from "./tokens";

export type Test = (run: number) => boolean;

/** What a filter may name: columns of the project, by their names and the other names that they go by. */
export function columnNamed(project: Project, name: string): string | null {
  const names = project.columns.map((column) => column.name);
  if (names.includes(name)) return name;
  const lower = name.toLowerCase();
  const found = names.find((one) => one.toLowerCase() === lower);
  if (found) return found;
  if (lower === "status") return "outcome";
  if (lower === "tag") return names.includes("tags") ? "tags" : null;
  const titled = project.columns.filter((column) => column.title.toLowerCase() === lower);
  if (titled.length === 1) return titled[0]?.name ?? null;
  return project.columns.find((column) => columnTitle(column) === name)?.name ?? null;
}

/** Reads a filter and puts the names of columns in place of what was typed. */
export function filterOf(text: string, project: Project): Filter {
  const named = (filter: Filter): Filter => {
    switch (filter.kind) {
      case "all":
      case "any":
        return { kind: filter.kind, parts: filter.parts.map(named) };
      case "not":
        return { kind: "not", part: named(filter.part) };
      case "words": {
        // As in the terminal, the bare name of a column of truths is a condition.
        const truth = project.columns.find((column) => column.type === "truth" && column.name === filter.text);
        if (!truth) return filter;
        return { kind: "comparison", column: truth.name, operator: "=", items: [{ text: "true", quoted: false }], place: filter.place };
      }
      case "comparison": {
        const column = columnNamed(project, filter.column);
        if (column === null) throw new FilterError(unknownColumn(filter.column, project), filter.place);
        return { ...filter, column };
      }
    }
  };
  return named(parseFilter(text));
}

function unknownColumn(name: string, project: Project): string {
  const names = project.columns.map((column) => column.name).filter((one) => one !== "key");
  const start = name.toLowerCase().slice(0, 3);
  const near = names.filter((one) => one.toLowerCase().includes(start) || one.split(".").pop()?.toLowerCase().startsWith(start));
  const some = (near.length ? near : names).slice(0, 8).map((one) => (one.length > 40 ? `${one.slice(0, 40)}…` : one));
  return `There is no column "${name}". ${near.length ? "Similar ones are" : "There are, for example,"} ${some.join(", ")}.`;
}

/** Makes the test of a filter; its columns have to be loaded. */
export function testOf(filter: Filter, columns: ReadonlyMap<string, Column>): Test {
  switch (filter.kind) {
    case "all": {
      const tests = filter.parts.map((part) => testOf(part, columns));
      return (run) => tests.every((test) => test(run));
    }
    case "any": {
      const tests = filter.parts.map((part) => testOf(part, columns));
      return (run) => tests.some((test) => test(run));
    }
    case "not": {
      const test = testOf(filter.part, columns);
      return (run) => !test(run);
    }
    case "words":
      return wordsTest(filter.text, columns);
    case "comparison": {
      const column = columns.get(filter.column);
      if (!column) return () => false;
      return comparisonTest(column, filter);
    }
  }
}

/** A test of a column's values, made once for each distinct one. */
function byValue(column: Column, test: (value: unknown) => boolean): Test {
  const known = new Int8Array(column.values.length).fill(-1);
  return (run) => {
    const place = column.place(run);
    if (known[place] === -1) known[place] = test(column.values[place]) ? 1 : 0;
    return known[place] === 1;
  };
}

function textsOf(value: unknown): string[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.map(String);
  return [typeof value === "object" ? JSON.stringify(value) : String(value)];
}

function wordsTest(text: string, columns: ReadonlyMap<string, Column>): Test {
  const looked = text.toLowerCase();
  const tests: Test[] = [];
  for (const name of WORDS_IN) {
    const column = columns.get(name);
    if (column && !column.numbers) {
      tests.push(byValue(column, (value) => textsOf(value).some((one) => one.toLowerCase().includes(looked))));
    }
  }
  return (run) => tests.some((test) => test(run));
}

type Comparison = Extract<Filter, { kind: "comparison" }>;

const MISSING = new Set(["none", "null", "missing"]);

function comparisonTest(column: Column, { operator, items, place }: Comparison): Test {
  if (operator === "in") {
    const tests = items.map((item) => comparisonTest(column, { kind: "comparison", column: column.name, operator: "=", items: [item], place }));
    return (run) => tests.some((test) => test(run));
  }
  const item = items[0] as Item;
  if (column.numbers) return numbersTest(column, column.numbers, operator, item, place);
  if (!item.quoted && MISSING.has(item.text.toLowerCase()) && (operator === "=" || operator === "!=")) {
    const wanted = operator === "=";
    return byValue(column, (value) => (value === null || value === "" || (Array.isArray(value) && value.length === 0)) === wanted);
  }
  return byValue(column, (value) => valueTest(value, operator, item));
}

function valueTest(value: unknown, operator: Operator, item: Item): boolean {
  if (operator === "!=") return !valueTest(value, "=", item);
  if (Array.isArray(value)) return value.some((one) => valueTest(one, operator === "contains" ? "=" : operator, item));
  const number = Number(item.text);
  if (typeof value === "number" && !item.quoted && item.text.trim() !== "" && !Number.isNaN(number)) {
    return compared(value - number, operator);
  }
  if (value === null || value === undefined || value === "") return false;
  const text = textsOf(value)[0]?.toLowerCase() ?? "";
  const looked = item.text.toLowerCase();
  if (operator === "contains") return text.includes(looked);
  if (operator === "startswith") return text.startsWith(looked);
  if (operator !== "=" && typeof value !== "string") return false;
  return compared(text < looked ? -1 : text > looked ? 1 : 0, operator);
}

function compared(difference: number, operator: Operator): boolean {
  switch (operator) {
    case "=":
      return difference === 0;
    case "!=":
      return difference !== 0;
    case "<":
      return difference < 0;
    case "<=":
      return difference <= 0;
    case ">":
      return difference > 0;
    case ">=":
      return difference >= 0;
    default:
      return false;
  }
}

const TRUTHS: Record<string, number> = { true: 1, yes: 1, "1": 1, false: 0, no: 0, "0": 0 };

function numbersTest(column: Column, numbers: Float64Array, operator: Operator, item: Item, place: { start: number; stop: number }): Test {
  if (operator === "contains" || operator === "startswith") {
    throw new FilterError(`${column.name} is a column of numbers: compare it with =, !=, <, <=, > or >=.`, place);
  }
  if (MISSING.has(item.text.toLowerCase())) {
    if (operator === "=") return (run) => Number.isNaN(numbers[run]);
    if (operator === "!=") return (run) => !Number.isNaN(numbers[run]);
  }
  let first: number;
  let after: number;
  if (column.type === "time") {
    const named = interval(item.text);
    if (!named) throw new FilterError(`"${item.text}" is no time; write 2026-11-30 or 2026-11-30T14:00.`, place);
    [first, after] = named;
  } else {
    first = column.type === "truth" ? (TRUTHS[item.text.toLowerCase()] ?? NaN) : item.text.trim() === "" ? NaN : Number(item.text);
    if (Number.isNaN(first)) {
      const kind = column.type === "truth" ? "true nor false" : "a number";
      throw new FilterError(`"${item.text}" is ${column.type === "truth" ? "neither " : "not "}${kind}, and ${column.name} is a column of ${column.type === "truth" ? "truths" : "numbers"}.`, place);
    }
    after = first;
  }
  const inside = (value: number) => (after > first ? value >= first && value < after : value === first);
  switch (operator) {
    case "=":
      return (run) => inside(numbers[run] as number);
    case "!=":
      return (run) => !inside(numbers[run] as number);
    case "<":
      return (run) => (numbers[run] as number) < first;
    case "<=":
      return after > first ? (run) => (numbers[run] as number) < after : (run) => (numbers[run] as number) <= first;
    case ">":
      return after > first ? (run) => (numbers[run] as number) >= after : (run) => (numbers[run] as number) > first;
    default:
      return (run) => (numbers[run] as number) >= first;
  }
}
