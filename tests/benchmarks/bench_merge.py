"""What sharing costs: merging two projects of states, beside ``cp`` and ``fsync`` of the bytes moved; extracting a run.

``--mib`` is the size of each of two projects with states that cannot be compressed. One is merged into a copy of the
other, in turn with copying a file of that size and syncing it. ``--runs`` is the number of runs of a project from which
one run is extracted, and which is merged whole into an empty one. Prints JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import aerchive
from aerchive.models.config import RunConfig
from aerchive.models.status import RunStatus
from aerchive.project.documents.draft import RunDraft
from aerchive.storage.chunks.drafts import DatasetDraft, text_dataset
from aerchive.times import from_microseconds
from tests.benchmarks.measuring import Figures, settle, spread

_MIB = 1024 * 1024
_STATE_BYTES = 16 * _MIB
_BEGIN_US = 1_764_547_200_000_000


def draft_of(number: int, state_bytes: int = 0) -> RunDraft:
    """A run with a state of random numbers, or a small one."""
    datasets = {"result": text_dataset(b'{"number":%d}' % number)}
    if state_bytes:
        values = np.random.default_rng(number).bytes(state_bytes)
        attributes = {"encoding": "array", "encoding_version": 1, "kind": "array", "dtype": "<f8"}
        datasets["array"] = DatasetDraft([np.frombuffer(values, "<f8")], attributes=attributes)
    return RunDraft(
        job_id=f"job-{number:08d}",
        created=from_microseconds(_BEGIN_US + number * 1000),
        config=RunConfig(backend_name="aer_simulator", options={"shots": 1000}),
        status=RunStatus(outcome="ok", seconds=0.5),
        datasets=datasets,
        nbytes=sum(one.nbytes for one in datasets.values()),
        run_uuid=str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))),
    )


def make(path: Path, first: int, number: int, state_bytes: int = 0) -> None:
    project = aerchive.open(path, compression="none")
    batch = 1 if state_bytes else 1000
    for start in range(first, first + number, batch):
        drafts = (draft_of(one, state_bytes) for one in range(start, min(start + batch, first + number)))
        project.archive_together([dataclasses.replace(one) for one in drafts])


def seconds(action: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def copy_synced(source: Path, target: Path) -> None:
    subprocess.run(["cp", "--reflink=never", source, target], check=True)
    fd = os.open(target, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


MERGE = """
import resource, sys, time
import aerchive
project = aerchive.open(sys.argv[1])
begun = time.perf_counter()
report = project.merge(sys.argv[2])
print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, report.added)
"""


def merged(target: Path, other: Path) -> tuple[float, int]:
    """Seconds of a merge in a process of its own, and its peak of memory in KiB."""
    environment = os.environ | {"AERCHIVE_VET": "off"}
    answer = subprocess.run(
        [sys.executable, "-c", MERGE, target, other], check=True, capture_output=True, text=True, env=environment
    )
    took, peak, _ = answer.stdout.split()
    return float(took), int(peak)


def states(folder: Path, mib: int, repetitions: int) -> Figures:
    one, other = folder / "one.h5", folder / "other.h5"
    number = max(1, mib * _MIB // _STATE_BYTES)
    make(one, 0, number, _STATE_BYTES)
    make(other, number, number, _STATE_BYTES)
    nbytes = other.stat().st_size
    copies, merges, peaks = [], [], []
    for _ in range(repetitions):
        target, copy = folder / "target.h5", folder / "copy"
        copy_synced(one, target)
        settle(folder)
        copies.append(seconds(lambda: copy_synced(other, copy)))  # noqa: B023
        copy.unlink()
        settle(folder)
        took, peak = merged(target, other)
        merges.append(took)
        peaks.append(peak // 1024)
        target.unlink()
    share = [copy / merge for copy, merge in zip(copies, merges, strict=True)]
    rate = [nbytes / merge / _MIB for merge in merges]
    return {
        "mib": nbytes // _MIB,
        "cp and fsync, s": spread(copies),
        "merge, s": spread(merges),
        "MiB/s": spread(rate),
        "share of cp and fsync": spread(share),
        "peak, MiB": max(peaks),
    }


def small_runs(folder: Path, runs: int, repetitions: int) -> Figures:
    path = folder / "many.h5"
    make(path, 0, runs)
    project = aerchive.open(path, "r")
    len(project)
    job = f"job-{runs // 2:08d}"
    extracts, cold = [], []
    script = "import sys, time, aerchive; begun = time.perf_counter(); "
    script += "aerchive.open(sys.argv[1], 'r').extract(sys.argv[2], job_id=sys.argv[3]); "
    script += "print(time.perf_counter() - begun)"
    for number in range(repetitions):
        target = folder / f"one-{number}.h5"
        extracts.append(seconds(lambda: project.extract(target, job_id=job)))  # noqa: B023
        target.unlink()
        answer = subprocess.run(
            [sys.executable, "-c", script, path, target, job], check=True, capture_output=True, text=True
        )
        cold.append(float(answer.stdout))
    took, peak = merged(folder / "new.h5", path)
    again, _ = merged(folder / "new.h5", path)
    return {
        "runs": runs,
        "extract of one, same process, s": spread(extracts),
        "extract of one, new process, s": spread(cold),
        "merge into an empty project, ms a run": round(1000 * took / runs, 2),
        "merge of what is there, ms a run": round(1000 * again / runs, 2),
        "peak, MiB": peak // 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    found: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        if options.mib:
            found["states"] = states(Path(folder), options.mib, options.repetitions)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        if options.runs:
            found["small runs"] = small_runs(Path(folder), options.runs, options.repetitions)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
