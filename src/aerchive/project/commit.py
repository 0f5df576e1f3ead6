"""Writing captured runs into an open project: groups, catalogue rows, labels."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import AlreadyExistsError, NotFoundError
from aerchive.models import catalogue
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.models.run import RunRecord
from aerchive.project.author import author
from aerchive.project.catalogue import Catalogue, has_data, not_found, present, run_path
from aerchive.project.draft import RunDraft
from aerchive.project.record import read_record
from aerchive.storage.file import WriteSession
from aerchive.storage.nodes import DatasetDraft, GroupDraft
from aerchive.storage.transfer import dataset_drafts
from aerchive.text import fit_text

_PIECE_BYTES = 16 * 1024 * 1024
"""So much is compared at a time."""
_WITHOUT_DATA = frozenset({"lost", "running"})


def write_drafts(session: WriteSession, drafts: Sequence[RunDraft]) -> list[str]:
    """Writes runs, and a row of the catalogue for each.

    A run that is in the project already gets the new labels in addition; if it was taken for lost, it gets its data.

    Returns:
        The path of each run's group.
    """
    rows = Catalogue(session)
    folders = _Folders(session)
    fresh: list[NDArray[Any]] = []
    made: dict[str, str] = {}
    paths = []
    for draft in drafts:
        found = None if draft.job_id in made else rows.find(draft.job_id)
        if draft.job_id in made:  # the same job once more
            path = made[draft.job_id]
        elif found is None:
            path = made[draft.job_id] = _write_run(session, draft, folders)
            fresh.append(_row(draft.record, path, draft.nbytes, len(rows) + len(fresh)))
        else:
            path = _write_again(session, draft, folders, *found)
        paths.append(path)
    if fresh:
        session.append_rows(layout.CATALOGUE, np.concatenate(fresh))
    return paths


def adopt_drafts(session: WriteSession, drafts: Iterable[RunDraft]) -> None:
    """Writes runs of a pending file. What is in the project already, or was deleted from it, stays as it is."""
    rows = Catalogue(session)
    deleted = session.attributes_of_members(layout.DELETED, "run_uuid")
    missing = []
    for draft in drafts:
        found = rows.find(draft.job_id)
        if draft.run_uuid in deleted or (found is not None and has_data(found[1][0])):
            continue
        missing.append(draft)
    if missing:
        write_drafts(session, missing)


def write_labels(session: WriteSession, job_id: str, change: LabelChange) -> None:
    """Changes the labels that a run has in the file, in its group and in the catalogue, if they become other ones.

    Raises:
        NotFoundError: The catalogue does not know the run.
    """
    rows = Catalogue(session)
    found = rows.find(job_id)
    if found is None:
        known = present(rows.rows())  # says so if it may be in a damaged row
        raise not_found(session.root.file, job_id, [catalogue.row_text(row, "job_id") for row in known])
    number, row = found
    path = run_path(row[0])
    record = read_record(session.root.group(path))
    labels = change.apply(record.labels, author())
    if labels is not record.labels:
        _replace_labels(session, record, path, int(row["nbytes"][0]), number, labels)


def delete_runs(session: WriteSession, job_ids: Iterable[str]) -> list[str]:
    """Takes runs out of the project: their rows say so, their groups go among the deleted ones.

    A group whose header is damaged stays where it is; compaction leaves it out.

    Args:
        session: Of the project.
        job_ids: Of the runs.

    Returns:
        Those of which there is none.
    """
    rows = Catalogue(session)
    missing = []
    for job_id in job_ids:
        found = rows.find(job_id)
        if found is None:
            missing.append(job_id)
            continue
        number, row = found
        row["deleted"] = 1
        session.replace_row(layout.CATALOGUE, number, catalogue.seal_row(row, number))
        if session.can_open(run_path(row[0])):
            session.remove(run_path(row[0]))
    if missing:
        rows.check()  # one of them may be in a damaged row
    return missing


def restore_run(session: WriteSession, job_id: str) -> list[str]:
    """Brings a deleted run back, that of a primitive with the runs beneath it.

    Args:
        session: Of the project.
        job_id: Of the run; of several deleted ones, the last that was saved.

    Returns:
        The ids of all that are back.

    Raises:
        AlreadyExistsError: There is a run with this id again.
        NotFoundError: None was deleted, or a compaction has given its space back.
    """
    rows = Catalogue(session)
    file = session.root.file
    if rows.find(job_id) is not None:
        raise AlreadyExistsError(f"{file}: run {job_id} is in the project; there is nothing to restore")
    known = rows.rows()
    found = _deleted_groups(session, known, job_id, "job_id")
    if not found:
        raise NotFoundError(
            f"{file}: no run with id {job_id!r} was deleted, or its bytes are gone: compaction gives them back for good"
        )
    back = []
    for number, group in [found[-1], *reversed(_deleted_groups(session, known, job_id, "parent"))]:
        record = read_record(session.root.group(f"{layout.DELETED}/{group}"))
        if rows.find(record.job_id) is None:
            path = _free_path(session, run_path(known[number]))
            session.bring_back(group, path)
            row = known[number : number + 1].copy()
            row["deleted"] = 0
            if path != run_path(row[0]):
                row = _row(record, path, int(row["nbytes"][0]), number)
            session.replace_row(layout.CATALOGUE, number, catalogue.seal_row(row, number))
            back.append(record.job_id)
    return back


def _deleted_groups(
    session: WriteSession, rows: NDArray[Any], job_id: str, column: Literal["job_id", "parent"]
) -> list[tuple[int, str]]:
    """Rows of deleted runs whose groups are still there, with the names of these, in the order of the rows.

    Args:
        session: Of the project.
        rows: All rows.
        job_id: What the column must say.
        column: Of the catalogue.
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
            if layout.STATUS not in group:  # a compaction left only the note that it was deleted
                continue
            record = read_record(group)
            wanted = record.job_id if column == "job_id" else record.config.parent
            if wanted == job_id and _is_row_of(record, rows[number]):
                found.append((number, name))
    return found


