"""Files of which something is wrong as a whole."""

from __future__ import annotations

import os
from collections.abc import Callable

from aerchive.storage.commits.superblock import Superblock
from tests.hostile.corpus import add
from tests.hostile.edits import Hostile
from tests.hostile.metadata import block_at, blocks, mend

Change = Callable[[bytearray], None]
ALL = ("ls", "show", "verify")


def _raw(change: Change) -> Callable[[Hostile], None]:
    """Changes bytes, and no checksum."""

    def act(one: Hostile) -> None:
        data = bytearray(one.path.read_bytes())
        change(data)
        one.path.write_bytes(data)

    return act


def _patched(change: Change) -> Callable[[Hostile], None]:
    """Changes bytes of metadata, whose checksums are made right again."""

    def act(one: Hostile) -> None:
        with one.bytes() as data:
            change(data)

    return act


def _user_block(data: bytearray) -> None:
    data[:0] = b"#!/bin/sh\nexit\n".ljust(512, b"\0")


def _number(at: int, value: int, width: int = 8) -> Change:
    def change(data: bytearray) -> None:
        data[at : at + width] = value.to_bytes(width, "little")

    return change


def _cut(keep: Callable[[int], int]) -> Change:
    def change(data: bytearray) -> None:
        del data[keep(len(data)) :]

    return change


