"""Labels of runs that are in the project already: each change a commit, found by `find`, remembered."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import aerchive
from aerchive.errors import InvalidInputError, NotFoundError, ReadOnlyError, UnsupportedTypeError
from aerchive.models.labels import LabelChange, RunLabels
from tests.jobs import make_result

Reopen = Callable[[], aerchive.Project]
ME = f"{getpass.getuser()}@{socket.gethostname()}"


@pytest.fixture
def run(project: aerchive.Project) -> aerchive.Run:
    return project.save(make_result(), name="first", tags=["a", "b"], notes="old", params={"x": 1})


def test_each_change_is_in_the_file_and_in_the_catalogue(run: aerchive.Run, reopen: Reopen) -> None:
    run.add_tags("c")
    assert [found.tags for found in reopen().find(tags="c")] == [("a", "b", "c")]
    run.remove_tags("a", "never there")
    assert reopen().find(tags="a") == []
    run.rename("second")
    assert reopen().latest(name="second").notes == "old"
    run.annotate("new", {"y": 2.5})
    assert reopen().latest(params__y__gt=2).params == {"x": 1, "y": 2.5}
    run.annotate("")
    run.rename(None)
    last = reopen().latest()
    assert (last.name, last.notes, last.tags) == (None, None, ("b", "c"))
    assert reopen().verify().ok


def test_changes_are_remembered(run: aerchive.Run, reopen: Reopen) -> None:
    assert run.history == []
    run.add_tags("c")
    run.remove_tags("b")
    run.rename("second")
    history = reopen().latest().history
    assert [what for _, _, what in history] == ["tags +c", "tags -b", "name 'first' to 'second'"]
    assert {who for _, who, _ in history} == {ME}
    assert [when for when, _, _ in history] == sorted(when for when, _, _ in history)


def test_several_changes_are_one_commit(run: aerchive.Run, path: Path) -> None:
    run.change_labels(LabelChange(RunLabels(tags=["c"], name="n"), frozenset({"a"}), frozenset({"notes"})))
    assert (run.tags, run.name, run.notes) == (("b", "c"), "n", None)
    assert len(run.history) == 1


def test_what_changes_nothing_writes_nothing(run: aerchive.Run, path: Path) -> None:
    before = path.read_bytes()
    run.add_tags("a")
    run.add_tags()
    run.remove_tags("z")
    run.remove_tags()
    run.rename("first")
    run.annotate("old", {"x": 1})
    run.annotate()
    assert path.read_bytes() == before


def test_saving_again_with_other_labels_is_remembered(project: aerchive.Project, run: aerchive.Run) -> None:
    again = project.save(make_result(), tags=["later"])
    assert again.tags == ("a", "b", "later")
    assert [what for _, _, what in again.history] == ["tags +later"]


def test_labels_of_a_transaction_are_those_it_was_archived_with(project: aerchive.Project) -> None:
    with project.transaction():
        project.save(make_result(), tags=["a"])
        project.save(make_result(), tags=["b"])
    run = project.latest()
    assert (run.tags, run.history) == (("a", "b"), [])


def test_a_user_without_a_name(run: aerchive.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    run.add_tags("c")
    assert [who for _, who, _ in run.history] == [f"@{socket.gethostname()}"]


@pytest.mark.parametrize("change", ["add_tags", "remove_tags", "rename", "annotate"])
def test_labels_of_the_wrong_type(run: aerchive.Run, change: str, path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(InvalidInputError, match=r"must be text.*; found 5 \(int\)"):
        getattr(run, change)(5)
    assert path.read_bytes() == before


def test_a_parameter_that_cannot_be_stored(run: aerchive.Run) -> None:
    with pytest.raises(UnsupportedTypeError, match=r"no codec for builtins\.object"):
        run.annotate(params={"x": object()})


def test_a_project_for_reading(run: aerchive.Run, reopen: Reopen) -> None:
    for change in (lambda one: one.remove_tags("a"), lambda one: one.rename("n")):
        with pytest.raises(ReadOnlyError, match="open for reading"):
            change(reopen().latest())


def test_a_deleted_run(project: aerchive.Project, run: Any) -> None:
    project.delete_job(run.job_id)
    with pytest.raises(NotFoundError, match=r"run made-by-hand|no run with id 'made-by-hand'"):
        run.rename("n")
