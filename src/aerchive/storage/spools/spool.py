"""The spool of this process: running jobs, and finished runs that are not in the project yet.

There is one `Spool` for each project and process, also with several `Project` objects. It is kept in files beside the
project (`aerchive.storage.spools.records`), which outlive the process: after SIGKILL or an abort in Aer the next
process that writes to the project takes over their content.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import functools
import json
import os
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aerchive.filters.deflate import Buffer
from aerchive.storage.chunks.drafts import GroupDraft
from aerchive.storage.medium.disk import disk
from aerchive.storage.medium.permissions import share_like
from aerchive.storage.medium.process import JSON, this_process
from aerchive.storage.spools import records
from aerchive.storage.spools.contents import Life, SpoolContent, Submission
from aerchive.storage.spools.records import SpoolFile
from aerchive.storage.spools.run_group import RunHead, SpooledRun, write_run

RECORD_BYTES = 64 * 1024
"""Longest JSON text of the record of a submitted job; of a longer record only the small values are kept."""
FILE_BYTES = 512 * 1024
"""Size of a file at which new jobs and runs go to another file; it is removed when no job or run in it is open."""
FILE_BYTES_WITH_RUNS = 16 * 1024 * 1024
"""The same size for a file with finished runs, of which readers parse only the records added since the last time."""


@dataclass
class _Open:
    """A spool file of this process, with the jobs and runs in it that are open (not finished, or not in the project).

    Attributes:
        file: The file.
        jobs: Submitted jobs that have not finished, by id.
        runs: Runs that are not in the project yet, by the offset of their record.
        objects: Offsets of shared objects in the file, by path.
        writing: Number of runs that are being written into the file.
        had_runs: Whether the file ever held a run, which another process may be reading.
        has_held: Whether runs were made durable in the file.
        owed: Documents of `FINISHED` records that could not be written because the disk was full; they are written
            before the next record.
    """

    file: SpoolFile
    jobs: dict[str, Submission] = field(default_factory=dict)
    runs: dict[int, SpooledRun] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)
    writing: int = 0
    had_runs: bool = False
    has_held: bool = False
    owed: list[Mapping[str, JSON]] = field(default_factory=list)

    def append(self, kind: bytes, document: Mapping[str, Any], data: Sequence[Buffer] = ()) -> int:
        """Appends a record, and before it the records in `owed`.

        Raises:
            OSError: The record could not be written.
        """
        while self.owed:
            self.file.append(records.FINISHED, self.owed[0])
            del self.owed[0]
        return self.file.append(kind, document, data)

    @property
    def is_idle(self) -> bool:
        return not (self.jobs or self.runs or self.writing)

    def own(self, runs: Collection[SpooledRun]) -> list[SpooledRun]:
        """The runs among ``runs`` that are open in this file, in their present state, each once."""
        wanted = {run.head.run_uuid for run in runs}  # by UUID, as a copy of the file may hold the same runs
        return [run for run in self.runs.values() if run.head.run_uuid in wanted]


class Spool:
    """The spool of this process for one project. Thread-safe, and usable after a fork.

    Args:
        prefix: Prefix of the hidden paths of its files.
        project: The project file.
        mode: Permissions of the files if there is no project yet; the umask is taken off.

    Attributes:
        pid: The pid of the process that the spool belongs to.
    """

    def __init__(self, prefix: str, project: Path, mode: int) -> None:
        self.pid = os.getpid()
        self._prefix = prefix
        self._project = project
        self._mode = mode
        self._files: list[_Open] = []
        self._is_leaving = False
        self._lock = threading.RLock()  # re-entrant, for a finalizer that runs inside

    def contents(self) -> list[SpoolContent]:
        """The contents of the spool's files, as other processes also see them."""
        with self._lock:
            return [
                SpoolContent(
                    Path(one.file.path),
                    self._project,
                    this_process(),
                    Life.OWN,
                    list(one.jobs.values()),
                    [run for run in one.runs.values() if run.counts],
                    has_held=one.has_held,
                )
                for one in self._files
            ]

    def runs(self) -> list[SpooledRun]:
        """Finished runs that are not in the project yet, in the order in which they were saved."""
        return [run for content in self.contents() for run in content.runs]

    # -- submitted jobs

    def submitted(self, job_id: str, record: Mapping[str, JSON]) -> bool:
        """Writes a record of a submitted job, before the simulation can crash the process.

        Args:
            job_id: Id of the job, any string. If a job of this id is still open, the new record replaces its record.
            record: Values to be shown about the run; values that are not JSON are left out.

        Returns:
            Whether the record was written: False on a full disk or in a read-only folder.
        """
        with self._lock:
            self.finished(job_id)
            try:
                one = self._with_room()
                job = Submission(job_id, time.time(), _small(record))
                one.append(records.SUBMITTED, job._asdict())
            except OSError:
                return False
            one.jobs[job_id] = job
            return True

    def finished(self, job_id: str) -> None:
        """Notes that a job needs its record no more; an id that this process did not submit is ignored."""
        with self._lock:
            for one in self._files:
                if one.jobs.pop(job_id, None) is not None:
                    self._close(one, {"job_id": job_id})
                    return

    # -- finished runs

    def keep(
        self, draft: GroupDraft, head: RunHead, min_free_bytes: int = 0, beside: SpooledRun | None = None
    ) -> SpooledRun:
        """Writes a finished run. It survives the end of this process when this returns, and a power cut after `hold`.

        Args:
            draft: The run's group.
            head: Facts about the run.
            min_free_bytes: Space that must stay free on the disk, in bytes; 0 means no check.
            beside: A run of the same transaction; the new run is written to its file, so that one `HELD` record covers
                all runs of the transaction.

        Returns:
            The spooled run.

        Raises:
            OSError: The run could not be written, or would leave too little free space.
        """
        with self._lock:
            one = next((one for one in self._files if beside and one.own([beside])), None) or self._with_room()
            one.writing += 1
            one.had_runs = True
        try:
            if min_free_bytes and disk().free(one.file.fd) - head.nbytes < min_free_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), one.file.path)
            offset = write_run(functools.partial(self._append, one), one.objects, draft, head)
            run = SpooledRun(one.file.path, offset, head, self._project)
            with self._lock:
                one.runs[offset] = run
            return run
        finally:
            with self._lock:
                one.writing -= 1
                self._drop_if_idle(one)  # if the run was not written

    def _append(self, one: _Open, kind: bytes, document: Mapping[str, Any], data: Sequence[Buffer]) -> int:
        with self._lock:  # chunks of several runs may be interleaved
            return one.append(kind, document, data)

    def hold(self, runs: Collection[SpooledRun]) -> list[SpooledRun]:
        """Makes runs durable in the spool; from then on any process may move them into the project.

        Args:
            runs: The runs; runs that are not open in this spool are ignored.

        Returns:
            The runs that are open in this spool, in their new state.

        Raises:
            OSError: The disk failed; the runs are as they were.
        """
        with self._lock:
            held = []
            for one in self._files:
                mine = one.own(runs)
                waiting = [run for run in mine if not run.is_held]
                if waiting:
                    one.has_held = True
                    if any(run.head.is_part for run in waiting):
                        one.file.sync()  # a power cut must not leave the HELD record without one of its runs
                    one.append(records.HELD, {"runs": [run.offset for run in waiting]})
                    before = one.file.path
                    share_like(one.file.fd, self._project)  # its permissions may have been changed meanwhile
                    one.file.show()
                    one.file.sync()
                    one.runs |= {run.offset: replace(run, path=one.file.path, is_held=True) for run in waiting}
                    if one.file.path != before:
                        one.runs = {offset: replace(run, path=one.file.path) for offset, run in one.runs.items()}
                held += [one.runs[run.offset] for run in mine]
            return held

    def done(self, runs: Collection[SpooledRun]) -> None:
        """Notes that runs are in the project; a file without open jobs and runs is removed."""
        with self._lock:
            for one in list(self._files):
                offsets = [run.offset for run in one.own(runs)]
                if offsets:
                    for offset in offsets:
                        del one.runs[offset]
                    self._close(one, {"runs": offsets})

    # -- files

    def _with_room(self) -> _Open:
        """A file that may grow further; a new one is made if there is none."""
        if self._files:
            one = self._files[-1]
            limit = FILE_BYTES_WITH_RUNS if one.had_runs else FILE_BYTES
            if one.file.size < limit and one.file.has_name():
                return one
            self._drop_if_idle(one)
        self._files.append(_Open(SpoolFile.create(self._prefix, self._project, self._mode)))
        return self._files[-1]

    def _close(self, one: _Open, what: Mapping[str, JSON]) -> None:
        """Writes a `FINISHED` record with a document, or cuts back or removes the file if nothing in it is open."""
        if one.is_idle and not one.had_runs and not self._is_leaving:
            one.file.cut()
            if not one.file.is_empty or one is not self._files[-1]:
                self._drop_if_idle(one)
            return
        if self._drop_if_idle(one):
            return
        try:
            one.append(records.FINISHED, what)
        except OSError:
            one.owed.append(what)

    def _drop_if_idle(self, one: _Open) -> bool:
        """Removes a file in which nothing is open; it is not used again, as other processes may be reading its runs."""
        if one.is_idle and one in self._files:
            self._files.remove(one)
            one.file.remove()
            return True
        return False

    def leave(self) -> None:
        """Removes the files in which nothing is open, at the end of the process."""
        with self._lock:
            self._is_leaving = True
            for one in list(self._files):
                self._drop_if_idle(one)

    def abandon(self) -> None:
        """Closes the files without removing them; called in a forked child, as they belong to its parent."""
        for one in self._files:
            one.file.abandon()


