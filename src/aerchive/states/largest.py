"""The largest amplitudes of stored vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.source import Source, cut
from aerchive.states.sums import squares
from aerchive.states.workers import Workers


def largest(vector: Source, count: int, workers: Workers) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Returns the amplitudes with the largest absolute values. Amplitudes that are zero are left out.

    Args:
        vector: The amplitudes, shape ``(length,)``.
        count: The greatest number of amplitudes in the result.
        workers: The threads that do the work.

    Returns:
        The indices and the amplitudes, the largest absolute value first. Among equal values the lowest index is first.
    """

    def part(piece: slice) -> tuple[NDArray[Any], NDArray[Any]]:
        amplitudes = vector.read(piece)
        if amplitudes is None:
            return np.empty(0, np.int64), np.empty(0, np.complex128)
        best = best_of(squares(amplitudes), count)
        return best + piece.start, amplitudes[best]

    indices, amplitudes = np.empty(0, np.int64), np.empty(0, np.complex128)
    for more, values in workers.map(part, cut(vector.shape[0], vector.chunk[0])):
        indices, amplitudes = np.concatenate([indices, more]), np.concatenate([amplitudes, values])
        best = best_of(squares(amplitudes), count)
        indices, amplitudes = indices[best], amplitudes[best]
    order = np.lexsort((indices, -squares(amplitudes)))
    return indices[order], amplitudes[order]


def best_of(weights: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Returns the indices of the largest positive weights, ascending. Among equal weights the first are taken."""
    if count < len(weights):
        border = np.partition(weights, len(weights) - count)[len(weights) - count]
        above, equal = np.flatnonzero(weights > border), np.flatnonzero(weights == border)
        best = np.sort(np.concatenate([above, equal[: count - len(above)]]))
    else:
        best = np.arange(len(weights))
    positive: NDArray[np.intp] = best[weights[best] > 0]
    return positive
