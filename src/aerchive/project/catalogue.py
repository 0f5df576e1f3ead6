"""The catalogue of an open project: checked rows, and where the run of an id is."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import FormatError, IntegrityError, NotFoundError
from aerchive.models import catalogue
from aerchive.storage.file import ReadSession, WriteSession
from aerchive.text import fit_text

_NEAR = 3


def read_rows(session: ReadSession | WriteSession, first: int = 0) -> NDArray[Any]:
    """All rows from a number on, deleted runs included.

    Returns:
        Dtype `catalogue.DTYPE`, in the order in which runs were committed.

    Raises:
        IntegrityError: A row is damaged.
        FormatError: The table has other columns.
    """
    table = session.table(layout.CATALOGUE)
    if table.dtype != catalogue.DTYPE:
        raise FormatError(f"{table.where}: has other columns than format version {layout.FORMAT_VERSION} says")
    rows = table.rows(first)
    bad = catalogue.damaged_rows(rows, first)
    if bad:
        raise IntegrityError(
            f"{table.where}: row {bad[0]} is damaged ({len(bad)} in all); "
            "the runs are not affected, and the catalogue can be rebuilt from them"
        )
    return rows


def present(rows: NDArray[Any]) -> NDArray[Any]:
    """The rows of runs that were not deleted."""
    kept: NDArray[Any] = rows[rows["deleted"] == 0]
    return kept


def run_path(row: Any) -> str:
    """Of the group of a row's run."""
    return f"{layout.RUNS}/{catalogue.row_text(row, 'path')}"


def whole_id(session: ReadSession | WriteSession, row: Any) -> str:
    """The job id of a row, asked of its run where the column was too narrow."""
    if not catalogue.is_cut(row, "job_id"):
        return catalogue.row_text(row, "job_id")
    group = session.root.group(run_path(row))
    return str(group.attributes()["job_id"])


def row_number(session: ReadSession | WriteSession, rows: NDArray[Any], job_id: str) -> int | None:
    """The row of the run with exactly this id, or ``None``."""
    key, _ = fit_text(job_id, catalogue.TEXT_COLUMNS["job_id"])
    found = np.flatnonzero((rows["job_id"] == key) & (rows["deleted"] == 0))
    return next((int(number) for number in found if whole_id(session, rows[number]) == job_id), None)


def rows_of_prefix(rows: NDArray[Any], prefix: str) -> list[int]:
    """The rows of the runs whose id begins so."""
    key, _ = fit_text(prefix, catalogue.TEXT_COLUMNS["job_id"])
    matches = np.char.startswith(rows["job_id"], key) & (rows["deleted"] == 0)
    return [int(number) for number in np.flatnonzero(matches)]


def not_found(file: str, job_id: str, known: list[str]) -> NotFoundError:
    """The error for an id that no run has, naming near ones."""
    near = difflib.get_close_matches(job_id, known, n=_NEAR, cutoff=0.5)
    hint = f"; near ones: {', '.join(near)}" if near else f"; the project has {len(known)} runs"
    return NotFoundError(f"{file}: no run with id {job_id!r}{hint}")
