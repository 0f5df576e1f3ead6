"""One zlib stream of planes, each coded in its own way: stock zlib reads it, whatever the planes hold."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerchive.filters.deflate import Deflater, inflate_piece
from aerchive.filters.planes import Coder, is_constant, pack_planes, pick_planes, split
from aerchive.filters.shuffle import shuffle
from tests.filters.chunks import CHUNKS, chunk

DEFLATER = Deflater()


@pytest.mark.parametrize("coder", Coder)
@pytest.mark.parametrize("name", CHUNKS)
def test_zlib_reads_any_chunk_with_any_coder(name: str, coder: Coder) -> None:
    raw, itemsize = chunk(name)
    planes = shuffle(raw, itemsize)

    stream = pack_planes(planes, itemsize, (coder,) * itemsize, DEFLATER)

    assert zlib.decompress(stream) == planes.tobytes()
    assert len(stream) < raw.size * 1.001 + 200


@pytest.mark.parametrize("coder", Coder)
@pytest.mark.parametrize("name", ["dense state", "real", "halves", "first half noise", "bytes"])
def test_elements_are_picked_from_the_planes(name: str, coder: Coder) -> None:
    raw, itemsize = chunk(name)
    stream = pack_planes(shuffle(raw, itemsize), itemsize, (coder,) * itemsize, DEFLATER)
    elements = np.array([0, raw.size // itemsize - 1, 77, 4242, 77])

    found = pick_planes(memoryview(stream), raw.size, itemsize, elements)

    assert found is not None
    assert np.array_equal(found, raw.reshape(-1, itemsize)[elements])


def test_the_end_of_a_piece_may_also_be_in_its_middle() -> None:
    """The four bytes that end a piece are looked for, and may be in it by chance: in one stream of 30,000."""
    plane = np.resize(np.frombuffer(b"\x00\x00\xff\xff" + bytes(range(256)), np.uint8), 4096)
    compressor = zlib.compressobj(0, zlib.DEFLATED, -15)
    stored = compressor.compress(plane.tobytes()) + compressor.flush(zlib.Z_FULL_FLUSH)
    empty = b"\x02\x00\x00\x00\xff\xff"  # a block with fixed codes and nothing in it, and a flush

    assert stored.count(b"\x00\x00\xff\xff") > 10
    piece = empty + stored
    assert inflate_piece(memoryview(piece + b"more"), 0, plane.size) == (plane.tobytes(), len(piece))
    assert inflate_piece(memoryview(piece[:-4]), 0, plane.size) is None
    assert inflate_piece(memoryview(piece), 0, plane.size - 1) is None


def test_a_stream_with_pieces_that_are_not_planes_is_left_to_others() -> None:
    raw, _ = chunk("dense state")
    planes = shuffle(raw, 16)
    for each in (planes.size // 32, planes.size // 16 + 1, planes.size // 10):
        compressor = zlib.compressobj(1)
        parts = [planes[at : at + each].tobytes() for at in range(0, planes.size, each)]
        stream = b"".join(compressor.compress(part) + compressor.flush(zlib.Z_FULL_FLUSH) for part in parts)

        found = pick_planes(memoryview(stream + compressor.flush()), raw.size, 16, np.array([5, 9999]))

        assert found is None or np.array_equal(found, raw.reshape(-1, 16)[[5, 9999]])
    assert pick_planes(memoryview(zlib.compress(planes.tobytes(), 1)), raw.size, 16, np.array([5])) is None


@pytest.mark.parametrize("name", ["dense state", "real"])
def test_a_damaged_stream_gives_no_elements_or_those_that_zlib_reads(name: str) -> None:
    raw, _ = chunk(name)
    stream = pack_planes(shuffle(raw, 16), 16, (Coder.STORED,) * 6 + (Coder.QUICK, Coder.ENTROPY) * 5, DEFLATER)
    elements, random = np.arange(0, raw.size // 16, 7), np.random.default_rng(1)
    refused = 0

    for at in random.integers(0, len(stream) - 4, 60):
        damaged = bytearray(stream)
        damaged[at] ^= 1 << int(random.integers(8))
        found = pick_planes(memoryview(damaged), raw.size, 16, elements)
        refused += found is None
        if found is not None:
            whole = np.frombuffer(zlib.decompressobj(-15).decompress(damaged[2:]), np.uint8)
            assert np.array_equal(found, whole.reshape(16, -1).T[elements])
    for length in range(0, len(stream), 4999):
        assert pick_planes(memoryview(stream)[:length], raw.size, 16, elements) is None
    assert refused


planes_of_all_kinds = st.one_of(
    st.binary(min_size=1, max_size=200),
    st.builds(lambda b, n: b * n, st.binary(min_size=1, max_size=9), st.integers(1, 100)),
    st.builds(lambda b, n: bytes([b]) * n, st.integers(0, 255), st.integers(1, 400)),
)


@given(st.lists(planes_of_all_kinds, min_size=1, max_size=8), st.data())
def test_planes_of_mixed_kinds(parts: list[bytes], data: st.DataObject) -> None:
    length = min(map(len, parts))
    rest = data.draw(st.binary(max_size=len(parts) - 1))
    planes = np.frombuffer(b"".join(part[:length] for part in parts) + rest, np.uint8)
    coders = data.draw(st.lists(st.sampled_from(Coder), min_size=len(parts), max_size=len(parts)))

    stream = pack_planes(planes, len(parts), coders, DEFLATER)

    assert zlib.decompress(stream) == planes.tobytes()


def test_coders_that_are_missing_store() -> None:
    raw, _ = chunk("dense state")
    planes = shuffle(raw, 16)

    assert zlib.decompress(pack_planes(planes, 16, (), DEFLATER)) == planes.tobytes()


@pytest.mark.parametrize("length", [0, 1, 2, 15, 16, 17, 1000])
def test_split_leaves_the_remainder_last(length: int) -> None:
    planes = np.arange(length) % 251
    parts = split(planes.astype(np.uint8), 16)

    assert np.array_equal(np.concatenate(parts), planes)
    assert [part.size for part in parts[:16]] == [length // 16] * 16


@pytest.mark.parametrize(
    ("data", "is_one"),
    [
        (b"aaaa", True),
        (b"a", True),
        (b"aaba", False),
        (b"abaa", False),
        (b"a" * 16, True),
        (b"a" * 23, True),
        (b"a" * 20 + b"baa", False),
        (b"aab" + b"a" * 20, False),
        (b"\xff" * 64, True),
    ],
)
def test_constant(data: bytes, is_one: bool) -> None:
    assert is_constant(np.frombuffer(data, np.uint8)) is is_one


def test_exponents_by_huffman_codes_are_shorter_than_gzip() -> None:
    raw, _ = chunk("dense state")
    planes = shuffle(raw, 16)
    coders = [Coder.STORED] * 16
    coders[7] = coders[15] = Coder.ENTROPY
    coders[6] = coders[14] = Coder.QUICK

    assert len(pack_planes(planes, 16, coders, DEFLATER)) < len(zlib.compress(planes.tobytes(), 4))
