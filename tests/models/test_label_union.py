"""The union of labels that were changed apart: in any order, and however often, it is the same."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from aerchive.models.label_union import union
from aerchive.models.labels import Author, LabelChange, RunLabels

FIRST = RunLabels(name="first", tags=["b", "a"], params={"x": 1})
TAGS = st.lists(st.sampled_from("abc"), max_size=2, unique=True)
CHANGES = st.builds(
    lambda tags, gone, name, notes, params, clear: LabelChange(
        RunLabels(name=name, tags=tags or None, notes=notes, params=params), frozenset(gone), frozenset(clear)
    ),
    TAGS,
    TAGS,
    st.none() | st.sampled_from(["n", "m"]),
    st.none() | st.sampled_from(["one", "two"]),
    st.dictionaries(st.sampled_from("xy"), st.integers(0, 2), max_size=2),
    st.lists(st.sampled_from(["name", "notes"]), max_size=1),
)
WHEN = st.integers(0, 3)
SIDES = st.lists(st.lists(st.tuples(CHANGES, WHEN), max_size=4), min_size=3, max_size=3)


def changed(changes: list[tuple[LabelChange, int]], who: int) -> RunLabels:
    """The labels of one collaborator, whose clock may be wrong, and be set back."""
    labels = FIRST
    for number, (change, second) in enumerate(changes):
        labels = change.apply(labels, Author(f"2026-12-01T00:00:0{second}.00000{number}Z", f"{who}@lab"))
    return labels


@given(SIDES)
def test_in_any_order_and_however_often(sides: list[list[tuple[LabelChange, int]]]) -> None:
    labels = [changed(changes, who) for who, changes in enumerate(sides)]
    ends = [union(union(one, two), three) for one, two, three in itertools.permutations(labels)]
    ends += [union(one, union(two, three)) for one, two, three in itertools.permutations(labels)]
    assert all(end.to_attributes() == ends[0].to_attributes() for end in ends)
    for one in labels:
        assert union(one, one) is one
        assert union(ends[0], one) is ends[0]
    assert RunLabels.from_attributes(ends[0].to_attributes(), "here").to_attributes() == ends[0].to_attributes()


@given(SIDES, CHANGES)
def test_a_change_made_in_knowledge_of_others_wins(
    sides: list[list[tuple[LabelChange, int]]], last: LabelChange
) -> None:
    before = union(changed(sides[0], 0), changed(sides[1], 1))
    after = last.apply(before, Author("2001-01-01T00:00:00.000000Z", "late@lab"))
    assert union(after, before) is after
    for field in ("name", "notes", "tags", "params"):
        assert getattr(union(before, after), field) == getattr(after, field)
