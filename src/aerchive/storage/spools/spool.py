"""What this process has not brought into a project yet: jobs that run, and runs that wait for a commit.

There is one `Spool` for each project and process, whatever `Project` objects there are. It is kept in files beside the
project (`aerchive.storage.spools.records`), so that it outlives the process: after SIGKILL or an abort in Aer the next
process that writes to the project takes over what is there.
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
from aerchive.storage.medium.owner import JSON, this_process
from aerchive.storage.spools import records
from aerchive.storage.spools.contents import Life, SpoolContent, Submission
from aerchive.storage.spools.records import SpoolFile
from aerchive.storage.spools.run_group import RunHead, SpooledRun, write_run

RECORD_BYTES = 64 * 1024
"""A record of a submitted job whose JSON text is longer keeps only its small values."""
FILE_BYTES = 512 * 1024
"""A file that has grown to this size takes no more records, and goes when nothing in it is open any more."""
FILE_BYTES_WITH_RUNS = 16 * 1024 * 1024
"""The same for a file with finished runs, of which readers look only at what was added since the last time."""


@dataclass
class _Open:
    """A file of this process, and what in it is open.

    Attributes:
        file: The file.
        jobs: Submitted jobs that have not finished, by id.
        runs: Runs that are not in the project yet, by where they begin.
        objects: Where shared objects are, by path.
        writing: How many runs are being written into it.
        had_runs: Whether there ever was a run in it, which another process may be reading.
        has_held: Whether runs were made durable in it.
        owed: What could not be noted because the disk was full; it is noted before the next record.
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
        """Appends a record, and before it what is owed.

        Raises:
            OSError: The disk did not take it.
        """
        while self.owed:
            self.file.append(records.FINISHED, self.owed[0])
            del self.owed[0]
        return self.file.append(kind, document, data)

    @property
    def is_idle(self) -> bool:
        return not (self.jobs or self.runs or self.writing)

    def own(self, runs: Collection[SpooledRun]) -> list[SpooledRun]:
        """Those of some runs that are open in this file, as they are now, each once."""
        wanted = {run.head.run_uuid for run in runs}  # a copy of the file may have them, too
        return [run for run in self.runs.values() if run.head.run_uuid in wanted]


