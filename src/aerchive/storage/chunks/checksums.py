"""Checksums of stored chunks, bound to the identity of the chunk.

Each chunk has a CRC-32 (as in zlib), which every read verifies, and a cryptographic digest for ``verify``. Both are
computed over the owner, the dataset, the chunk's number and its filter mask, followed by the stored bytes, so that
another valid chunk in its place is detected.

The digest is a BLAKE3, or a SHA-256 in datasets of earlier versions; the column or attribute that holds it has the name
of the digest. ``docs/decisions/0016-chunk-digests.md`` gives the reasons.
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
"""Name of the digest of all datasets that this version compresses."""
DIGESTS: Final[dict[str, Callable[[bytes], Any]]] = {"blake3": blake3, "sha256": hashlib.sha256}
"""Functions that compute a digest of 256 bits, by the name of the digest."""


class ChunkSums(NamedTuple):
    """Checksums of one stored chunk.

    Attributes:
        crc32: CRC-32 of the context (owner, dataset, number, filter mask) and the stored bytes.
        digest: Digest of the same bytes, 64 hexadecimal digits.
    """

    crc32: int
    digest: str


def table_dtype(digest: str) -> np.dtype[Any]:
    """The dtype of a table of checksums, which has one row for each chunk.

    Args:
        digest: Name of the digest, a key of `DIGESTS`.
    """
    return np.dtype([("crc32", "<u4"), (digest, "S64")])


def table_of(sums: Iterable[ChunkSums], digest: str) -> NDArray[Any]:
    """The table of the checksums of all chunks of a dataset, shape ``(chunks,)``, dtype as `table_dtype`."""
    return np.array([tuple(one) for one in sums], table_dtype(digest))


def _context(owner: str, dataset: str, number: int, mask: int) -> bytes:
    return f"{owner}/{dataset}/{number}/{mask}".encode("utf-8", "backslashreplace")  # a forged owner may have any text


def chunk_crc(stored: Buffer, owner: str, dataset: str, number: int, mask: int) -> int:
    """The CRC-32 of a stored chunk; arguments as for `chunk_sums`."""
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
        owner: UUID of the run, or path of the shared object, that the chunk belongs to.
        dataset: Name of the dataset in its group.
        number: The chunk's number, row-major over the grid of chunks.
        mask: HDF5's filter mask of the chunk.
        digest: Name of the digest, a key of `DIGESTS`.
    """
    identity = owner, dataset, number, mask
    return ChunkSums(chunk_crc(stored, *identity), chunk_digest(stored, *identity, digest))
