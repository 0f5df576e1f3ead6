"""Arrays in a project, read chunk by chunk: look up where the chunks are, then read bytes without HDF5."""

from __future__ import annotations

import contextlib
import functools
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from h5py import h5d, h5g, h5s, h5z
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import FormatError, IntegrityError, UnsafeContentError
from aerchive.filters.deflate import Buffer
from aerchive.filters.narrow import narrower
from aerchive.filters.pipeline import RAW
from aerchive.filters.profiles import Codec, unpack_chunk, unpack_piece
from aerchive.filters.threads import in_order
from aerchive.storage import checksums
from aerchive.storage.attributes import read_attribute, read_attributes
from aerchive.storage.border import disk_errors, hdf5_errors
from aerchive.storage.chunks import Piece, Selection, chunk_number, grid_shape, pieces, select
from aerchive.storage.disk import disk
from aerchive.storage.interrupts import check_interrupt
from aerchive.storage.nodes import AttributeValue
from aerchive.storage.trace import note_read
from aerchive.storage.types import memory_dtype, stored_type

_MAX_CHUNK_BYTES = 256 * 1024 * 1024
_LOOK_UP_EACH = 16
"""From so many chunks on, the whole chunk table is read at once."""
_IN_THREADS_BYTES = 2 * 1024 * 1024
"""From so many bytes on, chunks are read by several threads."""
_HALVES = {half: double for double in map(np.dtype, ("<c16", "<f8")) if (half := narrower(double)) is not None}
_MAX_SCRATCH_BYTES = 2 * 1024 * 1024
_FEW = 4
"""Where less than this part of a chunk is wanted, only that is put together."""
_TOGETHER = 2
"""So many chunks a thread reads at a time. Pages may have 2 MiB, and two threads that are the first to write into the
same one both clear it."""
_AHEAD = 8
"""So many chunks before its turn the system is told of one."""


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
        dtype: Of the values, as they were in memory.
        stored: Of the stored elements: `dtype`, or half as wide where that lost nothing.
        chunk: Shape of a chunk.
        selection: What is wanted.
        places: The chunks that hold it.
        values: The values themselves, where the dataset is small and lies in its own header.
        codec: What the chunks are compressed with.
        digest: Name of the digest that they have beside the checksum.
    """

    where: str
    owner: str
    name: str
    dtype: np.dtype[Any]
    stored: np.dtype[Any]
    chunk: tuple[int, ...]
    selection: Selection
    places: tuple[ChunkPlace, ...] = ()
    values: NDArray[Any] | None = None
    codec: Codec = Codec.DEFLATE
    digest: str = checksums.DIGEST

    def read(self, fd: int, watch: Callable[[Iterator[None], int], Iterator[None]] | None = None) -> NDArray[Any]:
        """Reads the selection; large ones in threads, one a processor.

        Args:
            fd: The project file, open for reading; no lock is needed, for committed chunks never move.
            watch: Passes on a step for each chunk, of the number given, to show how far it is.

        Returns:
            The selected values, C-contiguous before integer and backward indices are applied.

        Raises:
            IntegrityError: A chunk is not what was written.
            FormatError: It takes a package that is not installed.
        """
        if self.values is not None:
            return self.selection.taken_from(self.values)
        out = np.zeros(self.selection.shape, self.dtype)
        for place in self.places:
            if place.nbytes:
                note_read(place.address, place.nbytes)
        is_large = sum(place.nbytes for place in self.places) >= _IN_THREADS_BYTES
        places, number = (self._announced(fd), len(self.places)) if is_large else (self.places, 1)
        fill = functools.partial(self._fill, fd, out)
        with contextlib.closing(in_order(fill, places, number, together=_TOGETHER)) as filled:
            for _ in filled if watch is None else watch(filled, len(self.places)):
                check_interrupt()
        return out[self.selection.finish]

    def stored_bytes(self, fd: int, place: ChunkPlace) -> Buffer:
        """The bytes of a chunk as the file holds them, verified; empty if it was never written.

        Raises:
            IntegrityError: They are not what was written.
        """
        if place.nbytes:
            note_read(place.address, place.nbytes)
        return self._verified(fd, place, bytearray(place.nbytes))

    def values_of(self, stored: Buffer, place: ChunkPlace) -> NDArray[Any]:
        """The values of a chunk, all zero if it was never written.

        Raises:
            IntegrityError: The bytes do not expand to a chunk.
            FormatError: It takes a package that is not installed.
        """
        if not stored:
            return np.zeros(self.chunk, self.dtype)
        values = self._expanded(stored, place, np.empty(self._chunk_bytes, np.uint8))
        return values if self.stored == self.dtype else values.astype(self.dtype)

    @property
    def _chunk_bytes(self) -> int:
        return math.prod(self.chunk) * self.stored.itemsize

    def _announced(self, fd: int) -> Iterator[ChunkPlace]:
        """The places; the system is told of each a little before its turn."""
        for number, place in enumerate(self.places):
            for next_one in self.places[0 if number == 0 else number + _AHEAD : number + _AHEAD + 1]:
                if next_one.nbytes:
                    with disk_errors(self.where):
                        disk().will_read(fd, next_one.address, next_one.nbytes)
            yield place

    def _fill(self, fd: int, out: NDArray[Any], place: ChunkPlace) -> None:
        """Reads a chunk into where it belongs; straight, where it lies there in one piece."""
        target = out[place.piece.target]
        is_whole = target.shape == self.chunk and target.flags.c_contiguous and self.stored == self.dtype
        room = target.reshape(-1).view(np.uint8) if is_whole else np.empty(self._chunk_bytes, np.uint8)
        is_raw = place.mask & RAW == RAW and place.nbytes == room.size
        stored = self._verified(fd, place, room.data if is_raw else _scratch(place.nbytes))
        if not stored or (is_whole and is_raw):
            return
        if target.size * _FEW < room.size // self.stored.itemsize:
            target[...] = self._picked(stored, place)
            return
        values = self._expanded(stored, place, room)
        if not (is_whole and np.shares_memory(values, target)):
            target[...] = values[place.piece.inside]

    def _verified(self, fd: int, place: ChunkPlace, room: bytearray | memoryview) -> Buffer:
        done = 0
        if place.nbytes:
            with disk_errors(self.where):
                done = disk().read(fd, memoryview(room), place.address)
        stored = room if done == place.nbytes else room[:done]
        crc = checksums.chunk_crc(stored, self.owner, self.name, place.number, place.mask)
        if crc != place.crc32 or len(stored) != place.nbytes:
            raise IntegrityError(
                f"{self.where}: chunk {place.number} is damaged (checksum {crc:08x} instead of {place.crc32:08x}); "
                "other runs are not affected, restore this one from a copy"
            )
        return stored

    def _expanded(self, stored: Buffer, place: ChunkPlace, room: NDArray[np.uint8]) -> NDArray[Any]:
        """The values as they are stored, in ``room`` or in bytes that were there already."""
        with self._named(place):
            raw = unpack_chunk(stored, place.mask, self.stored.itemsize, self.codec, room)
        return raw.view(self.stored).reshape(self.chunk)

    def _picked(self, stored: Buffer, place: ChunkPlace) -> NDArray[Any]:
        """The values that are wanted, as they are stored."""
        inside = place.piece.inside
        with self._named(place):
            raw = unpack_piece(stored, place.mask, self.stored.itemsize, self.codec, self.chunk, inside)
        return raw.view(self.stored)[..., 0]

    @contextlib.contextmanager
    def _named(self, place: ChunkPlace) -> Iterator[None]:
        """Says of errors where they are."""
        try:
            yield
        except IntegrityError as error:
            raise IntegrityError(f"{self.where}: chunk {place.number}: {error}") from error
        except FormatError as error:
            raise FormatError(f"{self.where}: {error}") from error


class _Scratch(threading.local):
    """A buffer for each thread: fresh memory costs as much as reading into it."""

    buffer = bytearray()


_scratches = _Scratch()


def _scratch(nbytes: int) -> memoryview:
    if nbytes > _MAX_SCRATCH_BYTES:
        return memoryview(bytearray(nbytes))
    if len(_scratches.buffer) < nbytes:
        _scratches.buffer = bytearray(nbytes)
    return memoryview(_scratches.buffer)[:nbytes]


@dataclass(frozen=True)
class DatasetShape:
    """What a dataset is, without its values.

    Attributes:
        dtype: Of the stored elements.
        shape: Of the dataset.
        chunk: Of a chunk, or ``None`` if the dataset is not chunked.
        codec: What the chunks are compressed with, after the shuffle.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    chunk: tuple[int, ...] | None
    codec: Codec = Codec.DEFLATE

    @property
    def number_of_chunks(self) -> int:
        """How many there are; 0 if the dataset is not chunked."""
        return 0 if self.chunk is None else math.prod(grid_shape(self.shape, self.chunk))


