"""Reductions of stored arrays that are too large to be read as a whole: sums, extremes, means and their places.

The array is read in blocks, and only the result and a few blocks are in memory. Results and dtypes are those of numpy.
Sums of floating-point numbers are added in another order than numpy adds them, with the errors of the additions between
blocks corrected (`aerchive.states.sums`), and single precision is added in double precision: so the last digits of
``sum``, ``mean``, ``std`` and ``var`` may differ from numpy's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.typing import NDArray

from aerchive.states.sums import Total
from aerchive.stored.part import Box


class Blocks(Protocol):
    """An array that is read in blocks."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def blocks(self, *, zeros: bool = True) -> Iterator[tuple[Box, NDArray[Any]]]:
        """Reads the array piece by piece."""


_WIDE = {"f": np.dtype(np.float64), "c": np.dtype(np.complex128)}
"""The dtypes in which floating-point and complex numbers are added, by kind."""


class Reduction:
    """A reduction of an array along some of its axes.

    Args:
        array: The array; it has at least one element.
        axis: The axis or axes; ``None``: all.

    Raises:
        numpy.exceptions.AxisError: An axis does not exist.
        ValueError: An axis is given twice.
    """

    def __init__(self, array: Blocks, axis: Any) -> None:
        number = len(array.shape)
        self._array = array
        self._axes = tuple(range(number)) if axis is None else normalize_axis_tuple(axis, number)
        self._shape = tuple(1 if at in self._axes else length for at, length in enumerate(array.shape))
        self._count = math.prod(array.shape[at] for at in self._axes)

    def finished(self, values: NDArray[Any], *, keepdims: bool, out: NDArray[Any] | None = None) -> Any:
        """The result in the form that numpy gives it: without the axes, a scalar if none is left, or in ``out``."""
        if not keepdims:
            values = values.squeeze(self._axes)
        if out is None:
            return values[()]
        out[...] = values
        return out

    def sum(self, dtype: Any = None) -> NDArray[Any]:
        """The sum; the axes have length one."""
        return self._total(self._probe("sum", dtype=dtype), lambda _box, values: values, zeros=False)

    def mean(self, dtype: Any = None) -> NDArray[Any]:
        """The arithmetic mean; the axes have length one."""
        result = self._probe("mean", dtype=dtype)
        total = self._total(_WIDE.get(result.kind, result), lambda _box, values: values, zeros=False)
        return np.asarray(total / self._count).astype(result)

    def var(self, dtype: Any = None, ddof: float = 0) -> NDArray[Any]:
        """The variance; the array is read twice, for the mean and for the distances from it."""
        result = self._probe("var", dtype=dtype)
        mean = self.mean(dtype if dtype is not None else _WIDE.get(self._array.dtype.kind))

        def squares(box: Box, values: NDArray[Any]) -> NDArray[Any]:
            apart = values - mean[self._where(box)]
            return np.asarray(apart.real**2 + apart.imag**2 if apart.dtype.kind == "c" else apart**2)

        return np.asarray(self._total(np.dtype(np.float64), squares) / max(self._count - ddof, 0)).astype(result)

    def std(self, dtype: Any = None, ddof: float = 0) -> NDArray[Any]:
        """The standard deviation; see `var`."""
        return np.asarray(np.sqrt(self.var(dtype, ddof)))

    def min(self) -> NDArray[Any]:
        """The smallest value; complex numbers are ordered by their real parts, then by their imaginary parts."""
        return self._folded(np.minimum, _extreme(self._array.dtype, 1), self._array.dtype)

    def max(self) -> NDArray[Any]:
        """The largest value, in the order of `min`."""
        return self._folded(np.maximum, _extreme(self._array.dtype, -1), self._array.dtype)

    def any(self) -> NDArray[Any]:
        """Whether any value is not zero."""
        return self._folded(np.logical_or, False, np.dtype(bool))

    def all(self) -> NDArray[Any]:
        """Whether no value is zero."""
        return self._folded(np.logical_and, True, np.dtype(bool))

    def argmax(self) -> NDArray[Any]:
        """The index of the first largest value: along the one axis, or in the flattened array."""
        return self._place(np.argmax)

    def argmin(self) -> NDArray[Any]:
        """The index of the first smallest value, as for `argmax`."""
        return self._place(np.argmin)

    def _probe(self, name: str, **options: Any) -> np.dtype[Any]:
        """The dtype of numpy's result."""
        found: np.dtype[Any] = getattr(np.zeros(1, self._array.dtype), name)(**options).dtype
        return found

    def _where(self, box: Box) -> Box:
        """The part of the result to which a box belongs."""
        return tuple(slice(0, 1) if at in self._axes else axis for at, axis in enumerate(box))

    def _total(
        self, dtype: np.dtype[Any], function: Callable[[Box, NDArray[Any]], NDArray[Any]], *, zeros: bool = True
    ) -> NDArray[Any]:
        wide = _WIDE.get(dtype.kind, dtype)
        is_exact = wide.kind in _WIDE
        total = Total(self._shape, wide, is_exact=is_exact)
        with np.errstate(invalid="ignore"):  # infinity minus infinity, in the correction of an error
            for box, values in self._array.blocks(zeros=zeros):
                part = np.add.reduce(function(box, values), axis=self._axes, dtype=wide, keepdims=True)
                total.add(part, self._where(box))
        return total.value.astype(dtype, copy=False)

    def _folded(self, ufunc: np.ufunc, initial: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
        result = np.full(self._shape, initial, dtype)
        for box, values in self._array.blocks():
            target = result[self._where(box)]
            ufunc(target, ufunc.reduce(values, axis=self._axes, keepdims=True), out=target)
        return result

    def _place(self, pick: Callable[..., Any]) -> NDArray[Any]:
        length = self._array.shape
        along = self._axes[0] if len(self._axes) == 1 and len(length) > 1 else None
        best, place = np.zeros(self._shape, self._array.dtype), np.full(self._shape, -1, np.intp)
        for box, values in self._array.blocks():
            if along is None:
                inside = np.unravel_index(pick(values), values.shape)
                found = np.ravel_multi_index([axis.start + at for axis, at in zip(box, inside, strict=True)], length)
                number, value = np.full(self._shape, found), np.full(self._shape, values[inside])
            else:
                number = pick(values, axis=along, keepdims=True)
                value = np.take_along_axis(values, number, along)
                number = number + box[along].start
            where = self._where(box)
            is_before = number < place[where]  # of equal values the first one counts, and blocks come in any order
            first, second = np.where(is_before, value, best[where]), np.where(is_before, best[where], value)
            is_better = ((pick(np.stack([first, second]), axis=0) == 0) == is_before) | (place[where] < 0)
            best[where], place[where] = (
                np.where(is_better, value, best[where]),
                np.where(is_better, number, place[where]),
            )
        return place


def _extreme(dtype: np.dtype[Any], sign: int) -> Any:
    """The largest value of a dtype, or with the sign -1 the smallest."""
    if dtype.kind == "b":
        return sign > 0
    if dtype.kind in "iu":
        return np.iinfo(dtype).max if sign > 0 else np.iinfo(dtype).min
    return complex(sign * math.inf, sign * math.inf) if dtype.kind == "c" else sign * math.inf
