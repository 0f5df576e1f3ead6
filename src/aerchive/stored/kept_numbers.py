"""The numbers of finished runs that this process has read, kept so that a loop over runs can be repeated in memory.

The values of a run never change, but its file does: runs are added, labelled, deleted, and a path may belong to another
run later. So what is kept belongs to a run by its UUID and the address of its group, and is used only while the file
has the size and the times that it had when this was last checked. After a change of the file, the run is opened once
more: if it still is the same run, its numbers are used again without being read, else they are forgotten.

At most 64 MiB are kept in a process; the numbers that were not used for the longest time are forgotten first. A forked
child begins with nothing.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aerchive.storage.medium.opening import Stamp

MOST_BYTES = 64 * 1024 * 1024
"""Largest number of bytes that a process keeps, as the callers of `KeptNumbers.put` count them."""
_RUN_BYTES = 1024
"""What is added for each run: its key, its identity and the dictionary of its values."""
_VALUE_BYTES = 256
"""What is added for each value: its key and the entry in the dictionary."""


class RunKey(NamedTuple):
    """Where a run is: the same place may belong to another run later.

    Attributes:
        device: Number of the device of the project file.
        inode: Number of the inode of the project file.
        path: Path of the run's group in the project file.
        job_id: Job id of the run.
    """

    device: int
    inode: int
    path: str
    job_id: str


class RunIdentity(NamedTuple):
    """What a run is: two runs with the same identity have the same values.

    Attributes:
        run_uuid: UUID of the run, which is made once.
        address: Address of the run's group in the file. A run to which data was added has another one.
    """

    run_uuid: str
    address: int


@dataclass
class _Kept:
    """What is kept of one run."""

    identity: RunIdentity
    stamp: Stamp
    values: dict[Hashable, Any] = field(default_factory=dict)
    nbytes: int = _RUN_BYTES


class KeptNumbers:
    """Values of runs, at most so many bytes of them; threads may share it.

    Args:
        most_bytes: The largest number of bytes.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self.clear()

    def clear(self) -> None:
        """Forgets everything; also for a forked child, in which another thread may seem to hold the lock."""
        self._lock = threading.Lock()
        self._runs: OrderedDict[RunKey, _Kept] = OrderedDict()
        self.nbytes = 0

    def get(self, run: RunKey, stamp: Stamp, what: Hashable, run_uuid: str | None = None) -> Any:
        """Returns a value of a run, or ``None`` if it is not kept, or the file has changed since it was checked.

        Args:
            run: Where the run is.
            stamp: The stamp of the project file now.
            what: The name of the value, as it was given to `put`.
            run_uuid: The UUID of the run that is meant; ``None``: the run that is at this place.
        """
        with self._lock:
            kept = self._runs.get(run)
            if kept is None or kept.stamp != stamp or run_uuid not in (None, kept.identity.run_uuid):
                return None
            self._runs.move_to_end(run)
            return kept.values.get(what)

    def confirm(self, run: RunKey, stamp: Stamp, identity: RunIdentity) -> None:
        """Notes which run is at a place; the values of another run that was there are forgotten.

        Args:
            run: Where the run is.
            stamp: The stamp of the project file from which the identity was read.
            identity: What the run is.
        """
        with self._lock:
            kept = self._runs.get(run)
            if kept is not None and kept.identity == identity:
                kept.stamp = stamp
                return
            self._drop(run)
            self._runs[run] = _Kept(identity, stamp)
            self.nbytes += _RUN_BYTES
            self._make_room()

    def put(self, run: RunKey, stamp: Stamp, what: Hashable, value: Any, nbytes: int) -> None:
        """Keeps a value of a run that `confirm` has noted, if the file has not changed since.

        Args:
            run: Where the run is.
            stamp: The stamp of the project file from which the value was read.
            what: A name for the value.
            value: The value, which must not be changed afterwards.
            nbytes: How many bytes it takes.
        """
        with self._lock:
            kept = self._runs.get(run)
            if kept is None or kept.stamp != stamp or what in kept.values:
                return
            kept.values[what] = value
            kept.nbytes += nbytes + _VALUE_BYTES
            self.nbytes += nbytes + _VALUE_BYTES
            self._runs.move_to_end(run)
            self._make_room()

    def _make_room(self) -> None:
        while self.nbytes > self._most_bytes and self._runs:
            self._drop(next(iter(self._runs)))

    def _drop(self, run: RunKey) -> None:
        kept = self._runs.pop(run, None)
        self.nbytes -= 0 if kept is None else kept.nbytes


kept_numbers = KeptNumbers()
"""What this process keeps."""
os.register_at_fork(after_in_child=kept_numbers.clear)
