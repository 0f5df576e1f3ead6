"""A function that runs in a child process with limits, because the file that it reads may harm its process.

The child has no terminal, no core file, can write no file, and loads no plugins of HDF5. A child that need not open
files can open neither files nor sockets. It is no sandbox: a fault that lets a file run code in it runs that code as
this user.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from aerchive.limits import limits
from aerchive.storage.medium.interrupts import check_interrupt

_PROGRAM = """
import json, resource, signal, sys
paths, module, function, arguments, of_files, cpu_s, wall_s, memory, file_bytes, opens_files = json.loads(sys.argv[1])
signal.alarm(wall_s)
for what, most in ("CORE", 0), ("FSIZE", file_bytes), ("CPU", cpu_s), ("AS", memory):
    which = getattr(resource, "RLIMIT_" + what)
    hard = resource.getrlimit(which)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (most, most))
sys.path[:] = paths
from aerchive.limits import Limits, use_limits
use_limits(Limits(**of_files))
function = getattr(__import__(module, fromlist=[function]), function)
if not opens_files:
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
print("ready", flush=True)
print(json.dumps(function(*arguments)))
"""
_WAIT_S = 0.1
UNLIMITED_S = 2**30
"""A limit of time, in seconds, that is none."""
_MOST_ANSWER_BYTES = 16 * 1024 * 1024


class ChildLimits(NamedTuple):
    """Limits of a child process.

    Attributes:
        cpu_s: Processor time, in seconds.
        wall_s: Time until the child is killed, in seconds.
        memory_bytes: Address space, in bytes.
        file_bytes: Size of the largest file that it may write, in bytes.
        opens_files: Whether it may open files, pipes and sockets once its module is imported; else it has only those
            that it inherited.
    """

    cpu_s: int
    wall_s: int
    memory_bytes: int
    file_bytes: int = 0
    opens_files: bool = True


class ChildError(Exception):
    """The child did not answer. The message says what happened to it, as the end of a sentence."""


class ChildStartError(ChildError):
    """The child did not come as far as to call its function, so the file is not the cause."""


def run_limited(
    module: str,
    function: str,
    arguments: Sequence[Any],
    child_limits: ChildLimits,
    fds: Sequence[int] = (),
    watch: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Calls a function in a child process.

    Args:
        module: Name of the module of the function.
        function: Name of the function; it returns a dictionary that JSON can express.
        arguments: Its arguments, which JSON can express.
        child_limits: The limits of the child, which reads files within the limits that are in force here.
        fds: File descriptors that the child inherits, with the same numbers.
        watch: Function that is called several times a second with the time since the start, in seconds.

    Returns:
        What the function returned.

    Raises:
        ChildStartError: The child could not be started, or ended before it called the function.
        ChildError: The child was killed, or did not answer.
        KeyboardInterrupt: The user has pressed Ctrl-C; the child was killed.
    """
    child = start_limited(module, function, arguments, child_limits, fds)
    try:
        data = _answer(child, child_limits, watch)
        code = child.wait(child_limits.wall_s)
    except subprocess.TimeoutExpired:
        raise ChildError(f"it did not end within {child_limits.wall_s} s") from None
    finally:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()
    ready, _, data = data.partition(b"\n")
    if not ready:
        raise ChildStartError(f"{reason_of_end(code, child_limits)} when it was started")
    if code != 0:
        raise ChildError(reason_of_end(code, child_limits))
    with contextlib.suppress(ValueError, RecursionError):
        answer = json.loads(data)
        if isinstance(answer, dict):
            return answer
    raise ChildError("its answer is not understandable")


def start_limited(
    module: str, function: str, arguments: Sequence[Any], child_limits: ChildLimits, fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Starts a child process that calls a function; arguments as for `run_limited`.

    Returns:
        The child, which writes the line ``ready`` to its standard output before the call, and the answer after it.

    Raises:
        ChildStartError: The child could not be started.
    """
    paths = [path for path in sys.path if path]
    given = json.dumps([paths, module, function, [*arguments], limits().model_dump(), *child_limits])
    try:
        return subprocess.Popen(  # noqa: S603  (this interpreter, and a constant program)
            [sys.executable, "-I", "-B", "-c", _PROGRAM, given],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=fds,
            env=environment_of_child(),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise ChildStartError(f"could not be started ({error})") from error


def environment_of_child() -> dict[str, str]:
    """The environment without what makes HDF5 load code, and with one thread for linear algebra, which saves time."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HDF5_", "PYTHON"))}
    return kept | {"HDF5_PLUGIN_PRELOAD": "::", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _answer(child: subprocess.Popen[bytes], limits: ChildLimits, watch: Callable[[float], None] | None = None) -> bytes:
    assert child.stdout is not None  # noqa: S101  (it is a pipe)
    begin, data = time.monotonic(), bytearray()
    end = begin + limits.wall_s
    poll = select.poll()
    poll.register(child.stdout, select.POLLIN)
    while time.monotonic() < end:
        check_interrupt()
        if watch is not None:
            watch(time.monotonic() - begin)
        if not poll.poll(_WAIT_S * 1000):
            continue
        piece = os.read(child.stdout.fileno(), 1 << 16)
        data += piece
        if not piece:
            return bytes(data)
        if len(data) > _MOST_ANSWER_BYTES:
            raise ChildError("its answer is endless")
    raise ChildError(f"it did not end within {limits.wall_s} s")


def reason_of_end(code: int, limits: ChildLimits) -> str:
    """Why a child ended, as the end of a sentence.

    Args:
        code: Its exit code, negative for a signal.
        limits: The limits that it had.
    """
    if -code == signal.SIGKILL and limits.cpu_s >= UNLIMITED_S:
        return "it was killed, perhaps because the memory of the machine was not enough"
    if -code in (signal.SIGXCPU, signal.SIGKILL):
        return f"it took more than {limits.cpu_s} s of processor time, or was killed"
    if -code == signal.SIGALRM:
        return f"it did not end within {limits.wall_s} s"
    if code < 0:
        return f"it crashed ({signal.strsignal(-code) or f'signal {-code}'})"
    return "it failed, perhaps because it needs too much memory"
