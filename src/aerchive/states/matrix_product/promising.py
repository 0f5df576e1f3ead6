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


def middle_rank(state: NDArray[Any], max_infidelity: float = 1e-12) -> int | None:
    """Estimates the rank of a state at its middle cut.

    Args:
        state: The amplitudes in memory, shape ``(2**n,)``, contiguous.
        max_infidelity: The limit of ``1 - F``. What has less weight than this does not count.

    Returns:
        The largest rank of the sampled parts. 0 if no sample has any weight, so that nothing is known. ``None`` if the
        rank is too high for the samples, or a sample has values that are not finite.
    """
    rng = np.random.default_rng(SEED)
    qubits = state.size.bit_length() - 1
    places, weights = _weights(state, rng)
    total = float(weights.sum())
    if not math.isfinite(total):
        return None
    if not total:
        return 0
    drawn = places[np.minimum(np.searchsorted(weights.cumsum(), rng.random(4 * _SIDE) * total), len(places) - 1)]
    found = 0
    for low in (qubits - qubits // 2, qubits // 2 - 2, qubits // 2 + 2):
        rows = _some(drawn >> low, state.size >> low, rng)
        columns = _some(drawn & ((1 << low) - 1), 1 << low, rng)
        part = state.reshape(-1, 1 << low)[rows[:, np.newaxis], columns]
        rank = _rank(part.astype(np.complex128), max_infidelity)
        if rank is None:
            return None
        found = max(found, rank)
    return found


def may_pay(state: NDArray[Any], max_infidelity: float = 1e-12) -> bool:
    """Returns whether a matrix product may be much smaller than a state, from a few samples.

    Args:
        state: The amplitudes in memory, shape ``(2**n,)``, contiguous.
        max_infidelity: The limit of ``1 - F``.
    """
    if state.size < 1 << LEAST_QUBITS or state.size & (state.size - 1):
        return False
    return middle_rank(state, max_infidelity) is not None


def _weights(state: NDArray[Any], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Reads runs of amplitudes. Returns the indices with weight, and their probabilities (not normalised)."""
    runs = state.reshape(-1, _RUN)
    chosen = np.arange(len(runs))
    if len(runs) > _RUNS:
        chosen = np.unique(np.append(rng.integers(len(runs), size=_RUNS), [0, len(runs) - 1]))
    with np.errstate(all="ignore"):
        found = squares(runs[chosen]).reshape(-1)
    at = np.flatnonzero(found)
    return chosen[at // _RUN] * _RUN + at % _RUN, found[at]


def _some(drawn: NDArray[np.int64], number: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Returns different numbers below a limit: those that were drawn first, and random ones if these are not enough."""
    everyone = np.concatenate([drawn, rng.integers(number, size=4 * _SIDE)]) if number > _SIDE else np.arange(number)
    _, first = np.unique(everyone, return_index=True)
    chosen: NDArray[np.int64] = everyone[np.sort(first)[:_SIDE]]
    return chosen


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
