"""Archiving one call of a primitive, from the simulator that the primitive uses.

A primitive runs in a separate thread and calls ``backend.run`` there. Aer's and Qiskit's own classes do not use
aerchive (decision 0007); so the job of a primitive notes in its thread for which job the thread works (decision 0023),
and the result is archived before the job returns it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import threading
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2, PrimitiveJob
from qiskit.result import Result

from aerchive.aer.capturing.capture import draft_failed, draft_of_primitive, used_by
from aerchive.aer.capturing.primitive import submitted_pubs
from aerchive.aer.running.archive import Archive, LastBeneath
from aerchive.aer.running.hooks import hook
from aerchive.aer.running.job import ArchiveNote
from aerchive.codecs.circuits.qpy_versions import written_as
from aerchive.models.labels import RunLabels
from aerchive.private_names import private, set_private
from aerchive.project.project import Project
from aerchive.settings import Settings, load_settings
from aerchive.text import type_name
from aerchive.times import now

logger = logging.getLogger("aerchive")


class PrimitiveCall:
    """One call of a primitive, archived when it ends; the runs that it starts have it as their parent.

    Args:
        primitive: A ``SamplerV2`` or ``EstimatorV2``.
        pubs: The pubs as the primitive coerced them; ``None`` if they are not known.
        job_id: Id of the primitive's job.
        project: The project in which the call is archived.
        settings: The settings in force.
        note: Receives the outcome of archiving.
        created: Time of submission, UTC.
        labels: Labels that were given with the call.
        beneath: Options of the simulator that the primitive's backend has called, if it is known already.
    """

    def __init__(
        self,
        primitive: Any,
        pubs: Sequence[Any] | None,
        job_id: str,
        project: Project,
        settings: Settings,
        note: ArchiveNote,
        created: str,
        labels: RunLabels,
        beneath: Mapping[str, Any] | None = None,
    ) -> None:
        self.job_id = job_id
        self.note = note
        version = project.qpy_version()
        with written_as(version):
            submitted = submitted_pubs(primitive, pubs, job_id, created, labels, beneath)
        self.project = project
        self.last_beneath = last = LastBeneath()
        self._archive = Archive(project, submitted, settings, note, project.compression(), version, beneath=last)
        self._started = now()
        self._used: dict[str, Any] = {}
        self._archive.begin()

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Makes runs of simulators in this thread belong to this call, within the block."""
        with _state(self):
            yield

    def record_settings(self, result: Result) -> None:
        """Records the settings that the first simulation of this call reports to have used."""
        self._used = self._used or used_by(result)

    def finished(self, result: Any) -> None:
        """Archives the result of the call."""
        self._archive.store(draft_of_primitive, result, self._used, started=self._started)
        self.note.log()

    def failed(self, error: BaseException) -> None:
        """Archives the exception that the call raised."""
        self._archive.store(draft_failed, error, started=self._started)
        self.note.log()


@dataclasses.dataclass
class _Work:
    """A job of a primitive for which a thread works.

    Attributes:
        job_id: Id of the job.
        primitive: The primitive.
        pubs: The pubs as the primitive coerced them; ``None`` if they are not known.
        call: The call of the primitive, as soon as one of its simulations is archived.
    """

    job_id: str
    primitive: Any
    pubs: Sequence[Any] | None
    call: PrimitiveCall | None = None


class _Active(threading.local):
    work: _Work | None = None
    call: PrimitiveCall | None = None
    is_off = False


_active = _Active()


@contextlib.contextmanager
def _state(call: PrimitiveCall | None, *, is_off: bool = False) -> Iterator[None]:
    before = _active.call, _active.is_off
    _active.call, _active.is_off = call, is_off
    try:
        yield
    finally:
        _active.call, _active.is_off = before


def not_archived() -> contextlib.AbstractContextManager[None]:
    """Turns archiving of runs of simulators in this thread off, within the block."""
    return _state(None, is_off=True)


def is_off() -> bool:
    """Whether `not_archived` is in force in this thread."""
    return _active.is_off


def is_in_primitive() -> bool:
    """Whether the calling thread works for a primitive whose call is known already."""
    return _active.call is not None


def job_of_thread() -> str | None:
    """The id of the primitive's job for which the calling thread works, or ``None``."""
    return None if _active.work is None else _active.work.job_id


