"""Prediction of amplitudes by a product of two small matrices, with the same bits on every machine.

A state is a matrix whose row is given by the upper half of the qubits and whose column by the lower half. If the two
halves are little entangled, this matrix has a small rank.

The product is computed with real multiplications, additions and subtractions of single numbers, in an order that never
changes, each rounded as IEEE 754 says. Complex products, matrix products and sums along an axis of numpy would not do:
their order and their use of fused operations depend on the processor and the library. Small terms are added first, so
that few roundings have the size of the result. The entries of the factors are multiples of a power of two
(`aerchive.states.predicted.factors`), so no product is smaller than normal numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import IntegrityError

_BLOCK = 2**13
"""The number of amplitudes that are predicted together: few enough for the processor's cache."""
NAMES = ("left_real", "right_real", "left_imaginary", "right_imaginary")
"""The names of the factors. Those of a real state are the first two."""


class LowRank:
    """Predicts amplitudes. Any number of threads may use an object.

    Args:
        factors: The factors by name, dtype float64, shape ``(rank, rows)`` and ``(rank, columns)``.

    Raises:
        IntegrityError: A factor is missing, their dtypes or shapes do not fit to each other, or the rank is larger than
            the number of rows or columns.
    """

    def __init__(self, factors: Mapping[str, NDArray[Any]]) -> None:
        given = [factors[name] for name in NAMES if name in factors]
        self._left, self._right = given[0::2], given[1::2]
        shapes = {tuple(factor.shape) for factor in self._left}, {tuple(factor.shape) for factor in self._right}
        ranks = {shape[:1] for side in shapes for shape in side}
        is_fit = len(given) in (2, 4) and all(factor.dtype == np.float64 and factor.ndim == 2 for factor in given)
        if not is_fit or any(len(side) != 1 for side in (*shapes, ranks)):
            raise IntegrityError(f"the factors of a state do not fit to each other: {[one.shape for one in given]}")
        self._rows = self._left[0].shape[1]
        self._rank, self._columns = self._right[0].shape
        if self._rank > min(self._rows, self._columns):  # no honest file needs more, and each takes time
            raise IntegrityError(f"{self._rank} factors are more than a matrix of this shape has: {self.shape}")

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and columns of the matrix, whose product is the number of amplitudes."""
        return self._rows, self._columns

    @property
    def parts(self) -> int:
        """The number of parts of an amplitude: 1 for real states, otherwise 2."""
        return len(self._left)

    def predict(self, start: int, stop: int) -> NDArray[np.float64]:
        """Returns predictions.

        Args:
            start: The index of the first amplitude.
            stop: The index after the last amplitude.

        Returns:
            Real parts, and imaginary parts unless the state is real, shape ``(parts, stop - start)``.

        Raises:
            IntegrityError: The state has fewer amplitudes.
        """
        if not 0 <= start <= stop <= self._rows * self._columns:
            raise IntegrityError(f"the factors of {self._rows * self._columns} amplitudes have no {start} to {stop}")
        if start == stop:
            return np.zeros((self.parts, 0))
        first, last = start // self._columns, -(-stop // self._columns)
        if last - first == 1:
            out = np.zeros((self.parts, 1, stop - start))
            self._add(out, slice(first, last), slice(start - first * self._columns, stop - first * self._columns))
            return out.reshape(self.parts, -1)
        out = np.zeros((self.parts, last - first, self._columns))
        self._add(out, slice(first, last), slice(0, self._columns))
        return out.reshape(self.parts, -1)[:, start - first * self._columns : stop - first * self._columns]

    def _add(self, out: NDArray[np.float64], rows: slice, columns: slice) -> None:
        """Adds the predictions of a rectangle to zeros, block by block."""
        left = [factor[:, rows, None] for factor in self._left]
        right = [factor[:, None, columns] for factor in self._right]
        width = min(_BLOCK, out.shape[2])
        height = max(1, _BLOCK // width)
        for top in range(0, out.shape[1], height):
            for side in range(0, out.shape[2], width):
                box = slice(top, top + height), slice(side, side + width)
                self._add_block(
                    [part[box] for part in out],
                    [factor[:, box[0]] for factor in left],
                    [factor[:, :, box[1]] for factor in right],
                )

    def _add_block(
        self, out: list[NDArray[Any]], left: list[NDArray[np.float64]], right: list[NDArray[np.float64]]
    ) -> None:
        product = np.empty(out[0].shape)
        for k in range(self._rank - 1, -1, -1):
            np.multiply(left[0][k], right[0][k], out=product)
            np.add(out[0], product, out=out[0])
            if self.parts == 1:
                continue
            np.multiply(left[1][k], right[1][k], out=product)
            np.subtract(out[0], product, out=out[0])
            np.multiply(left[0][k], right[1][k], out=product)
            np.add(out[1], product, out=out[1])
            np.multiply(left[1][k], right[0][k], out=product)
            np.add(out[1], product, out=out[1])
