"""The catalogue of an open project: checked rows, and where the run of an id is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.display.text import format_runs
from aerchive.errors import AerchiveError, FormatError, IntegrityError, NotFoundError, UnsafeContentError
from aerchive.models import catalogue
from aerchive.models.status import WITHOUT_DATA
from aerchive.project.catalogue.row_cache import kept_rows
from aerchive.storage.hdf5.table import CHANGES, TableReader, change_of
from aerchive.storage.sessions import ReadSession, WriteSession
from aerchive.text import fit_text, near_texts

_NEAR = 3

Session = ReadSession | WriteSession


def open_table(session: Session) -> TableReader:
    """The catalogue, nothing of it being read.

    Raises:
        IntegrityError: It is missing or cannot be read.
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
    """All rows from a number on, deleted runs included; nothing is kept for the next time.

    Returns:
        Dtype `catalogue.DTYPE`, in the order in which runs were committed.

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
    """The rows of runs that were not deleted."""
    kept: NDArray[Any] = rows[rows["deleted"] == 0]
    return kept


def changes_of(session: Session) -> TableReader | None:
    """The list of added and replaced rows, or ``None`` if there never was one, or it cannot be read."""
    name = layout.CATALOGUE + layout.CHANGES_SUFFIX
    try:
        table = session.table(name)
    except (NotFoundError, FormatError, UnsafeContentError):
        return None
    return table if table.dtype == CHANGES else None


def was_replaced(rows: NDArray[Any], changes: TableReader | None) -> bool:
    """Whether any row of the catalogue is not as it was added.

    Args:
        rows: All of them.
        changes: The list of changes. Its sum goes on over all that was ever written, and is that of the rows as they
            are now only if none was written again.
    """
    last = None if changes is None else changes.last()
    if last is None or not len(last) or not len(rows):
        return False
    return bool(last["crc32"][0] != change_of(0, rows, last[:0])["crc32"][0])


def run_path(row: Any) -> str:
    """Of the group of a row's run."""
    return f"{layout.RUNS}/{catalogue.row_text(row, 'path')}"


def has_data(row: Any) -> bool:
    """Whether a row's run has finished: one that was lost may still turn up."""
    return catalogue.row_text(row, "outcome") not in WITHOUT_DATA


def whole_id(session: Session, row: Any) -> str:
    """The job id of a row, asked of its run where the column was too narrow."""
    if not catalogue.is_cut(row, "job_id"):
        return catalogue.row_text(row, "job_id")
    group = session.root.group(run_path(row))
    return str(group.attributes().get("job_id"))


def row_number(session: Session, rows: NDArray[Any], job_id: str) -> int | None:
    """The row of the run with exactly this id, or ``None``."""
    key, _ = fit_text(job_id, catalogue.TEXT_COLUMNS["job_id"])
    found = np.flatnonzero((rows["job_id"] == key) & (rows["deleted"] == 0))
    return next((int(number) for number in found if whole_id(session, rows[number]) == job_id), None)


def not_found(file: str, job_id: str, known: list[str], number: int | None = None) -> NotFoundError:
    """The error for an id that no run has, naming near ones.

    Args:
        file: Of the project.
        job_id: That was asked for.
        known: Ids that may have been meant.
        number: How many runs there are, if `known` has not all.
    """
    whole = {one[: len(job_id)]: one for one in known}  # the beginning of an id is compared with beginnings
    near = [whole[one] for one in near_texts(job_id, whole, _NEAR)]
    has = len(known) if number is None else number
    hint = f"; near ones: {', '.join(near)}" if near else f"; the project has {format_runs(has)}"
    return NotFoundError(f"{file}: no run with id {job_id!r}{hint}")


class Catalogue:
    """The catalogue as a session sees it.

    Args:
        session: Of the project.

    Raises:
        IntegrityError: The table cannot be read.
        FormatError: It has other columns.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._table = open_table(session)
        self._is_committed = not isinstance(session, WriteSession) or not session.has_new_rows
        self._kept = kept_rows(session.root, self._table)
        self._has_looked = not self._is_committed  # nothing is kept of what is not committed

    def __len__(self) -> int:
        return len(self._table)

    def find(self, job_id: str) -> tuple[int, NDArray[Any]] | None:
        """The run with exactly this id; damaged rows are passed over.

        Returns:
            Number of the row, and the row, shape ``(1,)``; or ``None``.
        """
        key, _ = fit_text(job_id, catalogue.TEXT_COLUMNS["job_id"])
        for number in self._candidates(key):
            row = self._table.rows(number, 1)
            if row["job_id"][0] != key or row["deleted"][0] or catalogue.damaged_rows(row, number):
                continue
            if self._has_id(row[0], job_id):
                return number, row
        return None

    @staticmethod
    def key(job_id: str) -> bytes:
        """A job id as the column has it."""
        return fit_text(job_id, catalogue.TEXT_COLUMNS["job_id"])[0]

    def deleted_ids(self) -> set[bytes]:
        """Job ids of the rows of deleted runs, as the column has them."""
        rows = self.rows()
        return set(rows["job_id"][rows["deleted"] == 1].tolist())

    def _has_id(self, row: np.void, job_id: str) -> bool:
        try:
            return whole_id(self._session, row) == job_id
        except AerchiveError:  # what is wrong with one run keeps nobody from saving another whose long id begins so
            return False

    def _candidates(self, key: bytes) -> list[int]:
        if not self._has_looked:
            self._kept.look(self._table, changes_of(self._session))
            self._has_looked = True
        numbers, known = self._kept.candidates(key)
        if known < len(self._table):  # added by this session
            more = self._table.rows(known)["job_id"]
            numbers += [known + int(number) for number in np.flatnonzero(more == key)]
        return numbers

    def check(self) -> None:
        """Looks whether rows are damaged, so that something may be missing.

        Raises:
            IntegrityError: A row is damaged; the message says how to make the catalogue anew.
        """
        _refuse_damage(self._session, self._table, self._kept.damaged)

    def rows(self) -> NDArray[Any]:
        """All rows, deleted runs included.

        Returns:
            Dtype `catalogue.DTYPE`, in the order in which runs were committed; read-only.

        Raises:
            IntegrityError: A row is damaged.
        """
        if not self._is_committed:
            return read_rows(self._session)
        rows = self._kept.rows(self._table, changes_of(self._session))
        self._has_looked = True
        self.check()
        return rows
