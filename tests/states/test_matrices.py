"""What is computed of stored matrices, against Qiskit and numpy, on matrices in many small chunks, either way round."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from qiskit.quantum_info import (
    DensityMatrix,
    Pauli,
    SparsePauliOp,
    partial_trace,
    random_density_matrix,
    random_pauli_list,
    random_unitary,
    state_fidelity,
)

from aerchive.errors import InvalidInputError
from aerchive.states.diagonals import diagonal, diagonals, pauli_traces
from aerchive.states.inner import inner, square_norm
from aerchive.states.matrix import Matrix, in_memory
from aerchive.states.mixed_fidelity import mixed_fidelity
from aerchive.states.partial_trace import partial_trace as streamed_partial_trace
from aerchive.states.pauli import pauli_sum
from aerchive.states.products import apply, quadratic_form
from aerchive.states.source import InMemory, Transposed, read_all
from aerchive.states.unitarity import distance_from_unitary
from aerchive.states.workers import Workers
from tests.states.pieces import Pieces, random_vector


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers(2) as both:
        yield both


def stored(values: np.ndarray) -> Iterator[Matrix]:
    """The matrix in chunks of rows and of parts of rows, in C and in Fortran order."""
    dim = len(values)
    for chunk in ((1, dim), (3, dim), (dim, dim), (1, max(1, dim // 4))):
        yield Matrix(Pieces(values, chunk), is_transposed=False)
        yield Matrix(Pieces(np.ascontiguousarray(values.T), chunk), is_transposed=True)


def density_matrices() -> Iterator[np.ndarray]:
    for num_qubits in (1, 2, 3, 5):
        yield random_density_matrix(2**num_qubits, seed=num_qubits).data
        yield random_density_matrix(2**num_qubits, rank=1, seed=num_qubits).data
        sparse = np.zeros((2**num_qubits,) * 2, complex)
        sparse[0, 0] = sparse[-1, -1] = 0.5
        sparse[0, -1], sparse[-1, 0] = 0.25j, -0.25j
        yield sparse


def test_diagonals(workers: Workers) -> None:
    for values in density_matrices():
        for matrix in stored(values):
            assert np.array_equal(diagonal(matrix, workers), values.diagonal())
            numbers = np.arange(len(values))
            turned = values.T if matrix.is_transposed else values
            for mask, line in zip(
                [0, 1, len(values) - 1], diagonals(matrix, [0, 1, len(values) - 1], workers), strict=True
            ):
                assert np.array_equal(line, turned[numbers, numbers ^ mask])


def test_diagonal_of_what_is_no_power_of_two(workers: Workers) -> None:
    values = np.arange(1, 37).reshape(6, 6) * 1j

    for matrix in stored(values):
        assert np.array_equal(diagonal(matrix, workers), values.diagonal())


def test_pauli_traces(workers: Workers) -> None:
    for values in density_matrices():
        state = DensityMatrix(values)
        paulis = random_pauli_list(state.num_qubits, 30, seed=1, phase=False)
        expected = [state.expectation_value(pauli) for pauli in paulis]
        for matrix in stored(values):
            found = pauli_traces(matrix, pauli_sum(SparsePauliOp(paulis), None, state.num_qubits), workers)
            assert np.allclose(found, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize(("held", "passes"), [(100, 1), (64, 2)])
def test_masks_whose_diagonals_do_not_fit_into_memory_take_several_passes(held: int, passes: int) -> None:
    rho = random_density_matrix(128, seed=3)
    source = Pieces(rho.data, 16)
    labels = ["".join("IX"[number >> bit & 1] for bit in range(7)) for number in range(100)]

    with Workers(2, budget=held * 32 * 128) as workers:
        found = pauli_traces(Matrix(source, is_transposed=False), pauli_sum(SparsePauliOp(labels), None, 7), workers)

    assert np.allclose(found, [rho.expectation_value(Pauli(label)) for label in labels], rtol=0, atol=1e-15)
    assert set(source.reads.values()) == {passes}


def test_products(workers: Workers) -> None:
    for values in [*density_matrices(), random_unitary(16, seed=1).data]:
        vector = random_vector(np.random.default_rng(2), len(values))
        for matrix in stored(values):
            assert np.allclose(apply(matrix, vector, workers), values @ vector, rtol=0, atol=1e-15)
            expected = np.vdot(vector, values @ vector)
            assert abs(quadratic_form(matrix, vector, workers) - expected) < 1e-15


def test_partial_traces(workers: Workers) -> None:
    for values in density_matrices():
        num_qubits = len(values).bit_length() - 1
        for number in range(num_qubits + 1):
            qargs = np.random.default_rng(number).permutation(num_qubits)[:number].tolist()
            others = [qubit for qubit in range(num_qubits) if qubit not in qargs]
            axes = [num_qubits - 1 - qubit for qubit in reversed([*qargs, *others])]
            tensor = values.reshape((2,) * (2 * num_qubits)).transpose([*axes, *(num_qubits + a for a in axes)])
            ordered = DensityMatrix(tensor.reshape(values.shape))
            expected = partial_trace(ordered, list(range(number, num_qubits))) if others else ordered
            for matrix in stored(values):
                found = streamed_partial_trace(matrix, qargs, workers)
                assert np.allclose(found, expected.data, rtol=0, atol=1e-15)


def test_a_partial_trace_may_not_be_too_large(workers: Workers) -> None:
    with pytest.raises(InvalidInputError, match="13 qubits"):
        streamed_partial_trace(Matrix(InMemory(np.zeros((1, 1), complex)), is_transposed=False), range(13), workers)


@pytest.mark.parametrize("budget", [1, 4 * 16 * 16 * 5, 10**9])
def test_distance_from_unitary(budget: int) -> None:
    unitary = random_unitary(16, seed=4).data
    bent = unitary.copy()
    bent[3, 7] += 0.125
    with Workers(2, budget=budget) as workers:
        for matrix in stored(unitary):
            assert distance_from_unitary(matrix, workers) < 1e-14
        for matrix in stored(bent):
            gram = matrix.source.values @ matrix.source.values.conj().T  # type: ignore[attr-defined]
            assert abs(distance_from_unitary(matrix, workers) - np.abs(gram - np.eye(16)).max()) < 1e-14
        for matrix in stored(np.zeros((16, 16), complex)):
            assert distance_from_unitary(matrix, workers) == 1


def test_inner_product_of_matrices(workers: Workers) -> None:
    one, other = random_unitary(16, seed=5).data, random_unitary(16, seed=6).data
    expected = np.trace(one.conj().T @ other)

    for a, b in itertools.product(stored(one), stored(other)):
        assert abs(inner(a.source, b.like(a), workers) - expected) < 1e-14
    for order in "CF":
        b = in_memory(np.array(other, order=order))  # type: ignore[call-overload]
        assert b.is_transposed == (order == "F")
        assert abs(inner(next(stored(one)).source, b.like(next(stored(one))), workers) - expected) < 1e-14
    assert abs(square_norm(next(stored(one)).source, workers) - 16) < 1e-13


def test_transposed() -> None:
    values = np.arange(12.0).reshape(3, 4) + 0j
    turned = Transposed(Pieces(values, 1))

    assert turned.shape == (4, 3)
    assert np.array_equal(read_all(turned), values.T)
    assert Transposed(Pieces(np.zeros((3, 4)), 1)).read(slice(0, 4), slice(0, 3)) is None


def test_read_all_of_nothing_written() -> None:
    assert np.array_equal(read_all(Pieces(np.zeros((3, 4)), 1)), np.zeros((3, 4)))


def test_fidelity_of_mixed_states() -> None:
    states = [random_density_matrix(8, rank=rank, seed=rank) for rank in (1, 2, 5, 8, 9)]

    for one, other in itertools.product(states, states):
        # The root of an eigenvalue that is zero up to rounding is 1e-8, in Qiskit and here.
        assert abs(mixed_fidelity(one.data, other.data) - state_fidelity(one, other)) < 1e-7
    assert abs(mixed_fidelity(states[3].data, states[4].data) - state_fidelity(states[3], states[4])) < 1e-13
