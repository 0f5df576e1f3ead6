"""What it costs to look at a project on another machine: requests, bytes and time, cold and warm.

A project of 2,000 runs, one of them with a state of 20 qubits, each run in a commit of its own, or many in a commit. A
fresh process lists the runs, reads the counts of the last run and a slice of the state, from nginx over https; ``--s3``
takes the gateway of Ceph as well. Bytes beyond what was asked for are those of all answers without the catalogue (592
bytes a run) and the chunk with the slice. ``python3 tests/benchmarks/bench_remote.py``, some minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import aerchive
from tests.storage.remote.nginx_server import nginx_server
from tests.storage.remote.s3_server import s3_server

ROW = 592
TOGETHER = {"each": 1, "batch": 100}
DAY = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

LOOK = """
import json, sys, time
begun = time.perf_counter()
import h5py, aerchive
from aerchive.storage.medium.trace import record_reads
from aerchive.storage.remote.opening import fetched_of
steps, started = {}, time.perf_counter()

def step(name):
    global started
    now = time.perf_counter()
    steps[name] = [round(1000 * (now - started), 1), *fetched_of(project.path).fetched]
    started = time.perf_counter()

project = aerchive.open(sys.argv[1])
step("open")
assert len(repr(project.jobs(limit=None)).splitlines()) >= min(int(sys.argv[2]), 60)
step("list")
assert project[-2].counts()
step("last counts")
array = project["large"].array()
with record_reads() as log:
    assert array[5:100].size
step("slice")
print(json.dumps([steps, max(length for _, length in log.extents)]))
"""


def fill(path: Path, runs: int, qubits: int, *, together: int) -> None:
    """Makes a project.

    Args:
        path: The file.
        runs: Number of runs.
        qubits: Number of qubits of the state.
        together: Number of runs in a commit.
    """
    project = aerchive.open(path)
    for first in range(0, runs, together):
        with project.transaction():
            for number in range(first, min(first + together, runs)):
                project.save(made(number, qubits if number == runs // 2 else 0), name="large" * (number == runs // 2))


def made(number: int, qubits: int) -> Result:
    """A small result, or one with a state."""
    data: dict[str, Any] = {"counts": {"0x0": 50 - number % 7, "0x3": 50 + number % 7}}
    if qubits:
        phases = np.random.default_rng(number).normal(size=2**qubits)
        data["statevector"] = np.exp(1j * phases) / 2 ** (qubits / 2)
    header = {"name": "bell", "memory_slots": 2, "creg_sizes": [["c", 2]]}
    one = ExperimentResult(100, True, ExperimentResultData(**data), header=header, seed_simulator=number)
    return Result(
        backend_name="aer_simulator",
        job_id=f"{number:08x}-0000-4000-8000-000000000000",
        success=True,
        results=[one],
        date=DAY + datetime.timedelta(seconds=number),
    )


def looked(url: str, runs: int, environment: dict[str, str]) -> tuple[dict[str, list[float]], int]:
    """What a fresh process needed: milliseconds, requests and bytes so far, by step; and the size of the chunk."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, url, str(runs)],
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    steps, chunk = json.loads(done.stdout.splitlines()[-1])
    return steps, chunk


Place = tuple[str, Callable[[str], str], dict[str, str]]


@contextlib.contextmanager
def places(folder: Path, *, s3: bool) -> Iterator[list[Place]]:
    """The servers, each with the URL of a file by its name, and variables for the reader."""
    with contextlib.ExitStack() as stack:
        nginx = stack.enter_context(nginx_server(folder))
        found: list[Place] = [("nginx", lambda name: f"{nginx.url}/{name}", {"SSL_CERT_FILE": str(nginx.certificate)})]
        if s3:
            import s3fs

            server = stack.enter_context(s3_server())
            os.environ.update(server.environment)
            system = s3fs.S3FileSystem()
            system.mkdir("lab")
            for path in folder.glob("*.h5"):
                system.put(str(path), f"lab/{path.name}")
            found.append(("S3", lambda name: f"s3://lab/{name}", server.environment))
        yield found


def main(arguments: list[str] | None = None) -> None:
    """Makes the projects, looks at them, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--qubits", type=int, default=20)
    parser.add_argument("--s3", action="store_true")
    parser.add_argument("--commits", nargs="+", choices=TOGETHER, default=[*TOGETHER])
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in given.commits:
            fill(folder / f"{kind}.h5", given.runs, given.qubits, together=TOGETHER[kind])
        print("| server, commits | step | ms cold | ms warm | requests | bytes | beyond, MiB |")
        print("|---|---|---|---|---|---|---|")
        with places(folder, s3=given.s3) as servers:
            for server, url_of, environment in servers:
                for kind in given.commits:
                    cache = {"AERCHIVE_REMOTE_CACHE": str(folder / f"cache-{server}-{kind}"), "AERCHIVE_VET": "always"}
                    cold, chunk = looked(url_of(f"{kind}.h5"), given.runs, environment | cache)
                    warm, _ = looked(url_of(f"{kind}.h5"), given.runs, environment | cache)
                    for step, (ms, requests, nbytes) in cold.items():
                        asked = (given.runs * ROW if step != "open" else 0) + (chunk if step == "slice" else 0)
                        beyond = f"{(nbytes - asked) / 2**20:.2f}" if step == "slice" else ""
                        line = server, kind, step, ms, warm[step][0], requests, nbytes, beyond
                        print("| {}, {} | {} | {:.0f} | {:.0f} | {} | {:,} | {} |".format(*line), flush=True)


if __name__ == "__main__":
    main()
