"""The energy of QAOA over its two angles, as a table and a figure: python variational_landscape.py [folder [50 40]]."""

import sys
from pathlib import Path

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

import aerchive
from aerchive.aer import AerSimulator

RING = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)]
COST = SparsePauliOp.from_sparse_list([("ZZ", edge, 1) for edge in RING], num_qubits=6)


def qaoa(gamma: float, beta: float) -> QuantumCircuit:
    circuit = QuantumCircuit(6)
    circuit.h(range(6))
    for edge in RING:
        circuit.rzz(2 * gamma, *edge)
    circuit.rx(2 * beta, range(6))
    circuit.save_expectation_value(COST, range(6), label="energy")
    return circuit


def main(folder: Path, gammas: int = 50, betas: int = 40) -> None:
    project = aerchive.open(folder / "landscape.h5", durability="batch")
    simulator = AerSimulator(project=project, method="statevector")
    grid = {"gamma": np.linspace(0, np.pi, gammas), "beta": np.linspace(0, np.pi / 2, betas)}
    # The same lines start the scan, and go on with it after it was stopped.
    for point in project.missing(grid).to_dict("records"):
        simulator.run(qaoa(**point), params=point).result()

    table = project.table(["gamma", "beta"], "energy")
    print(table.loc[table["energy"].idxmin()])
    landscape = project.table(["gamma", "beta"], "energy", kind="xarray")
    landscape["energy"].plot().figure.savefig(folder / "landscape.png")
    project.figure_data(table, folder / "landscape.csv")


if __name__ == "__main__":
    folder, *sizes = sys.argv[1:] or ["."]
    main(Path(folder), *map(int, sizes))
