"""The byte shuffle is HDF5's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerchive.filters.shuffle import shuffle, unshuffle


@given(st.binary(max_size=200), st.integers(1, 20))
def test_every_byte_comes_back_to_its_place(data: bytes, itemsize: int) -> None:
    raw = np.frombuffer(data, np.uint8)

    assert unshuffle(shuffle(raw, itemsize), itemsize).tobytes() == data


@given(st.integers(0, 300), st.integers(1, 20), st.integers(0, 2**32 - 1), st.integers(0, 7))
def test_planes_of_many_elements(size: int, itemsize: int, seed: int, offset: int) -> None:
    buffer = np.random.default_rng(seed).integers(0, 256, size + offset, np.uint8)
    raw = buffer[offset:]  # at any address
    raw.flags.writeable = False
    whole = size - size % itemsize

    planes = shuffle(raw, itemsize)

    assert planes[:whole].tobytes() == raw[:whole].reshape(-1, itemsize).T.tobytes()
    assert planes[whole:].tobytes() == raw[whole:].tobytes()


@pytest.mark.parametrize(
    ("data", "itemsize", "planes"),
    [
        (b"aAbBcC", 2, b"abcABC"),
        (b"a1xb2yc3z", 3, b"abc123xyz"),
        (b"aAbBc", 2, b"abABc"),  # the remainder stays where it is
        (b"abc", 1, b"abc"),
        (b"ab", 4, b"ab"),
        (b"", 8, b""),
    ],
)
def test_planes(data: bytes, itemsize: int, planes: bytes) -> None:
    assert shuffle(np.frombuffer(data, np.uint8), itemsize).tobytes() == planes


def test_the_input_is_not_changed() -> None:
    raw = np.arange(64, dtype=np.uint8)
    shuffle(raw, 8)
    unshuffle(raw, 8)

    assert raw.tolist() == list(range(64))


@pytest.mark.parametrize("itemsize", [2, 3, 4, 8, 12, 16, 40, 255, 256])
@pytest.mark.parametrize("offset", [0, 5])
def test_large_arrays_at_any_address(itemsize: int, offset: int) -> None:
    raw = np.random.default_rng(itemsize).integers(0, 256, 200_003 + offset, np.uint8)[offset:]
    whole = raw.size - raw.size % itemsize

    planes = shuffle(raw, itemsize)

    assert planes[:whole].tobytes() == raw[:whole].reshape(-1, itemsize).T.tobytes()
    assert planes[whole:].tobytes() == raw[whole:].tobytes()
    assert unshuffle(planes, itemsize).tobytes() == raw.tobytes()


def test_arrays_that_are_not_contiguous() -> None:
    buffer = np.random.default_rng(1).integers(0, 256, (100_000, 2), np.uint8)
    planes = np.empty((100_000, 2), np.uint8)[:, 0]

    assert shuffle(buffer[:, 0], 4, planes).tobytes() == shuffle(np.ascontiguousarray(buffer[:, 0]), 4).tobytes()
