/** The answers of the data interface, as docs/reference/data-interface.md describes them. */

export type ColumnType = "number" | "integer" | "truth" | "time" | "text" | "texts" | "value";

export interface ColumnDescription {
  name: string;
  title: string;
  group: string;
  type: ColumnType;
  address: string;
}

export interface Project {
  interface: number;
  live: boolean;
  generation: string;
  name: string;
  runs: number;
  file_bytes: number;
  aerchive: string;
  outcomes: Record<string, number>;
  tags: [string, number][];
  problems: string[];
  columns: ColumnDescription[];
}

export interface CodedValues {
  values: unknown[];
  codes?: number[];
}

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

export interface Experiment {
  number: number;
  name: string | null;
  bind: Json;
  counts: { address: string; outcomes: number; shots: number | null } | null;
  memory: { shots: number; page: number; address: string } | null;
}

export interface SavedValue {
  experiment: number;
  bind: Json;
  label: string;
  kind: string;
  shape: number[];
  dtype: string;
  nbytes: number;
  infidelity: number | null;
  array: string | null;
  value: Json;
}

export interface Circuit {
  title: string;
  drawing: string | null;
  qasm: string | null;
  note: string | null;
}

export interface RunDocument {
  key: string;
  job_id: string;
  generation: string;
  name: string | null;
  title: string;
  outcome: string;
  message: string | null;
  created: number;
  pending: boolean;
  nbytes: number | null;
  facts: [string, string][];
  labels: JsonObject;
  config: JsonObject;
  status: JsonObject;
  provenance: JsonObject;
  history: [number, string, string][];
  num_experiments: number;
  experiments: Experiment[];
  circuits: Circuit[];
  num_circuits: number;
  saved: SavedValue[];
  num_saved: number;
  attachments: { name: string; kind: string; shape: number[] | null; nbytes: number | null }[];
  unreadable: string[];
  tree: string | null;
}

export interface CountsDocument {
  shots: number;
  outcomes: number;
  first: [string, number][];
  rest: number;
}

export interface MemoryPage {
  first: number;
  shots: number;
  memory: string[];
}

export interface ArrayInfo {
  label: string;
  kind: string;
  shape: number[];
  dtype: string;
  nbytes: number;
  view: "vector" | "matrix" | "none";
  qubits: number;
  rows: number;
  levels: number;
  tile: number;
  progress: number;
  norm: number | null;
  top: [number | string, number, number][] | null;
  marginals: number[] | null;
  /** null if there is no view. */
  tiles: string | null;
  infos?: string;
  note: string | null;
  trace?: [number, number] | null;
  purity?: number | null;
  diagonal?: { tiles: string; levels?: number } | null;
}

export interface TreeAttribute {
  name: string;
  /** null if the attribute cannot be read; `why` says the reason. */
  dtype: TreeType | null;
  shape: number[] | null;
  value: Json;
  why?: string;
}

export type TreeType = string | [string, TreeType, number[]][];

export interface TreeChild {
  name: string;
  kind: "group" | "dataset" | "unreadable" | string;
  address?: string | null;
  why?: string | null;
}

export interface TreeNode extends TreeChild {
  path: string;
  attributes: TreeAttribute[];
  children?: TreeChild[];
  more?: number;
  shape?: number[] | null;
  dtype?: TreeType;
  chunks?: number[] | null;
  filters?: string[];
  values?: string | null;
}
