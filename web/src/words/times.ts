/** Times as texts, in the time zone of the reader and with its offset. */

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** The offset of local time from UTC: +01:00. */
function offset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** Microseconds since 1970 as `2026-12-01 13:02:59+01:00`. */
export function localTime(microseconds: number): string {
  const date = new Date(microseconds / 1000);
  if (Number.isNaN(date.getTime())) return "";
  const day = `${String(date.getFullYear()).padStart(4, "0")}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}${offset(date)}`;
}

/** The form that `<time datetime>` wants. */
export function machineTime(microseconds: number): string {
  const date = new Date(microseconds / 1000);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString();
}

const GIVEN = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?)?(Z|[+-]\d{2}:?\d{2})?$/i;

const DAYS_BEFORE: Record<string, number> = { today: 0, yesterday: 1 };

/** A day of the reader's time zone, which has 23 or 25 hours when the clock changes. */
function dayOf(year: number, month: number, day: number): [number, number] {
  return [new Date(year, month, day).getTime() * 1000, new Date(year, month, day + 1).getTime() * 1000];
}

/**
 * A time that a reader typed, as the interval that it names: a day (also today, yesterday), a minute, a second.
 *
 * @returns Microseconds since 1970, the first and the one after the last, or null if the text is no time.
 */
export function interval(text: string): [number, number] | null {
  const before = DAYS_BEFORE[text.toLowerCase()];
  if (before !== undefined) {
    const now = new Date();
    return dayOf(now.getFullYear(), now.getMonth(), now.getDate() - before);
  }
  const match = GIVEN.exec(text);
  if (!match) return null;
  const [, year, month, day, hour, minute, second, zone] = match;
  const numbers = [Number(year), Number(month) - 1, Number(day), Number(hour ?? 0), Number(minute ?? 0), Number(second ?? 0)] as const;
  const [y, mo, d, h, mi, s] = numbers;
  if (mo > 11 || d < 1 || d > 31 || h > 23 || mi > 59 || s >= 60) return null;
  if (hour === undefined && !zone) return dayOf(y, mo, d);
  let start = zone ? Date.UTC(y, mo, d, h, mi) : new Date(y, mo, d, h, mi).getTime();
  if (zone && zone.toUpperCase() !== "Z") {
    const digits = zone.replace(":", "");
    const minutes = Number(digits.slice(1, 3)) * 60 + Number(digits.slice(3, 5));
    start -= (digits.startsWith("-") ? -1 : 1) * minutes * 60_000;
  }
  start += s * 1000;
  const length = hour === undefined ? 86_400_000 : second === undefined ? 60_000 : second.includes(".") ? 0.001 : 1000;
  return [start * 1000, (start + length) * 1000];
}
