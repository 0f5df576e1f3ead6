"""The data of a figure with their origin, and the way back to the runs."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import aerchive
from aerchive.errors import ArchiveWarning, InvalidInputError, NotFoundError
from tests.jobs import make_result, run_stock


@pytest.fixture
def project(tmp_path: Path) -> aerchive.Project:
    """Four runs with a number."""
    return filled(tmp_path / "study.h5", "abcd")


def filled(path: Path, names: str) -> aerchive.Project:
    project = aerchive.open(path)
    with project.transaction():
        for number, name in enumerate(names):
            project.save(make_result(name, energy=0.5 * number), params={"n": number})
    return project


@pytest.mark.parametrize("suffix", [".nc", ".csv", ".parquet"])
@pytest.mark.parametrize("kind", ["pandas", "xarray"])
def test_from_the_runs_to_a_file_and_back(project: aerchive.Project, tmp_path: Path, suffix: str, kind: Any) -> None:
    table = project.table("n", "energy", where="params.n > 0", kind=kind)

    path = project.figure_data(table, tmp_path / f"figure{suffix}")
    found = aerchive.read_figure_data(str(path))

    assert path == tmp_path / f"figure{suffix}"
    assert found["energy"].values.tolist() == [0.5, 1.0, 1.5]
    assert found["n"].values.tolist() == [1, 2, 3]
    assert {name: found.attrs[name] for name in table.attrs} == dict(table.attrs)
    assert project.runs_of(path) == project.runs_of(table) == project.runs_of(found) == project.find("params.n > 0")
    assert json.loads(found.attrs["run_uuids"]) == [project[name].run_uuid for name in "bcd"]
    assert json.loads(found.attrs["run_seals"]) == [project[name].core_sha256 for name in "bcd"]


def test_a_table_with_job_ids_names_only_these_runs(project: aerchive.Project, tmp_path: Path) -> None:
    table = project.table("n", ["energy", "job_id"])
    table.attrs["project"] = "study.h5"
    part = table[table.energy > 0.7]

    assert [run.job_id for run in project.runs_of(part)] == ["c", "d"]
    found = aerchive.read_figure_data(project.figure_data(part, tmp_path / "part.csv"))
    assert json.loads(found.attrs["job_ids"]) == ["c", "d"]
    assert found.attrs["project"] == "study.h5"
    assert (
        found.attrs["seal"] == project.table("n", "energy", where="params.n >= 2").attrs["seal"] != part.attrs["seal"]
    )
    assert len(json.loads(found.attrs["run_seals"])) == 2
    again = aerchive.read_figure_data(project.figure_data(found[found.n > 2], tmp_path / "again.csv"))
    assert json.loads(again.attrs["job_ids"]) == ["d"]
    assert project.runs_of(again) == [project["d"]]


def test_runs_that_are_gone_are_named(project: aerchive.Project, tmp_path: Path) -> None:
    table = project.table("n", "energy")
    path = project.figure_data(table, tmp_path / "figure.csv")
    project.delete_jobs(["a", "c"])

    for given, what in ((path, "figure.csv"), (table, "the table")):
        with pytest.warns(
            ArchiveWarning, match=rf"study\.h5: 2 of the 4 runs of .*{what} are not here any more: a, c$"
        ) as told:
            assert [run.job_id for run in project.runs_of(given)] == ["b", "d"]
        assert told[0].filename == __file__
    with pytest.warns(ArchiveWarning, match="2 of the 4 runs"):
        project.figure_data(table, tmp_path / "later.nc")
    assert json.loads(aerchive.read_figure_data(tmp_path / "later.nc").attrs["run_seals"])[::2] == [None, None]
    project.delete_jobs(["b", "d"])
    with pytest.raises(
        NotFoundError, match=r"has none of the 4 runs of .*figure\.csv: a, b, c, d; they are from .*study"
    ):
        project.runs_of(path)


def test_runs_whose_data_are_others_are_named(project: aerchive.Project, tmp_path: Path) -> None:
    table = project.table("n", "energy")
    path = project.figure_data(table, tmp_path / "figure.parquet")
    project["a"].add_tags("labels are no data")
    project.delete_job("b")
    project.save(make_result("b", energy=7.0), params={"n": 1})

    with pytest.warns(ArchiveWarning, match=r"other data than when .*figure\.parquet was made, in 1 run: b$"):
        assert len(project.runs_of(path)) == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written = project.figure_data(project.table("n", "energy"), path)
        assert [run.job_id for run in project.runs_of(written)] == ["a", "b", "c", "d"]


def test_a_table_from_which_the_runs_are_others(project: aerchive.Project) -> None:
    job = run_stock()
    project.save(job, params={"n": 9})
    table = project.table("n", "shots", params__n=9)
    changed = table.copy()
    changed.attrs["seal"] = "0" * 64

    assert project.runs_of(table) == project.find(shots=20)
    with pytest.warns(ArchiveWarning, match=f"other data than when the table was made, in 1 run: {job.job_id()}"):
        project.runs_of(changed)


def test_a_copy_and_another_project(project: aerchive.Project, tmp_path: Path) -> None:
    path = project.figure_data(project.table("n", "energy"), tmp_path / "figure.nc")
    other = filled(tmp_path / "other.h5", "xy")

    with pytest.raises(NotFoundError, match="has none of the 4 runs"):
        other.runs_of(path)
    with pytest.raises(NotFoundError, match=r"has none of the 2 runs of the table: x, y; they are from .*other\.h5"):
        project.figure_data(other.table("n", "energy"), tmp_path / "wrong.csv")
    assert [run.job_id for run in project.copy(tmp_path / "copy.h5").runs_of(path)] == ["a", "b", "c", "d"]
    assert not (tmp_path / "wrong.csv").exists()


def test_an_empty_table(project: aerchive.Project, tmp_path: Path) -> None:
    table = project.to_pandas(name="nothing")

    assert project.runs_of(project.figure_data(table, tmp_path / "empty.csv")) == []


def test_a_figure_is_written_again(project: aerchive.Project, tmp_path: Path) -> None:
    for number in (1, 3):
        path = project.figure_data(project.table("n", "energy", where=f"params.n < {number}"), tmp_path / "figure.csv")
    assert aerchive.read_figure_data(path)["n"].tolist() == [0, 1, 2]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["figure.csv", "study.h5"]


@pytest.mark.parametrize(
    ("table", "path", "message"),
    [
        (pandas.DataFrame({"x": [1]}), "figure.csv", r"no origin: its attrs have no 'job_ids'.*table\.attrs\.update"),
        (
            {"x": [1]},
            "figure.csv",
            "table must be a pandas.DataFrame or xarray.Dataset, such as project.table.*found {'x'",
        ),
        (np.zeros(3), "figure.csv", "table must be a pandas.DataFrame or xarray.Dataset"),
        (pandas.DataFrame({"x": [1]}), "figure.png", r"choose one of \.nc, \.csv, \.parquet, such as 'figure\.nc'"),
        (pandas.DataFrame({"x": [1]}), "figure", r"choose one of \.nc, \.csv, \.parquet, such as 'figure\.nc'"),
    ],
)
def test_mistakes(project: aerchive.Project, tmp_path: Path, table: Any, path: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        project.figure_data(table, tmp_path / path)
    assert len(list(tmp_path.iterdir())) == 1


def test_attributes_that_were_edited(project: aerchive.Project) -> None:
    table = project.table("n", "energy")
    table.attrs["job_ids"] = "a"

    with pytest.raises(InvalidInputError, match=r"attrs\['job_ids'\] of the table is not a list as JSON"):
        project.runs_of(table)
    with pytest.raises(InvalidInputError, match=r"table must be a pandas\.DataFrame .*found 5"):
        project.runs_of(5)
    found = project.table("n", "energy")
    found.attrs |= {"run_uuids": "[]", "run_seals": "[null]"}
    with pytest.raises(
        InvalidInputError, match="have 4 job ids, 0 run_uuids and 1 run_seals: one of these lists was edited"
    ):
        project.runs_of(found)
