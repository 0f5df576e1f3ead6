"""A parameter sweep, archived and read back as a table: python examples/sweep.py [folder]."""

import sys
import tempfile
from pathlib import Path

import numpy as np
from qiskit import QuantumCircuit

import aerchive
from aerchive.aer import AerSimulator


def main(folder: Path) -> None:
    project = aerchive.open(folder / "sweep.h5")
    simulator = AerSimulator(project=project, seed_simulator=1)

    for angle in np.linspace(0, np.pi, 7):
        circuit = QuantumCircuit(2, name="rotation")
        circuit.ry(angle, 0)
        circuit.cx(0, 1)
        circuit.measure_all()
        simulator.run(circuit, shots=500, tags=["sweep"], params={"angle": float(angle)}).result()

    runs = project.find(tags="sweep", outcome="ok")
    outcomes = ["00", "01", "10", "11"]
    angles = np.array([run.params["angle"] for run in runs])
    table = np.array([[run.counts().get(outcome, 0) for outcome in outcomes] for run in runs])

    print("angle  " + "  ".join(f"{outcome:>5}" for outcome in outcomes))
    for angle, row in zip(angles, table, strict=True):
        print(f"{angle:5.2f}  " + "  ".join(f"{count:5d}" for count in row))
    error = np.abs(table[:, 3] / table.sum(axis=1) - np.sin(angles / 2) ** 2).max()
    print(f"largest distance of p(11) from sin²(angle / 2): {error:.3f}")

    wide = project.find(params__angle__gt=1.5)
    print(f"{len(wide)} of {len(project)} runs have an angle above 1.5")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
