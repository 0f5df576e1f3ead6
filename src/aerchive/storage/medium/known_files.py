"""The user's record of project files: which of them this user's aerchive made, was told to trust, or has vetted.

Trust belongs to a file in one state of it: to its device, inode and time of birth, and to size, times of change and
superblock as they were last seen. A copy has another inode, and a change by another program leaves another time, so
both are foreign. Decision 0020 explains the choices.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from aerchive.errors import InvalidInputError, WriteError
from aerchive.settings import load_settings
from aerchive.storage.medium.birth import birth_of
from aerchive.storage.medium.disk import disk, read_bytes
from aerchive.storage.medium.opening import stamp_of
from aerchive.storage.medium.parts import parts_of

How = Literal["made", "committed", "trusted", "vetted"]
"""How a file became known: it was made or written to by this user's aerchive, trusted by the user, or only vetted."""

_HDF5 = b"\x89HDF\r\n\x1a\n"
_HEAD_BYTES = 48
_MOST_BYTES = 16 * 1024
_MOST_RECORDS = 1000
"""From this number of records on, those of files that are gone are removed when a new one is made."""


@dataclasses.dataclass(frozen=True)
class KnownFile:
    """A project file in the state in which it was last seen.

    Attributes:
        path: Where it was.
        device: Number of its device.
        inode: Number of its inode.
        born_ns: When the inode was made, in nanoseconds since 1970; 0 if the file system does not say.
        size: Its size, in bytes.
        mtime_ns: When its content was changed, in nanoseconds since 1970.
        ctime_ns: When its content or its inode was changed, in nanoseconds since 1970.
        head: SHA-256 of its superblock.
        uuid: UUID of the project; every copy of the project has it, so it proves nothing.
        how: How it became known.
        mixture: What showed that it is a mixture of two states, which is not written to; empty if nothing did.
    """

    path: str
    device: int
    inode: int
    born_ns: int
    size: int
    mtime_ns: int
    ctime_ns: int
    head: str
    uuid: str
    how: How
    mixture: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether all values are of their types, which a record from the disk may violate."""
        numbers = self.device, self.inode, self.born_ns, self.size, self.mtime_ns, self.ctime_ns
        texts = self.path, self.head, self.uuid, self.mixture
        is_typed = all(type(one) is int for one in numbers) and all(type(one) is str for one in texts)
        return is_typed and "\0" not in self.path and self.how in get_args(How)

    @property
    def is_own(self) -> bool:
        """Whether this user's aerchive made the file, or was told to trust it."""
        return self.how != "vetted"

    def is_state_of(self, now: KnownFile, *, is_owner: bool) -> bool:
        """Whether this is the state of the file now.

        The name may have changed if the times of birth show that the inode is the same, and if this user owns the file:
        renaming changes only ``ctime``, and only the owner can set ``mtime`` back after a change of the content. The
        number of the device may have changed if all else is equal: network file systems get another at each mount.

        Args:
            now: The file as it is now.
            is_owner: Whether this user owns the file.
        """
        before = dataclasses.replace(self, how=now.how, uuid=now.uuid, mixture=now.mixture)
        if before.ctime_ns == now.ctime_ns and before.device == now.device:
            return dataclasses.replace(before, path=now.path) == now
        if before.ctime_ns == now.ctime_ns:
            return dataclasses.replace(before, device=now.device) == now
        renamed = dataclasses.replace(before, path=now.path, ctime_ns=now.ctime_ns)
        return renamed == now and is_owner and now.born_ns > 0


class _Seen(NamedTuple):
    """What this process knows of a file: its state, its record if there is one, and the folder of the records."""

    state: tuple[int, ...]
    known: KnownFile | None
    folder: Path


_NEVER = _Seen((), None, Path())
_seen: dict[tuple[int, ...], _Seen] = {}
"""What this process knows, by device and inode."""


