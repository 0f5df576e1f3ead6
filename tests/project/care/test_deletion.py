"""Deleting runs and bringing them back: lost, pending and running ones, primitives with the runs beneath."""

from __future__ import annotations

import dataclasses
import fcntl
import shutil
from pathlib import Path
from typing import Any

import pytest

from aerchive.errors import (
    AlreadyExistsError,
    InvalidInputError,
    NotFoundError,
    ReadOnlyError,
    TransactionError,
)
from aerchive.models.labels import RunLabels
from aerchive.project.documents.draft import RunDraft
from tests import processes
from tests.crash.workloads import lost
from tests.drafts import Model, draft_of, job_id, model_of, project_at, relabelled
from tests.holding import before_the_lock, held
from tests.views import project_view


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "project.h5"
    for number in range(4):
        project_at(path).archive(draft_of(number))
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made, tmp_path))


def model(*numbers: int) -> Model:
    return model_of(draft_of(number) for number in numbers)


def child(number: int, parent: int) -> RunDraft:
    """A simulation beneath a primitive."""
    draft = draft_of(number)
    return dataclasses.replace(draft, config=draft.config.model_copy(update={"parent": job_id(parent)}))


# -- deleting


def test_several_in_one_commit(path: Path) -> None:
    project_at(path).delete_jobs([job_id(0), job_id(2), job_id(0)])

    assert project_view(path) == model(1, 3)


def test_all_or_none(path: Path) -> None:
    before = path.read_bytes()

    with pytest.raises(NotFoundError) as caught:
        project_at(path).delete_jobs([job_id(0), "job-00000x"])

    assert "no run with id 'job-00000x'; near ones: job-00000" in str(caught.value)
    assert project_view(path) == model(0, 1, 2, 3)
    assert path.read_bytes() == before


def test_the_beginning_of_an_id_is_not_enough(path: Path) -> None:
    project_at(path).archive(dataclasses.replace(draft_of(5), job_id="another-one"))

    with pytest.raises(NotFoundError) as caught:
        project_at(path).delete_job("anoth")

    assert str(caught.value) == f"{path}: no run with id 'anoth'; give the whole id, 'another-one'"


