"""The common base class of stored statevectors and density matrices: what is computed in the same way for both."""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.states.kets import bit_strings
from aerchive.states.pauli import PauliSum, operators_of, pauli_sum, pauli_sums, value_of
from aerchive.states.qubits import checked_qargs
from aerchive.stored.array import StoredArray
from aerchive.stored.quantum_array import StoredQuantumArray, density_matrix, is_close_to_one

_MAX_MIXED = 2048
"""The largest number of rows of a density matrix that is decomposed: 64 MiB."""
Seed = int | np.random.Generator | None
"""The kinds of seeds that both ``numpy.random.default_rng`` and Qiskit's states accept."""


class StoredQuantumState(StoredQuantumArray, ABC):
    """A statevector or density matrix on disk, with the methods that both have in Qiskit.

    Qubit 0 is the lowest bit of an index. Names, arguments, formats and the order of ``qargs`` are those of Qiskit.
    """

    @property
    def dim(self) -> int:
        """The number of amplitudes of a statevector, or of rows of a density matrix."""
        return self.shape[0]

    def dims(self, qargs: Sequence[int] | None = None) -> tuple[int, ...]:
        """The dimension of each subsystem, or of those in ``qargs``; 2 for qubits."""
        dims = self.output_dims()
        return dims if qargs is None else tuple(dims[qubit] for qubit in checked_qargs(qargs, len(dims)))

    # -- probabilities and samples

    @abstractmethod
    def probabilities(self, qargs: Sequence[int] | None = None, decimals: int | None = None) -> NDArray[np.float64]:
        """Measurement probabilities of some qubits, shape ``(2**len(qargs),)``, dtype float64."""

    def probabilities_dict(self, qargs: Sequence[int] | None = None, decimals: int | None = None) -> dict[str, float]:
        """Measurement probabilities of some qubits that are not zero.

        Args:
            qargs: The measured qubits, as for `probabilities`.
            decimals: Number of decimals to which the probabilities are rounded; ``None``: no rounding.

        Returns:
            A dictionary from bit string to probability, in ascending order of the outcomes; the last qubit of ``qargs``
            is the first character. For all qubits of a `StoredState`, memory is needed only for outcomes that are not
            zero.

        Raises:
            InvalidInputError: ``qargs`` is not a list of different qubits, or the subsystems are not qubits.
        """
        width = len(checked_qargs(qargs, self._qubits("probabilities_dict")))
        outcomes, values = self._nonzero_probabilities(qargs, decimals)
        return dict(zip(bit_strings(outcomes, width).tolist(), values.tolist(), strict=True))

    def sample_memory(self, shots: int, qargs: Sequence[int] | None = None, seed: Seed = None) -> NDArray[np.str_]:
        """Samples outcomes of measurements of some qubits; they are in the order in which they were drawn.

        The same seed gives the outcomes that Qiskit's ``sample_memory`` gives after ``seed(...)``. A state vector of
        which more than 20 qubits, and not all, are measured is an exception: there only the distribution is the same. A
        state vector is read twice, the second time only the chunks with an outcome.

        Args:
            shots: Number of measurements.
            qargs: The measured qubits, as for `probabilities`.
            seed: A seed for ``numpy.random.default_rng``, or a generator of numpy.

        Returns:
            The outcomes as bit strings, shape ``(shots,)``, dtype ``<U{len(qargs)}``.

        Raises:
            InvalidInputError: The state is not normalised (the trace of a density matrix is not one), or an argument is
                not valid.
        """
        outcomes, width = self._sample(shots, qargs, seed)
        return bit_strings(outcomes, width)

    def sample_counts(self, shots: int, qargs: Sequence[int] | None = None, seed: Seed = None) -> dict[str, int]:
        """Samples measurements of some qubits and counts each outcome; see `sample_memory`.

        Args:
            shots: Number of measurements.
            qargs: The measured qubits, as for `probabilities`.
            seed: A seed for ``numpy.random.default_rng``, or a generator of numpy.

        Returns:
            A dictionary from bit string to count, in ascending order of the outcomes.

        Raises:
            InvalidInputError: The state is not normalised (the trace of a density matrix is not one), or an argument is
                not valid.
        """
        outcomes, width = self._sample(shots, qargs, seed)
        found, counts = np.unique(outcomes, return_counts=True)
        return dict(zip(bit_strings(found, width).tolist(), counts.tolist(), strict=True))

    def plot(self, *, top: int | None = None, ax: Any = None) -> Any:
        """Plots the measurement probabilities of all qubits with matplotlib; a large state is read piece by piece.

        Up to 5 qubits, each basis state has a bar. Larger states are drawn as a profile of at most 1,024 bins of equal
        width, each the sum of the probabilities of neighbouring basis states: outcomes of the highest 10 qubits.

        Args:
            top: Number of basis states, at most 1,000: only the most probable ones are drawn, the most probable first.
            ax: The ``Axes`` to draw on; by default those of a new figure of ``matplotlib.pyplot``.

        Returns:
            The ``Axes``; ``axes.figure`` is the figure, for ``savefig``.

        Raises:
            MissingExtraError: matplotlib is not installed.
            InvalidInputError: The subsystems are not qubits, or an argument is not valid.
        """
        from aerchive.stored.state_plot import plot_state

        return plot_state(self, self._qubits("plot"), top, ax)

    # -- expectation values and reduced states

    def expectation_value(self, oper: Any, qargs: Sequence[int] | None = None) -> complex | float:
        """The expectation value of an operator.

        All Pauli operators whose X and Y are on the lowest 16 qubits are computed in one pass over a state vector; each
        two to four further qubits with X or Y need one more pass. For a density matrix the value is the trace of the
        matrix times the operator, computed in one pass.

        Args:
            oper: A ``Pauli``, a ``SparsePauliOp``, a label such as ``"XIZ"``, or a matrix or ``Operator`` on at most
                12 qubits.
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
            return value_of(paulis, self._pauli_values(paulis))
        values = operator_values(oper, qubits, width)
        return complex(np.sum(self._reduced(qubits, "expectation value").T * values))

    def expectation_values(self, operators: Any) -> NDArray[Any]:
        """The expectation values of many sums of Pauli operators, in one reading of the state.

        Pauli operators that occur in several sums are computed once, and those with the same X and Y share their work:
        all diagonal ones need the probabilities only. A state vector of at most 22 qubits is read once; a larger one
        once more for each two to four of its highest qubits (from qubit 16 on) with X or Y.

        Args:
            operators: A list of operators, each a ``Pauli``, a ``SparsePauliOp``, or a label such as ``"XIZ"`` with the
                highest qubit first; or a ``PauliList``; or one operator. Their qubit ``j`` is qubit ``j`` of the state,
                and the identity acts on the other qubits.

        Returns:
            The values, shape ``(operators,)``, or ``()`` for one operator: float64 if all operators are Hermitian, else
            complex128.

        Raises:
            InvalidInputError: An operator is of another kind, or has more qubits than the state.
        """
        several, is_single = operators_of(operators)
        sums = pauli_sums(several, self._qubits("expectation_values"))
        values = sums.values(self._pauli_values(sums.terms))
        return values[0] if is_single else values

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
        return density_matrix(self._reduced(qubits, "reduced density matrix"))

    # -- parts

    def _nonzero_probabilities(
        self, qargs: Sequence[int] | None, decimals: int | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The outcomes whose probability is not zero, as integers in ascending order, and their probabilities."""
        values = self.probabilities(qargs, decimals)
        (found,) = values.nonzero()
        return found, values[found]

    def _sample(self, shots: int, qargs: Sequence[int] | None, seed: Seed) -> tuple[NDArray[np.int64], int]:
        """Samples outcomes; returns them as integers, with the number of their bits."""
        qubits = checked_qargs(qargs, self._qubits("sampling"))
        rng = np.random.default_rng(seed)
        return self._outcomes(_checked_shots(shots), qubits, rng), len(qubits)

    @abstractmethod
    def _outcomes(self, shots: int, qubits: list[int], rng: np.random.Generator) -> NDArray[np.int64]:
        """Samples outcomes as integers, shape ``(shots,)``; bit ``j`` of an outcome is qubit ``qubits[j]``."""

    @abstractmethod
    def _reduced(self, qubits: list[int], what: str) -> NDArray[np.complex128]:
        """The reduced density matrix of some qubits; ``what`` names the operation for progress."""

    @abstractmethod
    def _pauli_values(self, paulis: PauliSum) -> NDArray[np.float64]:
        """The expectation value of each Pauli operator of a sum."""


