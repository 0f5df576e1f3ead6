"""Finding runs: by id, by conditions, as jobs, as tables."""

from __future__ import annotations

import datetime
import functools
import itertools
import logging
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aerchive.display.text import format_runs
from aerchive.errors import ArchiveWarning, InvalidInputError, NotFoundError
from aerchive.interop.columns import Columns
from aerchive.models import catalogue as table
from aerchive.project.arguments import checked, refuse
from aerchive.project.catalogue import Catalogue, Session, has_data, not_found, run_path, whole_id
from aerchive.project.expression import clause_of
from aerchive.project.job_list import JobList
from aerchive.project.listing import Listing
from aerchive.project.nothing_found import described, not_listed, nothing_found, parameter_names
from aerchive.project.project_base import ProjectBase
from aerchive.project.query import All, Clause, Condition, UnknownColumnError, as_texts
from aerchive.project.run import Run
from aerchive.project.spool_mover import DeletedRuns
from aerchive.project.unfinished import submission_record
from aerchive.project.unite import id_beside
from aerchive.storage.medium.names import no_such_project, projects_beside
from aerchive.text import listed, near_texts

logger = logging.getLogger("aerchive")

_MOST_SHOWN = 5
_PACKAGE = str(Path(__file__).parents[1])


class Searching(ProjectBase):
    """What a project has to be searched: a collection of runs, in the order of submission, with look-up.

    A project that is to be made by its first run has no file before that, and an empty answer would look like an empty
    project although the name may be misspelt. So ``project[key]``, `job`, `latest` and tables raise `NotFoundError`.
    A program that goes on where it was stopped asks other questions before its first run as well, so these are
    answered: `find`, `runs`, `count`, `count_by` and `catalogue` with a warning that there is no file yet; ``len``,
    ``in``, iteration and `jobs`, whose list says so when it is printed, with the warning only if a file with a similar
    name is beside it. A `Project` object warns once.
    """

    def _run(self, row: np.void, job_id: str | None = None) -> Run:
        if job_id is None:
            if table.is_cut(row, "job_id"):
                with self.file.read() as session:
                    job_id = whole_id(session, row)
            else:
                job_id = table.row_text(row, "job_id")
        return Run(self, run_path(row), job_id=job_id, nbytes=int(row["nbytes"]), row=row)

    def _outside(self) -> list[Run]:
        """Runs in spools, then runs that are still running, and those that were lost with their process."""
        contents = self.spools.contents()
        return [
            *(
                Run(self, None, job_id=one.head.job_id, nbytes=one.head.nbytes, record=record, spooled=one)
                for content in contents
                for one in content.runs
                if (record := self.spools.record_of(one)) is not None
            ),
            *(
                Run(self, None, job_id=job.job_id, record=submission_record(job, content))
                for content in contents
                for job in content.jobs
            ),
        ]

    def _listing(self) -> Listing:
        # What is outside the file is looked at first: if it is moved meanwhile, it is in the catalogue then.
        outside = self._outside()
        if self.mode in ("a", "x") and not self.file.exists():
            return self._listing_of(None, outside)
        with self.file.read() as session:
            return self._listing_of(session, outside)

    def _listing_of(self, session: Session | None, outside: Sequence[Run]) -> Listing:
        """All runs as a session sees them, together with those outside its file; without a session only these."""
        rows: NDArray[Any] = np.empty(0, table.DTYPE)
        hidden: Sequence[int] = ()
        if session is not None:
            known = Catalogue(session)
            rows = known.rows()
            if outside:
                outside, hidden = _without_known(outside, known, DeletedRuns(session.root))
        first: dict[str, Run] = {}
        for run in outside:
            first.setdefault(run.job_id, run)
        return Listing(str(self.path), rows, hidden, list(first.values()), self._run)

    def catalogue(self) -> NDArray[Any]:
        """One row a run, no run being opened.

        Returns:
            A structured array of dtype `aerchive.models.catalogue.DTYPE`: runs of the project in the order in which
            they were committed, then those that still run, were lost, or are in a spool, which have no ``path``. Text
            columns hold bytes (UTF-8, cut where the row's bit in ``overflow`` is set).
        """
        return self._listed().all_rows()

    @checked
    def find(self, expression: str | None = None, /, **conditions: Any) -> list[Run]:
        """The runs that meet all conditions, oldest first.

        Args:
            expression: Conditions as text, such as ``"num_qubits >= 20 and tags contains vqe"``.
            **conditions: ``column=value`` or ``column__operator=value``. Columns are those of the catalogue,
                ``created``, ``tags`` (a run must have all; with ``__in`` any) and ``params__NAME``. Operators:
                ``eq ne lt le gt ge in contains startswith``. Times are what `aerchive.project.moments.span_of` reads.

        Raises:
            InvalidInputError: No such column or operator, or a text that cannot be read; the message says where.
            IntegrityError: The catalogue is damaged; the message says how to make it anew.
        """
        clause = self.clause(expression, conditions)
        return self._listed().found(clause, functools.partial(self.why_nothing, expression, conditions))

    @checked
    def count(self, expression: str | None = None, /, **conditions: Any) -> int:
        """How many runs meet all conditions, which are those of `find`."""
        clause = self.clause(expression, conditions)
        return self._listed().count(clause)

    @checked
    def count_by(self, column: str, expression: str | None = None, /, **conditions: Any) -> dict[Any, int]:
        """How many runs there are for each value of a column, the most frequent first.

        Args:
            column: Of the catalogue, such as ``outcome``.
            expression: As for `find`.
            **conditions: As for `find`.

        Raises:
            InvalidInputError: There is no such column, or it has a value a run.
        """
        clause = self.clause(expression, conditions)
        return self._listed().count_by(column, clause)

    @checked
    def latest(self, expression: str | None = None, /, **conditions: Any) -> Run:
        """The newest run that meets all conditions.

        Args:
            expression: As for `find`.
            **conditions: As for `find`. The simulations beneath a primitive's run are looked at only if ``parent`` or
                ``job_id`` is among them.

        Raises:
            NotFoundError: None does; the message says what values there are.
        """
        clause = self.clause(expression, conditions)
        if not clause.columns & {"parent", "job_id"}:
            clause = All([clause, Condition("parent", "eq", "")])
        found = next(self._listed("raise").runs(clause, descending=True), None)
        if found is None:
            raise NotFoundError(self.why_nothing(expression, conditions))
        return found

    @checked
    def runs(
        self,
        limit: int | None = None,
        *,
        where: str | None = None,
        sort: str = "created",
        descending: bool = True,
        **conditions: Any,
    ) -> list[Run]:
        """Runs by time of submission; those that are still running or were lost are among them.

        Args:
            limit: How many at most.
            where: Conditions as text, as for `find`.
            sort: Another column of the catalogue to go by; runs without a value come last.
            descending: The newest, or the greatest, first.
            **conditions: As for `find`.

        Raises:
            InvalidInputError: No such column, or conditions that cannot be read.
        """
        _check_page(limit)
        clause = self.clause(where, conditions)
        nothing = functools.partial(self.why_nothing, where, conditions)
        return self._listed().found(clause, nothing, sort=sort, descending=descending, limit=limit)

    @checked
    def columns(self, expression: str | None = None, /, **conditions: Any) -> Columns:
        """The catalogue as columns, oldest run first: what `to_pandas` and `to_arrow` are made of.

        Args:
            expression: As for `find`.
            **conditions: As for `find`.
        """
        clause = self.clause(expression, conditions)
        return self._listed("raise").columns(clause)

    @checked
    def to_pandas(self, expression: str | None = None, /, **conditions: Any) -> Any:
        """The catalogue as a ``pandas.DataFrame``, one row a run, oldest first.

        Args:
            expression: As for `find`.
            **conditions: As for `find`.

        Returns:
            Columns as in the catalogue: ``created`` with its time zone, ``tags`` as lists, parameters as
            ``params.NAME``. Texts are whole: a run is opened where the catalogue cuts one of its texts.

        Raises:
            MissingExtraError: There is no pandas.
        """
        from aerchive.interop.pandas import to_frame

        return to_frame(self.columns(expression, **conditions))

    @checked
    def to_arrow(self, expression: str | None = None, /, **conditions: Any) -> Any:
        """The catalogue as a ``pyarrow.Table``; see `to_pandas`.

        Raises:
            MissingExtraError: There is no pyarrow.
        """
        from aerchive.interop.arrow import to_arrow_table

        return to_arrow_table(self.columns(expression, **conditions))

    @checked
    def table(
        self,
        x: str | Sequence[str] = (),
        y: str | Sequence[str] = (),
        *,
        kind: Literal["pandas", "xarray"] = "pandas",
        where: str | None = None,
        **conditions: Any,
    ) -> Any:
        """What runs have saved, as one table: a row for each circuit, parameter bind, or element of a pub.

        A name means a saved number (such as the label of an expectation value, or ``evs``), how often an outcome was
        measured (``counts.00``), a parameter of the circuit, one given with the run (also ``params.NAME``), or a column
        of the catalogue; the first of these that there is. ``circuit``, ``experiment``, ``bind``, ``element`` and
        ``job_id`` say where a row is from. Qiskit is not needed, and no state is read.

        Args:
            x: Columns to come first, and to sort by. Without any: where a row is from, and all parameters.
            y: Columns that follow. Without any: all saved numbers.
            kind: ``pandas``, or ``xarray``: `x` become dimensions, with one more, ``repeat``, where several rows have
                the same place.
            where: Conditions as text, as for `find`.
            **conditions: As for `find`. The simulations beneath a primitive's run are looked at only if ``parent`` or
                ``job_id`` is among them.

        Returns:
            A ``pandas.DataFrame`` or ``xarray.Dataset``.

        Raises:
            InvalidInputError: There is no such column, or kind.
            MissingExtraError: There is no pandas, or no xarray.
        """
        if kind not in ("pandas", "xarray"):
            raise InvalidInputError(f"kind {kind!r}: choose 'pandas' or 'xarray'")
        columns = self.sweep(x, y, where=where, **conditions)
        if kind == "pandas":
            from aerchive.interop.pandas import to_frame

            return to_frame(columns)
        from aerchive.interop.xarray import to_dataset

        return to_dataset(columns, as_texts(x))

    @checked
    def sweep(
        self, x: str | Sequence[str] = (), y: str | Sequence[str] = (), *, where: str | None = None, **conditions: Any
    ) -> Columns:
        """What `table` is made of, as columns.

        Args:
            x: As for `table`.
            y: As for `table`.
            where: As for `table`.
            **conditions: As for `table`.
        """
        from aerchive.project.sweep import counted_outcomes, sweep_columns, sweep_rows

        clause = self.clause(where, conditions)
        if not clause.columns & {"parent", "job_id"}:
            clause = All([clause, Condition("parent", "eq", "")])
        first, then = as_texts(x), as_texts(y)
        outcomes = counted_outcomes([*first, *then])
        listing = self._listed("raise")
        return sweep_columns(list(sweep_rows(self.file, listing.runs(clause), outcomes, listing.bad)), first, then)

    @checked
    def jobs(
        self,
        limit: int | None = 10,
        skip: int = 0,
        *,
        backend_name: str | None = None,
        pending: bool | None = None,
        program_id: str | None = None,
        instance: str | None = None,
        job_tags: Sequence[str] | None = None,
        session_id: str | None = None,
        created_after: datetime.datetime | None = None,
        created_before: datetime.datetime | None = None,
        descending: bool = True,
        nested: bool = False,
    ) -> JobList:
        """Archived jobs, with the conventions of ``QiskitRuntimeService.jobs``.

        Args:
            limit: How many at most; ``None`` for all.
            skip: How many to leave out first.
            backend_name: Only of this backend.
            pending: True: only those still running; False: only those that are not.
            program_id: Only of this program, such as ``run``.
            instance: Only of this instance of a cloud account, which only archived remote jobs have.
            job_tags: Only jobs that have all of these; one may be given as a text.
            session_id: Only of this cloud session, which only archived remote jobs have.
            created_after: Only from this time on; without a zone it is local time. Also text, as for `find`.
            created_before: Only up to this time.
            descending: Newest first.
            nested: Also the jobs beneath those of primitives.

        Returns:
            ``ArchivedJob`` objects in a list that prints as a table.
        """
        _check_page(limit, skip)
        given: dict[str, Any] = {}
        if backend_name is not None:
            given["backend"] = backend_name
        if program_id is not None:
            given["program"] = program_id
        if job_tags:
            given["tags"] = list(job_tags)
        if created_after is not None:
            given["created__ge"] = created_after
        if created_before is not None:
            given["created__le"] = created_before
        if pending is not None:
            given["outcome" if pending else "outcome__ne"] = "running"
        if not nested:
            given["parent"] = ""
        is_of_service = instance is not None or session_id is not None
        if is_of_service:
            given["program__ne"] = "run"  # which is of a simulator
        listing = self._listed("warn if similar")
        found = listing.runs(clause_of(None, given), descending=descending, skip=0 if is_of_service else skip)
        if is_of_service:
            is_wanted = functools.partial(_is_of_service, instance, session_id)
            found = (run for run in found if listing.bad.ask(run, is_wanted, instead=False))
            found = itertools.islice(found, skip, None)
        nothing = functools.partial(self.why_nothing, None, given)
        return JobList(self.bridge, itertools.islice(found, limit), nothing)

    def job(self, job_id: str | Run) -> Any:
        """The archived job of an id, or of any other key that ``project[key]`` takes; imports Qiskit.

        Raises:
            NotFoundError: There is none, or several; the message lists near ones.
        """
        return self._look_up("job_id", job_id).job()

    def __getitem__(self, key: str | int | Run) -> Run:
        """One run.

        Args:
            key: A job id, an unambiguous beginning of one, the name of exactly one run, ``"latest"``, or a position in
                the order of submission (``-1``: the newest). A run or job stands for its id.

        Raises:
            NotFoundError: There is none, or several; the message lists near ones.
            InvalidInputError: It is no key.
        """
        if isinstance(key, str | Run | bool) or not isinstance(key, int | np.integer):
            return self._look_up("key", key)
        return self._at(int(key))

    def _look_up(self, name: str, key: Any) -> Run:
        job_id = self.job_id_of(name, key)
        existing = self._find_existing(job_id)
        if existing is not None and has_data(existing.row()):
            return existing
        return self._meant(job_id)

    def _meant(self, key: str) -> Run:
        """The run that is meant by a key which is no whole id."""
        listing = self._listing()
        if not len(listing) and not self.file.exists():
            raise self._no_project_for(key)
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
            raise NotFoundError(f"{self.path}: the {what} {key!r} is ambiguous: {listed(ids, _MOST_SHOWN)}")
        if key == "latest":
            return self.latest()
        known = [*listing.near(key), *map(str, listing.count_by("name", All([])))]
        raise not_found(str(self.path), key, known, len(listing))

    def _no_project_for(self, key: str) -> NotFoundError:
        return no_such_project(self.path, f"no run with id {key!r}, for there is no such project yet")

    def _at(self, position: int) -> Run:
        listing = self._listed("raise")
        number = len(listing)
        if not -number <= position < number:
            raise NotFoundError(f"{self.path}: has {format_runs(number)}; there is no position {position}")
        is_late = position < 0
        runs = listing.runs(All([]), descending=is_late)
        return next(itertools.islice(runs, -1 - position if is_late else position, None))

    def __contains__(self, run_or_id: object) -> bool:
        """Whether a run, or the run of a whole job id, is in the project."""
        if isinstance(run_or_id, Run):
            if run_or_id.project.file.path != self.path:
                return False
            run_or_id = run_or_id.job_id
        if not isinstance(run_or_id, str):
            return False
        is_in = self._find_existing(run_or_id) is not None or any(
            run.job_id == run_or_id for run in self._listing().beginning_with(run_or_id)
        )
        if not is_in and not self.file.exists():
            self._listed("warn if similar")
        return is_in

    def __len__(self) -> int:
        return len(self._listed("warn if similar"))

    def __iter__(self) -> Iterator[Run]:
        return self._listed("warn if similar").runs(All([]))

    def __reversed__(self) -> Iterator[Run]:
        return self._listed("warn if similar").runs(All([]), descending=True)

    def clause(self, expression: str | None, conditions: Mapping[str, Any]) -> Clause:
        """The conditions of a question, read.

        Args:
            expression: As for `find`.
            conditions: As for `find`.

        Raises:
            InvalidInputError: One cannot be read; a parameter that is named without ``params`` is pointed out.
        """
        try:
            return clause_of(expression, conditions)
        except UnknownColumnError as error:
            if not self.file.exists():
                raise
            near = near_texts(error.column, parameter_names(self._listing().rows(All([]))))
            meant = " or ".join(f"params.{name}" for name in near)
            hint = f"\ndid you mean the parameter {meant}, by keyword params__{near[0]}?" if near else ""
            raise InvalidInputError(f"{error}{hint}") from error

    def why_nothing(self, expression: str | None, conditions: Mapping[str, Any]) -> str:
        """Why no run was found, and what could be found.

        Args:
            expression: As for `find`.
            conditions: As for `find`.
        """
        listing = self._listing()
        if not len(listing) and not self.file.exists():
            return str(no_such_project(self.path))
        clause = self.clause(expression, conditions)
        number = listing.count(clause)
        if number:
            return not_listed(str(self.path), number)
        return nothing_found(str(self.path), listing, clause, described(expression, conditions))

    def job_id_of(self, name: str, given: Any) -> str:
        """The id that an argument means: a text, or a run or job that stands for its own.

        Args:
            name: Of the argument.
            given: The argument.

        Raises:
            InvalidInputError: It is neither, or a run of another project.
        """
        run = given if isinstance(given, Run) else getattr(given, "run", None)
        if isinstance(run, Run):
            if run.project.file.path != self.path:
                raise InvalidInputError(f"{name}: run {run.job_id} is in {run.project.file.path}, not in {self.path}")
            return run.job_id
        if not isinstance(given, str) or not given:
            refuse(name, given, "a job id, which is text and not empty, or a run of the project")
        return str.__str__(given)

    def job_ids_of(self, name: str, given: Any) -> list[str]:
        """The ids that an argument means, which may be one; see `job_id_of`."""
        is_one = isinstance(given, str | Run) or not isinstance(given, Iterable)
        return [self.job_id_of(name, one) for one in ([given] if is_one else given)]

    def _listed(self, if_missing: Literal["raise", "warn", "warn if similar"] = "warn") -> Listing:
        """The listing for a question.

        Args:
            if_missing: What is done if there is no file, and no run beside it.

        Raises:
            NotFoundError: There is none.

        Warns:
            ArchiveWarning: There is none; once an object.
        """
        listing = self._listing()
        if len(listing) or self.file.exists():
            return listing
        problem = no_such_project(self.path, "no such project yet, the first run makes it")
        if if_missing == "raise":
            raise problem
        is_told = if_missing == "warn" or near_texts(self.path.name, projects_beside(self.path))
        if is_told and not self._has_warned:
            self._has_warned = True
            warnings.warn(str(problem), ArchiveWarning, stacklevel=_caller())
        return listing

    def _find_existing(self, job_id: str) -> Run | None:
        """The run of a whole id in the project's own file; damaged rows of the catalogue are passed over."""
        if not self.file.exists():
            return None
        with self.file.read() as session:
            found = Catalogue(session).find(job_id)
        return None if found is None else self._run(found[1][0], job_id)


