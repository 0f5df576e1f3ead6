"""A project against a dictionary: whatever is done, in whatever order, both show the same."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from aerchive.errors import AerchiveError, AlreadyExistsError, CommittedError, NotFoundError, UncertainError
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.project.run import Run
from aerchive.testing.disks import FailingDisk, RecordingDisk, UnsyncedDisk, crash_states, fault, use_disk, using
from tests.crash.folders import memory_folder
from tests.crash.workloads import lost
from tests.drafts import Model, draft_of, job_id, model_of, project_at
from tests.views import project_view, stock_values

NUMBERS = st.integers(0, 11)
NAMES = st.none() | st.text(min_size=1, max_size=5)
TAGS = st.lists(st.sampled_from(["a", "b", "longer tag", "é"]), max_size=2, unique=True)
PARAMS = st.dictionaries(st.sampled_from(["x", "y"]), st.integers(-3, 3) | st.floats(0, 1), max_size=2)


class Abandoned(Exception):
    """A transaction's block ends with it."""


def merged(old: RunLabels, name: str | None, tags: list[str], params: dict[str, object]) -> RunLabels:
    return RunLabels(
        name=name or old.name,
        tags=[*(old.tags or []), *(tag for tag in tags if tag not in (old.tags or []))] or None,
        notes=old.notes,
        params={**old.params, **params},
    )


