"""joblib: a sweep in two worker processes, each of which runs Aer."""

from exact import tell
from joblib import Parallel, delayed
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator


def sampled(angle: float) -> dict[str, int]:
    """The counts of one rotation."""
    circuit = QuantumCircuit(1)
    circuit.ry(angle, 0)
    circuit.measure_all()
    counts: dict[str, int] = AerSimulator(seed_simulator=5).run(circuit, shots=200).result().get_counts()
    return counts


if __name__ == "__main__":
    tell(counts=Parallel(n_jobs=2)(delayed(sampled)(n / 10) for n in range(8)))
