"""Finished runs that wait to be committed together: the rules ``batch`` and ``exit`` of durability.

There is one queue for each process and project file, however many `Project` objects there are. A run is in the spool of
the process before the caller gets its result. After the next commit it is in the project and durable. The commit is
made when enough runs or bytes wait, after a fixed time, when the user calls `Project.flush` or reads the project in
this process, or when the process ends.

See decision 0015.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from aerchive import layout
from aerchive.errors import AerchiveError, ProjectLockedError, WriteError
from aerchive.project.documents.draft import RunDraft
from aerchive.project.run import Run
from aerchive.project.spooling.mover import SpoolMover
from aerchive.project.spooling.spools import Key, key
from aerchive.storage.spools.run_group import SpooledRun

logger = logging.getLogger("aerchive")

Durability = Literal["each", "batch", "exit"]

SMALL_BYTES = 1024 * 1024
"""A run of at least this size in bytes, its shared objects included, is committed at once."""
_MOST_RUNS = {"batch": 256, "exit": 8192}
_MOST_BYTES = {"batch": 16 * 1024 * 1024, "exit": 64 * 1024 * 1024}
_LONGEST_S = {"batch": 2.0, "exit": float("inf")}


class WaitingRuns:
    """The runs of this process that wait to be committed to one project file.

    Args:
        path: The project file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._runs: list[tuple[SpooledRun, Run]] = []
        self._kept: dict[Key, RunDraft] = {}
        """The drafts of small runs, so that they need not be read from the spool when they are committed."""
        self._mover: SpoolMover | None = None
        self._bytes = 0
        self._due = float("inf")
        self._list = threading.Lock()
        self._flushing = threading.RLock()
        self._timer: threading.Timer | None = None

    def add(self, draft: RunDraft, run: Run, mover: SpoolMover, rule: Literal["batch", "exit"]) -> bool:
        """Adds a run to the queue, and commits the whole queue if it is due.

        Args:
            draft: The run.
            run: The run object that is told where the run is.
            mover: The mover of the project; its spool keeps the run, and it makes the commit.
            rule: The durability rule, which says when the queue is due.

        Returns:
            Whether the run waits; if not, it must be committed at once.

        Raises:
            AerchiveError: The queue was due, and the commit failed; all runs still wait.
        """
        size = draft.nbytes + sum(shared.nbytes for shared in draft.objects.values())
        if size >= SMALL_BYTES:
            return False
        try:
            spooled = mover.spools.keep(draft)
        except OSError as error:
            logger.info("%s: a run is committed at once, because it cannot wait: %s", self._path, error)
            return False
        run.settle(None, spooled)
        with self._list:
            self._runs.append((spooled, run))
            if draft.nbytes < layout.MIN_TREATED_BYTES:  # larger arrays are compressed in the spool already
                self._kept[key(spooled)] = draft.detached()
            self._mover = mover
            self._bytes += size
            is_new = bool(spooled.head.project) and not self._runs[0][0].head.project  # the project was made meanwhile
            is_time = is_new or len(self._runs) >= _MOST_RUNS[rule] or self._bytes >= _MOST_BYTES[rule]
            if not is_time:
                self._set_timer(_LONGEST_S[rule])
        if is_time:
            self.flush()
        return True

    def _set_timer(self, seconds: float) -> None:
        due = time.monotonic() + seconds
        if due >= self._due:  # a commit is due earlier
            return
        self._due = due
        self._timer = threading.Timer(seconds, self._flush_in_time)
        self._timer.daemon = True
        self._timer.start()

    def _flush_in_time(self) -> None:
        try:
            self.flush()
        except Exception as error:  # noqa: BLE001  (the next call that needs the runs raises it)
            logger.error("runs wait to be committed: %s", error)

    def flush(self) -> None:
        """Commits all runs that wait; runs that cannot be committed still wait.

        If another program keeps the project locked, the runs are made durable in the spool instead.

        Raises:
            AerchiveError: The commit failed.
        """
        with self._flushing:
            with self._list:
                runs, kept, mover = self._runs, self._kept, self._mover
                self._runs, self._kept, self._bytes, self._due = [], {}, 0, float("inf")
                if self._timer is not None:
                    self._timer.cancel()
            if not runs or mover is None:
                return
            try:
                self._commit(runs, kept, mover)
            except BaseException:
                with self._list:
                    left = {spooled.head.run_uuid for spooled in mover.spools.own.runs()}
                    runs = [(spooled, run) for spooled, run in runs if spooled.head.run_uuid in left]
                    self._runs = runs + self._runs
                    self._bytes += sum(spooled.head.nbytes for spooled, _ in runs)
                raise

    def _commit(self, runs: list[tuple[SpooledRun, Run]], kept: Mapping[Key, RunDraft], mover: SpoolMover) -> None:
        spooled = [one for one, _ in runs]
        try:
            written = mover.move(mover.patience_s, spooled, kept)
        except ProjectLockedError as error:
            mover.was_locked()
            logger.warning("%s; the runs stay in the spool beside the project, and are durable there", error)
            try:
                held = mover.spools.own.hold(spooled)
            except OSError as disk_error:
                raise WriteError(f"{self._path}: {disk_error.strerror}; runs wait beside it") from disk_error
            now_held = {one.head.run_uuid: one for one in held}  # without those that were moved before
            for one, run in runs:
                if one.head.run_uuid in now_held:
                    run.settle(None, now_held[one.head.run_uuid])
            return
        mover.was_free()
        for one, run in runs:
            place = written.get(key(one))
            if place is not None and place.path:
                run.settle(place.path, job_id=place.job_id)


_queues: dict[Path, WaitingRuns] = {}
"""The queues of this process, by project file."""


def waiting_runs(path: Path) -> WaitingRuns:
    """Returns the queue of this process for a project file."""
    return _queues.setdefault(path, WaitingRuns(path))


def flush_waiting(path: Path) -> None:
    """Commits the runs of this process that wait for a project file, if there are any.

    Raises:
        AerchiveError: The commit failed.
    """
    queue = _queues.get(path)
    if queue is not None:
        queue.flush()


def flush_before_reading(path: Path) -> None:
    """Commits waiting runs before the project is read; a failure is only logged, because spools can be read as well."""
    try:
        flush_waiting(path)
    except AerchiveError as error:
        logger.error("%s: runs of this process are not in it yet: %s", path, error)


def _flush_all() -> None:
    for path, queue in list(_queues.items()):
        try:
            queue.flush()
        except Exception as error:  # noqa: BLE001  (the next process that saves takes them from the spool)
            logger.error("%s: runs wait to be committed: %s", path, error)


atexit.register(_flush_all)
os.register_at_fork(after_in_child=_queues.clear)  # the parent process commits the runs that wait
