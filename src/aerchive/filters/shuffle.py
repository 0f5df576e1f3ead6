"""HDF5's byte shuffle: it groups byte k of all elements together, for each k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aerchive.filters.native import MAX_ITEMSIZE, Kernels, kernels

_MIN_BYTES = 64 * 1024
"""The least number of bytes for which the kernels are used. Below it numpy is as fast."""


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
    if (found := _kernels(raw, planes, itemsize)) is not None:
        found.shuffle(raw.data, planes.data, itemsize)
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
    if (found := _kernels(planes, raw, itemsize)) is not None:
        found.unshuffle(planes.data, raw.data, itemsize)
        return raw
    length = planes.size // itemsize
    elements = raw[: length * itemsize].reshape(-1, itemsize)
    if length < itemsize:
        np.copyto(elements, planes[: length * itemsize].reshape(itemsize, -1).T)
    else:
        for place in range(itemsize):  # one assignment for all takes up to three times as long
            elements[:, place] = planes[place * length : (place + 1) * length]
    raw[length * itemsize :] = planes[length * itemsize :]
    return raw


def _kernels(source: NDArray[np.uint8], target: NDArray[np.uint8], itemsize: int) -> Kernels | None:
    """Returns the kernels if they are installed and can be used for these arrays; otherwise ``None``."""
    is_fit = (
        source.size >= _MIN_BYTES
        and source.size == target.size
        and itemsize <= MAX_ITEMSIZE
        and source.flags.c_contiguous
        and target.flags.c_contiguous
        and target.flags.writeable
    )
    return kernels() if is_fit else None
