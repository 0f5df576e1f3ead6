/** The words of a filter. */

export interface Token {
  kind: "text" | "operator" | "mark" | "word" | "end";
  value: string;
  start: number;
  stop: number;
}

/** A filter that cannot be read; `start` and `stop` say where. */
export class FilterError extends Error {
  readonly start: number;
  readonly stop: number;

  constructor(message: string, token: { start: number; stop: number }) {
    super(message);
    this.start = token.start;
    this.stop = token.stop;
  }
}

const TOKEN = /\s*(?:('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(==|!=|<=|>=|≤|≥|=|<|>)|([()[\],])|([^\s()[\],=<>!'"≤≥]+))/suy;
const SAME: Record<string, string> = { "≤": "<=", "≥": ">=", "==": "=" };

export function tokens(text: string): Token[] {
  const found: Token[] = [];
  let place = 0;
  while (place < text.length) {
    TOKEN.lastIndex = place;
    const match = TOKEN.exec(text);
    if (!match) {
      const rest = text.slice(place);
      if (!rest.trim()) break;
      const start = place + rest.length - rest.trimStart().length;
      const quoted = /^['"]/.test(rest.trimStart());
      const why = quoted ? "This quotation mark is not closed." : `"${text[start] ?? ""}" is not understood here.`;
      throw new FilterError(why, { start, stop: text.length });
    }
    const stop = TOKEN.lastIndex;
    const [, quoted, operator, mark, word] = match;
    const value = quoted ?? operator ?? mark ?? word ?? "";
    const start = stop - value.length;
    if (quoted !== undefined) found.push({ kind: "text", value: quoted.slice(1, -1).replace(/\\(.)/gsu, "$1"), start, stop });
    else if (operator !== undefined) found.push({ kind: "operator", value: SAME[operator] ?? operator, start, stop });
    else found.push({ kind: mark !== undefined ? "mark" : "word", value, start, stop });
    place = stop;
  }
  found.push({ kind: "end", value: "", start: text.length, stop: text.length });
  return found;
}
