"""Replacement of a project file: the new file is completed beside it under a hidden name, then renamed over it.

At each moment the name refers to the complete old file or to the complete new one. A file left by a process that died
is not locked any more, and the next replacement removes it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from aerchive.errors import AerchiveError, CommittedError, ProjectLockedError, ReadOnlyError, WriteError
from aerchive.storage.medium import known_files
from aerchive.storage.medium.disk import disk, sync_folder
from aerchive.storage.medium.temporary import remove_if_dead, temporaries, temporary_file


class Replacement:
    """A temporary file beside a project that can replace it.

    Attributes:
        fd: File descriptor, open for reading and writing; the file is exclusively locked as long as its process lives.
        temporary: The hidden path of the file.
    """

    def __init__(self, path: Path, fd: int, temporary: Path) -> None:
        self._path = path
        self.fd = fd
        self.temporary = temporary

    def publish(self, old: int) -> None:
        """Replaces the project by this file, durably; owner, permissions and extended attributes are copied to it.

        The lock on this file is held until it is closed, so that no process commits to it before its name is durable.

        Args:
            old: File descriptor of the project, locked, so that no process writes to it.

        Raises:
            WriteError: The project cannot be replaced, for the reason in the message; it is as it was.
            ReadOnlyError: This user may not give the new file the owner or attributes of the old one.
            CommittedError: The project is replaced, but a power cut may bring back the old file.
        """
        try:
            check_single(old, self._path)
            _make_alike(old, self.fd, self._path)
            disk().sync(self.fd)
            known = known_files.find(old, str(self._path))
            os.rename(self.temporary, self._path)
            known_files.forget(old)
            known_files.hand_on(known, self.fd, str(self._path))
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
    """Makes an empty temporary file beside a project; it is removed unless it is published.

    Args:
        path: The project file; if it is a symbolic link, the target of the link is replaced.

    Raises:
        ProjectLockedError: Another program is compacting the project.
        ReadOnlyError: This user may not write in the folder.
        WriteError: The disk failed.
    """
    path = Path(os.path.realpath(path))
    with temporary_file(path, "compact", 0o600, lambda error: _failed(path, error)) as (fd, temporary):
        for other in temporaries(path, "compact"):
            if other != temporary and not remove_if_dead(other, path):
                process = other.name.rpartition(".compact-")[2].partition("-")[0]
                raise ProjectLockedError(
                    f"{path}: process {process} is compacting it; wait for that one, or remove {other} if it has died"
                )
        yield Replacement(path, fd, temporary)


def check_single(fd: int, path: Path) -> None:
    """Refuses a file that has a second name (hard link), or that the path does not refer to any more.

    Args:
        fd: File descriptor of the file.
        path: Path of the file.

    Raises:
        WriteError: The file has a second name, or was replaced.
    """
    here = os.fstat(fd)
    if not os.path.samestat(here, os.stat(path)):
        raise WriteError(f"{path}: was replaced by another file meanwhile; nothing was changed")
    if here.st_nlink > 1:
        raise WriteError(
            f"{path}: has {here.st_nlink} names (hard links), and a new file would get only this one: the others would "
            f"go on with the old file. Remove them ('find . -samefile {path.name}' lists them), or compact a copy "
            "('aerchive copy'); nothing was changed"
        )


def _make_alike(old: int, new: int, path: Path) -> None:
    """Copies owner, group, extended attributes (with access lists) and permissions from the old file to the new one."""
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
    """Copies extended attributes; access lists that the new file inherited are removed if the old file has none."""
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
