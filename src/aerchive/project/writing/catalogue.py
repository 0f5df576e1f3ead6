"""Writing rows of the catalogue, and of the columns beside it, in step with the runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import IntegrityError
from aerchive.models import catalogue
from aerchive.models.cells import (
    ABSENT,
    IN_RUN_FORM,
    ONLY_IN_RUN,
    Form,
    cells_of,
    empty_cell,
    form_of,
    in_columns,
    left_out_bit,
    make_cell,
    seal_cell,
)
from aerchive.models.run import RunRecord
from aerchive.project.catalogue.cells import column_attributes, dataset_name, read_column
from aerchive.project.catalogue.row_cache import known_columns
from aerchive.storage.sessions import ReadSession, WriteSession


class CatalogueWriter:
    """Writes rows in one commit: new ones together at the end, replaced ones at once.

    Args:
        session: An open session of the project file.
        length: Number of rows of the catalogue.
    """

    def __init__(self, session: WriteSession, length: int) -> None:
        self._session = session
        self._length = length
        self._fresh: list[NDArray[Any]] = []
        self._cells: dict[tuple[str, Form], dict[int, NDArray[Any]]] = {}
        self._columns: dict[tuple[str, Form], str] | None = None
        self._is_damaged = False

    def add(self, record: RunRecord, path: str, nbytes: int) -> None:
        """Adds the row of a new run, which `finish` writes.

        Args:
            record: The documents of the run.
            path: Path of the run's group.
            nbytes: Size of the payload before compression, in bytes.
        """
        self.add_row(catalogue.make_row(record, path.removeprefix(f"{layout.RUNS}/"), nbytes), cells_of(record))

    def add_row(self, row: NDArray[Any], cells: Mapping[str, Any], *, is_part: bool = False) -> None:
        """Adds a row that is known already; its number may be another one now.

        Args:
            row: The row, shape ``(1,)``.
            cells: The values of its run.
            is_part: Whether the run has further values, which it must be asked for.
        """
        number = self._length + len(self._fresh)
        self._put(row, cells, number, is_new=True)
        if is_part:
            row["overflow"] |= np.uint32(catalogue.LEFT_OUT)
        self._fresh.append(catalogue.seal_row(row, number))

    def replace(self, number: int, record: RunRecord, path: str, nbytes: int) -> None:
        """Replaces the row of a run; arguments as for `add`, and the number of the row."""
        row = catalogue.make_row(record, path.removeprefix(f"{layout.RUNS}/"), nbytes)
        self.replace_row(number, row, cells_of(record))

    def replace_row(self, number: int, row: NDArray[Any], cells: Mapping[str, Any] | None) -> None:
        """Replaces a row, and the values of its run in all columns; ``None``: these have not changed."""
        if cells is not None:
            self._put(row, cells, number, is_new=False)
        self._session.replace_row(layout.CATALOGUE, number, catalogue.seal_row(row, number))

    def finish(self) -> None:
        """Writes all rows that were added, and all changed values in columns."""
        if self._fresh:
            self._session.append_rows(layout.CATALOGUE, np.concatenate(self._fresh))
            self._fresh = []
        for (name, form), cells in self._cells.items():
            for first, rows in _pieces(cells):
                self._session.put_cells(self._known[name, form], first, rows)
        self._cells = {}

    @property
    def _known(self) -> dict[tuple[str, Form], str]:
        """The datasets of the columns that there are, by name and form of the values.

        If one cannot be read, there is none: no run is lost because of damage beside the catalogue. The rows then say
        that their values are left out, and questions refuse the damage until the columns are made anew.
        """
        if self._columns is None:
            try:
                self._columns = {(one.name, one.form): one.dataset for one in known_columns(self._session)}
            except IntegrityError:
                self._columns, self._is_damaged = {}, True
        return self._columns

    def _put(self, row: NDArray[Any], cells: Mapping[str, Any], number: int, *, is_new: bool) -> None:
        """Notes the values of a run; the row says if there is no column for one of them."""
        kept = in_columns(cells)
        left_out = cells.keys() - kept.keys()
        given = set()
        for name, value in kept.items():
            form = IN_RUN_FORM if value is ONLY_IN_RUN else form_of(value)
            if not self._has_column(name, form):
                left_out.add(name)
                continue
            given.add((name, form))
            self._cells.setdefault((name, form), {})[number] = make_cell(form, value, number)
        for key in () if is_new else self._known.keys() - given:
            if self._is_given(key, number):
                self._cells.setdefault(key, {})[number] = empty_cell(key[1], number)
        row["overflow"] &= ~np.uint32(catalogue.LEFT_OUT)
        for name in left_out:
            row["overflow"] |= np.uint32(left_out_bit(name))

    def _has_column(self, name: str, form: Form) -> bool:
        if (name, form) in self._known:
            return True
        if self._is_damaged or len(self._known) >= layout.MOST_COLUMNS:
            return False
        dataset = dataset_name(name, self._known.values())
        self._session.add_column(dataset, form.row_dtype, column_attributes(name, form))
        self._known[name, form] = dataset
        return True

    def _is_given(self, key: tuple[str, Form], number: int) -> bool:
        """Whether a run has a value in a column now, or was given one in this commit."""
        if number in self._cells.get(key, {}):
            return True
        table = self._session.column(self._known[key])
        return number < len(table) and bool(table.rows(number, 1)["given"][0] != ABSENT)


def copy_columns(session: ReadSession, target: WriteSession, kept: NDArray[np.intp]) -> None:
    """Copies the columns beside the catalogue into a new file, whose catalogue has only some of the rows.

    Args:
        session: An open session of the file.
        target: An open session of the new file, which has no columns.
        kept: Numbers of the rows that are kept, in order.

    Raises:
        IntegrityError: A column is damaged.
    """
    for column in known_columns(session):
        found = read_column(session, column)
        rows = np.zeros(len(kept), found.form.row_dtype)
        inside = kept < len(found.rows)
        rows[inside] = found.rows[kept[inside]]
        given = np.flatnonzero(rows["given"] != ABSENT)
        if not len(given):
            continue
        rows = rows[: given[-1] + 1]
        rows[np.flatnonzero(rows["given"] == ABSENT)] = np.zeros(1, rows.dtype)
        for number in given.tolist():
            seal_cell(rows[number : number + 1], number)
        target.add_column(column.dataset, found.form.row_dtype, column_attributes(column.name, found.form))
        target.put_cells(column.dataset, 0, rows)


def _pieces(cells: Mapping[int, NDArray[Any]]) -> list[tuple[int, NDArray[Any]]]:
    """Joins rows that follow one another: the number of the first row, and the rows."""
    numbers = sorted(cells)
    starts = [at for at, number in enumerate(numbers) if not at or numbers[at - 1] != number - 1]
    return [
        (numbers[at], np.concatenate([cells[number] for number in numbers[at:stop]]))
        for at, stop in zip(starts, [*starts[1:], len(numbers)], strict=True)
    ]
