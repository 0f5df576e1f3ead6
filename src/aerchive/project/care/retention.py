"""The rule that selects runs to delete, by age, size and outcome, and the runs that are kept in any case."""

from __future__ import annotations

import datetime
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import ByteSize, Field, TypeAdapter, ValidationError

from aerchive import layout
from aerchive.display.html import ShownReport
from aerchive.display.text import clean, format_bytes, format_runs
from aerchive.errors import InvalidInputError
from aerchive.models import catalogue
from aerchive.project.catalogue.conditions import Condition, as_ids, as_texts
from aerchive.project.catalogue.expression import clause_of
from aerchive.project.finding.job_list import runs_table
from aerchive.project.finding.listing import Listing
from aerchive.project.run import Run
from aerchive.times import span_of

_SHOWN = 50
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_OUTCOMES = tuple(name for name in layout.OUTCOMES if name != "running")


@dataclass(frozen=True)
class RetentionRule:
    """A rule that selects the runs to delete: those that meet all conditions and are not kept.

    A run of a primitive counts, and is deleted, together with the simulations beneath it. Runs that are still running
    are kept.

    Attributes:
        before: Time before which the runs were submitted; ``None``: any time.
        larger_than: Size of the payload before compression, in bytes, that the runs exceed; ``None``: any size.
        outcomes: Outcomes of which the runs have one; empty: any outcome.
        keep_tagged: Whether runs that have tags are kept.
        keep: Number of the newest runs that are kept.
        job_ids: Job ids of which the runs have one; ``None``: any id.
    """

    before: datetime.datetime | None = None
    larger_than: int | None = None
    outcomes: tuple[str, ...] = ()
    keep_tagged: bool = False
    keep: int = 0
    job_ids: frozenset[str] | None = None

    @classmethod
    def checked(
        cls,
        *,
        older_than: datetime.timedelta | datetime.datetime | str | None = None,
        larger_than: int | str | None = None,
        outcome: str | Sequence[str] | None = None,
        keep_tagged: bool = False,
        keep: int | None = None,
        job_ids: str | Sequence[str] | None = None,
    ) -> RetentionRule:
        """Makes the rule that the arguments of `Project.clean` describe.

        Raises:
            InvalidInputError: An argument cannot be used, or there is no condition, so that all runs would be deleted.
        """
        outcomes = tuple(as_texts(outcome))
        for name in outcomes:
            if name not in _OUTCOMES:
                raise InvalidInputError(f"outcome {name!r}: choose one of {', '.join(_OUTCOMES)}")
        if keep is not None and (type(keep) is not int or keep < 0):
            raise InvalidInputError(f"keep must be a number of runs, found {keep!r}")
        if older_than is None and larger_than is None and not outcomes and keep is None:
            raise InvalidInputError("say which runs go: older_than, larger_than, outcome, or how many to keep")
        size = None if larger_than is None else parse_size(larger_than)
        ids = None if job_ids is None else frozenset(as_ids(job_ids))
        return cls(_moment(older_than), size, outcomes, keep_tagged, keep or 0, ids)

    def choose(self, listing: Listing) -> tuple[list[Run], list[Run]]:
        """Applies the rule.

        Args:
            listing: All runs of the project.

        Returns:
            The runs to delete, oldest first, and the runs beneath them.
        """
        conditions: dict[str, Any] = {"parent": "", "outcome__in": self.outcomes or _OUTCOMES}
        if self.before is not None:
            conditions["created__lt"] = self.before
        if self.job_ids is not None:
            conditions["job_id__in"] = self.job_ids
        found = {run.job_id: run for run in listing.runs(clause_of(None, conditions))}
        newest = listing.runs(Condition("parent", "eq", ""), descending=True)
        for run in itertools.islice(newest, self.keep):
            found.pop(run.job_id, None)
        chosen = {
            job_id: run
            for job_id, run in found.items()
            if not (self.keep_tagged and run.row()["tags"]) and not obstacle_to_deletion(run)
        }
        beneath = list(listing.runs(Condition("parent", "in", chosen))) if chosen else []
        if self.larger_than is not None:
            sizes = Counter({job_id: run.nbytes for job_id, run in chosen.items()})
            for run in beneath:
                sizes[_parent(run)] += run.nbytes
            chosen = {job_id: run for job_id, run in chosen.items() if sizes[job_id] > self.larger_than}
        beneath = [run for run in beneath if _parent(run) in chosen and not obstacle_to_deletion(run)]
        return list(chosen.values()), beneath


def obstacle_to_deletion(run: Run) -> str | None:
    """Describes why a run cannot be deleted now; ``None`` if it can be."""
    if run.place.path is not None:
        return None
    if run.outcome == "running":
        return "is still running; delete it when it has finished"
    return "is in a spool beside the project; delete it once it is in its project"


@dataclass(frozen=True)
class CleanReport(ShownReport):
    """The report of `Project.clean` on what it deleted, or would delete; it is printed as a table.

    Attributes:
        path: Path of the project file.
        runs: The runs, oldest first, without the runs beneath primitives, which are deleted with them.
        beneath: Number of the runs beneath primitives.
        nbytes: Size of the values of all these runs before compression, in bytes.
        table: The runs as a table of text, as they were before; only the first ones if there are many.
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
        """Makes the report on runs that are still in the project."""
        table = runs_table(runs[:_SHOWN]) if runs else ""
        if len(runs) > _SHOWN:
            table += f"\n... and {len(runs) - _SHOWN} more"
        return cls(path, runs, len(beneath), sum(run.nbytes for run in (*runs, *beneath)), table, dry_run)

    def __str__(self) -> str:
        return f"{self.table}\n\n{self.summary}" if self.runs else self.summary

    @property
    def summary(self) -> str:
        """What was deleted, or would be, in one line."""
        if not self.runs:
            return clean(f"{self.path}: nothing to delete")
        also = f" and {self.beneath} beneath them" if self.beneath else ""
        verb = "would be deleted" if self.dry_run else "deleted"
        size = format_bytes(self.nbytes)
        return f"{clean(self.path)}: {format_runs(len(self.runs))}{also} {verb}, {size} before compression"


def parse_size(size: int | str, argument: str = "larger_than") -> int:
    """Returns a size as a number of bytes; it may be given as text such as ``"1.5 GiB"`` or ``"200MB"``.

    Args:
        size: The size.
        argument: Name of the argument, for the message.

    Raises:
        InvalidInputError: The size is neither a number of bytes nor such a text.
    """
    try:
        return int(TypeAdapter(Annotated[ByteSize, Field(ge=0)]).validate_python(size))
    except ValidationError as error:
        raise InvalidInputError(f"{argument}: {size!r} is not a size; give bytes, or text such as '1.5 GiB'") from error


def _moment(older_than: datetime.timedelta | datetime.datetime | str | None) -> datetime.datetime | None:
    """Returns the time before which runs are old; for a day this is its beginning.

    Raises:
        InvalidInputError: The argument is not a time.
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


def _parent(run: Run) -> str:
    """Job id of the primitive that a run is beneath; the run is opened only if the catalogue has cut that id."""
    row = run.row()
    return (run.parent or "") if catalogue.is_cut(row, "parent") else catalogue.row_text(row, "parent")
