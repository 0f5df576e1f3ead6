"""QPY of a foreign file is read in a child process first: Qiskit's reader may crash, or ask for all memory.

The child is started when the first such payload is read, and serves all later ones of this process. What it has read
without harm is remembered by digest. Circuits of own files are never read in a child.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import io
import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from typing import IO

from aerchive.errors import FormatError, UnsafeContentError
from aerchive.limits import limits, over_limit
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.medium.limited_child import environment_of_child

QPY_VERSIONS = range(13, 19)
"""Versions of QPY that are read from a foreign file."""
_PROGRAM = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from aerchive.codecs.circuits.rehearsal import serve
serve()
"""
_SECONDS = 20
_MEMORY_BYTES = 2 * 1024**3
_MOST_TEXT_BYTES = 4096
_LENGTH = struct.Struct("<Q")


class _Server:
    """The child of this process, if there is one, and what it has read."""

    lock = threading.RLock()
    child: subprocess.Popen[bytes] | None = None
    process = 0
    passed: set[bytes]


_Server.passed = set()


def rehearse(payload: bytes, where: str) -> None:
    """Reads a QPY payload in the child.

    Args:
        payload: The payload.
        where: File and path of the circuits, for messages.

    Raises:
        FormatError: The version of the payload is not read from a foreign file, or Qiskit refuses the payload.
        UnsafeContentError: The payload is too large, or the child crashed or took too much time or memory.
    """
    if payload[6] not in QPY_VERSIONS:
        raise FormatError(
            f"{where}: is QPY version {payload[6]}, and of a file that is not trusted only the versions "
            f"{QPY_VERSIONS[0]} to {QPY_VERSIONS[-1]} are read"
        )
    if len(payload) > limits().qpy_bytes:
        raise over_limit(where, "qpy_bytes", f"it has {len(payload)} bytes of QPY")
    digest = hashlib.sha256(payload).digest()
    with _Server.lock:
        if digest in _Server.passed:
            return
        try:
            said = _ask(payload)
        except BaseException as error:
            reason = _stop()
            if not isinstance(error, OSError | EOFError | TimeoutError):
                raise
            raise UnsafeContentError(
                f"{where}: its circuits are not read, because they would harm this program: in a process of its own, "
                f"Qiskit {'took too long' if isinstance(error, TimeoutError) else reason}"
            ) from error
        if said:
            raise FormatError(f"{where}: stored circuits cannot be read: {said}")
        _Server.passed.add(digest)


def _ask(payload: bytes) -> str:
    """The reason why the child cannot read a payload; empty if it can."""
    if _Server.child is None or _Server.process != os.getpid():
        _Server.child, _Server.process = _start(), os.getpid()
    child = _Server.child
    assert child.stdin is not None  # noqa: S101  (these are pipes)
    assert child.stdout is not None  # noqa: S101
    child.stdin.write(_LENGTH.pack(len(payload)) + payload)
    child.stdin.flush()
    end = time.monotonic() + 2 * _SECONDS
    size = min(_LENGTH.unpack(_read(child.stdout, _LENGTH.size, end))[0], _MOST_TEXT_BYTES)
    return _read(child.stdout, size, end).decode("utf-8", "replace")


def _read(pipe: IO[bytes], size: int, end: float) -> bytes:
    data = b""
    poll = select.poll()
    poll.register(pipe, select.POLLIN | select.POLLHUP)
    while len(data) < size:
        check_interrupt()
        if time.monotonic() > end:
            raise TimeoutError
        if poll.poll(100):
            piece = os.read(pipe.fileno(), size - len(data))
            if not piece:
                raise EOFError
            data += piece
    return data


def _start() -> subprocess.Popen[bytes]:
    paths = json.dumps([path for path in sys.path if path])
    return subprocess.Popen(  # noqa: S603  (this interpreter, and a constant program)
        [sys.executable, "-I", "-B", "-c", _PROGRAM, paths],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment_of_child(),
        start_new_session=True,
    )


@atexit.register
def _stop() -> str:
    """Ends the child, and says how it had ended before."""
    child, _Server.child = _Server.child, None
    if child is None or _Server.process != os.getpid():
        return "could not be started"
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(0.2)  # a child that has crashed is gone soon
    code = child.poll()
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        with contextlib.suppress(OSError):
            if pipe is not None:
                pipe.close()
    if code is None or code >= 0:
        return "failed"
    if -code in (signal.SIGXCPU, signal.SIGKILL):
        return f"took more than {_SECONDS} s, or too much memory"
    return f"crashed ({signal.strsignal(-code)})"


def serve() -> None:
    """Reads payloads from standard input in the child, and says for each of them why it cannot be read."""
    import resource

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the reader prints is no answer
    from qiskit import qpy

    from aerchive.codecs.circuits.losses import describe_error

    for which, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_AS, _MEMORY_BYTES)):
        resource.setrlimit(which, (most, most))
    while head := sys.stdin.buffer.read(_LENGTH.size):
        payload = sys.stdin.buffer.read(_LENGTH.unpack(head)[0])
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(
            resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + _SECONDS + 1, resource.RLIM_INFINITY)
        )
        try:
            qpy.load(io.BytesIO(payload))
            said = b""
        except BaseException as error:  # noqa: BLE001  (a panic of Qiskit's Rust code is a BaseException)
            said = (describe_error(error) or "error").encode("utf-8", "replace")[:_MOST_TEXT_BYTES]
        answers.write(_LENGTH.pack(len(said)) + said)
        answers.flush()
