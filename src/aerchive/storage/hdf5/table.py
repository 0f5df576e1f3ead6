"""Extensible tables of flat rows, not compressed: the catalogue."""

from __future__ import annotations

from typing import Any

import numpy as np
from h5py import h5d, h5g, h5o, h5p, h5s
from isal import isal_zlib
from numpy.typing import NDArray

from aerchive.errors import FormatError, IntegrityError
from aerchive.lazy import cached_property
from aerchive.storage.hdf5.errors import hdf5_errors
from aerchive.storage.hdf5.types import memory_dtype, stored_type
from aerchive.storage.medium.disk import disk
from aerchive.storage.medium.errors import disk_errors
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.medium.trace import note_read

CHANGES = np.dtype([("row", "<i8"), ("crc32", "<u4")])
"""Rows of a table that were added or replaced together: the number of the first, and a CRC-32 of them that goes on from
that of the entry before. So an entry that is the same says that all before is the same, too."""
_ROW_SUM_BYTES = 4
"""Each row ends with its own CRC-32. It is left out: a CRC of bytes with their own CRC is the same for all bytes."""

_READ_DIRECTLY = 512
"""From so many rows on, their chunks are read without HDF5, which calls back to Python for each."""


def create_table(parent: h5g.GroupID, name: str, dtype: np.dtype[Any], chunk_rows: int) -> h5d.DatasetID:
    """Makes an empty table."""
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_chunk((chunk_rows,))
    properties.set_obj_track_times(False)
    space = h5s.create_simple((0,), (h5s.UNLIMITED,))
    key, tid = name.encode(), stored_type(dtype)
    with hdf5_errors(parent, name):
        return h5d.create(parent, key, tid, space, dcpl=properties)


class TableReader:
    """A table of an open file.

    Args:
        dsid: The open dataset.
        where: Its file and path, for messages.
        fd: The file, if the table in it is what HDF5 sees: no journal or transaction holds changes of it.

    Attributes:
        where: Its file and path.
        dtype: Of the rows.
    """

    def __init__(self, dsid: h5d.DatasetID, where: str, *, fd: int | None = None) -> None:
        self._dsid = dsid
        self._fd = fd
        self.where = where
        with hdf5_errors(where):
            shape, kind = dsid.shape, dsid.get_type()
        if len(shape) != 1:
            raise FormatError(f"{where}: is not a table")
        self.dtype = memory_dtype(kind, where)
        self._length = int(shape[0])
        if fd is None:
            return
        with disk_errors(where):
            size = disk().size(fd)
        if self._length * self.dtype.itemsize > size:
            raise IntegrityError(f"{where}: damaged: says that it has {self._length} rows, more than the file can hold")

    def __len__(self) -> int:
        return self._length

    @property
    def address(self) -> int:
        """Of the dataset in the file: no other dataset of this file ever has it."""
        with hdf5_errors(self.where):
            return int(h5o.get_info(self._dsid).addr)

    def rows(self, first: int = 0, number: int | None = None) -> NDArray[Any]:
        """Reads rows.

        Args:
            first: The first one.
            number: How many; ``None`` for all that follow.
        """
        rows = np.zeros(len(self) - first if number is None else number, self.dtype)
        self.read_into(rows, first)
        return rows

    def last(self, length: int | None = None) -> NDArray[Any]:
        """The last row, shape ``(1,)``; none, shape ``(0,)``, if there is none.

        Args:
            length: Of the table, if it is asked for when it was shorter.
        """
        length = len(self) if length is None else length
        return self.rows(length - 1, 1) if 0 < length <= len(self) else np.zeros(0, self.dtype)

    def read_into(self, rows: NDArray[Any], first: int) -> None:
        """Reads rows into an array.

        Args:
            rows: As many as are wanted, of this table's dtype, contiguous, zero.
            first: The number of the first one.
        """
        if len(rows) < _READ_DIRECTLY or not self._read_directly(rows, first):
            self._read(rows, first)

    def _read(self, rows: NDArray[Any], first: int) -> None:
        if len(rows):
            tid = stored_type(self.dtype)
            with hdf5_errors(self.where):
                space = self._dsid.get_space()
                space.select_hyperslab((first,), (len(rows),))
                self._dsid.read(h5s.create_simple((len(rows),)), space, rows, tid)

    def _read_directly(self, rows: NDArray[Any], first: int) -> bool:
        """Reads chunks where they lie; returns whether that was possible. Missing ones stay zero, as in HDF5."""
        if self._fd is None or self._pieces is None:
            return False
        size = self.dtype.itemsize
        view = rows.view(np.uint8).data
        for start, number, address in self._pieces:
            low, high = max(start, first), min(start + number, first + len(rows))
            if low < high:
                check_interrupt()
                place, piece = address + (low - start) * size, view[(low - first) * size : (high - first) * size]
                note_read(place, len(piece))
                with disk_errors(self.where):
                    disk().read(self._fd, piece, place)
        return True

    @cached_property
    def _pieces(self) -> list[tuple[int, int, int]] | None:
        """Where the rows lie, as `_joined` gives it; ``None`` if they are stored in another way than ours."""
        with hdf5_errors(self.where):
            properties = self._dsid.get_create_plist()
            is_ours = properties.get_layout() == h5d.CHUNKED and not properties.get_nfilters()
        if not is_ours:
            return None
        found: list[tuple[int, int]] = []
        with hdf5_errors(self.where):
            self._dsid.chunk_iter(lambda info: found.append((info.chunk_offset[0], info.byte_offset)))
        return _joined(np.array(found, np.int64).reshape(-1, 2), properties.get_chunk()[0], self.dtype.itemsize)


