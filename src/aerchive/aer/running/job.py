"""A live job whose run is archived before ``result()`` returns."""

from __future__ import annotations

import atexit
import contextlib
import functools
import logging
import os
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from qiskit_aer.jobs import AerJob

from aerchive.display.text import clean
from aerchive.errors import ArchiveWarning, NotFoundError
from aerchive.project.run import Run

logger = logging.getLogger("aerchive")

_MOST_LINES = 10
"""How many problems are named when the program ends."""


@dataclass
class ArchiveNote:
    """What became of a job's archiving; written where the job ends, read where somebody asks for its result.

    Attributes:
        run: The archived run.
        problem: Why there is none, or what is missing in it, for a warning.
        failure: Raised from ``result()``, if that is what the settings say.
        above: Of the primitive that the job belongs to: whoever waits for that one is told.
        is_heard: Whether the job's ``result()`` tells it; the job of a stock primitive knows nothing of it.
    """

    run: Run | None = None
    problem: str | None = None
    failure: Exception | None = None
    above: ArchiveNote | None = None
    is_heard: bool = True
    _reported: bool = field(default=False, init=False, repr=False)

    def tell(self, problem: str, failure: Exception | None = None) -> None:
        """Notes a problem, here and above.

        Args:
            problem: In words.
            failure: The error, if it is to be raised.
        """
        self.problem = problem if self.problem is None else f"{self.problem}; {problem}"
        self.failure = self.failure or failure
        if self.above is not None:
            self.above.tell(problem, failure)
        else:
            _untold[id(self)] = self

    def log(self) -> None:
        """Writes the problem, if there is one, into the log of a program whose jobs do not tell it."""
        if self.problem is not None and not self.is_heard:
            logger.error("%s", self.problem)
            self._is_told()

    def _is_told(self) -> None:
        self._reported = True
        _untold.pop(id(self), None)

    def run_of(self, job_id: str) -> Run:
        """The archived run.

        Args:
            job_id: Of the job, for the message.

        Raises:
            NotFoundError: It is not archived yet, or could not be; the message says which.
        """
        if self.run is None:
            why = self.problem or "it has not finished yet: wait for result()"
            raise NotFoundError(f"job {job_id} is not in the project: {why}")
        return self.run

    def report(self, result: Callable[[], Any]) -> Any:
        """What a job's ``result()`` gives; whoever waits for it is told, once, what could not be archived.

        Args:
            result: Gives the result, or raises what the job had raised.

        Warns:
            ArchiveWarning: The run, or some value of it, could not be archived.
        """
        try:
            value = result()
        except BaseException as error:
            try:
                self._warn()
            except ArchiveWarning as warning:  # where warnings are errors; the job's own one goes first
                error.add_note(str(warning))
            raise
        if not self._reported and self.failure is not None and self.above is None:
            self._is_told()
            raise self.failure
        self._warn()
        return value

    def _warn(self) -> None:
        if self.problem is None or self._reported or self.above is not None:
            return
        self._is_told()
        warnings.warn(self.problem, ArchiveWarning, stacklevel=4)


_untold: dict[int, ArchiveNote] = {}
"""Notes with a problem that the user has not seen yet."""


def _tell_at_end() -> None:
    """Writes what could not be archived, where the program has not asked for the job's result."""
    problems = [note.problem for note in _untold.values() if note.problem is not None]
    lines = [f"aerchive: {clean(problem)}" for problem in problems[:_MOST_LINES]]
    if len(problems) > _MOST_LINES:
        lines.append(f"aerchive: and so it was with {len(problems) - _MOST_LINES} more jobs")
    with contextlib.suppress(AttributeError, OSError, ValueError):  # there may be no standard error any more
        sys.stderr.write("".join(f"{line}\n" for line in lines))


atexit.register(_tell_at_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_untold.clear)


class ArchivingJob(AerJob):
    """An ``AerJob`` that knows the run it became.

    ``result()`` gives the stock ``Result`` that Aer made; when it returns, the run is in the project.

    Args:
        *arguments: As for ``AerJob``.
        note: Where the archiving says what became of it.
        **keywords: As for ``AerJob``.
    """

    def __init__(self, *arguments: Any, note: ArchiveNote, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._note = note

    @property
    def run(self) -> Run:
        """The archived run.

        Raises:
            NotFoundError: It is not archived yet, or could not be; the message says which.
        """
        return self._note.run_of(self.job_id())

    def submit(self) -> None:
        """Submits the job; at the end of the interpreter, when no thread takes work any more, runs it at once.

        So a primitive whose script does not wait for it ends as well.
        """
        try:
            super().submit()
        except RuntimeError:  # of the executor, which takes nothing more
            self._future = self._run_here()

    def _run_here(self) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(self._fn(self._circuits, self._parameter_binds, self._run_options, self._job_id))
        except BaseException as error:  # noqa: BLE001  (as the executor does; ``result`` raises it)
            future.set_exception(error)
        return future

    def result(self, timeout: float | None = None) -> Any:
        """The result, as ``AerJob.result`` gives it; arguments and exceptions are the same.

        Args:
            timeout: How long to wait, in seconds.

        Warns:
            ArchiveWarning: The run, or some value of it, could not be archived; once a job.
        """
        return self._note.report(functools.partial(super().result, timeout=timeout))
