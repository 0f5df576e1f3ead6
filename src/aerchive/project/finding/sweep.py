"""The values that many runs have saved, as one table.

The columns beside the catalogue answer for a run of one point; other runs are opened. See decision 0037.
"""

from __future__ import annotations

import copy
import functools
import itertools
import operator
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError, NotFoundError
from aerchive.interop.columns import Column, Columns, column_of
from aerchive.interop.order import as_tuple, order_key
from aerchive.models import catalogue
from aerchive.models.catalogue import NUMBERS
from aerchive.models.cells import BOUND, CIRCUIT_NAME, METADATA, OPERATIONS, PARAMS, SAVED
from aerchive.models.shown import own_names
from aerchive.project.arguments import refuse
from aerchive.project.catalogue.columns import ABSENT, MAY_BE_EMPTY, kind_of, parameter_columns
from aerchive.project.catalogue.conditions import Clause
from aerchive.project.catalogue.rows import gates_in
from aerchive.project.catalogue.value_conditions import GATES, OF_CIRCUITS, full_name, sources
from aerchive.project.catalogue.values import Values
from aerchive.project.finding.asking import BadRuns, whole_value
from aerchive.project.finding.listing import Listing
from aerchive.project.finding.origin import ORIGIN_COLUMNS
from aerchive.project.finding.outcomes import bounded, outcome_columns
from aerchive.project.run import Run
from aerchive.storage.file import ProjectFile
from aerchive.storage.hdf5.cached_group import Folders
from aerchive.storage.sessions import ReadSession
from aerchive.stored.count_arrays import Counted
from aerchive.stored.opener import OpenRun, RunOpener
from aerchive.stored.points import ALL_COUNTS, COUNTS, ORIGIN, Point, WantedCounts, origin_columns, read_points

_OUTCOME = re.compile(r"(0x[0-9a-fA-F]+|[01 ]*[01][01 ]*)\Z")
NO_COUNTS = WantedCounts()
_AT_ONCE = 100
"""Number of runs that are read in one opening of the file; other processes may write in between."""


class SweepRow(NamedTuple):
    """A row of the table: one point of a run that was opened, and the run.

    Attributes:
        run: The run.
        given: Values of the run by name, such as ``params.theta``.
        point: The saved numbers of the point.
        bad: The object that notes a run that cannot be read.
    """

    run: Run
    given: Mapping[str, Any]
    point: Point
    bad: BadRuns

    def column(self, column: str) -> Any:
        """The whole value of a text column, as conditions ask for it."""
        return whole_value(self.run, column, self.bad)

    def row(self) -> Any:
        """The run's row of the catalogue."""
        return self.run.row()

    def values_of(self, name: str) -> Sequence[Any]:
        """The value of the point under a name with its group; empty if there is none."""
        if name.startswith(SAVED):
            values: Mapping[str, Any] = self.point.values
        elif name.startswith(BOUND):
            values = self.point.bound
        elif name.startswith(METADATA):
            values = (self._fact or {}).get("metadata", {})
        elif name == CIRCUIT_NAME:
            return self._own_name
        elif name.startswith(OPERATIONS):
            values = (self._fact or {}).get("ops", {})
        else:
            return [self.given[name]] if name in self.given else []
        key = name.partition(".")[2] if not name.startswith(OPERATIONS) else name.removeprefix(OPERATIONS)
        return [values[key]] if key in values else []

    @property
    def _fact(self) -> Mapping[str, Any] | None:
        """What is known in numbers of the circuit of the point."""
        record = self.bad.ask(self.run, lambda run: run.record, None)
        facts = (record.config.circuit_facts if record is not None else None) or []
        number = 0 if len(facts) == 1 else self.point.circuit_number
        return facts[number] if number is not None and 0 <= number < len(facts) else None

    @property
    def _own_name(self) -> list[str]:
        """The name of the circuit of the point; empty if it has none, or one that Qiskit made up."""
        record = self.bad.ask(self.run, lambda run: run.record, None)
        names = own_names(record.config.circuit_names if record is not None else None)
        number = 0 if len(names) == 1 else self.point.circuit_number
        return [names[number]] if number is not None and 0 <= number < len(names) and names[number] else []

    def find(self, name: str) -> Any:
        """Looks up what a name stands for; `ABSENT` if the point has nothing under it."""
        for source in () if full_name(name) in OF_CIRCUITS else sources(full_name(name), of_points=True):
            if values := self.values_of(source):
                return values[0]
        found = self._fact_of_run(name)
        return ABSENT if found is None else found

    def _fact_of_run(self, name: str) -> Any:
        """What a name stands for that is no value under a name of the user; ``None`` if there is nothing."""
        if name == ALL_COUNTS:
            return self.point.counted
        name = full_name(name)
        if name == "job_id":
            return self.run.job_id
        if name in ORIGIN:
            return getattr(self.point, name)
        if name in OF_CIRCUITS or name == GATES or name.startswith(OPERATIONS):
            return self._of_circuit(name)
        row = self.run.row()
        if name == "created":
            return int(row["created_us"])
        if name in NUMBERS:
            number = catalogue.row_number(row, name)
            return number != 0 if name == "noisy" else number
        found = whole_value(self.run, name, self.bad) if name in catalogue.TEXT_COLUMNS else None
        return found if found or name in MAY_BE_EMPTY else None

    def _of_circuit(self, name: str) -> Any:
        fact = self._fact
        if fact is None or "ops" not in fact:
            return None
        return gates_in([fact]) if name == GATES else 0 if name.startswith(OPERATIONS) else fact[OF_CIRCUITS[name]]


