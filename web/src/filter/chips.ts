/** Conditions that a click adds to a filter or takes out of it. */

function quoted(value: string): string {
  return /^[^\s()[\],=<>!'"≤≥]+$/.test(value) && !["and", "or", "not"].includes(value.toLowerCase())
    ? value
    : `"${value.replace(/[\\"]/g, "\\$&")}"`;
}

export function condition(column: string, operator: string, value: string): string {
  const name = /^[^\s()[\],=<>!'"≤≥]+$/.test(column) ? column : columnText(column);
  return `${name} ${operator} ${quoted(value)}`;
}

/** A column whose name is no word: `params["a b"]`. */
function columnText(column: string): string {
  const dot = column.indexOf(".");
  return dot < 0 ? quoted(column) : `${column.slice(0, dot)}["${column.slice(dot + 1).replace(/[\\"]/g, "\\$&")}"]`;
}

/** Whether the text has the condition, as a click adds it. */
export function hasCondition(text: string, added: string): boolean {
  return ` ${text.trim()} `.includes(` ${added} `);
}

/** The text with the condition, or without it if it had it. */
export function toggled(text: string, added: string): string {
  if (!hasCondition(text, added)) {
    const whole = text.trim();
    return whole ? `${/\bor\b/i.test(whole) ? `(${whole})` : whole} ${added}` : added;
  }
  const left = ` ${text.trim()} `.replace(` ${added} `, " ").trim();
  return left.replace(/^and\s+|\s+and$/gi, "").replace(/\band\s+and\b/gi, "and");
}
