"""A compaction that is stopped anywhere: the project is there, the old file or the new one, and both show the same."""

from __future__ import annotations

import collections
import errno
import itertools
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from aerchive.errors import AerchiveError, CommittedError, UncertainError, WriteError
from aerchive.storage import replacing
from aerchive.testing.disks import (
    CrashState,
    FailingDisk,
    Operation,
    RecordingDisk,
    UnsyncedDisk,
    crash_states,
    fault,
    final_content,
    using,
)
from tests import processes
from tests.crash.drafts import Model, draft_of, job_id, model_of, project_at
from tests.crash.matrix import NEXT
from tests.crash.views import project_view, stock_values, stock_view

SEVERAL_CHUNKS = 1024 * 1024 + 70_000
LEFT_OVER = ".project.h5.compact-1-abcdef12"


def make(path: Path) -> Model:
    """A project of which a part is dead."""
    with using(UnsyncedDisk()):
        project = project_at(path)
        for number in range(4):
            project.archive(draft_of(number, extra_bytes=SEVERAL_CHUNKS if number == 2 else 20_000))
        project[job_id(3)].add_tags("kept")
        project.delete_jobs([job_id(0), job_id(1)])
        return project_view(path)


def is_right(path: Path, model: Model) -> None:
    """The project shows what it must, to everybody, and goes on."""
    assert project_view(path) == model
    assert stock_values(path) == {job: values for job, (_, values) in model.items()}
    stock_view(path)
    content = path.read_bytes()
    with using(UnsyncedDisk()):
        project_at(path).archive(NEXT)
        assert project_view(path) == model | model_of([NEXT])
    path.write_bytes(content)


# -- power cuts


class Recorded(NamedTuple):
    """A compaction, operation by operation.

    Attributes:
        old: The file before.
        new: The file after.
        log: What was done to the new file; notes say when it got the name, and when that was durable.
        model: What both hold.
    """

    old: bytes
    new: bytes
    log: list[Operation]
    model: Model


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    path = tmp_path_factory.mktemp("recorded") / "project.h5"
    model = make(path)
    old, inode = path.read_bytes(), path.stat().st_ino
    rename, sync_folder = os.rename, replacing.sync_folder
    with pytest.MonkeyPatch.context() as patch, using(RecordingDisk()) as disk:

        def noted_rename(source: Path, target: Path) -> None:
            disk.note("rename")
            rename(source, target)

        def noted_sync(folder: Path) -> None:
            sync_folder(folder)
            disk.note("durable")

        patch.setattr(os, "rename", noted_rename)
        patch.setattr(replacing, "sync_folder", noted_sync)
        project_at(path).compact()
    assert not [operation for operation in disk.log if operation.file[1] == inode], "the old file was written to"
    return Recorded(old, path.read_bytes(), disk.of(path), model)


def at(log: list[Operation], remark: str) -> int:
    return [operation.remark for operation in log].index(remark)


def test_the_log_is_all(recorded: Recorded) -> None:
    """But for the empty project that HDF5 makes by itself."""
    first = next(operation for operation in recorded.log if operation.kind == "write")
    assert final_content(recorded.new[: first.offset], recorded.log) == recorded.new


def test_everything_is_durable_before_the_name_is_given(recorded: Recorded) -> None:
    """So that a power cut leaves one of two whole files under the name, whatever it does to the folder."""
    named, durable = at(recorded.log, "rename"), at(recorded.log, "durable")
    synced = max(number for number, operation in enumerate(recorded.log[:named]) if operation.kind == "sync")
    assert recorded.log[synced + 1 : named] == []
    assert recorded.log[named + 1 :] == [recorded.log[durable]]


