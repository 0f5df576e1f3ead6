"""Archiving one submission: a trace in the project's folder at the start, the run at the end."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

from aerchive.aer.capturing.capture import Submitted, draft_failed
from aerchive.aer.capturing.provenance import provenance
from aerchive.aer.running.job import ArchiveNote
from aerchive.filters.profiles import Compression
from aerchive.models.labels import RunLabels
from aerchive.project.documents.draft import RunDraft
from aerchive.project.project import Project
from aerchive.settings import Settings

logger = logging.getLogger("aerchive")


class Archive:
    """Archives one submission in its project.

    Args:
        project: The project in which the run is archived.
        submitted: The input of the run.
        settings: The settings in force at the time of submission.
        note: Receives the archived run, or the problems.
        compression: Compression of the arrays of the run.
    """

    def __init__(
        self, project: Project, submitted: Submitted, settings: Settings, note: ArchiveNote, compression: Compression
    ) -> None:
        self._project = project
        self._submitted = submitted
        self._settings = settings
        self.note = note
        self._compression = compression

    def submitted_at(self, started: str) -> Submitted:
        """The input of the run, with the time at which the simulation began."""
        return dataclasses.replace(self._submitted, started=started)

    def begin(self) -> None:
        """Writes a trace of the job that remains if this process dies; a simulation never fails because of it."""
        try:
            self._leave_trace()
        except Exception as error:
            logger.warning("job %s leaves no trace: %s", self._submitted.job_id, error)
            logger.debug("job %s leaves no trace", self._submitted.job_id, exc_info=error)

    def _leave_trace(self) -> None:
        provenance()  # needs a subprocess once, which a worker thread may not start when the interpreter ends
        simple = {k: v for k, v in self._submitted.options.items() if type(v) in (bool, int, float, str)}
        record: dict[str, Any] = {
            "created": self._submitted.created,
            "config": self._submitted.config(options=simple).to_attributes(),
            "labels": _simple_labels(self._submitted.labels).to_attributes(),
        }
        self._project.spools.own.submitted(self._submitted.job_id, record)

    def note_end(self, future: Future[Any]) -> None:
        """Archives a job that was cancelled before it ran; other jobs are archived where they run."""
        if future.cancelled():
            self.keep(lambda: draft_failed(self._submitted, CancelledError()))

    def keep(self, make_draft: Callable[[], RunDraft]) -> None:
        """Archives a draft; errors in this do not affect the simulation's own result."""
        try:
            draft = dataclasses.replace(make_draft(), compression=self._compression)
            self.note.run = run = self._project.archive(draft, self._settings.durability)
        except Exception as error:
            problem = f"job {self._submitted.job_id} was not archived in {self._project.path}: {error}"
            self.note.add_problem(problem, error if self._settings.on_error == "raise" else None)
            logger.debug("%s", problem, exc_info=error)
            return
        finally:
            self._project.spools.own.finished(self._submitted.job_id)
            self._submitted = Submitted(self._submitted.job_id, self._submitted.created)  # releases the copies
        if run.kept_outside is not None:
            self.note.add_problem(run.kept_outside)
        if draft.refused:
            self.note.add_problem(f"job {draft.job_id} was archived without these values: {'; '.join(draft.refused)}")


def _simple_labels(labels: RunLabels) -> RunLabels:
    params = {name: value for name, value in labels.params.items() if type(value) in (bool, int, float, str)}
    return labels.model_copy(update={"params": params})
