"""Writing back arrays that runs compute again, one run a commit; decision 0047."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from aerchive import layout
from aerchive.errors import AerchiveError, IntegrityError, ProjectLockedError, TransactionError, WriteError
from aerchive.models.shown import shown_attributes
from aerchive.project.care.verify import Progress
from aerchive.project.catalogue.table import Catalogue, run_path
from aerchive.project.documents.draft import missing_of
from aerchive.project.documents.record import plot_of, read_own_record
from aerchive.project.label_clock import label_clock
from aerchive.project.parts import ProjectParts
from aerchive.project.recomputing import kept
from aerchive.project.recomputing.again import recomputed
from aerchive.project.recomputing.comparison import wanted_of
from aerchive.project.run import Run
from aerchive.project.shrinking.choice import LeftOut
from aerchive.project.shrinking.report import UnshrinkReport
from aerchive.project.shrinking.shrink import prepare
from aerchive.project.writing.runs import RunWriter
from aerchive.storage.chunks.drafts import DatasetDraft, GroupDraft
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.missing import MissingPayload
from aerchive.storage.hdf5.transfer import dataset_drafts, view_draft
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.sessions import WriteSession
from aerchive.times import now


def unshrink(parts: ProjectParts, runs: Iterable[Run], progress: Progress | None) -> UnshrinkReport:
    """Writes back the arrays that runs compute again; see `aerchive.Project.unshrink`.

    Args:
        parts: The shared state of the project.
        runs: The runs.
        progress: A function that is called with the number of runs done and of all runs.
    """
    prepare(parts)
    chosen = [run for run in runs if run.place.path is not None and run.is_recomputed]
    job_ids, nbytes, left_out = list[str](), 0, list[LeftOut]()
    for number, run in enumerate(chosen, 1):
        check_interrupt()
        try:
            nbytes += _write_back(parts, run)
            job_ids.append(run.job_id)
        except (WriteError, ProjectLockedError):  # not because of this run
            raise
        except AerchiveError as error:
            left_out.append(LeftOut(run.job_id, run.name or "", str(error)))
        if progress is not None:
            progress(number, len(chosen))
    return UnshrinkReport(str(parts.path), job_ids, nbytes, left_out)


def _write_back(parts: ProjectParts, run: Run) -> int:
    """Writes back the arrays of one run; returns their size before compression, in bytes."""
    with run.opened() as group:
        wanted = wanted_of(group)
    again = recomputed(run.place, parts.bridge)

    def write(session: WriteSession) -> int:
        found = Catalogue(session).find(run.job_id)
        group = None if found is None else session.root.group(run_path(found[1][0]))
        if found is None or group is None or wanted_of(group).key != wanted.key:
            raise TransactionError(f"run {run.job_id} was changed by another process meanwhile; try again")
        number, row, path = found[0], found[1], run_path(found[1][0])
        missing = missing_of(group, wanted.run_uuid)
        if missing is None or not missing.recomputed:  # another process was faster
            return 0
        with again.open() as (_, source):
            filled = _fill(session, path, missing, source, wanted.run_uuid)
            left = missing.without(missing.recomputed)
            if left is not None:
                session.replace_group(path, layout.MISSING, left.draft(), wanted.run_uuid)
            else:
                session.remove_group(path, layout.MISSING)
            _renew_view(session, path, source, missing.recomputed, wanted.run_uuid)
        group = session.root.group(path)
        record = read_own_record(group)
        session.put_shown(path, shown_attributes(record, plot_of(group)))
        writer = RunWriter(session, {}, keeps_conflicts=False)
        writer.replace_row(path, number, record, int(row["nbytes"][0]) + filled)
        writer.finish()
        session.afterwards.append(lambda: label_clock.note(session.root.file, [record.job_id, record.sealed_id]))
        return filled

    written = parts.file.commit(write, now())
    kept.forget(wanted.key)
    return written


def _fill(session: WriteSession, path: str, missing: MissingPayload, source: GroupReader, run_uuid: str) -> int:
    """Writes the datasets as they were described, and compares their digests.

    Raises:
        IntegrityError: One has another digest.
    """
    known, drafts = dataset_drafts(source, run_uuid), dict[str, DatasetDraft]()
    for name in missing.recomputed:
        what, draft = missing.datasets[name], known[name]
        packed = draft.packed if draft.packed is not None and draft.packed.chunk == what.chunk else None
        drafts[name] = dataclasses.replace(draft, attributes=dict(what.attributes), packed=packed, chunk=what.chunk)
    session.check_room(drafts.values(), f"the arrays of run {run_uuid}")
    if session.fill_run(path, drafts, run_uuid) != {name: missing.datasets[name].sha256 for name in drafts}:
        raise IntegrityError(f"{source.where()}: the arrays are not those of the run; nothing was written back")
    return sum(missing.datasets[name].nbytes for name in drafts)


def _renew_view(session: WriteSession, path: str, source: GroupReader, names: Iterable[str], run_uuid: str) -> None:
    """Gives a run the plots again that are links to arrays; the others stay."""
    now_, before = view_draft(session.root.group(path), run_uuid), view_draft(source, run_uuid)
    wanted = set(names)
    linked = {} if before is None else {n: one for n, one in before.groups.items() if wanted & set(one.links.values())}
    if linked:
        view = GroupDraft(mutable=True) if now_ is None else now_
        session.replace_group(path, layout.VIEW, dataclasses.replace(view, groups={**linked, **view.groups}), run_uuid)