def _is_row_of(record: RunRecord, row: Any) -> bool:
    """Whether a deleted run had this row: the same path may have been given to several, one after another."""
    fresh = catalogue.make_row(record, catalogue.row_text(row, "path"), int(row["nbytes"]))[0]
    return all(fresh[name] == row[name] for name in ("created_us", "outcome", "name", "tags", "message"))


def _write_again(session: WriteSession, draft: RunDraft, folders: _Folders, number: int, row: NDArray[Any]) -> str:
    old_path = run_path(row[0])
    record = read_record(session.root.group(old_path))
    if record.status.outcome in _WITHOUT_DATA and draft.status.outcome not in _WITHOUT_DATA:
        draft = dataclasses.replace(draft, labels=LabelChange(draft.labels).apply(record.labels))
        path = _write_run(session, draft, folders)
        session.remove(old_path)
        session.replace_row(layout.CATALOGUE, number, _row(draft.record, path, draft.nbytes, number))
        return path
    if draft.is_bare:
        group = session.root.group(old_path)
        check_same(dataset_drafts(group, record.run_uuid), draft, session.root.file)
    labels = LabelChange(draft.labels).apply(record.labels, author())
    if labels is not record.labels:
        _replace_labels(session, record, old_path, int(row["nbytes"][0]), number, labels)
    return old_path


def check_same(before: Mapping[str, DatasetDraft], draft: RunDraft, file: str) -> None:
    """Refuses a Result by itself whose job id another Result has: it would be taken for kept, and be lost.

    Args:
        before: What there is of the job id.
        draft: What is to be saved.
        file: The project, for the message.

    Raises:
        AlreadyExistsError: They are not the same.
    """
    if not draft.is_bare:
        return
    names = before.keys() - {layout.INPUTS}
    same = names == draft.datasets.keys() and all(_are_same(before[name], draft.datasets[name]) for name in names)
    if not same:
        raise AlreadyExistsError(
            f"{file}: another result of job {draft.job_id!r} is archived already, and was not replaced; to keep both, "
            "give this one a job id of its own: result.job_id = ..."
        )


def _are_same(one: DatasetDraft, other: DatasetDraft) -> bool:
    """Whether two datasets hold the same bits; one of them may have been rounded when it was written."""
    if one.shape != other.shape or one.attributes.get("dtype") != other.attributes.get("dtype"):
        return False
    if "infidelity" in one.attributes:
        return True
    rows = max(1, _PIECE_BYTES * one.shape[0] // max(1, other.nbytes))
    starts = range(0, one.shape[0], rows)
    return all(one.rows(at, at + rows).tobytes() == other.rows(at, at + rows).tobytes() for at in starts)


def _replace_labels(
    session: WriteSession, record: RunRecord, path: str, nbytes: int, number: int, labels: RunLabels
) -> None:
    draft = GroupDraft(labels.to_attributes(), mutable=True)
    session.replace_group(path, layout.LABELS, draft, record.run_uuid)
    changed = record.model_copy(update={"labels": labels})
    session.replace_row(layout.CATALOGUE, number, _row(changed, path, nbytes, number))


def _row(record: RunRecord, path: str, nbytes: int, number: int) -> NDArray[Any]:
    return catalogue.seal_row(catalogue.make_row(record, path.removeprefix(f"{layout.RUNS}/"), nbytes), number)


def _write_run(session: WriteSession, draft: RunDraft, folders: _Folders) -> str:
    group = draft.to_group()
    session.check_room(group.datasets.values(), f"run {draft.job_id}")
    folder = folders.take(draft.day)
    name = _free_path(session, f"{folder}/{draft.group_name}").rpartition("/")[2]
    return session.write_run(folder, name, group, draft.run_uuid)


def _free_path(session: WriteSession, wanted: str) -> str:
    """A path where nothing is: the wanted one, or numbered."""
    path, number = wanted, 1
    while session.has(path):
        number += 1
        path = f"{wanted}-{number}"
    return path


class _Folders:
    """The folders that a commit writes runs into, each looked for once.

    Args:
        session: Of the project.
    """

    def __init__(self, session: WriteSession) -> None:
        self._session = session
        self._room: dict[str, tuple[str, int]] = {}

    def take(self, day: str) -> str:
        """A folder for one more run of a day."""
        folder, room = self._room.get(day, ("", 0))
        if not room:
            folder = self._with_room(day)
            room = layout.RUNS_PER_FOLDER - (self._session.count_members(folder) or 0)
        self._room[day] = folder, room - 1
        return folder

    def _with_room(self, day: str) -> str:
        """Looked for by halving, for a day may have hundreds of full ones."""
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
