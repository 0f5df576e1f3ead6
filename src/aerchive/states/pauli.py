"""Pauli operators as masks of bits, made of Qiskit's objects without Qiskit, or of text."""

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
"""Of -i, in which Qiskit counts phases."""


@dataclass(frozen=True)
class PauliSum:
    """A sum of products of Pauli matrices, each with a coefficient.

    Attributes:
        x: For each term the qubits with X or Y, as bits; shape ``(k,)``, int64.
        z: The qubits with Z or Y, likewise.
        coefficients: Shape ``(k,)``, complex; with the phases in them.
        is_single: Whether it is one Pauli operator, for which Qiskit gives a real number.
    """

    x: NDArray[np.int64]
    z: NDArray[np.int64]
    coefficients: NDArray[np.complex128]
    is_single: bool

    def __len__(self) -> int:
        return len(self.x)

    @property
    def num_y(self) -> NDArray[np.int64]:
        """How many Y each term has."""
        counts: NDArray[np.int64] = np.bitwise_count(self.x & self.z).astype(np.int64)
        return counts


def pauli_sum(oper: Any, qargs: Sequence[int] | None, num_qubits: int) -> PauliSum | None:
    """The masks of an operator.

    Args:
        oper: A ``Pauli``, a ``SparsePauliOp``, or a label such as ``"-iXYZ"``, the highest qubit first.
        qargs: On which qubits it acts; ``None``: on the lowest, as in Qiskit.
        num_qubits: Of the state.

    Returns:
        ``None`` if it is another kind of operator.

    Raises:
        InvalidInputError: It does not fit the qubits.
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


def value_of(paulis: PauliSum, values: NDArray[np.float64]) -> complex | float:
    """The expectation value, from those of the terms without their coefficients.

    Returns:
        A float for a single Pauli without a phase, as Qiskit gives it; else complex.
    """
    if paulis.is_single and paulis.coefficients[0] == 1:
        return float(values[0])
    return complex(np.sum(paulis.coefficients * values))
