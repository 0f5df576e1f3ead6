"""A project: one HDF5 file, and the runs in it."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from numpy.typing import NDArray

from aerchive.errors import ArchiveWarning, InvalidInputError, UnsupportedTypeError
from aerchive.filters.profiles import Compression
from aerchive.interop.columns import Columns
from aerchive.models import catalogue as table
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.paths import local_path
from aerchive.project.arguments import checked
from aerchive.project.care.compact import CompactReport, compact
from aerchive.project.care.conflicts import conflict_notes
from aerchive.project.care.deletion import clean, delete_jobs, restore
from aerchive.project.care.rebuild import RebuildReport, rebuild_project
from aerchive.project.care.retention import CleanReport, RetentionRule
from aerchive.project.care.space import SpaceReport, survey_space
from aerchive.project.care.verify import Progress, VerifyReport, verify_project
from aerchive.project.catalogue.conditions import All, Clause, as_texts
from aerchive.project.documents.draft import RunDraft
from aerchive.project.finding.job_list import JobFilter, JobList
from aerchive.project.finding.search import Search
from aerchive.project.parts import Mode, ProjectParts
from aerchive.project.run import Bridge, Run
from aerchive.project.saving.labelling import Labelling
from aerchive.project.saving.saving import Saving
from aerchive.project.spooling.batches import Durability
from aerchive.project.spooling.mover import write_all_spooled
from aerchive.settings import load_settings
from aerchive.storage.file import ProjectFile
from aerchive.storage.medium.temporary import remove_left_over, temporary_bytes


class Project:
    """One project file; made by `aerchive.open`.

    A project holds nothing open: every method opens the file for as long as it needs it, so other processes and
    viewers may use it in between, and ``close()`` is not needed. It may be shared by threads. It is a collection of
    runs: iterating gives them in the order of submission, and ``project[key]`` looks one up. Its methods only check
    what they are given: saving is in `aerchive.project.saving`, finding in `aerchive.project.finding`, care of the file
    in `aerchive.project.care`.

    Args:
        file: The project file.
        mode: ``"r"``, ``"r+"``, ``"a"`` or ``"x"``, as `aerchive.open` has it.
        bridge: The way to live objects of Qiskit.
        durability: When runs are committed: ``"each"`` at once; ``"batch"`` with others, after two seconds at the
            latest; ``"exit"`` when the process ends.
        compression: The profile for what is saved here, if not as the settings say.
        pending_folder: Where runs are kept that can be written neither to the file nor beside it.
    """

    def __init__(
        self,
        file: ProjectFile,
        mode: Mode,
        bridge: Bridge,
        durability: Durability = "each",
        compression: str | None = None,
        pending_folder: Path | None = None,
    ) -> None:
        self.parts = ProjectParts(self, file, mode, bridge, durability, compression, pending_folder)
        self._search = Search(self.parts)
        self._saving = Saving(self.parts)
        self._labelling = Labelling(self.parts, self._search)
        self.file = file
        self.path = file.path
        self.mode = mode
        self.bridge = bridge
        self.durability = durability
        self.pending_folder = pending_folder
        self.spools = self.parts.spools

    # -- saving

    @checked
    def save(
        self,
        job_or_result: Any,
        *,
        circuits: Sequence[Any] | Any | None = None,
        options: Mapping[str, Any] | None = None,
        name: str | None = None,
        tags: str | Sequence[str] | None = (),
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
        self.parts.check_writable()
        given = [circuits] if circuits is not None and not isinstance(circuits, list | tuple) else circuits
        draft = dataclasses.replace(self.parts.bridge.capture(job_or_result, given, options), compression=stored)
        run = self._saving.save(draft, labels)
        if draft.refused:
            raise UnsupportedTypeError(
                f"run {draft.job_id} was archived without these values: {'; '.join(draft.refused)}"
            )
        return run

    @checked
    def compression(self, profile: str | None = None, max_infidelity: float | None = None) -> Compression:
        """How arrays of a run are stored in this project.

        Args:
            profile: As given for the run; else as for the project, else as the settings say.
            max_infidelity: As given for the run.

        Raises:
            InvalidInputError: There is no such profile, or it needs a package that is not installed; or the infidelity
                is not between 0 and 1.
        """
        profile = profile or self.parts.compression or load_settings().compression
        return Compression.checked(profile, max_infidelity)

    def archive(self, draft: RunDraft, durability: Durability | None = None) -> Run:
        """Archives a captured run, also while a transaction is open: a simulation is kept whatever happens.

        Args:
            draft: Of the run.
            durability: When it is committed, if not as the project says.
        """
        return self._saving.archive(draft, durability)

    def transaction(self) -> AbstractContextManager[None]:
        """Many saves and changes of labels of this thread in one commit, at the end of the block; none if it raises.

        No lock is held before the end. Runs saved in the block can be read after it, and labels of runs that were in
        the project before are changed after it.

        Raises:
            TransactionError: A transaction is open in this thread already.
            NotFoundError: A run whose labels were changed in the block was deleted meanwhile.
            ProjectLockedError: Another program keeps the file locked, and labels were changed in the block. Without
                such changes the runs go to a pending file.
        """
        return self._saving.transaction()

    def flush(self) -> None:
        """Commits the runs of this process that wait for it; without ``"batch"`` or ``"exit"`` there are none.

        Raises:
            AerchiveError: The commit failed; they go on waiting.
        """
        self.parts.flush()

    def check_destination(self) -> None:
        """Looks whether runs can be committed here now; see `aerchive.storage.file.ProjectFile.check_destination`.

        Raises:
            ReadOnlyError: The project is open for reading, or may not be written.
            AerchiveError: The place cannot be a project.
        """
        self.file.check_destination()
        self.parts.check_writable()

    @checked
    def tag(
        self,
        expression: str | None = None,
        /,
        *,
        job_ids: Iterable[str | Run] | str | Run | None = None,
        add: str | Sequence[str] = (),
        remove: str | Sequence[str] = (),
        **conditions: Any,
    ) -> int:
        """Adds tags to many runs, and takes tags away, in one commit.

        Which runs meet the conditions is decided inside the commit. Runs that are still running, or that are not in
        the project's own file yet, do not count for conditions. In a `Project.transaction` the tags are a part of it.

        Args:
            expression: Conditions as text, as for `find`.
            job_ids: The whole ids of runs, or the runs; with conditions, only those of them that meet the conditions.
            add: Tags that the runs get.
            remove: Tags that are taken away; runs that do not have them are no error.
            **conditions: As for `find`.

        Returns:
            How many runs have got other tags. In a transaction nothing has changed yet, and it is how many would now.

        Raises:
            InvalidInputError: It is not said which runs, or which tags; or a condition cannot be read.
            NotFoundError: There is no run with one of the ids; no run was changed.
            TransactionError: One of the ids is of a run in a spool beside the project; no run was changed.
            ReadOnlyError: The project is open for reading.
        """
        return self._labelling.tag(expression, conditions, job_ids, add, remove)

    def relabel(self, run: Run, change: LabelChange) -> None:
        """Commits a change of a run's labels; use `Run.add_tags`, `Run.rename` and their like."""
        self._labelling.relabel(run, change)

    # -- finding

    def __getitem__(self, key: str | int | Run) -> Run:
        """One run.

        Args:
            key: A job id, an unambiguous beginning of one, the name of exactly one run, ``"latest"``, or a position in
                the order of submission (``-1``: the newest). A run or job stands for its id.

        Raises:
            NotFoundError: There is none, or several; the message lists near ones.
            InvalidInputError: It is no key.
        """
        return self._search.get(key)

    def job(self, job_id: str | Run) -> Any:
        """The archived job of an id, or of any other key that ``project[key]`` takes; imports Qiskit.

        Raises:
            NotFoundError: There is none, or several; the message lists near ones.
        """
        return self._search.look_up("job_id", job_id).job()

    def __contains__(self, run_or_id: object) -> bool:
        """Whether a run, or the run of a whole job id, is in the project."""
        return self._search.contains(run_or_id)

    def __len__(self) -> int:
        return len(self._search.listed("warn if similar"))

    def __iter__(self) -> Iterator[Run]:
        return self._search.listed("warn if similar").runs(All([]))

    def __reversed__(self) -> Iterator[Run]:
        return self._search.listed("warn if similar").runs(All([]), descending=True)

    @checked
    def find(self, expression: str | None = None, /, **conditions: Any) -> list[Run]:
        """The runs that meet all conditions, oldest first.

        Args:
            expression: Conditions as text, such as ``"num_qubits >= 20 and tags contains vqe"``.
            **conditions: ``column=value`` or ``column__operator=value``. Columns are those of the catalogue,
                ``created``, ``tags`` (a run must have all; with ``__in`` any) and ``params__NAME``. Operators:
                ``eq ne lt le gt ge in contains startswith``. Times are what `aerchive.times.span_of` reads.

        Raises:
            InvalidInputError: No such column or operator, or a text that cannot be read; the message says where.
            IntegrityError: The catalogue is damaged; the message says how to make it anew.
        """
        return self._search.find(expression, conditions)

    @checked
    def count(self, expression: str | None = None, /, **conditions: Any) -> int:
        """How many runs meet all conditions, which are those of `find`."""
        return self._search.count(expression, conditions)

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
        return self._search.count_by(column, expression, conditions)

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
        return self._search.latest(expression, conditions)

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
        return self._search.runs(limit, where, conditions, sort=sort, descending=descending)

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
        wanted = JobFilter(
            backend_name, pending, program_id, instance, job_tags, session_id, created_after, created_before
        )
        return self._search.jobs(limit, skip, wanted, descending=descending, nested=nested)

    def catalogue(self) -> NDArray[Any]:
        """One row a run, no run being opened.

        Returns:
            A structured array of dtype `aerchive.models.catalogue.DTYPE`: runs of the project in the order in which
            they were committed, then those that still run, were lost, or are in a spool, which have no ``path``. Text
            columns hold bytes (UTF-8, cut where the row's bit in ``overflow`` is set).
        """
        return self._search.listed().all_rows()

    @checked
    def columns(self, expression: str | None = None, /, **conditions: Any) -> Columns:
        """The catalogue as columns, oldest run first: what `to_pandas` and `to_arrow` are made of.

        Args:
            expression: As for `find`.
            **conditions: As for `find`.
        """
        return self._search.columns(expression, conditions)

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
        return self._search.sweep(x, y, where, conditions)

    def clause(self, expression: str | None, conditions: Mapping[str, Any]) -> Clause:
        """The conditions of a question, read.

        Args:
            expression: As for `find`.
            conditions: As for `find`.

        Raises:
            InvalidInputError: One cannot be read; a parameter that is named without ``params`` is pointed out.
        """
        return self._search.clause(expression, conditions)

    def why_nothing(self, expression: str | None, conditions: Mapping[str, Any]) -> str:
        """Why no run was found, and what could be found.

        Args:
            expression: As for `find`.
            conditions: As for `find`.
        """
        return self._search.why_nothing(expression, conditions)

    # -- care of the file

    def delete_job(self, job_id: str | Run) -> None:
        """Takes a job out of the project, that of a primitive with the jobs beneath it.

        Its bytes stay in the file, among the deleted ones, until the project is compacted; until then `restore` brings
        it back. A run that is damaged in a spool, and so cannot come into the project, goes for good.

        Args:
            job_id: The whole id, or the run.

        Raises:
            NotFoundError: There is none in the project; the message lists near ones.
            TransactionError: It is still running.
            ProjectLockedError: Another program keeps the file locked.
            ReadOnlyError: The project is open for reading.
        """
        self.delete_jobs([self._search.job_id_of("job_id", job_id)])

    def delete_jobs(self, job_ids: Iterable[str | Run] | str | Run) -> None:
        """Takes jobs out of the project as `delete_job` does, all in one commit.

        Args:
            job_ids: The whole ids, or the runs; one may be given alone. If one of them is not there when the commit is
                made, or cannot be deleted, none is.

        Raises:
            InvalidInputError: One of them is not a job id.
            AerchiveError: As `delete_job` does.
        """
        delete_jobs(self.parts, self._search, self._search.job_ids_of("job_ids", job_ids))

    def restore(self, job_id: str | Run) -> list[str]:
        """Brings a deleted job back, that of a primitive with the jobs beneath it.

        Args:
            job_id: The whole id, or the run as it was before it was deleted.

        Returns:
            The ids of all that are back.

        Raises:
            NotFoundError: None was deleted, or its bytes are gone since the project was compacted.
            AlreadyExistsError: There is one with this id.
            ReadOnlyError: The project is open for reading.
        """
        return restore(self.parts, self._search.job_id_of("job_id", job_id))

    @checked
    def clean(
        self,
        *,
        older_than: datetime.timedelta | datetime.datetime | str | None = None,
        larger_than: int | str | None = None,
        outcome: str | Sequence[str] | None = None,
        keep_tagged: bool = False,
        keep: int | None = None,
        job_ids: str | Sequence[str] | None = None,
        dry_run: bool = False,
    ) -> CleanReport:
        """Deletes the runs that meet all conditions and are not kept, in one commit.

        They are chosen inside the commit: what others have saved, tagged or deleted before it is looked at. A run of a
        primitive counts, and goes, together with the simulations beneath it; running ones stay. The space comes back
        with `compact`, and until then `restore` brings runs back.

        Args:
            older_than: Submitted longer ago than this (``"30d"``; also ``min``, ``h``, ``w``, ``y``), or before this
                time.
            larger_than: With more bytes of values than this, before compression; a number, or text such as
                ``"1 GiB"``.
            outcome: With this outcome, or one of these.
            keep_tagged: Whether runs that have tags stay.
            keep: So many of the newest runs stay.
            job_ids: Only runs with these ids go, if they are there.
            dry_run: Whether to delete nothing, and only say what would be.

        Returns:
            What was deleted.

        Raises:
            InvalidInputError: No condition is given, or one cannot be used.
            ReadOnlyError: The project is open for reading.
        """
        rule = RetentionRule.checked(
            older_than=older_than,
            larger_than=larger_than,
            outcome=outcome,
            keep_tagged=keep_tagged,
            keep=keep,
            job_ids=job_ids,
        )
        return clean(self.parts, self._search, rule, dry_run=dry_run)

    @checked
    def verify(self, progress: Progress | None = None) -> VerifyReport:
        """Looks at every byte that a read can return: chunks, documents, shared objects, catalogue.

        The file is read run by run and chunk by chunk, on all processors, and it is not locked while chunks are read:
        others may write meanwhile, and memory holds a few chunks, whatever the states.

        Args:
            progress: Called with the work done and all of it, in bytes of payload before compression.

        Returns:
            A report with ``ok`` and ``problems``, each of which names the file and the node. Its ``notes`` name
            conflict copies beside the project, which are no damage of it: all that is in it can be read.

        Raises:
            FormatError: The file cannot be opened at all.
        """
        return verify_project(self.file, self.spools, progress)

    def notes(self) -> list[str]:
        """What the user must decide: results of one job kept beside each other, versions of the file beside it.

        Only the catalogue and names are looked at, and documents of the runs that conflict.
        """
        return conflict_notes(self.file)

    @checked
    def copy(self, target: str | os.PathLike[str], progress: Progress | None = None) -> Self:
        """Copies the project as it is now, pending runs included, and deleted ones.

        Before a project is given away, compact the copy: deleted runs, which `restore` would bring back from it, and
        labels as they were before are in it until then (`SpaceReport.deleted_runs` says how many runs).

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
            InvalidInputError: The target is a URL.
            NotFoundError: There is no project, or no such folder.
            ReadOnlyError: This user may not write there.
            WriteError: The disk is full or failed; there is no new file.
        """
        path = Path(os.path.realpath(local_path(target)))
        if os.path.isdir(path):  # false also for a name that is too long
            path /= self.path.name
        self.parts.flush()
        file = self.file.copy(path, progress, lambda: write_all_spooled(self.spools))
        return type(self)(file, "a", self.bridge, self.durability, self.parts.compression, self.pending_folder)

    @checked
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
        self.parts.check_writable()
        return rebuild_project(self.file, progress)

    @checked
    def compact(self, progress: Progress | None = None, *, dry_run: bool = False, force: bool = False) -> CompactReport:
        """Gives back the space of what was deleted or replaced: a new file takes the place of the old one.

        Nothing is compressed anew, and what is copied is verified before the old file goes. Others may read and write
        meanwhile; only at the end writers wait a little. Open runs and arrays go on working. Whenever it is stopped,
        the file is the old one or the new one.

        If nothing was deleted or replaced, and less than 1 MiB and less than a hundredth of the file would come back,
        nothing is done, and the report says so.

        Args:
            progress: Called with the work done and all of it, in bytes of payload before compression.
            dry_run: Whether only to say what would be given back; the file is only read.
            force: Whether to compact also where it is not worth it.

        Returns:
            Sizes before and after, and whether it was ``done``.

        Raises:
            NotFoundError: There is no project.
            IntegrityError: Something in the project is damaged; nothing was changed.
            ProjectLockedError: Another program keeps the file locked, or compacts it.
            ReadOnlyError: This user may not make such a file in the folder, or the project is open for reading.
            WriteError: There is not enough room, the disk failed, or the file has several names; nothing was changed.
        """
        if not dry_run:
            self.parts.check_writable()
            self.flush()
            if self.file.exists():
                self.parts.move_spooled()
        return compact(self.file, progress, lambda: self.spools.may_bring_back, dry_run=dry_run, force=force)

    @checked
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
        return survey_space(self.file, progress, temporary_bytes(self.path) + self.spools.nbytes())

    def recover(self) -> bool:
        """Completes a commit that a crash interrupted, and merges pending files; every save does so by itself.

        Also removes what processes left beside the project that died while they made or compacted it.

        Returns:
            Whether there was one.

        Raises:
            WriteError: The disk failed.
            ReadOnlyError: The file may not be written.
        """
        self.parts.check_writable()
        if not self.file.exists():
            self.parts.move_spooled()
        found = self.file.recover()
        self.parts.move_spooled()
        remove_left_over(self.path)
        return found

    # -- the object itself

    def close(self) -> None:
        """Says if runs are still in spools, which belong to the project and should go where it goes.

        Nothing else is needed: what was saved is durable, and lazy objects go on working.

        Warns:
            ArchiveWarning: Runs are still in spools.
        """
        held = sorted({run.path for run in self.spools.runs() if run.is_held})
        if held:
            warnings.warn(
                f"{self.path}: some of its runs are still in {', '.join(held)}: keep the files together; the next "
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
        given = self.file, self.mode, self.bridge, self.durability, self.parts.compression, self.pending_folder
        return Project, given

    def __repr__(self) -> str:
        missing = "" if os.path.exists(self.path) else ", no such file yet"
        return f"<Project {str(self.path)!r}, mode {self.mode!r}{missing}>"


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
    pending_folder: Path | None = None,
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
    return Project(file, mode, bridge, durability, compression, pending_folder)
