"""Which runs may go: by age, size and outcome, and what is kept whatever these say."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ByteSize, Field, TypeAdapter, ValidationError

from aerchive import layout
from aerchive.display.text import format_bytes, format_runs
from aerchive.errors import InvalidInputError
from aerchive.models import catalogue
from aerchive.project.asking import BadRuns
from aerchive.project.job_list import runs_table
from aerchive.project.moments import span_of
from aerchive.project.query import as_texts
from aerchive.project.run import Run
from aerchive.text import fit_text

_SHOWN = 50
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_OUTCOMES = tuple(name for name in layout.OUTCOMES if name != "running")


@dataclass(frozen=True)
class RetentionRule:
    """Which runs go: those that meet all conditions, unless something keeps them.

    A run of a primitive counts, and goes, together with the simulations beneath it. Runs that are still running stay.

    Attributes:
        before: Submitted before this time; ``None``: whenever.
        larger_than: With a payload of more bytes than this, before compression; ``None``: of any size.
        outcomes: With one of these outcomes; empty: any.
        keep_tagged: Whether runs that have tags stay.
        keep: So many of the newest stay.
    """

    before: datetime.datetime | None = None
    larger_than: int | None = None
    outcomes: tuple[str, ...] = ()
    keep_tagged: bool = False
    keep: int = 0

    @classmethod
    def checked(
        cls,
        *,
        older_than: datetime.timedelta | datetime.datetime | str | None = None,
        larger_than: int | str | None = None,
        outcome: str | Sequence[str] | None = None,
        keep_tagged: bool = False,
        keep: int | None = None,
    ) -> RetentionRule:
        """The rule that the arguments of `Project.clean` say.

        Raises:
            InvalidInputError: One cannot be used, or they say nothing, so that everything would go.
        """
        outcomes = tuple(as_texts(outcome))
        for name in outcomes:
            if name not in _OUTCOMES:
                raise InvalidInputError(f"outcome {name!r}: choose of {', '.join(_OUTCOMES)}")
        if keep is not None and (type(keep) is not int or keep < 0):
            raise InvalidInputError(f"keep must be a number of runs, found {keep!r}")
        if older_than is None and larger_than is None and not outcomes and keep is None:
            raise InvalidInputError("say which runs go: older_than, larger_than, outcome, or how many to keep")
        size = None if larger_than is None else parse_size(larger_than)
        return cls(_moment(older_than), size, outcomes, keep_tagged, keep or 0)

    def choose(self, find: Callable[..., list[Run]], rows: NDArray[Any]) -> tuple[list[Run], list[Run]]:
        """Applies the rule.

        Args:
            find: As `Project.find`.
            rows: The catalogue.

        Returns:
            The runs that go, oldest first, and the runs beneath them.
        """
        conditions: dict[str, Any] = {"parent": "", "outcome__in": self.outcomes or _OUTCOMES}
        if self.before is not None:
            conditions["created__lt"] = self.before
        chosen = find(**conditions)
        if self.keep:
            newest = {run.job_id for run in find(parent="")[-self.keep :]}
            chosen = [run for run in chosen if run.job_id not in newest]
        if self.larger_than is not None:
            beneath = _bytes_beneath(rows)
            limit = self.larger_than
            chosen = [run for run in chosen if run.nbytes + beneath.get(_column(run, "parent"), 0) > limit]
        if self.keep_tagged and chosen:
            known, tagged = set(rows["job_id"].tolist()), set(rows["job_id"][rows["tags"] != b""].tolist())
            keys, bad = [_column(run, "job_id") for run in chosen], BadRuns()
            chosen = [
                run
                for run, key in zip(chosen, keys, strict=True)
                if key not in tagged and (key in known or bad.ask(run, _has_no_tags, instead=False))
            ]
        return chosen, find(parent__in={run.job_id for run in chosen}) if chosen else []


@dataclass(frozen=True)
class CleanReport:
    """What `Project.clean` deleted, or would delete; prints as a table.

    Attributes:
        path: The file.
        runs: The runs, oldest first; those beneath primitives go with them, and are not among them.
        beneath: How many those are.
        nbytes: Of all their values, before compression.
        table: The runs as a table, as they were; of many runs the beginning.
        dry_run: Whether nothing was deleted yet.
    """

    path: str
    runs: list[Run]
    beneath: int
    nbytes: int
    table: str
    dry_run: bool

    @classmethod
    def of(cls, path: str, runs: list[Run], beneath: list[Run], *, dry_run: bool) -> CleanReport:
        """The report on runs that are still there."""
        table = runs_table(runs[:_SHOWN]) if runs else ""
        if len(runs) > _SHOWN:
            table += f"\n... and {len(runs) - _SHOWN} more"
        return cls(path, runs, len(beneath), sum(run.nbytes for run in (*runs, *beneath)), table, dry_run)

    def __str__(self) -> str:
        if not self.runs:
            return f"{self.path}: nothing to delete"
        also = f" and {self.beneath} beneath them" if self.beneath else ""
        verb = "would be deleted" if self.dry_run else "deleted"
        size = format_bytes(self.nbytes)
        return f"{self.table}\n\n{self.path}: {format_runs(len(self.runs))}{also} {verb}, {size} before compression"


def parse_size(size: int | str) -> int:
    """A number of bytes, also written as ``"1.5 GiB"`` or ``"200MB"``.

    Raises:
        InvalidInputError: It is neither.
    """
    try:
        return int(TypeAdapter(Annotated[ByteSize, Field(ge=0)]).validate_python(size))
    except ValidationError as error:
        raise InvalidInputError(f"{size!r} is not a size; give bytes, or text such as '1.5 GiB'") from error


def _moment(older_than: datetime.timedelta | datetime.datetime | str | None) -> datetime.datetime | None:
    """The time before which runs are old; of a day, its beginning.

    Raises:
        InvalidInputError: It is none.
    """
    if older_than is None:
        return None
    if isinstance(older_than, datetime.timedelta):
        try:
            return datetime.datetime.now(datetime.UTC) - older_than
        except OverflowError as error:
            raise InvalidInputError(f"older_than: {older_than} ago there was no year") from error
    try:
        start = span_of(older_than).start
    except InvalidInputError as error:
        raise InvalidInputError(f"older_than: {error}") from error
    return _EPOCH + datetime.timedelta(microseconds=start)


def _bytes_beneath(rows: NDArray[Any]) -> dict[bytes, int]:
    """Payload of the runs beneath each primitive, by the column ``parent``."""
    parents, number = np.unique(rows["parent"], return_inverse=True)
    sums = np.zeros(len(parents), np.int64)
    np.add.at(sums, number, rows["nbytes"])
    return {key: int(total) for key, total in zip(parents.tolist(), sums, strict=True) if key}


def _has_no_tags(run: Run) -> bool:
    return not run.tags


def _column(run: Run, column: str) -> bytes:
    """The job id of a run as a text column of the catalogue has it."""
    return fit_text(run.job_id, catalogue.TEXT_COLUMNS[column])[0].rstrip(b"\0")
