"""A chunk through the filters: as HDF5 itself would do it, and whichever of the ways pays."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerchive.errors import IntegrityError
from aerchive.filters import pipeline
from aerchive.filters.choice import Choices, Method, Plan, Ticket, sign_of
from aerchive.filters.deflate import Buffer
from aerchive.filters.pipeline import RAW, SKIP_COMPRESSION, SKIP_SHUFFLE, Packer, task_for
from aerchive.filters.planes import Coder
from aerchive.filters.profiles import Codec, unpack_chunk
from aerchive.filters.shuffle import shuffle
from tests.filters.chunks import CHUNKS, chunk


def as_bytes(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


def pack(raw: np.ndarray, itemsize: int) -> tuple[Buffer, int]:
    return Packer(itemsize).pack(raw, task_for(raw, itemsize, Choices()))


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
    ticket = Ticket()
    ticket.fill(Plan(method))

    stored, mask = Packer(itemsize).pack(raw, pipeline.Task(ticket))

    by_zlib(stored, mask, itemsize, raw)
    assert len(stored) <= raw.size


def test_where_chunks_differ_each_looks_for_itself() -> None:
    """Elements that repeat are better by record, others by plane, under the same plan."""
    numbers = np.random.default_rng(5).normal(size=16_384).view(np.complex128)
    dense, repeated = numbers.view(np.uint8), np.tile(numbers[:512], 16).view(np.uint8)
    ticket = Ticket()
    ticket.fill(Plan(Method.RECORDS, (Coder.STORED,) * 15 + (Coder.ENTROPY,), limit=0.9))
    packer = Packer(16)

    for raw, wanted in ((dense, 0), (repeated, SKIP_SHUFFLE), (dense, 0)):
        stored, mask = packer.pack(raw, pipeline.Task(ticket))

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


def test_a_trial_that_fails_lets_nobody_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    raw, itemsize = chunk("dense state")
    choices = Choices()
    first, second = task_for(raw, itemsize, choices), task_for(raw, itemsize, choices)
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "try_chunk", fail)
        with pytest.raises(MemoryError):
            Packer(itemsize).pack(raw, first)

    stored, mask = Packer(itemsize).pack(raw, second)

    by_zlib(stored, mask, itemsize, raw)


def dataset(names: list[str]) -> list[bytes]:
    """The chunks of a dataset, one after another."""
    choices, packer = Choices(), Packer(16)
    stored = []
    for name in names:
        raw, _ = chunk(name)
        data, mask = packer.pack(raw, task_for(raw, 16, choices))
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
    choices = Choices()
    dense, sparse = chunk("dense state")[0], chunk("one amplitude")[0]
    tasks = [choices.task(dense) for _ in range(100)]

    assert sign_of(dense) != sign_of(sparse)
    assert [number for number, task in enumerate(tasks) if task.fill is not None] == [0, 3, 13, 33, 66, 99]
    assert tasks[0].use is None
    assert tasks[2].use is tasks[3].use is tasks[12].use is tasks[0].fill
    assert tasks[13].use is tasks[14].use is tasks[32].use is tasks[3].fill
    assert tasks[66].use is tasks[67].use is tasks[33].fill
    assert choices.task(sparse).use is None