def _mixture(one: Hostile) -> None:
    """The first half is of a later state than the second, as in a copy that was made meanwhile."""
    old = one.path.read_bytes()
    from tests.drafts import draft_of, project_at

    for number in range(3):
        project_at(one.path).archive(draft_of(number))
    new = bytearray(one.path.read_bytes())
    new[len(old) // 2 :] = old[len(old) // 2 :].ljust(len(new) - len(old) // 2, b"\0")
    one.path.write_bytes(new)


def _swapped_root(data: bytearray) -> None:
    """The root is a group of a run."""
    groups = [at for at in _headers(data) if b"core_sha256" in data[at : at + 900]]
    data[36:44] = groups[0].to_bytes(8, "little")


def _headers(data: bytearray) -> list[int]:
    return [block.start for block in blocks(data) if block.kind == "OHDR"]


def _sparse(one: Hostile) -> None:
    os.truncate(one.path, 20 * 2**30)


def _sparse_content(one: Hostile) -> None:
    """The superblock says that all 20 GiB are content."""
    with one.path.open("r+b") as file:
        head = Superblock(file.read(48)).ending_at(20 * 2**30)
        file.seek(0)
        file.write(head.raw)
        file.truncate(20 * 2**30)


def _garbage(data: bytearray) -> None:
    data += b"\x80\x04pickle" * 1000


def _second_project(data: bytearray) -> None:
    data += bytes(data)


def _field(kind: bytes, offset: int, value: bytes, which: int = 0) -> Callable[[Hostile], None]:
    """A field in a block of metadata, which has a right checksum afterwards."""

    def act(one: Hostile) -> None:
        data = bytearray(one.path.read_bytes())
        at = -1
        for _ in range(which + 1):
            at = data.index(kind, at + 1)
        block = block_at(data, at)
        assert block is not None
        data[at + offset : at + offset + len(value)] = value
        mend(data, block)
        one.path.write_bytes(data)

    return act


NOT_OURS: dict[str, Callable[[Hostile], None]] = {
    "user block": _raw(_user_block),
    "empty": _raw(lambda data: data.clear()),
    "signature only": _raw(_cut(lambda size: 8)),
    "superblock only": _raw(_cut(lambda size: 48)),
    "half": _raw(_cut(lambda size: size // 2)),
    "without the last byte": _raw(_cut(lambda size: size - 1)),
    "zeros": _raw(lambda data: data.__setitem__(slice(None), bytes(len(data)))),
    "superblock version 0": _raw(_number(8, 0, 1)),
    "superblock version 2": _patched(_number(8, 2, 1)),
    "superblock version 9": _patched(_number(8, 9, 1)),
    "addresses of 255 bytes": _patched(_number(9, 255, 1)),
    "lengths of no byte": _patched(_number(10, 0, 1)),
    "open for writing": _patched(_number(11, 1, 1)),
    "in the middle of a commit": _patched(_number(11, 3, 1)),
    "wrong checksum": _raw(_number(44, 0, 4)),
    "base address": _patched(_number(12, 512)),
    "root beyond the end": _patched(_number(36, 2**40)),
    "root in the superblock": _patched(_number(36, 0)),
    "root undefined": _patched(_number(36, 2**64 - 1)),
    "root is a run": _patched(_swapped_root),
    "extension in the superblock": _patched(_number(20, 0)),
    "extension beyond the end": _patched(_number(20, 2**40)),
    "end before its content": _patched(_number(28, 96)),
    "end beyond": _patched(_number(28, 2**62)),
    "another format": _raw(lambda data: data.__setitem__(slice(0, 8), b"PK\3\4\0\0\0\0")),
}
for _name, _make in NOT_OURS.items():
    add("files", _name, _make, "refused", "stranger.h5", refuses=ALL)
add("files", "garbage behind", _raw(_garbage), "limited")
add("files", "a second project behind", _raw(_second_project), "limited")
add("files", "sparse behind", _sparse, "limited")
add("files", "sparse content", _sparse_content, "limited")
add("files", "mixture of two commits", _mixture, "refused", "stranger.h5")
for _which in range(2):
    for _name, (_offset, _value) in {
        "tree, type of records": (5, b"\x0a"),
        "tree, size of nodes 0": (6, bytes(4)),
        "tree, size of nodes 2**32": (6, b"\xff" * 4),
        "tree, size of records 0": (10, bytes(2)),
        "tree, size of records 65535": (10, b"\xff" * 2),
        "tree, depth 9": (12, b"\x09\0"),
        "tree, depth 65535": (12, b"\xff" * 2),
        "tree, split at 0": (14, bytes(2)),
        "tree, root in itself": (16, bytes(8)),
        "tree, records in the root": (24, b"\xff\x7f"),
        "tree, all records": (26, b"\xff" * 8),
    }.items():
        _case, _expect = _field(b"BTHD\0", _offset, _value, _which), "limited" if "split" in _name else "refused"
        _node = "stranger.h5" if _expect == "refused" else ""
        add("files", f"{_name}, {_which}", _case, _expect, _node, jobs=("bell",))
for _name, (_kind, _offset, _value) in {
    "heap, length of ids": (b"FRHP\0", 5, b"\xff\xff"),
    "heap, filters": (b"FRHP\0", 7, b"\xff\xff"),
    "heap, width of the table 0": (b"FRHP\0", 110, bytes(2)),
    "heap, starting block 2**63": (b"FRHP\0", 112, b"\0\0\0\0\0\0\0\x80"),
    "heap, size of the heap": (b"FRHP\0", 128, b"\xff\xff"),
    "heap, rows of the root": (b"FRHP\0", 140, b"\xff\x7f"),
    "heap, root in itself": (b"FRHP\0", 132, bytes(8)),
    "extensible array, size of elements": (b"EAHD\0", 6, b"\xff"),
    "extensible array, bits": (b"EAHD\0", 7, b"\xff"),
    "extensible array, elements in the index": (b"EAHD\0", 8, b"\0"),
    "extensible array, least elements": (b"EAHD\0", 9, b"\0"),
    "extensible array, pages": (b"EAHD\0", 11, b"\xff"),
    "fixed array, size of elements": (b"FAHD\0", 6, b"\xff"),
    "fixed array, bits of pages": (b"FAHD\0", 7, b"\xff"),
    "fixed array, elements": (b"FAHD\0", 8, b"\xff" * 8),
    "fixed array, block": (b"FAHD\0", 16, bytes(8)),
}.items():
    add("files", _name, _field(_kind, _offset, _value), "limited", jobs=("chunks", "bell"))


def _far_away(one: Hostile) -> None:
    """All tables of chunks name an address that the operating system cannot take."""
    with one.bytes() as data:
        for block in blocks(data):
            if block.kind == "FADB":
                data[block.start + 14 : block.start + 22] = b"\x00" + b"\xff" * 6 + b"\xfe"


add("files", "chunks behind all offsets", _far_away, "refused", "statevector", jobs=("chunks",), refuses=("values",))