class ProjectMachine(RuleBasedStateMachine):
    """Saves, labels, transactions, crashes and faults."""

    held = Bundle("held")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=memory_folder()))
        self.path = self.folder / "project.h5"
        self.before = use_disk(UnsyncedDisk())
        self.project = project_at(self.path)
        self.model: Model = {}
        self.deleted: Model = {}
        """Runs that were deleted last, by job id, and can come back."""

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            use_disk(self.before)
            shutil.rmtree(self.folder)

    # -- what a model does

    def after_save(
        self, model: Model, number: int, name: str | None, tags: list[str], params: dict[str, object]
    ) -> Model:
        draft = draft_of(number)
        old = model.get(draft.job_id)
        labels = merged(old[0].labels if old else RunLabels(), name, tags, params)
        if old and old[0].status.outcome != "lost":
            return {**model, draft.job_id: (old[0].model_copy(update={"labels": labels}), old[1])}
        return {**model, **model_of([dataclasses.replace(draft, labels=labels)])}

    # -- rules

    @rule(target=held, number=NUMBERS, name=NAMES, tags=TAGS, params=PARAMS)
    def save(self, number: int, name: str | None, tags: list[str], params: dict[str, object]) -> Run:
        run = self.project.save(draft_of(number), name=name, tags=tags, params=params)
        self.model = self.after_save(self.model, number, name, tags, params)
        assert run.path
        return run

    @rule(number=NUMBERS)
    def archive_lost(self, number: int) -> None:
        """A trace of a dead process becomes a run; one that is there stays."""
        draft = lost(number)
        self.project.archive(draft)
        if draft.job_id not in self.model:
            self.model = {**self.model, **model_of([draft])}
        else:
            record, values = self.model[draft.job_id]
            labels = merged(record.labels, None, draft.labels.tags or [], {})
            self.model = {**self.model, draft.job_id: (record.model_copy(update={"labels": labels}), values)}

    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=3), tags=TAGS, fails=st.booleans())
    def transaction(self, numbers: list[int], tags: list[str], fails: bool) -> None:
        model = self.model
        try:
            with self.project.transaction():
                for number in numbers:
                    self.project.save(draft_of(number), tags=tags)
                    model = self.after_save(model, number, None, tags, {})
                assert set(project_view(self.path) if self.path.exists() else {}) == set(self.model)
                if fails:
                    raise Abandoned
        except Abandoned:
            return
        self.model = model

    @rule(run=held, tags=TAGS, params=PARAMS)
    def label_held(self, run: Run, tags: list[str], params: dict[str, object]) -> None:
        self._label(run, tags, params)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), tags=TAGS, params=PARAMS)
    def label_found(self, data: st.DataObject, tags: list[str], params: dict[str, object]) -> None:
        job = data.draw(st.sampled_from(sorted(self.model)))
        self._label(self.project[job], tags, params)

    def _label(self, run: Run, tags: list[str], params: dict[str, object]) -> None:
        if run.job_id not in self.model:
            if tags or params:
                with pytest.raises(NotFoundError):
                    run.change_labels(LabelChange(RunLabels.checked(tags=tags or None, params=params)))
            return
        run.change_labels(LabelChange(RunLabels.checked(tags=tags or None, params=params)))
        record, values = self.model[run.job_id]
        labels = merged(record.labels, None, tags, params)
        self.model = {**self.model, run.job_id: (record.model_copy(update={"labels": labels}), values)}

    @rule(run=consumes(held))
    def forget_handle(self, run: Run) -> None:
        """What a handle shows is what is there, or that it is gone."""
        if run.job_id in self.model:
            assert run.record.job_id == run.job_id
        else:
            with pytest.raises(NotFoundError):
                Run(self.project, run.path, job_id=run.job_id).record  # noqa: B018

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(sorted(self.model)))
        self.project.delete_job(job)
        self.deleted[job] = self.model[job]
        self.model = {other: run for other, run in self.model.items() if other != job}

    @precondition(lambda self: self.deleted)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(sorted(self.deleted)))
        if job in self.model:
            with pytest.raises(AlreadyExistsError):
                self.project.restore(job)
            return
        assert self.project.restore(job) == [job]
        self.model = {**self.model, job: self.deleted.pop(job)}

    @rule()
    def compact(self) -> None:
        if self.path.exists():
            size = self.path.stat().st_size
            self.project.compact()
            assert self.path.stat().st_size <= size
            for job in self.deleted.keys() - self.model.keys():
                with pytest.raises(NotFoundError):
                    self.project.restore(job)
            self.deleted.clear()

    @rule()
    def copy_and_go_on_with_the_copy(self) -> None:
        if self.path.exists():
            copied = self.project.copy(self.folder / "copy.h5")
            os.replace(copied.path, self.path)

    @rule()
    def reopen(self) -> None:
        self.project = project_at(self.path)

    @rule(number=NUMBERS, nth=st.integers(0, 90), sticky=st.booleans(), kind=st.sampled_from([errno.EIO, errno.ENOSPC]))
    def save_with_a_fault(self, number: int, nth: int, sticky: bool, kind: int) -> None:
        after = self.after_save(self.model, number, None, [], {})
        allowed = [after]
        with using(FailingDisk(nth, fault(kind), sticky=sticky)):
            try:
                project_at(self.path).archive(draft_of(number))
            except CommittedError:
                pass
            except UncertainError:
                allowed.append(self.model)
            except AerchiveError:
                allowed = [self.model]
        self._take_over(allowed)

    @rule(number=NUMBERS, tags=TAGS, at=st.floats(0, 1), seed=st.integers(0, 99))
    def save_with_a_crash(self, number: int, tags: list[str], at: float, seed: int) -> None:
        after = self.after_save(self.model, number, None, tags, {})
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        with using(RecordingDisk()) as disk:
            self.project.save(draft_of(number), tags=tags)
        states = list(crash_states(content, disk.of(self.path), torn=1, power=1, seed=seed))
        self.path.write_bytes(states[int(at * (len(states) - 1))].content)
        self._take_over([self.model, after])

    def _take_over(self, allowed: list[Model]) -> None:
        found = project_view(self.path) if self.path.exists() else {}
        assert found in allowed
        self.model = found

    # -- what holds always

    @invariant()
    def shows_what_the_model_has(self) -> None:
        if not self.path.exists():
            assert not self.model
            return
        found = project_view(self.project)
        assert found == self.model
        project_at(self.path).file.recover()  # reading completes no commit, and stock HDF5 reads no journal
        assert set(stock_values(self.path)) == set(self.model)

    @invariant()
    def finds_exactly_what_is_there(self) -> None:
        assert len(self.project) == len(self.model)
        for number in (0, 5, 11):
            assert (job_id(number) in self.project) == (job_id(number) in self.model)
        missing = "no such job"
        assert missing not in self.project
        if self.path.exists():
            tagged = {run.job_id for run in self.project.find(tags="a")}
            assert tagged == {job for job, (record, _) in self.model.items() if "a" in (record.labels.tags or [])}


TestProjectMachine = ProjectMachine.TestCase
TestProjectMachine.settings = settings(
    max_examples=int(os.environ.get("AERCHIVE_TEST_STORIES", "15")),
    stateful_step_count=14,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
