"""Jobs of IBM's cloud service together with those of a project; qiskit-ibm-runtime is imported when it is used."""

from __future__ import annotations

import contextlib
import datetime
import functools
import os
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from aerchive.display.text import cut, format_time
from aerchive.errors import InvalidInputError, NotFoundError, ServiceError
from aerchive.project.finding.job_list import JobList
from aerchive.project.project import Project
from aerchive.project.run import Bridge, Run
from aerchive.text import type_name
from aerchive.times import span_of

_JOB_ID = re.compile(r"[A-Za-z0-9_-]+\Z")
_HEAD = ("job id", "created", "where", "backend", "program", "status", "tags")
_WIDTH = 24
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_warned: set[str] = set()


class _NoAccountError(ServiceError):
    """No service is available: the package is not installed, or no account is saved."""


class ServiceJobList(JobList):
    """A list of jobs of a project and of a service; prints as a table, in a terminal and in a notebook.

    Printing asks the service for the status of each of its jobs that is not known to have ended.
    """

    head = _HEAD
    right = ()

    def _rows(self) -> Iterator[tuple[str, ...]]:
        return map(_row, list.__iter__(self))


def _row(item: Any) -> tuple[str, ...]:
    """The printed columns of a run or job."""
    run = _run(item)
    created = _asked(lambda: format_time(_created(item).isoformat()))
    if run is not None:
        job_id, tags = run.job_id, run.tags
        columns = ("project", run.record.config.backend_name or "", run.program, run.outcome)
    else:
        job_id, tags = item.job_id(), item.tags or ()
        status = _asked(lambda: str(item.status()).lower())
        columns = ("service", _asked(lambda: item.backend().name), item.primitive_id, status)
    return cut(job_id, 36), created, *columns, cut(", ".join(tags), _WIDTH)


def _run(item: Any) -> Run | None:
    """The run of a local job, or the item itself if it is a run; ``None`` for a remote job."""
    run = item if isinstance(item, Run) else getattr(item, "run", None)
    return run if isinstance(run, Run) else None


def _asked(question: Callable[[], Any]) -> str:
    """The answer of the service as text, or ``?`` if it fails, so that a table is printed in any case."""
    try:
        return str(question())
    except Exception:  # noqa: BLE001  (whatever the network does, printing must not raise)
        return "?"


def _created(item: Any) -> datetime.datetime:
    """The time at which a job was submitted, UTC."""
    run = _run(item)
    when = item.creation_date if run is None else datetime.datetime.fromisoformat(run.created)
    moment: datetime.datetime = when.astimezone(datetime.UTC)
    return moment


def remote_jobs(bridge: Bridge, service: Any, limit: int | None, skip: int, **given: Any) -> ServiceJobList:
    """Lists jobs of a service.

    Args:
        bridge: Bridge of the project, for the list.
        service: A ``QiskitRuntimeService``; ``None``: that of the saved account.
        limit: Largest number of jobs; ``None``: all jobs.
        skip: Number of jobs to leave out at the beginning.
        **given: Further arguments of ``QiskitRuntimeService.jobs``.

    Raises:
        InvalidInputError: An argument is not valid.
        ServiceError: The service is not available or did not answer; the message says what to do.
    """
    _check_page(limit, skip)
    connected = _connected(service)
    if limit == 0:  # the service would interpret 0 as no limit
        return ServiceJobList(bridge, [])
    given["job_tags"] = given.get("job_tags") or None
    for name in ("created_after", "created_before"):
        if given.get(name) is not None:
            given[name] = _utc(given[name], is_end=name == "created_before")
    if not given.get("include_mocks"):
        given.pop("include_mocks", None)  # older versions do not know this argument
    enough = None if limit is None else limit + skip  # the client loops forever if ``skip`` exceeds the number of jobs
    with translated():
        return ServiceJobList(bridge, connected.jobs(limit=enough, skip=0, **given)[skip:])


