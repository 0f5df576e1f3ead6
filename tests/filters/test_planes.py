"""One zlib stream of planes, each coded in its own way: stock zlib reads it, whatever the planes hold."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerchive.filters.deflate import Deflater
from aerchive.filters.planes import Coder, is_constant, pack_planes, split
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
