"""Vetting of files on other machines by parts: what this process lets HDF5 parse, a child has let HDF5 parse before.

To vet such a file as a whole would fetch most of it. So before HDF5 opens the file here, the child parses the root, and
before a run or another part is opened, the child parses that part, as a whole. It gets the same bytes as this process:
those that were fetched, in the state in which the file was opened. One child serves many parts. Decision 0043.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import socket
import subprocess
import threading
import time
import weakref
from collections.abc import Callable
from importlib import metadata
from typing import Any

from aerchive import layout
from aerchive.settings import load_settings
from aerchive.storage.medium.disk import disk
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.medium.limited_child import ChildError, ChildLimits, ChildStartError, reason_of_end, start_limited
from aerchive.storage.medium.parts import Parts, parts_of
from aerchive.storage.part_vet_child import LENGTH, RANGE, send
from aerchive.storage.vet_child import is_shared, part_of
from aerchive.storage.vetting import VetReport, limits_of_bytes, report_of, unsafe

_CHILD = "aerchive.storage.part_vet_child", "serve"
_WHOLE = "/"
_FIRST = ("", layout.CATALOGUE, layout.CATALOGUE + layout.CHANGES_SUFFIX)
"""What each session reads."""
_MOST_PARTS = 500
"""After so many parts the child is replaced by a new one, so that its limits are for few of them."""
_MOST_ANSWER_BYTES = 16 * 1024 * 1024
_STEP_S = 0.1
Guard = Callable[[str, bool], None]


class PartVetter:
    """Has the parts of one file parsed in a child process, each once.

    Args:
        parts: The content of the file.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = weakref.ref(parts)
        self._begin_anew()
        self._done: set[str] | None = None

    def _begin_anew(self) -> None:
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._child: _Child | None = None

    def vet(self, fd: int, path: str, *nodes: str, lists: bool = False) -> None:
        """Has parts parsed that were not parsed before; see the head of this module.

        Args:
            fd: File descriptor of the stand-in.
            path: The file, for messages.
            nodes: Paths of nodes.
            lists: Whether the members of these nodes are listed, if they are folders.

        Raises:
            UnsafeContentError: The child crashed, or took too much memory or time.
            ReadError: The child could not be started.
            AerchiveError: The bytes could not be fetched.
        """
        if self._process != os.getpid():
            self._begin_anew()
        with self._lock:
            parts = self._parts()
            if parts is None:
                return
            if self._done is None:
                self._done = _noted(parts)
            before = len(self._done)
            for node in nodes:
                self._vet(fd, path, node, lists=lists, done=self._done, parts=parts)
            if len(self._done) > before:
                _note(parts, self._done)

    def report(self, fd: int, path: str) -> VetReport:
        """Has the whole file parsed, whether it was before or not.

        Args:
            fd: File descriptor of the stand-in.
            path: The file, for messages.

        Raises:
            AerchiveError: As `vet` does.
        """
        parts = self._parts()
        assert parts is not None  # noqa: S101  (the caller has it)
        child = _Child(fd, path, parts)
        try:
            found = report_of(path, child.parse(_WHOLE, lists=False))
        except ChildError as error:
            raise unsafe(path, "HDF5 read its structure", error) from error
        finally:
            child.end()
        with self._lock:
            self._done = {*(self._done or _noted(parts)), _WHOLE}
            _note(parts, self._done)
        return found

    def _vet(self, fd: int, path: str, node: str, *, lists: bool, done: set[str], parts: Parts) -> None:
        part = node if node == _WHOLE else part_of(node)
        is_listed = lists and part == node and is_shared(part)
        name = f"{part}/*" if is_listed else part
        if _WHOLE in done or name in done:
            return
        try:
            if self._child is None:
                self._child = _Child(fd, path, parts)
            self._child.parse(part, lists=is_listed)
        except ChildError as error:
            self._end()
            raise unsafe(path, "HDF5 read a part of it", error) from error
        except BaseException:
            self._end()
            raise
        done.add(name)
        if self._child.number >= _MOST_PARTS:
            self._end()

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
        self._child = None


_vetters: weakref.WeakKeyDictionary[Parts, PartVetter] = weakref.WeakKeyDictionary()


def admit_parts(parts: Parts, fd: int, path: str) -> None:
    """Vets what each session reads of a file on another machine, before HDF5 opens the file; errors as `PartVetter`."""
    if load_settings().vet != "off":
        vetter_of(parts).vet(fd, path, *_FIRST)


def vet_whole(parts: Parts, fd: int, path: str) -> VetReport:
    """Vets all of a file on another machine, of which all metadata are fetched for that; errors as `PartVetter`."""
    return vetter_of(parts).report(fd, path)


