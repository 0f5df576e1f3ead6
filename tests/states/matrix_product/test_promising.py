"""Samples tell whether a matrix product can pay."""

from __future__ import annotations

import numpy as np
import pytest

from aerchive.states.matrix_product.promising import LEAST_QUBITS, may_pay, middle_rank
from tests.states.matrix_product.products import dense, family, random_product

LOW = ["ising", "ansatz", "qft-product", "qft-basis", "ghz", "grover", "few-particles"]


@pytest.mark.parametrize("name", LOW)
def test_states_of_low_rank_may_pay(name: str) -> None:
    assert may_pay(family(name, 16))


@pytest.mark.parametrize("name", ["random", "qaoa-torus", "half-filling"])
def test_states_of_high_rank_do_not_pay(name: str) -> None:
    assert not may_pay(family(name, 16))


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
    assert may_pay(state)
    assert not may_pay(state[1:])
    assert not may_pay(state[: len(state) // 2])
    state[77] = np.nan
    assert not may_pay(state)
