"""Doubles that are floats in disguise: recognised exactly, bit for bit."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerchive.filters.narrow import narrower, to_narrow


def bits(*words: int) -> np.ndarray:
    return np.array(words, np.uint64).view(np.uint8)


def widened(narrow: np.ndarray) -> bytes:
    return narrow.view(np.float32).astype(np.float64).tobytes()


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=50))
def test_floats_are_narrow(values: list[float]) -> None:
    raw = np.array(values, np.float64).view(np.uint8)

    narrow = to_narrow(raw)

    assert narrow is not None
    assert narrow.nbytes * 2 == raw.nbytes
    assert widened(narrow) == raw.tobytes()


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20))
def test_what_is_narrow_comes_back_bit_for_bit(words: list[int]) -> None:
    raw = bits(*words)

    narrow = to_narrow(raw)

    assert narrow is None or widened(narrow) == raw.tobytes()


@given(st.integers(0, 2**32 - 1))
def test_every_float_but_signalling_ones_is_narrow(pattern: int) -> None:
    value = np.array([pattern], np.uint32).view(np.float32)
    with np.errstate(invalid="ignore"):
        raw = value.astype(np.float64).view(np.uint8)

    narrow = to_narrow(raw)

    assert narrow is not None
    assert widened(narrow) == raw.tobytes()


@pytest.mark.parametrize(
    "value",
    [0.0, -0.0, 1.0, -0.5, 2.0**-126, 2.0**-149, float("inf"), float("-inf"), 3.4028234663852886e38],
    ids=repr,
)
def test_values_that_floats_have(value: float) -> None:
    narrow = to_narrow(np.array([value, 0.0]).view(np.uint8))

    assert narrow is not None
    assert widened(narrow) == struct.pack("<2d", value, 0.0)


@pytest.mark.parametrize(
    "word",
    [
        struct.unpack("<Q", struct.pack("<d", value))[0]
        for value in (0.1, 1 + 2.0**-24, 2.0**-150, 3.5e38, 1e300, 5e-324, 2.0**-149 * 1.5)
    ]
    + [0x7FF8000000000001, 0x7FF0000000000001, 0x7FF0000020000000, 0xFFF4000000000000],
    ids=hex,
)
def test_values_that_floats_do_not_have(word: int) -> None:
    assert to_narrow(bits(word)) is None
    assert to_narrow(bits(*[0] * 1000, word)) is None


def test_quiet_nans_keep_their_payload() -> None:
    raw = bits(0x7FF8000020000000, 0xFFFDEADBE0000000)

    narrow = to_narrow(raw)

    assert narrow is not None
    assert widened(narrow) == raw.tobytes()


@pytest.mark.parametrize(
    ("dtype", "half"), [("<c16", "<c8"), ("<f8", "<f4"), ("<c8", None), ("<f4", None), ("<i8", None), ("u1", None)]
)
def test_which_types_have_a_narrower_one(dtype: str, half: str | None) -> None:
    assert narrower(np.dtype(dtype)) == (None if half is None else np.dtype(half))
