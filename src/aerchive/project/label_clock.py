"""When this process has changed the labels of runs, so that every ``Run`` object of it sees the change.

A `Run` answers from its row of the catalogue, which is as old as the question that found the run. Each commit of this
process that changes labels is one tick of a clock. A run object remembers the tick of its row, and reads the row again
if the labels of its run were changed in a later one. Changes by other processes are not seen this way: they are seen
when the project is asked for the run again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable

_MOST_RUNS = 100_000
"""Number of runs whose last change is known, at most; after more, every run object reads its row once more."""


class LabelClock:
    """The ticks of a process; threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 1
        self._all_changed = 0
        self._changed: dict[tuple[str, str], int] = {}

    @property
    def now(self) -> int:
        """The present tick, for a row that is read now, in a session of the file."""
        return self._now

    def note(self, file: str, job_ids: Iterable[str]) -> None:
        """Notes, after a commit, that the labels of runs were changed.

        Args:
            file: Path of the project file.
            job_ids: Job ids of the runs.
        """
        with self._lock:
            self._now += 1
            self._changed.update(dict.fromkeys(((file, job_id) for job_id in job_ids), self._now))
            if len(self._changed) > _MOST_RUNS:
                self._changed.clear()
                self._all_changed = self._now

    def changed_since(self, tick: int, file: str, job_id: str) -> bool:
        """Whether the labels of a run were, or may have been, changed after a tick."""
        return tick < self._now and (tick < self._all_changed or tick < self._changed.get((file, job_id), 0))

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()


label_clock = LabelClock()
"""The clock of this process."""
os.register_at_fork(after_in_child=label_clock._renew_lock)  # another thread may have held the lock