def find(fd: int, path: str) -> KnownFile | None:
    """The record of an open file; ``None`` if the file is not known in its present state.

    The record of an own file is read once, while the file does not change. That of another file is read each time,
    because the user may trust the file meanwhile.

    Args:
        fd: File descriptor of the file, locked.
        path: Path of the file.
    """
    state = stamp_of(os.fstat(fd))
    before, known, _ = _seen.get(state[:2], _NEVER)
    if before == state and known is not None and known.is_own:
        return known
    found = _recorded(fd, path) or (known if before == state else None)
    found = found and dataclasses.replace(found, path=path)
    _seen[state[:2]] = _Seen(state, found, _folder())
    return found


def is_foreign(fd: int) -> bool:
    """Whether an open file is neither the user's own nor trusted: what is read of it has limits.

    A file beside a project counts as the user's own if this user owns it; it is opened only if its UUID is right.

    Args:
        fd: File descriptor of a project file, or of a file beside a project.
    """
    known = find(fd, os.readlink(f"/proc/self/fd/{fd}"))
    if known is not None and known.is_own:
        return False
    is_project = _first_bytes(fd, len(_HDF5)) == _HDF5
    return is_project or os.fstat(fd).st_uid != os.geteuid()


def look_up(fd: int, path: str) -> KnownFile | None:
    """The record of an open file, as `find` returns it, but read again; the file need not be locked."""
    state = stamp_of(os.fstat(fd))
    before, known, _ = _seen.get(state[:2], _NEVER)
    return _recorded(fd, path) or (known if before == state else None)


def _recorded(fd: int, path: str) -> KnownFile | None:
    folder, now, is_owner = _folder(), _present(fd, path), os.fstat(fd).st_uid == os.geteuid()
    known = _read(folder / _name(now))
    if known is not None and known.is_state_of(now, is_owner=is_owner):
        return known
    names = [name for name in _names(folder) if name.startswith(f"{now.inode:x}-")]
    others = (_read(folder / name) for name in names)
    return next((known for known in others if known and known.is_state_of(now, is_owner=is_owner)), None)


def known_before(fd: int) -> KnownFile | None:
    """The record of this very file in an earlier state, or ``None``."""
    now = _present(fd, "")
    known = _read(_folder() / _name(now))
    return known if known is not None and known.born_ns == now.born_ns else None


def keep(fd: int, path: str, how: How, uuid: str, mixture: str = "") -> KnownFile:
    """Records the present state of a file. If this is not possible, only this process knows the file.

    Args:
        fd: File descriptor of the file, locked, so that its state does not change meanwhile.
        path: Path of the file.
        how: How it became known.
        uuid: UUID of the project.
        mixture: What showed that it is a mixture of two states.
    """
    known = dataclasses.replace(_present(fd, path), how=how, uuid=uuid, mixture=mixture)
    _note(fd, known, _folder())
    return known


def check_kept(known: KnownFile) -> None:
    """Refuses a record that only this process has, because it could not be written.

    Raises:
        WriteError: The record is not on the disk.
    """
    file = _folder() / _name(known)
    if _read(file) != known:
        raise WriteError(
            f"{known.path}: is trusted by this process only, because {file} could not be written; give this user write "
            "permission for its folder, or name another folder with the setting known_files"
        )


def changed(fd: int) -> None:
    """Records the state of a file that this process has just changed; what was not known before stays unknown.

    Args:
        fd: File descriptor of the file, locked since before the change, when `find` was called.
    """
    state = stamp_of(os.fstat(fd))
    before, known, folder = _seen.get(state[:2], _NEVER)
    if known is not None and before != state:
        _, _, size, mtime_ns, ctime_ns = state
        how: How = "committed" if known.how == "made" else known.how
        now = {"size": size, "mtime_ns": mtime_ns, "ctime_ns": ctime_ns, "head": _head_of(fd), "how": how}
        _note(fd, KnownFile(**(vars(known) | now)), folder)


def sync(fd: int) -> None:
    """Waits until all written bytes are on the medium; their state is recorded first.

    Most of the time of a commit is spent here, so a process that is killed during a commit mostly leaves a known file.

    Args:
        fd: File descriptor of the file, as for `changed`.

    Raises:
        OSError: The disk failed.
    """
    changed(fd)
    disk().sync(fd)