def test_beginnings_of_several_ids_are_named(path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        project_at(path).delete_jobs(["job-00000"])

    named = ", ".join(repr(job_id(number)) for number in range(4))
    assert str(caught.value) == f"{path}: no run with id 'job-00000'; give the whole id, {named}"
    assert project_view(path) == model(0, 1, 2, 3)


@pytest.mark.parametrize("wrong", [5, None, ""])
def test_what_is_no_id(wrong: Any, path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        project_at(path).delete_jobs([job_id(0), wrong])
    assert str(caught.value) == (
        "job_ids must be a job id, which is text and not empty, or a run of the project; "
        f"found {wrong!r} ({type(wrong).__name__})"
    )
    assert project_view(path) == model(0, 1, 2, 3)


def test_one_id_by_itself_and_none(path: Path) -> None:
    project_at(path).delete_jobs([])
    project_at(path).delete_jobs(job_id(2))
    assert project_view(path) == model(0, 1, 3)


def test_none_is_deleted_if_one_was_deleted_before_the_commit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = before_the_lock(monkeypatch, lambda: project_at(path).delete_job(job_id(1)))

    with pytest.raises(NotFoundError, match=f"no run with id '{job_id(1)}'"):
        project_at(path).delete_jobs([job_id(0), job_id(1)])

    assert done
    assert project_view(path) == model(0, 2, 3)


def test_what_arrives_before_the_commit_is_deleted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def arrive() -> None:
        project_at(path).archive(draft_of(10))
        project_at(path).archive(child(11, 1))

    done = before_the_lock(monkeypatch, arrive)

    project_at(path).delete_jobs([job_id(10), job_id(1)])

    assert done
    assert project_view(path) == model(0, 2, 3)


def test_ids_longer_than_their_column(path: Path) -> None:
    ids = ["x" * 60 + end for end in ("a", "b", "c")]
    for number, job in enumerate(ids, 10):
        project_at(path).archive(dataclasses.replace(draft_of(number), job_id=job))

    project_at(path).delete_jobs([ids[1]])

    assert set(project_view(path)) == {*model(0, 1, 2, 3), ids[0], ids[2]}
    assert project_at(path).restore(ids[1]) == [ids[1]]
    assert set(project_view(path)) == {*model(0, 1, 2, 3), *ids}


def test_nothing_without_a_project(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no run with id 'job-000000'"):
        project_at(tmp_path / "project.h5").delete_job(job_id(0))
    assert list(tmp_path.iterdir()) == []


def test_not_of_a_project_opened_for_reading(path: Path) -> None:
    for action in (project_at(path, "r").delete_job, project_at(path, "r").restore):
        with pytest.raises(ReadOnlyError, match="open for reading"):
            action(job_id(0))


SUBMIT = """
import os, sys
from pathlib import Path
from tests.drafts import project_at
project_at(Path(sys.argv[1])).spools.own.submitted("doomed", {})
os._exit(1)
"""


def test_a_lost_run_of_which_only_a_trace_is_left(path: Path) -> None:
    with processes.start(SUBMIT, path) as process:
        process.wait()
    project = project_at(path)
    assert project["doomed"].outcome == "lost"

    project.delete_jobs(["doomed", job_id(0)])

    assert "doomed" not in project
    assert project_view(path) == model(1, 2, 3)
    assert [entry.name for entry in path.parent.iterdir()] == ["project.h5"]


def test_a_lost_run_without_a_project(tmp_path: Path) -> None:
    path = tmp_path / "project.h5"
    with processes.start(SUBMIT, path) as process:
        process.wait()

    project = project_at(path)

    project.delete_job("doomed")

    assert project_view(path) == {}
    assert "doomed" not in project
    assert [entry.name for entry in tmp_path.iterdir()] == ["project.h5"]


def test_a_running_job_is_not_deleted(path: Path) -> None:
    project = project_at(path)
    project.spools.own.submitted("running", {})
    try:
        with pytest.raises(TransactionError) as caught:
            project.delete_job("running")
        assert str(caught.value) == f"{path}: job running is still running; delete it when it has finished"
        assert project["running"].outcome == "running"
    finally:
        project.spools.own.finished("running")


def test_a_pending_run_is_moved_and_deleted(path: Path) -> None:
    with held(path, fcntl.LOCK_EX):
        project_at(path, lock_timeout_s=0.05).archive(draft_of(7))

    project_at(path).delete_job(job_id(7))

    assert project_view(path) == model(0, 1, 2, 3)
    assert [entry.name for entry in path.parent.iterdir()] == ["project.h5"]


LARGE = 3_000_000
HELD_BACK = """
import logging, os, sys
from pathlib import Path
from tests.drafts import draft_of, project_at
logging.disable()
project = project_at(Path(sys.argv[1]), lock_timeout_s=0.05)
for number in (7, 8, 9):
    project.archive(draft_of(number, extra_bytes=5000 if number > 7 else 0))
os._exit(0)
"""


def damage_noise(path: Path, *numbers: int, extra_bytes: int = 5000) -> Path:
    """Changes a bit in a value of runs in a spool, and gives the file."""
    (pending,) = path.parent.glob("*.pending-*")
    content = bytearray(pending.read_bytes())
    for number in numbers:
        values = draft_of(number, extra_bytes=extra_bytes).datasets["noise"].parts[0].tobytes()
        content[content.index(values[:64]) + 50] ^= 1
    pending.write_bytes(content)
    return pending


@pytest.mark.parametrize("extra_bytes", [5000, LARGE], ids=["not listed", "listed"])
def test_a_pending_run_that_cannot_be_moved_is_deleted(
    path: Path, caplog: pytest.LogCaptureFixture, extra_bytes: int
) -> None:
    with held(path, fcntl.LOCK_EX):
        project = project_at(path, lock_timeout_s=0.05)
        project.archive(draft_of(7))
        project.archive(draft_of(8, extra_bytes=extra_bytes))
    damage_noise(path, 8, extra_bytes=extra_bytes)
    assert (job_id(8) in project_at(path)) == (extra_bytes == LARGE)

    project_at(path).delete_jobs([job_id(8), job_id(0)])

    assert f"run {job_id(8)} stays in its spool" in caplog.text
    assert project_view(path) == model(1, 2, 3, 7)
    assert job_id(8) not in project_at(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["project.h5"]


def test_damaged_runs_of_a_process_that_has_ended_are_deleted_one_by_one(path: Path) -> None:
    with held(path, fcntl.LOCK_EX):
        processes.run(HELD_BACK, path, warnings="ignore")
    pending = damage_noise(path, 8, 9)
    project_at(path).archive(draft_of(4))
    assert project_view(path) == model(0, 1, 2, 3, 4, 7)
    assert len(project_at(path).verify().problems) == 2

    project_at(path).delete_job(job_id(8))

    assert pending.exists()
    assert len(project_at(path).verify().problems) == 1
    project_at(path).delete_job(job_id(9))
    assert sorted(run.job_id for run in project_at(path)) == [job_id(n) for n in (0, 1, 2, 3, 4, 7)]
    assert project_at(path).verify().ok
    assert [entry.name for entry in path.parent.iterdir()] == ["project.h5"]


def test_those_beneath_a_primitive_go_with_it(path: Path) -> None:
    for draft in (child(10, 1), child(11, 1), child(12, 2)):
        project_at(path).archive(draft)

    project_at(path).delete_jobs([job_id(1), job_id(11)])

    assert set(project_view(path)) == {job_id(number) for number in (0, 2, 3, 12)}


# -- bringing back


def test_it_brings_back_what_is_deleted_when_it_commits(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project_at(path).archive(child(10, 1))
    shown = project_view(path)
    project_at(path).delete_job(job_id(10))
    done = before_the_lock(monkeypatch, lambda: project_at(path).delete_job(job_id(1)))

    assert project_at(path).restore(job_id(1)) == [job_id(1), job_id(10)]

    assert done
    assert project_view(path) == shown


def test_a_deleted_run_comes_back_as_it_was(path: Path) -> None:
    project = project_at(path)
    project[job_id(1)].add_tags("t")
    shown = project_view(path)
    handle = project[job_id(1)]
    record = handle.record
    project.delete_job(job_id(1))

    assert project.restore(job_id(1)) == [job_id(1)]

    assert project_view(path) == shown
    assert project[job_id(1)].record == handle.record == record
    assert len(record.labels.history or []) == 1
    assert project.verify().ok
    handle.add_tags("u")
    assert project_view(path) == relabelled(shown, job_id(1), RunLabels(tags=["t", "u"]))


def test_a_primitive_comes_back_with_those_beneath(path: Path) -> None:
    for draft in (child(10, 1), child(11, 1)):
        project_at(path).archive(draft)
    shown = project_view(path)
    project_at(path).delete_job(job_id(1))

    assert project_at(path).restore(job_id(1)) == [job_id(1), job_id(11), job_id(10)]

    assert project_view(path) == shown


def test_what_is_there_is_not_restored(path: Path) -> None:
    project_at(path).delete_job(job_id(1))
    project_at(path).archive(draft_of(1))

    with pytest.raises(AlreadyExistsError) as caught:
        project_at(path).restore(job_id(1))

    assert str(caught.value) == f"{path}: run {job_id(1)} is in the project; there is nothing to restore"


def test_of_several_the_last_comes_back(path: Path) -> None:
    project = project_at(path)
    for tag in ("first", "second"):
        if tag == "second":
            project.archive(draft_of(1))
        project[job_id(1)].add_tags(tag)
        project.delete_job(job_id(1))

    project.restore(job_id(1))
    assert project[job_id(1)].tags == ("second",)

    project.delete_job(job_id(1))
    project.archive(dataclasses.replace(draft_of(1), labels=RunLabels(tags=["third"])))
    project.delete_job(job_id(1))
    project.restore(job_id(1))
    assert project[job_id(1)].tags == ("third",)
    assert project.verify().ok


def test_another_run_has_its_path_by_now(path: Path) -> None:
    project = project_at(path)
    project.delete_job(job_id(1))
    other = dataclasses.replace(draft_of(1), job_id="other")
    taken = dataclasses.replace(draft_of(1), run_uuid="6f1b2c3d-0000-4000-8000-00000000000a")
    project.archive(other)
    project.archive(taken)  # the same path as before
    project.delete_job(job_id(1))
    project.archive(dataclasses.replace(taken, job_id=job_id(1)))
    place = project[job_id(1)].path
    project.delete_job(job_id(1))
    project.archive(dataclasses.replace(draft_of(1), job_id="yet another"))

    project.restore(job_id(1))

    assert project[job_id(1)].path == place
    assert set(project_view(path)) == {*model(0, 1, 2, 3), "other", "yet another"}


def test_a_lost_run_that_turned_up_is_restored_with_its_data(path: Path) -> None:
    project = project_at(path)
    project.archive(lost(9))
    project.archive(draft_of(9))
    project.delete_job(job_id(9))

    project.restore(job_id(9))

    assert project[job_id(9)].outcome == "ok"
    assert project_view(path)[job_id(9)][1] == model(9)[job_id(9)][1]


def test_what_was_compacted_is_gone(path: Path) -> None:
    project = project_at(path)
    project.delete_job(job_id(1))
    project.compact()

    for job in (job_id(1), "never there"):
        with pytest.raises(NotFoundError) as caught:
            project.restore(job)
        assert str(caught.value) == (
            f"{path}: no run with id {job!r} was deleted, or its bytes are gone: compaction gives them back for good"
        )
