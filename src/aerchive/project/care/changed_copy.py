"""Copies of a project in which something of each run is changed.

Anonymous copies have no personal facts, deleted runs and earlier labels (``docs/decisions/0021``); copies for an older
Qiskit have their circuits in an older version of QPY (``docs/decisions/0025``). Each run is written as a draft of the
stored one, and chunks are copied as they are. The copy then proves that the nodes that are not changed have the digests
that they had before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import CommittedError, IntegrityError, UncertainError, WriteError
from aerchive.models.labels import RunLabels
from aerchive.project.care.verify import LINKED, MUTABLE, Progress
from aerchive.project.catalogue.deleted import DeletedRuns
from aerchive.project.catalogue.table import present, read_rows, run_path
from aerchive.project.documents.anonymise import Anonymiser
from aerchive.project.documents.draft import RunDraft
from aerchive.project.documents.record import read_labels
from aerchive.project.location import is_gone
from aerchive.project.spooling.spools import Spools, drafts_of
from aerchive.project.writing.runs import stored_draft, write_drafts
from aerchive.storage.chunks.drafts import ObjectDraft
from aerchive.storage.file import LockedFile, ProjectFile
from aerchive.storage.hdf5.cached_group import Folders
from aerchive.storage.hdf5.objects import LinkedObjects
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.hdf5.transfer import attachment_drafts
from aerchive.storage.hdf5.verify import GroupVerifier
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.sessions import ReadSession
from aerchive.storage.spools.run_group import SpooledRun
from aerchive.times import now

_TOGETHER = 64
"""Number of runs that are read in one session and written in one commit: their documents are in memory."""
_HISTORY = "history"
_TEXTS = ("name", "tags", "notes", "params")


class Changes(NamedTuple):
    """What is changed in a copy.

    Attributes:
        anonymous: Whether personal facts, attachments and earlier labels are left out.
        rewrite: A function that makes the draft of each shared object of a run anew, or ``None``.
    """

    anonymous: bool
    rewrite: Callable[[ObjectDraft], ObjectDraft] | None

    @property
    def nodes(self) -> set[str]:
        """Names of the nodes of a run that differ in the copy."""
        documents = (
            {layout.CONFIG, layout.STATUS, layout.LABELS, layout.PROVENANCE, layout.ATTACHMENTS, layout.VIEW}
            if self.anonymous
            else set()
        )
        return documents | ({layout.CIRCUITS, layout.TARGET} if self.rewrite is not None else set())


def copy_changed(
    file: ProjectFile, target: Path, spools: Spools, progress: Progress | None, changes: Changes
) -> ProjectFile:
    """Copies a project with changes, without its deleted runs; see `aerchive.Project.copy`.

    Args:
        file: The project file.
        target: The new file.
        spools: The spools of the project; the finished runs in them are copied, too.
        progress: A function that is called with the work done and the total work.
        changes: What is changed.
    """
    with file.rewritten(target, now()) as (held, new):
        spooled = [run for run in spools.runs() if not is_gone(run)]
        with held.read() as session:
            deleted = DeletedRuns(session)
            spooled = [run for run in spooled if not deleted.has(run.head.run_uuid, run.head.created)]
            rows = present(read_rows(session))
        change = _change(changes, Anonymiser(names_told(held, rows, spooled)) if changes.anonymous else None)
        total = int(rows["nbytes"].sum()) + len(rows) + sum(run.head.nbytes + 1 for run in spooled)
        done = 0
        for some in _parts(rows):
            with held.read() as session:
                _copy_stored(session, new, some, change, changes.nodes)
            done += int(some["nbytes"].sum()) + len(some)
            _tell(progress, done, total)
        for first in range(0, len(spooled), _TOGETHER):
            runs = spooled[first : first + _TOGETHER]
            with drafts_of(runs) as drafts:
                _write(new, map(change, drafts))
            done += sum(run.head.nbytes + 1 for run in runs)
            _tell(progress, done, total)
        with held.read() as session:
            attachments = {} if changes.anonymous else attachment_drafts(session.root)
            if attachments:
                with new.write(now()) as copy:
                    for name, draft in attachments.items():
                        copy.write_attachment("", name, draft)
    return file.sibling(target)


def _change(changes: Changes, anonymiser: Anonymiser | None) -> Callable[[RunDraft], RunDraft]:
    def change(draft: RunDraft) -> RunDraft:
        if changes.rewrite is not None:
            objects = {name: changes.rewrite(one) for name, one in draft.objects.items()}
            draft = dataclasses.replace(draft, objects=objects)
        return draft if anonymiser is None else anonymiser.draft(draft)

    return change


def names_in(file: ProjectFile, spools: Spools, progress: Progress | None = None) -> set[str]:
    """The names of users and machines that a project tells: in changes of labels, and in provenance.

    Args:
        file: The project file.
        spools: The spools of the project.
        progress: A function that is called with the number of runs that were read, and the number of all.
    """
    return names_told(file, _rows(file), [run for run in spools.runs() if not is_gone(run)], progress)


def texts_left_in(file: ProjectFile) -> dict[str, int]:
    """Counts the runs with texts of their user: ``name``, ``tags``, ``notes``, ``params``, ``circuits``."""
    counts = dict.fromkeys((*_TEXTS, layout.CIRCUITS), 0)
    for group in _each(file, _rows(file)):
        labels = _labels(group)
        for kind in _TEXTS:
            counts[kind] += bool(getattr(labels, kind))
        counts[layout.CIRCUITS] += layout.CIRCUITS in group
    return counts


def count_relabelled(file: ProjectFile) -> int:
    """Counts the runs whose labels were changed later, so that earlier ones are still in the file."""
    number = 0
    for group in _each(file, _rows(file)):
        if layout.LABELS in group:
            labels = group.group(layout.LABELS)
            number += labels.attribute(_HISTORY) is not None or f"{layout.LONG_PREFIX}{_HISTORY}" in labels
    return number


def _rows(file: ProjectFile) -> NDArray[np.void]:
    with file.read() as session:
        return present(read_rows(session))


def _parts(rows: NDArray[np.void]) -> Iterator[NDArray[np.void]]:
    return (rows[first : first + _TOGETHER] for first in range(0, len(rows), _TOGETHER))


def _each(file: ProjectFile, rows: NDArray[np.void]) -> Iterator[HDF5Group]:
    """The groups of runs, in several sessions: HDF5 frees what it keeps of the runs when a session ends."""
    for some in _parts(rows):
        with file.read() as session:
            yield from _groups(session, some)


def _groups(session: ReadSession, rows: NDArray[np.void]) -> Iterator[HDF5Group]:
    folders = Folders(session.root)
    for row in rows:
        check_interrupt()
        yield folders.group(run_path(row))


def _labels(group: HDF5Group) -> RunLabels:
    return read_labels(group)[1] if layout.LABELS in group else RunLabels()


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def names_told(
    held: ProjectFile, rows: NDArray[np.void], spooled: Sequence[SpooledRun], progress: Progress | None = None
) -> set[str]:
    """The names of users and machines that runs tell: in changes of labels, and in provenance.

    Args:
        held: The project file.
        rows: The rows of the runs in the catalogue.
        spooled: Runs in spools.
        progress: A function that is called with the number of runs that were read, and the number of all.
    """
    people = {run.head.who for run in spooled}
    found: set[str] = set()
    seen: set[int] = set()
    for number, group in enumerate(_each(held, rows), 1):
        _tell(progress, number, len(rows))
        people |= {change[1] for change in _labels(group).history or () if len(change) > 1}
        if layout.PROVENANCE in group and (address := group.address(layout.PROVENANCE)) not in seen:
            seen.add(address)
            found.add(str(group.group(layout.PROVENANCE).attribute("host")))
    return found | {name for person in people for name in person.rsplit("@", 1)}


def _copy_stored(
    session: ReadSession,
    new: LockedFile,
    rows: NDArray[np.void],
    change: Callable[[RunDraft], RunDraft],
    changed: set[str],
) -> None:
    """Copies runs of the project in one commit, and compares the nodes that stay as they are.

    Raises:
        IntegrityError: A run is damaged or was changed by another program: a new seal would hide that.
    """
    known: dict[str, ObjectDraft] = {}
    nodes: dict[str, dict[str, str]] = {}
    linked = LinkedObjects()

    def drafts() -> Iterator[RunDraft]:
        for group, row in zip(_groups(session, rows), rows, strict=True):
            draft = stored_draft(group, row, known)
            nodes[draft.run_uuid] = verified_nodes(group, draft.run_uuid, session.root, linked, changed)
            yield change(draft)

    _write(new, drafts())
    linked = LinkedObjects()
    with new.read() as copied:
        for group in _groups(copied, read_rows(copied)[-len(rows) :]):
            owner = str(group.run_uuid())
            if verified_nodes(group, owner, copied.root, linked, changed) != nodes[owner]:
                raise IntegrityError(f"{group.where()}: is not what was read; not copied")


def verified_nodes(
    group: HDF5Group, owner: str, root: HDF5Group, linked: LinkedObjects, changed: set[str]
) -> dict[str, str]:
    """Verifies all of a run but its chunks; returns the digests or long texts of the nodes that are kept, by path.

    Args:
        group: The group of the run.
        owner: UUID of the run.
        root: Root group of the file.
        linked: Digests of shared objects that were looked up before.
        changed: Names of nodes of the run that are not returned.

    Raises:
        IntegrityError: The run is not what its seal says.
    """
    verifier = GroupVerifier(group, owner, root, linked)
    problems = list(verifier.problems(MUTABLE, LINKED))
    if problems:
        raise IntegrityError(
            f"{problems[0]}; not copied, because a new seal would hide that: restore the run from a copy, or delete it"
        )
    nodes = {path: digest for path, digest in verifier.nodes.items() if path.partition("/")[0] not in changed}
    for path in nodes:
        parent, _, name = path.rpartition("/")
        if name.startswith(layout.LONG_PREFIX):  # written anew, perhaps in other chunks, which its digest covers
            texts = (group.group(parent) if parent else group).attributes(owner)
            nodes[path] = str(texts[name.removeprefix(layout.LONG_PREFIX)])
    return nodes


def _write(new: LockedFile, drafts: Iterable[RunDraft]) -> None:
    try:
        with new.write(now()) as session:
            write_drafts(session, drafts, keeps_conflicts=True)
    except (CommittedError, UncertainError) as error:
        raise WriteError(f"{new.path}: {error.__cause__} while it was written; there is no copy") from error
