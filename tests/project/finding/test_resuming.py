"""What is done of a sweep, and what is missing."""

from __future__ import annotations

import math
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import aerchive
from aerchive.errors import ArchiveWarning, InvalidInputError, MissingExtraError
from aerchive.project.finding.resuming import without
from tests.jobs import make_result, run_stock

VECTOR = np.array([0.1, 0.2])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Project:
    project = aerchive.open(tmp_path_factory.mktemp("resuming") / "study.h5")
    points: list[dict[str, Any]] = [
        *({"x": x, "n": n} for x in (0.1, 0.2) for n in (1, 2)),
        {"x": 0.3, "n": np.int64(1)},
        {"x": math.nan, "n": 3, "note": "n" * 100},
        {"theta": VECTOR, "layers": 2},
        {"theta": [0.1, 0.2, 0.3], "layers": 2},
        {"theta": VECTOR.reshape(1, 2), "layers": None},
    ]
    for number, params in enumerate(points):
        project.save(make_result(f"job{number}"), params=params)
    project.save(run_stock(shots="many"), params={"x": 0.9, "n": 1})
    return project


def test_done(study: aerchive.Project) -> None:
    assert study.done("params.x", where="params.x < 5") == {0.1, 0.2, 0.3}
    assert study.done("x", "n") == {(0.1, 1), (0.1, 2), (0.2, 1), (0.2, 2), (0.3, 1), (math.nan, 3)}
    assert study.done("theta") == {(0.1, 0.2), (0.1, 0.2, 0.3), ((0.1, 0.2),)}
    assert 1.0 in study.done("n")
    assert {math.nan} < study.done("x")
    assert 0.9 not in study.done("x")
    assert study.done("theta", "layers") == {((0.1, 0.2), 2), ((0.1, 0.2, 0.3), 2), (((0.1, 0.2),), None)}
    assert study.done("job_id", "x", where="params.n == 2") == {("job1", 0.1), ("job3", 0.2)}
    assert study.done("x", where="params.n > 50") == set()
    assert study.done("created", where="job_id == job1") == {study["job1"].created}
    assert study.done("nbytes") == {run.nbytes for run in study.find(outcome="ok")}


def test_done_of_an_unknown_name(study: aerchive.Project) -> None:
    message = (
        r"study\.h5: none of 9 runs has 'thet'; did you mean theta\? there are params\.layers, .*params\.x, job_id"
    )
    with pytest.raises(InvalidInputError, match=message):
        study.done("x", "thet")
    with pytest.raises(InvalidInputError, match="names must be names of parameters or columns, such as 'theta'"):
        study.done()
    with pytest.raises(InvalidInputError, match="no column 'colour'"):
        study.done("x", where="colour == red")


def test_nothing_is_done_before_the_first_run(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "later.h5")

    assert project.done("x") == set()
    assert project.missing({"x": [1, 2]})["x"].tolist() == [1, 2]


POINTS = [{"x": 0.2, "n": 2}, {"x": 0.2, "n": 3}, {"x": 0.9, "n": 1}, {"x": 0.3, "n": 1.0}, {"x": math.nan, "n": 3}]


@pytest.mark.parametrize("kind", [list, iter, pandas.DataFrame])
def test_missing(study: aerchive.Project, kind: Any) -> None:
    missing = study.missing(kind(POINTS))

    assert missing.to_dict("records") == POINTS[1:3]
    assert missing.index.tolist() == [1, 2]


def test_missing_of_a_grid(study: aerchive.Project) -> None:
    missing = study.missing({"x": np.array([0.1, 0.3]), "params.n": range(1, 4)})

    assert missing.to_dict("list") == {"x": [0.1, 0.3, 0.3], "params.n": [3, 2, 3]}
    assert missing.index.tolist() == [2, 4, 5]
    assert missing.dtypes.map(str).tolist() == ["float64", "Int64"]


def test_missing_keeps_the_index_of_a_frame(study: aerchive.Project) -> None:
    frame = pandas.DataFrame({"n": [1, 7, 2, 7], "x": [0.1, 0.1, 0.1, 0.2]}, index=["a", "b", "c", "c"])

    missing = study.missing(frame)

    pandas.testing.assert_frame_equal(missing, frame.iloc[[1, 3]])


def test_missing_by_outcome(study: aerchive.Project) -> None:
    assert study.missing([{"x": 0.9}], outcome="error").empty
    assert study.missing([{"x": 0.9}], outcome=None).empty
    assert study.missing([{"x": 0.9}, {"x": 0.1}], outcome=["ok", "error"]).empty
    assert study.missing([{"x": 0.9}, {"x": 0.1}], outcome=["running", "error"])["x"].tolist() == [0.1]


def test_missing_vectors(study: aerchive.Project) -> None:
    there = [VECTOR, [0.1, 0.2], (0.1, 0.2, 0.3), [[0.1, 0.2]]]
    other = [VECTOR[::-1], VECTOR[:1], [0.1, 0.2, 0.4], 0.1, [[0.1], [0.2]]]

    missing = study.missing({"theta": [*there, *other]})

    assert missing.index.tolist() == [4, 5, 6, 7, 8]
    assert missing["theta"].iloc[0].tolist() == [0.2, 0.1]
    assert study.missing({"theta": np.array([[0.1, 0.2], [0.1, 0.25]])})["theta"].iloc[0].tolist() == [0.1, 0.25]
    near = study.missing(
        [{"theta": VECTOR + 1e-12, "layers": 2}, {"theta": VECTOR + 1e-6, "layers": 2}], tolerance=1e-9
    )
    assert near.index.tolist() == [1]


