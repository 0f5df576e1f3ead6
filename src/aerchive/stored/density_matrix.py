"""A saved density matrix that is still on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.display.html import part
from aerchive.errors import InvalidInputError
from aerchive.states.diagonals import pauli_traces
from aerchive.states.entropy import trace_distance, von_neumann_entropy
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
from aerchive.stored.quantum_state import StoredQuantumState, check_eigenvalues, check_is_one


class StoredDensityMatrix(StoredQuantumState, StoredMatrix):
    """A density matrix on disk with the methods of Qiskit's ``DensityMatrix`` that can be streamed.

    The shape is ``(2**num_qubits, 2**num_qubits)``, the dtype complex128; qubit 0 is the lowest bit of an index. Names,
    arguments, formats and the order of ``qargs`` are those of Qiskit. The matrix is read chunk by chunk, as in
    `StoredState`.
    """

    def _cards(self) -> Iterator[str]:
        from aerchive.stored.array_card import mixedness

        yield from super()._cards()
        yield part(lambda: mixedness(self))

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
                self._check_dim(state.dim, other)
                rho, sigma = read_all(matrix.source), read_all(state.like(matrix))
                if validate:
                    check_is_one("trace", np.trace(rho), self)
                    check_is_one("trace", np.trace(sigma), other)
                return mixed_fidelity(rho, sigma)
            vector = self._vector_of(other, read_all(state))
            if validate:
                check_is_one("norm", float(np.linalg.norm(vector)), other)
            return quadratic_form(matrix, vector, workers).real

    def trace_distance(self, other: Any) -> float:
        """The trace distance from another state: half the trace norm of the difference of the density matrices.

        The formula is that of M. Nielsen and I. Chuang, *Quantum Computation and Quantum Information*, eq. (9.11).

        Args:
            other: As for `fidelity`. Both matrices are held in memory; they have at most 11 qubits.

        Returns:
            A number from 0, for equal states, to 1, for states with orthogonal supports.

        Raises:
            InvalidInputError: ``other`` is not a state, has another dimension, or is not normalised; or this matrix is
                too large.
        """
        with opened(other) as state, self._matrix_pass("trace distance") as (matrix, _):
            if not isinstance(state, Matrix):
                self._check_dim(state.shape[0], other)
                vector = read_all(state)
                check_is_one("norm", float(np.linalg.norm(vector)), other)
                sigma = np.outer(vector, vector.conj())
                sigma = sigma.T if matrix.is_transposed else sigma
            else:
                self._check_dim(state.dim, other)
                sigma = read_all(state.like(matrix))
                check_is_one("trace", np.trace(sigma), other)
            rho = read_all(matrix.source)
            check_is_one("trace", np.trace(rho), self)
            return trace_distance(rho, sigma)

    def entropy(self, qargs: Sequence[int] | None = None, base: float = 2) -> float:
        """The von Neumann entropy of the state, or of the reduced state of some qubits.

        Args:
            qargs: At most 11 qubits, in any order; the other qubits are traced out. ``None``: all qubits.
            base: The base of the logarithm: 2 for bits, ``math.e`` for nats.

        Raises:
            InvalidInputError: ``qargs`` is not a list of different qubits, or has too many qubits, or the trace is not
                one.
        """
        qubits = checked_qargs(qargs, self._qubits("entropy"))
        check_eigenvalues(self, 1 << len(qubits))
        rho = np.asarray(self) if len(qubits) == self.num_qubits else self._reduced(qubits, "entropy")
        check_is_one("trace", np.trace(rho), self)
        return von_neumann_entropy(rho, base)

    def _check_dim(self, dim: int, other: Any) -> None:
        if dim != self.dim:
            raise InvalidInputError(f"{self!r} has {self.dim} rows, this {type(other).__name__} {dim}")
        check_eigenvalues(self, dim)

    def _outcomes(self, shots: int, qubits: list[int], rng: np.random.Generator) -> NDArray[np.int64]:
        return sample_probabilities(self.probabilities(qubits), shots, rng)

    def _reduced(self, qubits: list[int], what: str) -> NDArray[np.complex128]:
        with self._matrix_pass(what) as (matrix, workers):
            return partial_trace(matrix, qubits, workers)

    def _pauli_values(self, paulis: PauliSum) -> NDArray[np.float64]:
        with self._matrix_pass("expectation value") as (matrix, workers):
            return pauli_traces(matrix, paulis, workers)
