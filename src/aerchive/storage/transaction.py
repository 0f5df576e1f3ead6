"""One commit: HDF5 writes into an overlay, and the file changes only when all of it is there.

Bytes beyond the committed end go to the file at once, where no reader looks; changes of committed bytes are held
in memory. ``commit`` makes the new bytes durable, then applies the changes, the superblock last. ``roll_back``
cuts the file off at its old end.
"""

from __future__ import annotations

import io
import os
from typing import Any

from aerchive.errors import TransactionError
from aerchive.storage.superblock import SIZE as SUPERBLOCK_SIZE
from aerchive.storage.trace import note_read

_PAGE = 4096


class Overlay(io.RawIOBase):
    """A file object for h5py in which committed bytes never change before `commit`.

    h5py ignores what a callback raises or returns in some places, so nothing here raises while HDF5 is at work: the
    first error is kept,
    and `commit` raises it.

    Args:
        fd: The project file, open for reading and writing, exclusively locked.
        committed_end: Bytes of the file that are committed.
    """

    def __init__(self, fd: int, committed_end: int) -> None:
        self._fd = fd
        self._base = committed_end
        self._end = committed_end
        self._position = 0
        self._pages: dict[int, bytearray] = {}
        self._error: BaseException | None = None

    # -- what h5py calls

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As for any file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """As for any file."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer, with zeros beyond the end."""
        view = memoryview(buffer).cast("B")
        try:
            self._read(view)
        except BaseException as error:  # noqa: BLE001  (kept for commit: h5py cannot carry it)
            self._error = self._error or error
        self._position += len(view)
        return len(view)

    def write(self, data: Any) -> int:
        """Keeps the data, in the file or in memory."""
        view = memoryview(data).cast("B")
        try:
            self._write(view)
        except BaseException as error:  # noqa: BLE001  (kept for commit: h5py cannot carry it)
            self._error = self._error or error
        self._position += len(view)
        self._end = max(self._end, self._position)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Sets the end that the file will have."""
        self._end = self._position if size is None else size
        return self._end

    def flush(self) -> None:
        """Nothing: durability is decided by `commit`."""

    # -- the two ends of a transaction

    def commit(self) -> None:
        """Makes the new state durable.

        Raises:
            OSError: What went wrong while HDF5 was writing, or now. Before the first committed byte is changed the
                file still holds the old state.
        """
        if self._error is not None:
            raise self._error
        if self._end < SUPERBLOCK_SIZE:
            raise TransactionError("HDF5 wrote no superblock; nothing was committed")
        os.ftruncate(self._fd, self._end)
        os.fsync(self._fd)
        for page in sorted(self._pages, reverse=True):  # page 0, with the superblock, last
            start = page * _PAGE
            stop = min(start + _PAGE, self._base)
            _write_all(self._fd, memoryview(self._pages[page])[: stop - start], start)
        os.fsync(self._fd)

    def roll_back(self) -> None:
        """Leaves the file as it was."""
        os.ftruncate(self._fd, self._base)

    # -- bytes

    def _read(self, view: memoryview) -> None:
        start = self._position
        done = _read_all(self._fd, view, start)
        note_read(start, done)
        view[done:] = bytes(len(view) - done)
        for page in self._pages_of(start, len(view)):
            held = self._pages.get(page)
            if held is not None:
                low, high = max(start, page * _PAGE), min(start + len(view), (page + 1) * _PAGE, self._base)
                view[low - start : high - start] = held[low - page * _PAGE : high - page * _PAGE]

    def _write(self, view: memoryview) -> None:
        start = self._position
        below = max(0, min(len(view), self._base - start))
        for page in self._pages_of(start, below):
            held = self._pages.get(page)
            if held is None:
                held = bytearray(_PAGE)
                _read_all(self._fd, memoryview(held), page * _PAGE)
                self._pages[page] = held
            low, high = max(start, page * _PAGE), min(start + below, (page + 1) * _PAGE)
            held[low - page * _PAGE : high - page * _PAGE] = view[low - start : high - start]
        if below < len(view):
            _write_all(self._fd, view[below:], start + below)

    @staticmethod
    def _pages_of(start: int, length: int) -> range:
        return range(start // _PAGE, -(-(start + length) // _PAGE)) if length else range(0)


def _read_all(fd: int, view: memoryview, offset: int) -> int:
    done = 0
    while done < len(view):
        number = os.preadv(fd, [view[done:]], offset + done)
        if number == 0:
            break
        done += number
    return done


def _write_all(fd: int, view: memoryview, offset: int) -> None:
    done = 0
    while done < len(view):
        done += os.pwrite(fd, view[done:], offset + done)
