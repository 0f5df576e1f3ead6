"""Every byte that goes to or comes from a project file passes here: one small port, complete or an error.

Short reads and writes are carried on; a signal that interrupts a call is retried by Python itself (PEP 475).
A crash harness may put itself in the place of `Disk` to see, or to fail, each single call.
"""

from __future__ import annotations

import os
from pathlib import Path


class Disk:
    """Positioned input and output on file descriptors."""

    def read(self, fd: int, view: memoryview, offset: int) -> int:
        """Fills a buffer as far as the file reaches; returns the bytes read."""
        done = 0
        while done < len(view):
            number = os.preadv(fd, [view[done:]], offset + done)
            if number == 0:
                break
            done += number
        return done

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        """Writes all of a buffer."""
        done = 0
        while done < len(data):
            done += os.pwrite(fd, data[done:], offset + done)

    def will_read(self, fd: int, offset: int, length: int) -> None:
        """Lets the system fetch bytes that are read soon; a hint, without any promise."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(fd, offset, length, os.POSIX_FADV_WILLNEED)

    def begin_writing(self, fd: int, offset: int, length: int) -> None:
        """Lets the system begin to put bytes on the medium; a hint, without any promise: `sync` is still needed.

        On Linux, "don't need" begins to write what is dirty, and forgets only what is clean.
        """
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(fd, offset, length, os.POSIX_FADV_DONTNEED)

    def truncate(self, fd: int, size: int) -> None:
        """Sets the size of the file."""
        os.ftruncate(fd, size)

    def sync(self, fd: int) -> None:
        """Returns when everything written is on the medium.

        A failed sync is never repeated: the kernel may have dropped what it could not write.
        """
        os.fsync(fd)

    def size(self, fd: int) -> int:
        """Of the file, in bytes."""
        return os.fstat(fd).st_size

    def free(self, fd: int) -> int:
        """Room on the file system of a file that users without privileges may take, in bytes."""
        status = os.fstatvfs(fd)
        return status.f_bavail * status.f_frsize


class _Current:
    disk = Disk()


def disk() -> Disk:
    """The port in use."""
    return _Current.disk


def use_disk(other: Disk) -> Disk:
    """Puts another port in place, for a crash harness; returns the one before."""
    before, _Current.disk = _Current.disk, other
    return before


def read_bytes(fd: int, offset: int, length: int) -> bytes:
    """Bytes of the file; fewer where it ends."""
    buffer = bytearray(length)
    done = disk().read(fd, memoryview(buffer), offset)
    return bytes(buffer[:done])


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