def guard_of(fd: int, path: str) -> Guard | None:
    """A function that vets a node before HDF5 opens it; ``None`` for a file that was vetted as a whole, or not at all.

    Args:
        fd: File descriptor of the file, which stays open as long as the function is used.
        path: The file, for messages.
    """
    parts = parts_of(fd)
    if parts is None or load_settings().vet == "off":
        return None
    vetter = vetter_of(parts)
    return lambda node, lists: vetter.vet(fd, path, node, lists=lists)


def vetter_of(parts: Parts) -> PartVetter:
    """The vetter of a file; each file has one."""
    found = _vetters.get(parts)
    if found is None:
        found = _vetters.setdefault(parts, PartVetter(parts))
    return found


def _noted(parts: Parts) -> set[str]:
    """The parts that a child of this or another process has parsed with this version of h5py, and so of HDF5."""
    parser = _parser()
    return {part for version, _, part in (one.partition(" ") for one in parts.vetted()) if version == parser}


def _note(parts: Parts, done: set[str]) -> None:
    parser = _parser()
    others = {one for one in parts.vetted() if one.partition(" ")[0] != parser}
    parts.note_vetted(others | {f"{parser} {part}" for part in done})


@functools.cache
def _parser() -> str:
    return metadata.version("h5py")


class _Child:
    """A child process that parses parts; see `aerchive.storage.part_vet_child`.

    Args:
        fd: File descriptor of the stand-in.
        path: The file, for messages.
        parts: The content of the file.

    Attributes:
        number: Number of the parts that were parsed.
    """

    def __init__(self, fd: int, path: str, parts: Parts) -> None:
        self.number = 0
        self._parts = weakref.ref(parts)
        self._limits: ChildLimits = limits_of_bytes(disk().size(fd))._replace(opens_files=False)
        self._channel, other = socket.socketpair()
        opened = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            arguments = [other.fileno(), opened, path, disk().size(fd)]
            self._child = start_limited(*_CHILD, arguments, self._limits, [other.fileno(), opened])
        except BaseException:
            self._channel.close()
            raise
        finally:
            other.close()
            os.close(opened)
        self._is_ready = False
        weakref.finalize(self, _end, self._child, self._channel, os.getpid())

    def parse(self, part: str, *, lists: bool) -> dict[str, Any]:
        """Has a part parsed.

        Returns:
            What the child found, which the file may have made its own.

        Raises:
            ChildError: The child crashed, or took too long.
            AerchiveError: Bytes that it asked for could not be fetched.
        """
        end = time.monotonic() + self._limits.wall_s
        with contextlib.suppress(OSError):  # it has ended already, which is found below
            send(self._channel, json.dumps({"part": part, "lists": lists}).encode())
        while True:
            message = self._message(end)
            if message[:1] == b"A":
                self.number += 1
                return self._found(message[1:])
            if message[:1] != b"R" or len(message) != 1 + RANGE.size:
                raise ChildError("its answer is not understandable")
            started = time.monotonic()
            self._answer(*RANGE.unpack(message[1:]))
            end += time.monotonic() - started  # the network may take its time

    @staticmethod
    def _found(message: bytes) -> dict[str, Any]:
        with contextlib.suppress(ValueError, RecursionError):
            found = json.loads(message)
            if isinstance(found, dict):
                return found
        raise ChildError("its answer is not understandable")

    def _answer(self, offset: int, length: int) -> None:
        parts = self._parts()
        if parts is None or length > _MOST_ANSWER_BYTES:
            raise ChildError("its answer is not understandable")
        view = memoryview(bytearray(length))
        done = parts.read(view, offset)
        with contextlib.suppress(OSError):
            send(self._channel, bytes(view[:done]))

    def _message(self, end: float) -> bytes:
        length = LENGTH.unpack(self._exactly(LENGTH.size, end))[0]
        if length > _MOST_ANSWER_BYTES:
            raise ChildError("its answer is endless")
        return self._exactly(length, end)

    def _exactly(self, length: int, end: float) -> bytes:
        data = bytearray()
        while len(data) < length:
            check_interrupt()
            if select.select([self._channel], [], [], _STEP_S)[0]:
                with contextlib.suppress(ConnectionError):
                    if piece := self._channel.recv(length - len(data)):
                        data += piece
                        continue
                self._gone()
            if time.monotonic() > end:
                raise ChildError(f"it did not end within {self._limits.wall_s} s")
        return bytes(data)

    def _gone(self) -> None:
        """Raises the reason why the child has ended."""
        try:
            code = self._child.wait(_STEP_S * 50)
        except subprocess.TimeoutExpired:
            raise ChildError("it closed its connection") from None
        stdout = self._child.stdout
        is_started = stdout is not None and stdout.readline() == b"ready\n"
        why = reason_of_end(code, self._limits)
        raise ChildError(why) if is_started else ChildStartError(f"{why} when it was started")

    def end(self) -> None:
        """Ends the child."""
        _end(self._child, self._channel, os.getpid())


def _end(child: subprocess.Popen[Any], channel: socket.socket, process: int) -> None:
    channel.close()
    if process == os.getpid():
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()
