"""Which runs `clean` deletes: every condition, everything that keeps, and what goes along."""

from __future__ import annotations

import dataclasses
import datetime
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aerchive.errors import InvalidInputError, ReadOnlyError
from aerchive.models.labels import RunLabels
from aerchive.models.status import RunStatus
from aerchive.project.care.retention import parse_size
from aerchive.project.documents.draft import RunDraft
from aerchive.project.project import Project
from tests import processes
from tests.drafts import draft_of, job_id, project_at
from tests.holding import before_the_lock, held
from tests.views import project_view

NOW = datetime.datetime.now(datetime.UTC)


def aged(number: int, days: float, *, outcome: Any = "ok", parent: int | None = None, **options: Any) -> RunDraft:
    """A run that was submitted so many days ago."""
    draft = draft_of(number, **options)
    parent_id = None if parent is None else job_id(parent)
    return dataclasses.replace(
        draft,
        created=(NOW - datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        status=RunStatus(outcome=outcome),
        config=draft.config.model_copy(update={"parent": parent_id}),
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs 0 to 7: the older, the lower the number."""
    path = tmp_path_factory.mktemp("made") / "project.h5"
    project = project_at(path)
    with project.transaction():
        project.save(aged(0, 400, outcome="failed"))
        project.save(aged(1, 100), tags=["paper"])
        project.save(aged(2, 90, outcome="error"))
        project.save(aged(3, 40, extra_bytes=2_000_000))
        project.save(aged(4, 31))
        project.save(aged(5, 29, outcome="failed"), tags=["x"])
        project.save(aged(6, 2, extra_bytes=10_000))
        project.save(aged(7, 0.01, outcome="cancelled"))
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """A copy of them."""
    return Path(shutil.copy(made, tmp_path))


def left(path: Path) -> list[int]:
    return sorted(int(job[-6:]) for job in project_view(path))


CASES: dict[str, tuple[dict[str, Any], list[int]]] = {
    "by age": ({"older_than": "30d"}, [0, 1, 2, 3, 4]),
    "by age in weeks": ({"older_than": "5w"}, [0, 1, 2, 3]),
    "by age in years": ({"older_than": "1y"}, [0]),
    "by age in hours": ({"older_than": " 36 h "}, [0, 1, 2, 3, 4, 5, 6]),
    "by age in minutes": ({"older_than": "2min"}, list(range(8))),
    "by a duration": ({"older_than": datetime.timedelta(days=95)}, [0, 1]),
    "by a moment": ({"older_than": NOW - datetime.timedelta(days=60)}, [0, 1, 2]),
    "by a moment as text": ({"older_than": (NOW - datetime.timedelta(days=60)).isoformat()}, [0, 1, 2]),
    "by size": ({"larger_than": 1_000_000}, [3]),
    "by size as text": ({"larger_than": "5 KiB"}, [3, 6]),
    "by outcome": ({"outcome": "failed"}, [0, 5]),
    "by several outcomes": ({"outcome": ["failed", "error"]}, [0, 2, 5]),
    "by all": ({"older_than": "30d", "outcome": ["failed", "error"], "larger_than": 0}, [0, 2]),
    "but tagged ones": ({"older_than": "30d", "keep_tagged": True}, [0, 2, 3, 4]),
    "but tagged ones among others": ({"outcome": "failed", "keep_tagged": True}, [0]),
    "but the newest": ({"keep": 3}, [0, 1, 2, 3, 4]),
    "but more than there are": ({"keep": 100}, []),
    "none kept": ({"keep": 0}, list(range(8))),
    "the newest of all, not of those": ({"outcome": "failed", "keep": 3}, [0]),
    "none": ({"older_than": "3000d"}, []),
}


@pytest.mark.parametrize("case", CASES)
def test_what_goes(case: str, path: Path) -> None:
    rule, gone = CASES[case]
    before = path.read_bytes()

    shown = project_at(path, "r").clean(**rule, dry_run=True)
    assert path.read_bytes() == before
    report = project_at(path).clean(**rule)

    assert [run.job_id for run in report.runs] == [run.job_id for run in shown.runs] == [job_id(n) for n in gone]
    assert left(path) == [number for number in range(8) if number not in gone]
    assert (shown.dry_run, report.dry_run) == (True, False)
    assert report.nbytes == shown.nbytes > 0 or not gone
    if gone:
        assert str(shown).endswith("before compression")
        assert " would be deleted, " in str(shown)
        runs = "1 run" if len(gone) == 1 else f"{len(gone)} runs"
        assert f"{path}: {runs} deleted, " in str(report)
        assert project_at(path).space().deleted_runs == len(gone)
    else:
        assert str(report) == f"{path}: nothing to delete"
    assert project_at(path).verify().ok


def test_only_runs_with_these_ids(path: Path) -> None:
    ids = [job_id(1), job_id(5), "never there"]
    shown = project_at(path).clean(keep=1, job_ids=ids, dry_run=True)
    report = project_at(path).clean(older_than="30d", job_ids=ids)

    assert [run.job_id for run in shown.runs] == [job_id(1), job_id(5)]
    assert [run.job_id for run in report.runs] == [job_id(1)]
    assert left(path) == [0, 2, 3, 4, 5, 6, 7]


MEANWHILE: dict[str, tuple[Callable[[Project], object], dict[str, Any], list[int], int]] = {
    "a run gets a tag": (
        lambda project: project[job_id(0)].add_tags("keep"),
        {"older_than": "95d", "keep_tagged": True},
        [],
        0,
    ),
    "a run loses its tag": (
        lambda project: project[job_id(1)].remove_tags("paper"),
        {"older_than": "95d", "keep_tagged": True},
        [0, 1],
        0,
    ),
    "a run is deleted": (
        lambda project: project.delete_job(job_id(2)),
        {"outcome": ["failed", "error"], "older_than": "30d"},
        [0],
        0,
    ),
    "a newer run arrives": (lambda project: project.archive(aged(8, 0)), {"keep": 2}, [0, 1, 2, 3, 4, 5, 6], 0),
    "an old run arrives": (lambda project: project.archive(aged(8, 500)), {"older_than": "95d"}, [8, 0, 1], 0),
    "a run is restored": (lambda project: project.restore(job_id(9)), {"older_than": "95d"}, [9, 0, 1], 0),
    "a simulation arrives beneath a run": (
        lambda project: project.archive(aged(8, 1, parent=4, extra_bytes=3_000_000)),
        {"larger_than": "1 MB"},
        [3, 4],
        1,
    ),
}


@pytest.mark.parametrize("case", MEANWHILE)
def test_it_chooses_from_what_is_there_when_it_commits(case: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act, rule, gone, beneath = MEANWHILE[case]
    project_at(path).archive(aged(9, 600))
    project_at(path).delete_job(job_id(9))
    before = set(left(path))
    done = before_the_lock(monkeypatch, lambda: [act(project_at(path)), before.update(left(path))])

    report = project_at(path).clean(**rule)

    assert done
    assert [run.job_id for run in report.runs] == [job_id(number) for number in gone]
    assert report.beneath == beneath
    assert len(before) - len(left(path)) == len(gone) + beneath + (case == "a run is deleted")
    assert not {*left(path)} & {*gone}
    assert project_at(path).verify().ok


def test_what_is_only_shown_takes_no_lock_for_writing(path: Path) -> None:
    with held(path):
        shown = project_at(path, lock_timeout_s=0).clean(keep=7, dry_run=True)
    assert [run.job_id for run in shown.runs] == [job_id(0)]


def test_a_project_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    report = project_at(tmp_path / "project.h5").clean(keep=0)
    assert str(report) == f"{tmp_path / 'project.h5'}: nothing to delete"
    assert list(tmp_path.iterdir()) == []


def test_it_is_one_commit(path: Path) -> None:
    end = path.stat().st_size
    project_at(path).clean(keep=0)
    assert path.stat().st_size - end < 10_000
    assert len(project_at(path)) == 0


def test_a_primitive_goes_with_those_beneath_and_counts_with_them(path: Path) -> None:
    project = project_at(path)
    project.archive(aged(20, 50))
    for number in (21, 22):
        project.archive(aged(number, 50, parent=20, extra_bytes=600_000))
    project.archive(aged(23, 10, parent=6, extra_bytes=3_000_000))

    report = project.clean(larger_than="1 MB", older_than="30d")

    assert [run.job_id for run in report.runs] == [job_id(20), job_id(3)]
    assert report.beneath == 2
    assert report.nbytes > 3_200_000
    assert "2 runs and 2 beneath them deleted" in str(report)
    assert left(path) == [0, 1, 2, 4, 5, 6, 7, 23]


def test_those_beneath_do_not_go_alone(path: Path) -> None:
    project = project_at(path)
    project.archive(aged(20, 1))
    project.archive(aged(21, 50, parent=20, outcome="failed", extra_bytes=3_000_000))

    project.clean(older_than="10d")

    assert left(path) == [6, 7, 20, 21]


def test_labels_longer_than_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "project.h5"
    project = project_at(path)
    ids = ["y" * 60 + end for end in "ab"]
    for number, job in enumerate(ids):
        labels = RunLabels(tags=["t" * 100]) if number else RunLabels()
        project.archive(dataclasses.replace(aged(number, 50), job_id=job, labels=labels))

    report = project.clean(older_than="1d", keep_tagged=True)

    assert [run.job_id for run in report.runs] == [ids[0]]
    assert [run.job_id for run in project] == [ids[1]]


def test_ids_of_primitives_longer_than_their_column(tmp_path: Path) -> None:
    project = project_at(tmp_path / "project.h5")
    ids = ["y" * 60 + end for end in "ab"]
    for number, job in enumerate(ids):
        project.archive(dataclasses.replace(aged(number, 50), job_id=job, labels=RunLabels(name="n" * 40)))
        beneath = aged(10 + number, 50, extra_bytes=2_000_000 * number)
        project.archive(dataclasses.replace(beneath, config=beneath.config.model_copy(update={"parent": job})))

    report = project.clean(larger_than="1 MB")

    assert ([run.job_id for run in report.runs], report.beneath) == ([ids[1]], 1)
    assert {run.job_id for run in project} == {ids[0], job_id(10)}
    assert f"{'n' * 23}…" in str(report)


LOST = """
import os, sys
import aerchive
record = {"created": "2020-01-01T00:00:00.000000Z"}
spool = aerchive.open(sys.argv[1]).spools.own
spool.submitted("doomed", record)
spool.submitted("tagged", {**record, "labels": {"tags": '["t"]'}})
os._exit(1)
"""


def test_lost_runs_of_which_only_a_trace_is_left(path: Path) -> None:
    with processes.start(LOST, path) as process:
        process.wait()

    report = project_at(path).clean(older_than="1000d", keep_tagged=True)

    assert [run.job_id for run in report.runs] == ["doomed"]
    assert {run.job_id for run in project_at(path).find(outcome="lost")} == {"tagged"}


def test_a_running_job_stays(path: Path) -> None:
    project = project_at(path)
    project.spools.own.submitted("running", {"created": "2020-01-01T00:00:00.000000Z"})
    try:
        project.clean(keep=0)
        assert [run.job_id for run in project.runs()] == ["running"]
    finally:
        project.spools.own.finished("running")


def test_only_writable_projects(path: Path) -> None:
    with pytest.raises(ReadOnlyError, match="open for reading"):
        project_at(path, "r").clean(keep=1)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({"keep_tagged": True}, "say which runs go: older_than, larger_than, outcome, or how many to keep"),
    "running": (
        {"outcome": "running"},
        "outcome 'running': choose one of ok, partial, failed, error, cancelled, lost",
    ),
    "outcome": ({"outcome": ["ok", "good"]}, "outcome 'good': choose one of"),
    "age": (
        {"older_than": "30 m"},
        "older_than: '30 m' is not a time; give a datetime, or text such as '2026-11-22'",
    ),
    "long ago": ({"older_than": "99999999y"}, "older_than: '99999999y' is not a time"),
    "a long time": (
        {"older_than": datetime.timedelta(days=10**6)},
        "older_than: 1000000 days, 0:00:00 ago there was no year",
    ),
    "days without a unit": ({"older_than": 30}, "older_than: 30 is not a time"),
    "negative size": ({"larger_than": -1}, "larger_than: -1 is not a size"),
    "size": ({"larger_than": "much"}, "larger_than: 'much' is not a size; give bytes, or text such as '1.5 GiB'"),
    "number": ({"keep": -1}, "keep must be a number of runs, found -1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_meant(case: str, path: Path) -> None:
    rule, message = WRONG[case]
    before = path.read_bytes()
    with pytest.raises(InvalidInputError) as caught:
        project_at(path).clean(**rule)
    assert message in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "size"), [(17, 17), ("17", 17), ("1KiB", 1024), ("1.5 GiB", 1610612736), ("200MB", 200_000_000)]
)
def test_sizes(text: int | str, size: int) -> None:
    assert parse_size(text) == size
