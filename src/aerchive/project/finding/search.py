"""Finding runs: by id, by conditions, as jobs, as tables."""

from __future__ import annotations

import functools
import itertools
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from aerchive.display.text import format_runs
from aerchive.errors import ArchiveWarning, InvalidInputError, NotFoundError
from aerchive.interop.columns import Columns
from aerchive.models import catalogue as table
from aerchive.models.cells import CIRCUIT_NAME, COUNTS, OPERATIONS, SAVED
from aerchive.models.run import conflict_id
from aerchive.project.arguments import refuse
from aerchive.project.catalogue.columns import ABSENT
from aerchive.project.catalogue.conditions import All, Clause, Condition, as_texts
from aerchive.project.catalogue.deleted import DeletedRuns
from aerchive.project.catalogue.expression import clause_of
from aerchive.project.catalogue.rows import RunRows
from aerchive.project.catalogue.table import Catalogue, Session, has_data, not_found
from aerchive.project.catalogue.value_conditions import GATES, full_name, short_name, sources
from aerchive.project.documents.unfinished import submission_record
from aerchive.project.finding.asking import BadRuns
from aerchive.project.finding.caller import caller_level
from aerchive.project.finding.job_list import JobFilter, JobList
from aerchive.project.finding.listing import Listing
from aerchive.project.finding.nothing_found import described, not_listed, nothing_found
from aerchive.project.parts import ProjectParts
from aerchive.project.run import Run
from aerchive.storage.medium.names import near_projects, no_such_project
from aerchive.storage.spools.run_group import SpooledRun
from aerchive.text import listed, near_texts
from aerchive.times import from_microseconds

if TYPE_CHECKING:  # importing it loads what only tables need
    from aerchive.project.finding.page import Page
    from aerchive.project.finding.sweep import PointTable
    from aerchive.stored.points import WantedCounts
    from aerchive.stored.stack import StackedArray

Wanted = Callable[[str], bool]
"""Whether the values under a name are needed, such as ``params.theta``."""
_MOST_SHOWN = 5
_POSITION = re.compile(r"-\d{1,9}", re.ASCII)
"""A position from the end as text, as the command line has it; a job id never looks like this by chance."""


def no_values(_name: str) -> bool:
    """No values are needed, nor the names under which runs have values."""
    return False


def only_names(_name: str) -> bool:
    """No values are needed, but the names under which runs have values."""
    return False


def all_values(_name: str) -> bool:
    """All values are needed."""
    return True


def wanted_by(clause: Clause) -> Wanted:
    """Returns a function that tells which values a clause needs: `no_values` if all is in the catalogue."""
    return no_values if all(isinstance(one, Condition) for one in clause.conditions) else clause.wants


def point_clause(expression: str | None, conditions: Mapping[str, Any]) -> Clause:
    """Parses conditions on points; runs beneath a primitive are left out unless a condition is on them.

    Raises:
        InvalidInputError: A condition cannot be read.
    """
    clause = clause_of(expression, conditions, of_points=True)
    return clause if clause.columns & {"parent", "job_id"} else All([clause, Condition("parent", "eq", "")])


def wanted_values(names: Sequence[str], clause: Clause, *, opens_all: bool) -> Wanted:
    """Returns a function that tells which values a table of points needs.

    Args:
        names: Names of the columns of the table.
        clause: The conditions.
        opens_all: Whether all names can be asked for.
    """
    known = {source for name in map(full_name, names) for source in sources(name, of_points=True)}
    groups = [SAVED]
    groups += [OPERATIONS] if GATES in map(full_name, names) else []
    groups += [COUNTS] if any(name.startswith(f"{COUNTS}.") for name in names) else []

    def wanted(name: str) -> bool:
        return opens_all or name in known or name.startswith(tuple(groups)) or clause.wants(name)

    return wanted


