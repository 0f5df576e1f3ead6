"""A project: one HDF5 file, and the runs in it."""

from __future__ import annotations

import datetime
import functools
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from numpy.typing import NDArray

from aerchive.display.html import Shown
from aerchive.errors import ArchiveWarning, InvalidInputError, NotFoundError, UnsupportedTypeError
from aerchive.filters.profiles import Compression
from aerchive.interop.columns import Columns
from aerchive.models import catalogue as table
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.paths import local_path
from aerchive.project.arguments import checked
from aerchive.project.care.changed_copy import Changes, copy_changed
from aerchive.project.care.compact import CompactReport, compact
from aerchive.project.care.conflicts import conflict_notes
from aerchive.project.care.deletion import clean, delete_jobs, restore
from aerchive.project.care.foreign import is_trusted
from aerchive.project.care.rebuild import RebuildReport, rebuild_project
from aerchive.project.care.retention import CleanReport, RetentionRule, parse_size
from aerchive.project.care.space import SpaceReport, survey_space
from aerchive.project.care.verify import Progress, VerifyReport, verify_in_child, verify_project
from aerchive.project.catalogue.conditions import All, Clause, as_texts
from aerchive.project.catalogue.expression import clause_of
from aerchive.project.documents.draft import RunDraft
from aerchive.project.finding.job_list import JobFilter, JobList
from aerchive.project.finding.origin import Origins, put_origin
from aerchive.project.finding.search import Search
from aerchive.project.parts import Mode, ProjectParts
from aerchive.project.run import Bridge, Run
from aerchive.project.saving.attaching import Attacher
from aerchive.project.saving.labelling import Labelling
from aerchive.project.saving.saving import Saving
from aerchive.project.spooling.durability import Durability
from aerchive.project.spooling.mover import write_all_spooled
from aerchive.project.spooling.spools import Spools
from aerchive.settings import load_settings
from aerchive.storage.file import ProjectFile
from aerchive.storage.medium.temporary import remove_left_over, temporary_bytes

if TYPE_CHECKING:  # only attachments and figures need these, and what they import
    from aerchive.project.attachments import Attachments
    from aerchive.project.finding.figure_data import FigureData
    from aerchive.project.finding.page import Page
    from aerchive.project.illustrating.illustrate import Illustrated
    from aerchive.project.sealing.seal import Seal
    from aerchive.project.sharing.diff import ProjectDiffReport
    from aerchive.project.sharing.report import MergeReport
    from aerchive.project.shrinking.report import ShrinkReport, UnshrinkReport
    from aerchive.stored.stack import StackedArray


