"""Random outcomes of measurements of stored vectors, drawn in the same way as in Qiskit.

``numpy.random.Generator.choice`` with probabilities draws uniform numbers and finds the index of each number in the
cumulative sum of the probabilities. This module does the same without the whole cumulative sum in memory. A first pass
computes the weight of each piece of the vector, which gives the piece of each number. A second pass reads the pieces
that contain numbers and finds their indices there. The same seed gives the same outcomes as in Qiskit, except if a
number is within rounding error of a border.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.states.source import Source, cut
from aerchive.states.sums import squares
from aerchive.states.workers import Workers

_TOLERANCE = 2e-5
"""The allowed difference of the sum of the probabilities from one: that of a state that is valid for Qiskit.

The limit of numpy, and therefore of sampling in Qiskit, is 1.5e-8, which single-precision states do not always keep.
Numpy and this module divide the cumulative sum by the sum of the probabilities.
"""


class _Draw(NamedTuple):
    piece: slice
    first: int
    last: int
    below: float


def sample_vector(vector: Source, shots: int, rng: np.random.Generator, workers: Workers) -> NDArray[np.int64]:
    """Draws basis states with their probabilities.

    Args:
        vector: The amplitudes, shape ``(length,)``.
        shots: The number of draws.
        rng: The random generator. It draws ``shots`` numbers.
        workers: The threads that do the work.

    Returns:
        The indices of the basis states in the order in which they were drawn, shape ``(shots,)``, int64.

    Raises:
        InvalidInputError: The vector is not normalised.
    """

    def probabilities(piece: slice) -> NDArray[np.float64] | None:
        amplitudes = vector.read(piece)
        return None if amplitudes is None else squares(amplitudes)

    def weight(piece: slice) -> float:
        values = probabilities(piece)
        return 0.0 if values is None else float(values.cumsum()[-1])

    pieces = cut(vector.shape[0], vector.chunk[0])
    upto = np.fromiter(workers.map(weight, pieces), np.float64, len(pieces)).cumsum()
    check_sum(float(upto[-1]))
    numbers = rng.random(shots) * upto[-1]
    order = numbers.argsort()
    numbers = numbers[order]
    where = np.minimum(upto.searchsorted(numbers, side="right"), np.flatnonzero(np.diff(upto, prepend=0.0))[-1])
    hit, first = np.unique(where, return_index=True)
    ends = np.append(first, shots)[1:]
    draws = [
        _Draw(pieces[piece], begin, end, float(upto[piece - 1]) if piece else 0.0)
        for piece, begin, end in zip(hit.tolist(), first.tolist(), ends.tolist(), strict=True)
    ]

    def look_up(draw: _Draw) -> NDArray[Any]:
        values = probabilities(draw.piece)
        assert values is not None  # noqa: S101  (no number falls into a piece without weight)
        found = values.cumsum().searchsorted(numbers[draw.first : draw.last] - draw.below, side="right")
        within: NDArray[Any] = np.minimum(found, np.flatnonzero(values)[-1])
        within += draw.piece.start
        return within

    outcomes = np.empty(shots, np.int64)
    for draw, found in zip(draws, workers.map(look_up, draws), strict=True):
        outcomes[order[draw.first : draw.last]] = found
    return outcomes


def sample_probabilities(probabilities: NDArray[np.float64], shots: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draws outcomes with probabilities that are in memory.

    Raises:
        InvalidInputError: The probabilities do not add up to one.
    """
    check_sum(float(probabilities.sum()))
    upto = probabilities.cumsum()
    upto /= upto[-1]
    return np.asarray(upto.searchsorted(rng.random(shots), side="right"), np.int64)


def check_sum(total: float) -> None:
    """Refuses probabilities whose sum is not one.

    Raises:
        InvalidInputError: The sum differs from one by more than the states of Qiskit may.
    """
    if not abs(total - 1) <= _TOLERANCE:
        raise InvalidInputError(f"the probabilities add up to {total!r}, not to one: the state is not normalised")
