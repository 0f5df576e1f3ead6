"""All input and output of project files goes through the `Disk` of this module; a call completes or raises an error.

Short reads and writes are continued; Python itself repeats a call that a signal interrupts (PEP 475).
A crash test may replace `Disk` by an object of its own, to record each call or to let it fail.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from aerchive.limits import limits, over_limit
from aerchive.storage.medium.parts import parts_of

_MAY_BE_HOLES = 64 * 1024 * 1024
"""So many bytes are read, whatever holes the file has."""
_MAX_OFFSET = 2**63 - 1
"""Behind this offset no file has bytes, and the operating system takes no offset. A damaged file may name one."""


class Disk:
    """Positioned input and output on file descriptors."""

    def read(self, fd: int, view: memoryview, offset: int) -> int:
        """Reads into a buffer until it is full or the file ends; returns the number of bytes read.

        Raises:
            OSError: The disk failed.
            AerchiveError: The file is on another machine, and could not be fetched, or has changed.
        """
        if (parts := parts_of(fd)) is not None:
            return parts.read(view, offset)
        done = 0
        while done < len(view) and offset + len(view) <= _MAX_OFFSET:
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
        """Tells the operating system that these bytes are read soon, so that it can fetch them; only a hint."""
        if offset + length <= _MAX_OFFSET and parts_of(fd) is None:
            os.posix_fadvise(fd, offset, length, os.POSIX_FADV_WILLNEED)

    def expect(self, fd: int, extents: Sequence[tuple[int, int]]) -> None:
        """Fetches pieces that are read next, if the file is on another machine; ``extents`` as for `Parts.expect`."""
        if (parts := parts_of(fd)) is not None:
            parts.expect(extents)

    def begin_writing(self, fd: int, offset: int, length: int) -> None:
        """Tells the operating system to begin to write bytes to the medium; only a hint: `sync` is still needed.

        On Linux, ``POSIX_FADV_DONTNEED`` starts writing dirty pages, and drops only clean pages from the page cache.
        """
        os.posix_fadvise(fd, offset, length, os.POSIX_FADV_DONTNEED)

    def truncate(self, fd: int, size: int) -> None:
        """Sets the size of the file."""
        os.ftruncate(fd, size)

    def sync(self, fd: int) -> None:
        """Waits until all written bytes are on the medium (``fsync``).

        A failed sync is never repeated: the kernel may have dropped the pages that it could not write.
        """
        os.fsync(fd)

    def size(self, fd: int) -> int:
        """The size of the file, in bytes."""
        return os.fstat(fd).st_size

    def free(self, fd: int) -> int:
        """The free space of the file's file system, in bytes, as available to users without privileges."""
        status = os.fstatvfs(fd)
        return status.f_bavail * status.f_frsize


class _Current:
    disk = Disk()


def disk() -> Disk:
    """The `Disk` in use."""
    return _Current.disk


def use_disk(other: Disk) -> Disk:
    """Replaces the `Disk` in use, for crash tests; returns the previous one."""
    before, _Current.disk = _Current.disk, other
    return before


def read_bytes(fd: int, offset: int, length: int) -> bytes:
    """Reads ``length`` bytes of the file from ``offset``; fewer if the file ends before."""
    buffer = bytearray(length)
    done = disk().read(fd, memoryview(buffer), offset)
    return bytes(buffer[:done])


def check_holes(fd: int, path: object, nbytes: int | None = None) -> None:
    """Refuses to read much of a file of which hardly anything is on the disk: reading holes only takes memory and time.

    Args:
        fd: File descriptor of the file.
        path: The file, for the message.
        nbytes: The number of bytes that are to be read, not more than the file has; by default the whole file.

    Raises:
        UnsafeContentError: These are more bytes than `aerchive.limits.Limits.sparse_ratio` allows.
    """
    if parts_of(fd) is not None:
        return  # what is read is fetched first, so that reading takes no more than was sent
    status = os.fstat(fd)
    size, stored = status.st_size if nbytes is None else nbytes, status.st_blocks * 512
    # Some file systems compress, or count the blocks of a new file late, but all of them know its holes.
    if size > max(_MAY_BE_HOLES, stored * limits().sparse_ratio) and os.lseek(fd, 0, os.SEEK_HOLE) < status.st_size:
        raise over_limit(path, "sparse_ratio", f"of {size} bytes at most {stored} are on the disk")


def sync_folder(folder: Path) -> None:
    """Makes the file names in a folder durable (``fsync`` of the folder)."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
