"""Outcomes drawn from stored vectors as Qiskit draws them.

``numpy.random.Generator.choice`` with probabilities draws uniform numbers and looks each up in the cumulative sum of
the probabilities. So does this, but the cumulative sum is never whole: a first pass finds the weight of each piece of
the vector, which tells in which piece each number falls; a second one looks it up there, in the pieces that have any.
The same seed gives the outcomes that Qiskit gives, save where a number is within rounding of a border.
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
"""How far the sum of the probabilities may be from one: as far as a state that Qiskit takes for valid.

numpy, and so Qiskit, stops at 1.5e-8, which states of single precision do not always keep. Both divide by the sum.
"""


class _Draw(NamedTuple):
    piece: slice
    first: int
    last: int
    below: float


def sample_vector(vector: Source, shots: int, rng: np.random.Generator, workers: Workers) -> NDArray[np.int64]:
    """Basis states, drawn with their probabilities.

    Args:
        vector: The amplitudes.
        shots: How many.
        rng: Draws ``shots`` numbers.
        workers: Do the work.

    Returns:
        Indices in the order drawn, shape ``(shots,)``.

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
    _check_sum(float(upto[-1]))
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
        assert values is not None  # noqa: S101  (a piece without weight is hit by no number)
        found = values.cumsum().searchsorted(numbers[draw.first : draw.last] - draw.below, side="right")
        within: NDArray[Any] = np.minimum(found, np.flatnonzero(values)[-1])
        within += draw.piece.start
        return within

    outcomes = np.empty(shots, np.int64)
    for draw, found in zip(draws, workers.map(look_up, draws), strict=True):
        outcomes[order[draw.first : draw.last]] = found
    return outcomes


def sample_probabilities(probabilities: NDArray[np.float64], shots: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Outcomes, drawn with probabilities that are in memory.

    Raises:
        InvalidInputError: They do not add up to one.
    """
    _check_sum(float(probabilities.sum()))
    upto = probabilities.cumsum()
    upto /= upto[-1]
    return np.asarray(upto.searchsorted(rng.random(shots), side="right"), np.int64)


def _check_sum(total: float) -> None:
    if not abs(total - 1) <= _TOLERANCE:
        raise InvalidInputError(f"the probabilities add up to {total!r}, not to one: the state is not normalised")