class Spool:
    """The spool of this process for one project. Thread-safe, and usable after a fork.

    Args:
        prefix: What the hidden paths of its files begin with.

    Attributes:
        pid: The process it belongs to.
    """

    def __init__(self, prefix: str) -> None:
        self.pid = os.getpid()
        self._prefix = prefix
        self._files: list[_Open] = []
        self._is_leaving = False
        self._lock = threading.RLock()  # re-entrant, for a finalizer that runs inside

    def contents(self) -> list[SpoolContent]:
        """What its files hold, as other processes see it, too."""
        with self._lock:
            return [
                SpoolContent(
                    Path(one.file.path),
                    this_process(),
                    Life.OWN,
                    list(one.jobs.values()),
                    [run for run in one.runs.values() if run.counts],
                    has_held=one.has_held,
                    has_project=one.has_held,
                )
                for one in self._files
            ]

    def runs(self) -> list[SpooledRun]:
        """Finished runs that are not in the project yet, in the order in which they were saved."""
        return [run for content in self.contents() for run in content.runs]

    # -- submitted jobs

    def submitted(self, job_id: str, record: Mapping[str, JSON]) -> bool:
        """Leaves a trace of a job, before the simulation can take the process down.

        Args:
            job_id: Any string. An id that is still open starts again with the new record.
            record: What to show of the run; values that are not JSON are left out.

        Returns:
            Whether the trace was written: False on a full disk or in a read-only folder.
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
        """Notes that a job needs its trace no more; an id that this process did not submit is ignored."""
        with self._lock:
            for one in self._files:
                if one.jobs.pop(job_id, None) is not None:
                    self._close(one, {"job_id": job_id})
                    return

    # -- finished runs

    def keep(
        self, draft: GroupDraft, head: RunHead, min_free_bytes: int = 0, beside: SpooledRun | None = None
    ) -> SpooledRun:
        """Writes a finished run; it outlives this process when this returns, and a power cut after `hold`.

        Args:
            draft: The run's group.
            head: What is said of it.
            min_free_bytes: What must stay free on the disk.
            beside: A run of the same transaction, whose file it goes to, so that one record holds all.

        Raises:
            OSError: The disk did not take it, or would not have enough room left.
        """
        with self._lock:
            one = next((one for one in self._files if beside and one.own([beside])), None) or self._with_room()
            one.writing += 1
            one.had_runs = True
        try:
            if min_free_bytes and disk().free(one.file.fd) - head.nbytes < min_free_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), one.file.path)
            offset = write_run(functools.partial(self._append, one), one.objects, draft, head)
            run = SpooledRun(one.file.path, offset, head)
            with self._lock:
                one.runs[offset] = run
            return run
        finally:
            with self._lock:
                one.writing -= 1
                self._drop_if_idle(one)  # if nothing of the run was written

    def _append(self, one: _Open, kind: bytes, document: Mapping[str, Any], data: Sequence[Buffer]) -> int:
        with self._lock:  # chunks of several runs may be between each other
            return one.append(kind, document, data)

    def hold(self, runs: Collection[SpooledRun]) -> list[SpooledRun]:
        """Makes runs durable here; from then on any process may move them into the project.

        Raises:
            OSError: The disk failed; they are as they were.
        """
        with self._lock:
            held = []
            for one in self._files:
                mine = one.own(runs)
                waiting = [run for run in mine if not run.is_held]
                if waiting:
                    one.has_held = True
                    if any(run.head.is_part for run in waiting):
                        one.file.sync()  # a power cut must not leave the record that holds all without one of them
                    one.append(records.HELD, {"runs": [run.offset for run in waiting]})
                    before = one.file.path
                    one.file.show()
                    one.file.sync()
                    one.runs |= {run.offset: replace(run, path=one.file.path, is_held=True) for run in waiting}
                    if one.file.path != before:
                        one.runs = {offset: replace(run, path=one.file.path) for offset, run in one.runs.items()}
                held += [one.runs[run.offset] for run in mine]
            return held

    def done(self, runs: Collection[SpooledRun]) -> None:
        """Notes that runs are in the project; a file in which nothing is open goes."""
        with self._lock:
            for one in list(self._files):
                offsets = [run.offset for run in one.own(runs)]
                if offsets:
                    for offset in offsets:
                        del one.runs[offset]
                    self._close(one, {"runs": offsets})

    # -- files

    def _with_room(self) -> _Open:
        """A file that takes another record, made if there is none."""
        if self._files:
            one = self._files[-1]
            limit = FILE_BYTES_WITH_RUNS if one.had_runs else FILE_BYTES
            if one.file.size < limit and one.file.has_name():
                return one
            self._drop_if_idle(one)
        self._files.append(_Open(SpoolFile.create(self._prefix)))
        return self._files[-1]

    def _close(self, one: _Open, what: Mapping[str, JSON]) -> None:
        """Notes what is not open any more, or drops it with all of its file."""
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
        """Removes a file in which nothing is open; others may be reading runs in it, so it is not used again."""
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
        """Closes the files and leaves them to their process: in a forked child."""
        for one in self._files:
            one.file.abandon()


_spools: dict[str, Spool] = {}


def spool_of(prefix: str) -> Spool:
    """The spool of this process for a project.

    Args:
        prefix: What the hidden paths of its files begin with.
    """
    spool = _spools.get(prefix)
    if spool is not None and spool.pid != os.getpid():  # a fork that Python was not told about
        _spools.clear()
        spool = None
    return spool or _spools.setdefault(prefix, Spool(prefix))


def leave_spools() -> None:
    """Removes the files of this process in which nothing is open; called when the process ends."""
    for spool in list(_spools.values()):
        if spool.pid == os.getpid():
            spool.leave()


def _forget_in_child() -> None:
    # Closing gives up only the child's share of the lock, so that the lock ends with the parent.
    for spool in _spools.values():
        spool.abandon()
    _spools.clear()


atexit.register(leave_spools)
os.register_at_fork(after_in_child=_forget_in_child)


def _small(record: Mapping[str, JSON]) -> dict[str, JSON]:
    """A record that can be written, cut to its small values where it is long or is not JSON."""
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
