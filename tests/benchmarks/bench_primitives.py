"""What archiving adds to the job of a primitive: one pub of two qubits, with the switch `autosave` and without.

All ways take turns in one process, each in another order than before. Printed are the medians of the processor time of
all threads and of the time on the clock, from ``run`` to the end of ``result``, and what each way takes more than the
stock way before it, as the median of the differences within a round.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import qiskit_aer
import qiskit_aer.primitives
from qiskit import QuantumCircuit

import aerchive
from aerchive.aer import AerSimulator, SamplerV2
from tests.benchmarks.measuring import rotated

_BASE = {
    "stock sampler, autosave": "stock sampler",
    "stock sampler over aerchive's simulator": "stock sampler",
    "aerchive's sampler": "stock sampler",
    "backend.run, autosave": "backend.run",
}
"""The ways that archive, and the stock ways with which they are compared."""


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def ways(folder: Path) -> dict[str, Callable[[], Any]]:
    """The ways to run a job, by name."""
    circuit, simulator = bell(), qiskit_aer.AerSimulator(seed_simulator=1)
    stock = qiskit_aer.primitives.SamplerV2(seed=1)
    over = qiskit_aer.primitives.SamplerV2.from_backend(AerSimulator(project=folder / "over.h5"), seed=1)
    ours = SamplerV2(project=folder / "ours.h5", seed=1)

    def sampled(sampler: Any) -> None:
        sampler.run([circuit], shots=100).result()

    def run() -> None:
        simulator.run(circuit, shots=100, memory=True).result()

    return {
        "stock sampler": lambda: sampled(stock),
        "stock sampler, autosave": lambda: sampled(stock),
        "stock sampler over aerchive's simulator": lambda: sampled(over),
        "aerchive's sampler": lambda: sampled(ours),
        "backend.run": run,
        "backend.run, autosave": run,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=60)
    asked = parser.parse_args()
    times: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        todo = ways(Path(name))
        for turn in range(asked.repetitions + 1):
            for way, action in rotated(todo, turn):
                switch = aerchive.autosave(Path(name) / f"{way[:5]}.h5") if way.endswith("autosave") else None
                begun = time.process_time(), time.perf_counter()
                action()
                took = 1000 * (time.process_time() - begun[0]), 1000 * (time.perf_counter() - begun[1])
                if switch is not None:
                    switch.stop()
                if turn:
                    times.setdefault(way, []).append(took)
    print("| ms | processor | more | clock | more |\n|---|---|---|---|---|")
    for way in todo:
        cells = []
        for kind in (0, 1):
            cells.append(f"{statistics.median(took[kind] for took in times[way]):.1f}")
            pairs = zip(times[way], times[_BASE.get(way, way)], strict=True)
            more = statistics.median(one[kind] - base[kind] for one, base in pairs)
            cells.append(f"{more:.1f}" if way in _BASE else "")
        print(f"| {way} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
