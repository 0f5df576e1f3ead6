"""Products of stored matrices and vectors in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.matrix import Matrix
from aerchive.states.sums import Total, exact_sum, inner_parts
from aerchive.states.workers import Workers


def apply(matrix: Matrix, vector: NDArray[Any], workers: Workers) -> NDArray[np.complex128]:
    """Returns the product ``M v``.

    Args:
        matrix: The matrix ``M``.
        vector: The vector ``v``, shape ``(dim,)``.
        workers: The threads that do the work.

    Returns:
        The product, shape ``(dim,)``, dtype complex128.
    """
    if matrix.is_transposed:
        total = Total((matrix.dim,), np.complex128)

        def columns(part: slice) -> NDArray[Any] | None:
            values = matrix.read(part)
            return None if values is None else vector[part] @ values

        for product in workers.map(columns, matrix.pieces()):
            if product is not None:
                total.add(product)
        return total.value
    result = np.zeros(matrix.dim, np.complex128)

    def rows(part: slice) -> None:
        values = matrix.read(part)
        if values is not None:
            result[part] = values @ vector

    for _ in workers.map(rows, matrix.pieces()):
        pass
    return result


def quadratic_form(matrix: Matrix, vector: NDArray[Any], workers: Workers) -> complex:
    """Returns ``<v|M|v>``."""
    bra, ket = (vector.conj(), vector.conj()) if matrix.is_transposed else (vector, vector)

    def part(rows: slice) -> complex:
        values = matrix.read(rows)
        return 0j if values is None else inner_parts(bra[rows], values @ ket)

    return exact_sum(workers.map(part, matrix.pieces()))
