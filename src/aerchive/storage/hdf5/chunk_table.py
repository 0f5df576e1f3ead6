"""The chunk tables of datasets in a project: offsets of the chunks, whose bytes are then read without HDF5."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from h5py import h5d, h5g, h5s
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import FormatError, IntegrityError, NotFoundError
from aerchive.limits import limits, over_limit
from aerchive.storage.chunks import checksums
from aerchive.storage.chunks.drafts import AttributeValue
from aerchive.storage.chunks.grid import Selection, box_shape, chunk_number, chunk_shape, grid_shape, pieces, select
from aerchive.storage.chunks.read_plan import HALVES, ChunkLocation, ReadPlan, value_dtype
from aerchive.storage.chunks.rewritten import Place, RewrittenChunks, RewrittenPlan
from aerchive.storage.hdf5.attributes import read_attribute, read_attributes
from aerchive.storage.hdf5.errors import hdf5_errors
from aerchive.storage.hdf5.nodes import Dataset, open_array, open_table, read_values
from aerchive.storage.hdf5.types import has_ascii, stored_type

_MAX_DIGITS = 19
_LOOK_UP_EACH = 16
"""From this number of chunks on, the whole chunk table is read at once, instead of one entry for each chunk."""


def plan_read(
    group: h5g.GroupID,
    name: str,
    owner: str,
    where: str,
    key: object = ...,
    opened: Dataset | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> ReadPlan:
    """Plans how to read a selection of a dataset.

    Args:
        group: The open group that holds the dataset.
        name: Name of the dataset.
        owner: UUID of the run, or path of the shared object, that the dataset belongs to; a part of every checksum.
        where: File and path of the dataset, for messages.
        key: The selection: integers, slices, ``...``, or a tuple of them.
        opened: The dataset, if it was already opened.
        attributes: Attributes of the dataset, if they were already read.

    Raises:
        NotFoundError: There is no such dataset.
        FormatError: The dataset has a type or filters that aerchive never writes.
        UnsafeContentError: The storage of the dataset is virtual or external, or larger than a limit allows.
    """
    opened = open_array(group, name, where) if opened is None else opened
    dsid, what = opened
    selection = select(key, what.shape)
    if what.filters is not None:
        return _plan_rewritten(group, name, owner, where, selection, opened, attributes)
    if what.chunk is None:
        values = read_values(opened, where)
        return ReadPlan(where, owner, name, what.dtype, what.dtype, what.shape, selection, values=values)
    named = None
    if what.dtype in HALVES:
        named = read_attribute(dsid, "dtype", where) if attributes is None else attributes.get("dtype")
    dtype = value_dtype(what.dtype, named)
    # The checksums come first: a forged shape has more chunks than the table of checksums can have rows.
    sums = sums_of(group, name, where, opened, what.chunk, attributes)
    needed = list(pieces(selection, what.chunk))
    stored = _chunk_table(dsid, [piece.offset for piece in needed], where)
    crcs = sums.crc_lookup(len(needed))
    locations = []
    for piece in needed:
        number = chunk_number(piece.offset, what.shape, what.chunk)
        address, nbytes, mask = stored.get(piece.offset, (-1, 0, 0))
        locations.append(ChunkLocation(piece, number, address, nbytes, mask, crcs(number)))
    return ReadPlan(where, owner, name, dtype, what.dtype, what.chunk, selection, tuple(locations), None, what.codec)


def _chunk_table(
    dsid: h5d.DatasetID, offsets: list[tuple[int, ...]] | None, where: str
) -> dict[tuple[int, ...], tuple[int, int, int]]:
    table: dict[tuple[int, ...], tuple[int, int, int]] = {}

    def note(info: Any) -> None:
        if info.byte_offset is not None and info.size:
            table[tuple(info.chunk_offset)] = (info.byte_offset, info.size, info.filter_mask)

    with hdf5_errors(where, what="the chunk table is damaged"):
        if offsets is not None and len(offsets) < _LOOK_UP_EACH:
            for offset in offsets:
                info = dsid.get_chunk_info_by_coord(offset)
                if info.byte_offset is not None and info.size:
                    table[offset] = (info.byte_offset, info.size, info.filter_mask)
        elif dsid.get_storage_size():
            dsid.chunk_iter(note)
    return table


def _plan_rewritten(
    group: h5g.GroupID,
    name: str,
    owner: str,
    where: str,
    selection: Selection,
    opened: Dataset,
    attributes: Mapping[str, AttributeValue] | None,
) -> ReadPlan:
    """Plans how to read a dataset of a file that another program has rewritten, in the pieces that have digests."""
    dsid, what = opened
    attributes = read_attributes(dsid, where) if attributes is None else attributes
    dtype = value_dtype(what.dtype, attributes.get("dtype"))
    if math.prod(what.shape) * dtype.itemsize <= layout.MAX_COMPACT_BYTES and "blake3" not in attributes:
        values = read_values(opened, where)
        return ReadPlan(where, owner, name, dtype, what.dtype, what.shape, selection, values=values)
    size = _piece_shape(attributes.get(layout.PIECE_SHAPE), what.shape, dtype.itemsize, where)
    digests = sums_of(group, name, where, opened, size, attributes).digests()
    locations = [
        ChunkLocation(piece, chunk_number(piece.offset, what.shape, size), -1, 0, 0, 0)
        for piece in pieces(selection, size)
    ]
    with hdf5_errors(where):
        is_compact = dsid.get_create_plist().get_layout() == h5d.COMPACT
    whole = read_values(opened, where) if is_compact else None
    chunk = what.chunk or (what.shape if is_compact else chunk_shape(what.shape, what.dtype.itemsize))
    find, is_padded = _finder(opened, where), what.chunk is not None
    chunks = RewrittenChunks(where, what.dtype, what.shape, chunk, what.filters or (), is_padded, find, whole)
    return RewrittenPlan(
        where, owner, name, dtype, what.dtype, size, selection, tuple(locations), chunks=chunks, digests=digests
    )


def _piece_shape(text: object, shape: tuple[int, ...], itemsize: int, where: str) -> tuple[int, ...]:
    """The shape of the pieces that have digests; a dataset that does not name it is one piece."""
    parts = text.split(" ") if isinstance(text, str) else list(map(str, shape))
    size = tuple(int(part) if part.isascii() and part.isdigit() and len(part) < _MAX_DIGITS else 0 for part in parts)
    if len(size) != len(shape) or not all(0 < piece <= length for piece, length in zip(size, shape, strict=True)):
        raise FormatError(f"{where}: {text!r} is not the shape of pieces of an array of shape {shape}")
    if math.prod(size) * itemsize > limits().chunk_bytes:
        raise over_limit(where, "chunk_bytes", f"pieces of shape {size} have more bytes")
    return size


def _finder(opened: Dataset, where: str) -> Callable[[tuple[int, ...]], Place | None]:
    """A function that returns the place of a chunk, as `RewrittenChunks` needs it; HDF5 is called only here."""
    dsid, what = opened
    if what.chunk is not None:
        table = _chunk_table(dsid, None, where)
        return lambda offset: Place(*table[offset]) if offset in table else None
    with hdf5_errors(where):
        start = dsid.get_offset()
    itemsize, chunk = what.dtype.itemsize, chunk_shape(what.shape, what.dtype.itemsize)
    steps = [math.prod(what.shape[axis + 1 :]) for axis in range(len(what.shape))]

    def find(offset: tuple[int, ...]) -> Place | None:
        if start is None:
            return None
        first = sum(at * step for at, step in zip(offset, steps, strict=True))
        return Place(start + first * itemsize, math.prod(box_shape(offset, what.shape, chunk)) * itemsize, 0)

    return find


def sums_of(
    group: h5g.GroupID,
    name: str,
    where: str,
    opened: Dataset,
    chunk: tuple[int, ...],
    attributes: Mapping[str, AttributeValue] | None = None,
) -> ChunkSumsReader:
    """The stored checksums of a dataset in chunks, or in pieces of the shape ``chunk``.

    Other arguments are as for `plan_read`, and errors as for `ChunkSumsReader`.
    """
    dsid, what = opened
    return ChunkSumsReader(group, dsid, name, math.prod(grid_shape(what.shape, chunk)), where, attributes)


class ChunkSumsReader:
    """Reads the stored checksums of a dataset's chunks, from its attributes or its table of checksums.

    Args:
        group: The open group that holds the dataset.
        dsid: The open dataset.
        name: Name of the dataset.
        number: Number of chunks of the dataset.
        where: File and path of the dataset, for messages.
        attributes: Attributes of the dataset, if they were already read.

    Raises:
        IntegrityError: The table of checksums is missing, or has the wrong number of rows.
    """

    def __init__(
        self,
        group: h5g.GroupID,
        dsid: h5d.DatasetID,
        name: str,
        number: int,
        where: str,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> None:
        self._number = number
        self._where = where
        self._only: Mapping[str, AttributeValue] = {}
        if number == 1:
            self._only = read_attributes(dsid, where) if attributes is None else attributes
        self._table = None if number == 1 else self._open(group, name + layout.CHECKSUMS_SUFFIX)

    def crc_lookup(self, number: int) -> Callable[[int], int]:
        """A function that returns the stored CRC-32 of a chunk, given the chunk's number.

        Args:
            number: Number of chunks that will be looked up: a few are read one by one, many all at once.

        Raises:
            IntegrityError: The only chunk of the dataset has no stored CRC-32.
        """
        table = self._table
        if table is None:
            only = self._only.get("crc32")
            if not isinstance(only, int):
                raise IntegrityError(f"{self._where}: has no checksum")
            return lambda _number: only
        if number < _LOOK_UP_EACH:
            return lambda row: int(self._rows(table, "crc32", row, 1)[0])
        rows = self._rows(table, "crc32", 0, self._number)
        return lambda row: int(rows[row])

    def digests(self) -> list[str]:
        """The stored digests of all chunks, in row-major order, each of 64 hexadecimal digits."""
        table = self._table
        if table is None:
            return [str(self._only.get("blake3", ""))]
        return [bytes(row).decode("ascii", "replace") for row in self._rows(table, "blake3", 0, self._number).tolist()]

    def _open(self, group: h5g.GroupID, name: str) -> Dataset:
        try:
            table = open_table(group, name, self._where + layout.CHECKSUMS_SUFFIX)
        except NotFoundError:
            raise IntegrityError(f"{self._where}: the table of its checksums is missing") from None
        if table.what.shape != (self._number,):
            raise IntegrityError(
                f"{self._where}: the table of its checksums has shape {table.what.shape} for {self._number} chunks"
            )
        if table.what.dtype.names != checksums.TABLE_DTYPE.names:
            raise IntegrityError(f"{self._where}: the table of its checksums has columns {table.what.dtype.names}")
        with hdf5_errors(self._where):
            stored_bytes = table.dsid.get_storage_size()
        if not table.what.filters and stored_bytes < self._number * table.what.dtype.itemsize:
            raise IntegrityError(f"{self._where}: the table of its checksums is not stored, or only in part")
        return table

    def _rows(self, table: Dataset, column: str, first: int, number: int) -> NDArray[Any]:
        rows = np.empty(number, [(column, checksums.TABLE_DTYPE[column])])
        with hdf5_errors(self._where):
            is_ascii = has_ascii(table.dsid.get_type())
        tid = stored_type(rows.dtype, is_ascii=is_ascii)
        with hdf5_errors(self._where):
            space = table.dsid.get_space()
            space.select_hyperslab((first,), (number,))
            table.dsid.read(h5s.create_simple((number,)), space, rows, tid)
        return rows[column]
