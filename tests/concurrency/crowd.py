"""What the processes of a crowd do to one project: write, read, compact, and be a program that never heard of aerchive.

Each is a process of its own: ``python -m tests.concurrency.crowd ROLE PATH NUMBER COUNT STOP``. A role that
finds anything wrong fails; each prints its figures as JSON.
"""

from __future__ import annotations

import collections
import json
import random
import sys
import time
import warnings
from collections.abc import Iterable
from pathlib import Path

import h5py

from aerchive.errors import ProjectLockedError
from aerchive.models.catalogue import row_text
from aerchive.project.documents.draft import RunDraft
from aerchive.project.project import Project
from aerchive.project.run import Run
from tests.drafts import Model, draft_of, model_of, project_at
from tests.views import project_view, stock_values

WRITER_NUMBERS = 1000
"""Runs of one writer begin at a multiple of this."""
LOCK_TIMEOUT_S = 60.0
PAUSE_S = 0.02
"""Between two looks; a program that never closes the file is another test's subject."""
LEAST = 4
"""So often everybody gets in before it stops, however late it came or slow the machine is."""
SOME = 4
"""Runs that a reader reads of each state."""


def number_of(job: str) -> int:
    return int(job.removeprefix("job-"))


def draft_for(number: int) -> RunDraft:
    return draft_of(number, extra_bytes=50_000 if number % 10 == 3 else 0, day=20 + number % 3)


def write(path: Path, number: int, count: int, _stop: Path) -> dict[str, float]:
    """Saves runs; all must go into the project itself."""
    project = project_at(path, lock_timeout_s=LOCK_TIMEOUT_S)
    waits = []
    for at in range(count):
        draft = draft_for(number * WRITER_NUMBERS + at)
        begun = time.monotonic()
        project.archive(draft)
        waits.append(time.monotonic() - begun)
    waits.sort()
    return {"saved": count, "median_ms": 1000 * waits[count // 2], "longest_ms": 1000 * waits[-1]}


def read(path: Path, _number: int, _count: int, stop: Path) -> dict[str, float]:
    """Reads everything, again and again: runs only become more, and each is what was saved."""
    figures: collections.Counter[str] = collections.Counter()
    before: list[str] = []
    project = project_at(path, "r", lock_timeout_s=LOCK_TIMEOUT_S)
    old: Run | None = None
    while figures["reads"] < LEAST or not stop.exists():
        if not path.exists():
            time.sleep(0.01)
            continue
        jobs = [row_text(row, "job_id") for row in project.catalogue()]
        check(jobs, project_view(project, random.sample(jobs, min(SOME, len(jobs)))))
        assert jobs[: len(before)] == before, "runs that were there are gone, or elsewhere"
        before = jobs
        figures["reads"] += 1
        figures["runs read"] += len(jobs)
        old = keep_one(project, jobs, old)
        time.sleep(PAUSE_S)
    return dict(figures)


def keep_one(project: Project, jobs: list[str], old: Run | None) -> Run | None:
    """A run that somebody holds, while others commit."""
    if old is None and jobs:
        return project[jobs[0]]
    if old is not None:
        assert old.record == model_of([draft_for(number_of(old.job_id))])[old.job_id][0]
    return old


def check(jobs: list[str], found: Model) -> None:
    expected = model_of(draft_for(number_of(job)) for job in found)
    assert found == expected, "a reader saw what was never saved"
    for writer, numbers in by_writer(jobs).items():
        assert sorted(numbers) == list(range(len(numbers))), f"of writer {writer} a run is missing in between"


def by_writer(jobs: Iterable[str]) -> dict[int, list[int]]:
    numbers: dict[int, list[int]] = collections.defaultdict(list)
    for job in jobs:
        writer, number = divmod(number_of(job), WRITER_NUMBERS)
        numbers[writer].append(number)
    return numbers


def intrude(path: Path, _number: int, _count: int, stop: Path) -> dict[str, float]:
    """Stock h5py, with HDF5's own locks: reads all, and opens for writing, too."""
    figures: collections.Counter[str] = collections.Counter()
    while min(figures["opened r"], figures["opened r+"]) < LEAST or not stop.exists():
        if not path.exists():
            time.sleep(0.01)
            continue
        for mode in ("r", "r+"):
            try:
                if mode == "r":
                    values = stock_values(path, SOME)
                    expected = model_of(draft_for(number_of(job)) for job in values)
                    assert values == {job: run[1] for job, run in expected.items()}, "stock h5py saw a wrong answer"
                    figures["runs read"] += len(values)
                else:
                    h5py.File(path, mode).close()
                figures[f"opened {mode}"] += 1
            except BlockingIOError:
                figures[f"refused {mode}"] += 1
        time.sleep(PAUSE_S)
    return dict(figures)


def compact(path: Path, _number: int, _count: int, stop: Path) -> dict[str, float]:
    """Replaces the file, again and again, while others read and write it."""
    figures: collections.Counter[str] = collections.Counter()
    project = project_at(path, lock_timeout_s=LOCK_TIMEOUT_S)
    while figures["compacted"] < LEAST or not stop.exists():
        if not path.exists():
            time.sleep(0.01)
            continue
        try:
            project.compact(force=True)
            figures["compacted"] += 1
        except ProjectLockedError as error:
            if "is compacting it" not in str(error):
                raise
            figures["refused"] += 1
        time.sleep(random.uniform(0, 5 * PAUSE_S))
    return dict(figures)


def main() -> None:
    warnings.simplefilter("error")
    role, path, number, count, stop = sys.argv[1:]
    roles = {"write": write, "read": read, "intrude": intrude, "compact": compact}
    figures = roles[role](Path(path), int(number), int(count), Path(stop))
    print(json.dumps({"role": role, **figures}))


if __name__ == "__main__":
    main()
