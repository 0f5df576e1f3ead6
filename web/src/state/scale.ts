/** The vertical scale of a chart of probabilities. */
import { short } from "../words/numbers";

export type ScaleKind = "linear" | "log";

export interface Scale {
  kind: ScaleKind;
  least: number;
  greatest: number;
}

/** Decades that a logarithmic scale shows at most. */
const DECADES = 12;

/** A scale for these values; NaN and zeros do not count. */
export function scaleFor(values: Float32Array, kind: ScaleKind): Scale {
  let greatest = 0;
  let least = Infinity;
  for (const value of values) {
    if (value > greatest) greatest = value;
    if (value > 0 && value < least) least = value;
  }
  if (greatest === 0) return { kind, least: kind === "log" ? 0.1 : 0, greatest: 1 };
  if (kind === "linear") return { kind, least: 0, greatest };
  const bottom = 10 ** Math.floor(Math.log10(Math.max(least, greatest * 10 ** -DECADES)) - 1e-9);
  return { kind, least: bottom, greatest: Math.max(greatest, bottom * 10) };
}

/** The height of a value, from 0 to 1. */
export function heightOf(value: number, { kind, least, greatest }: Scale): number {
  if (!(value > 0)) return 0;
  const height = kind === "linear" ? value / greatest : Math.log(value / least) / Math.log(greatest / least);
  return Math.min(1, Math.max(0, height));
}

/** Values at which a line with its number is drawn. */
export function ticks(scale: Scale): { value: number; text: string }[] {
  const values: number[] = [];
  if (scale.kind === "linear") {
    const raw = scale.greatest / 4;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= raw) ?? raw;
    for (let number = 0; number * step <= scale.greatest * (1 + 1e-9); number += 1) values.push(number * step);
  } else {
    const first = Math.round(Math.log10(scale.least));
    const last = Math.floor(Math.log10(scale.greatest) + 1e-9);
    const step = Math.max(1, Math.ceil((last - first) / 5));
    for (let exponent = first; exponent <= last; exponent += step) values.push(10 ** exponent);
  }
  return values.map((value) => ({ value, text: short(value, 3) }));
}