class Project(Shown):
    """One project file; made by `aerchive.open`.

    A project keeps no file open: every method opens the file only for as long as it needs it, so other processes and
    viewers may use it in between, and ``close()`` is not needed. Threads may share a project. A project is a
    collection of runs: iteration gives them in the order of submission, and ``project[key]`` finds one. The methods
    only check their arguments: saving is in `aerchive.project.saving`, finding in `aerchive.project.finding`, care of
    the file in `aerchive.project.care`.

    Args:
        file: The project file.
        mode: The mode ``"r"``, ``"r+"``, ``"a"`` or ``"x"``, as for `aerchive.open`.
        bridge: The interface between runs and live Qiskit objects.
        durability: The rule that says when runs are committed: ``"each"`` at once; ``"batch"`` with others, after two
            seconds at the latest; ``"exit"`` when the process ends.
        compression: The compression profile of this project; ``None``: the profile of the settings.
        qpy_version: The version of QPY for circuits of this project; ``None``: that of the settings.
        pending_folder: The folder for runs that can be written neither to the file nor beside it.
    """

    def __init__(
        self,
        file: ProjectFile,
        mode: Mode,
        bridge: Bridge,
        durability: Durability = "each",
        compression: str | None = None,
        qpy_version: int | None = None,
        pending_folder: Path | None = None,
    ) -> None:
        self.parts = ProjectParts(self, file, mode, bridge, durability, compression, qpy_version, pending_folder)
        self._search = Search(self.parts)
        self._origins = Origins(self.parts, self._search.get)
        self._saving = Saving(self.parts)
        self._labelling = Labelling(self.parts, self._search)
        self._attacher = Attacher(self.parts, self._labelling, self.compression)

    @property
    def file(self) -> ProjectFile:
        """The project file, with its sessions."""
        return self.parts.file

    @property
    def path(self) -> Path:
        """Where the project file is."""
        return self.parts.path

    @property
    def mode(self) -> Mode:
        """How it was opened: ``"r"``, ``"r+"``, ``"a"`` or ``"x"``."""
        return self.parts.mode

    @property
    def bridge(self) -> Bridge:
        """The way to live objects of Qiskit."""
        return self.parts.bridge

    @property
    def is_trusted(self) -> bool:
        """Whether the file is this user's own: made by this user's aerchive or trusted, and not changed since.

        A copy that another program made, and a file that another user has changed, is foreign.

        Raises:
            ReadOnlyError: This user may not read the file.
        """
        return is_trusted(self.file)

    @property
    def pending_folder(self) -> Path | None:
        """Where runs are kept that can be written neither to the file nor beside it."""
        return self.parts.pending_folder

    @property
    def spools(self) -> Spools:
        """The runs that are not in the project yet."""
        return self.parts.spools

    @property
    def durability(self) -> Durability:
        """The rule that says when runs are committed, if `archive` or a simulator does not name another rule."""
        return self.parts.durability

    @durability.setter
    def durability(self, durability: Durability) -> None:
        self.parts.durability = durability

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
        qpy_version: int | None = None,
    ) -> Run:
        """Archives a job or a result.

        Args:
            job_or_result: An ``AerJob``, the job of a primitive, or a ``RuntimeJobV2`` of IBM's service (this method
                waits for jobs), or a ``qiskit.result.Result`` or a ``PrimitiveResult``.
            circuits: The circuits that were run, if the job does not have them: a circuit or a list of circuits.
            options: The options of the run, if the job does not have them.
            name: A name of the run, for people.
            tags: Words by which the run can be found.
            notes: Notes on the run, as free text.
            params: Parameters of the study, by name.
            compression: The compression profile of the arrays: ``"portable"``, ``"none"``, ``"fast"``, ``"small"``, or
                ``"structure"``, which looks for structure in state vectors and keeps every bit; by default that of the
                project, or else that of the settings.
            max_infidelity: The limit for state vectors: they are rounded, or stored as products of matrices where that
                is smaller. The infidelity ``1 - F`` is proven not to exceed the limit, and what was measured is stored
                with them. By default nothing is lost.
            qpy_version: The version of QPY for the circuits, such as 15 for readers with Qiskit 2.1; by default that of
                the project, or else that of the settings.

        Returns:
            The run. It is durable if the project's durability is ``"each"``; if not, see `Run.durable` and `flush`. A
            job that is in the project already gets the new labels.

        Raises:
            UnsupportedTypeError: A value has a type without a codec. Everything else of the run has been archived.
            InvalidInputError: The argument is neither a job nor a result, or there is no such compression, or the
                installed Qiskit does not write this version of QPY.
            AlreadyExistsError: Another Result of this job id is in the project.
            ServiceError: The service of a remote job did not answer; nothing was archived.
            ReadOnlyError: The project is open for reading.
        """
        labels = given_labels(name, tags, notes, params)
        from aerchive.codecs.circuits.qpy_versions import written_as
        from aerchive.project.documents.compressed import compressed

        stored = self.compression(compression, max_infidelity)
        version = self.qpy_version(qpy_version)
        self.parts.check_writable()
        given = [circuits] if circuits is not None and not isinstance(circuits, list | tuple) else circuits
        with written_as(version):
            captured = self.parts.bridge.capture(job_or_result, given, options)
        draft = compressed(captured, stored)
        run = self._saving.save(draft, labels)
        if draft.refused:
            raise UnsupportedTypeError(
                f"run {draft.job_id} was archived without these values: {'; '.join(draft.refused)}"
            )
        return run

    @checked
    def compression(self, profile: str | None = None, max_infidelity: float | None = None) -> Compression:
        """Returns the compression of the arrays of a run in this project.

        Args:
            profile: The profile that was given for the run; ``None``: that of the project, or else of the settings.
            max_infidelity: The limit of the infidelity that was given for the run; ``None``: nothing is lost.

        Raises:
            InvalidInputError: There is no such profile, or it needs a package that is not installed; or the infidelity
                is not between 0 and 1.
        """
        profile = profile or self.parts.compression or load_settings().compression
        return Compression.checked(profile, max_infidelity)

    @checked
    def qpy_version(self, version: int | None = None) -> int | None:
        """Returns the version of QPY for circuits of a run in this project; ``None``: the newest.

        Args:
            version: The version that was given for the run; ``None``: that of the project, or else of the settings.

        Raises:
            InvalidInputError: The installed Qiskit does not write this version.
        """
        if version is None:
            version = self.parts.qpy_version
        version = load_settings().qpy_version if version is None else version
        if version is None:
            return None  # Qiskit need not be loaded
        from aerchive.codecs.circuits.qpy_versions import checked_version

        return checked_version(version)

    def archive(self, draft: RunDraft, durability: Durability | None = None) -> Run:
        """Archives a captured run outside of any open transaction: a simulation is kept even if the transaction fails.

        Args:
            draft: The draft of the run.
            durability: The rule that says when the run is committed; ``None``: the rule of the project.
        """
        return self.archive_together([draft], durability)[0]

    def archive_together(self, drafts: Sequence[RunDraft], durability: Durability | None = None) -> list[Run]:
        """Archives captured runs as `archive` does, in one commit if the rule is ``"each"``.

        Args:
            drafts: The drafts of the runs.
            durability: The rule that says when the runs are committed; ``None``: the rule of the project.
        """
        return self._saving.archive(drafts, durability)

    def transaction(self) -> AbstractContextManager[None]:
        """Makes one commit of all saves, label changes and attachments of this thread at the end of the block.

        There is no commit if the block raises. No lock is held before the end. Runs saved in the block, and what was
        attached in it, can be read after it, and labels of runs that were in the project before are changed at its end.

        Raises:
            TransactionError: A transaction is open in this thread already.
            NotFoundError: A run whose labels were changed in the block was deleted meanwhile.
            ProjectLockedError: Another program keeps the file locked, and labels were changed or values attached in
                the block. Without such changes the runs go to a pending file.
        """
        return self._saving.transaction()

    def flush(self) -> None:
        """Commits the runs of this process that wait for a commit; without ``"batch"`` or ``"exit"`` there are none.

        Raises:
            AerchiveError: The commit failed; the runs still wait.
        """
        self.parts.flush()

    @property
    def is_rewritten(self) -> bool:
        """Whether another program has written the whole file anew, as ``h5repack`` does.

        Such a file can only be read; `copy` makes a project of it again.

        Raises:
            AerchiveError: The file does not exist, is damaged or cannot be read.
        """
        return self.file.is_rewritten()

    def check_destination(self) -> None:
        """Checks that runs can be committed here now; see `aerchive.storage.file.ProjectFile.check_destination`.

        Raises:
            ReadOnlyError: The project is open for reading, or may not be written.
            AerchiveError: There cannot be a project at this path.
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
        """Adds tags to many runs, and removes tags from them, in one commit.

        The runs that meet the conditions are selected inside the commit. Conditions do not select runs that are still
        running, or that are not in the project file yet. In a `Project.transaction` the change is committed with it.

        Args:
            expression: Conditions as text, as for `find`.
            job_ids: The whole job ids of runs, or the runs; with conditions, only those that meet the conditions.
            add: Tags that are added to the runs.
            remove: Tags that are removed from the runs; it is no error if a run does not have them.
            **conditions: Conditions by keyword, as for `find`.

        Returns:
            The number of runs whose tags have changed. In a transaction nothing has changed yet, and it is the number
            of runs that would be changed now.

        Raises:
            InvalidInputError: The arguments do not say which runs, or which tags, or a condition cannot be read.
            NotFoundError: No run has one of the ids; no run was changed.
            TransactionError: One of the ids is of a run in a spool beside the project; no run was changed.
            ReadOnlyError: The project is open for reading.
        """
        return self._labelling.tag(expression, conditions, job_ids, add, remove)

    @checked
    def illustrate(self, expression: str | None = None, /, **conditions: Any) -> Illustrated:
        """Draws pictures of runs, and the cover of the project; HDFView shows them on a double click.

        Each run that meets the conditions gets ``view/picture``: its counts as bars, the profile of its state, its
        matrix as a heat map, or the curve of its sweep, in 640 x 320 pixels. One with a matrix also gets
        ``view/magnitude``, an image of the magnitudes. The group ``cover`` at the root shows the newest runs. Earlier
        pictures are replaced. Plots that a run lacks are made. A run without plots shows its message. Circuits get a
        picture, too, ``circuits/view/picture``, and their whole text, which archiving cuts; this imports Qiskit.
        What was archived of a run is not changed.

        Args:
            expression: Conditions as text, as for `find`; without any, all runs are drawn.
            **conditions: Conditions by keyword, as for `find`.

        Returns:
            The number of runs that have new pictures, and descriptions of runs, or circuits, that could not be read.

        Raises:
            MissingExtraError: matplotlib is not installed.
            InvalidInputError: A condition cannot be read.
            TransactionError: A transaction is open.
            ReadOnlyError: The project is open for reading.
        """
        from aerchive.project.illustrating.illustrate import illustrate

        return illustrate(self.parts, self._search, expression, conditions)

    def relabel(self, run: Run, change: LabelChange) -> None:
        """Commits a change of a run's labels; users call `Run.add_tags`, `Run.rename` and similar methods."""
        self._labelling.relabel(run, change)

    @property
    def attachments(self) -> Attachments:
        """The values attached to the project itself, by name; see `Run.attachments`."""
        return self._attacher.of_project()

    @checked
    def attach(self, name: str, value: Any, *, replace: bool = False) -> None:
        """Attaches a value to the project itself, in a commit; for one that belongs to a run, see `Run.attach`.

        Args:
            name: Name of the attachment, unique among those of the project, as for `Run.attach`.
            value: The value, as for `Run.attach`.
            replace: Whether an attachment of this name is replaced.

        Raises:
            AerchiveError: As for `Run.attach`.
        """
        self._attacher.attach(None, name, value, replace=replace)

    @checked
    def detach(self, name: str) -> None:
        """Removes an attachment of the project itself, in a commit; compaction gives its space back.

        Raises:
            NotFoundError: There is no attachment of this name.
            AerchiveError: As for `attach`.
        """
        self._attacher.detach(None, name)

    def attach_to(self, run: Run, name: str, value: Any, *, replace: bool) -> None:
        """Attaches a value to a run; users call `Run.attach`."""
        self._attacher.attach(run, name, value, replace=replace)

    def detach_from(self, run: Run, name: str) -> None:
        """Removes an attachment of a run; users call `Run.detach`."""
        self._attacher.detach(run, name)

    # -- finding

    def __getitem__(self, key: str | int | Run) -> Run:
        """Finds one run.

        Args:
            key: A job id, an unambiguous beginning of one, the name of exactly one run, ``"latest"``, or a position in
                the order of submission (``-1``: the newest; from the end also as text, such as ``"-1"``). A run or job
                stands for its id.

        Raises:
            NotFoundError: There is no such run, or there are several; the message lists similar ids.
            InvalidInputError: The key is of none of these kinds.
        """
        return self._search.get(key)

    def job(self, job_id: str | Run) -> Any:
        """Returns the archived job of an id, or of another key of ``project[key]`` except a position; imports Qiskit.

        Raises:
            NotFoundError: There is no such job, or there are several; the message lists similar ids.
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
        """Finds the runs that meet all conditions, oldest first.

        Args:
            expression: Conditions as text, such as ``"num_qubits >= 20 and tags contains vqe"``.
            **conditions: Conditions ``column=value`` or ``column__operator=value``. Columns are those of the catalogue,
                ``created``, ``tags`` (a run must have all; with ``__in`` any) and ``params__NAME``. Operators:
                ``eq ne lt le gt ge in contains startswith``. Times are what `aerchive.times.span_of` reads.

        Raises:
            InvalidInputError: There is no such column or operator, or a text cannot be read; the message says where.
            IntegrityError: The catalogue is damaged; the message says how to rebuild it.
        """
        return self._search.find(expression, conditions)

    @checked
    def count(self, expression: str | None = None, /, **conditions: Any) -> int:
        """Counts the runs that meet all conditions, which are those of `find`."""
        return self._search.count(expression, conditions)

    @checked
    def count_by(self, column: str, expression: str | None = None, /, **conditions: Any) -> dict[Any, int]:
        """Counts the runs for each value of a column, the most frequent value first.

        Args:
            column: Name of a column of the catalogue, such as ``outcome``.
            expression: As for `find`.
            **conditions: As for `find`.

        Raises:
            InvalidInputError: There is no such column, or each run has its own value in it.
        """
        return self._search.count_by(column, expression, conditions)

    @checked
    def latest(self, expression: str | None = None, /, **conditions: Any) -> Run:
        """Finds the newest run that meets all conditions.

        Args:
            expression: As for `find`.
            **conditions: As for `find`. The simulations beneath a primitive's run are included only if ``parent`` or
                ``job_id`` is among the conditions.

        Raises:
            NotFoundError: No run meets them; the message says which values the runs have.
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
        """Lists runs by time of submission, also those that are still running or were lost.

        Args:
            limit: Number of runs, at most; ``None``: all.
            where: Conditions as text, as for `find`.
            sort: Name of the column by which the runs are sorted; runs without a value in it come last.
            descending: Whether the newest, or the greatest, come first.
            **conditions: As for `find`.

        Raises:
            InvalidInputError: There is no such column, or a condition cannot be read.
        """
        return self._search.runs(limit, where, conditions, sort=sort, descending=descending)

    @checked
    def page(
        self,
        limit: int | None = None,
        names: str | Sequence[str] = (),
        *,
        where: str | None = None,
        sort: str = "created",
        descending: bool = True,
        **conditions: Any,
    ) -> Page:
        """Lists runs as `runs` does, with values of each run, and the number of all runs that meet the conditions.

        Args:
            limit: Number of runs, at most; ``None``: all.
            names: Names of columns: those of the catalogue, such as ``job_id`` or ``created``; ``circuit``, the name of
                the first circuit and how many more there are; names of values, such as ``params.theta``,
                ``metadata.NAME``, ``saved.NAME`` and ``circuit.ops.cx``; and ``params.*`` for all of a group. A run
                whose circuits or points have different values has none.
            where: As for `runs`.
            sort: As for `runs`.
            descending: As for `runs`.
            **conditions: As for `find`.

        Returns:
            The runs, their number without the limit, and the columns.

        Raises:
            InvalidInputError: No run has a value of one of the names; the message says which names there are.
        """
        return self._search.page(limit, as_texts(names), where, conditions, sort=sort, descending=descending)

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
        """Lists archived jobs, with the conventions of ``QiskitRuntimeService.jobs``.

        Args:
            limit: Number of jobs, at most; ``None``: all.
            skip: Number of jobs that are left out at the beginning.
            backend_name: Name of the backend of the jobs.
            pending: ``True``: only jobs that are still running; ``False``: only jobs that are not.
            program_id: Program of the jobs, such as ``run``.
            instance: Instance of a cloud account of the jobs; only archived remote jobs have one.
            job_tags: Tags of which the jobs must have all; a single tag may be given as text.
            session_id: Id of the cloud session of the jobs; only archived remote jobs have one.
            created_after: Earliest time of submission; without a time zone it is local time. It may be text, as for
                `find`.
            created_before: Latest time of submission.
            descending: Whether the newest jobs come first.
            nested: Whether the jobs beneath those of primitives are included.

        Returns:
            The ``ArchivedJob`` objects, in a list that is printed as a table.
        """
        wanted = JobFilter(
            backend_name, pending, program_id, instance, job_tags, session_id, created_after, created_before
        )
        return self._search.jobs(limit, skip, wanted, descending=descending, nested=nested)

    def catalogue(self) -> NDArray[Any]:
        """Returns the catalogue, with one row for each run; no run is opened.

        Returns:
            A structured array of dtype `aerchive.models.catalogue.DTYPE`: runs of the project in the order in which
            they were committed, then runs that are still running, were lost, or are in a spool, which have no
            ``path``. Text columns hold bytes (UTF-8, cut if the column's bit in ``overflow`` is set).
        """
        return self._search.listed().all_rows()

    @checked
    def columns(self, expression: str | None = None, /, **conditions: Any) -> Columns:
        """Returns the catalogue as columns, oldest run first; `to_pandas` and `to_arrow` are made from them.

        Args:
            expression: As for `find`.
            **conditions: As for `find`.
        """
        return self._search.columns(expression, conditions)

    @checked
    def to_pandas(self, expression: str | None = None, /, **conditions: Any) -> Any:
        """Returns the catalogue as a ``pandas.DataFrame``, one row for each run, oldest first.

        Args:
            expression: As for `find`.
            **conditions: As for `find`.

        Returns:
            A table with the columns of the catalogue: ``created`` with its time zone, ``tags`` as lists, parameters as
            ``params.NAME``. Texts are whole: a run is opened if the catalogue has cut one of its texts. ``attrs`` says
            where the table is from, as for `table`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from aerchive.interop.pandas import to_frame

        columns, rows = self._search.columns_and_rows(expression, conditions)
        return put_origin(to_frame(columns), self._origins.of_rows(columns["job_id"].values, rows))

    @checked
    def to_dask(self, expression: str | None = None, /, **conditions: Any) -> Any:
        """Returns the catalogue as a ``dask.dataframe.DataFrame``, one row for each run, oldest first.

        The catalogue is read now, in one piece, as it is small beside what it describes; the table has 50,000 runs in
        each partition. For arrays across runs, lazily, see `stack` and `StackedArray.to_dask`.

        Args:
            expression: As for `find`.
            **conditions: As for `find`.

        Returns:
            A table with the columns of `to_pandas`, of the same dtypes.

        Raises:
            MissingExtraError: dask, or its part for tables, is not installed.
        """
        from aerchive.interop.dask import to_dask_frame

        return to_dask_frame(self.to_pandas(expression, **conditions))

    @checked
    def to_arrow(self, expression: str | None = None, /, **conditions: Any) -> Any:
        """Returns the catalogue as a ``pyarrow.Table``; see `to_pandas`.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        from aerchive.interop.arrow import to_arrow_table

        return to_arrow_table(self.columns(expression, **conditions))

    @checked
    def table(
        self,
        x: str | Sequence[str] = (),
        y: str | Sequence[str] = (),
        *,
        kind: Literal["pandas", "xarray", "grid"] = "pandas",
        where: str | None = None,
        bits: Sequence[int] | None = None,
        **conditions: Any,
    ) -> Any:
        """Makes one table of the values that runs have saved: a row for each circuit, parameter bind, or pub element.

        The name of a column means a saved number (such as the label of an expectation value, or ``evs``), the count of
        an outcome (``counts.00``; ``counts.*`` stands for all that occur), a parameter given with the run, a parameter
        of the circuit, or a column of the catalogue; the first of these that exists. ``params.NAME`` means only a
        parameter, of the run or else of the circuit. ``circuit``, ``experiment``, ``bind``, ``element`` and ``job_id``
        say where a row is from. Qiskit is not needed, and no state is read.

        Args:
            x: Columns that come first, and by which the rows are sorted: numbers by value, then texts, then lists and
                arrays element by element, then other types by the name of the type, and NaN last. If empty, the
                columns say where a row is from, and give all parameters.
            y: Columns that follow. If empty, all saved numbers.
            kind: The kind of table. With ``xarray``, the columns `x` become dimensions if the rows fill at least half
                of the grid, with one more dimension, ``repeat``, if several rows have the same coordinates; otherwise
                all columns lie along one dimension ``point``, with `x` as coordinates. ``grid`` is a grid in any case.
            where: Conditions as text, as for `find`, decided for each row: ``params.NAME`` may be a parameter of the
                circuit, and the rows of one run may differ.
            bits: The classical bits that are kept of the outcomes of counts, in any order; the first one is the last
                character of an outcome. The counts of outcomes that agree in them are added. ``None``: all bits.
            **conditions: The same by keyword. The simulations beneath a primitive's run are included only if
                ``parent`` or ``job_id`` is among the conditions.

        Returns:
            A ``pandas.DataFrame`` or ``xarray.Dataset``. The columns of ``counts.*`` are integers, named as
            ``counts.00``: shorter outcomes first, then in ascending order; 0 for an outcome that did not occur in a run
            that has counts. Parameters that are lists or arrays are tuples. A missing
            integer is ``NA`` in pandas (``Int64``). In xarray a column with a missing integer is float64 with NaN, or,
            if one of its integers is beyond 2^53, of Python's ``int`` and ``None`` (dtype object): none is rounded.

            ``attrs`` says where the table is from: ``project`` (path), ``project_uuid``, ``generation``; ``job_ids``
            and ``seeds`` of its runs, lists as JSON; ``versions`` of aerchive, qiskit and qiskit-aer of these runs, as
            JSON; and ``seal``, a digest (SHA-256) of what the catalogue says of the runs without their labels.

        Raises:
            InvalidInputError: There is no such column, or no such kind, or the grid has too many cells, or a run has no
                such classical bits, or ``counts.*`` stands for more than 4,096 outcomes.
            MissingExtraError: pandas or xarray is not installed.
        """
        if kind not in ("pandas", "xarray", "grid"):
            raise InvalidInputError(f"kind {kind!r}: choose 'pandas' or 'xarray', or 'grid' for a grid of xarray")
        columns, runs = self._search.sweep(x, y, where, conditions, bits)
        if kind == "pandas":
            from aerchive.interop.pandas import to_frame

            return put_origin(to_frame(columns), self._origins.of_rows(*runs))
        from aerchive.interop.xarray import to_dataset

        dataset = to_dataset(columns, as_texts(x), as_grid=True if kind == "grid" else None)
        return put_origin(dataset, self._origins.of_rows(*runs))

    @checked
    def sweep(
        self,
        x: str | Sequence[str] = (),
        y: str | Sequence[str] = (),
        *,
        where: str | None = None,
        bits: Sequence[int] | None = None,
        **conditions: Any,
    ) -> Columns:
        """Returns the columns from which `table` is made.

        Args:
            x: As for `table`.
            y: As for `table`.
            where: As for `table`.
            bits: As for `table`.
            **conditions: As for `table`.
        """
        return self._search.sweep(x, y, where, conditions, bits)[0]

    def figure_data(self, table: Any, path: str | os.PathLike[str]) -> Path:
        """Writes the data of a figure with their origin; `aerchive.read_figure_data` reads both.

        The origin is that of `table`, with two more lists as JSON: ``run_uuids``, and ``run_seals``, the digests
        (`Run.core_sha256`) of the runs. It is in the global attributes of netCDF, in lines with ``#`` at the beginning
        of a CSV file, which ``pandas.read_csv(path, comment="#")`` reads, and in the attributes that pandas keeps in a
        Parquet file.

        Args:
            table: A table of `table` or `to_pandas`, or what was made from one: a ``pandas.DataFrame`` or
                ``xarray.Dataset`` whose ``attrs`` still have the origin. If it has a column ``job_id``, only the runs
                in this column are named.
            path: The file, which is replaced if it exists. Its suffix says the format: ``.nc``, ``.csv`` or
                ``.parquet``. netCDF files have the classic format, and one dimension ``point`` for a table of pandas.

        Returns:
            The path of the file.

        Raises:
            InvalidInputError: The suffix is none of these, the object is no table, it has no origin, or the format
                cannot store a column.
            NotFoundError: The project has none of the runs.
            MissingExtraError: A library is not installed: xarray for ``.nc``, pandas, or pyarrow for ``.parquet``.
            WriteError: The file cannot be written.

        Warns:
            ArchiveWarning: Some of the runs are gone, or have changed.
        """
        return self._figure_data.write(table, path)

    def runs_of(self, table: Any) -> list[Run]:
        """Finds the runs from which the data of a figure, or a table, are.

        Args:
            table: A table with an origin, or the path of a file of `figure_data`.

        Returns:
            The runs that the project still has, in the order of the origin. If the table has a column ``job_id``, only
            the runs in this column.

        Raises:
            InvalidInputError: The object is no table, or has no origin.
            NotFoundError: There is no such file, or the project has none of the runs.
            FormatError: The file is none of `figure_data`.

        Warns:
            ArchiveWarning: Some of the runs are not in the project any more, or their data are not those from which the
                table was made; the message names them.
        """
        return self._figure_data.runs_of(table)

    @property
    def _figure_data(self) -> FigureData:
        from aerchive.project.finding.figure_data import FigureData

        return FigureData(self.parts, self._origins, self.find)

    @checked
    def stack(
        self, label: str, x: str | Sequence[str] = (), where: str | None = None, **conditions: Any
    ) -> StackedArray:
        """Stacks the arrays that many runs have saved under one label, along a new first axis; none is read yet.

        There is one array for each circuit and each parameter bind that has saved one. Runs without it are left out.

        Args:
            label: The label under which the arrays were saved, such as ``statevector``.
            x: Names of columns by which the arrays are sorted, as for `table`: parameters given with the runs,
                parameters of the circuits, saved numbers, or columns of the catalogue. Arrays without a value of one of
                them are left out. If empty, the arrays are in the order in which the runs were submitted.
            where: Conditions as text, as for `table`.
            **conditions: The same by keyword, as for `table`.

        Returns:
            A `StackedArray` of shape ``(arrays, *shape of one array)`` and their dtype. Its attribute ``coords`` has
            for each name of `x` an array of shape ``(arrays,)``, and ``job_ids`` and ``experiments`` say where each
            array is from. A slice reads only what it selects. It may be pickled: it has the path of the project and the
            ids of the runs, and opens the file where it is used.

        Raises:
            NotFoundError: No run meets the conditions, or none of those that do has an array with this label; the
                message lists the labels that there are.
            InvalidInputError: No run has a value of one of the names in `x`; the arrays differ in shape or dtype, and
                the message names two runs; or a circuit has several arrays with this label, one for each shot or
                condition.
        """
        return self._search.stack(label, x, where, conditions)

    @checked
    def dataset(
        self, x: str | Sequence[str], y: str | Sequence[str], where: str | None = None, **conditions: Any
    ) -> Any:
        """Makes an ``xarray.Dataset`` of what runs have saved, in which arrays are not read yet.

        Args:
            x: Names of the columns that become coordinates, as for `table`.
            y: Names of the variables: numbers and counts as for `table`, and labels of saved arrays. Points without one
                of these arrays are left out.
            where: Conditions as text, as for `table`.
            **conditions: The same by keyword, as for `table`.

        Returns:
            An ``xarray.Dataset``. If the points fill a grid, each name of `x` is a dimension with sorted coordinates,
            with one more dimension, ``repeat``, if there are several points at each place. Otherwise the points lie
            along one dimension ``point``, sorted by `x`. Numbers and counts are arrays of numpy as in `table`. Saved
            arrays are arrays of dask, which are read where they are computed, also in other processes; their further
            dimensions are ``amplitude`` for state vectors, ``row`` and ``column`` for density matrices and operators,
            and ``axis_0``, ``axis_1``, ... for other arrays. If a dimension of this name has another length, the label
            is put in front of the name. ``attrs`` says where the dataset is from, as for `table`.

        Raises:
            NotFoundError: No run meets the conditions.
            InvalidInputError: There is no such column or label, the arrays with a label differ in shape or dtype, or
                `x` is empty.
            MissingExtraError: xarray is not installed; or dask is not installed, and there are arrays.
        """
        dataset, runs = self._search.dataset(x, y, where, conditions)
        return put_origin(dataset, self._origins.of_rows(*runs))

    @checked
    def follow(
        self,
        x: str | Sequence[str] = (),
        y: str | Sequence[str] = (),
        where: str | None = None,
        *,
        interval: float = 1.0,
        timeout: float | None = None,
    ) -> Iterator[Any]:
        """Follows a sweep while it runs: yields the rows of `table` as they come, each row once, for a live plot.

        First come the rows that are there already, then those of the runs that this or another process commits. The
        project may still have no file. While its file does not change, nothing is read. A run that is still running
        comes when it has finished; a run that was deleted before it came is left out. Rows without one of the columns
        `x`, or with none of `y`, are left out, also if no run has such a column yet.

        Args:
            x: As for `table`. The rows of each table are sorted by these columns.
            y: As for `table`. A column that no row of a table has is there, without values.
            where: Conditions as text, as for `table`.
            interval: Time between two looks at the file, in seconds.
            timeout: The loop ends when no new row has come for so many seconds; with 0 after the rows that are there
                now. ``None``: it does not end; leave it with ``break``.

        Returns:
            An iterator of ``pandas.DataFrame`` objects, of at least one row and of the rows of at most 100 runs. It
            keeps no file open and no lock between two of them.

        Raises:
            InvalidInputError: A condition cannot be read, or a time is negative.
            MissingExtraError: pandas is not installed.
        """
        from aerchive.interop.extras import import_extra
        from aerchive.interop.pandas import to_frame
        from aerchive.project.finding.follow import Follower, check_times

        check_times(interval, timeout)
        import_extra("pandas", "pandas")
        return map(
            to_frame, Follower(self.file, self._search, as_texts(x), as_texts(y), where).tables(interval, timeout)
        )

    @checked
    def done(self, *names: str, where: str | None = None) -> set[Any]:
        """Returns the points of a sweep that are done: the values of runs whose outcome is ``ok``.

        This is one question to the catalogue, and needs no extra. Simulations beneath a primitive's run do not count.

        Args:
            *names: Names of parameters given with the runs (``theta`` or ``params.theta``), or of columns of the
                catalogue. Parameters of circuits, of which one run has many, are in `table`.
            where: Conditions as text, as for `find`.

        Returns:
            A set of values if there is one name, else of tuples with a value for each name. Numbers are equal by value
            (``1`` and ``1.0``), and so are NaN; lists and arrays are tuples. Runs without one of the values are left
            out. The set is empty if no run meets the conditions, or there is no project yet.

        Raises:
            InvalidInputError: There is no name, or runs meet the conditions and none has a value of that name; the
                message lists the names that there are. Or a condition cannot be read.
        """
        return self._search.done(names, where)

    @checked
    def missing(self, points: Any, outcome: str | Sequence[str] | None = "ok", tolerance: float = 0) -> Any:
        """Returns the points of a sweep that no run has yet, in one question to the catalogue.

        Args:
            points: The points: a ``pandas.DataFrame`` with a column for each name, a list of dictionaries with the same
                names, or a dictionary of names and values, which means all combinations, the last name fastest. A name
                is that of a parameter given with the runs or of a column of the catalogue, as for `done`. A value may
                be a list or array, which is compared element by element, and must have the same shape.
            outcome: The outcome that a run must have to count, or a list of outcomes, such as ``["ok", "running"]``;
                ``None``: any.
            tolerance: A number ``t``, absolute and relative: a point is done if there is a run of which each number is
                at most ``t * (1 + abs(p))`` away from the number ``p`` of the point. With 0, numbers are compared by
                value. NaN is equal to NaN.

        Returns:
            A ``pandas.DataFrame`` of the points that are missing, in the order in which they were given. Its index is
            that of the table that was given, or else the number of the point from 0.

        Raises:
            InvalidInputError: The points have none of these forms, or the tolerance is negative.
            MissingExtraError: pandas is not installed.

        Warns:
            ArchiveWarning: No run has a value of a name, and a similar name exists.
        """
        return self._search.missing(points, outcome, tolerance)

    def clause(self, expression: str | None, conditions: Mapping[str, Any]) -> Clause:
        """Parses the conditions of a question.

        Args:
            expression: As for `find`.
            conditions: As for `find`.

        Raises:
            InvalidInputError: A condition cannot be read.
        """
        return clause_of(expression, conditions)

    def why_nothing(self, expression: str | None, conditions: Mapping[str, Any]) -> str:
        """Explains why no run was found, and what could be found.

        Args:
            expression: As for `find`.
            conditions: As for `find`.
        """
        return self._search.why_nothing(expression, conditions)

    # -- care of the file

    def delete_job(self, job_id: str | Run) -> None:
        """Deletes a job from the project; with the job of a primitive, the jobs beneath it are deleted, too.

        Its data stays in the file, among the deleted runs, until the project is compacted; until then `restore` brings
        it back. A run that is damaged in a spool, and so cannot be moved into the project, is removed for good.

        Args:
            job_id: The whole job id, or the run.

        Raises:
            NotFoundError: There is no such job in the project; the message lists similar ids.
            TransactionError: The job is still running.
            ProjectLockedError: Another program keeps the file locked.
            ReadOnlyError: The project is open for reading.
        """
        self.delete_jobs([self._search.job_id_of("job_id", job_id)])

    def delete_jobs(self, job_ids: Iterable[str | Run] | str | Run) -> None:
        """Deletes jobs from the project as `delete_job` does, all in one commit.

        Args:
            job_ids: The whole job ids, or the runs; it may be a single one. If one of the jobs is not in the project
                when the commit is made, or cannot be deleted, no job is deleted.

        Raises:
            InvalidInputError: An item of ``job_ids`` is neither a job id nor a run.
            AerchiveError: An error that `delete_job` raises has occurred.
        """
        delete_jobs(self.parts, self._search, self._search.job_ids_of("job_ids", job_ids))

    def restore(self, job_id: str | Run) -> list[str]:
        """Restores a deleted job; with the job of a primitive, the jobs beneath it are restored, too.

        Args:
            job_id: The whole job id, or the run as it was before it was deleted.

        Returns:
            The job ids of all jobs that were restored.

        Raises:
            NotFoundError: No job with this id was deleted, or a compaction has removed its data for good.
            AlreadyExistsError: A job with this id is in the project.
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

        The runs are selected inside the commit, so that earlier saves, tags and deletions of other processes count. A
        run of a primitive counts, and is deleted, together with the simulations beneath it; runs that are still running
        are kept. `compact` gives the space back; until then `restore` brings runs back.

        Args:
            older_than: Age that the runs exceed (``"30d"``; also ``min``, ``h``, ``w``, ``y``), or time before which
                they were submitted.
            larger_than: Size of the values before compression that the runs exceed; a number of bytes, or text such as
                ``"1 GiB"``.
            outcome: The outcome of the runs, or several outcomes of which the runs have one.
            keep_tagged: Whether runs that have tags are kept.
            keep: Number of the newest runs that are kept.
            job_ids: Job ids of which the runs have one; ids that no run has are ignored.
            dry_run: Whether to delete nothing, and only report what would be deleted.

        Returns:
            The report on what was deleted.

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
    def seal(self, progress: Progress | None = None) -> Seal:
        """Seals the project: one number, the root of a Merkle tree, stands for all of its runs as they are now.

        Finished runs that wait beside the project are moved into it first, unless it is open for reading. The digests
        are taken as they stand in the runs; whether the runs have them is what `verify` finds out. Other processes may
        write meanwhile. What the root covers, and what a signature of the seal proves, is in the page
        ``docs/explanation/trust.md``.

        Args:
            progress: A function of the number of runs done and of all runs.

        Returns:
            The seal, with ``root`` and ``save(path)``.

        Raises:
            NotFoundError: There is no project, or a run was deleted meanwhile.
            TransactionError: Finished runs are not in the project yet; `recover` moves them into it.
            FormatError: A run has no digest.
            IntegrityError: The catalogue or a run is damaged, or two runs have the same UUID.
        """
        from aerchive.project.care.sealing import seal_project

        self.parts.flush()
        if self.mode != "r":
            self.parts.move_spooled()
        return seal_project(self.file, self.spools, progress)

    @checked
    def verify(
        self,
        progress: Progress | None = None,
        *,
        root: str | os.PathLike[str] | Seal | None = None,
        part: bool = False,
        grown: bool = False,
        untrusted: bool = False,
    ) -> VerifyReport:
        """Checks every byte that a read can return: chunks, documents, shared objects, catalogue.

        The file is read run by run and chunk by chunk, on all processors, and it is not locked while chunks are read:
        other processes may write meanwhile. Memory holds only a few chunks, however large the states are.

        Args:
            progress: A function of the work done and the total work, in bytes of payload before compression.
            root: A root of `seal`, the seal itself, or its file: each run that is not as it was sealed is a problem,
                and so is one that is missing or was added. Digests are computed from the bytes of the runs. With a root
                alone, or a seal without leaves, there is one problem, which does not name the run.
            part: With ``root``: whether the project may have only a part of the sealed runs, as an extract has. The
                seal must have its leaves, or the project must keep the proofs of its runs.
            grown: With ``root``: whether runs may have been added since. The seal must have its leaves.
            untrusted: Whether to verify in a child process with limits of time and memory, which the file cannot
                take with it if it crashes HDF5. There is no progress then.

        Returns:
            A report with ``ok`` and ``problems``; each problem names the file and the node. Its ``notes`` name
            conflict copies beside the project, which are no damage: all data in the project can be read.

        Raises:
            FormatError: The file cannot be opened at all, or that of the seal is none.
            IntegrityError: The leaves of the seal do not give its root.
            InvalidInputError: ``root`` is none, or ``part`` or ``grown`` is given without what it needs.
            NotFoundError: There is no such file of a seal.
            UnsafeContentError: With ``untrusted``, the child crashed, or took too much memory or time.
        """
        if root is None and (part or grown):
            raise InvalidInputError("part and grown say how the project may differ from a seal: give its root as well")
        expected = None
        if root is not None:
            from aerchive.project.sealing.comparison import Expected

            expected = Expected.given(root, part=part, grown=grown)
        if untrusted:
            return verify_in_child(self.file, self.pending_folder, expected)
        return verify_project(self.file, self.spools, progress, expected)

    def notes(self) -> list[str]:
        """Describes conflicts that the user must resolve: two results of one job, other versions of the file beside it.

        Only the catalogue, names of files, and documents of the runs that conflict are read.
        """
        return conflict_notes(self.file)

    @checked
    def copy(
        self,
        target: str | os.PathLike[str],
        progress: Progress | None = None,
        *,
        anonymous: bool = False,
        qpy_version: int | None = None,
    ) -> Self:
        """Copies the project as it is now, pending runs included.

        A plain copy also holds deleted runs, which `restore` can bring back (`SpaceReport.deleted_runs` is their
        number), and earlier labels. An anonymous copy has neither, nor has it attachments, nor the personal facts that
        the page ``docs/reference/personal-facts.md`` lists: names of users, hosts and scripts, paths, tracebacks of own
        code, accounts. Texts that the user wrote stay: names, tags, notes, params, names and metadata of circuits.
        Counts and arrays are copied without being compressed again, and `verify`, `result` and `rerun` work as before.
        The copy is a project with another UUID, ``config.anonymised`` of its runs says what was left out, and what
        other programs added to the file is not in it.

        With ``qpy_version`` circuits are written in that version of QPY unless they are in it or an older one already;
        each is read back and compared. Such a copy has a UUID of its own and no deleted runs either.

        The copy of a file that another program has rewritten (``h5repack``, or a script that copies all members) is a
        project again, with another UUID, without deleted runs, and with the same ``core_sha256`` of each run. A run of
        which something is not as it was is not copied, and the error names it.

        The file is locked for reading meanwhile, so the copy is one state of it. ``cp`` during a commit may copy half
        of one state and half of another. On file systems that can share blocks (Btrfs, XFS) a copy takes milliseconds.

        Args:
            target: Path of the new file, or of an existing folder for it.
            progress: A function of the number of bytes done and of all bytes.
            anonymous: Whether personal facts, attachments, deleted runs and earlier labels are left out.
            qpy_version: The newest version of QPY in the copy, such as 15 for readers with Qiskit 2.1; ``None``: as it
                is.

        Returns:
            The project of the new file.

        Raises:
            AlreadyExistsError: There is such a file already; it is not changed.
            FormatError: The installed Qiskit cannot read circuits that are to be written in another version.
            IntegrityError: A run is damaged, or was changed by another program (copies with changes only).
            InvalidInputError: The target is a URL, or the installed Qiskit does not write this version of QPY.
            NotFoundError: There is no project, or no such folder.
            ReadOnlyError: This user may not write to the folder.
            WriteError: The disk is full or failed; there is no new file.

        Warns:
            ArchiveWarning: Circuits stay in a newer version of QPY, because the older one would lose something.
        """
        path = Path(os.path.realpath(local_path(target)))
        if os.path.isdir(path):  # false also for a name that is too long
            path /= self.path.name
        self.parts.flush()
        if qpy_version is not None:
            file = self._copy_older(path, progress, qpy_version, anonymous=anonymous)
        elif anonymous or self.file.is_rewritten():
            file = copy_changed(self.file, path, self.spools, progress, Changes(anonymous=anonymous, rewrite=None))
        else:
            file = self.file.copy(path, progress, lambda: write_all_spooled(self.spools))
        return type(self)(
            file, "a", self.bridge, self.durability, self.parts.compression, self.parts.qpy_version, self.pending_folder
        )

    def _copy_older(self, path: Path, progress: Progress | None, version: int, *, anonymous: bool) -> ProjectFile:
        from aerchive.codecs.circuits.qpy_copies import QpyRewriter
        from aerchive.codecs.circuits.qpy_versions import checked_version
        from aerchive.codecs.circuits.rehearsal import rehearse

        checked_version(version)
        is_own = load_settings().vet == "off" or self.is_trusted
        rewriter = QpyRewriter(version, None if is_own else rehearse)
        file = copy_changed(self.file, path, self.spools, progress, Changes(anonymous, rewriter.draft))
        if rewriter.kept:
            number, reason = len(rewriter.kept), next(iter(rewriter.kept.values()))
            warnings.warn(
                f"{path}: {number} {'list' if number == 1 else 'lists'} of circuits stayed in a newer version of QPY, "
                f"because version {version} would lose something of them ({reason})",
                ArchiveWarning,
                stacklevel=4,
            )
        return file

    @checked
    def merge(
        self,
        other: Project | str | os.PathLike[str],
        progress: Progress | None = None,
        *,
        dry_run: bool = False,
    ) -> MergeReport:
        """Brings all that another project has into this one: the union of both. The other project is only read.

        A run is recognised by its UUID and seal, so merging twice does the same as merging once, and collaborators who
        worked apart have equal projects after merging in any order. Of a run that both have, labels are united (of two
        changes of a label the later one counts, and a tag stays if one side has added it anew), and attachments, and
        what one side lacks. Nothing is overwritten: two results of one job are both kept, as ``ID~HEX``, and so are two
        attachments of one name. A run that was deleted in either project stays deleted, unless it was restored later.

        Chunks are copied as they are. Each batch of runs is a commit, and other processes may write to both files
        meanwhile. If the merge is stopped at any time, both files are valid, and calling it again goes on. A file from
        elsewhere is vetted as when it is opened, and each of its runs is verified; then this project counts as from
        elsewhere, too, until it is trusted (`aerchive.trust`).

        Args:
            other: The other project, or the path of its file.
            progress: A function of the work done and the total work, in bytes of payload before compression.
            dry_run: Whether to change nothing, and only report what would be changed.

        Returns:
            The report, with the numbers of runs, and the conflicts that a person should decide.

        Raises:
            NotFoundError: There is no other project.
            InvalidInputError: The other project is this one.
            ProjectLockedError: Another program keeps one of the files locked.
            ReadOnlyError: This project is open for reading, or may not be written.
            TransactionError: A transaction is open.
            UnsafeContentError: The other file would harm this program.
            WriteError: The disk is full or failed; the commits before stay.
        """
        from aerchive.project.sharing.merge import merge

        return merge(self.parts, self._file_of(other), progress, dry_run=dry_run)

    @checked
    def diff(self, other: Project | str | os.PathLike[str], progress: Progress | None = None) -> ProjectDiffReport:
        """Compares this project with another one, run by run; nothing is changed.

        A run is recognised by its UUID. The report names the runs that only one of the projects has, those that both
        have with other labels or attachments or with the payload in only one, and conflicts. Of runs that only one has
        it also says which have the same results as a run with another id in the other project (`Run.results_sha256`).

        Args:
            other: The other project, or the path of its file.
            progress: A function of the number of runs that were read, and of all runs.

        Returns:
            The report; ``is_same`` says whether nothing differs.

        Raises:
            NotFoundError: There is no such project.
            UnsafeContentError: The other file would harm this program.
        """
        from aerchive.project.sharing.diff import diff

        self.parts.flush()
        return diff(self.file, self._file_of(other), progress)

    def _file_of(self, other: Project | str | os.PathLike[str]) -> ProjectFile:
        """The file of another project, which may be given as its path."""
        if isinstance(other, Project):
            other.parts.flush()
            return other.file
        return self.file.sibling(Path(os.path.realpath(local_path(other))))

    @checked
    def extract(
        self,
        path: str | os.PathLike[str],
        expression: str | None = None,
        /,
        *,
        payloads: bool = True,
        anonymous: bool = False,
        seal: Seal | str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
        **conditions: Any,
    ) -> Self:
        """Writes some runs into a new project file, with all that they need: one file for a colleague.

        The new project has the chosen runs, those beneath runs of primitives, the run of a primitive above a chosen
        one, their circuits, noise models, labels and attachments, and a UUID of its own. Each run keeps its UUID and,
        unless it is made anonymous, its seal, so `merge` recognises it. Deleted runs, and attachments of the project
        itself, are not extracted. Chunks are copied as they are, and other processes may write to this project
        meanwhile. If this is stopped, there is no new file.

        Args:
            path: Path of the new file, or of an existing folder for it.
            expression: Conditions as text, as for `find`; without any, all runs are extracted.
            payloads: Whether arrays of 64 KiB and more are extracted. Without them, the runs say what they lack, and
                reading that is a `NotFoundError` that names this project; merging this project fills them in.
            anonymous: Whether personal facts, attachments and earlier labels are left out, as for `copy`.
            seal: A seal with its leaves, or its file. The new project keeps proofs that its runs are among the sealed
                ones, as its attachment ``proofs``, and ``verify(root=..., part=True)`` of it needs only the root.
                Proofs that this project keeps itself are handed on without being asked for.
            progress: A function of the work done and the total work, in bytes of payload before compression.
            **conditions: Conditions by keyword, as for `find`.

        Returns:
            The project of the new file.

        Raises:
            AlreadyExistsError: There is such a file already; it is not changed.
            NotFoundError: No finished run meets the conditions; the message says which values the runs have.
            IntegrityError: A run is damaged, or was changed by another program.
            InvalidInputError: A condition cannot be read, or a run came after the seal or changed since.
            ReadOnlyError: This user may not write to the folder.
            WriteError: The disk is full or failed; there is no new file.
        """
        from aerchive.project.sealing.seal import Seal, read_seal
        from aerchive.project.sharing.extract import Part, extract

        target = Path(os.path.realpath(local_path(path)))
        if os.path.isdir(target):
            target /= self.path.name
        self.parts.flush()
        known = seal if seal is None or isinstance(seal, Seal) else read_seal(seal)
        numbers, spooled = self._search.chosen(expression, conditions)
        part = Part(numbers, spooled, payloads, anonymous, known)
        file = extract(self.file, target, part, progress)
        return type(self)(
            file, "a", self.bridge, self.durability, self.parts.compression, self.parts.qpy_version, self.pending_folder
        )

    @checked
    def rebuild_catalogue(self, progress: Progress | None = None) -> RebuildReport:
        """Rebuilds the catalogue from the runs, in one commit, if it is damaged or `verify` reports that it differs.

        The documents of every run are read meanwhile, and no other process can write: a millisecond or two for a run.

        Args:
            progress: A function of the number of runs done and of all runs.

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
        """Gives back the space of what was deleted or replaced: a new file replaces the old one.

        Nothing is compressed again, and the copied data is verified before the old file is removed. Other processes may
        read and write meanwhile; writers wait only a short time at the end. Open runs and arrays remain usable. If
        compaction is stopped at any time, the file is either the old one or the new one.

        If nothing was deleted or replaced, and less than 1 MiB and less than a hundredth of the file would be given
        back, nothing is done, and the report says so.

        Args:
            progress: A function of the work done and the total work, in bytes of payload before compression.
            dry_run: Whether only to report what would be given back; the file is only read.
            force: Whether to compact the file even if it is not worth it.

        Returns:
            A report with the sizes before and after, and whether the file was compacted (``done``).

        Raises:
            NotFoundError: There is no project.
            IntegrityError: Something in the project is damaged; nothing was changed.
            ProjectLockedError: Another program keeps the file locked, or compacts it.
            ReadOnlyError: This user may not create a file in the folder, or the project is open for reading.
            WriteError: There is not enough room, the disk failed, or the file has several names; nothing was changed.
        """
        if not dry_run:
            self.parts.check_writable()
            self.flush()
            if self.file.exists():
                self.parts.move_spooled()
        return compact(self.file, progress, dry_run=dry_run, force=force)

    @checked
    def shrink(
        self,
        expression: str | None = None,
        /,
        *,
        to: Literal["recipe"] = "recipe",
        dry_run: bool = False,
        min_bytes: int | str = "1 MiB",
        max_seconds: float | None = None,
        progress: Progress | None = None,
        **conditions: Any,
    ) -> ShrinkReport:
        """Replaces large arrays of runs by what computes them again: circuits, options and seeds, which stay.

        Each run is computed again first, in a process of its own. Only if all its arrays and saved numbers come out the
        same, bit for bit, are the large arrays taken out. In their place the run keeps their digests, and of each a
        witness: 4,096 of its values at indices that follow from the digest (of less than 65,536 values a sixteenth).
        Seals stay, counts and documents too. The space comes back by `compact`.

        Reading such an array computes the run again, with the trust rules of `Run.rerun`, and compares the digest; see
        `Run.is_recomputed`. **The promise holds for the installed Qiskit Aer, numpy and this processor.** Another
        version may give other bits; then the arrays are an `OtherBitsError`, and the archived bits are gone.

        Each run is a commit. If this is stopped at any time, the file is valid, and calling it again goes on.

        Args:
            expression: Conditions as text, as for `find`. Some condition must be given.
            to: What replaces the arrays: ``"recipe"``.
            dry_run: Whether to change nothing and to try nothing, and only report what would be saved, and its cost.
            min_bytes: Size of the smallest dataset that is replaced, before compression: a number of bytes, or text
                such as ``"1 MiB"``.
            max_seconds: The longest time that a run may have taken, as recorded, in seconds; ``None``: any.
            progress: A function of the work done and the total work, in bytes before compression.
            **conditions: Conditions by keyword, as for `find`.

        Returns:
            The report: the runs with the bytes that are saved and the seconds that computing takes, and the runs that
            stay as they are, each with the reason.

        Raises:
            InvalidInputError: No condition is given, or one cannot be read; or another argument cannot be used.
            NotFoundError: No run meets the conditions; the message says which values the runs have.
            ReadOnlyError: The project is open for reading.
            WriteError: The disk is full or failed; the commits before stay.
        """
        from aerchive.project.shrinking.shrink import shrink

        if to != "recipe":
            raise InvalidInputError(f"to={to!r}: arrays can be replaced by their 'recipe' only")
        if max_seconds is not None and not max_seconds >= 0:
            raise InvalidInputError(f"max_seconds={max_seconds!r}: give a number of seconds, or leave it out")
        runs = self._chosen_to_shrink("shrink", expression, conditions)
        least = parse_size(min_bytes, "min_bytes")
        return shrink(self.parts, runs, min_bytes=least, max_seconds=max_seconds, dry_run=dry_run, progress=progress)

    @checked
    def unshrink(
        self, expression: str | None = None, /, *, progress: Progress | None = None, **conditions: Any
    ) -> UnshrinkReport:
        """Writes the arrays back that `shrink` has replaced: they are computed again, and their digests compared.

        The runs are then as they were before, with the same digests of their nodes, and the same seal. Each run is a
        commit; if this is stopped, calling it again goes on.

        Args:
            expression: Conditions as text, as for `find`. Some condition must be given.
            progress: A function of the number of runs done and of all runs.
            **conditions: Conditions by keyword, as for `find`.

        Returns:
            The report: the runs whose arrays were written back, and those whose arrays could not, with the reason.

        Raises:
            InvalidInputError: No condition is given, or one cannot be read.
            NotFoundError: No run meets the conditions.
            ReadOnlyError: The project is open for reading.
            WriteError: The disk is full or failed; the commits before stay.
        """
        from aerchive.project.shrinking.unshrink import unshrink

        return unshrink(self.parts, self._chosen_to_shrink("unshrink", expression, conditions), progress)

    def _chosen_to_shrink(self, what: str, expression: str | None, conditions: Mapping[str, Any]) -> list[Run]:
        if expression is None and not conditions:
            raise InvalidInputError(
                f"{what}: say which runs, as in {what}('seconds < 60') or {what}(tags='scan'); 'nbytes > 0' means all"
            )
        runs = self._search.find(expression, conditions)
        if not runs:
            raise NotFoundError(self.why_nothing(expression, conditions))
        return list(runs)

    @checked
    def space(self, progress: Progress | None = None) -> SpaceReport:
        """Measures what takes the space of the file: each run, each kind of value, deleted data, unused space.

        Headers are read, values are not; other processes may write meanwhile.

        Args:
            progress: A function of the number of groups done and of all groups.

        Returns:
            A report that is printed as tables.

        Raises:
            NotFoundError: There is no project.
            IntegrityError: The file is damaged.
        """
        return survey_space(self.file, progress, temporary_bytes(self.path) + self.spools.nbytes())

    def recover(self) -> bool:
        """Completes a commit that a crash interrupted, and merges pending files; every save does so by itself.

        It also removes files beside the project that are left from processes that died while they made or compacted it.

        Returns:
            Whether there was an interrupted commit.

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
        """Warns if runs are still in spools, which belong to the project and should be moved together with it.

        Nothing else is needed: saved runs are durable, and lazy objects remain usable.

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
        parts = self.parts
        given = parts.file, parts.mode, parts.bridge, parts.durability
        return Project, (*given, parts.compression, parts.qpy_version, parts.pending_folder)

    def _cards(self) -> Iterator[str]:
        from aerchive.project.project_card import project_cards

        return project_cards(self.parts, self._search)

    def __repr__(self) -> str:
        missing = "" if os.path.exists(self.path) else ", no such file yet"
        return f"<Project {str(self.path)!r}, mode {self.mode!r}{missing}>"


def given_labels(
    name: str | None, tags: str | Sequence[str] | None, notes: str | None, params: Mapping[str, Any] | None
) -> RunLabels:
    """Makes the labels that a user gives with a run; see `Project.save`.

    Raises:
        InvalidInputError: A label has the wrong type.
        UnsupportedTypeError: A parameter cannot be stored.
    """
    labels = RunLabels.checked(name=name, tags=as_texts(tags) or None, notes=notes, params=dict(params or {}))
    labels.to_attributes()  # raises for what cannot be stored, before anything is done
    return labels


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
    qpy_version: int | None = None,
    pending_folder: Path | None = None,
    new_mode: int = 0o666,
) -> Project:
    """Opens a project; see `aerchive.open`."""
    file = ProjectFile(
        path,
        lock_timeout_s=lock_timeout_s,
        catalogue_dtype=table.DTYPE,
        created_by=_created_by(),
        trust_locks=trust_locks,
        min_free_bytes=min_free_bytes,
        new_mode=new_mode,
    )
    return Project(file, mode, bridge, durability, compression, qpy_version, pending_folder)