def describe_dataset(dsid: h5d.DatasetID, where: str) -> DatasetShape:
    """Shape, dtype and chunks of an open dataset.

    Raises:
        UnsafeContentError: A layout this format does not have.
        FormatError: Filters this format does not have.
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
    """A dataset that was opened and looked at before.

    Attributes:
        dsid: The open dataset.
        what: It is.
        attributes: Of it.
    """

    dsid: h5d.DatasetID
    what: DatasetShape
    attributes: Mapping[str, AttributeValue]


def plan_read(
    group: h5g.GroupID, name: str, owner: str, where: str, key: object = ..., opened: OpenDataset | None = None
) -> ReadPlan:
    """Resolves a selection of a dataset.

    Args:
        group: Where the dataset is.
        name: Its name.
        owner: Whose it is, for checksums.
        where: Its path, for messages.
        key: What is wanted: integers, slices, ``...``, or a tuple of them.
        opened: The dataset, if it was opened before.

    Raises:
        FormatError: The dataset has a type that aerchive never writes.
        UnsafeContentError: Its storage is virtual or external, or its chunks are too large.
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
    if what.dtype in _HALVES:
        named = read_attribute(dsid, "dtype", where) if attributes is None else attributes.get("dtype")
    dtype = value_dtype(what.dtype, named)
    if math.prod(what.chunk) * dtype.itemsize > _MAX_CHUNK_BYTES:
        raise UnsafeContentError(f"{where}: chunks of shape {what.chunk} are too large to be ours")
    needed = list(pieces(selection, what.chunk))
    stored = _chunk_table(dsid, [piece.offset for piece in needed], where)
    sums = ChunkSumsReader(group, dsid, name, math.prod(grid_shape(what.shape, what.chunk)), where, attributes)
    crcs = sums.crc_lookup(len(needed))
    places = []
    for piece in needed:
        number = chunk_number(piece.offset, what.shape, what.chunk)
        address, nbytes, mask = stored.get(piece.offset, (-1, 0, 0))
        places.append(ChunkPlace(piece, number, address, nbytes, mask, crcs(number)))
    return ReadPlan(
        where, owner, name, dtype, what.dtype, what.chunk, selection, tuple(places), None, what.codec, sums.digest
    )


def value_dtype(stored: np.dtype[Any], named: object) -> np.dtype[Any]:
    """The dtype of the values: the stored one, or the double of it if the dataset says so.

    Args:
        stored: Of the stored elements.
        named: What the dataset's attribute ``dtype`` says.
    """
    double = _HALVES.get(stored)
    return double if double is not None and named == double.str else stored


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
    """What the file says the checksums of a dataset's chunks are.

    Args:
        group: Where the dataset is.
        dsid: The dataset.
        name: Its name.
        number: How many chunks it has.
        where: Its path, for messages.
        attributes: Of the dataset, if they were read before.

    Attributes:
        digest: Name of the digest that is beside the CRC-32.

    Raises:
        IntegrityError: There are none.
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
        """Gives the CRC-32 of a chunk by its number.

        Args:
            number: How many will be asked for: few are read one by one.
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
        """Of all chunks, in order."""
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
