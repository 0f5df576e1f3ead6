"""Checksums of stored chunks, bound to the place they belong to.

A CRC-32 (as in zlib) that every read verifies, and a cryptographic digest for ``verify``. Both start with the owner,
the dataset, the chunk's number and its filter mask, so that another valid chunk in its place does not pass.

The digest is a BLAKE3, or a SHA-256 in datasets of earlier versions; its name is that of the column or attribute that
holds it. Why: ``docs/decisions/0016-chunk-digests.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import numpy as np
from blake3 import blake3
from isal import isal_zlib
from numpy.typing import NDArray

from aerchive.filters.deflate import Buffer

DIGEST: Final = "blake3"
"""Of all datasets that are compressed here."""
DIGESTS: Final[dict[str, Callable[[bytes], Any]]] = {"blake3": blake3, "sha256": hashlib.sha256}
"""What makes a digest, by its name; each of 256 bits."""


class ChunkSums(NamedTuple):
    """Checksums of one stored chunk.

    Attributes:
        crc32: Of context and bytes.
        digest: Of context and bytes, 64 hexadecimal digits.
    """

    crc32: int
    digest: str


def table_dtype(digest: str) -> np.dtype[Any]:
    """Of a table with a row for each chunk.

    Args:
        digest: One of `DIGESTS`.
    """
    return np.dtype([("crc32", "<u4"), (digest, "S64")])


def table_of(sums: Iterable[ChunkSums], digest: str) -> NDArray[Any]:
    """The table of all chunks of a dataset, shape ``(chunks,)``."""
    return np.array([tuple(one) for one in sums], table_dtype(digest))


def _context(owner: str, dataset: str, number: int, mask: int) -> bytes:
    return f"{owner}/{dataset}/{number}/{mask}".encode("ascii")


def chunk_crc(stored: Buffer, owner: str, dataset: str, number: int, mask: int) -> int:
    """The CRC-32 of a stored chunk; an unallocated one has no bytes."""
    return int(isal_zlib.crc32(stored, isal_zlib.crc32(_context(owner, dataset, number, mask))))


def chunk_digest(stored: Buffer, owner: str, dataset: str, number: int, mask: int, digest: str) -> str:
    """The digest of a stored chunk, 64 hexadecimal digits; arguments as for `chunk_sums`."""
    made = DIGESTS[digest](_context(owner, dataset, number, mask))
    made.update(stored)
    return str(made.hexdigest())


def chunk_sums(stored: Buffer, owner: str, dataset: str, number: int, mask: int, digest: str = DIGEST) -> ChunkSums:
    """Both checksums of a stored chunk.

    Args:
        stored: The bytes as the file holds them, empty for an unallocated chunk.
        owner: The run's UUID, or ``objects/KIND/DIGEST``.
        dataset: Name of the dataset in its group.
        number: The chunk's number, row-major over the grid of chunks.
        mask: HDF5's filter mask of the chunk.
        digest: One of `DIGESTS`.
    """
    place = owner, dataset, number, mask
    return ChunkSums(chunk_crc(stored, *place), chunk_digest(stored, *place, digest))
