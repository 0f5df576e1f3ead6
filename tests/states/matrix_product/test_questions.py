"""What is asked of matrix products, against Qiskit and against the same questions to the vector."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from qiskit.quantum_info import Pauli, SparsePauliOp, Statevector, partial_trace, random_pauli_list

from aerchive.errors import InvalidInputError
from aerchive.states.entropy import von_neumann_entropy
from aerchive.states.inner import inner as inner_of_vectors
from aerchive.states.largest import largest as largest_of_vector
from aerchive.states.matrix_product import kept_qubits, top
from aerchive.states.matrix_product.canonical import entropy, schmidt_coefficients
from aerchive.states.matrix_product.error_bars import error_of_expectation, error_of_probability
from aerchive.states.matrix_product.expand import Expansion
from aerchive.states.matrix_product.factorise import factorise
from aerchive.states.matrix_product.inner import difference, infidelity, inner, norm
from aerchive.states.matrix_product.kept_qubits import marginal, reduced_density_matrix
from aerchive.states.matrix_product.pauli_values import pauli_expectations
from aerchive.states.matrix_product.sampling import sample
from aerchive.states.matrix_product.tensors import MatrixProduct
from aerchive.states.matrix_product.top import largest
from aerchive.states.pauli import pauli_sum, value_of
from aerchive.states.sample import sample_vector
from aerchive.states.source import InMemory
from aerchive.states.workers import Workers
from tests.states.matrix_product.products import dense, family, random_product, true_infidelity


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers(2) as both:
        yield both


def products() -> Iterator[MatrixProduct]:
    for qubits, bond, is_real in [(1, 1, False), (2, 2, True), (4, 3, False), (8, 16, False), (11, 5, True)]:
        yield random_product(np.random.default_rng(qubits), qubits, bond, is_real=is_real)


def ghz(qubits: int) -> MatrixProduct:
    middle = np.zeros((2, 2, 2))
    middle[0, 0, 0] = middle[1, 1, 1] = 1
    ends = np.eye(2) * 0.5**0.5
    return MatrixProduct((ends.reshape(1, 2, 2), *[middle] * (qubits - 2), np.eye(2).reshape(2, 2, 1)))


def test_norms_and_inner_products(workers: Workers) -> None:
    for product in products():
        other = random_product(np.random.default_rng(99), product.num_qubits, 4)
        a, b = dense(product), dense(other)
        assert norm(product) == pytest.approx(1)
        assert inner(product, other) == pytest.approx(np.vdot(a, b))
        assert inner_of_vectors(Expansion(product), InMemory(b), workers) == pytest.approx(np.vdot(a, b))
        assert np.allclose(dense(difference(product, other, 0.5 + 1j)), a - (0.5 + 1j) * b)
        assert infidelity(product, other) == pytest.approx(true_infidelity(a, b), abs=1e-14)


def test_the_infidelity_of_nearly_equal_products_keeps_its_digits() -> None:
    state = family("ising", 14)
    one, other = factorise(state, 1e-8), factorise(state, 1e-13, least_ratio=1)
    assert one is not None
    assert other is not None
    true = true_infidelity(dense(one.product), dense(other.product))
    assert 1e-12 < true < 1e-8
    assert infidelity(one.product, other.product) == pytest.approx(true, rel=1e-6)


def test_expectation_values_of_pauli_operators_are_those_of_qiskit() -> None:
    for product in products():
        qubits = product.num_qubits
        operator = SparsePauliOp(random_pauli_list(qubits, 12, seed=qubits, phase=False), np.arange(1, 13) * 0.1)
        paulis = pauli_sum(operator, None, qubits)
        assert paulis is not None
        state = Statevector(dense(product))
        values = pauli_expectations(product, paulis)
        assert values == pytest.approx([state.expectation_value(term).real for term in operator.paulis], abs=1e-12)
        assert value_of(paulis, values) == pytest.approx(state.expectation_value(operator), abs=1e-12)
        for label in ("I" * qubits, "Y" + "I" * (qubits - 1), "I" * (qubits - 1) + "Z"):
            single = pauli_sum(label, None, qubits)
            assert single is not None
            assert pauli_expectations(product, single)[0] == pytest.approx(
                state.expectation_value(Pauli(label)).real, abs=1e-12
            )


@pytest.mark.parametrize("stack_bytes", [2**25, 2**12])
def test_marginals_and_reduced_states_are_those_of_qiskit(stack_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_qubits, "_STACK_BYTES", stack_bytes)
    for product in products():
        qubits = product.num_qubits
        state = Statevector(dense(product))
        order = np.random.default_rng(qubits).permutation(qubits).tolist()
        for kept in ([], order[:1], order[:3], sorted(order[:4]), order[:6], order, list(range(qubits))):
            expected = state.probabilities(kept) if kept else np.ones(1)
            assert np.allclose(marginal(product, kept), expected, rtol=0, atol=1e-14)
            if kept and len(kept) <= 6:
                others = [qubit for qubit in range(qubits) if qubit not in kept]
                rho = partial_trace(state, others).data.reshape((2,) * (2 * len(kept)))
                rank = [sorted(kept).index(qubit) for qubit in kept]
                axes = [len(kept) - 1 - at for at in reversed(rank)]
                turned = rho.transpose([*axes, *(len(kept) + axis for axis in axes)])
                found = reduced_density_matrix(product, kept)
                assert np.allclose(found, turned.reshape(found.shape), rtol=0, atol=1e-14)
    with pytest.raises(InvalidInputError, match="keep at most"):
        reduced_density_matrix(ghz(14), range(13))


def test_the_entropy_of_a_cut_is_that_of_the_reduced_state() -> None:
    for product in products():
        qubits = product.num_qubits
        for cut in range(1, qubits):
            side = list(range(qubits - cut, qubits)) if 2 * cut < qubits else list(range(qubits - cut))
            reduced = reduced_density_matrix(product, side)
            assert entropy(product, cut) == pytest.approx(von_neumann_entropy(reduced, 2), abs=1e-10)
            assert np.square(schmidt_coefficients(product, cut)).sum() == pytest.approx(1)


def test_a_seed_gives_the_outcomes_that_it_gives_for_the_vector(workers: Workers) -> None:
    for product in [*products(), ghz(9)]:
        vector = InMemory(dense(product))
        found = sample(product, 3000, np.random.default_rng(5))
        assert found.dtype == np.int64
        assert np.array_equal(found, sample_vector(vector, 3000, np.random.default_rng(5), workers))
        state = Statevector(vector.values)
        state.seed(8)
        qubits = [product.num_qubits - 1, 0] if product.num_qubits > 1 else [0]
        memory = [int(text, 2) for text in state.sample_memory(500, qubits)]
        assert sample(product, 500, np.random.default_rng(8), qubits).tolist() == memory
    assert len(sample(ghz(4), 0, np.random.default_rng(1))) == 0


def test_outcomes_of_many_qubits_of_a_larger_product_are_bits_of_the_whole_outcomes() -> None:
    product = random_product(np.random.default_rng(2), 10, 3)
    wide = MatrixProduct((*product.tensors, *[np.eye(2, dtype=complex)[0].reshape(1, 2, 1)] * 14))
    qubits = [*range(23, 2, -1), 0]
    whole = sample(wide, 200, np.random.default_rng(3))
    picked = sample(wide, 200, np.random.default_rng(3), qubits)
    assert np.array_equal(whole & (2**14 - 1), np.zeros(200))
    for bit, qubit in enumerate(qubits):
        assert np.array_equal(picked >> bit & 1, whole >> qubit & 1)


def test_a_state_that_is_not_normalised_is_not_sampled() -> None:
    product = ghz(5)
    with pytest.raises(InvalidInputError, match="not normalised"):
        sample(MatrixProduct((2 * product.tensors[0], *product.tensors[1:])), 5, np.random.default_rng(1))


@pytest.mark.parametrize("elements", [2**21, 2**9])
def test_the_largest_amplitudes_are_those_of_the_vector(
    elements: int, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(top, "_ELEMENTS", elements)
    monkeypatch.setattr(top, "_LEAST", 8)
    monkeypatch.setattr(top, "_FRACTION", 1)
    for product in [*products(), ghz(9)]:
        vector = InMemory(dense(product))
        for count in (1, 2, 40, 5000):
            indices, values = largest(product, count, workers)
            expected, amplitudes = largest_of_vector(vector, count, workers)
            assert np.array_equal(indices, expected)
            assert np.allclose(values, amplitudes, rtol=0, atol=1e-14)


def test_the_largest_amplitudes_of_a_peaked_state_are_found_without_expanding_it(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(top, "largest_of_vector", None)
    state = family("ising", 16)
    found = factorise(state, 1e-12)
    assert found is not None
    indices, _ = largest(found.product, 20, workers)
    expected, _ = largest_of_vector(InMemory(state), 20, workers)
    assert set(indices.tolist()) == set(expected.tolist())


def test_values_of_a_certified_state_are_within_their_error_bars() -> None:
    state = family("ising", 16)
    found = factorise(state, 1e-6)
    assert found is not None
    terms = [("ZZ", [qubit, qubit + 1], -1.0) for qubit in range(15)] + [("X", [qubit], -0.5) for qubit in range(16)]
    operator = SparsePauliOp.from_sparse_list(terms, 16)
    paulis = pauli_sum(operator, None, 16)
    assert paulis is not None
    energy = value_of(paulis, pauli_expectations(found.product, paulis))
    bar = error_of_expectation(found.infidelity, float(np.abs(operator.coeffs).sum()))
    assert 0 < abs(energy - Statevector(state).expectation_value(operator)) <= bar < 0.1
    apart = np.abs(np.abs(dense(found.product)) ** 2 - np.abs(state) ** 2).sum() / 2
    assert 0 < apart <= error_of_probability(found.infidelity)


def test_the_error_bar_of_an_expectation_value_is_reached() -> None:
    angle = 0.01
    state, other = np.array([1.0, 0]), np.array([np.cos(angle), np.sin(angle)])
    rho, sigma = np.outer(state, state), np.outer(other, other)
    values, vectors = np.linalg.eigh(rho - sigma)
    operator = vectors @ np.diag(np.sign(values)) @ vectors.T
    error = abs(np.trace(operator @ (rho - sigma)))
    assert error == pytest.approx(error_of_expectation(np.sin(angle) ** 2, 1.0))
