/** Tiles of arrays: aggregated views of bins of equal width. */
import { DataError, fetchFloat32, fill, FRESH } from "./fetching";

export interface VectorSource {
  qubits: number;
  levels: number;
  /** Bins of a tile. */
  tile: number;
  /** The address of a tile, with the placeholders `{level}` and `{index}`. */
  template: string;
  /** Whether the numbers do not change any more, so that tiles can be kept. */
  done: boolean;
}

/** Bins of a level, one after another. */
export interface Bins {
  qubits: number;
  level: number;
  first: number;
  count: number;
  /** The sum of the probabilities in a bin; NaN if it was not read yet. */
  sums: Float32Array;
  /** The greatest probability in a bin. */
  peaks: Float32Array;
  /** The phase of the amplitude with the greatest, in radians. */
  phases: Float32Array;
  /** Where in its bin this amplitude is. */
  offsets: Float32Array;
}

const MOST_KEPT = 256;
const kept = new Map<string, Promise<Float32Array>>();

/** Fetches a tile, or takes it from those that were fetched before and do not change. */
function tile(address: string, done: boolean, signal: AbortSignal): Promise<Float32Array> {
  if (!done) return fetchFloat32(address, { ...FRESH, signal });
  const known = kept.get(address);
  if (known) {
    kept.delete(address);
    kept.set(address, known);
    return known;
  }
  // Kept for others as well, so that a view that is left does not stop it.
  const promise = fetchFloat32(address, FRESH);
  kept.set(address, promise);
  promise.catch(() => kept.delete(address));
  for (const oldest of kept.keys()) {
    if (kept.size <= MOST_KEPT) break;
    kept.delete(oldest);
  }
  return promise;
}

export function emptyBins(qubits: number, level: number, first: number, count: number): Bins {
  const array = () => new Float32Array(count);
  return { qubits, level, first, count, sums: array(), peaks: array(), phases: array(), offsets: array() };
}

/** Copies what a tile has of some bins. */
export function copyTile(bins: Bins, numbers: Float32Array, index: number, size: number): void {
  const from = index * size;
  const start = Math.max(bins.first, from);
  const stop = Math.min(bins.first + bins.count, from + size);
  const parts = [bins.sums, bins.peaks, bins.phases, bins.offsets];
  parts.forEach((part, number) => part.set(numbers.subarray(number * size + start - from, number * size + stop - from), start - bins.first));
}

export async function loadBins(source: VectorSource, level: number, first: number, count: number, signal: AbortSignal): Promise<Bins> {
  const size = Math.min(source.tile, 2 ** level);
  const bins = emptyBins(source.qubits, level, first, count);
  const loading: Promise<void>[] = [];
  for (let index = Math.floor(first / size); index * size < first + count; index += 1) {
    const address = fill(source.template, { level, index });
    const copy = (numbers: Float32Array) => {
      if (numbers.length !== 4 * size) throw new DataError(`data/${address} has ${numbers.length} numbers instead of ${4 * size}.`, 200);
      copyTile(bins, numbers, index, size);
    };
    loading.push(tile(address, source.done, signal).then(copy));
  }
  await Promise.all(loading);
  return bins;
}

export interface MatrixSource {
  qubits: number;
  levels: number;
  /** Bins of a tile in each direction. */
  tile: number;
  template: string;
  done: boolean;
}

/** A square of bins of a matrix, in row-major order. */
export interface Cells {
  level: number;
  row: number;
  column: number;
  /** Bins in each direction. */
  count: number;
  /** The greatest magnitude in a bin; NaN if it was not read yet. */
  magnitudes: Float32Array;
  /** The phase of the element with this magnitude, in radians. */
  phases: Float32Array;
}

/** Copies what a tile has of a square of bins. */
export function copyMatrixTile(cells: Cells, numbers: Float32Array, rowTile: number, columnTile: number, size: number): void {
  const first = Math.max(cells.row, rowTile * size);
  const last = Math.min(cells.row + cells.count, (rowTile + 1) * size);
  const left = Math.max(cells.column, columnTile * size);
  const right = Math.min(cells.column + cells.count, (columnTile + 1) * size);
  for (let row = first; row < last; row += 1) {
    const from = (row - rowTile * size) * size - columnTile * size;
    const to = (row - cells.row) * cells.count + left - cells.column;
    cells.magnitudes.set(numbers.subarray(from + left, from + right), to);
    cells.phases.set(numbers.subarray(size * size + from + left, size * size + from + right), to);
  }
}

export async function loadCells(source: MatrixSource, level: number, row: number, column: number, count: number, signal: AbortSignal): Promise<Cells> {
  const size = Math.min(source.tile, 2 ** level);
  const cells: Cells = { level, row, column, count, magnitudes: new Float32Array(count * count), phases: new Float32Array(count * count) };
  const loading: Promise<void>[] = [];
  for (let rowTile = Math.floor(row / size); rowTile * size < row + count; rowTile += 1) {
    for (let columnTile = Math.floor(column / size); columnTile * size < column + count; columnTile += 1) {
      const address = fill(source.template, { level, row_tile: rowTile, column_tile: columnTile });
      const copy = (numbers: Float32Array) => {
        if (numbers.length !== 2 * size * size) {
          throw new DataError(`data/${address} has ${numbers.length} numbers instead of ${2 * size * size}.`, 200);
        }
        copyMatrixTile(cells, numbers, rowTile, columnTile, size);
      };
      loading.push(tile(address, source.done, signal).then(copy));
    }
  }
  await Promise.all(loading);
  return cells;
}
