"""Who may write a file, and new files with the permissions of another one."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
from pathlib import Path
from typing import Final, NamedTuple

ACCESS_LIST: Final = "system.posix_acl_access"
"""Name of the extended attribute that holds the access list of a file (acl(5))."""
_ENTRY = struct.Struct("<HHI")
_USER, _OWN_GROUP, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
_WRITE = 0x02
_NO_LISTS = frozenset({errno.EOPNOTSUPP, errno.ENODATA, errno.ENOSYS})


class Writers(NamedTuple):
    """The users who may write a file, besides root.

    Attributes:
        users: Ids of users: the owner, and those whom the access list names.
        groups: Ids of groups whose members may write it.
        everybody: Whether all users may write it.
    """

    users: frozenset[int]
    groups: frozenset[int]
    everybody: bool

    @classmethod
    def of(cls, file: int | str | Path) -> Writers:
        """The users who may write a file; the owner counts, because the owner may change the permissions.

        Args:
            file: A file descriptor or a path.

        Raises:
            OSError: The file does not exist, or this user may not see it.
        """
        status = os.stat(file)
        users, groups = {status.st_uid}, set[int]()
        if status.st_mode & stat.S_IWGRP:  # with an access list, this bit is the write bit of its mask
            entries = [*_ENTRY.iter_unpack((access_list(file) or b"")[4:])]
            users.update(number for tag, rights, number in entries if tag == _USER and rights & _WRITE)
            groups.update(number for tag, rights, number in entries if tag == _GROUP and rights & _WRITE)
            if not entries or any(tag == _OWN_GROUP and rights & _WRITE for tag, rights, _ in entries):
                groups.add(status.st_gid)
        return cls(frozenset(users), frozenset(groups), bool(status.st_mode & stat.S_IWOTH))


def access_list(file: int | str | Path) -> bytes | None:
    """The access list of a file; ``None`` if it has none, or if the file system knows none."""
    try:
        return os.getxattr(file, ACCESS_LIST)
    except OSError as error:
        if error.errno not in _NO_LISTS:
            raise
        return None


def share_like(fd: int, like: Path) -> None:
    """Gives a new file the group, the access list and the permissions of another one, as far as this user may.

    Root gives it the owner as well. The owner may always read and write it. If this user may not give the file the
    group, then no group may use it.

    Args:
        fd: File descriptor of the new file, which only its owner may use yet.
        like: The other file. If it does not exist or cannot be seen, nothing is changed.
    """
    try:
        wanted, entries = os.stat(like), access_list(like)
    except OSError:
        return
    mode = wanted.st_mode & 0o666 | stat.S_IRUSR | stat.S_IWUSR
    try:
        os.fchown(fd, -1 if os.geteuid() else wanted.st_uid, wanted.st_gid)
        if entries is not None:
            os.setxattr(fd, ACCESS_LIST, entries)
        elif access_list(fd) is not None:  # inherited from the folder
            os.removexattr(fd, ACCESS_LIST)
    except OSError:  # not a member of the group, or the file lies on a file system without groups or access lists
        mode &= ~0o070
    with contextlib.suppress(PermissionError):  # a file system without permissions
        os.fchmod(fd, mode)
