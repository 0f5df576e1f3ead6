"""A run that meets its own job id, by every way into a project and every other way, against a model.

The model knows one rule: the same result adds labels and what is missing; another result is refused where a caller
waits for the answer, and else kept beside the first; nothing that was acknowledged is ever gone.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from aerchive import layout
from aerchive.errors import AlreadyExistsError
from aerchive.models.labels import RunLabels
from aerchive.project.documents.draft import RunDraft, new_uuid
from aerchive.project.project import Project
from aerchive.storage.chunks.drafts import DatasetDraft
from tests.drafts import draft_of, job_id, project_at, values_of
from tests.holding import held
from tests.shares import share
from tests.views import project_view, stock_values

FIRST = draft_of(1, labels=RunLabels(name="first", tags=["a"]))
LABELS = RunLabels(tags=["b"], notes="second")


def again(kind: str) -> RunDraft:
    """What comes second."""
    values = dict(FIRST.datasets)
    if kind == "other result":
        values["statevector"] = DatasetDraft([np.arange(90) * 1j], attributes={"kind": "statevector"})
    is_bare = kind in ("bare result", "other result")
    return dataclasses.replace(
        FIRST,
        run_uuid=new_uuid(),
        labels=RunLabels() if kind == "same" else LABELS,
        datasets=values,
        objects={} if is_bare else FIRST.objects,
        provenance=FIRST.provenance,
        is_bare=is_bare,
    )


def saved(path: Path, draft: RunDraft) -> None:
    project_at(path, lock_timeout_s=0.01).save(draft)


def saved_in_transaction(path: Path, draft: RunDraft) -> None:
    project = project_at(path, lock_timeout_s=0.01)
    with project.transaction():
        project.save(draft_of(50))
        project.save(draft)


def saved_in_batch(path: Path, draft: RunDraft) -> None:
    project = project_at(path, lock_timeout_s=0.01)
    project.durability = "exit"
    project.save(draft)


def archived(path: Path, draft: RunDraft) -> None:
    project_at(path, lock_timeout_s=0.01).archive(draft)


def archived_in_batch(path: Path, draft: RunDraft) -> None:
    project_at(path, lock_timeout_s=0.01).archive(draft, "exit")


def left_by_a_dead_process(path: Path, draft: RunDraft) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            archived_in_batch(path, draft)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


WAYS: dict[str, Callable[[Path, RunDraft], None]] = {
    function.__name__: function
    for function in (
        saved,
        saved_in_transaction,
        saved_in_batch,
        archived,
        archived_in_batch,
        left_by_a_dead_process,
    )
}
AWAITED = {"saved", "saved_in_transaction", "saved_in_batch"}
KINDS = ("same", "more labels", "bare result", "other result")


def settled(path: Path) -> Project:
    """The project after all that was beside it has come into it."""
    project = project_at(path)
    project.flush()
    project.archive(draft_of(99))
    left = [run.head.job_id for run in project.spools.runs()]
    assert left == []
    return project


@pytest.mark.parametrize(("first", "second"), list(itertools.product(WAYS, WAYS)))
def test_every_way_meets_every_way(tmp_path: Path, first: str, second: str) -> None:
    number = [*WAYS].index(first) + [*WAYS].index(second)
    for kind, is_held in share(itertools.product(KINDS, (False, True)), 5, number):
        path = tmp_path / f"{kind} {is_held}.h5"
        project_at(path).archive(draft_of(0))
        WAYS[first](path, FIRST)
        draft = again(kind)
        is_refused = False
        with held(path) if is_held else nullcontext():
            try:
                WAYS[second](path, draft)
            except AlreadyExistsError:
                is_refused = True

        where = f"{first}, {second}, {kind}, held: {is_held}"
        assert is_refused == (kind == "other result" and second in AWAITED), where
        project = settled(path)
        view = {job: run for job, run in project_view(path).items() if job not in (job_id(0), job_id(50), job_id(99))}
        record, values = view.pop(job_id(1))
        assert values == values_of(FIRST), where
        expected = FIRST.labels
        if kind in ("more labels", "bare result"):
            expected = RunLabels(name="first", tags=["a", "b"], notes="second")
        assert record.labels == expected, where
        assert project[job_id(1)].object_id(layout.CIRCUITS) is not None
        problems = project.verify().problems
        if kind == "other result" and not is_refused:
            beside = f"{job_id(1)}~{draft.run_uuid[:8]}"
            other, other_values = view.pop(beside)
            assert other_values == values_of(draft), where
            assert other.config.conflicts_with == job_id(1)
            assert len(problems) == 1, where
            assert beside in problems[0]
        else:
            assert problems == [], where
        assert view == {}, where
        stock_values(path)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(WAYS, WAYS)))
def test_what_a_bare_result_lacks_is_added(tmp_path: Path, first: str, second: str) -> None:
    path = tmp_path / "project.h5"
    bare = dataclasses.replace(again("bare result"), provenance=None)
    WAYS[first](path, bare)
    WAYS[second](path, FIRST)
    project = settled(path)
    run = project[job_id(1)]
    assert run.object_id(layout.CIRCUITS) is not None
    assert project_view(path)[job_id(1)][1] == values_of(FIRST)
    assert set(run.tags) == {"a", "b"}
    assert run.notes == "second"
    assert project.verify().ok


def test_a_change_of_labels_is_made_once(tmp_path: Path) -> None:
    """A process was killed between moving a run and removing its spool; then the user took a tag away."""
    path = tmp_path / "project.h5"
    project = project_at(path, lock_timeout_s=0.01)
    project.archive(FIRST)
    with held(path):
        project.save(again("more labels"))
    (pending,) = {Path(run.path) for run in project.spools.runs()}
    content = pending.read_bytes()
    settled(path)
    project[job_id(1)].remove_tags("b")

    pending.write_bytes(content)
    project_at(path).archive(draft_of(98))

    assert project[job_id(1)].tags == ("a",)
