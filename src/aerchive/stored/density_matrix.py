"""A saved density matrix that is still on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.states.diagonals import pauli_traces
from aerchive.states.inner import square_norm
from aerchive.states.matrix import Matrix
from aerchive.states.mixed_fidelity import mixed_fidelity
from aerchive.states.partial_trace import partial_trace
from aerchive.states.pauli import PauliSum
from aerchive.states.probabilities import outcomes_of
from aerchive.states.products import quadratic_form
from aerchive.states.qubits import checked_qargs
from aerchive.states.sample import sample_probabilities
from aerchive.states.source import read_all
from aerchive.stored.matrix import StoredMatrix
from aerchive.stored.operand import opened
from aerchive.stored.quantum_array import tidied
from aerchive.stored.quantum_state import StoredQuantumState, check_is_one

_MAX_MIXED = 2048
"""Largest number of rows of a density matrix for the fidelity of two mixed states: both are decomposed in memory."""


class StoredDensityMatrix(StoredQuantumState, StoredMatrix):
    """A density matrix on disk with the methods of Qiskit's ``DensityMatrix`` that can be streamed.

    The shape is ``(2**num_qubits, 2**num_qubits)``, the dtype complex128; qubit 0 is the lowest bit of an index. Names,
    arguments, formats and the order of ``qargs`` are those of Qiskit. The matrix is read chunk by chunk, as in
    `StoredState`.
    """

    def purity(self) -> float:
        """The trace of the squared matrix, 1 for a pure state.

        It is computed as the sum of ``abs(rho_ij) ** 2``, which is the same for a Hermitian matrix.
        """
        with self._matrix_pass("purity") as (matrix, workers):
            return square_norm(matrix.source, workers)

    # -- probabilities

    def probabilities(self, qargs: Sequence[int] | None = None, decimals: int | None = None) -> NDArray[np.float64]:
        """Measurement probabilities of some qubits.

        Args:
            qargs: The measured qubits; bit ``j`` of an outcome is qubit ``qargs[j]``. ``None``: all qubits.
            decimals: Number of decimals to which the probabilities are rounded; ``None``: no rounding.

        Returns:
            The probability of each outcome, shape ``(2**len(qargs),)``, dtype float64.

        Raises:
            InvalidInputError: ``qargs`` is not a list of different qubits.
        """
        qubits = None if qargs is None else checked_qargs(qargs, self._qubits("qargs"))
        probabilities = np.abs(self.diagonal())
        return tidied(probabilities if qubits is None else outcomes_of(probabilities, qubits), decimals)

    # -- other states

    def fidelity(self, other: Any, validate: bool = True) -> float:
        """The fidelity with another state: ``<psi|self|psi>`` for a pure state, else that of two mixed states.

        Args:
            other: A `StoredState` of any project, a ``Statevector`` or a vector; or a `StoredDensityMatrix`, a
                ``DensityMatrix`` or a matrix. With a matrix of at most 11 qubits both matrices are held in memory.
            validate: Whether a vector must have norm one, and matrices must have trace one.

        Raises:
            InvalidInputError: ``other`` is not a state, has another dimension, is not normalised, or is too large a
                matrix.
        """
        with opened(other) as state, self._matrix_pass("fidelity") as (matrix, workers):
            if isinstance(state, Matrix):
                self._check_mixed(state.dim, other)
                rho, sigma = read_all(matrix.source), read_all(state.like(matrix))
                if validate:
                    check_is_one("trace", np.trace(rho), self)
                    check_is_one("trace", np.trace(sigma), other)
                return mixed_fidelity(rho, sigma)
            vector = self._vector_of(other, read_all(state))
            if validate:
                check_is_one("norm", float(np.linalg.norm(vector)), other)
            return quadratic_form(matrix, vector, workers).real

    def _check_mixed(self, dim: int, other: Any) -> None:
        if dim != self.dim:
            raise InvalidInputError(f"{self!r} has {self.dim} rows, this {type(other).__name__} {dim}")
        if dim > _MAX_MIXED:
            raise InvalidInputError(
                f"{self!r}: the fidelity of two mixed states is computed in memory, up to {_MAX_MIXED} rows"
            )

    def _outcomes(self, shots: int, qubits: list[int], rng: np.random.Generator) -> NDArray[np.int64]:
        return sample_probabilities(self.probabilities(qubits), shots, rng)

    def _reduced(self, qubits: list[int], what: str) -> NDArray[np.complex128]:
        with self._matrix_pass(what) as (matrix, workers):
            return partial_trace(matrix, qubits, workers)

    def _pauli_values(self, paulis: PauliSum) -> NDArray[np.float64]:
        with self._matrix_pass("expectation value") as (matrix, workers):
            return pauli_traces(matrix, paulis, workers)
