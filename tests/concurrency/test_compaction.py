"""A project is compacted while runs of other processes wait for their commit, or have been left behind."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from tests import processes
from tests.drafts import draft_of, job_id, model_of, project_at
from tests.views import project_view

WAITING = """
import sys
from pathlib import Path
from tests.drafts import draft_of, project_at

project = project_at(Path(sys.argv[1]))
runs = [project.archive(draft_of(number), "exit") for number in range(10, 13)]
assert not any(run.durable for run in runs)
print("waiting", flush=True)
sys.stdin.readline()
project.flush()
print(all(run.durable for run in runs), project.space().generation)
"""


@contextmanager
def waiting(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process with three runs that wait for their commit."""
    project_at(path).archive(draft_of(0, extra_bytes=100_000))
    project_at(path).archive(draft_of(1))
    with processes.start(WAITING, path, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        yield process


def test_runs_that_wait_are_committed_to_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "project.h5"
    with waiting(path) as process:
        project_at(path).delete_job(job_id(0))
        project_at(path).compact()
        with h5py.File(path) as file:  # a run that waits may be one that was deleted here
            assert "deleted" not in file
            assert file["deletions"]["deleted"].tolist() == [1]
        out, err = process.communicate("go on\n", timeout=60)

    assert (out, err) == ("True 2\n", "")
    assert project_view(path) == model_of(draft_of(number) for number in (1, 10, 11, 12))
    assert project_at(path).compact(force=True).generation == 3
    with h5py.File(path) as file:
        assert "deleted" not in file
    assert project_at(path).verify().ok


def test_runs_of_a_process_that_died_are_in_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "project.h5"
    with waiting(path) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    project_at(path).delete_job(job_id(0))

    assert project_at(path).compact().runs == 4

    assert project_view(path) == model_of(draft_of(number) for number in (1, 10, 11, 12))
    assert [entry.name for entry in tmp_path.iterdir()] == ["project.h5"]
