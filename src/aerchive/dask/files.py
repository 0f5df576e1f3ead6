"""The files of a sweep: each process of a worker has one, and nobody else writes to it; decision 0044.

Beside the project ``study.h5`` lies the folder ``study.sweep``. A process of a worker has two files in it, named by the
host, the number of the process and a random number: a project with the runs (``.h5``), and a log (``.log``). The first
line of the log says what a point is, and each other line is a point that is in the project. The process holds a lock on
the log as long as it may write. So a file whose log is not locked is complete, and may be removed after it was merged.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from aerchive.aer.opening import open_path
from aerchive.errors import NotFoundError, WriteError
from aerchive.project.project import Project

LOG, PROJECT = ".log", ".h5"


def folder_of(project: Path, name: str) -> Path:
    """Returns the folder of a sweep: ``study.sweep`` for the project ``study.h5`` and the name ``sweep``."""
    return project.with_name(f"{project.stem}.{name}")


class Identity(NamedTuple):
    """What makes a run the run of a point.

    Attributes:
        names: Names of the parameters of a point, sorted.
        tags: Tags that the run must have.
    """

    names: tuple[str, ...]
    tags: tuple[str, ...]

    def to_line(self) -> bytes:
        """The first line of a log."""
        return json.dumps(self._asdict()).encode() + b"\n"


class Archived(NamedTuple):
    """A point in a file of a worker: the file, and the job id of the run."""

    file: Path
    job_id: str


class WorkerFile:
    """The file of this process in a folder of a sweep.

    Args:
        folder: The folder, which exists.
        identity: What makes its runs the runs of points.
        compression: The compression profile of the arrays; ``None``: that of the settings.

    Raises:
        NotFoundError: The folder does not exist on this machine.
        WriteError: This process cannot write there.
    """

    def __init__(self, folder: Path, identity: Identity, compression: str | None) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._is_left = False
        self._log, self.path = _new_log(folder, identity)
        self.project: Project = open_path(self.path, "a", durability="each", compression=compression)

    def note(self, point: str, job_id: str) -> None:
        """Notes that the run of a point is in the file."""
        os.write(self._log, f"{point} {job_id}\n".encode())

    def enter(self) -> bool:
        """Begins to use the file. Returns whether it may be used; if not, this process takes a new one."""
        with self._lock:
            self._users += not self._is_left
            return not self._is_left

    def exit(self) -> None:
        """Ends the use that `enter` has begun."""
        with self._lock:
            self._users -= 1
            self._close_if_unused()

    def leave(self) -> None:
        """Writes no more to the file when the tasks that use it now have ended; then it may be removed."""
        with self._lock:
            if not self._is_left:
                self._is_left = True
                self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self._is_left and not self._users:
            self.project.spools.own.leave()
            os.close(self._log)


def _new_log(folder: Path, identity: Identity) -> tuple[int, Path]:
    """Makes a log that this process holds locked, and returns it open, with the path of the project file beside it."""
    host = re.sub(r"[^\w-]", "_", socket.gethostname())[:40]
    while True:
        path = folder / f"{host}-{os.getpid()}-{secrets.token_hex(4)}{LOG}"
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o666)
        except FileNotFoundError as error:
            raise NotFoundError(
                f"{folder}: there is no such folder on {socket.gethostname()}; all workers and the client need it "
                "under the same path, on storage that they share"
            ) from error
        except OSError as error:
            raise WriteError(f"{path}: cannot be made: {error.strerror}") from error
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.write(fd, identity.to_line())
        if os.fstat(fd).st_nlink:  # else a merge has removed it before it was locked
            return fd, path.with_suffix(PROJECT)
        os.close(fd)


_Key = tuple[Path, Identity]
_files: dict[_Key, WorkerFile] = {}
_files_lock = threading.Lock()


@contextlib.contextmanager
def own_file(folder: Path, identity: Identity, compression: str | None) -> Iterator[WorkerFile]:
    """Gives the file of this process in the folder of a sweep; threads share it."""
    key = folder, identity
    while True:
        with _files_lock:
            file = _files.get(key)
            if file is None:
                file = _files[key] = WorkerFile(folder, identity, compression)
        if file.enter():
            break
        with _files_lock:
            if _files.get(key) is file:
                del _files[key]
    try:
        yield file
    finally:
        file.exit()


def leave_files(folder: str) -> None:
    """Lets this process write no more to its files in the folder of a sweep; the next task gets a new file."""
    with _files_lock:
        left = [_files.pop(key) for key in list(_files) if key[0] == Path(folder)]
    for file in left:
        file.leave()


def identity_of(file: Path) -> Identity | None:
    """What makes the runs of a file the runs of points, from its log; ``None`` if the log does not say that."""
    try:
        with file.with_suffix(LOG).open("rb") as log:
            line = json.loads(log.readline())
        return Identity(tuple(map(str, line["names"])), tuple(map(str, line["tags"])))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def archived_points(folder: Path, identity: Identity) -> dict[str, Archived]:
    """Reads the logs of all workers: where each point is that one of them has archived."""
    found: dict[str, Archived] = {}
    for log in sorted(folder.glob(f"*{LOG}")):
        if identity_of(log) != identity:
            continue
        try:
            lines = log.read_text("ascii", "replace").split("\n")[1:-1]  # without a last line that is not whole
        except FileNotFoundError:  # merged and removed just now
            continue
        for line in lines:
            point, _, job_id = line.partition(" ")
            found.setdefault(point, Archived(log.with_suffix(PROJECT), job_id))
    return found


@contextlib.contextmanager
def ended(file: Path) -> Iterator[bool]:
    """Says whether the process of a file writes no more to it; it cannot begin again inside the block."""
    try:
        fd = os.open(file.with_suffix(LOG), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield True
        return
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)
