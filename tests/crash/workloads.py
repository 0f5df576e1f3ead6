"""What is done to a project while its disk is recorded, and what the project must show before and after."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np

from aerchive import layout
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.models.run import RunRecord
from aerchive.models.status import RunStatus
from aerchive.project.documents.draft import RunDraft
from aerchive.project.project import Project
from aerchive.storage.commits import creation
from aerchive.testing.disks import Operation, RecordingDisk, final_content, using
from tests.drafts import Model, draft_of, job_id, model_of, project_at, relabelled, type_name, values_of
from tests.views import StockView, project_view, stock_values, stock_view

Step = Callable[[Project, Model], Model]
"""Does one commit, and says what the project holds after it."""


@dataclass(frozen=True)
class Workload:
    """Commits on a project of a few runs.

    Attributes:
        name: For people.
        base: Runs that are there before.
        steps: The commits.
        catalogue_rows: In a chunk of the catalogue.
        runs_per_folder: After which a day gets another folder.
    """

    name: str
    base: tuple[RunDraft, ...]
    steps: tuple[Step, ...]
    catalogue_rows: int = 4
    runs_per_folder: int = layout.RUNS_PER_FOLDER


@dataclass(frozen=True)
class Recording:
    """A workload done once.

    Attributes:
        name: Of the workload.
        initial: The file before it.
        log: What was done to the file.
        models: What aerchive shows after no, one, two, ... commits.
        stock: The same for stock h5py.
    """

    name: str
    initial: bytes
    log: tuple[Operation, ...]
    models: tuple[Model, ...]
    stock: tuple[StockView, ...]

    def versions(self, done: int) -> range:
        """How many commits a reader may see when so many operations had been begun and all syncs among them done."""
        marks = self._marks
        return range(sum(c <= done for _, c, _ in marks), sum(w <= done for w, _, _ in marks) + 1)

    def stock_versions(self, done: int) -> range:
        """The same for a reader that knows nothing of journals, unless it is refused."""
        marks = self._marks
        return range(sum(s <= done for _, _, s in marks), sum(w <= done for w, _, _ in marks) + 1)

    @property
    def _marks(self) -> list[tuple[int, int, int]]:
        """For each commit: when its journal is written, when it is synced, and when the flag is."""
        syncs = [number for number, operation in enumerate(self.log, 1) if operation.kind == "sync"]
        marks = []
        for number, operation in enumerate(self.log, 1):
            if operation.data.startswith(b"AERJRNL"):
                after = [sync for sync in syncs if sync > number]
                marks.append((number, after[0], after[1]))
        return marks


def record(workload: Workload, folder: Path) -> Recording:
    """Does a workload, and makes sure that without a crash everything is as it must be."""
    folder.mkdir()
    path = folder / "project.h5"
    with (
        mock.patch.object(layout, "CATALOGUE_CHUNK_ROWS", workload.catalogue_rows),
        mock.patch.object(layout, "RUNS_PER_FOLDER", workload.runs_per_folder),
        using(RecordingDisk()) as disk,
    ):
        project = project_at(path)
        for draft in workload.base:
            project.archive(draft)
        disk.log.clear()
        initial = path.read_bytes()
        models, stock = [model_of(workload.base)], [stock_view(path)]
        for step in workload.steps:
            models.append(step(project, models[-1]))
            stock.append(stock_view(path))
            assert project_view(path) == models[-1]
            assert stock_values(path) == {job: values for job, (_, values) in models[-1].items()}
        log = tuple(disk.of(path))
    assert final_content(initial, log) == path.read_bytes(), "something was written past the disk"
    recording = Recording(workload.name, initial, log, tuple(models), tuple(stock))
    assert len(recording._marks) == len(workload.steps)
    shutil.rmtree(folder)
    return recording


@dataclass(frozen=True)
class Creation:
    """The first commit, which makes the file.

    Attributes:
        recording: Its last operations, the project being in place; ``initial`` is what it was renamed with.
        before: What the file under a temporary name held at each moment before.
    """

    recording: Recording
    before: tuple[bytes, ...]


def record_creation(folder: Path, step: Step) -> Creation:
    """Makes a project; the renaming that puts it in place is part of the log."""
    folder.mkdir()
    path = folder / "project.h5"
    before: list[bytes] = []
    rename = creation.rename_new

    def noted_rename(source: Path, target: Path) -> bool:
        disk.note("rename")
        return rename(source, target)

    class Watching(RecordingDisk):
        def sync(self, fd: int) -> None:
            super().sync(fd)
            before.append(os.pread(fd, os.fstat(fd).st_size, 0))

    with mock.patch("aerchive.storage.commits.creation.rename_new", noted_rename), using(Watching()) as disk:
        model = step(project_at(path), {})
    log = disk.of(path)
    at = [operation.remark for operation in log].index("rename")
    since = max(number for number, operation in enumerate(log[:at]) if operation.kind == "sync") + 1
    content = path.read_bytes()
    unsynced = (*log[since:at], *log[at + 1 :])
    recording = Recording("create", before[-1], unsynced, (model,), (stock_view(path),))
    assert project_view(path) == model
    assert final_content(before[-1], unsynced) == content
    shutil.rmtree(folder)
    return Creation(recording, tuple(before))


# -- commits


def archive(draft: RunDraft) -> Step:
    def step(project: Project, model: Model) -> Model:
        project.archive(draft)
        return {**model, draft.job_id: (_with_labels(model, draft), values_of(draft))}

    return step


def _with_labels(model: Model, draft: RunDraft) -> RunRecord:
    """A run that was there as lost keeps its labels."""
    record = draft.record
    return record.model_copy(update={"labels": model[draft.job_id][0].labels}) if draft.job_id in model else record


def transaction(*drafts: RunDraft) -> Step:
    def step(project: Project, model: Model) -> Model:
        with project.transaction():
            for draft in drafts:
                project.save(draft, name="together", tags=["t"])
        labels = RunLabels(name="together", tags=["t"])
        return model | model_of(dataclasses.replace(draft, labels=labels) for draft in drafts)

    return step


def label(number: int, **labels: object) -> Step:
    def step(project: Project, model: Model) -> Model:
        given = RunLabels.checked(**labels)
        project[job_id(number)].change_labels(LabelChange(given))
        old = model[job_id(number)][0].labels
        tags = [*(old.tags or []), *(given.tags or [])] or None
        merged = RunLabels(
            name=given.name or old.name,
            tags=tags,
            notes=given.notes or old.notes,
            params={**old.params, **given.params},
        )
        return relabelled(model, job_id(number), merged)

    return step


def tag(tag: str, *numbers: int, saved: RunDraft | None = None) -> Step:
    """Tags many runs in one commit, perhaps together with a run that is saved."""

    def step(project: Project, model: Model) -> Model:
        with project.transaction() if saved else contextlib.nullcontext():
            if saved:
                project.save(saved)
                model = model | model_of([saved])
            assert project.tag(job_ids=[job_id(number) for number in numbers], add=tag) == len(numbers)
        for number in numbers:
            old = model[job_id(number)][0].labels
            model = relabelled(model, job_id(number), old.model_copy(update={"tags": [*(old.tags or []), tag]}))
        return model

    return step


def attach(number: int, name: str, values: np.ndarray | None, *, replace: bool = False) -> Step:
    """Attaches an array to a run, or removes it."""

    def step(project: Project, model: Model) -> Model:
        record, before = model[job_id(number)]
        after = {key: value for key, value in before.items() if key != f"{layout.ATTACHMENTS}/{name}"}
        if values is None:
            project[job_id(number)].detach(name)
        else:
            project[job_id(number)].attach(name, values, replace=replace)
            after[f"{layout.ATTACHMENTS}/{name}"] = type_name(values.dtype), values.shape, values.tobytes()
        return {**model, job_id(number): (record, after)}

    return step


def delete(number: int) -> Step:
    def step(project: Project, model: Model) -> Model:
        project.delete_job(job_id(number))
        return {job: run for job, run in model.items() if job != job_id(number)}

    return step


def rebuild(project: Project, model: Model) -> Model:
    report = project.rebuild_catalogue()
    assert not report.problems
    return model


def lost(number: int) -> RunDraft:
    """The run of a job whose process died."""
    draft = draft_of(number)
    return RunDraft(
        draft.job_id,
        draft.created,
        draft.config,
        RunStatus(outcome="lost", message="the process died"),
        RunLabels(tags=["was lost"]),
    )


LARGE = 1024 * 1024 + 70_000


def workloads() -> Iterator[Workload]:
    two = (draft_of(0), draft_of(1))
    yield Workload("append", two, (archive(draft_of(2)),))
    yield Workload("append twice", two, (archive(draft_of(2)), archive(draft_of(3))))
    yield Workload("transaction", two, (transaction(draft_of(2), draft_of(3), draft_of(4)),))
    yield Workload(
        "labels",
        two,
        (label(0, name="first", tags=["a"]), label(0, tags=["b"], notes="n" * 200), label(1, params={"x": 0.5})),
    )
    yield Workload("tags of many", (*two, draft_of(2)), (tag("a", 0, 2), tag("b", 0, 1, 3, saved=draft_of(3))))
    yield Workload("adopt", (draft_of(0), lost(1)), (archive(draft_of(1)),))
    yield Workload(
        "grow",
        (draft_of(0), draft_of(1)),
        (
            archive(draft_of(2)),
            archive(draft_of(3, day=23)),
            archive(draft_of(4, day=23)),
            archive(draft_of(5, day=24)),
        ),
        catalogue_rows=2,
        runs_per_folder=2,
    )
    yield Workload("delete", (*two, draft_of(2)), (delete(1), archive(draft_of(3)), delete(0)))
    yield Workload("rebuild", (*two, draft_of(2)), (delete(1), rebuild, label(0, tags=["a"]), archive(draft_of(3))))
    values = np.arange(300.0)
    attached = (attach(0, "a", values), attach(0, "b", values + 1), attach(0, "a", values + 2, replace=True))
    yield Workload("attachments", two, (*attached, attach(0, "b", None)))
    yield Workload("large", two, (archive(draft_of(2, extra_bytes=LARGE)),))
