"""The points of a sweep, and which of them are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import aerchive
from aerchive.aer import AerSimulator
from aerchive.dask.points import identities, point_id, points_of
from tests.dask.jobs import rotation

VALUES: list[Any] = [0, 1, 0.5, 1 / 3, 1e300, float("inf"), float("nan"), "a", "1", "", [1, 2], [1, [2]], 1 + 2j]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, np.float64(1)),
        (np.int64(3), 3),
        (True, 1),
        (float("nan"), np.nan),
        ([1, 2], np.array([1.0, 2.0])),
        ((1, 2), [1, 2]),
        (2 + 0j, 2),
        (-0.0, 0),
    ],
)
def test_equal_values_are_the_same_point(one: Any, other: Any) -> None:
    assert point_id({"x": one, "n": 2}) == point_id({"n": 2.0, "x": other})


def test_different_values_and_names_are_different_points() -> None:
    points = [{name: value} for name in ("x", "y") for value in VALUES]
    assert len({point_id(point) for point in points}) == len(points)


def test_points_come_back_from_the_catalogue_as_the_same_points(project: aerchive.Project) -> None:
    points = [{"x": value, "n": number} for number, value in enumerate(VALUES)]
    simulator = AerSimulator(project=project)
    for point in points:
        simulator.run(rotation(0.1), params=point).result()
    simulator.run(rotation(0.1), params={"x": 1}).result()
    assert identities(project.columns(), ["x", "n"]) == [*map(point_id, points), None]


def test_points_may_be_a_list_a_table_or_axes() -> None:
    pandas = pytest.importorskip("pandas")
    listed = [{"x": 0.1, "n": 1}, {"x": 0.1, "n": 2}, {"x": 0.2, "n": 1}, {"x": 0.2, "n": 2}]
    assert points_of(listed) == listed
    assert points_of(pandas.DataFrame(listed)) == listed
    assert points_of({"x": [0.1, 0.2], "n": np.array([1, 2])}) == listed
    assert type(points_of({"n": np.array([1, 2])})[0]["n"]) is int


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ("x", "points must be a list of dictionaries"),
        ([0.1], r"points\[0\] must be a dictionary of a point"),
        ([{}], r"points\[0\] must be a dictionary of a point"),
        ([{"x": 1}, {"y": 1}], r"points\[1\] has the names \['y'\], and points\[0\] has \['x'\]"),
        ([{"x": None}], "the value of 'x' in points must be a number"),
        ({"x": 1}, r"points\['x'\] must be the values of a name"),
    ],
)
def test_other_points_are_refused_by_name(points: Any, message: str) -> None:
    with pytest.raises(aerchive.InvalidInputError, match=message):
        points_of(points)
