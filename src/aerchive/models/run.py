"""The record of a run, which contains all its documents."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.provenance import Provenance
from aerchive.models.status import RunStatus


def conflict_id(job_id: str, run_uuid: str) -> str:
    """Makes the id of a run that is in a project together with another result of its job.

    Args:
        job_id: The job id that the run had.
        run_uuid: UUID of the run.
    """
    return f"{job_id}~{run_uuid[:8]}"


class RunRecord(BaseModel):
    """The documents of a run.

    Attributes:
        job_id: The id of the run in the project: the job id that the backend gave, or, if the project has another run
            with the same job id, that of `conflict_id`.
        run_uuid: The identifier of the run. It is made once, and merge and extraction keep it.
        created: The time at which the job was submitted, UTC.
        config: The requested configuration and the values that were used.
        status: The outcome of the run and its times.
        labels: The name, tags, notes and parameters of the run.
        provenance: The software and machine of the run. Absent for a run that was lost.
        is_recomputed: Whether the run does not store some of its arrays, but computes them again. No document says
            this, but the group of what the run lacks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    job_id: str
    run_uuid: str
    created: str
    config: RunConfig
    status: RunStatus
    labels: RunLabels = RunLabels()
    provenance: Provenance | None = None
    is_recomputed: bool = False

    @property
    def sealed_id(self) -> str:
        """The job id that the backend gave, which is a part of the sealed content of the run."""
        return self.job_id.removesuffix(conflict_id("", self.run_uuid)) if self.labels.is_rival else self.job_id

    def relabelled(self, labels: RunLabels) -> RunRecord:
        """The record with other labels, and the id that the run has with them."""
        job_id = conflict_id(self.sealed_id, self.run_uuid) if labels.is_rival else self.sealed_id
        return self.model_copy(update={"labels": labels, "job_id": job_id})
