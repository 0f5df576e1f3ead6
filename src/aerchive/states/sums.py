"""Sums of very many terms with a negligible rounding error.

Within a piece of `_RUN` terms numpy or BLAS adds pairwise or in several accumulators. The pieces are added exactly
(`math.fsum`), or the error of each addition is added up too (Knuth's two-sum, *The Art of Computer Programming* 2,
4.2.2). The relative error of a sum of terms of one sign is therefore a few units in the last place, for any number of
terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RUN = 4096
"""The number of terms in a piece. BLAS starts no threads for so few terms."""


def inner_parts(one: NDArray[Any], other: NDArray[Any]) -> complex:
    """Returns ``sum(conj(one) * other)`` of two vectors."""
    parts = [np.vdot(one[at : at + _RUN], other[at : at + _RUN]) for at in range(0, len(one), _RUN)]
    return exact_sum(parts)


def exact_sum(parts: Iterable[Any]) -> complex:
    """Returns the sum of complex numbers. Its real and imaginary parts are each rounded only once."""
    numbers = list(parts)
    return complex(math.fsum(z.real for z in numbers), math.fsum(z.imag for z in numbers))


def squares(amplitudes: NDArray[Any]) -> NDArray[np.float64]:
    """Returns ``abs(amplitudes) ** 2`` in the shape of the amplitudes, which must be contiguous."""
    parts = np.square(amplitudes.reshape(-1).view(np.float64))
    total: NDArray[np.float64] = np.add(parts[::2], parts[1::2])
    return total.reshape(amplitudes.shape)


class Total:
    """A sum of arrays.

    Args:
        shape: The shape of the sum.
        dtype: The dtype of the sum.
        is_exact: Whether the errors of the additions are corrected. This doubles the memory of the sum.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any = np.float64, *, is_exact: bool = True) -> None:
        self._sum = np.zeros(shape, dtype)
        self._error = np.zeros(shape, dtype) if is_exact else None

    def add(self, part: NDArray[Any], where: Any = ...) -> None:
        """Adds an array to the whole sum or to a part of it.

        Args:
            part: The array.
            where: The basic index of that part of the sum.
        """
        if self._error is None:
            self._sum[where] += part
            return
        before = self._sum[where]
        after = before + part
        taken = after - before
        self._error[where] += (before - (after - taken)) + (part - taken)
        self._sum[where] = after

    @property
    def value(self) -> NDArray[Any]:
        """The sum so far. The error of an infinite sum is not a number, and is not added."""
        if self._error is None:
            return self._sum
        return np.asarray(np.where(np.isfinite(self._error), self._sum + self._error, self._sum))
