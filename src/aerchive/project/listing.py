"""What a project lists: the rows of its catalogue, and runs that are elsewhere; no run is opened to find one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import FormatError, InvalidInputError
from aerchive.interop.columns import Columns
from aerchive.models import catalogue
from aerchive.project.columns import catalogue_columns
from aerchive.project.query import COLUMNS, NUMBERS, SYNONYMS, Clause, no_column, numbers_of, text_of
from aerchive.project.run import Run
from aerchive.text import decode_text, fit_text

_MOST_NEAR = 2000
"""Ids that are looked at for near ones: comparing two takes tens of microseconds."""


class Listing:
    """All runs as they were at one moment.

    Args:
        file: Of the project, for messages.
        rows: Of the catalogue, deleted runs included.
        hidden: Numbers of rows whose runs are elsewhere as well.
        elsewhere: Runs that are in pending files, still running, or lost with their process.
        make: Makes the run of a row.
    """

    def __init__(
        self,
        file: str,
        rows: NDArray[Any],
        hidden: Sequence[int],
        elsewhere: Sequence[Run],
        make: Callable[[np.void], Run],
    ) -> None:
        self._file = file
        self._make = make
        self._elsewhere = elsewhere
        self._rows = rows
        self._more = np.array([run.row() for run in elsewhere], catalogue.DTYPE)
        present = rows["deleted"] == 0
        present[list(hidden)] = False
        self._present = np.flatnonzero(present)
        self._asked: dict[int, Run] = {}

    def __len__(self) -> int:
        return len(self._present) + len(self._elsewhere)

    def count(self, clause: Clause) -> int:
        """How many runs meet a clause."""
        _, sure, unsure = self._decided(clause)
        return int(np.count_nonzero(sure)) + sum(clause.decide(self._run(place)) for place in unsure)

    def count_by(self, column: str, clause: Clause) -> dict[Any, int]:
        """How many of the runs that meet a clause have each value of a column, the most frequent first.

        Args:
            column: Of the catalogue; of ``tags`` each tag is counted.
            clause: The condition.

        Raises:
            InvalidInputError: There is no such column.
        """
        column = SYNONYMS.get(column, column)
        if column not in ("tags", *COLUMNS):
            why = "each run has a time of its own" if column == "created" else no_column(column)
            raise InvalidInputError(f"cannot count by {column!r}: {why}")
        places = np.fromiter(self._places(clause), np.intp)
        places.sort()
        counts: Counter[Any] = Counter()
        if column in NUMBERS:
            values, absent = self._values(places, column)
            counts.update(values[~absent].tolist())
            counts.update({None: int(np.count_nonzero(absent))} if absent.any() else {})
            return dict(counts.most_common())
        is_cut = self._column(places, "overflow") & np.uint32(catalogue.OVERFLOW[column]) != 0
        raw = Counter(self._column(places, column)[~is_cut].tolist())
        whole = [self._run(place).column(column) for place in places[is_cut].tolist()]
        for value, number in [*((text_of(text, column), n) for text, n in raw.items()), *((v, 1) for v in whole)]:
            counts.update(dict.fromkeys(value, number) if column == "tags" else {value: number})
        return dict(counts.most_common())

    def rows(self, clause: Clause) -> NDArray[Any]:
        """Rows of the runs that meet a clause, in order of submission.

        Returns:
            Dtype `catalogue.DTYPE`; a copy.
        """
        return self._taken(np.fromiter(self._places(clause), np.intp))

    def _taken(self, places: NDArray[np.intp]) -> NDArray[Any]:
        inside = places < len(self._rows)
        rows = np.empty(len(places), catalogue.DTYPE)
        rows[inside] = self._rows[places[inside]]
        rows[~inside] = self._more[places[~inside] - len(self._rows)]
        return rows

    def columns(self, clause: Clause) -> Columns:
        """The catalogue of the runs that meet a clause, oldest first; only texts that it cuts are asked of the runs."""
        places = list(self._places(clause))
        return catalogue_columns(self._taken(np.array(places, np.intp)), lambda number: self._run(places[number]))

    def runs(self, clause: Clause, *, sort: str = "created", descending: bool = False) -> Iterator[Run]:
        """The runs that meet a clause, each made when it is taken.

        Args:
            clause: The condition.
            sort: A column of the catalogue; runs that have no value there come last.
            descending: From the newest, or the greatest, down.

        Raises:
            FormatError: A row of the catalogue is not what the format says.
            InvalidInputError: There is no such column.
        """
        return map(self._run, self._places(clause, sort, descending=descending))

    def near(self, job_id: str) -> list[str]:
        """Ids that may be meant by one that no run has: those that begin in the same way, or the latest."""
        ids = np.concatenate([self._rows["job_id"][self._present], self._more["job_id"]])
        key, _ = fit_text(job_id[:3], ids.dtype.itemsize)
        alike = ids[np.strings.startswith(ids, key)]
        return [decode_text(one) for one in (alike if len(alike) else ids)[-_MOST_NEAR:].tolist()]

    def beginning_with(self, prefix: str) -> list[Run]:
        """The runs whose id begins so."""
        ids = self._rows["job_id"][self._present]
        key, _ = fit_text(prefix, ids.dtype.itemsize)
        found = [self._run(int(place)) for place in self._present[np.strings.startswith(ids, key)]]
        return [run for run in (*found, *self._elsewhere) if run.job_id.startswith(prefix)]

    def _places(self, clause: Clause, sort: str = "created", *, descending: bool = False) -> Iterator[int]:
        """Runs of the catalogue by the numbers of their rows, then those elsewhere."""
        places, sure, _ = self._decided(clause)
        order = self._order(places, sort, descending=descending)
        for place, is_sure in zip(places[order].tolist(), sure[order].tolist(), strict=True):
            if is_sure or clause.decide(self._run(place)):
                yield place

    def _decided(self, clause: Clause) -> tuple[NDArray[np.intp], NDArray[np.bool_], list[int]]:
        """Places that may meet a clause; which surely do; those of the others."""
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
        """A column, and where it has no value."""
        if column not in NUMBERS:
            texts = self._column(places, column)
            return texts, texts == b""
        inside = places[places < len(self._rows)]
        parts = (
            numbers_of(self._rows, column, inside),
            numbers_of(self._more, column, places[len(inside) :] - len(self._rows)),
        )
        values, absent = (np.concatenate(both) for both in zip(*parts, strict=True))
        return values, absent

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
            return self._elsewhere[place - len(self._rows)]
        if place not in self._asked:
            self._asked[place] = self._make(catalogue.single_row(self._rows, place))
        return self._asked[place]
