"""Job lists of a backend: the jobs of its project, those of IBM's cloud service, and both in one list."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from aerchive.aer.service import remote
from aerchive.project.arguments import checked
from aerchive.project.finding.job_list import JobList
from aerchive.project.project import Project


class JobService:
    """Finds jobs again; the parameters are those of ``QiskitRuntimeService.jobs``."""

    @property
    def project(self) -> Project:
        """The project with the local jobs."""
        raise NotImplementedError

    @checked
    def local_jobs(
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
        *,
        nested: bool = False,
    ) -> JobList:
        """Lists jobs of the project, of all backends.

        Args:
            limit: Largest number of jobs; ``None``: all jobs.
            skip: Number of jobs to leave out at the beginning.
            backend_name: Only jobs of this backend.
            pending: True: only jobs that are still running; False: only jobs that are not.
            program_id: Only jobs of this program: ``run``, ``sampler`` or ``estimator``.
            instance: Only jobs of this instance of a cloud account; only archived remote jobs have one.
            job_tags: Only jobs that have all of these tags.
            session_id: Only jobs of this cloud session; only archived remote jobs have one.
            created_after: Only jobs created at or after this time; a time without a zone is local time.
            created_before: Only jobs created up to this time.
            descending: Whether the newest job is the first.
            nested: Whether the jobs that primitives started are listed as well.

        Returns:
            ``ArchivedJob`` objects in a list that prints as a table.

        Raises:
            InvalidInputError: An argument is not valid.
        """
        return self.project.jobs(**_arguments(locals()))

    @checked
    def remote_jobs(
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
        *,
        service: Any = None,
    ) -> JobList:
        """Lists jobs of IBM's cloud service, as ``QiskitRuntimeService.jobs`` does.

        Args:
            limit: Largest number of jobs; ``None``: all jobs.
            skip: Number of jobs to leave out at the beginning.
            backend_name: Only jobs of this backend.
            pending: True: only queued and running jobs; False: only jobs that have ended.
            program_id: Only jobs of this program: ``sampler``, ``estimator``, ...
            instance: Only jobs of this instance; ``None``: the active instance.
            job_tags: Only jobs that have all of these tags.
            session_id: Only jobs of this session.
            created_after: Only jobs created at or after this time; a time without a zone is local time.
            created_before: Only jobs created up to this time.
            descending: Whether the newest job is the first.
            include_mocks: Whether jobs of mock backends are listed as well.
            service: A ``QiskitRuntimeService``; ``None``: that of the saved account.

        Returns:
            ``RuntimeJobV2`` objects in a list that prints as a table; ``project.save(job)`` archives a job.

        Raises:
            InvalidInputError: An argument is not valid.
            ServiceError: The package is not installed, there is no account, or the service did not answer; the message
                says what to do.
        """
        return remote.remote_jobs(self.project.bridge, **_arguments(locals()))

    @checked
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
        *,
        service: Any = None,
    ) -> JobList:
        """Lists jobs of the project and of IBM's cloud service in one list, by creation date.

        A job that is in both is listed once, as the archived job.

        Args:
            limit: Largest number of jobs; ``None``: all jobs.
            skip: Number of jobs to leave out at the beginning.
            backend_name: Only jobs of this backend.
            pending: True: only queued and running jobs; False: only jobs that have ended.
            program_id: Only jobs of this program.
            instance: Only jobs of this instance of a cloud account.
            job_tags: Only jobs that have all of these tags.
            session_id: Only jobs of this cloud session.
            created_after: Only jobs created at or after this time; a time without a zone is local time.
            created_before: Only jobs created up to this time.
            descending: Whether the newest job is the first.
            include_mocks: Whether jobs of mock backends are listed as well.
            service: A ``QiskitRuntimeService``; ``None``: that of the saved account.

        Returns:
            ``ArchivedJob`` and ``RuntimeJobV2`` objects in a list that prints as a table.

        Raises:
            InvalidInputError: An argument is not valid.
            ServiceError: The service that was given did not answer.

        Warns:
            UserWarning: There is no account, or its service did not answer, so that only local jobs are listed; the
                warning is given once in each process for each reason.
        """
        return remote.all_jobs(self.project, **_arguments(locals()))

    def retrieve_job(self, job_id: str, *, service: Any = None) -> Any:
        """Finds the job with an id in the project, or else in IBM's cloud service.

        Args:
            job_id: Id of the job; for a job of the project the beginning of the id is enough.
            service: A ``QiskitRuntimeService``; ``None``: that of the saved account.

        Returns:
            An ``ArchivedJob`` or ``ArchivedPrimitiveJob``, or a ``RuntimeJobV2``.

        Raises:
            NotFoundError: There is no such job, or several ids have this beginning; the message lists similar ids.
            InvalidInputError: ``job_id`` is not an id.
            ServiceError: The job is not in the project, and the service did not answer.
        """
        return remote.retrieve_job(self.project, service, job_id)


def _arguments(local: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a method by name, from its local variables before it has made any others."""
    return {name: value for name, value in local.items() if name != "self"}
