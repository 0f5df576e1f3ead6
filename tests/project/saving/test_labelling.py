"""Labels of many runs in one commit: `Project.tag`, and changes of labels inside a transaction."""

from __future__ import annotations

import dataclasses
import fcntl
import random
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from aerchive.errors import InvalidInputError, NotFoundError, ProjectLockedError, ReadOnlyError, TransactionError
from aerchive.models.labels import RunLabels
from aerchive.project.project import Project
from aerchive.project.run import Run
from aerchive.storage.file import ProjectFile
from tests.drafts import draft_of, job_id, project_at
from tests.holding import before_the_lock, held
from tests.views import project_view

LONG = "a tag that is longer than its column in the catalogue can hold"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs 0 to 5; even ones have a tag, run 5 is beneath run 4, and run 3 has a tag that its row cuts."""
    path = tmp_path_factory.mktemp("made") / "project.h5"
    project = project_at(path)
    with project.transaction():
        for number in range(6):
            draft = draft_of(number)
            parent = job_id(4) if number == 5 else None
            project.save(
                dataclasses.replace(draft, config=draft.config.model_copy(update={"parent": parent})),
                tags=[*["even"][number % 2 :], *[LONG] * (number == 3)],
                params={"x": number},
            )
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made, tmp_path))


@pytest.fixture
def project(path: Path) -> Project:
    return project_at(path)


@pytest.fixture
def commits(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the project file after each commit."""
    sizes: list[int] = []
    write = ProjectFile._commit

    def counted(self: ProjectFile, fd: int) -> Any:
        if self.path == path:
            sizes.append(path.stat().st_size)
        return write(self, fd)

    monkeypatch.setattr(ProjectFile, "_commit", counted)
    return sizes


def tagged(path: Path, tag: str) -> list[int]:
    """Numbers of the runs that have a tag, in their groups and in the catalogue."""
    found = {int(run.job_id[-6:]) for run in project_at(path, "r").find(tags=tag)}
    assert found == {
        int(job[-6:]) for job, (record, _) in project_view(path).items() if tag in (record.labels.tags or ())
    }
    return sorted(found)


# -- many at once

WHICH: dict[str, tuple[tuple[Any, ...], dict[str, Any], list[int]]] = {
    "by a text": (("params.x >= 2",), {}, [2, 3, 4, 5]),
    "by conditions": ((), {"params__x__lt": 2}, [0, 1]),
    "by both": (("params.x >= 2",), {"parent": ""}, [2, 3, 4]),
    "by a tag": ((), {"tags": "even"}, [0, 2, 4]),
    "by a tag that is cut": ((), {"tags": LONG}, [3]),
    "by ids": ((), {"job_ids": [job_id(5), job_id(0), job_id(5)]}, [0, 5]),
    "by one id": ((), {"job_ids": job_id(1)}, [1]),
    "by ids and conditions": (("not tags contains even",), {"job_ids": [job_id(0), job_id(1)]}, [1]),
    "by an id as a condition": ((), {"job_id": job_id(3)}, [3]),
    "by nothing they have": (("shots > 5000",), {}, []),
    "by no ids": ((), {"job_ids": []}, []),
}


@pytest.mark.parametrize("in_transaction", [False, True])
@pytest.mark.parametrize("case", WHICH)
def test_which_runs(case: str, in_transaction: bool, path: Path, project: Project, commits: list[int]) -> None:
    expression, conditions, numbers = WHICH[case]
    with project.transaction() if in_transaction else held(path.parent, fcntl.LOCK_SH):
        assert project.tag(*expression, add="new", **conditions) == len(numbers)

    assert tagged(path, "new") == numbers
    assert len(commits) == 1
    assert project_at(path).verify().ok


def test_adding_and_removing(path: Path, project: Project) -> None:
    assert project.tag("params.x <= 3", add=["new", LONG], remove="even") == 4
    assert tagged(path, "even") == [4]
    assert tagged(path, "new") == tagged(path, LONG) == [0, 1, 2, 3]
    assert [what for _, _, what in project[job_id(2)].history] == [f"tags +new +{LONG[:39]}… -even"]
    assert project[job_id(4)].history == []
    assert project[job_id(3)].tags == (LONG, "new")


