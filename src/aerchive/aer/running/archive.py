"""Archiving one submission: a trace in the project's folder at the start, the run at the end."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from typing import Any

from aerchive.aer.capturing.capture import Submitted, draft_failed
from aerchive.aer.capturing.provenance import provenance
from aerchive.aer.running.job import ArchiveNote
from aerchive.codecs.circuits.qpy_versions import written_as
from aerchive.errors import CommittedError, UncertainError
from aerchive.filters.profiles import Compression
from aerchive.project.documents.compressed import compressed
from aerchive.project.documents.draft import RunDraft
from aerchive.project.project import Project
from aerchive.project.run import Run
from aerchive.project.spooling.durability import SMALL_BYTES
from aerchive.settings import Settings

logger = logging.getLogger("aerchive")


@dataclasses.dataclass
class Archive:
    """Archives one submission in its project.

    Attributes:
        project: The project in which the run is archived.
        submitted: The input of the run.
        settings: The settings in force at the time of submission.
        note: Receives the archived run, or the problems.
        compression: Compression of the arrays of the run.
        beneath: For the run of a primitive: the run beneath that waits for it.
        above: For a run beneath a primitive: the place where it may wait for the primitive's.
        qpy_version: Version of QPY for the circuits of the run; ``None``: the newest.
    """

    project: Project
    submitted: Submitted
    settings: Settings
    note: ArchiveNote
    compression: Compression
    qpy_version: int | None
    beneath: LastBeneath | None = None
    above: LastBeneath | None = None

    def begin(self) -> None:
        """Writes a trace of the job that remains if this process dies; a simulation never fails because of it."""
        try:
            self._leave_trace()
        except Exception as error:
            logger.warning("job %s leaves no trace: %s", self.submitted.job_id, error)
            logger.debug("job %s leaves no trace", self.submitted.job_id, exc_info=error)

    def _leave_trace(self) -> None:
        if self.above is not None:
            self.above.begin()
        provenance()  # needs a subprocess once, which a worker thread may not start when the interpreter ends
        simple, params = map(_simple, (self.submitted.options, self.submitted.labels.params))
        record: dict[str, Any] = {
            "created": self.submitted.created,
            "config": self.submitted.config(options=simple).to_attributes(),
            "labels": self.submitted.labels.model_copy(update={"params": params}).to_attributes(),
        }
        self.project.spools.own.submitted(self.submitted.job_id, record)

    def store_if_cancelled(self, future: Future[Any]) -> None:
        """Archives a job that was cancelled before it ran; other jobs are archived where they run."""
        if future.cancelled():
            self.store(draft_failed, CancelledError())

    def store(self, make_draft: Callable[..., RunDraft], *outcome: Any, started: str | None = None) -> None:
        """Archives the outcome of the submission; errors in this do not affect the simulation's own result.

        Args:
            make_draft: Function of the input and the outcome that makes the draft of the run.
            *outcome: The result or the exception.
            started: Time at which the simulation began, UTC.
        """
        ended: list[_Ended] = []
        try:
            with written_as(self.qpy_version):
                draft = make_draft(dataclasses.replace(self.submitted, started=started), *outcome)
            ended.append((self, compressed(draft, self.compression)))
        except Exception as error:
            self.ended(error)
            logger.debug("job %s was not archived", self.submitted.job_id, exc_info=error)
        if self.above is not None:
            ended = self.above.hold(ended)
        if self.beneath is not None:
            ended = [*self.beneath.take(), *ended]
        _store(ended)

    def stored(self, run: Run, draft: RunDraft) -> None:
        """Notes that the run is in the project."""
        self.note.run = run
        self.ended(None)
        if run.kept_outside is not None:
            self.note.add_problem(run.kept_outside)
        if draft.refused:
            self.note.add_problem(f"job {draft.job_id} was archived without these values: {'; '.join(draft.refused)}")

    def ended(self, error: BaseException | None) -> None:
        """Notes the end of the submission, and the reason why it could not be archived, if there is one."""
        job_id = self.submitted.job_id
        if isinstance(error, Exception):
            problem = f"job {job_id} was not archived in {self.project.path}: {error}"
            self.note.add_problem(problem, error if self.settings.on_error == "raise" else None)
        self.project.spools.own.finished(job_id)
        self.submitted = Submitted(job_id, self.submitted.created)  # releases the copies


class LastBeneath:
    """The run of the last simulation beneath a primitive, which waits to be committed with the primitive's run.

    So the job of a primitive with one simulation costs one commit and not two. A run waits only while no simulation of
    the primitive runs, because that may take long, and the process may die.
    """

    def __init__(self) -> None:
        self._running = 0
        self._waiting: list[_Ended] = []
        self._is_over = False
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Notes that a simulation begins; a run that waits is committed."""
        with self._lock:
            self._running += 1
        self.commit()

    def commit(self) -> None:
        """Commits the run that waits, if there is one."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        _store(waiting)

    def hold(self, ended: list[_Ended]) -> list[_Ended]:
        """Notes that a simulation has ended, and holds its run if it may wait.

        Args:
            ended: The submission, with the draft of its run; empty if no draft could be made.

        Returns:
            What does not wait.
        """
        with self._lock:
            self._running -= 1
            if self._running or self._is_over or not all(map(_is_small, ended)):
                return ended
            self._waiting += [(archive, draft.detached()) for archive, draft in ended]
            return []

    def take(self) -> list[_Ended]:
        """Notes that the primitive has ended; returns the run that waits, if there is one."""
        with self._lock:
            self._is_over = True
            waiting, self._waiting = self._waiting, []
        return waiting


_Ended = tuple[Archive, RunDraft]
"""A submission that has ended, with the draft of its run."""


def _is_small(ended: _Ended) -> bool:
    """Whether a run may wait in memory."""
    archive, draft = ended
    size = draft.nbytes + sum(shared.nbytes for shared in draft.objects.values())
    return size < SMALL_BYTES and archive.settings.durability == "each"


def _store(ended: list[_Ended]) -> None:
    """Archives runs in one commit, or each in a commit of its own if that fails.

    Args:
        ended: The submissions, with the drafts of their runs; they are of one project.
    """
    if not ended:
        return
    last, _ = ended[-1]
    try:
        runs = last.project.archive_together([draft for _, draft in ended], last.settings.durability)
    except BaseException as error:
        is_certain = isinstance(error, Exception) and not isinstance(error, CommittedError | UncertainError)
        if is_certain and len(ended) > 1:
            for one in ended:
                _store([one])
            return
        for archive, _ in ended:
            archive.ended(error)
        if not isinstance(error, Exception):
            raise
        logger.debug("job %s was not archived", last.submitted.job_id, exc_info=error)
        return
    for (archive, draft), run in zip(ended, runs, strict=True):
        archive.stored(run, draft)


def _simple(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are quick to store."""
    return {name: value for name, value in values.items() if type(value) in (bool, int, float, str)}