def _without_known(outside: Iterable[Run], known: Catalogue, deleted: DeletedRuns) -> tuple[list[Run], list[int]]:
    """Leaves out what the project has, and what was deleted from it.

    Args:
        outside: Runs in spools, and submitted jobs.
        known: The catalogue.
        deleted: The runs that were deleted.

    Returns:
        The runs that the project does not have; and numbers of rows of runs that were taken for lost, and that are in a
        spool.
    """
    left, hidden = [], []
    gone = known.deleted_ids()
    for run in outside:
        found, spooled = known.find(run.job_id), run.place.spooled
        if spooled is None:
            is_new = found is None and known.key(run.job_id) not in gone
        elif deleted.has(run.run_uuid, run.created) or known.find(id_beside(run.job_id, run.run_uuid)) is not None:
            is_new = False
        else:
            is_new = found is None or not has_data(found[1][0])
            hidden += [found[0]] if is_new and found is not None else []
        left += [run] if is_new else []
    return left, hidden


def _check_page(limit: int | None, skip: int = 0) -> None:
    if (limit is not None and limit < 0) or skip < 0:
        raise InvalidInputError("limit and skip must not be negative")


def _caller() -> int:
    """The ``stacklevel`` of a warning for the first line outside of this package, as the caller of this sees it."""
    level = 1
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    return level


def _is_of_service(instance: str | None, session_id: str | None, run: Run) -> bool:
    """Whether a remote job is of an instance and a session."""
    service = run.record.config.service
    return instance in (None, service.get("instance")) and session_id in (None, service.get("session_id"))
