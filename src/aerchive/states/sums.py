"""Sums of very many terms that lose nothing worth speaking of.

Within a piece of `_RUN` terms numpy or BLAS adds in several accumulators or pairwise; pieces are added exactly
(`math.fsum`), or with the error of each addition carried along (Knuth's two-sum, *The Art of Computer Programming* 2,
4.2.2). So the relative error of a sum of terms of one sign is a few units in the last place, whatever their number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RUN = 4096
"""Short enough that BLAS does not start threads for it."""


def inner_parts(one: NDArray[Any], other: NDArray[Any]) -> complex:
    """``sum(conj(one) * other)`` of two vectors."""
    parts = [np.vdot(one[at : at + _RUN], other[at : at + _RUN]) for at in range(0, len(one), _RUN)]
    return exact_sum(parts)


def exact_sum(parts: Iterable[Any]) -> complex:
    """The sum of complex numbers, rounded once."""
    numbers = list(parts)
    return complex(math.fsum(z.real for z in numbers), math.fsum(z.imag for z in numbers))


def squares(amplitudes: NDArray[Any]) -> NDArray[np.float64]:
    """``abs(amplitudes) ** 2``, shape and order of the amplitudes; they must be contiguous."""
    parts = np.square(amplitudes.reshape(-1).view(np.float64))
    total: NDArray[np.float64] = np.add(parts[::2], parts[1::2])
    return total.reshape(amplitudes.shape)


class Total:
    """A sum of arrays.

    Args:
        shape: Of the arrays.
        dtype: Of the sum.
        is_exact: Whether the errors of the additions are carried along, in as much memory again.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any = np.float64, *, is_exact: bool = True) -> None:
        self._sum = np.zeros(shape, dtype)
        self._error = np.zeros(shape, dtype) if is_exact else None

    def add(self, part: NDArray[Any], where: Any = ...) -> None:
        """Adds an array, to all of the sum or to a part of it.

        Args:
            part: The array.
            where: A basic index of the sum.
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
        """The sum so far."""
        return self._sum if self._error is None else self._sum + self._error
