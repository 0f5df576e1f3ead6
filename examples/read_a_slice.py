"""Reads eight amplitudes of a statevector, and says what that cost: python examples/read_a_slice.py [folder]."""

import sys
import tempfile
from pathlib import Path

from qiskit import QuantumCircuit

import aerchive
from aerchive.aer import AerSimulator
from aerchive.storage.medium.trace import record_reads

QUBITS = 20


def main(folder: Path) -> None:
    path = folder / "state.h5"
    circuit = QuantumCircuit(QUBITS, name="layers")
    for layer in range(3):
        for qubit in range(QUBITS):
            circuit.rx(0.1 + 0.3 * layer + 0.07 * qubit, qubit)
        circuit.cx(range(QUBITS - 1), range(1, QUBITS))
    circuit.save_statevector()
    AerSimulator(project=path, method="statevector").run(circuit).result()

    state = aerchive.open(path).latest().array("statevector")
    print(f"{state.size:,} amplitudes, {state.nbytes:,} bytes; the file has {path.stat().st_size:,}")

    with record_reads() as log:
        part = state[524_280:524_288]
    for number, amplitude in enumerate(part, 524_280):
        print(f"|{number:0{QUBITS}b}>  {amplitude:+.6f}")
    print(f"read for this: {log.nbytes:,} bytes in {len(log.extents)} reads")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
