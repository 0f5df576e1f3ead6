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
from aerchive.private_names import private
from aerchive.project.run import Run

logger = logging.getLogger("aerchive")

_MOST_LINES = 10
"""Largest number of problems that are printed when the program ends."""


@dataclass
class ArchiveNote:
    """The outcome of archiving a job; written when the job ends, read when its result is requested.

    Attributes:
        run: The archived run.
        problem: The reason why there is no run, or what is missing in it, for a warning.
        failure: The exception that ``result()`` raises, if the settings ask for it.
        above: The note of the primitive to which the job belongs; problems are reported by the primitive's job.
        commit: Commits the run if it waits for that of the primitive; ``None``: it does not wait.
        is_reported_by_result: Whether the job's ``result()`` reports problems; the job of a stock primitive does not.
    """

    run: Run | None = None
    problem: str | None = None
    failure: Exception | None = None
    above: ArchiveNote | None = None
    commit: Callable[[], None] | None = None
    is_reported_by_result: bool = True
    _reported: bool = field(default=False, init=False, repr=False)

    def add_problem(self, problem: str, failure: Exception | None = None) -> None:
        """Records a problem in this note and in that of the primitive.

        Args:
            problem: Description of the problem.
            failure: The exception that is to be raised; ``None`` for a warning.
        """
        self.problem = problem if self.problem is None else f"{self.problem}; {problem}"
        self.failure = self.failure or failure
        if self.above is not None:
            self.above.add_problem(problem, failure)
        else:
            _unreported[id(self)] = self

    def log(self) -> None:
        """Writes a problem into the log, if the job's ``result()`` does not report it."""
        if self.problem is not None and not self.is_reported_by_result:
            logger.error("%s", self.problem)
            self._mark_reported()

    def _mark_reported(self) -> None:
        self._reported = True
        _unreported.pop(id(self), None)

    def run_of(self, job_id: str) -> Run:
        """The archived run.

        Args:
            job_id: Id of the job, for the message.

        Raises:
            NotFoundError: The run is not archived yet, or could not be archived; the message says which.
        """
        if self.run is None and self.commit is not None:
            self.commit()
        if self.run is None:
            why = self.problem or "it has not finished yet: wait for result()"
            raise NotFoundError(f"job {job_id} is not in the project: {why}")
        return self.run

    def report(self, result: Callable[[], Any]) -> Any:
        """Returns the result of a job, and reports once what could not be archived.

        Args:
            result: Function that returns the result, or raises the exception of the job.

        Warns:
            ArchiveWarning: The run, or some value of it, could not be archived.
        """
        try:
            value = result()
        except BaseException as error:
            try:
                self._warn()
            except ArchiveWarning as warning:  # warnings are errors here; the exception of the job takes precedence
                error.add_note(str(warning))
            raise
        if not self._reported and self.failure is not None and self.above is None:
            self._mark_reported()
            raise self.failure
        self._warn()
        return value

    def _warn(self) -> None:
        if self.problem is None or self._reported or self.above is not None:
            return
        self._mark_reported()
        warnings.warn(self.problem, ArchiveWarning, stacklevel=4)


_unreported: dict[int, ArchiveNote] = {}
"""Notes with a problem that the user has not seen yet."""


def _report_at_exit() -> None:
    """Prints what could not be archived of jobs whose result the program has not requested."""
    problems = [note.problem for note in _unreported.values() if note.problem is not None]
    lines = [f"aerchive: {clean(problem)}" for problem in problems[:_MOST_LINES]]
    if len(problems) > _MOST_LINES:
        lines.append(f"aerchive: and so it was with {len(problems) - _MOST_LINES} more jobs")
    with contextlib.suppress(AttributeError, OSError, ValueError):  # standard error may be closed already
        sys.stderr.write("".join(f"{line}\n" for line in lines))


atexit.register(_report_at_exit)
os.register_at_fork(after_in_child=_unreported.clear)


class ArchivingJob(AerJob):
    """An ``AerJob`` whose run is archived.

    ``result()`` gives the stock ``Result`` that Aer made; when it returns, the run is in the project.

    Args:
        *arguments: Positional arguments of ``AerJob``.
        note: Receives the outcome of archiving.
        **keywords: Keyword arguments of ``AerJob``.
    """

    def __init__(self, *arguments: Any, note: ArchiveNote, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._note = note

    @property
    def run(self) -> Run:
        """The archived run.

        Raises:
            NotFoundError: The run is not archived yet, or could not be archived; the message says which.
        """
        return self._note.run_of(self.job_id())

    def submit(self) -> None:
        """Submits the job; while the interpreter ends and no thread accepts work any more, runs it at once.

        Thus a primitive also completes if its script does not wait for it.
        """
        try:
            super().submit()
        except RuntimeError:  # the executor does not accept new work
            self._future = self._run_here()

    def _run_here(self) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            names = ("_fn", "_circuits", "_parameter_binds", "_run_options", "_job_id")
            simulate, *given = (private(self, name) for name in names)
            future.set_result(simulate(*given))
        except BaseException as error:  # noqa: BLE001  (as the executor does; ``result`` raises it)
            future.set_exception(error)
        return future

    def result(self, timeout: float | None = None) -> Any:
        """The result, as ``AerJob.result`` gives it; arguments and exceptions are the same.

        Args:
            timeout: Longest time to wait, in seconds; ``None``: no limit.

        Warns:
            ArchiveWarning: The run, or some value of it, could not be archived; the warning is given once for each job.
        """
        return self._note.report(functools.partial(super().result, timeout=timeout))
