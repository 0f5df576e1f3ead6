"""Matrix products of states: how small they are, how near, and what is said of them."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aerchive.states.matrix_product.canonical import left_canonical, right_canonical
from aerchive.states.matrix_product.factorise import factorise
from aerchive.states.matrix_product.inner import norm
from aerchive.states.matrix_product.ranks import chosen_ranks
from aerchive.threads import single_thread
from tests.states.matrix_product.products import dense, family, random_product, true_infidelity
from tests.states.pieces import Pieces, random_vector

BONDS = {"ising": 8, "ansatz": 16, "qft-product": 8, "qft-basis": 1, "ghz": 2, "grover": 2, "few-particles": 4}


@pytest.mark.parametrize("name", BONDS)
def test_a_state_with_structure_becomes_a_small_product_that_is_as_near_as_it_says(name: str) -> None:
    state = family(name, 14)
    found = factorise(state, 1e-12, least_ratio=1.5)
    assert found is not None
    rebuilt = dense(found.product)
    true = true_infidelity(state, rebuilt)
    assert found.infidelity == pytest.approx(true, rel=1e-3, abs=1e-28)
    assert found.infidelity <= found.bound <= 1e-12
    assert max(found.bonds) <= BONDS[name]
    assert np.linalg.norm(rebuilt) == pytest.approx(np.linalg.norm(state), abs=1e-13)
    overlap = np.vdot(state, rebuilt)
    assert abs(overlap.imag) < 1e-9 < overlap.real
    assert (found.product.dtype == np.float64) is not state.imag.any()


@pytest.mark.parametrize("limit", [1e-4, 1e-8, 1e-13])
def test_a_larger_limit_gives_a_smaller_product(limit: float) -> None:
    state = family("ising", 14)
    found = factorise(state, limit, least_ratio=1)
    assert found is not None
    assert found.infidelity == pytest.approx(true_infidelity(state, dense(found.product)), rel=1e-3)
    assert limit / 1000 < found.infidelity <= found.bound <= limit
    closest = factorise(state, 1e-14, least_ratio=1)
    assert closest is not None
    assert found.product.nbytes < closest.product.nbytes


def test_equal_states_give_equal_bytes_and_stored_states_the_same_as_those_in_memory() -> None:
    state = family("ising", 14)
    found = [factorise(values, 1e-12, least_ratio=1) for values in (state, state.copy(), Pieces(state, 2**10))]
    first = found[0]
    assert first is not None
    for other in found[1:]:
        assert other is not None
        for one, same in zip(first.product.tensors, other.product.tensors, strict=True):
            assert one.tobytes() == same.tobytes()


@pytest.mark.parametrize("name", ["random", "half-filling", "qaoa-torus"])
def test_a_state_without_structure_has_no_product(name: str) -> None:
    assert factorise(family(name, 14), 1e-12) is None


def test_states_that_cannot_be_factorised_give_nothing() -> None:
    state = family("ising", 14)
    for value in (np.nan, np.inf, -np.inf * 1j):
        broken = state.copy()
        broken[777] = value
        assert factorise(broken, 1e-12) is None
    assert factorise(np.zeros(2**14, complex), 1e-12) is None
    assert factorise(state[:-1], 1e-12) is None
    assert factorise(state[:1], 1e-12) is None
    assert factorise(state, 0.0) is None
    assert factorise(state * 1e-200, 1e-12) is None


def test_states_in_single_precision_are_factorised_in_double_precision() -> None:
    state = family("ising", 14).astype(np.complex64)
    found = factorise(state, 1e-8, least_ratio=1)
    assert found is not None
    assert found.infidelity == pytest.approx(true_infidelity(state, dense(found.product)), rel=1e-3)


@pytest.mark.parametrize("qubits", [1, 2, 3, 6])
def test_small_states_are_factorised_exactly(qubits: int) -> None:
    state = random_vector(np.random.default_rng(qubits), 2**qubits)
    found = factorise(state, 1e-12, least_ratio=0.1)
    assert found is not None
    assert found.infidelity < 1e-28
    assert np.allclose(dense(found.product), state, rtol=0, atol=1e-14)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 10),
    st.integers(1, 5),
    st.booleans(),
    st.floats(-12, -2),
    st.floats(-13, -3),
    st.integers(-100, 100),
    st.integers(0, 2**32),
)
def test_what_is_said_of_a_product_is_true(
    qubits: int, bond: int, is_real: bool, noise: float, limit: float, scale: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    state = dense(random_product(rng, qubits, bond, is_real=is_real))
    state += 10**noise * random_vector(rng, 2**qubits)
    state *= 2.0**scale
    found = factorise(state, 10**limit, least_ratio=0.01)
    assert found is not None
    rebuilt = dense(found.product)
    assert found.infidelity == pytest.approx(true_infidelity(state, rebuilt), rel=1e-2, abs=1e-28)
    assert found.infidelity <= found.bound <= 10**limit
    assert norm(found.product) == pytest.approx(np.linalg.norm(state), rel=1e-12)


def test_the_digits_of_large_products_that_do_not_matter_are_zero() -> None:
    state = dense(random_product(np.random.default_rng(3), 14, 20))
    found = factorise(state, 1e-12, least_ratio=1)
    assert found is not None
    assert max(found.bonds) == 20
    parts = np.concatenate([tensor.reshape(-1).view(np.float64) for tensor in found.product.tensors[1:]])
    assert np.array_equal(parts, np.rint(parts * 2.0**30) / 2.0**30)
    assert 0 < found.infidelity <= found.bound <= 1e-12


def test_the_memory_for_a_large_state_is_bounded() -> None:
    state = np.ascontiguousarray(dense(random_product(np.random.default_rng(4), 20, 8)))
    tracemalloc.start()
    try:
        with single_thread():
            found = factorise(state, 1e-12)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found is not None
    assert max(found.bonds) == 8
    assert peak < 0.75 * state.nbytes


def test_the_coefficients_that_save_most_are_discarded_first() -> None:
    flat = [np.array([1.0, 0.1]), np.array([1.0, 0.5, 0.1, 0.1]), np.array([1.0, 0.1])]
    assert chosen_ranks(flat, 0.011) == [1, 4, 2]  # of equal weights, the one with the larger neighbour
    assert chosen_ranks(flat, 0.031) == [1, 3, 1]
    assert chosen_ranks(flat, 0.0) == [2, 4, 2]
    assert chosen_ranks(flat, 9.0) == [1, 1, 1]


def test_canonical_forms_do_not_change_the_amplitudes() -> None:
    product = random_product(np.random.default_rng(5), 7, 5)
    tensors = right_canonical(product.tensors)
    assert np.allclose(dense(type(product)(tuple(tensors))), dense(product), rtol=0, atol=1e-14)
    for tensor in tensors[1:]:
        rows = tensor.reshape(len(tensor), -1)
        assert np.allclose(rows @ rows.conj().T, np.eye(len(rows)), atol=1e-13)
    first, rest = left_canonical(product.tensors)
    assert abs(rest[0, 0]) == pytest.approx(1)
    for tensor in first:
        columns = tensor.reshape(-1, tensor.shape[2])
        assert np.allclose(columns.conj().T @ columns, np.eye(columns.shape[1]), atol=1e-13)
