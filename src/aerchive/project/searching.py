"""Finding runs: by id, by conditions, as jobs, as tables."""

from __future__ import annotations

import datetime
import itertools
import logging
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError, NotFoundError
from aerchive.interop.columns import Columns
from aerchive.models import catalogue as table
from aerchive.project.catalogue import Catalogue, Session, has_data, not_found, run_path, whole_id
from aerchive.project.expression import clause_of
from aerchive.project.job_list import JobList
from aerchive.project.listing import Listing
from aerchive.project.project_base import ProjectBase
from aerchive.project.query import All, Condition, as_texts
from aerchive.project.run import Run
from aerchive.project.spools import DeletedRuns
from aerchive.project.unfinished import submission_record

logger = logging.getLogger("aerchive")


class Searching(ProjectBase):
    """What a project has to be searched; as a mapping it goes from job ids to runs."""

    def _run(self, row: np.void, job_id: str | None = None) -> Run:
        if job_id is None:
            if table.is_cut(row, "job_id"):
                with self.file.read() as session:
                    job_id = whole_id(session, row)
            else:
                job_id = table.row_text(row, "job_id")
        return Run(self, run_path(row), job_id=job_id, nbytes=int(row["nbytes"]), row=row)

    def _elsewhere(self) -> dict[str, Run]:
        """Runs in spools, runs that are still running, and those that were lost with their process, by job id."""
        first: dict[str, Run] = {}
        contents = self.spools.contents()
        for spooled in (run for content in contents for run in content.runs):
            head = spooled.head
            if head.job_id not in first and (record := self.spools.record_of(spooled)) is not None:
                first[head.job_id] = Run(
                    self, None, job_id=head.job_id, nbytes=head.nbytes, record=record, spooled=spooled
                )
        for content in contents:
            for job in content.jobs:
                if job.job_id not in first:
                    first[job.job_id] = Run(self, None, job_id=job.job_id, record=submission_record(job, content))
        return first

    def _listing(self) -> Listing:
        # What is elsewhere is looked at first: if it is moved meanwhile, it is in the catalogue then.
        elsewhere = self._elsewhere()
        if self.mode in ("a", "x") and not self.file.exists():
            return self._listed(None, elsewhere)
        with self.file.read() as session:
            return self._listed(session, elsewhere)

    def _listed(self, session: Session | None, elsewhere: dict[str, Run]) -> Listing:
        """All runs as a session sees them, together with those elsewhere; without a session only these."""
        rows: NDArray[Any] = np.empty(0, table.DTYPE)
        hidden = []
        if session is not None:
            known = Catalogue(session)
            rows = known.rows()
            if elsewhere:
                hidden = _drop_known(elsewhere, known, DeletedRuns(session.root))
        return Listing(str(self.path), rows, hidden, list(elsewhere.values()), self._run)

    def catalogue(self) -> NDArray[Any]:
        """One row a run, no run being opened.

        Returns:
            A structured array of dtype `aerchive.models.catalogue.DTYPE`: runs of the project in the order in which they
            were committed, then those that still run, were lost, or are in a spool, which have no ``path``. Text columns
            hold bytes (UTF-8, cut where the row's bit in ``overflow`` is set).
        """
        return self._listing().all_rows()

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
        clause = clause_of(expression, conditions)
        return list(self._listing().runs(clause))

    def count(self, expression: str | None = None, /, **conditions: Any) -> int:
        """How many runs meet all conditions, which are those of `find`."""
        clause = clause_of(expression, conditions)
        return self._listing().count(clause)

    def count_by(self, column: str, expression: str | None = None, /, **conditions: Any) -> dict[Any, int]:
        """How many runs there are for each value of a column, the most frequent first.

        Args:
            column: Of the catalogue, such as ``outcome``.
            expression: As for `find`.
            **conditions: As for `find`.

        Raises:
            InvalidInputError: There is no such column, or it has a value a run.
        """
        clause = clause_of(expression, conditions)
        return self._listing().count_by(column, clause)

    def latest(self, expression: str | None = None, /, **conditions: Any) -> Run:
        """The newest run that meets all conditions.

        Args:
            expression: As for `find`.
            **conditions: As for `find`. The simulations beneath a primitive's run are looked at only if ``parent`` or
                ``job_id`` is among them.

        Raises:
            NotFoundError: None does.
        """
        clause = clause_of(expression, conditions)
        if not clause.columns & {"parent", "job_id"}:
            clause = All([clause, Condition("parent", "eq", "")])
        found = next(self._listing().runs(clause, descending=True), None)
        if found is None:
            asked = ", ".join([*([expression] if expression else []), *(f"{k}={v!r}" for k, v in conditions.items())])
            raise NotFoundError(f"{self.path}: no run meets {asked}" if asked else f"{self.path}: has no runs")
        return found

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
        clause = clause_of(where, conditions)
        return list(itertools.islice(self._listing().runs(clause, sort=sort, descending=descending), limit))

    def columns(self, expression: str | None = None, /, **conditions: Any) -> Columns:
        """The catalogue as columns, oldest run first: what `to_pandas` and `to_arrow` are made of.

        Args:
            expression: As for `find`.
            **conditions: As for `find`.
        """
        clause = clause_of(expression, conditions)
        return self._listing().columns(clause)

    def to_pandas(self, expression: str | None = None, /, **conditions: Any) -> Any:
        """The catalogue as a ``pandas.DataFrame``, one row a run, oldest first.

        Args:
            expression: As for `find`.
            **conditions: As for `find`.

        Returns:
            Columns as in the catalogue: ``created`` with its time zone, ``tags`` as lists, parameters as
            ``params.NAME``. A long ``message`` is cut.

        Raises:
            MissingExtraError: There is no pandas.
        """
        from aerchive.interop.pandas import to_frame

        return to_frame(self.columns(expression, **conditions))

    def to_arrow(self, expression: str | None = None, /, **conditions: Any) -> Any:
        """The catalogue as a ``pyarrow.Table``; see `to_pandas`.

        Raises:
            MissingExtraError: There is no pyarrow.
        """
        from aerchive.interop.arrow import to_arrow_table

        return to_arrow_table(self.columns(expression, **conditions))

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

        clause = clause_of(where, conditions)
        if not clause.columns & {"parent", "job_id"}:
            clause = All([clause, Condition("parent", "eq", "")])
        first, then = as_texts(x), as_texts(y)
        outcomes = counted_outcomes([*first, *then])
        return sweep_columns(list(sweep_rows(self.file, self._listing().runs(clause), outcomes)), first, then)

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
            job_tags: Only jobs that have all of these.
            session_id: Only of this cloud session, which only archived remote jobs have.
            created_after: Only from this time on; without a zone it is local time.
            created_before: Only up to this time.
            descending: Newest first.
            nested: Also the jobs beneath those of primitives.

        Returns:
            ``ArchivedJob`` objects in a list that prints as a table.
        """
        if (limit is not None and limit < 0) or skip < 0:
            raise InvalidInputError("limit and skip must not be negative")
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
        found = self._listing().runs(clause_of(None, given), descending=descending)
        if instance is not None or session_id is not None:
            found = (run for run in found if _is_of_service(run, instance, session_id))
        return JobList(self.bridge, list(itertools.islice(found, skip, None if limit is None else skip + limit)))

    def job(self, job_id: str) -> Any:
        """The archived job of an id, or of an unambiguous beginning of one; imports Qiskit.

        Raises:
            NotFoundError: There is none, or several; the message lists near ones.
        """
        return self[job_id].job()

    def __getitem__(self, job_id: str) -> Run:
        if type(job_id) is not str or not job_id:
            raise InvalidInputError(f"a job id is text and not empty, found {job_id!r}")
        existing = self._find_existing(job_id)
        if existing is not None and has_data(existing.row()):
            return existing
        listing = self._listing()
        matches = listing.beginning_with(job_id)
        matches = [run for run in matches if run.job_id == job_id] or matches
        if len(matches) == 1:
            return matches[0]
        if matches:
            some = ", ".join(run.job_id for run in matches[:5])
            raise NotFoundError(
                f"{self.path}: the id {job_id!r} is ambiguous: {some}{' ...' if len(matches) > 5 else ''}"
            )
        raise not_found(str(self.path), job_id, listing.near(job_id), len(listing))

    def __contains__(self, job_id: object) -> bool:
        if not isinstance(job_id, str):
            return False
        if self._find_existing(job_id) is not None:
            return True
        return any(run.job_id == job_id for run in self._listing().beginning_with(job_id))

    def __len__(self) -> int:
        return len(self._listing())

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs(descending=False))

    def _find_existing(self, job_id: str, *, surely: bool = False) -> Run | None:
        """The run of an id in the project's own file.

        Args:
            job_id: The whole id.
            surely: Whether it is an error if the run is not found and a row of the catalogue is damaged.
        """
        if not self.file.exists():
            return None
        with self.file.read() as session:
            known = Catalogue(session)
            found = known.find(job_id)
            if found is None and surely:
                known.check()
        return None if found is None else self._run(found[1][0], job_id)


def _drop_known(elsewhere: dict[str, Run], known: Catalogue, deleted: DeletedRuns) -> list[int]:
    """Leaves out what the project has, and what was deleted from it.

    Args:
        elsewhere: Runs that are not in the catalogue, by job id; what the project has is removed.
        known: The catalogue.
        deleted: The runs that were deleted.

    Returns:
        Numbers of rows of runs that were taken for lost, and that are in a spool.
    """
    hidden = []
    gone = known.deleted_ids()
    for job_id, run in list(elsewhere.items()):
        found, spooled = known.find(job_id), run.place.spooled
        if found is not None and spooled is not None and not has_data(found[1][0]):
            hidden.append(found[0])
        elif found is not None or (
            deleted.has(run.run_uuid, run.created) if spooled is not None else known.key(job_id) in gone
        ):
            del elsewhere[job_id]
    return hidden


def _is_of_service(run: Run, instance: str | None, session_id: str | None) -> bool:
    """Whether a run is that of a remote job of an instance and a session; those of simulators are not opened for it."""
    if run.program == "run":
        return False
    service = run.record.config.service
    return instance in (None, service.get("instance")) and session_id in (None, service.get("session_id"))
