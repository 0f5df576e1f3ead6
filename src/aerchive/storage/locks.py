"""Locks on the project file: the same ``flock`` that HDF5 takes, so that foreign programs take part."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import time
from pathlib import Path

from aerchive.errors import ProjectLockedError
from aerchive.storage.interrupts import check_interrupt

_LONGEST_PAUSE_S = 0.003
"""Between two tries, which cost about a microsecond: a writer among busy readers must find the short gaps."""


def lock(fd: int, path: str, *, exclusive: bool, timeout_s: float) -> None:
    """Takes the lock of a file, waiting for its turn.

    Args:
        fd: An open file; the lock belongs to this opening of it.
        path: Its name, for the message.
        exclusive: For writing; else shared with other readers.
        timeout_s: How long to wait, in seconds.

    Raises:
        ProjectLockedError: Another program kept it, or the file system has no locks.
    """
    mode = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
    deadline = time.monotonic() + timeout_s
    pause = 0.0005
    while True:
        check_interrupt()
        try:
            fcntl.flock(fd, mode)
        except BlockingIOError:
            left = deadline - time.monotonic()
            if left <= 0:
                raise ProjectLockedError(
                    f"{path}: {describe_holders(fd)}; waited {timeout_s:g} s. Close the file there, or wait longer "
                    "with lock_timeout=..."
                ) from None
            time.sleep(min(pause * random.uniform(0.5, 1.5), max(left, 0.0001)))  # noqa: S311  (spreads waiters; no secret)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL):
                raise
            raise ProjectLockedError(
                f"{path}: the file system cannot lock files ({os.strerror(error.errno)}); "
                "keep the project on one that can"
            ) from error
        else:
            return


def unlock(fd: int) -> None:
    """Gives the lock back, also where a forked child still has the file open."""
    fcntl.flock(fd, fcntl.LOCK_UN)


def describe_holders(fd: int) -> str:
    """Who holds locks on the file, in words; as much as the system tells (Linux: ``/proc/locks``)."""
    status = os.fstat(fd)
    wanted = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    pids = []
    try:
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            fields = line.split()
            if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == wanted:
                pids.append(int(fields[4]))
    except OSError:
        return "another program has the project open"
    if not pids:
        return "another program has the project open"
    return "the project is held by " + ", ".join(_describe_process(pid) for pid in dict.fromkeys(pids))


def _describe_process(pid: int) -> str:
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return f"process {pid}"
    return f"process {pid} ({name})"
