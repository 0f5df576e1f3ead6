"""The table of a sweep that is still running: its rows as they come."""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import NotFoundError, ProjectLockedError
from aerchive.interop.columns import Columns
from aerchive.models import catalogue
from aerchive.models.status import WITHOUT_DATA
from aerchive.project.arguments import refuse
from aerchive.project.catalogue.conditions import All, Bounds, Clause, Condition, PointCondition
from aerchive.project.finding.search import Search
from aerchive.project.finding.sweep import SweepRow, counted_outcomes, sweep_columns, sweep_rows
from aerchive.project.run import Run
from aerchive.storage.file import ProjectFile
from aerchive.storage.medium.opening import Stamp, stamp_of

_AT_ONCE = 100
"""Number of runs that are read in one opening of the file, and make one table; other processes may write in between."""


class Follower:
    """Finds the rows of runs that were not found before.

    Args:
        file: The project file.
        search: The search in the project.
        x: As for `aerchive.Project.follow`.
        y: As for `aerchive.Project.follow`.
        where: As for `aerchive.Project.follow`.

    Raises:
        InvalidInputError: A condition or the name of an outcome cannot be read.
    """

    def __init__(
        self, file: ProjectFile, search: Search, x: Sequence[str], y: Sequence[str], where: str | None
    ) -> None:
        self._file = file
        self._search = search
        self._x, self._y = x, y
        self._outcomes = counted_outcomes([*x, *y])
        clause = search.clause(where, {}, PointCondition)
        if not clause.columns & {"parent", "job_id"}:
            clause = All([clause, Condition("parent", "eq", "")])
        self._clause = clause
        self._unseen = _Unseen()
        self._stamp: Stamp | None = None

    def tables(self, interval: float, timeout: float | None) -> Iterator[Columns]:
        """Yields the columns of new rows whenever there are some; see `aerchive.Project.follow`."""
        last = time.monotonic()
        while True:
            for columns in self._new():
                yield columns
                last = time.monotonic()
            left = math.inf if timeout is None else last + timeout - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(interval, left))

    def _new(self) -> Iterator[Columns]:
        """Yields the columns of the rows that are new now, of 100 runs at a time."""
        stamp = self._stamp_now()
        if stamp is None or stamp == self._stamp:  # there is no file, or it has not changed
            return
        try:
            while (found := self._next()) is not None:
                if rows := self._rows_with_names(found):
                    yield sweep_columns(rows, self._x, self._y, are_all=False)
        except (ProjectLockedError, NotFoundError):  # another program has locked or replaced it: look again later
            return
        self._stamp = stamp

    def _next(self) -> list[SweepRow] | None:
        """The rows of the next runs; ``None`` if there are no more runs now."""
        with self._file.held():  # so that no run is deleted between the catalogue and the reading
            listing = self._search.listing()
            clause = All([self._unseen, self._clause])
            is_of_points = "params" in self._clause.columns
            runs = listing.possible_runs(clause) if is_of_points else listing.runs(clause)
            some = list(itertools.islice(filter(self._unseen.has, runs), _AT_ONCE))
            rows = list(sweep_rows(self._file, some, self._outcomes, listing.bad))
        self._unseen.remove(some)
        return [row for row in rows if not is_of_points or self._clause.decide(row)] if some else None

    def _rows_with_names(self, rows: Sequence[SweepRow]) -> list[SweepRow]:
        return [
            row
            for row in rows
            if all(row.find(name) is not None for name in self._x)
            and (not self._y or any(row.find(name) is not None for name in self._y))
        ]

    def _stamp_now(self) -> Stamp | None:
        try:
            return stamp_of(os.stat(self._file.path))
        except (OSError, ValueError):
            return None


class _Unseen(Clause):
    """The condition that a run has finished, and was not seen before."""

    conditions: tuple[Condition, ...] = ()

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._keys: NDArray[Any] = np.empty(0, catalogue.DTYPE["job_id"])

    def bounds(self, rows: NDArray[Any], at: NDArray[np.intp]) -> Bounds:
        """See `Clause`. A run whose job id is cut in its row may have been seen: `has` decides."""
        chosen = rows[at]
        is_new = ~np.isin(chosen["job_id"], self._keys)
        is_new |= chosen["overflow"] & np.uint32(catalogue.OVERFLOW["job_id"]) != 0
        is_new &= ~np.isin(chosen["outcome"], [outcome.encode() for outcome in WITHOUT_DATA])
        return Bounds(is_new, is_new)

    def decide(self, run: object) -> bool:
        """See `Clause`; the row has decided it."""
        del run
        return True

    def has(self, run: Run) -> bool:
        """Whether a run was not seen before."""
        return run.job_id not in self._seen

    def remove(self, runs: Sequence[Run]) -> None:
        """Notes that runs were seen."""
        self._seen.update(run.job_id for run in runs)
        keys = np.array([run.row()["job_id"] for run in runs], self._keys.dtype)
        self._keys = np.concatenate([self._keys, keys])


def check_times(interval: float, timeout: float | None) -> None:
    """Checks how often and how long a project is followed.

    Raises:
        InvalidInputError: A number is negative, not finite, or the interval is 0.
    """
    if not 0 < interval < math.inf:
        refuse("interval", interval, "a number of seconds greater than 0, such as 0.5")
    if timeout is not None and not 0 <= timeout < math.inf:
        refuse("timeout", timeout, "a number of seconds, such as 60, or None")
