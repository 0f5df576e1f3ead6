"""Checksums of many rows at once say the same as each row's own."""

from __future__ import annotations

import binascii

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aerchive.row_checksums import row_crc, wrong_rows


def table(number: int, width: int = 20, first: int = 0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(seed).integers(0, 256, (number, width), dtype=np.uint8)
    return rows, np.array([row_crc(row.tobytes(), first + i) for i, row in enumerate(rows)], np.uint32)


def one_by_one(rows: np.ndarray, sums: np.ndarray, first: int) -> list[int]:
    return [first + i for i, row in enumerate(rows) if row_crc(row.tobytes(), first + i) != sums[i]]


def test_is_the_crc_32_of_zlib_over_number_and_row() -> None:
    assert row_crc(b"abc", 258) == binascii.crc32(b"\x02\x01\0\0\0\0\0\0abc")


@pytest.mark.parametrize("number", [0, 1, 255, 256, 257, 512, 1000])
@pytest.mark.parametrize("first", [0, 7, 2**40])
def test_sound_rows(number: int, first: int) -> None:
    assert wrong_rows(*table(number, first=first), first) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 699), st.integers(0, 19), st.integers(0, 7)), min_size=1, max_size=6),
    st.integers(0, 10**6),
)
def test_flipped_bits(flips: list[tuple[int, int, int]], first: int) -> None:
    rows, sums = table(700, first=first)
    for row, byte, bit in flips:
        rows[row, byte] ^= 1 << bit

    assert wrong_rows(rows, sums, first) == one_by_one(rows, sums, first)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 599), min_size=1, max_size=4), st.integers(1, 2**32 - 1))
def test_other_sums(places: list[int], change: int) -> None:
    rows, sums = table(600)
    sums[places] ^= np.uint32(change)

    assert wrong_rows(rows, sums, 0) == sorted(set(places))


@pytest.mark.parametrize("pair", [(0, 1), (0, 255), (5, 600), (254, 257)])
def test_exchanged_rows(pair: tuple[int, int]) -> None:
    rows, sums = table(700)
    other = list(pair)[::-1]
    rows[list(pair)], sums[list(pair)] = rows[other], sums[other]

    assert wrong_rows(rows, sums, 0) == sorted(pair)


def test_a_whole_block_of_zeros() -> None:
    rows, sums = table(768)
    rows[256:512], sums[256:512] = 0, 0

    assert wrong_rows(rows, sums, 0) == list(range(256, 512))


def test_rows_need_not_be_contiguous() -> None:
    wide, _ = table(300, width=32)
    part = wide[:, 4:24]
    sums = np.array([row_crc(row.tobytes(), i) for i, row in enumerate(part)], np.uint32)
    strided = np.zeros(300, [("a", "u1"), ("sum", "<u4")])
    strided["sum"] = sums

    assert wrong_rows(part, strided["sum"], 0) == []
