"""A file that takes the place of a project: made whole beside it under a hidden name, then renamed over it.

At each moment the name leads to the old file or to the new one, both whole. What a process that died left behind has no
lock any more, and goes with the next replacement.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from aerchive.errors import AerchiveError, CommittedError, NotFoundError, ProjectLockedError, ReadOnlyError, WriteError
from aerchive.storage.creation import sync_folder
from aerchive.storage.disk import disk
from aerchive.storage.locks import unlock
from aerchive.storage.names import PROCESS, names_in, prefix_beside

_TRIES = 8


class Replacement:
    """A file beside a project that may take its place.

    Attributes:
        fd: The file, open for reading and writing, exclusively locked, which says that its process lives.
        temporary: Its hidden name.
    """

    def __init__(self, path: Path, fd: int, temporary: Path) -> None:
        self._path = path
        self.fd = fd
        self.temporary = temporary

    def publish(self, old: int) -> None:
        """Puts it in the place of the project, durably, with the owner, permissions and attributes of that.

        Its own lock is held until it is closed, so that nobody commits to it before its name is durable.

        Args:
            old: The project, locked, so that nobody writes it.

        Raises:
            WriteError: It cannot take the place, for the reason in the message; the project is as it was.
            ReadOnlyError: This user may not make a file like the old one.
            CommittedError: It is in its place, but the folder may forget that in a power cut.
        """
        try:
            check_single(old, self._path)
            _make_alike(old, self.fd, self._path)
            disk().sync(self.fd)
            os.rename(self.temporary, self._path)
        except AerchiveError:
            raise
        except OSError as error:
            raise _failed(self._path, error) from error
        try:
            sync_folder(self._path.parent)
        except OSError as error:
            raise CommittedError(
                f"{self._path}: is compacted, but the disk failed when the folder was written ({error.strerror}): "
                "after a power cut the file before may be back, without what is saved from now on; look at the disk"
            ) from error


@contextlib.contextmanager
def replacement(path: Path) -> Iterator[Replacement]:
    """An empty file beside a project, which goes unless it is published.

    Args:
        path: Of the project; if it is a link, the file that it leads to is replaced.

    Raises:
        ProjectLockedError: Another program is at the same.
        ReadOnlyError: This user may not write in the folder.
        WriteError: The disk failed.
    """
    path = Path(os.path.realpath(path))
    fd, temporary = _open_temporary(path)
    try:
        for other in _others(path):
            if other != temporary and not _remove_if_dead(other):
                process = other.name.rpartition(".compact-")[2].partition("-")[0]
                raise ProjectLockedError(
                    f"{path}: process {process} is compacting it; wait for that one, or remove {other} if it has died"
                )
        yield Replacement(path, fd, temporary)
    finally:
        with contextlib.suppress(OSError):  # the next who compacts this project removes what stays behind
            temporary.unlink(missing_ok=True)
        unlock(fd)
        os.close(fd)


def left_over_bytes(path: Path) -> int:
    """What the replacements take that have not been published, of processes that died or are still at it."""
    total = 0
    for other in _others(Path(os.path.realpath(path))):
        with contextlib.suppress(OSError):
            total += other.stat().st_blocks * 512
    return total


def remove_left_over(path: Path) -> None:
    """Removes what processes left behind that died while they made a replacement."""
    for other in _others(Path(os.path.realpath(path))):
        _remove_if_dead(other)


def check_single(fd: int, path: Path) -> None:
    """Refuses a file that has another name, or is not the one of this name any more.

    Args:
        fd: The file.
        path: Its name.

    Raises:
        WriteError: It has, or is not.
    """
    here = os.fstat(fd)
    there = os.stat(path)
    if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
        raise WriteError(f"{path}: was replaced by another file meanwhile; nothing was changed")
    if here.st_nlink > 1:
        raise WriteError(
            f"{path}: has {here.st_nlink} names (hard links), and a new file would get only this one: the others would "
            f"go on with the old file. Remove them ('find . -samefile {path.name}' lists them), or compact a copy "
            "('aerchive copy'); nothing was changed"
        )


def _open_temporary(path: Path) -> tuple[int, Path]:
    """A new file, locked before anybody could take it for one of a dead process."""
    for _ in range(_TRIES):
        temporary = path.parent / f"{_prefix(path)}{os.getpid()}-{secrets.token_hex(4)}"
        try:
            fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            raise NotFoundError(f"{path}: there is no folder {path.parent}") from None
        except PermissionError:
            raise ReadOnlyError(f"{path}: this user may not create files in {path.parent}") from None
        except OSError as error:
            if error.errno == errno.EROFS:
                raise ReadOnlyError(f"{path}: {path.parent} is on a read-only file system") from None
            raise _failed(path, error) from error
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(fd).st_nlink:
                return fd, temporary
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        os.close(fd)
    raise WriteError(f"{path}: cannot make a file beside it and lock it; nothing was changed")


def _prefix(path: Path) -> str:
    return prefix_beside(path.name, "compact")


def _others(path: Path) -> list[Path]:
    return [path.parent / name for name in names_in(path.parent, _prefix(path), PROCESS)]


def _remove_if_dead(other: Path) -> bool:
    """Removes a file if nobody has it locked; whether it is gone."""
    try:
        fd = os.open(other, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        other.unlink(missing_ok=True)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _make_alike(old: int, new: int, path: Path) -> None:
    """Gives a file owner, group, extended attributes (access lists among them) and permissions of another."""
    wanted, now = os.fstat(old), os.fstat(new)
    try:
        if (wanted.st_uid, wanted.st_gid) != (now.st_uid, now.st_gid):
            os.fchown(new, wanted.st_uid, wanted.st_gid)
        _copy_attributes(old, new)
        os.fchmod(new, stat.S_IMODE(wanted.st_mode))
    except PermissionError as error:
        raise ReadOnlyError(
            f"{path}: only its owner or root may compact it, for a new file would get another owner or lose attributes "
            f"({error.strerror}); nothing was changed"
        ) from error


def _copy_attributes(old: int, new: int) -> None:
    """Extended attributes; access lists that the folder gave the new file go if the old one has none."""
    wanted, there = _attributes(old), _attributes(new)
    for name, value in wanted.items():
        if there.get(name) != value:
            os.setxattr(new, name, value)
    for name in there.keys() - wanted.keys():
        if name.startswith("system."):
            os.removexattr(new, name)


def _attributes(fd: int) -> dict[str, bytes]:
    try:
        return {name: os.getxattr(fd, name) for name in os.listxattr(fd)}
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return {}


def _failed(path: Path, error: OSError) -> WriteError:
    return WriteError(f"{path}: {error.strerror or error} while a new file was put in its place; nothing was changed")
