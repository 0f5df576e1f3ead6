"""The list of runs as columns, and how it follows the project."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import h5py
import numpy as np
import pytest

import aerchive
from aerchive.errors import IntegrityError, NotFoundError
from aerchive.models.labels import RunLabels
from tests import processes
from tests.jobs import make_result
from tests.view.conftest import Reader
from tests.view.projects import HOSTILE_NAMES

SAVE = """
import sys, aerchive
from tests.jobs import make_result
aerchive.open(sys.argv[1]).save(make_result("from-elsewhere"), name="from another process", params={"new": 1.5})
"""


@pytest.fixture
def project(tmp_path: Path) -> aerchive.Project:
    project = aerchive.open(tmp_path / "project.h5")
    with project.transaction():
        for number in range(3):
            project.save(
                make_result(f"job-{number}"), name=f"run {number}", tags=["a"] * (number > 0), params={"x": number}
            )
    return project


def test_columns_have_the_values_of_the_table_of_the_project(reader: Reader) -> None:
    expected = reader.project.columns()
    job_ids, columns = expected["job_id"].values, reader.columns()
    assert reader.texts("job_id") == job_ids
    for name, column in expected.items():
        listed = columns[name]
        if listed["type"] in ("number", "integer", "truth", "time"):
            values = np.frombuffer(reader.bytes(listed["address"]), "<f8")
            wanted = np.array([math.nan if one is None else one for one in column.values], float)
            np.testing.assert_array_equal(values, wanted, name)
        elif listed["type"] in ("text", "texts"):
            assert reader.texts(name) == ["" if one is None else one for one in column.values], name
    assert columns["key"]["group"] == "run"
    assert {"params", "circuit", "counts"} <= {column["group"] for column in columns.values()}


def test_values_that_no_number_holds_are_exact_json(reader: Reader) -> None:
    at = reader.texts("name").index("seed")
    columns = reader.columns()
    assert {columns[f"params.{name}"]["type"] for name in ("seed", "big", "list", "value")} == {"value"}
    assert reader.texts("params.seed")[at] == str(2**64 - 1)
    assert reader.texts("params.big")[at] == str(2**70)
    assert reader.texts("params.list")[at] == [1.0, None]
    assert reader.texts("params.value")[:4] == [None, "Infinity", HOSTILE_NAMES[2], 3]
    assert reader.texts("counts")[0] == {"1": 7, "10": 3}


def test_hostile_names_are_texts_and_never_parts_of_addresses(reader: Reader) -> None:
    names = reader.texts("name")
    assert set(HOSTILE_NAMES) <= set(names)
    document = reader.json("project.json")
    assert {tag for tag, _ in document["tags"]} >= set(HOSTILE_NAMES)
    for column in document["columns"]:
        assert column["address"].isascii()
        assert ".." not in column["address"]
        reader.bytes(column["address"])


def test_counted_outcomes_and_facts_of_the_file(reader: Reader, small_path: Path) -> None:
    document = reader.json("project.json")
    assert document["outcomes"] == reader.project.count_by("outcome")
    assert document["runs"] == len(reader.project)
    assert (document["name"], document["file_bytes"]) == (small_path.name, small_path.stat().st_size)
    assert (document["interface"], document["live"], document["problems"]) == (1, True, [])


def test_each_change_makes_a_generation_and_the_last_two_are_answered(project: aerchive.Project) -> None:
    reader = Reader(aerchive.open(project.path, "r"))
    first = reader.json("project.json")
    assert reader.json("project.json") == first
    old = {column["name"]: column["address"] for column in first["columns"]}
    before = reader.bytes(old["name"])
    project.save(make_result("job-3"), name="new")
    second = reader.json("project.json")
    assert (second["runs"], second["generation"] != first["generation"]) == (4, True)
    assert reader.bytes(old["name"]) == before
    project["job-0"].add_tags("late")
    assert reader.json("project.json")["tags"] == [["a", 2], ["late", 1]]
    with pytest.raises(NotFoundError, match=r"read project\.json again"):
        reader.bytes(old["name"])


def test_deleted_runs_are_left_out(project: aerchive.Project) -> None:
    reader = Reader(aerchive.open(project.path, "r"))
    project.delete_job("job-1")
    assert reader.texts("job_id") == ["job-0", "job-2"]
    assert np.frombuffer(reader.bytes(reader.columns()["params.x"]["address"]), "<f8").tolist() == [0, 2]
    with pytest.raises(NotFoundError):
        reader.json("runs/job-1.json")


def test_a_run_that_another_process_archives_appears(project: aerchive.Project) -> None:
    reader = Reader(aerchive.open(project.path, "r"))
    assert "params.new" not in reader.columns()
    processes.run(SAVE, project.path)
    assert reader.texts("job_id")[:3] == ["job-0", "job-1", "job-2"]
    assert reader.texts("name")[-1] == "from another process"
    new = np.frombuffer(reader.bytes(reader.columns()["params.new"]["address"]), "<f8")
    np.testing.assert_array_equal(new, [math.nan] * 3 + [1.5])
    assert reader.json("runs/from-elsewhere.json")["name"] == "from another process"


def test_runs_beside_the_project_are_listed_and_shown(project: aerchive.Project) -> None:
    reader = Reader(aerchive.open(project.path, "r"))
    draft = project.bridge.capture(make_result("waiting"), None, None)
    project.spools.hold([dataclasses.replace(draft, labels=RunLabels(name="waits"))])
    assert reader.texts("name")[-1] == "waits"
    shown = reader.json("runs/waiting.json")
    assert (shown["pending"], shown["tree"], shown["unreadable"]) == (True, None, [])
    assert reader.json(shown["experiments"][0]["counts"]["address"])["shots"] == 10
    project.recover()
    assert reader.json("runs/waiting.json")["pending"] is False


def test_long_texts_are_whole_if_few_and_end_with_an_ellipsis_if_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = aerchive.open(tmp_path / "project.h5")
    with project.transaction():
        for number in range(3):
            project.save(make_result(f"{number}-{'j' * 60}"), name="n" * 50, tags=["t" * 60, "b"])
    reader = Reader(aerchive.open(project.path, "r"))
    assert set(reader.texts("name")) == {"n" * 50}
    assert reader.texts("tags")[0] == ["t" * 60, "b"]
    monkeypatch.setattr("aerchive.view.columns.MOST_OPENED", 2)
    project[-1].annotate("changed")
    assert set(reader.texts("name")) == {"n" * 32 + "…"}
    assert reader.texts("tags")[0][-1] == "…"
    assert reader.json(f"runs/{reader.texts('key')[2]}.json")["name"] == "n" * 50


def test_an_unreadable_run_is_a_problem_and_hides_no_other(project: aerchive.Project) -> None:
    run = project.save(make_result("bad"), name="b" * 50, tags=["t" * 60])
    path = run.path
    with h5py.File(project.path, "r+") as file:
        del file[path]["labels"].attrs["tags"]
        file[path]["labels"].attrs["tags"] = 3
    reader = Reader(aerchive.open(project.path, "r"))
    document = reader.json("project.json")
    assert document["runs"] == 4
    assert any("bad" in problem for problem in document["problems"])
    assert reader.texts("name")[:3] == ["run 0", "run 1", "run 2"]
    assert len(document["problems"]) <= 20


def test_a_running_job_is_listed_without_data(project: aerchive.Project) -> None:
    reader = Reader(aerchive.open(project.path, "r"))
    assert "running" not in reader.texts("outcome")
    project.spools.own.submitted("at-work", {"created": "2030-11-22T00:00:00.000000Z"})
    assert (reader.texts("job_id")[-1], reader.texts("outcome")[-1]) == ("at-work", "running")
    shown = reader.json("runs/at-work.json")
    assert (shown["outcome"], shown["pending"], shown["experiments"], shown["saved"]) == ("running", True, [], [])
    project.spools.own.finished("at-work")
    assert "at-work" not in reader.texts("job_id")


def test_a_run_with_a_very_long_id_is_addressed_by_a_digest(project: aerchive.Project) -> None:
    job_id = "ψ" * 200
    project.save(make_result(job_id))
    reader = Reader(aerchive.open(project.path, "r"))
    (key,) = (key for key in reader.texts("key") if key.startswith("~~"))
    assert reader.json(f"runs/{key}.json")["job_id"] == job_id
    assert reader.json(f"runs/{key}/counts/0.json")["shots"] == 10


def test_a_project_that_is_gone_is_not_found_and_one_that_comes_back_is_shown(project: aerchive.Project) -> None:
    reader = Reader(aerchive.open(project.path, "r"))
    generation = reader.json("project.json")["generation"]
    away = project.path.rename(project.path.with_name("away.h5"))
    with pytest.raises(NotFoundError):
        reader.json("project.json")
    away.rename(project.path)
    assert reader.json("project.json")["generation"] != generation
    assert len(reader.texts("job_id")) == 3


def test_a_damaged_catalogue_is_answered_by_a_sentence_that_says_what_to_do(project: aerchive.Project) -> None:
    with h5py.File(project.path, "r+") as file:
        rows = file["catalogue"][...]
        rows["shots"] += 1
        file["catalogue"][...] = rows
    with pytest.raises(IntegrityError, match="recover --rebuild-catalogue"):
        Reader(aerchive.open(project.path, "r")).json("project.json")
