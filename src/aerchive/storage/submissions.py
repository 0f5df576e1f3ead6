"""Traces of submitted runs, left beside the project file so that they survive the death of the process.

Beside ``vqe.h5`` each submitting process keeps ``.vqe.h5.submitted-<pid>-<8 hex digits>.jsonl``: a
header naming the process, then a line per event. The lines are appended without fsync: what ``write``
took outlives SIGKILL and abort, though not a power cut. The reasons and the measurements are in
``docs/decisions/0004-submissions-leave-a-trace.md``.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import json
import os
import re
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from aerchive.errors import FormatError
from aerchive.storage.names import PROCESS, names_in, prefix_beside
from aerchive.storage.owner import JSON, Owner, is_locked, take_lock

try:
    import fcntl
except ImportError:  # Windows has no flock: nothing is left there, and `submitted` says so
    fcntl = None  # type: ignore[assignment]

FORMAT_VERSION = 1
_TRACE = re.compile(PROCESS.pattern + r"\.jsonl")
RECORD_BYTES = 64 * 1024
"""A record whose JSON text is longer keeps only its small values."""
FILE_BYTES = 512 * 1024
"""A file that has grown to this size takes no new job and goes when its last job finishes."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A run that was submitted and has not been archived.

    Attributes:
        job_id: Id of the Aer job.
        record: What the submitter gave; with ``"shortened": True`` if it did not fit.
        host: Name of the submitter's machine, ``""`` where the header is damaged.
        pid: Process id of the submitter in its own pid namespace, 0 where the header is damaged.
        alive: Whether that process still exists; if not, the run is lost.
        path: The file with the trace.
    """

    job_id: str
    record: dict[str, JSON]
    host: str
    pid: int
    alive: bool
    path: Path


class Submissions:
    """The submitted runs of one project: this process leaves its own, and sees those of every process.

    Thread-safe, and usable after a fork. All objects for one file, whatever link named it, share a trace.
    A process can die between the commit of a run and `finished`: a lost run is one that `open_jobs`
    lists as not alive *and* that the project does not hold.

    Args:
        project_path: The project file; it need not exist.
        project_uuid: Noted in the header of a new trace, for whoever finds it without its project.
    """

    def __init__(self, project_path: os.PathLike[str] | str, *, project_uuid: str | None = None) -> None:
        self._folder, name = os.path.split(os.path.realpath(project_path))
        self._prefix = prefix_beside(name, "submitted")
        self._project_uuid = project_uuid

    def submitted(self, job_id: str, record: Mapping[str, JSON]) -> bool:
        """Leave a trace of a job, before the simulation can take the process down.

        Args:
            job_id: Any string. An id that is still open starts again with the new record.
            record: What to show of the run; values that are not JSON are left out.

        Returns:
            Whether the trace was written: False on a full disk, in a read-only folder, on Windows.
        """
        return self._own().submitted(job_id, record)

    def finished(self, job_id: str) -> None:
        """Note that a job this process submitted needs its trace no more; other ids are ignored."""
        self._own().finished(job_id)

    def open_jobs(self) -> list[Submission]:
        """The unfinished submissions of all processes, oldest first; an id may occur once per process.

        Files of dead processes with nothing unfinished are removed on the way. Files that cannot be
        read, or were written by a newer format version, are passed over.
        """
        found: list[tuple[float, Submission]] = []
        for path in self._paths():
            with contextlib.suppress(OSError), _examined(path) as trace:
                if not trace.jobs and not trace.alive:
                    os.unlink(path)
                for job_id, (at, record) in trace.jobs.items():
                    owner = trace.owner
                    found.append((at, Submission(job_id, record, owner.host, owner.pid, trace.alive, Path(path))))
        return [submission for _, submission in sorted(found, key=lambda pair: pair[0])]

    def forget(self, job_ids: Collection[str]) -> None:
        """Drop jobs whose loss the project now records, from dead processes' files and this process's own.

        A file with nothing left is removed. Files of other live processes are never touched.
        """
        dropped = set(job_ids)
        for job_id in dropped:
            self.finished(job_id)
        for path in self._paths():
            with contextlib.suppress(OSError), _examined(path) as trace:
                here = dropped & trace.jobs.keys()
                if trace.alive:
                    continue
                if len(here) == len(trace.jobs):
                    os.unlink(path)
                elif here:
                    lines = b"".join(_finished_line(job_id) for job_id in sorted(here))
                    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
                    with open(fd, "wb", buffering=0) as file:
                        file.write(b"\n" + lines if trace.is_torn else lines)

    def _own(self) -> _OwnTrace:
        prefix = os.path.join(self._folder, self._prefix)
        own = _own_traces.get(prefix)
        if own is not None and own.pid != os.getpid():  # a fork that Python was not told about
            _own_traces.clear()
            own = None
        return own or _own_traces.setdefault(prefix, _OwnTrace(prefix, self._project_uuid))

    def _paths(self) -> list[str]:
        return [os.path.join(self._folder, name) for name in names_in(self._folder, self._prefix, _TRACE)]


@dataclass(frozen=True, slots=True)
class _Examined:
    """What a trace file says; `jobs` maps the open ids to the time of submission and the record."""

    owner: Owner
    alive: bool
    jobs: dict[str, tuple[float, dict[str, JSON]]]
    is_torn: bool


@contextlib.contextmanager
def _examined(path: str) -> Iterator[_Examined]:
    """A trace file, kept open: if only its lock could tell that the owner is gone, the lock is ours inside."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        # Life first, content second: the content of a dead process is final, so a job it had just finished
        # is never taken for lost. And pread raises for a folder or a pipe.
        header = _parsed(os.pread(fd, 4096, 0).partition(b"\n")[0])
        version = header.get("format_version")
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise FormatError(f"{path}: submissions of format version {version}; upgrade aerchive to read them")
        alive = Owner.from_header(header).is_running()
        if alive is None:
            alive = is_locked(fd)
        with open(fd, "rb", closefd=False) as file:
            content = file.read()
        lines = [_parsed(line) for line in content.split(b"\n")]
        yield _Examined(Owner.from_header(lines[0]), alive, _unfinished(lines), not content.endswith(b"\n"))
    finally:
        os.close(fd)


