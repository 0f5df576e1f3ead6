"""A spin chain after a quench, with its state at each time: python trotter_evolution.py [folder [16 100]]."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

import aerchive
from aerchive.aer import AerSimulator

J, H, DT = 1.0, 0.7, 0.05


def ising_chain(sites: int, steps: int) -> QuantumCircuit:
    circuit = QuantumCircuit(sites, name="transverse-field Ising chain")
    circuit.x(sites // 2)
    circuit.save_statevector("t0")
    for step in range(1, steps + 1):
        circuit.rzz(-2 * J * DT, range(sites - 1), range(1, sites))
        circuit.rx(-2 * H * DT, range(sites))
        circuit.save_statevector(f"t{step}")
    return circuit


def main(folder: Path, sites: int = 16, steps: int = 100) -> None:
    simulator = AerSimulator(project=folder / "quench.h5", method="statevector")
    simulator.run(ising_chain(sites, steps), params={"J": J, "h": H, "dt": DT}).result()

    states = aerchive.open(folder / "quench.h5").latest(params__h=H).stack("t*")
    z = [SparsePauliOp.from_sparse_list([("Z", [site], 1)], num_qubits=sites) for site in range(sites)]
    magnetisation = states.expectation_values(z)  # (times, sites)
    entropy = states.entropy(range(sites // 2))
    echo = abs(states.inner(states[0])) ** 2
    print(f"{states}: entropy of half the chain at the end {entropy[-1]:.3f} bits, echo {echo[-1]:.3f}")

    times = DT * np.arange(steps + 1)
    _, (upper, lower) = plt.subplots(2, sharex=True)
    upper.pcolormesh(times, range(sites), magnetisation.T)
    lower.plot(times, entropy)
    plt.savefig(folder / "quench.png")


if __name__ == "__main__":
    folder, *sizes = sys.argv[1:] or ["."]
    main(Path(folder), *map(int, sizes))
