"""A primitive's job from a project that behaves like the original job."""

from __future__ import annotations

from typing import Any

from qiskit.primitives import BasePrimitiveJob
from qiskit.providers import JobStatus
from qiskit.providers.jobstatus import JOB_FINAL_STATES

from aerchive.aer.archived.job import ArchivedJob, StoredJob
from aerchive.aer.archived.result import archived_result
from aerchive.errors import NotFoundError
from aerchive.project.run import Run
from aerchive.stored.array import StoredArray


class ArchivedPrimitiveJob(StoredJob, BasePrimitiveJob[Any, JobStatus]):
    """An archived job of a ``SamplerV2`` or ``EstimatorV2``; its data are read only when they are requested.

    Args:
        run: The run in the project.
    """

    def __init__(self, run: Run) -> None:
        self._archived_run = run
        super().__init__(run.job_id)

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs of the primitive: ``pubs``, its ``options``, and further inputs that a cloud service received.

        Raises:
            NotFoundError: The run was saved without its pubs.
        """
        config = self.run.record.config
        more = config.service.get("inputs", {})
        return {"pubs": self.run.pubs(), "options": dict(config.primitive_options), **more}

    @property
    def service(self) -> dict[str, Any]:
        """The information of a cloud service about a job that ran there; empty for other jobs.

        The keys are ``instance``, ``session_id``, ``image``, ``private``, ``usage_seconds``, ``metrics``, ``inputs``
        and ``client``; those that are not known are left out.
        """
        return dict(self.run.record.config.service)

    def result(self) -> Any:
        """The ``PrimitiveResult``, an object of Qiskit's own class.

        Raises:
            AerJobError: The job raised an exception, or was lost with its process; has the stored message.
            CancelledError: The job was cancelled.
        """
        return archived_result(self.run)

    def jobs(self) -> list[Any]:
        """The jobs of the simulations that the primitive started, in the order in which they were submitted."""
        return [child.job() for child in self.run.children()]

    def done(self) -> bool:
        """Whether the job has a result."""
        return bool(self.status() == JobStatus.DONE)

    def running(self) -> bool:
        """Whether the job is still running."""
        return bool(self.status() == JobStatus.RUNNING)

    def cancelled(self) -> bool:
        """Whether the job was cancelled."""
        return bool(self.status() == JobStatus.CANCELLED)

    def in_final_state(self) -> bool:
        """Whether the job has ended."""
        return bool(self.status() in JOB_FINAL_STATES)

    def backend(self) -> Any:
        """A stock ``AerSimulator`` with the stored options and noise model; see `ArchivedJob.backend`.

        Raises:
            NotFoundError: The job ran on a backend of a cloud service, which is not in the project.
        """
        if self.service:
            name = self.run.record.config.backend_name
            raise NotFoundError(
                f"job {self.job_id()} ran on {name} of IBM's service; QiskitRuntimeService().backend({name!r}) gives it"
            )
        return ArchivedJob(self.run).backend()

    def array(self, label: str | None = None, pub: int = 0) -> StoredArray:
        """An array of a pub's data, such as ``"evs"`` or the name of a classical register, not read yet."""
        return self.run.array(label, pub)

    def __repr__(self) -> str:
        return f"<ArchivedPrimitiveJob {self.job_id()} {self.run.program} {self.run.outcome}>"
