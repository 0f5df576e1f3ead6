"""What people call a run: the part that may change after it was archived."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Final, NamedTuple

from aerchive.models import tagged_json
from aerchive.models.base import Document

MAX_CHANGES: Final = 20
"""How many changes a run remembers; older ones are forgotten."""
_MAX_TEXT = 40
_MAX_CHANGE = 240
_ABSENT: Any = object()


class RunLabels(Document):
    """Labels of a run.

    Attributes:
        name: A name, not necessarily unique.
        tags: Short words to find it by, in the order given, each once.
        notes: Free text.
        params: Parameters of the study it belongs to, such as ``{"distance": 0.7}``.
        history: The last changes after it was archived, oldest first: when, who, and what, in words.
    """

    free_fields: ClassVar[frozenset[str]] = frozenset({"params"})

    name: str | None = None
    tags: list[str] | None = None
    notes: str | None = None
    params: dict[str, Any] = {}
    history: list[list[str]] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to store."""
        return not (self.name or self.tags or self.notes or self.params or self.history)


class Author(NamedTuple):
    """Who changes labels, and when.

    Attributes:
        when: The time, in the format's notation.
        who: User and host.
    """

    when: str
    who: str


@dataclasses.dataclass(frozen=True)
class LabelChange:
    """A change of the labels of a run.

    Attributes:
        given: Tags and parameters to add; name and notes to put in the place of those there are.
        remove_tags: Tags to take away.
        clear: Which of ``name`` and ``notes`` to take away.
    """

    given: RunLabels = dataclasses.field(default_factory=RunLabels)
    remove_tags: frozenset[str] = frozenset()
    clear: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be changed."""
        return self.given.is_empty and not self.remove_tags and not self.clear

    def apply(self, old: RunLabels, author: Author | None = None) -> RunLabels:
        """The labels after the change; ``old`` itself if they are the same.

        Args:
            old: Before it.
            author: Who is noted to have changed something; ``None``: nothing is noted.
        """
        given = self.given
        tags = dict.fromkeys([*(old.tags or []), *(given.tags or [])])
        new = RunLabels(
            name=None if "name" in self.clear else given.name or old.name,
            tags=[tag for tag in tags if tag not in self.remove_tags] or None,
            notes=None if "notes" in self.clear else given.notes or old.notes,
            params={**old.params, **given.params},
            history=old.history,
        )
        what = "; ".join(_differences(old, new))
        if not what:
            return old
        if author is None:
            return new
        changes = [*(old.history or []), [*author, _cut(what, _MAX_CHANGE)]]
        return new.model_copy(update={"history": changes[-MAX_CHANGES:]})


def _differences(old: RunLabels, new: RunLabels) -> list[str]:
    """What became of labels, in words."""
    found = []
    if old.name != new.name:
        found.append(f"name {_text(old.name)} to {_text(new.name)}")
    before, after = old.tags or [], new.tags or []
    if before != after:
        added = [f"+{_cut(tag)}" for tag in after if tag not in before]
        found.append(f"tags {' '.join([*added, *(f'-{_cut(tag)}' for tag in before if tag not in after)])}")
    if old.notes != new.notes:
        found.append(f"notes {_text(old.notes)} to {_text(new.notes)}")
    params = {key: value for key, value in new.params.items() if not _is_same(value, old.params.get(key, _ABSENT))}
    if params:
        found.append(f"params {', '.join(f'{_cut(key)}={_cut(repr(value))}' for key, value in params.items())}")
    return found


def _is_same(one: Any, other: Any) -> bool:
    if other is _ABSENT:
        return False
    return one is other or tagged_json.dumps(tagged_json.encode(one)) == tagged_json.dumps(tagged_json.encode(other))


def _text(value: str | None) -> str:
    return "none" if value is None else repr(_cut(value))


def _cut(text: str, width: int = _MAX_TEXT) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
