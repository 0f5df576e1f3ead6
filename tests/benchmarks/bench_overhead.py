"""What archiving adds to a job that takes seconds: 20 qubits, many layers, only counts.

Aer alone and `aerchive.aer.AerSimulator` take turns in one process on the same circuit and seed, from ``run`` to the
end of ``result``, when the archived run is durable. The ratio of each round counts.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import qiskit_aer

from aerchive.aer import AerSimulator
from tests.benchmarks.state_families import random_circuit


def to_the_end(simulator: Any, circuit: Any) -> float:
    begun = time.perf_counter()
    simulator.run(circuit, shots=1000).result()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qubits", type=int, default=20)
    parser.add_argument("--layers", type=int, default=250)
    parser.add_argument("--repetitions", type=int, default=9)
    asked = parser.parse_args()
    circuit = random_circuit(asked.qubits, asked.layers)
    circuit.measure_all()
    with tempfile.TemporaryDirectory() as folder:
        simulators = {
            "Aer alone": qiskit_aer.AerSimulator(seed_simulator=1),
            "archived": AerSimulator(seed_simulator=1, project=Path(folder) / "overhead.h5"),
        }
        times: dict[str, list[float]] = {name: [] for name in simulators}
        for turn in range(asked.repetitions + 1):
            for name in sorted(simulators, reverse=bool(turn % 2)):
                took = to_the_end(simulators[name], circuit)
                if turn:
                    times[name].append(took)
    ratios = sorted(b / a for a, b in zip(times["Aer alone"], times["archived"], strict=True))
    for name, values in times.items():
        print(f"{name:10} {statistics.median(values):.3f} s ({min(values):.3f}-{max(values):.3f})")
    print(f"ratio      {statistics.median(ratios):.3f} ({ratios[0]:.3f}-{ratios[-1]:.3f})")


if __name__ == "__main__":
    main()
