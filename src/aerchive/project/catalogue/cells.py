"""The columns beside the catalogue of a file: which there are, and their rows as this process has read them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import FormatError, IntegrityError, NotFoundError, UnsafeContentError
from aerchive.models.cells import (
    ABSENT,
    GIVEN,
    IN_RUN_FORM,
    ONLY_IN_RUN,
    Form,
    damaged_cells,
    form_from,
    form_of,
    make_cell,
    values_of,
)
from aerchive.storage.hdf5.attributes import read_attributes
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.sessions import ReadSession, WriteSession

_MOST_NAME_BYTES = 64
_UNSAFE = re.compile(r"[^!-.0-~ ]+")

Session = ReadSession | WriteSession


class StoredColumn(NamedTuple):
    """A column of a file.

    Attributes:
        dataset: Name of the dataset in the group of columns.
        name: Name of the values, such as ``params.theta``.
        form: The form of the values.
    """

    dataset: str
    name: str
    form: Form


class CellColumn(NamedTuple):
    """A column with its rows.

    Attributes:
        form: The form of the values.
        rows: The rows, shape ``(n,)``, dtype ``form.row_dtype``; runs beyond them have no value.
    """

    form: Form
    rows: NDArray[Any]


CellColumns = Mapping[str, Sequence[CellColumn]]
"""Columns by the name of their values; several of one name have different forms."""


class ColumnCache:
    """The columns of one file as this process has seen them last; the lock of the `RowCache` guards it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], StoredColumn] = {}
        self._rows: dict[tuple[str, int], NDArray[Any]] = {}

    @property
    def nbytes(self) -> int:
        """Memory of the cached rows, in bytes; it may be asked for while another thread reads columns."""
        return sum(rows.nbytes for rows in tuple(self._rows.values()))

    def forget_rows(self) -> None:
        """Reads all rows again with the next question."""
        self._rows = {}

    def columns(self, root: HDF5Group) -> dict[tuple[str, int], StoredColumn]:
        """The columns of a file, by name and address of the dataset.

        Raises:
            IntegrityError: One of them cannot be read, or does not follow the format.
        """
        if layout.COLUMNS not in root:
            return {}
        found = {}
        try:
            group = root.group(layout.COLUMNS)
            for dataset, member in group.members().items():
                key = dataset, member.address
                if key not in self._known:
                    table, where = group.open_table(dataset), group.where(dataset)
                    attributes = read_attributes(table.dsid, where)
                    form = form_from(attributes, table.what.dtype, where)
                    self._known[key] = StoredColumn(dataset, str(attributes["name"]), form)
                found[key] = self._known[key]
        except (FormatError, NotFoundError, UnsafeContentError) as error:
            raise IntegrityError(f"{error}; {_advice(root.file)}") from error
        return found

    def read(self, session: Session, wanted: Callable[[str], bool]) -> dict[str, list[CellColumn]]:
        """Reads the columns of the wanted names.

        Args:
            session: A session that has changed no row.
            wanted: Whether the values of a name are wanted.

        Raises:
            IntegrityError: A row is damaged.
        """
        found: dict[str, list[CellColumn]] = {}
        for key, column in self.columns(session.root).items():
            if wanted(column.name):
                rows = self._rows[key] = _caught_up(session, column, self._rows.get(key))
                found.setdefault(column.name, []).append(CellColumn(column.form, rows))
        return found


def read_columns(session: Session, wanted: Callable[[str], bool]) -> dict[str, list[CellColumn]]:
    """Reads the columns of the wanted names, as the session sees them; nothing is kept."""
    return ColumnCache().read(session, wanted)


def column_attributes(name: str, form: Form) -> dict[str, str]:
    """The attributes of a column of values of this name and form."""
    shape = {"shape": " ".join(map(str, form.shape))} if form.shape else {}
    return {"name": name, "type": form.type, **shape}


def read_column(session: Session, column: StoredColumn) -> CellColumn:
    """Reads one column; nothing is kept.

    Raises:
        IntegrityError: A row is damaged.
    """
    return CellColumn(column.form, _caught_up(session, column, None))


def _caught_up(session: Session, column: StoredColumn, known: NDArray[Any] | None) -> NDArray[Any]:
    """Reads the rows of a column that are not known yet, and returns all."""
    table = session.column(column.dataset)
    known = np.empty(0, column.form.row_dtype) if known is None or len(known) > len(table) else known
    if len(known) == len(table):
        return known
    new = table.rows(len(known))
    if bad := damaged_cells(new, len(known)):
        raise IntegrityError(
            f"{table.where}: row {bad[0]} is damaged ({len(bad)} in all); {_advice(session.root.file)}"
        )
    rows = np.concatenate([known, new])
    rows.flags.writeable = False
    return rows


def _advice(file: str) -> str:
    return (
        "the runs are not affected, and the columns can be made anew from them: "
        f"aerchive recover --rebuild-catalogue {file}"
    )


def cells_at(columns: CellColumns, number: int) -> dict[str, Any]:
    """The values of one run, by name; one that only the run has is `ONLY_IN_RUN`.

    Args:
        columns: All columns.
        number: Number of the run's row.
    """
    found: dict[str, Any] = {}
    for name, several in columns.items():
        for column in several:
            row = column.rows[number : number + 1]
            if len(row) and row["given"][0] != ABSENT:
                found[name] = values_of(column.form, row).tolist()[0] if row["given"][0] == GIVEN else ONLY_IN_RUN
    return found


def columns_of(cells: Sequence[Mapping[str, Any]], wanted: Callable[[str], bool]) -> dict[str, list[CellColumn]]:
    """Makes columns of the values of runs that are not in the file.

    Args:
        cells: The values of each run, by name.
        wanted: Whether the values of a name are wanted.
    """
    forms: dict[tuple[str, Form], list[tuple[int, Any]]] = {}
    for number, values in enumerate(cells):
        for name, value in values.items():
            if wanted(name):
                form = IN_RUN_FORM if value is ONLY_IN_RUN else form_of(value)
                forms.setdefault((name, form), []).append((number, value))
    found: dict[str, list[CellColumn]] = {}
    for (name, form), given in forms.items():
        rows = np.zeros(len(cells), form.row_dtype)
        for number, value in given:
            rows[number] = make_cell(form, value, number)[0]
        found.setdefault(name, []).append(CellColumn(form, rows))
    return found


def dataset_name(name: str, taken: Iterable[str]) -> str:
    """A name for the dataset of a column: that of its values, in printable ASCII without slash, and with a number.

    Args:
        name: Name of the values.
        taken: Names of datasets that there are.
    """
    wanted = _UNSAFE.sub("_", name)[:_MOST_NAME_BYTES].strip() or "_"
    number, found = 1, wanted
    while found in taken:
        number += 1
        found = f"{wanted}.{number}"
    return found
