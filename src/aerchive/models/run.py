"""All documents of one run."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.provenance import Provenance
from aerchive.models.status import RunStatus


class RunRecord(BaseModel):
    """The documents of a run.

    Attributes:
        job_id: As the backend gave it.
        run_uuid: Made once, stays through merge and extraction.
        created: When the job was submitted, UTC.
        config: What was asked for, and used.
        status: What became of it.
        labels: What people call it.
        provenance: Where it came from; absent for a run that was lost.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    job_id: str
    run_uuid: str
    created: str
    config: RunConfig
    status: RunStatus
    labels: RunLabels = RunLabels()
    provenance: Provenance | None = None
