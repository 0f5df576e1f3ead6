"""Child processes as forks of this process, which has imported what they need: a tenth of the time of a new Python.

Fuzzing starts two children for each mutant. They have the limits of the real ones, and run the same programs.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import IO, Any

import pytest

from aerchive.codecs.circuits import rehearsal
from aerchive.storage.medium import limited_child

_MOST_FDS = 1024


class Fork:
    """What the package uses of `subprocess.Popen`.

    Args:
        command: ``[interpreter, options, ..., "-c", program, argument]``.
    """

    def __init__(self, command: Sequence[str], *, stdin: int, pass_fds: Sequence[int] = (), **_: Any) -> None:
        asks, question = os.pipe()
        answer, answers = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _become(command, asks, answers, pass_fds)
        os.close(asks)
        os.close(answers)
        self.stdin: IO[bytes] | None = os.fdopen(question, "wb")
        self.stdout: IO[bytes] | None = os.fdopen(answer, "rb", buffering=0)
        if stdin != subprocess.PIPE:
            self.stdin.close()
            self.stdin = None
        self._code: int | None = None

    def poll(self) -> int | None:
        """The end of the child, as `subprocess.Popen` states it, or `None` if it goes on."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def wait(self, timeout: float = 60.0) -> int:
        """Waits for the end of the child."""
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("fork", timeout)
            time.sleep(0.002)
        return code

    def kill(self) -> None:
        """Kills the child."""
        with contextlib.suppress(ProcessLookupError):
            if self._code is None:
                os.kill(self.pid, signal.SIGKILL)


def _become(command: Sequence[str], asks: int, answers: int, kept: Sequence[int]) -> None:
    """Runs the program of a command, and ends the process."""
    code = 1
    try:
        os.dup2(asks, 0)
        os.dup2(answers, 1)
        low = 3
        for fd in [*sorted(fd for fd in kept if fd > 2), _MOST_FDS]:
            os.closerange(low, fd)
            low = fd + 1
        sys.stdin, sys.stdout = os.fdopen(0, "r", closefd=False), os.fdopen(1, "w", closefd=False)
        *_, program, given = command
        sys.argv = ["-c", given]
        size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: SIM115
        limit = resource.setrlimit

        def set_limit(which: int, limits: tuple[int, int]) -> None:
            """A limit of memory is one beyond what a fork has from the beginning."""
            more = size if which == resource.RLIMIT_AS else 0
            hard = resource.getrlimit(which)[1]
            most = [value + more if value != resource.RLIM_INFINITY else hard for value in limits]
            limit(which, tuple(value if hard == resource.RLIM_INFINITY else min(value, hard) for value in most))  # type: ignore[arg-type]

        resource.setrlimit = set_limit
        exec(program, {"__name__": "__main__"})
        sys.stdout.flush()
        code = 0
    finally:
        os._exit(code)


def use_forks(patch: pytest.MonkeyPatch) -> None:
    """Makes the package fork instead of starting Python."""
    popen = SimpleNamespace(**{name: getattr(subprocess, name) for name in subprocess.__all__} | {"Popen": Fork})
    patch.setattr(limited_child, "subprocess", popen)
    patch.setattr(rehearsal, "subprocess", popen)
