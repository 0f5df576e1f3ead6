"""A saved unitary or superoperator that is still on disk."""

from __future__ import annotations

import math
from typing import Any

from aerchive.errors import InvalidInputError
from aerchive.states.inner import inner
from aerchive.states.matrix import Matrix
from aerchive.states.products import apply
from aerchive.states.unitarity import distance_from_unitary
from aerchive.stored.matrix import StoredMatrix
from aerchive.stored.operand import opened, values_of
from aerchive.stored.quantum_array import density_matrix, statevector

_ATOL = 1e-8
"""Qiskit's absolute tolerance."""


class StoredOperator(StoredMatrix):
    """A unitary on disk with the methods of Qiskit's ``Operator`` that can be streamed.

    The shape is ``(2**num_qubits, 2**num_qubits)``, the dtype complex128. The matrix is read chunk by chunk, as in
    `StoredState`.
    """

    @property
    def dim(self) -> tuple[int, int]:
        """The dimensions of input and output, in this order."""
        return self.shape[1], self.shape[0]

    def input_dims(self) -> tuple[int, ...]:
        """The dimension of each subsystem of the input; 2 for qubits."""
        return self._dims(1)

    def apply(self, state: Any) -> Any:
        """Applies the operator to a pure state, as ``state.evolve(operator)`` in Qiskit; imports Qiskit.

        Args:
            state: A `StoredState`, a ``Statevector``, or a vector.

        Returns:
            The new state, a ``Statevector`` of Qiskit.

        Raises:
            InvalidInputError: ``state`` is not a state vector of the input dimension.
        """
        vector = self._vector_of(state, values_of(state))
        with self._matrix_pass("operator times state") as (matrix, workers):
            return statevector(apply(matrix, vector, workers), self.output_dims())

    def is_unitary(self, atol: float | None = None) -> bool:
        """Whether the operator is unitary; all pairs of rows are compared, so this takes far longer than one pass.

        Args:
            atol: Largest distance of an element of the product with the adjoint from that of the identity; by default
                1e-8.
        """
        if self.shape[0] != self.shape[1]:
            return False
        with self._matrix_pass("unitarity") as (matrix, workers):
            return distance_from_unitary(matrix, workers) <= (_ATOL if atol is None else atol)

    def fidelity(self, other: Any) -> float:
        """The process fidelity of two unitaries, ``|tr(U^dagger V)|^2 / d^2``: 1 if they differ by a phase only.

        This is Qiskit's ``process_fidelity``; ``average_gate_fidelity`` is ``(d * fidelity + 1) / (d + 1)``.

        Args:
            other: A `StoredOperator` of any project, an ``Operator``, or a matrix.

        Raises:
            InvalidInputError: ``other`` is not an operator, or has another dimension.
        """
        with opened(other) as operator, self._matrix_pass("fidelity") as (matrix, workers):
            if not isinstance(operator, Matrix) or operator.source.shape != matrix.source.shape:
                raise InvalidInputError(f"{self!r} has shape {self.shape}; this {type(other).__name__} is not like it")
            return abs(inner(matrix.source, operator.like(matrix), workers)) ** 2 / matrix.dim**2


class StoredSuperOp(StoredMatrix):
    """A superoperator on disk: the matrix of Qiskit's ``SuperOp``, in the column-vectorisation convention.

    The shape is ``(4**num_qubits, 4**num_qubits)``, the dtype complex128.
    """

    def to_quantumchannel(self) -> Any:
        """Reads the superoperator into memory as a ``SuperOp`` of Qiskit, whose channels call this method."""
        return self.to_qiskit()

    @property
    def dim(self) -> tuple[int, int]:
        """The dimensions of input and output states, in this order."""
        return math.isqrt(self.shape[1]), math.isqrt(self.shape[0])

    def apply(self, state: Any) -> Any:
        """Applies the superoperator to a density matrix, as ``state.evolve(superop)`` in Qiskit; imports Qiskit.

        Args:
            state: A `StoredDensityMatrix`, a ``DensityMatrix``, or a matrix.

        Returns:
            The new state, a ``DensityMatrix`` of Qiskit.

        Raises:
            InvalidInputError: ``state`` is not a density matrix of the input dimension.
        """
        values = values_of(state)
        vector = self._vector_of(state, values.reshape(-1, order="F"))
        with self._matrix_pass("superoperator times state") as (matrix, workers):
            product = apply(matrix, vector, workers)
        return density_matrix(product.reshape((self.dim[1], self.dim[1]), order="F"))
