"""Archiving one submission: a trace in the project's folder at the start, the run at the end."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from typing import Any

from aerchive.aer.capturing.capture import Submitted, draft_failed
from aerchive.aer.capturing.provenance import provenance
from aerchive.aer.running.job import ArchiveNote
from aerchive.codecs.circuits.qpy_versions import written_as
from aerchive.filters.profiles import Compression
from aerchive.project.documents.draft import RunDraft
from aerchive.project.project import Project
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
        qpy_version: Version of QPY for the circuits of the run; ``None``: the newest.
    """

    project: Project
    submitted: Submitted
    settings: Settings
    note: ArchiveNote
    compression: Compression
    qpy_version: int | None

    def begin(self) -> None:
        """Writes a trace of the job that remains if this process dies; a simulation never fails because of it."""
        try:
            self._leave_trace()
        except Exception as error:
            logger.warning("job %s leaves no trace: %s", self.submitted.job_id, error)
            logger.debug("job %s leaves no trace", self.submitted.job_id, exc_info=error)

    def _leave_trace(self) -> None:
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
        try:
            with written_as(self.qpy_version):
                draft = make_draft(dataclasses.replace(self.submitted, started=started), *outcome)
            draft = dataclasses.replace(draft, compression=self.compression)
            self.note.run = run = self.project.archive(draft, self.settings.durability)
        except Exception as error:
            problem = f"job {self.submitted.job_id} was not archived in {self.project.path}: {error}"
            self.note.add_problem(problem, error if self.settings.on_error == "raise" else None)
            logger.debug("%s", problem, exc_info=error)
            return
        finally:
            self.project.spools.own.finished(self.submitted.job_id)
            self.submitted = Submitted(self.submitted.job_id, self.submitted.created)  # releases the copies
        if run.kept_outside is not None:
            self.note.add_problem(run.kept_outside)
        if draft.refused:
            self.note.add_problem(f"job {draft.job_id} was archived without these values: {'; '.join(draft.refused)}")


def _simple(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are quick to store."""
    return {name: value for name, value in values.items() if type(value) in (bool, int, float, str)}