def hand_on(known: KnownFile | None, fd: int, path: str) -> None:
    """Records that this process made the content of a file from that of a known one: it is known as that one is.

    Args:
        known: The record of the known file; ``None``: nothing is recorded.
        fd: File descriptor of the file.
        path: Path of the file.
    """
    if known is not None:
        with contextlib.suppress(OSError, InvalidInputError):  # the file is durable, so nothing may fail any more
            keep(fd, path, "committed" if known.how == "made" else known.how, known.uuid, known.mixture)


def forget(fd: int) -> None:
    """Removes the record of a file in any state."""
    now = _present(fd, "")
    _seen.pop((now.device, now.inode), None)
    with contextlib.suppress(OSError):
        (_folder() / _name(now)).unlink(missing_ok=True)


def all_known() -> Iterator[KnownFile]:
    """All records, also of files that have changed or are gone since."""
    folder = _folder()
    for name in _names(folder):
        known = _read(folder / name)
        if known is not None:
            yield known


def _note(fd: int, known: KnownFile, folder: Path) -> None:
    _seen[known.device, known.inode] = _Seen(stamp_of(os.fstat(fd)), known, folder)
    with contextlib.suppress(OSError):
        _write(folder, known)


def _present(fd: int, path: str) -> KnownFile:
    """A file as it is now; nothing is known yet of how it became known."""
    device, inode, size, mtime_ns, ctime_ns = stamp_of(os.fstat(fd))
    return KnownFile(path, device, inode, birth_of(fd), size, mtime_ns, ctime_ns, _head_of(fd), "", "vetted")


def _head_of(fd: int) -> str:
    return hashlib.sha256(_first_bytes(fd, _HEAD_BYTES)).hexdigest()


def _first_bytes(fd: int, length: int) -> bytes:
    """The first bytes of a file; those of one on another machine are here, since it was opened with them."""
    return os.pread(fd, length, 0) if parts_of(fd) is None else read_bytes(fd, 0, length)


def _folder() -> Path:
    return load_settings().known_files


def _name(known: KnownFile) -> str:
    """Inode and device, not a digest of the path: they stay when the file is renamed, and differ for a copy."""
    return f"{known.inode:x}-{known.device:x}.json"


def _names(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.endswith(".json")]
    except OSError:
        return []


def _read(file: Path) -> KnownFile | None:
    """A record; ``None`` if there is none, if it is not whole, or if another user can have written it."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(fd)
        line, end, _ = os.read(fd, _MOST_BYTES).partition(b"\n")
        is_ours = status.st_uid == os.geteuid() and not status.st_mode & 0o022
        known = KnownFile(**json.loads(line)) if end and is_ours else None
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    finally:
        os.close(fd)
    return known if known is not None and known.is_whole else None


def _write(folder: Path, known: KnownFile) -> None:
    """Writes a record, in one call and in its place: a process that knows the file has it locked.

    A rename would take 30 times as long (0.2 ms), because the system then begins to write the file to the disk.
    """
    data = json.dumps(vars(known)).encode() + b"\n"
    file, flags = folder / _name(known), os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(file, flags)
    except FileNotFoundError:
        _prepare(folder)
        fd = os.open(file, flags | os.O_CREAT, 0o600)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def _prepare(folder: Path) -> None:
    """Makes the folder, which only this user may look into, and makes room in it.

    Raises:
        OSError: The folder cannot be made, or this user has no home.
    """
    if not folder.is_absolute():
        raise FileNotFoundError(f"{folder}: there is no folder of this user")
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    names = _names(folder)
    for name in names if len(names) >= _MOST_RECORDS else ():
        known = _read(folder / name)
        if known is None or not _is_there(known):
            (folder / name).unlink(missing_ok=True)


def _is_there(known: KnownFile) -> bool:
    try:
        return os.stat(known.path).st_ino == known.inode
    except OSError:
        return False
