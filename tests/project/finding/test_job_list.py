from __future__ import annotations

import copy
import datetime
import pickle
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qiskit_aer.jobs import AerJob, utils

import aerchive
from aerchive.aer import AerSimulator, ArchivedJob
from aerchive.display.text import format_time
from aerchive.errors import InvalidInputError
from aerchive.project.finding.job_list import JobList
from aerchive.project.run import Run
from tests import processes
from tests.jobs import bell, make_result, run_stock

DAY = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def dozen(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Project:
    """Twelve runs, one an hour, saved in another order."""
    project = aerchive.open(tmp_path_factory.mktemp("dozen") / "dozen.h5")
    with project.transaction():
        for hour in (5, 3, 8, 0, 1, 2, 11, 4, 6, 7, 10, 9):
            result = make_result(f"job{hour:02}", DAY + datetime.timedelta(hours=hour))
            result.backend_name = "even" if hour % 2 == 0 else "odd"
            project.save(result, name=f"h{hour}", tags=["all", f"t{hour % 3}"])
    return project


def hours(jobs: list[Any]) -> list[int]:
    return [int(job.job_id()[3:]) for job in jobs]


def test_newest_ten_come_first(dozen: aerchive.Project) -> None:
    assert hours(dozen.jobs()) == [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"limit": None}, list(range(11, -1, -1))),
        ({"limit": 3}, [11, 10, 9]),
        ({"limit": 0}, []),
        ({"limit": 100}, list(range(11, -1, -1))),
        ({"skip": 9}, [2, 1, 0]),
        ({"skip": 2, "limit": 2}, [9, 8]),
        ({"skip": 50}, []),
        ({"skip": 10, "limit": None}, [1, 0]),
        ({"descending": False}, list(range(10))),
        ({"descending": False, "skip": 10}, [10, 11]),
        ({"backend_name": "even"}, [10, 8, 6, 4, 2, 0]),
        ({"backend_name": "none"}, []),
        ({"job_tags": ["all"]}, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]),
        ({"job_tags": ["all", "t1"]}, [10, 7, 4, 1]),
        ({"job_tags": ["t0", "t1"]}, []),
        ({"job_tags": []}, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]),
        ({"job_tags": ["t0"], "skip": 1, "limit": 2}, [6, 3]),
        ({"created_after": DAY + datetime.timedelta(hours=9)}, [11, 10, 9]),
        ({"created_before": DAY + datetime.timedelta(hours=2)}, [2, 1, 0]),
        (
            {"created_after": DAY + datetime.timedelta(hours=4), "created_before": DAY + datetime.timedelta(hours=5)},
            [5, 4],
        ),
        ({"created_after": (DAY + datetime.timedelta(hours=10)).astimezone().replace(tzinfo=None)}, [11, 10]),
        ({"pending": False, "limit": 2}, [11, 10]),
        ({"pending": True}, []),
        ({"program_id": "run", "limit": 1}, [11]),
        ({"program_id": "sampler"}, []),
        ({"instance": "crn:1"}, []),
        ({"session_id": "s"}, []),
        ({"nested": True, "limit": 1}, [11]),
    ],
    ids=str,
)
def test_conventions_of_the_runtime_service(
    dozen: aerchive.Project, options: dict[str, Any], expected: list[int]
) -> None:
    assert hours(dozen.jobs(**options)) == expected


def test_limit_and_skip_may_be_positional(dozen: aerchive.Project) -> None:
    assert hours(dozen.jobs(2, 1)) == [10, 9]
    with pytest.raises(TypeError):
        dozen.jobs(2, 1, "even")


