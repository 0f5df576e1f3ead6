"""Whether a matrix product can pay for a state, from samples, before the whole state is read.

At the middle cut the state is a matrix. If it has a low rank, so has each part of it: some rows at some columns. The
rows and columns are drawn with the probabilities of their amplitudes, as far as a sample of the state knows them,
because parts of the matrix without weight say nothing. Two cuts near the middle are tried too: a low rank at the middle
gives a low rank there, up to a factor, and other rows and columns are seen.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.matrix_product.range_finder import SEED
from aerchive.states.sums import squares

LEAST_QUBITS = 14
"""States of fewer qubits are not tried: their products are hardly smaller than the rounded states."""
_SIDE = 128
"""The number of rows and columns of a sampled part."""
_RUN = 256
"""The number of consecutive amplitudes that are read at a place."""
_RUNS = 2**12
"""The number of places; together 2**20 amplitudes, or 16 MiB. Smaller states are read as a whole."""
_LOW = 0.5
"""The fraction of the full rank of a part up to which a rank counts as low."""
_LARGE_SIDE = 512
"""The number of rows and columns of a larger part, which is tried where the rank of the smaller ones is not low."""
_LARGE_LOW = 0.8
"""The same for the larger part. Its rank is read off without exchanging columns, and comes out too high."""


def middle_rank(state: NDArray[Any], max_infidelity: float = 1e-12) -> int | None:
    """Estimates the rank of a state at its middle cut.

    Args:
        state: The amplitudes in memory, shape ``(2**n,)``, contiguous.
        max_infidelity: The limit of ``1 - F``. What has less weight than this does not count.

    Returns:
        The largest rank of the sampled parts. 0 if no sample has any weight, so that nothing is known. ``None`` if a
        matrix product cannot pay: the rank is too high for the samples, the state has fewer than `LEAST_QUBITS` qubits
        or a length that is no power of two, or a sample has values that are not finite.
    """
    if state.size < 1 << LEAST_QUBITS or state.size & (state.size - 1):
        return None
    rng = np.random.default_rng(SEED)
    qubits = state.size.bit_length() - 1
    places, weights = _weights(state, rng)
    total = float(weights.sum())
    if not math.isfinite(total):
        return None
    if not total:
        return 0
    drawn = places[np.minimum(np.searchsorted(weights.cumsum(), rng.random(4 * _LARGE_SIDE) * total), len(places) - 1)]
    found = 0
    for low in (qubits - qubits // 2, qubits // 2 - 2, qubits // 2 + 2):
        rank = _rank(_part(state, drawn, low, _SIDE, rng), max_infidelity)
        if rank is None:
            return _large_rank(state, drawn, rng, max_infidelity)
        found = max(found, rank)
    return found


def _weights(state: NDArray[Any], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Reads runs of amplitudes. Returns the indices with weight, and their probabilities (not normalised)."""
    runs = state.reshape(-1, _RUN)
    chosen = np.arange(len(runs))
    if len(runs) > _RUNS:
        chosen = np.unique(np.append(rng.integers(len(runs), size=_RUNS), [0, len(runs) - 1]))
    with np.errstate(all="ignore"):
        found = squares(runs[chosen].astype(np.complex128, copy=False)).reshape(-1)
    at = np.flatnonzero(found)
    return chosen[at // _RUN] * _RUN + at % _RUN, found[at]


def _part(
    state: NDArray[Any], drawn: NDArray[np.int64], low: int, side: int, rng: np.random.Generator
) -> NDArray[np.complex128]:
    """Returns some rows and columns of the matrix whose column number is made of the lowest qubits."""
    rows = _some(drawn >> low, state.size >> low, side, rng)
    columns = _some(drawn & ((1 << low) - 1), 1 << low, side, rng)
    return state.reshape(-1, 1 << low)[rows[:, np.newaxis], columns].astype(np.complex128, copy=False)


def _some(drawn: NDArray[np.int64], number: int, side: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Returns different numbers below a limit: those that were drawn first, and random ones if these are not enough."""
    everyone = np.concatenate([drawn, rng.integers(number, size=4 * side)]) if number > side else np.arange(number)
    _, first = np.unique(everyone, return_index=True)
    chosen: NDArray[np.int64] = everyone[np.sort(first)[:side]]
    return chosen


def _large_rank(
    state: NDArray[Any], drawn: NDArray[np.int64], rng: np.random.Generator, max_infidelity: float
) -> int | None:
    """Returns the rank of a larger part at the middle cut, or ``None`` if it is not low.

    The weight that the first columns leave of the others is read off the triangular matrix of a QR decomposition.
    """
    qubits = state.size.bit_length() - 1
    if qubits // 2 < _LARGE_SIDE.bit_length():
        return None
    part = _part(state, drawn, qubits - qubits // 2, _LARGE_SIDE, rng)
    if not np.isfinite(part).all():
        return None
    triangle: NDArray[np.complex128] = np.asarray(np.linalg.qr(part, mode="r"))
    left = np.cumsum(squares(triangle).sum(axis=1)[::-1])[::-1]  # by the columns before each
    rank = int(np.count_nonzero(left > max_infidelity / 4 * left[0]))
    return rank if rank <= _LARGE_LOW * len(part) else None


def _rank(part: NDArray[np.complex128], max_infidelity: float) -> int | None:
    """Returns the rank of a matrix, or ``None`` if it is not low or the matrix is not finite.

    The largest remaining element becomes zero together with its row and column (Gaussian elimination with complete
    pivoting), until the rest has almost no weight. This takes less time than singular values, and starts no threads.
    """
    with np.errstate(all="ignore"):
        rest = part.copy()
        weights = squares(rest)
        whole = float(weights.sum())
        if not math.isfinite(whole):
            return None
        for rank in range(int(_LOW * min(part.shape)) + 1):
            if float(weights.sum()) <= max_infidelity / 4 * whole:
                return rank
            row, column = divmod(int(weights.argmax()), rest.shape[1])
            rest -= rest[:, column, np.newaxis] * (rest[row] / rest[row, column])
            weights = squares(rest)
    return None
