"""A project: one HDF5 file, and the runs in it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aerchive.errors import (
    AerchiveError,
    ArchiveWarning,
    CommittedError,
    FormatError,
    InvalidInputError,
    NotFoundError,
    ProjectLockedError,
    ReadOnlyError,
    TransactionError,
    UncertainError,
    UnsupportedTypeError,
    WriteError,
)
from aerchive.filters.profiles import Compression
from aerchive.models import catalogue as table
from aerchive.models.catalogue import now
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.project.arguments import checked
from aerchive.project.catalogue import Catalogue, has_data, run_path
from aerchive.project.commit import Written, stored_draft, write_drafts, write_or_keep_beside
from aerchive.project.draft import RunDraft
from aerchive.project.label_changes import Relabelling, write_relabellings
from aerchive.project.project_base import Mode
from aerchive.project.query import as_texts
from aerchive.project.run import Bridge, Run
from aerchive.project.spools import drafts_of
from aerchive.project.unite import united
from aerchive.project.upkeep import Upkeep
from aerchive.project.waiting import Durability, waiting_runs
from aerchive.settings import load_settings
from aerchive.storage.file import ProjectFile
from aerchive.storage.sessions import WriteSession

logger = logging.getLogger("aerchive")


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
        pending_folder: Where runs are kept that can be written neither to the file nor beside it.
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
        self._commit_in_time(draft, run, durability or self.durability, is_awaited=False)
        return run

    def _commit_in_time(self, draft: RunDraft, run: Run, durability: Durability, *, is_awaited: bool) -> None:
        if durability != "each":
            waiting = waiting_runs(self.path)
            if waiting.add(draft, run, self.mover, durability, self.file.min_free_bytes):
                return
            try:
                waiting.flush()  # what came before is in the project before
            finally:
                self._commit([(draft, run)], is_awaited=is_awaited)
            return
        self._commit([(draft, run)], is_awaited=is_awaited)

    def _keep(self, draft: RunDraft, labels: RunLabels) -> Run:
        draft = dataclasses.replace(draft, labels=LabelChange(labels).apply(draft.labels))
        run = self._unwritten(draft)
        waiting: dict[str, tuple[RunDraft, Run]] | None = getattr(self._transaction, "waiting", None)
        if waiting is None:
            with self._held_if_ended([(draft, run)]):
                self._check_known(draft)
            self._commit_in_time(draft, run, self.durability, is_awaited=True)
            return run
        if draft.job_id in waiting:
            known, run = waiting[draft.job_id]
            draft = united(known, draft, None, str(self.path))
            run.__dict__["record"] = draft.record
        waiting[draft.job_id] = draft.detached(), run
        return run

    def _check_known(self, draft: RunDraft) -> None:
        """Refuses another result of a known job where it may come into the project only later.

        Raises:
            AlreadyExistsError: Another result of its job id is in a spool; or in the project, of which this is asked
                here only if the commit comes later, when no caller waits for it.
        """
        for spooled in self.spools.runs():
            if spooled.head.job_id == draft.job_id:
                with contextlib.suppress(NotFoundError), drafts_of([spooled]) as drafts:
                    united(next(iter(drafts)), draft, None, str(self.path))
        if self.durability != "each":
            self._check_in_file(draft)

    def _check_in_file(self, draft: RunDraft) -> None:
        """Refuses another result of a job that is in the project, as far as the project can be read.

        Raises:
            AlreadyExistsError: There is one.
        """
        file = self.file.sibling(self.path)  # which may be read without a commit of what waits
        with contextlib.suppress(NotFoundError, ProjectLockedError), file.read() as session:
            found = Catalogue(session).find(draft.job_id)
            if found is not None and has_data(row := found[1][0]):
                united(stored_draft(session.root.group(run_path(row)), row), draft, None, str(self.path))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Many saves and changes of labels of this thread in one commit, at the end of the block; none if it raises.

        No lock is held before the end. Runs saved in the block can be read after it, and labels of runs that were in
        the project before are changed after it.

        Raises:
            TransactionError: A transaction is open in this thread already.
            NotFoundError: A run whose labels were changed in the block was deleted meanwhile.
            ProjectLockedError: Another program keeps the file locked, and labels were changed in the block. Without
                such changes the runs go to a pending file.
        """
        self._check_writable()
        if getattr(self._transaction, "waiting", None) is not None:
            raise TransactionError(f"{self.path}: a transaction is open in this thread; finish it first")
        waiting: dict[str, tuple[RunDraft, Run]] = {}
        relabellings: list[Relabelling] = []
        self._transaction.waiting, self._transaction.relabellings = waiting, relabellings
        try:
            yield
        finally:
            self._transaction.waiting = None
        with self._held_if_ended([*waiting.values()]):
            for draft, _ in waiting.values():
                self._check_known(draft)
        if waiting or (relabellings and self.file.exists()):
            self._commit(list(waiting.values()), relabellings, is_awaited=True)
        for one in relabellings:
            if one.handle is not None:
                one.handle.refresh()

    def _commit(
        self, drafts: Sequence[tuple[RunDraft, Run]], relabellings: Sequence[Relabelling] = (), *, is_awaited: bool
    ) -> None:
        """Commits runs; what waits in spools comes into the project before.

        Args:
            drafts: What to write, and the runs that are told where they are.
            relabellings: Changes of labels that belong to the commit; they cannot wait in a spool.
            is_awaited: Whether a caller waits for the answer. Else another result of a known job is kept beside it, and
                a run that cannot come into the project goes to the folder of the settings.
        """
        has_begun = threading.Event()
        patience_s = None if relabellings else self.mover.patience_s

        def write(session: WriteSession) -> list[Written]:
            has_begun.set()
            write_relabellings(session, relabellings, self.file, self._run, {one.job_id for one, _ in drafts})
            return (write_drafts if is_awaited else write_or_keep_beside)(session, [draft for draft, _ in drafts])

        try:
            with self._held_if_ended(drafts, has_begun):
                self.mover.move(patience_s)
                written = self.file.commit(write, now(), patience_s)
        except ProjectLockedError as error:
            self.mover.was_locked()
            if relabellings:
                raise ProjectLockedError(
                    f"{error}. Nothing of the transaction was saved: its changes of labels cannot wait in a spool"
                ) from error
            locked = error
        except (NotFoundError, ReadOnlyError, FormatError, WriteError, InvalidInputError) as error:
            if is_awaited or isinstance(error, CommittedError | UncertainError) or self.pending_folder is None:
                raise
            self._hold(drafts, is_awaited=False, error=error)
            return
        else:
            self.mover.was_free()
            for (_, run), place in zip(drafts, written, strict=True):
                run.settle(place.path, job_id=place.job_id)
            return
        with self._held_if_ended(drafts):
            for draft, _ in drafts if is_awaited else ():
                self._check_in_file(draft)
        logger.warning("%s; the run goes to a spool beside the project", locked)
        self._hold(drafts, is_awaited=is_awaited)

    @contextlib.contextmanager
    def _held_if_ended(
        self, drafts: Sequence[tuple[RunDraft, Run]], has_begun: threading.Event | None = None
    ) -> Iterator[None]:
        """Makes runs safe if a handler of a signal ends a block that may wait for the lock; the process may end now.

        Args:
            drafts: What to write, and the runs that are told where they are.
            has_begun: Is set when the block has the lock and writes them; then they are left to it.
        """
        try:
            yield
        except (AerchiveError, MemoryError):
            raise
        except BaseException:
            if has_begun is None or not has_begun.is_set():
                self._hold(drafts, is_awaited=False)
            raise

    def _hold(
        self, drafts: Sequence[tuple[RunDraft, Run]], *, is_awaited: bool, error: AerchiveError | None = None
    ) -> None:
        """Puts runs into the spool of this process, durably.

        Args:
            drafts: What to write, and the runs that are told where they are.
            is_awaited: Whether a caller waits for the answer. Else the runs may also go to the folder of the settings.
            error: Why they cannot be beside the project either, which the runs are told; by default they can.

        Raises:
            WriteError: There is no room for them, or the disk failed.
        """
        folder = None if is_awaited else self.pending_folder
        wanted, why = [draft for draft, _ in drafts], f"{self.path}: is locked" if error is None else str(error)
        held = None
        if error is None:
            try:
                held = self.spools.hold(wanted, self.file.min_free_bytes)
            except OSError as disk_error:
                why = f"{why}, and {self.path.parent}: {disk_error.strerror or disk_error}"
                if folder is None:
                    raise WriteError(why) from disk_error
        if held is None:
            try:
                held = self.spools.hold(wanted, self.file.min_free_bytes, is_fallback=True)
            except OSError as disk_error:
                raise WriteError(f"{why}; and not in {folder}: {disk_error.strerror or disk_error}") from disk_error
            for (draft, run), one in zip(drafts, held, strict=True):
                run.kept_outside = (
                    f"{why}; run {draft.job_id} is kept in {one.path}, and is moved into the project when the next run "
                    "is saved there"
                )
        for (_, run), spooled in zip(drafts, held, strict=True):
            run.settle(None, spooled)

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
        return Project, (self.file, self.mode, self.bridge, self.durability, self._compression, self.pending_folder)

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
