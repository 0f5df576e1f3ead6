"""Goes on from an archived state: python examples/checkpoint_and_resume.py [folder]."""

import sys
import tempfile
from pathlib import Path

from qiskit import QuantumCircuit

import aerchive
from aerchive.aer import AerSimulator

QUBITS, STEPS = 12, 20


def evolution(first: int, last: int) -> QuantumCircuit:
    circuit = QuantumCircuit(QUBITS, name=f"steps {first} to {last}")
    for step in range(first, last):
        circuit.rzz(0.2, range(QUBITS - 1), range(1, QUBITS))
        circuit.rx(0.3 + 0.01 * step, range(QUBITS))
    circuit.save_statevector("psi")
    return circuit


def main(folder: Path) -> None:
    # Without fusion each gate is applied by itself, so that an interruption changes no bit.
    options = {"method": "statevector", "fusion_enable": False}
    simulator = AerSimulator(project=folder / "evolution.h5", **options)
    simulator.run(evolution(0, STEPS // 2), params={"steps": STEPS // 2}).result()

    # Another day, another process.
    project = aerchive.open(folder / "evolution.h5")
    checkpoint = project.latest(params__steps=STEPS // 2).state("psi")
    rest = checkpoint.initialize(evolution(STEPS // 2, STEPS))
    simulator.run(rest, params={"steps": STEPS}).result()
    state = project.latest(params__steps=STEPS).state("psi")
    print(f"fidelity with the checkpoint: {state.fidelity(checkpoint):.6f}")
    print(f"<Z> of the first qubit: {state.expectation_value('Z', [0]):+.6f}")

    uninterrupted = simulator.run(evolution(0, STEPS), save_jobs=False).result().data()["psi"]
    same = uninterrupted.data.tobytes() == state[...].tobytes()
    print(f"an uninterrupted evolution gives the same bits: {same}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
