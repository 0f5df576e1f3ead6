"""Projects for the web page: ``python -m tests.view.projects small|many|state FILE``.

``small`` has runs of most kinds, and names that a stranger could choose. ``many`` has a hundred thousand small runs of
a study, made without simulating. ``state`` has one state of 28 qubits, or as many as ``--number`` says.
"""

from __future__ import annotations

import argparse
import datetime
import math
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

import aerchive
from tests.jobs import make_result, run_stock
from tests.viewers import varied

HOSTILE_NAMES = (
    "../x",
    "<script>alert(1)</script>",
    "\u202egnp.exe",
    "two\nlines",
    "n" * 300,
    "../" * 60 + "etc/passwd",
    "a\"b'c&d",
    "ψ and 😀",
    "nul\0byte",
    "~YQ",
    "..",
)
"""Names that a stranger could give to runs, tags and parameters."""
STORIES = (
    "bell",
    "registers",
    "state",
    "density",
    "unitary",
    "superop",
    "sweep",
    "noisy",
    "failed",
    "snapshots",
    "matrix",
)
_BATCH = 1000
_FIRST_DAY = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def small(path: Path) -> aerchive.Project:
    """A project with runs of most kinds: counts, memory, states, a failure, a sweep, and hostile names."""
    project = varied.make(path, STORIES)
    hostile(project)
    return project


def hostile(project: aerchive.Project) -> None:
    """Saves runs with names, tags, parameters and labels that a stranger could choose."""
    with project.transaction():
        for number, name in enumerate(HOSTILE_NAMES):
            project.save(
                make_result(f"hostile-{number}" if number else "../hostile", counts={"0x1": 7, "0x2": 3}),
                name=name,
                tags=[name],
                notes=name,
                params={name: number, "value": [math.nan, math.inf, name, number][number % 4]},
            )
        long = run_stock(shots=10)
        project.save(long, name="seed", params={"seed": 2**64 - 1, "big": 2**70, "list": [1.0, math.nan]})


def many(path: Path, number: int = 100_000) -> aerchive.Project:
    """A project with many runs of a study of two parameters, each with counts and an energy; nothing is simulated."""
    project = aerchive.open(path)
    circuits = [_ansatz(layers) for layers in range(1, 6)]
    for first in range(0, number, _BATCH):
        with project.transaction():
            for one in range(first, min(first + _BATCH, number)):
                _save_point(project, one, circuits)
    return project


def _ansatz(layers: int) -> QuantumCircuit:
    circuit = QuantumCircuit(4, 4, name=f"ansatz_{layers}")
    for _ in range(layers):
        circuit.rx(0.3, range(4))
        circuit.cx([0, 1, 2], [1, 2, 3])
    circuit.measure(range(4), range(4))
    return circuit


def _save_point(project: aerchive.Project, number: int, circuits: list[QuantumCircuit]) -> None:
    """Saves a run of which all follows from its number."""
    chance = random.Random(number)
    distance, layers = round(0.4 + 0.01 * (number % 200), 2), 1 + number // 200 % 5
    is_good, zeros = number % 97 != 0, chance.randrange(300, 700)
    energy = -1.1 + (distance - 0.74) ** 2 + chance.gauss(0, 0.01) / layers
    data = {"counts": {"0x0": zeros, "0xf": 1000 - zeros}, "energy": energy} if is_good else {}
    header = {"name": f"ansatz_{layers}", "memory_slots": 4, "creg_sizes": [["c", 4]]}
    experiment = ExperimentResult(
        1000,
        is_good,
        ExperimentResultData(**data),
        header=header,
        status="DONE" if is_good else "ERROR: the simulator ran out of memory at this point",
        seed_simulator=number,
        metadata={"method": "statevector"},
    )
    result = Result(
        backend_name="aer_simulator",
        backend_version="0.17",
        job_id=f"{number:08x}-0000-4000-8000-{chance.getrandbits(48):012x}",
        success=is_good,
        results=[experiment],
        date=(_FIRST_DAY + datetime.timedelta(minutes=3.7 * number)).isoformat(),
        status="COMPLETED" if is_good else "ERROR",
        time_taken=chance.lognormvariate(-4, 1),
    )
    project.save(
        result,
        circuits=circuits[layers - 1],
        name=f"point {number}",
        tags=["vqe", *(["keep"] if number % 13 == 0 else [])],
        params={"distance": distance, "layers": layers, "optimizer": ("SPSA", "COBYLA")[number % 2]},
    )


def state(path: Path, qubits: int = 28) -> aerchive.Project:
    """A project with one dense state: amplitudes with peaks, and a phase that turns."""
    project = aerchive.open(path)
    index = np.arange(2**qubits, dtype=np.float64)
    values = np.exp(2j * np.pi * index / 2 ** (qubits - 3))
    values *= 0.05 + np.exp(-(((index / 2**qubits - 0.3) / 0.05) ** 2))
    values /= np.linalg.norm(values)
    del index
    project.save(make_result("state", statevector=Statevector(values)), name=f"{qubits} qubits", compression="none")
    return project


def main() -> None:
    """Makes a project."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["small", "many", "state"])
    parser.add_argument("path", type=Path, metavar="FILE")
    parser.add_argument("--number", type=int, help="the number of runs, or of qubits")
    given = parser.parse_args()
    makers: dict[str, Callable[..., aerchive.Project]] = {"small": small, "many": many, "state": state}
    makers[given.kind](given.path, *([] if given.number is None else [given.number]))


if __name__ == "__main__":
    main()
