"""Comparison of the columns beside the catalogue with the runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from aerchive.models import catalogue
from aerchive.models.cells import ABSENT, IN_RUN_FORM, ONLY_IN_RUN, cells_of, form_of, in_columns, make_cell
from aerchive.models.run import RunRecord
from aerchive.project.catalogue.cells import CellColumns, read_columns
from aerchive.storage.sessions import ReadSession


class CellsCheck:
    """The columns of one state of a project.

    Args:
        session: An open session of the project file; ``None``: there are no columns that can be read, so none is
            compared.

    Raises:
        IntegrityError: A column is damaged.
        FormatError: A column does not follow the format.
    """

    def __init__(self, session: ReadSession | None = None) -> None:
        self._columns: CellColumns | None = None
        if session is not None:
            self._columns = read_columns(session, lambda _name: True)

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
        wanted = in_columns(cells)
        is_left_out = len(wanted) < len(cells)
        differing = []
        for name in {**self._columns, **wanted}:
            form = None
            if name in wanted:
                form = IN_RUN_FORM if wanted[name] is ONLY_IN_RUN else form_of(wanted[name])
            found = [column for column in self._columns.get(name, ()) if number < len(column.rows)]
            given = [column for column in found if column.rows["given"][number] != ABSENT]
            if form is None or not any(column.form == form for column in self._columns.get(name, ())):
                is_left_out |= form is not None
                is_right = not given
            else:
                cell = make_cell(form, wanted[name], number)[0]
                is_right = [column.form for column in given] == [form] and bool(
                    np.array_equal(given[0].rows[number : number + 1].view(np.uint8), cell.reshape(1).view(np.uint8))
                )
            differing += [] if is_right else [name]
        if is_left_out and not int(row["overflow"]) & catalogue.CELLS_LEFT_OUT:
            differing.append("values for which there is no column")
        if differing:
            yield f"{where}: columns beside the catalogue differ from it: {', '.join(differing)}"
