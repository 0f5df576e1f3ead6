"""Which process a file beside the project belongs to, and whether that process still lives."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"


@dataclass(frozen=True, slots=True)
class Owner:
    """Which process, of which machine; the pid is that of its own pid namespace."""

    host: str = ""
    boot_id: str = ""
    pid_namespace: str = ""
    pid: int = 0
    started: int | None = None

    @classmethod
    def of_this_process(cls) -> Owner:
        """The process that asks."""
        pid, boot_id, pid_namespace = os.getpid(), "", ""
        with contextlib.suppress(OSError):
            boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        with contextlib.suppress(OSError):
            pid_namespace = os.readlink("/proc/self/ns/pid")
        return cls(platform.node(), boot_id, pid_namespace, pid, _state_and_start(pid)[1])

    @classmethod
    def from_header(cls, header: Mapping[str, JSON]) -> Owner:
        """The process that a file's header names; one that never runs if the header is damaged."""
        texts = [header.get(key) for key in ("host", "boot_id", "pid_namespace")]
        host, boot_id, pid_namespace = (text if isinstance(text, str) else "" for text in texts)
        pid, started = header.get("pid"), header.get("started")
        if not isinstance(pid, int) or pid <= 0:
            return cls(host)
        return cls(host, boot_id, pid_namespace, pid, started if isinstance(started, int) else None)

    def is_running(self) -> bool | None:
        """What the process table says; None if it is not the table in which this pid means something."""
        here = this_process()
        where = (self.host, self.boot_id, self.pid_namespace)
        if not self.boot_id or self.started is None or where != (here.host, here.boot_id, here.pid_namespace):
            return None
        state, started = _state_and_start(self.pid)
        if started is not None:
            return started == self.started and state not in "ZX"  # a zombie will not finish anything
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except PermissionError:
            pass
        return None  # it exists, but /proc hides it from us, and with it the start


def this_process() -> Owner:
    """This process; what the system says of it is asked once."""
    return _process(os.getpid())


@functools.lru_cache(maxsize=1)
def _process(_pid: int) -> Owner:
    return Owner.of_this_process()


def take_lock(fd: int) -> bool:
    """Take the owner's lock; False if a reader is looking at this moment."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: there, a reader elsewhere never calls us dead
    return True


def is_locked(fd: int) -> bool:
    """Whether the owner holds its lock, or nobody can tell; if not, a shared lock is taken."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # held, or no locks on this file system: who cannot be shown dead is not called lost
        return True
    return False


def _state_and_start(pid: int) -> tuple[str, int | None]:
    """Fields 3 and 22 of ``/proc/<pid>/stat``: state letter, and start in clock ticks since boot."""
    try:
        # The second field, the command, may itself hold spaces and parentheses.
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)  # many are asked before each commit
        try:
            fields = os.read(fd, 4096).rpartition(b")")[2].split()
        finally:
            os.close(fd)
        return fields[0].decode("ascii"), int(fields[19])
    except (OSError, ValueError, IndexError):
        return "", None
