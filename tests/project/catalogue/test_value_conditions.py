"""Conditions on values beside the catalogue mean what Python's comparison means, for all rows at once too."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aerchive.errors import InvalidInputError
from aerchive.interop.order import identity
from aerchive.models import catalogue
from aerchive.models.cells import IN_RUN_FORM, form_of
from aerchive.project.catalogue.cells import columns_of
from aerchive.project.catalogue.conditions import COMPARE, Clause, Not
from aerchive.project.catalogue.expression import clause_of
from aerchive.project.catalogue.rows import RunRows
from aerchive.project.catalogue.value_conditions import condition, full_name, short_name, sources
from aerchive.project.project import Project
from tests.drafts import project_at
from tests.project.catalogue.test_columns import with_params

EDGES = [0, 1, -1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 2**63, 2**64]
NUMBERS = st.sampled_from(EDGES) | st.integers(-3, 3) | st.sampled_from([*map(float, EDGES), 0.5, -0.0]) | st.floats()
SCALARS = NUMBERS | st.booleans() | st.sampled_from(["", "a", "ab", "b\0", "ä"]) | st.none()
SHORT = st.lists(st.floats(), min_size=1, max_size=2) | st.lists(st.sampled_from(EDGES), min_size=1, max_size=2)
ARRAYS = st.lists(st.floats(), min_size=1, max_size=2).map(np.array) | st.lists(
    st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=2
).map(lambda numbers: np.array(numbers, np.int64))
VECTORS = SHORT | SHORT.map(tuple) | ARRAYS | st.lists(SCALARS, max_size=2)
OF_NUMPY = st.floats().map(np.float64) | st.integers(-(2**63), 2**63 - 1).map(np.int64) | st.just(np.float32(0.5))
VALUES = SCALARS | VECTORS | OF_NUMPY


class One:
    """A run with one parameter."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def values_of(self, name: str) -> list[Any]:
        return [self._value] if name == "params.x" else []

    def column(self, column: str) -> Any:
        raise AssertionError(column)

    def row(self) -> Any:
        raise AssertionError


def rows_of(values: list[Any]) -> RunRows:
    rows = np.zeros(len(values), catalogue.DTYPE)
    rows["num_points"] = 1
    return RunRows(rows, columns_of([{"params.x": value} for value in values], lambda _name: True))


def agrees(clause: Clause, values: list[Any]) -> None:
    """Checks that rows are decided as runs, and left to the runs if only they have the value."""
    found = clause.bounds(rows_of(values), np.arange(len(values)))
    for value, sure, possible in zip(values, found.sure.tolist(), found.possible.tolist(), strict=True):
        if form_of(value) == IN_RUN_FORM:
            assert (sure, possible) == (False, True), value
        else:
            assert sure is possible is clause.decide(One(value)), (value, sure)


@given(st.lists(VALUES, min_size=1, max_size=6), st.sampled_from(sorted(COMPARE)), VALUES)
@example([1.0, 2.0], "eq", np.array([1.0, 2.0]))
@example([1.0, 2.0], "lt", np.array([1.0, 2.0, 3.0]))
@example([[1.0, 2.0]], "eq", [[1.0], [2.0, 3.0]])
@example([[0, 1]], "eq", [False, True])
@example([2**53 + 1], "eq", 2.0**53)
@example([[2**53 + 1, 0]], "eq", [2.0**53, 0])
@example([float(2**53)], "lt", 2**53 + 1)
@example([math.nan], "ne", math.nan)
@settings(max_examples=200)
def test_all_rows_at_once_are_decided_as_one_by_one(values: list[Any], comparison: str, wanted: Any) -> None:
    try:
        clause = condition("params.x", comparison, wanted)
    except InvalidInputError:
        assert comparison == "in"
        return
    agrees(clause, values)
    agrees(Not(clause), values)


@given(st.lists(VALUES, min_size=1, max_size=6), st.lists(VALUES, max_size=3))
@settings(max_examples=100)
def test_one_of_several(values: list[Any], choices: list[Any]) -> None:
    agrees(condition("params.x", "in", choices), values)


@given(SCALARS, st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]), SCALARS)
@settings(max_examples=200)
def test_a_comparison_is_that_of_python(value: Any, comparison: str, wanted: Any) -> None:
    try:
        expected = getattr(operator, comparison)(value, wanted)
    except TypeError:
        expected = False
    assert condition("params.x", comparison, wanted).decide(One(value)) is expected


@given(VECTORS, VECTORS)
@settings(max_examples=100)
def test_lists_and_arrays_are_equal_if_their_elements_are(value: Any, wanted: Any) -> None:
    expected = identity(value) == identity(wanted)
    assert condition("params.x", "eq", wanted).decide(One(value)) is expected
    assert condition("params.x", "ne", wanted).decide(One(value)) is not expected


class Everything:
    """A container that cannot be iterated."""

    def __contains__(self, value: object) -> bool:
        return True


def test_a_container_that_cannot_be_iterated() -> None:
    clause = condition("params.x", "in", Everything())
    agrees(clause, [1.0, "a", [1.0], np.ones(2)])
    assert clause.decide(One(1.0))


# -- questions to a project

