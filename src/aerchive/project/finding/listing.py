"""The list of all runs of a project: the rows of its catalogue, and runs outside its file.

A run is opened only if its row has cut a text that decides a question.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from aerchive.display.html import MOST_LETTERS, MOST_ROWS, Shown, table, text
from aerchive.display.text import format_runs
from aerchive.errors import FormatError, InvalidInputError
from aerchive.interop.columns import Column, Columns, Kind, as_objects
from aerchive.models import catalogue
from aerchive.models.catalogue import NUMBERS
from aerchive.models.cells import COUNTS, OPERATIONS, PARAMS, Form, cells_of
from aerchive.project.catalogue.cells import columns_of
from aerchive.project.catalogue.columns import catalogue_columns, column_values, kind_of
from aerchive.project.catalogue.conditions import (
    COLUMNS,
    SYNONYMS,
    Clause,
    UnknownColumnError,
    no_column,
    no_value,
    numbers_of,
    text_of,
)
from aerchive.project.catalogue.rows import WITHOUT_RESULT, RunRows, gates_in
from aerchive.project.catalogue.value_conditions import GATES, OF_CIRCUITS, ValueCondition, full_name, sources
from aerchive.project.catalogue.values import Values
from aerchive.project.finding.asking import UNREADABLE, BadRuns, whole_value
from aerchive.project.finding.job_list import HEAD, RIGHT, run_row
from aerchive.project.finding.lazy_list import LazyList, empty_text
from aerchive.project.label_clock import label_clock
from aerchive.project.numbers import Neighbours
from aerchive.project.run import Run
from aerchive.text import JSON_FORM, decode_text, encode_text, fit_text, json_text

_MOST_NEAR = 2000
"""Number of ids that are compared to find similar ones, at most: one comparison takes tens of microseconds."""
_MOST_DROPPED = 3
"""Bytes by which a cut text may be shorter than its column, at most: it ends before a character."""


class Listing:
    """All runs as they were at one moment.

    Args:
        file: Path of the project file, for messages.
        rows: Rows of the catalogue, deleted runs included, and the columns that questions need.
        hidden: Numbers of the rows whose runs are also in ``outside``.
        outside: Runs that are not in the file: in spools, still running, or lost with their process.
        wanted: Whether questions need the values under a name; the columns of these are in ``rows``.
        make: A function that makes the run of a row; see `ProjectParts.run_of`.
        bad: The object that notes runs that cannot be read; by default a new one, which warns.

    Attributes:
        bad: The runs that cannot be read. They are left out of an answer if their rows do not decide whether they
            belong to it.
    """

    def __init__(
        self,
        file: str,
        rows: RunRows,
        hidden: Sequence[int],
        outside: Sequence[Run],
        wanted: Callable[[str], bool],
        make: Callable[[np.void, str | None, int], Run],
        bad: BadRuns | None = None,
    ) -> None:
        self.bad = BadRuns() if bad is None else bad
        self._file = file
        self._of_row = functools.partial(_run_of, make, self.bad, label_clock.now)
        self._outside = outside
        self._rows = rows
        cells = [cells_of(run.record) for run in outside]
        self._more = RunRows(
            np.array([run.row() for run in outside], catalogue.DTYPE),
            columns_of(cells, wanted),
            [name for values in cells for name in values],
        )
        present = rows["deleted"] == 0
        present[list(hidden)] = False
        self._present = np.flatnonzero(present)
        self._asked: dict[int, Run] = {}

    def __len__(self) -> int:
        return len(self._present) + len(self._outside)

    def count(self, clause: Clause) -> int:
        """Counts the runs that meet a clause."""
        _, sure, unsure = self._decided(clause)
        return int(np.count_nonzero(sure)) + sum(self._meets(clause, place) for place in unsure)

    def count_by(self, column: str, clause: Clause) -> dict[Any, int]:
        """Counts the runs that meet a clause for each value of a column, the most frequent value first.

        Args:
            column: Name of a column of the catalogue; for ``tags`` each tag is counted.
            clause: The condition.

        Raises:
            InvalidInputError: There is no such column, or it is ``created``.
        """
        column = SYNONYMS.get(column, column)
        if column not in ("tags", *COLUMNS):
            why = "each run has a time of its own" if column == "created" else no_column(column)
            raise InvalidInputError(f"cannot count by {column!r}: {why}")
        places = np.sort(self._meeting(clause))
        counts: Counter[Any] = Counter()
        if column in NUMBERS:
            values, absent = self._values(places, column)
            counts.update(values[~absent].tolist())
            counts.update({None: int(np.count_nonzero(absent))} if absent.any() else {})
            return dict(counts.most_common())
        is_cut = self._column(places, "overflow") & np.uint32(catalogue.OVERFLOW[column]) != 0
        raw = Counter(self._column(places, column)[~is_cut].tolist())
        runs = map(self.asking, places[is_cut].tolist())
        whole = [self.bad.ask(run, lambda run: run.column(column), None) for run in runs]
        found = [(value, 1) for value in whole if value is not None]
        for value, number in [*((text_of(one, column), n) for one, n in raw.items()), *found]:
            counts.update(dict.fromkeys(value, number) if column == "tags" else {value: number})
        return dict(counts.most_common())

    def all_rows(self) -> NDArray[Any]:
        """The rows of all runs: those of the project in the order of their commits, then those outside the file.

        Returns:
            A copy of the rows, dtype `catalogue.DTYPE`.
        """
        return np.concatenate([self._rows.rows[self._present], self._more.rows])

    def rows(self, clause: Clause) -> NDArray[Any]:
        """The rows of the runs that meet a clause, in order of submission.

        Returns:
            A copy of the rows, dtype `catalogue.DTYPE`.
        """
        return self._taken(self._meeting(clause))

    def _taken(self, places: NDArray[np.intp], columns: Sequence[str] | None = None) -> NDArray[Any]:
        """A copy of the rows of runs, or of some of their columns."""
        inside = places < len(self._rows)
        at, more = places[inside], places[~inside] - len(self._rows)
        if columns is None:
            rows = np.empty(len(places), catalogue.DTYPE)
            rows[inside], rows[~inside] = self._rows.rows[at], self._more.rows[more]
            return rows
        rows = np.empty(len(places), [(name, catalogue.DTYPE[name]) for name in columns])
        for name in columns:
            rows[name][inside], rows[name][~inside] = self._rows[name][at], self._more[name][more]
        return rows

    def columns(self, clause: Clause) -> Columns:
        """The columns of the runs that meet a clause, oldest first; a run is opened only for a text that is cut."""
        places = self._meeting(clause)
        columns = catalogue_columns(self._taken(places), functools.partial(self._whole, places))
        more = (PARAMS + name for one in self.given_beyond(places).values() for name in one)
        for name in dict.fromkeys([*self.wanted_names(), *more]):
            if name.startswith(PARAMS) and (values := self.values(places, name)).has.any():
                columns[name] = values.column(with_tuples=False)
        return columns

    def given_beyond(self, places: NDArray[np.intp]) -> dict[int, dict[str, Any]]:
        """The parameters of those runs which have values for which there is no column.

        Args:
            places: Places of runs.

        Returns:
            The parameters by name, of each of these runs that can be read, by index in ``places``.
        """
        left_out = self._left_out(places, catalogue.CELLS_LEFT_OUT)
        runs = {index: self.asking(int(places[index])) for index in left_out.tolist()}
        given = {index: self.bad.ask(run, lambda run: run.record.labels.params, None) for index, run in runs.items()}
        return {index: one for index, one in given.items() if one is not None}

    def _left_out(self, places: NDArray[np.intp], bits: int) -> NDArray[np.intp]:
        """The indices of the runs which have values for which there is no column, as bits of ``overflow`` say."""
        overflow = self._taken(places, ["overflow"])["overflow"]
        return np.flatnonzero(overflow & np.uint32(bits))

    def values(self, places: NDArray[np.intp], name: str, most_opened: int | None = None) -> Values:
        """The values of runs under one name, such as ``params.theta``; a run is opened only if it alone has one.

        Args:
            places: Places of runs.
            name: The name, with its group.
            most_opened: If more runs would have to be opened, none is, and these have no value here; ``None``: all are.
        """
        opens = most_opened is None or self.number_opened(places, name) <= most_opened
        inside = np.flatnonzero(places < len(self._rows))
        outside = np.flatnonzero(places >= len(self._rows))
        found = Values.empty(len(places))
        for rows, which, at in (
            (self._rows, inside, places[inside]),
            (self._more, outside, places[outside] - len(self._rows)),
        ):
            for piece in rows.pieces(name, at):
                found = found.put(which[piece.at], piece.values)
            for index in which[rows.only_in_run(name, at)].tolist() if opens else ():
                ask: Callable[[Run], list[Any]] = functools.partial(_values_of, name)
                values = self.bad.ask(self.asking(int(places[index])), ask, list[Any]())
                if len(values) == 1:
                    found = found.put(np.array([index]), as_objects(values))
        return found

    def number_opened(self, places: NDArray[np.intp], name: str) -> int:
        """The number of runs that `values` would open: those of which only the run itself tells its value."""
        inside = places[places < len(self._rows)]
        outside = places[places >= len(self._rows)] - len(self._rows)
        pairs = ((self._rows, inside), (self._more, outside))
        return sum(int(np.count_nonzero(rows.only_in_run(name, at))) for rows, at in pairs)

    def forms(self, name: str) -> list[Form]:
        """The forms of the values that runs have under a name in columns; empty if no run has one."""
        everywhere = ((self._rows, self._present), (self._more, np.arange(len(self._more))))
        return [form for rows, at in everywhere for form in rows.forms(name, at)]

    def named(self, places: NDArray[np.intp], name: str) -> tuple[Values, Kind | None]:
        """The values that a name stands for in tables: those of runs, or else a column of the catalogue.

        Args:
            places: Places of runs, each with one point.
            name: A column of the catalogue, a name with its group, such as ``params.theta``, or a name alone.

        Returns:
            The values, and their kind if all are from the catalogue.
        """
        name = full_name(name)
        if name == GATES:
            return Values.of(self._gates(places)), None
        found = Values.empty(len(places))
        for source in () if name in OF_CIRCUITS else sources(name, of_points=True):
            left = np.flatnonzero(~found.has)
            more = self.values(places[left], source)
            found = found.put(left[more.has], more.items[more.has])
        if name.startswith(OPERATIONS):
            known = np.flatnonzero(self._taken(places, ["circuit_size"])["circuit_size"] != -1)
            return found.put(known, np.zeros(len(known), np.int64)), None
        if name not in catalogue.IN_TABLES or name == "params" or found.has.all():
            return found, None
        needed = [*catalogue.COLUMNS_OF.get(name, (name,)), "overflow"]
        column = Values.of(column_values(self._taken(places, needed), name, functools.partial(self._whole, places)))
        return (found.or_else(column), None) if found.has.any() else (column, kind_of(name))

    def _gates(self, places: NDArray[np.intp]) -> list[tuple[str, ...] | None]:
        inside = places < len(self._rows)
        gates = self._rows.gates(places[inside]) + self._more.gates(places[~inside] - len(self._rows))
        order = np.argsort(np.concatenate([np.flatnonzero(inside), np.flatnonzero(~inside)]))
        found = [gates[index] for index in order.tolist()]
        for index in self._left_out(places, catalogue.CELLS_LEFT_OUT).tolist():
            record = self.bad.ask(self.asking(int(places[index])), lambda run: run.record, None)
            found[index] = found[index] if record is None else gates_in(record.config.circuit_facts)
        return found

    def sorted_places(self, clause: Clause) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """The places of the runs that may meet a clause, in order of submission, and whether each surely does."""
        places, sure, _ = self._decided(clause, of_points=True)
        order = self._order(places, "created", descending=False)
        return places[order], sure[order]

    def counts(self, places: NDArray[np.intp]) -> list[dict[str, int] | None]:
        """The counts of runs whose columns tell them, by bit string; ``None`` for a run without counts.

        Raises:
            FormatError: A column does not hold counts.
        """
        texts = self.values(places, COUNTS).listed()
        try:
            return [None if text is None else dict(json.loads(text)) for text in texts]
        except (ValueError, TypeError, RecursionError) as error:
            raise FormatError(f"{self._file}: a column of counts has no counts: {error}") from error

    def in_columns(
        self, places: NDArray[np.intp], names: Iterable[str], *, has_counts: bool = False
    ) -> NDArray[np.bool_]:
        """Whether each run has one point, and columns tell the values that names stand for.

        Args:
            places: Places of runs.
            names: Names, as for `named`.
            has_counts: Whether counts are asked for, too.

        Returns:
            A bool array of the shape of ``places``.
        """
        found: NDArray[np.bool_] = self._taken(places, ["num_points"])["num_points"] == 1
        inside = places < len(self._rows)
        asked = [sources(name, of_points=True) for name in map(full_name, names)]
        for several in [*asked, (COUNTS,)] if has_counts else asked:
            for rows, at, which in (
                (self._rows, places[inside], inside),
                (self._more, places[~inside] - len(self._rows), ~inside),
            ):
                found[which] &= ~rows.first_only_in_run(several, at)
        return found

    def without_result(self, places: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether each run has no result, and so no points."""
        rows = self._taken(places, ["num_points", "outcome"])
        found: NDArray[np.bool_] = (rows["num_points"] == 0) | np.isin(rows["outcome"], WITHOUT_RESULT)
        return found

    def rows_of(self, places: NDArray[np.intp], columns: Sequence[str]) -> NDArray[Any]:
        """A copy of the rows of runs, with some of their columns."""
        return self._taken(places, columns)

    def first_places(
        self, clause: Clause, sort: str, *, descending: bool, limit: int | None
    ) -> tuple[NDArray[np.intp], int]:
        """The places of the first runs that meet a clause, in order, and the number of all that meet it."""
        places = self._meeting(clause, sort, descending=descending)
        return places[:limit], len(places)

    def catalogue_column(self, places: NDArray[np.intp], name: str) -> Column:
        """A column of the catalogue, as tables have it."""
        return Column(kind_of(name), column_values(self._taken(places), name, functools.partial(self._whole, places)))

    def is_known(self, name: str) -> bool:
        """Whether a name is that of a column, or of values that a run has."""
        meant = full_name(name)
        known = set(self.value_names())
        return meant in (*catalogue.IN_TABLES, GATES) or any(one in known for one in sources(meant, of_points=True))

    def job_ids(self, places: NDArray[np.intp]) -> list[str]:
        """The whole job ids of runs."""
        rows = self._taken(places, ["job_id", "overflow"])
        return column_values(rows, "job_id", functools.partial(self._whole, places))

    def run(self, place: int) -> Run:
        """The run of a place."""
        return self._run(place)

    def _first_place(self, name: str) -> int:
        """The first row that has a value under a name."""
        firsts = [np.flatnonzero(one.rows["given"])[:1] for one in self._rows.columns.get(name, ())]
        return int(min((first[0] for first in firsts if len(first)), default=len(self._rows)))

    def _whole(self, places: NDArray[np.intp], number: int, column: str) -> Any:
        return whole_value(self.asking(int(places[number])), column, self.bad)

    def runs(self, clause: Clause, *, sort: str = "created", descending: bool = False, skip: int = 0) -> Iterator[Run]:
        """The runs that meet a clause, each made when it is taken.

        Args:
            clause: The condition.
            sort: Name of the column by which the runs are sorted; runs without a value in it come last.
            descending: Whether the newest, or the greatest, come first.
            skip: Number of runs that are left out at the beginning.

        Raises:
            FormatError: A row of the catalogue does not follow the format.
            InvalidInputError: There is no such column.
        """
        return map(self._run, self._places(clause, sort, descending=descending, skip=skip))

    def found(
        self,
        clause: Clause,
        nothing: Callable[[], str],
        *,
        sort: str = "created",
        descending: bool = False,
        limit: int | None = None,
    ) -> list[Run]:
        """The runs that meet a clause as a list, in which each run is made when it is taken out.

        Args:
            clause: As for `runs`.
            nothing: A function that describes what the project has, for an empty list that is printed.
            sort: As for `runs`.
            descending: As for `runs`.
            limit: Number of runs, at most; ``None``: all.
        """
        if limit is None:
            places = self._meeting(clause, sort, descending=descending)
        else:
            places = np.fromiter(itertools.islice(self._places(clause, sort, descending=descending), limit), np.intp)
        rows, numbers = self._rows.rows, places
        if 2 * len(places) < len(rows):  # a list of a few runs does not keep the rows of all others in memory
            rows, numbers = self._taken(places), np.arange(len(places))
        items: list[Any] = list(numbers)
        for number, place in enumerate(places.tolist()) if self._outside or self._asked else ():
            if place >= len(self._rows) or place in self._asked:
                items[number] = self._run(place)
        return RunList(items, rows, self._of_row, nothing)

    def numbers(self, clause: Clause) -> list[int]:
        """Numbers of the rows of the runs in the file that meet a clause, in order of submission."""
        return [place for place in self._places(clause) if place < len(self._rows)]

    def near(self, job_id: str) -> list[str]:
        """Ids that may be meant by an id that no run has: those with the same beginning, or else the latest."""
        ids = np.concatenate([self._rows["job_id"][self._present], self._more["job_id"]])
        key, _ = fit_text(job_id[:3], ids.dtype.itemsize)
        alike = ids[np.strings.startswith(ids, key)]
        return [decode_text(one) for one in (alike if len(alike) else ids)[-_MOST_NEAR:].tolist()]

    def stored_ids(self) -> list[bytes]:
        """The job ids of all runs as the catalogue has them, which cuts long ones."""
        ids: list[bytes] = self._rows["job_id"][self._present].tolist()
        return ids + list(self._more["job_id"].tolist())

    def long_ids(self) -> Iterator[str]:
        """The job ids that are longer than the column of the catalogue for them; their runs are opened."""
        places = np.concatenate([self._present, len(self._rows) + np.arange(len(self._more))])
        is_cut = self._column(places, "overflow") & np.uint32(catalogue.OVERFLOW["job_id"]) != 0
        return (self._run(int(place)).job_id for place in places[is_cut])

    def beginning_with(self, prefix: str) -> list[Run]:
        """The runs whose job id begins with a prefix."""
        ids = self._rows["job_id"][self._present]
        key, _ = fit_text(prefix, ids.dtype.itemsize)
        may_begin = np.strings.startswith(ids, key) | np.strings.startswith(ids, JSON_FORM)
        found = [self._run(int(place)) for place in self._present[may_begin]]
        return [run for run in (*found, *self._outside) if run.job_id.startswith(prefix)]

    def _places(
        self, clause: Clause, sort: str = "created", *, descending: bool = False, skip: int = 0
    ) -> Iterator[int]:
        """Yields the places of the runs that meet a clause, in order.

        The place of a run is the number of its row. For a run outside the file it is the number of all rows plus the
        index of the run among these.
        """
        places, sure, _ = self._decided(clause)
        order = self._order(places, sort, descending=descending)
        places, sure = places[order], sure[order]
        if sure[:skip].all():  # no run that is left out needs to be read
            places, sure, skip = places[skip:], sure[skip:], 0
        pairs = zip(places.tolist(), sure.tolist(), strict=True)
        meeting = (place for place, is_sure in pairs if is_sure or self._meets(clause, place))
        return itertools.islice(meeting, skip, None)

    def _meeting(self, clause: Clause, sort: str = "created", *, descending: bool = False) -> NDArray[np.intp]:
        """The places of `_places` as an array: runs that the catalogue does not decide are read now."""
        places, sure, unsure = self._decided(clause)
        sure[~sure] = [self._meets(clause, place) for place in unsure]
        places = places[sure]
        return places[self._order(places, sort, descending=descending)]

    def _meets(self, clause: Clause, place: int) -> bool:
        return self.bad.ask(self.asking(place), clause.decide, instead=False)

    def unknown_names(self, clause: Clause) -> list[ValueCondition]:
        """The conditions on a name alone that is no column, and under which no run has a value."""
        conditions = (one for one in clause.conditions if isinstance(one, ValueCondition) and one.is_alone)
        unknown = [one for one in conditions if not (one.is_known(self._rows) or one.is_known(self._more))]
        if not unknown:
            return []
        places = np.concatenate([self._present, len(self._rows) + np.arange(len(self._more))])
        runs = [self.asking(int(place)) for place in places[self._left_out(places, catalogue.LEFT_OUT)]]
        return [one for one in unknown if not any(self.bad.ask(run, one.has_value, instead=False) for run in runs)]

    def refuse(self, unknown: ValueCondition) -> NoReturn:
        """Refuses a condition on a name under which there is nothing; the message says what there is."""
        raise UnknownColumnError(unknown.name, unknown.message(no_value(unknown.name, self.value_names())))

    def all_values(self, name: str) -> list[Any]:
        """The values of all runs under a name, as far as columns have them."""
        everywhere = ((self._rows, self._present), (self._more, np.arange(len(self._more))))
        return [one for rows, at in everywhere for piece in rows.pieces(name, at) for one in piece.values.tolist()]

    def value_names(self) -> list[str]:
        """The names under which runs have values, with their groups."""
        return list(dict.fromkeys([*self._rows.names, *self._more.names]))

    def wanted_names(self) -> list[str]:
        """The names under which runs have values, of those whose values are known; those that came first are first."""
        return sorted({**self._rows.columns, **self._more.columns}, key=self._first_place)

    def _decided(
        self, clause: Clause, *, of_points: bool = False
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_], list[int]]:
        """The places that may meet a clause, a bool array that is true if they surely do, and the undecided places."""
        for one in () if of_points else self.unknown_names(clause):
            self.refuse(one)
        try:
            inside = clause.bounds(self._rows, self._present)
            outside = clause.bounds(self._more, np.arange(len(self._more)))
        except FormatError as error:
            raise FormatError(
                f"{self._file}: {error}; make the catalogue anew from the runs: "
                f"aerchive recover --rebuild-catalogue {self._file}"
            ) from error
        all_places = np.concatenate([self._present, len(self._rows) + np.arange(len(self._more))])
        possible = np.concatenate([inside.possible, outside.possible])
        sure = np.concatenate([inside.sure, outside.sure])[possible]
        places = all_places[possible]
        return places, sure, places[~sure].tolist()

    def _column(self, places: NDArray[np.intp], column: str) -> NDArray[Any]:
        inside = places[places < len(self._rows)]
        return np.concatenate([self._rows[column][inside], self._more[column][places[len(inside) :] - len(self._rows)]])

    def _values(self, places: NDArray[np.intp], column: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The values of a column, and a bool array that is true where there is no value."""
        if column not in NUMBERS:
            texts = self._column(places, column)
            return self._distinct(texts, places, column), texts == b""
        inside = places[places < len(self._rows)]
        parts = (
            numbers_of(self._rows, column, inside),
            numbers_of(self._more, column, places[len(inside) :] - len(self._rows)),
        )
        values, absent = (np.concatenate(both) for both in zip(*parts, strict=True))
        return values, absent

    def _distinct(self, texts: NDArray[Any], places: NDArray[np.intp], column: str) -> NDArray[Any]:
        """Texts that sort as the whole ones do: a run is read only if its cut text does not decide the order."""
        is_cut = self._column(places, "overflow") & np.uint32(catalogue.OVERFLOW[column]) != 0
        _, which, number = np.unique(
            texts.astype(f"S{texts.dtype.itemsize - _MOST_DROPPED}"), return_inverse=True, return_counts=True
        )
        is_cut &= number[which] > 1
        if not is_cut.any():
            return texts
        whole = texts.astype(object)
        for at in np.flatnonzero(is_cut).tolist():
            value = whole_value(self._run(int(places[at])), column, self.bad)
            whole[at] = encode_text(value if isinstance(value, str) else json_text(value))
        return whole

    def _order(self, places: NDArray[np.intp], sort: str, *, descending: bool) -> NDArray[np.intp]:
        sort = SYNONYMS.get(sort, sort)
        if sort not in ("created", "tags", *COLUMNS):
            raise InvalidInputError(f"cannot sort by {sort!r}: {no_column(sort)}")
        created = self._column(places, "created_us")
        if sort == "created":
            order = np.argsort(created, kind="stable")
            return order[::-1] if descending else order
        values, absent = self._values(places, sort)
        _, ranks = np.unique(values, return_inverse=True)
        return np.lexsort((-created if descending else created, -ranks if descending else ranks, absent))

    def _run(self, place: int) -> Run:
        if place >= len(self._rows):
            return self._outside[place - len(self._rows)]
        return self._asked.get(place) or self._of_row(catalogue.single_row(self._rows.rows, place))

    def asking(self, place: int) -> Run:
        """The run of a place, kept with the documents that are read from it for the next question."""
        self._asked[place] = run = self._run(place)
        return run


def _run_of(make: Callable[[np.void, str | None, int], Run], bad: BadRuns, as_of: int, row: np.void) -> Run:
    """Makes the run of a row; if its job id is cut there and the run cannot be read, it has the cut id."""
    try:
        return make(row, None, as_of)
    except UNREADABLE as error:
        job_id = catalogue.row_text(row, "job_id")
        bad.name(job_id, error)
        return make(row, job_id, as_of)


def _values_of(name: str, run: Run) -> list[Any]:
    return list(run.values_of(name))


class RunList(LazyList, Shown):
    """A list of ``Run`` objects, each made when it is taken out: a hundred thousand take most of a second.

    Args:
        items: Runs, and numbers of rows (``numpy.intp``) of runs that are not made yet.
        rows: Rows of the catalogue, to which the numbers refer.
        make: A function that makes the run of a row.
        nothing: A function that describes what the project has, for an empty list that is printed.
    """

    def __init__(
        self,
        items: Iterable[Any],
        rows: NDArray[Any],
        make: Callable[[np.void], Run],
        nothing: Callable[[], str] | None = None,
    ) -> None:
        super().__init__(items)
        self._rows = rows
        self._make = make
        self._nothing = None if len(self) else nothing
        self._neighbours = Neighbours(self) if len(self) else None

    def _take(self, place: int) -> Any:
        run = super()._take(place)
        if run.neighbours is None and place >= 0:
            if self._neighbours is None or not self._neighbours.are_of(
                self
            ):  # this is a part or a copy of another list
                self._neighbours = Neighbours(self)
            run.neighbours = (self._neighbours, place)
        return run

    def _made(self, item: Any) -> Any:
        return self._make(catalogue.single_row(self._rows, int(item))) if type(item) is np.intp else item

    def __reduce_ex__(self, protocol: Any) -> str | tuple[Any, ...]:
        return (list, (list(self),)) if self._nothing is None else super().__reduce_ex__(protocol)

    def __repr__(self) -> str:
        if len(self) or self._nothing is None:
            return repr(list(self))
        return f"[] ({empty_text(self._nothing)})"

    def _cards(self) -> Iterator[str]:
        if len(self) or self._nothing is None:
            bad = BadRuns()
            rows = (run_row(run, bad) for run in itertools.islice(self, MOST_ROWS))
            yield format_runs(len(self))
            yield table(HEAD, rows, RIGHT, len(self))
        else:
            yield text(empty_text(self._nothing), 4 * MOST_LETTERS)
