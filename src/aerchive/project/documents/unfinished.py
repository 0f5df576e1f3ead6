"""Runs of which only the submission is known: they are still running, or were lost with their process."""

from __future__ import annotations

from typing import Any

from aerchive.errors import FormatError, InvalidInputError
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.run import RunRecord
from aerchive.models.status import RunStatus
from aerchive.project.documents.draft import RunDraft
from aerchive.storage.spools.contents import Life, SpoolContent, Submission
from aerchive.times import now, to_microseconds


def submission_record(submission: Submission, content: SpoolContent) -> RunRecord:
    """Makes the documents of a submitted run, as far as its submission trace has them.

    A trace of another version, or a shortened one, is still enough for a line in a list.

    Args:
        submission: The submission trace of the run.
        content: The content of the spool file that holds the trace.
    """
    trace: dict[str, Any] = dict(submission.record)
    where = f"{content.path}: job {submission.job_id}"
    created = trace.get("created")
    config, labels = RunConfig(), RunLabels()
    try:
        to_microseconds(str(created))
    except FormatError:
        created = now()
    try:
        config = RunConfig.from_attributes(trace.get("config", {}), where)
        labels = RunLabels.from_attributes(trace.get("labels", {}), where)
    except (FormatError, InvalidInputError, AttributeError, TypeError):
        config, labels = RunConfig(), RunLabels()
    message, is_lost = None, content.life is Life.DEAD
    if is_lost:
        pid, host = content.owner.pid, content.owner.host
        message = f"the process {pid} on {host} died before the simulation was archived"
    return RunRecord(
        job_id=submission.job_id,
        run_uuid="",
        created=str(created),
        config=config,
        status=RunStatus(outcome="lost" if is_lost else "running", message=message, submitted=str(created)),
        labels=labels,
    )


def lost_draft(submission: Submission, content: SpoolContent) -> RunDraft:
    """Makes the draft of a lost run, which is to be written into the project.

    Args:
        submission: The submission trace of the run.
        content: The content of the spool file that holds the trace.
    """
    record = submission_record(submission, content)
    return RunDraft(record.job_id, record.created, record.config, record.status, record.labels)
