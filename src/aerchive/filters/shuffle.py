"""HDF5's byte shuffle: byte k of every element together, for all k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aerchive.filters.blosc import MAX_ITEMSIZE, ByteShuffle, byte_shuffle

_MIN_BYTES = 64 * 1024
"""Of what is worth the library: numpy is as quick with less, and is there already."""
_MAX_BYTES = 2**31 - 1
"""Of what C-Blosc2 takes at once."""


def shuffle(raw: NDArray[np.uint8], itemsize: int, planes: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Gathers the bytes of elements by their place in the element.

    Args:
        raw: Bytes of a chunk, shape ``(n * itemsize,)``; HDF5 leaves a remainder as it is, and so does this.
        itemsize: Bytes of an element.
        planes: Where they go, of the same shape; made if missing.

    Returns:
        As many bytes, C-contiguous.
    """
    if itemsize == 1:
        return raw
    if planes is None:
        planes = np.empty(raw.size, np.uint8)
    if (library := _library(raw, planes, itemsize)) is not None:
        library.shuffle(itemsize, raw.size, raw.ctypes.data, planes.ctypes.data)
        return planes
    whole = raw.size - raw.size % itemsize
    np.copyto(planes[:whole].reshape(itemsize, -1), raw[:whole].reshape(-1, itemsize).T)
    planes[whole:] = raw[whole:]
    return planes


def unshuffle(planes: NDArray[np.uint8], itemsize: int, raw: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Undoes `shuffle`; same shapes."""
    if itemsize == 1:
        return planes
    if raw is None:
        raw = np.empty(planes.size, np.uint8)
    if (library := _library(planes, raw, itemsize)) is not None:
        library.unshuffle(itemsize, planes.size, planes.ctypes.data, raw.ctypes.data)
        return raw
    whole = planes.size - planes.size % itemsize
    np.copyto(raw[:whole].reshape(-1, itemsize), planes[:whole].reshape(itemsize, -1).T)
    raw[whole:] = planes[whole:]
    return raw


def _library(source: NDArray[np.uint8], target: NDArray[np.uint8], itemsize: int) -> ByteShuffle | None:
    """The library, if there is one and it may be given these addresses."""
    is_fit = (
        _MIN_BYTES <= source.size <= _MAX_BYTES
        and source.size == target.size
        and itemsize <= MAX_ITEMSIZE
        and source.flags.c_contiguous
        and target.flags.c_contiguous
        and target.flags.writeable
    )
    return byte_shuffle() if is_fit else None
