"""A compaction that is stopped anywhere: the project is there, the old file or the new one, and both show the same."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from aerchive.errors import CommittedError, WriteError
from aerchive.storage.commits import replacing
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
from tests.crash.compactions import READS, WRITES, failing, faults_at, is_right, kills_at, make
from tests.drafts import Model, project_at
from tests.views import project_view

LEFT_OVER = ".project.h5.compact-1-abcdef12"


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
    chosen = random.Random(7).sample(states, 6)
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


# -- kills, faults; tests/crash/long.py has one at each call


def test_a_kill_at_some_steps(folder: Path) -> None:
    figures = kills_at(folder, 11, 3)

    assert figures["old"] + figures["new"] == figures["kills"] > 10
    assert figures["old"] > 6
    assert figures["new"] >= 2  # after the rename, and after that was made durable
    assert figures["left"] > 6


@pytest.mark.parametrize(
    ("kind", "sticky", "first"),
    [(errno.EIO, False, 0), (errno.EIO, True, 4), (errno.ENOSPC, False, 8), (errno.ENOSPC, True, 12)],
    ids=["EIO once", "EIO sticky", "ENOSPC once", "ENOSPC sticky"],
)
def test_a_fault_at_some_writes(kind: int, sticky: bool, first: int, folder: Path) -> None:
    number, wrong = faults_at(folder, failing(kind, sticky=sticky), WRITES, 16, first)

    assert number > 3
    assert not wrong, wrong


def test_a_fault_at_some_reads(folder: Path) -> None:
    number, wrong = faults_at(folder, lambda nth: FailingDisk(nth, only=READS), READS, 83)

    assert number > 3
    assert not wrong, wrong


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
