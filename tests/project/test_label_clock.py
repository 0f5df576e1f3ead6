"""A run object answers from its row of the catalogue, and sees what this process has changed since."""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

import aerchive
from aerchive.errors import IntegrityError
from aerchive.project import run as run_module
from aerchive.project.label_clock import LabelClock
from aerchive.storage.medium.trace import record_reads
from tests import processes
from tests.jobs import make_result

Reopen = Callable[[], aerchive.Project]


def saved(project: aerchive.Project, name: str = "a") -> aerchive.Run:
    return project.save(make_result(name), name=f"name of {name}", tags=["one", "tag \N{GREEK SMALL LETTER PSI}"])


def test_labels_of_a_found_run_are_read_from_its_row(
    project: aerchive.Project, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(project)
    project.save(make_result("plain"))
    run, plain = reopen().find()
    monkeypatch.setattr(run_module, "read_record", None)
    with record_reads() as log:
        assert (run.name, run.tags) == ("name of a", ("one", "tag \N{GREEK SMALL LETTER PSI}"))
        assert (plain.name, plain.tags) == (None, ())
        assert (run.outcome, run.program, run.created[:2], run.num_circuits) == ("ok", "run", "20", None)
    assert not log.extents


def test_labels_that_the_row_has_cut_are_whole(project: aerchive.Project, reopen: Reopen) -> None:
    tags = [f"tag {number}" for number in range(30)]
    project.save(make_result("a"), name="n" * 80, tags=tags)
    (run,) = reopen().find()
    assert (run.name, run.tags) == ("n" * 80, tuple(tags))


def test_changes_of_this_process_are_seen(project: aerchive.Project) -> None:
    saved(project)
    saved(project, "b")
    other = aerchive.open(project.path)
    runs = other.find()
    lazy = other.find()  # its runs are made after the changes
    held = other["a"]
    assert held.record.labels.name == "name of a"
    first = runs[0]

    project["a"].rename("new")
    project.tag(job_ids="a", add="more")
    for run in (first, held, lazy[0], pickle.loads(pickle.dumps(first))):
        assert (run.name, run.tags[-1]) == ("new", "more")
        assert run.record.labels.name == "new"
    assert lazy[1].name == "name of b"

    project.save(make_result("a"), tags=["again"])  # the same job: its labels are added
    assert first.tags[-1] == "again"
    with project.transaction():
        project["a"].rename("at the end")
        assert lazy[0].name == "new"
    assert lazy[0].name == first.name == "at the end"


def test_a_change_reads_only_the_row_of_its_run_again(
    project: aerchive.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(project)
    saved(project, "b")
    runs = list(project.find())
    project["a"].rename("new")
    monkeypatch.setattr(run_module, "read_record", None)
    assert runs[0].name == "new"
    with record_reads() as log:
        assert [run.name for run in runs] == ["new", "name of b"]
    assert not log.extents


def test_a_change_of_another_process_is_seen_when_the_run_is_asked_for_again(
    project: aerchive.Project, path: Path
) -> None:
    saved(project)
    run = project["a"]
    processes.run("import sys, aerchive; aerchive.open(sys.argv[1])['a'].rename('elsewhere')", path)
    assert run.name == "name of a"
    assert project["a"].name == "elsewhere"


def test_labels_are_read_from_the_run_if_the_catalogue_is_damaged(
    project: aerchive.Project, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(project)
    run = project["a"]
    project["a"].rename("new")

    def damaged(session: object) -> None:
        raise IntegrityError(f"{session}: damaged")

    monkeypatch.setattr(run_module, "Catalogue", damaged)
    assert (run.name, run.tags[0]) == ("new", "one")


def test_a_change_that_fails_changes_nothing(project: aerchive.Project) -> None:
    saved(project)
    run = project["a"]
    with contextlib.suppress(ZeroDivisionError), project.transaction():
        project["a"].rename("never")
        raise ZeroDivisionError
    assert run.name == "name of a"


def test_the_clock_forgets_names_and_not_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aerchive.project.label_clock._MOST_RUNS", 3)
    clock = LabelClock()
    before = clock.now
    clock.note("file", ["a", "b"])
    assert [clock.changed_since(before, "file", name) for name in "abc"] == [True, True, False]
    assert not clock.changed_since(clock.now, "file", "a")
    assert not clock.changed_since(before, "other file", "a")
    clock.note("file", ["c", "d"])
    assert clock.changed_since(before, "other file", "a")
    assert not clock.changed_since(clock.now, "file", "a")


def test_a_forked_child_can_change_labels(project: aerchive.Project) -> None:
    saved(project)
    run = project["a"]
    with run_module.label_clock._lock:  # as another thread may hold it
        child = os.fork()
        if not child:
            aerchive.open(project.path)["a"].rename("by the child")
            os._exit(run.name != "by the child")
    assert os.waitpid(child, 0)[1] == 0
