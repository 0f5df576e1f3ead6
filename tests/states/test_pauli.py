from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator, Pauli, SparsePauliOp, random_pauli_list

from aerchive.errors import InvalidInputError
from aerchive.states.pauli import PauliSum, pauli_sum, value_of

MATRICES = {
    (0, 0): np.eye(2),
    (1, 0): np.array([[0, 1], [1, 0]]),
    (1, 1): np.array([[0, -1j], [1j, 0]]),
    (0, 1): np.diag([1, -1]),
}


def matrix(paulis: PauliSum, num_qubits: int) -> np.ndarray:
    """The operator that the masks describe, by their definition."""
    total = np.zeros((2**num_qubits,) * 2, complex)
    for x, z, coefficient in zip(paulis.x.tolist(), paulis.z.tolist(), paulis.coefficients.tolist(), strict=True):
        product = np.eye(1)
        for qubit in range(num_qubits):
            product = np.kron(MATRICES[x >> qubit & 1, z >> qubit & 1], product)
        total += coefficient * product
    return total


@pytest.mark.parametrize("label", ["X", "Y", "-Y", "iZ", "-iXY", "+IZX", "YYXZ", "+iI", "1jX", "-1jY", "-YYY"])
def test_labels_and_paulis(label: str) -> None:
    width = Pauli(label).num_qubits

    for oper in (label, Pauli(label)):
        paulis = pauli_sum(oper, None, width)
        assert paulis is not None
        assert paulis.is_single
        assert np.array_equal(matrix(paulis, width), Pauli(label).to_matrix())


@pytest.mark.parametrize("seed", range(5))
def test_sums(seed: int) -> None:
    rng = np.random.default_rng(seed)
    oper = SparsePauliOp(random_pauli_list(3, 10, seed=seed), rng.normal(size=10) + 1j * rng.normal(size=10))

    paulis = pauli_sum(oper, None, 3)

    assert paulis is not None
    assert not paulis.is_single
    assert np.allclose(matrix(paulis, 3), oper.to_matrix())


def test_qargs() -> None:
    paulis = pauli_sum("XYZ", [4, 0, 2], 5)

    assert paulis is not None
    assert (paulis.x.tolist(), paulis.z.tolist()) == ([0b101], [0b10001])
    assert pauli_sum("ZX", None, 5).x.tolist() == [1], "the lowest qubits, as in Qiskit"


def test_other_operators_are_not_for_it() -> None:
    for oper in (Operator.from_label("X"), np.eye(2), 5, None):
        assert pauli_sum(oper, None, 1) is None


@pytest.mark.parametrize(
    ("oper", "qargs", "message"),
    [
        ("XQ", None, "'XQ' is not a Pauli label"),
        ("", None, "not a Pauli label"),
        ("XXX", None, "on 3 qubits does not fit 2 qubits"),
        ("XX", [0], r"on 2 qubits does not fit the 1 qubits \[0\]"),
        (Pauli("X"), [0, 1], r"on 1 qubits does not fit the 2 qubits \[0, 1\]"),
        (SparsePauliOp("X", [Parameter("x")]), [0], "free parameters"),
    ],
)
def test_wrong_operators(oper: Any, qargs: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        pauli_sum(oper, qargs, 2)


def test_types_of_values() -> None:
    assert type(value_of(pauli_sum("X", None, 1), np.array([0.5]))) is float
    assert value_of(pauli_sum("-X", None, 1), np.array([0.5])) == -0.5
    assert type(value_of(pauli_sum(SparsePauliOp("X"), None, 1), np.array([0.5]))) is complex
