"""Files beside a project that belong to a process: new files with hidden names, and spools.

Each is locked as long as its process lives. A file without a lock was left by a process that died.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from aerchive.storage.medium.beside import open_beside
from aerchive.storage.medium.locks import try_lock, unlock
from aerchive.storage.medium.permissions import share_like

_TRIES = 8


def make_process_file(prefix: str, like: Path, mode: int = 0o666) -> tuple[int, str]:
    """Makes a file with a unique name and locks it, so that no other process takes it for a file of a dead process.

    Args:
        prefix: Beginning of the path, up to the pid; `aerchive.storage.medium.names.PROCESS` matches the rest.
        like: File whose group, access list and permissions the new file gets: usually the project.
        mode: Permissions if that file does not exist, as for ``os.open``; the umask is taken off.

    Returns:
        The file descriptor, open for reading and writing, and the path. The file is exclusively locked, unless the
        file system has no locks.

    Raises:
        OSError: The file cannot be made in the folder, or the disk is full or failed.
    """
    for _ in range(_TRIES):
        path = f"{prefix}{os.getpid()}-{secrets.token_hex(4)}"
        first_mode = 0o600 if like.exists() else mode
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, first_mode)
        try:
            share_like(fd, like)
            # Another process that opens the file before it is locked may take it for a file of a dead process.
            if try_lock(fd, fcntl.LOCK_EX, without_locks=True) and os.fstat(fd).st_nlink:
                return fd, path
        except BaseException:
            remove_process_file(fd, path)
            raise
        remove_process_file(fd, path)
    raise OSError(errno.EAGAIN, "a new file was removed again and again while it was made", prefix)


def remove_process_file(fd: int, path: str | Path) -> None:
    """Removes a file of this process, unless it has another name by now, and closes it.

    Args:
        fd: File descriptor of the file.
        path: Path of the file.
    """
    with contextlib.suppress(OSError):  # removed before it is unlocked, so that its process is not taken for dead
        os.unlink(path)
    unlock(fd)  # also if a forked child has the file open
    with contextlib.suppress(OSError):
        os.close(fd)


@contextlib.contextmanager
def file_of_dead_process(path: Path, project: Path) -> Iterator[bool]:
    """Locks a file that was left by a dead process, so that no other process takes it over while the block runs.

    Args:
        path: The file.
        project: The project file that it lies beside.

    Yields:
        Whether this process may use or remove the file; False if the file does not exist, is locked by its process or
        another one, or is not to be touched (see `open_beside`).
    """
    try:
        fd = open_beside(path, project, is_read=False)
    except OSError:  # also a file that is left alone
        yield False
        return
    try:
        yield try_lock(fd, fcntl.LOCK_EX, without_locks=False) and os.fstat(fd).st_nlink > 0
    finally:
        os.close(fd)