def _unfinished(lines: Sequence[Mapping[str, JSON]]) -> dict[str, tuple[float, dict[str, JSON]]]:
    jobs: dict[str, tuple[float, dict[str, JSON]]] = {}
    for line in lines:
        at, record = line.get("at"), line.get("record")
        if isinstance(job_id := line.get("submitted"), str):
            jobs[job_id] = (at if isinstance(at, int | float) else 0.0, record if isinstance(record, dict) else {})
        elif isinstance(job_id := line.get("finished"), str):
            jobs.pop(job_id, None)
    return jobs


class _TraceFile:
    """One file of this process, locked for as long as it is open.

    `job_count` counts its unfinished jobs. Closed, because it is full or the disk refused a line, it
    takes no new ones.
    """

    def __init__(self, prefix: str, project_uuid: str | None) -> None:
        if fcntl is None:
            raise OSError(errno.ENOSYS, "no flock on this platform")
        self.job_count = 0
        self.is_closed = False
        self.owed = b""  # lines the disk would not take; they go before the next one
        owner = Owner.of_this_process()
        header = {"format": "aerchive-submissions", "format_version": FORMAT_VERSION, "project": project_uuid}
        for _ in range(8):
            self.size = 0
            self.path = f"{prefix}{owner.pid}-{os.urandom(4).hex()}.jsonl"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self.fd = os.open(self.path, flags, 0o666)
            # A reader that meets the file before we hold the lock may take it for a dead process's and
            # remove it; then another file is made. Once locked, it is safe.
            if take_lock(self.fd) and os.fstat(self.fd).st_nlink and self.append(_line(header | asdict(owner))):
                return
            self.remove()
        raise OSError(errno.EAGAIN, "cannot create a trace", self.path)

    def append(self, line: bytes) -> bool:
        data = self.owed + line
        try:
            written = os.write(self.fd, data)
            if written != len(data):
                os.ftruncate(self.fd, self.size)
                raise OSError(errno.ENOSPC, "no room for a line")
        except OSError:
            self.is_closed = True
            return False
        self.size += written
        self.owed = b""
        self.is_closed |= self.size >= FILE_BYTES
        return True

    def has_room(self) -> bool:
        with contextlib.suppress(OSError):
            return not self.is_closed and os.fstat(self.fd).st_nlink > 0  # 0: somebody deleted it
        return False

    def remove(self) -> None:
        # Unlinked before the lock goes: who gets the lock sees no file with a dead owner.
        with contextlib.suppress(OSError):
            os.unlink(self.path)
        with contextlib.suppress(OSError):
            os.close(self.fd)


