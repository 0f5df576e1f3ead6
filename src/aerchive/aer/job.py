"""A live job whose run is archived before ``result()`` returns."""

from __future__ import annotations

import warnings
from typing import Any

from qiskit_aer.jobs import AerJob

from aerchive.errors import ArchiveWarning, NotFoundError
from aerchive.project.run import Run


class ArchivingJob(AerJob):
    """An ``AerJob`` that knows the run it became.

    ``result()`` gives the stock ``Result`` that Aer made; when it returns, the run is in the project.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._run: Run | None = None
        self._problem: str | None = None
        self._failure: Exception | None = None
        self._reported = False

    @property
    def run(self) -> Run:
        """The archived run.

        Raises:
            NotFoundError: It is not archived yet, or could not be; the message says which.
        """
        if self._run is None:
            why = self._problem or "it has not finished yet: wait for result()"
            raise NotFoundError(f"job {self.job_id()} is not in the project: {why}")
        return self._run

    def note_archived(self, run: Run, problem: str | None) -> None:
        """Called where the job ended, when its run is in the project; ``problem`` names what is missing in it."""
        self._run = run
        self._problem = problem

    def note_not_archived(self, problem: str, failure: Exception | None) -> None:
        """Called where the job ended, when its run could not be archived.

        Args:
            problem: Why, for a warning.
            failure: Raised from ``result()``, if that is what the settings say.
        """
        self._problem = problem
        self._failure = failure

    def result(self, timeout: float | None = None) -> Any:
        """The result, as ``AerJob.result`` gives it; arguments and exceptions are the same.

        Args:
            timeout: How long to wait, in seconds.

        Warns:
            ArchiveWarning: The run, or some value of it, could not be archived; once a job.
        """
        try:
            result = super().result(timeout=timeout)
        except BaseException:
            self._report(may_raise=False)
            raise
        self._report(may_raise=True)
        return result

    def _report(self, *, may_raise: bool) -> None:
        if self._problem is None or self._reported:
            return
        self._reported = True
        if may_raise and self._failure is not None:
            raise self._failure
        warnings.warn(self._problem, ArchiveWarning, stacklevel=3)
