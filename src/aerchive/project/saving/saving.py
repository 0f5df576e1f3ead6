"""Saving runs: at once, later with others, in a transaction, or beside the project while it is locked."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Iterator, Sequence

from aerchive.errors import (
    AerchiveError,
    CommittedError,
    FormatError,
    InvalidInputError,
    NotFoundError,
    ProjectLockedError,
    ReadOnlyError,
    TransactionError,
    UncertainError,
    WriteError,
)
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.project.catalogue.table import Catalogue, has_data, run_path
from aerchive.project.documents.draft import RunDraft
from aerchive.project.documents.unite import united
from aerchive.project.parts import ProjectParts
from aerchive.project.run import Run
from aerchive.project.saving.attaching import Attaching, write_attachings
from aerchive.project.saving.label_changes import Relabelling, write_relabellings
from aerchive.project.spooling.durability import Durability, waiting_runs
from aerchive.project.spooling.spools import drafts_of
from aerchive.project.writing.runs import Written, stored_draft, write_drafts
from aerchive.storage.sessions import WriteSession
from aerchive.times import now

logger = logging.getLogger("aerchive")


class Saving:
    """Saves runs in a project.

    Args:
        parts: The shared state of the project.
    """

    def __init__(self, parts: ProjectParts) -> None:
        self._parts = parts

    def save(self, draft: RunDraft, labels: RunLabels) -> Run:
        """Saves a captured run with labels; in a transaction, the run is written with the transaction's commit."""
        draft = dataclasses.replace(draft, labels=LabelChange(labels).apply(draft.labels))
        run = self._parts.unwritten(draft)
        waiting = self._parts.waiting
        if waiting is None:
            with self._held_if_ended([(draft, run)]):
                self._check_known(draft)
            self._commit_in_time(draft, run, self._parts.durability, is_awaited=True)
            return run
        if draft.job_id in waiting:
            known, run = waiting[draft.job_id]
            draft = united(known, draft, None, str(self._parts.path))
            run.show(draft.record)
        waiting[draft.job_id] = draft.detached(), run
        return run

    def archive(self, drafts: Sequence[RunDraft], durability: Durability | None) -> list[Run]:
        """See `aerchive.Project.archive_together`."""
        self._parts.check_writable()
        pairs = [(draft, self._parts.unwritten(draft)) for draft in drafts]
        durability = durability or self._parts.durability
        if durability == "each":
            self._commit(pairs, is_awaited=False)
        else:
            for draft, run in pairs:
                self._commit_in_time(draft, run, durability, is_awaited=False)
        return [run for _, run in pairs]

    def _commit_in_time(self, draft: RunDraft, run: Run, durability: Durability, *, is_awaited: bool) -> None:
        if durability != "each":
            waiting = waiting_runs(self._parts.path)
            if waiting.add(draft, run, self._parts.mover, durability):
                return
            try:
                waiting.flush()  # earlier runs come into the project first
            finally:
                self._commit([(draft, run)], is_awaited=is_awaited)
            return
        self._commit([(draft, run)], is_awaited=is_awaited)

    def _check_known(self, draft: RunDraft) -> None:
        """Raises an error for another result of a known job, before the run waits for a later commit.

        Raises:
            AlreadyExistsError: Another result of the job is in a spool, or in the project. The project is checked here
                only if the commit comes later, when no caller waits for the answer.
        """
        for spooled in self._parts.spools.runs():
            if spooled.head.job_id == draft.job_id:
                with contextlib.suppress(NotFoundError), drafts_of([spooled]) as drafts:
                    united(next(iter(drafts)), draft, None, str(self._parts.path))
        if self._parts.durability != "each":
            self._check_in_file(draft)

    def _check_in_file(self, draft: RunDraft) -> None:
        """Raises an error if another result of the job is in the project, as far as the project can be read.

        Raises:
            AlreadyExistsError: Another result of the job is in the project.
        """
        file = self._parts.file.sibling(self._parts.path)  # reading this object does not commit the runs that wait
        with contextlib.suppress(NotFoundError, ProjectLockedError), file.read() as session:
            found = Catalogue(session).find(draft.job_id)
            if found is not None and has_data(row := found[1][0]):
                united(stored_draft(session.root.group(run_path(row)), row), draft, None, str(self._parts.path))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """See `aerchive.Project.transaction`."""
        self._parts.check_writable()
        if self._parts.waiting is not None:
            raise TransactionError(f"{self._parts.path}: a transaction is open in this thread; finish it first")
        waiting: dict[str, tuple[RunDraft, Run]] = {}
        relabellings: list[Relabelling] = []
        attachings: list[Attaching] = []
        self._parts.transaction.waiting, self._parts.transaction.relabellings = waiting, relabellings
        self._parts.transaction.attachings = attachings
        try:
            yield
        finally:
            self._parts.transaction.waiting = None
        with self._held_if_ended([*waiting.values()]):
            for draft, _ in waiting.values():
                self._check_known(draft)
        if waiting or attachings or (relabellings and self._parts.file.exists()):
            self._commit(list(waiting.values()), relabellings, attachings, is_awaited=True)
        for one in relabellings:
            if one.handle is not None:
                one.handle.refresh()

    def _commit(
        self,
        drafts: Sequence[tuple[RunDraft, Run]],
        relabellings: Sequence[Relabelling] = (),
        attachings: Sequence[Attaching] = (),
        *,
        is_awaited: bool,
    ) -> None:
        """Commits runs, after the runs that wait in spools.

        Args:
            drafts: The drafts to write, each with the run object that is told where it was written.
            relabellings: Changes of labels that belong to the commit; they cannot wait in a spool.
            attachings: Changes of attachments that belong to the commit; they cannot wait in a spool.
            is_awaited: Whether a caller waits for the answer. If not, another result of a known job is kept beside it,
                and a run that cannot be written to the project goes to the pending folder of the settings.
        """
        has_begun = threading.Event()
        cannot_wait = bool(relabellings or attachings)
        patience_s = None if cannot_wait else self._parts.mover.patience_s

        def write(session: WriteSession) -> list[Written]:
            has_begun.set()
            write_relabellings(session, relabellings, self._parts, {one.job_id for one, _ in drafts})
            written = write_drafts(session, [draft for draft, _ in drafts], keeps_conflicts=not is_awaited)
            write_attachings(session, attachings)
            return written

        try:
            with self._held_if_ended(drafts, has_begun):
                self._parts.mover.move(patience_s)
                written = self._parts.file.commit(write, now(), patience_s)
        except ProjectLockedError as error:
            self._parts.mover.was_locked()
            if cannot_wait:
                what = "attachments" if attachings else "changes of labels"
                raise ProjectLockedError(
                    f"{error}. Nothing of the transaction was saved: its {what} cannot wait in a spool"
                ) from error
            locked = error
        except (NotFoundError, ReadOnlyError, FormatError, WriteError, InvalidInputError) as error:
            if is_awaited or isinstance(error, CommittedError | UncertainError) or self._parts.pending_folder is None:
                raise
            self._hold(drafts, is_awaited=False, error=error)
            return
        else:
            self._parts.mover.was_free()
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
        """Puts runs into a spool if a signal handler ends the block while it waits for the lock: the process may end.

        Args:
            drafts: The drafts to write, each with the run object that is told where it was written.
            has_begun: An event that is set when the block has the lock and writes the runs; then they are left to it.
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
        """Writes runs durably into the spool of this process.

        Args:
            drafts: The drafts to write, each with the run object that is told where it was written.
            is_awaited: Whether a caller waits for the answer. If not, the runs may also go to the pending folder of the
                settings.
            error: The reason why the runs cannot be kept beside the project either, which the run objects report;
                ``None``: they can.

        Raises:
            WriteError: There is no room for the runs, or the disk failed.
        """
        folder = None if is_awaited else self._parts.pending_folder
        wanted, why = [draft for draft, _ in drafts], f"{self._parts.path}: is locked" if error is None else str(error)
        held = None
        if error is None:
            try:
                held = self._parts.spools.hold(wanted)
            except OSError as disk_error:
                why = f"{why}, and {self._parts.path.parent}: {disk_error.strerror or disk_error}"
                if folder is None:
                    raise WriteError(why) from disk_error
        if held is None:
            try:
                held = self._parts.spools.hold(wanted, is_fallback=True)
            except OSError as disk_error:
                raise WriteError(f"{why}; and not in {folder}: {disk_error.strerror or disk_error}") from disk_error
            for (draft, run), one in zip(drafts, held, strict=True):
                run.kept_outside = (
                    f"{why}; run {draft.job_id} is kept in {one.path}, and is moved into the project when the next run "
                    "is saved there"
                )
        for (_, run), spooled in zip(drafts, held, strict=True):
            run.settle(None, spooled)
