/** Texts of strangers, made harmless to look at. React never reads them as markup; this is about letters that mislead. */

// Letters that turn the direction of what follows, have no width, or control a terminal.
const MISLEADING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]/g;

/** The text with misleading letters as visible marks, such as `‹U+202E›`. Line breaks and tabs stay. */
export function plain(text: string): string {
  return text.replace(MISLEADING, (letter) => `‹U+${letter.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}›`);
}

/** The text on one line and with at most so many letters; what is left out is said. */
export function line(text: string, letters = 200): string {
  const one = plain(text.length > letters * 4 ? text.slice(0, letters * 4) : text).replace(/\s+/g, " ").trim();
  const parts = [...one];
  if (parts.length <= letters && text.length <= letters * 4) return one;
  return `${parts.slice(0, letters).join("")}…`;
}

/** An id, short as in the terminal. */
export function shortId(id: string): string {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-/.test(id) ? id.slice(0, 8) : line(id, 12);
}

/** A text as a Python string literal. */
export function pythonText(text: string): string {
  const escaped = text.replace(/[\\"]/g, "\\$&").replace(/[^\x20-\x7e]/gu, (letter) => {
    const point = letter.codePointAt(0) ?? 0;
    if (letter === "\n") return "\\n";
    if (/\p{L}/u.test(letter)) return letter;
    return point < 0x100 ? `\\x${point.toString(16).padStart(2, "0")}` : point < 0x10000 ? `\\u${point.toString(16).padStart(4, "0")}` : `\\U${point.toString(16).padStart(8, "0")}`;
  });
  return `"${escaped}"`;
}

/** A text as one word of a shell. */
export function shellText(text: string): string {
  if (/^[\w./:@%+=-]+$/.test(text) && !text.startsWith("-")) return text;
  if (/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u206f\ufeff]/.test(text)) {
    const escaped = text.replace(/[\\']/g, "\\$&").replace(/[^\x20-\x7e]/gu, (letter) => {
      const point = letter.codePointAt(0) ?? 0;
      return point < 0x10000 ? `\\u${point.toString(16).padStart(4, "0")}` : `\\U${point.toString(16).padStart(8, "0")}`;
    });
    return `$'${escaped}'`;
  }
  return `'${text.replace(/'/g, "'\\''")}'`;
}
