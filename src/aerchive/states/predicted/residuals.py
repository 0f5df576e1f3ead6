"""The difference between numbers and their predictions, counted in representable numbers, without any loss.

The bit patterns of floating-point numbers, read as integers, ascend with the numbers. So the difference of two patterns
is the number of steps between two numbers (units of the last place), and it is small for a good prediction. The order
used here is one to one for all patterns: both zeros, infinities and every NaN have a place of their own. Differences
are computed modulo the number of patterns, so nothing can overflow, and addition restores each pattern exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.floating[Any]]
UNSIGNED = tuple(np.dtype(kind) for kind in ("u1", "u2", "u4", "u8"))
"""The types of a residual, in ascending order of size."""


def residual(numbers: Numbers, predicted: Numbers) -> NDArray[Any]:
    """Returns the steps from predictions to numbers as unsigned integers: 0, -1, 1, -2, 2 ... become 0, 1, 2, 3, 4 ...

    Args:
        numbers: The numbers, dtype float64 or float32.
        predicted: The predictions, in the same shape and dtype.

    Returns:
        The residual in the same shape, dtype uint64 or uint32.
    """
    steps = _in_order(numbers)
    steps -= _in_order(predicted)
    sign = steps >> (8 * steps.itemsize - 1)
    steps <<= 1
    steps ^= sign
    return steps.view(f"u{steps.itemsize}")


def restored(predicted: Numbers, steps: NDArray[Any]) -> Numbers:
    """Returns the numbers, bit for bit.

    Args:
        predicted: The predictions, dtype float64 or float32.
        steps: The result of `residual` in the same shape, in any unsigned dtype that holds it.

    Returns:
        The numbers, in the shape and dtype of the predictions.
    """
    order = _in_order(predicted)
    wide = steps.astype(f"u{predicted.itemsize}")
    odd = (wide & wide.dtype.type(1)).view(order.dtype)
    wide >>= wide.dtype.type(1)
    signed = wide.view(order.dtype)
    signed ^= -odd
    order += signed
    return _flipped(order).view(predicted.dtype)


def smallest(largest: int) -> np.dtype[Any]:
    """Returns the smallest unsigned dtype that holds the largest value of a residual."""
    return UNSIGNED[sum(largest >= 1 << 8 * dtype.itemsize for dtype in UNSIGNED[:-1])]


def _in_order(numbers: Numbers) -> NDArray[Any]:
    """Returns a new array of integers that ascend with the numbers."""
    return _flipped(numbers.view(f"i{numbers.itemsize}").copy())


def _flipped(patterns: NDArray[Any]) -> NDArray[Any]:
    """Flips all bits but the sign of negative patterns, in place. Its second application reverses the first."""
    bits = 8 * patterns.itemsize - 1
    patterns ^= (patterns >> bits) & ((1 << bits) - 1)
    return patterns
