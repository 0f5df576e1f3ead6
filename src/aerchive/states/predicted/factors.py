"""Finds two small matrices whose product is nearly the matrix of a state, if there are any.

1. A randomised range finder (Halko, Martinsson and Tropp, SIAM Review 53 (2011) 217) finds the directions of the
   matrix, and a singular value decomposition of a small matrix orders them.
2. The factors are improved by least squares against what their product leaves. This matters: a decomposition in double
   precision is wrong by tens of units of the last place, more than the rounding of Aer. The product in the second step
   has an error too, but each entry of the factors averages hundreds of them.
3. The rank is the one with the least bits for factors and residual, estimated on some rows.
4. The entries are rounded to multiples of a power of two, coarser for directions that matter less, which saves bytes.

These factors are stored, so they need not be computed in the same way on every machine.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.predicted.low_rank import NAMES
from aerchive.states.predicted.plain import Plain
from aerchive.states.predicted.residuals import residual
from aerchive.states.predicted.sizes import sampled_pieces
from aerchive.states.source import cut

Factors = dict[str, NDArray[np.float64]]
MAX_RANK = 48
"""The greatest rank: 48 takes about 12 ms to predict the amplitudes of 1 MiB on one processor."""
_OVERSAMPLED = 8
_BLOCK = 2**20
"""The number of amplitudes in a block of rows: 16 MiB."""
_SEED = 20
_PASSES = 2
_GUARD_BITS = 5
"""The number of bits by which a rounded entry is finer than the precision of a typical amplitude."""
_SAMPLED = 2**16
_FACTOR_BITS = 40
"""The approximate number of bits of an entry after rounding and compression."""
_RANGE = 2.0**400
"""The limits for the size of a typical amplitude, far from the limits of doubles."""


def find_factors(plain: Plain, rank: int) -> Factors | None:
    """Returns the factors of a state, or ``None`` if their product would predict nothing.

    Args:
        plain: The state.
        rank: The expected rank; at most `MAX_RANK` is useful.
    """
    with np.errstate(all="ignore"):
        found = _decomposed(plain, min(rank + _OVERSAMPLED, *plain.shape))
        if found is None:
            return None
        left, right = found
        for _ in range(_PASSES):
            left, right = _improved(plain, left, right)
        if not (np.isfinite(left).all() and np.isfinite(right).all()):
            return None
        best = _best_rank(plain, left, right)
        return _trimmed(plain, left[:, :best], right[:best])


def _blocks(plain: Plain) -> list[slice]:
    return cut(plain.shape[0], max(1, _BLOCK // plain.shape[1]))


def _decomposed(plain: Plain, width: int) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Returns the left factor, with decreasing columns, and the right factor, with orthonormal rows."""
    columns = plain.shape[1]
    random = np.random.default_rng(_SEED)
    probe = random.standard_normal((columns, width))
    image = np.concatenate([plain.rows(block) @ probe for block in _blocks(plain)])
    if not np.isfinite(image).all():
        return None
    basis = np.linalg.qr(image)[0]
    small = np.zeros((basis.shape[1], columns), basis.dtype)
    for block in _blocks(plain):
        small += basis[block].conj().T @ plain.rows(block)
    if not np.isfinite(small).all():
        return None
    turned, sizes, right = np.linalg.svd(small, full_matrices=False)
    if not 1 / _RANGE < sizes[0] < _RANGE:
        return None
    kept = int(np.count_nonzero(sizes > sizes[0] * plain.precision))
    return basis @ (turned[:, :kept] * sizes[:kept]), right[:kept]


def _improved(plain: Plain, left: NDArray[Any], right: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns better factors: the left one by least squares, then the right one, in one pass over the state."""
    basis, mixed = np.linalg.qr(right.conj().T)
    right, left = basis.conj().T, left @ mixed.conj().T
    lengths = np.sqrt((np.abs(left) ** 2).sum(axis=0))
    other, upper = np.linalg.qr(left / lengths)
    update = np.zeros_like(right)
    better = np.empty_like(left)
    for block in _blocks(plain):
        rest = plain.rows(block) - left[block] @ right
        step = rest @ basis
        better[block] = left[block] + step
        update += other[block].conj().T @ (rest - step @ right)
    return better, right + np.linalg.solve(upper, update) / lengths[:, None]


def _best_rank(plain: Plain, left: NDArray[Any], right: NDArray[Any]) -> int:
    """Returns the rank with the least bits in total, estimated on a sample of rows."""
    rows, columns = plain.shape
    wanted = np.unique(np.linspace(0, rows - 1, max(4, min(rows, _SAMPLED // columns))).astype(int))
    exact = np.concatenate([plain.parts(row * columns, (row + 1) * columns) for row in wanted], axis=1)
    some = left[wanted]
    predicted = np.zeros((len(wanted), columns), right.dtype)
    best, least = 0, math.inf
    factor_bits = _FACTOR_BITS * len(exact) * (rows + columns) / (rows * columns)
    for rank in range(1, right.shape[0] + 1):
        predicted += some[:, rank - 1 : rank] * right[rank - 1 : rank]
        guess = np.stack([predicted.real, predicted.imag])[: len(exact)].reshape(len(exact), -1)
        steps = residual(exact, guess.astype(exact.dtype))
        bits = len(exact) * float(np.log2(1.0 + steps).mean()) + rank * factor_bits
        if bits < least:
            best, least = rank, bits
    return best


def _trimmed(plain: Plain, left: NDArray[Any], right: NDArray[Any]) -> Factors | None:
    """Returns the factors with rounded entries.

    An error of an entry is multiplied by entries of the other factor. So the grid of each direction is the precision of
    a typical real or imaginary part of an amplitude, divided by the typical size of what it is multiplied by.
    """
    pieces = [plain.parts(piece.start, piece.stop) for piece in sampled_pieces(plain.state.size)]
    typical = [_typical(np.concatenate([piece[part] for piece in pieces])) for part in range(len(pieces[0]))]
    sides = [_parts(left.T), _parts(right)]
    if typical[-1] <= 1 / _RANGE:  # no imaginary part is more than dust, such as a few negative zeros
        typical[-1] = np.float64(1)
        sides = [[side[0], *(0 * part for part in side[1:])] for side in sides]
    if not all(1 / _RANGE < size < _RANGE for size in typical):
        return None
    fine = [size * plain.precision * 2.0**-_GUARD_BITS for size in typical]
    sizes = [[_typical(part) for part in side] for side in sides]
    factors: list[NDArray[np.float64]] = []
    for number in range(len(typical)):
        for side, others in zip(sides, reversed(sizes), strict=True):
            grids = [fine[number ^ other] / size for other, size in enumerate(others)]
            factors.append(_on_grid(side[number], np.minimum.reduce(grids)))
    return dict(zip(NAMES, factors, strict=False))


def _parts(factor: NDArray[Any]) -> list[NDArray[np.float64]]:
    return [factor] if factor.dtype.kind == "f" else [factor.real, factor.imag]


def _typical(values: NDArray[Any]) -> Any:
    """Returns the root of the mean square along the last axis."""
    return np.sqrt(np.square(values, dtype=np.float64).mean(axis=-1))


def _on_grid(factor: NDArray[np.float64], grids: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the rows of a factor, rounded to multiples of the powers of two below the grids. Zeros are positive."""
    steps = np.exp2(np.floor(np.log2(np.minimum(grids, _RANGE))))[:, None]
    rounded: NDArray[np.float64] = np.rint(factor / steps) * steps + 0.0
    return rounded
