"""Turns the values of a draft into stored chunks: rounded if requested, narrowed if possible, and compressed.

1. `plan_write` decides once for a dataset which of these steps apply. Single precision is used if each value has it.
2. ``WritePlan.begin`` is called in one thread, in the order of the chunks: it reads a chunk. If it is the turn of this
   chunk to try ways of compression (`aerchive.filters.choice`), it also compresses it.
3. The function that ``begin`` returns is called in any thread and does the rest: round, digest, narrow, compress.
4. `packed_chunks` does this for all chunks, and yields them in their order. What it yields does not depend on the
   number of threads.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import TransactionError
from aerchive.filters import zstandard
from aerchive.filters.deflate import Buffer
from aerchive.filters.narrow import narrower, to_narrow
from aerchive.filters.pipeline import pack_text
from aerchive.filters.profiles import PORTABLE, Codec
from aerchive.filters.rounding import Rounding, certify
from aerchive.storage.chunks import checksums
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, PackedChunk, PackedDataset
from aerchive.storage.chunks.grid import box_shape, chunk_offsets, chunk_shape, grid_shape
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.threads import in_order

_MOST_SHUFFLED = 8
"""Width in bytes up to which texts are shuffled. In longer ones, such as rows of a document, what repeats is not the
same place of each row."""
_FIRST_BYTES = 4096
"""Number of bytes of a chunk that are looked at first, because of most chunks one of them is not zero."""
_TOGETHER = 2
"""Number of chunks that a thread compresses at a time; with two, threads synchronise half as often."""
_EXACT = "max_infidelity was asked for, but {}"
"""Text of the attribute ``exact`` of a dataset, which says why the dataset was not rounded."""


@dataclass(frozen=True)
class WritePlan:
    """The steps from the values of a dataset to its stored chunks.

    Attributes:
        dtype: The dtype of the stored elements.
        chunk: Shape of a chunk.
        codec: The filter after the byte shuffle.
        attributes: Attributes that describe these steps, added to the draft's own.
        begin: Function that reads a chunk, given its number and the index of its first element; called in order. It
            returns a function that any thread may call to get the stored chunk.
    """

    dtype: np.dtype[Any]
    chunk: tuple[int, ...]
    codec: Codec
    attributes: Mapping[str, AttributeValue]
    begin: Callable[[int, tuple[int, ...]], Callable[[], PackedChunk]]


def plan_write(draft: DatasetDraft) -> WritePlan:
    """Decides how a dataset is stored; examines its values if the decision depends on them."""
    if draft.packed is not None:
        return _as_it_is(draft.packed, draft.shape)
    chunk = draft.chunk or chunk_shape(draft.shape, draft.dtype.itemsize)
    compression = draft.compression if draft.uses_compression else PORTABLE
    attributes: dict[str, AttributeValue] = {}
    rounding = None
    if compression.max_infidelity is not None and draft.uses_compression:
        rounding = _rounding(draft, compression.max_infidelity, attributes)

    def rounded(raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return raw if rounding is None else rounding.apply(raw.view(np.float64)).view(np.uint8)

    dtype = draft.dtype
    if draft.uses_compression and compression.profile != "none":
        dtype = _narrowed(draft, chunk, rounded) or dtype
    packing = compression.packing(dtype.itemsize)

    def begin(_number: int, offset: tuple[int, ...]) -> Callable[[], PackedChunk]:
        raw = draft.read_chunk(offset, chunk)
        box = box_shape(offset, draft.shape, chunk)
        if not raw[:_FIRST_BYTES].any() and not raw.any():
            zeros = PackedChunk(b"", 0, checksums.zeros_digest(math.prod(box) * draft.dtype.itemsize))
            return lambda: zeros
        if dtype.kind == "S" and dtype.itemsize > _MOST_SHUFFLED:
            text = raw if box == chunk else _inside(raw, draft.dtype, chunk, box)
            return lambda: PackedChunk(*pack_text(raw), checksums.value_digest(text.data))
        digest: list[str] = []

        def stored_values(raw: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
            raw = rounded(raw)
            inside = raw if box == chunk else _inside(raw, draft.dtype, chunk, box)
            digest.append(checksums.value_digest(inside.data))
            narrow = raw if dtype == draft.dtype else to_narrow(raw)
            if narrow is None:
                raise TransactionError("an array was changed while it was written; save it again")
            return narrow if rounding is None or narrow.any() else None

        pack = packing.begin(raw, stored_values)
        return lambda: PackedChunk(*pack(), *digest)

    return WritePlan(
        dtype, chunk, compression.codec, attributes | _storage(draft.shape, chunk, compression.codec), begin
    )


class FinishedChunk(NamedTuple):
    """One chunk, ready to be written.

    Attributes:
        number: The chunk's number, row-major over the grid of chunks.
        offset: Index in the array of the chunk's first element.
        stored: The bytes to be stored; empty if all values are zero and the chunk is not written.
        mask: HDF5's filter mask of the chunk.
        sums: Checksums of the chunk.
    """

    number: int
    offset: tuple[int, ...]
    stored: Buffer
    mask: int
    sums: checksums.ChunkSums


def packed_chunks(
    plan: WritePlan, shape: tuple[int, ...], owner: str, name: str
) -> Generator[FinishedChunk, None, None]:
    """Compresses the chunks of a dataset in threads and yields them in row-major order; only a few are in memory.

    Args:
        plan: The steps from values to stored chunks.
        shape: Shape of the dataset.
        owner: UUID of the run, or path of the shared object, that the chunks belong to; a part of every checksum.
        name: Name of the dataset in its group.
    """

    def pack(item: tuple[int, tuple[int, ...], Callable[[], PackedChunk]]) -> FinishedChunk:
        number, offset, packed = item
        stored, mask, digest = packed()
        sums = checksums.ChunkSums(checksums.chunk_crc(stored, owner, name, number, mask), digest)
        return FinishedChunk(number, offset, stored, mask, sums)

    if shape == plan.chunk:  # most texts of a run are one chunk
        check_interrupt()
        yield pack((0, (0,) * len(shape), plan.begin(0, (0,) * len(shape))))
        return
    offsets = enumerate(chunk_offsets(shape, plan.chunk))
    items = ((number, offset, plan.begin(number, offset)) for number, offset in offsets)
    with contextlib.closing(
        in_order(pack, items, math.prod(grid_shape(shape, plan.chunk)), together=_TOGETHER)
    ) as done:
        for chunk in done:
            check_interrupt()
            yield chunk


def _as_it_is(packed: PackedDataset, shape: tuple[int, ...]) -> WritePlan:
    def begin(number: int, _offset: tuple[int, ...]) -> Callable[[], PackedChunk]:
        chunk = packed.read(number)
        return lambda: chunk

    return WritePlan(packed.dtype, packed.chunk, packed.codec, _storage(shape, packed.chunk, packed.codec), begin)


def _storage(shape: tuple[int, ...], chunk: tuple[int, ...], codec: Codec) -> dict[str, AttributeValue]:
    """The attributes that say how the values are stored, without the checksums."""
    attributes: dict[str, AttributeValue] = {}
    if codec is not Codec.DEFLATE:
        attributes["filter_hint"] = zstandard.HINT
    if math.prod(grid_shape(shape, chunk)) > 1:
        attributes[layout.PIECE_SHAPE] = " ".join(map(str, chunk))
    return attributes


def _inside(
    raw: NDArray[np.uint8], dtype: np.dtype[Any], chunk: tuple[int, ...], box: tuple[int, ...]
) -> NDArray[np.uint8]:
    """The bytes of the values of a padded chunk that lie in the array."""
    values = raw.reshape(*chunk, dtype.itemsize)[tuple(map(slice, box))]
    return np.ascontiguousarray(values).reshape(-1)


def _rounding(draft: DatasetDraft, max_infidelity: float, attributes: dict[str, AttributeValue]) -> Rounding | None:
    kind = draft.attributes.get("kind")
    if not draft.is_state or draft.dtype != np.dtype("<c16"):
        if kind == "density_matrix":
            attributes["exact"] = _EXACT.format("for density matrices there is no bound that would be worth it")
        return None
    rounding = certify(draft.parts, max_infidelity)
    if rounding is None:
        attributes["exact"] = _EXACT.format("the state is zero, not finite, or beyond the range of the proof")
        return None
    attributes["max_infidelity"] = max_infidelity
    attributes["infidelity_bound"] = rounding.bound
    attributes["infidelity"] = rounding.infidelity
    attributes["grid"] = rounding.grid
    return rounding


def _narrowed(
    draft: DatasetDraft, chunk: tuple[int, ...], rounded: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
) -> np.dtype[Any] | None:
    """The dtype of single precision, if it represents all values bit for bit; stops at the first that differs."""
    narrow = narrower(draft.dtype)
    if narrow is None:
        return None

    def is_exact(offset: tuple[int, ...]) -> bool:
        return to_narrow(rounded(draft.read_chunk(offset, chunk))) is not None

    offsets = chunk_offsets(draft.shape, chunk)
    if not is_exact(next(offsets)):
        return None
    with contextlib.closing(in_order(is_exact, offsets, max(1, draft.nbytes // layout.CHUNK_BYTES))) as checks:
        return narrow if all(checks) else None
