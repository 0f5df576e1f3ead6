"""Arrays in a project, read chunk by chunk: look up where the chunks are, then read bytes without HDF5."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from h5py import h5d, h5g, h5s
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import IntegrityError, UnsafeContentError
from aerchive.filters.pipeline import unpack_chunk
from aerchive.storage import checksums
from aerchive.storage.attributes import read_attributes
from aerchive.storage.border import disk_errors, hdf5_errors
from aerchive.storage.chunks import Piece, Selection, chunk_number, grid_shape, pieces, select
from aerchive.storage.disk import read_bytes
from aerchive.storage.interrupts import check_interrupt
from aerchive.storage.trace import note_read
from aerchive.storage.types import memory_dtype, stored_type

_MAX_CHUNK_BYTES = 256 * 1024 * 1024
_LOOK_UP_EACH = 16
"""From so many chunks on, the whole chunk table is read at once."""


class ChunkPlace(NamedTuple):
    """One chunk to read.

    Attributes:
        piece: What is wanted of it.
        number: Its number, row-major.
        address: Where its bytes are in the file, or -1 if it was never written.
        nbytes: How many there are.
        mask: HDF5's filter mask.
        crc32: What its checksum must be.
    """

    piece: Piece
    number: int
    address: int
    nbytes: int
    mask: int
    crc32: int


@dataclass(frozen=True)
class ReadPlan:
    """A selection of a dataset, resolved: all that is needed to read it without HDF5.

    Attributes:
        where: The dataset, for messages.
        owner: Whose chunks they are, for checksums.
        name: The dataset's name.
        dtype: Of the stored elements.
        chunk: Shape of a chunk.
        selection: What is wanted.
        places: The chunks that hold it.
        values: The values themselves, where the dataset is small and lies in its own header.
    """

    where: str
    owner: str
    name: str
    dtype: np.dtype[Any]
    chunk: tuple[int, ...]
    selection: Selection
    places: tuple[ChunkPlace, ...] = ()
    values: NDArray[Any] | None = None

    def read(self, fd: int) -> NDArray[Any]:
        """Reads the selection.

        Args:
            fd: The project file, open for reading; no lock is needed, for committed chunks never move.

        Returns:
            The selected values, C-contiguous before integer and backward indices are applied.

        Raises:
            IntegrityError: A chunk is not what was written.
        """
        if self.values is not None:
            box = tuple(slice(a.start, a.stop, a.step) for a in self.selection.axes)
            return self.values[box][self.selection.finish]
        out = np.zeros(self.selection.shape, self.dtype)
        for place in self.places:
            check_interrupt()
            stored = self.stored_bytes(fd, place)
            if stored:  # else they are zero already
                out[place.piece.target] = self.values_of(stored, place)[place.piece.inside]
        return out[self.selection.finish]

    def stored_bytes(self, fd: int, place: ChunkPlace) -> bytes:
        """The bytes of a chunk as the file holds them, verified; empty if it was never written.

        Raises:
            IntegrityError: They are not what was written.
        """
        stored = b""
        if place.nbytes:
            note_read(place.address, place.nbytes)
            with disk_errors(self.where):
                stored = read_bytes(fd, place.address, place.nbytes)
        crc = checksums.chunk_crc(stored, self.owner, self.name, place.number, place.mask)
        if crc != place.crc32 or len(stored) != place.nbytes:
            raise IntegrityError(
                f"{self.where}: chunk {place.number} is damaged (checksum {crc:08x} instead of {place.crc32:08x}); "
                "other runs are not affected, restore this one from a copy"
            )
        return stored

    def values_of(self, stored: bytes, place: ChunkPlace) -> NDArray[Any]:
        """The values of a chunk, all zero if it was never written.

        Raises:
            IntegrityError: The bytes do not expand to a chunk.
        """
        if not stored:
            return np.zeros(self.chunk, self.dtype)
        size = int(np.prod(self.chunk)) * self.dtype.itemsize
        try:
            raw = unpack_chunk(stored, place.mask, size, self.dtype.itemsize)
        except IntegrityError as error:
            raise IntegrityError(f"{self.where}: chunk {place.number}: {error}") from error
        return raw.view(self.dtype).reshape(self.chunk)


@dataclass(frozen=True)
class DatasetShape:
    """What a dataset is, without its values.

    Attributes:
        dtype: Of the stored elements.
        shape: Of the dataset.
        chunk: Of a chunk, or ``None`` if the dataset is not chunked.
        stored_bytes: What it takes in the file.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    chunk: tuple[int, ...] | None
    stored_bytes: int


