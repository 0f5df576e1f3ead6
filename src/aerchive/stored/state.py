"""A saved statevector that is still on disk."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.display.html import part
from aerchive.errors import FormatError, InvalidInputError
from aerchive.states.collapse import collapsed
from aerchive.states.entropy import trace_distance, von_neumann_entropy
from aerchive.states.expectation import pauli_expectations
from aerchive.states.inner import Overlap, distance, inner, overlap, square_norm
from aerchive.states.kets import bit_string, index_of, picked_bits
from aerchive.states.largest import largest
from aerchive.states.matrix import Matrix
from aerchive.states.matrix_product.error_bars import (
    error_of_distance,
    error_of_expectation,
    error_of_probability,
)
from aerchive.states.pauli import PauliSum, pauli_sum
from aerchive.states.probabilities import all_probabilities, marginal, nonzero_probabilities
from aerchive.states.products import quadratic_form
from aerchive.states.qubits import checked_qargs, in_blocks, smaller_part
from aerchive.states.reduced import reduced_density_matrix
from aerchive.states.sample import sample_probabilities, sample_vector
from aerchive.states.source import Source, read_all
from aerchive.states.workers import Workers
from aerchive.stored.operand import opened
from aerchive.stored.quantum_array import is_close_to_one, statevector, tidied
from aerchive.stored.quantum_state import (
    Seed,
    StoredQuantumState,
    check_eigenvalues,
    check_is_one,
    name_of,
    operator_values,
)

_MARGINAL_QUBITS = 20
"""Largest number of qubits that are sampled from their marginal probabilities, as Qiskit does."""


_CLOSE = 0.99
"""From this overlap on, the trace distance of two states is computed from the difference of the vectors."""


class StoredState(StoredQuantumState):
    """A statevector on disk with the methods of Qiskit's ``Statevector`` that can be streamed.

    The shape is ``(2**num_qubits,)``, the dtype complex128; qubit 0 is the lowest bit of an index. A method reads the
    state once, chunk by chunk in a few threads; methods that read it several times say so. They need memory for a few
    chunks and for what they return. Names, arguments, formats and the order of ``qargs`` are those of Qiskit. Sums are
    exact to a few units in the last place, for any number of terms.
    """

    def _cards(self) -> Iterator[str]:
        from aerchive.stored.array_card import amplitudes

        yield from super()._cards()
        yield part(lambda: amplitudes(self))

    # -- amplitudes

    def __getitem__(self, key: object) -> Any:
        """Reads a part as `StoredArray` does, or the amplitudes of bit strings, with the highest qubit first."""
        if isinstance(key, str):
            key = index_of(key, self._qubits("a bit string"))
        elif isinstance(key, list) and key and all(isinstance(one, str) for one in key):
            key = [index_of(one, self._qubits("a bit string")) for one in key]
        return super().__getitem__(key)

    def amplitude(self, basis_state: int | str) -> complex:
        """The amplitude of one basis state; one chunk is read.

        Args:
            basis_state: An index, or a bit string such as ``"0101"``, the highest qubit first.

        Raises:
            InvalidInputError: The text is not a bit string of this state.
            IndexError: The index is out of range.
        """
        if not isinstance(basis_state, str) and not 0 <= basis_state < self.dim:
            raise IndexError(f"basis state {basis_state} of a state of {self.dim} amplitudes")
        return complex(self[basis_state])

    def top(self, count: int) -> dict[str, complex]:
        """The amplitudes of the most probable basis states.

        Args:
            count: Number of basis states; fewer are given if the other amplitudes are zero.

        Returns:
            A dictionary from bit string to amplitude, the most probable first; equally probable ones are in ascending
            order of the index.

        Raises:
            InvalidInputError: ``count`` is not positive, or the subsystems are not qubits.
        """
        width = self._qubits("top")
        if count < 1:
            raise InvalidInputError(f"top({count}): at least one basis state is expected")
        with self._pass("largest amplitudes") as (source, workers):
            indices, amplitudes = self._largest(source, count, workers)
        return {
            bit_string(index, width): amplitude
            for index, amplitude in zip(indices.tolist(), amplitudes.tolist(), strict=True)
        }

    # -- norms

    def norm(self) -> float:
        """The Euclidean norm, 1 for a quantum state."""
        return math.sqrt(self.trace())

    def trace(self) -> float:
        """The squared norm: the trace of the state as a density matrix."""
        with self._pass("norm") as (source, workers):
            return self._square_norm(source, workers)

    def purity(self) -> float:
        """The squared trace, 1 for a quantum state."""
        return self.trace() ** 2

    def is_valid(self, atol: float | None = None, rtol: float | None = None) -> bool:
        """Whether the norm is one.

        Args:
            atol: Absolute tolerance, by default 1e-8, as in Qiskit.
            rtol: Relative tolerance, by default 1e-5, as in Qiskit.
        """
        return is_close_to_one(self.norm(), atol, rtol)

    # -- probabilities and samples

    def probabilities(self, qargs: Sequence[int] | None = None, decimals: int | None = None) -> NDArray[np.float64]:
        """Measurement probabilities of some qubits.

        Args:
            qargs: The measured qubits; bit ``j`` of an outcome is qubit ``qargs[j]``. ``None``: all qubits.
            decimals: Number of decimals to which the probabilities are rounded; ``None``: no rounding.

        Returns:
            The probability of each outcome, shape ``(2**len(qargs),)``, dtype float64. For all qubits this takes half
            the memory of the state.

        Raises:
            InvalidInputError: ``qargs`` is not a list of different qubits.
        """
        if qargs is not None:
            qargs = checked_qargs(qargs, self._qubits("qargs"))
        with self._pass("probabilities") as (source, workers):
            return tidied(self._probabilities(source, qargs, workers), decimals)

    def measure(self, qargs: Sequence[int] | None = None, seed: Seed = None) -> tuple[str, Any]:
        """Samples one measurement of some qubits, with the state after it; imports Qiskit.

        Args:
            qargs: The measured qubits, as for `probabilities`.
            seed: A seed for ``numpy.random.default_rng``, or a generator of numpy.

        Returns:
            The outcome as a bit string, and the collapsed state as a ``Statevector`` in memory, as large as this one.

        Raises:
            InvalidInputError: The state is not normalised, or an argument is not valid.
            MemoryError: The collapsed state does not fit into memory; ``sample_memory(1, qargs)`` gives the outcome
                without the state.
        """
        width = self._qubits("measure")
        qubits = checked_qargs(qargs, width)
        (outcome,) = self._sample(1, qargs, seed)[0].tolist()
        with self._pass("collapse") as (source, workers):
            after = collapsed(in_blocks(source, width), qubits, outcome, workers)
        return bit_string(outcome, len(qubits)), statevector(after)

    # -- other states

    def inner(self, other: Any) -> complex:
        """The inner product ``<self|other>``.

        Args:
            other: A `StoredState` of any project, a ``Statevector``, or an array.

        Raises:
            InvalidInputError: ``other`` is not a state vector, or has another dimension.
        """
        with opened(other) as vector, self._pass("inner product") as (source, workers):
            return self._inner(source, self._fitting(vector, other), workers)

    def fidelity(self, other: Any, validate: bool = True) -> float:
        """The fidelity with another state: ``|<self|other>|^2``, or ``<self|rho|self>`` with a density matrix.

        Args:
            other: A `StoredState` or `StoredDensityMatrix` of any project, a ``Statevector``, a ``DensityMatrix``, or
                an array. With a density matrix this vector is held in memory; it is small compared with the matrix.
            validate: Whether vectors must have norm one, as in Qiskit's ``state_fidelity``.

        Raises:
            InvalidInputError: ``other`` is not a state, has another dimension, or a state is not normalised.
        """
        with opened(other) as state, self._pass("fidelity") as (source, workers):
            if isinstance(state, Matrix):
                self._check_dim(state.dim, other)
                vector = read_all(source)
                if validate:
                    check_is_one("norm", float(np.linalg.norm(vector)), self)
                return quadratic_form(state, vector, workers).real
            found = self._overlap(source, self._fitting(state, other), workers)
        if validate:
            check_is_one("norm", math.sqrt(found.square_a), self)
            check_is_one("norm", math.sqrt(found.square_b), other)
        return abs(found.inner) ** 2

    def trace_distance(self, other: Any) -> float:
        """The trace distance from another state: half the trace norm of the difference of the density matrices.

        For two state vectors it is ``sqrt(1 - fidelity)`` (M. Nielsen and I. Chuang, *Quantum Computation and Quantum
        Information*, eq. (9.99)). Close states are read a second time, so that the result is exact for them as well:
        with the distance ``d`` of the vectors, after their phases were aligned, it is ``d * sqrt(1 - d**2 / 4)``.

        Args:
            other: As for `fidelity`. With a density matrix of at most 11 qubits both matrices are held in memory.

        Returns:
            A number from 0, for equal states, to 1, for orthogonal states.

        Raises:
            InvalidInputError: ``other`` is not a state, has another dimension, is too large a matrix, or a state is not
                normalised.
        """
        with opened(other) as state, self._pass("trace distance") as (source, workers):
            if isinstance(state, Matrix):
                self._check_dim(state.dim, other)
                check_eigenvalues(self, state.dim)
                vector, sigma = read_all(source), read_all(state.source)
                check_is_one("norm", float(np.linalg.norm(vector)), self)
                check_is_one("trace", np.trace(sigma), other)
                return trace_distance(np.outer(vector, vector.conj()), sigma.T if state.is_transposed else sigma)
            vectors = source, self._fitting(state, other)
            found = overlap(*vectors, workers)
            norms = math.sqrt(found.square_a), math.sqrt(found.square_b)
            check_is_one("norm", norms[0], self)
            check_is_one("norm", norms[1], other)
            cosine = abs(found.inner) / (norms[0] * norms[1])
            if cosine < _CLOSE:
                return math.sqrt(1 - cosine**2)
            phase = found.inner.conjugate() / abs(found.inner)
            apart = distance(*vectors, phase * norms[0] / norms[1], workers) / norms[0]
            return apart * math.sqrt(1 - apart**2 / 4)

    def entropy(self, qargs: Sequence[int] | None = None, base: float = 2) -> float:
        """The von Neumann entropy of the reduced state of some qubits, which measures their entanglement with the rest.

        Both parts of a pure state have the same eigenvalues (Schmidt decomposition; M. Nielsen and I. Chuang, *Quantum
        Computation and Quantum Information*, section 2.5), so the reduced density matrix of the smaller part is made:
        of at most 12 qubits. With ``n`` qubits it needs ``32 * 4**n`` bytes, which are 512 MiB for 12.

        Args:
            qargs: The qubits of the part, in any order. ``None``: all qubits, for which the entropy is 0.
            base: The base of the logarithm: 2 for bits, ``math.e`` for nats.

        Raises:
            InvalidInputError: ``qargs`` is not a list of different qubits, both parts have more than 12 qubits, or the
                state is not normalised.
        """
        width = self._qubits("entropy")
        qubits = checked_qargs(qargs, width)
        rho = self._reduced(smaller_part(qubits, width), "entropy")
        check_is_one("norm", math.sqrt(abs(np.trace(rho))), self)
        return von_neumann_entropy(rho, base)

    # -- what the state lost when it was stored

    @property
    def infidelity(self) -> float:
        """The infidelity ``1 - F`` that was measured when the state was stored; 0 if it is stored exactly.

        Of several states in one dataset it is the largest.

        Raises:
            FormatError: The file says something else than a number from 0 to 1.
        """
        return self._loss()[0]

    def expectation_error(self, oper: Any, qargs: Sequence[int] | None = None) -> float:
        """The greatest error of an expectation value of this state instead of the one that was saved.

        For normalised states it is ``2 ||O|| sqrt(1 - F)``, with the measured infidelity, if the state is stored as a
        product of matrices, which has the norm of the saved one. Rounding changes the norm: with the proven bound ``b``
        of the infidelity, which is one of the squared distance, it is ``||O|| (2 sqrt(b) + b)``. ``||O||`` is the
        greatest magnitude of an eigenvalue, for which a sum of Pauli operators is given the sum of the magnitudes of
        its coefficients. `aerchive.states.matrix_product.error_bars` has the proofs.

        Args:
            oper: The operator, as for `expectation_value`.
            qargs: The qubits on which it acts, as for `expectation_value`.

        Returns:
            The bound of the error; 0 if the state is stored exactly.

        Raises:
            InvalidInputError: The operator does not fit the qubits, or is of another kind.
            FormatError: The file gives an infidelity that is no number from 0 to 1.
        """
        norm = self._norm_of(oper, qargs)
        infidelity, square = self._loss()
        return error_of_expectation(infidelity, norm) if square is None else error_of_distance(square, norm)

    def probability_error(self) -> float:
        """The greatest error of a probability of this state instead of the one that was saved.

        For normalised states it is ``sqrt(1 - F)``, with the measured infidelity, if the state is stored as a product
        of matrices: the trace distance of the two states, which bounds the difference of the probabilities of any
        event. For a rounded state it is the error of an expectation value with ``||O|| = 1``, see `expectation_error`.
        0 if the state is stored exactly.

        Raises:
            FormatError: The file gives an infidelity that is no number from 0 to 1.
        """
        infidelity, square = self._loss()
        return error_of_probability(infidelity) if square is None else error_of_distance(square)

    def _loss(self) -> tuple[float, float | None]:
        """The measured infidelity, and of a rounded state the greatest squared distance from a saved one of norm 1."""
        numbers: list[float] = []
        with self._run.open() as (_, group):
            found = group.dataset_attributes(self._location.name, ("infidelity", "infidelity_bound", "grid"))
            for name in ("infidelity", "infidelity_bound"):
                number = found.get(name, 0.0)
                if not isinstance(number, float) or not 0 <= number <= 1:
                    raise FormatError(f"{group.where(self._location.name)}: {name} {number!r} is no number from 0 to 1")
                numbers.append(float(number))
        return numbers[0], numbers[1] if "grid" in found else None

    # -- parts, which a state that is stored in another way computes in another way

    def _largest(
        self, source: Source, count: int, workers: Workers
    ) -> tuple[NDArray[np.int64], NDArray[np.complex128]]:
        return largest(source, count, workers)

    def _square_norm(self, source: Source, workers: Workers) -> float:
        return square_norm(source, workers)

    def _inner(self, source: Source, other: Source, workers: Workers) -> complex:
        return inner(source, other, workers)

    def _overlap(self, source: Source, other: Source, workers: Workers) -> Overlap:
        return overlap(source, other, workers)

    def _probabilities(self, source: Source, qargs: Sequence[int] | None, workers: Workers) -> NDArray[np.float64]:
        if qargs is None:
            return all_probabilities(source, workers)
        return marginal(in_blocks(source, self._qubits("qargs")), qargs, workers)

    def _nonzero_probabilities(
        self, qargs: Sequence[int] | None, decimals: int | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        if qargs is not None:
            return super()._nonzero_probabilities(qargs, decimals)
        with self._pass("probabilities") as (source, workers):
            outcomes, values = nonzero_probabilities(source, workers)
        values = tidied(values, decimals)
        (found,) = values.nonzero()
        return outcomes[found], values[found]

    def _outcomes(self, shots: int, qubits: list[int], rng: np.random.Generator) -> NDArray[np.int64]:
        is_whole = qubits == list(range(self._qubits("sampling")))
        with self._pass("samples") as (source, workers):
            if not is_whole and len(qubits) <= _MARGINAL_QUBITS:
                return sample_probabilities(tidied(self._probabilities(source, qubits, workers), None), shots, rng)
            outcomes = sample_vector(source, shots, rng, workers)
        return outcomes if is_whole else picked_bits(outcomes, qubits)

    def _reduced(self, qubits: list[int], what: str) -> NDArray[np.complex128]:
        width = self._qubits(what)
        with self._pass(what) as (source, workers):
            return reduced_density_matrix(in_blocks(source, width), qubits, workers)

    def _pauli_values(self, paulis: PauliSum) -> NDArray[np.float64]:
        with self._pass("expectation value") as (source, workers):
            return pauli_expectations(in_blocks(source, self._qubits("expectation_value")), paulis, workers)

    def _norm_of(self, oper: Any, qargs: Sequence[int] | None) -> float:
        """An upper bound of the greatest magnitude of an eigenvalue of an operator."""
        width = self._qubits("expectation_error")
        qubits = checked_qargs(qargs, width)
        paulis = pauli_sum(oper, None if qargs is None else qubits, width)
        if paulis is not None:
            return float(np.abs(paulis.coefficients).sum())
        return float(np.linalg.norm(operator_values(oper, qubits, width), 2))

    def _fitting(self, vector: Source | Matrix, other: Any) -> Source:
        if isinstance(vector, Matrix):
            raise InvalidInputError(f"{name_of(other)} is a matrix; inner products are of state vectors, see fidelity")
        self._check_dim(vector.shape[0], other)
        return vector

    def _check_dim(self, dim: int, other: Any) -> None:
        if dim != self.dim:
            raise InvalidInputError(f"{self!r} has {self.dim} amplitudes, {name_of(other)} has dimension {dim}")
