"""The metadata of an HDF5 file as bytes: where its checked blocks lie, and their checksums made right again.

Layouts: HDF5 File Format Specification 3.0, section III and IV. A block that has a signature ends with the lookup3 of
all bytes before; only direct blocks of fractal heaps have the checksum in their head.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aerchive.storage.commits.superblock import lookup3

SIGNATURES = re.compile(
    rb"OHDR\x02|OCHK|BTHD\0|BTIN\0|BTLF\0|FRHP\0|FHDB\0|FHIB\0|EAHD\0|EAIB\0|EASB\0|EADB\0|FAHD\0|FADB\0"
)
_LENGTHS = (512, 4096, 70_000)
"""Longest block that is looked for, one after the other, in bytes."""
_HEAP_BITS_AT = 128
_HEAP_FLAGS_AT = 9


class Block(NamedTuple):
    """A block of metadata.

    Attributes:
        kind: Its signature, four letters.
        start: Offset of its first byte.
        end: Offset behind its last byte.
        sum_at: Offset of its checksum, of four bytes.
    """

    kind: str
    start: int
    end: int
    sum_at: int


def block_at(data: bytes | bytearray, start: int) -> Block | None:
    """The block whose signature is at an offset, or `None` if no checksum there is right."""
    kind = bytes(data[start : start + 4])
    if kind == b"\x89HDF":
        return Block("SUPR", start, start + 48, start + 44)
    if kind == b"FHDB":
        return _direct_block(data, start)
    if kind == b"OHDR":
        flags = data[start + 5]
        at = start + 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
        width = 1 << (flags & 3)
        end = at + width + int.from_bytes(data[at : at + width], "little")
        right = end + 4 <= len(data) and lookup3(bytes(data[start:end])) == int.from_bytes(
            data[end : end + 4], "little"
        )
        return Block("OHDR", start, end + 4, end) if right else None
    for most in _LENGTHS:
        length = _checked_length(bytes(data[start : start + most]))
        if length:
            return Block(kind.decode(), start, start + length + 4, start + length)
    return None


def _direct_block(data: bytes | bytearray, start: int) -> Block | None:
    header = int.from_bytes(data[start + 5 : start + 13], "little")
    if data[header : header + 4] != b"FRHP" or not data[header + _HEAP_FLAGS_AT] & 2:
        return None
    bits = int.from_bytes(data[header + _HEAP_BITS_AT : header + _HEAP_BITS_AT + 2], "little")
    at = start + 13 + (bits + 7) // 8
    for power in range(9, 17):
        whole = bytearray(data[start : start + (1 << power)])
        whole[at - start : at - start + 4] = bytes(4)
        if lookup3(bytes(whole)) == int.from_bytes(data[at : at + 4], "little"):
            return Block("FHDB", start, start + len(whole), at)
    return None


def blocks(data: bytes | bytearray) -> list[Block]:
    """All blocks of metadata that can be found by their signatures, in order, the superblock first."""
    starts = (match.start() for match in SIGNATURES.finditer(data))
    found = (block_at(data, start) for start in (0, *starts))
    return [block for block in found if block is not None]


def mend(data: bytearray, block: Block) -> None:
    """Computes the checksum of a block again."""
    data[block.sum_at : block.sum_at + 4] = bytes(4)
    stop = block.end if block.kind == "FHDB" else block.sum_at
    data[block.sum_at : block.sum_at + 4] = lookup3(bytes(data[block.start : stop])).to_bytes(4, "little")


@contextmanager
def patched(path: Path) -> Iterator[bytearray]:
    """The bytes of a file, to be changed; the checksum of each block that was changed is made right again."""
    before = path.read_bytes()
    data = bytearray(before)
    yield data
    touched: dict[int, Block] = {}
    common = min(len(before), len(data))
    changed = np.flatnonzero(np.frombuffer(before[:common], np.uint8) != np.frombuffer(data[:common], np.uint8))
    at = 0
    for offset in changed.tolist():
        if offset < at:
            continue
        block = _block_around(before, offset)
        if block is not None:
            touched[block.start] = block
            at = block.end
    for block in touched.values():
        mend(data, block)
    path.write_bytes(data)


def _block_around(data: bytes, offset: int) -> Block | None:
    if offset < 48:
        return block_at(data, 0)
    nearest = [match.start() for match in SIGNATURES.finditer(data, max(0, offset - _LENGTHS[-1]), offset + 4)]
    for start in reversed(nearest):
        block = block_at(data, start)
        if block is not None and block.start <= offset < block.end:
            return block
    return None


def _checked_length(data: bytes) -> int:
    """The least length after which the lookup3 of all bytes before follows; 0 if there is none.

    The checksums of all lengths are computed at once: the rounds are the same for all, only the first value and the
    last round depend on the length.
    """
    lengths = np.arange(8, len(data) - 3, dtype=np.uint32)
    if not len(lengths):
        return 0
    padded = np.frombuffer(data + bytes(24), np.uint8)
    words = np.lib.stride_tricks.sliding_window_view(padded, 4)[: len(data) + 12].astype(np.uint32)
    word = words[:, 0] | words[:, 1] << 8 | words[:, 2] << 16 | words[:, 3] << 24
    start = np.uint32(0xDEADBEEF) + lengths
    a, b, c = start.copy(), start.copy(), start.copy()
    whole = (lengths.astype(np.int64) - 1) // 12 * 12
    for at in range(0, int(whole.max()), 12):
        first = int(np.searchsorted(whole, at, side="right"))  # only longer ones have this round
        x, y, z = a[first:], b[first:], c[first:]
        x += word[at]
        y += word[at + 4]
        z += word[at + 8]
        _mix(x, y, z)
    tails = np.zeros((len(lengths), 12), np.uint8)
    for number in range(12):
        index = whole + number
        inside = index < lengths
        tails[inside, number] = padded[index[inside]]
    last = tails.view("<u4")
    a, b, c = a + last[:, 0], b + last[:, 1], c + last[:, 2]
    for bits, (target, source) in zip(
        (14, 11, 25, 16, 4, 14, 24), ("cb", "ac", "ba", "cb", "ac", "ba", "cb"), strict=True
    ):
        values = {"a": a, "b": b, "c": c}
        values[target] ^= values[source]
        values[target] -= _rotated(values[source], bits)
    stored = word[lengths]
    found = np.flatnonzero(c == stored)
    return int(lengths[found[0]]) if len(found) else 0


def _rotated(value: np.ndarray, bits: int) -> np.ndarray:
    return (value << np.uint32(bits)) | (value >> np.uint32(32 - bits))


def _mix(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    for x, y, z, bits in ((a, c, b, 4), (b, a, c, 6), (c, b, a, 8), (a, c, b, 16), (b, a, c, 19), (c, b, a, 4)):
        np.subtract(x, y, out=x)
        np.bitwise_xor(x, _rotated(y, bits), out=x)
        np.add(y, z, out=y)
