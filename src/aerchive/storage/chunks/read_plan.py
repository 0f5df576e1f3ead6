"""What is to be read of an array: where its chunks are, so that they are read as bytes, without HDF5 and its lock."""

from __future__ import annotations

import contextlib
import functools
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import FormatError, IntegrityError
from aerchive.filters.deflate import Buffer
from aerchive.filters.narrow import narrower
from aerchive.filters.pipeline import RAW
from aerchive.filters.profiles import Codec, unpack_chunk, unpack_piece
from aerchive.storage.chunks import checksums
from aerchive.storage.chunks.grid import Piece, Selection, grid_shape
from aerchive.storage.medium.disk import disk
from aerchive.storage.medium.errors import disk_errors
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.medium.trace import note_read
from aerchive.threads import in_order

_IN_THREADS_BYTES = 2 * 1024 * 1024
"""From so many bytes on, chunks are read by several threads."""
HALVES = {half: double for double in map(np.dtype, ("<c16", "<f8")) if (half := narrower(double)) is not None}
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


def value_dtype(stored: np.dtype[Any], named: object) -> np.dtype[Any]:
    """The dtype of the values: the stored one, or the double of it if the dataset says so.

    Args:
        stored: Of the stored elements.
        named: What the dataset's attribute ``dtype`` says.
    """
    double = HALVES.get(stored)
    return double if double is not None and named == double.str else stored
