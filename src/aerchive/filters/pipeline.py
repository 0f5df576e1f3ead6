"""A chunk's way through the filters: shuffle, then deflate, or neither where that gains nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import IntegrityError
from aerchive.filters.deflate import deflate, inflate
from aerchive.filters.shuffle import shuffle, unshuffle

SKIP_SHUFFLE = 1
SKIP_DEFLATE = 2
RAW = SKIP_SHUFFLE | SKIP_DEFLATE
_WORTH = 0.99
"""A chunk is stored raw unless deflate saves at least one byte in a hundred."""


def pack_chunk(raw: NDArray[np.uint8], itemsize: int) -> tuple[bytes | memoryview, int]:
    """Turns a chunk's bytes into what the file holds.

    Args:
        raw: The bytes of the chunk, shape ``(n,)``, C-contiguous.
        itemsize: Bytes of an element.

    Returns:
        The stored bytes, and HDF5's filter mask (`SKIP_SHUFFLE`, `SKIP_DEFLATE`).
    """
    stream = deflate(shuffle(raw, itemsize).data)
    if len(stream) < _WORTH * raw.size:
        return stream, 0
    return raw.data, RAW


def unpack_chunk(stored: bytes, mask: int, size: int, itemsize: int) -> NDArray[np.uint8]:
    """Undoes `pack_chunk`.

    Returns:
        The chunk's bytes, shape ``(size,)``; read-only if the chunk was stored raw.

    Raises:
        IntegrityError: The bytes do not expand to ``size`` bytes.
    """
    data = stored if mask & SKIP_DEFLATE else inflate(stored, size)
    if len(data) != size:
        raise IntegrityError(f"an uncompressed chunk has {len(data)} bytes instead of {size}")
    planes = np.frombuffer(data, np.uint8)
    return planes if mask & SKIP_SHUFFLE else unshuffle(planes, itemsize)