@pytest.mark.parametrize("options", [{"limit": -1}, {"skip": -1}, {"created_after": "soon"}])
def test_options_that_cannot_be(dozen: aerchive.Project, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        dozen.jobs(**options)


def test_is_a_list_of_jobs(dozen: aerchive.Project) -> None:
    jobs = dozen.jobs(limit=3)

    assert isinstance(jobs, list)
    assert all(isinstance(job, ArchivedJob) and isinstance(job, AerJob) for job in jobs)
    assert jobs[0].result().get_counts() == {"1": 10}
    assert hours(jobs[1:]) == [10, 9]
    assert hours(sorted(jobs, key=lambda job: job.job_id())) == [9, 10, 11]


def test_prints_as_a_table(dozen: aerchive.Project) -> None:
    lines = repr(dozen.jobs(limit=2)).splitlines()

    assert lines[0].split()[:2] == ["job", "id"]
    assert format_time("2026-05-01T23:00:00Z") in lines[2]
    assert "job11" in lines[2]
    assert "h11" in lines[2]
    assert "all, t2" in lines[2]
    assert len(lines) == 4
    assert len({line.index("2026") for line in lines[2:]}) == 1
    assert repr(dozen.jobs(limit=0)) == (
        f"{dozen.path}: 12 runs not listed because of limit, skip, instance or session_id"
    )


def test_hostile_labels_do_no_harm_to_who_prints_them(project: aerchive.Project) -> None:
    project.save(make_result("<script>alert(1)</script>"), name="\x1b[31mred", tags=["<b>", "line\nbreak"])

    jobs = project.jobs()

    assert "\x1b" not in repr(jobs)
    assert len(repr(jobs).splitlines()) == 3
    page = jobs._repr_html_()
    assert "<script>" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page


def test_running_and_pending(project: aerchive.Project) -> None:
    gate = threading.Event()
    utils.DEFAULT_EXECUTOR.submit(gate.wait, 30)
    simulator = AerSimulator(project=project)
    try:
        project.save(make_result())
        job = simulator.run(bell(), tags="live")

        assert [found.job_id() for found in project.jobs(pending=True)] == [job.job_id()]
        assert [found.job_id() for found in project.jobs(pending=False)] == ["made-by-hand"]
        assert {found.job_id() for found in project.jobs()} == {job.job_id(), "made-by-hand"}
        assert [run.outcome for run in project.find(tags="live")] == ["running"]
        assert len(project) == 2
        assert job.job_id() in project
        assert "running" in repr(project.jobs(pending=True))
    finally:
        gate.set()
    job.result()

    assert project.jobs(pending=True) == []
    assert len(project) == 2
    assert project[job.job_id()].outcome == "ok"


def test_outcomes_of_every_kind(project: aerchive.Project) -> None:
    project.save(run_stock())
    project.save(run_stock(shots="many"))

    assert sorted(job.run.outcome for job in project.jobs(pending=False)) == ["error", "ok"]


# a job is made when it is taken out of the list


class CountingBridge:
    """Makes things that only know their run, and remembers of which."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def job(self, run: Run) -> Any:
        self.made.append(run.job_id)
        return SimpleNamespace(run=run, name=run.job_id)


@pytest.fixture
def lazy(dozen: aerchive.Project) -> tuple[JobList, CountingBridge]:
    bridge = CountingBridge()
    return JobList(bridge, dozen.runs(4)), bridge


IDS = ["job11", "job10", "job09", "job08"]


def test_printing_makes_no_job(lazy: tuple[JobList, CountingBridge]) -> None:
    jobs, bridge = lazy

    assert len(jobs) == 4
    assert jobs
    assert len(repr(jobs).splitlines()) == 6
    assert jobs._repr_html_().count("<tr>") == 5
    assert len(repr(jobs[1:3]).splitlines()) == 4
    assert len(jobs.copy()) == 4
    assert bridge.made == []


def test_each_job_is_made_once(lazy: tuple[JobList, CountingBridge]) -> None:
    jobs, bridge = lazy

    assert jobs[1] is jobs[1] is jobs[-3]
    assert bridge.made == ["job10"]
    assert [job.name for job in jobs] == IDS
    assert [job.name for job in reversed(jobs)] == IDS[::-1]
    assert bridge.made == ["job10", "job11", "job09", "job08"]
    assert jobs[1:3][0] is jobs[1]
    assert jobs.copy()[0] is jobs[0]
    assert len(repr(jobs).splitlines()) == 6


def added(items: list[Any], jobs: Any) -> list[Any]:
    items += jobs
    return items


def extended(items: list[Any], jobs: Any) -> list[Any]:
    items.extend(jobs)
    return items


def put_in_order(jobs: Any) -> list[Any]:
    jobs.sort(key=lambda job: job.name, reverse=True)
    return list.copy(jobs)


TAKEN: dict[str, Any] = {
    "list": list,
    "tuple": tuple,
    "star": lambda jobs: [*jobs],
    "sorted": lambda jobs: sorted(jobs, key=lambda job: job.name, reverse=True),
    "sum": lambda jobs: jobs + [],  # noqa: RUF005
    "sum from the left": lambda jobs: [] + jobs,  # noqa: RUF005
    "sum in place": lambda jobs: added([], jobs),
    "product": lambda jobs: jobs * 1,
    "product from the left": lambda jobs: 1 * jobs,
    "extend": lambda jobs: extended([], jobs),
    "pop": lambda jobs: [jobs.pop() for _ in range(len(jobs))][::-1],
    "slice": lambda jobs: list(jobs[:]),
    "sort": put_in_order,
    "zip": lambda jobs: [job for job, _ in zip(jobs, jobs, strict=True)],
    "map": lambda jobs: list(map(id, jobs)) and list(jobs),
    "array": lambda jobs: list(np.array(jobs, object)),
    "arguments": lambda jobs: (lambda *items: items)(*jobs),  # noqa: PLC3002  (the call is what is tried)
    "set": lambda jobs: sorted({job.name for job in jobs}, reverse=True),
    "copy": copy.copy,
}


@pytest.mark.parametrize("how", TAKEN)
def test_however_they_are_taken_they_are_jobs(lazy: tuple[JobList, CountingBridge], how: str) -> None:
    jobs, _ = lazy

    assert [getattr(job, "name", job) for job in TAKEN[how](jobs)] == IDS


def test_comparing_compares_jobs(lazy: tuple[JobList, CountingBridge]) -> None:
    jobs, bridge = lazy
    job = jobs[2]

    assert job in jobs
    assert jobs.index(job) == 2
    assert jobs.count(job) == 1
    assert jobs == list(jobs)
    assert list(jobs) == jobs
    assert not jobs != list(jobs)  # noqa: SIM202  (the other operator)
    assert len(bridge.made) == 4
    jobs.remove(job)
    assert [one.name for one in jobs] == ["job11", "job10", "job08"]


def test_a_list_may_be_changed(lazy: tuple[JobList, CountingBridge]) -> None:
    jobs, bridge = lazy
    jobs.append("other")
    jobs.insert(0, "first")
    jobs.reverse()
    del jobs[2]
    jobs[2] = "third"

    assert bridge.made == []
    lines = repr(jobs).splitlines()[2:]
    assert [line.split()[0] for line in lines] == ["other", "job08", "third", "job11", "first"]
    assert [getattr(item, "name", item) for item in jobs] == ["other", "job08", "third", "job11", "first"]
    jobs.clear()
    assert repr(jobs) == "no jobs"


def test_a_list_may_be_pickled(dozen: aerchive.Project) -> None:
    jobs = pickle.loads(pickle.dumps(dozen.jobs(limit=2)))

    assert hours(jobs) == [11, 10]
    assert len(repr(jobs).splitlines()) == 4


def test_printing_opens_no_run_that_the_catalogue_has_whole(
    project: aerchive.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [f"tag{number}" for number in range(30)]
    project.save(make_result("a"), name="short", tags=["x"])
    project.save(make_result("b"), name="n" * 40, tags=many)  # cut in the catalogue, and more than is shown
    with monkeypatch.context() as patch:
        patch.setattr(Run, "record", property(lambda self: pytest.fail("a run was opened")))
        text = repr(project.jobs())
        page = project.jobs()._repr_html_()
    assert "tag0, tag1, tag2, tag3," in text
    assert "n" * 23 + "…" in page

    project.save(make_result("c"), name="漢" * 20, tags=["é" * 20])  # cut in the catalogue to less than is shown
    text = repr(project.jobs(limit=3))
    assert "漢" * 20 in text
    assert "é" * 20 in text


def test_jobs_import_qiskit_when_they_are_taken(dozen: aerchive.Project) -> None:
    script = """
        import sys
        import aerchive
        jobs = aerchive.open(sys.argv[1], "r").jobs()
        print(len(repr(jobs).splitlines()), "qiskit" in sys.modules, jobs[0].job_id(), "qiskit" in sys.modules)
    """
    assert processes.run(script, dozen.path) == "12 False job11 True\n"


# lists of runs


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the runs that are made from now on."""
    ids: list[str] = []
    original = Run.__init__

    def note(run: Run, *arguments: Any, **options: Any) -> None:
        ids.append(options["job_id"])
        original(run, *arguments, **options)

    monkeypatch.setattr(Run, "__init__", note)
    return ids


FEW: dict[str, tuple[Any, list[str]]] = {
    "jobs": (lambda project: project.jobs(limit=2, skip=7), ["job04", "job03"]),
    "jobs that meet a condition": (lambda project: project.jobs(2, 3, job_tags=["all"]), ["job08", "job07"]),
    "jobs of no service": (lambda project: project.jobs(2, 3, instance="none"), []),
    "the first": (lambda project: next(iter(project)), ["job00"]),
    "latest": (lambda project: project.latest(), ["job11"]),
    "found": (lambda project: project.find()[0], ["job00"]),
    "found by a tag": (lambda project: project.find(tags="t2")[-1], ["job11"]),
    "found in the middle": (lambda project: project.find()[3:9][1], ["job04"]),
    "runs": (lambda project: project.runs()[2], ["job09"]),
    "some runs": (lambda project: len(project.runs(7)), []),
}


@pytest.mark.parametrize("how", FEW)
def test_runs_are_made_when_they_are_taken(dozen: aerchive.Project, made: list[str], how: str) -> None:
    take, expected = FEW[how]

    take(dozen)

    assert made == expected


def test_found_runs_are_a_list_like_any_other(dozen: aerchive.Project) -> None:
    found, all_runs = dozen.find(tags="t1"), list(dozen)
    expected = [run for run in all_runs if "t1" in run.tags]

    assert isinstance(found, list)
    assert found == expected
    assert expected == found
    assert dozen.find(tags="t1") == dozen.find(tags="t1")
    assert not dozen.find(tags="t1") != dozen.find(tags="t1")  # noqa: SIM202  (the other operator)
    assert repr(dozen.find(tags="t1")) == repr(expected)
    assert dozen.find(tags="t1") + [expected[0]] == [*expected, expected[0]]  # noqa: RUF005
    assert expected[2] in dozen.find(tags="t1")
    assert dozen.find(tags="t1").index(expected[2]) == 2
    assert dozen.find(tags="t1")[::-2] == expected[::-2]
    assert [*reversed(dozen.find())] == all_runs[::-1] == dozen.runs()
    assert sorted(dozen.find(), key=lambda run: run.name or "") == sorted(all_runs, key=lambda run: run.name or "")
    assert found[1] is found[1] is found.copy()[1]
    for copied in (copy.copy(dozen.find(tags="t1")), pickle.loads(pickle.dumps(dozen.find(tags="t1")))):
        assert type(copied) is list
        assert copied == expected
    found.append(expected[0])
    del found[0]
    found.sort(key=lambda run: run.job_id)
    assert found == sorted([*expected[1:], expected[0]], key=lambda run: run.job_id)


def test_runs_that_the_catalogue_does_not_decide_are_asked_once(
    project: aerchive.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        project.save(make_result(f"r{number}"), tags=[f"tag{i}" for i in range(30 + number % 2)])
    asked = []
    column = Run.column
    monkeypatch.setattr(Run, "column", lambda run, name: asked.append(run.job_id) or column(run, name))

    found = project.find(tags="tag30")

    assert asked == [f"r{number}" for number in range(6)]
    assert [run.job_id for run in found] == ["r1", "r3", "r5"]
    assert ["_record" in vars(run) for run in found] == [True] * 3  # it was read for the question, and is kept
    assert [job.job_id() for job in project.jobs(1, 1, job_tags=["tag30"])] == ["r3"]
    assert [run.job_id for run in project.find("shots == 0 or tags contains tag30")] == ["r1", "r3", "r5"]


def test_a_list_of_few_runs_does_not_keep_the_catalogue_in_memory(dozen: aerchive.Project) -> None:
    few, most = dozen.find(tags="t1"), dozen.find()

    assert len(few._rows) == len(few) == 4  # type: ignore[attr-defined]
    assert np.shares_memory(most._rows, dozen.find()._rows)  # type: ignore[attr-defined]  # which are kept anyway
