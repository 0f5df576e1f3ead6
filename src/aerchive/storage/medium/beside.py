"""Opening of a file beside a project. Another user may have put it there, so it is checked before it is read.

A project may lie in a folder in which many users may make files. A file beside it is used only if it comes from a user
who may write the project itself, and if no other user may change it. All other files are left alone: they are named,
and neither read nor locked, renamed or removed.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from aerchive.errors import UnsafeContentError
from aerchive.limits import limits, over_limit
from aerchive.storage.medium.disk import check_holes
from aerchive.storage.medium.permissions import Writers


def open_beside(path: str | Path, project: Path, flags: int = os.O_RDONLY, *, is_read: bool = True) -> int:
    """Opens a file beside a project, after a check that it comes from a user who may write the project.

    Args:
        path: The file.
        project: The project file, which need not exist; then only files of this user and of root are opened.
        flags: ``os.O_RDONLY`` or ``os.O_RDWR``.
        is_read: Whether the content is read, so that its size matters.

    Returns:
        The file descriptor.

    Raises:
        FileNotFoundError: There is no such file.
        OSError: The file cannot be opened.
        UnsafeContentError: It is not a regular file with one name, it belongs to a user who may not write the project,
            other users may write it, or it is larger than a limit allows.
    """
    if not stat.S_ISREG(os.lstat(path).st_mode):  # opening a device or a pipe may have effects
        raise _left_alone(path, "it is not a regular file")
    fd = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(fd)
        _check_origin(fd, status, path, project)
        if is_read:
            _check_size(fd, status, path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def is_left_alone(path: str | Path, project: Path) -> str:
    """Why a file beside a project is left alone; an empty text if it is not, or does not exist."""
    try:
        os.close(open_beside(path, project, is_read=False))
    except UnsafeContentError as error:
        return str(error)
    except OSError:
        pass
    return ""


def _check_origin(fd: int, status: os.stat_result, path: str | Path, project: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _left_alone(path, "it is not a regular file")
    if not status.st_nlink:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    if status.st_nlink > 1:
        raise _left_alone(path, f"it has {status.st_nlink} names (hard links)")
    trusted, now = {os.geteuid(), 0}, Writers.of(fd)
    try:
        writers = Writers.of(project)
    except OSError:  # there is no project yet: then a group that may write the file may be that of the new project
        writers = Writers(frozenset(), frozenset(), everybody=False)
        is_member, groups = False, now.groups
    else:
        is_member, groups = status.st_gid in writers.groups and _shows_member(path), writers.groups
    if not (status.st_uid in trusted | writers.users or is_member or writers.everybody):
        raise _left_alone(path, f"it belongs to user {status.st_uid}, who may not write the project")
    users = trusted | writers.users | {status.st_uid}
    if not (writers.everybody or (not now.everybody and now.users <= users and now.groups <= groups)):
        raise _left_alone(path, "users who may not write the project may write this file")


def _shows_member(path: str | Path) -> bool:
    """Whether only members of a group can make a file of this group here.

    A folder with the setgid bit gives its group to the files of all users.
    """
    mode = os.stat(os.path.dirname(path) or ".").st_mode
    return not (mode & stat.S_ISGID and mode & stat.S_IWOTH)


def _check_size(fd: int, status: os.stat_result, path: str | Path) -> None:
    if status.st_size > limits().beside_bytes:
        raise over_limit(path, "beside_bytes", f"the file has {status.st_size} bytes")
    check_holes(fd, path)


def _left_alone(path: str | Path, why: str) -> UnsafeContentError:
    return UnsafeContentError(f"{path}: is left alone: {why}")
