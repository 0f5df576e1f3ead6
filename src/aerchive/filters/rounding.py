"""Certified rounding of states: every part of an amplitude to a multiple of a power of two.

The proof, and why a grid, are in ``docs/explanation/compression.md``. In short: if a state of ``M`` parts that are not
zero is rounded to multiples of ``g``, each part is wrong by at most ``g/2``, the vector by at most ``sqrt(M) g/2``, and

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
"""Norms and grids beyond these come near to what doubles can hold: such states are left as they are."""
_SLACK = 1 - 2.0**-30
"""For the rounding errors of the norm itself, which are below 1e-9 for any state that fits into a machine."""


@dataclass(frozen=True)
class Rounding:
    """How the states of a dataset are rounded, and what that costs.

    Attributes:
        grid: Parts become multiples of this power of two.
        bound: What the infidelity of each state is at most, by proof.
        infidelity: The largest there is, measured.
    """

    grid: float
    bound: float
    infidelity: float

    def apply(self, parts: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rounded parts; what becomes zero is positive."""
        return to_grid(parts, self.grid)


def to_grid(parts: NDArray[np.float64], grid: float) -> NDArray[np.float64]:
    """Rounds to multiples of a power of two, exactly: ties go to the even multiple, and zeros become positive."""
    rounded = np.rint(parts / grid)
    rounded *= grid
    rounded += 0.0
    return rounded


def certify(states: Sequence[NDArray[Any]], max_infidelity: float) -> Rounding | None:
    """The coarsest grid that is proven to keep each state within an infidelity.

    Args:
        states: Complex vectors, C-contiguous, shape ``(n,)`` each.
        max_infidelity: What ``1 - F`` may be at most.

    Returns:
        ``None`` if they cannot be rounded: all are zero, one has a part that is not finite, or is beyond the range in
        which doubles are computed with.
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
    bound = max(number * grid**2 / (4 * norm * _SLACK) for norm, number in sizes if number)
    pairs = zip(states, sizes, strict=True)
    infidelity = max(_infidelity(state, grid, norm) for state, (norm, number) in pairs if number)
    return Rounding(grid, min(bound, max_infidelity), infidelity)


def _blocks(state: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    parts = state.reshape(-1).view(np.float64)
    for at in range(0, parts.size, _BLOCK):
        yield parts[at : at + _BLOCK]


def _size(state: NDArray[Any]) -> tuple[float, int]:
    """The squared norm of a state, and how many of its parts are not zero."""
    norm, number = 0.0, 0
    with np.errstate(all="ignore"):
        for block in _blocks(state):
            norm += float(np.dot(block, block))
            number += int(np.count_nonzero(block))
    return norm, number


def _infidelity(state: NDArray[Any], grid: float, norm: float) -> float:
    """``1 - F`` of a state and its rounded self.

    With the error ``d = ψ - φ``, which is exact: ``(|d|² - |<φ|d>|² / |φ|²) / |ψ|²``, the part of the error across
    ``φ``; ``1 - |<ψ|φ>|²`` would drown in rounding errors.
    """
    scale = math.ldexp(1.0, -(math.frexp(norm)[1] // 2))  # to a norm near one, where nothing over- or underflows
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
    if not rounded_norm:
        return 0.0
    return max(0.0, (error - abs(overlap) ** 2 / rounded_norm) / whole)
