"""A chunk through the filters: as HDF5 itself would do it, and whichever of the ways pays."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerchive.errors import IntegrityError
from aerchive.filters import pipeline
from aerchive.filters.choice import Kind, Method, Plan, sign_of
from aerchive.filters.deflate import Buffer
from aerchive.filters.pipeline import RAW, SKIP_COMPRESSION, SKIP_SHUFFLE, Choices, Packer
from aerchive.filters.planes import Coder
from aerchive.filters.profiles import Codec, unpack_chunk
from aerchive.filters.shuffle import shuffle
from tests.filters.chunks import CHUNKS, chunk


def as_bytes(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


def pack(raw: np.ndarray, itemsize: int) -> tuple[Buffer, int]:
    return pack_next(raw, Choices(itemsize), Packer(itemsize))


def pack_next(raw: np.ndarray, choices: Choices, packer: Packer) -> tuple[Buffer, int]:
    """The next chunk of a dataset."""
    kind = choices.kind(raw)
    if kind is not None and kind.is_due():
        return packer.try_or_review(raw, kind)
    return packer.pack(raw, None if kind is None else kind.plan)


def unpack(stored: Buffer, mask: int, size: int, itemsize: int) -> bytes:
    return unpack_chunk(stored, mask, itemsize, Codec.DEFLATE, np.empty(size, np.uint8)).tobytes()


def by_zlib(stored: Buffer, mask: int, itemsize: int, raw: np.ndarray) -> None:
    """Stock zlib and the definition of the shuffle."""
    if mask & SKIP_COMPRESSION:
        assert bytes(stored) == raw.tobytes()
    else:
        wanted = raw if mask & SKIP_SHUFFLE else shuffle(raw, itemsize)
        assert zlib.decompress(bytes(stored)) == wanted.tobytes()


@given(
    st.binary(min_size=1, max_size=300) | st.builds(lambda b: b * 300, st.binary(min_size=1, max_size=8)),
    st.sampled_from([1, 2, 4, 8, 16, 30]),
)
def test_every_small_chunk_comes_back(data: bytes, itemsize: int) -> None:
    stored, mask = pack(as_bytes(data), itemsize)

    by_zlib(stored, mask, itemsize, as_bytes(data))
    assert unpack(stored, mask, len(data), itemsize) == data


@pytest.mark.parametrize("cut", [0, 1, 7, 100_001])
@pytest.mark.parametrize("name", CHUNKS)
def test_every_chunk_comes_back(name: str, cut: int) -> None:
    raw, itemsize = chunk(name)
    raw = raw[: raw.size - cut]

    stored, mask = pack(raw, itemsize)

    by_zlib(stored, mask, itemsize, raw)
    assert unpack(stored, mask, raw.size, itemsize) == raw.tobytes()


@pytest.mark.parametrize("name", sorted(CHUNKS.keys() - {"noise", "one amplitude", "constant", "negative zeros"}))
def test_as_small_as_gzip_or_nearly(name: str) -> None:
    raw, itemsize = chunk(name)

    stored, _ = pack(raw, itemsize)

    shuffled, plain = (len(zlib.compress(data.tobytes(), 4)) for data in (shuffle(raw, itemsize), raw))
    assert len(stored) <= min(1.005 * shuffled, 1.03 * plain) + 300


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("name", CHUNKS)
def test_any_plan_is_right_for_any_chunk(name: str, method: Method) -> None:
    """A plan that was made for other chunks costs bytes at most."""
    raw, itemsize = chunk(name)

    stored, mask = Packer(itemsize).pack(raw, Plan(method))

    by_zlib(stored, mask, itemsize, raw)
    assert len(stored) <= raw.size


def test_where_chunks_differ_each_looks_for_itself() -> None:
    """Elements that repeat are better by record, others by plane, under the same plan."""
    numbers = np.random.default_rng(5).normal(size=16_384).view(np.complex128)
    dense, repeated = numbers.view(np.uint8), np.tile(numbers[:512], 16).view(np.uint8)
    plan = Plan(Method.RECORDS, (Coder.STORED,) * 15 + (Coder.ENTROPY,), limit=0.9)
    packer = Packer(16)

    for raw, wanted in ((dense, 0), (repeated, SKIP_SHUFFLE), (dense, 0)):
        stored, mask = packer.pack(raw, plan)

        by_zlib(stored, mask, 16, raw)
        assert mask == wanted
        assert len(stored) < 0.96 * raw.size


def test_a_plan_is_kept_for_planes_that_are_noise_in_one_chunk_only() -> None:
    here = Plan(Method.PLANES, (Coder.STORED, Coder.QUICK, Coder.STORED))

    assert here.also_for(Plan(Method.PLANES, (Coder.CLOSER, Coder.ENTROPY, Coder.STORED))).coders == (
        Coder.CLOSER,
        Coder.QUICK,
        Coder.STORED,
    )
    assert here.also_for(Plan(Method.RECORDS)) is here


def test_a_compressible_chunk_is_shuffled_and_deflated() -> None:
    raw = np.arange(1000, dtype="<i8").view(np.uint8)

    stored, mask = pack(raw, 8)

    assert mask == 0
    assert len(stored) < raw.size / 4
    assert zlib.decompress(stored) == shuffle(raw, 8).tobytes()


def test_noise_is_stored_as_it_is() -> None:
    raw = np.random.default_rng(0).integers(0, 256, 4096, dtype=np.uint8)

    stored, mask = pack(raw, 8)

    assert mask == RAW == 3
    assert bytes(stored) == raw.tobytes()


def test_saving_less_than_a_hundredth_is_not_worth_it() -> None:
    noise = np.random.default_rng(0).integers(0, 256, 100_000, dtype=np.uint8)
    hardly = np.concatenate([noise, np.zeros(700, np.uint8)])
    enough = np.concatenate([noise, np.zeros(3000, np.uint8)])

    assert pack(hardly, 1)[1] == RAW
    assert pack(enough, 1)[1] == 0


@pytest.mark.parametrize("mask", [0, SKIP_SHUFFLE, SKIP_COMPRESSION, RAW])
def test_either_filter_may_have_been_skipped(mask: int) -> None:
    raw = np.arange(100, dtype="<u4").view(np.uint8)
    data = raw if mask & SKIP_SHUFFLE else shuffle(raw, 4)
    stored = data.tobytes() if mask & SKIP_COMPRESSION else zlib.compress(data.tobytes())

    assert unpack(stored, mask, raw.size, 4) == raw.tobytes()


@pytest.mark.parametrize("length", [0, 7, 9])
def test_a_raw_chunk_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(IntegrityError) as caught:
        unpack(bytes(length), RAW, 8, 8)

    assert str(caught.value) == f"an uncompressed chunk has {length} bytes instead of 8"


def test_after_a_trial_that_fails_chunks_can_be_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    raw, itemsize = chunk("dense state")
    choices = Choices(itemsize)
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "try_chunk", fail)
        with pytest.raises(MemoryError):
            pack_next(raw, choices, Packer(itemsize))

    stored, mask = pack_next(raw, choices, Packer(itemsize))

    by_zlib(stored, mask, itemsize, raw)


def dataset(names: list[str]) -> list[bytes]:
    """The chunks of a dataset, one after another."""
    choices, packer = Choices(16), Packer(16)
    stored = []
    for name in names:
        raw, _ = chunk(name)
        data, mask = pack_next(raw, choices, packer)
        by_zlib(data, mask, 16, raw)
        stored.append(bytes(data))
    return stored


def test_a_dataset_whose_nature_changes() -> None:
    """What was noise at first and is not later is noticed, within some chunks."""
    stored = dataset(["dense state"] * 40 + ["few values"] * 100)
    alone = len(dataset(["few values"])[0])

    assert len(stored[-1]) < 1.03 * alone
    assert len(stored[45]) > 1.5 * alone


def test_equal_chunks_give_equal_bytes() -> None:
    names = ["dense state", "sparse state", "few values", "one amplitude"] * 20

    assert dataset(names) == dataset(names)


def test_the_first_of_a_kind_tries_and_some_look_again() -> None:
    kind, used, due = Kind(), [], []
    for number in range(100):
        if kind.is_due():
            due.append(number)
            kind.found(Plan(Method.PLANES, limit=number))
        used.append(kind.plan.limit)

    assert due == [0, 3, 13, 33, 66, 99]
    assert used[:13] == [0] * 13
    assert used[13:33] == [3] * 20
    assert used[66:99] == [33] * 33


def test_chunks_of_one_sign_are_of_one_kind() -> None:
    choices = Choices(16)
    dense, sparse = chunk("dense state")[0], chunk("one amplitude")[0]

    assert sign_of(dense) != sign_of(sparse)
    assert choices.kind(dense) is choices.kind(dense)
    assert choices.kind(sparse) is not choices.kind(dense)
