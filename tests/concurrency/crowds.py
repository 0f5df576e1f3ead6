"""Starts a crowd of processes on one project, and looks at what it left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.concurrency.crowd import WRITER_NUMBERS, draft_for
from tests.drafts import model_of
from tests.views import project_view, stock_values

ROOT = Path(__file__).resolve().parents[2]


def crowd(
    folder: Path, *, writers: int, runs: int, readers: int, intruders: int, timeout_s: float, compactors: int = 0
) -> list[dict[str, Any]]:
    """Writers save their runs while the others look; returns the figures of each process.

    Raises:
        AssertionError: A process found something wrong, or the project is not what all of them saved.
    """
    path, stop = folder / "project.h5", folder / "stop"
    others = [("read", readers), ("intrude", intruders), ("compact", compactors)]
    writing = [_start("write", path, number, runs, stop) for number in range(writers)]
    looking = [_start(role, path, 0, 0, stop) for role, number in others for _ in range(number)]
    try:
        deadline = time.monotonic() + timeout_s
        answers = [_answer(process, deadline) for process in writing]
        stop.touch()
        answers += [_answer(process, deadline) for process in looking]
    finally:
        for process in writing + looking:
            process.kill()
            process.wait()
    numbers = [writer * WRITER_NUMBERS + at for writer in range(writers) for at in range(runs)]
    expected = model_of(draft_for(number) for number in numbers)
    assert project_view(path) == expected
    assert stock_values(path) == {job: values for job, (_, values) in expected.items()}
    left = sorted(entry.name for entry in folder.iterdir() if entry not in (path, stop))
    assert not left, f"left behind: {left}"
    return answers


def _start(role: str, path: Path, number: int, count: int, stop: Path) -> subprocess.Popen[str]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
        "OPENBLAS_NUM_THREADS": "1",
    }
    arguments = [role, str(path), str(number), str(count), str(stop)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.concurrency.crowd", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _answer(process: subprocess.Popen[str], deadline: float) -> dict[str, Any]:
    out, err = process.communicate(timeout=max(1.0, deadline - time.monotonic()))
    assert process.returncode == 0, err
    return json.loads(out)
