"""Opening of a project file; each error message says what the user can do."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from pathlib import Path

from aerchive.errors import InvalidInputError, NotFoundError, ReadError, ReadOnlyError, WriteError
from aerchive.storage.medium.filesystems import no_permission
from aerchive.storage.medium.names import no_such_project
from aerchive.storage.medium.not_hdf5 import is_annexed
from aerchive.storage.medium.parts import parts_of_status
from aerchive.storage.medium.remote_path import RemotePath


def open_file(path: Path, flags: int) -> int:
    """Opens a project file that exists.

    Args:
        path: The file.
        flags: ``os.O_RDONLY`` or ``os.O_RDWR``.

    Returns:
        The file descriptor. Programs that this process starts do not inherit it.

    Raises:
        NotFoundError: There is no such file.
        InvalidInputError: It is not a regular file, or no file can have this name.
        ReadOnlyError: This user may not open the file with these flags.
        ReadError: The disk failed while the file was opened for reading.
        WriteError: The disk failed while the file was opened for writing.
    """
    if flags & os.O_RDWR and isinstance(path, RemotePath):
        raise only_readable(path)
    try:
        kind = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise missing(path) from None
    except PermissionError:
        raise ReadOnlyError(f"{path}: this user may not look into {path.parent}") from None
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path}: cannot be the name of a file: {reason_of(error)}") from None
    if stat.S_ISDIR(kind):
        raise InvalidInputError(f"{path}: is a folder; a project is one file, such as {path / 'project.h5'}")
    if not stat.S_ISREG(kind):
        raise InvalidInputError(f"{path}: is not a regular file; a project is one")
    if flags & os.O_RDWR and is_annexed(path):
        raise ReadOnlyError(no_permission(path))
    try:
        return os.open(path, flags | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise missing(path) from None
    except PermissionError:
        raise ReadOnlyError(no_permission(path, "written" if flags & os.O_RDWR else "read")) from None
    except OSError as error:
        if flags & os.O_RDWR and error.errno == errno.EROFS:
            raise ReadOnlyError(f"{path}: is on a read-only file system; open it with mode='r'") from None
        if flags & os.O_RDWR:
            raise WriteError(f"{path}: {error.strerror}; nothing was saved, the file is as it was") from error
        raise ReadError(f"{path}: {error.strerror} while opening; look at the disk, then read again") from error


def only_readable(path: RemotePath) -> ReadOnlyError:
    """The error for a project that was opened by a URL, or from a file object, and is to be changed."""
    return ReadOnlyError(
        f"{path}: is on another machine, and can only be read there; take a copy, and change that: "
        f"aerchive copy {shlex.quote(str(path))} COPY.h5"
    )


def only_here(path: RemotePath, what: str) -> InvalidInputError:
    """The error for work on a project that needs the whole file on this machine.

    Args:
        path: The project.
        what: The work that was not done, as ``it was verified``.
    """
    return InvalidInputError(
        f"{path}: is on another machine; before {what}, take a copy: aerchive copy {shlex.quote(str(path))} COPY.h5"
    )


def missing(path: Path) -> NotFoundError:
    """The error for a project file that does not exist; it says how to get the file."""
    if isinstance(path, RemotePath):
        return NotFoundError(f"{path}: what was kept of it on this machine was removed; open it again")
    if is_annexed(path):
        return NotFoundError(
            f"{path}: the content of this file of git-annex is not on this machine; fetch it with: git annex get FILE"
        )
    return no_such_project(path)


def reason_of(error: Exception) -> str:
    """The system's error text, without the name of the file, which may be very long."""
    return getattr(error, "strerror", None) or str(error)


def is_same_file(fd: int, path: Path) -> bool:
    """Whether a path still refers to the file of an open file descriptor."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except OSError:
        return False


Stamp = tuple[int, int, int, int, int]
"""Device, inode, size and times of a file; the stamp changes when the file is changed or replaced by another."""


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp of a file, which tells whether the file has changed.

    Args:
        status: Status of the file, from ``os.stat`` or ``os.fstat``.
    """
    parts = parts_of_status(status)
    if parts is not None:
        return parts.stamp
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def stamp_at(path: os.PathLike[str]) -> Stamp | None:
    """The stamp of the file at a path; ``None`` if there is none, or it cannot be looked at."""
    try:
        return stamp_of(os.stat(path))
    except (OSError, ValueError):
        return None
