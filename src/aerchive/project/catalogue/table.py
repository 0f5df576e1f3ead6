"""The catalogue of an open project: checked rows, and the search for the row of a job id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.display.text import format_runs
from aerchive.errors import AerchiveError, FormatError, IntegrityError, NotFoundError, UnsafeContentError
from aerchive.models import catalogue
from aerchive.models.status import WITHOUT_DATA
from aerchive.project.catalogue.cells import CellColumns, read_columns
from aerchive.project.catalogue.row_cache import is_committed, known_columns, row_cache_of
from aerchive.project.documents.record import read_id
from aerchive.storage.hdf5.table import CHANGES, TableReader, change_of
from aerchive.storage.sessions import ReadSession, WriteSession
from aerchive.text import fit_text, near_texts

_NEAR = 3

Session = ReadSession | WriteSession


def open_table(session: Session) -> TableReader:
    """Opens the catalogue without reading any row.

    Raises:
        IntegrityError: The table is missing or cannot be read.
        FormatError: The table has other columns.
    """
    try:
        table = session.table(layout.CATALOGUE)
    except (NotFoundError, IntegrityError) as error:
        raise IntegrityError(f"{error}; {_advice(session.root.file)}") from error
    if table.dtype != catalogue.DTYPE:
        raise FormatError(f"{table.where}: has other columns than format version {layout.FORMAT_VERSION} says")
    return table


def read_rows(session: Session, first: int = 0) -> NDArray[Any]:
    """Reads all rows from row ``first`` on, deleted runs included; the cache is not used.

    Returns:
        The rows, dtype `catalogue.DTYPE`, in the order in which runs were committed.

    Raises:
        IntegrityError: A row is damaged.
        FormatError: The table has other columns.
    """
    table = open_table(session)
    rows = table.rows(first)
    _refuse_damage(session, table, catalogue.damaged_rows(rows, first))
    return rows


def _refuse_damage(session: Session, table: TableReader, bad: list[int]) -> None:
    if bad:
        raise IntegrityError(
            f"{table.where}: row {bad[0]} is damaged ({len(bad)} in all); {_advice(session.root.file)}"
        )


def _advice(file: str) -> str:
    return (
        "the runs are not affected, and the catalogue can be made anew from them: "
        f"aerchive recover --rebuild-catalogue {file}"
    )


def present(rows: NDArray[Any]) -> NDArray[Any]:
    """Selects the rows of runs that were not deleted."""
    kept: NDArray[Any] = rows[rows["deleted"] == 0]
    return kept


def changes_of(session: Session) -> TableReader | None:
    """Opens the list of added and replaced rows; ``None`` if there is no such list, or it cannot be read."""
    name = layout.CATALOGUE + layout.CHANGES_SUFFIX
    try:
        table = session.table(name)
    except (NotFoundError, FormatError, UnsafeContentError):
        return None
    return table if table.dtype == CHANGES else None


def was_replaced(rows: NDArray[Any], changes: TableReader | None) -> bool:
    """Whether any row of the catalogue was replaced after it was added.

    Args:
        rows: All rows of the catalogue.
        changes: The list of changes. Its checksum covers all rows that were ever written, so it equals the checksum of
            the present rows only if no row was written again.
    """
    last = None if changes is None else changes.last()
    if last is None or not len(last) or not len(rows):
        return False
    return bool(last["crc32"][0] != change_of(0, rows, last[:0])["crc32"][0])


def run_path(row: Any) -> str:
    """Path of the group of a row's run."""
    return f"{layout.RUNS}/{catalogue.row_text(row, 'path')}"


def has_data(row: Any) -> bool:
    """Whether a row's run has data; a run that was recorded as lost may still be archived."""
    return catalogue.row_text(row, "outcome") not in WITHOUT_DATA


def whole_id(session: Session, row: Any) -> str:
    """The job id of a row; it is read from the run if the column was too narrow for it."""
    if not catalogue.is_cut(row, "job_id"):
        return catalogue.row_text(row, "job_id")
    return read_id(session.root.group(run_path(row)))


