from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from aerchive.states.predicted.low_rank import NAMES, LowRank


def factors(rank: int, rows: int, columns: int, parts: int) -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(0)
    shapes = [(rank, rows), (rank, columns)] * parts
    return {name: random.standard_normal(shape) for name, shape in zip(NAMES, shapes, strict=False)}


def one_by_one(given: dict[str, NDArray[Any]], row: int, column: int) -> list[float]:
    """The parts of one amplitude in Python's own arithmetic, which rounds each operation."""
    a, c = (given[name].tolist() for name in NAMES[:2])
    if len(given) == 2:
        total = 0.0
        for k in reversed(range(len(a))):
            total = total + a[k][row] * c[k][column]
        return [total]
    b, d = (given[name].tolist() for name in NAMES[2:])
    real = imaginary = 0.0
    for k in reversed(range(len(a))):
        real = real + a[k][row] * c[k][column]
        real = real - b[k][row] * d[k][column]
        imaginary = imaginary + a[k][row] * d[k][column]
        imaginary = imaginary + b[k][row] * c[k][column]
    return [real, imaginary]


@pytest.mark.parametrize("parts", [1, 2])
def test_each_prediction_is_rounded_operation_by_operation_in_the_stated_order(parts: int) -> None:
    given = factors(5, 8, 16, parts)
    predicted = LowRank(given).predict(0, 128)
    for at in range(128):
        assert predicted[:, at].tolist() == one_by_one(given, *divmod(at, 16))


@pytest.mark.parametrize("columns", [4, 64, 2**15])
def test_a_slice_has_the_bits_of_the_whole(columns: int) -> None:
    given = factors(2, 2**16 // columns, columns, 2)
    low_rank = LowRank(given)
    whole = low_rank.predict(0, 2**16)
    for start, stop in [
        (0, 1),
        (5, 6),
        (3, 70),
        (columns - 1, columns + 1),
        (2**15 - 3, 2**15 + 9),
        (2**16 - 1, 2**16),
    ]:
        assert low_rank.predict(start, stop).tobytes() == np.ascontiguousarray(whole[:, start:stop]).tobytes()