PARAMS: list[dict[str, Any]] = [
    *({"x": value} for value in (0.5, 1, True, "a", None, [1.0, 2.0], (1, 2), np.array([1.0, 2.0]), 2**53 + 1)),
    *({"x": value} for value in (-0.0, math.nan, 1j, 2**70, "x" * 300, {"a": 1}, [], [1, 2.0])),
    *({"y": 0.5}, {"x": 2, "y": 0.5}, {}),
]
MISSING: Any = object()


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = project_at(tmp_path_factory.mktemp("conditions") / "project.h5")
    for number, params in enumerate(PARAMS):
        project.archive(with_params(number, params))
    return project


def tried(test: Callable[[Any], Any]) -> Callable[[dict[str, Any]], bool]:
    def is_met(params: dict[str, Any]) -> bool:
        try:
            return "x" in params and bool(test(params["x"]))
        except (TypeError, ValueError):
            return False

    return is_met


QUESTIONS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "params.x > 0.4": tried(lambda x: x > 0.4),
    "params.x = 1": tried(lambda x: x == 1),
    "params.x = 1.0": tried(lambda x: x == 1),
    "params.x = 0": tried(lambda x: x == 0),
    "params.x != 1": tried(lambda x: identity(x) != 1),
    "not params.x = 1": lambda params: not tried(lambda x: x == 1)(params),
    f"params.x > {2.0**53}": tried(lambda x: x > 2.0**53),
    f"params.x = {2**70}": tried(lambda x: x == 2**70),
    "params.x in [1, 'a', none]": tried(lambda x: not isinstance(x, np.ndarray) and x in [1, "a", None]),
    "params.x not in [1, 'a']": lambda params: not tried(lambda x: x in [1, "a"])(params),
    "params.x = none": tried(lambda x: x is None),
    "params.x contains 1": tried(lambda x: 1 in x),
    "params.x contains a": tried(lambda x: "a" in x),
    "params.x startswith x": tried(lambda x: str(x).startswith("x")),
    "params.x = true": tried(lambda x: x == True),  # noqa: E712  (as the condition compares)
    "params.x >= 0 or params.y = 0.5": lambda params: tried(lambda x: x >= 0)(params) or params.get("y") == 0.5,
    "x = 2 and y < 1": lambda params: params == {"x": 2, "y": 0.5},
    "y < 1 and not x > 0": lambda params: params == {"y": 0.5},
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_found_is_what_a_loop_over_all_runs_finds(several: Project, question: str) -> None:
    expected = [run.job_id for run in several if QUESTIONS[question](run.params)]
    assert [run.job_id for run in several.find(question)] == expected
    assert several.count(question) == len(expected)


@pytest.mark.parametrize("wanted", [[1.0, 2.0], (1, 2), np.array([1, 2]), [1, 2.0]], ids=str)
def test_a_vector_is_found_by_its_elements(several: Project, wanted: Any) -> None:
    assert several.count(params__x=wanted) == 4
    assert several.count(params__x__in=[wanted, "a"]) == 5
    assert several.count(params__x__ne=wanted) == len([one for one in PARAMS if "x" in one]) - 4


# -- names


@pytest.mark.parametrize(
    ("name", "full"),
    [
        *(("gates.cx", "circuit.ops.cx"), ("circuit.gates", "basis_gates"), ("circuit.depth", "circuit_depth")),
        *(("circuit.size", "circuit_size"), ("params.x", "params.x"), ("x", "x"), ("status", "outcome")),
    ],
)
def test_other_names(name: str, full: str) -> None:
    assert full_name(name) == full


def test_what_a_name_stands_for() -> None:
    assert sources("x", of_points=True) == ("saved.x", "params.x", "bound.x", "metadata.x")
    assert sources("params.x", of_points=True) == ("params.x", "bound.x")
    assert sources("params.x", of_points=False) == ("params.x",)
    assert sources("saved.x", of_points=True) == ("saved.x",)
    assert short_name("circuit.ops.cx") == "cx"
    assert short_name("x.y") == "x.y"


@pytest.mark.parametrize(
    ("expression", "given", "message"),
    [
        ("params = 1", {}, "name the parameter, as in params__distance__lt=1 or params.distance < 1"),
        ("metadata > 1", {}, "name what is compared: metadata.NAME"),
        ("circuit = 1", {}, "name what is compared: circuit.NAME"),
        ("basis_gates > cx", {}, "basis_gates can be compared with eq, contains, ne, in: a run must use all, not all"),
        (None, {"basis_gates": 3}, "cannot compare basis_gates with 3: names of gates are text"),
        (None, {"basis_gates__in": ["cx", 3]}, r"cannot compare basis_gates with \['cx', 3\]: names of gates are text"),
        (None, {"params__x__in": 3}, "cannot compare params.x with 3"),
    ],
)
def test_conditions_that_are_refused(expression: str | None, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        clause_of(expression, given)


def test_a_name_under_which_nothing_is(several: Project) -> None:
    with pytest.raises(InvalidInputError, match=r"no column 'z'; .*and no run has a value of this name"):
        several.find("z > 1")
    assert several.find("params.z > 1") == []
    assert "no run has params.z; parameters there are: x, y" in repr(several.find("params.z > 1"))
    assert "values of params.y there are: 0.5" in repr(several.find("params.y > 1"))
