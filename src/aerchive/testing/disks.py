"""Disks that record operations on a file, disks that fail, and the possible contents of a file after a crash.

`using` replaces the real disk by one of them::

    before = path.read_bytes()
    with using(RecordingDisk()) as disk:
        project.save(job)
    for state in crash_states(before, disk.of(path)):
        ...  # what the file may be, had the machine stopped during the save
"""

from __future__ import annotations

import bisect
import contextlib
import errno
import itertools
import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from aerchive.storage.medium.disk import Disk, use_disk

SECTOR = 512
"""The number of bytes that a medium writes as a whole."""

Kind = Literal["write", "truncate", "sync", "note"]
Fault = OSError | MemoryError
_D = TypeVar("_D", bound=Disk)


@contextlib.contextmanager
def using(disk: _D) -> Iterator[_D]:
    """Replaces the disk in use by another disk while the block runs."""
    before = use_disk(disk)
    try:
        yield disk
    finally:
        use_disk(before)


@dataclass(frozen=True)
class Operation:
    """One call that changes a file, or makes changes durable.

    Attributes:
        kind: The kind of the call: ``write``, ``truncate`` or ``sync``; or ``note``, a remark of a test that changes
            nothing.
        file: The device and the inode of the file.
        offset: The position in bytes where a write begins; for ``truncate``, the new size in bytes.
        data: The bytes that were written.
        remark: The text of a ``note``.
    """

    kind: Kind
    file: tuple[int, int]
    offset: int = 0
    data: bytes = b""
    remark: str = ""


class RecordingDisk(Disk):
    """A disk that does all operations and keeps a log of them.

    Args:
        durable: Whether ``sync`` really syncs. Without it a test is faster, and the log is the same.

    Attributes:
        log: All operations, in order.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.log: list[Operation] = []
        self._durable = durable

    def of(self, path: str | os.PathLike[str]) -> list[Operation]:
        """Returns the operations on one file, and all notes."""
        status = os.stat(path)
        file = (status.st_dev, status.st_ino)
        return [operation for operation in self.log if operation.file == file or operation.kind == "note"]

    def note(self, remark: str) -> None:
        """Puts a remark into the log."""
        self.log.append(Operation("note", (0, 0), remark=remark))

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        """See `Disk`."""
        self.log.append(Operation("write", _file(fd), offset, bytes(data)))
        super().write(fd, data, offset)

    def truncate(self, fd: int, size: int) -> None:
        """See `Disk`."""
        self.log.append(Operation("truncate", _file(fd), size))
        super().truncate(fd, size)

    def sync(self, fd: int) -> None:
        """See `Disk`. The log contains a sync only after it has returned, because only then the data are durable."""
        if self._durable:
            super().sync(fd)
        self.log.append(Operation("sync", _file(fd)))


def _file(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


class FailingDisk(Disk):
    """A disk that fails at one call, or at one call and all later calls.

    Args:
        nth: The number of the call that fails, counted from 0 over the kinds in ``only``. With a negative number no
            call fails, and the calls are only counted.
        error: The exception that the call raises.
        sticky: Whether all later calls fail too.
        torn: Whether a failing write has written half of its data, as on a disk that becomes full.
        only: The kinds of calls that are counted and can fail; by default all kinds.

    Attributes:
        calls: The kinds of the counted calls so far.
    """

    def __init__(
        self,
        nth: int,
        error: Fault | None = None,
        *,
        sticky: bool = False,
        torn: bool = False,
        only: frozenset[str] = frozenset({"read", "write", "truncate", "sync", "size"}),
    ) -> None:
        self.calls: list[str] = []
        self._nth = nth
        self._error = error or fault(errno.EIO)
        self._sticky = sticky
        self._torn = torn
        self._only = only

    @property
    def has_failed(self) -> bool:
        """Whether a call has failed."""
        return 0 <= self._nth < len(self.calls)

    def _fresh_error(self) -> Fault:
        """Returns a new exception each time. An exception that is raised again would keep its old traceback alive."""
        return type(self._error)(*self._error.args)

    def _fails(self, kind: str) -> bool:
        if kind not in self._only:
            return False
        number = len(self.calls)
        self.calls.append(kind)
        return number == self._nth or (self._sticky and 0 <= self._nth < number)

    def read(self, fd: int, view: memoryview, offset: int) -> int:
        """See `Disk`."""
        if self._fails("read"):
            raise self._fresh_error()
        return super().read(fd, view, offset)

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        """See `Disk`."""
        if self._fails("write"):
            if self._torn:
                super().write(fd, data[: len(data) // 2], offset)
            raise self._fresh_error()
        super().write(fd, data, offset)

    def truncate(self, fd: int, size: int) -> None:
        """See `Disk`."""
        if self._fails("truncate"):
            raise self._fresh_error()
        super().truncate(fd, size)

    def sync(self, fd: int) -> None:
        """See `Disk`. A failing call does not sync, and the other calls do nothing."""
        if self._fails("sync"):
            raise self._fresh_error()

    def size(self, fd: int) -> int:
        """See `Disk`."""
        if self._fails("size"):
            raise self._fresh_error()
        return super().size(fd)


def fault(number: int) -> OSError:
    """Returns the exception of a system call that fails with this ``errno``."""
    return OSError(number, os.strerror(number))


class SlowDisk(Disk):
    """A disk that waits before each write, as a disk behind a network does.

    Args:
        pause_s: The waiting time in seconds.
    """

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        """See `Disk`."""
        time.sleep(self._pause_s)
        super().write(fd, data, offset)


class UnsyncedDisk(Disk):
    """A disk that does not sync, for tests in which a process ends but the machine keeps running."""

    def sync(self, fd: int) -> None:
        """Does nothing."""


class ShortCalls:
    """A substitute for module ``os`` in `aerchive.storage.medium.disk`, whose calls move few bytes, as POSIX allows.

    Args:
        longest: The greatest number of bytes that one call moves.

    Attributes:
        short: The number of calls that moved fewer bytes than requested.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self.short = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def preadv(self, fd: int, views: Sequence[memoryview], offset: int) -> int:
        """Reads into at most a piece of the first buffer."""
        self.short += len(views[0]) > self._longest
        return os.preadv(fd, [views[0][: self._longest]], offset)

    def pwrite(self, fd: int, data: memoryview, offset: int) -> int:
        """Writes at most a piece of the data."""
        self.short += len(data) > self._longest
        return os.pwrite(fd, data[: self._longest], offset)


