"""Double-precision arrays that hold only single-precision values, as the single-precision runs of Aer give them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_NARROWER = {np.dtype("<c16"): np.dtype("<c8"), np.dtype("<f8"): np.dtype("<f4")}
_UNUSED_BITS = np.uint64((1 << 29) - 1)
"""The bits of a double that a float lacks: a float has the upper 23 of the 52 bits of the fraction."""
_GLANCE = 64


def narrower(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    """Returns the type of half the size, or ``None`` if there is no such type."""
    return _NARROWER.get(dtype)


def to_narrow(raw: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Converts doubles to floats, if each of them can be restored bit for bit.

    For data of full precision a look at a few words is usually enough to decide. Signs of zeros, infinities and NaNs
    with their payload must be restored too. A signalling NaN is not restored, so data with one are not narrow.

    Args:
        raw: The bytes of doubles, shape ``(8 * n,)``, dtype uint8.

    Returns:
        The bytes of floats, shape ``(4 * n,)``, dtype uint8, or ``None`` if a double cannot be restored.
    """
    words = raw.view(np.uint64)
    if (words[:_GLANCE] & _UNUSED_BITS).any():
        return None
    doubles = raw.view(np.float64)
    with np.errstate(all="ignore"):
        floats = doubles.astype(np.float32)
        is_narrow = bool((floats == doubles).all())  # a float keeps the sign of a zero
        if not is_narrow and np.isnan(doubles).any():
            is_narrow = np.array_equal(floats.astype(np.float64).view(np.uint64), words)
    return floats.view(np.uint8) if is_narrow else None