class _OwnTrace:
    """What this process has left for one project: a file that takes new jobs, and full ones not yet done."""

    def __init__(self, prefix: str, project_uuid: str | None) -> None:
        self.pid = os.getpid()
        self.files: list[_TraceFile] = []
        self._prefix, self._project_uuid = prefix, project_uuid
        self._jobs: dict[str, _TraceFile] = {}
        self._is_leaving = False
        self._lock = threading.RLock()  # re-entrant, for a finalizer that runs inside

    def submitted(self, job_id: str, record: Mapping[str, JSON]) -> bool:
        line = f'{{"submitted":{json.dumps(job_id)},"at":{time.time()!r},"record":{_record_text(record)}}}\n'
        with self._lock:
            self.finished(job_id)
            try:
                file = self._file_with_room()
            except OSError:
                return False
            if not file.append(line.encode("ascii")):
                return False
            file.job_count += 1
            self._jobs[job_id] = file
            return True

    def finished(self, job_id: str) -> None:
        with self._lock:
            file = self._jobs.pop(job_id, None)
            if file is None:
                return
            file.job_count -= 1
            line = _finished_line(job_id)
            if not file.append(line):
                file.owed += line
            if not file.job_count and (file.is_closed or file is not self.files[-1] or self._is_leaving):
                self._remove(file)

    def leave(self) -> None:
        """Remove the files without open jobs, at the end of the process."""
        with self._lock:
            self._is_leaving = True
            for file in [file for file in self.files if not file.job_count]:
                self._remove(file)

    def _file_with_room(self) -> _TraceFile:
        if self.files:
            file = self.files[-1]
            if file.has_room():
                return file
            if not file.job_count:
                self._remove(file)
        self.files.append(_TraceFile(self._prefix, self._project_uuid))
        return self.files[-1]

    def _remove(self, file: _TraceFile) -> None:
        self.files.remove(file)
        file.remove()


_own_traces: dict[str, _OwnTrace] = {}


def _leave() -> None:
    for own in list(_own_traces.values()):
        if own.pid == os.getpid():
            own.leave()


def _leave_to_parent() -> None:
    # In a forked child. Closing gives up only the child's share of the lock, so that the lock ends with
    # the parent; a lock of ours that another thread held at the fork is left behind with the rest.
    for own in _own_traces.values():
        for file in own.files:
            with contextlib.suppress(OSError):
                os.close(file.fd)
    _own_traces.clear()


atexit.register(_leave)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


def _line(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"


def _finished_line(job_id: str) -> bytes:
    return _line({"finished": job_id})


def _parsed(line: bytes) -> dict[str, JSON]:
    """The object in a line; empty for a torn or foreign one."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _record_text(record: Mapping[str, JSON]) -> str:
    not_json = (TypeError, ValueError, RecursionError)
    with contextlib.suppress(*not_json):
        text = json.dumps(dict(record), separators=(",", ":"), allow_nan=False)
        if len(text) <= RECORD_BYTES:
            return text
    kept: dict[str, JSON] = {"shortened": True}
    for key, value in list(record.items())[:32]:
        with contextlib.suppress(*not_json):
            if len(json.dumps({key: value}, allow_nan=False)) <= 1024:
                kept.setdefault(key, value)
    return json.dumps(kept)