_spools: dict[str, Spool] = {}


def spool_of(prefix: str, project: Path, mode: int = 0o666) -> Spool:
    """The spool of this process for a project.

    Args:
        prefix: Prefix of the hidden paths of its files.
        project: The project file.
        mode: Permissions of the files if there is no project yet; the umask is taken off.
    """
    spool = _spools.get(prefix)
    if spool is not None and spool.pid != os.getpid():  # a fork without Python's fork hooks
        _spools.clear()
        spool = None
    return spool or _spools.setdefault(prefix, Spool(prefix, project, mode))


def leave_spools() -> None:
    """Removes the files of this process in which nothing is open; called when the process ends."""
    for spool in list(_spools.values()):
        if spool.pid == os.getpid():
            spool.leave()


def _forget_in_child() -> None:
    # Closing in the child does not release the lock, which the parent still holds; it ends with the parent.
    for spool in _spools.values():
        spool.abandon()
    _spools.clear()


atexit.register(leave_spools)
os.register_at_fork(after_in_child=_forget_in_child)


def _small(record: Mapping[str, JSON]) -> dict[str, JSON]:
    """The record if it is short and valid JSON; else a copy with its small JSON values and ``"shortened": True``."""
    not_json = (TypeError, ValueError, RecursionError)
    with contextlib.suppress(*not_json):
        if len(json.dumps(dict(record), separators=(",", ":"), allow_nan=False)) <= RECORD_BYTES:
            return dict(record)
    kept: dict[str, JSON] = {"shortened": True}
    for key, value in list(record.items())[:32]:
        with contextlib.suppress(*not_json):
            if len(json.dumps({key: value}, allow_nan=False)) <= 1024:
                kept.setdefault(key, value)
    return kept
