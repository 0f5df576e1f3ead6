"""Aggregated numbers of consecutive amplitudes: the probability in a bin, and the most probable basis state in it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.states.sums import squares

MISSING = -1.0
"""The greatest probability of a bin of which nothing is known."""
_EXACT_BITS = 24
"""The number of bits of an integer that is exact as float32."""


class Bins(NamedTuple):
    """Bins of equal width, each with some consecutive values of a vector.

    Attributes:
        sums: The sum of the probabilities, shape ``(bins,)``, dtype float64; NaN if one of them is not a finite number.
        greatest: The greatest probability that is a finite number, dtype float32; `MISSING` if there is none.
        phases: The phase of that amplitude in radians, from -pi to pi, dtype float32; 0 for an amplitude that is zero.
        offsets: The offset of that amplitude in its bin. The first is taken of several equal ones.
    """

    sums: NDArray[np.float64]
    greatest: NDArray[np.float32]
    phases: NDArray[np.float32]
    offsets: NDArray[Any]

    def part(self, place: slice) -> Bins:
        """Some consecutive bins."""
        return Bins(self.sums[place], self.greatest[place], self.phases[place], self.offsets[place])


def weights_of(values: NDArray[Any]) -> NDArray[np.float64]:
    """The probabilities of values of a vector: ``abs(a)**2`` of complex amplitudes, or the real values themselves.

    Real values below zero, which come from rounding errors, count as zero.
    """
    with np.errstate(all="ignore"):  # a file may have any numbers
        if values.dtype.kind == "c":
            return squares(np.ascontiguousarray(values, np.complex128))
        return np.maximum(values.astype(np.float64), 0.0)


def bins_of(values: NDArray[Any], weights: NDArray[np.float64], number: int) -> Bins:
    """Makes bins of consecutive values.

    Args:
        values: The values, shape ``(length,)``.
        weights: Their probabilities, as `weights_of` gives them.
        number: The number of bins, a divisor of the length.
    """
    rows = weights.reshape(number, -1)
    with np.errstate(all="ignore"):
        sums = rows.sum(axis=1)
    is_finite = np.isfinite(sums)
    if not is_finite.all():
        sums[~is_finite] = np.nan
        rows = np.where(np.isfinite(rows), rows, MISSING)
    offsets = rows.argmax(axis=1)
    places = np.arange(number) * rows.shape[1] + offsets
    greatest = rows.reshape(-1)[places]
    return Bins(sums, as_single(greatest), phases_of(values[places], greatest), offsets)


def phases_of(values: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """The phases of some amplitudes in radians, from -pi to pi; 0 where the weight is not above zero."""
    if values.dtype.kind != "c":
        signs: NDArray[np.float32] = np.where((values < 0) & (weights > 0), np.pi, 0.0).astype(np.float32)
        return signs
    return np.where(weights > 0, np.angle(values), 0.0).astype(np.float32)


def as_single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Numbers as float32; those that are too large become infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def merged(bins: Bins, number: int, width: int) -> Bins:
    """Merges neighbouring bins.

    Args:
        bins: The bins.
        number: The number of bins of the result, a divisor of the number of bins.
        width: The number of values in each of the given bins.
    """
    rows = bins.greatest.reshape(number, -1)
    factor = rows.shape[1]
    if factor == 1:
        return bins
    best = rows.argmax(axis=1)
    places = np.arange(number) * factor + best
    offsets = best.astype(np.int64) * width + bins.offsets[places]
    sums = bins.sums.reshape(number, factor).sum(axis=1)
    return Bins(sums, bins.greatest[places], bins.phases[places], offsets)


def packed(bins: Bins, sums: NDArray[np.float64] | None = None) -> bytes:
    """The bytes of a tile: sums, greatest probabilities, phases and offsets, each ``(bins,)`` little-endian float32.

    Args:
        bins: The bins. Those of which nothing is known are NaN.
        sums: Sums that are known from elsewhere.
    """
    table = np.empty((4, len(bins.sums)), "<f4")
    table[0] = as_single(bins.sums)
    table[1], table[2], table[3] = bins.greatest, bins.phases, _rounded_down(bins.offsets)
    table[:, bins.greatest < 0] = np.nan
    if sums is not None:
        table[0] = as_single(sums)
    return table.tobytes()


def _rounded_down(offsets: NDArray[Any]) -> NDArray[np.int64]:
    """Offsets without the low bits that float32 does not have."""
    whole = offsets.astype(np.int64)
    lost = np.maximum(np.frexp(whole.astype(np.float64))[1] - _EXACT_BITS, 0)
    kept: NDArray[np.int64] = (whole >> lost) << lost
    return kept
