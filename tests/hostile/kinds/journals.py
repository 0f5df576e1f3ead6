"""Journals, with right digests, that a commit of ours never writes."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

from aerchive.storage.commits.journal import Journal
from aerchive.storage.commits.superblock import Superblock
from tests.hostile.corpus import add
from tests.hostile.edits import Hostile, run_path


def _head(path: Path) -> Superblock:
    with path.open("rb") as file:
        return Superblock(file.read(48))


def _journal(change: Callable[[Superblock, bytes], Journal], *, grow: int = 0) -> Callable[[Hostile], None]:
    """A journal behind the content, which is longer by so many bytes."""

    def act(one: Hostile) -> None:
        data = one.path.read_bytes()
        old = _head(one.path)
        data = data[: old.end].ljust(old.end + grow, b"\0")
        journal = change(old, data)
        one.path.write_bytes(data.ljust(journal.start, b"\0")[: journal.start] + journal.to_bytes())

    return act


def _same(old: Superblock, *changes: tuple[int, bytes]) -> Journal:
    return Journal(old, old, changes)


def _everything(old: Superblock, data: bytes) -> Journal:
    return _same(old, (48, bytes(old.end - 48)))


def _counts(old: Superblock, data: bytes) -> Journal:
    """Counts of a run, which no commit of ours replaces."""
    at = data.index(b"\0\0\0\0" + b"11" + (10).to_bytes(8, "little")) + 4
    return _same(old, (at, b"01"))


def _beyond(old: Superblock, data: bytes) -> Journal:
    return _same(old, (old.end - 4, bytes(64)))


def _in_the_superblock(old: Superblock, data: bytes) -> Journal:
    return _same(old, (0, bytes(48)))


def _overlapping(old: Superblock, data: bytes) -> Journal:
    return _same(old, *((96, bytes([number % 256]) * 64) for number in range(2000)))


def _shorter(old: Superblock, data: bytes) -> Journal:
    return Journal(old, old.ending_at(4096), ())


def _longer(old: Superblock, data: bytes) -> Journal:
    return Journal(old, old.ending_at(2**40), ())


def _other_root(old: Superblock, data: bytes) -> Journal:
    body = bytearray(old.raw)
    body[36:44] = (96).to_bytes(8, "little")
    return Journal(old, Superblock(bytes(body)).ending_at(old.end), ())


def _no_superblock(old: Superblock, data: bytes) -> Journal:
    return Journal(old, Superblock(b"x" * 28 + old.raw[28:36] + b"y" * 12), ())


def _empty(old: Superblock, data: bytes) -> Journal:
    return _same(old)


JOURNALS = (
    _everything,
    _counts,
    _beyond,
    _in_the_superblock,
    _overlapping,
    _shorter,
    _longer,
    _other_root,
    _no_superblock,
    _empty,
)
for _change in JOURNALS:
    _name = _change.__name__.strip("_").replace("_", " ")
    if _name == "longer":
        continue  # its file would have 2**40 bytes
    add("journals", _name, _journal(_change), "limited", jobs=("bell", "last"))


def _trailer(
    start: Callable[[int], int], length: Callable[[int], int], size: int | None = None
) -> Callable[[Hostile], None]:
    """Only the end of a journal, in a file of this size."""

    def act(one: Hostile) -> None:
        end = one.path.stat().st_size
        at = start(end)
        trailer = struct.pack("<8sQQ32s8x", b"AERJEND1", at, length(end), bytes(32))
        with one.path.open("r+b") as file:
            file.truncate(size or end + 64)
            file.seek(-64, os.SEEK_END)
            file.write(trailer)

    return act


_SPARSE = 20 * 2**30
add("journals", "sparse, 20 GiB", _trailer(lambda end: end + 8, lambda end: _SPARSE - end - 8, _SPARSE), "limited")
add("journals", "of the whole file", _trailer(lambda end: 0, lambda end: end + 64), "limited")
add("journals", "of negative length", _trailer(lambda end: 2**63, lambda end: 2**63 + end + 64), "limited")


def _many_changes(one: Hostile) -> None:
    """2**60 changes, by their number; the digest is right."""
    data, old = one.path.read_bytes(), _head(one.path)
    start = -(-old.end // 8) * 8
    body = struct.pack("<8sQQQ48s48s32s", b"AERJRNL1", old.end, old.end, 2**60, old.raw, old.raw, bytes(32))
    length = len(body) + 64
    digest = hashlib.sha256(body + struct.pack("<QQ", start, length)).digest()
    tail = struct.pack("<8sQQ32s8x", b"AERJEND1", start, length, digest)
    one.path.write_bytes(data[: old.end].ljust(start, b"\0") + body + tail)


def _signed(one: Hostile) -> None:
    """A journal in a file that may not be written: it is read, and the file stays as it is."""
    _journal(_empty)(one)
    one.path.chmod(0o444)


add("journals", "2**60 changes", _many_changes, "limited")
add("journals", "in a file of mode 0444", _signed, "limited")
add(
    "journals",
    "named like a run",
    _journal(lambda old, data: _same(old, (data.index(run_path("bell")[16:].encode()), b"/"))),
    "limited",
)
