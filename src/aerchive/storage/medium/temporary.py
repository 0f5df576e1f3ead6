"""Files beside a project under a hidden name: a new project, or a compacted one, before it gets the project's name.

Each is locked as long as its process lives. One without a lock was left by a process that died, and may be removed.
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
    """A new file, locked before another process could take it for one of a dead process.

    Args:
        path: Of the project.
        purpose: What the file is for.
        mode: Its permissions; the umask is taken off.

    Returns:
        The file, open for reading and writing, and its name. Where the file system has no locks, it is not locked.

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
        except BlockingIOError:  # a process that removes what dead ones left has it, and removes it
            pass
        except BaseException:
            _discard(fd, temporary)
            raise
        _discard(fd, temporary)
    raise OSError(errno.EAGAIN, "a file beside it cannot be made and locked")


def not_writable(path: Path) -> ReadOnlyError:
    """What the user is told who may not make files in the folder of a project."""
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
    """The files that processes make beside a project at the moment, or have left there.

    Args:
        path: Of the project; if it is a link, the folder of the file that it leads to is meant.
        *purposes: What the files are for; by default any.
    """
    path = Path(os.path.realpath(path))
    for purpose in purposes or _PURPOSES:
        yield from map(path.with_name, names_in(path.parent, prefix_beside(path.name, purpose), PROCESS))


def temporary_bytes(path: Path) -> int:
    """What these files take of the disk; a second name of the project takes nothing."""
    total = 0
    for other in temporaries(path):
        with contextlib.suppress(OSError):
            total += 0 if _is_project(other, path) else other.stat().st_blocks * 512
    return total


def remove_left_over(path: Path) -> None:
    """Removes what processes left beside a project that died while they made the file.

    Where a project could not be renamed, it was linked, and the hidden name may be left as a second name of it.
    """
    for other in temporaries(path):
        remove_if_dead(other, path)


def remove_if_dead(other: Path, path: Path) -> bool:
    """Removes one of these files unless its process lives; whether it is gone.

    Args:
        other: The file.
        path: Of the project.
    """
    try:
        fd = os.open(other, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        if not _is_project(other, path):  # else the lock is that of the project, and says nothing
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
    """Renames a file, never over another one.

    Returns:
        Whether it was done; if not, the system or the file system cannot do it, and nothing was changed.

    Raises:
        FileExistsError: There is a file of this name.
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
    """Linux' renameat2(2), which Python does not have."""
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    function.restype = ctypes.c_int
    return function
