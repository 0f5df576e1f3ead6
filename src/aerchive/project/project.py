"""A project: one HDF5 file, and the runs in it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import itertools
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import (
    ArchiveWarning,
    InvalidInputError,
    NotFoundError,
    ProjectLockedError,
    ReadOnlyError,
    TransactionError,
    UnsupportedTypeError,
)
from aerchive.filters.profiles import Compression
from aerchive.interop.columns import Columns
from aerchive.models import catalogue as table
from aerchive.models.catalogue import now
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.project.catalogue import Catalogue, has_data, not_found, present, run_path, whole_id
from aerchive.project.commit import check_same, delete_runs, restore_run, write_drafts, write_labels
from aerchive.project.compact import CompactReport, compact
from aerchive.project.draft import RunDraft
from aerchive.project.expression import clause_of
from aerchive.project.job_list import JobList
from aerchive.project.listing import Listing
from aerchive.project.pending import PendingFiles, pending_runs
from aerchive.project.query import All, Condition, as_texts
from aerchive.project.rebuild import RebuildReport, rebuild_catalogue
from aerchive.project.retention import CleanReport, RetentionRule
from aerchive.project.run import Bridge, Run
from aerchive.project.space import SpaceReport, survey_space
from aerchive.project.unfinished import lost_draft, submission_record
from aerchive.project.verify import Progress, VerifyReport, verify
from aerchive.project.waiting import (
    Durability,
    adopt_left_behind,
    drafts_left_behind,
    flush_before_reading,
    flush_waiting,
    waiting_runs,
)
from aerchive.settings import load_settings
from aerchive.storage.border import hdf5_errors
from aerchive.storage.file import ProjectFile, WriteSession
from aerchive.storage.replacing import left_over_bytes, remove_left_over
from aerchive.storage.submissions import Submissions
from aerchive.storage.waiting_file import waiting_paths

logger = logging.getLogger("aerchive")

_IMPATIENT_S = 1.0
"""How long to wait for a program that has let us wait in vain already."""

Mode = Literal["r", "r+", "a", "x"]


class Project:
    """One project file; made by `aerchive.open`.

    A project holds nothing open: every method opens the file for as long as it needs it, so other processes and
    viewers may use it in
    between, and ``close()`` is not needed. It may be shared by threads. As a mapping it goes from job ids to runs.

    Args:
        file: The project file.
        mode: ``"r"``, ``"r+"``, ``"a"`` or ``"x"``, as `aerchive.open` has it.
        bridge: The way to live objects of Qiskit.
        durability: When runs are committed: ``"each"`` at once; ``"batch"`` with others, after two seconds at the
            latest; ``"exit"`` when the process ends.
        compression: The profile for what is saved here, if not as the settings say.
    """

    def __init__(
        self,
        file: ProjectFile,
        mode: Mode,
        bridge: Bridge,
        durability: Durability = "each",
        compression: str | None = None,
    ) -> None:
        self.file = file
        file.before_reading = functools.partial(flush_before_reading, file.path)
        self.mode = mode
        self.bridge = bridge
        self.durability: Durability = durability
        self._compression = compression
        self.submissions = Submissions(file.path)
        self._transaction = threading.local()
        self._pending = PendingFiles(file)
        self._patience_s: float | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return self.file.path

    # -- saving

    def save(
        self,
        job_or_result: Any,
        *,
        circuits: Sequence[Any] | Any | None = None,
        options: Mapping[str, Any] | None = None,
        name: str | None = None,
        tags: str | Sequence[str] = (),
        notes: str | None = None,
        params: Mapping[str, Any] | None = None,
        compression: str | None = None,
        max_infidelity: float | None = None,
    ) -> Run:
        """Archives a job or a result.

        Args:
            job_or_result: An ``AerJob``, the job of a primitive or a ``RuntimeJobV2`` of IBM's service (each is waited
                for), a ``qiskit.result.Result`` or a ``PrimitiveResult``.
            circuits: What was run, where the job does not know it: a circuit or a list of them.
            options: Options of the run, where the job does not know them.
            name: A name for people.
            tags: Words to find it by.
            notes: Free text.
            params: Parameters of the study, by name.
            compression: How arrays are stored: ``"portable"``, ``"none"``, ``"fast"`` or ``"small"``; by default as the
                project was opened, or as the settings say.
            max_infidelity: State vectors may be rounded as far as ``1 - F`` is proven to stay within this; what it
                came to is stored with them. By default nothing is lost.

        Returns:
            The run, durable if the project's durability is ``"each"``; else `Run.durable` and `flush`. A job that is in
            the project already gets the new labels.

        Raises:
            UnsupportedTypeError: A value has a type without a codec. Everything else of the run has been archived.
            InvalidInputError: It is neither a job nor a result; or there is no such compression.
            AlreadyExistsError: Another Result of this job id is in the project.
            ServiceError: The service of a remote job did not answer; nothing was archived.
            ReadOnlyError: The project is open for reading.
        """
        labels = RunLabels.checked(name=name, tags=as_texts(tags) or None, notes=notes, params=dict(params or {}))
        labels.to_attributes()  # refuses what cannot be stored before anything is done
        stored = self.compression(compression, max_infidelity)
        self._check_writable()
        given = [circuits] if circuits is not None and not isinstance(circuits, list | tuple) else circuits
        draft = dataclasses.replace(self.bridge.capture(job_or_result, given, options), compression=stored)
        run = self._keep(draft, labels)
        if draft.refused:
            raise UnsupportedTypeError(
                f"run {draft.job_id} was archived without these values: {'; '.join(draft.refused)}"
            )
        return run

    def compression(self, profile: str | None = None, max_infidelity: float | None = None) -> Compression:
        """How arrays of a run are stored in this project.

        Args:
            profile: As given for the run; else as for the project, else as the settings say.
            max_infidelity: As given for the run.

        Raises:
            InvalidInputError: There is no such profile, or it needs a package that is not installed; or the infidelity
                is not between 0 and 1.
        """
        profile = profile or self._compression or load_settings().compression
        return Compression.checked(profile, max_infidelity)

    def archive(self, draft: RunDraft, durability: Durability | None = None) -> Run:
        """Archives a captured run, also while a transaction is open: a simulation is kept whatever happens.

        Args:
            draft: Of the run.
            durability: When it is committed, if not as the project says.
        """
        self._check_writable()
        run = self._unwritten(draft)
        self._commit_in_time(draft, run, durability or self.durability)
        return run

    def _commit_in_time(self, draft: RunDraft, run: Run, durability: Durability) -> None:
        if durability == "each":
            self._commit([(draft, run)])
        else:
            waiting_runs(self.path).add(draft, run, self._commit, durability, self.file.min_free_bytes)

    def flush(self) -> None:
        """Commits the runs of this process that wait for it; without ``"batch"`` or ``"exit"`` there are none.

        Raises:
            AerchiveError: The commit failed; they go on waiting.
        """
        flush_waiting(self.path)

    def _keep(self, draft: RunDraft, labels: RunLabels) -> Run:
        waiting: dict[str, tuple[RunDraft, Run]] | None = getattr(self._transaction, "waiting", None)
        if waiting is not None and draft.job_id in waiting:
            check_same(waiting[draft.job_id][0].datasets, draft, str(self.path))
            draft, run = waiting[draft.job_id]
            draft = dataclasses.replace(draft, labels=LabelChange(labels).apply(draft.labels))
            run.__dict__["record"] = draft.record
        else:
            draft = dataclasses.replace(draft, labels=LabelChange(labels).apply(draft.labels))
            run = self._unwritten(draft)
        if waiting is None:
            self._commit_in_time(draft, run, self.durability)
        else:
            waiting[draft.job_id] = draft.detached(), run
        return run

    def _unwritten(self, draft: RunDraft) -> Run:
        return Run(self, None, job_id=draft.job_id, nbytes=draft.nbytes, record=draft.record)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Many saves of this thread in one commit, at the end of the block; none of them if it raises.

        No lock is held before the end. Runs saved in the block can be read after it.

        Raises:
            TransactionError: A transaction is open in this thread already.
        """
        self._check_writable()
        if getattr(self._transaction, "waiting", None) is not None:
            raise TransactionError(f"{self.path}: a transaction is open in this thread; finish it first")
        waiting: dict[str, tuple[RunDraft, Run]] = {}
        self._transaction.waiting = waiting
        try:
            yield
        finally:
            self._transaction.waiting = None
        if waiting:
            self._commit(list(waiting.values()))

    def _commit(self, drafts: Sequence[tuple[RunDraft, Run]]) -> None:
        ids = {draft.job_id for draft, _ in drafts}
        lost = [s for s in self.submissions.open_jobs() if not s.alive and s.job_id not in ids]
        pending = None
        try:
            with self.file.write(now(), self._patience_s) as session, hdf5_errors(str(self.path)):
                paths = write_drafts(session, [*(draft for draft, _ in drafts), *map(lost_draft, lost)])
            self._patience_s = None
        except ProjectLockedError as error:
            logger.warning("%s; the run goes to a pending file beside the project", error)
            pending, paths = self._pending.write([draft for draft, _ in drafts])
            lost = []
            self._patience_s = min(self.file.lock_timeout_s, _IMPATIENT_S)
        for (_, run), path in zip(drafts, paths, strict=False):
            run.settle(path, pending)
        self.submissions.forget([s.job_id for s in lost])
        if pending is None:
            self._merge()

    def _merge(self) -> None:
        """Moves into the project what other processes could not bring there."""
        self._pending.merge()
        adopt_left_behind(self.file)

    def relabel(self, run: Run, change: LabelChange) -> None:
        """Commits a change of a run's labels; use `Run.add_tags`, `Run.rename` and their like."""
        self._check_writable()
        if run.pending:
            self._merge()
        if run.pending:
            raise TransactionError(
                f"{run.place.file.path}: run {run.job_id} is in a pending file; label it once it is in its project"
            )
        run.path  # noqa: B018  (a run without data has no labels in the file)
        with self.file.write(now()) as session, hdf5_errors(str(self.path)):
            write_labels(session, run.job_id, change)

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

    def _check_writable(self) -> None:
        if self.mode == "r":
            raise ReadOnlyError(
                f"{self.path}: the project is open for reading; open it with aerchive.open({str(self.path)!r}, 'r+')"
            )

    # -- finding

    def _run(self, row: np.void, job_id: str | None = None) -> Run:
        if job_id is None:
            if table.is_cut(row, "job_id"):
                with self.file.read() as session:
                    job_id = whole_id(session, row)
            else:
                job_id = table.row_text(row, "job_id")
        return Run(self, run_path(row), job_id=job_id, nbytes=int(row["nbytes"]), row=row)

    def _elsewhere(self) -> dict[str, Run]:
        """Runs in pending files, runs that are still running, and those that were lost with their process."""
        survey = self._pending.survey()
        for problem in survey.problems.values():
            logger.warning("a pending file is not read: %s", problem)
        found = [run for file in survey.files for run in pending_runs(file, self)]
        found += [self._unwritten(draft) for draft in drafts_left_behind(self.path)]
        for submission in self.submissions.open_jobs():
            found.append(Run(self, None, job_id=submission.job_id, record=submission_record(submission)))
        first: dict[str, Run] = {}
        for run in found:
            first.setdefault(run.job_id, run)
        return first

    def _listing(self) -> Listing:
        # What is elsewhere is looked at first: if it is merged meanwhile, it is in the catalogue then.
        elsewhere = self._elsewhere()
        rows: NDArray[Any] = np.empty(0, table.DTYPE)
        hidden = []
        if self.mode in ("r", "r+") or self.file.exists():
            with self.file.read() as session:
                known = Catalogue(session)
                rows = known.rows()
                for job_id, run in list(elsewhere.items()):
                    found = known.find(job_id)
                    if found is None:
                        continue
                    if run.pending and not has_data(found[1][0]):
                        hidden.append(found[0])  # it turned up, and will take the place of the lost one
                    else:
                        del elsewhere[job_id]
        return Listing(str(self.path), rows, hidden, list(elsewhere.values()), self._run)

    def catalogue(self) -> NDArray[Any]:
        """One row a run, no run being opened.

        Returns:
            A structured array of dtype `aerchive.models.catalogue.DTYPE`, in the order in which runs were committed;
            text columns hold bytes (UTF-8, cut where the row's bit in ``overflow`` is set).
        """
        if self.mode in ("a", "x") and not self.file.exists():
            return np.empty(0, table.DTYPE)
        with self.file.read() as session:
            return present(Catalogue(session).rows())

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

    def delete_job(self, job_id: str) -> None:
        """Takes a job out of the project, that of a primitive with the jobs beneath it.

        Its bytes stay in the file, among the deleted ones, until the project is compacted; until then `restore` brings
        it back. Of a lost run of which only a trace is left, the trace goes.

        Args:
            job_id: The whole id.

        Raises:
            NotFoundError: There is none in the project; the message lists near ones.
            TransactionError: It is still running.
            ProjectLockedError: Another program keeps the file locked.
            ReadOnlyError: The project is open for reading.
        """
        self.delete_jobs([job_id])

    def delete_jobs(self, job_ids: Sequence[str]) -> None:
        """Takes jobs out of the project as `delete_job` does, all in one commit.

        Args:
            job_ids: The whole ids. If one of them cannot be deleted, none is.

        Raises:
            AerchiveError: As `delete_job` does.
        """
        self._check_writable()
        self.flush()
        self._merge()
        wanted = dict.fromkeys(job_ids)
        lost = {s.job_id for s in self.submissions.open_jobs() if s.job_id in wanted and not s.alive}
        elsewhere = [job_id for job_id in wanted if job_id not in lost]
        try:
            if wanted and self.file.exists():
                beneath = [run.job_id for run in self.find(parent__in=set(wanted)) if run.durable]
                with self.file.write(now()) as session, hdf5_errors(str(self.path)):
                    elsewhere = [job_id for job_id in delete_runs(session, wanted) if job_id not in lost]
                    delete_runs(session, (job_id for job_id in beneath if job_id not in wanted))
                    if elsewhere:
                        raise NotFoundError(f"{self.path}: no run with id {elsewhere[0]!r}")
        except NotFoundError:
            if not elsewhere:
                raise
        if elsewhere:
            self._delete_pending(elsewhere)
            self.delete_jobs([job_id for job_id in wanted if job_id not in elsewhere])
        self.submissions.forget(sorted(lost))

    def _delete_pending(self, job_ids: Sequence[str]) -> None:
        """Deletes runs from pending files that could not be merged, or says why runs cannot be deleted."""
        runs = [self[job_id] for job_id in job_ids]  # raises what is to be said of an id that nothing has
        for run, job_id in zip(runs, job_ids, strict=True):
            if run.job_id != job_id:
                raise NotFoundError(f"{self.path}: no run with id {job_id!r}; give the whole id, {run.job_id!r}")
            if run.outcome == "running":
                raise TransactionError(f"{self.path}: job {job_id} is still running; delete it when it has finished")
        for run in runs:
            if run.pending:
                with run.place.file.write(now()) as session, hdf5_errors(str(run.place.file.path)):
                    delete_runs(session, [run.job_id])

    def restore(self, job_id: str) -> list[str]:
        """Brings a deleted job back, that of a primitive with the jobs beneath it.

        Args:
            job_id: The whole id.

        Returns:
            The ids of all that are back.

        Raises:
            NotFoundError: None was deleted, or its bytes are gone since the project was compacted.
            AlreadyExistsError: There is one with this id.
            ReadOnlyError: The project is open for reading.
        """
        self._check_writable()
        self.flush()
        self._merge()
        with self.file.write(now()) as session, hdf5_errors(str(self.path)):
            return restore_run(session, job_id)

    def clean(
        self,
        *,
        older_than: datetime.timedelta | datetime.datetime | str | None = None,
        larger_than: int | str | None = None,
        outcome: str | Sequence[str] | None = None,
        keep_tagged: bool = False,
        keep: int | None = None,
        dry_run: bool = False,
    ) -> CleanReport:
        """Deletes the runs that meet all conditions and are not kept, in one commit.

        A run of a primitive counts, and goes, together with the simulations beneath it; running ones stay. The space
        comes back with `compact`, and until then `restore` brings runs back.

        Args:
            older_than: Submitted longer ago than this (``"30d"``; also ``min``, ``h``, ``w``, ``y``), or before this
                time.
            larger_than: With more bytes of values than this, before compression; a number, or text such as
                ``"1 GiB"``.
            outcome: With this outcome, or one of these.
            keep_tagged: Whether runs that have tags stay.
            keep: So many of the newest runs stay.
            dry_run: Whether to delete nothing, and only say what would be.

        Returns:
            What was deleted.

        Raises:
            InvalidInputError: No condition is given, or one cannot be used.
            ReadOnlyError: The project is open for reading.
        """
        rule = RetentionRule.checked(
            older_than=older_than, larger_than=larger_than, outcome=outcome, keep_tagged=keep_tagged, keep=keep
        )
        if not dry_run:
            self._check_writable()
            self.flush()
            self._merge()
        report = CleanReport.of(str(self.path), *rule.choose(self.find, self.catalogue()), dry_run=dry_run)
        if not dry_run:
            self.delete_jobs([run.job_id for run in report.runs])
        return report

    def __getitem__(self, job_id: str) -> Run:
        if type(job_id) is not str or not job_id:
            raise InvalidInputError(f"a job id is text and not empty, found {job_id!r}")
        existing = self._find_existing(job_id)
        if existing is not None and (has_data(existing.row()) or not self._pending.paths()):
            return existing
        elsewhere = self._elsewhere()
        if job_id in elsewhere:
            return elsewhere[job_id]
        existing = self._find_existing(job_id)  # it may have been merged meanwhile
        if existing is not None:
            return existing
        listing = self._listing()
        matches = listing.beginning_with(job_id)
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
        return (
            self._find_existing(job_id) is not None
            or job_id in self._elsewhere()
            or self._find_existing(job_id, surely=True) is not None  # it may have been merged meanwhile
        )

    def __len__(self) -> int:
        return len(self._listing())

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs(descending=False))

    # -- looking after the file

    def verify(self, progress: Progress | None = None) -> VerifyReport:
        """Looks at every byte that a read can return: chunks, documents, shared objects, catalogue.

        The file is read run by run and chunk by chunk, on all processors, and it is not locked while chunks are read:
        others may write meanwhile, and memory holds a few chunks, whatever the states.

        Args:
            progress: Called with the work done and all of it, in bytes of payload before compression.

        Returns:
            A report with ``ok`` and ``problems``, each of which names the file and the node.

        Raises:
            FormatError: The file cannot be opened at all.
        """
        report = verify(self.file, progress)
        survey = self._pending.survey()
        for file in survey.files:
            with contextlib.suppress(NotFoundError):  # merged meanwhile
                report += verify(file)
        report.problems.extend(survey.problems.values())
        return report

    def copy(self, target: str | os.PathLike[str], progress: Progress | None = None) -> Project:
        """Copies the project as it is now, pending runs included.

        The file is locked for reading meanwhile, so the copy is one state of it. ``cp`` in the middle of a commit may
        take half of one state and half of another. On file systems that can share blocks (Btrfs, XFS) it takes
        milliseconds.

        Args:
            target: The new file, or an existing folder to put it in.
            progress: Called with the bytes done and all of them.

        Returns:
            The copy.

        Raises:
            AlreadyExistsError: There is such a file; it is not touched.
            NotFoundError: There is no project, or no such folder.
            ReadOnlyError: This user may not write there.
            WriteError: The disk is full or failed; there is no new file.
        """
        path = Path(os.path.realpath(target))
        if path.is_dir():
            path /= self.path.name
        return Project(
            self.file.copy(path, progress, self._pending_for_copy), "a", self.bridge, self.durability, self._compression
        )

    def _pending_for_copy(self) -> Callable[[WriteSession], None] | None:
        survey = self._pending.survey()
        for problem in survey.problems.values():
            raise ProjectLockedError(f"{self.path}: not copied, for runs of it would be missing: {problem}")
        return (lambda session: self._pending.adopt_into(session, survey.files)) if survey.files else None

    def rebuild_catalogue(self, progress: Progress | None = None) -> RebuildReport:
        """Makes the catalogue anew from the runs, in one commit: for when it is damaged, or `verify` says it differs.

        Every run's documents are read meanwhile, and nobody else can write: a millisecond or two a run.

        Args:
            progress: Called with the runs done and all of them.

        Returns:
            A report with ``runs``, ``changed`` and ``problems``.

        Raises:
            NotFoundError: There is no project.
            ReadOnlyError: The file may not be written.
            WriteError: The disk failed; the catalogue is as it was.
        """
        self._check_writable()
        if not self.file.exists():
            raise NotFoundError(f"{self.path}: no such project")
        with self.file.write(now()) as session:
            return rebuild_catalogue(session, progress)

    def compact(self, progress: Progress | None = None) -> CompactReport:
        """Gives back the space of what was deleted or replaced: a new file takes the place of the old one.

        Nothing is compressed anew, and what is copied is verified before the old file goes. Others may read and write
        meanwhile; only at the end writers wait a little. Open runs and arrays go on working. Whenever it is stopped,
        the file is the old one or the new one.

        Args:
            progress: Called with the work done and all of it, in bytes of payload before compression.

        Returns:
            Sizes before and after.

        Raises:
            NotFoundError: There is no project.
            IntegrityError: Something in the project is damaged; nothing was changed.
            ProjectLockedError: Another program keeps the file locked, or compacts it.
            ReadOnlyError: This user may not make such a file in the folder, or the project is open for reading.
            WriteError: There is not enough room, the disk failed, or the file has several names; nothing was changed.
        """
        self._check_writable()
        self.flush()
        if self.file.exists():
            self._merge()
        return compact(self.file, progress, lambda: bool(self._pending.paths() or waiting_paths(self.path)))

    def space(self, progress: Progress | None = None) -> SpaceReport:
        """Measures what takes the space of the file: each run, each kind of value, what is deleted, what is unused.

        Headers are read, values are not; others may write meanwhile.

        Args:
            progress: Called with the groups looked at and all of them.

        Returns:
            A report that prints as tables.

        Raises:
            NotFoundError: There is no project.
            IntegrityError: The file is damaged.
        """
        beside = left_over_bytes(self.path)
        for path in (*self._pending.paths(), *waiting_paths(self.path)):
            with contextlib.suppress(OSError):  # merged meanwhile
                beside += path.stat().st_size
        return survey_space(self.file, progress, beside)

    def recover(self) -> bool:
        """Completes a commit that a crash interrupted, and merges pending files; every save does so by itself.

        Also removes what an interrupted compaction left beside the project.

        Returns:
            Whether there was one.

        Raises:
            WriteError: The disk failed.
            ReadOnlyError: The file may not be written.
        """
        self._check_writable()
        if not self.file.exists():
            adopt_left_behind(self.file)
        found = self.file.recover()
        self._merge()
        remove_left_over(self.path)
        return found

    # -- the object itself

    def close(self) -> None:
        """Says if there are pending files, which belong to the project and should go where it goes.

        Nothing else is needed: what was saved is durable, and lazy objects go on working.

        Warns:
            ArchiveWarning: Runs are still in pending files.
        """
        waiting = [str(path) for path in self._pending.paths()]
        if waiting:
            warnings.warn(
                f"{self.path}: some of its runs are still in {', '.join(waiting)}: keep the files together; the next "
                "save moves the runs into the project",
                ArchiveWarning,
                stacklevel=2,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return Project, (self.file, self.mode, self.bridge, self.durability, self._compression)

    def __repr__(self) -> str:
        return f"<Project {str(self.path)!r}, mode {self.mode!r}>"


@functools.cache
def _created_by() -> str:
    return f"aerchive {metadata.version('aerchive')}"


def open_project(
    path: Path,
    mode: Mode,
    bridge: Bridge,
    lock_timeout_s: float,
    *,
    trust_locks: bool = False,
    min_free_bytes: int = 0,
    durability: Durability = "each",
    compression: str | None = None,
) -> Project:
    """Opens a project; see `aerchive.open`."""
    file = ProjectFile(
        path,
        lock_timeout_s=lock_timeout_s,
        catalogue_dtype=table.DTYPE,
        created_by=_created_by(),
        trust_locks=trust_locks,
        min_free_bytes=min_free_bytes,
    )
    return Project(file, mode, bridge, durability, compression)


def _is_of_service(run: Run, instance: str | None, session_id: str | None) -> bool:
    """Whether a run is that of a remote job of an instance and a session; those of simulators are not opened for it."""
    if run.program == "run":
        return False
    service = run.record.config.service
    return instance in (None, service.get("instance")) and session_id in (None, service.get("session_id"))
