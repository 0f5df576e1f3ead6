"""A primitive's job out of a project that behaves as it did on the day."""

from __future__ import annotations

from typing import Any

from qiskit.primitives import BasePrimitiveJob
from qiskit.providers import JobStatus
from qiskit.providers.jobstatus import JOB_FINAL_STATES

from aerchive.aer.archived.job import STATUS, ArchivedJob
from aerchive.aer.archived.result import archived_result
from aerchive.errors import NotFoundError
from aerchive.project.run import Run
from aerchive.stored.array import StoredArray


class ArchivedPrimitiveJob(BasePrimitiveJob[Any, JobStatus]):
    """An archived job of a ``SamplerV2`` or ``EstimatorV2``; nothing is read before it is asked for.

    Args:
        run: The run in the project.
    """

    def __init__(self, run: Run) -> None:
        self._archived_run = run
        super().__init__(run.job_id)

    @property
    def run(self) -> Run:
        """The run in the project."""
        return self._archived_run

    @property
    def inputs(self) -> dict[str, Any]:
        """What the primitive was asked for: ``pubs``, its ``options``, and what a cloud service was told besides.

        Raises:
            NotFoundError: It was saved without its pubs.
        """
        config = self.run.record.config
        more = config.service.get("inputs", {})
        return {"pubs": self.run.pubs(), "options": dict(config.primitive_options), **more}

    @property
    def service(self) -> dict[str, Any]:
        """What a cloud service says of a job that ran there; else empty.

        Keys: ``instance``, ``session_id``, ``image``, ``private``, ``usage_seconds``, ``metrics``, ``inputs``,
        ``client``; those that are not known are left out.
        """
        return dict(self.run.record.config.service)

    def result(self) -> Any:
        """The ``PrimitiveResult``, a stock object.

        Raises:
            AerJobError: The job had raised, or was lost with its process; with the stored message.
            CancelledError: The job had been cancelled.
        """
        return archived_result(self.run)

    def jobs(self) -> list[Any]:
        """The jobs of the simulations beneath, in the order in which they were submitted."""
        return [child.job() for child in self.run.children()]

    def status(self) -> JobStatus:
        """The state the job was left in; a lost run is ``ERROR``."""
        return STATUS[self.run.outcome]

    def done(self) -> bool:
        """Whether it has a result."""
        return bool(self.status() == JobStatus.DONE)

    def running(self) -> bool:
        """Whether it is still running."""
        return bool(self.status() == JobStatus.RUNNING)

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return bool(self.status() == JobStatus.CANCELLED)

    def in_final_state(self) -> bool:
        """Whether it is over."""
        return self.status() in JOB_FINAL_STATES

    def cancel(self) -> bool:
        """False: the job is over."""
        return False

    def circuits(self) -> list[Any]:
        """The circuits of the pubs, each once, new objects.

        Raises:
            NotFoundError: The run was saved without its circuits.
        """
        return self.run.circuits()

    def backend(self) -> Any:
        """A stock ``AerSimulator`` with the stored options and noise model; see `ArchivedJob.backend`.

        Raises:
            NotFoundError: It ran on a backend of a cloud service, which is not in the project.
        """
        if self.service:
            name = self.run.record.config.backend_name
            raise NotFoundError(
                f"job {self.job_id()} ran on {name} of IBM's service; QiskitRuntimeService().backend({name!r}) gives it"
            )
        return ArchivedJob(self.run).backend()

    def error_message(self) -> str | None:
        """Why the job did not succeed, or ``None``."""
        return self.run.record.status.message

    def array(self, label: str | None = None, pub: int = 0) -> StoredArray:
        """An array of a pub's data, such as ``"evs"`` or the name of a classical register, not read yet."""
        return self.run.array(label, pub)

    def rerun(self, *, save: bool = False) -> Any:
        """Runs it again; see `aerchive.project.run.Run.rerun`."""
        return self.run.rerun(save=save)

    def __repr__(self) -> str:
        return f"<ArchivedPrimitiveJob {self.job_id()} {self.run.program} {self.run.outcome}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return ArchivedPrimitiveJob, (self.run,)
