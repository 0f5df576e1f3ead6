"""A saved density matrix that is still on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.states.diagonals import pauli_traces
from aerchive.states.inner import square_norm
from aerchive.states.kets import bit_strings
from aerchive.states.matrix import Matrix
from aerchive.states.mixed_fidelity import mixed_fidelity
from aerchive.states.partial_trace import partial_trace
from aerchive.states.pauli import pauli_sum, value_of
from aerchive.states.probabilities import outcomes_of
from aerchive.states.products import quadratic_form
from aerchive.states.qubits import checked_qargs
from aerchive.states.sample import sample_probabilities
from aerchive.states.source import read_all
from aerchive.stored.array import StoredArray
from aerchive.stored.matrix import StoredMatrix
from aerchive.stored.operand import opened
from aerchive.stored.quantum_array import (
    Seed,
    checked_shots,
    density_matrix,
    is_close_to_one,
    operator_values,
    tidied,
)

_MAX_MIXED = 2048
"""Largest number of rows of a density matrix for the fidelity of two mixed states: both are decomposed in memory."""


class StoredDensityMatrix(StoredMatrix):
    """A density matrix on disk with the methods of Qiskit's ``DensityMatrix`` that can be streamed.

    The shape is ``(2**num_qubits, 2**num_qubits)``, the dtype complex128; qubit 0 is the lowest bit of an index. Names,
    arguments, formats and the order of ``qargs`` are those of Qiskit. The matrix is read chunk by chunk, as in
    `StoredState`.
    """

    @property
    def dim(self) -> int:
        """The number of rows."""
        return self.shape[0]

    def dims(self, qargs: Sequence[int] | None = None) -> tuple[int, ...]:
        """The dimension of each subsystem, or of those in ``qargs``; 2 for qubits."""
        dims = self.output_dims()
        return dims if qargs is None else tuple(dims[qubit] for qubit in checked_qargs(qargs, len(dims)))

    def purity(self) -> float:
        """The trace of the squared matrix, 1 for a pure state.

        It is computed as the sum of ``abs(rho_ij) ** 2``, which is the same for a Hermitian matrix.
        """
        with self._matrix_pass("purity") as (matrix, workers):
            return square_norm(matrix.source, workers)

    # -- probabilities and samples

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

    def probabilities_dict(self, qargs: Sequence[int] | None = None, decimals: int | None = None) -> dict[str, float]:
        """Measurement probabilities of some qubits that are not zero.

        Args:
            qargs: The measured qubits, as for `probabilities`.
            decimals: Number of decimals to which the probabilities are rounded; ``None``: no rounding.

        Returns:
            A dictionary from bit string to probability, in ascending order of the outcomes; the last qubit of ``qargs``
            is the first character.

        Raises:
            InvalidInputError: ``qargs`` is not a list of different qubits, or the subsystems are not qubits.
        """
        width = len(checked_qargs(qargs, self._qubits("probabilities_dict")))
        values = self.probabilities(qargs, decimals)
        (found,) = values.nonzero()
        return dict(zip(bit_strings(found, width).tolist(), values[found].tolist(), strict=True))

    def sample_memory(self, shots: int, qargs: Sequence[int] | None = None, seed: Seed = None) -> NDArray[np.str_]:
        """Samples outcomes of measurements of some qubits; they are in the order in which they were drawn.

        The same seed gives the outcomes that ``DensityMatrix.sample_memory`` gives after ``seed(...)``.

        Args:
            shots: Number of measurements.
            qargs: The measured qubits, as for `probabilities`.
            seed: A seed for ``numpy.random.default_rng``, or a generator of numpy.

        Returns:
            The outcomes as bit strings, shape ``(shots,)``, dtype ``<U{len(qargs)}``.

        Raises:
            InvalidInputError: The trace is not one, or an argument is not valid.
        """
        width = len(checked_qargs(qargs, self._qubits("sampling")))
        return bit_strings(self._sample(shots, qargs, seed), width)

    def sample_counts(self, shots: int, qargs: Sequence[int] | None = None, seed: Seed = None) -> dict[str, int]:
        """Samples measurements of some qubits and counts each outcome; see `sample_memory`.

        Args:
            shots: Number of measurements.
            qargs: The measured qubits, as for `probabilities`.
            seed: A seed for ``numpy.random.default_rng``, or a generator of numpy.

        Returns:
            A dictionary from bit string to count, in ascending order of the outcomes.

        Raises:
            InvalidInputError: The trace is not one, or an argument is not valid.
        """
        width = len(checked_qargs(qargs, self._qubits("sampling")))
        found, counts = np.unique(self._sample(shots, qargs, seed), return_counts=True)
        return dict(zip(bit_strings(found, width).tolist(), counts.tolist(), strict=True))

    def _sample(self, shots: int, qargs: Sequence[int] | None, seed: Seed) -> NDArray[np.int64]:
        number = checked_shots(shots)
        return sample_probabilities(self.probabilities(qargs), number, np.random.default_rng(seed))

    # -- expectation values

    def expectation_value(self, oper: Any, qargs: Sequence[int] | None = None) -> complex | float:
        """The expectation value of an operator: the trace of the density matrix times the operator.

        Args:
            oper: A ``Pauli``, a ``SparsePauliOp``, a label such as ``"XIZ"``, or a matrix or ``Operator``.
            qargs: The qubits on which the operator acts: its qubit ``j`` is qubit ``qargs[j]`` of the state. ``None``:
                the first qubits for Pauli operators, as in Qiskit; all qubits for a matrix.

        Returns:
            A float for a ``Pauli`` without a phase, else a complex number.

        Raises:
            InvalidInputError: The operator does not fit the qubits, or is of another kind.
        """
        width = self._qubits("expectation_value")
        qubits = checked_qargs(qargs, width)
        paulis = pauli_sum(oper, None if qargs is None else qubits, width)
        if paulis is not None:
            with self._matrix_pass("expectation value") as (matrix, workers):
                return value_of(paulis, pauli_traces(matrix, paulis, workers))
        values = operator_values(oper, qubits, width)
        with self._matrix_pass("expectation value") as (matrix, workers):
            return complex(np.sum(partial_trace(matrix, qubits, workers).T * values))

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
                    self._check_one("trace", np.trace(rho), self)
                    self._check_one("trace", np.trace(sigma), other)
                return mixed_fidelity(rho, sigma)
            vector = self._vector_of(other, read_all(state))
            if validate:
                self._check_one("norm", float(np.linalg.norm(vector)), other)
            return quadratic_form(matrix, vector, workers).real

    def reduced_density_matrix(self, qargs: Sequence[int]) -> Any:
        """The reduced density matrix of some qubits; imports Qiskit.

        ``qargs`` are the qubits that *stay*, as in `probabilities`. ``qiskit.quantum_info.partial_trace(state,
        others)`` takes the qubits that are traced out, and gives the same if ``qargs`` is in ascending order.

        Args:
            qargs: At most 12 qubits; qubit ``j`` of the result is qubit ``qargs[j]``.

        Returns:
            A ``DensityMatrix`` of Qiskit.

        Raises:
            InvalidInputError: ``qargs`` is not a list of different qubits, or has too many qubits.
        """
        qubits = checked_qargs(qargs, self._qubits("reduced_density_matrix"))
        with self._matrix_pass("reduced density matrix") as (matrix, workers):
            return density_matrix(partial_trace(matrix, qubits, workers))

    def _check_mixed(self, dim: int, other: Any) -> None:
        if dim != self.dim:
            raise InvalidInputError(f"{self!r} has {self.dim} rows, this {type(other).__name__} {dim}")
        if dim > _MAX_MIXED:
            raise InvalidInputError(
                f"{self!r}: the fidelity of two mixed states is computed in memory, up to {_MAX_MIXED} rows"
            )

    @staticmethod
    def _check_one(what: str, number: complex, state: Any) -> None:
        if not is_close_to_one(number):
            name = repr(state) if isinstance(state, StoredArray) else f"a {type(state).__name__}"
            raise InvalidInputError(
                f"{name} has {what} {number!r}: it is not a quantum state; validate=False takes it all the same"
            )
