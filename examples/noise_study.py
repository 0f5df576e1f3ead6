"""How often a noisy circuit gives the right outcome: python noise_study.py [folder [10 10 20]]."""

import sys
from pathlib import Path

import numpy as np
from qiskit import QuantumCircuit
from qiskit_aer.noise import NoiseModel, depolarizing_error

import aerchive
from aerchive.aer import AerSimulator


def there_and_back(depth: int) -> QuantumCircuit:
    circuit = QuantumCircuit(4)
    for _ in range(depth):
        circuit.ry(0.7, range(4))
        circuit.cx([0, 1, 2], [1, 2, 3])
    circuit.compose(circuit.inverse(), inplace=True)
    circuit.measure_all()
    return circuit


def noise(strength: float) -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(strength, 2), "cx")
    return model


def main(folder: Path, strengths: int = 10, depths: int = 10, seeds: int = 20) -> None:
    project = aerchive.open(folder / "noise.h5", durability="batch")
    simulator = AerSimulator(project=project)
    grid = {"strength": np.linspace(0.001, 0.01, strengths), "depth": range(1, depths + 1), "seed": range(seeds)}
    # The same lines start the study, and go on with it after it was stopped.
    for strength, depth, seed in project.missing(grid).itertuples(index=False):
        circuit, params = there_and_back(depth), {"strength": strength, "depth": depth}
        simulator.run(circuit, noise_model=noise(strength), seed_simulator=seed, shots=1000, params=params).result()

    table = project.table(["strength", "depth", "seed"], ["counts.0000", "shots"])
    table["success"] = table["counts.0000"] / table["shots"]
    success = table.groupby(["strength", "depth"])["success"].agg(["mean", "sem"]).unstack("strength")
    print(success["mean"])
    success["mean"].plot(yerr=success["sem"], ylabel="success probability").figure.savefig(folder / "noise.png")
    project.figure_data(table, folder / "noise.csv")


if __name__ == "__main__":
    folder, *sizes = sys.argv[1:] or ["."]
    main(Path(folder), *map(int, sizes))
