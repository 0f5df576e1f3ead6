"""Jobs of IBM's cloud service beside those of a project; the border to qiskit-ibm-runtime, imported when it is used."""

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
from aerchive.times import span_of

_JOB_ID = re.compile(r"[A-Za-z0-9_-]+\Z")
_HEAD = ("job id", "created", "where", "backend", "program", "status", "tags")
_WIDTH = 24
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_warned: set[str] = set()


class _NoAccountError(ServiceError):
    """There is nobody to ask: the package is not installed, or no account is saved."""


class ServiceJobList(JobList):
    """Jobs of a project and of a service; prints as a table, in a terminal and in a notebook.

    Printing asks the service for the status of each job of its own that is not known to be over.
    """

    head = _HEAD
    right = ()

    def _rows(self) -> Iterator[tuple[str, ...]]:
        return map(_row, list.__iter__(self))


def _row(item: Any) -> tuple[str, ...]:
    """What is printed of a run or job."""
    run = _run(item)
    created = _asked(lambda: format_time(_created(item).isoformat()))
    if run is not None:
        backend, tags = run.record.config.backend_name or "", run.tags
        return _line(run.job_id, created, "project", backend, run.program, run.outcome, tags)
    backend, status = _asked(lambda: item.backend().name), _asked(lambda: str(item.status()).lower())
    return _line(item.job_id(), created, "service", backend, item.primitive_id, status, item.tags or ())


def _line(job_id: str, *columns: Any) -> tuple[str, ...]:
    *others, tags = columns
    return cut(job_id, 36), *others, cut(", ".join(tags), _WIDTH)


def _run(item: Any) -> Run | None:
    """The run of a local job, whether that has been made or not."""
    run = item if isinstance(item, Run) else getattr(item, "run", None)
    return run if isinstance(run, Run) else None


def _asked(question: Callable[[], Any]) -> str:
    """What the service answers; a table is printed even if it does not."""
    try:
        return str(question())
    except Exception:  # noqa: BLE001  (whatever the network does, printing must not raise)
        return "?"


def _created(item: Any) -> datetime.datetime:
    """When a job was submitted, UTC."""
    run = _run(item)
    when = item.creation_date if run is None else datetime.datetime.fromisoformat(run.created)
    moment: datetime.datetime = when.astimezone(datetime.UTC)
    return moment


def remote_jobs(bridge: Bridge, service: Any, limit: int | None, skip: int, **given: Any) -> ServiceJobList:
    """Jobs of a service.

    Args:
        bridge: Of the project, for the list.
        service: A ``QiskitRuntimeService``; ``None``: that of the saved account.
        limit: How many at most; ``None`` for all.
        skip: How many to leave out first.
        **given: Further arguments of ``QiskitRuntimeService.jobs``.

    Raises:
        InvalidInputError: An argument cannot be used.
        ServiceError: The service could not be asked; the message says what to do.
    """
    _check_page(limit, skip)
    connected = _connected(service)
    if limit == 0:  # which the service takes for no limit
        return ServiceJobList(bridge, [])
    for name in ("created_after", "created_before"):
        if given.get(name) is not None:
            given[name] = _utc(given[name], is_end=name == "created_before")
    if not given.get("include_mocks"):
        given.pop("include_mocks", None)  # older versions do not know it
    enough = None if limit is None else limit + skip  # asked to skip more jobs than it has, the service asks for ever
    with translated():
        return ServiceJobList(bridge, connected.jobs(limit=enough, skip=0, **given)[skip:])


def all_jobs(
    project: Project, service: Any, limit: int | None, skip: int, *, descending: bool, **given: Any
) -> ServiceJobList:
    """Jobs of a project and of a service, by creation date; one that is in both is that of the project.

    Args:
        project: The project.
        service: A ``QiskitRuntimeService``; ``None``: that of the saved account, if there is one.
        limit: How many at most; ``None`` for all.
        skip: How many to leave out first.
        descending: Newest first.
        **given: Further arguments of ``QiskitRuntimeService.jobs``.

    Raises:
        InvalidInputError: An argument cannot be used.
        ServiceError: The service that was given could not be asked.

    Warns:
        UserWarning: There is no account, or its service could not be asked; once a process for each reason.
    """
    _check_page(limit, skip)
    enough = None if limit is None else limit + skip
    given["descending"] = descending
    local = project.jobs(enough, 0, **{name: value for name, value in given.items() if name != "include_mocks"})
    found: list[Any] = list(list.__iter__(local))  # runs, of which jobs are made when somebody looks at them
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
    """The job of an id: of the project, where the beginning of an id is enough, else of a service.

    Args:
        project: The project.
        service: A ``QiskitRuntimeService``; ``None``: that of the saved account, if there is one.
        job_id: The id.

    Raises:
        NotFoundError: Neither has it; the message lists near ones.
        ServiceError: The project does not have it, and the service could not be asked.
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
        kind = f"{type(service).__module__}.{type(service).__qualname__}"
        hint = "; local testing mode keeps no jobs" if "LocalService" in kind else ""
        raise InvalidInputError(f"service: a QiskitRuntimeService is expected, found {kind}{hint}")
    return service


@functools.lru_cache(maxsize=1)
def _own_service(_pid: int) -> Any:
    """The service of the saved account; making one asks the network several times, so it is kept."""
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
    """Exceptions of the service become ours within the block.

    Raises:
        NotFoundError: There is no such job.
        InvalidInputError: The service refuses an argument.
        ServiceError: It did not answer.
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
    """A time as the service understands it: the clock of another zone it would take for the local one.

    Args:
        when: What `span_of` reads.
        is_end: Whether the last moment of it is meant, and not the first.
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
