"""A project: one HDF5 file, and the runs in it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aerchive.errors import ArchiveWarning, ProjectLockedError, TransactionError, UnsupportedTypeError
from aerchive.filters.profiles import Compression
from aerchive.models import catalogue as table
from aerchive.models.catalogue import now
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.project.arguments import checked
from aerchive.project.commit import check_same, write_drafts, write_labels
from aerchive.project.draft import RunDraft
from aerchive.project.project_base import Mode
from aerchive.project.query import as_texts
from aerchive.project.run import Bridge, Run
from aerchive.project.unfinished import lost_draft
from aerchive.project.upkeep import Upkeep
from aerchive.project.waiting import Durability, waiting_runs
from aerchive.settings import load_settings
from aerchive.storage.border import hdf5_errors
from aerchive.storage.file import ProjectFile

logger = logging.getLogger("aerchive")

_IMPATIENT_S = 1.0
"""How long to wait for a program that has let us wait in vain already."""


class Project(Upkeep):
    """One project file; made by `aerchive.open`.

    A project holds nothing open: every method opens the file for as long as it needs it, so other processes and
    viewers may use it in between, and ``close()`` is not needed. It may be shared by threads. It is a collection of
    runs: iterating gives them in the order of submission, and ``project[key]`` looks one up. Finding is in
    `aerchive.project.searching`, care of the file in `aerchive.project.upkeep`.

    Args:
        file: The project file.
        mode: ``"r"``, ``"r+"``, ``"a"`` or ``"x"``, as `aerchive.open` has it.
        bridge: The way to live objects of Qiskit.
        durability: When runs are committed: ``"each"`` at once; ``"batch"`` with others, after two seconds at the
            latest; ``"exit"`` when the process ends.
        compression: The profile for what is saved here, if not as the settings say.
    """

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
        self._check_writable()
        given = [circuits] if circuits is not None and not isinstance(circuits, list | tuple) else circuits
        draft = dataclasses.replace(self.bridge.capture(job_or_result, given, options), compression=stored)
        run = self._keep(draft, labels)
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

    def relabel(self, run: Run, change: LabelChange) -> None:
        """Commits a change of a run's labels; use `Run.add_tags`, `Run.rename` and their like."""
        self._check_writable()
        if run.in_pending_file:
            self._merge()
        if run.in_pending_file:
            raise TransactionError(
                f"{run.place.file.path}: run {run.job_id} is in a pending file; label it once it is in its project"
            )
        run.path  # noqa: B018  (a run without data has no labels in the file)
        with self.file.write(now()) as session, hdf5_errors(str(self.path)):
            write_labels(session, run.job_id, change)

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
