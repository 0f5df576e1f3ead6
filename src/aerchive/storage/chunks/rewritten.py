"""Reading of datasets that another program has stored anew: in other chunks, with other filters, or in one piece.

The values are read in the pieces that have digests, and each piece is verified by its digest, because the CRC-32 of a
chunk is of stored bytes that are no more. See decision 0030.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import IntegrityError
from aerchive.filters import zstandard
from aerchive.filters.deflate import Buffer, inflate
from aerchive.filters.shuffle import unshuffle
from aerchive.storage.chunks import checksums
from aerchive.storage.chunks.grid import Selection, box_shape, pieces
from aerchive.storage.chunks.read_plan import ChunkLocation, ReadPlan
from aerchive.storage.medium.disk import disk
from aerchive.storage.medium.errors import disk_errors
from aerchive.storage.medium.interrupts import check_interrupt

_DEFLATE, _SHUFFLE, _FLETCHER32 = 1, 2, 3
FILTERS: Final = frozenset({_DEFLATE, _SHUFFLE, _FLETCHER32, zstandard.FILTER})
"""Numbers of the filters that a dataset may have, each once and in any order."""
_SUM_BYTES = 4
"""Size of the checksum that fletcher32 appends."""
_KEPT_BYTES = 64 * 1024 * 1024
"""Size of the expanded chunks that are kept, because several pieces may need values of the same chunk."""


class Place(NamedTuple):
    """Where a chunk is stored.

    Attributes:
        address: Offset of the stored bytes in the file.
        nbytes: Number of stored bytes.
        mask: HDF5's filter mask of the chunk.
    """

    address: int
    nbytes: int
    mask: int


@dataclass
class RewrittenChunks:
    """The chunks of a dataset as another program has stored them; one thread at a time reads them.

    Attributes:
        where: File and path of the dataset, for messages.
        dtype: The dtype of the stored elements.
        shape: Shape of the dataset.
        chunk: Shape of a chunk; of a dataset in one piece, that of the parts in which it is read.
        filters: Numbers of the filters, in the order in which they were applied.
        is_padded: Whether a chunk at the edge of the array is stored with its part beyond the edge.
        find: Function that returns the place of the chunk whose first element has an index; ``None`` if it is not
            stored, so that all values are zero.
        whole: All values of a dataset that is stored in its header, which HDF5 has read; then `chunk` is `shape`.
    """

    where: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    filters: tuple[int, ...]
    is_padded: bool
    find: Callable[[tuple[int, ...]], Place | None]
    whole: NDArray[Any] | None = None
    _kept: OrderedDict[tuple[int, ...], NDArray[Any] | None] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, fd: int, offset: tuple[int, ...], size: tuple[int, ...]) -> NDArray[Any]:
        """The values of a box.

        Args:
            fd: File descriptor of the file.
            offset: Index of the first element.
            size: Shape of the box, which lies in the array.

        Raises:
            IntegrityError: A chunk cannot be expanded, or does not lie in the file.
            FormatError: The package that expands the chunks is not installed.
        """
        axes = tuple(range(start, start + length) for start, length in zip(offset, size, strict=True))
        never = (False,) * len(axes)
        out = np.zeros(size, self.dtype)
        for piece in pieces(Selection(axes, never, never), self.chunk):
            check_interrupt()
            with self._lock:
                values = self._values(fd, piece.offset)
            if values is not None:
                out[piece.target] = values[piece.inside]
        return out

    def _values(self, fd: int, offset: tuple[int, ...]) -> NDArray[Any] | None:
        if self.whole is not None:
            return self.whole
        if offset in self._kept:
            self._kept.move_to_end(offset)
            return self._kept[offset]
        shape = self.chunk if self.is_padded else box_shape(offset, self.shape, self.chunk)
        size, place = math.prod(shape) * self.dtype.itemsize, self.find(offset)
        values = None
        if place is not None:
            try:
                raw = self._expanded(self._stored(fd, place, size), place.mask, size)
            except IntegrityError as error:
                raise IntegrityError(f"{self.where}: the chunk at {offset}: {error}") from error
            values = raw.view(self.dtype).reshape(shape)
        if len(self._kept) * size >= _KEPT_BYTES:
            self._kept.popitem(last=False)
        self._kept[offset] = values
        return values

    def _stored(self, fd: int, place: Place, size: int) -> Buffer:
        if place.nbytes > 2 * size + 1024:
            raise IntegrityError(f"claims {place.nbytes} stored bytes for {size} bytes of values")
        stored = bytearray(place.nbytes)
        with disk_errors(self.where):
            done = disk().read(fd, memoryview(stored), place.address)
        if done != place.nbytes:
            raise IntegrityError("does not lie in the file")
        return stored

    def _expanded(self, stored: Buffer, mask: int, size: int) -> NDArray[np.uint8]:
        """The bytes of a chunk, which are ``size`` in number, with the filters undone that the mask does not skip."""
        applied: list[tuple[int, int]] = []
        before = size
        for number, one in enumerate(self.filters):
            if not mask >> number & 1:
                applied.append((one, before))
                if one == _FLETCHER32:
                    before += _SUM_BYTES
                elif one != _SHUFFLE:
                    before = -1  # the size is not known until the data are expanded
        data = stored
        for one, before in reversed(applied):
            if one == _SHUFFLE:
                data = unshuffle(np.frombuffer(data, np.uint8), self.dtype.itemsize).data
            elif one == _FLETCHER32:  # the digest of the values says more
                data = memoryview(data)[:-_SUM_BYTES]
            elif before < 0:
                raise IntegrityError("is compressed twice")
            else:
                data = inflate(data, before) if one == _DEFLATE else zstandard.expand(data, before)
        if len(data) != size:
            raise IntegrityError(f"has {len(data)} bytes instead of {size}")
        return np.frombuffer(data, np.uint8)


@dataclass(frozen=True, kw_only=True)
class RewrittenPlan(ReadPlan):
    """A plan for reading a dataset that another program has stored anew; `chunk` is the shape of the pieces.

    Attributes:
        chunks: The chunks as they are stored.
        digests: Digest of each piece, in row-major order.
    """

    chunks: RewrittenChunks
    digests: Sequence[str]

    def values_at(self, fd: int, location: ChunkLocation) -> NDArray[Any]:
        """The values of a whole piece, verified by its digest; see `ReadPlan.values_at`."""
        offset = location.piece.offset
        size = box_shape(offset, self.chunks.shape, self.chunk)
        values = self.chunks.read(fd, offset, size).astype(self.dtype, copy=False)
        if checksums.value_digest(values.data.cast("B")) != self.digests[location.number]:
            raise IntegrityError(
                f"{self.where}: piece {location.number} is damaged (its values have another digest); other runs are "
                "not affected, restore this one from a copy"
            )
        return values

    def elements_at(self, fd: int, location: ChunkLocation, index: tuple[NDArray[np.integer], ...]) -> NDArray[Any]:
        """The values of some elements of a piece, which is read as a whole; see `ReadPlan.elements_at`."""
        return np.asarray(self.values_at(fd, location)[index])

    def _fill(self, fd: int, out: NDArray[Any], location: ChunkLocation) -> None:
        out[location.piece.target] = self.values_at(fd, location)[location.piece.inside]
