/**
 * The filter of the list: words, and the conditions that `aerchive find` takes as well.
 *
 *     filter     := term ("or" term)*
 *     term       := factor (["and"] factor)*
 *     factor     := "not" factor | "(" filter ")" | comparison | WORD | "TEXT"
 *     comparison := column operator item | column ["not"] "in" items | column ["not"] "contains" item | column "startswith" item
 *     column     := NAME | GROUP "[" TEXT "]"
 *     operator   := "=" | "==" | "!=" | "<" | "<=" | ">" | ">="
 *     items      := "[" item ("," item)* "]" | "(" item ("," item)* ")"
 */
import { FilterError, tokens, type Token } from "./tokens";

export interface Item {
  text: string;
  /** Whether it was in quotation marks, so that it is a text even if it looks like a number. */
  quoted: boolean;
}

export type Operator = "=" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "contains" | "startswith";

export type Filter =
  | { kind: "all"; parts: Filter[] }
  | { kind: "any"; parts: Filter[] }
  | { kind: "not"; part: Filter }
  | { kind: "words"; text: string; place: Token }
  | { kind: "comparison"; column: string; operator: Operator; items: Item[]; place: Token };

const KEYWORDS = new Set(["and", "or", "not"]);
const COMPARING = new Set(["in", "contains", "startswith"]);
const MOST_NESTED = 50;

class Parser {
  private place = 0;
  private depth = 0;
  private readonly list: Token[];

  constructor(text: string) {
    this.list = tokens(text);
  }

  private token(ahead = 0): Token {
    return this.list[Math.min(this.place + ahead, this.list.length - 1)] as Token;
  }

  private next(): Token {
    const token = this.token();
    this.place += 1;
    return token;
  }

  private isWord(...words: string[]): boolean {
    const token = this.token();
    return token.kind === "word" && words.includes(token.value.toLowerCase());
  }

  whole(): Filter {
    if (this.token().kind === "end") return { kind: "all", parts: [] };
    const filter = this.any();
    if (this.token().kind !== "end") throw new FilterError(`"${this.token().value}" has no beginning.`, this.token());
    return filter;
  }

  private any(): Filter {
    const parts = [this.all()];
    while (this.isWord("or")) {
      this.next();
      parts.push(this.all());
    }
    return parts.length === 1 ? (parts[0] as Filter) : { kind: "any", parts };
  }

  private all(): Filter {
    const parts = [this.factor()];
    for (;;) {
      if (this.isWord("and")) this.next();
      else if (this.token().kind === "end" || this.token().value === ")" || this.isWord("or")) break;
      parts.push(this.factor());
    }
    return parts.length === 1 ? (parts[0] as Filter) : { kind: "all", parts };
  }

  private factor(): Filter {
    const token = this.token();
    if (this.isWord("not") && !this.startsComparison()) {
      this.next();
      return { kind: "not", part: this.nested(() => this.factor()) };
    }
    if (token.kind === "mark" && token.value === "(") {
      this.next();
      const part = this.nested(() => this.any());
      if (this.token().value !== ")" || this.token().kind !== "mark") throw new FilterError('A ")" is missing.', this.token());
      this.next();
      return part;
    }
    if (token.kind === "end") throw new FilterError("The filter ends where a word or a condition is expected.", token);
    if (token.kind === "operator") throw new FilterError(`Before "${token.value}" the name of a column is missing.`, token);
    if (token.kind === "mark") throw new FilterError(`"${token.value}" is not understood here.`, token);
    if (KEYWORDS.has(token.value.toLowerCase()) && token.kind === "word" && !this.startsComparison()) {
      throw new FilterError(`"${token.value}" stands where a word or a condition is expected.`, token);
    }
    return this.startsComparison() ? this.comparison() : { kind: "words", text: this.next().value, place: token };
  }

  private nested(parse: () => Filter): Filter {
    this.depth += 1;
    if (this.depth > MOST_NESTED) throw new FilterError("The filter is nested too deeply.", this.token());
    const filter = parse();
    this.depth -= 1;
    return filter;
  }

  private startsComparison(): boolean {
    if (this.token().kind !== "word") return false;
    let after = 1;
    if (this.token(1).value === "[" && this.token(1).kind === "mark" && this.token(1).start === this.token().stop) {
      if (this.token(3).value !== "]") return false;
      after = 4;
    }
    const token = this.token(after);
    if (token.kind === "operator") return true;
    if (token.kind !== "word") return false;
    const word = token.value.toLowerCase();
    if (word === "not") return this.token(after + 1).kind === "word" && COMPARING.has(this.token(after + 1).value.toLowerCase());
    // "in" is also an English word: "spin in field" are three words, "method in [a, b]" is a condition.
    if (word === "in") return this.token(after + 1).kind === "mark" && "[(".includes(this.token(after + 1).value);
    return COMPARING.has(word) && ["word", "text"].includes(this.token(after + 1).kind);
  }

  private comparison(): Filter {
    const place = this.next();
    let column = place.value;
    if (this.token().value === "[" && this.token().kind === "mark") {
      this.next();
      column = `${column}.${this.next().value}`;
      this.next();
    }
    const negated = this.isWord("not");
    if (negated) this.next();
    const token = this.next();
    const operator = (token.kind === "operator" ? token.value : token.value.toLowerCase()) as Operator;
    const items = operator === "in" ? this.items() : [this.item()];
    const comparison: Filter = { kind: "comparison", column, operator, items, place };
    return negated ? { kind: "not", part: comparison } : comparison;
  }

  private items(): Item[] {
    const closing = this.next().value === "(" ? ")" : "]";
    const items = [this.item()];
    while (this.token().value === "," && this.token().kind === "mark") {
      this.next();
      items.push(this.item());
    }
    if (this.token().value !== closing || this.token().kind !== "mark") throw new FilterError(`A "${closing}" is missing.`, this.token());
    this.next();
    return items;
  }

  private item(): Item {
    const token = this.next();
    if (token.kind === "word" || token.kind === "text") return { text: token.value, quoted: token.kind === "text" };
    const before = this.token(-2);
    throw new FilterError(`After "${before.value}" a value is missing.`, token);
  }
}

/** Reads a filter. Throws a FilterError that says what is wrong. */
export function parseFilter(text: string): Filter {
  return new Parser(text).whole();
}

/** Where words are looked for. */
export const WORDS_IN = ["job_id", "name", "tags", "circuit_names", "outcome", "method", "backend", "message"];

/** The columns that a filter needs, of those that there are. */
export function columnsOf(filter: Filter, present: ReadonlySet<string>): string[] {
  switch (filter.kind) {
    case "all":
    case "any":
      return filter.parts.flatMap((part) => columnsOf(part, present));
    case "not":
      return columnsOf(filter.part, present);
    case "words":
      return WORDS_IN.filter((name) => present.has(name));
    case "comparison":
      return [filter.column];
  }
}
