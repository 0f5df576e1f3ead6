"""Whether a file system's locks reach everybody who may write: asked once for each, before the first write there.

And who may write a file, in words.
"""

from __future__ import annotations

import fcntl
import grp
import os
import pwd
import re
import shlex
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from aerchive.errors import WriteError
from aerchive.storage.medium.not_hdf5 import is_annexed

MOUNTS = Path("/proc/self/mountinfo")
"""Linux' table of what is mounted where (proc(5)); elsewhere only the trial of the lock decides."""

_ESCAPED = re.compile(r"\\([0-7]{3})")
_LOCAL_OPTIONS = {
    "nfs": ("nolock", "local_lock=all", "local_lock=flock"),
    "nfs4": ("nolock", "local_lock=all", "local_lock=flock"),
    "lustre": ("localflock",),
    "cifs": ("nobrl",),
    "smb3": ("nobrl",),
}
"""Options with which locks stay on one machine: nfs(5), mount.lustre(8), mount.cifs(8)."""
_LOCAL_KINDS = ("sshfs", "rclone", "s3fs", "s3ql", "goofys", "mountpoint-s3", "gcsfuse", "blobfuse2", "davfs")
"""User-space file systems on a remote store that keep locks to themselves; the kernel then locks for one machine."""


@dataclass(frozen=True)
class Mount:
    """Where a file is mounted.

    Attributes:
        point: The folder.
        kind: Of the file system, such as ``ext4``, ``nfs4`` or ``fuse.sshfs``.
        options: Of the mount and of the file system.
    """

    point: str
    kind: str
    options: frozenset[str]


def mount_of(fd: int) -> Mount | None:
    """The mount that a file is on; ``None`` where the system does not tell."""
    device = os.fstat(fd).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    found = None
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, others = before.split(), after.split()
        if len(fields) > 5 and len(others) > 1 and fields[2] == wanted:
            point = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4])
            options = {*fields[5].split(","), *others[-1].split(",")}
            found = Mount(point, others[0], frozenset(options))
    return found


def why_unsafe(mount: Mount) -> str | None:
    """Why locks there do not reach all machines that may write, or ``None``."""
    for option in _LOCAL_OPTIONS.get(mount.kind, ()):
        if option in mount.options:
            return f"{mount.point} is mounted as {mount.kind} with {option}"
    kind = mount.kind.removeprefix("fuse.")
    if kind in _LOCAL_KINDS:
        return f"{mount.point} is mounted with {kind}"
    return None


class LockTrial:
    """Finds out whether locks work, once for each file system.

    Args:
        trusted: Whether the user vouches for the locks, because only one machine writes.
    """

    def __init__(self, *, trusted: bool = False) -> None:
        self._trusted = trusted
        self._passed: set[int] = set()

    def check(self, fd: int, path: str, place: str) -> None:
        """Refuses a file whose lock does not keep others out.

        Args:
            fd: The file, locked exclusively.
            path: Its name, for messages.
            place: Where it can be opened once more.

        Raises:
            WriteError: Its locks are kept on this machine only, or keep nobody out.
        """
        if self._may_be_used(fd):
            return
        self.check_mount(fd, path)
        if not _keeps_out(place):
            raise WriteError(
                f"{path}: the file system locks files, but a second opening gets the lock, too; {_way_out()}"
            )
        self._passed.add(os.fstat(fd).st_dev)

    def check_mount(self, fd: int, path: str) -> None:
        """Refuses a file system that says that its locks stay on this machine; nothing needs to be locked for that.

        Args:
            fd: The file, or its folder.
            path: Of the file, for messages.

        Raises:
            WriteError: Its locks are kept on this machine only.
        """
        mount = None if self._may_be_used(fd) else mount_of(fd)
        reason = None if mount is None else why_unsafe(mount)
        if reason is not None:
            raise WriteError(f"{path}: {reason}, whose locks no other machine sees; {_way_out()}")

    def _may_be_used(self, fd: int) -> bool:
        return self._trusted or os.fstat(fd).st_dev in self._passed


def no_locks(path: str, error: OSError) -> WriteError:
    """The error for a file system that has no locks at all."""
    return WriteError(f"{path}: the file system cannot lock files ({error.strerror}); {_way_out(trust=False)}")


def no_permission(path: Path, what: str = "written") -> str:
    """Why this user may not write or read a file, and the way out: other words of ours do not help against it.

    Args:
        path: The file.
        what: Cannot be done to it: ``"written"`` or ``"read"``.
    """
    if is_annexed(path):
        return f"{path}: is kept by git-annex, where files never change; unlock it first with: git annex unlock FILE"
    try:
        status = path.stat()
        read_only = os.statvfs(path).f_flag & os.ST_RDONLY
    except OSError:
        return f"{path}: may not be {what} by this user; change its permissions"
    if read_only and what == "written":
        return f"{path}: is on a read-only file system; open it with mode='r'"
    owner, group = _name_of(status.st_uid, "user"), _name_of(status.st_gid, "group")
    who = "u" if status.st_uid == os.geteuid() else "g" if status.st_gid in {os.getegid(), *os.getgroups()} else "o"
    says = "you give" if who == "u" else f"{owner} or root gives"
    command = f"chmod {who}+{'w' if what == 'written' else 'r'} {shlex.quote(str(path))}"
    hint = ". In a folder of a group 'umask 002' gives it to all new files" if who == "g" else ""
    return (
        f"{path}: may not be {what} by this user: it belongs to {owner} and the group {group}, with the permissions "
        f"{stat.filemode(status.st_mode)}; {says} it with: {command}{hint}"
    )


def _name_of(number: int, what: str) -> str:
    try:
        return pwd.getpwuid(number).pw_name if what == "user" else grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _way_out(*, trust: bool = True) -> str:
    hint = f", or, if only {socket.gethostname()} ever writes it, set AERCHIVE_TRUST_LOCKS=1" if trust else ""
    return f"nothing was saved. Keep the project on another file system and copy it with 'aerchive copy'{hint}"


def _keeps_out(place: str) -> bool:
    other = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(other)
    return False
