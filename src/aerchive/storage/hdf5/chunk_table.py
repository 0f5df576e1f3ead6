"""The chunk tables of datasets in a project: offsets of the chunks, whose bytes are then read without HDF5."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from h5py import h5d, h5g, h5s
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import FormatError, IntegrityError, NotFoundError
from aerchive.storage.chunks import checksums
from aerchive.storage.chunks.drafts import AttributeValue
from aerchive.storage.chunks.grid import chunk_number, grid_shape, pieces, select
from aerchive.storage.chunks.read_plan import HALVES, ChunkLocation, ReadPlan, value_dtype
from aerchive.storage.hdf5.attributes import read_attribute, read_attributes
from aerchive.storage.hdf5.errors import hdf5_errors
from aerchive.storage.hdf5.nodes import Dataset, open_array, open_table, read_values
from aerchive.storage.hdf5.types import has_ascii, stored_type

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
    if what.chunk is None:
        values = read_values(opened, where)
        return ReadPlan(where, owner, name, what.dtype, what.dtype, what.shape, selection, values=values)
    named = None
    if what.dtype in HALVES:
        named = read_attribute(dsid, "dtype", where) if attributes is None else attributes.get("dtype")
    dtype = value_dtype(what.dtype, named)
    # The checksums come first: a forged shape has more chunks than the table of checksums can have rows.
    sums = ChunkSumsReader(group, dsid, name, math.prod(grid_shape(what.shape, what.chunk)), where, attributes)
    needed = list(pieces(selection, what.chunk))
    stored = _chunk_table(dsid, [piece.offset for piece in needed], where)
    crcs = sums.crc_lookup(len(needed))
    locations = []
    for piece in needed:
        number = chunk_number(piece.offset, what.shape, what.chunk)
        address, nbytes, mask = stored.get(piece.offset, (-1, 0, 0))
        locations.append(ChunkLocation(piece, number, address, nbytes, mask, crcs(number)))
    return ReadPlan(
        where, owner, name, dtype, what.dtype, what.chunk, selection, tuple(locations), None, what.codec, sums.digest
    )


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
        self._table = None if number == 1 else self._open(group, name + layout.CHECKSUMS_SUFFIX)
        self.digest = self._named(self._only if self._table is None else (self._table.what.dtype.names or ()))

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

    def _open(self, group: h5g.GroupID, name: str) -> Dataset:
        try:
            table = open_table(group, name, self._where + layout.CHECKSUMS_SUFFIX)
        except NotFoundError:
            raise IntegrityError(f"{self._where}: the table of its checksums is missing") from None
        if table.what.shape != (self._number,):
            raise IntegrityError(
                f"{self._where}: the table of its checksums has shape {table.what.shape} for {self._number} chunks"
            )
        with hdf5_errors(self._where):
            stored_bytes = table.dsid.get_storage_size()
        if stored_bytes < self._number * table.what.dtype.itemsize:
            raise IntegrityError(f"{self._where}: the table of its checksums is not stored, or only in part")
        return table

    def _named(self, names: Iterable[str]) -> str:
        for digest in checksums.DIGESTS:
            if digest in names:
                return digest
        raise FormatError(
            f"{self._where}: its chunks have none of the digests that this aerchive knows "
            f"({', '.join(checksums.DIGESTS)}); upgrade it (pip install -U aerchive)"
        )

    def _rows(self, table: Dataset, column: str, first: int, number: int) -> NDArray[Any]:
        rows = np.empty(number, [(column, checksums.table_dtype(self.digest)[column])])
        with hdf5_errors(self._where):
            tid = stored_type(rows.dtype, is_ascii=has_ascii(table.dsid.get_type()))
            space = table.dsid.get_space()
            space.select_hyperslab((first,), (number,))
            table.dsid.read(h5s.create_simple((number,)), space, rows, tid)
        return rows[column]
