import type { ReactNode } from "react";
import type { Experiment, Json } from "../data/interface";
import { line } from "../words/safe";

/** The name of an experiment with its bound parameters. */
export function experimentName(experiment: Experiment): string {
  const bind = bindText(experiment.bind);
  return `${experiment.number}: ${line(experiment.name ?? "without a name", 40)}${bind ? ` (${bind})` : ""}`;
}

export function bindText(bind: Json): string {
  if (bind === null || bind === undefined) return "";
  if (typeof bind !== "object") return line(String(bind), 60);
  const parts = Array.isArray(bind) ? bind.map((one) => JSON.stringify(one)) : Object.entries(bind).map(([name, value]) => `${name} = ${typeof value === "string" ? value : JSON.stringify(value)}`);
  return line(parts.join(", "), 60);
}

/** Chooses one of several experiments. */
export function ExperimentChooser({ experiments, place, choose }: { experiments: Experiment[]; place: number; choose: (place: number) => void }): ReactNode {
  if (experiments.length < 2) return null;
  return (
    <label>
      Experiment{" "}
      <select value={place} onChange={(event) => choose(Number(event.target.value))}>
        {experiments.map((one, number) => (
          <option key={one.number} value={number}>
            {experimentName(one)}
          </option>
        ))}
      </select>
    </label>
  );
}
