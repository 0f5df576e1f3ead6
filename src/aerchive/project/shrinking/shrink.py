"""Replacing arrays of runs by what computes them again, one run a commit; decision 0047.

A run is computed again first, without a lock. Only if all its arrays and saved numbers come out the same, bit for bit,
the large ones are taken out of it. What is there when the process is killed is a valid project, and calling again goes
on with the runs that are left.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from aerchive import layout
from aerchive.errors import AerchiveError, IntegrityError, ProjectLockedError, TransactionError, WriteError
from aerchive.models.shown import shown_attributes
from aerchive.project.care.verify import LINKED, MUTABLE, Progress
from aerchive.project.catalogue.table import Catalogue, run_path
from aerchive.project.documents.draft import missing_of
from aerchive.project.documents.record import plot_of, read_own_record
from aerchive.project.label_clock import label_clock
from aerchive.project.parts import ProjectParts
from aerchive.project.recomputing import kept
from aerchive.project.recomputing.again import Again, compute, deviations_of
from aerchive.project.recomputing.comparison import Wanted, wanted_of, witness_number
from aerchive.project.recomputing.environment import environment
from aerchive.project.run import Run
from aerchive.project.sharing.payload import without_links
from aerchive.project.shrinking.choice import LeftOut, Saving, candidates
from aerchive.project.shrinking.report import ShrinkReport
from aerchive.project.writing.runs import RunWriter
from aerchive.storage.chunks.drafts import DatasetDraft
from aerchive.storage.chunks.missing import MissingPayload
from aerchive.storage.chunks.witness import values_at, witness_drafts, witness_indices
from aerchive.storage.hdf5.transfer import view_draft
from aerchive.storage.hdf5.verify import GroupVerifier
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.sessions import WriteSession
from aerchive.times import now


def shrink(
    parts: ProjectParts,
    runs: Iterable[Run],
    *,
    min_bytes: int,
    max_seconds: float | None,
    dry_run: bool,
    progress: Progress | None,
) -> ShrinkReport:
    """Replaces large arrays of runs by what computes them again; see `aerchive.Project.shrink`.

    Args:
        parts: The shared state of the project.
        runs: The runs.
        min_bytes: Size of the smallest dataset that is replaced, before compression, in bytes.
        max_seconds: The longest time that a run may take; ``None``: any.
        dry_run: Whether nothing is changed, and no run is tried.
        progress: A function that is called with the work done and the total work, in bytes before compression.
    """
    if not dry_run:
        prepare(parts)
    found, left_out = list[tuple[Run, Saving]](), list[LeftOut]()
    for run, what in candidates(runs, min_bytes, max_seconds):
        if isinstance(what, Saving):
            found.append((run, what))
        elif what is not None:
            left_out.append(what)
    if dry_run:
        return ShrinkReport(str(parts.path), [what for _, what in found], left_out, dry_run=True)
    done, total, shrunk = 0, sum(what.nbytes for _, what in found), list[Saving]()
    for run, what in found:
        check_interrupt()
        reason = _replace(parts, run, what)
        if reason is None:
            shrunk.append(what)
        else:
            left_out.append(LeftOut(what.job_id, what.name, reason))
        done += what.nbytes
        if progress is not None:
            progress(done, total)
    return ShrinkReport(str(parts.path), shrunk, left_out, dry_run=False)


def prepare(parts: ProjectParts) -> None:
    """Prepares a project for commits of single runs.

    Raises:
        TransactionError: A transaction is open.
        ReadOnlyError: The project is open for reading.
    """
    if parts.waiting is not None:
        raise TransactionError(
            f"{parts.path}: a transaction is open, and each run is a commit of its own; end it first"
        )
    parts.prepare_change()


def _replace(parts: ProjectParts, run: Run, what: Saving) -> str | None:
    """Replaces arrays of one run; returns the reason why it stays as it is, or ``None``."""
    try:
        with run.opened() as group:
            wanted = wanted_of(group)
        with kept.making() as folder:
            again = compute(run.place, wanted, parts.bridge, folder, take_resources=False, untrusted=False)
            found = deviations_of(run.place, wanted, again)
            if found:
                return f"it was computed again, and {'; '.join(map(str, found))}"
            witnesses = _witnesses(again, wanted, what.arrays)
            parts.file.commit(lambda session: _write(session, run.job_id, wanted, what.arrays, witnesses), now())
    except (WriteError, ProjectLockedError):  # not because of this run
        raise
    except AerchiveError as error:
        return str(error)
    return None


def _witnesses(again: Again, wanted: Wanted, names: Iterable[str]) -> dict[str, DatasetDraft]:
    drafts: dict[str, DatasetDraft] = {}
    with again.open() as (_, group):
        for name in names:
            what = wanted.datasets[name]
            size = what.nbytes // max(1, what.what.dtype.itemsize)
            indices = witness_indices(what.sha256, size, witness_number(size))
            drafts |= witness_drafts(name, indices, values_at(group, name, wanted.run_uuid, indices))
    return drafts


def _write(
    session: WriteSession,
    job_id: str,
    wanted: Wanted,
    names: tuple[str, ...],
    witnesses: dict[str, DatasetDraft],
) -> None:
    """Takes arrays out of a run, in a commit, and checks that it still has its seal.

    Raises:
        TransactionError: The run was changed or removed meanwhile.
        IntegrityError: Something in the run is not as it was written.
    """
    found = Catalogue(session).find(job_id)
    group = None if found is None else session.root.group(run_path(found[1][0]))
    if found is None or group is None or wanted_of(group).key != wanted.key or any(one not in group for one in names):
        raise TransactionError(f"run {job_id} was changed by another process meanwhile; try again")
    number, row, path = found[0], found[1], run_path(found[1][0])
    before = missing_of(group, wanted.run_uuid) or MissingPayload("", {})
    new = {name: wanted.datasets[name]._replace(is_recomputed=True) for name in names}
    missing = dataclasses.replace(
        before,
        datasets={**before.datasets, **new},
        environment=environment(),
        witnesses={**before.witnesses, **witnesses},
    )
    session.check_room(witnesses.values(), f"the witness of run {job_id}")
    session.replace_group(path, layout.MISSING, missing.draft(), wanted.run_uuid)
    view = view_draft(group, wanted.run_uuid)
    left = without_links(view, names)
    if view is not None and left is None:
        session.remove_group(path, layout.VIEW)
    elif left is not None and left != view:
        session.replace_group(path, layout.VIEW, left, wanted.run_uuid)
    group = session.root.group(path)
    record = read_own_record(group)
    session.put_shown(path, shown_attributes(record, plot_of(group)))
    writer = RunWriter(session, {}, keeps_conflicts=False)
    writer.replace_row(path, number, record, int(row["nbytes"][0]) - sum(one.nbytes for one in new.values()))
    writer.finish()
    session.lighten_run(path, names)
    session.afterwards.append(lambda: label_clock.note(session.root.file, [record.job_id, record.sealed_id]))
    problems = GroupVerifier(session.root.group(path), wanted.run_uuid, session.root).problems(MUTABLE, LINKED)
    if problems:
        raise IntegrityError(f"{'; '.join(problems[:3])}; nothing of the run was changed")
