/** What a bin says in words. */
import type { Bins } from "../data/tiles";
import { bits } from "../words/bits";
import { complex, short, whole } from "../words/numbers";

/** How many basis states a bin has. */
export function binSize(bins: Bins): number {
  return 2 ** (bins.qubits - bins.level);
}

/** The bits of the basis states of a bin, with a dot for each that is free: `|0110····⟩`. */
export function binBits(bins: Bins, bin: number): string {
  return `|${bits(bins.first + bin, bins.level)}${"·".repeat(bins.qubits - bins.level)}⟩`;
}

export function binRange(bins: Bins, bin: number): string {
  const size = binSize(bins);
  const start = (bins.first + bin) * size;
  return size === 1 ? whole(start) : `${whole(start)} to ${whole(start + size - 1)}`;
}

/** Beyond this, an offset of float32 is rounded. */
const EXACT = 2 ** 24;

/** The basis state with the greatest probability in a bin; null if it is only known roughly. */
export function peakState(bins: Bins, bin: number): number | null {
  const size = binSize(bins);
  if (size > EXACT || Number.isNaN(bins.offsets[bin])) return null;
  return (bins.first + bin) * size + (bins.offsets[bin] as number);
}

/** The bits of this basis state as far as they are known. */
export function peakBits(bins: Bins, bin: number): string {
  if (Number.isNaN(bins.offsets[bin])) return "not read yet";
  const state = peakState(bins, bin);
  if (state !== null) return `|${bits(state, bins.qubits)}⟩`;
  // The first 24 bits of the offset are right; the rest are not known.
  const rough = (bins.first + bin) * binSize(bins) + (bins.offsets[bin] as number);
  const free = bins.qubits - bins.level - 24;
  return `|${bits(rough, bins.qubits).slice(0, bins.qubits - free)}${"·".repeat(free)}⟩`;
}

/** A phase as a part of π. */
export function phaseParts(phase: number): string {
  if (Number.isNaN(phase)) return "not read yet";
  const parts = Number((phase / Math.PI).toFixed(4));
  if (Math.abs(parts) === 1) return parts > 0 ? "π" : "−π";
  return parts === 0 ? "0" : `${short(parts)} π`;
}

/** A phase in radians and as a part of π. */
export function phaseText(phase: number): string {
  if (Number.isNaN(phase)) return "not read yet";
  const radians = Number(phase.toFixed(4));
  return radians === 0 ? "0" : `${short(radians)} rad (${phaseParts(phase)})`;
}

/** Float32, in which tiles are, tells no smaller parts of a number. */
const PRECISION = 3e-7;

/** The one amplitude of a bin. */
export function amplitudeText(bins: Bins, bin: number): string {
  const size = Math.sqrt(bins.peaks[bin] as number);
  const phase = bins.phases[bin] as number;
  const part = (value: number) => (Math.abs(value) < PRECISION ? 0 : value * size);
  return complex(part(Math.cos(phase)), part(Math.sin(phase)));
}
