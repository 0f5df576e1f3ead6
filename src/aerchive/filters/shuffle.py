"""HDF5's byte shuffle: it groups byte k of all elements together, for each k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aerchive.filters.blosc import MAX_ITEMSIZE, ByteShuffle, byte_shuffle

_MIN_BYTES = 64 * 1024
"""The least number of bytes for which the library is used. Below it numpy is as fast."""
_MAX_BYTES = 2**31 - 1
"""The greatest number of bytes that C-Blosc2 accepts in one call."""


def shuffle(raw: NDArray[np.uint8], itemsize: int, planes: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Groups the bytes of the elements by their position in the element.

    Args:
        raw: The bytes of a chunk, shape ``(n,)``. Bytes after the last whole element are copied unchanged, as in HDF5.
        itemsize: The size of an element in bytes.
        planes: An array of the same shape for the result. If it is missing, a new array is made.

    Returns:
        The shuffled bytes, shape ``(n,)``, C-contiguous.
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
    """Reverses `shuffle`. The shapes are the same as there."""
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
    """Returns the library if it is installed and can be used for these arrays; otherwise ``None``."""
    is_fit = (
        _MIN_BYTES <= source.size <= _MAX_BYTES
        and source.size == target.size
        and itemsize <= MAX_ITEMSIZE
        and source.flags.c_contiguous
        and target.flags.c_contiguous
        and target.flags.writeable
    )
    return byte_shuffle() if is_fit else None
