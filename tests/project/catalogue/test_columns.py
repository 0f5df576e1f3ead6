"""The columns beside the catalogue say what the runs say, whatever is done to the project."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import aerchive
from aerchive import layout
from aerchive.aer import AerSimulator
from aerchive.errors import IntegrityError, InvalidInputError
from aerchive.models import catalogue
from aerchive.models.base import Document
from aerchive.models.cells import MOST_OF_RUN, cells_of, form_of, make_cell, seal_cell
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.status import RunStatus
from aerchive.project.care import validate
from aerchive.project.catalogue.cells import ColumnCache, dataset_name, read_columns
from aerchive.project.catalogue.conditions import All
from aerchive.project.documents.draft import RunDraft
from aerchive.project.project import Project
from aerchive.project.writing.catalogue import CatalogueWriter
from aerchive.storage.sessions import WriteSession
from tests.drafts import draft_of, job_id, project_at
from tests.jobs import make_result
from tests.processes import run as in_another_process
from tests.strict import differences


def with_params(number: int, params: Mapping[str, Any], **status: Any) -> RunDraft:
    draft = draft_of(number, labels=RunLabels(params=dict(params)))
    return dataclasses.replace(draft, status=RunStatus(outcome="ok", num_points=1, **status))


def columns(path: Path) -> dict[str, dict[str, list[Any]]]:
    """By name and type: the values of all rows as a stranger reads them; ``...`` if only the run has it."""
    found: dict[str, dict[str, list[Any]]] = {}
    with h5py.File(path, "r") as file:
        for table in file["columns"].values() if "columns" in file else ():
            of_name = found.setdefault(table.attrs["name"].decode(), {})
            of_name[table.attrs["type"].decode()] = [
                {0: None, 1: [row[name].item() for name in table.dtype.names[:-2]], 2: ...}[row["given"]]
                for row in table[:]
            ]
    return found


def right(project: Any) -> Any:
    """Returns a project whose columns agree with its runs, and follow the format."""
    assert project.verify().problems == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Document, "further", Document.further)  # validation reads documents in another way
        report = validate.answer(str(project.parts.path), 5.0)
    assert [one for one in report["departures"] if one.node.startswith(("/c", "/format"))] == []
    return project


def test_a_stranger_reads_them(path: Path) -> None:
    project = project_at(path)
    project.archive(with_params(0, {"x": 0.5, "v": [1, 2]}, saved={"energy": -1.0}))
    project.archive(with_params(1, {"x": "a", "m": {"of": "mapping"}}))
    project.archive(with_params(2, {"x": 1.5}))
    assert columns(path) == {
        "params.x": {"float": [[0.5], None, [1.5]], "str": [None, [b"a"]]},
        "params.v": {"list": [[1, 2]]},
        "params.m": {"run": [None, ...]},
        "saved.energy": {"float": [[-1.0]]},
    }
    right(project)


def test_saved_in_every_way(path: Path) -> None:
    project = aerchive.open(path)
    project.save(make_result("alone", energy=1.0), params={"x": 1})
    with project.transaction():
        project.save(make_result("first", energy=2.0), params={"x": 2})
        project.save(make_result("second", energy=3.0), params={"x": 2.5})
    angle = Parameter("t")
    circuit = QuantumCircuit(1, metadata={"layers": 3})
    circuit.rx(angle, 0)
    circuit.measure_all()
    for durability in ("each", "batch"):
        simulator = AerSimulator(project=path, durability=durability, seed_simulator=1)
        simulator.run(circuit, parameter_binds=[{angle: [0.5]}], shots=10, params={"x": 3}).result()
        project.flush()
    simulator.run(circuit, parameter_binds=[{angle: [0.5, 0.7]}], shots=10, params={"x": 4}).result()
    assert project.count("x >= 2") == 5
    assert project.count("layers = 3") == project.count("gates.rx = 1") == 3
    aerchive.open(path).flush()
    with aerchive.open(path).transaction():
        pass
    project.compact()  # moves what waits beside the file
    found = columns(path)
    assert found["params.x"] == {"int": [[1], [2], None, [3], [3], [4]], "float": [None, None, [2.5]]}
    assert found["metadata.layers"] == {"int": [None, None, None, [3], [3], [3]]}
    assert found["bound.t"] == {"float": [None, None, None, [0.5], [0.5]], "run": [None] * 5 + [...]}
    right(project)


TYPES: dict[str, Any] = {
    **{"float": 0.5, "int": 1, "text": "a", "bool": True, "list": [1.0, 2.0], "longer": [1.0, 2.0, 3.0]},
    **{"none": None, "array": np.arange(4.0).reshape(2, 2), "mapping": {"a": 1}, "long": "x" * 300},
}


def test_a_parameter_whose_type_changes(path: Path) -> None:
    project = project_at(path)
    project.archive(with_params(0, {"x": 0}))
    project.archive(with_params(1, {"x": 0}))
    for name, value in TYPES.items():
        project[job_id(0)].annotate(params={"x": value})
        (given,) = {kind for kind, rows in columns(path)["params.x"].items() if rows[0] is not None}
        assert given == form_of(value).type, name
        assert project.count(params__x=value) == 1
        assert project.count(params__x=0) == 1
    right(project)


def test_tags_leave_them_alone(path: Path) -> None:
    project = project_at(path)
    project.archive(with_params(0, {f"p{number}": number for number in range(MOST_OF_RUN + 3)}))
    before = columns(path)
    project.tag("params.p1 = 1", add="seen")
    project[job_id(0)].annotate(notes="more")
    assert columns(path) == before
    assert project.count(f"params.p{MOST_OF_RUN + 2} > 0 and tags = seen") == 1
    right(project)


def test_deleted_restored_compacted_copied_and_made_anew(path: Path, tmp_path: Path) -> None:
    project = project_at(path)
    for number in range(5):
        project.archive(with_params(number, {"x": number, f"only{number}": 0.5}))
    project.delete_job(job_id(1))
    project.delete_job(job_id(3))
    assert project.count("params.x >= 1") == 2
    assert "params.only3" not in project.to_pandas()
    project.restore(job_id(3))
    assert project.count("params.x >= 1") == 3
    right(project)
    for anonymous in (False, True):
        copy = tmp_path / f"{anonymous}.h5"
        project.copy(copy, anonymous=anonymous)
        assert sorted(right(aerchive.open(copy)).done("x")) == [0, 2, 3, 4]
        assert ([1] in columns(copy)["params.x"]["int"]) is not anonymous
    project.compact()
    found = columns(path)
    assert sorted(found["params.x"]["int"]) == [[0], [2], [3], [4]]
    assert "params.only1" not in found
    right(project)
    project.rebuild_catalogue()
    assert columns(path) == found
    right(project).archive(with_params(9, {"only1": 1.5}))
    assert project.count("only1 = 1.5") == 1
    right(project)


def test_runs_that_had_values_left_out_before_there_was_a_column(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_at(path)
    monkeypatch.setattr(layout, "MOST_COLUMNS", 2)
    for number, name in enumerate(("a", "b", "c", "c")):
        project.archive(with_params(number, {name: number}))
    assert set(columns(path)) == {"params.a", "params.b"}
    project.delete_job(job_id(0))
    project.compact()
    project.archive(with_params(9, {"c": 9}))
    assert set(columns(path)) == {"params.b", "params.c"}
    assert [run.params["c"] for run in project.find("params.c > 0")] == [2, 3, 9]
    assert sorted(project.done("c")) == [2, 3, 9]
    right(project)


def test_more_values_than_columns_take(path: Path) -> None:
    project = project_at(path)
    many = {f"p{number:03}": number for number in range(100)}
    project.archive(with_params(0, many, saved={"energy": 1.0}))
    project.archive(with_params(1, {"p099": 7, "few": 1}, saved={"energy": 2.0}))
    assert len(columns(path)) == MOST_OF_RUN + 3
    frame = project.to_pandas()
    assert {f"params.{name}" for name in many} <= set(frame)
    assert frame["params.p099"].tolist() == [99, 7]
    assert "params.p070" not in project.to_pandas("few = 1")
    assert project.count("params.p098 = 98") == project.count("p098 = 98") == project.count(params__p098__gt=97) == 1
    assert project.done("p098") == {98}
    assert project.missing({"p098": [97, 98]})["p098"].tolist() == [97]
    with pytest.raises(InvalidInputError, match="no run has a value of this name"):
        project.count("p198 = 1")
    right(project)


def test_many_bound_parameters_do_not_open_runs_for_other_questions(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_at(path)
    for number in range(3):
        bound = {f"t[{place}]": place / 2 for place in range(12)}
        draft = with_params(number, {"step": number})
        project.archive(dataclasses.replace(draft, config=RunConfig(num_circuits=1, bound=bound)))
    assert project.catalogue()["overflow"].tolist() == [catalogue.BOUND_LEFT_OUT] * 3
    assert not any(name.startswith("bound.") for name in columns(path))
    right(project)

    def opened(*_: object) -> Any:
        pytest.fail("a run was opened")

    monkeypatch.setattr("aerchive.project.run.Run.record", property(opened))
    assert project.count("step >= 1") == project.count(params__step__ge=1) == 2
    assert project.done("step") == {0, 1, 2}
    assert project.to_pandas()["params.step"].tolist() == [0, 1, 2]


NAMES = [
    *("a/b", "a.b", ".", "..", "", " ", "θ", "ϑ", "a b", "a\0b", "\ud800", "x.2", "x", "lt"),
    *("x" * 1000, "x" * 999 + "y"),
]


def test_names_of_every_kind(path: Path) -> None:
    project = project_at(path)
    project.archive(with_params(0, {name: number for number, name in enumerate(NAMES)}))
    project.archive(with_params(1, {name: number + 0.5 for number, name in enumerate(NAMES)}))
    with h5py.File(path, "r") as file:
        assert len(file["columns"]) == 2 * len(NAMES)
        assert all(len(name) < 70 and name.isascii() and name.isprintable() for name in file["columns"])
    frame = right(project).to_pandas('params["\ud800"] < 0')
    assert len(frame) == 0
    for number, name in enumerate(NAMES):
        assert project.columns()[f"params.{name}"].values == [number, number + 0.5], name
        assert project.done(f"params.{name}") == {number, number + 0.5}, name
    assert project.count('params["θ"] > 6.2') == project.count('params["ϑ"] < 7.2') == 1
    assert project.count('params["a/b"] >= 0') == project.count("params.a/b >= 0") == 2
    assert len(project.table("params.θ", "job_id")) == 2
    right(project)
    project.rebuild_catalogue()
    right(project)


def test_names_of_datasets() -> None:
    assert dataset_name("params.x", []) == "params.x"
    assert dataset_name("params.θ", ["params._"]) == "params._.2"
    assert dataset_name("params.a/b", ["params.a_b", "params.a_b.2"]) == "params.a_b.3"
    assert dataset_name("params." + "x" * 99, []) == "params." + "x" * 57


# -- verification


def changed(path: Path, dataset: str, number: int, **values: Any) -> None:
    """Changes a cell, with the right checksum."""
    with h5py.File(path, "r+") as file:
        row = file["columns"][dataset][number : number + 1]
        for name, value in values.items():
            row[name] = value
        file["columns"][dataset][number : number + 1] = seal_cell(row, number)


def remove(path: Path, dataset: str) -> None:
    with h5py.File(path, "r+") as file:
        del file["columns"][dataset]


def add(path: Path, name: str, length: int = 1) -> None:
    """A column of a name that no run has."""
    with h5py.File(path, "r+") as file:
        rows = np.concatenate([make_cell(form_of(1.5), 1.5, number) for number in range(length)])
        table = file["columns"].create_dataset(name, data=rows, maxshape=(None,), chunks=(8,))
        for key, text in (("name", name), ("type", "float")):
            table.attrs.create(key, np.bytes_(text))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda path: changed(path, "params.x", 1, value=9), "columns beside the catalogue differ from it: params.x"),
        (lambda path: changed(path, "params.x", 1, given=0, value=0), "differ from it: params.x"),
        (lambda path: changed(path, "params.x", 1, given=2, value=0), "differ from it: params.x"),
        (lambda path: changed(path, "params.x.2", 0, given=1), "differ from it: params.x"),
        (lambda path: remove(path, "params.x"), "differ from it: params.x"),
        (lambda path: add(path, "params.new"), "differ from it: params.new"),
        (
            lambda path: add(path, "params.new", 4),
            "the column of 'params.new' has more rows than the catalogue",
        ),
    ],
    ids=["value", "absent", "only in the run", "two types", "missing column", "column of no run", "longer"],
)
def test_verification_finds(path: Path, harm: Callable[[Path], None], message: str) -> None:
    project = project_at(path)
    project.archive(with_params(0, {"x": 1}))
    project.archive(with_params(1, {"x": 2}))
    project.archive(with_params(2, {"x": "text"}))
    right(project)
    harm(path)
    problems = project_at(path).verify().problems
    assert problems
    assert all(message in problem for problem in problems), problems
    project.rebuild_catalogue()
    right(project)


# -- damage


def test_a_damaged_cell_stops_only_questions_about_it(path: Path) -> None:
    project = project_at(path)
    for number in range(3):
        project.archive(with_params(number, {"x": number, "y": number}, saved={"energy": 1.0}))
    with h5py.File(path, "r+") as file:
        row = file["columns/params.x"][1]
        row["value"] = 7
        file["columns/params.x"][1] = row
    project = project_at(path)
    message = (
        rf"/columns/params\.x: row 1 is damaged \(1 in all\); the runs are not affected, and the columns can be made "
        rf"anew from them: aerchive recover --rebuild-catalogue {path}"
    )
    for question in (
        lambda: project.find("params.x > 0"),
        lambda: project.done("x"),
        lambda: project.table("x", "energy"),
        project.to_pandas,
    ):
        with pytest.raises(IntegrityError, match=message):
            question()
    with pytest.raises(IntegrityError, match=message):
        project.compact(force=True)
    assert project.count("params.y > 0") == 2
    assert project.count(outcome="ok") == 3
    assert project[job_id(1)].params["x"] == 1
    project.archive(with_params(3, {"x": 3}))
    project[job_id(1)].annotate(params={"y": 5})  # this also writes x anew
    assert project.done("x") == {0, 1, 2, 3}
    right(project)


def unreadable(file: h5py.File) -> None:
    file["columns/params.x"].attrs["type"] = np.bytes_("strange")


def a_group(file: h5py.File) -> None:
    file["columns"].create_group("params.z")


def a_dataset(file: h5py.File) -> None:
    del file["columns"]
    file["columns"] = np.zeros(3)


@pytest.mark.parametrize("harm", [unreadable, a_group, a_dataset])
def test_runs_are_saved_beside_columns_that_cannot_be_read(path: Path, harm: Callable[[h5py.File], None]) -> None:
    project = project_at(path)
    project.archive(with_params(0, {"x": 1}))
    with h5py.File(path, "r+") as file:
        harm(file)
    project = project_at(path)
    project.archive(with_params(1, {"x": 2}))
    project[job_id(0)].annotate(params={"x": 3})
    with pytest.raises(IntegrityError, match=f"/columns.* made anew .*aerchive recover --rebuild-catalogue {path}"):
        project.count("params.x > 0")
    (problem,) = project.verify().problems
    assert "/columns" in problem
    project.rebuild_catalogue()
    assert project.done("x") == {2, 3}
    right(project)


# -- what the process keeps

OTHER = """
    import sys
    from pathlib import Path
    from tests.drafts import job_id, project_at
    from tests.project.catalogue.test_columns import with_params
    project = project_at(Path(sys.argv[1]))
    project.archive(with_params(5, {"x": 5, "new": 1.5}))
    project[job_id(0)].annotate(params={"x": "text"})
    project[job_id(1)].annotate(params={"x": 11})
    project.delete_job(job_id(2))
