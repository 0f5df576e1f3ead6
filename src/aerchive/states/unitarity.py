"""The distance of a stored matrix from a unitary matrix, whose rows are orthonormal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.matrix import Matrix
from aerchive.states.source import cut
from aerchive.states.workers import Workers


def distance_from_unitary(matrix: Matrix, workers: Workers) -> float:
    """Returns the largest absolute value of an element of ``S S^dagger - 1``. ``S`` is the matrix as it is stored.

    A matrix is unitary if and only if its transpose is unitary. All pairs of rows are compared. The matrix is read once
    for each of its tiles, and a tile takes a quarter of the memory budget.
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
