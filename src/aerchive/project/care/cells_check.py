"""Comparison of the columns beside the catalogue with the runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aerchive import layout
from aerchive.display.text import clean
from aerchive.errors import IntegrityError
from aerchive.models.cells import ABSENT, IN_RUN_FORM, ONLY_IN_RUN, cells_of, form_of, left_out_bit, make_cell
from aerchive.models.run import RunRecord
from aerchive.project.catalogue.cells import CellColumns, read_columns
from aerchive.storage.sessions import ReadSession


class CellsCheck:
    """The columns of one state of a project.

    Args:
        session: An open session of the project file; ``None``: there are no columns that can be read, so none is
            compared.

    Raises:
        IntegrityError: A column is damaged, or has more rows than the catalogue.
        FormatError: A column does not follow the format.
    """

    def __init__(self, session: ReadSession | None = None) -> None:
        self._columns: CellColumns | None = None
        if session is not None:
            number = len(session.table(layout.CATALOGUE))
            columns = read_columns(session, lambda _name: True)
            for name, several in columns.items():
                if any(len(column.rows) > number for column in several):
                    where = session.root.where(layout.COLUMNS)
                    raise IntegrityError(f"{where}: the column of {name!r} has more rows than the catalogue, {number}")
            self._columns = columns

    def problems(self, record: RunRecord, number: int, row: Any, where: str) -> Iterator[str]:
        """Compares the values of a run with those in the columns.

        Args:
            record: The documents of the run.
            number: Number of its row.
            row: Its row of the catalogue.
            where: File and path of the run, for messages.
        """
        if self._columns is None:
            return
        cells = cells_of(record)
        differing = []
        for name in {**self._columns, **cells}:
            columns = [column for column in self._columns.get(name, ()) if number < len(column.rows)]
            given = [column for column in columns if column.rows["given"][number] != ABSENT]
            if name not in cells:
                is_right = not given
            elif not given:
                is_right = bool(int(row["overflow"]) & left_out_bit(name))
            else:
                form = IN_RUN_FORM if cells[name] is ONLY_IN_RUN else form_of(cells[name])
                cell = make_cell(form, cells[name], number).tobytes()
                is_right = [one.form for one in given] == [form] and given[0].rows[number].tobytes() == cell
            differing += [] if is_right else [name]
        if differing:
            yield f"{where}: columns beside the catalogue differ from it: {', '.join(map(clean, differing))}"
