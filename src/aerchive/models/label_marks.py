"""Stamps and marks: what the labels of a run note of each change, so that changes made apart can be united.

A label with one value (name, notes, a parameter) has a stamp, the time of its last change. A stamp is always later than
every change that was known where the change was made, also if the clock was set back. A tag has a mark for each time it
was added, and its removal ends the marks that were known where it was removed. Decision 0041.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

Stamps = dict[str, int]
"""Time of the last change in microseconds since 1970, by label: ``name``, ``notes``, ``params.NAME``."""
Marks = dict[str, list[list[str]]]
"""For each tag that was added or removed after the run was archived: the marks that count, and the ended ones."""

FIRST_MARK: Final = "0"
"""The mark of a tag that was given when the run was archived."""


_MOST: Final = 2**62
"""Times are less than this number of microseconds, which no clock shows; a file from elsewhere may say any time."""


def checked_stamps(stamps: Stamps) -> Stamps:
    """Returns stamps of labels as they are.

    Raises:
        ValueError: One of them is no time.
    """
    if not all(0 <= time < _MOST for time in stamps.values()):
        raise ValueError("a stamp must be a time in microseconds since 1970")
    return stamps


def checked_marks(marks: Marks) -> Marks:
    """Returns marks of tags as they are.

    Raises:
        ValueError: A tag does not have two lists of marks.
    """
    if any(len(both) != 2 for both in marks.values()):
        raise ValueError("each tag must have two lists of marks")
    return marks


def next_time(stamps: Stamps | None, marks: Marks | None, when_us: int) -> int:
    """The time of a change in microseconds since 1970, which is later than all stamps and marks.

    Args:
        stamps: Stamps of the labels.
        marks: Marks of the tags.
        when_us: The time that the clock shows.
    """
    times = [*(stamps or {}).values()]
    times += [time_of(mark) for both in (marks or {}).values() for some in both for mark in some]
    return min(max([when_us, *(time + 1 for time in times)]), _MOST - 1)


def marked(marks: Marks | None, old: Sequence[str], new: Sequence[str], when: int) -> Marks:
    """Returns the marks after a change of tags.

    Args:
        marks: The marks before the change.
        old: The tags before the change.
        new: The tags after it.
        when: The time of the change, from `next_time`.
    """
    found: Marks = {tag: [list(some) for some in both] for tag, both in (marks or {}).items()}
    for number, tag in enumerate(tag for tag in new if tag not in old):
        known = found.setdefault(tag, [[], []])
        known[0] = sorted([*known[0], f"{when + number:x}.{uuid.uuid4().hex[:8]}"])
    for tag in old:
        if tag not in new:
            kept, ended = found.get(tag, [[FIRST_MARK], []])
            found[tag] = [[], sorted({*ended, *kept})]
    return dict(sorted(found.items()))


def all_marks(tags: Iterable[str], marks: Marks | None) -> Marks:
    """The marks of all tags, those that were never changed among them."""
    return {tag: [[FIRST_MARK], []] for tag in tags} | (marks or {})


def is_first(both: Sequence[Sequence[str]]) -> bool:
    """Whether a tag has been there since the run was archived, and was never removed, so that it needs no marks."""
    return [*map(list, both)] == [[FIRST_MARK], []]


def time_of(mark: str) -> int:
    """The time of a mark, in microseconds since 1970; 0 for one that no change has made."""
    try:
        return min(max(0, int(mark.partition(".")[0], 16)), _MOST - 1)
    except ValueError:
        return 0


def earliest(marks: Mapping[str, Sequence[Sequence[str]]]) -> dict[str, int]:
    """The tags that are there, each with the time of the first of its marks that count."""
    return {tag: min(map(time_of, both[0])) for tag, both in marks.items() if both[0]}
