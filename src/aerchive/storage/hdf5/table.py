"""Extensible, uncompressed tables with rows of fixed size, such as the catalogue."""

from __future__ import annotations

from typing import Any

import numpy as np
from h5py import h5d, h5g, h5p, h5s
from isal import isal_zlib
from numpy.typing import NDArray

from aerchive.errors import FormatError, IntegrityError
from aerchive.lazy import cached_property
from aerchive.limits import limits, over_limit
from aerchive.storage.chunks.read_plan import DatasetShape
from aerchive.storage.hdf5.errors import NodeName, hdf5_errors
from aerchive.storage.hdf5.nodes import Dataset, info_of
from aerchive.storage.hdf5.types import stored_type
from aerchive.storage.medium.disk import check_holes, disk
from aerchive.storage.medium.errors import disk_errors
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.medium.trace import note_read

CHANGES = np.dtype([("row", "<i8"), ("crc32", "<u4")])
"""The dtype of a list of changes. An entry stands for rows that were added or replaced together: the number of the
first row, and the CRC-32 of the rows, continued from the CRC-32 of the entry before. So if two lists have the same
entry, all entries before are the same, too."""
ROW_SUM_BYTES = 4
"""Each row of the catalogue ends with its own CRC-32, which has so many bytes. It is left out of the CRC-32 of several
rows: the CRC of bytes followed by their CRC is the same for all bytes."""

_MOST_ROWS = 2**32 - 1
"""HDF5 finds no room for a chunk with a greater number, and says so only when it closes the table."""
_READ_DIRECTLY = 512
"""From this number of rows on, chunks are read without HDF5, which would call back to Python for each chunk."""
_FEW_CHUNKS = 4
"""Up to this number of chunks, their addresses are found as fast as one of them, and no chunk is read whole."""


def create_table(parent: h5g.GroupID, name: str, dtype: np.dtype[Any], chunk_rows: int) -> Dataset:
    """Makes an empty table."""
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_chunk((chunk_rows,))
    properties.set_obj_track_times(False)
    space = h5s.create_simple((0,), (h5s.UNLIMITED,))
    key, tid = name.encode(), stored_type(dtype)
    with hdf5_errors(parent, name):
        dsid = h5d.create(parent, key, tid, space, dcpl=properties)
    return Dataset(dsid, DatasetShape(dtype, (0,), (chunk_rows,)))


class TableReader:
    """A table of an open file.

    Args:
        table: The open dataset.
        where: File and path of the table, for messages.
        fd: File descriptor of the file; ``None`` if a journal or a write session holds changes of the table, so that
            HDF5 sees other bytes than the file has.
        is_fixed: Whether no row is written while the reader is in use; then also single rows are read without HDF5.

    Attributes:
        where: File and path of the table.
        dtype: The dtype of the rows.
    """

    def __init__(self, table: Dataset, where: str, *, fd: int | None = None, is_fixed: bool = False) -> None:
        self._dsid = table.dsid
        self._chunk = table.what.chunk
        self._fd = fd
        self._is_fixed = is_fixed
        self.where = where
        self.dtype = table.what.dtype
        self._length = table.what.shape[0]
        if fd is None or table.what.filters:  # HDF5 expands it, and `open_table` has limited the size
            self._fd = None
            return
        nbytes = self._length * self.dtype.itemsize
        with disk_errors(where):
            size = disk().size(fd)
        if nbytes > size:
            raise IntegrityError(f"{where}: damaged: says that it has {self._length} rows, more than the file can hold")
        if nbytes > limits().piece_bytes:
            raise over_limit(where, "piece_bytes", f"the table has {nbytes} bytes")
        check_holes(fd, where, nbytes)

    def __len__(self) -> int:
        return self._length

    @property
    def address(self) -> int:
        """Address of the dataset in the file, which no other dataset of this file ever has."""
        return info_of(self._dsid, self.where).address

    def rows(self, first: int = 0, number: int | None = None) -> NDArray[Any]:
        """Reads rows.

        Args:
            first: Number of the first row.
            number: Number of rows to read; ``None`` for all from the first one on.

        Returns:
            The rows, shape ``(number,)``, dtype `dtype`.
        """
        rows = np.zeros(len(self) - first if number is None else number, self.dtype)
        self.read_into(rows, first)
        return rows

    def last(self, length: int | None = None) -> NDArray[Any]:
        """Reads the last row.

        Args:
            length: An earlier length of the table, whose last row is wanted; by default the present length.

        Returns:
            The row, shape ``(1,)``; or shape ``(0,)`` if there is no such row.
        """
        length = len(self) if length is None else length
        return self.rows(length - 1, 1) if 0 < length <= len(self) else np.zeros(0, self.dtype)

    def read_into(self, rows: NDArray[Any], first: int) -> None:
        """Reads rows into an array.

        Args:
            rows: The array to be filled, shape ``(number,)``, of this table's dtype, contiguous and all zero.
            first: Number of the first row to read.
        """
        has_few_chunks = self._is_fixed and self._chunk is not None and len(self) <= _FEW_CHUNKS * self._chunk[0]
        if (len(rows) < _READ_DIRECTLY and not has_few_chunks) or not self._read_directly(rows, first):
            self._read(rows, first)

    def _read(self, rows: NDArray[Any], first: int) -> None:
        if len(rows):
            with hdf5_errors(self.where):
                space = self._dsid.get_space()
                space.select_hyperslab((first,), (len(rows),))
                self._dsid.read(h5s.create_simple((len(rows),)), space, rows, self._dsid.get_type())

    def _read_directly(self, rows: NDArray[Any], first: int) -> bool:
        """Reads chunks without HDF5; returns whether that was possible. Missing chunks stay zero, as in HDF5."""
        if self._fd is None or self._pieces is None:
            return False
        size = self.dtype.itemsize
        view = rows.view(np.uint8).data
        wanted: list[tuple[int, memoryview]] = []
        for start, number, address in self._pieces:
            low, high = max(start, first), min(start + number, first + len(rows))
            if low < high:
                piece = view[(low - first) * size : (high - first) * size]
                wanted.append((address + (low - start) * size, piece))
        with disk_errors(self.where):
            disk().expect(self._fd, [(place, len(piece)) for place, piece in wanted])
        for place, piece in wanted:
            check_interrupt()
            note_read(place, len(piece))
            with disk_errors(self.where):
                disk().read(self._fd, piece, place)
        return True

    @cached_property
    def _pieces(self) -> list[tuple[int, int, int]] | None:
        """The pieces of the file that hold the rows, as from `_joined`; ``None`` if not stored in unfiltered chunks."""
        if self._chunk is None:
            return None
        found: list[tuple[int, int]] = []
        with hdf5_errors(self.where):
            self._dsid.chunk_iter(lambda info: found.append((info.chunk_offset[0], info.byte_offset)))
        return _joined(np.array(found, np.int64).reshape(-1, 2), self._chunk[0], self.dtype.itemsize)


