"""The example of an array job, with its tasks as real processes at the same time, and the merge at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import aerchive

ROOT = Path(__file__).resolve().parents[2]
TASKS = 2


def started(*arguments: str | Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.Popen([sys.executable, *map(str, arguments)], env=environment, stdout=subprocess.PIPE, text=True)


def task(folder: Path, number: int) -> subprocess.Popen[str]:
    return started(ROOT / "examples" / "array_job.py", folder, str(number), str(TASKS))


def test_tasks_run_at_once_and_are_merged_by_one_command(tmp_path: Path) -> None:
    first, killed = task(tmp_path, 0), task(tmp_path, 1)
    while not (tmp_path / "task-1.h5").exists():
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    again = task(tmp_path, 1)
    assert [len(one.communicate()[0].split()) > 0 for one in (first, again)] == [True, True]
    files = sorted(tmp_path.glob("task-*.h5"))
    merging = started("-m", "aerchive", "merge", tmp_path / "study.h5", *files)
    merging.communicate()
    assert [one.returncode for one in (first, again, merging)] == [0, 0, 0]
    project = aerchive.open(tmp_path / "study.h5")
    assert project.count(outcome="ok") == len(project.done("angle")) == 12
    assert project.verify().ok
