"""Double precision that is single precision in disguise: what Aer's single-precision runs give."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_NARROWER = {np.dtype("<c16"): np.dtype("<c8"), np.dtype("<f8"): np.dtype("<f4")}
_UNUSED_BITS = np.uint64((1 << 29) - 1)
"""Of the 52 bits of a double's fraction a float has the upper 23."""
_GLANCE = 64


def narrower(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    """The type of half the size, or ``None`` if there is none."""
    return _NARROWER.get(dtype)


def to_narrow(raw: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Doubles as floats, if each of them comes back from that bit for bit.

    Quiet for data of full precision after a look at a few words. Signs of zeros, infinities and NaNs with their payload
    count as values; a signalling NaN does not survive, so it is not narrow.

    Args:
        raw: Bytes of doubles, shape ``(8 * n,)``.

    Returns:
        Bytes of floats, shape ``(4 * n,)``, or ``None``.
    """
    words = raw.view(np.uint64)
    if (words[:_GLANCE] & _UNUSED_BITS).any():
        return None
    doubles = raw.view(np.float64)
    with np.errstate(all="ignore"):
        floats = doubles.astype(np.float32)
        is_narrow = bool((floats == doubles).all())  # signs of zeros come back from any float
        if not is_narrow and np.isnan(doubles).any():
            is_narrow = np.array_equal(floats.astype(np.float64).view(np.uint64), words)
    return floats.view(np.uint8) if is_narrow else None