def _joined(chunks: NDArray[np.int64], chunk: int, size: int) -> list[tuple[int, int, int]]:
    """First row, number of rows and address of each piece of the file that holds rows one after another.

    Args:
        chunks: First row and address of each chunk, in any order.
        chunk: Rows of a chunk.
        size: Bytes of a row.
    """
    chunks = chunks[np.argsort(chunks[:, 0])]
    follows = (np.diff(chunks[:, 0]) == chunk) & (np.diff(chunks[:, 1]) == chunk * size)
    heads = np.flatnonzero(np.concatenate(([True], ~follows))) if len(chunks) else np.empty(0, int)
    numbers = np.diff(np.append(heads, len(chunks))) * chunk
    return [(int(row), int(n), int(at)) for (row, at), n in zip(chunks[heads], numbers, strict=True)]


def append_rows(dsid: h5d.DatasetID, rows: NDArray[Any]) -> None:
    """Adds rows at the end."""
    with hdf5_errors(dsid):
        first = dsid.shape[0]
        dsid.set_extent((first + len(rows),))
    _write(dsid, first, rows)


def replace_row(dsid: h5d.DatasetID, number: int, row: NDArray[Any]) -> None:
    """Writes one row anew.

    Args:
        dsid: The open table.
        number: Of the row.
        row: Shape ``(1,)``.
    """
    _write(dsid, number, row)


def change_of(first: int, rows: NDArray[Any], before: NDArray[Any]) -> NDArray[Any]:
    """The entry of added or replaced rows in the list of changes.

    Args:
        first: The number of the first row.
        rows: They are now.
        before: The last entry of the list, shape ``(1,)``; or none, shape ``(0,)``.

    Returns:
        Shape ``(1,)``, dtype `CHANGES`.
    """
    content = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)[:, :-_ROW_SUM_BYTES]
    crc = int(before["crc32"][0]) if len(before) else 0
    return np.array([(first, isal_zlib.crc32(content.tobytes(), crc))], CHANGES)


def _write(dsid: h5d.DatasetID, first: int, rows: NDArray[Any]) -> None:
    rows, tid = np.ascontiguousarray(rows), stored_type(rows.dtype)
    with hdf5_errors(dsid):
        space = dsid.get_space()
        space.select_hyperslab((first,), (len(rows),))
        dsid.write(h5s.create_simple((len(rows),)), space, rows, tid)
