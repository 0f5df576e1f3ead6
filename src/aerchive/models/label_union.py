"""The union of the labels of one run in two projects, where collaborators have changed them apart from each other.

The union is the same in whatever order it is made, and however often: it is commutative, associative and idempotent
(decision 0041). Of a name, notes and each parameter the last change counts. A tag is there while it has a mark that no
side has ended; so a tag that one person adds anew survives the removal by another. The history has the latest changes
of both.
"""

from __future__ import annotations

from typing import Any

from aerchive.models.base import to_text
from aerchive.models.label_marks import Marks, Stamps, all_marks, earliest, is_first
from aerchive.models.labels import MAX_CHANGES, PARAM, RunLabels


def union(one: RunLabels, other: RunLabels) -> RunLabels:
    """Returns the union of the labels of one run; ``one`` itself if ``other`` adds nothing."""
    fields, stamps = _latest(one, other)
    tags, marks = _tags(one, other)
    params = {name.removeprefix(PARAM): value for name, value in fields.items() if name.startswith(PARAM)}
    order = [*one.params] if [*one.params] == [*other.params] else sorted(params)
    changes = {tuple(change) for labels in (one, other) for change in labels.history or ()}
    united = one.model_copy(
        update={
            "name": fields["name"],
            "notes": fields["notes"],
            "tags": tags or None,
            "params": {name: params[name] for name in order},
            "history": [list(change) for change in sorted(changes)[-MAX_CHANGES:]] or None,
            "stamps": stamps or None,
            "tag_marks": marks or None,
            "is_rival": one.is_rival or other.is_rival,
        }
    )
    united = united.written_like(*sorted((one, other), key=_as_text))
    return one if _as_text(united) == _as_text(one) else united


def _as_text(labels: RunLabels) -> str:
    return repr(sorted(labels.to_attributes().items()))


def _latest(one: RunLabels, other: RunLabels) -> tuple[dict[str, Any], Stamps]:
    """The labels of which the last change counts, by name, and their stamps."""
    sides = [({"name": side.name, "notes": side.notes, **_params(side)}, side.stamps or {}) for side in (one, other)]
    found: dict[str, Any] = {}
    stamps: Stamps = {}
    for name in sorted({name for fields, _ in sides for name in fields}):
        versions = [(times.get(name, 0), _order(fields[name]), fields) for fields, times in sides if name in fields]
        stamp, _, fields = max(versions, key=lambda version: version[:2])
        found[name] = fields[name]
        if stamp:
            stamps[name] = stamp
    return found, stamps


def _order(value: Any) -> str:
    """What decides between two values of the same time."""
    return "" if value is None else to_text(value)


def _params(labels: RunLabels) -> dict[str, Any]:
    return {f"{PARAM}{name}": value for name, value in labels.params.items()}


def _tags(one: RunLabels, other: RunLabels) -> tuple[list[str], Marks]:
    """Returns the tags of both together, in the order in which they were given, and their marks."""
    sides = [all_marks(side.tags or (), side.tag_marks) for side in (one, other)]
    marks: Marks = {}
    for tag in sorted({tag for side in sides for tag in side}):
        both = [side[tag] for side in sides if tag in side]
        ended = {mark for _, gone in both for mark in gone}
        marks[tag] = [sorted({mark for known, _ in both for mark in known} - ended), sorted(ended)]
    there = earliest(marks)
    orders = [[tag for tag in side.tags or () if there.get(tag) == 0] for side in (one, other)]
    first = orders[0] if orders[0] == orders[1] else sorted(tag for tag, time in there.items() if not time)
    later = sorted((tag for tag, time in there.items() if time), key=lambda tag: (there[tag], marks[tag][0]))
    return [*first, *later], {tag: both for tag, both in marks.items() if not is_first(both)}
