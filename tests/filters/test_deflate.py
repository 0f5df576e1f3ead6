"""Compressed chunks are plain zlib streams, and damaged ones are never expanded to something else."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerchive.errors import IntegrityError
from aerchive.filters.deflate import deflate, inflate

data_of_all_kinds = st.binary(max_size=300) | st.builds(
    lambda b, n: b * n, st.binary(min_size=1, max_size=9), st.integers(0, 900)
)


@given(data_of_all_kinds)
def test_zlib_reads_what_we_write(data: bytes) -> None:
    assert zlib.decompress(deflate(data)) == data


@given(data_of_all_kinds, st.integers(0, 9))
def test_we_read_what_zlib_writes(data: bytes, level: int) -> None:
    assert inflate(zlib.compress(data, level), len(data)) == data


@pytest.mark.parametrize("wrong", [-5, -1, 1, 1000])
def test_another_size_is_refused(wrong: int) -> None:
    with pytest.raises(IntegrityError, match=r"^a compressed chunk expands to \d+ bytes or more instead of \d+$"):
        inflate(deflate(b"x" * 500), 500 + wrong)


def test_a_bomb_is_expanded_no_further_than_announced() -> None:
    bomb = zlib.compress(bytes(50_000_000), 9)

    with pytest.raises(IntegrityError, match=r"^a compressed chunk expands to 101 bytes or more instead of 100$"):
        inflate(bomb, 100)


def test_any_flipped_byte_is_noticed() -> None:
    data = bytes(range(200)) * 3
    stream = deflate(data)

    for at in range(len(stream)):
        damaged = bytearray(stream)
        damaged[at] ^= 0xFF
        with pytest.raises(IntegrityError, match=r"^a compressed chunk "):
            inflate(bytes(damaged), len(data))


def test_a_stream_cut_short_is_noticed() -> None:
    data = bytes(range(200)) * 3
    stream = deflate(data)

    for length in range(len(stream)):
        with pytest.raises(IntegrityError, match=r"^a compressed chunk "):
            inflate(stream[:length], len(data))
