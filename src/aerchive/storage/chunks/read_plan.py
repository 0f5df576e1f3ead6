"""Plans for reading an array: where its chunks are in the file, so that they are read without HDF5 and its lock."""

from __future__ import annotations

import contextlib
import functools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import FormatError, IntegrityError
from aerchive.filters.deflate import Buffer
from aerchive.filters.narrow import narrower
from aerchive.filters.profiles import Codec, unpack_chunk, unpack_elements, unpack_piece
from aerchive.lazy import cached_property
from aerchive.limits import limits, over_limit
from aerchive.storage.chunks import checksums
from aerchive.storage.chunks.grid import Piece, Selection, pieces, select
from aerchive.storage.medium.disk import disk
from aerchive.storage.medium.errors import disk_errors
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.medium.trace import note_read
from aerchive.threads import in_order

_IN_THREADS_BYTES = 2 * 1024 * 1024
"""From this number of stored bytes on, chunks are read by several threads."""
HALVES = {half: double for double in map(np.dtype, ("<c16", "<f8")) if (half := narrower(double)) is not None}
"""The dtype of double precision for each dtype of single precision that may be stored instead."""
_MAX_SCRATCH_BYTES = 2 * 1024 * 1024
_FEW = 4
"""If less than a quarter of a chunk is selected, only the selected elements are unshuffled."""
_TOGETHER = 2
"""Number of chunks that a thread reads at a time. Memory pages may have 2 MiB, and if two threads are the first to
write into the same page, both clear it."""
_AHEAD = 8
"""Number of chunks by which the hint to the system (`Disk.will_read`) precedes the read of a chunk."""


class ChunkLocation(NamedTuple):
    """One chunk to read.

    Attributes:
        piece: The selected elements of the chunk.
        number: The chunk's number, row-major over the grid of chunks.
        address: Offset of the stored bytes in the file, or -1 if the chunk was never written.
        nbytes: Number of stored bytes.
        mask: HDF5's filter mask of the chunk.
        crc32: The expected CRC-32.
    """

    piece: Piece
    number: int
    address: int
    nbytes: int
    mask: int
    crc32: int