def calling_primitive(
    project: Project, settings: Settings, labels: RunLabels, beneath: Callable[[], Mapping[str, Any]]
) -> PrimitiveCall | None:
    """The call of the primitive for which the calling thread works, or ``None``.

    Args:
        project: The project in which the call of a primitive that does not use aerchive is archived.
        settings: The settings in force.
        labels: Labels for the run of such a primitive.
        beneath: Function that gives the options of the simulator that the primitive's backend has called.
    """
    work = _active.work
    if _active.call is not None or work is None:
        return _active.call
    note = ArchiveNote(is_reported_by_result=False)
    try:
        work.call = _active.call = PrimitiveCall(
            work.primitive, work.pubs, work.job_id, project, settings, note, now(), labels, beneath()
        )
    except Exception as error:
        kind = type(work.primitive).__qualname__
        logger.error("a run of %s is not archived: %s", kind, error)
        logger.debug("a run of %s is not archived", kind, exc_info=error)
    return _active.call


class _Task:
    """The function of a primitive's job: the primitive's own method, with a note for which job the thread works.

    As the function of a bound method it is pickled and copied as the primitive's own method is.

    Args:
        function: The primitive's own method, not bound.
        job_id: Id of the job.

    Attributes:
        function: See above.
        job_id: See above.
    """

    def __init__(self, function: Any, job_id: str) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.job_id = job_id

    def __call__(self, primitive: Any, *arguments: Any, **keywords: Any) -> Any:
        pubs = arguments[0] if arguments and isinstance(arguments[0], list) else None
        before, work = _active.work, _Work(self.job_id, primitive, pubs)
        _active.work = work
        try:
            with _state(None, is_off=_active.is_off):
                result = self.function(primitive, *arguments, **keywords)
        except BaseException as error:
            if work.call is not None:
                work.call.failed(error)
            raise
        finally:
            _active.work = before
        if work.call is not None:
            work.call.finished(result)
        return result


_watchers: set[str] = set()
_lock = threading.RLock()
# so that in a child process the lock is never held by a thread that does not exist there
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def watch_jobs(reason: str, *, is_on: bool = True) -> None:
    """Has the jobs of primitives note in their threads for which job they work, as long as there is a reason.

    Args:
        reason: What needs the notes: ``simulator``, a simulator that archives; ``autosave``, a switch that is on.
        is_on: Whether this reason is there.
    """
    if (reason in _watchers) == is_on:
        return
    with _lock:
        (_watchers.add if is_on else _watchers.discard)(reason)
        hook(PrimitiveJob, "__init__", _around, is_wanted=bool(_watchers))


def _around(stock: Any) -> Any:
    @functools.wraps(stock)
    def init(self: Any, function: Any, *arguments: Any, **keywords: Any) -> None:
        stock(self, function, *arguments, **keywords)
        if _watchers:
            _note_job(self, function, has_arguments=bool(arguments))
            _name_if_lost(function, keywords.get("backend"))

    return init


def _name_if_lost(function: Any, backend: Any) -> None:
    """Logs that a job is not archived although its fake backend archives: it makes a simulator of its own for it.

    The executor of IBM's runtime does so in local mode.
    """
    is_archiving = isinstance(getattr(backend, "__dict__", {}).get("project"), Project) and "autosave" not in _watchers
    if is_archiving and not is_off() and load_settings().save_jobs:
        logger.error(
            "a job of %s is not archived: it does not simulate with its backend; aerchive.autosave archives its "
            "simulations",
            getattr(function, "__name__", type_name(type(function))),
        )


def _note_job(job: Any, function: Any, *, has_arguments: bool) -> None:
    """Has a new job of a primitive note for which job its thread works.

    A job without arguments whose function is that of another job stands for the other one, whose future it gets: the
    local mode of IBM's runtime makes such jobs. It gets the other's id, so that its run is found under its own.
    """
    primitive = getattr(function, "__self__", None)
    if not isinstance(primitive, BaseSamplerV2 | BaseEstimatorV2):
        return
    try:
        task = function.__func__
        if not isinstance(task, _Task):
            task = _Task(task, job.job_id())
        elif has_arguments:
            task = _Task(task.function, job.job_id())
        else:
            set_private(job, _job_id=task.job_id)
        private(job, "_function")
        set_private(job, _function=types.MethodType(task, primitive))
    except Exception as error:
        kind = type(primitive).__qualname__
        logger.error("a job of %s is not archived as a primitive's; its simulations are archived: %s", kind, error)
        logger.debug("a job of %s is not archived as a primitive's", kind, exc_info=error)
