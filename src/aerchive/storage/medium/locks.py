"""Locks on the project file: the same ``flock`` that HDF5 takes, so that other HDF5 programs respect it.

``flock`` has no queue: readers whose locks overlap in time could keep a writer waiting for ever. So a waiting writer
takes a second lock, on a byte beyond the end of any file, and new readers let it go first.
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
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from aerchive.errors import ProjectLockedError
from aerchive.storage.medium.interrupts import deliver_interrupts

NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
"""Error numbers of ``flock`` on a file system without locks."""

_FIRST_PAUSE_S = 0.0005
_LONGEST_PAUSE_S = 0.003
"""Longest pause between two tries to lock. A try costs about a microsecond, and the gaps between readers are short."""
_COURTESY_S = 0.25
"""How long a reader lets waiting writers go first; then it tries as they do, so that many writers cannot block it."""
_LOOK_AFTER_S = 0.2
"""Waiting time after which the processes that hold the lock are looked up for the first time."""


class Observer(Protocol):
    """What is told when this process waits for a lock."""

    def waits(self, describe: Callable[[], str], waited_s: float, timeout_s: float) -> None:
        """Is called again and again: who holds the lock, how long this has waited, how long it may wait."""

    def ends(self) -> None:
        """Is called when the wait is over."""


_observers: list[Observer] = []


def observe(observer: Observer) -> None:
    """Tells an observer of each wait for a lock that takes longer than a fifth of a second, in this process."""
    _observers[:] = [observer]


def lock(fd: int, path: str, *, exclusive: bool, timeout_s: float) -> None:
    """Locks a file, waiting if another program holds the lock.

    Signal handlers are called while this waits.

    Args:
        fd: File descriptor; the lock belongs to this opening of the file.
        path: Name of the file, for the message.
        exclusive: Whether to take an exclusive lock, for writing, instead of a shared lock, for reading.
        timeout_s: Longest time to wait, in seconds.

    Raises:
        ProjectLockedError: Another program held the lock all this time.
        OSError: The file system has no locks (`NO_LOCKS`), or failed.
        BaseException: A signal handler raised an exception; see `deliver_interrupts`.
    """
    mode = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
    begun = time.monotonic()
    pause = _FIRST_PAUSE_S
    holders = Holders(fd)
    with contextlib.ExitStack() as stack:
        turnstile = stack.enter_context(_Turnstile(fd))
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
                if holders.look():
                    stack.callback(_end_wait)
                for observer in _observers:
                    observer.waits(lambda: f"{path}: {holders.describe()}", waited, timeout_s)
            time.sleep(min(pause * random.uniform(0.5, 1.5), max(timeout_s - waited, 0.0001)))  # noqa: S311  (spreads waiters)
            pause = min(2 * pause, _LONGEST_PAUSE_S)


def _end_wait() -> None:
    for observer in _observers:
        observer.ends()


def try_lock(fd: int, mode: int, *, without_locks: bool) -> bool:
    """Tries to lock a file without waiting.

    Args:
        fd: File descriptor of the file.
        mode: ``fcntl.LOCK_EX`` or ``fcntl.LOCK_SH``.
        without_locks: The answer if the file system has no locks.

    Returns:
        Whether this opening of the file has the lock now.
    """
    try:
        fcntl.flock(fd, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return without_locks
    return True


def unlock(fd: int) -> None:
    """Releases the lock, also if a forked child still has the file open."""
    with contextlib.suppress(OSError):  # the file system has no locks: see NO_LOCKS
        fcntl.flock(fd, fcntl.LOCK_UN)


class _Turnstile:
    """A lock that shows that a writer waits: an open-file-description lock far beyond the end of file (fcntl(2)).

    It only makes waiting fair, so on systems without such locks everything else still works.
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
        """Marks that a writer waits, unless another writer has done so already."""
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
    """The processes that hold a lock on the file, and since when at least, as far as Linux' ``/proc/locks`` says."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._since: dict[int, str] | None = None

    def look(self) -> bool:
        """Notes the processes that hold the lock now, with the time; only the first call does, and returns ``True``."""
        if self._since is not None:
            return False
        now = time.strftime("%H:%M:%S")
        self._since = dict.fromkeys(self._pids(), now)
        return True

    def describe(self) -> str:
        """A description of the processes that hold the lock, for the error message."""
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
