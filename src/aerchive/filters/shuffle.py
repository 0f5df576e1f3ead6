"""HDF5's byte shuffle: byte k of every element together, for all k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def shuffle(raw: NDArray[np.uint8], itemsize: int) -> NDArray[np.uint8]:
    """Gathers the bytes of elements by their place in the element.

    Args:
        raw: Bytes of a chunk, shape ``(n * itemsize,)``; HDF5 leaves a remainder as it is, and so does this.
        itemsize: Bytes of an element.

    Returns:
        As many bytes, C-contiguous.
    """
    if itemsize == 1:
        return raw
    whole = raw.size - raw.size % itemsize
    planes = np.empty(raw.size, np.uint8)
    np.copyto(planes[:whole].reshape(itemsize, -1), raw[:whole].reshape(-1, itemsize).T)
    planes[whole:] = raw[whole:]
    return planes


def unshuffle(planes: NDArray[np.uint8], itemsize: int) -> NDArray[np.uint8]:
    """Undoes `shuffle`; same shapes."""
    if itemsize == 1:
        return planes
    whole = planes.size - planes.size % itemsize
    raw = np.empty(planes.size, np.uint8)
    np.copyto(raw[:whole].reshape(-1, itemsize), planes[:whole].reshape(itemsize, -1).T)
    raw[whole:] = planes[whole:]
    return raw
