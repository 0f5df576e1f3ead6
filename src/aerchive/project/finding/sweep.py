"""The values that many runs have saved, as one table."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from aerchive.errors import InvalidInputError, NotFoundError
from aerchive.interop.columns import Column, Columns, Kind, column_of
from aerchive.interop.order import as_tuple, order_key
from aerchive.models import catalogue
from aerchive.models.catalogue import NUMBERS
from aerchive.project.catalogue.columns import PARAMS, parameter_columns
from aerchive.project.finding.asking import BadRuns, whole_value
from aerchive.project.run import Run
from aerchive.storage.file import ProjectFile
from aerchive.storage.sessions import ReadSession
from aerchive.stored.opener import OpenRun, RunOpener
from aerchive.stored.points import COUNTS, ORIGIN, Point, origin_columns, read_points

_OUTCOME = re.compile(r"(0x[0-9a-fA-F]+|[01 ]*[01][01 ]*)\Z")
_KINDS: dict[str, Kind] = {"created": "time", "tags": "texts"}
_AT_ONCE = 100
"""Number of runs that are read in one opening of the file; other processes may write in between."""


class SweepRow(NamedTuple):
    """A row of the table: one point of a run, and the run.

    Attributes:
        run: The run.
        params: The parameters that were given with the run.
        point: The saved numbers of the point.
        bad: The object that notes a run that cannot be read.
    """

    run: Run
    params: dict[str, Any]
    point: Point
    bad: BadRuns

    def column(self, column: str) -> Any:
        """The whole value of a text column, as conditions ask for it; the parameters are those of the run and point."""
        return self.point.bound | self.params if column == "params" else whole_value(self.run, column, self.bad)

    def row(self) -> Any:
        """The run's row of the catalogue."""
        return self.run.row()

    def find(self, name: str) -> Any:
        """Looks up a saved value, parameter given with the run, bound parameter, or column; ``None`` if none exists."""
        if name.startswith(PARAMS):
            name = name.removeprefix(PARAMS)
            return self.params.get(name, self.point.bound.get(name))
        for mapping in (self.point.values, self.params, self.point.bound):
            if name in mapping:
                return mapping[name]
        if name == "job_id":
            return self.run.job_id
        if name in ORIGIN:
            return getattr(self.point, name)
        row = self.run.row()
        if name == "created":
            return int(row["created_us"])
        if name in NUMBERS:
            return catalogue.row_number(row, name)
        return whole_value(self.run, name, self.bad) or None if name in catalogue.TEXT_COLUMNS else None


def counted_outcomes(names: Iterable[str]) -> list[str]:
    """Returns the outcomes in the names that request counts.

    Raises:
        InvalidInputError: An outcome is neither bits nor hexadecimal.
    """
    outcomes = [name.removeprefix(COUNTS) for name in names if name.startswith(COUNTS)]
    for outcome in outcomes:
        if not _OUTCOME.match(outcome):
            raise InvalidInputError(f"{COUNTS}{outcome}: an outcome is bits, such as 01, or hexadecimal, such as 0x1")
    return outcomes


def sweep_rows(file: ProjectFile, runs: Iterable[Run], outcomes: Collection[str], bad: BadRuns) -> Iterator[SweepRow]:
    """Yields the points of runs; a run that has no result, or cannot be read, has no points.

    Args:
        file: The project file.
        runs: The runs.
        outcomes: The outcomes of which the counts are read.
        bad: The object that notes the runs that cannot be read.
    """
    waiting = iter(runs)
    while some := list(itertools.islice(waiting, _AT_ONCE)):
        with file.read() as session:
            for run in some:
                points: list[Point] = bad.ask(run, functools.partial(_points, session, outcomes), [])
                params = whole_value(run, "params", bad) if points else {}
                yield from [SweepRow(run, params, point, bad) for point in points]


def _points(session: ReadSession, outcomes: Collection[str], run: Run) -> list[Point]:
    return read_points(_in_session(run, session), outcomes) if run.place.is_known else []


def _in_session(run: Run, session: ReadSession) -> RunOpener:
    """Returns the opener of a run: the open session if the run is in that file, else the run's place."""
    place = run.place
    if place.path is None:
        return place
    try:
        group = session.root.group(place.path)
    except NotFoundError:
        return place
    return OpenRun(place, session, group) if place.is_it(group) else place


def sweep_columns(rows: Sequence[SweepRow], x: Sequence[str], y: Sequence[str], *, are_all: bool = True) -> Columns:
    """Makes a table of the values that runs have saved.

    Args:
        rows: The rows of all points.
        x: Names of the columns that come first, and by which the table is sorted; rows without one of them are left
            out. If empty, the columns say where each value is from, and give all parameters.
        y: Names of the columns that follow; rows that have none of them are left out. If empty, all saved values.
        are_all: Whether these are all rows that there are. If not, a name that none of them has is no error.

    Raises:
        InvalidInputError: No row has such a column; the message lists the columns that exist.
    """
    values = list(dict.fromkeys(name for row in rows for name in row.point.values if not name.startswith(COUNTS)))
    for name in (*x, *y) if rows and are_all else ():
        if all(row.find(name) is None for row in rows):
            raise InvalidInputError(f"no run has {name!r}; there are {', '.join(_names(rows, values))}")
    y = list(y) or values
    kept = [row for row in rows if any(row.find(name) is not None for name in y)] if y else list(rows)
    if not x:
        return _everything(kept, y)
    kept = [row for row in kept if all(row.find(name) is not None for name in x)]
    columns = {name: _column(name, kept) for name in dict.fromkeys((*x, *y))}
    keys = list(zip(*(map(order_key, columns[name].values) for name in x), strict=True))
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return {name: Column(column.kind, [column.values[i] for i in order]) for name, column in columns.items()}


def _everything(rows: Sequence[SweepRow], y: Sequence[str]) -> Columns:
    return {
        "job_id": Column("text", [row.run.job_id for row in rows]),
        **parameter_columns([{name: as_tuple(value) for name, value in row.params.items()} for row in rows]),
        **origin_columns([row.point for row in rows]),
        **{name: _column(name, rows) for name in y},
    }


def _column(name: str, rows: Sequence[SweepRow]) -> Column:
    values = [row.find(name) for row in rows]
    kind = _KINDS.get(name)
    if kind is None or any(name in {**row.params, **row.point.bound, **row.point.values} for row in rows):
        return column_of(list(map(as_tuple, values)))
    return Column(kind, values)


def _names(rows: Iterable[SweepRow], values: Sequence[str]) -> Iterator[str]:
    """Yields the names of the columns that a table may have."""
    rows = list(rows)
    yield from values
    yield from dict.fromkeys(name for row in rows for name in row.point.bound)
    yield from dict.fromkeys(PARAMS + name for row in rows for name in row.params)
    yield from ("job_id", *ORIGIN, f"{COUNTS}OUTCOME", "columns of the catalogue")
