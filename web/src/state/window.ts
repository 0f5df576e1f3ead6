/** The part of a vector that is in sight: `2^exponent` basis states from `start` on. */

/** What is known of a vector without its numbers. */
export interface Extent {
  qubits: number;
  /** The greatest level that is answered. */
  levels: number;
}

export interface Window {
  start: number;
  exponent: number;
}

/** How a window is drawn: bins `first` to `first + count - 1` of a level. */
export interface Drawn {
  level: number;
  first: number;
  count: number;
}

/** Fewer bins than 2^5 are never shown, if there are so many. */
const FEWEST = 5;

export function wholeWindow(extent: Extent): Window {
  return { start: 0, exponent: extent.qubits };
}

export function leastExponent({ qubits, levels }: Extent): number {
  return qubits - levels + Math.min(FEWEST, levels);
}

/** How many bins a window is drawn with, as a power of two. */
function binsExponent(extent: Extent, exponent: number, most: number): number {
  return Math.max(0, Math.min(exponent, most, exponent - (extent.qubits - extent.levels)));
}

export function drawn(extent: Extent, window: Window, most = 10): Drawn {
  const bins = binsExponent(extent, window.exponent, most);
  const width = 2 ** (window.exponent - bins);
  return { level: extent.qubits - window.exponent + bins, first: Math.floor(window.start / width), count: 2 ** bins };
}

/** The nearest window that exists: inside the vector, and beginning with a bin, also if few bins are drawn. */
export function fitted(extent: Extent, window: Window): Window {
  const exponent = Math.round(Math.min(extent.qubits, Math.max(leastExponent(extent), window.exponent)));
  const width = 2 ** (exponent - binsExponent(extent, exponent, 8));
  const start = Math.round(window.start / width) * width;
  return { exponent, start: Math.min(Math.max(0, start), 2 ** extent.qubits - 2 ** exponent) };
}

/** Zooms by a power of two; what is at the fraction `at` of the window stays there. */
export function zoomed(extent: Extent, window: Window, steps: number, at = 0.5): Window {
  const exponent = Math.min(extent.qubits, Math.max(leastExponent(extent), window.exponent - steps));
  const anchor = window.start + at * 2 ** window.exponent;
  return fitted(extent, { exponent, start: anchor - at * 2 ** exponent });
}

/** Moves by a fraction of the window. */
export function moved(extent: Extent, window: Window, fraction: number): Window {
  return fitted(extent, { ...window, start: window.start + fraction * 2 ** window.exponent });
}

/** The smallest window around basis states `first` to `last`. */
export function around(extent: Extent, first: number, last: number): Window {
  const exponent = Math.max(leastExponent(extent), Math.ceil(Math.log2(Math.max(1, last - first + 1))));
  return fitted(extent, { exponent, start: (first + last + 1) / 2 - 2 ** exponent / 2 });
}

/** The window of exactly the basis states of a bin, or the smallest one around it. */
export function ofBin(extent: Extent, level: number, bin: number): Window {
  const exponent = Math.max(extent.qubits - level, leastExponent(extent));
  const size = 2 ** exponent;
  return { exponent, start: Math.floor((bin * 2 ** (extent.qubits - level)) / size) * size };
}

/** Larger and larger windows that contain this one, the whole vector first. */
export function ancestors(extent: Extent, window: Window, step = 10): Window[] {
  const found: Window[] = [];
  for (let exponent = extent.qubits; exponent > window.exponent; exponent -= step) {
    const size = 2 ** exponent;
    const start = Math.floor(window.start / size) * size;
    // A window across the border of two is in neither.
    if (start + size >= window.start + 2 ** window.exponent) found.push({ start, exponent });
  }
  return found;
}

/** Reads a window from settings; the whole vector if they say nothing that exists. */
export function parseWindow(extent: Extent, text: string | null): Window {
  const match = /^(\d{1,16})-(\d{1,2})$/.exec(text ?? "");
  return match ? fitted(extent, { start: Number(match[1]), exponent: Number(match[2]) }) : wholeWindow(extent);
}

export function windowText(extent: Extent, { start, exponent }: Window): string | null {
  return exponent === extent.qubits ? null : `${start}-${exponent}`;
}
