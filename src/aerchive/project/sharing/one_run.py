"""One run of another project, merged into a project: added, united with the same run, or left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from aerchive import layout
from aerchive.errors import IntegrityError
from aerchive.models.label_union import union
from aerchive.models.labels import RunLabels
from aerchive.models.run import conflict_id
from aerchive.models.shown import shown_attributes
from aerchive.project.catalogue.deletions import Deletions, note_deletions
from aerchive.project.documents.draft import RunDraft, missing_of
from aerchive.project.documents.record import plot_of, read_labels, read_own_record
from aerchive.project.documents.unite import lacks
from aerchive.project.sharing.attachments import attached, unite_attachments
from aerchive.project.sharing.report import Tally
from aerchive.project.sharing.target import Found, KnownRuns
from aerchive.project.writing.runs import RunWriter, stored_draft
from aerchive.storage.chunks.drafts import ObjectDraft
from aerchive.storage.chunks.missing import MissingPayload, read_missing
from aerchive.storage.hdf5.cached_group import CachedGroup
from aerchive.storage.hdf5.transfer import dataset_drafts, view_draft
from aerchive.storage.sessions import WriteSession
from aerchive.times import to_microseconds


class Incoming(NamedTuple):
    """A run of the other project.

    Attributes:
        group: Its group.
        row: Its row of the catalogue.
        objects: Shared objects that were read before, as for `RunDraft.of_group`.
        check: A function that is called before anything large of the run is used; it raises an error if the run is not
            to be merged.
    """

    group: CachedGroup
    row: np.void
    objects: dict[str, ObjectDraft]
    check: Callable[[CachedGroup], None]

    @property
    def draft(self) -> RunDraft:
        """Its draft."""
        return stored_draft(self.group, self.row, self.objects)


class RunMerger:
    """Merges runs of another project in one commit.

    Args:
        session: A session of the project that is open for writing.
        known: The runs that the project has.
        deletions: What was deleted in either project.
        tally: What is counted.
        other: Path of the other project, for messages.
    """

    def __init__(self, session: WriteSession, known: KnownRuns, deletions: Deletions, tally: Tally, other: str) -> None:
        self._session = session
        self._known = known
        self._deletions = deletions
        self._tally = tally
        self._other = other
        self._writer = RunWriter(session, {}, keeps_conflicts=True)
        self._added: dict[str, str] = {}
        """UUID of the runs that were added in this commit, by sealed job id."""

    def finish(self) -> None:
        """Writes the rows of the catalogue."""
        self._writer.finish()
        self._tally.is_changed |= any(self._tally.numbers.get(name) for name in ("added", "united", "filled"))

    def take(self, given: Incoming) -> None:
        """Merges one run.

        Args:
            given: The run in the other project.

        Raises:
            IntegrityError: The run is not what its seal says.
        """
        group = given.group
        run_uuid = str(group.run_uuid())
        last = self._deletions.get(run_uuid)
        if last is not None and last.is_deleted:
            self._tally.add("left_out")
            return
        found = self._known.with_uuid(run_uuid, int(given.row["created_us"]))
        if found is not None:
            self._unite(found, given)
            return
        given.check(group)
        draft = given.draft
        sealed_id = draft.record.sealed_id
        rivals = self._known.rivals(sealed_id)
        lost = [one for one in rivals if not read_own_record(one.group).status.has_data]
        if len(rivals) == 1 and (lost or not draft.status.has_data):
            self._settle_lost(rivals[0], draft, group, is_lost_here=bool(lost))
            return
        if rivals or sealed_id in self._added or draft.labels.is_rival:
            draft = self._as_rival(draft, rivals)
        self._add(draft, group)
        self._tally.add("added")

    def _add(self, draft: RunDraft, group: CachedGroup) -> None:
        path = self._writer.add(draft)
        self._added[draft.record.sealed_id] = draft.run_uuid
        self._check_seal(path, group)

    def _check_seal(self, path: str, group: CachedGroup) -> None:
        """Checks that a run that was written has the seal that it had in the other project."""
        before, now = (
            one.group(layout.SEAL).attribute("core_sha256") for one in (group, self._session.root.group(path))
        )
        if before != now:
            raise IntegrityError(
                f"{group.where()}: the digest of the run does not match: something in it was changed, or its layout is "
                "not that of this version"
            )

    # -- another run with the same job id

    def _as_rival(self, draft: RunDraft, rivals: list[Found]) -> RunDraft:
        """Gives all results of one job ids of their own; nothing sealed is changed."""
        sealed_id = draft.record.sealed_id
        for one in rivals:
            record = read_own_record(one.group)
            if not record.labels.is_rival:
                labels = record.labels.model_copy(update={"is_rival": True})
                self._writer.relabel(one.path, one.number, record.relabelled(labels), int(one.row["nbytes"]))
        names = sorted({conflict_id(sealed_id, str(one.group.run_uuid())) for one in rivals})
        mine = conflict_id(sealed_id, draft.run_uuid)
        if rivals:
            self._tally.conflicts.append(
                f"job {sealed_id} has several results, and all are kept: {', '.join(sorted([*names, mine]))}; compare "
                "them, and delete those that are not needed"
            )
        return dataclasses.replace(draft, job_id=mine, labels=draft.labels.model_copy(update={"is_rival": True}))

    def _settle_lost(self, one: Found, draft: RunDraft, group: CachedGroup, *, is_lost_here: bool) -> None:
        """Unites a run with one of the same job that was recorded as lost: the one with data stays."""
        here = stored_draft(one.group, one.row)
        replaces = is_lost_here and (draft.status.has_data or draft.run_uuid < here.run_uuid)
        labels = union(here.labels, draft.labels)
        if replaces:
            whole = dataclasses.replace(draft, labels=labels, attachments={**draft.attachments, **here.attachments})
            path = self._writer.replace(here, whole, one.path, one.number)
            self._check_seal(path, group)
            self._tally.add("filled")
            return
        note_deletions(self._session, [(draft.run_uuid, to_microseconds(draft.created))])
        self._tally.is_changed = True
        self._relabel(one, labels)
        self._tally.add("unchanged" if labels is here.labels else "united")

    # -- the same run

    def _unite(self, found: Found, given: Incoming) -> None:
        is_changed = self._unite_labels(found, given.group)
        is_filled = self._fill(found, given)
        if not is_filled and self._unite_content(found, given):
            return
        here, there = attached(found.group), attached(given.group)
        if here or there:
            given.check(given.group)
            if unite_attachments(self._session, found.path, here, there, self._deletions, self._tally.conflicts):
                self._session.note_row(layout.CATALOGUE, found.number)
                is_changed = True
        self._tally.add("filled" if is_filled else "united" if is_changed else "unchanged")

    def _fill(self, found: Found, given: Incoming) -> bool:
        """Gives a run that was extracted without its payload what the other project has of it."""
        group = given.group
        here = missing_of(found.group, str(found.group.run_uuid()))
        if here is None or _seal(found.group) != _seal(group):
            return False
        run_uuid = str(group.run_uuid())
        there = read_missing(group, run_uuid)
        wanted = here.datasets.keys() - (there.datasets.keys() if there is not None else set())
        if not wanted:
            return self._take_recipes(found, given, here)
        given.check(group)
        drafts = {name: one for name, one in dataset_drafts(group, run_uuid).items() if name in wanted}
        self._session.check_room(drafts.values(), f"run {run_uuid}")
        nodes = self._session.fill_run(found.path, drafts, run_uuid)
        if nodes != {name: here.datasets[name].sha256 for name in wanted}:
            raise IntegrityError(f"{group.where()}: its arrays are not those that the run in this project lacks")
        left = here.without(wanted)
        if left is not None:
            self._session.replace_group(found.path, layout.MISSING, left.draft(), run_uuid)
        else:
            self._session.remove_group(found.path, layout.MISSING)
            view = view_draft(group, run_uuid)
            if view is not None:
                self._session.replace_group(found.path, layout.VIEW, view, run_uuid)
        record = read_own_record(self._session.root.group(found.path))
        self._session.put_shown(found.path, shown_attributes(record, plot_of(self._session.root.group(found.path))))
        nbytes = int(found.row["nbytes"]) + sum(one.nbytes for one in drafts.values())
        self._writer.replace_row(found.path, found.number, record, nbytes)
        return True

    def _take_recipes(self, found: Found, given: Incoming, here: MissingPayload) -> bool:
        """Notes that the run computes again what both projects lack, if only the other one knows that."""
        group = given.group
        run_uuid = str(group.run_uuid())
        there = missing_of(group, run_uuid)
        new = set() if there is None else there.recomputed & (here.datasets.keys() - here.recomputed)
        if there is None or not new:
            return False
        given.check(group)
        missing = dataclasses.replace(
            here,
            datasets={**here.datasets, **{name: there.datasets[name] for name in new}},
            environment=here.environment or there.environment,
            witnesses={**there.witnesses, **here.witnesses},
        )
        self._session.replace_group(found.path, layout.MISSING, missing.draft(), run_uuid)
        record = read_own_record(self._session.root.group(found.path))
        self._writer.replace_row(found.path, found.number, record, int(found.row["nbytes"]))
        return True

    def _unite_labels(self, found: Found, group: CachedGroup) -> bool:
        before, after = (_labels_digest(one) for one in (found.group, group))
        if after is None or before == after:
            return False
        here, there = read_labels(found.group)[1], read_labels(group)[1]
        return self._relabel(found, union(here, there))

    def _relabel(self, found: Found, labels: RunLabels) -> bool:
        record = read_own_record(found.group)
        if labels.to_attributes() == record.labels.to_attributes():
            return False
        self._writer.relabel(found.path, found.number, record.relabelled(labels), int(found.row["nbytes"]))
        return True

    def _unite_content(self, found: Found, given: Incoming) -> bool:
        """Gives a run what only the other project has of it; returns whether the run was replaced."""
        if _seal(found.group) == _seal(given.group):
            return False
        here, there = stored_draft(found.group, found.row), given.draft
        if bool(here.config.anonymised) != bool(there.config.anonymised):
            return False  # one of them is without personal facts, on purpose
        if lacks(here, there) and not lacks(there, here):
            given.check(given.group)
            labels = union(here.labels, there.labels)
            whole = dataclasses.replace(there, labels=labels, attachments=here.attachments)
            path = self._writer.replace(here, whole, found.path, found.number)
            self._check_seal(path, given.group)
            self._tally.add("united")
            return True
        if lacks(there, here) and not lacks(here, there):
            return False
        self._tally.conflicts.append(
            f"run {read_own_record(found.group).job_id} is another one in {self._other}, although it has the same "
            "UUID; it stays as it is here"
        )
        return False


def _seal(group: CachedGroup) -> object:
    return group.group(layout.SEAL).attribute("core_sha256")


def _labels_digest(group: CachedGroup) -> object:
    return group.group(layout.LABELS).attribute("sha256") if layout.LABELS in group else None
