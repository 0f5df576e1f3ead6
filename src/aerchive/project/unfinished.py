"""Runs that only their submission tells of: still running, or lost with their process."""

from __future__ import annotations

from typing import Any

from aerchive.errors import FormatError, InvalidInputError
from aerchive.models.catalogue import now, to_microseconds
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.run import RunRecord
from aerchive.models.status import RunStatus
from aerchive.project.draft import RunDraft
from aerchive.storage.submissions import Submission


def submission_record(submission: Submission) -> RunRecord:
    """The documents of a submitted run, as far as its trace tells.

    A trace of another version, or one cut to the least, still gives a line in a list.
    """
    trace: dict[str, Any] = dict(submission.record)
    where = f"{submission.path}: job {submission.job_id}"
    created = trace.get("created")
    config, labels = RunConfig(), RunLabels()
    try:
        to_microseconds(str(created))
    except ValueError:
        created = now()
    try:
        config = RunConfig.from_attributes(trace.get("config", {}), where)
        labels = RunLabels.from_attributes(trace.get("labels", {}), where)
    except (FormatError, InvalidInputError, AttributeError, TypeError):
        config, labels = RunConfig(), RunLabels()
    message = None
    if not submission.alive:
        message = f"the process {submission.pid} on {submission.host} died before the simulation was archived"
    return RunRecord(
        job_id=submission.job_id,
        run_uuid="",
        created=str(created),
        config=config,
        status=RunStatus(outcome="running" if submission.alive else "lost", message=message, submitted=str(created)),
        labels=labels,
    )


def lost_draft(submission: Submission) -> RunDraft:
    """A lost run, to be written into the project."""
    record = submission_record(submission)
    return RunDraft(record.job_id, record.created, record.config, record.status, record.labels)
