"""Collaborators who work apart: whatever they do, and in whatever order they merge, they end with equal projects."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from aerchive.errors import AlreadyExistsError, NotFoundError
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.project.catalogue.deletions import read_deletions
from aerchive.project.documents.draft import RunDraft
from aerchive.project.documents.record import read_own_record
from aerchive.project.project import Project
from aerchive.storage.chunks.drafts import DatasetDraft
from aerchive.testing.disks import UnsyncedDisk, use_disk
from tests.crash.folders import memory_folder
from tests.drafts import draft_of, project_at
from tests.shares import ALL
from tests.views import project_view

WHO = st.integers(0, 2)
TAGS = st.sampled_from(["a", "b", "c"])
Content = dict[str, dict[str, Any]]
"""What a project has, by UUID of the run."""


def content(project: Project) -> Content:
    """Documents, labels, values, attachments and missing arrays of all runs."""
    found: Content = {}
    if not project.path.exists():
        return found
    view = project_view(project)
    with project.file.read() as session:
        paths = {run.run_uuid: (run.job_id, run.path) for run in project}
        for run_uuid, (job_id, path) in paths.items():
            record, values = view[job_id]
            own = read_own_record(session.root.group(str(path)))
            found[run_uuid] = {
                "id": job_id,
                "record": record.model_copy(update={"labels": RunLabels()}),
                "labels": own.labels.to_attributes(),
                "values": values,
                "seal": project[job_id].core_sha256,
                "missing": project[job_id].missing,
            }
    return found


def attached(number: int) -> np.ndarray[Any, Any]:
    return np.arange(number, number + 3)


def made_draft(number: int) -> RunDraft:
    """A run with an array that an extract without payloads leaves out."""
    big = DatasetDraft([np.arange(number, number + 9000.0)], attributes={"kind": "array"})
    draft = draft_of(number)
    datasets = {**draft.datasets, "noise": big}
    return dataclasses.replace(draft, datasets=datasets, nbytes=sum(one.nbytes for one in datasets.values()))


def rival_of(number: int) -> RunDraft:
    """Another result of the same job."""
    other = made_draft(number + 100)
    run_uuid = str(uuid.uuid5(uuid.NAMESPACE_OID, f"rival of {number}"))
    return dataclasses.replace(made_draft(number), datasets=other.datasets, nbytes=other.nbytes, run_uuid=run_uuid)


class Collaboration(RuleBasedStateMachine):
    """Three projects; a set says which UUIDs must be there at the end, and which must not."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=memory_folder()))
        self.before = use_disk(UnsyncedDisk())
        self.projects = [project_at(self.folder / f"{who}.h5") for who in range(3)]
        self.archived: set[str] = set()
        self.deleted: dict[str, bool] = {}
        """Whether a run was deleted last, or restored, of those that were deleted at one place only."""

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            use_disk(self.before)
            shutil.rmtree(self.folder)

    def some(self, data: st.DataObject, who: int) -> str | None:
        project = self.projects[who]
        ids = sorted(run.job_id for run in project) if project.path.exists() else []
        return data.draw(st.sampled_from(ids)) if ids else None

    @rule(who=WHO, number=st.integers(0, 5), is_rival=st.booleans())
    def archive(self, who: int, number: int, is_rival: bool) -> None:
        """One collaborator archives a job; a rival is another result of it."""
        draft = rival_of(number) if is_rival else made_draft(number)
        ids = {run.job_id for run in self.projects[who]} if self.projects[who].path.exists() else set()
        if draft.run_uuid in self.deleted or any(one.startswith(draft.job_id) for one in ids):
            return
        self.projects[who].archive(draft)
        self.archived.add(draft.run_uuid)

    @rule(
        data=st.data(),
        who=WHO,
        tags=st.lists(TAGS, max_size=2, unique=True),
        gone=st.frozensets(TAGS, max_size=2),
        name=st.none() | st.sampled_from(["x", "y"]),
        params=st.dictionaries(st.sampled_from(["p", "q"]), st.integers(0, 3), max_size=2),
        clear=st.frozensets(st.sampled_from(["name"])),
    )
    def label(self, data: st.DataObject, who: int, tags: list[str], gone: frozenset[str], **change: Any) -> None:
        job = self.some(data, who)
        if job is not None:
            given = RunLabels.checked(name=change["name"], tags=tags or None, params=change["params"])
            self.projects[who][job].change_labels(LabelChange(given, gone, change["clear"]))

    @rule(data=st.data(), who=WHO, name=st.sampled_from(["plot", "note"]), number=st.integers(0, 9))
    def attach(self, data: st.DataObject, who: int, name: str, number: int) -> None:
        job = self.some(data, who)
        if job is not None:
            self.projects[who][job].attach(name, attached(number), replace=True)

    @rule(data=st.data(), who=WHO)
    def delete(self, data: st.DataObject, who: int) -> None:
        job = self.some(data, who)
        if job is not None:
            self.deleted[self.projects[who][job].run_uuid] = True
            self.projects[who].delete_job(job)

    @rule(who=WHO, number=st.integers(0, 5))
    def restore(self, who: int, number: int) -> None:
        project = self.projects[who]
        if not project.path.exists():
            return
        try:
            (*_, job) = project.restore(draft_of(number).job_id)
        except (NotFoundError, AlreadyExistsError):  # there is nothing to restore
            return
        self.deleted[project[job].run_uuid] = False

    @rule(who=WHO)
    def compact(self, who: int) -> None:
        if self.projects[who].path.exists():
            self.projects[who].compact(force=True)

    @rule(who=WHO, payloads=st.booleans())
    def extract(self, who: int, payloads: bool) -> None:
        """One goes on with an extract, and what was extracted from stays with another name, merged at the end."""
        project = self.projects[who]
        if project.path.exists() and len(project):
            target = self.folder / f"{uuid.uuid4().hex}.h5"
            extracted = project.extract(target, payloads=payloads)
            assert extracted.verify().ok or extracted.notes()
            project.merge(extracted)
            assert {run.run_uuid for run in project} >= {run.run_uuid for run in extracted}

    @precondition(lambda self: self.archived)
    @rule(who=WHO, other=WHO)
    def merge(self, who: int, other: int) -> None:
        if who != other and self.projects[other].path.exists():
            before = content(self.projects[other])
            self.projects[who].merge(self.projects[other])
            assert content(self.projects[other]) == before
            once = content(self.projects[who])
            report = self.projects[who].merge(self.projects[other])
            assert not report.changed
            assert content(self.projects[who]) == once

    @precondition(lambda self: self.archived)
    @rule(order=st.permutations([(0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)]))
    def all_merge(self, order: list[tuple[int, int]]) -> None:
        """All merge with all, in any order and twice, so that each has heard of everything."""
        for who, other in order * 2:
            if self.projects[other].path.exists():
                self.projects[who].merge(self.projects[other])
        first, second, third = map(content, self.projects)
        assert first == second == third
        with self.projects[0].file.read() as session:
            gone = {one for one, last in read_deletions(session).items() if last.is_deleted}
        assert not gone & first.keys()
        assert first.keys() == self.archived - gone
        assert {one for one, is_deleted in self.deleted.items() if is_deleted} == gone & self.archived
        for project in self.projects:
            problems = [one for one in project.verify().problems if "several results" not in one]
            assert problems == []
        assert self.projects[0].diff(self.projects[1]).is_same


Collaboration.TestCase.settings = settings(
    max_examples=300 if ALL else 4,
    stateful_step_count=40 if ALL else 25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestCollaboration = Collaboration.TestCase
