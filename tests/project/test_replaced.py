"""Programs that synchronise a folder take no locks: they rename another version over the project at any moment."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aerchive.errors import CommittedError, NotFoundError, ReplacedError
from aerchive.project.writing.runs import write_drafts
from aerchive.storage.commits import overlay
from aerchive.storage.commits.overlay import Overlay
from aerchive.times import now
from tests.drafts import draft_of, job_id, project_at


@pytest.fixture
def other(path: Path) -> Path:
    """What another machine sends: the project with one more run."""
    project_at(path).archive(draft_of(0))
    other = path.with_name("downloaded")
    shutil.copyfile(path, other)
    project_at(other).archive(draft_of(1))
    return other


def in_next_commit(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any], times: int = 1) -> list[None]:
    """Acts before the next commits are made durable; returns how often it did."""
    real, done = Overlay.commit, list[None]()

    def commit(self: Overlay) -> None:
        if len(done) < times:
            done.append(None)
            act()
        real(self)

    monkeypatch.setattr(Overlay, "commit", commit)
    return done


def ids(path: Path) -> list[str]:
    return [run.job_id for run in project_at(path).find()]


def test_a_run_is_never_acknowledged_in_a_file_without_a_name(
    path: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_next_commit(monkeypatch, lambda: os.replace(other, path))
    project = project_at(path)

    with contextlib.suppress(ReplacedError):
        project.archive(draft_of(2))
        assert job_id(2) in project
    project.archive(draft_of(2))

    assert ids(path) == [job_id(0), job_id(1), job_id(2)]
    assert project.verify().ok


def test_the_project_is_removed_during_a_commit(path: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_next_commit(monkeypatch, path.unlink)
    with (
        pytest.raises(ReplacedError, match="another program removed it while it was written"),
        project_at(path).file.write(now()) as session,
    ):
        write_drafts(session, [draft_of(2)])
    assert not path.exists()


def test_a_commit_is_done_again(path: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = in_next_commit(monkeypatch, lambda: os.replace(other, path))
    seen: list[Any] = []

    def work(session: Any) -> int:
        seen.append(session)
        write_drafts(session, [draft_of(2)])
        return len(seen)

    assert project_at(path).file.commit(work, now()) == 2
    assert len(done) == 1
    assert ids(path) == [job_id(0), job_id(1), job_id(2)]


def test_a_file_that_is_replaced_each_time(path: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace() -> None:
        copied = shutil.copyfile(other, path.with_name("once more"))
        os.replace(copied, path)

    done = in_next_commit(monkeypatch, replace, times=100)
    with pytest.raises(ReplacedError):
        project_at(path).file.commit(lambda session: write_drafts(session, [draft_of(2)]), now())
    assert len(done) == 5


def test_labels_and_restoring_are_repeated(path: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project_at(other).delete_job(job_id(1))
    project_at(path)[job_id(0)].rename("here")
    in_next_commit(monkeypatch, lambda: os.replace(shutil.copyfile(other, f"{other}2"), path))
    project_at(path)[job_id(0)].add_tags("x")
    assert project_at(path)[job_id(0)].tags == ("x",)

    project_at(path).archive(draft_of(1))
    project_at(path).delete_job(job_id(1))
    in_next_commit(monkeypatch, lambda: os.replace(other, path))
    assert project_at(path).restore(job_id(1)) == [job_id(1)]
    assert ids(path) == [job_id(0), job_id(1)]


@pytest.mark.parametrize(
    "act",
    [
        lambda project: project[job_id(0)].add_tags("x"),
        lambda project: project.restore(job_id(7)),
        lambda project: project.rebuild_catalogue(),
    ],
)
def test_what_needs_the_project_makes_no_empty_one_when_it_is_removed(
    act: Callable[[Any], Any], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_at(path)
    project.archive(draft_of(0))
    project.archive(draft_of(7))
    project.delete_job(job_id(7))
    in_next_commit(monkeypatch, path.unlink)

    with pytest.raises(NotFoundError):
        act(project)

    assert os.listdir(path.parent) == []


def test_a_commit_that_could_not_be_completed_in_a_file_without_a_name(
    path: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        os.replace(other, path)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(overlay, "apply_journal", failing)
    with pytest.raises(ReplacedError) as caught, project_at(path).file.write(now()) as session:
        write_drafts(session, [draft_of(2)])
    assert str(caught.value) == (
        f"{path}: another program put another file in its place while it was written, perhaps one that "
        "synchronises the folder, so that what was saved is in a file without a name; do it again"
    )
    assert isinstance(caught.value.__context__, CommittedError)
