"""The order of values of any types, and when two of them are the same."""

from __future__ import annotations

import datetime
import math
import random
import uuid
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aerchive.interop.order import identity, order_key

ORDERED: list[Any] = [
    *(-math.inf, Decimal("-1e999999999"), False, 0.5, np.float32(0.75), 1, np.int64(2), 2**53 + 1, 2**53 + 2, math.inf),
    *("", "a", "b"),
    *((), (0.1,), [0.1, 5], np.array([0.1, 6.0]), np.array([[0.0]]), [math.nan]),
    *(Fraction(1, 3), Fraction(1, 2), Path("a"), Path("b"), uuid.UUID(int=1), b"a", b"b"),
    *(1j, 1 + 0j, datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)),
    *(datetime.datetime(2026, 1, 1), datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)),
    *({"a": 1}, {"b": 1}, np.datetime64("2025-01-01"), np.datetime64("2026-01-01")),
]


def test_order_is_total() -> None:
    values = [*ORDERED, math.nan, np.float64("nan"), Decimal("NaN"), Decimal("sNaN"), np.datetime64("NaT"), None]
    expected = sorted(map(order_key, values))

    for seed in range(20):
        random.Random(seed).shuffle(values)
        assert sorted(map(order_key, values)) == expected

    assert [order_key(one) for one in ORDERED[:19]] == expected[:19]  # numbers, texts and vectors
    assert expected[-6:] == [order_key(math.nan)] * 5 + [order_key(None)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (0.5, np.float64(0.5)),
        (math.nan, np.float64("nan")),
        (Decimal("NaN"), math.nan),
        ([0.1, 2], np.array([0.1, 2.0])),
        ((math.nan, [1]), (float("nan"), (1.0,))),
        ({"a": [1]}, {"a": (1.0,)}),
        ({1, 2}, frozenset({2.0, 1.0})),
        (bytearray(b"a"), bytearray(b"a")),
        ("a", np.str_("a")),
    ],
    ids=repr,
)
def test_same_values(one: Any, other: Any) -> None:
    assert {identity(one)} == {identity(other)}


@pytest.mark.parametrize(("one", "other"), [(1, "1"), ([1], 1), ([1], [1, 1]), (2**62 + 1, 2**62 + 3), ((), None)])
def test_different_values(one: Any, other: Any) -> None:
    assert {identity(one)} != {identity(other)}
