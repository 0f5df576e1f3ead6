"""HDF5's byte shuffle: byte k of every element together, for all k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
    whole = planes.size - planes.size % itemsize
    source, target = planes[:whole].reshape(itemsize, -1), raw[:whole].reshape(-1, itemsize)
    if itemsize <= 16:  # a little faster than all planes in one call, as long as they stay in the cache
        for plane in range(itemsize):
            target[:, plane] = source[plane]
    else:
        np.copyto(target, source.T)
    raw[whole:] = planes[whole:]
    return raw
