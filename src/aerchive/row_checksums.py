"""Checks the CRC-32 of many rows of a table at once.

One call for each row takes longer than reading the row. But the CRC-32 of two joined pieces follows from the CRC-32 of
each piece: ``crc(a + b) = advance(crc(a), len(b)) ^ crc(b)``, where ``advance`` is linear over GF(2) (Mark Adler's
``crc32_combine`` in zlib). So the stored checksums of a block of rows are combined, and the result is compared with one
checksum that is computed over the whole block.
"""

from __future__ import annotations

import functools

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

_NUMBER_BYTES = 8
_BLOCK = 256
"""The number of rows that are checked together, a power of two."""


def row_crc(row: bytes | memoryview, number: int) -> int:
    """Returns the CRC-32 of the number of a row, as little-endian uint64, followed by the bytes of the row."""
    return int(isal_zlib.crc32(row, isal_zlib.crc32(number.to_bytes(_NUMBER_BYTES, "little"))))


def wrong_rows(rows: NDArray[np.uint8], sums: NDArray[np.uint32], first: int | NDArray[np.intp]) -> list[int]:
    """Returns the numbers of the rows whose stored checksum differs from `row_crc`.

    A single damaged row and a row in the place of another row are always found. Damage of several rows in one block is
    found with the certainty of any CRC-32.

    Args:
        rows: The bytes of the rows, shape ``(rows, bytes)``. They need not be contiguous.
        sums: The stored checksums of the rows, shape ``(rows,)``.
        first: The number of the first row, or the number of each row.
    """
    numbers = np.arange(first, first + len(rows)) if isinstance(first, int) else first
    whole = len(rows) // _BLOCK * _BLOCK
    suspects = list(range(whole, len(rows)))
    if whole:
        suspects += _suspects(rows[:whole], sums[:whole], numbers)
    return [int(numbers[i]) for i in sorted(suspects) if row_crc(rows[i].tobytes(), int(numbers[i])) != int(sums[i])]


def _suspects(rows: NDArray[np.uint8], sums: NDArray[np.uint32], numbers: NDArray[np.intp]) -> list[int]:
    """Returns the indices of all rows in blocks with a wrong checksum."""
    width = _NUMBER_BYTES + rows.shape[1]
    expected = _joined(np.ascontiguousarray(sums).reshape(-1, _BLOCK), width)
    buffer = np.empty((_BLOCK, width), np.uint8)
    found: list[int] = []
    for block, want in enumerate(expected.tolist()):
        start = block * _BLOCK
        block_numbers = numbers[start : start + _BLOCK].astype("<u8")
        buffer[:, :_NUMBER_BYTES] = block_numbers.view(np.uint8).reshape(_BLOCK, -1)
        buffer[:, _NUMBER_BYTES:] = rows[start : start + _BLOCK]
        if isal_zlib.crc32(buffer) != want:
            found += range(start, start + _BLOCK)
    return found


def _joined(sums: NDArray[np.uint32], width: int) -> NDArray[np.uint32]:
    """Returns the CRC-32 of each block, computed from the checksums of its rows.

    Args:
        sums: The checksums of the rows, shape ``(blocks, rows of a block)``.
        width: The number of bytes of a row, its number included.
    """
    level = 0
    while sums.shape[1] > 1:
        sums = _advance(sums[:, 0::2], _tables(width, level)) ^ sums[:, 1::2]
        level += 1
    return sums[:, 0]


def _advance(sums: NDArray[np.uint32], tables: NDArray[np.uint32]) -> NDArray[np.uint32]:
    moved: NDArray[np.uint32] = tables[0][sums & 255]
    for byte in (1, 2, 3):
        moved = moved ^ tables[byte][sums >> np.uint32(8 * byte) & np.uint32(255)]
    return moved


@functools.cache
def _tables(width: int, level: int) -> NDArray[np.uint32]:
    """Returns the effect of ``width * 2**level`` zero bytes on each byte of a checksum; shape ``(4, 256)``."""
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    if level:
        half = _tables(width, level - 1)
        images = _advance(_advance(bits, half), half)
    else:
        zeros = bytes(width)
        nothing = isal_zlib.crc32(zeros, 0)
        images = np.array([isal_zlib.crc32(zeros, bit) ^ nothing for bit in bits.tolist()], np.uint32)
    tables = np.zeros((4, 256), np.uint32)
    for bit in range(8):
        tables[:, 1 << bit : 2 << bit] = tables[:, : 1 << bit] ^ images.reshape(4, 8)[:, bit : bit + 1]
    return tables