"""


def test_the_process_sees_what_another_one_commits(path: Path) -> None:
    project = project_at(path)
    for number in range(4):
        project.archive(with_params(number, {"x": number}))
    assert project.done("x") == {0, 1, 2, 3}
    in_another_process(OTHER, path)
    assert project.done("x") == {"text", 11, 3, 5}
    assert project.count("new > 1") == 1
    project[job_id(3)].annotate(params={"x": 2.5})
    assert project.done("x") == {"text", 11, 2.5, 5}
    right(project)


def test_a_file_that_was_replaced(path: Path, tmp_path: Path) -> None:
    project = project_at(path)
    project.archive(with_params(0, {"x": 0}))
    backup = tmp_path / "backup.h5"
    shutil.copy(path, backup)
    project[job_id(0)].annotate(params={"x": "late"})
    project.archive(with_params(1, {"x": 1}))
    assert project.done("x") == {"late", 1}
    shutil.copyfile(backup, path)  # into the same file
    assert project.done("x") == {0}
    project.archive(with_params(2, {"x": 2.5}))
    assert project.done("x") == {0, 2.5}
    backup.replace(path)
    assert project.done("x") == {0}
    right(project)


def test_a_commit_that_fails_leaves_nothing(path: Path) -> None:
    project = project_at(path)
    project.archive(with_params(0, {"x": 0}))
    assert project.done("x") == {0}
    before = columns(path)

    def write(session: WriteSession) -> None:
        writer = CatalogueWriter(session, 1)
        writer.add(with_params(1, {"x": "text", "new": [1.0]}).record, "runs/nowhere", 0)
        CatalogueWriter(session, 1)._put(np.zeros(1, catalogue.DTYPE), {"params.other": 1}, 1, is_new=True)
        writer.finish()
        assert read_columns(session, lambda _name: True)["params.x"][1].rows["value"][1] == b"text"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        project.file.commit(write, "2026-12-01T00:00:00Z")
    assert columns(path) == before
    project.archive(with_params(1, {"x": True, "new": 3}))
    assert project.done("x") == {0, True}
    assert project.done("new") == {3}
    right(project)


def test_columns_of_a_process_take_memory_that_is_known(path: Path) -> None:
    project = project_at(path)
    project.archive(with_params(0, {"x": 0}))
    cache = ColumnCache()
    with project.file.read() as session:
        cache.read(session, lambda _name: True)
    assert cache.nbytes == form_of(0).row_dtype.itemsize


def test_the_values_of_a_project_are_those_of_its_runs(path: Path) -> None:
    project: Project = project_at(path)
    for number, value in enumerate(TYPES.values()):
        project.archive(with_params(number, {"x": value, "n": number}, saved={"e": number / 2}, counts={"0": number}))
    listing = project._search.listing(lambda _name: True)
    places, _ = listing.sorted_places(All([]))
    for run, place in zip(project, places.tolist(), strict=True):
        for name, value in cells_of(run.record).items():
            (found,) = listing.values(np.array([place]), name).listed()
            assert not differences(value, found), name
