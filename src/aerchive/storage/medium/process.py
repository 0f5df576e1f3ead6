"""The process that a file beside the project belongs to, and whether that process still runs."""

from __future__ import annotations

import contextlib
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
    """A process of a machine, identified beyond the reuse of its pid.

    Attributes:
        host: Name of the machine.
        boot_id: Linux' random id of the boot during which the process runs; empty if unknown.
        pid_namespace: Name of the pid namespace of the process; empty if unknown.
        pid: The pid in that namespace.
        started: Start of the process in clock ticks since boot; ``None`` if unknown.
    """

    host: str = ""
    boot_id: str = ""
    pid_namespace: str = ""
    pid: int = 0
    started: int | None = None

    @classmethod
    def of_this_process(cls) -> Owner:
        """The calling process."""
        pid, boot_id, pid_namespace = os.getpid(), "", ""
        with contextlib.suppress(OSError):
            boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        with contextlib.suppress(OSError):
            pid_namespace = os.readlink("/proc/self/ns/pid")
        return cls(platform.node(), boot_id, pid_namespace, pid, _state_and_start(pid)[1])

    @classmethod
    def from_header(cls, header: Mapping[str, JSON]) -> Owner:
        """The process that a file's header names; if the header is damaged, an owner of which nothing is known."""
        texts = [header.get(key) for key in ("host", "boot_id", "pid_namespace")]
        host, boot_id, pid_namespace = (text if isinstance(text, str) else "" for text in texts)
        pid, started = header.get("pid"), header.get("started")
        if not isinstance(pid, int) or pid <= 0:
            return cls(host)
        return cls(host, boot_id, pid_namespace, pid, started if isinstance(started, int) else None)

    def is_running(self) -> bool | None:
        """Whether the process runs, from the process table; ``None`` if this machine's table cannot tell.

        The table cannot tell for another machine, boot or pid namespace, or if ``/proc`` hides the process.
        """
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
        return None  # the process exists, but /proc hides it and its start time


def this_process() -> Owner:
    """The calling process; the system is asked once for each process."""
    return _process(os.getpid())


@functools.lru_cache(maxsize=1)
def _process(_pid: int) -> Owner:
    return Owner.of_this_process()


def _state_and_start(pid: int) -> tuple[str, int | None]:
    """Fields 3 and 22 of ``/proc/<pid>/stat``: state letter, and start in clock ticks since boot."""
    try:
        # The second field, the command, may itself hold spaces and parentheses.
        fd = os.open(
            f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC
        )  # fast, as many processes are looked up before each commit
        try:
            fields = os.read(fd, 4096).rpartition(b")")[2].split()
        finally:
            os.close(fd)
        return fields[0].decode("ascii"), int(fields[19])
    except (OSError, ValueError, IndexError):
        return "", None