def test_only_runs_that_change_are_counted_and_written(path: Path, project: Project, commits: list[int]) -> None:
    assert project.tag("params.x <= 3", add="even") == 2
    before = path.read_bytes()
    assert project.tag("params.x <= 3", add="even", remove="never there") == 0
    assert project.tag(job_ids=[job_id(0), job_id(3)], add="even") == 0
    with project.transaction():
        assert project.tag("params.x <= 3", add="even") == 0
    assert path.read_bytes() == before


def test_it_chooses_from_what_is_there_when_it_commits(
    path: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile() -> None:
        other = project_at(path)
        other[job_id(0)].remove_tags("even")
        other[job_id(1)].add_tags("even")
        other.delete_job(job_id(2))
        other.archive(draft_of(8, labels=RunLabels(tags=["even"])))

    done = before_the_lock(monkeypatch, meanwhile)

    assert project.tag(tags="even", add="new") == 3
    assert done
    assert tagged(path, "new") == [1, 4, 8]


WRONG: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "no runs": ((), {"add": "x"}, "say which runs get the tags: conditions, as for find, or job_ids=[...]"),
    "no tags": (("shots > 1",), {}, "say which tags: add=..., remove=..., or both"),
    "both": (
        ("shots > 1",),
        {"add": ["y", "x"], "remove": "x"},
        "tag 'x' is to be added and to be removed; choose one",
    ),
    "no column": (("colour == red",), {"add": "x"}, "no column 'colour'; there are name, "),
    "no tag": (
        ("shots > 1",),
        {"add": [5]},
        "add must be a text or a list of texts, such as ['vqe', 'paper']; found [5] (list)",
    ),
    "no id": (
        (),
        {"job_ids": [5], "add": "x"},
        "job_ids must be a job id, which is text and not empty, or a run of the project; found 5",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_meant(case: str, path: Path, project: Project) -> None:
    expression, given, message = WRONG[case]
    before = path.read_bytes()
    with pytest.raises(InvalidInputError) as caught:
        project.tag(*expression, **given)
    assert message in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("in_transaction", [False, True])
def test_an_id_that_is_not_there(in_transaction: bool, path: Path, project: Project) -> None:
    before = path.read_bytes()
    with pytest.raises(NotFoundError) as caught, project.transaction() if in_transaction else held(path.parent):
        project.tag(job_ids=[job_id(1), "job-00000x"], add="new")
    assert str(caught.value).startswith(f"{path}: no run with id 'job-00000x'; near ones: job-00000")
    assert path.read_bytes() == before


def test_a_project_for_reading(path: Path) -> None:
    with pytest.raises(ReadOnlyError, match="open for reading"):
        project_at(path, "r").tag("shots > 1", add="x")


def test_a_project_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    project = project_at(tmp_path / "project.h5")
    assert project.tag("shots > 1", add="x") == project.tag(job_ids=[], add="x") == 0
    with pytest.raises(NotFoundError, match="no run with id 'j'"):
        project.tag(job_ids="j", add="x")
    with project.transaction():
        assert project.tag("shots > 1", add="x") == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("in_transaction", [False, True])
def test_a_running_job_has_no_labels_yet(in_transaction: bool, path: Path, project: Project) -> None:
    project.spools.own.submitted("running", {"created": "2026-11-22T00:00:00.000000Z"})
    try:
        with project.transaction() if in_transaction else held(path.parent):
            assert project.tag("created > 2000", add="new") == 6
        with pytest.raises(NotFoundError, match="run running has no data: still running"):
            project.tag(job_ids=["running", job_id(0)], add="other")
        assert (tagged(path, "new"), tagged(path, "other")) == ([0, 1, 2, 3, 4, 5], [])
    finally:
        project.spools.own.finished("running")


# -- in a transaction


def test_changes_are_committed_with_the_block(path: Path, project: Project, commits: list[int]) -> None:
    first, second = project[job_id(0)], project[job_id(1)]
    with project.transaction():
        first.add_tags("new")
        first.remove_tags("even")
        first.rename("first")
        second.annotate("notes", {"y": 2})
        project.save(draft_of(7), tags="new")
        project.tag(job_ids=[job_id(2), job_id(3)], add="new")
        assert (first.tags, first.name, second.notes) == (("even",), None, None)
        assert commits == []

    assert len(commits) == 1
    assert tagged(path, "new") == [0, 2, 3, 7]
    assert (first.tags, first.name) == (("new",), "first")
    assert (second.notes, second.params) == ("notes", {"x": 1, "y": 2})
    assert [what for _, _, what in first.history] == ["tags +new", "tags -even", "name none to 'first'"]
    assert project_at(path).verify().ok


def test_they_are_undone_when_the_block_raises(path: Path, project: Project) -> None:
    run, before = project[job_id(0)], path.read_bytes()

    def block() -> None:
        with project.transaction():
            run.add_tags("new")
            project.tag(tags="even", add="new")
            project.save(draft_of(7)).add_tags("new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block()
    assert path.read_bytes() == before
    run.add_tags("later")
    assert (run.tags, project[job_id(2)].tags) == (("even", "later"), ("even",))


def test_runs_that_the_block_has_saved(path: Path, project: Project, commits: list[int]) -> None:
    with project.transaction():
        runs = [project.save(draft_of(number), params={"x": number}) for number in (10, 11, 12)]
        runs[0].add_tags("a", "b")
        runs[0].remove_tags("a")
        runs[0].rename("ten")
        runs[1].annotate("eleven", {"y": 1})
        assert project.tag("params.x >= 5", add="new") == 4
        assert project.tag(job_ids=[job_id(12), job_id(0)], add="some") == 2
        assert project.tag(tags="new", name="ten", add="one") == 1
        assert (runs[0].tags, runs[0].name, runs[1].notes) == (("b", "new", "one"), "ten", "eleven")
        project.save(draft_of(13), params={"x": 13})  # comes after the tags

    assert len(commits) == 1
    assert tagged(path, "new") == [5, 10, 11, 12]
    assert (tagged(path, "some"), tagged(path, "one")) == ([0, 12], [10])
    assert (runs[0].tags, runs[0].name, runs[0].history) == (("b", "new", "one"), "ten", [])
    assert runs[1].params == {"x": 11, "y": 1}
    runs[0].add_tags("after")
    assert tagged(path, "after") == [10]


OPERATIONS = 20


def test_a_run_that_the_block_has_saved_again(path: Path, project: Project, commits: list[int]) -> None:
    with project.transaction():
        run = project.save(draft_of(0), tags=["again", "more"], name="saved", notes="saved")
        run.remove_tags("even", "more")
        project[job_id(0)].rename(None)
        project[job_id(0)].add_tags("new")
        project.save(draft_of(0), notes="saved later")

    assert len(commits) == 1
    assert (set(run.tags), run.name, run.notes) == ({"again", "new"}, None, "saved later")
    assert tagged(path, "again") == tagged(path, "new") == [0]
    assert project_at(path).verify().ok


def operate(project: Project, runs: dict[int, Run], order: random.Random) -> None:
    """Does one thing at random to one run or to several."""
    number, tag = order.choice([*runs, *runs, order.randrange(6, 12)]), order.choice(["a", "b", "even", LONG])
    kind = order.randrange(6)
    if (kind == 0 and number > 5) or number not in runs:
        name = order.choice([None, "saved"])
        runs.setdefault(number, project.save(draft_of(number), tags=[tag], name=name, params={"x": number}))
    elif kind == 1:
        runs[number].add_tags(tag, "c")
    elif kind == 2:
        runs[number].remove_tags(tag)
    elif kind == 3:
        runs[number].rename(order.choice([None, "one", "other"]))
    elif kind == 4:
        runs[number].annotate(order.choice(["", "notes"]), {"y": order.randrange(3)})
    else:
        chosen = {"job_ids": [job_id(one) for one in order.sample(list(runs), 2)]} if order.randrange(2) else {}
        where = order.choice([f"params.x < {number}", "tags contains a", "name == saved"])
        add, remove = order.choice([(tag, ()), ((), tag)])
        project.tag(where, **chosen, add=add, remove=remove)


@pytest.mark.parametrize("seed", range(6))
def test_a_transaction_ends_as_if_all_were_done_at_once(seed: int, path: Path) -> None:
    ends = []
    for name in ("one by one", "together"):
        copy = Path(shutil.copy(path, path.with_name(f"{name}.h5")))
        project, order = project_at(copy), random.Random(seed)
        runs = {number: project[job_id(number)] for number in range(6)}
        if name == "together":
            with project.transaction():
                for _ in range(OPERATIONS):
                    operate(project, runs, order)
        else:
            for _ in range(OPERATIONS):
                operate(project, runs, order)
        ends.append({job: record.labels for job, (record, _) in project_view(copy).items()})
        assert {run.job_id: run.tags for run in runs.values()} == {
            job: tuple(one.tags or ()) for job, one in ends[-1].items()
        }
        assert project_at(copy).verify().ok

    assert ends[0] == ends[1]


def test_a_run_that_was_deleted_meanwhile_undoes_the_block(
    path: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = project[job_id(0)]
    done = before_the_lock(monkeypatch, lambda: project_at(path).delete_job(job_id(0)))

    def block() -> None:
        with project.transaction():
            project.save(draft_of(7))
            project[job_id(1)].add_tags("new")
            run.add_tags("new")

    with pytest.raises(NotFoundError, match=f"no run with id '{job_id(0)}'"):
        block()
    assert done
    assert tagged(path, "new") == []
    assert set(project_view(path)) == {job_id(number) for number in range(1, 6)}


def test_they_do_not_wait_beside_a_project_that_is_locked(path: Path) -> None:
    project = project_at(path, lock_timeout_s=0.05)
    run = project[job_id(0)]

    def block() -> None:
        with project.transaction():
            project.save(draft_of(7))
            run.add_tags("new")

    with held(path), pytest.raises(ProjectLockedError) as caught:
        block()
    assert str(caught.value).endswith(
        "Nothing of the transaction was saved: its changes of labels cannot wait in a spool"
    )
    assert [entry.name for entry in path.parent.iterdir()] == ["project.h5"]
    assert len(project_view(path)) == 6


def test_a_pending_run_is_labelled_once_it_is_in_its_project(path: Path) -> None:
    project = project_at(path, lock_timeout_s=0.05)
    with held(path):
        run = project.archive(draft_of(7))
        with pytest.raises(TransactionError, match="run job-000007 is in a spool beside the project; change it once"):
            project.tag(job_ids=[job_id(7)], add="new")
        with pytest.raises(TransactionError, match="is in a spool beside"), project.transaction():
            run.add_tags("new")
    with project.transaction():
        run.add_tags("new")
        assert project.tag(job_ids=[job_id(7)], add="more") == 1
    assert tagged(path, "new") == tagged(path, "more") == [7]


def test_other_threads_commit_at_once(path: Path, project: Project) -> None:
    with project.transaction():
        project[job_id(0)].add_tags("mine")
        thread = threading.Thread(target=lambda: project[job_id(1)].add_tags("other"))
        thread.start()
        thread.join()
        assert (tagged(path, "mine"), tagged(path, "other")) == ([], [1])
    assert (tagged(path, "mine"), tagged(path, "other")) == ([0], [1])


def test_a_run_that_waits_for_its_commit(path: Path) -> None:
    project = project_at(path)
    project.durability = "exit"
    run = project.save(draft_of(7))
    with project.transaction():
        run.add_tags("new")
    assert tagged(path, "new") == [7]
    assert run.tags == ("new",)
