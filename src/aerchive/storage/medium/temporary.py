"""Temporary files beside a project, with hidden names: a new or compacted project before it gets the project's name.

Each is locked as long as its process lives. A file without a lock was left by a process that died, and may be removed.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from aerchive.errors import ReadOnlyError
from aerchive.storage.medium.locks import NO_LOCKS
from aerchive.storage.medium.names import PROCESS, name_beside, names_in, prefix_beside

Purpose = Literal["new", "compact"]
_PURPOSES: tuple[Purpose, ...] = ("new", "compact")

_TRIES = 8
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1


def make_temporary(path: Path, purpose: Purpose, mode: int) -> tuple[int, Path]:
    """Makes a temporary file and locks it, so that no other process takes it for a file of a dead process.

    Args:
        path: The project file.
        purpose: Use of the file: a new project, or a compacted one.
        mode: Permissions of the file, as for ``os.open``; the umask is taken off.

    Returns:
        The file descriptor, open for reading and writing, and the path of the file. The file is exclusively locked,
        unless the file system has no locks.

    Raises:
        ReadOnlyError: This user may not make files in the folder.
        OSError: The disk is full or failed, or there is no such folder.
    """
    for _ in range(_TRIES):
        temporary = path.parent / name_beside(path.name, purpose)
        try:
            fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        except PermissionError:
            raise not_writable(path) from None
        except OSError as error:
            if error.errno == errno.EROFS:
                raise ReadOnlyError(f"{path}: {path.parent} is on a read-only file system") from None
            raise
        try:
            _lock_if_possible(fd)
            if os.fstat(fd).st_nlink:
                return fd, temporary
        except BlockingIOError:  # another process has locked it, to remove it as left over
            pass
        except BaseException:
            _discard(fd, temporary)
            raise
        _discard(fd, temporary)
    raise OSError(errno.EAGAIN, "a file beside it cannot be made and locked")


def not_writable(path: Path) -> ReadOnlyError:
    """The error for a user who may not make files in the folder of a project."""
    return ReadOnlyError(
        f"{path}: this user may not create files in {path.parent}; choose another folder, or change its permissions"
    )


def _lock_if_possible(fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise


def _discard(fd: int, temporary: Path) -> None:
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)
    os.close(fd)


def temporaries(path: Path, *purposes: Purpose) -> Iterator[Path]:
    """The temporary files beside a project, in use by a process or left over.

    Args:
        path: The project file; if it is a symbolic link, the folder of the target is searched.
        *purposes: Purposes of the files to be listed; by default all.
    """
    path = Path(os.path.realpath(path))
    for purpose in purposes or _PURPOSES:
        yield from map(path.with_name, names_in(path.parent, prefix_beside(path.name, purpose), PROCESS))


def temporary_bytes(path: Path) -> int:
    """The disk space of the temporary files of a project, in bytes; a hard link to the project itself counts as 0."""
    total = 0
    for other in temporaries(path):
        with contextlib.suppress(OSError):
            total += 0 if _is_project(other, path) else other.stat().st_blocks * 512
    return total


def remove_left_over(path: Path) -> None:
    """Removes temporary files of a project that were left by processes that died.

    A new project that could not be renamed was hard-linked to its name; its hidden name may be left as a second one.
    """
    for other in temporaries(path):
        remove_if_dead(other, path)


def remove_if_dead(other: Path, path: Path) -> bool:
    """Removes a temporary file unless its process lives.

    Args:
        other: The temporary file.
        path: The project file.

    Returns:
        Whether the file does not exist any more.
    """
    try:
        fd = os.open(other, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        if not _is_project(other, path):  # a second name of the project has the project's lock, which says nothing here
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        other.unlink(missing_ok=True)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _is_project(other: Path, path: Path) -> bool:
    try:
        return os.path.samestat(os.lstat(other), os.stat(path))
    except OSError:
        return False


def rename_new(source: Path, target: Path) -> bool:
    """Renames a file, without ever replacing another file.

    Returns:
        Whether the file was renamed; False if the system or the file system cannot do this; nothing was changed then.

    Raises:
        FileExistsError: A file with the target name exists.
        OSError: The disk failed.
    """
    function = _renameat2()
    if function is None:
        return False
    if function(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):  # EPERM: some containers forbid the call
        return False
    raise OSError(number, os.strerror(number), str(target))


@functools.cache
def _renameat2() -> Callable[[int, bytes, int, bytes, int], int] | None:
    """Linux' function renameat2(2), which Python does not offer; ``None`` if the C library lacks it."""
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    function.restype = ctypes.c_int
    return function
