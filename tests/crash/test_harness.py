"""The harness itself: its disks do what they say, and it finds a project that is not safe."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aerchive.storage.commits.superblock import SIZE, Superblock
from aerchive.storage.medium.disk import Disk, disk
from aerchive.testing.disks import (
    SECTOR,
    FailingDisk,
    Operation,
    RecordingDisk,
    ShortCalls,
    crash_states,
    fault,
    final_content,
    using,
)
from tests.crash.matrix import Matrix
from tests.crash.workloads import Recording, Workload, record, workloads

FILE = (0, 0)


def write(offset: int, data: bytes) -> Operation:
    return Operation("write", FILE, offset, data)


def truncate(size: int) -> Operation:
    return Operation("truncate", FILE, size)


SYNC = Operation("sync", FILE)


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    number = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield number
    os.close(number)


def test_a_recorded_log_makes_the_file_again(fd: int, tmp_path: Path) -> None:
    with using(RecordingDisk()) as recording:
        disk().write(fd, memoryview(b"abcdef"), 2)
        disk().truncate(fd, 5)
        disk().write(fd, memoryview(b"xyz"), 1000)
        disk().sync(fd)
        recording.note("here")

    assert [operation.kind for operation in recording.log] == ["write", "truncate", "write", "sync", "note"]
    assert final_content(b"", recording.of(tmp_path / "file")) == (tmp_path / "file").read_bytes()
    assert type(disk()) is Disk


def test_prefixes_and_cuts() -> None:
    states = list(crash_states(b"....", [write(0, b"abcd"), write(4, b"ef")], power=0))

    assert [state.content for state in states if state.how == "prefix"] == [b"....", b"abcd", b"abcdef"]
    torn = {state.content for state in states if state.how == "torn"}
    assert {b"a...", b"ab..", b"abc.", b"abcde"} <= torn
    assert all(state.done in (1, 2) for state in states if state.how == "torn")


def test_a_sync_makes_all_before_it_durable() -> None:
    log = [write(0, b"a" * 2000), SYNC, write(2000, b"b" * 2000)]

    for state in crash_states(b"", log, power=40):
        if state.done >= 2:
            assert state.content[:2000] == b"a" * 2000


def test_without_a_sync_each_sector_is_on_its_own() -> None:
    one, two = b"1" * SECTOR, b"2" * SECTOR
    states = crash_states(one * 2, [write(0, two), write(SECTOR, two)], torn=0, power=50)

    found = {state.content for state in states if state.how == "power" and state.done == 2}

    assert found | {two + two} == {one + one, one + two, two + one, two + two}


def test_what_a_sector_held_in_between_may_be_there() -> None:
    log = [write(0, b"2" * SECTOR), write(0, b"3" * SECTOR)]

    found = {state.content[:1] for state in crash_states(b"1" * SECTOR, log, torn=0, power=9) if state.done == 2}

    assert found == {b"1", b"2", b"3"}


def test_a_cut_may_be_lost_and_what_grew_may_be_empty() -> None:
    shorter = {state.content for state in crash_states(b"x" * 1000, [truncate(10)], torn=0, power=9)}
    longer = {state.content for state in crash_states(b"", [write(0, b"y" * SECTOR)], torn=0, power=30, seed=1)}

    assert {b"x" * 1000, b"x" * 10} <= shorter
    assert {b"", bytes(SECTOR), b"y" * SECTOR} <= longer


def test_states_follow_from_the_seed() -> None:
    log = [write(n * 700, bytes([n]) * 700) for n in range(9)]

    assert list(crash_states(b"", log, seed=3)) == list(crash_states(b"", log, seed=3))
    assert list(crash_states(b"", log, seed=3)) != list(crash_states(b"", log, seed=4))


def test_a_disk_fails_once_or_for_good(fd: int) -> None:
    once, sticky = FailingDisk(1), FailingDisk(1, fault(errno.ENOSPC), sticky=True, torn=True)

    once.size(fd)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        once.write(fd, memoryview(b"abcd"), 0)
    assert once.size(fd) == 0
    assert once.has_failed
    sticky.size(fd)
    for at in (0, 4):
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            sticky.write(fd, memoryview(b"abcd"), at)
    for call in (lambda: sticky.sync(fd), lambda: sticky.truncate(fd, 0), lambda: sticky.size(fd)):
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            call()
    assert os.pread(fd, 99, 0) == b"ab\0\0ab"


def test_short_calls_are_short(fd: int) -> None:
    short = ShortCalls(3)

    assert short.pwrite(fd, memoryview(b"abcdef"), 0) == 3
    assert short.preadv(fd, [memoryview(bytearray(2))], 0) == 2
    assert short.short == 1
    assert short.O_RDWR == os.O_RDWR


# -- a project that is not safe


def without(what: Callable[[Operation], bool], which: int) -> Callable[[Recording], Recording]:
    def sabotage(recording: Recording) -> Recording:
        at = [number for number, operation in enumerate(recording.log) if what(operation)][which]
        return dataclasses.replace(recording, log=(*recording.log[:at], *recording.log[at + 1 :]))

    return sabotage


def is_sync(operation: Operation) -> bool:
    return operation.kind == "sync"


def is_superblock(operation: Operation) -> bool:
    return operation.kind == "write" and operation.offset == 0 and len(operation.data) == SIZE


def with_a_flag_that_ends_before_the_journal(recording: Recording) -> Recording:
    at = next(number for number, operation in enumerate(recording.log) if is_superblock(operation))
    old = Superblock(recording.initial[:SIZE])
    flag = dataclasses.replace(recording.log[at], data=old.flagged(old.end).raw)
    return dataclasses.replace(recording, log=(*recording.log[:at], flag, *recording.log[at + 1 :]))


SABOTAGES: dict[str, Callable[[Recording], Recording]] = {
    "no sync after the journal": without(is_sync, 0),
    "no flag": without(is_superblock, 0),
    "no sync after the flag": without(is_sync, 1),
    "no sync before the superblock": without(is_sync, 2),
    "a flag that ends before the journal": with_a_flag_that_ends_before_the_journal,
}


@pytest.fixture(scope="module")
def append(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    workload: Workload = next(iter(workloads()))
    return record(workload, tmp_path_factory.mktemp("append") / "recorded")


@pytest.mark.parametrize("name", SABOTAGES)
def test_an_unsafe_commit_is_found(name: str, append: Recording, folder: Path) -> None:
    sabotaged = SABOTAGES[name](append)
    start = next(number for number, one in enumerate(append.log) if one.kind == "truncate")
    matrix = Matrix(sabotaged, folder, dear=1.0 if "ends before" in name else 0.0)
    found = 0

    # From the end, for what a missing sync allows shows most in the latest states.
    for state in reversed(list(crash_states(sabotaged.initial, sabotaged.log, torn=0, power=25))):
        if state.done > start:
            try:
                matrix.check(state)
            except AssertionError:
                found += 1
                break

    assert found, f"a commit with {name} passes for a safe one"
