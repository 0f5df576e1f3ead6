"""Checksums of stored chunks, bound to the place they belong to.

A CRC-32 (as in zlib) that every read verifies, and a SHA-256 for ``verify``. Both start with the owner, the
dataset, the chunk's number and its filter mask, so that another valid chunk in its place does not pass.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from isal import isal_zlib

from aerchive.filters.deflate import Buffer

TABLE = np.dtype([("crc32", "<u4"), ("sha256", "S64")])


class ChunkSums(NamedTuple):
    """Checksums of one stored chunk.

    Attributes:
        crc32: Of context and bytes.
        sha256: Of context and bytes, 64 hexadecimal digits.
    """

    crc32: int
    sha256: str


def _context(owner: str, dataset: str, number: int, mask: int) -> bytes:
    return f"{owner}/{dataset}/{number}/{mask}".encode("ascii")


def chunk_crc(stored: Buffer, owner: str, dataset: str, number: int, mask: int) -> int:
    """The CRC-32 of a stored chunk; an unallocated one has no bytes."""
    return int(isal_zlib.crc32(stored, isal_zlib.crc32(_context(owner, dataset, number, mask))))


def chunk_sums(stored: Buffer, owner: str, dataset: str, number: int, mask: int) -> ChunkSums:
    """Both checksums of a stored chunk.

    Args:
        stored: The bytes as the file holds them, empty for an unallocated chunk.
        owner: The run's UUID, or ``objects/KIND/DIGEST``.
        dataset: Name of the dataset in its group.
        number: The chunk's number, row-major over the grid of chunks.
        mask: HDF5's filter mask of the chunk.
    """
    digest = hashlib.sha256(_context(owner, dataset, number, mask))
    digest.update(stored)
    return ChunkSums(chunk_crc(stored, owner, dataset, number, mask), digest.hexdigest())