def test_what_is_left_of_the_new_file_does_no_harm(recorded: Recorded, folder: Path) -> None:
    """Before it has the name, it may be anything: torn, without its latest sectors, a whole project."""
    path, left = folder / "project.h5", folder / LEFT_OVER
    states = list(crash_states(b"", recorded.log[: at(recorded.log, "rename")], torn=1, power=1))
    chosen = random.Random(7).sample(states, 25)
    for state in [*chosen, CrashState(recorded.new, len(recorded.log), "prefix")]:
        path.write_bytes(recorded.old)
        left.write_bytes(state.content)

        assert project_view(path) == recorded.model
        assert project_at(path, "r").space().beside_bytes >= min(1, len(state.content))
        with using(UnsyncedDisk()):
            project_at(path).compact()
        is_right(path, recorded.model)
        assert [entry.name for entry in folder.iterdir()] == ["project.h5"]


def test_both_files_are_right(recorded: Recorded, folder: Path) -> None:
    path = folder / "project.h5"
    for content in (recorded.old, recorded.new):
        path.write_bytes(content)
        is_right(path, recorded.model)
    assert len(recorded.new) < len(recorded.old)


# -- kills

KILL = """
import os, signal, sys
from pathlib import Path
from aerchive.storage import replacing
from aerchive.testing.disks import RecordingDisk, using
from tests.crash.drafts import job_id, project_at
from tests.crash.views import project_view
from tests.crash.test_compact import is_right, make

path = Path(sys.argv[1])
model = make(path)
old = path.read_bytes()

class Deadly:
    # Kills this process before its n-th call that changes anything.
    def __init__(self, nth):
        self.left = nth
        self.calls = 0

    def step(self):
        self.calls += 1
        if self.calls > self.left >= 0:
            os.kill(os.getpid(), signal.SIGKILL)

class DeadlyDisk(RecordingDisk):
    def write(self, fd, data, offset):
        deadly.step()
        super().write(fd, data[: len(data) // 2], offset)  # torn, if the next step is deadly
        super().write(fd, data, offset)
        self.log.clear()

    def truncate(self, fd, size):
        deadly.step()
        super().truncate(fd, size)

    def sync(self, fd):
        deadly.step()

def around(module, name):
    real = getattr(module, name)

    def wrapped(*arguments, **options):
        deadly.step()
        result = real(*arguments, **options)
        deadly.step()
        return result

    setattr(module, name, wrapped)

for module, name in [(os, "rename"), (os, "unlink"), (os, "fchmod"), (replacing, "sync_folder")]:
    around(module, name)

def compact(nth):
    global deadly
    path.write_bytes(old)
    deadly = Deadly(nth)
    with using(DeadlyDisk()):
        project_at(path).compact()
    return deadly.calls

total = compact(-1)
figures = {"old": 0, "new": 0, "left": 0}
for nth in range(total):
    child = os.fork()
    if not child:
        compact(nth)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status), (nth, total, status)
    content = path.read_bytes()
    figures["old" if content == old else "new"] += 1
    assert project_view(path) == model, nth
    left = [entry for entry in path.parent.iterdir() if entry != path]
    assert len(left) <= 1, left
    figures["left"] += len(left)
    if nth % 9 == 0 or nth > total - 12:
        is_right(path, model)
        project_at(path).compact()
        assert project_view(path) == model, nth
    else:
        project_at(path).recover()
    assert list(path.parent.iterdir()) == [path]
print(total, figures["old"], figures["new"], figures["left"])
"""


def test_a_kill_at_each_step(folder: Path) -> None:
    total, old, new, left = map(int, processes.run(KILL, folder / "project.h5", timeout_s=240).split())

    print(total, old, new, left)
    assert old + new == total > 60
    assert old > 50
    assert new >= 2  # after the rename, and after that was made durable
    assert left > 50


# -- faults