class Search:
    """Finds runs of a project; `aerchive.Project` has the public methods, which check their arguments.

    A project that its first run will make has no file before that run. An empty answer would then look like an empty
    project, although the name may be misspelt. So ``project[key]``, `job`, `latest` and tables raise `NotFoundError`.
    A program that continues stopped work also asks other questions before its first run, so these are answered:
    `find`, `runs`, `count`, `count_by` and `catalogue` with a warning that there is no file yet; ``len``, ``in``,
    iteration and `jobs` (whose list says so when it is printed) with the warning only if a file with a similar name is
    in the folder. A `Project` object warns once.

    Args:
        parts: The shared state of the project.
    """

    def __init__(self, parts: ProjectParts) -> None:
        self._parts = parts

    def outside(self) -> list[Run]:
        """The runs in spools, then the runs that are still running or were lost with their process."""
        contents = self._parts.spools.contents()
        return [
            *(
                Run(self._parts.home, None, job_id=one.head.job_id, nbytes=one.head.nbytes, record=record, spooled=one)
                for content in contents
                for one in content.runs
                if (record := self._parts.spools.record_of(one)) is not None
            ),
            *(
                Run(self._parts.home, None, job_id=job.job_id, record=submission_record(job, content))
                for content in contents
                for job in content.jobs
            ),
        ]

    def listing(self, wanted: Wanted = no_values, bad: BadRuns | None = None) -> Listing:
        """Lists all runs: those of the project file, and those outside it.

        Args:
            wanted: Whether the values under a name are needed, such as ``params.theta``.
            bad: The object that notes runs that cannot be read; by default a new one, which warns.
        """
        exists = self._parts.file.exists()  # runs of this process that wait are in the file now
        outside = self.outside()
        if self._parts.mode in ("a", "x") and not exists:
            return self.listing_of(None, outside, wanted, bad)
        with self._parts.file.read() as session:
            return self.listing_of(session, outside, wanted, bad)

    def listing_of(
        self, session: Session | None, outside: Sequence[Run], wanted: Wanted = no_values, bad: BadRuns | None = None
    ) -> Listing:
        """Lists all runs as a session sees them, with those outside its file; without a session only the latter."""
        rows = RunRows(np.empty(0, table.DTYPE), {})
        hidden: Sequence[int] = ()
        if session is not None:
            known = Catalogue(session)
            rows = RunRows(known.rows(), {})
            if wanted is not no_values:
                rows = RunRows(known.rows(), known.cells(wanted), known.value_names())
            if outside:
                outside, hidden = _without_known(outside, known, DeletedRuns(session))
        first: dict[str, Run] = {}
        for run in outside:
            first.setdefault(run.job_id, run)
        return Listing(str(self._parts.path), rows, hidden, list(first.values()), wanted, self._parts.run_of, bad)

    def listed(
        self, if_missing: Literal["raise", "warn", "warn if similar"] = "warn", wanted: Wanted = no_values
    ) -> Listing:
        """Lists all runs for a question.

        Args:
            wanted: As for `listing`.
            if_missing: The reaction if there is no project file, and no run beside it.

        Raises:
            NotFoundError: There is no project file, and no run beside it.

        Warns:
            ArchiveWarning: There is no project file, and no run beside it; a project object warns only once.
        """
        listing = self.listing(wanted)
        if len(listing) or self._parts.file.exists():
            return listing
        problem = no_such_project(self._parts.path, "no such project yet, the first run makes it")
        if if_missing == "raise":
            raise problem
        is_told = if_missing == "warn" or near_projects(self._parts.path)
        if is_told and not self._parts.has_warned:
            self._parts.has_warned = True
            warnings.warn(str(problem), ArchiveWarning, stacklevel=caller_level())
        return listing

    def find_existing(self, job_id: str) -> Run | None:
        """Finds the run of a whole job id in the project file; damaged rows of the catalogue are skipped."""
        if not self._parts.file.exists():
            return None
        with self._parts.file.read() as session:
            found = Catalogue(session).find(job_id)
            return None if found is None else self._parts.run_of(found[1][0], job_id)

    def find(self, expression: str | None, conditions: Mapping[str, Any]) -> list[Run]:
        """See `aerchive.Project.find`."""
        clause = clause_of(expression, conditions)
        return self.listed(wanted=wanted_by(clause)).found(
            clause, functools.partial(self.why_nothing, expression, conditions)
        )

    def count(self, expression: str | None, conditions: Mapping[str, Any]) -> int:
        """See `aerchive.Project.count`."""
        clause = clause_of(expression, conditions)
        return self.listed(wanted=wanted_by(clause)).count(clause)

    def count_by(self, column: str, expression: str | None, conditions: Mapping[str, Any]) -> dict[Any, int]:
        """See `aerchive.Project.count_by`."""
        clause = clause_of(expression, conditions)
        return self.listed(wanted=wanted_by(clause)).count_by(column, clause)

    def latest(self, expression: str | None, conditions: Mapping[str, Any]) -> Run:
        """See `aerchive.Project.latest`."""
        clause = clause_of(expression, conditions)
        if not clause.columns & {"parent", "job_id"}:
            clause = All([clause, Condition("parent", "eq", "")])
        found = next(self.listed("raise", wanted_by(clause)).runs(clause, descending=True), None)
        if found is None:
            raise NotFoundError(self.why_nothing(expression, conditions))
        return found

    def runs(
        self, limit: int | None, expression: str | None, conditions: Mapping[str, Any], *, sort: str, descending: bool
    ) -> list[Run]:
        """See `aerchive.Project.runs`."""
        _check_page(limit)
        clause = clause_of(expression, conditions)
        nothing = functools.partial(self.why_nothing, expression, conditions)
        return self.listed(wanted=wanted_by(clause)).found(
            clause, nothing, sort=sort, descending=descending, limit=limit
        )

    def page(
        self,
        limit: int | None,
        names: Sequence[str],
        expression: str | None,
        conditions: Mapping[str, Any],
        *,
        sort: str,
        descending: bool,
    ) -> Page:
        """See `aerchive.Project.page`."""
        from aerchive.project.finding.page import page_of, wanted_in_columns

        _check_page(limit)
        clause = clause_of(expression, conditions)
        listing = self.listed(wanted=wanted_in_columns(names, clause))
        with self._parts.file.held():
            return page_of(listing, clause, names, sort=sort, descending=descending, limit=limit, no_name=self._no_name)

    def columns(self, expression: str | None, conditions: Mapping[str, Any]) -> Columns:
        """See `aerchive.Project.columns`."""
        return self.columns_and_rows(expression, conditions)[0]

    def columns_and_rows(self, expression: str | None, conditions: Mapping[str, Any]) -> tuple[Columns, NDArray[Any]]:
        """Columns of runs, and the rows of these runs in the catalogue; see `aerchive.Project.columns`."""
        clause = clause_of(expression, conditions)
        listing = self.listed("raise", all_values)
        return listing.columns(clause), listing.rows(clause)

    def sweep(
        self,
        x: str | Sequence[str],
        y: str | Sequence[str],
        expression: str | None,
        conditions: Mapping[str, Any],
        bits: Sequence[int] | None,
    ) -> tuple[Columns, tuple[list[str], NDArray[Any]]]:
        """Columns of a sweep, and job ids and rows of the runs in it; see `aerchive.Project.sweep`."""
        from aerchive.project.finding.sweep import sweep_columns, wanted_counts

        first, then = as_texts(x), as_texts(y)
        counts = wanted_counts(first, then, bits)
        table = self._points([*first, *then], expression, conditions, "raise", counts=counts, opens_all=not first)
        return sweep_columns(table, first, then)

    def stack(
        self, label: str, x: str | Sequence[str], expression: str | None, conditions: Mapping[str, Any]
    ) -> StackedArray:
        """See `aerchive.Project.stack`."""
        from aerchive.project.finding.across import stack_of

        first = as_texts(x)
        return stack_of(str(self._parts.path), self._opened(first, [label], expression, conditions), label, first)

    def dataset(
        self, x: str | Sequence[str], y: str | Sequence[str], expression: str | None, conditions: Mapping[str, Any]
    ) -> tuple[Any, tuple[list[str], NDArray[Any]]]:
        """A dataset, and job ids and rows of the runs in it; see `aerchive.Project.dataset`."""
        from aerchive.project.finding.across import dataset_of

        first, then = as_texts(x), as_texts(y)
        return dataset_of(str(self._parts.path), self._opened(first, then, expression, conditions), first, then)

    def _opened(
        self, x: Sequence[str], y: Sequence[str], expression: str | None, conditions: Mapping[str, Any]
    ) -> PointTable:
        """The points of runs, each opened, with the arrays of the labels among ``y``.

        Raises:
            NotFoundError: No run with a result meets the conditions.
        """
        from aerchive.project.finding.sweep import wanted_counts

        counts, labels = wanted_counts(x, y, None), [*y, *x]
        table = self._points(labels, expression, conditions, "raise", counts=counts, labels=labels, opens_all=True)
        if len(table):
            return table
        number = self.count(expression, conditions)
        raise NotFoundError(
            f"{self._parts.path}: none of the values of {format_runs(number)} meets the conditions, or none of these "
            "runs has a result; project.count_by('outcome') shows how runs ended"
            if number
            else self.why_nothing(expression, conditions)
        )

    def _points(
        self,
        names: Sequence[str],
        expression: str | None,
        conditions: Mapping[str, Any],
        if_missing: Literal["raise", "warn if similar"],
        *,
        counts: WantedCounts | None = None,
        labels: Sequence[str] = (),
        opens_all: bool = False,
        as_runs: bool = False,
        also: Sequence[Clause] = (),
    ) -> PointTable:
        """The points of the runs that meet conditions, as `PointTable` describes them."""
        from aerchive.project.finding.sweep import NO_COUNTS, PointTable

        clause = All([point_clause(expression, conditions), *also])
        listing = self.listed(if_missing, wanted_values(names, clause, opens_all=opens_all))
        return PointTable(
            self._parts.file,
            listing,
            clause,
            names,
            wanted=counts or NO_COUNTS,
            labels=labels,
            opens_all=opens_all,
            as_runs=as_runs,
        )

    def _value_names(self) -> list[str]:
        """The names under which runs have values, with their groups."""
        return self.listing(only_names).value_names()

    def done(self, names: Sequence[str], where: str | None) -> set[Any]:
        """See `aerchive.Project.done`."""
        from aerchive.project.finding.resuming import check_names, done_values

        check_names("names", names)
        values = self._values(names, where, "ok")
        for name, column in zip(names, values, strict=True):
            if column and all(value is ABSENT for value in column):
                raise InvalidInputError(self._no_name(name, len(column)))
        return done_values(values)

    def missing(self, points: Any, outcome: str | Sequence[str] | None, tolerance: float) -> Any:
        """See `aerchive.Project.missing`."""
        from aerchive.project.finding.resuming import check_tolerance, points_frame, without

        check_tolerance(tolerance)
        frame = points_frame(points)
        names = list(frame.columns)
        values = self._values(names, None, outcome) if names else []
        for name, column in zip(names, values, strict=True):
            if all(value is ABSENT for value in column) and near_texts(name, map(short_name, self._value_names())):
                warnings.warn(self._no_name(name, len(column)), ArchiveWarning, stacklevel=caller_level())
        return without(frame, values, tolerance)

    def _values(self, names: Sequence[str], where: str | None, outcome: str | Sequence[str] | None) -> list[list[Any]]:
        """The values of runs or, where these have none, of their points, for each name; `ABSENT` if there is none."""
        also = [] if outcome is None else [Condition("outcome", "in", as_texts(outcome))]
        table = self._points(names, where, {}, "warn if similar", as_runs=True, also=also)
        columns = []
        for name in names:
            values, kind = table.values(name)
            listed = values.listed(ABSENT)
            columns.append([from_microseconds(one) for one in listed] if kind == "time" else listed)
        return columns

    def _no_name(self, name: str, number: int) -> str:
        """Describes that no run has a value of a name, and what they have."""
        columns = [column for column in table.IN_TABLES if column != "params"]
        of_circuits = (COUNTS, CIRCUIT_NAME)
        values = (one for one in self._value_names() if one not in of_circuits and not one.startswith(OPERATIONS))
        known = [*values, *columns, CIRCUIT_NAME]
        near = near_texts(short_name(name), [*map(short_name, known)])
        hint = f"did you mean {listed(near)}? " if near else ""
        return f"{self._parts.path}: none of {format_runs(number)} has {name!r}; {hint}there are {listed(known, 40)}"

    def jobs(self, limit: int | None, skip: int, wanted: JobFilter, *, descending: bool, nested: bool) -> JobList:
        """See `aerchive.Project.jobs`."""
        _check_page(limit, skip)
        given = wanted.conditions() | ({} if nested else {"parent": ""})
        listing = self.listed("warn if similar")
        found = listing.runs(clause_of(None, given), descending=descending, skip=0 if wanted.is_of_service else skip)
        if wanted.is_of_service:
            found = (run for run in found if listing.bad.ask(run, wanted.has, instead=False))
            found = itertools.islice(found, skip, None)
        nothing = functools.partial(self.why_nothing, None, given)
        return JobList(self._parts.bridge, itertools.islice(found, limit), nothing)

    def get(self, key: Any) -> Run:
        """See `aerchive.Project.__getitem__`."""
        if isinstance(key, str | Run | bool) or not isinstance(key, int | np.integer):
            return self.look_up("key", key)
        return self._at(int(key))

    def look_up(self, name: str, key: Any) -> Run:
        """Finds the run of a key; ``name`` is the name of the argument, for the error message."""
        job_id = self.job_id_of(name, key)
        existing = self.find_existing(job_id)
        if existing is not None and has_data(existing.row()):
            return existing
        return self._meant(job_id)

    def exact(self, job_id: str) -> Run:
        """Finds the run of a whole job id, in the project file or outside it; a name or a beginning is none.

        Raises:
            NotFoundError: There is no such run.
        """
        existing = self.find_existing(job_id)
        if existing is not None and has_data(existing.row()):
            return existing
        listing = self.listing()
        found = next((run for run in listing.beginning_with(job_id) if run.job_id == job_id), existing)
        if found is None:
            raise not_found(str(self._parts.path), job_id, listing.near(job_id), len(listing))
        return found

    def _meant(self, key: str) -> Run:
        """Finds the run that is meant by a key which is not the whole job id of a finished run."""
        listing = self.listing()
        if not len(listing) and not self._parts.file.exists():
            raise self.no_project_for(key)
        beginning = listing.beginning_with(key)
        named = list(listing.runs(Condition("name", "eq", key)))
        if len(named) == 1 and len(beginning) != 1:
            return named[0]
        matches = [run for run in beginning if run.job_id == key] or list(dict.fromkeys([*beginning, *named]))
        if len(matches) == 1:
            return matches[0]
        if matches:
            what = "id" if not named else "name" if not beginning else "id or name"
            ids = [run.job_id for run in matches]
            raise NotFoundError(f"{self._parts.path}: the {what} {key!r} is ambiguous: {listed(ids, _MOST_SHOWN)}")
        if key == "latest":
            return self.latest(None, {})
        if _POSITION.fullmatch(key):
            return self._at(int(key))
        known = [*listing.near(key), *map(str, listing.count_by("name", All([])))]
        raise not_found(str(self._parts.path), key, known, len(listing))

    def no_project_for(self, key: str) -> NotFoundError:
        """Makes the error for a key if there is no project file."""
        return no_such_project(self._parts.path, f"no run with id {key!r}, for there is no such project yet")

    def _at(self, position: int) -> Run:
        listing = self.listed("raise")
        number = len(listing)
        if not -number <= position < number:
            raise NotFoundError(f"{self._parts.path}: has {format_runs(number)}; there is no position {position}")
        is_late = position < 0
        runs = listing.runs(All([]), descending=is_late)
        return next(itertools.islice(runs, -1 - position if is_late else position, None))

    def contains(self, run_or_id: object) -> bool:
        """See `aerchive.Project.__contains__`."""
        if isinstance(run_or_id, Run):
            if run_or_id.project.file.path != self._parts.path:
                return False
            run_or_id = run_or_id.job_id
        if not isinstance(run_or_id, str):
            return False
        is_in = self.find_existing(run_or_id) is not None or any(
            run.job_id == run_or_id for run in self.listing().beginning_with(run_or_id)
        )
        if not is_in and not self._parts.file.exists():
            self.listed("warn if similar")
        return is_in

    def chosen(self, expression: str | None, conditions: Mapping[str, Any]) -> tuple[list[int], list[SpooledRun]]:
        """Chooses runs to be copied: numbers of their rows in the catalogue, and those that are in spools.

        Raises:
            NotFoundError: No finished run meets the conditions.
        """
        clause = clause_of(expression, conditions)
        listing = self.listed("raise", wanted_by(clause))
        numbers, spooled = listing.numbers(clause), list[SpooledRun]()
        if self.outside():
            spooled = [one for run in listing.runs(clause) if (one := run.place.spooled) is not None]
        if not numbers and not spooled:
            raise NotFoundError(self.why_nothing(expression, conditions))
        return numbers, spooled

    def why_nothing(self, expression: str | None, conditions: Mapping[str, Any]) -> str:
        """Explains why no run was found, and what could be found.

        Args:
            expression: As for `find`.
            conditions: As for `find`.
        """
        listing = self.listing(all_values)
        if not len(listing) and not self._parts.file.exists():
            return str(no_such_project(self._parts.path))
        clause = clause_of(expression, conditions)
        number = listing.count(clause)
        if number:
            return not_listed(str(self._parts.path), number)
        return nothing_found(str(self._parts.path), listing, clause, described(expression, conditions))

    def job_id_of(self, name: str, given: Any) -> str:
        """Returns the job id that an argument means: text, or a run or job, which stands for its own id.

        Args:
            name: Name of the argument, for the error message.
            given: The argument.

        Raises:
            InvalidInputError: The argument is none of these, or is a run of another project.
        """
        run = given if isinstance(given, Run) else getattr(given, "run", None)
        if isinstance(run, Run):
            if run.project.file.path != self._parts.path:
                raise InvalidInputError(
                    f"{name}: run {run.job_id} is in {run.project.file.path}, not in {self._parts.path}"
                )
            return run.job_id
        if not isinstance(given, str) or not given:
            refuse(name, given, "a job id, which is text and not empty, or a run of the project")
        return str.__str__(given)

    def job_ids_of(self, name: str, given: Any) -> list[str]:
        """Returns the job ids that an argument means; it may be a single one; see `job_id_of`."""
        is_one = isinstance(given, str | Run) or not isinstance(given, Iterable)
        return [self.job_id_of(name, one) for one in ([given] if is_one else given)]


def _without_known(outside: Iterable[Run], known: Catalogue, deleted: DeletedRuns) -> tuple[list[Run], list[int]]:
    """Leaves out the runs that the project has, and those that were deleted from it.

    Args:
        outside: Runs in spools, and submitted jobs.
        known: The catalogue of the project.
        deleted: The runs that were deleted from the project.

    Returns:
        The runs that the project does not have, and the numbers of the rows of runs that were recorded as lost and are
        in a spool.
    """
    left, hidden = [], []
    gone = known.deleted_ids()
    for run in outside:
        found, spooled = known.find(run.job_id), run.place.spooled
        if spooled is None:
            is_new = found is None and known.key(run.job_id) not in gone
        elif deleted.has(run.run_uuid, run.created) or known.find(conflict_id(run.job_id, run.run_uuid)) is not None:
            is_new = False
        else:
            is_new = found is None or not has_data(found[1][0])
            hidden += [found[0]] if is_new and found is not None else []
        left += [run] if is_new else []
    return left, hidden


def _check_page(limit: int | None, skip: int = 0) -> None:
    if (limit is not None and limit < 0) or skip < 0:
        raise InvalidInputError("limit and skip must not be negative")
