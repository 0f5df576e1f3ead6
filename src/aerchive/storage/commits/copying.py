"""Copies the committed state of a project file into another file."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable

from aerchive.storage.commits.journal import Journal
from aerchive.storage.medium.disk import disk, read_bytes
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.medium.parts import parts_of

Progress = Callable[[int, int], None]
"""A function called with the number of bytes copied so far and the total number of bytes."""

_PIECE_BYTES = 16 * 1024 * 1024
_FICLONE = 0x40049409
"""Request of Linux' ioctl_ficlone(2): both files share blocks until one is written; for Btrfs, XFS, bcachefs."""
_NOT_HERE = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.ENOTTY})


def copy_state(source: int, target: int, end: int, journal: Journal | None, progress: Progress | None) -> None:
    """Copies the committed state of a project, durably.

    Args:
        source: File descriptor of the project file, locked at least for reading.
        target: File descriptor of an empty file, open for writing.
        end: Size of the committed state, in bytes.
        journal: The journal of an interrupted commit, if there is one; it is applied to the copy.
        progress: Function called after each piece.

    Raises:
        OSError: The disk is full or failed.
        KeyboardInterrupt: The user has pressed Ctrl-C.
    """
    port = disk()
    is_here = parts_of(source) is None
    if not is_here or not _clone(source, target):
        _copy(source, target, end, progress, in_kernel=is_here)
    port.truncate(target, end)
    if journal is not None:
        for offset, data in ((0, journal.new.raw), *journal.changes):
            port.write(target, memoryview(data), offset)
    port.sync(target)
    if progress is not None:
        progress(end, end)


def _clone(source: int, target: int) -> bool:
    with contextlib.suppress(OSError):
        fcntl.ioctl(target, _FICLONE, source)
        return True
    return False


def _copy(source: int, target: int, end: int, progress: Progress | None, *, in_kernel: bool) -> None:
    done = 0
    while done < end:
        check_interrupt()
        size = min(_PIECE_BYTES, end - done)
        if in_kernel:
            try:
                size = os.copy_file_range(source, target, size, done, done)
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                in_kernel = False
                continue
        else:
            data = read_bytes(source, done, size)
            disk().write(target, memoryview(data), done)
            size = len(data)
        if not size:
            raise OSError(errno.EIO, "the file ends before its end")
        done += size
        if progress is not None:
            progress(done, end)
