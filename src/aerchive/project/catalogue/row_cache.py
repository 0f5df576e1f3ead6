"""A cache of the rows of catalogues that this process has read.

Rows are only added, or replaced one by one, and the file lists both kinds of changes in the order of the commits. So an
update of the cache reads only what is new, and a commit costs the same with a thousand runs and with a hundred
thousand. Each entry of that list has a checksum of all entries before it: if the last known entry is different now, the
file was replaced by a backup, and everything is read again. Measurements are in ``docs/decisions/0011-catalogue.md``.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import AerchiveError
from aerchive.models import catalogue
from aerchive.project.catalogue.cells import CellColumns, ColumnCache, Session, StoredColumn
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.hdf5.table import TableReader
from aerchive.storage.sessions import WriteSession

_MOST_PROJECTS = 8
_MOST_BYTES = 256 * 1024 * 1024
"""Limit of the memory of the whole cache in bytes, if it is of several projects."""
_BLOCK = 4096
"""Number of rows that are read at once if only their keys are kept."""
_ID = catalogue.DTYPE["job_id"]


class RowCache:
    """The catalogue of one file as this process has seen it last; threads may share it.

    For a hundred thousand runs the keys take 0.8 MB, and are enough to save runs and to find a run by its id. The rows
    take 53 MB, and are kept after the first request for all of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._columns = ColumnCache()
        self._forget()

    def _forget(self) -> None:
        self._columns.forget_rows()
        self._length = 0
        self._keys = np.empty(0, np.uint64)
        self._damaged: list[int] = []
        self._rows: NDArray[Any] | None = None
        self._is_lent = False
        self._changes = 0
        self._last_change = b""

    @property
    def nbytes(self) -> int:
        """Memory of the cached arrays, in bytes."""
        rows = self._rows
        return self._keys.nbytes + (0 if rows is None else rows.nbytes) + self._columns.nbytes

    @property
    def damaged(self) -> list[int]:
        """Numbers of damaged rows."""
        return self._damaged

    def candidates(self, key: bytes) -> tuple[list[int], int]:
        """Finds the rows in which a run may be.

        Args:
            key: The beginning of the run's job id, as the catalogue has it.

        Returns:
            Numbers of the rows, and the number of all rows that are known.
        """
        with self._lock:
            found = np.flatnonzero(self._keys[: self._length] == _hashes(np.array([key], _ID)))
            return [int(number) for number in found], self._length

    def look(self, table: TableReader, changes: TableReader | None) -> None:
        """Reads the ids of new rows, or the whole rows if they were requested before.

        Args:
            table: The catalogue, in a session that has not changed it.
            changes: The catalogue's list of changes; ``None`` if there is none that can be read.
        """
        with self._lock:
            self._catch_up(table, changes)

    def columns(self, root: HDF5Group) -> list[StoredColumn]:
        """The columns beside the catalogue."""
        with self._lock:
            return list(self._columns.columns(root).values())

    def cells(self, session: Session, wanted: Callable[[str], bool]) -> CellColumns:
        """Reads columns beside the catalogue, directly after `rows`.

        Args:
            session: A session that has changed no row.
            wanted: Whether the values of a name are wanted.
        """
        with self._lock:
            return self._columns.read(session, wanted)

    def rows(self, table: TableReader, changes: TableReader | None) -> NDArray[Any]:
        """Reads the new rows, and returns all rows.

        Args:
            table: As for `look`.
            changes: As for `look`.

        Returns:
            All rows, damaged ones included, dtype `catalogue.DTYPE`; read-only, and not changed by later updates.
        """
        with self._lock:
            if self._rows is None:
                self._forget()
                self._rows = np.empty(0, catalogue.DTYPE)
            self._catch_up(table, changes)
            self._is_lent = True
            rows = self._rows[: self._length]
            rows.flags.writeable = False
            return rows

    def _catch_up(self, table: TableReader, changes: TableReader | None) -> None:
        if self._damaged or len(table) < self._length or not self._read_changes(table, changes):
            has_rows = self._rows is not None
            self._forget()
            self._rows = np.empty(0, catalogue.DTYPE) if has_rows else None
            self._skip_changes(changes)
        self._read_new(table)

    def _read_new(self, table: TableReader) -> None:
        while self._length < len(table):
            first, number = self._length, len(table) - self._length
            if self._rows is None:
                rows = table.rows(first, min(_BLOCK, number))
            else:
                self._rows = _with_room(self._rows, len(table))
                rows = self._rows[first : len(table)]
                table.read_into(rows, first)
            self._damaged += catalogue.damaged_rows(rows, first)
            self._keys = _with_room(self._keys, first + len(rows))
            self._keys[first : first + len(rows)] = _hashes(rows["job_id"])
            self._length += len(rows)

    def _read_changes(self, table: TableReader, changes: TableReader | None) -> bool:
        """Reads replaced rows again; returns whether the list of changes continues from the last known entry."""
        if not self._changes or self._last_entry(changes, self._changes) != self._last_change:
            return False
        replaced = np.unique(changes.rows(self._changes)["row"]) if changes is not None else np.empty(0, np.int64)
        if len(replaced) and (replaced[0] < 0 or replaced[-1] >= len(table)):
            return False
        self._skip_changes(changes)
        replaced = replaced[replaced < self._length]
        if len(replaced):
            self._columns.forget_rows()
        if self._rows is not None and self._is_lent and len(replaced):
            self._rows, self._is_lent = self._rows.copy(), False
        for row in replaced.tolist():
            now = table.rows(row, 1)
            self._keys[row : row + 1] = _hashes(now["job_id"])  # a merge may give a run another id
            if self._rows is not None:
                self._damaged += catalogue.damaged_rows(now, row)
                self._rows[row : row + 1] = now
        return True

    def _skip_changes(self, changes: TableReader | None) -> None:
        self._last_change = self._last_entry(changes)
        self._changes = len(changes) if changes is not None and self._last_change else 0

    def _last_entry(self, changes: TableReader | None, length: int | None = None) -> bytes:
        """The last of the first ``length`` entries of the list, by default of all; empty if it cannot be read."""
        try:
            return b"" if changes is None else changes.last(length).tobytes()
        except AerchiveError:
            return b""


