"""The chunk tables of datasets in a project: offsets of the chunks, whose bytes are then read without HDF5."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from h5py import h5d, h5g, h5s, h5z
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import FormatError, IntegrityError, UnsafeContentError
from aerchive.filters.profiles import Codec
from aerchive.storage.chunks import checksums
from aerchive.storage.chunks.drafts import AttributeValue
from aerchive.storage.chunks.grid import chunk_number, grid_shape, pieces, select
from aerchive.storage.chunks.read_plan import HALVES, ChunkLocation, DatasetShape, ReadPlan, value_dtype
from aerchive.storage.hdf5.attributes import read_attribute, read_attributes
from aerchive.storage.hdf5.errors import hdf5_errors
from aerchive.storage.hdf5.types import memory_dtype, stored_type

_MAX_CHUNK_BYTES = 256 * 1024 * 1024
_LOOK_UP_EACH = 16
"""From this number of chunks on, the whole chunk table is read at once, instead of one entry for each chunk."""


def describe_dataset(dsid: h5d.DatasetID, where: str) -> DatasetShape:
    """Shape, dtype, chunk shape and codec of an open dataset.

    Raises:
        UnsafeContentError: The dataset has a storage layout that the format does not allow.
        FormatError: The dataset has filters or a type that the format does not allow.
    """
    with hdf5_errors(where):
        properties = dsid.get_create_plist()
        kind = properties.get_layout()
        is_outside = bool(properties.get_external_count())
        chunk = tuple(properties.get_chunk()) if kind == h5d.CHUNKED else None
        filters = tuple(properties.get_filter(number)[0] for number in range(properties.get_nfilters()))
        stored, shape = dsid.get_type(), tuple(dsid.shape)
    if kind not in (h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED) or is_outside:
        raise UnsafeContentError(f"{where}: virtual or external storage has no place in an aerchive project")
    codec = Codec.DEFLATE if chunk is None else _codec(filters, where)
    return DatasetShape(memory_dtype(stored, where), shape, chunk, codec)


def _codec(filters: tuple[int, ...], where: str) -> Codec:
    for codec in Codec:
        if filters == (h5z.FILTER_SHUFFLE, int(codec)):
            return codec
    raise FormatError(f"{where}: filters {filters} have no place in an aerchive project that this version reads")


class OpenDataset(NamedTuple):
    """A dataset that was already opened, with its description and attributes.

    Attributes:
        dsid: The open dataset.
        what: Description of the dataset: shape, dtype, chunk shape and codec.
        attributes: Attributes of the dataset.
    """

    dsid: h5d.DatasetID
    what: DatasetShape
    attributes: Mapping[str, AttributeValue]


def plan_read(
    group: h5g.GroupID, name: str, owner: str, where: str, key: object = ..., opened: OpenDataset | None = None
) -> ReadPlan:
    """Plans how to read a selection of a dataset.

    Args:
        group: The open group that holds the dataset.
        name: Name of the dataset.
        owner: UUID of the run, or path of the shared object, that the dataset belongs to; a part of every checksum.
        where: File and path of the dataset, for messages.
        key: The selection: integers, slices, ``...``, or a tuple of them.
        opened: The dataset, if it was already opened.

    Raises:
        FormatError: The dataset has a type that aerchive never writes.
        UnsafeContentError: The storage of the dataset is virtual or external, or its chunks are too large.
    """
    if opened is None:
        member = name.encode()
        with hdf5_errors(where):
            dsid = h5d.open(group, member)
        what, attributes = describe_dataset(dsid, where), None
    else:
        dsid, what, attributes = opened
    selection = select(key, what.shape)
    if what.chunk is None:
        values = read_values(dsid, what, where)
        return ReadPlan(where, owner, name, what.dtype, what.dtype, what.shape, selection, values=values)
    named = None
    if what.dtype in HALVES:
        named = read_attribute(dsid, "dtype", where) if attributes is None else attributes.get("dtype")
    dtype = value_dtype(what.dtype, named)
    if math.prod(what.chunk) * dtype.itemsize > _MAX_CHUNK_BYTES:
        raise UnsafeContentError(f"{where}: chunks of shape {what.chunk} are too large to be ours")
    needed = list(pieces(selection, what.chunk))
    stored = _chunk_table(dsid, [piece.offset for piece in needed], where)
    sums = ChunkSumsReader(group, dsid, name, math.prod(grid_shape(what.shape, what.chunk)), where, attributes)
    crcs = sums.crc_lookup(len(needed))
    locations = []
    for piece in needed:
        number = chunk_number(piece.offset, what.shape, what.chunk)
        address, nbytes, mask = stored.get(piece.offset, (-1, 0, 0))
        locations.append(ChunkLocation(piece, number, address, nbytes, mask, crcs(number)))
    return ReadPlan(
        where, owner, name, dtype, what.dtype, what.chunk, selection, tuple(locations), None, what.codec, sums.digest
    )


def read_values(dsid: h5d.DatasetID, what: DatasetShape, where: str) -> NDArray[Any]:
    """All values of a dataset, read by HDF5."""
    values, tid = np.empty(what.shape, what.dtype), stored_type(what.dtype)
    with hdf5_errors(where):
        dsid.read(h5s.ALL, h5s.ALL, values, tid)
    return values


def _chunk_table(
    dsid: h5d.DatasetID, offsets: list[tuple[int, ...]], where: str
) -> dict[tuple[int, ...], tuple[int, int, int]]:
    table: dict[tuple[int, ...], tuple[int, int, int]] = {}

    def note(info: Any) -> None:
        if info.byte_offset is not None and info.size:
            table[tuple(info.chunk_offset)] = (info.byte_offset, info.size, info.filter_mask)

    with hdf5_errors(where, what="the chunk table is damaged"):
        if len(offsets) < _LOOK_UP_EACH:
            for offset in offsets:
                info = dsid.get_chunk_info_by_coord(offset)
                if info.byte_offset is not None and info.size:
                    table[offset] = (info.byte_offset, info.size, info.filter_mask)
        elif dsid.get_storage_size():
            dsid.chunk_iter(note)
    return table


class ChunkSumsReader:
    """Reads the stored checksums of a dataset's chunks, from its attributes or its table of checksums.

    Args:
        group: The open group that holds the dataset.
        dsid: The open dataset.
        name: Name of the dataset.
        number: Number of chunks of the dataset.
        where: File and path of the dataset, for messages.
        attributes: Attributes of the dataset, if they were already read.

    Attributes:
        digest: Name of the stored digest, a key of `aerchive.storage.chunks.checksums.DIGESTS`.

    Raises:
        IntegrityError: The table of checksums is missing, or has the wrong number of rows.
        FormatError: There is no digest that this version knows.
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
        self._table = None if number == 1 else self._open(group, (name + layout.CHECKSUMS_SUFFIX).encode())
        self.digest = self._named(self._only if self._table is None else (self._table.dtype.names or ()))

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
            return [str(self._only.get(self.digest, ""))]
        return [
            bytes(row).decode("ascii", "replace") for row in self._rows(table, self.digest, 0, self._number).tolist()
        ]

    def _open(self, group: h5g.GroupID, name: bytes) -> h5d.DatasetID:
        with hdf5_errors(self._where):
            table = h5d.open(group, name) if name in group else None
            shape = None if table is None else tuple(table.shape)
        if shape is None:
            raise IntegrityError(f"{self._where}: the table of its checksums is missing")
        if shape != (self._number,):
            raise IntegrityError(
                f"{self._where}: the table of its checksums has shape {shape} for {self._number} chunks"
            )
        return table

    def _named(self, names: Iterable[str]) -> str:
        for digest in checksums.DIGESTS:
            if digest in names:
                return digest
        raise FormatError(
            f"{self._where}: its chunks have none of the digests that this aerchive knows "
            f"({', '.join(checksums.DIGESTS)}); upgrade it (pip install -U aerchive)"
        )

    def _rows(self, table: h5d.DatasetID, column: str, first: int, number: int) -> NDArray[Any]:
        rows = np.empty(number, [(column, checksums.table_dtype(self.digest)[column])])
        tid = stored_type(rows.dtype)
        with hdf5_errors(self._where):
            space = table.get_space()
            space.select_hyperslab((first,), (number,))
            table.read(h5s.create_simple((number,)), space, rows, tid)
        return rows[column]
