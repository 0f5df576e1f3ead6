"""Where the rows of a table come from, as its attributes say."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pandas
import pytest
import xarray

import aerchive
from aerchive.aer.capturing import capture
from aerchive.aer.capturing.provenance import provenance
from aerchive.errors import ArchiveWarning
from aerchive.project.finding import origin
from tests.holding import held
from tests.jobs import bell, make_result, run_stock

NAMES = ["project", "project_uuid", "generation", "seal", "job_ids", "seeds", "versions"]


@pytest.fixture
def project(tmp_path: Path) -> aerchive.Project:
    """Three runs with a number, of which the last has no seed and no versions."""
    project = aerchive.open(tmp_path / "origin.h5")
    with project.transaction():
        for number, seed in enumerate((7, 2**33)):
            job = run_stock(bell(), seed_simulator=seed)
            project.save(job, params={"n": number}, tags="stock")
        project.save(make_result("by-hand", energy=0.5), params={"n": 2})
    return project


def lists(table: Any) -> dict[str, Any]:
    return {name: json.loads(table.attrs[name]) for name in ("job_ids", "seeds", "versions")}


def test_a_table_says_where_it_is_from(project: aerchive.Project) -> None:
    table = project.table("n", "shots", tags="stock")
    ids = [run.job_id for run in project.find(tags="stock")]
    versions = project[ids[0]].record.provenance
    assert versions is not None

    assert list(table.attrs) == NAMES
    assert table.attrs["project"] == str(project.path)
    assert table.attrs["generation"] == 1
    assert len(table.attrs["project_uuid"]) == 36
    assert lists(table)["job_ids"] == ids
    assert lists(table)["seeds"] == [7, 2**33]
    assert lists(table)["versions"]["qiskit"] == [versions.qiskit]
    assert lists(table)["versions"]["qiskit-aer"] == [versions.qiskit_aer]
    assert all(type(value) in (str, int) for value in table.attrs.values())


def test_tables_of_every_kind_have_the_origin_of_their_rows(project: aerchive.Project) -> None:
    table, catalogue = project.table("n", "energy"), project.to_pandas()
    grid, points = project.table("n", "energy", kind="grid"), project.table("n", "energy", kind="xarray")

    assert lists(table)["job_ids"] == ["by-hand"]
    assert lists(table)["seeds"] == [None]
    assert table.attrs == grid.attrs == points.attrs
    assert lists(catalogue)["job_ids"] == catalogue["job_id"].tolist() == [run.job_id for run in project]
    assert lists(project.to_pandas(name="nothing")) == {"job_ids": [], "seeds": [], "versions": {}}
    assert project.table("n", "shots", tags="stock").attrs == project.to_pandas(tags="stock").attrs


def test_the_seal_is_that_of_the_runs(project: aerchive.Project) -> None:
    before = project.table("n", "shots", tags="stock").attrs["seal"]
    project.latest(tags="stock").add_tags("more")
    project.latest(tags="stock").annotate(notes="noted", params={"other": 1})
    project.delete_job("by-hand")

    assert project.table("n", "shots", tags="stock").attrs["seal"] == before
    project.compact(force=True)
    assert project.table("n", "shots", tags="stock").attrs == project.table("n", "shots", tags="stock").attrs | {
        "seal": before,
        "generation": 2,
    }
    assert project.table("n", "shots", params__n=0).attrs["seal"] != before


def test_an_origin_survives_what_pandas_and_xarray_do(project: aerchive.Project, tmp_path: Path) -> None:
    table, grid = project.table("n", ["shots", "seconds"]), project.table("n", "shots", kind="xarray")

    for made in (
        table[table.n > 0],
        table[["n"]],
        table.copy(),
        table.sort_values("n"),
        table.assign(k=1),
        table.head(1),
    ):
        assert made.attrs == table.attrs
    assert pandas.concat([table, table]).attrs == table.attrs
    assert pickle.loads(pickle.dumps(table)).attrs == table.attrs
    assert grid.sel(n=[0]).attrs == grid.isel(n=0).attrs == grid.attrs
    grid.to_netcdf(tmp_path / "own.nc")
    with xarray.open_dataset(tmp_path / "own.nc") as found:
        assert found.attrs["job_ids"] == grid.attrs["job_ids"]
    table.to_parquet(tmp_path / "own.parquet")
    assert pandas.read_parquet(tmp_path / "own.parquet").attrs == table.attrs


def test_versions_of_the_runs_of_a_table_and_of_no_others(
    project: aerchive.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = provenance()
    monkeypatch.setattr(capture, "provenance", lambda: now.model_copy(update={"qiskit": "99.1"}))
    project.save(run_stock(bell()), params={"n": 5}, tags="later")

    assert lists(project.to_pandas(tags="stock"))["versions"]["qiskit"] == [now.qiskit]
    assert lists(project.to_pandas(tags="later"))["versions"]["qiskit"] == ["99.1"]
    both = lists(project.to_pandas())["versions"]
    assert both["qiskit"] == sorted([str(now.qiskit), "99.1"])
    assert both["aerchive"] == [now.aerchive]
    monkeypatch.setattr(origin, "_MOST_KNOWN", 1)
    assert lists(project.to_pandas())["versions"] == both


def test_runs_that_are_not_in_the_file_yet(tmp_path: Path) -> None:
    path = tmp_path / "held.h5"
    project = aerchive.open(path)
    project.save(run_stock(), params={"x": 1})
    with held(path):
        waiting = aerchive.open(path, lock_timeout=0).save(run_stock(), params={"x": 2})
        assert waiting.in_pending_file
    table = project.table("x", "shots")

    assert table["x"].tolist() == [1, 2]
    assert lists(table)["job_ids"][1] == waiting.job_id
    assert lists(table)["seeds"] == [3, 3]
    assert set(lists(table)["versions"]) == {"aerchive", "qiskit", "qiskit-aer"}
    with pytest.warns(ArchiveWarning, match="held.h5: some of its runs are still in"):
        project.close()
    alone = lists(project.to_pandas(params__x=2))
    assert alone["versions"] == lists(table)["versions"]
    project.flush()
    project.recover()
    assert project.table("x", "shots").attrs == table.attrs
