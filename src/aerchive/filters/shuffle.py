"""HDF5's byte shuffle: byte k of every element together, for all k."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_WORDS = {2: "<u2", 4: "<u4", 8: "<u8"}


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
    target = planes[:whole].reshape(itemsize, -1)
    if itemsize == 16 and whole:  # pairs of doubles: first one array of each
        halves = np.empty((2, whole // itemsize), np.uint64)
        np.copyto(halves, raw[:whole].view(np.uint64).reshape(-1, 2).T)
        _shuffle_words(halves.view(np.uint8), target.reshape(2, 8, -1))
    elif itemsize in _WORDS and whole:
        _shuffle_words(raw[np.newaxis, :whole], target[np.newaxis])
    else:
        np.copyto(target, raw[:whole].reshape(-1, itemsize).T)
    planes[whole:] = raw[whole:]
    return planes


def _shuffle_words(raw: NDArray[np.uint8], planes: NDArray[np.uint8]) -> None:
    """Planes of elements of 2, 4 or 8 bytes, twice to six times as fast as one byte after another.

    A conversion to bytes keeps the lowest byte of a little-endian word, and processors do that for many words at once.
    To make byte k the lowest, words are taken from k bytes further on; the last one would reach over the end. It is one
    call of numpy for all: threads that take the interpreter's lock back after each plane wait for each other.

    Args:
        raw: Shape (arrays, elements * itemsize).
        planes: Shape (arrays, itemsize, elements).
    """
    arrays, itemsize, number = planes.shape
    shape, strides = (arrays, itemsize, number - 1), (number * itemsize, 1, itemsize)
    words: NDArray[Any] = np.ndarray(shape, _WORDS[itemsize], raw.data, 0, strides)
    np.copyto(planes[:, :, :-1], words, casting="unsafe")
    planes[:, :, -1] = raw[:, -itemsize:]


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
