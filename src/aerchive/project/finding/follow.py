"""The table of a sweep that is still running: its rows as they come."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError, NotFoundError, ProjectLockedError
from aerchive.interop.columns import Columns
from aerchive.models import catalogue
from aerchive.models.status import WITHOUT_DATA
from aerchive.project.arguments import refuse
from aerchive.project.catalogue.conditions import All, Bounds, Clause, Single
from aerchive.project.catalogue.rows import RunRows
from aerchive.project.catalogue.table import Catalogue
from aerchive.project.finding.search import Search, point_clause, wanted_values
from aerchive.project.finding.sweep import PointTable, sweep_columns, wanted_counts
from aerchive.storage.file import ProjectFile
from aerchive.storage.medium.opening import Stamp, stamp_at
from aerchive.storage.medium.remote_path import RemotePath

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
        InvalidInputError: A condition or the name of an outcome cannot be read; or the project is on another machine.
    """

    def __init__(
        self, file: ProjectFile, search: Search, x: Sequence[str], y: Sequence[str], where: str | None
    ) -> None:
        if isinstance(file.path, RemotePath):
            raise InvalidInputError(
                f"{file.path}: is read in the state in which it was opened, so that no new runs come; open it again to "
                "see new ones"
            )
        self._file = file
        self._search = search
        self._x, self._y = x, y
        self._counts = wanted_counts(x, y, None)
        self._clause = point_clause(where, {})
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
        stamp = stamp_at(self._file.path)
        if stamp is None or stamp == self._stamp:  # there is no file, or it has not changed
            return
        try:
            while (table := self._next()) is not None:
                columns, _ = sweep_columns(table, self._x, self._y, are_all=False)
                if any(len(column.values) for column in columns.values()):
                    yield columns
        except (ProjectLockedError, NotFoundError):  # another program has locked or replaced it: look again later
            return
        self._stamp = stamp

    def _next(self) -> PointTable | None:
        """The points of the next runs; ``None`` if there are no more runs now."""
        names, opens_all = [*self._x, *self._y], not self._x
        some: list[str] = []

        def choose(job_ids: list[str]) -> list[int]:
            new = [index for index, job_id in enumerate(job_ids) if self._unseen.has(job_id)][:_AT_ONCE]
            some.extend(job_ids[index] for index in new)
            return new

        with self._file.held():  # so that no run is deleted between the catalogue and the reading
            listing = self._search.listing(wanted_values(names, self._clause, opens_all=opens_all))
            clause = All([self._unseen, self._clause])
            table = PointTable(
                self._file, listing, clause, names, wanted=self._counts, opens_all=opens_all, choose=choose
            )
        self._unseen.remove(some)
        return table if some else None


class _Unseen(Clause):
    """The condition that a run has finished, and was not seen before."""

    conditions: tuple[Single, ...] = ()

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._keys: NDArray[Any] = np.empty(0, catalogue.DTYPE["job_id"])

    def bounds(self, rows: RunRows, at: NDArray[np.intp]) -> Bounds:
        """See `Clause`. A run whose job id is cut in its row may have been seen: `has` decides."""
        chosen = rows.rows[at]
        is_new = ~np.isin(chosen["job_id"], self._keys)
        is_new |= chosen["overflow"] & np.uint32(catalogue.OVERFLOW["job_id"]) != 0
        is_new &= ~np.isin(chosen["outcome"], [outcome.encode() for outcome in WITHOUT_DATA])
        return Bounds(is_new, is_new)

    def decide(self, run: object) -> bool:
        """See `Clause`; the row has decided it."""
        del run
        return True

    def has(self, job_id: str) -> bool:
        """Whether a run was not seen before."""
        return job_id not in self._seen

    def remove(self, job_ids: Sequence[str]) -> None:
        """Notes that runs were seen."""
        self._seen.update(job_ids)
        keys = np.array([Catalogue.key(job_id) for job_id in job_ids], self._keys.dtype)
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
