"""Archiving one call of a primitive, from the simulator that the primitive uses.

A primitive runs in a separate thread and calls ``backend.run`` there. Aer's and Qiskit's own classes do not use
aerchive; so the simulator finds out which primitive called it (decision 0007), and the result is archived before the
primitive's job returns it.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import logging
import sys
import threading
import time
import types
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import thread as pool_thread
from typing import Any

from qiskit.primitives import BaseEstimatorV2, BasePrimitiveJob, BaseSamplerV2
from qiskit.result import Result

from aerchive.aer.capturing.capture import draft_failed, draft_of_primitive, used_by
from aerchive.aer.capturing.primitive import submitted_pubs
from aerchive.aer.running.archive import Archive
from aerchive.aer.running.job import ArchiveNote
from aerchive.codecs.circuits.qpy_versions import written_as
from aerchive.models.labels import RunLabels
from aerchive.private_names import private_if_any
from aerchive.project.project import Project
from aerchive.settings import Settings
from aerchive.times import now

logger = logging.getLogger("aerchive")

_POOL_CODE = pool_thread._WorkItem.run.__code__
_JOB_PATIENCE_S = 5.0
"""Longest time to wait, in seconds, until the thread that made a primitive's job has put the future into it."""


class PrimitiveCall:
    """One call of a primitive, archived when it ends; the runs that it starts have it as their parent.

    Args:
        primitive: A ``SamplerV2`` or ``EstimatorV2``.
        pubs: The pubs as the primitive coerced them.
        job_id: Id of the primitive's job.
        project: The project in which the call is archived.
        settings: The settings in force.
        note: Receives the outcome of archiving.
        created: Time of submission, UTC.
        labels: Labels that were given with the call.
    """

    def __init__(
        self,
        primitive: Any,
        pubs: Sequence[Any],
        job_id: str,
        project: Project,
        settings: Settings,
        note: ArchiveNote,
        created: str,
        labels: RunLabels,
    ) -> None:
        self.job_id = job_id
        self.note = note
        version = project.qpy_version()
        with written_as(version):
            submitted = submitted_pubs(primitive, pubs, job_id, created, labels)
        self._archive = Archive(project, submitted, settings, note, project.compression(), version)
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

    def failed(self, error: BaseException) -> None:
        """Archives the exception that the call raised."""
        self._archive.store(draft_failed, error, started=self._started)


class _Active(threading.local):
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
    if _active.call is not None or threading.current_thread() is threading.main_thread():
        return _active.call is not None
    return hasattr(getattr(_work_item(), "future", None), "_aerchive_call")


def calling_primitive(project: Project, settings: Settings, labels: RunLabels) -> PrimitiveCall | None:
    """The call of the primitive for which the calling thread works, or ``None``.

    Args:
        project: The project in which the call of a primitive that does not use aerchive is archived.
        settings: The settings in force.
        labels: Labels for the run of such a primitive.
    """
    if _active.call is not None or threading.current_thread() is threading.main_thread():
        return _active.call
    item = _work_item()
    if item is None:
        return None
    function, arguments = _task(item)
    primitive = getattr(function, "__self__", None)
    if not isinstance(primitive, BaseSamplerV2 | BaseEstimatorV2) or not arguments:
        return None
    known: PrimitiveCall | None = getattr(item.future, "_aerchive_call", None)
    if known is not None:
        return known
    note = ArchiveNote(is_reported_by_result=False)
    try:
        job_id = _job_id(item.future)
        call = PrimitiveCall(primitive, arguments[0], job_id, project, settings, note, now(), labels)
    except Exception as error:
        logger.error("a run of %s is not archived: %s", type(primitive).__qualname__, error)
        logger.debug("a run of %s is not archived", type(primitive).__qualname__, exc_info=error)
        return None
    item.future._aerchive_call = call
    item.future.set_result = functools.partial(_archive_first, call.finished, note, item.future.set_result)
    item.future.set_exception = functools.partial(_archive_first, call.failed, note, item.future.set_exception)
    return call


def _archive_first(
    archive: Callable[[Any], None], note: ArchiveNote, set_outcome: Callable[[Any], None], outcome: Any
) -> None:
    archive(outcome)
    note.log()
    set_outcome(outcome)


def _work_item() -> Any:
    """The work item that the calling thread of a pool executes, or ``None``."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not _POOL_CODE:
        frame = frame.f_back
    return None if frame is None else frame.f_locals.get("self")


def _task(item: Any) -> tuple[Any, Sequence[Any]]:
    """Function and arguments of a work item; Python 3.14 keeps them in one attribute."""
    if hasattr(item, "task"):
        return item.task[0], item.task[1]
    return item.fn, item.args


def _job_id(future: Future[Any]) -> str:
    """The id of the primitive's job that waits for a future; the job is found among the objects that refer to it."""
    end = time.monotonic() + _JOB_PATIENCE_S
    while True:
        for owner in _owners(future):
            if isinstance(owner, BasePrimitiveJob) and private_if_any(owner, "_future") is future:
                return str(owner.job_id())
        if time.monotonic() > end:
            logger.warning("a primitive's job is not to be found; it is archived under an id of its own")
            return str(uuid.uuid4())
        time.sleep(0.001)


def _owners(value: Any) -> Iterator[Any]:
    for one in gc.get_referrers(value):
        yield one
        if type(one) is dict:
            yield from gc.get_referrers(one)
