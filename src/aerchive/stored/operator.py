"""A saved unitary, or a superoperator, that is still on disk."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from aerchive.errors import InvalidInputError
from aerchive.states.inner import inner
from aerchive.states.matrix import Matrix
from aerchive.states.products import apply
from aerchive.states.unitarity import distance_from_unitary
from aerchive.stored.array import StoredArray
from aerchive.stored.matrix import StoredMatrix
from aerchive.stored.operand import opened, values_of
from aerchive.stored.quantum_array import density_matrix, statevector

_ATOL = 1e-8
"""Qiskit's absolute tolerance."""


class StoredOperator(StoredMatrix):
    """A unitary on disk with the methods of Qiskit's ``Operator`` that can be streamed.

    Shape ``(2**num_qubits, 2**num_qubits)``, complex. What is read is streamed as for `StoredState`.
    """

    @property
    def dim(self) -> tuple[int, int]:
        """Dimensions of input and output."""
        return self.shape[1], self.shape[0]

    def input_dims(self) -> tuple[int, ...]:
        """The dimension of each subsystem that it takes; 2 for qubits."""
        return self._dims(1)

    def apply(self, state: Any) -> Any:
        """The state that it makes of a pure state, as ``state.evolve(operator)`` in Qiskit; imports Qiskit.

        Args:
            state: A `StoredState`, a ``Statevector``, or a vector.

        Returns:
            A ``Statevector``.

        Raises:
            InvalidInputError: Not a state vector of its dimension.
        """
        vector = self._vector_of(state, np.asarray(state) if isinstance(state, StoredArray) else values_of(state))
        with self._matrix_pass("operator times state") as (matrix, workers):
            return statevector(apply(matrix, vector, workers), self.output_dims())

    def is_unitary(self, atol: float | None = None) -> bool:
        """Whether it is unitary; all pairs of rows are looked at, so this takes far longer than one pass.

        Args:
            atol: How far an element of the product with its adjoint may be from that of the identity; by default 1e-8.
        """
        if self.shape[0] != self.shape[1]:
            return False
        with self._matrix_pass("unitarity") as (matrix, workers):
            return distance_from_unitary(matrix, workers) <= (_ATOL if atol is None else atol)

    def fidelity(self, other: Any) -> float:
        """The process fidelity of two unitaries, ``|tr(U^dagger V)|^2 / d^2``: 1 if they differ by a phase only.

        It is Qiskit's ``process_fidelity``; ``average_gate_fidelity`` is ``(d * fidelity + 1) / (d + 1)``.

        Args:
            other: A `StoredOperator` of any project, an ``Operator``, or a matrix.

        Raises:
            InvalidInputError: Not an operator, or one of another dimension.
        """
        with opened(other) as operator, self._matrix_pass("fidelity") as (matrix, workers):
            if not isinstance(operator, Matrix) or operator.source.shape != matrix.source.shape:
                raise InvalidInputError(f"{self!r} has shape {self.shape}; this {type(other).__name__} is not like it")
            return abs(inner(matrix.source, operator.like(matrix), workers)) ** 2 / matrix.dim**2


class StoredSuperOp(StoredMatrix):
    """A superoperator on disk; the matrix of Qiskit's ``SuperOp``, in its column-vectorisation.

    Shape ``(4**num_qubits, 4**num_qubits)``, complex.
    """

    @property
    def dim(self) -> tuple[int, int]:
        """Dimensions of input and output states."""
        return math.isqrt(self.shape[1]), math.isqrt(self.shape[0])

    def apply(self, state: Any) -> Any:
        """The density matrix that it makes of another one, as ``state.evolve(superop)`` in Qiskit; imports Qiskit.

        Args:
            state: A `StoredDensityMatrix`, a ``DensityMatrix``, or a matrix.

        Returns:
            A ``DensityMatrix``.

        Raises:
            InvalidInputError: Not a density matrix of its dimension.
        """
        values = np.asarray(state) if isinstance(state, StoredArray) else values_of(state)
        vector = self._vector_of(state, values.reshape(-1, order="F"))
        with self._matrix_pass("superoperator times state") as (matrix, workers):
            product = apply(matrix, vector, workers)
        return density_matrix(product.reshape((self.dim[1], self.dim[1]), order="F"))
