"""Certified rounding: the bound holds for every state, and the measured infidelity is the true one."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aerchive.filters.rounding import certify, to_grid


def exact_infidelity(before: np.ndarray, after: np.ndarray) -> float:
    """``1 - F`` of two vectors in rational arithmetic."""

    def square(vector: np.ndarray) -> Fraction:
        return sum((Fraction(float(x)) ** 2 for x in vector.view(np.float64)), Fraction(0))

    re = im = Fraction(0)
    for a, b in zip(before.tolist(), after.tolist(), strict=True):
        re += Fraction(a.real) * Fraction(b.real) + Fraction(a.imag) * Fraction(b.imag)
        im += Fraction(a.real) * Fraction(b.imag) - Fraction(a.imag) * Fraction(b.real)
    whole = square(before) * square(after)
    return float((whole - re**2 - im**2) / whole)


def rounded(state: np.ndarray, grid: float) -> np.ndarray:
    return to_grid(state.view(np.float64), grid).view(np.complex128)


parts = st.floats(-1e6, 1e6) | st.floats(-1e-12, 1e-12) | st.sampled_from([0.0, -0.0, 1.0, 1e-300, 5e-324])
states = st.lists(st.tuples(parts, parts), min_size=1, max_size=40).map(
    lambda pairs: np.array([complex(*pair) for pair in pairs])
)
limits = st.sampled_from([0.5, 1e-2, 1e-6, 1e-12, 1e-20, 1e-40])


@given(states, limits)
@settings(max_examples=300)
def test_the_bound_holds(state: np.ndarray, limit: float) -> None:
    found = certify([state], limit)

    if found is None:
        assert np.vdot(state, state).real < 2.0**-900
        return
    true = exact_infidelity(state, rounded(state, found.grid))
    assert 0 <= true <= found.bound <= limit
    assert 0 <= found.infidelity <= found.bound
    assert found.infidelity == pytest.approx(true, rel=1e-6, abs=1e-12 * found.bound)


@given(st.integers(0, 2**32), limits, st.sampled_from([1.0, 1e-3, 1e5, 1e-100, 1e100]))
@settings(max_examples=60, deadline=None)
def test_random_sparse_and_wide_states(seed: int, limit: float, scale: float) -> None:
    random = np.random.default_rng(seed)
    state = (random.normal(size=200) + 1j * random.normal(size=200)) * scale
    kind = seed % 3
    if kind == 1:
        state[random.random(200) < 0.9] = 0
        state[0] = scale
    elif kind == 2:
        state *= 10.0 ** random.uniform(-30, 0, 200)

    found = certify([state], limit)

    assert found is not None
    assert exact_infidelity(state, rounded(state, found.grid)) <= found.bound <= limit


def test_a_power_of_two_as_coarse_as_the_proof_allows() -> None:
    random = np.random.default_rng(0)
    state = random.normal(size=2**16) + 1j * random.normal(size=2**16)
    state /= np.linalg.norm(state)

    found = certify([state], 1e-12)

    assert found is not None
    assert math.frexp(found.grid)[0] == 0.5
    assert 0.25e-12 <= found.bound <= 1e-12


def test_dust_becomes_zero_and_zeros_are_positive() -> None:
    state = np.zeros(1000, complex)
    state[3], state[5] = 0.5, 0.75j
    state[100:] = complex(-1e-20, 1e-21)

    found = certify([state], 1e-12)

    assert found is not None
    after = rounded(state, found.grid)
    assert np.flatnonzero(after).tolist() == [3, 5]
    assert not np.signbit(after.view(np.float64)).any()
    assert 0 < found.infidelity < 1e-30


def test_the_finest_grid_of_several_states_and_the_largest_infidelity() -> None:
    random = np.random.default_rng(1)
    states = [(random.normal(size=64) + 1j * random.normal(size=64)) * scale for scale in (1, 1e-3, 1e3)]
    states.append(np.zeros(64, complex))

    found = certify(states, 1e-9)

    assert found is not None
    smallest = certify(states[1:2], 1e-9)
    assert smallest is not None
    assert found.grid == smallest.grid
    all_infidelities = [exact_infidelity(state, rounded(state, found.grid)) for state in states[:3]]
    assert found.infidelity == pytest.approx(max(all_infidelities), rel=1e-6)


@pytest.mark.parametrize(
    "state",
    [
        np.zeros(5, complex),
        np.array([1, np.nan]),
        np.array([1, complex(0, np.inf)]),
        np.array([1e200, 1.0], complex),
        np.array([5e-324, 0], complex),
        np.array([1e-200, 0], complex),
    ],
    ids=["zero", "nan", "infinite", "huge", "denormal", "tiny"],
)
def test_states_that_are_left_as_they_are(state: np.ndarray) -> None:
    assert certify([state.astype(complex)], 1e-6) is None


def test_exact_states_stay_exact() -> None:
    state = np.array([0.5, 0.5j, -0.5, 0.5])

    found = certify([state], 1e-12)

    assert found is not None
    assert rounded(state, found.grid).tobytes() == state.tobytes()
    assert found.infidelity == 0


def test_values_beyond_53_bits_of_the_grid_are_not_touched() -> None:
    values = np.array([1e300, -(2.0**60) - 4096, 2.0**53 + 2])

    assert to_grid(values, 1.0).tobytes() == values.tobytes()
