"""Certified rounding of states: real and imaginary parts become multiples of a power of two, the grid.

The proof and the reason for a grid are in ``docs/explanation/compression.md``. In short: if a state has ``M`` parts
that are not zero and is rounded to multiples of ``g``, the error of each part is at most ``g/2``, the error of the
vector is at most ``sqrt(M) g/2``, and

    1 - F  =  sin²(angle)  ≤  |error|² / |state|²  ≤  M g² / (4 |state|²).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 17
_SMALLEST = 2.0**-960
_LARGEST = 2.0**960
"""The limits of squared norms and grids. States beyond them, near the range of doubles, are not rounded."""
_NORM_CHANGE = 2.0**-18
"""The greatest relative change of a norm, 3.8e-6. Qiskit takes a state as normalised up to a change of 1e-5."""
_SLACK = 1 - 2.0**-30
"""A margin for the rounding errors of the norm itself, which are below 1e-9 for any state that fits into memory."""


@dataclass(frozen=True)
class Rounding:
    """The rounding of the states of a dataset, and the infidelity that it causes.

    Attributes:
        grid: The power of two whose multiples the rounded real and imaginary parts are.
        bound: The proven upper bound of the infidelity of each state.
        infidelity: The largest measured infidelity of a state.
    """

    grid: float
    bound: float
    infidelity: float

    def apply(self, parts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the rounded parts. A part that becomes zero is positive zero."""
        return to_grid(parts, self.grid)


def to_grid(parts: NDArray[np.float64], grid: float) -> NDArray[np.float64]:
    """Rounds exactly to multiples of a power of two. Ties go to the even multiple, and zeros become positive."""
    rounded = np.rint(parts / grid)
    rounded *= grid
    rounded += 0.0
    return rounded


def certify(states: Sequence[NDArray[Any]], max_infidelity: float) -> Rounding | None:
    """Returns the rounding with the coarsest grid that is proven to keep each state within an infidelity.

    The grid is finer if a norm would change by more than 3.8e-6 of itself, which ``1 - F`` does not see.

    Args:
        states: Complex vectors, C-contiguous, each of shape ``(n,)``.
        max_infidelity: The greatest allowed value of ``1 - F``, where ``F`` is the fidelity.

    Returns:
        The rounding, or ``None`` if the states cannot be rounded: all of them are zero, one has a part that is not
        finite, or a norm or the grid is too near the limits of double precision.
    """
    sizes = [_size(state) for state in states]
    if not all(math.isfinite(norm) for norm, _ in sizes):
        return None
    limits = [2 * math.sqrt(max_infidelity * _SLACK * norm / number) for norm, number in sizes if number]
    if not limits or any(not _SMALLEST < norm < _LARGEST for norm, number in sizes if number):
        return None
    grid = math.ldexp(0.5, math.frexp(min(limits))[1])  # the power of two at or below it
    if grid < _SMALLEST:
        return None
    while True:
        pairs = zip(states, sizes, strict=True)
        found = [_measured(state, grid, norm) for state, (norm, number) in pairs if number]
        if max(change for _, change in found) <= _NORM_CHANGE or grid / 2 < _SMALLEST:
            break
        grid /= 2
    bound = max(number * grid**2 / (4 * norm * _SLACK) for norm, number in sizes if number)
    return Rounding(grid, min(bound, max_infidelity), max(infidelity for infidelity, _ in found))


def _blocks(state: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    parts = state.reshape(-1).view(np.float64)
    for at in range(0, parts.size, _BLOCK):
        yield parts[at : at + _BLOCK]


def _size(state: NDArray[Any]) -> tuple[float, int]:
    """Returns the squared norm of a state, and the number of real and imaginary parts that are not zero."""
    norm, number = 0.0, 0
    with np.errstate(all="ignore"):
        for block in _blocks(state):
            norm += float(np.dot(block, block))
            number += int(np.count_nonzero(block))
    return norm, number


def _measured(state: NDArray[Any], grid: float, norm: float) -> tuple[float, float]:
    """Returns ``1 - F`` of a state ``ψ`` and the rounded state ``φ``, and the relative change of the norm.

    The error ``d = ψ - φ`` is exact. The result is ``(|d|² - |<φ|d>|² / |φ|²) / |ψ|²``, from the part of the error that
    is orthogonal to ``φ``. The formula ``1 - |<ψ|φ>|²`` would give mainly rounding errors.
    """
    scale = math.ldexp(1.0, -(math.frexp(norm)[1] // 2))  # makes the norm nearly one: no over- or underflow
    whole = rounded_norm = error = 0.0
    overlap = 0j
    for block in _blocks(state):
        rounded = to_grid(block, grid)
        difference = (block - rounded) * scale
        rounded *= scale
        scaled = block * scale
        whole += float(np.dot(scaled, scaled))
        rounded_norm += float(np.dot(rounded, rounded))
        error += float(np.dot(difference, difference))
        overlap += complex(np.vdot(rounded.view(np.complex128), difference.view(np.complex128)))
    change = abs(math.sqrt(rounded_norm / whole) - 1)
    if not rounded_norm:
        return 0.0, change
    return max(0.0, (error - abs(overlap) ** 2 / rounded_norm) / whole), change
