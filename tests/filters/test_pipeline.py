"""A chunk through the filters: as HDF5 itself would do it, and raw where compression gains nothing."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerchive.errors import IntegrityError
from aerchive.filters.pipeline import RAW, SKIP_DEFLATE, SKIP_SHUFFLE, pack_chunk, unpack_chunk
from aerchive.filters.shuffle import shuffle


def as_bytes(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


@given(
    st.binary(min_size=1, max_size=300) | st.builds(lambda b: b * 300, st.binary(min_size=1, max_size=8)),
    st.sampled_from([1, 2, 4, 8, 16]),
)
def test_every_chunk_comes_back(data: bytes, itemsize: int) -> None:
    stored, mask = pack_chunk(as_bytes(data), itemsize)

    assert unpack_chunk(bytes(stored), mask, len(data), itemsize).tobytes() == data


def test_a_compressible_chunk_is_shuffled_and_deflated() -> None:
    raw = np.arange(1000, dtype="<i8").view(np.uint8)

    stored, mask = pack_chunk(raw, 8)

    assert mask == 0
    assert len(stored) < raw.size / 4
    assert zlib.decompress(stored) == shuffle(raw, 8).tobytes()


def test_noise_is_stored_as_it_is() -> None:
    raw = np.random.default_rng(0).integers(0, 256, 4096, dtype=np.uint8)

    stored, mask = pack_chunk(raw, 8)

    assert mask == RAW == 3
    assert bytes(stored) == raw.tobytes()


def test_saving_less_than_a_hundredth_is_not_worth_it() -> None:
    noise = np.random.default_rng(0).integers(0, 256, 100_000, dtype=np.uint8)
    hardly = np.concatenate([noise, np.zeros(700, np.uint8)])
    enough = np.concatenate([noise, np.zeros(3000, np.uint8)])

    assert pack_chunk(hardly, 1)[1] == RAW
    assert pack_chunk(enough, 1)[1] == 0


@pytest.mark.parametrize("mask", [0, SKIP_SHUFFLE, SKIP_DEFLATE, RAW])
def test_either_filter_may_have_been_skipped(mask: int) -> None:
    raw = np.arange(100, dtype="<u4").view(np.uint8)
    data = raw if mask & SKIP_SHUFFLE else shuffle(raw, 4)
    stored = data.tobytes() if mask & SKIP_DEFLATE else zlib.compress(data.tobytes())

    assert unpack_chunk(stored, mask, raw.size, 4).tobytes() == raw.tobytes()


@pytest.mark.parametrize("length", [0, 7, 9])
def test_a_raw_chunk_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(IntegrityError) as caught:
        unpack_chunk(bytes(length), RAW, 8, 8)

    assert str(caught.value) == f"an uncompressed chunk has {length} bytes instead of 8"
