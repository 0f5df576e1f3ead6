"""The reports of replacing arrays by what computes them again, and of writing them back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aerchive.display.html import ShownReport
from aerchive.display.text import clean, clean_lines, cut, format_bytes, format_runs, format_table
from aerchive.project.shrinking.choice import LeftOut, Saving

PROMISE = (
    "These arrays will not be stored any more, but computed again when they are read. That they come out the same, "
    "bit for bit, is tried with the installed Qiskit Aer, numpy and this processor, and promised for these alone. "
    "Other versions may give other bits: then they are not given as the archived ones, and the archived ones are gone. "
    "A witness of up to 4,096 values of each array stays and tells how large the deviation is. 'aerchive unshrink' "
    "writes the arrays back as long as they come out the same."
)
"""What a user should know before arrays are replaced."""
_SHOWN = 50
_NAME = 24
_ID = 36


@dataclass(frozen=True)
class ShrinkReport(ShownReport):
    """The report of `Project.shrink` on what was replaced, or would be; it is printed as a table.

    Attributes:
        path: Path of the project file.
        runs: The runs whose arrays were replaced, or would be, each with what that saves and costs.
        left_out: The runs with large arrays that stay as they are, each with the reason.
        dry_run: Whether nothing was changed, and no run was tried.
    """

    path: str
    runs: list[Saving]
    left_out: list[LeftOut]
    dry_run: bool

    @property
    def saved_bytes(self) -> int:
        """Bytes by which the file is smaller after compaction, approximately."""
        return sum(one.saved_bytes for one in self.runs)

    def document(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "path": self.path,
            "runs": [one._asdict() for one in self.runs],
            "left_out": [one._asdict() for one in self.left_out],
            "saved_bytes": self.saved_bytes,
            "dry_run": self.dry_run,
        }

    def __str__(self) -> str:
        lines = [_savings_table(self.runs), ""] if self.runs else []
        lines += _left_out(self.left_out)
        seconds = sum(one.seconds or 0 for one in self.runs)
        cost = f"; computing all of them again takes about {seconds:.3g} s" if seconds else ""
        size, number = format_bytes(self.saved_bytes), format_runs(len(self.runs))
        if not self.runs:
            lines.append(f"{clean(self.path)}: no arrays {'would be' if self.dry_run else 'were'} replaced")
        elif self.dry_run:
            lines.append(
                f"{clean(self.path)}: the arrays of {number} would be replaced, which saves about {size}{cost}"
            )
        else:
            lines.append(
                f"{clean(self.path)}: the arrays of {number} were replaced by what computes them again{cost}; "
                f"'aerchive compact' gives back about {size}"
            )
        return clean_lines("\n".join(lines))


@dataclass(frozen=True)
class UnshrinkReport(ShownReport):
    """The report of `Project.unshrink` on what was written back.

    Attributes:
        path: Path of the project file.
        job_ids: Job ids of the runs whose arrays were written back.
        nbytes: Size of these arrays before compression, in bytes.
        left_out: The runs whose arrays could not be written back, each with the reason.
    """

    path: str
    job_ids: list[str]
    nbytes: int
    left_out: list[LeftOut]

    def document(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "path": self.path,
            "job_ids": self.job_ids,
            "nbytes": self.nbytes,
            "left_out": [one._asdict() for one in self.left_out],
        }

    def __str__(self) -> str:
        if not self.job_ids and not self.left_out:
            return clean(f"{self.path}: no run was chosen that computes arrays again")
        size = f", {format_bytes(self.nbytes)} before compression" if self.nbytes else ""
        line = f"{clean(self.path)}: the arrays of {format_runs(len(self.job_ids))} were written back{size}"
        return clean_lines("\n".join([*_left_out(self.left_out), line]))


def _savings_table(runs: list[Saving]) -> str:
    rows = [
        (
            cut(one.job_id, _ID),
            cut(one.name, _NAME),
            ", ".join(one.arrays),
            format_bytes(one.saved_bytes),
            "" if one.seconds is None else f"{one.seconds:.3g}",
        )
        for one in runs[:_SHOWN]
    ]
    table = format_table(("job", "name", "arrays", "saves", "seconds"), rows, (3, 4))
    return f"{table}\n... and {len(runs) - _SHOWN} more" if len(runs) > _SHOWN else table


def _left_out(runs: list[LeftOut]) -> list[str]:
    lines = [f"stays as it is: {clean(one.job_id)}: {clean(one.reason)}" for one in runs[:_SHOWN]]
    return [*lines, f"... and {len(runs) - _SHOWN} more"] if len(runs) > _SHOWN else lines
