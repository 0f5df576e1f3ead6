"""Changes of the labels of runs, written inside a commit, which also selects the runs to change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from aerchive.models import catalogue
from aerchive.models.cells import cells_of
from aerchive.models.labels import Author, LabelChange
from aerchive.models.run import RunRecord
from aerchive.project.catalogue.conditions import Clause
from aerchive.project.catalogue.rows import RunRows
from aerchive.project.catalogue.table import Catalogue, not_found, run_path
from aerchive.project.documents.record import read_own_record
from aerchive.project.finding.listing import Listing
from aerchive.project.label_clock import label_clock
from aerchive.project.parts import ProjectParts
from aerchive.project.run import Run
from aerchive.project.writing.catalogue import CatalogueWriter
from aerchive.project.writing.runs import write_labels
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.sessions import WriteSession


@dataclass(frozen=True)
class Relabelling:
    """A change of labels, and the selection of the runs to change.

    Attributes:
        change: The change that is made to the labels of each run.
        job_ids: Job ids of the runs; ``None``: all runs that meet the conditions.
        clause: Conditions that the runs must meet; ``None``: no conditions.
        handle: The run object whose method made the change; it reads its documents again after the commit. ``None``:
            the change is not of one run object.
    """

    change: LabelChange
    job_ids: frozenset[str] | None = None
    clause: Clause | None = None
    handle: Run | None = None


def write_relabellings(
    session: WriteSession, changes: Sequence[Relabelling], parts: ProjectParts, unwritten: Collection[str] = ()
) -> list[int]:
    """Makes changes of labels one after another, each for the runs that the session sees at that point.

    The session must not have replaced rows of the catalogue before.

    Args:
        session: An open session of the project file.
        changes: The changes to make, in order.
        parts: The shared state of the project; runs are opened if their rows do not decide a condition.
        unwritten: Job ids of runs that the session writes afterwards; they may be missing in the catalogue.

    Returns:
        The number of runs that each change has changed, in the order of ``changes``.

    Raises:
        NotFoundError: No run has one of the ids.
    """
    if not changes:
        return []
    with parts.file.read_inside(session):
        writer = _LabelWriter(session, parts, unwritten)
        numbers = [writer.apply(change) for change in changes]
    writer.finish()
    return numbers


class _LabelWriter:
    """Writes labels into the groups of runs, and at the end all changed rows of the catalogue."""

    def __init__(self, session: WriteSession, parts: ProjectParts, unwritten: Collection[str]) -> None:
        self._session = session
        self._parts = parts
        self._unwritten = unwritten
        self._catalogue = Catalogue(session)
        self._changed: dict[int, NDArray[Any]] = {}
        self._records: dict[int, RunRecord] = {}
        """The documents of the runs whose parameters were changed, by number of the row."""
        self._job_ids: list[str] = []
        self._author = Author.now()

    def apply(self, one: Relabelling) -> int:
        changed = 0
        for number, row in self._rows_of(one):
            check_interrupt()
            path = run_path(row[0])
            record = read_own_record(self._session.root.group(path))
            labels = one.change.apply(record.labels, self._author)
            if labels is record.labels:
                continue
            changed_record = record.model_copy(update={"labels": labels})
            write_labels(self._session, path, changed_record)
            if one.change.given.params:
                self._records[number] = changed_record
            catalogue.put_labels(row, labels)
            self._changed[number] = row
            self._job_ids.append(record.job_id)
            changed += 1
        return changed

    def finish(self) -> None:
        writer = CatalogueWriter(self._session, len(self._catalogue))
        for number, row in sorted(self._changed.items()):
            record = self._records.get(number)
            writer.replace_row(number, row, None if record is None else cells_of(record))
        writer.finish()
        if self._job_ids:
            file = str(self._parts.path)
            self._session.afterwards.append(lambda: label_clock.note(file, self._job_ids))

    def _rows_of(self, one: Relabelling) -> list[tuple[int, NDArray[Any]]]:
        found = None if one.job_ids is None else self._with_ids(one.job_ids)
        if one.clause is None:
            return list((found or {}).items())
        rows = self._rows()
        numbers = self._listing(rows, one.clause.wants).numbers(one.clause)
        return [(number, rows[number : number + 1].copy()) for number in numbers if found is None or number in found]

    def _with_ids(self, job_ids: Collection[str]) -> dict[int, NDArray[Any]]:
        rows = {}
        for job_id in job_ids:
            found = self._catalogue.find(job_id)
            if found is not None:
                number, row = found
                rows[number] = self._changed.get(number, row)
            elif job_id not in self._unwritten:
                # This raises an error if a row is damaged, which may be that of the run.
                listing = self._listing(self._rows(), lambda _name: False)
                raise not_found(self._session.root.file, job_id, listing.near(job_id), len(listing))
        return rows

    def _rows(self) -> NDArray[Any]:
        rows = self._catalogue.rows()
        if self._changed:
            rows = rows.copy()
            for number, row in self._changed.items():
                rows[number] = row[0]
        return rows

    def _listing(self, rows: NDArray[Any], wanted: Callable[[str], bool]) -> Listing:
        found = RunRows(rows, self._catalogue.cells(wanted))
        return Listing(self._session.root.file, found, (), (), wanted, self._parts.run_of)