def all_jobs(
    project: Project, service: Any, limit: int | None, skip: int, *, descending: bool, **given: Any
) -> ServiceJobList:
    """Lists jobs of a project and of a service, by creation date; a job in both is listed as that of the project.

    Args:
        project: The project.
        service: A ``QiskitRuntimeService``; ``None``: that of the saved account, if there is one.
        limit: Largest number of jobs; ``None``: all jobs.
        skip: Number of jobs to leave out at the beginning.
        descending: Whether the newest job is the first.
        **given: Further arguments of ``QiskitRuntimeService.jobs``.

    Raises:
        InvalidInputError: An argument is not valid.
        ServiceError: The service that was given did not answer.

    Warns:
        UserWarning: There is no account, or its service did not answer; the warning is given once in each process for
            each reason.
    """
    _check_page(limit, skip)
    enough = None if limit is None else limit + skip
    given["descending"] = descending
    local = project.jobs(enough, 0, **{name: value for name, value in given.items() if name != "include_mocks"})
    found: list[Any] = list(list.__iter__(local))  # runs; a job is made from a run when the item is used
    known = {run.job_id for run in found}
    try:
        found += (job for job in remote_jobs(project.bridge, service, enough, 0, **given) if job.job_id() not in known)
    except ServiceError as error:
        if service is not None:
            raise
        _warn_once(f"remote jobs are not listed: {error}")
    found.sort(key=_created, reverse=descending)
    return ServiceJobList(project.bridge, found[skip:enough])


def retrieve_job(project: Project, service: Any, job_id: str) -> Any:
    """Finds the job with an id in a project, or else in a service.

    Args:
        project: The project.
        service: A ``QiskitRuntimeService``; ``None``: that of the saved account, if there is one.
        job_id: Id of the job; for a job of the project the beginning of the id is enough.

    Raises:
        NotFoundError: Neither has the job; the message lists similar ids.
        ServiceError: The job is not in the project, and the service did not answer.
    """
    try:
        return project.job(job_id)
    except NotFoundError as error:
        missing = str(error)
    if not _JOB_ID.match(job_id):
        raise NotFoundError(missing)
    try:
        connected = _connected(service)
        with translated():
            return connected.job(job_id)
    except NotFoundError as error:
        raise NotFoundError(f"{missing}; the service has no job of this id either") from error
    except _NoAccountError as error:
        raise NotFoundError(f"{missing}; remote jobs were not looked at: {error}") from error
    except ServiceError as error:
        raise ServiceError(f"{missing}; and {error}") from error


def _check_page(limit: int | None, skip: int) -> None:
    if (limit is not None and limit < 0) or skip < 0:
        raise InvalidInputError("limit and skip must not be negative")


def _connected(service: Any) -> Any:
    """The service that was given, or that of the saved account."""
    if service is None:
        return _own_service(os.getpid())
    if not callable(getattr(service, "jobs", None)) or not callable(getattr(service, "job", None)):
        kind = type_name(type(service))
        hint = "; local testing mode keeps no jobs" if "LocalService" in kind else ""
        raise InvalidInputError(f"service: a QiskitRuntimeService is expected, found {kind}{hint}")
    return service


@functools.lru_cache(maxsize=1)
def _own_service(_pid: int) -> Any:
    """The service of the saved account; it is kept, because making it needs several network requests."""
    try:
        from qiskit_ibm_runtime import QiskitRuntimeService
        from qiskit_ibm_runtime.accounts.exceptions import AccountNotFoundError
    except ImportError as error:
        raise _NoAccountError(f"qiskit-ibm-runtime is missing ({error}): pip install 'aerchive[runtime]'") from error
    try:
        return QiskitRuntimeService()
    except AccountNotFoundError as error:
        raise _NoAccountError(
            "no account of IBM Quantum is saved here; QiskitRuntimeService.save_account(token=..., instance=...) saves "
            "one, or give a service with service="
        ) from error
    except Exception as error:
        raise ServiceError(_unanswered(error)) from error


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Translates exceptions of the service into those of aerchive, within the block.

    Raises:
        NotFoundError: There is no such job.
        InvalidInputError: The service refuses an argument.
        ServiceError: The service did not answer.
    """
    from qiskit_ibm_runtime.exceptions import IBMError, IBMInputValueError, RuntimeJobNotFound
    from requests import RequestException

    try:
        yield
    except RuntimeJobNotFound as error:
        raise NotFoundError(error.message) from error
    except IBMInputValueError as error:
        raise InvalidInputError(error.message) from error
    except (IBMError, RequestException) as error:
        raise ServiceError(_unanswered(error)) from error


def _utc(when: Any, *, is_end: bool) -> datetime.datetime:
    """A time in UTC for the service, which would interpret a time of another zone as local time.

    Args:
        when: A time in a form that `span_of` reads.
        is_end: Whether the last moment of this time span is meant, instead of the first.
    """
    start, stop = span_of(when)
    return _EPOCH + datetime.timedelta(microseconds=stop - 1 if is_end else start)


def _unanswered(error: Exception) -> str:
    text = getattr(error, "message", None) or str(error)
    return f"the service did not answer ({type(error).__name__}: {text}); look at network and account, and try again"


def _warn_once(text: str) -> None:
    if text not in _warned:
        _warned.add(text)
        warnings.warn(text, UserWarning, stacklevel=5)
