"""The journal as bytes: what is not one, wherever it came from, is not applied."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from pydantic import ByteSize

from aerchive.errors import UnsafeContentError, WriteError
from aerchive.limits import Limits, limits, use_limits
from aerchive.storage.chunks.drafts import GroupDraft
from aerchive.storage.commits.journal import TRAILER_SIZE, Journal, digest_of, find_journal
from aerchive.storage.commits.overlay import Overlay
from aerchive.storage.commits.superblock import SIZE, Superblock, lookup3, read_superblock
from aerchive.storage.medium.disk import Disk
from aerchive.testing.disks import FailingDisk, fault, using
from tests.samples import write_run

HEAD = struct.Struct("<8sQQQ48s48s32s")


@pytest.fixture
def fd(path: Path) -> Iterator[int]:
    write_run(path, GroupDraft({"a": 1}))
    number = os.open(path, os.O_RDWR)
    yield number
    os.close(number)


def superblocks(fd: int) -> tuple[Superblock, Superblock]:
    old = read_superblock(fd, "p.h5")
    return old, old.ending_at(old.end + 100)


def journal_of(fd: int, changes: tuple[tuple[int, bytes], ...] = ((500, b"new"),)) -> Journal:
    old, new = superblocks(fd)
    os.ftruncate(fd, new.end)
    return Journal(old, new, changes, digest_of(fd, old.end, new.end))


def put(fd: int, journal: Journal, body: bytes | None = None) -> None:
    """Writes a journal; or another body with a trailer that fits it."""
    data = journal.to_bytes()
    if body is not None:
        length = len(body) + TRAILER_SIZE
        digest = hashlib.sha256(body + struct.pack("<QQ", journal.start, length)).digest()
        data = body + struct.pack("<8sQQ32s8x", b"AERJEND1", journal.start, length, digest)
    os.pwrite(fd, data, journal.start)


def found(fd: int) -> Journal | None:
    return find_journal(fd, read_superblock(fd, "p.h5"), "p.h5")


def test_a_journal_is_found_as_it_was_written(fd: int) -> None:
    journal = journal_of(fd, ((100, b"one"), (500, b"two" * 50)))
    put(fd, journal)
    assert found(fd) == journal


def body_of(journal: Journal) -> bytes:
    return journal.to_bytes()[:-TRAILER_SIZE]


def with_head(journal: Journal, **fields: object) -> bytes:
    names = ("magic", "old_end", "new_end", "number", "old", "new", "digest")
    head = dict(zip(names, HEAD.unpack_from(body_of(journal)), strict=True)) | fields
    return HEAD.pack(*head.values()) + body_of(journal)[HEAD.size :]


WRONG: dict[str, Callable[[Journal], bytes]] = {
    "another magic": lambda j: with_head(j, magic=b"AERJRNL2"),
    "an old end that is not the old superblock's": lambda j: with_head(j, old_end=j.old.end + 1),
    "a new end that is not the new superblock's": lambda j: with_head(j, new_end=j.new.end + 1),
    "fewer changes than it says": lambda j: with_head(j, number=2),
    "more changes than it says": lambda j: with_head(j, number=0),
    "a change that is cut off": lambda j: body_of(j)[:-1],
    "another project's superblock": lambda j: body_of(
        Journal(j.old.ending_at(j.old.end - 8), j.new, j.changes, j.data_digest)
    ),
    "other data": lambda j: body_of(Journal(j.old, j.new, j.changes, bytes(31) + b"1")),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_not_a_journal_of_this_file_is_not_applied(what: str, fd: int) -> None:
    journal = journal_of(fd)
    put(fd, journal)
    assert found(fd) == journal
    put(fd, journal, WRONG[what](journal))
    os.ftruncate(fd, journal.start + len(WRONG[what](journal)) + TRAILER_SIZE)
    assert found(fd) is None


def forged(superblock: Superblock, at: int, new: bytes) -> Superblock:
    """The superblock with other bytes, and a checksum that fits them."""
    body = superblock.raw[:at] + new + superblock.raw[at + len(new) : -4]
    return Superblock(body + lookup3(body).to_bytes(4, "little"))


FORGED: dict[str, Callable[[Journal], Journal]] = {
    "a change of the superblock": lambda j: replace(j, changes=((SIZE - 1, b"x"),)),
    "a change beyond the old end": lambda j: replace(j, changes=((j.old.end, b"x"),)),
    "a change across the old end": lambda j: replace(j, changes=((j.old.end - 1, b"xy"),)),
    "a change far away": lambda j: replace(j, changes=((2**64 - 1, b"x"),)),
    "a change of nothing": lambda j: replace(j, changes=((500, b""),)),
    "changes that overlap": lambda j: replace(j, changes=((500, b"xyz"), (502, b"x"))),
    "changes out of order": lambda j: replace(j, changes=((502, b"x"), (500, b"x"))),
    "a root group outside the file": lambda j: replace(j, new=forged(j.new, 36, (j.new.end).to_bytes(8, "little"))),
    "an extension outside the file": lambda j: replace(j, new=forged(j.new, 20, (j.new.end).to_bytes(8, "little"))),
    "another base address": lambda j: replace(j, new=forged(j.new, 12, (8).to_bytes(8, "little"))),
    "another superblock version": lambda j: replace(j, new=forged(j.new, 8, b"\2")),
    "a superblock with a wrong checksum": lambda j: replace(
        j, new=Superblock(j.new.raw[:-1] + bytes([j.new.raw[-1] ^ 1]))
    ),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_complete_journal_that_no_commit_writes_is_refused(what: str, fd: int) -> None:
    journal = FORGED[what](journal_of(fd))
    put(fd, journal)
    with pytest.raises(UnsafeContentError, match=r"p\.h5: the journal of an interrupted commit is forged"):
        found(fd)


def test_a_journal_that_makes_the_file_shorter_is_refused(fd: int) -> None:
    old = read_superblock(fd, "p.h5")
    journal = Journal(old, old.ending_at(old.end - 100), ((500, b"new"),))
    put(fd, journal)
    os.ftruncate(fd, journal.start + len(journal.to_bytes()))
    with pytest.raises(UnsafeContentError, match="forged"):
        found(fd)


@pytest.mark.parametrize(("limit", "length"), [("journal_bytes", 2**20), ("sparse_ratio", 20 * 2**30)])
def test_a_journal_larger_than_a_limit_is_not_read(limit: str, length: int, fd: int) -> None:
    """Neither its length nor that of a file with holes says how much memory may be used."""
    end, start = read_superblock(fd, "p.h5").end, journal_of(fd).start
    trailer = struct.pack("<8sQQ32s8x", b"AERJEND1", start, length + TRAILER_SIZE, bytes(32))
    os.pwrite(fd, trailer, start + length)
    assert end < start
    before = limits()
    use_limits(Limits(journal_bytes=ByteSize(2**20)))
    try:
        with record_reads_of_disk() as reads, pytest.raises(UnsafeContentError, match=f"the limit '{limit}'"):
            found(fd)
    finally:
        use_limits(before)
    assert sum(reads) < 4096


@contextlib.contextmanager
def record_reads_of_disk() -> Iterator[list[int]]:
    lengths: list[int] = []

    class Counting(Disk):
        def read(self, fd: int, view: memoryview, offset: int) -> int:
            lengths.append(len(view))
            return super().read(fd, view, offset)

    with using(Counting()):
        yield lengths


def test_a_journal_in_another_place_is_none(fd: int) -> None:
    journal = journal_of(fd)
    moved = journal.start + 8
    body = body_of(journal)
    length = len(body) + TRAILER_SIZE
    digest = hashlib.sha256(body + struct.pack("<QQ", moved, length)).digest()
    os.pwrite(fd, body + struct.pack("<8sQQ32s8x", b"AERJEND1", moved, length, digest), moved)
    assert found(fd) is None


@pytest.mark.parametrize("at", [-1, -40, -TRAILER_SIZE, -TRAILER_SIZE - 1])
def test_a_changed_byte_makes_it_none(at: int, fd: int) -> None:
    journal = journal_of(fd)
    put(fd, journal)
    size = os.fstat(fd).st_size
    byte = os.pread(fd, 1, size + at)[0]
    os.pwrite(fd, bytes([byte ^ 1]), size + at)
    assert (found(fd) is None) == (at != -1)  # the last eight bytes are padding


def test_a_tiny_file_has_none(fd: int) -> None:
    superblock = read_superblock(fd, "p.h5")
    os.ftruncate(fd, TRAILER_SIZE - 1)
    assert find_journal(fd, superblock, "p.h5") is None


def test_hdf5_s_checksum_of_nothing() -> None:
    assert lookup3(b"") == 0xDEADBEEF
    assert lookup3(b"Four score and seven years ago") == 0x17770551  # the example in Jenkins' lookup3.c


# -- the overlay as a file


def test_an_overlay_reads_as_a_file(fd: int) -> None:
    overlay = Overlay(fd, read_superblock(fd, "p.h5"), "p.h5")
    end = read_superblock(fd, "p.h5").end
    assert overlay.read(8) == b"\x89HDF\r\n\x1a\n"
    assert overlay.tell() == 8
    assert overlay.seek(2, os.SEEK_CUR) == 10
    assert overlay.seek(0, os.SEEK_END) == end
    overlay.write(b"behind")
    overlay.seek(20)
    overlay.write(b"changed")
    overlay.seek(18)
    assert overlay.read(9)[2:] == b"changed"
    overlay.seek(end - 1)
    assert overlay.read(20)[1:] == b"behind".ljust(19, b"\0")
    overlay.flush()
    overlay.roll_back()
    assert os.fstat(fd).st_size == end


def test_a_disk_that_cannot_cut_the_file_refuses_the_commit(fd: int) -> None:
    superblock = read_superblock(fd, "p.h5")
    overlay = Overlay(fd, superblock, "p.h5")
    overlay.seek(0, os.SEEK_END)
    overlay.write(bytes(100))
    with using(FailingDisk(0, fault(errno.EIO))):
        overlay.truncate(superblock.end + 10)
    assert isinstance(overlay.error, OSError)
    with pytest.raises(WriteError, match="Input/output error; nothing was saved"):
        overlay.commit()


def test_a_superblock_that_cannot_be_read_again_refuses_the_commit(fd: int) -> None:
    overlay = Overlay(fd, read_superblock(fd, "p.h5"), "p.h5")
    with using(FailingDisk(0, fault(errno.EIO))), pytest.raises(WriteError, match="Input/output error"):
        overlay.commit()


def test_space_that_hdf5_gives_back_at_the_end_stays_part_of_the_file(path: Path) -> None:
    """A committed address never means something else, not even one that HDF5 would use again."""
    write_run(path, GroupDraft({"a": 1}))
    fd = os.open(path, os.O_RDWR)
    try:
        for action in (
            lambda file: file.create_dataset("last", data=np.arange(1000)),
            lambda file: file.__delitem__("last"),
        ):
            before = read_superblock(fd, "p.h5").end
            overlay = Overlay(fd, read_superblock(fd, "p.h5"), "p.h5")
            with h5py.File(overlay, "r+", libver=("v110", "v110")) as file:
                action(file)
            assert overlay.error is None
            overlay.commit()
            assert read_superblock(fd, "p.h5").end >= before
    finally:
        os.close(fd)
    assert path.stat().st_size == before
    with h5py.File(path) as file:
        assert "last" not in file
