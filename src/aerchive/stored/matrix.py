"""The common base class of stored density matrices and operators."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.states.diagonals import diagonal
from aerchive.states.matrix import Matrix
from aerchive.states.sums import exact_sum
from aerchive.states.workers import Workers
from aerchive.stored.quantum_array import StoredQuantumArray


class StoredMatrix(StoredQuantumArray):
    """A matrix of Qiskit that is still on disk; parts of it are read by slicing, as of every `StoredArray`."""

    def diagonal(self) -> NDArray[np.complex128]:
        """The elements ``m[j, j]``, shape ``(dim,)``, dtype complex128; the matrix is read once."""
        with self._matrix_pass("diagonal") as (matrix, workers):
            return diagonal(matrix, workers)

    def trace(self) -> complex:
        """The sum of the diagonal."""
        return exact_sum(self.diagonal())

    @contextlib.contextmanager
    def _matrix_pass(self, what: str) -> Iterator[tuple[Matrix, Workers]]:
        if self.shape[0] != self.shape[1]:
            raise InvalidInputError(f"{self!r} is not square: {what} is for square matrices")
        with self._pass(what) as (source, workers):
            yield Matrix(source, source.is_turned), workers

    def _vector_of(self, state: Any, values: NDArray[Any]) -> NDArray[np.complex128]:
        """Checks that ``values`` is a state vector to which this matrix can be applied, and returns it."""
        if values.shape != (self.shape[1],):
            raise InvalidInputError(
                f"{self!r} takes state vectors of {self.shape[1]} amplitudes; this {type(state).__name__} has shape "
                f"{values.shape}"
            )
        return values
