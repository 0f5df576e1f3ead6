"""Finished runs on their way to a commit that takes many at once: the rules ``batch`` and ``exit`` of durability.

One queue a process and project file, whatever `Project` objects there are. A run is in a file that outlives the
process before anybody gets its result (`aerchive.storage.waiting_file`), and in the project, durable, after the next
commit: of so many runs or bytes, or after so long, or when somebody asks (`Project.flush`), or reads the project in
this process, or when the process ends.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from aerchive.errors import AerchiveError
from aerchive.filters.profiles import PORTABLE
from aerchive.models.catalogue import now
from aerchive.project.commit import adopt_drafts
from aerchive.project.draft import RunDraft
from aerchive.project.run import Run
from aerchive.storage.draft_bytes import draft_from_bytes, draft_to_bytes
from aerchive.storage.file import ProjectFile
from aerchive.storage.waiting_file import WaitingFile, left_behind

logger = logging.getLogger("aerchive")

Durability = Literal["each", "batch", "exit"]
Commit = Callable[[Sequence[tuple[RunDraft, Run]]], None]

SMALL_BYTES = 1024 * 1024
"""A run that is larger, with what it shares, is committed at once, and with it all that wait."""
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
        self._runs: list[tuple[RunDraft, Run]] = []
        self._commit: Commit | None = None
        self._files = [WaitingFile(path)]
        self._bytes = 0
        self._due = float("inf")
        self._list = threading.Lock()
        self._flushing = threading.RLock()
        self._timer: threading.Timer | None = None

    def add(
        self, draft: RunDraft, run: Run, commit: Commit, rule: Literal["batch", "exit"], min_free_bytes: int = 0
    ) -> None:
        """Takes a run; commits all if it is time.

        Args:
            draft: Of the run.
            run: Is told its place when it is committed.
            commit: Commits runs.
            rule: Says when.
            min_free_bytes: What must stay free on the disk; a run that would leave less does not wait.

        Raises:
            AerchiveError: It was time, and the commit failed.
        """
        size = _size_of(draft)
        record = draft_to_bytes(draft.to_group()) if size < SMALL_BYTES and not _is_special(draft) else None
        with self._list:
            is_time = record is None or not self._keep(record, min_free_bytes)
            self._runs.append((draft if is_time else draft.detached(), run))
            self._commit = commit
            self._bytes += size
            is_time = is_time or len(self._runs) >= _MOST_RUNS[rule] or self._bytes >= _MOST_BYTES[rule]
            if not is_time:
                self._set_timer(_LONGEST_S[rule])
        if is_time:
            self.flush()

    def _keep(self, record: bytes, min_free_bytes: int) -> bool:
        try:
            self._files[-1].append(record, min_free_bytes)
        except OSError as error:
            logger.warning("%s: a run is committed at once, for it cannot wait: %s", self._path, error)
            return False
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
        except Exception as error:  # noqa: BLE001  (whoever asks for the runs next is told)
            logger.error("runs wait to be committed: %s", error)

    def flush(self) -> None:
        """Commits all that wait; those that cannot be committed go on waiting.

        Raises:
            AerchiveError: The commit failed.
        """
        with self._flushing:
            with self._list:
                runs, files, commit = self._runs, self._files, self._commit
                self._runs, self._files, self._bytes, self._due = [], [WaitingFile(self._path)], 0, float("inf")
                if self._timer is not None:
                    self._timer.cancel()
            if not runs or commit is None:
                return
            try:
                commit(runs)
            except BaseException:
                with self._list:
                    self._runs, self._files = runs + self._runs, files + self._files
                    self._bytes += sum(_size_of(draft) for draft, _ in runs)
                raise
            for file in files:
                file.remove()

    def abandon(self) -> None:
        """Forgets everything: in a forked child, whose parent commits."""
        for file in self._files:
            file.abandon()


def _size_of(draft: RunDraft) -> int:
    return draft.nbytes + sum(shared.nbytes for shared in draft.objects.values())


def _is_special(draft: RunDraft) -> bool:
    """Whether its arrays are stored in a way that a record does not tell."""
    return draft.compression != PORTABLE and any(dataset.is_treated for dataset in draft.datasets.values())


class _Queues:
    """All queues of this process."""

    def __init__(self) -> None:
        self.by_path: dict[Path, WaitingRuns] = {}
        self.lock = threading.Lock()


_queues = _Queues()


def waiting_runs(path: Path) -> WaitingRuns:
    """The queue of this process for a project file."""
    with _queues.lock:
        return _queues.by_path.setdefault(path, WaitingRuns(path))


def flush_waiting(path: Path) -> None:
    """Commits what waits for a project file in this process, if anything does.

    Raises:
        AerchiveError: The commit failed.
    """
    queue = _queues.by_path.get(path)
    if queue is not None:
        queue.flush()


def flush_before_reading(path: Path) -> None:
    """The same for whoever is about to read: what cannot be committed is not read, and nothing else is wrong."""
    try:
        flush_waiting(path)
    except AerchiveError as error:
        logger.error("%s: runs of this process are not in it yet: %s", path, error)


_given_up: set[Path] = set()


def adopt_left_behind(file: ProjectFile) -> None:
    """Moves into the project the runs that processes left behind in their waiting files when they died."""
    with left_behind(file.path) as found:
        for path, records in found:
            if path in _given_up:
                continue
            try:
                drafts = [RunDraft.from_group(draft_from_bytes(record, str(path)), str(path)) for record in records]
                if drafts:
                    with file.write(now()) as session:
                        adopt_drafts(session, drafts)
                path.unlink(missing_ok=True)
            except (AerchiveError, OSError) as error:
                _given_up.add(path)
                logger.warning("%s: the runs in it are not in %s yet: %s", path, file.path, error)


def drafts_left_behind(path: Path) -> list[RunDraft]:
    """The runs that `adopt_left_behind` would move; files that cannot be read are passed over."""
    drafts = []
    with left_behind(path) as found:
        for name, records in found:
            with contextlib.suppress(AerchiveError):
                drafts += [RunDraft.from_group(draft_from_bytes(record, str(name)), str(name)) for record in records]
    return drafts


def _flush_all() -> None:
    for path, queue in list(_queues.by_path.items()):
        try:
            queue.flush()
        except Exception as error:  # noqa: BLE001  (the next who saves takes them from their file)
            logger.error("%s: runs wait to be committed: %s", path, error)


def _forget() -> None:
    for queue in _queues.by_path.values():
        queue.abandon()
    _queues.__init__()  # type: ignore[misc]  # as new, its lock too: another thread may have held it at the fork


atexit.register(_flush_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
