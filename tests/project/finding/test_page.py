"""`Project.page`: runs with values of columns, and how many there are."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

import aerchive
from aerchive.errors import InvalidInputError
from tests.jobs import make_result

DAY = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Project:
    project = aerchive.open(tmp_path_factory.mktemp("page") / "page.h5")
    with project.transaction():
        for day in range(6):
            result = make_result(f"job-{day}", DAY + datetime.timedelta(days=day), energy=day / 2)
            params = {"x": day} if day % 2 else {"y": [1, day]}
            project.save(result, name="even" if day % 2 == 0 else None, params=params)
    return project


def test_the_newest_runs_with_their_values(project: aerchive.Project) -> None:
    names = ["job_id", "name", "params.x", "saved.energy", "circuit", "params.*"]
    page = project.page(3, names)
    assert [run.job_id for run in page.runs] == ["job-5", "job-4", "job-3"] == page.columns["job_id"].values
    assert page.total == 6
    assert list(page.columns) == ["job_id", "name", "params.x", "saved.energy", "circuit", "params.y"]
    assert page.columns["name"].values == [None, "even", None]
    assert page.columns["params.x"].values == [5, None, 3]
    assert page.columns["params.y"].values == [None, [1, 4], None]
    assert page.columns["saved.energy"].values == [2.5, 2.0, 1.5]
    assert page.columns["circuit"].values == [None] * 3
    assert page.id_width == 5


def test_conditions_and_order(project: aerchive.Project) -> None:
    page = project.page(2, "status", where="params.x > 0", sort="name", descending=False)
    assert [run.job_id for run in page.runs] == ["job-1", "job-3"]
    assert (page.total, page.columns["status"].values) == (3, ["ok", "ok"])
    assert project.page(0).runs == []
    assert project.page(name="odd").total == 0


def test_a_name_that_no_run_has(project: aerchive.Project) -> None:
    with pytest.raises(InvalidInputError, match=r"none of 6 runs has 'params\.z'; there are params\.x, params\.y"):
        project.page(1, "params.z")
    assert project.page(1, "seed").columns["seed"].values == [None], "a column of the catalogue may be empty"
    assert project.page(1, "params.y").columns["params.y"].values == [None], "other runs have it"


def test_runs_that_are_not_in_the_file_yet(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "late.h5", durability="exit")
    project.save(make_result("late", energy=1.0), params={"x": 2})
    page = project.page(names=["job_id", "params.x", "saved.energy", "circuit"])
    assert [column.values for column in page.columns.values()] == [["late"], [2], [1.0], [None]]
    project.flush()
