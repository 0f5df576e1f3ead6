"""Real processes, killed and interrupted at random; a disk that is really full."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import processes
from tests.holding import mounted

ROOT = Path(__file__).resolve().parents[2]


def storm(*arguments: object, timeout_s: float = 120) -> dict[str, Any]:
    """The figures of a storm; it must find nothing wrong."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-W", "error", "-m", "tests.crash.storm", *map(str, arguments)]
    answer = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_no_acknowledged_run_is_lost_to_a_kill() -> None:
    figures = storm("kill", 25)

    assert figures["kills"] == 25
    assert figures["acknowledged"] > 0


def test_no_acknowledged_run_is_lost_to_a_kill_with_a_slow_disk() -> None:
    figures = storm("kill", 8, "--pause", 0.002)

    assert figures["kills"] == 8


def test_an_interrupt_stops_between_commits() -> None:
    figures = storm("interrupt", 25)

    assert figures["KeyboardInterrupt"] > 5
    assert figures["acknowledged"] > 0


def test_nothing_is_lost_when_a_compaction_is_killed() -> None:
    """And another process, which saves and deletes meanwhile, goes on with whatever file is there."""
    figures = storm("compact", 5)

    assert figures["kills"] == 10
    assert figures["acknowledged"] > 0
    assert figures["compactions"] + figures["left over"] > 0


# -- a full disk

FILL = """
import sys
from pathlib import Path
from aerchive.errors import WriteError
from tests.drafts import draft_of, model_of, project_at
from tests.views import project_view, stock_view

folder, first, step = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
ballast = folder / "ballast"
path = folder / "project.h5"
project = project_at(path)
saved, refused = [], 0
for number in range(first):
    project.archive(draft_of(number))
    saved.append(number)
ballast.write_bytes(bytes(16))
with open(ballast, "ab", buffering=0) as file:  # all there is
    try:
        while True:
            file.write(bytes(4096))
    except OSError:
        pass
size = ballast.stat().st_size
for number in range(first, 400):
    try:
        project.archive(draft_of(number, extra_bytes=number % 4 * 1000))
        saved.append(number)
        if number > 40 and refused > 10:
            break
    except WriteError as error:
        refused += 1
        if path.exists():
            found = project_view(path)
            assert sorted(found) == [draft_of(n).job_id for n in saved], (sorted(found), saved, error)
            stock_view(path)
        else:
            assert not saved
        size = max(0, size - step)
        with open(ballast, "r+b") as file:  # a little room, not enough for all
            file.truncate(size)
expected = model_of(draft_of(n, extra_bytes=n % 4 * 1000 if n >= first else 0) for n in saved)
assert project_view(path) == expected
print(len(saved), refused)
"""


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of this size."""
    place = folder / "small"
    place.mkdir()
    with mounted("small file system", place, "-t", "tmpfs", "-o", f"size={size}", "tmpfs"):
        yield place


@pytest.mark.parametrize(("first", "step"), [(3, 4096), (0, 4096), (3, 8192)])
def test_a_full_disk_refuses_runs_and_loses_none(first: int, step: int, tmp_path: Path) -> None:
    with small_disk(tmp_path, "512k") as place:
        saved, refused = map(int, processes.run(FILL, place, first, step, timeout_s=120).split())

    assert saved > first
    assert refused > 3