@dataclass(frozen=True)
class CrashState:
    """A possible content of a file after a crash.

    Attributes:
        content: The whole content of the file.
        done: The number of operations of the log that had begun. The last of them may be incomplete.
        how: The kind of crash. ``prefix``: the process died after the last operation; ``torn``: the process died during
            the last operation; ``power``: the machine lost power, and some data that were not synced are lost.
    """

    content: bytes
    done: int
    how: Literal["prefix", "torn", "power"]


def crash_states(
    initial: bytes, log: Sequence[Operation], *, torn: int = 6, power: int = 4, seed: int = 0
) -> Iterator[CrashState]:
    """Yields possible contents of a file if the process or the machine stops at some point of a log.

    All data before a completed ``sync`` are kept. After it, a loss of power may keep any version of each sector,
    independently of other sectors, and any size that the file has had since. If only the process dies, all data are
    kept.

    Args:
        initial: The durable content before the log.
        log: The operations on this one file.
        torn: The number of random cuts of each write, in addition to cuts at fixed places.
        power: The greatest number of samples after each operation. There are fewer if fewer different samples exist.
        seed: The seed of the random samples.
    """
    chance = random.Random(seed)  # noqa: S311  (samples of a test)
    content = bytearray(initial)
    window = _Window(initial)
    yield CrashState(bytes(content), 0, "prefix")
    for number, operation in enumerate(log, 1):
        if operation.kind == "write":
            for cut in _cuts(operation, torn, chance):
                half = bytearray(content)
                _write(half, operation.offset, operation.data[:cut])
                yield CrashState(bytes(half), number, "torn")
        _apply(content, operation)
        if operation.kind == "note":
            continue
        yield CrashState(bytes(content), number, "prefix")
        if operation.kind == "sync":
            window = _Window(bytes(content))
            continue
        window.add(operation, content)
        for sample in window.samples(power, chance):
            yield CrashState(sample, number, "power")


def final_content(initial: bytes, log: Sequence[Operation]) -> bytes:
    """Returns the content of the file after all operations."""
    content = bytearray(initial)
    for operation in log:
        _apply(content, operation)
    return bytes(content)


def _apply(content: bytearray, operation: Operation) -> None:
    if operation.kind == "write":
        _write(content, operation.offset, operation.data)
    elif operation.kind == "truncate":
        _resize(content, operation.offset)


def _write(content: bytearray, offset: int, data: bytes) -> None:
    if data:
        if len(content) < offset:
            _resize(content, offset)
        content[offset : offset + len(data)] = data


def _resize(content: bytearray, size: int) -> None:
    if size <= len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))


