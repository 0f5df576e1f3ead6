"""Diagonals of stored matrices, and the probabilities, traces and expectation values that follow from them.

The trace of ``rho P`` for a Pauli operator with masks ``x`` and ``z`` needs only the elements ``rho[j, j ^ x]``. The
module `expectation` explains the signs and phases.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.expectation import y_signs
from aerchive.states.matrix import Matrix
from aerchive.states.pauli import PauliSum
from aerchive.states.signed_sums import SignedSums
from aerchive.states.workers import Workers

_HELD = 64
"""The number of diagonals that are read in one pass."""


def diagonal(matrix: Matrix, workers: Workers) -> NDArray[np.complex128]:
    """Returns the elements ``m[j, j]`` of a matrix, shape ``(dim,)``."""
    (line,) = diagonals(matrix, [0], workers)
    return np.asarray(line)


def diagonals(matrix: Matrix, masks: Sequence[int], workers: Workers) -> NDArray[np.complex128]:
    """Returns for each mask the elements ``s[j, j ^ mask]`` of the matrix ``s`` as it is stored.

    Args:
        matrix: The matrix. It has ``2**n`` rows, unless the only mask is zero.
        masks: The bit masks; their number is ``k``.
        workers: The threads that do the work.

    Returns:
        The elements, shape ``(k, dim)``, dtype complex128.
    """
    found = np.zeros((len(masks), matrix.dim), np.complex128)
    flips = np.asarray(masks, np.int64)[:, np.newaxis]

    def gather(rows: slice) -> None:
        values = matrix.read(rows)
        if values is not None:
            numbers = np.arange(rows.start, rows.stop)
            found[:, rows] = values[np.arange(len(numbers)), numbers ^ flips]

    for _ in workers.map(gather, matrix.pieces()):
        pass
    return found


def pauli_traces(rho: Matrix, paulis: PauliSum, workers: Workers) -> NDArray[np.float64]:
    """Returns the trace of ``rho P`` for each Pauli operator ``P`` without its coefficient. ``rho`` must be Hermitian.

    Returns:
        The traces, shape ``(k,)``.
    """
    values = np.zeros(len(paulis))
    num_y = paulis.num_y
    masks = np.unique(paulis.x)
    bits = rho.dim.bit_length() - 1
    for at in range(0, len(masks), _HELD):
        some = masks[at : at + _HELD]
        for mask, line in zip(some, diagonals(rho, some.tolist(), workers), strict=True):
            for odd in (False, True):
                chosen = (paulis.x == mask) & (num_y % 2 == odd)
                if chosen.any():
                    part = _part(line, rho, odd=odd)
                    values[chosen] = SignedSums(paulis.z[chosen], bits)(part)
    return values * y_signs(num_y)


def _part(line: NDArray[Any], rho: Matrix, *, odd: bool) -> NDArray[np.float64]:
    """Returns real or imaginary parts of ``rho[j, j ^ x]``: of the conjugate, if ``rho`` is stored transposed."""
    if not odd:
        return np.ascontiguousarray(line.real)
    return -line.imag if rho.is_transposed else np.ascontiguousarray(line.imag)
