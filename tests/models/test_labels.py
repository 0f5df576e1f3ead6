"""Changes of labels, and what is remembered of them."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import pytest

from aerchive.models.labels import MAX_CHANGES, Author, LabelChange, RunLabels

MARKED = ("stamps", "tag_marks")
ANN = Author("2026-11-22T14:00:00.000000Z", "ann@lab")


def changed(old: RunLabels, author: Author | None = ANN, **change: Any) -> RunLabels:
    taken = {name: frozenset(change.pop(name, ())) for name in ("remove_tags", "clear")}
    return LabelChange(RunLabels(**change), **taken).apply(old, author)


OLD = RunLabels(name="first", tags=["a", "b"], notes="two\nlines", params={"x": 1})


@pytest.mark.parametrize(
    ("change", "expected", "what"),
    [
        ({"tags": ["c", "a"]}, {"tags": ["a", "b", "c"]}, "tags +c"),
        ({"remove_tags": ["a", "z"]}, {"tags": ["b"]}, "tags -a"),
        ({"remove_tags": ["a", "b"]}, {"tags": None}, "tags -a -b"),
        ({"tags": ["c"], "remove_tags": ["b"]}, {"tags": ["a", "c"]}, "tags +c -b"),
        ({"name": "last"}, {"name": "last"}, "name 'first' to 'last'"),
        ({"clear": ["name"]}, {"name": None}, "name 'first' to none"),
        ({"notes": "other"}, {"notes": "other"}, r"notes 'two\nlines' to 'other'"),
        ({"clear": ["notes"]}, {"notes": None}, r"notes 'two\nlines' to none"),
        ({"params": {"x": 2, "y": 0.5}}, {"params": {"x": 2, "y": 0.5}}, "params x=2, y=0.5"),
        ({"params": {"x": 1.0}}, {"params": {"x": 1.0}}, "params x=1.0"),
        ({"params": {"x": True}}, {"params": {"x": True}}, "params x=True"),
        ({"name": "n", "tags": ["c"]}, {"name": "n", "tags": ["a", "b", "c"]}, "name 'first' to 'n'; tags +c"),
    ],
)
def test_a_change_and_what_is_remembered_of_it(change: Any, expected: Any, what: str) -> None:
    new = changed(OLD, **change)
    fields = {**OLD.model_dump(), **expected, "history": [[*ANN, what]]}
    assert new.model_dump(exclude=set(MARKED)) == RunLabels(**fields).model_dump(exclude=set(MARKED))
    assert {key: type(value) for key, value in new.params.items()} == {
        key: type(value) for key, value in fields["params"].items()
    }


@pytest.mark.parametrize(
    "change",
    [{}, {"tags": ["b"]}, {"remove_tags": ["z"]}, {"name": "first"}, {"notes": "two\nlines"}, {"params": {"x": 1}}],
)
def test_what_changes_nothing_is_not_remembered(change: Any) -> None:
    assert changed(OLD, **change) is OLD


def test_arrays_among_the_parameters_are_compared_whole() -> None:
    old = RunLabels(params={"grid": np.zeros(5000)})
    assert changed(old, params={"grid": np.zeros(5000)}) is old
    other = np.zeros(5000)
    other[2500] = 1
    assert changed(old, params={"grid": other}).params["grid"] is other


def test_the_history_is_bounded() -> None:
    labels = RunLabels()
    for number in range(MAX_CHANGES + 3):
        labels = changed(labels, name=f"{number} " + "long " * 100, tags=[f"t{number}" + "x" * 100])
    history = labels.history or []
    assert [text[:8] for *_, text in history][:2] == ["name '2 ", "name '3 "]
    assert len(history) == MAX_CHANGES
    assert max(len(text) for *_, text in history) <= 240
    assert len(str(labels.to_attributes()["history"])) < 6000


def test_labels_given_at_run_time_are_not_a_change() -> None:
    assert changed(RunLabels(name="n"), None, tags=["t"]) == RunLabels(name="n", tags=["t"])


class Level(enum.IntEnum):
    HIGH = 3


def test_members_of_an_enum_are_written_as_they_were() -> None:
    params = {"a": Level.HIGH, "b": 3, "with space": [Level.HIGH, 1.5], **dict.fromkeys(map(str, range(24)), 0)}
    written = RunLabels(params=params).to_attributes()
    read = RunLabels.from_attributes(written, "here")

    assert read.to_attributes() == written
    assert type(read.params["a"]) is int
    assert changed(read, tags=["t"]).to_attributes().items() >= written.items()
    assert "enum" not in str(changed(read, params=dict.fromkeys(("a", "with space"), 4)).to_attributes())
    assert "enum" not in str(read.written_like().to_attributes())


def test_a_history_alone_is_stored() -> None:
    labels = changed(RunLabels(tags=["t"]), remove_tags=["t"])
    assert not labels.is_empty
    assert RunLabels.from_attributes(labels.to_attributes(), "here") == labels


@pytest.mark.parametrize(
    ("change", "is_empty"),
    [
        (LabelChange(), True),
        (LabelChange(RunLabels(tags=[])), True),
        (LabelChange(RunLabels(tags=["a"])), False),
        (LabelChange(remove_tags=frozenset("a")), False),
        (LabelChange(clear=frozenset({"name"})), False),
    ],
)
def test_an_empty_change(change: LabelChange, is_empty: bool) -> None:
    assert change.is_empty is is_empty