def wanted_counts(x: Sequence[str], y: Sequence[str], bits: Sequence[int] | None) -> WantedCounts:
    """Returns which counts the names of columns request.

    Args:
        x: Names of the columns by which the table is sorted.
        y: Names of the other columns.
        bits: The classical bits to which outcomes are reduced; ``None``: all.

    Raises:
        InvalidInputError: An outcome is neither bits nor hexadecimal, or the rows cannot be sorted by it, or classical
            bits are given although no counts are requested.
    """
    if ALL_COUNTS in x:
        raise InvalidInputError(
            f"x={ALL_COUNTS!r}: it stands for many columns, and rows cannot be sorted by it; give y"
        )
    names = [name for name in (*x, *y) if name.startswith(COUNTS)]
    if bits is not None:
        bits = _checked_bits(bits)
        if not names:
            raise InvalidInputError(
                f"bits={bits} is for counts, and y has none, such as {ALL_COUNTS!r} or '{COUNTS}01'"
            )
    outcomes = tuple(name.removeprefix(COUNTS) for name in names if name != ALL_COUNTS)
    for outcome in outcomes:
        if not _OUTCOME.match(outcome):
            raise InvalidInputError(f"{COUNTS}{outcome}: an outcome is bits, such as 01, or hexadecimal, such as 0x1")
    return WantedCounts(outcomes, ALL_COUNTS in y, None if bits is None else tuple(bits))


def _checked_bits(bits: Any) -> tuple[int, ...]:
    try:
        found = tuple(map(operator.index, bits))
    except TypeError:
        found = ()
    if not found:
        refuse("bits", bits, "a list of classical bits, such as [0, 2]")
    return found


def sweep_rows(
    file: ProjectFile,
    runs: Iterable[tuple[Run, Mapping[str, Any]]],
    wanted: WantedCounts,
    bad: BadRuns,
    labels: Collection[str] = (),
) -> Iterator[list[SweepRow]]:
    """Yields the points of each run; a run that has no result, or cannot be read, has no points.

    Args:
        file: The project file.
        runs: The runs, each with its values by name.
        wanted: Which counts are read.
        bad: The object that notes the runs that cannot be read.
        labels: Labels of the values that are wanted, as for `read_points`.
    """
    waiting = iter(runs)
    while some := list(itertools.islice(waiting, _AT_ONCE)):
        with file.read() as session:
            ask = functools.partial(_points, session, Folders(session.root), wanted, labels)
            for run, given in some:
                points: list[Point] = bad.ask(run, ask, [])
                yield [SweepRow(run, given, point, bad) for point in points]