def name_of(state: Any) -> str:
    """The name of a state in messages."""
    return repr(state) if isinstance(state, StoredArray) else f"a {type(state).__name__}"


def check_eigenvalues(state: Any, dim: int) -> None:
    """Refuses density matrices whose eigenvalues would take too long and too much memory.

    Raises:
        InvalidInputError: The matrix has more than 2,048 rows.
    """
    if dim > _MAX_MIXED:
        raise InvalidInputError(
            f"{state!r}: mixed states are decomposed in memory, up to {_MAX_MIXED} rows; this has {dim}"
        )


def check_is_one(what: str, number: complex, state: Any) -> None:
    """Refuses a state whose norm or trace is not one.

    Args:
        what: ``"norm"`` or ``"trace"``, for the message.
        number: The norm or trace.
        state: The state, for the message.

    Raises:
        InvalidInputError: The number is not close to one.
    """
    if not is_close_to_one(number):
        raise InvalidInputError(
            f"{name_of(state)} has {what} {number!r}: it is not a quantum state; validate=False takes it all the same"
        )


def operator_values(oper: Any, qargs: Sequence[int], num_qubits: int) -> NDArray[np.complex128]:
    """The matrix of an operator that acts on some qubits.

    Args:
        oper: A matrix, an ``Operator``, or any object with ``to_matrix()``.
        qargs: The qubits on which the operator acts.
        num_qubits: Number of qubits of the state, for messages.

    Returns:
        The matrix, shape ``(2**len(qargs), 2**len(qargs))``, dtype complex128.

    Raises:
        InvalidInputError: ``oper`` is not an operator, or has another size.
    """
    data = getattr(oper, "data", None)
    if isinstance(oper, np.ndarray):
        values = oper
    elif isinstance(data, np.ndarray):
        values = data
    elif hasattr(oper, "to_matrix"):
        values = np.asarray(oper.to_matrix())
    else:
        raise InvalidInputError(
            f"a {type(oper).__name__} is no operator that can be streamed: "
            "use a Pauli, a SparsePauliOp, a Pauli label, or a matrix or Operator on a few qubits"
        )
    dim = 1 << len(qargs)
    if values.shape != (dim, dim):
        width = math.log2(max(1, values.shape[0] if values.ndim else 1))
        raise InvalidInputError(
            f"an operator of shape {values.shape} ({width:g} qubits) does not fit the {len(qargs)} qubits {list(qargs)}"
            f" of the {num_qubits}; see qargs"
        )
    return np.asarray(values, np.complex128)


def _checked_shots(shots: int) -> int:
    """Checks a number of shots and returns it as an integer.

    Raises:
        InvalidInputError: It is not an integer, or is negative.
    """
    try:
        number = operator.index(shots)
    except TypeError as error:
        raise InvalidInputError(f"shots {shots!r}: an integer is expected") from error
    if number < 0:
        raise InvalidInputError(f"shots {number}: there cannot be fewer than none")
    return number