def describe_dataset(dsid: h5d.DatasetID, where: str) -> DatasetShape:
    """Shape, dtype and chunks of an open dataset.

    Raises:
        UnsafeContentError: A layout this format does not have.
    """
    with hdf5_errors(where):
        properties = dsid.get_create_plist()
        kind = properties.get_layout()
        if kind not in (h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED) or properties.get_external_count():
            raise UnsafeContentError(f"{where}: virtual or external storage has no place in an aerchive project")
        chunk = tuple(properties.get_chunk()) if kind == h5d.CHUNKED else None
        return DatasetShape(memory_dtype(dsid.get_type(), where), tuple(dsid.shape), chunk, dsid.get_storage_size())


def plan_read(group: h5g.GroupID, name: str, owner: str, where: str, key: object = ...) -> ReadPlan:
    """Resolves a selection of a dataset.

    Args:
        group: Where the dataset is.
        name: Its name.
        owner: Whose it is, for checksums.
        where: Its path, for messages.
        key: What is wanted: integers, slices, ``...``, or a tuple of them.

    Raises:
        FormatError: The dataset has a type that aerchive never writes.
        UnsafeContentError: Its storage is virtual or external, or its chunks are too large.
    """
    with hdf5_errors(where):
        dsid = h5d.open(group, name.encode())
    what = describe_dataset(dsid, where)
    selection = select(key, what.shape)
    if what.chunk is None:
        values = np.empty(what.shape, what.dtype)
        with hdf5_errors(where):
            dsid.read(h5s.ALL, h5s.ALL, values, stored_type(what.dtype))
        return ReadPlan(where, owner, name, what.dtype, what.shape, selection, values=values)
    if int(np.prod(what.chunk)) * what.dtype.itemsize > _MAX_CHUNK_BYTES:
        raise UnsafeContentError(f"{where}: chunks of shape {what.chunk} are too large to be ours")
    needed = list(pieces(selection, what.chunk))
    stored = _chunk_table(dsid, [piece.offset for piece in needed], where)
    crcs = _crc_lookup(group, dsid, name, what, len(needed), where)
    places = []
    for piece in needed:
        number = chunk_number(piece.offset, what.shape, what.chunk)
        address, nbytes, mask = stored.get(piece.offset, (-1, 0, 0))
        places.append(ChunkPlace(piece, number, address, nbytes, mask, crcs(number)))
    return ReadPlan(where, owner, name, what.dtype, what.chunk, selection, tuple(places))


def _chunk_table(
    dsid: h5d.DatasetID, offsets: list[tuple[int, ...]], where: str
) -> dict[tuple[int, ...], tuple[int, int, int]]:
    table: dict[tuple[int, ...], tuple[int, int, int]] = {}

    def note(info: Any) -> None:
        if info.byte_offset is not None and info.size:
            table[tuple(info.chunk_offset)] = (info.byte_offset, info.size, info.filter_mask)

    try:
        if len(offsets) < _LOOK_UP_EACH:
            for offset in offsets:
                info = dsid.get_chunk_info_by_coord(offset)
                if info.byte_offset is not None and info.size:
                    table[offset] = (info.byte_offset, info.size, info.filter_mask)
        elif dsid.get_storage_size():
            dsid.chunk_iter(note)
    except (OSError, RuntimeError) as error:
        raise IntegrityError(f"{where}: the chunk table is damaged: {error}") from error
    return table


def _crc_lookup(
    group: h5g.GroupID, dsid: h5d.DatasetID, name: str, what: DatasetShape, number: int, where: str
) -> Callable[[int], int]:
    if what.chunk is None or int(np.prod(grid_shape(what.shape, what.chunk))) == 1:
        only = read_attributes(dsid, where).get("crc32")
        if not isinstance(only, int):
            raise IntegrityError(f"{where}: has no checksum")
        return lambda _number: only
    sums = (name + layout.CHECKSUMS_SUFFIX).encode()
    with hdf5_errors(where):
        if sums not in group:
            raise IntegrityError(f"{where}: the table of its checksums is missing")
        table = h5d.open(group, sums)
        length = int(np.prod(grid_shape(what.shape, what.chunk)))
        if tuple(table.shape) != (length,):
            raise IntegrityError(f"{where}: the table of its checksums has shape {table.shape} for {length} chunks")
    if number < _LOOK_UP_EACH:
        return lambda row: int(_read_rows(table, row, 1, where)["crc32"][0])
    rows = _read_rows(table, 0, length, where)["crc32"]
    return lambda row: int(rows[row])


def _read_rows(table: h5d.DatasetID, first: int, number: int, where: str) -> NDArray[Any]:
    rows = np.empty(number, checksums.TABLE)
    with hdf5_errors(where):
        space = table.get_space()
        space.select_hyperslab((first,), (number,))
        table.read(h5s.create_simple((number,)), space, rows, stored_type(checksums.TABLE))
    return rows
