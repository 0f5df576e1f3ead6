from __future__ import annotations

import datetime
import threading
from typing import Any

import pytest
from qiskit_aer.jobs import AerJob, utils

import aerchive
from aerchive.aer import AerSimulator, ArchivedJob
from aerchive.errors import InvalidInputError
from tests.project.conftest import bell, make_result, run_stock

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
    assert "2026-05-01 23:00:00" in lines[2]
    assert "job11" in lines[2]
    assert "h11" in lines[2]
    assert "all, t2" in lines[2]
    assert len(lines) == 4
    assert len({line.index("2026") for line in lines[2:]}) == 1
    assert repr(dozen.jobs(limit=0)) == "no jobs"


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