def _points(
    session: ReadSession, folders: Folders, wanted: WantedCounts, labels: Collection[str], run: Run
) -> list[Point]:
    return read_points(_in_session(run, session, folders), wanted, labels) if run.place.is_known else []


def _in_session(run: Run, session: ReadSession, folders: Folders) -> RunOpener:
    """Returns the opener of a run: the open session if the run is in that file, else the run's place."""
    place = run.place
    if place.path is None:
        return place
    try:
        group = folders.group(place.path)
    except NotFoundError:
        return place
    return OpenRun(place, session, group) if place.is_it(group) else place


def _counted(rows: Iterable[SweepRow]) -> Iterator[Counted]:
    return (row.point.counted for row in rows if row.point.counted is not None)


def _count_of(counts: Mapping[str, int], name: str) -> Counted | int:
    """The count of an outcome, or of all outcomes, as `SweepRow.find` gives it."""
    outcome = name.removeprefix(COUNTS)
    if name != ALL_COUNTS and not outcome.startswith("0x"):
        return counts.get(outcome, 0)
    counted = Counted(np.array([text.encode() for text in counts]), np.array([*counts.values()], np.int64))
    return counted if name == ALL_COUNTS else counted.count(outcome)


class PointTable:
    """The points of the runs that meet a clause, with the values that names stand for.

    Args:
        file: The project file.
        listing: The runs, with the columns of the clause and the names.
        clause: The conditions, on single points.
        names: The names whose values are asked for, besides those of all saved numbers.
        wanted: Which counts are asked for.
        labels: Labels of arrays that are asked for, and of the numbers beside them.
        opens_all: Whether each run is opened, so that all names can be asked for.
        as_runs: Whether a run counts as one point if it has a value under each name itself, or has no result.
        choose: A function of the job ids of the runs that returns the indices of those that are taken; ``None``: all.
    """

    def __init__(
        self,
        file: ProjectFile,
        listing: Listing,
        clause: Clause,
        names: Sequence[str],
        *,
        wanted: WantedCounts = NO_COUNTS,
        labels: Collection[str] = (),
        opens_all: bool = False,
        as_runs: bool = False,
        choose: Callable[[list[str]], list[int]] | None = None,
    ) -> None:
        self._listing = listing
        places, sure = listing.sorted_places(clause)
        if not as_runs:
            has_result = ~listing.without_result(places)
            places, sure = places[has_result], sure[has_result]
        if choose is not None:
            chosen = np.array(choose(listing.job_ids(places)), np.intp)
            places, sure = places[chosen], sure[chosen]
        is_opened = np.ones(len(places), bool)
        if not opens_all and wanted.bits is None and not any(name in ORIGIN for name in names):
            saved = [name for name in listing.wanted_names() if name.startswith(SAVED)]
            columns = [name for name in names if not name.startswith(COUNTS)]
            is_opened = ~(sure & listing.in_columns(places, [*columns, *saved], has_counts=wanted != NO_COUNTS))
        if as_runs:
            has_all = np.all([listing.named(places, name)[0].has for name in names], axis=0)
            is_opened &= ~(sure & (has_all | listing.without_result(places)))
        self._places = places[~is_opened]
        self._counts = listing.counts(self._places) if wanted != NO_COUNTS else []
        opened = np.flatnonzero(is_opened)
        given = self._given(places[opened])
        runs = ((listing.run(place), one) for place, one in zip(places[opened].tolist(), given, strict=True))
        self._rows: list[SweepRow] = []
        unknown = listing.unknown_names(clause)
        numbers: list[int] = []
        for number, is_sure, rows in zip(
            opened.tolist(),
            sure[opened].tolist(),
            bounded(sweep_rows(file, runs, wanted, listing.bad, labels), _counted),
            strict=True,
        ):
            unknown = [one for one in unknown if not any(map(one.has_value, rows))]
            kept = [row for row in rows if is_sure or clause.decide(row)]
            self._rows += kept
            numbers += [number] * len(kept)
        for one in unknown if choose is None else ():
            listing.refuse(one)
        self._order = np.argsort(
            np.concatenate([np.flatnonzero(~is_opened), np.array(numbers, np.intp)]), kind="stable"
        )

    def __len__(self) -> int:
        return len(self._order)

    def only(self, is_kept: Callable[[SweepRow], bool]) -> Self:
        """Returns the table with some of its points, if each run was opened."""
        table = copy.copy(self)
        table._rows = list(filter(is_kept, self._rows))
        table._order = np.arange(len(table._rows))
        return table

    def runs(self, at: NDArray[np.intp]) -> tuple[list[str], NDArray[Any]]:
        """The runs of some points, each once.

        Args:
            at: Indices of points.

        Returns:
            The job ids, and the columns `ORIGIN_COLUMNS` of their rows, in the order of the points.
        """
        ids = [*self._listing.job_ids(self._places), *(row.run.job_id for row in self._rows)]
        first: dict[str, int] = {}
        for index in self._order[at].tolist():
            first.setdefault(ids[index], index)
        kept = np.fromiter(first.values(), np.intp, len(first))
        rows = np.empty(len(kept), [(name, catalogue.DTYPE[name]) for name in ORIGIN_COLUMNS])
        is_inside = kept < len(self._places)
        rows[is_inside] = self._listing.rows_of(self._places[kept[is_inside]], ORIGIN_COLUMNS)
        for number in np.flatnonzero(~is_inside).tolist():
            row = self._rows[kept[number] - len(self._places)].row()
            rows[number] = tuple(row[name] for name in ORIGIN_COLUMNS)
        return list(first), rows

    def _given(self, places: NDArray[np.intp]) -> list[dict[str, Any]]:
        """The parameters of runs, by name with the group."""
        given: list[dict[str, Any]] = [{} for _ in range(len(places))]
        for name in self._listing.wanted_names():
            if name.startswith(PARAMS) and len(places):
                values = self._listing.values(places, name)
                items = values.listed()
                for index in np.flatnonzero(values.has).tolist():
                    given[index][name] = items[index]
        for index, params in self._listing.given_beyond(places).items():
            given[index] |= {PARAMS + name: value for name, value in params.items()}
        return given

    @property
    def rows(self) -> list[SweepRow]:
        """The points of the runs that were opened, in order; all points if there are no names."""
        return self._rows

    def values(self, name: str) -> tuple[Values, Any]:
        """The values of all points, in order of submission of the runs, and their kind if it is that of a column."""
        if name.startswith(COUNTS):
            counts = [None if one is None else _count_of(one, name) for one in self._counts]
            return Values.of(counts).joined(self._found(name)).take(self._order), None
        found, kind = self._listing.named(self._places, name)
        more, column = self._found(name), full_name(name)
        is_column = column in catalogue.IN_TABLES and (kind is not None or not len(self._places))
        if not is_column or any(map(self._has_own(column), self._rows)):
            kind = None
        elif kind is None:
            kind = kind_of(column)
        return found.joined(more).take(self._order), kind

    def _found(self, name: str) -> Values:
        return Values.of([row.find(name) for row in self._rows], ABSENT)

    @staticmethod
    def _has_own(name: str) -> Callable[[SweepRow], bool]:
        return lambda row: any(row.values_of(source) for source in sources(name, of_points=True))

    def saved_names(self) -> list[str]:
        """The labels of all saved numbers."""
        listing, names = self._listing, list[str]()
        for name in listing.wanted_names():
            if name.startswith(SAVED) and listing.values(self._places, name).has.any():
                names.append(name.removeprefix(SAVED))
        of_rows = (name for row in self._rows for name in row.point.values if not name.startswith(COUNTS))
        return list(dict.fromkeys([*names, *of_rows]))

    def names(self, values: Sequence[str]) -> Iterator[str]:
        """Yields the names of the columns that a table may have."""
        known = self._listing.value_names()
        bound = [name.removeprefix(BOUND) for name in known if name.startswith(BOUND)]
        labels = (label for row in self._rows for label in (*row.point.arrays, *row.point.numbers))
        yield from dict.fromkeys([*values, *labels])
        yield from dict.fromkeys([*bound, *(name for row in self._rows for name in row.point.bound)])
        yield from (name for name in known if name.startswith((PARAMS, METADATA)))
        yield from (CIRCUIT_NAME, "circuit.depth", "circuit.size", f"{OPERATIONS}NAME", GATES)
        yield from ("job_id", *ORIGIN, f"{COUNTS}OUTCOME", ALL_COUNTS, "columns of the catalogue")


