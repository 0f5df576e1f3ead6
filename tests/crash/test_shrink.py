"""Shrinking that is killed before one call after another: the file is valid, and going on ends the same."""

from __future__ import annotations

import tempfile

from tests import processes
from tests.crash.folders import memory_folder
from tests.shares import ALL

KILL = """
import os, shutil, sys
from pathlib import Path
from aerchive.aer.opening import QiskitBridge, open_path
from aerchive.project.project import open_project
from aerchive.testing.disks import UnsyncedDisk, using
from tests.crash.deadly_disk import DeadlyDisk
from tests.project.care.again import HereBridge, archive, opened

folder, kills = Path(sys.argv[1]), int(sys.argv[2])
os.environ["AERCHIVE_RECOMPUTED"] = str(folder / "recomputed")
path = folder / "project.h5"
for name in ("one", "two"):
    archive(path, name=name)

class KeptBridge(QiskitBridge):
    # A simulation in a process that was forked might hang, so what it gives was computed before.
    def obstacle(self, run):
        return None  # the file, which is put back each time, would count as another one

    def compute_again(self, path, job_id, target, **options):
        shutil.copy(folder / "again" / f"{job_id}.h5", target)
        return []

(folder / "again").mkdir()
for run in open_path(path):
    HereBridge().compute_again(path, run.job_id, folder / "again" / f"{run.job_id}.h5", max_infidelity=None)

def project():
    return opened(path, KeptBridge())

def do(what):
    if what == "shrink":
        return project().shrink("nbytes > 0", min_bytes=65536)
    return project().unshrink("nbytes > 0")

def work(what, nth):
    with using(DeadlyDisk(nth)) as disk:
        do(what)
        return disk.calls

def values():
    return [(run.is_recomputed, run.core_sha256, run.array("psi")[...].tobytes()) for run in project()]

def killed(what, nth, before, whole, total):
    path.write_bytes(before)
    shutil.rmtree(folder / "recomputed", ignore_errors=True)
    child = os.fork()
    if not child:
        work(what, nth)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status), (what, nth, total, status)
    with using(UnsyncedDisk()):
        assert project().verify().ok, (what, nth)
        assert [one[1:] for one in values()] == whole, (what, nth)
        do(what)
        assert [one[0] for one in values()] == [what == "shrink"] * 2, (what, nth)
        assert [one[1:] for one in values()] == whole, (what, nth)
        assert project().verify().ok, (what, nth)
    assert not [one for one in (folder / "recomputed").iterdir() if one.name.startswith("making")], (what, nth)

whole = [one[1:] for one in values()]
for what in ("shrink", "unshrink"):
    before = path.read_bytes()
    total = work(what, -1)
    assert [one[0] for one in values()] == [what == "shrink"] * 2
    after = path.read_bytes()
    steps = sorted({round(number * (total - 1) / (kills - 1)) for number in range(kills)}) if kills else range(total)
    for nth in steps:
        killed(what, nth, before, whole, total)
    path.write_bytes(after)
print(kills or total)
"""


def test_a_kill_before_any_call_leaves_a_valid_file_and_going_on_ends_the_same() -> None:
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        assert int(processes.run(KILL, folder, 0 if ALL else 5, timeout_s=3600)) >= 5
