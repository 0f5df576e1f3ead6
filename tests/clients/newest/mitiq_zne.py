"""mitiq: zero-noise extrapolation and dynamical decoupling, with values from a noisy simulator."""

import numpy as np
from exact import tell
from mitiq import ddd, zne
from qiskit import QuantumCircuit, transpile
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

noise = NoiseModel()
noise.add_all_qubit_quantum_error(depolarizing_error(0.02, 2), ["cx"])
backend = AerSimulator(noise_model=noise, seed_simulator=4)


def execute(circuit: QuantumCircuit) -> float:
    """The probability of zeros."""
    measured = circuit.copy()
    measured.measure_all()
    counts = backend.run(transpile(measured, backend, optimization_level=0), shots=1000).result().get_counts()
    return float(counts.get("00", 0) / 1000)


circuit = QuantumCircuit(2)
for _ in range(6):
    circuit.cx(0, 1)
factory = zne.inference.LinearFactory([1, 3, 5])
np.random.seed(2)
tell(
    plain=execute(circuit),
    extrapolated=float(zne.execute_with_zne(circuit, execute, factory=factory)),
    decoupled=float(ddd.execute_with_ddd(circuit, execute, rule=ddd.rules.xx)),
)
