"""One state of a project file as a file of its own."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable

from aerchive.storage.commits.journal import Journal
from aerchive.storage.medium.disk import disk, read_bytes
from aerchive.storage.medium.interrupts import check_interrupt

Progress = Callable[[int, int], None]
"""Called with the bytes copied and all of them."""

_PIECE_BYTES = 16 * 1024 * 1024
_FICLONE = 0x40049409
"""Linux' ioctl_ficlone(2): both files share their blocks until one is written; Btrfs, XFS, bcachefs."""
_NOT_HERE = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.ENOTTY})


def copy_state(source: int, target: int, end: int, journal: Journal | None, progress: Progress | None) -> None:
    """Copies the committed state of a project, durably.

    Args:
        source: The project file, locked at least for reading.
        target: An empty file, open for writing.
        end: Of the committed state.
        journal: Of a commit that nobody has completed; it is completed in the copy.
        progress: Called after each piece.

    Raises:
        OSError: The disk is full or failed.
        KeyboardInterrupt: The user wants to stop.
    """
    port = disk()
    if not _clone(source, target):
        _copy(source, target, end, progress)
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


def _copy(source: int, target: int, end: int, progress: Progress | None) -> None:
    done, in_kernel = 0, hasattr(os, "copy_file_range")
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