def sweep_columns(
    table: PointTable, x: Sequence[str], y: Sequence[str], *, are_all: bool = True
) -> tuple[Columns, tuple[list[str], NDArray[Any]]]:
    """Makes a table of the values that runs have saved.

    Args:
        table: All points.
        x: Names of the columns that come first, and by which the table is sorted; rows without one of them are left
            out. If empty, the columns say where each value is from, and give all parameters.
        y: Names of the columns that follow; rows that have none of them are left out. If empty, all saved values.
        are_all: Whether these are all rows that there are. If not, a name that none of them has is no error.

    Returns:
        The columns, and the runs of the rows, as from `PointTable.runs`.

    Raises:
        InvalidInputError: No row has such a column; the message lists the columns that exist.
    """
    labels = table.saved_names()
    names = dict.fromkeys((*x, *y, *labels) if not y else (*x, *y))
    found = {name: (values.without_none(), kind) for name in names for values, kind in [table.values(name)]}
    for name in (*x, *y) if len(table) and are_all else ():
        if not found[name][0].has.any():
            raise InvalidInputError(f"no run has {name!r}; there are {', '.join(table.names(labels))}")
    y = list(y) or labels
    kept = np.ones(len(table), bool)
    if y:
        kept = np.any([found[name][0].has for name in y], axis=0)
    if not x:
        rows = [row for row, is_kept in zip(table.rows, kept.tolist(), strict=True) if is_kept]
        return _everything(rows, y), table.runs(np.flatnonzero(kept))
    for name in x:
        kept &= found[name][0].has
    at = np.flatnonzero(kept)
    at = at[_order([found[name][0].take(at) for name in x])]
    columns: Columns = {}
    for name in dict.fromkeys((*x, *y)):
        values, kind = found[name]
        is_all = name == ALL_COUNTS
        columns |= outcome_columns(values.take(at).listed()) if is_all else {name: _column(values, kind, at)}
    return columns, table.runs(at)