def _cuts(operation: Operation, number: int, chance: random.Random) -> list[int]:
    """Returns lengths in bytes of the part of a write that was done before the process died."""
    length = len(operation.data)
    first = SECTOR - operation.offset % SECTOR
    edges = range(first, length, SECTOR)
    cuts = {1, length // 2, length - 1, *edges[:1], *edges[-1:]}
    cuts.update(chance.sample(edges, min(number, len(edges))))
    cuts.update(chance.randrange(1, max(2, length)) for _ in range(number // 2))
    return sorted(cut for cut in cuts if 0 < cut < length)


class _Window:
    """The changes since the last sync: the versions of each sector, and the sizes of the file.

    A cache holds whole sectors, so a version of a sector contains all data that were written into it up to some
    operation.
    """

    def __init__(self, durable: bytes) -> None:
        self._durable = durable
        self._sizes = [len(durable)]
        self._size_numbers = [0]
        self._versions: dict[int, tuple[list[int], list[bytes]]] = {}
        self._number = 0

    def add(self, operation: Operation, content: bytearray) -> None:
        """Adds an operation. `content` is the content of the file after it."""
        self._number += 1
        old, new = self._sizes[-1], len(content)
        if operation.kind == "write":
            start, stop = min(operation.offset, old), operation.offset + len(operation.data)
        else:
            start, stop = min(old, new), max(old, new)
        for sector in range(start // SECTOR, -(-stop // SECTOR)):
            numbers, versions = self._versions.setdefault(sector, ([0], [self._durable_sector(sector)]))
            version = bytes(content[sector * SECTOR : (sector + 1) * SECTOR]).ljust(SECTOR, b"\0")
            if versions[-1] != version:
                numbers.append(self._number)
                versions.append(version)
        if new != old:
            self._sizes.append(new)
            self._size_numbers.append(self._number)

    def samples(self, number: int, chance: random.Random) -> Iterator[bytes]:
        """Yields different contents that a loss of power may leave, at most ``number`` of them."""
        sectors = sorted(sector for sector, (_, versions) in self._versions.items() if len(versions) > 1)
        counts = [len(self._versions[sector][1]) for sector in sectors]
        found: set[bytes] = set()
        for pick in self._picks(sectors, counts, number, chance):
            if len(found) >= number:
                return
            state = self._build(sectors, *pick, chance if chance.random() < 0.25 else None)
            if state not in found:
                found.add(state)
                yield state

    def _picks(
        self, sectors: list[int], counts: list[int], number: int, chance: random.Random
    ) -> Iterator[tuple[int, list[int]]]:
        sizes = list(dict.fromkeys(self._sizes))
        choices = len(sizes)
        for count in counts:
            choices *= count
            if choices > 4 * number:
                break
        if choices <= 4 * number:
            everything = list(itertools.product(sizes, *map(range, counts)))
            chance.shuffle(everything)
            yield from ((size, list(versions)) for size, *versions in everything)
            return
        newest = [count - 1 for count in counts]
        kinds = [self._one_lost, self._one_kept, self._cut_in_time, self._any]
        for _ in range(8 * number):
            if chance.random() < 0.2:
                yield self._as_of(sectors, max(0, self._number - chance.randrange(4)))
                continue
            size = self._sizes[-1] if chance.random() < 0.6 else chance.choice(sizes)
            yield size, chance.choice(kinds)(sectors, counts, newest, chance)

    def _as_of(self, sectors: list[int], then: int) -> tuple[int, list[int]]:
        """Returns the size and versions at an earlier time: no later change is on the medium."""
        size = self._sizes[bisect.bisect_right(self._size_numbers, then) - 1]
        return size, [bisect.bisect_right(self._versions[sector][0], then) - 1 for sector in sectors]

    def _one_lost(self, _: list[int], counts: list[int], newest: list[int], chance: random.Random) -> list[int]:
        picked = list(newest)
        if picked:
            at = chance.randrange(len(picked))
            picked[at] = chance.randrange(counts[at] - 1)
        return picked

    def _one_kept(self, _: list[int], counts: list[int], newest: list[int], chance: random.Random) -> list[int]:
        picked = [0] * len(newest)
        if picked:
            at = chance.randrange(len(picked))
            picked[at] = chance.randrange(1, counts[at])
        return picked

    def _cut_in_time(
        self, sectors: list[int], counts: list[int], newest: list[int], chance: random.Random
    ) -> list[int]:
        """Picks the newest version of some sectors, and the version at one earlier time of the others."""
        del counts
        then = chance.randrange(self._number + 1)
        early = [bisect.bisect_right(self._versions[sector][0], then) - 1 for sector in sectors]
        return [chance.choice(pair) for pair in zip(early, newest, strict=True)]

    def _any(self, _: list[int], counts: list[int], newest: list[int], chance: random.Random) -> list[int]:
        del newest
        return [chance.randrange(count) for count in counts]

    def _build(self, sectors: list[int], size: int, picked: list[int], noise: random.Random | None) -> bytes:
        """Returns one content. With ``noise``, lost new sectors contain random bytes, as on a used medium."""
        content = bytearray(self._durable)
        _resize(content, max(size, len(content), (sectors[-1] + 1) * SECTOR if sectors else 0))
        for sector, version in zip(sectors, picked, strict=True):
            data = self._versions[sector][1][version]
            if noise and version == 0 and sector * SECTOR >= len(self._durable):
                data = noise.randbytes(SECTOR)
            content[sector * SECTOR : (sector + 1) * SECTOR] = data
        _resize(content, size)
        return bytes(content)

    def _durable_sector(self, sector: int) -> bytes:
        return self._durable[sector * SECTOR : (sector + 1) * SECTOR].ljust(SECTOR, b"\0")


def copy_of(path: str | os.PathLike[str], content: bytes) -> Path:
    """Writes a new file with this content, replaces an existing one, and returns its path."""
    path = Path(path)
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    return path
