from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from aerchive.states.sums import Total, exact_sum, inner_parts, squares


def exact(values: np.ndarray) -> float:
    return float(sum((Fraction(float(value)) for value in values), Fraction(0)))


@pytest.mark.parametrize("length", [1, 2, 3, 4095, 4096, 4097, 70_000])
def test_inner_parts(length: int) -> None:
    rng = np.random.default_rng(length)
    one, other = (rng.normal(size=length) + 1j * rng.normal(size=length) for _ in range(2))

    found = inner_parts(one, other)

    products = np.conj(one).astype(np.clongdouble) * other
    assert abs(found - complex(products.sum())) < 4e-16 * float(np.abs(products).sum())


def test_exact_sum() -> None:
    parts = [1e16 + 0j, 1.0 + 1j, -1e16 + 0j, 1e-20j, -1j]

    assert exact_sum(parts) == 1 + 1e-20j
    assert exact_sum([]) == 0


def test_squares() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(30, 4)) + 1j * rng.normal(size=(30, 4))

    assert squares(values).shape == (30, 4)
    assert np.array_equal(squares(values), values.real**2 + values.imag**2)
    assert squares(values[:0, 0].copy()).shape == (0,)


def test_a_total_carries_what_additions_lose() -> None:
    rng = np.random.default_rng(2)
    parts = rng.random((20_000, 3)) * 10.0 ** rng.integers(-12, 3, (20_000, 3))
    carried, plain = Total((3,)), Total((3,), is_exact=False)

    for part in parts:
        carried.add(part)
        plain.add(part)

    expected = np.array([exact(column) for column in parts.T])
    assert np.abs(carried.value / expected - 1).max() <= 2.3e-16
    assert np.abs(plain.value / expected - 1).max() > 2.3e-16, "or carrying is for nothing"
    assert np.allclose(plain.value, expected, rtol=1e-12)


def test_a_total_in_parts() -> None:
    total = Total((2, 3), complex)

    total.add(np.array([1, 2, 3j]), 1)
    total.add(np.array([[1], [1]]), (slice(None), slice(2, 3)))

    assert total.value.tolist() == [[0, 0, 1], [1, 2, 1 + 3j]]
