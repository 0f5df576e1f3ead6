"""The project file as h5py reads it: one committed state, with each read noted in the read log.

h5py may keep a file object for long: if HDF5 fails to open a file, the object is released only after the interpreter
has ended. So this is a plain class without a finaliser, and an error that it keeps has no traceback.
"""

from __future__ import annotations

import bisect
import os
from typing import Any

from aerchive.storage.commits.journal import Journal
from aerchive.storage.commits.superblock import Superblock
from aerchive.storage.medium.disk import disk
from aerchive.storage.medium.errors import disk_errors
from aerchive.storage.medium.trace import note_read


def bare(error: BaseException) -> BaseException:
    """The error without traceback, cause and context, which it would keep alive."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


class FileObject:
    """Base class of file objects for h5py, with the position and the end of the file."""

    _position = 0
    _end = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Sets the position, as for any file object."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """The position, as for any file object."""
        return self._position

    def read(self, size: int) -> bytes:
        """Reads bytes, as for any file object; h5py requires this method, but calls `readinto`."""
        buffer = bytearray(size)
        self.readinto(buffer)
        return bytes(buffer)

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer; bytes beyond the end are zero. Never raises, because h5py would lose the error."""
        raise NotImplementedError


class ReadFile(FileObject):
    """A file object for h5py, read-only.

    Args:
        fd: File descriptor of the project file.
        journal: The journal of an interrupted commit, if there is one; the file is read as if it had been applied.
        head: A superblock that replaces the file's own superblock, if there is no journal.
    """

    def __init__(self, fd: int, journal: Journal | None, head: Superblock | None = None) -> None:
        self._fd = fd
        self._error: BaseException | None = None
        self._end = disk().size(fd) if journal is None else journal.new.end
        self._changes: tuple[tuple[int, bytes], ...] = ()
        if journal is not None:
            self._changes = ((0, journal.new.raw), *journal.changes)
        elif head is not None:
            self._changes = ((0, head.raw),)
        self._ends = [offset + len(data) for offset, data in self._changes]

    def check(self, path: str) -> None:
        """Raises the first error of the disk in a call by HDF5, if there was one."""
        error, self._error = self._error, None
        with disk_errors(path):
            if error is not None:
                raise error

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer; bytes beyond the end are zero. Never raises, because h5py would lose the error."""
        view = memoryview(buffer).cast("B")
        start = self._position
        done = 0
        try:
            done = disk().read(self._fd, view, start)
        except BaseException as error:  # noqa: BLE001  (kept for `check`)
            self._error = self._error or bare(error)
        note_read(start, done)
        if done < len(view):
            view[done:] = bytes(len(view) - done)
        for offset, data in self._changes[bisect.bisect_right(self._ends, start) :] if self._changes else ():
            if offset >= start + len(view):
                break
            low, high = max(start, offset), min(start + len(view), offset + len(data))
            view[low - start : high - start] = data[low - offset : high - offset]
        self._position += len(view)
        return len(view)
