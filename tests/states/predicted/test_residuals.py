from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aerchive.states.predicted.residuals import residual, restored, smallest

EDGES = [0, 1, 2**52 - 1, 2**52, 0x3FF0 << 48, 0x7FEF << 48, 0x7FF0 << 48, (0x7FF0 << 48) + 1, 0x7FF8 << 48, 2**63 - 1]
PATTERNS = np.array([edge | sign << 63 for edge in EDGES for sign in (0, 1)], np.uint64)


@given(st.data())
def test_every_pattern_is_restored_from_every_prediction(data: st.DataObject) -> None:
    patterns = st.sampled_from(PATTERNS.tolist()) | st.integers(0, 2**64 - 1)
    words, guesses = (data.draw(arrays(np.uint64, 8, elements=patterns)) for _ in range(2))
    for kind in (np.float64, np.float32):
        numbers, predicted = words.view(kind), guesses.view(kind)
        steps = residual(numbers, predicted)
        again = restored(predicted, steps)
        assert again.dtype == kind
        assert again.tobytes() == numbers.tobytes()
        assert np.array_equal(guesses.view(kind).view(np.uint32), predicted.view(np.uint32))


def test_the_residual_counts_representable_numbers() -> None:
    one = np.float64(1)
    numbers = np.array([one, np.nextafter(one, 0), np.nextafter(one, 2), 1 + 2.0**-51, -0.0])
    assert residual(numbers, np.array([1.0, 1, 1, 1, 0])).tolist() == [0, 1, 2, 4, 1]
    assert residual(np.array([5e-324]), np.array([-0.0])).tolist() == [4]


def test_a_residual_of_a_small_type_gives_the_same_numbers() -> None:
    predicted = np.linspace(-1, 1, 100)
    numbers = np.nextafter(predicted, 2)
    steps = residual(numbers, predicted)
    small = steps.astype(smallest(int(steps.max())))
    assert small.dtype == np.uint8
    assert restored(predicted, small).tobytes() == numbers.tobytes()


@pytest.mark.parametrize(("largest", "name"), [(0, "u1"), (255, "u1"), (256, "u2"), (65536, "u4"), (2**64 - 1, "u8")])
def test_the_smallest_type_holds_the_largest_value(largest: int, name: str) -> None:
    assert smallest(largest) == np.dtype(name)
