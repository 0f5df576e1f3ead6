/** How far apart two distributions of outcomes are. */
import type { CountsDocument } from "../data/interface";

export interface Compared {
  outcome: string;
  first: number;
  second: number;
}

export interface Distances {
  /** Probabilities of the outcomes, the most probable of either first. */
  outcomes: Compared[];
  /** Half of the sum of |p - q|. */
  variation: number;
  /** The square of the sum of √(p q). */
  fidelity: number;
  /** Whether some outcomes are not listed, so that `variation` is a lower and `fidelity` an upper bound. */
  bound: boolean;
}

/**
 * Compares two counts. Outcomes that may be among the unlisted ones of the other are taken together as one outcome, which never makes the
 * distance larger or the fidelity smaller.
 */
export function distances(first: CountsDocument, second: CountsDocument): Distances {
  const shares = (counts: CountsDocument) => new Map(counts.first.map(([outcome, number]) => [outcome, number / counts.shots]));
  const [p, q] = [shares(first), shares(second)];
  const outcomes: Compared[] = [];
  const others: Compared = { outcome: "others", first: first.rest / first.shots, second: second.rest / second.shots };
  for (const outcome of new Set([...p.keys(), ...q.keys()])) {
    const [a, b] = [p.get(outcome), q.get(outcome)];
    if ((a === undefined && first.rest > 0) || (b === undefined && second.rest > 0)) {
      others.first += a ?? 0;
      others.second += b ?? 0;
    } else {
      outcomes.push({ outcome, first: a ?? 0, second: b ?? 0 });
    }
  }
  outcomes.sort((a, b) => Math.max(b.first, b.second) - Math.max(a.first, a.second) || (a.outcome < b.outcome ? -1 : 1));
  const bound = first.rest > 0 || second.rest > 0;
  const all = bound ? [...outcomes, others] : outcomes;
  const variation = all.reduce((sum, { first: a, second: b }) => sum + Math.abs(a - b), 0) / 2;
  const root = all.reduce((sum, { first: a, second: b }) => sum + Math.sqrt(a * b), 0);
  return { outcomes: all, variation, fidelity: Math.min(1, root * root), bound };
}
