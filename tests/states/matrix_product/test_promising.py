"""Samples tell whether a matrix product can pay."""

from __future__ import annotations

import numpy as np
import pytest

from aerchive.states.matrix_product.promising import LEAST_QUBITS, middle_rank
from tests.states.matrix_product.products import dense, family, random_product

LOW = ["ising", "ansatz", "qft-product", "qft-basis", "ghz", "grover", "few-particles"]


@pytest.mark.parametrize("name", LOW)
def test_states_of_low_rank_may_pay(name: str) -> None:
    assert middle_rank(family(name, 16)) is not None


@pytest.mark.parametrize("name", ["random", "qaoa-torus", "half-filling"])
def test_states_of_high_rank_do_not_pay(name: str) -> None:
    assert middle_rank(family(name, 16)) is None


def test_the_rank_of_the_middle_cut_is_estimated() -> None:
    for bond in (1, 3, 17):
        assert middle_rank(dense(random_product(np.random.default_rng(bond), 16, bond)), 1e-20) == bond
    assert middle_rank(np.zeros(2**20, complex)) == 0


def test_a_few_amplitudes_among_very_many_zeros_are_found() -> None:
    state = np.zeros(2**21, complex)
    state[5 :: 2**11] = np.exp(1j * np.arange(2**10))
    assert middle_rank(state) == 1


def test_states_that_are_small_or_of_another_length_or_not_finite_do_not_pay() -> None:
    state = np.ones(2**LEAST_QUBITS, complex)
    assert middle_rank(state) is not None
    assert middle_rank(state[1:]) is None
    assert middle_rank(state[: len(state) // 2]) is None
    state[77] = np.nan
    assert middle_rank(state) is None


def test_a_rank_that_is_too_high_for_the_small_samples_is_seen_in_a_large_one() -> None:
    halves = np.random.default_rng(6).normal(size=(2, 2**10, 90))
    rank = middle_rank((halves[0] @ halves[1].T).reshape(-1).astype(complex))
    assert rank is not None
    assert 80 <= rank <= 90
    halves = np.random.default_rng(6).normal(size=(2, 2**10, 600))
    assert middle_rank((halves[0] @ halves[1].T).reshape(-1).astype(complex)) is None