@dataclass(frozen=True)
class ReadPlan:
    """All that is needed to read a selection of a dataset without HDF5.

    Attributes:
        where: File and path of the dataset, for messages.
        owner: UUID of the run, or path of the shared object, that the chunks belong to; a part of every checksum.
        name: Name of the dataset in its group.
        dtype: The dtype of the values in memory.
        stored: The dtype of the stored elements: `dtype`, or half as wide if that lost no information.
        chunk: Shape of a chunk.
        selection: The selected elements.
        locations: The chunks that hold the selected elements, in row-major order.
        values: All values of the dataset if it is not chunked, else ``None``.
        codec: The codec that compressed the chunks.
    """

    where: str
    owner: str
    name: str
    dtype: np.dtype[Any]
    stored: np.dtype[Any]
    chunk: tuple[int, ...]
    selection: Selection
    locations: tuple[ChunkLocation, ...] = ()
    values: NDArray[Any] | None = None
    codec: Codec = Codec.DEFLATE

    def read(self, fd: int, watch: Callable[[Iterator[None], int], Iterator[None]] | None = None) -> NDArray[Any]:
        """Reads the selection; a large one in several threads.

        Args:
            fd: File descriptor of the project file; no lock is needed, as committed chunks never move.
            watch: Function that passes on the items of an iterator, one for each chunk, and shows progress; its second
                argument is the number of chunks.

        Returns:
            The selected values, C-contiguous before integer and backward indices are applied.

        Raises:
            IntegrityError: A chunk is damaged.
            FormatError: The codec needs a package that is not installed.
            UnsafeContentError: The selection has more bytes than `aerchive.limits.Limits.read_bytes`.
        """
        if self.values is not None:
            return self.selection.taken_from(self.values)
        nbytes = math.prod(self.selection.shape) * self.dtype.itemsize
        if nbytes > limits().read_bytes:
            raise over_limit(
                self.where, "read_bytes", f"{nbytes} bytes would be read at once (read slices, as in [:8])"
            )
        out = np.zeros(self.selection.shape, self.dtype)
        for location in self.locations:
            if location.nbytes:
                note_read(location.address, location.nbytes)
        is_large = sum(location.nbytes for location in self.locations) >= _IN_THREADS_BYTES
        locations, number = (self._announced(fd), len(self.locations)) if is_large else (self.locations, 1)
        if not is_large:
            self._expect(fd, self.locations)
        fill = functools.partial(self._fill, fd, out)
        with contextlib.closing(in_order(fill, locations, number, together=_TOGETHER)) as filled:
            for _ in filled if watch is None else watch(filled, len(self.locations)):
                check_interrupt()
        return out[self.selection.finish]

    def narrowed(self, key: object) -> Self:
        """The plan of a part of what this plan reads, whose chunks need not be looked up again.

        Args:
            key: The selection of the dataset, as for `GroupReader.plan`; its slices along axes of which this plan reads
                only a part have a start and a stop.
        """
        if self.values is not None:
            return replace(self, selection=select(key, self.values.shape))
        selection = select(key, tuple(axis.stop for axis in self.selection.axes))
        known = self._by_offset
        locations = tuple(known[piece.offset]._replace(piece=piece) for piece in pieces(selection, self.chunk))
        return replace(self, selection=selection, locations=locations)

    @cached_property
    def _by_offset(self) -> dict[tuple[int, ...], ChunkLocation]:
        return {location.piece.offset: location for location in self.locations}

    def parts(self, fd: int) -> Iterator[NDArray[Any]]:
        """Reads all values chunk by chunk in row-major order, so that a large array needs little memory.

        Args:
            fd: File descriptor of the project file.

        Yields:
            The values of each chunk that are in the array.

        Raises:
            IntegrityError: A chunk is damaged.
            FormatError: A chunk is not a contiguous part of the array, as those that aerchive writes are.
        """
        shape = self.selection.shape
        if self.values is not None or not math.prod(shape):
            yield self.read(fd)
            return
        cut = next((axis for axis, length in enumerate(self.chunk) if length > 1), 0)
        if self.chunk[cut + 1 :] != shape[cut + 1 :]:
            raise FormatError(f"{self.where}: chunks of shape {self.chunk} are not contiguous in an array of {shape}")
        for location in self.locations:
            yield self.piece(fd, location)

    def piece(self, fd: int, location: ChunkLocation) -> NDArray[Any]:
        """The selected values of a chunk, C-contiguous; verified by the CRC-32.

        Raises:
            IntegrityError: The chunk is damaged.
            FormatError: The codec needs a package that is not installed.
        """
        values = self.values_at(fd, location)
        if values is None:
            return np.zeros(tuple(axis.stop - axis.start for axis in location.piece.target), self.dtype)
        return np.ascontiguousarray(values[location.piece.inside])

    def values_at(self, fd: int, location: ChunkLocation) -> NDArray[Any] | None:
        """The values of a whole chunk; ``None`` if it was never written, so that all are zero; errors as for `piece`.

        A chunk at the edge of the array may come without its part beyond the edge.
        """
        stored = self.stored_bytes(fd, location)  # a chunk that was never written has a checksum as well
        return self.values_of(stored, location) if len(stored) else None

    def elements_at(
        self, fd: int, location: ChunkLocation, index: tuple[NDArray[np.integer], ...]
    ) -> NDArray[Any] | None:
        """The values of some elements of a chunk, of which only a part is expanded if they are few.

        Args:
            fd: File descriptor of the project file.
            location: The chunk in the file.
            index: The indices in the chunk along each axis, arrays that can be broadcast together.

        Returns:
            The values, with the shape of the indices after broadcasting; ``None`` if the chunk was never written, so
            that all values are zero.

        Raises:
            IntegrityError: The chunk is damaged.
            FormatError: The codec needs a package that is not installed.
        """
        if location.nbytes:
            note_read(location.address, location.nbytes)
        stored = self._verified(fd, location, _scratch(location.nbytes))
        if not len(stored):
            return None
        numbers = np.asarray(np.ravel_multi_index(index, self.chunk))
        with self._named(location):
            raw = unpack_elements(
                stored, location.mask, self.stored.itemsize, self.codec, math.prod(self.chunk), numbers.reshape(-1)
            )
        values = raw.view(self.stored).reshape(numbers.shape)
        return values if self.stored == self.dtype else values.astype(self.dtype)

    def announce(self, fd: int, location: ChunkLocation) -> None:
        """Tells the system that a chunk is read soon; only a hint."""
        if location.nbytes:
            with disk_errors(self.where):
                disk().will_read(fd, location.address, location.nbytes)

    def stored_bytes(self, fd: int, location: ChunkLocation) -> Buffer:
        """The stored bytes of a chunk, verified by the CRC-32; empty if the chunk was never written.

        Raises:
            IntegrityError: The bytes are damaged.
        """
        if location.nbytes:
            note_read(location.address, location.nbytes)
        return self._verified(fd, location, bytearray(location.nbytes))

    def digest(self, fd: int, location: ChunkLocation) -> str:
        """The digest of the selected values of a chunk, as it is now; errors as for `piece`."""
        values = self.values_at(fd, location)
        if values is None:
            selected = (axis.stop - axis.start for axis in location.piece.target)
            return checksums.zeros_digest(math.prod(selected) * self.dtype.itemsize)
        return checksums.value_digest(np.ascontiguousarray(values[location.piece.inside]).data.cast("B"))

    def values_of(self, stored: Buffer, location: ChunkLocation) -> NDArray[Any]:
        """The values of a whole chunk.

        Args:
            stored: The stored bytes, which are not empty.
            location: The chunk in the file.

        Raises:
            IntegrityError: The bytes cannot be expanded to a chunk.
            FormatError: The codec needs a package that is not installed.
        """
        values = self._expanded(stored, location, np.empty(self._chunk_bytes, np.uint8))
        return values if self.stored == self.dtype else values.astype(self.dtype)

    @property
    def _chunk_bytes(self) -> int:
        return math.prod(self.chunk) * self.stored.itemsize

    def _announced(self, fd: int) -> Iterator[ChunkLocation]:
        """Yields `locations`, and tells the system of each a few chunks before it is read."""
        for number, location in enumerate(self.locations):
            if number % _AHEAD == 0:
                self._expect(fd, self.locations[number : number + _AHEAD])
            for next_one in self.locations[0 if number == 0 else number + _AHEAD : number + _AHEAD + 1]:
                self.announce(fd, next_one)
            yield location

    def _expect(self, fd: int, locations: Sequence[ChunkLocation]) -> None:
        """Has chunks that are read next fetched together, if the file is on another machine."""
        with disk_errors(self.where):
            disk().expect(fd, [(location.address, location.nbytes) for location in locations if location.nbytes])

    def _fill(self, fd: int, out: NDArray[Any], location: ChunkLocation) -> None:
        """Reads a chunk into its part of ``out``; directly, if that part is contiguous and has the stored dtype."""
        target = out[location.piece.target]
        is_whole = target.shape == self.chunk and target.flags.c_contiguous and self.stored == self.dtype
        room = target.reshape(-1).view(np.uint8) if is_whole else np.empty(self._chunk_bytes, np.uint8)
        is_raw = self.codec.is_raw(location.mask) and location.nbytes == room.size
        stored = self._verified(fd, location, room.data if is_raw else _scratch(location.nbytes))
        if not stored or (is_whole and is_raw):
            return
        if target.size * _FEW < room.size // self.stored.itemsize:
            target[...] = self._picked(stored, location)
            return
        values = self._expanded(stored, location, room)
        if not (is_whole and np.shares_memory(values, target)):
            target[...] = values[location.piece.inside]

    def _verified(self, fd: int, location: ChunkLocation, room: bytearray | memoryview) -> Buffer:
        done = 0
        if location.nbytes:
            with disk_errors(self.where):
                done = disk().read(fd, memoryview(room), location.address)
        stored = room if done == location.nbytes else room[:done]
        crc = checksums.chunk_crc(stored, self.owner, self.name, location.number, location.mask)
        if crc != location.crc32 or len(stored) != location.nbytes:
            raise IntegrityError(
                f"{self.where}: chunk {location.number} is damaged (checksum {crc:08x} instead of "
                f"{location.crc32:08x}); other runs are not affected, restore this one from a copy"
            )
        return stored

    def _expanded(self, stored: Buffer, location: ChunkLocation, room: NDArray[np.uint8]) -> NDArray[Any]:
        """The values of a chunk in the stored dtype, in the memory of ``room`` or of ``stored``."""
        with self._named(location):
            raw = unpack_chunk(stored, location.mask, self.stored.itemsize, self.codec, room)
        return raw.view(self.stored).reshape(self.chunk)

    def _picked(self, stored: Buffer, location: ChunkLocation) -> NDArray[Any]:
        """The selected values of a chunk in the stored dtype."""
        inside = location.piece.inside
        with self._named(location):
            raw = unpack_piece(stored, location.mask, self.stored.itemsize, self.codec, self.chunk, inside)
        return raw.view(self.stored)[..., 0]

    @contextlib.contextmanager
    def _named(self, location: ChunkLocation) -> Iterator[None]:
        """Adds the dataset, and for damage the chunk, to the messages of errors."""
        try:
            yield
        except IntegrityError as error:
            raise IntegrityError(f"{self.where}: chunk {location.number}: {error}") from error
        except FormatError as error:
            raise FormatError(f"{self.where}: {error}") from error


class _Scratch(threading.local):
    """A buffer for each thread, used again: getting new memory takes as long as reading into it."""

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
    """The description of a dataset, without its values.

    Attributes:
        dtype: The dtype of the stored elements.
        shape: Shape of the dataset.
        chunk: Shape of a chunk, or ``None`` if the dataset is not chunked.
        codec: The codec that compressed the chunks, after the byte shuffle.
        filters: Numbers of the filters, if another program has rewritten the file; else ``None``.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    chunk: tuple[int, ...] | None
    codec: Codec = Codec.DEFLATE
    filters: tuple[int, ...] | None = None


def value_dtype(stored: np.dtype[Any], named: object) -> np.dtype[Any]:
    """The dtype of the values in memory: the stored dtype, or that of double precision if the dataset names it.

    Args:
        stored: The dtype of the stored elements.
        named: Value of the dataset's attribute ``dtype``, or ``None`` if it has none.
    """
    double = HALVES.get(stored)
    return double if double is not None and named == double.str else stored


def value_nbytes(what: DatasetShape, named: object) -> int:
    """The size of all values of a dataset in memory, in bytes; see `value_dtype`."""
    return math.prod(what.shape) * value_dtype(what.dtype, named).itemsize
