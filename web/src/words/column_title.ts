/** What the head of a column says. */
import { line } from "./safe";

const TITLES: Record<string, string> = {
  job_id: "id",
  num_qubits: "qubits",
  num_clbits: "classical bits",
  num_circuits: "circuits",
  num_points: "points",
  circuit_depth: "depth",
  circuit_size: "gates",
  nbytes: "size of values",
};

export function columnTitle(column: { name: string; title: string }): string {
  return TITLES[column.name] ?? line(column.title || column.name, 40);
}
