"""Checksums of chunks: of the stored bytes, bound to the place of the chunk, and of the values that they hold.

Each chunk has a CRC-32 (as in zlib), which every read verifies. It covers the owner, the dataset, the chunk's number
and its filter mask, then the stored bytes, so that another valid chunk in its place is detected. It also has a digest,
the BLAKE3 of its values as a reader gets them, which stays the same however they are stored
(``docs/decisions/0016-chunk-digests.md``, decision 0029).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from blake3 import blake3
from isal import isal_zlib
from numpy.typing import NDArray

from aerchive.filters.deflate import Buffer

TABLE_DTYPE: Final[np.dtype[Any]] = np.dtype([("crc32", "<u4"), ("blake3", "S64")])
"""The dtype of a table of checksums, which has one row for each chunk."""


class ChunkSums(NamedTuple):
    """Checksums of one chunk.

    Attributes:
        crc32: CRC-32 of the context (owner, dataset, number, filter mask) and the stored bytes.
        blake3: Digest of the values, 64 hexadecimal digits; see `value_digest`.
    """

    crc32: int
    blake3: str


NO_SUMS: Final[Mapping[str, int | str]] = {"crc32": 0, "blake3": "0" * 64}
"""Values of the same types as the checksums of a chunk."""


def table_of(sums: Iterable[ChunkSums]) -> NDArray[Any]:
    """The table of the checksums of all chunks of a dataset, shape ``(chunks,)``, dtype `TABLE_DTYPE`."""
    return np.array([tuple(one) for one in sums], TABLE_DTYPE)


def chunk_crc(stored: Buffer, owner: str, dataset: str, number: int, mask: int) -> int:
    """The CRC-32 of a stored chunk.

    Args:
        stored: The bytes as the file holds them, empty for an unallocated chunk.
        owner: UUID of the run, or path of the shared object, that the chunk belongs to.
        dataset: Name of the dataset in its group.
        number: The chunk's number, row-major over the grid of chunks.
        mask: HDF5's filter mask of the chunk.
    """
    context = f"{owner}/{dataset}/{number}/{mask}".encode("utf-8", "backslashreplace")  # a forged owner may be any text
    return int(isal_zlib.crc32(stored, isal_zlib.crc32(context)))


def value_digest(values: Buffer) -> str:
    """The digest of the values of a chunk, 64 hexadecimal digits.

    Args:
        values: The bytes of the values that lie in the array, in C order and in the dtype in which they are read, which
            may be wider than the stored one.
    """
    return str(blake3(values).hexdigest())


@functools.lru_cache(maxsize=64)
def zeros_digest(nbytes: int) -> str:
    """The digest of a chunk whose values have this number of bytes and are all zero."""
    return value_digest(bytes(nbytes))