def _with_room(kept: NDArray[Any], length: int) -> NDArray[Any]:
    """Returns an array with the same first items and room for ``length``; it grows by an eighth, to grow rarely."""
    if len(kept) >= length:
        return kept
    grown = np.zeros(length + length // 8 + 64, kept.dtype)
    grown[: len(kept)] = kept
    return grown


def _hashes(ids: NDArray[Any]) -> NDArray[np.uint64]:
    """Computes a hash of each id: equal ids have equal hashes, and different ids almost never do."""
    words = np.ascontiguousarray(ids).view("<u8").reshape(len(ids), ids.dtype.itemsize // 8)
    hashes = np.full(len(ids), 0x9E3779B97F4A7C15, np.uint64)
    for word in words.T:
        hashes = (hashes ^ word) * np.uint64(0xBF58476D1CE4E5B9)
        hashes ^= hashes >> np.uint64(31)
    return hashes


class _Caches:
    """The cached catalogues of all files; the one used last is at the end."""

    lock = threading.Lock()
    of_files: OrderedDict[tuple[object, ...], RowCache] = OrderedDict()  # noqa: RUF012  (of the process, as intended)


def row_cache_of(root: HDF5Group, table: TableReader) -> RowCache:
    """Returns the cache of the catalogue of a file.

    Args:
        root: The root group of the open file.
        table: The catalogue of the file.
    """
    status = os.fstat(root.fd)
    identity = root.attribute("project_uuid"), root.attribute("generation"), table.address
    key = (status.st_dev, status.st_ino, *identity)
    with _Caches.lock:
        cache = _Caches.of_files.setdefault(key, RowCache())
        _Caches.of_files.move_to_end(key)
        while len(_Caches.of_files) > 1 and (
            len(_Caches.of_files) > _MOST_PROJECTS or sum(one.nbytes for one in _Caches.of_files.values()) > _MOST_BYTES
        ):
            _Caches.of_files.popitem(last=False)
    return cache


def is_committed(session: Session) -> bool:
    """Whether a session has changed no row, so that what it reads may be kept."""
    return not isinstance(session, WriteSession) or not session.has_new_rows


def known_columns(session: Session) -> list[StoredColumn]:
    """The columns beside the catalogue of the file of a session; those of an uncommitted state are not kept."""
    if not is_committed(session):
        return list(ColumnCache().columns(session.root).values())
    table = TableReader(session.root.open_table(layout.CATALOGUE), session.root.where(layout.CATALOGUE))
    return row_cache_of(session.root, table).columns(session.root)


def _begin_anew() -> None:
    """Empties the cache in a forked child, because another thread may have been updating it."""
    _Caches.lock = threading.Lock()
    _Caches.of_files = OrderedDict()


os.register_at_fork(after_in_child=_begin_anew)
