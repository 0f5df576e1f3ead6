"""What saving and finding cost while a project grows from a thousand runs to a hundred thousand.

The project is filled in transactions with small Results made by hand, each with a circuit of its own. At each size: how
many a second went in, what a single durable commit costs, in this process and as the first one of another, and what a
list, a count, a filter and a look-up cost, in this process and in a fresh one. Medians; on a busy machine look at
processor time. The long task, ten minutes: ``python3 tests/benchmarks/bench_catalogue.py --runs 100000``.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from qiskit import QuantumCircuit
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

import aerchive

BATCH = 500
SINGLE = 30
REPEATS = 5
DAY = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
METHODS = ("statevector", "stabilizer", "density_matrix")

FRESH = """
import sys, time
import h5py
begun, work = time.perf_counter(), time.process_time()
import aerchive
project = aerchive.open(sys.argv[1], "r")
text = repr(project.jobs(limit=10))
print(1000 * (time.perf_counter() - begun), 1000 * (time.process_time() - work))
assert "qiskit" not in sys.modules and len(text.splitlines()) == 12
"""

FIRST_COMMIT = """
import sys, time
sys.argv[2:], number = [], int(sys.argv[2])
import tests.benchmarks.bench_catalogue as bench
import aerchive
project, job = aerchive.open(sys.argv[1]), bench.made(number)
begun, work = time.perf_counter(), time.process_time()
project.save(job[0], circuits=job[1])
print(1000 * (time.perf_counter() - begun), 1000 * (time.process_time() - work))
"""


class Cost(NamedTuple):
    """Milliseconds: on the clock, and of the processor."""

    wall: float
    work: float

    def __str__(self) -> str:
        return f"{self.wall:.1f} ({self.work:.1f})"


def made(number: int) -> tuple[Result, QuantumCircuit]:
    """A small job: all of it follows from its number."""
    circuit = QuantumCircuit(2, 2, name="bell")
    circuit.ry(number / 1000, 0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    experiment = ExperimentResult(
        100,
        number % 50 != 0,
        ExperimentResultData(counts={"0x0": 50 - number % 7, "0x3": 50 + number % 7}),
        header={"name": "bell", "memory_slots": 2, "creg_sizes": [["c", 2]]},
        seed_simulator=number,
        metadata={"method": METHODS[number % 3]},
    )
    result = Result(
        backend_name="aer_simulator",
        backend_version="0.17",
        job_id=f"{number:08x}-0000-4000-8000-000000000000",
        success=number % 50 != 0,
        results=[experiment],
        date=(DAY + datetime.timedelta(seconds=number)).isoformat(),
    )
    return result, circuit


def timed(action: Callable[[], Any]) -> Cost:
    begun, work = time.perf_counter(), time.process_time()
    action()
    return Cost(1000 * (time.perf_counter() - begun), 1000 * (time.process_time() - work))


def median(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(c.wall for c in costs), statistics.median(c.work for c in costs))


def elsewhere(script: str, *arguments: object) -> Cost:
    """What a script in a process of its own says of itself."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in (os.getcwd(), *sys.path) if path)}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    wall, work = done.stdout.split()
    return Cost(float(wall), float(work))


def sizes(most: int) -> Iterator[int]:
    size = 1000
    while size < most:
        yield size
        size = 3 * size if str(size)[0] == "1" else 10 * size // 3
    yield most


def fill(project: aerchive.Project, first: int, stop: int) -> Cost:
    """Saves jobs, `BATCH` in a transaction; the cost of each."""

    def save() -> None:
        for start in range(first, stop, BATCH):
            with project.transaction():
                for number in range(start, min(start + BATCH, stop)):
                    result, circuit = made(number)
                    project.save(result, circuits=circuit, tags=["vqe", f"t{number % 10}"], params={"x": number / 1000})

    cost = timed(save)
    return Cost(cost.wall / (stop - first), cost.work / (stop - first))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, help="the largest project (default 10000)")
    parser.add_argument("--folder", type=Path, help="where the project is made; by default a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        path = Path(name) / "many.h5"
        project = aerchive.open(path)
        project.save(*made(10**7 - 1)[:1])
        single = 10**7
        filled = 0
        head = (
            "runs",
            "saved together, each",
            "runs a second",
            "runs a second of processor time",
            "bytes a run",
            "commit",
            "first commit of a process",
            "fresh: open, list 10",
            "list 10",
            "count by status",
            "filter method, qubits",
            "look up an id",
        )
        print(f"milliseconds on the clock (of the processor), medians; {datetime.datetime.now():%Y-%m-%d}")
        print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}", flush=True)
        for size in sizes(options.runs):
            before = path.stat().st_size
            each = fill(project, filled, size)
            grown = (path.stat().st_size - before) / (size - filled)
            filled = size
            commits = []
            for number in range(single, single + SINGLE):
                result, circuit = made(number)
                commits.append(timed(lambda r=result, c=circuit: project.save(r, circuits=c)))
            first = [elsewhere(FIRST_COMMIT, path, single + SINGLE + i) for i in range(3)]
            single += SINGLE + 3
            fresh = [elsewhere(FRESH, path) for _ in range(REPEATS)]
            wanted = f"{size // 2:08x}-0000-4000-8000-000000000000"
            questions: tuple[Callable[[], Any], ...] = (
                lambda: repr(project.jobs(limit=10)),
                lambda: project.count_by("outcome"),
                lambda: project.count(method="statevector", num_qubits__ge=2),
                lambda wanted=wanted: project[wanted],
            )
            costs = [median([timed(question) for _ in range(REPEATS)]) for question in questions]
            rates = (f"{1000 / each.wall:.0f}", f"{1000 / each.work:.0f}", f"{grown:,.0f}")
            row = (size, each, *rates, *map(median, (commits, first, fresh)), *costs)
            print(f"| {' | '.join(map(str, row))} |", flush=True)
        assert project.count(outcome="failed") >= options.runs // 50


if __name__ == "__main__":
    main()
