"""Merges and extracts that are killed before one call after another: files are valid, and going on ends the same."""

from __future__ import annotations

import tempfile

import pytest

from tests import processes
from tests.crash.folders import memory_folder
from tests.shares import ALL

KILL = """
import os, sys
import numpy as np
from pathlib import Path
from aerchive.project.sharing import merge as merging
from aerchive.testing.disks import UnsyncedDisk, using
from tests.crash.deadly_disk import DeadlyDisk
from tests.drafts import draft_of, job_id, project_at
from tests.views import project_view, stock_view

folder, what, kills = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
merging._TOGETHER = 2
one, other, new = folder / "one.h5", folder / "other.h5", folder / "new.h5"
with using(UnsyncedDisk()):
    for number in (0, 1, 2, 3):
        project_at(one).archive(draft_of(number))
    for number in (0, 1, 2, 5, 6, 7):
        project_at(other).archive(draft_of(number, extra_bytes=20_000 * (number % 2)))
    project_at(other)[job_id(0)].add_tags("new")
    project_at(other)[job_id(0)].attach("array", np.arange(3))
    project_at(other).delete_job(job_id(1))
before = one.read_bytes(), other.read_bytes()

def work(nth):
    with using(DeadlyDisk(nth)) as disk:
        if what == "merge":
            project_at(one).merge(other)
        else:
            project_at(other).extract(new)
        return disk.calls

total = work(-1)
wanted = project_view(one), project_view(other), project_view(new) if new.exists() else None
steps = sorted({round(number * (total - 1) / (kills - 1)) for number in range(kills)}) if kills else range(total)
for nth in steps:
    new.unlink(missing_ok=True)
    one.write_bytes(before[0])
    child = os.fork()
    if not child:
        work(nth)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status), (nth, total, status)
    assert other.read_bytes() == before[1]
    with using(UnsyncedDisk()):
        assert project_at(one).verify().ok, nth
        if what == "merge":
            project_at(one).merge(other)
            assert not project_at(one).merge(other).changed
        else:
            assert not new.exists()
            project_at(other).extract(new)
    assert (project_view(one), project_view(other), project_view(new) if new.exists() else None) == wanted, nth
    stock_view(one)
    left = {entry.name for entry in folder.iterdir()} - {"one.h5", "other.h5", "new.h5"}
    assert not left, left
print(len(steps))
"""


@pytest.mark.parametrize("what", ["merge", "extract"])
def test_a_kill_before_any_call_leaves_valid_files_and_going_on_ends_the_same(what: str) -> None:
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        assert int(processes.run(KILL, folder, what, 0 if ALL else 8, timeout_s=3600)) >= 8
