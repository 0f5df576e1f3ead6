"""Locks on the project file: the same ``flock`` that HDF5 takes, so that foreign programs take part.

``flock`` knows no queue: readers that come one after another, each before the last has gone, would keep a writer out
for ever. So a writer that waits says so with a second lock, on a byte that no file has, and readers let it go first.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import random
import socket
import struct
import time
from pathlib import Path

from aerchive.errors import ProjectLockedError
from aerchive.storage.medium.interrupts import deliver_interrupts

NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
"""What ``flock`` says where there are no locks."""

_FIRST_PAUSE_S = 0.0005
_LONGEST_PAUSE_S = 0.003
"""Between two tries, which cost about a microsecond: a writer among busy readers must find the short gaps."""
_COURTESY_S = 0.25
"""How long a reader lets waiting writers go first; then it tries as they do, or many writers would keep it out."""
_LOOK_AFTER_S = 0.2
"""When to look who holds the file for the first time."""


def lock(fd: int, path: str, *, exclusive: bool, timeout_s: float) -> None:
    """Takes the lock of a file, waiting for its turn.

    Handlers of signals are called meanwhile.

    Args:
        fd: An open file; the lock belongs to this opening of it.
        path: Its name, for the message.
        exclusive: For writing; else shared with other readers.
        timeout_s: How long to wait, in seconds.

    Raises:
        ProjectLockedError: Another program kept it.
        OSError: The file system has no locks (`NO_LOCKS`), or failed.
        BaseException: A handler of a signal raised something; see `deliver_interrupts`.
    """
    mode = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
    begun = time.monotonic()
    pause = _FIRST_PAUSE_S
    holders = Holders(fd)
    with _Turnstile(fd) as turnstile:
        while True:
            deliver_interrupts()
            waited = time.monotonic() - begun
            if exclusive or waited > _COURTESY_S or not turnstile.is_taken():
                try:
                    fcntl.flock(fd, mode)
                except BlockingIOError:
                    pass
                else:
                    return
            if waited >= timeout_s:
                raise ProjectLockedError(
                    f"{path}: {holders.describe()}; waited {timeout_s:g} s. Close the file there, or wait longer "
                    "with lock_timeout=..."
                )
            if exclusive and waited > 0:
                turnstile.take()
            if waited > _LOOK_AFTER_S:
                holders.look()
            time.sleep(min(pause * random.uniform(0.5, 1.5), max(timeout_s - waited, 0.0001)))  # noqa: S311  (spreads waiters)
            pause = min(2 * pause, _LONGEST_PAUSE_S)


def unlock(fd: int) -> None:
    """Gives the lock back, also where a forked child still has the file open."""
    with contextlib.suppress(OSError):  # there was none to take: see NO_LOCKS
        fcntl.flock(fd, fcntl.LOCK_UN)


class _Turnstile:
    """The sign that a writer waits: an open-file-description lock far beyond the end of the file (fcntl(2), Linux).

    It only makes waiting fair, so where the system does not have it, nothing is lost but that.
    """

    _COMMAND_SET = getattr(fcntl, "F_OFD_SETLK", None)
    _COMMAND_GET = getattr(fcntl, "F_OFD_GETLK", None)
    _FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux
    _BYTE = 2**62

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._is_mine = False

    def __enter__(self) -> _Turnstile:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_mine:
            self._call(self._COMMAND_SET, fcntl.F_UNLCK)

    def take(self) -> None:
        """Says that a writer waits, if no other says so already."""
        if not self._is_mine:
            self._is_mine = self._call(self._COMMAND_SET, fcntl.F_WRLCK) is not None

    def is_taken(self) -> bool:
        """Whether a writer waits."""
        answer = self._call(self._COMMAND_GET, fcntl.F_RDLCK)
        return answer is not None and self._FLOCK.unpack(answer)[0] == fcntl.F_WRLCK

    def _call(self, command: int | None, kind: int) -> bytes | None:
        if command is None:
            return None
        try:
            return fcntl.fcntl(self._fd, command, self._FLOCK.pack(kind, os.SEEK_SET, self._BYTE, 1, 0))
        except OSError:
            return None


class Holders:
    """Who holds a lock on the file, and since when at least; as much as the system tells (Linux: ``/proc/locks``)."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._since: dict[int, str] | None = None

    def look(self) -> None:
        """Notes who holds it now; only the first look counts."""
        if self._since is None:
            now = time.strftime("%H:%M:%S")
            self._since = dict.fromkeys(self._pids(), now)

    def describe(self) -> str:
        """In words."""
        pids = self._pids()
        if not pids:
            return "another program has the project open"
        return "the project is held by " + " and ".join(map(self._process, pids))

    def _process(self, pid: int) -> str:
        since = f", since {self._since[pid]} or before" if self._since and pid in self._since else ""
        name = ""
        with contextlib.suppress(OSError):
            name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
        return f"process {pid}{f' ({name})' if name else ''} on {socket.gethostname()}{since}"

    def _pids(self) -> list[int]:
        status = os.fstat(self._fd)
        wanted = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        pids = []
        try:
            for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
                fields = line.split()
                if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == wanted and int(fields[4]) > 0:
                    pids.append(int(fields[4]))
        except OSError:
            return []
        return list(dict.fromkeys(pids))
