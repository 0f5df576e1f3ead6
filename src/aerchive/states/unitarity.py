"""Whether a stored matrix is unitary: whether its rows are orthonormal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.matrix import Matrix
from aerchive.states.source import cut
from aerchive.states.workers import Workers


def distance_from_unitary(matrix: Matrix, workers: Workers) -> float:
    """The largest absolute value of an element of ``S S^dagger - 1``, ``S`` being the matrix as it is stored.

    A matrix is unitary if and only if its transpose is. All pairs of rows are needed: the matrix is read as often as
    there are tiles of a quarter of the budget in it.
    """
    row_bytes = 16 * matrix.dim
    tiles = cut(matrix.dim, max(1, workers.budget // 4 // row_bytes))

    def rows(tile: slice) -> NDArray[Any]:
        values = matrix.read(tile)
        return np.zeros((tile.stop - tile.start, matrix.dim), np.complex128) if values is None else values

    worst = 0.0
    for at, one in enumerate(tiles):
        left = rows(one)

        def gap(other: slice, one: slice = one, left: NDArray[Any] = left) -> float:
            product = left @ (left if other == one else rows(other)).conj().T
            if other == one:
                product[np.diag_indices(len(product))] -= 1
            return float(np.abs(product).max())

        worst = max([worst, *workers.map(gap, tiles[at:], nbytes=workers.budget // 2)])
    return worst
