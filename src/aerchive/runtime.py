"""The local mode of IBM's runtime with jobs that outlive the process (decision 0028); it imports the package."""

from __future__ import annotations

import contextlib
import datetime
import functools
from collections.abc import Callable, Iterator
from typing import Any

from qiskit_aer.backends.aerbackend import AerBackend

from aerchive.aer.running.simulator import AerSimulator, ProjectLike, archiving
from aerchive.errors import NotFoundError
from aerchive.interop.extras import import_extra
from aerchive.private_names import private, set_private
from aerchive.project.finding.job_list import JobList
from aerchive.project.project import Project

import_extra("qiskit_ibm_runtime", "runtime")

from qiskit_ibm_runtime.exceptions import RuntimeJobNotFound  # noqa: E402
from qiskit_ibm_runtime.fake_provider.local_service import QiskitRuntimeLocalService  # noqa: E402

__all__ = ["LocalService"]


class _JobNotFoundError(NotFoundError, RuntimeJobNotFound):
    """The project has no job of this id; programs for the cloud service catch the second class."""


class LocalService(QiskitRuntimeLocalService):
    """``QiskitRuntimeService(channel="local")`` whose jobs are archived in a project, and found again in any process.

    Its backends are those of the local mode, and simulate as these do. All that they run is archived: the jobs of
    ``SamplerV2`` and ``EstimatorV2`` over them, also in a ``Session`` or ``Batch``, and each ``backend.run``. Jobs of
    the ``Executor`` do not simulate with a fake backend, and are not archived; one line of the log says so.

    Args:
        project: Path of a project file, or an open project; ``None``: the project of the settings.

    Raises:
        InvalidInputError: ``project`` is neither a path nor a project.
        AerchiveError: The project cannot be written.
    """

    def __init__(self, project: ProjectLike | None = None) -> None:
        super().__init__()
        self._simulator = AerSimulator(project=project)

    @property
    def project(self) -> Project:
        """The project with the jobs; its ``clean`` deletes jobs by age, size, outcome or number."""
        return self._simulator.project

    def backends(
        self,
        name: str | None = None,
        min_num_qubits: int | None = None,
        dynamic_circuits: bool | None = None,
        filters: Callable[[Any], bool] | None = None,
    ) -> list[Any]:
        """Lists the backends of the local mode, made to archive what they run.

        Args:
            name: Name of the backend, such as ``fake_manila`` or ``aer_simulator``.
            min_num_qubits: Smallest number of qubits.
            dynamic_circuits: Whether the backend supports dynamic circuits; ``None``: any backend.
            filters: Function that says of a backend whether it is wanted.

        Raises:
            QiskitBackendNotFoundError: There is no such backend.
        """
        return [self._archiving(one) for one in super().backends(name, min_num_qubits, dynamic_circuits, filters)]

    def _archiving(self, backend: Any) -> Any:
        """The backend, which archives from now on; a simulator of Aer is copied."""
        if isinstance(backend, AerBackend):
            return archiving(backend, self._simulator.project)
        backend.project = self._simulator.project
        set_private(backend, _setup_sim=functools.partial(_set_up, backend, self._simulator))
        return backend

    def job(self, job_id: str) -> Any:
        """Finds the job with an id, or with an unambiguous beginning of one.

        Args:
            job_id: Id of the job.

        Returns:
            An `ArchivedPrimitiveJob`, or an `ArchivedJob` of a ``backend.run``.

        Raises:
            RuntimeJobNotFound: There is no such job. It is a `NotFoundError`, too; the message lists similar ids.
        """
        with _translated():
            return self.project.job(job_id)

    def jobs(
        self,
        limit: int | None = 10,
        skip: int = 0,
        backend_name: str | None = None,
        pending: bool | None = None,
        program_id: str | None = None,
        instance: str | None = None,
        job_tags: list[str] | None = None,
        session_id: str | None = None,
        created_after: datetime.datetime | None = None,
        created_before: datetime.datetime | None = None,
        descending: bool = True,
        include_mocks: bool = False,
    ) -> JobList:
        """Lists the jobs of the project, whichever process or backend ran them.

        Args:
            limit: Largest number of jobs; ``None``: all jobs.
            skip: Number of jobs to leave out at the beginning.
            backend_name: Only jobs of this backend.
            pending: True: only jobs that are still running; False: only jobs that are not.
            program_id: Only jobs of this program: ``sampler``, ``estimator``, or ``run`` for a ``backend.run``.
            instance: Only jobs of this instance of a cloud account; only archived remote jobs have one.
            job_tags: Only jobs that have all of these tags.
            session_id: Only jobs of this cloud session; only archived remote jobs have one.
            created_after: Only jobs created at or after this time; a time without a zone is local time.
            created_before: Only jobs created up to this time.
            descending: Whether the newest job is the first.
            include_mocks: Has no effect: all jobs of the local mode are listed.

        Returns:
            `ArchivedPrimitiveJob` and `ArchivedJob` objects in a list that prints as a table.

        Raises:
            InvalidInputError: An argument is not valid.
        """
        del include_mocks
        return self.project.jobs(
            limit,
            skip,
            backend_name=backend_name,
            pending=pending,
            program_id=program_id,
            instance=instance,
            job_tags=job_tags,
            session_id=session_id,
            created_after=created_after,
            created_before=created_before,
            descending=descending,
        )

    def delete_job(self, job_id: str) -> None:
        """Deletes a job, and the simulations beneath it; ``project.restore`` brings it back until ``compact``.

        Args:
            job_id: The whole job id.

        Raises:
            RuntimeJobNotFound: There is no such job. It is a `NotFoundError`, too; the message lists similar ids.
            TransactionError: The job is still running.
            AerchiveError: The project cannot be written.
        """
        with _translated():
            self.project.delete_job(job_id)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except NotFoundError as error:
        raise _JobNotFoundError(error.message) from error


def _set_up(backend: Any, simulator: AerSimulator) -> None:
    """Makes the simulator of a fake backend before its first run, and has it archive.

    Args:
        backend: The fake backend.
        simulator: A simulator that archives. It is pickled with the backend, so that from then on the jobs of
            primitives are found in the other process, too.
    """
    private(type(backend), "_setup_sim")(backend)
    backend.sim = archiving(backend.sim, simulator.project)
