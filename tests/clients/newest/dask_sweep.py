"""dask: a sweep in processes, in threads and in the main thread."""

import dask
from exact import tell
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
    tasks = [dask.delayed(sampled)(n / 10) for n in range(4)]
    kinds = ("processes", "threads", "synchronous")
    tell(**{kind: list(dask.compute(*tasks, scheduler=kind, num_workers=2)) for kind in kinds})
