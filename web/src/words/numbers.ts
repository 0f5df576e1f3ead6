/** Numbers as texts. */

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** A whole number with separators: 1,234,567. */
export function whole(value: number): string {
  return WHOLE.format(value);
}

/** A number with at most so many significant digits, short: 0.25, 1.5e-9. */
export function short(value: number, digits = 6): string {
  if (Number.isNaN(value)) return "";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e15) return minus(whole(value));
  if (size >= 1e-4 && size < 1e9) return minus(String(Number(value.toPrecision(digits))));
  const [mantissa = "", exponent = ""] = value.toExponential(digits - 1).split("e");
  return minus(`${Number(mantissa)}e${exponent.replace("+", "")}`);
}

function minus(text: string): string {
  return text.replace(/-/g, "−");
}

/** A number as it has to be typed to mean exactly this one. */
export function exact(value: number): string {
  return String(value);
}

/** A share of one: 12.3 %. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return "";
  const value = share * 100;
  if (value === 0 || value === 100) return `${value} %`;
  if (value < 0.01) return "< 0.01 %";
  // What is not all of it is never shown as 100 %.
  return value > 99.99 ? "> 99.99 %" : `${Number(value.toPrecision(value > 99.9 ? 4 : 3))} %`;
}

/** A size: 1.5 MiB. */
export function bytes(size: number): string {
  if (Number.isNaN(size)) return "";
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = size;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? whole(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A complex number: 0.25 + 0.1i. */
export function complex(real: number, imaginary: number, digits = 6): string {
  const sign = imaginary < 0 || Object.is(imaginary, -0) ? "−" : "+";
  return `${short(real, digits)} ${sign} ${short(Math.abs(imaginary), digits)}i`;
}

/** "1 run", "2 runs". */
export function counted(number: number, singular: string, plural = `${singular}s`): string {
  return `${whole(number)} ${number === 1 ? singular : plural}`;
}

/** A power of two as a text: 2²⁸, or the number if it is small. */
export function powerOfTwo(exponent: number): string {
  if (exponent <= 13) return whole(2 ** exponent);
  return `2${String(exponent).replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)] ?? digit)}`;
}
