/** The part of a matrix that is in sight: a square of `2^exponent` rows and columns. */
import type { Extent } from "./window";

export interface MatrixWindow {
  row: number;
  column: number;
  exponent: number;
}

/** At most 2^7 bins in each direction: at most 25 tiles. */
const MOST = 7;
const FEWEST = 3;

export function wholeMatrix({ qubits }: Extent): MatrixWindow {
  return { row: 0, column: 0, exponent: qubits };
}

export function leastMatrixExponent({ qubits, levels }: Extent): number {
  return qubits - levels + Math.min(FEWEST, levels);
}

function binsExponent({ qubits, levels }: Extent, exponent: number): number {
  return Math.max(0, Math.min(exponent, MOST, exponent - (qubits - levels)));
}

export function drawnMatrix(extent: Extent, { row, column, exponent }: MatrixWindow): { level: number; row: number; column: number; count: number } {
  const bins = binsExponent(extent, exponent);
  const width = 2 ** (exponent - bins);
  return { level: extent.qubits - exponent + bins, row: Math.floor(row / width), column: Math.floor(column / width), count: 2 ** bins };
}

export function fittedMatrix(extent: Extent, window: MatrixWindow): MatrixWindow {
  const exponent = Math.round(Math.min(extent.qubits, Math.max(leastMatrixExponent(extent), window.exponent)));
  const width = 2 ** (exponent - binsExponent(extent, exponent));
  const last = 2 ** extent.qubits - 2 ** exponent;
  const fit = (start: number) => Math.min(last, Math.max(0, Math.round(start / width) * width));
  return { exponent, row: fit(window.row), column: fit(window.column) };
}

/** Zooms by a power of two; what is at these fractions of the window stays there. */
export function zoomedMatrix(extent: Extent, window: MatrixWindow, steps: number, down = 0.5, right = 0.5): MatrixWindow {
  const exponent = Math.min(extent.qubits, Math.max(leastMatrixExponent(extent), window.exponent - steps));
  const [before, after] = [2 ** window.exponent, 2 ** exponent];
  return fittedMatrix(extent, { exponent, row: window.row + down * (before - after), column: window.column + right * (before - after) });
}

export function movedMatrix(extent: Extent, window: MatrixWindow, down: number, right: number): MatrixWindow {
  const size = 2 ** window.exponent;
  return fittedMatrix(extent, { ...window, row: window.row + down * size, column: window.column + right * size });
}

/** The smallest window around two elements. */
export function aroundMatrix(extent: Extent, first: [number, number], last: [number, number]): MatrixWindow {
  const size = Math.max(Math.abs(last[0] - first[0]), Math.abs(last[1] - first[1])) + 1;
  const exponent = Math.max(leastMatrixExponent(extent), Math.ceil(Math.log2(size)));
  const middle = (place: 0 | 1) => (first[place] + last[place] + 1) / 2 - 2 ** exponent / 2;
  return fittedMatrix(extent, { exponent, row: middle(0), column: middle(1) });
}

export function parseMatrixWindow(extent: Extent, text: string | null): MatrixWindow {
  const match = /^(\d{1,16})-(\d{1,16})-(\d{1,2})$/.exec(text ?? "");
  return match ? fittedMatrix(extent, { row: Number(match[1]), column: Number(match[2]), exponent: Number(match[3]) }) : wholeMatrix(extent);
}

export function matrixWindowText({ qubits }: Extent, { row, column, exponent }: MatrixWindow): string | null {
  return exponent === qubits ? null : `${row}-${column}-${exponent}`;
}
