"""Turns the values of a draft into stored chunks: rounded if requested, narrowed if possible, and compressed.

`layers` decides once for a dataset which of these steps apply, and returns two functions for its chunks. ``take`` runs
in one thread, in the order of the chunks: it reads a chunk and gets its task from `aerchive.filters.choice`, which
depends on that order. ``pack`` runs in any thread and does the work: round, narrow, compress. So the bytes do not
depend on the number of threads. `packed_chunks` puts both together; if it is stopped early, the tasks that were taken
and not packed are skipped, because other threads may wait for their plans.
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
from aerchive.filters.choice import Task
from aerchive.filters.deflate import Buffer
from aerchive.filters.narrow import narrower, to_narrow
from aerchive.filters.profiles import PORTABLE, Codec
from aerchive.filters.rounding import Rounding, certify
from aerchive.storage.chunks import checksums
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, PackedChunk, PackedDataset
from aerchive.storage.chunks.grid import chunk_offsets, chunk_shape, grid_shape
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.threads import in_order

_GLANCE = 4096
_TOGETHER = 2
"""Number of chunks that a thread compresses at a time; with two, threads synchronise half as often."""
_EXACT = "max_infidelity was asked for, but {}"
"""Text of the attribute ``exact`` of a dataset, which says why the dataset was not rounded."""


@dataclass(frozen=True)
class Layers:
    """The steps from the values of a dataset to its stored chunks.

    Attributes:
        dtype: The dtype of the stored elements.
        chunk: Shape of a chunk.
        codec: The filter after the byte shuffle.
        attributes: Attributes that describe these steps, added to the draft's own.
        take: Function that reads a chunk, given its number and the index of its first element; called in order.
        pack: Function that turns the result of ``take`` into stored bytes and filter mask, in any thread; the bytes are
            empty if the chunk is all zero.
        digest: Name of the chunks' digest. Copied chunks keep their digests, so that the run's digest stays the same.
    """

    dtype: np.dtype[Any]
    chunk: tuple[int, ...]
    codec: Codec
    attributes: Mapping[str, AttributeValue]
    take: Callable[[int, tuple[int, ...]], Any]
    pack: Callable[[Any], tuple[Buffer, int]]
    digest: str = checksums.DIGEST


def layers(draft: DatasetDraft) -> Layers:
    """Decides how a dataset is stored; examines its values if the decision depends on them."""
    if draft.packed is not None:
        return _as_it_is(draft.packed)
    chunk = chunk_shape(draft.shape, draft.dtype.itemsize)
    compression = draft.compression if draft.is_treated else PORTABLE
    attributes: dict[str, AttributeValue] = {}
    rounding = None
    if compression.max_infidelity is not None and draft.is_treated:
        rounding = _rounding(draft, compression.max_infidelity, attributes)

    def rounded(raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return raw if rounding is None else rounding.apply(raw.view(np.float64)).view(np.uint8)

    def values(offset: tuple[int, ...]) -> NDArray[np.uint8]:
        return rounded(draft.read_chunk(offset, chunk))

    dtype = draft.dtype
    if draft.is_treated and compression.profile != "none" and _is_narrow(draft, chunk, values):
        dtype = narrower(dtype) or dtype
    if dtype != draft.dtype or compression.codec is not Codec.DEFLATE:
        attributes["encoding_version"] = layout.ARRAY_VERSION
    if compression.hint is not None:
        attributes["filter_hint"] = compression.hint
    packing = compression.packing(dtype.itemsize)

    def stored_values(raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
        raw = rounded(raw)
        narrow = raw if dtype == draft.dtype else to_narrow(raw)
        if narrow is None:
            raise TransactionError("an array was changed while it was written; save it again")
        return narrow

    def take(_number: int, offset: tuple[int, ...]) -> tuple[NDArray[np.uint8], Task | None] | None:
        raw = draft.read_chunk(offset, chunk)
        return (raw, packing.task(raw)) if raw[:_GLANCE].any() or raw.any() else None

    def pack(taken: tuple[NDArray[np.uint8], Task | None] | None) -> tuple[Buffer, int]:
        if taken is None:
            return b"", 0
        raw, task = taken
        try:
            raw = stored_values(raw)
            if rounding is None or raw.any():
                return packing.pack(raw, task)
            packing.skip(task)
        except BaseException:
            packing.skip(task)  # other chunks may wait for the result of this task
            raise
        return b"", 0

    return Layers(dtype, chunk, compression.codec, attributes, take, pack)


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


def packed_chunks(way: Layers, shape: tuple[int, ...], owner: str, name: str) -> Generator[FinishedChunk, None, None]:
    """Compresses the chunks of a dataset in threads and yields them in row-major order; only a few are in memory.

    Args:
        way: The steps from values to stored chunks.
        shape: Shape of the dataset.
        owner: UUID of the run, or path of the shared object, that the chunks belong to; a part of every checksum.
        name: Name of the dataset in its group.
    """

    def pack(item: tuple[int, tuple[int, ...], Any]) -> FinishedChunk:
        number, offset, taken = item
        stored, mask = way.pack(taken)
        sums = checksums.chunk_sums(stored, owner, name, number, mask, way.digest)
        return FinishedChunk(number, offset, stored, mask, sums)

    offsets = enumerate(chunk_offsets(shape, way.chunk))
    items = ((number, offset, way.take(number, offset)) for number, offset in offsets)
    with contextlib.closing(in_order(pack, items, math.prod(grid_shape(shape, way.chunk)), together=_TOGETHER)) as done:
        for chunk in done:
            check_interrupt()
            yield chunk


def _as_it_is(packed: PackedDataset) -> Layers:
    def take(number: int, _offset: tuple[int, ...]) -> PackedChunk:
        return packed.read(number)

    def pack(taken: PackedChunk) -> tuple[Buffer, int]:
        return taken.stored, taken.mask

    return Layers(packed.dtype, packed.chunk, packed.codec, {}, take, pack, packed.digest)


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


def _is_narrow(
    draft: DatasetDraft, chunk: tuple[int, ...], values: Callable[[tuple[int, ...]], NDArray[np.uint8]]
) -> bool:
    """Whether all values are exact in single precision, bit for bit; stops at the first chunk that is not."""
    if narrower(draft.dtype) is None:
        return False
    offsets = chunk_offsets(draft.shape, chunk)
    if to_narrow(values(next(offsets))) is None:
        return False
    number = max(1, draft.nbytes // layout.CHUNK_BYTES)
    checks = in_order(lambda offset: to_narrow(values(offset)) is not None, offsets, number)
    try:
        return all(checks)
    finally:
        checks.close()
