"""The report on what a merge has brought into a project."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from aerchive.display.html import ShownReport
from aerchive.display.text import clean, format_runs


@dataclass(frozen=True)
class MergeReport(ShownReport):
    """The report of `Project.merge`.

    Attributes:
        path: Path of the project that was merged into.
        other: Path of the project that was merged.
        added: Number of runs that were not in the project, and are now.
        united: Number of runs that were in both, and were brought up to date: they got labels, attachments, circuits
            or inputs of the other project.
        filled: Number of runs that were in the project without their payload, and have it now.
        deleted: Number of runs that were deleted because they had been deleted in the other project.
        unchanged: Number of runs of the other project that changed nothing here.
        left_out: Number of runs of the other project that were deleted here, and stay deleted.
        conflicts: What is to be decided by a person: several results of one job, attachments of one name. Both are
            kept. Each conflict is a sentence.
        problems: Runs that were not merged, because they are damaged or not valid. Each is a sentence.
        notes: What else should be known, in sentences.
        dry_run: Whether nothing was changed, and this only says what would be.
    """

    path: str
    other: str
    added: int = 0
    united: int = 0
    filled: int = 0
    deleted: int = 0
    unchanged: int = 0
    left_out: int = 0
    conflicts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    dry_run: bool = False

    @property
    def ok(self) -> bool:
        """Whether everything of the other project is here, and nothing is to be decided."""
        return not self.conflicts and not self.problems

    @property
    def changed(self) -> bool:
        """Whether the merge changed the project, or would change it."""
        return bool(self.added or self.united or self.filled or self.deleted)

    def to_json(self) -> dict[str, Any]:
        """The report as a dictionary that can be written as JSON."""
        return dataclasses.asdict(self) | {"ok": self.ok}

    def __str__(self) -> str:
        parts = [
            f"{format_runs(number)} {verb}"
            for number, verb in (
                (self.added, "added"),
                (self.united, "brought up to date"),
                (self.filled, "filled with payload"),
                (self.deleted, "deleted"),
                (self.left_out, "left out because deleted here"),
                (self.unchanged, "the same in both"),
            )
            if number
        ]
        head = "would be merged" if self.dry_run else "merged"
        nothing = "nothing" if self.problems else "it has no runs"
        lines = [f"{self.other} {head} into {self.path}: {', '.join(parts) or nothing}"]
        for title, texts in (("conflict", self.conflicts), ("problem", self.problems), ("note", self.notes)):
            lines += [f"  {title}: {text}" for text in texts]
        return "\n".join(map(clean, lines))


@dataclass
class Tally:
    """What a merge counts while it goes on.

    Attributes:
        numbers: Numbers of runs by the name of the field of `MergeReport`.
        conflicts: As in `MergeReport`.
        problems: As in `MergeReport`.
        is_changed: Whether anything is to be written.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    is_changed: bool = False

    def add(self, name: str, number: int = 1) -> None:
        """Counts runs."""
        self.numbers[name] = self.numbers.get(name, 0) + number

    def take(self, other: Tally) -> None:
        """Adds what another tally has counted."""
        for name, number in other.numbers.items():
            self.add(name, number)
        self.conflicts += [one for one in other.conflicts if one not in self.conflicts]
        self.problems += [one for one in other.problems if one not in self.problems]
