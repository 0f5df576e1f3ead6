"""A list of jobs that is printed as a table."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

from aerchive.display.html import MOST_LETTERS, Shown, table, text
from aerchive.display.text import cut, format_bytes, format_table, format_time
from aerchive.models import catalogue
from aerchive.project.finding.asking import BadRuns, cut_value, whole_value
from aerchive.project.finding.lazy_list import LazyList, empty_text
from aerchive.project.run import Bridge, Run

HEAD = ("job id", "created", "outcome", "method", "qubits", "shots", "size", "name", "tags")
RIGHT = (4, 5, 6)
_ID_WIDTH = 36
_NAME_WIDTH = 24


def run_row(run: Run, bad: BadRuns) -> tuple[str, ...]:
    """Makes the line of a run in a table; the run is opened only if its row of the catalogue has less than is shown.

    Args:
        run: The run.
        bad: The object that notes a run that cannot be read.
    """
    row = run.row()
    outcome = catalogue.row_text(row, "outcome")
    return (
        cut(run.job_id, _ID_WIDTH),
        format_time(run.created),
        outcome_text(run, outcome),
        catalogue.row_text(row, "method"),
        _number(row, "num_qubits"),
        _number(row, "shots"),
        format_bytes(run.nbytes) if run.nbytes else "",
        cut(_text(run, row, "name", bad), _NAME_WIDTH),
        cut(_text(run, row, "tags", bad), _NAME_WIDTH),
    )


def outcome_text(run: Run, outcome: str) -> str:
    """The outcome of a run as tables show it, with where its values are if that is not the project.

    Args:
        run: The run.
        outcome: Its outcome.
    """
    if run.in_pending_file:
        return f"{outcome} (pending file)"
    return f"{outcome} (recomputed)" if run.is_recomputed else outcome


def _number(row: Any, column: str) -> str:
    return "" if row[column] == -1 else str(row[column])


def _text(run: Run, row: Any, column: str, bad: BadRuns) -> str:
    text = _joined(cut_value(row, column))
    is_enough = not catalogue.is_cut(row, column) or len(text) > _NAME_WIDTH
    return text if is_enough else _joined(whole_value(run, column, bad))


def _joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def runs_table(runs: Iterable[Run]) -> str:
    """Formats runs as a table of text."""
    bad = BadRuns()
    return format_table(HEAD, [run_row(run, bad) for run in runs], RIGHT)


class JobFilter(NamedTuple):
    """A selection of jobs, with the names of ``QiskitRuntimeService.jobs``; ``None`` means no condition.

    Attributes:
        backend_name: Name of the backend of the jobs.
        pending: ``True``: only jobs that are still running; ``False``: only jobs that are not.
        program_id: Program of the jobs.
        instance: Instance of a cloud account to which the jobs belong.
        job_tags: Tags of which the jobs must have all.
        session_id: Id of the cloud session of the jobs.
        created_after: Earliest time of submission.
        created_before: Latest time of submission.
    """

    backend_name: str | None = None
    pending: bool | None = None
    program_id: str | None = None
    instance: str | None = None
    job_tags: Sequence[str] | None = None
    session_id: str | None = None
    created_after: datetime.datetime | None = None
    created_before: datetime.datetime | None = None

    def conditions(self) -> dict[str, Any]:
        """The conditions that the catalogue can decide, as for `aerchive.Project.find`."""
        given = {
            "backend": self.backend_name,
            "program": self.program_id,
            "tags": list(self.job_tags or ()) or None,
            "created__ge": self.created_after,
            "created__le": self.created_before,
            "outcome" if self.pending else "outcome__ne": None if self.pending is None else "running",
            "program__ne": "run" if self.is_of_service else None,  # this program is of a simulator
        }
        return {name: value for name, value in given.items() if value is not None}

    @property
    def is_of_service(self) -> bool:
        """Whether only jobs of a cloud service can be selected, and each must be read to decide."""
        return self.instance is not None or self.session_id is not None

    def has(self, run: Run) -> bool:
        """Whether a job of a cloud service belongs to the instance and to the session."""
        service = run.record.config.service
        return self.instance in (None, service.get("instance")) and self.session_id in (
            None,
            service.get("session_id"),
        )


class JobList(LazyList, Shown):
    """A list of ``ArchivedJob`` objects that is printed as a table, in a terminal and in a notebook.

    A job is made, and Qiskit imported, when it is taken out of the list; printing makes no job.

    Args:
        bridge: The object that makes the jobs.
        runs: The runs of the jobs.
        nothing: A function that describes what the project has, for a list that is empty because no job was found.

    Attributes:
        head: Names of the columns of the table.
        right: Indices of the columns that hold numbers.
    """

    head: ClassVar[tuple[str, ...]] = HEAD
    right: ClassVar[tuple[int, ...]] = RIGHT

    def __init__(self, bridge: Bridge, runs: Iterable[Run], nothing: Callable[[], str] | None = None) -> None:
        super().__init__(runs)
        self._bridge = bridge
        self._nothing = nothing if not len(self) else None

    def _made(self, item: Any) -> Any:
        return self._bridge.job(item) if isinstance(item, Run) else item

    def __repr__(self) -> str:
        return format_table(self.head, self._rows(), self.right) if self else self._why_empty()

    def _why_empty(self) -> str:
        return "no jobs" if self._nothing is None else empty_text(self._nothing)

    def _cards(self) -> Iterator[str]:
        if self:
            yield f"{len(self):,} job{'s' * (len(self) != 1)}"
            yield table(self.head, self._rows(), self.right, len(self))
        else:
            yield text(self._why_empty(), 4 * MOST_LETTERS)

    def _rows(self) -> Iterator[tuple[str, ...]]:
        bad = BadRuns()
        for item in list.__iter__(self):  # as they are: no job is made
            run = item if isinstance(item, Run) else getattr(item, "run", None)
            yield run_row(run, bad) if isinstance(run, Run) else (str(item), *[""] * (len(HEAD) - 1))
