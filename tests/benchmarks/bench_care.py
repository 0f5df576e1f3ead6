"""What looking after a project costs for each tiny run: verify, compact and space, beside a walk with plain h5py.

Processor time of this process and its threads, in milliseconds a run; the walk reads every attribute and dataset of the
same nodes once. The ways take turns. Prints a table. ``--file`` keeps the project for the next time.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import qiskit_aer
from qiskit import QuantumCircuit

import aerchive

BATCH = 2000


def make(path: Path, runs: int) -> None:
    """Real results of Aer: one job, archived again and again under new ids."""
    circuit = QuantumCircuit(2, 2, name="bell")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    job = qiskit_aer.AerSimulator(seed_simulator=1).run(circuit, shots=100)
    result = job.result()
    project = aerchive.open(path)
    for first in range(0, runs, BATCH):
        with project.transaction():
            for number in range(first, min(first + BATCH, runs)):
                job._job_id = result.job_id = str(uuid.uuid4())
                project.save(job, name=f"run {number}", tags="scan", params={"theta": number / 10})


def walk(path: Path) -> None:
    with h5py.File(path) as file:

        def look(_name: str, node: Any) -> None:
            dict(node.attrs)
            if isinstance(node, h5py.Dataset):
                node[()]

        file["runs"].visititems(look)


def compact(path: Path) -> None:
    copy = path.with_name("compacted.h5")
    shutil.copy(path, copy)
    try:
        aerchive.open(copy).compact(force=True)
    finally:
        copy.unlink()


def milliseconds(action: Callable[[], Any], runs: int) -> float:
    begun = time.process_time()
    action()
    return 1000 * (time.process_time() - begun) / runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--file", type=Path, help="the project, made if it is missing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or Path(folder) / "project.h5"
        if not path.exists():
            make(path, options.runs)
        project = aerchive.open(path, "r")
        runs = len(project)
        ways: dict[str, Callable[[], Any]] = {
            "plain h5py walk": lambda: walk(path),
            "verify": project.verify,
            "compact": lambda: compact(path),
            "space": project.space,
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(options.repetitions):
            for way, action in ways.items():
                times[way].append(milliseconds(action, runs))
    base = statistics.median(times["plain h5py walk"])
    print(f"{runs} runs\n{'':20} {'median ms a run':>16} {'of the walk':>12}")
    for way, values in times.items():
        print(f"{way:20} {statistics.median(values):16.2f} {statistics.median(values) / base:12.2f}")


if __name__ == "__main__":
    main()
