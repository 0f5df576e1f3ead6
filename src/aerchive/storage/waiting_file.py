"""Finished runs that wait for a commit, kept in a file so that they survive the death of their process.

Beside ``vqe.h5`` a process that commits many runs at once keeps ``.vqe.h5.waiting-<pid>-<8 hex digits>``: a line of
JSON that names the process, then for each run ``AERWAIT1``, the length of its draft (uint64, little-endian), the
SHA-256 of the draft, and the draft (`aerchive.storage.draft_bytes`). What ``write`` took outlives SIGKILL, though not
a power cut. A record that is not whole ends the file. Written records are never changed; a file whose runs are
committed is removed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from aerchive.storage.disk import disk
from aerchive.storage.names import PROCESS, names_in, prefix_beside
from aerchive.storage.owner import Owner, is_locked, take_lock

FORMAT_VERSION = 1
_MARK = b"AERWAIT1"
_HEAD = len(_MARK) + 8 + 32


def _prefix(project: Path) -> str:
    return prefix_beside(project.name, "waiting")


class WaitingFile:
    """The file of this process for one project; made with its first record, locked as long as it is open.

    Args:
        project: The project file.
    """

    def __init__(self, project: Path) -> None:
        self._project = project
        self._path: str | None = None
        self._fd = -1

    def append(self, record: bytes, min_free_bytes: int = 0) -> None:
        """Writes a record; it outlives this process when this returns.

        Args:
            record: What to write.
            min_free_bytes: What must stay free on the disk.

        Raises:
            OSError: The disk would not take it, or not leave enough free; nothing of it counts.
        """
        if self._path is None:
            self._open()
        if min_free_bytes and disk().free(self._fd) - len(record) < min_free_bytes:
            raise OSError(errno.ENOSPC, "too little room for a run that waits for its commit", self._path)
        start = os.fstat(self._fd).st_size
        head = _MARK + len(record).to_bytes(8, "little") + hashlib.sha256(record).digest()
        try:
            self._write(head + record)
        except OSError:
            os.ftruncate(self._fd, start)
            raise

    def _write(self, data: bytes) -> None:
        if os.write(self._fd, data) != len(data):
            raise OSError(errno.ENOSPC, "no room for a run that waits for its commit", self._path)

    def _open(self) -> None:
        owner = Owner.of_this_process()
        header = {"format": "aerchive-waiting", "format_version": FORMAT_VERSION, **asdict(owner)}
        for _ in range(8):
            path = str(self._project.with_name(f"{_prefix(self._project)}{owner.pid}-{os.urandom(4).hex()}"))
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._fd, self._path = os.open(path, flags, 0o666), path
            # Whoever meets the file before it is locked may take it for a dead process's and remove it.
            if take_lock(self._fd) and os.fstat(self._fd).st_nlink:
                self._write(json.dumps(header).encode("ascii") + b"\n")
                return
            self.remove()
        raise OSError(errno.EAGAIN, "cannot make a file for runs that wait", str(self._project))

    def remove(self) -> None:
        """Removes the file: its runs are committed, or kept elsewhere."""
        if self._path is None:
            return
        with contextlib.suppress(OSError):  # unlinked before the lock goes, so that nobody sees it without its owner
            os.unlink(self._path)
        self.abandon()

    def abandon(self) -> None:
        """Lets go of the file and leaves it to whoever opens the project next; also in a forked child."""
        if self._path is not None:
            os.close(self._fd)
        self._path = None


def waiting_paths(project: Path) -> list[Path]:
    """The waiting files of all processes, living or dead.

    Args:
        project: The project file.
    """
    return [project.with_name(name) for name in names_in(project.parent, _prefix(project), PROCESS)]


@contextlib.contextmanager
def left_behind(project: Path) -> Iterator[list[tuple[Path, list[bytes]]]]:
    """Files of processes that died, with their records, locked within the block; the caller removes them.

    Those that cannot be read, or were written by a newer format version, are passed over.

    Args:
        project: The project file.
    """
    with contextlib.ExitStack() as stack:
        found = []
        for path in waiting_paths(project):
            with contextlib.suppress(OSError):
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
                stack.callback(os.close, fd)
                if (records := _records_of_dead(fd, path)) is not None:
                    found.append((path, records))
        yield found


def _records_of_dead(fd: int, path: Path) -> list[bytes] | None:
    """The whole records of a file, or ``None`` if its process lives or its format is newer."""
    header = os.pread(fd, 4096, 0).partition(b"\n")[0]
    try:
        told = json.loads(header)
    except ValueError:
        told = {}
    version = told.get("format_version") if isinstance(told, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        return None
    alive = Owner.from_header(told if isinstance(told, dict) else {}).is_running()
    if is_locked(fd) if alive is None else alive:
        return None
    content = path.read_bytes()
    records, position = [], len(header) + 1
    while content[position : position + len(_MARK)] == _MARK:
        start = position + _HEAD
        length = int.from_bytes(content[position + 8 : position + 16], "little")
        record = content[start : start + length]
        if len(record) != length or hashlib.sha256(record).digest() != content[position + 16 : start]:
            break
        records.append(record)
        position = start + length
    return records
