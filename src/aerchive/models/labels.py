"""The labels of a run: name, tags, notes and parameters. They may change after the run was archived."""

from __future__ import annotations

import dataclasses
import getpass
import socket
from typing import Annotated, Any, ClassVar, Final, NamedTuple, Self

from pydantic import AfterValidator

from aerchive.models.base import Document, to_text
from aerchive.models.label_marks import checked_marks, checked_stamps, marked, next_time
from aerchive.text import shown
from aerchive.times import now, to_microseconds

PARAM: Final = "params."
"""What the name of a parameter begins with among the stamps."""
MAX_CHANGES: Final = 20
"""The number of changes that are kept in the history of a run. Older changes are removed."""
_MAX_TEXT = 40
_MAX_CHANGE = 240


class RunLabels(Document):
    """Labels of a run.

    Attributes:
        name: The name of the run. Several runs may have the same name.
        tags: Short words for finding the run, in the order in which they were given, each once.
        notes: Free text.
        params: The parameters of the study to which the run belongs, such as ``{"distance": 0.7}``.
        history: The last changes of the labels after the run was archived, oldest first. Each change consists of the
            time, the user and host, and a description in words.
        stamps: The time of the last change, in microseconds since 1970, of each label that was changed after archiving:
            ``name``, ``notes``, ``params.NAME``. Of two versions of a label the later one counts.
        tag_marks: For each tag that was added or removed after archiving, two lists: marks of the times when it was
            added that count, and those that a removal has ended. see `aerchive.models.label_marks`.
        is_rival: Whether the project has another run with the same job id. Then the id of each of them is the job id,
            a tilde, and the beginning of the run's UUID.
    """

    free_fields: ClassVar[frozenset[str]] = frozenset({"params"})

    name: str | None = None
    tags: list[str] | None = None
    notes: str | None = None
    params: dict[str, Any] = {}
    history: list[list[str]] | None = None
    stamps: Annotated[dict[str, int], AfterValidator(checked_stamps)] | None = None
    tag_marks: Annotated[dict[str, list[list[str]]], AfterValidator(checked_marks)] | None = None
    is_rival: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Whether all labels are empty, so that nothing is stored."""
        given = self.name, self.tags, self.notes, self.params
        return not (any(given) or self.history or self.stamps or self.tag_marks or self.is_rival or self._unknown)


class Author(NamedTuple):
    """The author and the time of a change of labels.

    Attributes:
        when: The time in the notation of the file format.
        who: The user and host.
    """

    when: str
    who: str

    @classmethod
    def now(cls) -> Self:
        """Returns the author of a change that this process makes now."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):  # neither the environment nor the system has a user name
            user = ""
        return cls(now(), f"{user}@{socket.gethostname()}")


@dataclasses.dataclass(frozen=True)
class LabelChange:
    """A change of the labels of a run.

    Attributes:
        given: The tags and parameters that are added, and the name and notes that replace the old ones.
        remove_tags: The tags that are removed.
        clear: The fields among ``name`` and ``notes`` that are removed.
    """

    given: RunLabels = dataclasses.field(default_factory=RunLabels)
    remove_tags: frozenset[str] = frozenset()
    clear: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether the change changes nothing."""
        return self.given.is_empty and not self.remove_tags and not self.clear

    def apply(self, old: RunLabels, author: Author | None = None) -> RunLabels:
        """Returns the labels after the change, or ``old`` itself if nothing changes.

        Args:
            old: The labels before the change.
            author: The author who is entered in the history; ``None``: the history is not changed.
        """
        given = self.given
        tags = dict.fromkeys([*(old.tags or []), *(given.tags or [])])
        new = RunLabels(
            name=None if "name" in self.clear else given.name or old.name,
            tags=[tag for tag in tags if tag not in self.remove_tags] or None,
            notes=None if "notes" in self.clear else given.notes or old.notes,
            params={**old.params, **given.params},
            history=old.history,
            stamps=old.stamps,
            tag_marks=old.tag_marks,
            is_rival=old.is_rival,
        ).written_like(old, given)
        what = "; ".join(_differences(old, new))
        if not what:
            return old
        if author is None:
            return new
        changes = sorted([*(old.history or []), [*author, _cut(what, _MAX_CHANGE)]], key=lambda change: change[:2])
        when = next_time(old.stamps, old.tag_marks, to_microseconds(author.when))
        stamps = dict(sorted({**(old.stamps or {}), **dict.fromkeys(_changed(old, new), when)}.items()))
        marks = marked(old.tag_marks, old.tags or (), new.tags or (), when)
        update = {"history": changes[-MAX_CHANGES:], "stamps": stamps or None, "tag_marks": marks or None}
        return new.model_copy(update=update)


def _changed(old: RunLabels, new: RunLabels) -> list[str]:
    """Returns the names of the labels with one value that have changed, as the stamps have them."""
    names = [name for name in ("name", "notes") if getattr(old, name) != getattr(new, name)]
    return [*names, *(f"{PARAM}{name}" for name in _changed_params(old, new))]


def _changed_params(old: RunLabels, new: RunLabels) -> dict[str, Any]:
    known = old.params
    return {key: value for key, value in new.params.items() if key not in known or not _is_same(value, known[key])}


def _differences(old: RunLabels, new: RunLabels) -> list[str]:
    """Returns the differences between old and new labels, in words."""
    found = []
    if old.name != new.name:
        found.append(f"name {_text(old.name)} to {_text(new.name)}")
    before, after = old.tags or [], new.tags or []
    if before != after:
        added = [f"+{_cut(tag)}" for tag in after if tag not in before]
        found.append(f"tags {' '.join([*added, *(f'-{_cut(tag)}' for tag in before if tag not in after)])}")
    if old.notes != new.notes:
        found.append(f"notes {_text(old.notes)} to {_text(new.notes)}")
    if params := _changed_params(old, new):
        found.append(f"params {', '.join(f'{_cut(key)}={_cut(shown(value))}' for key, value in params.items())}")
    return found


def _is_same(one: Any, other: Any) -> bool:
    return one is other or to_text(one) == to_text(other)


def _text(value: str | None) -> str:
    return "none" if value is None else repr(_cut(value))


def _cut(text: str, width: int = _MAX_TEXT) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
