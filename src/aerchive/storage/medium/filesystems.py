"""Checks whether the locks of a file system are seen by all machines that may write, before the first write there.

Also describes, for error messages, why a user may not write or read a file.
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
from aerchive.storage.medium.locks import try_lock
from aerchive.storage.medium.not_hdf5 import is_annexed

MOUNTS = Path("/proc/self/mountinfo")
"""The mount table of Linux (proc(5)). On other systems only the lock itself is tested."""

_ESCAPED = re.compile(r"\\([0-7]{3})")
_LOCAL_OPTIONS = {
    "nfs": ("nolock", "local_lock=all", "local_lock=flock"),
    "nfs4": ("nolock", "local_lock=all", "local_lock=flock"),
    "lustre": ("localflock",),
    "cifs": ("nobrl",),
    "smb3": ("nobrl",),
}
"""Mount options with which locks are kept on one machine only: nfs(5), mount.lustre(8), mount.cifs(8)."""
_LOCAL_KINDS = ("sshfs", "rclone", "s3fs", "s3ql", "goofys", "mountpoint-s3", "gcsfuse", "blobfuse2", "davfs")
"""User-space file systems on a remote store that do not pass locks on; the kernel then locks for one machine only."""


@dataclass(frozen=True)
class Mount:
    """A mounted file system.

    Attributes:
        point: The folder where the file system is mounted.
        kind: Type of the file system, such as ``ext4``, ``nfs4`` or ``fuse.sshfs``.
        options: Options of the mount and of the file system.
    """

    point: str
    kind: str
    options: frozenset[str]


def mount_of(fd: int) -> Mount | None:
    """The mount that holds a file; ``None`` if the system does not say."""
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
    """The reason why locks on a mount are not seen by other machines, or ``None`` if none is known."""
    for option in _LOCAL_OPTIONS.get(mount.kind, ()):
        if option in mount.options:
            return f"{mount.point} is mounted as {mount.kind} with {option}"
    kind = mount.kind.removeprefix("fuse.")
    if kind in _LOCAL_KINDS:
        return f"{mount.point} is mounted with {kind}"
    return None


class LockTrial:
    """Tests whether locks work, once for each file system.

    Args:
        trusted: Whether the user has declared that the locks are sufficient, because only one machine writes; then
            nothing is tested.
    """

    def __init__(self, *, trusted: bool = False) -> None:
        self._trusted = trusted
        self._passed: set[int] = set()

    def check(self, fd: int, path: str, name: str) -> None:
        """Refuses a file whose exclusive lock does not exclude other openings of the file.

        Args:
            fd: File descriptor of the file, exclusively locked.
            path: Name of the file, for messages.
            name: Path under which the file can be opened a second time, for the test.

        Raises:
            WriteError: The locks are kept on this machine only, or a second opening gets the lock, too.
        """
        if self._may_be_used(fd):
            return
        self.check_mount(fd, path)
        if not _keeps_out(name):
            raise WriteError(
                f"{path}: the file system locks files, but a second opening gets the lock, too; {_way_out()}"
            )
        self._passed.add(os.fstat(fd).st_dev)

    def check_mount(self, fd: int, path: str) -> None:
        """Refuses a file system whose mount keeps locks on this machine; the file need not be locked for this.

        Args:
            fd: File descriptor of the file, or of its folder.
            path: The file, for messages.

        Raises:
            WriteError: The locks are kept on this machine only.
        """
        mount = None if self._may_be_used(fd) else mount_of(fd)
        reason = None if mount is None else why_unsafe(mount)
        if reason is not None:
            raise WriteError(f"{path}: {reason}, whose locks no other machine sees; {_way_out()}")

    def _may_be_used(self, fd: int) -> bool:
        return self._trusted or os.fstat(fd).st_dev in self._passed


def no_locks(path: str, error: OSError) -> WriteError:
    """The error for a file system that cannot lock files."""
    return WriteError(f"{path}: the file system cannot lock files ({error.strerror}); {_way_out(trust=False)}")


def no_permission(path: Path, what: str = "written") -> str:
    """The error message for a file that this user may not write or read; it says how to get the permission.

    Args:
        path: The file.
        what: The operation that is not permitted: ``"written"`` or ``"read"``.
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


def _keeps_out(name: str) -> bool:
    other = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return not try_lock(other, fcntl.LOCK_SH, without_locks=False)
    finally:
        os.close(other)
