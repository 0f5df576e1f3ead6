"""Temporary files beside a project, with hidden names: a new or compacted project before it gets the project's name.

Each is locked as long as its process lives. A file without a lock was left by a process that died, and may be removed.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from aerchive.errors import AerchiveError, ReadOnlyError
from aerchive.storage.medium.names import PROCESS, names_in, prefix_beside
from aerchive.storage.medium.process_file import file_of_dead_process, make_process_file, remove_process_file

Purpose = Literal["new", "compact"]
_PURPOSES: tuple[Purpose, ...] = ("new", "compact")

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1


@contextlib.contextmanager
def temporary_file(
    path: Path, purpose: Purpose, failed: Callable[[OSError], AerchiveError], like: Path, mode: int = 0o666
) -> Iterator[tuple[int, Path]]:
    """Makes a temporary file and locks it; it is removed at the end of the block unless it was renamed.

    Args:
        path: The project file.
        purpose: Use of the file: a new project, or a compacted one.
        failed: Function that makes the error for a disk that is full or failed, given the error of the system.
        like: File whose group, access list and permissions the new file gets.
        mode: Permissions if that file does not exist, as for ``os.open``; the umask is taken off.

    Yields:
        The file descriptor and the path; see `make_process_file`.

    Raises:
        ReadOnlyError: This user may not make files in the folder.
        AerchiveError: The error from ``failed``.
    """
    try:
        fd, name = make_process_file(str(path.with_name(prefix_beside(path.name, purpose))), like, mode)
    except PermissionError:
        raise not_writable(path) from None
    except OSError as error:
        if error.errno == errno.EROFS:
            raise ReadOnlyError(f"{path}: {path.parent} is on a read-only file system") from None
        raise failed(error) from error
    try:
        yield fd, Path(name)
    finally:
        remove_process_file(fd, name)


def not_writable(path: Path) -> ReadOnlyError:
    """The error for a user who may not make files in the folder of a project."""
    return ReadOnlyError(
        f"{path}: this user may not create files in {path.parent}; choose another folder, or change its permissions"
    )


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
            total += 0 if _is_project(other, path) else other.lstat().st_blocks * 512
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
    with contextlib.suppress(OSError):
        if _is_project(other, path):  # a second name of the project has the project's lock, which says nothing here
            other.unlink(missing_ok=True)
        with file_of_dead_process(other, path) as is_dead:
            if is_dead:
                other.unlink(missing_ok=True)
    return not os.path.lexists(other)


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
