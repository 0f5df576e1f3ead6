"""Changes of the labels of runs, written inside a commit, where it is also decided which runs they are for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.models import catalogue
from aerchive.models.labels import LabelChange
from aerchive.project.catalogue.conditions import Clause
from aerchive.project.catalogue.table import Catalogue, not_found, run_path
from aerchive.project.documents.record import read_labels
from aerchive.project.finding.listing import Listing
from aerchive.project.run import Run
from aerchive.project.writing.author import author
from aerchive.storage.chunks.drafts import GroupDraft
from aerchive.storage.file import ProjectFile
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.sessions import WriteSession


@dataclass(frozen=True)
class Relabelling:
    """A change of labels, and the runs that it is for.

    Attributes:
        change: Of the labels of each.
        job_ids: Ids of the runs; ``None``: all that meet the conditions.
        clause: Conditions that the runs must meet; ``None``: none.
        handle: The one run that was changed by a method of its own; it reads its documents again after the commit.
    """

    change: LabelChange
    job_ids: frozenset[str] | None = None
    clause: Clause | None = None
    handle: Run | None = None


def write_relabellings(
    session: WriteSession,
    changes: Sequence[Relabelling],
    file: ProjectFile,
    make: Callable[[np.void, str | None], Run],
    unwritten: Collection[str] = (),
) -> list[int]:
    """Changes labels one after another, each for the runs that the session sees then.

    Nothing may have been replaced in the catalogue by the session before.

    Args:
        session: Of the project.
        changes: To be made, in order.
        file: The project, for runs that must be asked themselves.
        make: Makes the run of a row.
        unwritten: Ids of runs that the session writes afterwards, so they may not be there yet.

    Returns:
        How many runs each of the changes has changed.

    Raises:
        NotFoundError: There is no run with one of the ids.
    """
    if not changes:
        return []
    with file.read_inside(session):
        writer = _LabelWriter(session, make, unwritten)
        numbers = [writer.apply(change) for change in changes]
    writer.finish()
    return numbers


class _LabelWriter:
    """Writes labels into the groups of runs, and at the end all changed rows of the catalogue."""

    def __init__(
        self, session: WriteSession, make: Callable[[np.void, str | None], Run], unwritten: Collection[str]
    ) -> None:
        self._session = session
        self._make = make
        self._unwritten = unwritten
        self._catalogue = Catalogue(session)
        self._changed: dict[int, NDArray[Any]] = {}
        self._author = author()

    def apply(self, one: Relabelling) -> int:
        changed = 0
        for number, row in self._rows_of(one):
            check_interrupt()
            path = run_path(row[0])
            owner, old = read_labels(self._session.root.group(path))
            labels = one.change.apply(old, self._author)
            if labels is old:
                continue
            self._session.replace_group(path, layout.LABELS, GroupDraft(labels.to_attributes(), mutable=True), owner)
            catalogue.put_labels(row, labels)
            self._changed[number] = row
            changed += 1
        return changed

    def finish(self) -> None:
        for number, row in sorted(self._changed.items()):
            self._session.replace_row(layout.CATALOGUE, number, catalogue.seal_row(row, number))

    def _rows_of(self, one: Relabelling) -> list[tuple[int, NDArray[Any]]]:
        found = None if one.job_ids is None else self._with_ids(one.job_ids)
        if one.clause is None:
            return list((found or {}).items())
        rows = self._rows()
        numbers = self._listing(rows).numbers(one.clause)
        return [(number, rows[number : number + 1].copy()) for number in numbers if found is None or number in found]

    def _with_ids(self, job_ids: Collection[str]) -> dict[int, NDArray[Any]]:
        rows = {}
        for job_id in job_ids:
            found = self._catalogue.find(job_id)
            if found is not None:
                number, row = found
                rows[number] = self._changed.get(number, row)
            elif job_id not in self._unwritten:
                listing = self._listing(self._rows())  # says so if the run may be in a damaged row
                raise not_found(self._session.root.file, job_id, listing.near(job_id), len(listing))
        return rows

    def _rows(self) -> NDArray[Any]:
        rows = self._catalogue.rows()
        if self._changed:
            rows = rows.copy()
            for number, row in self._changed.items():
                rows[number] = row[0]
        return rows

    def _listing(self, rows: NDArray[Any]) -> Listing:
        return Listing(self._session.root.file, rows, (), (), self._make)
