"""Pauli operators as bit masks. They are made from objects of Qiskit, without importing Qiskit, or from text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError

_LABEL = re.compile(r"([+-]?)1?([ij]?)([IXYZ]+)\Z")
_FACTORS = {"": 1, "+": 1, "-": -1, "i": 1j, "+i": 1j, "-i": -1j}
_POWERS = np.array([1, -1j, -1, 1j])
"""The powers of -i. Qiskit stores a phase as an exponent of -i."""


@dataclass(frozen=True)
class PauliSum:
    """A sum of products of Pauli matrices, each with a coefficient.

    Attributes:
        x: The masks of the qubits with X or Y, one for each term; bit ``j`` is qubit ``j``. Shape ``(k,)``, int64.
        z: The masks of the qubits with Z or Y, one for each term. Shape ``(k,)``, int64.
        coefficients: The coefficients of the terms, phases included. Shape ``(k,)``, complex.
        is_single: Whether the sum is one Pauli operator, for which Qiskit gives a real number.
    """

    x: NDArray[np.int64]
    z: NDArray[np.int64]
    coefficients: NDArray[np.complex128]
    is_single: bool

    def __len__(self) -> int:
        return len(self.x)

    @property
    def num_y(self) -> NDArray[np.int64]:
        """The number of Y factors in each term, shape ``(k,)``."""
        counts: NDArray[np.int64] = np.bitwise_count(self.x & self.z).astype(np.int64)
        return counts


def pauli_sum(oper: Any, qargs: Sequence[int] | None, num_qubits: int) -> PauliSum | None:
    """Converts an operator to a sum of Pauli operators.

    Args:
        oper: A ``Pauli``, a ``SparsePauliOp``, or a label such as ``"-iXYZ"`` with the highest qubit first.
        qargs: The indices of the qubits on which the operator acts; ``None``: the lowest qubits, as in Qiskit.
        num_qubits: The number of qubits of the state.

    Returns:
        The sum, or ``None`` if the operator is of another kind.

    Raises:
        InvalidInputError: The operator does not fit the qubits, the label is not a Pauli label, or a coefficient has
            free parameters.
    """
    if isinstance(oper, str):
        match = _LABEL.match(oper)
        if match is None:
            raise InvalidInputError(f"{oper!r} is not a Pauli label such as 'XIZ' or '-iYY'")
        letters = np.array(list(match[3][::-1]))
        x, z = np.isin(letters, ["X", "Y"])[np.newaxis], np.isin(letters, ["Z", "Y"])[np.newaxis]
        coefficients = np.array([_FACTORS[match[1] + match[2].replace("j", "i")]], complex)
    elif hasattr(oper, "paulis") and hasattr(oper, "coeffs"):
        x, z = np.atleast_2d(oper.paulis.x), np.atleast_2d(oper.paulis.z)
        coefficients = np.asarray(oper.coeffs)
        if coefficients.dtype == object:
            raise InvalidInputError("the operator has coefficients with free parameters: assign them first")
        coefficients = coefficients * _POWERS[np.asarray(oper.paulis.phase) % 4]
    elif hasattr(oper, "x") and hasattr(oper, "z") and np.ndim(oper.x) == 1:
        x, z = oper.x[np.newaxis], oper.z[np.newaxis]
        coefficients = _POWERS[[int(oper.phase) % 4]]
    else:
        return None
    width = x.shape[1]
    qubits = list(range(width)) if qargs is None else list(qargs)
    if len(qubits) != width or width > num_qubits:
        on = f"{num_qubits} qubits" if qargs is None else f"the {len(qubits)} qubits {qubits}"
        raise InvalidInputError(f"an operator on {width} qubits does not fit {on} of the state; see qargs")
    weights = np.array([1 << qubit for qubit in qubits], np.int64)
    is_single = not hasattr(oper, "paulis")
    return PauliSum(x.astype(np.int64) @ weights, z.astype(np.int64) @ weights, coefficients, is_single)


@dataclass(frozen=True)
class PauliSums:
    """Several operators, each a sum of Pauli operators, of which some may be the same.

    Attributes:
        terms: Each different Pauli operator once, with the coefficient 1.
        where: The index of its Pauli operator in `terms`, for each term of each operator.
        coefficients: The coefficient of each term of each operator: real if all operators are Hermitian.
        starts: The index of the first term of each operator.
    """

    terms: PauliSum
    where: NDArray[np.intp]
    coefficients: NDArray[Any]
    starts: NDArray[np.intp]

    def values(self, of_terms: NDArray[np.float64]) -> NDArray[Any]:
        """Returns the expectation values of the operators from those of the terms.

        Args:
            of_terms: The expectation values of `terms`, shape ``(..., terms)``.

        Returns:
            The expectation values, shape ``(..., operators)``: float64 if all operators are Hermitian, else complex128.
        """
        found: NDArray[Any] = np.add.reduceat(of_terms[..., self.where] * self.coefficients, self.starts, axis=-1)
        return found


def pauli_sums(operators: Sequence[Any], num_qubits: int) -> PauliSums:
    """Converts operators to sums of Pauli operators.

    Args:
        operators: The operators, each as for `pauli_sum`, on the lowest qubits.
        num_qubits: The number of qubits of the state.

    Raises:
        InvalidInputError: There are no operators, or one of them is no sum of Pauli operators or does not fit.
    """
    sums = []
    for oper in operators:
        found = pauli_sum(oper, None, num_qubits)
        if found is None:
            raise InvalidInputError(
                f"a {type(oper).__name__} is no Pauli, SparsePauliOp or Pauli label; SparsePauliOp.from_operator makes "
                "one of a matrix on a few qubits, and expectation_value takes the matrix"
            )
        sums.append(found)
    if not sums:
        raise InvalidInputError("expectation values of no operators; give at least one")
    masks = np.concatenate([np.stack([one.x, one.z]) for one in sums], axis=1)
    (x, z), where = np.unique(masks, axis=1, return_inverse=True)
    coefficients = np.concatenate([one.coefficients for one in sums])
    if not coefficients.imag.any():
        coefficients = coefficients.real
    starts = np.cumsum([0, *(len(one) for one in sums[:-1])])
    return PauliSums(PauliSum(x, z, np.ones(len(x), complex), False), where.reshape(-1), coefficients, starts)


def operators_of(operators: Any) -> tuple[list[Any], bool]:
    """Returns operators as a list, and whether a single one was given instead of several."""
    is_single = (
        isinstance(operators, str) or hasattr(operators, "coeffs") or np.ndim(getattr(operators, "x", [[]])) == 1
    )
    if is_single or not hasattr(operators, "__getitem__"):
        return [operators], True
    return list(operators), False


def value_of(paulis: PauliSum, values: NDArray[np.float64]) -> complex | float:
    """Returns the expectation value of a sum from the expectation values of its terms without coefficients.

    Returns:
        A float for a single Pauli operator without a phase, as in Qiskit; otherwise a complex number.
    """
    if paulis.is_single and paulis.coefficients[0] == 1:
        return float(values[0])
    return complex(np.sum(paulis.coefficients * values))
