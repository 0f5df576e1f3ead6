"""The long crash tests, with figures: ``python3 tests/crash/long.py --states 10000 --kills 1000 --interrupts 500``.

Prints a line for each part and, at the end, all figures as JSON. The exit code is 0 if nothing was wrong.
"""

from __future__ import annotations

import argparse
import collections
import errno
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from aerchive.testing.disks import FailingDisk, crash_states
from tests.concurrency.crowds import crowd
from tests.crash import copies
from tests.crash.compactions import READS, WRITES, failing, faults_at, kills_at
from tests.crash.flips import damaged_project
from tests.crash.folders import memory_folder
from tests.crash.matrix import Matrix
from tests.crash.test_faults import EVERY_WAY, base_content, died_after_faults, faults_at_each_call
from tests.crash.test_kill import storm
from tests.crash.workloads import record, workloads

SHOWN = 5
"""Problems of one part that are printed."""


def states(number: int, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """At least so many crash states, those in recovery included, over all workloads and with one seed after another."""
    figures: collections.Counter[str] = collections.Counter()
    problems: list[str] = []
    seed = 0
    while figures["states"] + figures["states in recovery"] < number:
        for workload in workloads():
            recording = record(workload, folder / "recorded")
            matrix = Matrix(recording, folder, seed=seed, dear=0.05 if workload.name != "large" else 0.02)
            for state in crash_states(recording.initial, recording.log, torn=3, power=4, seed=seed):
                try:
                    matrix.check(state)
                except AssertionError as error:
                    problems.append(str(error))
            figures += matrix.figures
            print(f"  {workload.name}, seed {seed}: {matrix.figures['states']} states", file=sys.stderr, flush=True)
        seed += 1
    return dict(figures) | {"bad": len(problems)}, problems


def faults(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Each commit, each kind of fault, once and for good, at each call."""
    base = base_content(folder / "base.h5")
    figures: collections.Counter[str] = collections.Counter()
    problems = []
    for name, sticky, kind in EVERY_WAY:
        outcomes, wrong = faults_at_each_call(name, sticky, kind, base, folder)
        figures += outcomes
        problems += [f"{name}, {kind}, {'sticky' if sticky else 'once'}: {what}" for what in wrong]
    for sticky in (False, True):
        died = died_after_faults(folder, sticky=sticky)
        (folder / "project.h5").unlink()
        problems += [] if died == "[]" else [f"the interpreter ended badly: {died}"]
    return dict(figures) | {"bad": len(problems)}, problems


def kills(number: int) -> tuple[dict[str, Any], list[str]]:
    """Half of them on the disk as it is, a tenth on a slow one, the rest without waiting for syncs."""
    return _storms(
        [
            ("kill", number // 2),
            ("kill", number // 10, "--pause", 0.002),
            ("kill", number - number // 2 - number // 10, "--unsynced"),
        ]
    )


def interrupts(number: int) -> tuple[dict[str, Any], list[str]]:
    return _storms([("interrupt", number)])


def _storms(parts: list[tuple[object, ...]]) -> tuple[dict[str, Any], list[str]]:
    figures: collections.Counter[str] = collections.Counter()
    problems = []
    for seed, part in enumerate(parts):
        try:
            figures += collections.Counter(storm(*part, "--seed", seed, timeout_s=3600))
        except AssertionError as error:
            problems.append(f"{part}: {error}")
    return dict(figures) | {"bad": len(problems)}, problems


def compactions(number: int, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Killed at each call, with a fault at each call, and killed in the middle of what others do so many times."""
    figures: collections.Counter[str] = collections.Counter()
    problems: list[str] = []
    try:
        figures += collections.Counter(kills_at(_folder(folder, "kills")))
    except AssertionError as error:
        problems.append(str(error))
    disks = [(failing(kind, sticky=sticky), WRITES) for kind in (errno.EIO, errno.ENOSPC) for sticky in (False, True)]
    for disk, only in [*disks, (lambda nth: FailingDisk(nth, only=READS), READS)]:
        done, wrong = faults_at(_folder(folder, "faults"), disk, only)
        figures["faults"] += done
        problems += wrong
    storms, more = _storms([("compact", number)])
    return dict(figures + collections.Counter(storms)) | {"bad": len(problems) + len(more)}, problems + more


def _folder(parent: Path, name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=name, dir=parent))


def flips(number: int, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Single bits of a project."""
    figures, problems = damaged_project(folder, number)
    return dict(figures) | {"bad": len(problems)}, problems


def mixtures(number: int, folder: Path, on_disk: Path) -> tuple[dict[str, Any], list[str]]:
    """So many copies made in the middle of commits, and ten times as many that are modelled."""
    figures, problems = copies.tried(copies.copied(_folder(on_disk, "copies"), number))
    others, more = copies.tried(copies.modelled(_folder(folder, "copies"), 10 * number))
    both = collections.Counter(figures) + collections.Counter(others)
    return dict(both) | {"bad": len(problems) + len(more)}, problems + more


def crowds(folder: Path, runs: int) -> tuple[dict[str, Any], list[str]]:
    """8 writers, 4 readers, 1 foreign program."""
    place = folder / "crowd"
    place.mkdir()
    try:
        answers = crowd(place, writers=8, runs=runs, readers=4, intruders=1, timeout_s=3600)
    except AssertionError as error:
        return {"bad": 1}, [str(error)]
    figures: collections.Counter[str] = collections.Counter()
    for answer in answers:
        figures += collections.Counter({k: v for k, v in answer.items() if k != "role" and not k.endswith("_ms")})
    waits = [answer["longest_ms"] for answer in answers if "longest_ms" in answer]
    medians = sorted(answer["median_ms"] for answer in answers if "median_ms" in answer)
    return dict(figures) | {
        "bad": 0,
        "median save in ms": round(medians[len(medians) // 2], 1),
        "longest save in ms": round(max(waits), 1),
    }, []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, default=10_000, help="crash states")
    parser.add_argument("--kills", type=int, default=1_000, help="SIGKILL")
    parser.add_argument("--interrupts", type=int, default=500, help="SIGINT")
    parser.add_argument("--compactions", type=int, default=200, help="SIGKILL for those who compact, and for others")
    parser.add_argument("--flips", type=int, default=10_000, help="changed bits")
    parser.add_argument("--copies", type=int, default=200, help="copies by cp and the like in the middle of commits")
    parser.add_argument("--runs", type=int, default=100, help="of each of 8 writers at once")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=memory_folder()))
    on_disk = Path(tempfile.mkdtemp())
    parts: dict[str, Callable[[], tuple[dict[str, Any], list[str]]]] = {
        "crash states": lambda: states(given.states, folder),
        "faults": lambda: faults(folder),
        "kills": lambda: kills(given.kills),
        "interrupts": lambda: interrupts(given.interrupts),
        "compactions": lambda: compactions(given.compactions, folder),
        "changed bits": lambda: flips(given.flips, folder),
        "copies": lambda: mixtures(given.copies, folder, on_disk),
        "processes": lambda: crowds(on_disk, given.runs),
    }
    report: dict[str, Any] = {}
    bad = 0
    try:
        for name, part in parts.items():
            begun = time.monotonic()
            figures, problems = part()
            figures["seconds"] = round(time.monotonic() - begun, 1)
            print(f"{name}: {', '.join(f'{value} {what}' for what, value in sorted(figures.items()))}", flush=True)
            for problem in problems[:SHOWN]:
                print(f"  WRONG: {problem[:2000]}", flush=True)
            report[name] = figures
            bad += len(problems)
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(on_disk)
    print(json.dumps(report))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
