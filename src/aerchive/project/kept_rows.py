"""What this process has read of catalogues, kept for the next look.

Rows are only ever added, or replaced one by one, and the file lists those that were replaced. So a look at a catalogue
reads what is new, and a commit costs the same with a thousand runs and with a hundred thousand. What was measured is in
``docs/decisions/0011-catalogue.md``.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.models import catalogue
from aerchive.storage.reader import HDF5Group
from aerchive.storage.table import TableReader

_MOST_PROJECTS = 8
_MOST_BYTES = 256 * 1024 * 1024
"""Of all that is kept, if it is of several projects."""
_BLOCK = 4096
"""Rows that are read at once where only their keys are kept."""
_ID = catalogue.DTYPE["job_id"]


class KeptRows:
    """The catalogue of one file as this process has seen it last; threads may share it.

    Of a hundred thousand runs the keys take 0.8 MB, and are enough to save runs and to find one by its id; the rows
    take 51 MB, and are kept once somebody has asked for all of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._length = 0
        self._keys = np.empty(0, np.uint64)
        self._last_id = b""
        self._damaged: list[int] = []
        self._rows: NDArray[Any] | None = None
        self._is_lent = False
        self._changes = 0
        self._last_change = b""

    @property
    def nbytes(self) -> int:
        """Of the memory it takes."""
        rows = self._rows
        return self._keys.nbytes + (0 if rows is None else rows.nbytes)

    @property
    def damaged(self) -> list[int]:
        """Numbers of damaged rows."""
        return self._damaged

    def candidates(self, key: bytes) -> tuple[list[int], int]:
        """Where a run may be.

        Args:
            key: The beginning of its job id, as in the catalogue.

        Returns:
            Numbers of rows, and how many rows are known.
        """
        with self._lock:
            found = np.flatnonzero(self._keys[: self._length] == _hashes(np.array([key], _ID)))
            return [int(number) for number in found], self._length

    def look(self, table: TableReader) -> None:
        """Reads the ids of new rows.

        Args:
            table: The catalogue, in a session that has not changed it.
        """
        with self._lock:
            self._check(table)
            self._read_new(table)

    def rows(self, table: TableReader, changes: TableReader | None) -> NDArray[Any]:
        """Reads what is new.

        Args:
            table: The catalogue, in a session that has not changed it.
            changes: The list of replaced rows, if there is one.

        Returns:
            All rows, damaged ones included; read-only, and not changed by later looks.
        """
        with self._lock:
            self._check(table)
            if self._rows is None or not self._read_changes(table, changes):
                self._forget()
                self._rows = np.empty(0, catalogue.DTYPE)
                self._skip_changes(changes)
            self._read_new(table)
            self._is_lent = True
            rows = self._rows[: self._length]
            rows.flags.writeable = False
            return rows

    def _check(self, table: TableReader) -> None:
        """Forgets all if the file was put back to an earlier state, or if what was damaged may be mended."""
        if not self._length:
            return
        last = table.rows(self._length - 1, 1)["job_id"].tobytes() if len(table) >= self._length else b""
        if last != self._last_id or self._damaged:
            self._forget()

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
            self._last_id = rows["job_id"][-1:].tobytes()
            self._length += len(rows)

    def _read_changes(self, table: TableReader, changes: TableReader | None) -> bool:
        """Reads the rows again that were replaced; returns whether the list goes on from where it was."""
        number = 0 if changes is None else len(changes)
        if number < self._changes or (changes is not None and self._entry(changes) != self._last_change):
            return False
        if changes is None or number == self._changes:
            return True
        replaced = np.unique(changes.rows(self._changes)["row"])
        if replaced[0] < 0 or replaced[-1] >= len(table):
            return False
        self._skip_changes(changes)
        replaced = replaced[replaced < self._length]
        if self._is_lent and len(replaced) and self._rows is not None:
            self._rows, self._is_lent = self._rows.copy(), False
        for row in replaced.tolist():
            now = table.rows(row, 1)
            self._damaged += catalogue.damaged_rows(now, row)
            self._rows[row : row + 1] = now  # type: ignore[index]  # there are rows, or there is nothing to bring in step
        return True

    def _skip_changes(self, changes: TableReader | None) -> None:
        self._changes = 0 if changes is None else len(changes)
        self._last_change = b"" if changes is None else self._entry(changes)

    def _entry(self, changes: TableReader) -> bytes:
        """The last entry that is known of the list."""
        return changes.rows(self._changes - 1, 1).tobytes() if self._changes else b""


def _with_room(kept: NDArray[Any], length: int) -> NDArray[Any]:
    """An array that begins with the same items and holds so many; grown by an eighth, so that growing costs little."""
    if len(kept) >= length:
        return kept
    grown = np.zeros(length + length // 8 + 64, kept.dtype)
    grown[: len(kept)] = kept
    return grown


def _hashes(ids: NDArray[Any]) -> NDArray[np.uint64]:
    """A number for each id; equal ids have equal ones, and others hardly ever."""
    words = np.ascontiguousarray(ids).view("<u8").reshape(len(ids), -1)
    hashes = np.full(len(ids), 0x9E3779B97F4A7C15, np.uint64)
    for word in words.T:
        hashes = (hashes ^ word) * np.uint64(0xBF58476D1CE4E5B9)
        hashes ^= hashes >> np.uint64(31)
    return hashes


class _Kept:
    """Of each file, the one used last at the end."""

    lock = threading.Lock()
    of_files: OrderedDict[tuple[object, ...], KeptRows] = OrderedDict()  # noqa: RUF012  (of the process, as is meant)


def kept_rows(root: HDF5Group, table: TableReader) -> KeptRows:
    """What this process knows of the catalogue of a file.

    Args:
        root: The root of the open file.
        table: Its catalogue.
    """
    status = os.fstat(root.fd)
    identity = root.attribute("project_uuid"), root.attribute("generation"), table.address
    key = (status.st_dev, status.st_ino, *identity)
    with _Kept.lock:
        kept = _Kept.of_files.setdefault(key, KeptRows())
        _Kept.of_files.move_to_end(key)
        while len(_Kept.of_files) > 1 and (
            len(_Kept.of_files) > _MOST_PROJECTS or sum(one.nbytes for one in _Kept.of_files.values()) > _MOST_BYTES
        ):
            _Kept.of_files.popitem(last=False)
    return kept


def _begin_anew() -> None:
    """In a forked child: another thread may have been in the middle of a look."""
    _Kept.lock = threading.Lock()
    _Kept.of_files = OrderedDict()


os.register_at_fork(after_in_child=_begin_anew)
