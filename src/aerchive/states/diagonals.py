"""Diagonals of stored matrices, and the probabilities, traces and expectation values that follow from them.

The trace of ``rho P`` for a Pauli operator with masks ``x`` and ``z`` needs only the elements ``rho[j, j ^ x]``. The
module `expectation` explains the signs and phases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.expectation import y_signs
from aerchive.states.matrix import Matrix
from aerchive.states.pauli import PauliSum
from aerchive.states.signed_sums import SignedSums
from aerchive.states.workers import Workers


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

    As many diagonals as fit into half of the memory budget are read in one pass.

    Returns:
        The traces, shape ``(k,)``.
    """
    held = max(1, workers.budget // (32 * rho.dim))
    return _traces(lambda masks: diagonals(rho, masks, workers), paulis, rho.dim, held, is_transposed=rho.is_transposed)


def pauli_traces_of(matrices: NDArray[np.complex128], paulis: PauliSum) -> NDArray[np.float64]:
    """Returns the traces of `pauli_traces` for matrices in memory.

    Args:
        matrices: The matrices, shape ``(matrices, dim, dim)``.
        paulis: The operators; their number is ``k``.

    Returns:
        The traces, shape ``(matrices, k)``.
    """
    rows = np.arange(matrices.shape[-1])
    return _traces(
        lambda masks: (matrices[:, rows, rows ^ mask] for mask in masks),
        paulis,
        len(rows),
        held=len(paulis),
        is_transposed=False,
    )


def _traces(
    diagonals_at: Callable[[list[int]], Iterable[NDArray[Any]]],
    paulis: PauliSum,
    dim: int,
    held: int,
    *,
    is_transposed: bool,
) -> NDArray[np.float64]:
    """Returns the traces, shape ``(..., k)``, from diagonals of the shape ``(..., dim)``; ``held`` are read at once."""
    parts: list[tuple[NDArray[Any], NDArray[np.float64]]] = []
    num_y = paulis.num_y
    masks = np.unique(paulis.x)
    bits = dim.bit_length() - 1
    for at in range(0, len(masks), held):
        some = masks[at : at + held].tolist()
        for mask, line in zip(some, diagonals_at(some), strict=True):
            for odd in (False, True):
                chosen = np.flatnonzero((paulis.x == mask) & (num_y % 2 == odd))
                if len(chosen):
                    parts.append((chosen, SignedSums(paulis.z[chosen], bits)(_part(line, is_transposed, odd=odd))))
    where = np.concatenate([chosen for chosen, _ in parts])
    values = np.concatenate([found for _, found in parts], axis=-1)
    return np.asarray(values[..., where.argsort()] * y_signs(num_y))


def _part(line: NDArray[Any], is_transposed: bool, *, odd: bool) -> NDArray[np.float64]:
    """Returns real or imaginary parts of ``rho[j, j ^ x]``: of the conjugate, if ``rho`` is stored transposed."""
    if not odd:
        return np.ascontiguousarray(line.real)
    return -line.imag if is_transposed else np.ascontiguousarray(line.imag)