def _joined(chunks: NDArray[np.int64], chunk: int, size: int) -> list[tuple[int, int, int]]:
    """Joins chunks that are adjacent in the file.

    Args:
        chunks: First row and address of each chunk, in any order, shape ``(chunks, 2)``.
        chunk: Number of rows of a chunk.
        size: Size of a row, in bytes.

    Returns:
        First row, number of rows and address of each contiguous piece of the file, in order of rows.
    """
    chunks = chunks[np.argsort(chunks[:, 0])]
    follows = (np.diff(chunks[:, 0]) == chunk) & (np.diff(chunks[:, 1]) == chunk * size)
    heads = np.flatnonzero(np.concatenate(([True], ~follows))) if len(chunks) else np.empty(0, int)
    numbers = np.diff(np.append(heads, len(chunks))) * chunk
    return [(int(row), int(n), int(at)) for (row, at), n in zip(chunks[heads], numbers, strict=True)]


def append_rows(dsid: h5d.DatasetID, rows: NDArray[Any]) -> None:
    """Adds rows at the end of a table.

    Raises:
        FormatError: The table claims so many rows that HDF5 cannot write more of them.
        IntegrityError: HDF5 found the table damaged.
    """
    with hdf5_errors(dsid):
        first = dsid.shape[0]
    if first + len(rows) > _MOST_ROWS:
        raise FormatError(f"{NodeName(dsid)}: claims {first} rows, more than HDF5 can number")
    with hdf5_errors(dsid):
        dsid.set_extent((first + len(rows),))
    _write(dsid, first, rows)


def put_rows(dsid: h5d.DatasetID, first: int, rows: NDArray[Any]) -> None:
    """Writes rows of a table, which becomes longer if it ends before them.

    Args:
        dsid: The open table.
        first: Number of the first row; rows before it that were never written are zeros.
        rows: The rows.
    """
    with hdf5_errors(dsid):
        if dsid.shape[0] < first + len(rows):
            dsid.set_extent((first + len(rows),))
    _write(dsid, first, rows)


def replace_row(dsid: h5d.DatasetID, number: int, row: NDArray[Any]) -> None:
    """Replaces one row of a table.

    Args:
        dsid: The open table.
        number: Number of the row.
        row: The new row, shape ``(1,)``.
    """
    _write(dsid, number, row)


def change_of(first: int, rows: NDArray[Any], before: NDArray[Any]) -> NDArray[Any]:
    """The entry of added or replaced rows in the list of changes.

    Args:
        first: Number of the first row.
        rows: The new rows, shape ``(rows,)``.
        before: The last entry of the list, shape ``(1,)``; or shape ``(0,)`` if the list is empty.

    Returns:
        The entry, shape ``(1,)``, dtype `CHANGES`.
    """
    content = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), rows.dtype.itemsize)[:, :-ROW_SUM_BYTES]
    crc = int(before["crc32"][0]) if len(before) else 0
    return np.array([(first, isal_zlib.crc32(content.tobytes(), crc))], CHANGES)


def _write(dsid: h5d.DatasetID, first: int, rows: NDArray[Any]) -> None:
    rows = np.ascontiguousarray(rows)
    with hdf5_errors(dsid):
        space = dsid.get_space()
        space.select_hyperslab((first,), (len(rows),))
        dsid.write(h5s.create_simple((len(rows),)), space, rows, dsid.get_type())
