"""The jobs of a backend as a service: those of its project, those of IBM's cloud, and both in one list."""

from __future__ import annotations

import datetime
from typing import Any

from aerchive.project.arguments import checked
from aerchive.project.finding.job_list import JobList
from aerchive.project.project import Project


class JobService:
    """What finds jobs again; the parameters are those of ``QiskitRuntimeService.jobs``."""

    @property
    def project(self) -> Project:
        """Where the local jobs are."""
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
        """Jobs of the project, whichever backend ran them.

        Args:
            limit: How many at most; ``None`` for all.
            skip: How many to leave out first.
            backend_name: Only of this backend.
            pending: True: only those still running; False: only those that are not.
            program_id: Only of this program: ``run``, ``sampler`` or ``estimator``.
            instance: Only of this instance of a cloud account, which only archived remote jobs have.
            job_tags: Only jobs that have all of these.
            session_id: Only of this cloud session, which only archived remote jobs have.
            created_after: Only from this time on; without a zone it is local time.
            created_before: Only up to this time.
            descending: Newest first.
            nested: Also the jobs beneath those of primitives.

        Returns:
            ``ArchivedJob`` objects in a list that prints as a table.

        Raises:
            InvalidInputError: An argument cannot be used.
        """
        return self.project.jobs(
            limit,
            skip,
            backend_name=backend_name,
            pending=pending,
            program_id=program_id,
            instance=instance,
            job_tags=job_tags or None,
            session_id=session_id,
            created_after=created_after,
            created_before=created_before,
            descending=descending,
            nested=nested,
        )

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
        """Jobs of IBM's cloud service, as ``QiskitRuntimeService.jobs`` gives them.

        Args:
            limit: How many at most; ``None`` for all.
            skip: How many to leave out first.
            backend_name: Only of this backend.
            pending: True: only queued and running ones; False: only those that are over.
            program_id: Only of this program: ``sampler``, ``estimator``, ...
            instance: Only of this instance; ``None``: the active one.
            job_tags: Only jobs that have all of these.
            session_id: Only of this session.
            created_after: Only from this time on; without a zone it is local time.
            created_before: Only up to this time.
            descending: Newest first.
            include_mocks: Also of mock backends.
            service: A ``QiskitRuntimeService``; ``None``: that of the saved account.

        Returns:
            ``RuntimeJobV2`` objects in a list that prints as a table; ``project.save(job)`` archives one.

        Raises:
            InvalidInputError: An argument cannot be used.
            ServiceError: The package is not installed, there is no account, or the service did not answer; the message
                says what to do.
        """
        from aerchive.aer.service.remote import remote_jobs

        return remote_jobs(
            self.project.bridge,
            service,
            limit,
            skip,
            backend_name=backend_name,
            pending=pending,
            program_id=program_id,
            instance=instance,
            job_tags=job_tags or None,
            session_id=session_id,
            created_after=created_after,
            created_before=created_before,
            descending=descending,
            include_mocks=include_mocks,
        )

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
        """Jobs of the project and of IBM's cloud service in one list, by creation date.

        A job that is in both is listed once, as it is archived.

        Args:
            limit: As for `remote_jobs`.
            skip: As for `remote_jobs`.
            backend_name: As for `remote_jobs`.
            pending: As for `remote_jobs`.
            program_id: As for `remote_jobs`.
            instance: As for `remote_jobs`.
            job_tags: As for `remote_jobs`.
            session_id: As for `remote_jobs`.
            created_after: As for `remote_jobs`.
            created_before: As for `remote_jobs`.
            descending: Newest first.
            include_mocks: As for `remote_jobs`.
            service: As for `remote_jobs`.

        Returns:
            ``ArchivedJob`` and ``RuntimeJobV2`` objects in a list that prints as a table.

        Raises:
            InvalidInputError: An argument cannot be used.
            ServiceError: The service that was given did not answer.

        Warns:
            UserWarning: Without an account, or where its service does not answer, only local jobs are listed; once a
                process for each reason.
        """
        from aerchive.aer.service.remote import all_jobs

        return all_jobs(
            self.project,
            service,
            limit,
            skip,
            backend_name=backend_name,
            pending=pending,
            program_id=program_id,
            instance=instance,
            job_tags=job_tags or None,
            session_id=session_id,
            created_after=created_after,
            created_before=created_before,
            descending=descending,
            include_mocks=include_mocks,
        )

    def retrieve_job(self, job_id: str, *, service: Any = None) -> Any:
        """The job of an id: of the project, where the beginning of an id is enough, else of IBM's cloud service.

        Args:
            job_id: The id.
            service: As for `remote_jobs`.

        Returns:
            An ``ArchivedJob`` or ``ArchivedPrimitiveJob``, or a ``RuntimeJobV2``.

        Raises:
            NotFoundError: There is none, or the beginning is that of several; the message lists near ones.
            InvalidInputError: It is not an id.
            ServiceError: The project does not have it, and the service did not answer.
        """
        from aerchive.aer.service.remote import retrieve_job

        return retrieve_job(self.project, service, job_id)