@pytest.mark.parametrize(
    ("point", "tolerance", "is_done"),
    [
        ({"x": 0.1 + 1e-12, "n": 1}, 0, False),
        ({"x": 0.1 + 1e-12, "n": 1}, 1e-11, True),
        ({"x": 0.1 - 1e-12, "n": 1}, 1e-11, True),
        ({"x": 0.1 + 1.2e-11, "n": 1}, 1e-11, False),  # 1.1 times the tolerance is allowed
        ({"x": 0.1 + 1.05e-11, "n": 1}, 1e-11, True),
        ({"x": 0.15, "n": 1.4}, 0.5, True),
        ({"x": 0.4, "n": 1}, 0.2, True),
        ({"x": 0.4, "n": 3}, 0.2, False),
        ({"x": math.nan, "n": 3 + 1e-12}, 1e-9, True),
        ({"x": math.inf, "n": 3}, 1e-9, False),
        ({"x": "0.1", "n": 1}, 1e-9, False),
    ],
)
def test_tolerance(study: aerchive.Project, point: dict[str, Any], tolerance: float, *, is_done: bool) -> None:
    assert study.missing([point], tolerance=tolerance).empty is is_done


def test_tolerance_is_that_of_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aerchive.project.finding.resuming._MOST_PAIRS", 50)
    random = np.random.default_rng(3)
    for tolerance in (0.01, 0.1, 0.4, 1.0):
        points = np.column_stack([random.integers(0, 12, (60, 2)) / 7, random.integers(-1, 3, (60, 2))])
        runs = np.column_stack([random.normal(0.8, 0.6, (80, 2)), random.integers(0, 2, (80, 2))])
        runs[:30, :2] = points[:30, :2] + random.normal(0, tolerance, (30, 2))
        runs[:30, 2:] = points[:30, 2:]
        frame = pandas.DataFrame(points, columns=list("xyzw"))
        near = np.abs(points[:, None] - runs) <= tolerance * (1 + np.abs(points[:, None]))

        left = without(frame, runs.T.tolist(), tolerance)

        assert left.index.tolist() == np.flatnonzero(~near.all(axis=2).any(axis=1)).tolist()
        assert len(left) < 60


def test_complex_numbers_and_texts(project: aerchive.Project) -> None:
    project.save(make_result("a"), params={"c": 1 + 2j, "s": "a", "d": {"k": [1]}})

    points = [{"c": 1 + 2.1j, "s": "a", "d": {"k": (1.0,)}}, {"c": 1 + 2j, "s": "b", "d": {"k": [1]}}]
    assert project.missing(points, tolerance=0.05).index.tolist() == [1]
    assert project.missing(points, tolerance=0.01).index.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("points", "problem"),
    [
        (5, "points must be a pandas.DataFrame, a list of dictionaries, .*; found 5"),
        ("x", "points must be a pandas.DataFrame"),
        ([1, 2], r"points\[0\] must be a dictionary of a point"),
        ([{"x": 1}, {"y": 1}], r"points\[1\] has the names \['y'\], and points\[0\] has \['x'\]"),
        ({"x": 0.5}, r"points\['x'\] must be the values of a name, such as \[0.1, 0.2\]; found 0.5"),
        ({"x": "abc"}, r"points\['x'\] must be the values of a name"),
        ({"x": np.array(0.5)}, r"points\['x'\] must be the values of a name"),
        ({}, "the names of points must be names of parameters"),
        ({1: [2]}, "the names of points must be names of parameters"),
        (pandas.DataFrame([[1, 2]]), "the columns of points must be names of parameters"),
        (pandas.DataFrame([[1, 2]], columns=["x", "x"]), "the columns of points must be different names"),
    ],
)
def test_points_that_are_none(study: aerchive.Project, points: Any, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        study.missing(points)


@pytest.mark.parametrize("tolerance", [-1, math.nan, math.inf])
def test_tolerance_that_is_none(study: aerchive.Project, tolerance: float) -> None:
    with pytest.raises(InvalidInputError, match="tolerance must be a number of at least 0"):
        study.missing(POINTS, tolerance=tolerance)


def test_no_points(study: aerchive.Project) -> None:
    assert study.missing([]).empty
    assert study.missing({"x": [], "n": [1]}).columns.tolist() == ["x", "n"]
    assert study.missing(pandas.DataFrame({"x": []})).empty


def test_a_name_that_may_be_misspelt(study: aerchive.Project) -> None:
    with pytest.warns(ArchiveWarning, match=r"none of 9 runs has 'thetas'; did you mean theta"):
        assert len(study.missing({"thetas": [1, 2]})) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(study.missing({"something_new": [1, 2]})) == 2


def test_pandas_that_is_missing(study: aerchive.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)

    assert study.done("x", "n")
    with pytest.raises(MissingExtraError, match=r"pandas is needed.*pip install 'aerchive\[pandas\]'"):
        study.missing(POINTS)
