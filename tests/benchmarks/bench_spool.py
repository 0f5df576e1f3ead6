"""What it costs that each process keeps what is not in the project yet in a file of its own beside the project.

1. Small jobs. Drafts of small runs archived one after another with ``durability="each"`` and ``"batch"``: processor
time
   and wall time of each.
2. Idle processes. A commit and a listing, alone and beside live processes that have run many jobs each and wait.
3. A viewer. A large state is archived while a stock program holds the project, and moved into the project afterwards;
   beside a commit of the same state without a viewer. Seconds, and how much the memory of the process grew at most.
4. A reader. What a process left that was killed is listed and read by a process that may not write.

Uses only what has been there since version 0.1, so that it measures an older checkout, too:
``PYTHONPATH=/path/to/older/src python tests/benchmarks/bench_spool.py``. Medians; processor time where that is said.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2]))

import h5py
import numpy as np

import aerchive
from aerchive.storage.chunks.drafts import DatasetDraft
from tests.drafts import draft_of, job_id, project_at

IDLE = """
import os, sys
from qiskit import QuantumCircuit
from aerchive.aer import AerSimulator
circuit = QuantumCircuit(1, 1)
circuit.h(0)
circuit.measure(0, 0)
for number in range(int(sys.argv[2])):
    done, say = os.pipe()
    if os.fork() == 0:
        simulator = AerSimulator(project=sys.argv[1], durability="exit")
        for _ in range(int(sys.argv[3])):
            simulator.run(circuit, shots=10).result()
        simulator.project.flush()
        os.write(say, b"!")
        sys.stdin.read()
        os._exit(0)
    os.read(done, 1)  # one after another, so that none waits for the lock of the others
print("all", flush=True)
sys.stdin.read()
"""
"""Processes that have run jobs and wait; each is forked before Aer has threads."""


def times(function: Callable[[], Any]) -> tuple[float, float]:
    """Processor time and wall time of a call, in milliseconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    return 1e3 * (time.process_time() - cpu), 1e3 * (time.perf_counter() - wall)


def small_jobs(folder: Path, number: int) -> dict[str, Any]:
    """Milliseconds a job, for both rules."""
    found: dict[str, Any] = {}
    for rule in ("each", "batch"):
        jobs = number if rule == "batch" else max(1, number // 10)
        project = project_at(folder / f"{rule}.h5")
        cpu, wall = times(lambda: [project.archive(draft_of(n), rule) for n in range(jobs)])  # noqa: B023
        more = times(project.flush)
        found[rule] = {"jobs": jobs, "cpu ms": (cpu + more[0]) / jobs, "wall ms": (wall + more[1]) / jobs}
    return found


@contextmanager
def idle_processes(path: Path, number: int, jobs: int) -> Iterator[None]:
    """Live processes that have run jobs."""
    command = [sys.executable, "-c", IDLE, str(path), str(number), str(jobs)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.communicate()


def beside_idle(folder: Path, number: int, jobs: int, commits: int) -> dict[str, Any]:
    """Processor time of a commit and of a listing, alone and beside idle processes."""
    path = folder / "idle.h5"
    next_number = iter(range(10_000_000))

    def measured() -> dict[str, float]:
        project = project_at(path)
        for _ in range(20):  # the first ones read the rows of the other processes
            project.archive(draft_of(next(next_number)))
        commit = [times(lambda: project.archive(draft_of(next(next_number))))[0] for _ in range(commits)]
        listing = [times(lambda: repr(project.jobs(limit=10)))[0] for _ in range(9)]
        return {"commit cpu ms": statistics.median(commit), "listing cpu ms": statistics.median(listing)}

    found: dict[str, Any] = {"processes": number, "jobs each": jobs}
    before = measured()
    with idle_processes(path, number, jobs):
        size = aerchive.open(path).count()
        found["beside"] = measured()
    found["alone"] = measured()  # with as many runs in the project
    found["alone, few runs"] = before
    found["runs"] = size
    found["ratio"] = found["beside"]["commit cpu ms"] / found["alone"]["commit cpu ms"]
    return found


def with_viewer(folder: Path, qubits: int) -> dict[str, Any]:
    """Seconds for a large state, with and without a program that holds the project."""
    state = np.random.default_rng(1).standard_normal(2 ** (qubits + 1)).view(np.complex128)
    state /= np.linalg.norm(state)
    values = {"statevector": DatasetDraft([state], attributes={"encoding": "array", "kind": "statevector"})}

    def large(number: int) -> Any:
        draft = draft_of(number)
        return dataclasses.replace(draft, datasets={**draft.datasets, **values}, objects={}, nbytes=state.nbytes)

    path = folder / "viewer.h5"
    project = project_at(path, lock_timeout_s=0.1)
    project.archive(draft_of(0))
    found: dict[str, Any] = {"qubits": qubits}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found["direct s"] = times(lambda: project.archive(large(1)))[1] / 1e3
    with h5py.File(path, "r"):
        found["held by a viewer s"] = times(lambda: project.archive(large(2)))[1] / 1e3
        found["read in its place s"] = times(lambda: read_start(project, job_id(2)))[1] / 1e3
    found["moved into the project s"] = times(lambda: project.archive(draft_of(3)))[1] / 1e3
    found["memory MiB"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert len(project) == 4
    return found


def read_start(project: Any, job: str) -> None:
    """Reads the first values of a state where it is."""
    run = project[job]
    with run.place.open() as (_, group):
        group.read("statevector", run.record.run_uuid, slice(2))


def read_only(folder: Path, number: int) -> dict[str, Any]:
    """Milliseconds to list what a killed process left, for a reader that moves nothing."""
    path = folder / "reader.h5"
    project_at(path).archive(draft_of(0))
    pid = os.fork()
    if pid == 0:
        project = project_at(path)
        for n in range(1, number + 1):
            project.archive(draft_of(n), "exit")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    reader = project_at(path, "r")
    first = times(lambda: len(reader))[1]
    again = times(lambda: len(reader))[1]
    return {"runs": number, "first listing ms": first, "next listing ms": again}


def main() -> None:
    """Prints the figures, or writes them as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2000, help="small jobs")
    parser.add_argument("--processes", type=int, default=10, help="idle processes")
    parser.add_argument("--jobs-each", type=int, default=200, help="jobs that each of them has run")
    parser.add_argument("--qubits", type=int, default=22, help="of the large state")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=os.environ.get("TMPDIR")))
    try:
        figures = {
            "small jobs": small_jobs(folder, options.jobs),
            "idle processes": beside_idle(folder, options.processes, options.jobs_each, 15),
            "viewer": with_viewer(folder, options.qubits),
            "reader": read_only(folder, min(options.jobs, 2000)),
        }
    finally:
        shutil.rmtree(folder)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    for title, values in figures.items():
        print(title)
        for name, value in values.items():
            print(f"  {name}: {value}")


if __name__ == "__main__":
    main()
