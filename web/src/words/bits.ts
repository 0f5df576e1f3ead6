/** Basis states as bits; the last letter is qubit 0, as in Qiskit. */

/** The bits of a basis state. Exact also above 2^32. */
export function bits(index: number, qubits: number): string {
  return qubits === 0 ? "" : index.toString(2).padStart(qubits, "0");
}

/** The first bits of basis states in groups of four, to be counted more easily. */
export function grouped(text: string): string {
  return text.replace(/(.{4})(?=.)/g, "$1 ");
}

/** The bits that all basis states from `first` to `last` begin with. */
export function prefix(first: number, last: number, qubits: number): string {
  const a = bits(first, qubits);
  const b = bits(last, qubits);
  let length = 0;
  while (length < qubits && a[length] === b[length]) length += 1;
  return a.slice(0, length);
}