def _order(keys: Sequence[Values]) -> NDArray[np.intp]:
    """The order of rows by several columns, the first first; NaN is last, and equal rows keep their order."""
    if all(key.items.dtype.kind in "fi" for key in keys):
        return np.lexsort([key.items for key in reversed(keys)])
    rows = list(zip(*(map(order_key, key.items.tolist()) for key in keys), strict=True))
    return np.array(sorted(range(len(rows)), key=rows.__getitem__), np.intp)


def _column(values: Values, kind: Any, at: NDArray[np.intp]) -> Column:
    taken = values.take(at)
    return taken.column() if kind is None else Column(kind, taken.listed())


def _everything(rows: Sequence[SweepRow], y: Sequence[str]) -> Columns:
    given = [
        {name.removeprefix(PARAMS): as_tuple(value) for name, value in row.given.items() if name.startswith(PARAMS)}
        for row in rows
    ]
    columns = {
        "job_id": Column("text", [row.run.job_id for row in rows]),
        **parameter_columns(given),
        **origin_columns([row.point for row in rows]),
    }
    for name in y:
        is_all = name == ALL_COUNTS
        values = [None if (value := row.find(name)) is ABSENT else value if is_all else as_tuple(value) for row in rows]
        columns |= outcome_columns(values) if is_all else {name: column_of(values)}
    return columns
