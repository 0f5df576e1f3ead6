"""What the guarantee leaves out, and what happens then: who ignores locks, and who copies in the middle of a commit."""

from __future__ import annotations

import collections
import random
from pathlib import Path

import h5py
import pytest

from aerchive.errors import AerchiveError, IntegrityError, WriteError
from aerchive.testing.disks import Operation, RecordingDisk, final_content, using
from tests import processes
from tests.drafts import Model, draft_of, model_of, project_at
from tests.views import project_view, stock_values

BLOCK = 4096
COPIES = 120

UNLOCKED_WRITER = """
import sys, h5py
with h5py.File(sys.argv[1], "r+", locking=False) as file:
    file["foreign"] = list(range(1000))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "project.h5"
    for number in range(2):
        project_at(path).archive(draft_of(number))
    return path


BASE = model_of([draft_of(0), draft_of(1)])


# -- locks switched off


def test_a_writer_that_ignores_locks_in_the_middle_of_a_commit_is_noticed(path: Path) -> None:
    project = project_at(path)
    with pytest.raises(WriteError) as caught, project.file.write("2026-11-22T00:00:00.000000Z"):
        processes.run(UNLOCKED_WRITER, path)

    assert str(caught.value) == (
        f"{path}: a program that ignores locks has written into the file meanwhile; nothing was saved. Close that "
        "program, then look at the file with 'aerchive verify'"
    )
    assert project_view(path) == BASE
    with h5py.File(path) as file:
        assert list(file["foreign"][:3]) == [0, 1, 2]


def test_a_commit_does_not_begin_while_such_a_writer_has_the_file_open(path: Path) -> None:
    with h5py.File(path, "r+", locking=False) as file:
        with pytest.raises(IntegrityError, match="a program that writes HDF5 without aerchive stopped, or is still"):
            project_at(path).archive(draft_of(2))
        file.attrs["late"] = 1
    assert project_view(path) == BASE


def test_what_such_a_writer_does_after_a_commit_began_may_be_lost(path: Path) -> None:
    """Nobody can promise anything for it: it opened the old state, and closes when the new one is there."""
    recorded = path.read_bytes()
    with using(RecordingDisk()) as disk:
        project_at(path).archive(draft_of(2))
    new = path.read_bytes()
    path.write_bytes(recorded)
    with h5py.File(path, "r+", locking=False) as file:
        file["foreign"] = list(range(1000))
        path.write_bytes(new)  # the commit of another process, which had begun before
    assert disk.log

    try:
        is_well = project_at(path, "r").verify().ok
    except IntegrityError:
        is_well = False
    assert not is_well  # certain is only that it is not silent


def test_a_reader_that_ignores_locks_sees_what_it_has_opened_or_nothing(path: Path) -> None:
    """It knows the old structure: a dataset that it has opened is right for ever, the way to others is not."""
    with h5py.File(path, "r", locking=False) as file:
        known = {run.attrs["job_id"].decode(): run["counts"] for day in file["runs"].values() for run in day.values()}
        for number in range(2, 12):
            project_at(path).archive(draft_of(number))
        for draft in (draft_of(0), draft_of(1)):
            assert known[draft.job_id]["count"][0] == int(draft.job_id[-6:])
        try:
            listed = [run.attrs["job_id"].decode() for day in file["runs"].values() for run in day.values()]
        except (RuntimeError, KeyError, OSError):  # the new structure lies behind the end it knows
            listed = list(known)
        assert set(known) <= set(listed)
    assert stock_values(path).keys() == {draft_of(n).job_id for n in range(12)}


# -- copies made by cp or rsync


def recorded_commit(path: Path, *, large: bool) -> tuple[bytes, list[Operation], Model]:
    initial = path.read_bytes()
    draft = draft_of(2, extra_bytes=200_000 if large else 0)
    with using(RecordingDisk()) as disk:
        project_at(path).archive(draft)
    return initial, disk.of(path), BASE | model_of([draft])


def copied_meanwhile(initial: bytes, log: list[Operation], chance: random.Random) -> bytes:
    """A file as `cp` reads it, block by block from the beginning, while the commit goes on."""
    moments = sorted(chance.randrange(len(log) + 1) for _ in range(1 + max(len(initial), 10_000) // BLOCK))
    copy = bytearray()
    done, content = 0, initial
    while True:
        moment = moments[min(len(copy) // BLOCK, len(moments) - 1)]
        if moment > done:
            content, done = final_content(content, log[done:moment]), moment
        block = content[len(copy) : len(copy) + BLOCK]
        copy += block
        if len(block) < BLOCK:
            return bytes(copy)


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_a_copy_in_the_middle_of_a_commit_is_old_new_or_found_out(path: Path, large: bool) -> None:
    """It may be a mixture that cannot be read, so `aerchive copy` exists; but it does not read as something else."""
    initial, log, after = recorded_commit(path, large=large)
    chance = random.Random(5)
    copy = path.with_name("copy.h5")
    seen = collections.Counter[str]()
    for _ in range(COPIES):
        copy.write_bytes(copied_meanwhile(initial, log, chance))
        try:
            found = project_view(copy)
            problems = project_at(copy, "r").verify().problems
        except AerchiveError as error:
            seen[f"refused: {type(error).__name__}"] += 1
            continue
        except AssertionError:
            problems = ["runs and catalogue differ"]
            assert not project_at(copy, "r").verify().ok
        if problems:
            seen["found by verify"] += 1
        else:
            assert found in (BASE, after), "a mixture that nothing notices"
            seen["new" if found == after else "old"] += 1
    print(dict(seen))
    assert seen["old"] > 0
    assert seen["new"] > 0
    assert seen.total() == COPIES


def test_copies_under_the_lock_are_whole(path: Path) -> None:
    """The safe way, at each moment at which it can happen: before and after the commit."""
    before = project_at(path).copy(path.with_name("before.h5"))
    project_at(path).archive(draft_of(2))
    after = project_at(path).copy(path.with_name("after.h5"))

    assert project_view(before.path) == BASE
    assert project_view(after.path) == BASE | model_of([draft_of(2)])
