"""The project file as h5py reads it: one committed state, every read counted.

h5py keeps its file objects longer than one would think: where HDF5 fails to open a file, it lets go of the object only
after the interpreter has ended. So this is a plain class without a finaliser, and an error that it keeps has no
traceback.
"""

from __future__ import annotations

import os
from typing import Any

from aerchive.storage.commits.journal import Journal
from aerchive.storage.commits.superblock import Superblock
from aerchive.storage.medium.disk import disk
from aerchive.storage.medium.errors import disk_errors
from aerchive.storage.medium.trace import note_read


def bare(error: BaseException) -> BaseException:
    """An error without the frames and errors it came from, which it would keep alive."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


class ReadFile:
    """A file object for h5py, read-only.

    Args:
        fd: The project file.
        journal: Of a commit that nobody has completed; the file is read as if somebody had.
        head: Read in the place of the file's own superblock, if there is no journal.
    """

    def __init__(self, fd: int, journal: Journal | None, head: Superblock | None = None) -> None:
        self._fd = fd
        self._position = 0
        self._error: BaseException | None = None
        self._end = disk().size(fd) if journal is None else journal.new.end
        self._changes: tuple[tuple[int, bytes], ...] = ()
        if journal is not None:
            self._changes = ((0, journal.new.raw), *journal.changes)
        elif head is not None:
            self._changes = ((0, head.raw),)

    def check(self, path: str) -> None:
        """Raises what the disk said while HDF5 was at work."""
        error, self._error = self._error, None
        with disk_errors(path):
            if error is not None:
                raise error

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As for any file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """As for any file."""
        return self._position

    def read(self, size: int) -> bytes:
        """As for any file; h5py asks for this method, and calls `readinto`."""
        buffer = bytearray(size)
        self.readinto(buffer)
        return bytes(buffer)

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer, with zeros beyond the end; never raises, for h5py could not carry it."""
        view = memoryview(buffer).cast("B")
        start = self._position
        done = 0
        try:
            done = disk().read(self._fd, view, start)
        except BaseException as error:  # noqa: BLE001  (kept for `check`)
            self._error = self._error or bare(error)
        note_read(start, done)
        view[done:] = bytes(len(view) - done)
        for offset, data in self._changes:
            low, high = max(start, offset), min(start + len(view), offset + len(data))
            if low < high:
                view[low - start : high - start] = data[low - offset : high - offset]
        self._position += len(view)
        return len(view)
