/** Good, bad or unfinished; anything else is unknown. */
export function outcomeKind(outcome: string): string {
  if (outcome === "ok") return "good";
  if (outcome === "running") return "running";
  return outcome === "partial" || outcome === "cancelled" ? "warn" : "bad";
}
