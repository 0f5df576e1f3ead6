"""The kernels give the bytes of the other libraries, for data of all kinds, and expand what anybody writes."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from aerchive_native import kernels
from hypothesis import given, settings
from hypothesis import strategies as st

from aerchive.filters import native
from aerchive.filters.deflate import (
    Deflater,
    constant,
    inflate,
    quick_stream,
    records_stream,
    sparse_stream,
    thorough_stream,
)
from aerchive.filters.native import NativeDeflater
from aerchive.filters.planes import Coder, pack_planes
from aerchive.filters.shuffle import shuffle
from tests.filters.chunks import CHUNKS, chunk

PIECES = ["quick", "closer", "entropy", "runs"]
ITEMSIZES = [1, 2, 3, 4, 8, 16, 30, 255]
OURS, THEIRS = NativeDeflater(kernels), Deflater()


def draw_bytes(seed: int, size: int, kind: int) -> bytes:
    """Data that are noise, skew, runs, repetitions, or of codes that become too long."""
    random = np.random.default_rng(seed)
    spread = float(random.random())
    powers = 1.7 ** -np.arange(40)
    made: list[Any] = [
        lambda: random.integers(0, 256, size),
        lambda: random.integers(0, random.integers(1, 256), size),
        lambda: np.minimum(random.geometric(spread * 0.9 + 0.01, size), 255),
        lambda: np.repeat(random.integers(0, 256, size), np.minimum(random.geometric(spread / 2 + 0.002, size), 5000)),
        lambda: np.abs(random.normal(size=size) * spread * 60),
        lambda: np.resize(random.integers(0, 256, random.integers(1, 5000)), size),
        lambda: random.choice(40, size, p=powers / powers.sum()),
    ]
    return made[kind]()[:size].astype(np.uint8).tobytes()


# Sizes at which a block of zlib-ng or a half of its window ends.
sizes = st.one_of(
    st.integers(1, 400), st.integers(32_000, 34_000), st.integers(65_000, 66_000), st.integers(1, 300_000)
)
data_of_all_kinds = st.builds(draw_bytes, st.integers(0, 2**32 - 1), sizes, st.integers(0, 6))


@pytest.mark.parametrize("kind", PIECES)
@settings(deadline=None, max_examples=300)
@given(data=data_of_all_kinds)
def test_pieces_are_those_of_the_libraries(kind: str, data: bytes) -> None:
    assert getattr(OURS, kind)(data) == getattr(THEIRS, kind)(data)


@settings(deadline=None)
@given(st.integers(0, 255), st.integers(1, 300_000))
def test_constant_planes_are_runs(value: int, length: int) -> None:
    assert kernels.runs(bytes([value]) * length) == constant(value, length)


@settings(deadline=None)
@given(data_of_all_kinds)
def test_adler_is_that_of_zlib(data: bytes) -> None:
    assert kernels.adler32(data) == zlib.adler32(data)


@pytest.mark.parametrize("itemsize", ITEMSIZES)
@settings(deadline=None)
@given(data=data_of_all_kinds)
def test_the_shuffle_is_that_of_numpy(itemsize: int, data: bytes) -> None:
    raw = np.frombuffer(data, np.uint8)
    whole = raw.size - raw.size % itemsize
    planes, back = np.empty_like(raw), np.empty_like(raw)

    kernels.shuffle(raw.data, planes.data, itemsize)
    kernels.unshuffle(planes.data, back.data, itemsize)

    assert planes[:whole].tobytes() == raw[:whole].reshape(-1, itemsize).T.tobytes()
    assert planes[whole:].tobytes() == raw[whole:].tobytes()
    assert back.tobytes() == data


@pytest.mark.parametrize("coder", Coder)
@pytest.mark.parametrize("cut", [0, 1, 100_001])
@pytest.mark.parametrize("name", CHUNKS)
def test_streams_of_every_chunk(name: str, cut: int, coder: Coder) -> None:
    raw, itemsize = chunk(name)
    raw = raw[: raw.size - cut]
    planes = np.empty_like(raw) if itemsize > 1 else raw

    stream = OURS.pack_planes(raw, planes, itemsize, (coder,) * itemsize)

    assert stream == pack_planes(shuffle(raw, itemsize), itemsize, (coder,) * itemsize, THEIRS)
    back = np.empty_like(raw)
    assert kernels.unpack(stream, back.data, itemsize)
    assert back.tobytes() == raw.tobytes()


@settings(deadline=None, max_examples=200)
@given(data_of_all_kinds, st.sampled_from(ITEMSIZES[:-1]), st.data())
def test_streams_of_mixed_coders(data: bytes, itemsize: int, drawn: st.DataObject) -> None:
    raw = np.frombuffer(data, np.uint8)[: len(data) // 2 * 2]
    if raw.size < itemsize:
        return
    number = drawn.draw(st.integers(0, itemsize))
    coders = drawn.draw(st.lists(st.sampled_from(Coder), min_size=number, max_size=number))

    stream = OURS.pack_planes(raw, np.empty_like(raw) if itemsize > 1 else raw, itemsize, coders)

    assert stream == pack_planes(shuffle(raw, itemsize), itemsize, coders, THEIRS)


@settings(deadline=None, max_examples=300)
@given(data_of_all_kinds, st.integers(0, 13))
def test_streams_of_all_libraries_are_expanded(data: bytes, how: int) -> None:
    others = [quick_stream, records_stream, sparse_stream, thorough_stream]
    stream = zlib.compress(data, how) if how < 10 else bytes(others[how - 10](data))
    room = bytearray(len(data))

    assert kernels.unpack(stream, room, 1)
    assert room == data


@settings(deadline=None, max_examples=300)
@given(data_of_all_kinds, st.integers(0, 2**32 - 1), st.integers(-3, 3))
def test_what_is_expanded_from_damaged_streams_is_what_libdeflate_gives(data: bytes, seed: int, wrong: int) -> None:
    random = np.random.default_rng(seed)
    damaged = bytearray(zlib.compress(data[:2000], int(random.integers(1, 10))))
    for _ in range(random.integers(0, 3)):
        damaged[random.integers(0, len(damaged))] = random.integers(0, 256)
    room = bytearray(max(0, min(len(data), 2000) + wrong))

    if kernels.unpack(bytes(damaged), room, 1):
        assert inflate(bytes(damaged), len(room)) == room


def test_every_coder_agrees_with_the_installed_libraries() -> None:
    assert native.differences(kernels) == []


def test_the_libraries_are_compiled_in() -> None:
    assert kernels.HAS_IGZIP
    assert kernels.HAS_LIBDEFLATE


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kernels.shuffle(b"abcd", bytearray(3), 2), "the buffers have 4 and 3 bytes"),
        (lambda: kernels.shuffle(b"abcd", bytearray(4), 0), "itemsize 0 is not between 1 and 255"),
        (lambda: kernels.unpack(b"", bytearray(4), 256), "itemsize 256 is not between 1 and 255"),
        (lambda: kernels.pack(None, b"ab", 2, b"\0", (None, None), None, None), "one coder for each plane"),
        (lambda: kernels.pack(None, b"ab", 2, b"\0\x09", (None, None), None, None), "there is no coder 9"),
        (lambda: kernels.pack(None, b"ab", 2, b"\0\0", (), None, None), "one item for each plane"),
        (lambda: kernels.pack(None, b"ab", 1, b"\x01", (None,), None, None), "neither a piece nor a compressor"),
        (lambda: kernels.igzip(2), "level 2 is neither 1 nor 3"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_buffers_that_overlap_are_refused() -> None:
    room = bytearray(64)

    with pytest.raises(ValueError, match="the buffers overlap"):
        kernels.unshuffle(memoryview(room)[:40], memoryview(room)[24:], 8)
