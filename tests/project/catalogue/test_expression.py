"""Conditions as text: what they mean, and where they cannot be read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import aerchive
from aerchive.errors import InvalidInputError
from aerchive.project.catalogue.expression import parse_expression
from tests.jobs import make_result, run_stock


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Project:
    project = aerchive.open(tmp_path_factory.mktemp("study") / "study.h5")
    with project.transaction():
        for number in range(4):
            job = run_stock(shots=10 * (number + 1), seed_simulator=100 + number)
            tags = ["all", "even" if number % 2 == 0 else "odd one"]
            project.save(
                job, name=f"n{number}", tags=tags, params={"x": number / 2, "kind": "ab"[number % 2], "is": True}
            )
        project.save(
            run_stock(shots="many"), name="and", tags=["bad"], params={"bond length": 1, "kind": "1", "a.b": 2}
        )
    return project


def found(project: aerchive.Project, text: str) -> list[str]:
    return [run.name or "" for run in project.find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shots >= 30", ["n2", "n3"]),
        ("shots>=30 and outcome==ok", ["n2", "n3"]),
        ("shots = 10", ["n0"]),
        ("shots != 10 and status == ok", ["n1", "n2", "n3"]),
        ("not shots <= 30", ["n3", "and"]),
        ("not not shots <= 30", ["n0", "n1", "n2"]),
        ("shots in [10, 40]", ["n0", "n3"]),
        ("shots in (10)", ["n0"]),
        ("shots in 10", ["n0"]),
        ("shots not in [10, 40] and status==ok", ["n1", "n2"]),
        ("status == error", ["and"]),
        ("status in [error, lost] or shots == 20", ["n1", "and"]),
        ("shots == 10 or shots == 20 and tags contains even", ["n0"]),
        ("(shots == 10 or shots == 20) and tags contains 'odd one'", ["n1"]),
        ("not (shots == 10 or shots == 20) and status == ok", ["n2", "n3"]),
        ("tags contains [all, even]", ["n0", "n2"]),
        ("tag == bad", ["and"]),
        ("tags != all", ["and"]),
        ("tags not contains all", ["and"]),
        ("tags in ['odd one', bad]", ["n1", "n3", "and"]),
        ("name startswith n", ["n0", "n1", "n2", "n3"]),
        ("name not startswith n", ["and"]),
        ("name contains 2", ["n2"]),
        ("name == 'and'", ["and"]),
        ('name == "and"', ["and"]),
        (r"name == 'a\nd'", ["and"]),  # a backslash gives the next sign, whatever it is
        ("name in [n1, n2]", ["n1", "n2"]),
        ("params.x < 1", ["n0", "n1"]),
        ("params__x < 1", ["n0", "n1"]),
        ("params['x'] < 1", ["n0", "n1"]),
        ("params[x] == .5", ["n1"]),
        ("params['bond length'] == 1", ["and"]),
        ("params.a.b == 2", ["and"]),
        ("params.kind == a", ["n0", "n2"]),
        ("params.kind == 1", []),  # a number
        ("params.kind == '1'", ["and"]),
        ("params.is == true", ["n0", "n1", "n2", "n3"]),
        ("params.x >= 5e-1 and params.x <= 1", ["n1", "n2"]),
        ("seed == 102", ["n2"]),
        ("noisy", []),
        ("not noisy and shots==10", ["n0"]),
        ("not (noisy) and shots==10", ["n0"]),
        ("noisy == false and shots == 10", ["n0"]),
        ("created >= yesterday and shots == 10", ["n0"]),
        ("created > 2 days ago and shots == 10", ["n0"]),
        ("shots == 10 and (created > 2 hours ago)", ["n0"]),
        ("created in [today, yesterday] and shots == 10", ["n0"]),
        ("created < '2020-01-01' or shots==20", ["n1"]),
        ("shots == 10 AND outcome == ok", ["n0"]),
        ("NOT shots < 40 OR shots IN [10]", ["n0", "n3", "and"]),
        ("id startswith zz", []),
        ("\n shots\t==\n10 \n", ["n0"]),
    ],
)
def test_meaning(study: aerchive.Project, text: str, expected: list[str]) -> None:
    assert found(study, text) == expected


def test_text_and_keywords_hold_together(study: aerchive.Project) -> None:
    assert [run.name for run in study.find("shots >= 20", name__ne="n3")] == ["n1", "n2"]
    assert study.count("shots >= 20", name__ne="n3") == 2
    assert study.latest("shots < 40").name == "n2"
    assert [run.name for run in study.runs(1, where="shots < 40")] == ["n2"]


def test_conditions_on_a_text_that_was_cut_ask_the_run(project: aerchive.Project) -> None:
    long = "n" * 50
    project.save(make_result("a"), name=f"{long}1", tags=["x"])
    project.save(make_result("b"), name=f"{long}2", tags=["y"])
    project.save(make_result("c"), name="short", tags=["y"])

    def ids(text: str) -> list[str]:
        return [run.job_id for run in project.find(text)]

    assert ids(f"name == {long}1") == ["a"]
    assert ids(f"not name == {long}1") == ["b", "c"]
    assert ids(f"name != {long}1 and tags contains y") == ["b", "c"]
    assert ids(f"name == {long}2 or tags contains x") == ["a", "b"]
    assert ids(f"not (name == {long}2 or tags contains x)") == ["c"]
    assert project.count(f"name contains {long}") == 2


@pytest.mark.parametrize(
    ("text", "problem", "marked"),
    [
        ("", "there is no condition; write one such as", "^"),
        ("   ", "there is no condition", "^"),
        ("shots", "an operator is expected after shots: ==, =, !=", "^"),
        ("shots shots", "an operator is expected after shots", "shots"),
        ("shots >", "a value is expected, found 'the end'", "^"),
        ("shots > > 3", "a value is expected, found '>'", ">"),
        ("shots > and", "a value is expected, found 'and'", "and"),
        ("shots > many", "shots is a number, and 'many' is none", "many"),
        ("shots > 'many'", "shots is a number", "'many'"),
        ("shots in [1, two]", "shots is a number, and 'two' is none", "two"),
        ("shots > 3 shots < 5", "'and' or 'or' is expected before 'shots'", "shots"),
        ("shots > 3)", "'and' or 'or' is expected before ')'", ")"),
        ("(shots > 3", "')' is missing, for what was opened at character 1", "^"),
        ("((shots > 3)", "')' is missing, for what was opened at character 1", "^"),
        ("shots in [1, 2", "']' is missing, for what was opened at character 10", "^"),
        ("shots in [1, 2)", "']' is missing", ")"),
        ("shots in []", "a value is expected, found ']'", "]"),
        ("shots == [1, 2]", "several values can be compared with 'in'", "["),
        ("name == 'x", "this quotation mark is never closed", "'"),
        ('name == "x', "this quotation mark is never closed", '"'),
        ("name ! x", "'!' has no meaning here", "!"),
        ("shots not > 3", "an operator is expected after shots: in, contains, startswith", ">"),
        ("tags startswith a", "tags can be compared with", "a"),
        ("tags < a", "tags can be compared with", "a"),
        ("created contains a", "created can be compared with", "a"),
        ("created > some day", "'some day' is not a time", "some day"),
        ("params == 3", "name the parameter", "3"),
        ("params[", "the name of a parameter is expected, found 'the end'", "^"),
        ("params['x' == 3", "']' is missing", "=="),
        ("params[(] == 3", "the name of a parameter is expected", "("),
        ("and shots > 3", "a column is expected, found 'and'", "and"),
        ("not", "a column is expected, found 'the end'", "^"),
        ("'shots' > 3", "a column is expected, found 'shots'", "'shots'"),
        ("()", "a column is expected, found ')'", ")"),
        ("(" * 100 + "shots > 3" + ")" * 100, "more than 50 conditions are nested", "("),
    ],
)
def test_what_cannot_be_read_is_pointed_at(text: str, problem: str, marked: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_expression(text)

    first, shown, pointer = str(caught.value).split("\n")
    assert problem in first
    place = pointer.index("^")
    assert first.startswith(f"condition, character {place - 1}: ")
    assert shown == f"  {text}"
    assert shown[place : place + pointer.count("^")].strip() == ("" if marked == "^" else marked)


@pytest.mark.parametrize(
    ("text", "problem", "marked"),
    [
        ("colour == red", "no column 'colour'; there are name, outcome, method", "colour"),
        ("shots > 3 and path == x", "no column 'path'", "path"),
    ],
)
def test_a_name_without_values_is_pointed_at(study: aerchive.Project, text: str, problem: str, marked: str) -> None:
    for ask in (study.find, study.count, lambda text: study.table(where=text)):
        with pytest.raises(InvalidInputError) as caught:
            ask(text)
        first, shown, pointer = str(caught.value).split("\n")
        assert problem in first
        assert shown[pointer.index("^") : pointer.index("^") + pointer.count("^")] == marked


def test_a_condition_of_several_lines_is_pointed_at(study: aerchive.Project) -> None:
    with pytest.raises(InvalidInputError) as caught:
        study.find("shots > 3\nand colour == red")

    assert str(caught.value).split("\n")[1:] == ["  shots > 3 and colour == red", "                ^^^^^^"]


WORDS = st.sampled_from(
    [
        *("and", "or", "not", "in", "contains", "(", ")", "[", "]", ",", "==", "<", "!=", "shots", "tags", "name"),
        *("created", "params.x", "params", "noisy", "5", "-1e3", "'x y'", '"', "yesterday", "2 days ago", "__import__"),
        *("\\", "é", "\0"),
    ]
)


@settings(max_examples=400)
@given(st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=30))
@example("shots.__class__ == 1")
@example("__import__('os').system('true')")
@example("shots > (lambda: 3)()")
@example("not " * 5000 + "noisy")
def test_anything_is_read_or_refused(text: str) -> None:
    problem = ""
    try:
        clause: Any = parse_expression(text)
    except InvalidInputError as error:
        problem = str(error)
    assert problem.startswith("condition, character ") if problem else clause.columns
