"""Writing captured runs into an open project: groups, catalogue rows, labels."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import AlreadyExistsError, NotFoundError
from aerchive.models import catalogue
from aerchive.models.cells import cells_of
from aerchive.models.labels import Author
from aerchive.models.run import RunRecord, conflict_id
from aerchive.models.shown import shown_attributes
from aerchive.project.catalogue.deletions import note_deletions
from aerchive.project.catalogue.table import Catalogue, run_path
from aerchive.project.documents.draft import RunDraft
from aerchive.project.documents.record import plot_of, read_own_record
from aerchive.project.documents.unite import renamed_conflict, united
from aerchive.project.label_clock import label_clock
from aerchive.project.writing.catalogue import CatalogueWriter
from aerchive.storage.chunks.drafts import GroupDraft, ObjectDraft
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.sessions import WriteSession
from aerchive.text import fit_text
from aerchive.times import to_microseconds

_MOST_LOOKED_AT = 1000
"""The greatest number of runs among which one with a plot is searched for."""

logger = logging.getLogger("aerchive")


class Written(NamedTuple):
    """The place of a run after it was written.

    Attributes:
        path: Path of the run's group.
        job_id: Job id of the run; it differs from the draft's if the run was kept beside another result.
    """

    path: str
    job_id: str


def write_drafts(
    session: WriteSession,
    drafts: Iterable[RunDraft],
    authors: Mapping[str, Author] | None = None,
    *,
    keeps_conflicts: bool = False,
) -> list[Written]:
    """Writes runs, and a row of the catalogue for each.

    `aerchive.project.documents.unite` has the rule for job ids that are in the project already.

    Args:
        session: An open session of the project file.
        drafts: The runs, in the order in which they were saved.
        authors: Authors by UUID of the run, for runs that were not saved by this process just now.
        keeps_conflicts: Whether another result of a job in the project is kept under an id of its own, or is an error.

    Returns:
        Path and job id of each run, in the order of ``drafts``.

    Raises:
        AlreadyExistsError: Another result of one of the jobs is in the project, and conflicts are not kept.
    """
    writer = RunWriter(session, authors or {}, keeps_conflicts=keeps_conflicts)
    together: dict[str, RunDraft] = {}
    ids = [writer.take(together, draft) for draft in drafts]
    written = {job_id: writer.write(draft) for job_id, draft in together.items()}
    writer.finish()
    return [written[job_id] for job_id in ids]


def stored_draft(group: GroupReader, row: np.void, known: dict[str, ObjectDraft] | None = None) -> RunDraft:
    """Makes the draft of a run in the project; if it has no circuits, it may have been saved from a Result alone.

    Args:
        group: The group of the run.
        row: The run's row of the catalogue.
        known: Shared objects that were read before, as for `RunDraft.of_group`.
    """
    draft = RunDraft.of_group(group, int(row["nbytes"]), known=known)
    return dataclasses.replace(draft, is_bare=layout.CIRCUITS not in draft.objects)


class RunWriter:
    """Writes the runs of one commit.

    Args:
        session: An open session of the project file.
        authors: As for `write_drafts`.
        keeps_conflicts: As for `write_drafts`.
    """

    def __init__(self, session: WriteSession, authors: Mapping[str, Author], *, keeps_conflicts: bool) -> None:
        self._session = session
        self._authors = authors
        self._keeps_conflicts = keeps_conflicts
        self._rows = Catalogue(session)
        self._folders = _Folders(session)
        self._writer = CatalogueWriter(session, len(self._rows))
        self._numbers: dict[str, int] = {}
        """The latest number that was appended to a path that several runs of this commit want."""
        self._default: str | None = None
        """The latest run that has a plot."""

    def take(self, together: dict[str, RunDraft], draft: RunDraft) -> str:
        """Adds a run to the runs of this commit, united with another one of the same job id.

        Args:
            together: The runs of this commit by job id; the run is added to it.
            draft: The run to add.

        Returns:
            The job id under which the run was added.
        """
        known = together.get(draft.job_id)
        try:
            whole = draft if known is None else united(known, draft, None, self._session.root.file)
        except AlreadyExistsError as error:
            return self.take(together, self._renamed(draft, error))
        together[draft.job_id] = whole
        return draft.job_id

    def write(self, draft: RunDraft) -> Written:
        """Writes a run, or adds its new data to the run that is in the project already."""
        is_moved = draft.run_uuid in self._authors  # it may have been moved before, and kept beside another result
        renamed = self._rows.find(conflict_id(draft.job_id, draft.run_uuid)) if is_moved else None
        found = renamed or self._rows.find(draft.job_id)
        if found is None:
            return Written(self.add(draft), draft.job_id)
        number, row = found
        path = run_path(row[0])
        stored = stored_draft(self._session.root.group(path), row[0])
        if is_moved and stored.run_uuid == draft.run_uuid:  # it is kept: its labels may have been changed since
            return Written(path, stored.job_id)
        try:
            whole = united(stored, draft, self._authors.get(draft.run_uuid) or Author.now(), self._session.root.file)
        except AlreadyExistsError as error:
            return self.write(self._renamed(draft, error))
        if whole is not stored:
            path = self.replace(stored, whole, path, number)
        return Written(path, draft.job_id)

    def add(self, draft: RunDraft) -> str:
        """Writes a run that is not in the project; returns the path of its group."""
        path = self._write_whole(draft)
        self._writer.add(draft.record, path, draft.nbytes)
        return path

    def relabel(self, path: str, number: int, record: RunRecord, nbytes: int) -> None:
        """Replaces the labels of a run, which may give it another id.

        Args:
            path: Path of the run's group.
            number: Number of its row of the catalogue.
            record: Its documents, with its new labels.
            nbytes: Size of its payload before compression, in bytes.
        """
        write_labels(self._session, path, record)
        self.replace_row(path, number, record, nbytes)
        ids = [record.job_id, record.sealed_id]
        self._session.afterwards.append(lambda: label_clock.note(self._session.root.file, ids))

    def _renamed(self, draft: RunDraft, error: AlreadyExistsError) -> RunDraft:
        if not self._keeps_conflicts:
            raise error
        renamed = renamed_conflict(draft)
        logger.warning(
            "%s: another result of job %s is archived already; this one is kept beside it as job %s",
            self._session.root.file,
            draft.job_id,
            renamed.job_id,
        )
        return renamed

    def replace_row(self, path: str, number: int, record: RunRecord, nbytes: int) -> None:
        """Replaces the row of a run in the catalogue; arguments as for `relabel`."""
        self._writer.replace(number, record, path, nbytes)

    def replace(self, stored: RunDraft, whole: RunDraft, path: str, number: int) -> str:
        """Replaces what differs, only labels and attachments or the whole run.

        Args:
            stored: The run in the project.
            whole: What it shall be.
            path: Path of its group.
            number: Number of its row of the catalogue.

        Returns:
            The path of its group now.
        """
        session = self._session
        if whole.datasets is stored.datasets and whole.objects is stored.objects:
            if whole.labels is not stored.labels:
                write_labels(session, path, whole.record)
            for name in whole.attachments.keys() - stored.attachments.keys():
                session.write_attachment(path, name, whole.attachments[name])
        else:
            old, path = path, self._write_whole(whole)
            session.remove(old)
            if stored.run_uuid != whole.run_uuid:
                note_deletions(session, [(stored.run_uuid, to_microseconds(stored.created))])
        self._writer.replace(number, whole.record, path, whole.nbytes)
        session.afterwards.append(lambda: label_clock.note(session.root.file, [whole.job_id]))
        return path

    def _write_whole(self, draft: RunDraft) -> str:
        path = self._write_run(draft)
        if draft.view is not None:
            self._default = path
        for name, one in draft.attachments.items():
            self._session.write_attachment(path, name, one)
        return path

    def finish(self) -> None:
        """Writes the rows of the catalogue, and the columns beside it."""
        self._writer.finish()
        if self._default is not None:
            self._session.put_default(self._default)

    def _write_run(self, draft: RunDraft) -> str:
        session, group = self._session, draft.group
        session.check_room(group.datasets.values(), f"run {draft.job_id}")
        folder = self._folders.take(draft.day)
        wanted = f"{folder}/{draft.group_name}"
        path, self._numbers[wanted] = _free_path(session, wanted, self._numbers.get(wanted, 1))
        return session.write_run(folder, path.rpartition("/")[2], group, draft.run_uuid)


def delete_runs(session: WriteSession, job_ids: Iterable[str], *, notes: bool = True) -> list[str]:
    """Deletes runs from the project: marks their rows as deleted, and moves their groups to the deleted ones.

    A group whose header is damaged stays where it is; compaction leaves it out.

    Args:
        session: An open session of the project file.
        job_ids: Job ids of the runs.
        notes: Whether the deletions are noted; they are not if another project has notes of them.

    Returns:
        The job ids that no run in the project has.
    """
    rows = Catalogue(session)
    missing, gone = [], []
    for job_id in dict.fromkeys(job_ids):
        check_interrupt()
        found = rows.find(job_id)
        if found is None:
            missing.append(job_id)
            continue
        number, row = found
        row["deleted"] = 1
        session.replace_row(layout.CATALOGUE, number, catalogue.seal_row(row, number))
        if session.can_open(run_path(row[0])):
            gone.append((str(session.root.group(run_path(row[0])).run_uuid()), int(row["created_us"][0])))
            session.remove(run_path(row[0]))
    if notes:
        note_deletions(session, gone)
    _renew_default(session, rows.rows())
    if missing:
        rows.check()  # one of them may be in a damaged row
    return missing


def restore_run(session: WriteSession, job_id: str) -> list[str]:
    """Restores a deleted run; with the run of a primitive, the runs beneath it are restored, too.

    Args:
        session: An open session of the project file.
        job_id: Job id of the run; if several deleted runs have it, the one that was saved last is restored.

    Returns:
        The job ids of all runs that were restored.

    Raises:
        AlreadyExistsError: A run with this job id is in the project.
        NotFoundError: No run with this job id was deleted, or a compaction has removed it for good.
    """
    rows = Catalogue(session)
    file = session.root.file
    if rows.find(job_id) is not None:
        raise AlreadyExistsError(f"{file}: run {job_id} is in the project; there is nothing to restore")
    known = rows.rows()
    writer = CatalogueWriter(session, len(rows))
    found = _deleted_groups(session, known, job_id, "job_id")
    if not found:
        raise NotFoundError(
            f"{file}: no run with id {job_id!r} was deleted, or its bytes are gone: compaction gives them back for good"
        )
    back, uuids = [], []
    for number, group in [found[-1], *reversed(_deleted_groups(session, known, job_id, "parent"))]:
        record = read_own_record(session.root.group(f"{layout.DELETED}/{group}"))
        if rows.find(record.job_id) is None:
            path, _ = _free_path(session, run_path(known[number]))
            session.bring_back(group, path)
            row = known[number : number + 1].copy()
            row["deleted"] = 0
            if path != run_path(row[0]):
                row = catalogue.make_row(record, path.removeprefix(f"{layout.RUNS}/"), int(row["nbytes"][0]))
            writer.replace_row(number, row, cells_of(record))
            if session.root.attribute(layout.DEFAULT) is None and session.has(f"{path}/{layout.VIEW}"):
                session.put_default(path)
            back.append(record.job_id)
            uuids.append((record.run_uuid, int(row["created_us"][0])))
    writer.finish()
    note_deletions(session, uuids, is_deleted=False)
    return back


def _deleted_groups(
    session: WriteSession, rows: NDArray[Any], job_id: str, column: Literal["job_id", "parent"]
) -> list[tuple[int, str]]:
    """Finds the deleted runs whose groups are still in the file.

    Args:
        session: An open session of the project file.
        rows: All rows of the catalogue.
        job_id: The job id that the column must have.
        column: The column of the catalogue that is compared.

    Returns:
        Number of the row and name of the group of each run, in the order of the rows.
    """
    if layout.DELETED not in session.root:
        return []
    deleted = session.root.group(layout.DELETED)
    names = [name for name in deleted.names() if name != layout.DELETED_TABLES]
    key, _ = fit_text(job_id, catalogue.TEXT_COLUMNS[column])
    found = []
    for number in np.flatnonzero((rows[column] == key) & (rows["deleted"] == 1)).tolist():
        usual = re.compile(re.escape(run_path(rows[number]).replace("/", "-")) + r"(-[0-9]+)?")
        for name in filter(usual.fullmatch, names):
            group = deleted.group(name)
            if layout.STATUS not in group:  # only a note of another draft of the format
                continue
            record = read_own_record(group)
            wanted = record.job_id if column == "job_id" else record.config.parent
            if wanted == job_id and _is_row_of(record, rows[number]):
                found.append((number, name))
    return found


def _is_row_of(record: RunRecord, row: Any) -> bool:
    """Whether a deleted run had this row: several runs may have had the same path, one after another."""
    fresh = catalogue.make_row(record, catalogue.row_text(row, "path"), int(row["nbytes"]))[0]
    return all(fresh[name] == row[name] for name in ("created_us", "outcome", "name", "tags", "message"))


def write_labels(session: WriteSession, path: str, record: RunRecord) -> None:
    """Replaces the labels of a run, and its shown attributes, which repeat them.

    Args:
        session: An open session of the project file.
        path: Path of the run's group.
        record: The documents of the run, with its new labels.
    """
    session.replace_group(path, layout.LABELS, GroupDraft(record.labels.to_attributes(), mutable=True), record.run_uuid)
    session.put_shown(path, shown_attributes(record, plot_of(session.root.group(path))))


def _free_path(session: WriteSession, wanted: str, number: int = 1) -> tuple[str, int]:
    """Returns a path that is not in use, and its number.

    Args:
        session: An open session of the project file.
        wanted: The path that is returned if it is not in use, with the number 1; else a number is appended to it.
        number: The number from which on numbers are tried.
    """
    path = wanted if number == 1 else f"{wanted}.{number}"
    while session.has(path):
        number += 1
        path = f"{wanted}.{number}"
    return path, number


def _renew_default(session: WriteSession, rows: NDArray[Any]) -> None:
    """Lets the root lead viewers to the run with a plot that was saved last, if the one that it names is gone."""
    path = session.root.attribute(layout.DEFAULT)
    if path is None or session.has(str(path)):
        return
    paths = (run_path(row) for row in rows[::-1][:_MOST_LOOKED_AT] if not row["deleted"])
    session.put_default(next((one for one in paths if session.has(f"{one}/{layout.VIEW}")), None))


class _Folders:
    """The folders into which a commit writes runs, each searched for only once.

    Args:
        session: An open session of the project file.
    """

    def __init__(self, session: WriteSession) -> None:
        self._session = session
        self._room: dict[str, tuple[str, int]] = {}

    def take(self, day: str) -> str:
        """Returns a folder with room for one more run of a day."""
        folder, room = self._room.get(day, ("", 0))
        if not room:
            folder = self._with_room(day)
            room = layout.RUNS_PER_FOLDER - (self._session.count_members(folder) or 0)
        self._room[day] = folder, room - 1
        return folder

    def _with_room(self, day: str) -> str:
        """Finds the first folder with room by bisection, because a day may have hundreds of full folders."""
        if not self._is_full(day, 0):
            return _folder(day, 0)
        full, free = 0, 1
        while self._is_full(day, free):
            full, free = free, 2 * free
        while free - full > 1:
            middle = (full + free) // 2
            full, free = (middle, free) if self._is_full(day, middle) else (full, middle)
        return _folder(day, free)

    def _is_full(self, day: str, part: int) -> bool:
        return (self._session.count_members(_folder(day, part)) or 0) >= layout.RUNS_PER_FOLDER


def _folder(day: str, part: int) -> str:
    return f"{layout.RUNS}/{day}.{part:03d}" if part else f"{layout.RUNS}/{day}"
