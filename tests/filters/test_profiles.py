"""Profiles: what they are called, what they need, and that each gives back what it was given."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
import zstandard

from aerchive.errors import FormatError, IntegrityError, InvalidInputError
from aerchive.filters import zstandard as zstandard_filter
from aerchive.filters.pipeline import RAW, SKIP_SHUFFLE
from aerchive.filters.profiles import PORTABLE, Codec, Compression, unpack_chunk, unpack_elements, unpack_piece
from aerchive.filters.shuffle import shuffle
from aerchive.filters.small import SKIP_DEFLATE, SKIP_ZSTANDARD
from tests.filters.chunks import CHUNKS, chunk

PROFILES = ["portable", "none", "fast", "small"]


def as_it_is(raw: np.ndarray) -> np.ndarray:
    """The values of a chunk that is neither rounded nor narrowed."""
    return raw


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", CHUNKS)
def test_every_chunk_comes_back(name: str, profile: str) -> None:
    raw, itemsize = chunk(name)
    compression = Compression.checked(profile)
    packing = compression.packing(itemsize)

    stored, mask = packing.begin(raw, as_it_is)()

    back = unpack_chunk(bytes(stored), mask, itemsize, compression.codec, np.empty(raw.size, np.uint8))
    assert back.tobytes() == raw.tobytes()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", ["dense state", "one amplitude", "halves"])
@pytest.mark.parametrize(
    ("inside", "wanted"),
    [
        ((slice(3, 4), slice(7, 8)), np.s_[3:4, 7:8]),
        ((slice(0, None, 5), slice(1, 9, 3)), np.s_[::5, 1:9:3]),
        ((slice(2, 2), slice(0, 4)), np.s_[2:2, :4]),
        ((slice(0, None), slice(0, None)), np.s_[:, :]),
    ],
)
def test_a_piece_is_that_of_the_whole(name: str, profile: str, inside: tuple[slice, slice], wanted: Any) -> None:
    raw, itemsize = chunk(name)
    shape = (16, raw.size // itemsize // 16)
    compression = Compression.checked(profile)
    packing = compression.packing(itemsize)
    stored, mask = packing.begin(raw, as_it_is)()

    piece = unpack_piece(bytes(stored), mask, itemsize, compression.codec, shape, inside)

    assert piece.flags.c_contiguous
    assert np.array_equal(piece, raw.reshape(*shape, itemsize)[wanted])


def test_none_gives_the_bytes_themselves() -> None:
    raw, itemsize = chunk("constant")
    packing = Compression.checked("none").packing(itemsize)

    stored, mask = packing.begin(raw, as_it_is)()

    assert mask == RAW
    assert np.shares_memory(np.frombuffer(stored, np.uint8), raw)


@pytest.mark.parametrize(("profile", "skipped"), [("fast", 0), ("small", SKIP_DEFLATE)])
def test_a_chunk_is_a_frame_that_says_its_size(profile: str, skipped: int) -> None:
    raw, _ = chunk("real")
    stored, mask = Compression.checked(profile).packing(16).begin(raw, as_it_is)()

    assert mask == skipped
    assert zstandard.frame_content_size(stored) == raw.size
    assert zstandard.ZstdDecompressor().decompress(stored) == shuffle(raw, 16).tobytes()


def test_small_takes_records_where_they_repeat() -> None:
    raw, _ = chunk("few values")
    packed = {name: Compression.checked(name).packing(16).begin(raw, as_it_is)() for name in ("fast", "small")}

    assert packed["small"][1] == SKIP_SHUFFLE | SKIP_DEFLATE
    assert len(packed["small"][0]) < len(packed["fast"][0])


@pytest.mark.parametrize("name", CHUNKS)
def test_small_is_never_larger_than_the_default(name: str) -> None:
    raw, itemsize = chunk(name)
    packings = [Compression.checked(profile).packing(itemsize) for profile in ("portable", "small")]

    for _ in range(5):  # some make a trial, some a review, and some follow the plan
        (default, default_mask), (stored, mask) = [packing.begin(raw, as_it_is)() for packing in packings]

        assert len(stored) <= len(default)
        assert mask & (SKIP_DEFLATE | SKIP_ZSTANDARD)
        if not mask & SKIP_DEFLATE or Codec.EITHER.is_raw(mask):
            assert (bytes(stored), mask) == (bytes(default), default_mask | SKIP_ZSTANDARD)


def test_a_chunk_that_says_it_was_compressed_twice_is_refused() -> None:
    with pytest.raises(IntegrityError, match="compressed twice, by deflate and by Zstandard"):
        unpack_chunk(b"x" * 50, SKIP_SHUFFLE, 16, Codec.EITHER, np.empty(4096, np.uint8))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", CHUNKS)
def test_elements_are_those_of_the_whole(name: str, profile: str) -> None:
    raw, itemsize = chunk(name)
    number = raw.size // itemsize
    compression = Compression.checked(profile)
    stored, mask = compression.packing(itemsize).begin(raw, as_it_is)()

    for some in (1, 40, number):
        elements = np.random.default_rng(some).integers(0, number, some)
        found = unpack_elements(bytes(stored), mask, itemsize, compression.codec, number, elements)

        assert np.array_equal(found, raw.reshape(number, itemsize)[elements])


def test_the_default() -> None:
    assert Compression.checked("portable") == PORTABLE == Compression()
    assert PORTABLE.codec is Codec.DEFLATE


def test_an_unknown_profile_lists_the_choices() -> None:
    with pytest.raises(InvalidInputError) as caught:
        Compression.checked("gzip")

    assert str(caught.value) == "compression 'gzip': choose one of 'portable', 'none', 'fast', 'small', 'structure'"


@pytest.mark.parametrize("value", [0, 1, -1e-12, 2, float("nan"), float("inf"), True])
def test_an_infidelity_that_is_none(value: float) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Compression.checked("portable", value)

    assert str(caught.value) == f"max_infidelity {value!r}: give a number between 0 and 1, such as 1e-12, or None"


def test_rounding_without_compression_makes_no_sense() -> None:
    with pytest.raises(InvalidInputError, match="would lose digits and save nothing"):
        Compression.checked("none", 1e-12)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    stored, mask = Compression.checked("fast").packing(16).begin(chunk("sparse state")[0], as_it_is)()

    def missing(name: str, *_: object) -> None:
        raise ImportError(name)

    monkeypatch.setattr(zstandard_filter.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(zstandard_filter.importlib, "import_module", missing)

    with pytest.raises(InvalidInputError) as caught:
        Compression.checked("fast")
    assert str(caught.value) == "compression 'fast' needs the package zstandard: pip install 'aerchive[plugins]'"
    with pytest.raises(FormatError, match=r"needs the package zstandard: pip install 'aerchive\[plugins\]'$"):
        unpack_chunk(stored, mask, 16, Codec.ZSTANDARD, np.empty(256 * 1024, np.uint8))


@pytest.mark.parametrize("wrong", [-1, 1, 1000])
def test_a_frame_of_another_size_is_refused(wrong: int) -> None:
    frame = zstandard.ZstdCompressor().compress(bytes(5000))

    with pytest.raises(IntegrityError, match="does not expand to"):
        unpack_chunk(frame, 0, 1, Codec.ZSTANDARD, np.empty(5000 + wrong, np.uint8))


def test_a_frame_that_does_not_say_its_size_is_refused() -> None:
    """Nothing is expanded before its size is known."""
    frame = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(50_000_000))

    with pytest.raises(IntegrityError, match="does not expand to 100 bytes"):
        unpack_chunk(frame, 0, 1, Codec.ZSTANDARD, np.empty(100, np.uint8))


@pytest.mark.parametrize("codec", Codec)
def test_damaged_chunks_are_an_integrity_error(codec: Codec) -> None:
    raw, _ = chunk("sparse state")
    data = shuffle(raw, 16).tobytes()
    is_zlib = codec is not Codec.ZSTANDARD
    compress = zlib.compress if is_zlib else zstandard.ZstdCompressor(write_checksum=True).compress
    mask = SKIP_ZSTANDARD if codec is Codec.EITHER else 0
    stored = compress(data)
    noticed = 0

    for at in range(0, len(stored), 97):
        damaged = bytearray(stored)
        damaged[at] ^= 0xFF
        try:
            back = unpack_chunk(damaged, mask, 16, codec, np.empty(raw.size, np.uint8))
        except IntegrityError:
            noticed += 1
        else:
            assert np.array_equal(back, raw)  # some bits of a stream mean nothing

    assert noticed > len(stored) / 97 - 5