@pytest.mark.parametrize("kind", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
@pytest.mark.parametrize("sticky", [False, True], ids=["once", "sticky"])
def test_a_fault_at_each_write(kind: int, sticky: bool, folder: Path) -> None:
    path = folder / "project.h5"
    model = make(path)
    wrong = collections.Counter[str]()
    only = frozenset({"write", "truncate", "sync"})
    for nth, old in faults(path, only):
        outcome = compact_with(path, FailingDisk(nth, fault(kind), sticky=sticky, torn=kind == errno.ENOSPC, only=only))
        problem = judge(outcome, path, old, model)
        if problem:
            wrong[f"{nth}: {problem}"] += 1
    assert not wrong, wrong


def test_a_fault_at_reads(folder: Path) -> None:
    path = folder / "project.h5"
    model = make(path)
    wrong = collections.Counter[str]()
    only = frozenset({"read", "size"})
    for nth, old in itertools.islice(faults(path, only), 0, None, 13):
        outcome = compact_with(path, FailingDisk(nth, only=only))
        problem = judge(outcome, path, old, model)
        if problem:
            wrong[f"{nth}: {problem}"] += 1
    assert not wrong, wrong


def faults(path: Path, only: frozenset[str]) -> Iterator[tuple[int, bytes]]:
    """The number of each call that a compaction makes, the file being as it was before."""
    old = path.read_bytes()
    with using(FailingDisk(-1, only=only)) as count:
        project_at(path).compact()
    for nth in range(len(count.calls)):
        path.write_bytes(old)
        yield nth, old


def compact_with(path: Path, disk: FailingDisk) -> BaseException | None:
    with using(disk):
        try:
            project_at(path).compact()
        except Exception as error:  # noqa: BLE001  (judged by the test)
            return error
    return None


def judge(outcome: BaseException | None, path: Path, old: bytes, model: Model) -> str | None:
    """What is wrong with the outcome, in words."""
    if not isinstance(outcome, AerchiveError | None):
        return f"not typed: {outcome!r}"
    if isinstance(outcome, CommittedError | UncertainError) or ".compact-" in str(outcome):
        return f"not said of the project: {outcome!r}"
    if outcome is not None and path.read_bytes() != old:
        return f"the old file was changed: {outcome}"
    left = [entry.name for entry in path.parent.iterdir() if entry != path]
    if left:
        return f"{outcome!r} left {left}"
    return None if project_view(path) == model else f"another state after {outcome!r}"


STEPS: list[tuple[Any, str]] = [
    (os, "rename"),
    (os, "fchmod"),
    (os, "listxattr"),
    (replacing, "sync_folder"),
    (os, "unlink"),
]


@pytest.mark.parametrize(("module", "name"), STEPS, ids=[name for _, name in STEPS])
def test_a_fault_while_the_file_is_put_in_place(
    module: Any, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "project.h5"
    model = make(path)
    old = path.read_bytes()

    def failing(*_: object, **_options: object) -> None:
        raise fault(errno.EIO)

    monkeypatch.setattr(module, name, failing)
    with using(UnsyncedDisk()):
        if name == "unlink":  # of what there is nothing to remove after the rename
            project_at(path).compact()
        elif name == "sync_folder":
            with pytest.raises(CommittedError, match="is compacted, but the disk failed when the folder was written"):
                project_at(path).compact()
        else:
            with pytest.raises(WriteError) as caught:
                project_at(path).compact()
            assert str(caught.value) == (
                f"{path}: Input/output error while a new file was put in its place; nothing was changed"
            )
    monkeypatch.undo()
    assert (path.read_bytes() == old) == (name not in ("unlink", "sync_folder"))
    is_right(path, model)
    assert [entry.name for entry in folder.iterdir()] == ["project.h5"]


def test_a_compaction_that_syncs_nothing_is_found(folder: Path) -> None:
    """The test above would notice: the name is given to a file that is not durable."""
    path = folder / "project.h5"
    make(path)
    rename = os.rename
    with pytest.MonkeyPatch.context() as patch, using(RecordingDisk()) as disk:
        patch.setattr(os, "rename", lambda source, target: (disk.note("rename"), rename(source, target)))
        patch.setattr(replacing, "disk", UnsyncedDisk)
        patch.setattr(replacing.os, "fchmod", lambda fd, mode: disk.truncate(fd, os.fstat(fd).st_size))
        project_at(path).compact()
    log = disk.of(path)
    named = at(log, "rename")
    synced = max(number for number, operation in enumerate(log[:named]) if operation.kind == "sync")
    assert log[synced + 1 : named] != []
