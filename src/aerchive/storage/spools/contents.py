"""The contents of the spool files beside a project, of all processes, living and dead.

A file is parsed again only if it has changed, and of a file with runs only the added records, so that for each idle
process a commit only checks the size of a file.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import os
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from aerchive import layout
from aerchive.errors import AerchiveError, FormatError, NewerFormatError, check_draft
from aerchive.storage.medium.beside import open_beside
from aerchive.storage.medium.disk import disk, sync_folder
from aerchive.storage.medium.filesystems import mount_of, why_unsafe
from aerchive.storage.medium.locks import try_lock
from aerchive.storage.medium.names import PROCESS, names_in
from aerchive.storage.medium.process import JSON, Owner
from aerchive.storage.medium.process_file import file_of_dead_process
from aerchive.storage.spools import records
from aerchive.storage.spools.records import FORMAT, FORMAT_VERSION, HEADER_BYTES, Gap, SpoolFile, pending_prefix
from aerchive.storage.spools.run_group import SpooledRun, read_run_head

_SETTLED_NS = 2_500_000_000
"""Time after the last change of a file during which it is parsed again: it may change once more within the same tick of
its time stamp, which is two seconds on a memory stick."""
_MOST_GONE = 64
"""Number of removed files whose contents stay in memory: searching for these contents takes time, too."""
_MOST_PROBLEMS = 100
"""Number of damaged places after which the rest of a file is not read."""
_LOOK_AGAIN_S = 60.0
"""Time after which the process of a file without content is looked up again."""


class Life(enum.Enum):
    """The state of the process that a spool file belongs to, as far as known."""

    OWN = enum.auto()
    """The file belongs to this process."""
    ALIVE = enum.auto()
    """The process is running."""
    DEAD = enum.auto()
    """The process has ended, and this is its original file: its content may be taken over and the file removed."""
    UNKNOWN = enum.auto()
    """The process may run on another machine, or the file is a copy: it may be read, and is not removed."""


class Submission(NamedTuple):
    """A job that was submitted and has not been archived.

    Attributes:
        job_id: Id of the Aer job.
        at: Time of submission, in seconds since 1970.
        record: The record given at submission; with ``"shortened": True`` if it was too long to be kept whole.
    """

    job_id: str
    at: float
    record: dict[str, JSON]


@dataclass(frozen=True)
class SpoolContent:
    """The content of one spool file.

    Attributes:
        path: The file.
        project: The project file that it lies beside.
        owner: The process that the file belongs to.
        life: State of that process.
        jobs: Submitted jobs that have not finished, oldest first.
        runs: Finished runs that are not noted to be in the project, in the order in which they were saved.
        problems: Descriptions of damage in the file.
        unnamed: Runs that do not name the project, and so are not among its runs.
        end: Offset in the file at which the next record would begin, in bytes.
        has_held: Whether some of the runs are durable in the file.
    """

    path: Path
    project: Path
    owner: Owner
    life: Life
    jobs: Sequence[Submission] = ()
    runs: Sequence[SpooledRun] = ()
    problems: Sequence[str] = ()
    unnamed: Sequence[SpooledRun] = ()
    end: int = 0
    has_held: bool = False

    @property
    def is_movable(self) -> bool:
        """Whether the file holds runs that any process may move into the project."""
        return self.has_held or (bool(self.runs) and self.life in (Life.DEAD, Life.UNKNOWN))

    def may_move(self, run: SpooledRun) -> bool:
        """Whether this process may move a run into the project; a living process moves its own runs soon."""
        return run.is_held or self.life in (Life.DEAD, Life.UNKNOWN)


@dataclass(frozen=True)
class _Parsed:
    """The content of a spool file as far as it was parsed.

    Attributes:
        end: Offset in the file at which the next record begins, in bytes.
        owner: The process that the header names.
        inode: The inode that the header names, which is that of the file that the owner made.
        version: Version of the spool format; 0 if the header is damaged or missing.
        jobs: Submitted jobs that have not finished, by id.
        runs: Finished runs that are not in the project, by the offset of their record.
        problems: Descriptions of damage in the file.
        has_runs: Whether the file ever held a run; then records are only appended, and never cut off.
        refusal: Why this version does not read the file; empty if it does.
    """

    end: int
    owner: Owner
    inode: int
    version: int
    jobs: dict[str, Submission] = field(default_factory=dict)
    runs: dict[int, SpooledRun] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    has_runs: bool = False
    refusal: str = ""


class _Known(NamedTuple):
    """The content read from a file, and the state of the file at that time."""

    inode: int
    size: int
    changed_ns: int
    is_settled: bool
    looked_s: float
    parsed: _Parsed
    content: SpoolContent


_known: dict[str, _Known] = {}
"""Contents of spool files by path; each entry is replaced as a whole, so that threads need no lock."""


def spool_contents(prefixes: Collection[str], own: Collection[str], project: Path) -> list[SpoolContent]:
    """The contents of the spool files of all processes except this one, in order of their oldest job.

    A file that cannot be read, that is left alone (see `open_beside`), or that was written by a newer version, is
    reported in ``problems``. A file without content
    is read again now and then, to see whether its process has ended and the file can be removed.

    Args:
        prefixes: Prefixes of the hidden paths of the project's spool files.
        own: Paths of the files of this process.
        project: The project file.
    """
    found, there = [], set[str]()
    starts = (*prefixes, *map(pending_prefix, prefixes))
    for prefix in starts:
        folder, start = os.path.split(prefix)
        for name in names_in(folder, start, PROCESS):
            path = f"{folder}/{name}"
            there.add(path)
            if path not in own:
                with contextlib.suppress(FileNotFoundError):  # its process has ended, or another process moved its runs
                    if (content := _content(path, project)) is not None:
                        found.append(content)
    if len(_known) > _MOST_GONE + len(there):
        for path in [*_known]:
            if path.startswith(starts) and path not in there:
                _known.pop(path, None)
    return sorted(found, key=lambda content: content.jobs[0].at if content.jobs else 0.0)


def _content(path: str, project: Path) -> SpoolContent | None:
    known = _known.get(path)
    # The process is looked up before the file is read: after the process has ended, its file is final, so that a job
    # which it has just finished is never reported as lost.
    life = None if known is None or known.size == HEADER_BYTES else _life_by_table(known.parsed, known.inode)
    try:
        status = os.lstat(path)
        same = known is not None and (known.inode, known.size, known.changed_ns) == _state_of(status)
        if known is not None and same:
            if known.size == HEADER_BYTES and time.monotonic() < known.looked_s + _LOOK_AGAIN_S:
                return None
            if known.is_settled and life is not None:
                return known.content if known.content.life is life else replace(known.content, life=life)
        fd = open_beside(path, project)
        try:
            found = _read(fd, path, project, known)
        finally:
            os.close(fd)
    except FileNotFoundError:
        raise
    except (AerchiveError, OSError) as error:
        why = str(error) if isinstance(error, AerchiveError) else f"{path}: cannot be read: {error.strerror}"
        return _unreadable(path, project, why)
    _known[path] = found
    return found.content


def _unreadable(path: str, project: Path, problem: str) -> SpoolContent:
    return SpoolContent(Path(path), project, Owner(), Life.UNKNOWN, problems=(problem,))


def _state_of(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _read(fd: int, path: str, project: Path, known: _Known | None) -> _Known:
    """Reads an open spool file; records that were read before are not read again."""
    header = _read_header(fd, path)
    life = _life(fd, header)
    before = os.fstat(fd)
    parsed = known.parsed if known is not None and known.inode == before.st_ino else None
    if known is None or parsed is None or not known.is_settled or known[:3] != _state_of(before):
        parsed = _parse(fd, path, project, header, parsed if parsed and parsed.has_runs else None, life)
    after = os.fstat(fd)
    is_settled = time.time_ns() - after.st_mtime_ns > _SETTLED_NS
    if life is Life.ALIVE and not parsed.has_runs and not is_settled:
        parsed = replace(parsed, problems=())  # its process may have cut the file back during the read
    is_settled &= life is not Life.ALIVE or parsed.end == before.st_size  # else the process is still writing a record
    return _Known(*_state_of(before), is_settled, time.monotonic(), parsed, _content_of(path, project, parsed, life))


def _content_of(path: str, project: Path, parsed: _Parsed, life: Life) -> SpoolContent:
    if parsed.refusal:
        return _unreadable(path, project, parsed.refusal)
    runs = [run for run in parsed.runs.values() if run.counts]
    return SpoolContent(
        Path(path),
        project,
        parsed.owner,
        life,
        sorted(parsed.jobs.values(), key=lambda job: job.at),
        runs,
        parsed.problems,
        end=parsed.end,
        has_held=any(run.is_held for run in runs),
    )


def _read_header(fd: int, path: str) -> _Parsed:
    """Reads the header; a file with a damaged header may belong to a living process, and so is never removed."""
    if os.fstat(fd).st_size < HEADER_BYTES:
        return _Parsed(0, Owner(), 0, 0)  # its process has just made it, or died while making it
    record = records.read_head(fd, 0)
    try:
        document = {} if record is None else records.read_document(fd, record, path)
    except AerchiveError:
        document = {}
    version, inode = document.get("format_version"), document.get("inode")
    if document.get("format") != FORMAT or not isinstance(version, int):
        problem = f"{path}: its header is damaged; what is behind it is read, and the file stays"
        return _Parsed(HEADER_BYTES, Owner(), 0, 0, problems=(problem,))
    try:
        if version > FORMAT_VERSION:
            what = f"was written by a newer aerchive (version {version} of its format); upgrade aerchive"
            raise NewerFormatError(f"{path}: {what}")
        check_draft(document.get("format_draft"), layout.FORMAT_DRAFT, None, path)
        refusal = ""
    except FormatError as error:
        refusal = str(error)
    inode = inode if isinstance(inode, int) else 0
    return _Parsed(HEADER_BYTES, Owner.from_header(document), inode, version, refusal=refusal)


def _life(fd: int, parsed: _Parsed) -> Life:
    """The state of the process that a file belongs to.

    The header names the inode of the file that the process made. A copy of the file, as from a backup or a synchronised
    folder, has another inode: then the absence of a lock proves nothing.
    """
    if not parsed.version:
        is_torn = not parsed.problems and _is_unlocked(fd)
        return Life.DEAD if is_torn else Life.UNKNOWN
    life = _life_by_table(parsed, os.fstat(fd).st_ino)
    if life is not None:
        return life
    mount = mount_of(fd)
    if mount is None or why_unsafe(mount) is not None:
        return Life.UNKNOWN
    return Life.DEAD if _is_unlocked(fd) else Life.ALIVE


def _is_unlocked(fd: int) -> bool:
    """Whether the process of a file holds its lock no more; a shared lock is then taken, until the file is closed."""
    return try_lock(fd, fcntl.LOCK_SH, without_locks=False)  # without locks, the process is taken to be alive


def _life_by_table(parsed: _Parsed, inode: int) -> Life | None:
    """The state of a process from the process table, for a file with this inode; ``None`` if only the lock can tell."""
    if not parsed.version:
        return None
    running = parsed.owner.is_running()
    if running and parsed.owner.pid == os.getpid():  # the pid was reused: this process has not opened this file
        running = False
    if running:
        return Life.ALIVE
    if parsed.inode != inode:
        return Life.UNKNOWN
    return Life.DEAD if running is False else None


def _parse(fd: int, path: str, project: Path, header: _Parsed, before: _Parsed | None, life: Life) -> _Parsed:
    if header.refusal:
        return header
    jobs, runs = (dict(before.jobs), dict(before.runs)) if before is not None else ({}, {})
    problems = list(before.problems if before is not None else header.problems)
    has_runs = before is not None
    end = before.end if before is not None else header.end
    size = os.fstat(fd).st_size
    for record in records.scan(fd, end, size):
        if life is Life.ALIVE and isinstance(record, Gap) and record.end == size:
            break  # its process is writing a record there
        end = record.end
        if len(problems) >= _MOST_PROBLEMS:
            problems.append(f"{path}: has more damage; what is behind byte {end} is not read")
            break
        if isinstance(record, Gap):
            problems.append(f"{path}: bytes {record.start} to {record.end} are damaged; what was there is lost")
            continue
        has_runs = has_runs or record.kind in (records.RUN, records.CHUNK, records.OBJECT)
        if record.kind in (records.CHUNK, records.OBJECT):
            continue
        try:
            _note(records.read_document(fd, record, path), record, path, project, jobs, runs)
        except AerchiveError as error:
            problems.append(str(error))
    return replace(header, end=end, jobs=jobs, runs=runs, problems=tuple(problems), has_runs=has_runs)


def _note(
    document: dict[str, Any],
    record: records.Record,
    path: str,
    project: Path,
    jobs: dict[str, Submission],
    runs: dict[int, SpooledRun],
) -> None:
    """Updates jobs and runs by one record."""
    if record.kind == records.RUN:
        runs[record.offset] = SpooledRun(path, record.offset, read_run_head(document, path), project)
        return
    stated = document.get("runs")
    offsets = set(runs).intersection(one for one in stated if isinstance(one, int)) if isinstance(stated, list) else ()
    if record.kind == records.HELD:
        runs |= {offset: replace(runs[offset], is_held=True) for offset in offsets}
        return
    job_id, at, submitted = document.get("job_id"), document.get("at"), document.get("record")
    if record.kind == records.SUBMITTED and isinstance(job_id, str):
        jobs[job_id] = Submission(
            job_id, at if isinstance(at, int | float) else 0.0, submitted if isinstance(submitted, dict) else {}
        )
    elif record.kind == records.FINISHED:
        jobs.pop(str(job_id), None)
        for offset in offsets:
            del runs[offset]


def taken_over(content: SpoolContent) -> contextlib.AbstractContextManager[bool]:
    """Locks the file of a dead process, so that no other process takes it over while the block runs.

    Args:
        content: Content of the file; if its process is not dead, no lock is taken.

    Returns:
        A context manager that gives whether this process may take over the file; False if another process does so, or
        if the file does not exist.
    """
    return (
        file_of_dead_process(content.path, content.project)
        if content.life is Life.DEAD
        else contextlib.nullcontext(True)
    )


def note_done(content: SpoolContent, runs: Sequence[SpooledRun]) -> None:
    """Appends to the file of a dead process, which this one has taken over, that runs are in the project.

    Args:
        content: Content of the file.
        runs: The runs, which the file holds.

    Raises:
        OSError: This user may not write the file, or the disk failed.
    """
    file = SpoolFile(str(content.path), open_beside(content.path, content.project, os.O_RDWR))
    try:
        disk().truncate(file.fd, content.end)  # a torn record at most lies behind it
        file.size = content.end
        file.append(records.FINISHED, {"runs": [run.offset for run in runs]})
        file.sync()
    finally:
        file.abandon()


def remove_spool(content: SpoolContent) -> None:
    """Removes the file of a dead process, durably: its runs are in the project, or known to be lost.

    Raises:
        OSError: This user may not remove the file, for example in a folder with the sticky bit.
    """
    content.path.unlink(missing_ok=True)
    _known.pop(str(content.path), None)
    if content.runs:
        sync_folder(content.path.parent)