def not_found(file: str, job_id: str, known: list[str], number: int | None = None) -> NotFoundError:
    """Makes the error for an id that no run has; the message names similar ids.

    Args:
        file: Path of the project file.
        job_id: The id that was requested.
        known: Ids that may have been meant.
        number: The number of runs in the project, if ``known`` does not have all ids.
    """
    whole = {one[: len(job_id)]: one for one in known}  # ids are compared by their beginnings
    near = [whole[one] for one in near_texts(job_id, whole, _NEAR)]
    has = len(known) if number is None else number
    hint = f"; near ones: {', '.join(near)}" if near else f"; the project has {format_runs(has)}"
    return NotFoundError(f"{file}: no run with id {job_id!r}{hint}")


class Catalogue:
    """The catalogue as a session sees it.

    Args:
        session: An open session of the project file.

    Raises:
        IntegrityError: The table cannot be read.
        FormatError: The table has other columns.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._table = open_table(session)
        self._is_committed = is_committed(session)
        self._cache = row_cache_of(session.root, self._table)
        self._has_looked = not self._is_committed  # uncommitted rows are not cached

    def __len__(self) -> int:
        return len(self._table)

    def find(self, job_id: str) -> tuple[int, NDArray[Any]] | None:
        """Finds the run with exactly this id; damaged rows are skipped.

        Returns:
            Number of the row, and the row, shape ``(1,)``; ``None`` if there is no such run.
        """
        key = self.key(job_id)
        for number in self._candidates(key):
            row = self._table.rows(number, 1)
            if row["job_id"][0] != key or row["deleted"][0] or catalogue.damaged_rows(row, number):
                continue
            if self._has_id(row[0], job_id):
                return number, row
        return None

    @staticmethod
    def key(job_id: str) -> bytes:
        """A job id as the column ``job_id`` has it, cut to its width."""
        return fit_text(job_id, catalogue.TEXT_COLUMNS["job_id"])[0]

    def deleted_ids(self) -> set[bytes]:
        """Job ids of the rows of deleted runs, as the column ``job_id`` has them."""
        rows = self.rows()
        return set(rows["job_id"][rows["deleted"] == 1].tolist())

    def _has_id(self, row: np.void, job_id: str) -> bool:
        try:
            return whole_id(self._session, row) == job_id
        except AerchiveError:  # a damaged run must not prevent saving another whose long id begins so
            return False

    def _candidates(self, key: bytes) -> list[int]:
        if not self._has_looked:
            self._cache.look(self._table, changes_of(self._session))
            self._has_looked = True
        numbers, known = self._cache.candidates(key)
        if known < len(self._table):  # rows that this session has added
            more = self._table.rows(known)["job_id"]
            numbers += [known + int(number) for number in np.flatnonzero(more == key)]
        return numbers

    def check(self) -> None:
        """Checks whether rows are damaged, so that a run may not have been found.

        Raises:
            IntegrityError: A row is damaged; the message says how to rebuild the catalogue.
        """
        _refuse_damage(self._session, self._table, self._cache.damaged)

    def cells(self, wanted: Callable[[str], bool]) -> CellColumns:
        """Reads columns beside the catalogue, for the rows that `rows` returned before.

        Args:
            wanted: Whether the values of a name are wanted.

        Raises:
            IntegrityError: A column is damaged.
        """
        return self._cache.cells(self._session, wanted) if self._is_committed else read_columns(self._session, wanted)

    def value_names(self) -> list[str]:
        """The names of the values in columns beside the catalogue, with their groups."""
        return [column.name for column in known_columns(self._session)]

    def rows(self) -> NDArray[Any]:
        """Reads all rows, deleted runs included.

        Returns:
            The rows, dtype `catalogue.DTYPE`, in the order in which runs were committed; read-only.

        Raises:
            IntegrityError: A row is damaged.
        """
        if not self._is_committed:
            return read_rows(self._session)
        rows = self._cache.rows(self._table, changes_of(self._session))
        self._has_looked = True
        self.check()
        return rows
