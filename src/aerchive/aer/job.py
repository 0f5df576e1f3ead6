"""A live job whose run is archived before ``result()`` returns."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from qiskit_aer.jobs import AerJob

from aerchive.errors import ArchiveWarning, NotFoundError
from aerchive.project.run import Run


@dataclass
class ArchiveNote:
    """What became of a job's archiving; written where the job ends, read where somebody asks for its result.

    Attributes:
        run: The archived run.
        problem: Why there is none, or what is missing in it, for a warning.
        failure: Raised from ``result()``, if that is what the settings say.
    """

    run: Run | None = None
    problem: str | None = None
    failure: Exception | None = None


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
        self._reported = False

    @property
    def run(self) -> Run:
        """The archived run.

        Raises:
            NotFoundError: It is not archived yet, or could not be; the message says which.
        """
        if self._note.run is None:
            why = self._note.problem or "it has not finished yet: wait for result()"
            raise NotFoundError(f"job {self.job_id()} is not in the project: {why}")
        return self._note.run

    def result(self, timeout: float | None = None) -> Any:
        """The result, as ``AerJob.result`` gives it; arguments and exceptions are the same.

        Args:
            timeout: How long to wait, in seconds.

        Warns:
            ArchiveWarning: The run, or some value of it, could not be archived; once a job.
        """
        try:
            result = super().result(timeout=timeout)
        except BaseException as error:
            try:
                self._report(may_raise=False)
            except ArchiveWarning as warning:  # where warnings are errors; the job's own one goes first
                error.add_note(str(warning))
            raise
        self._report(may_raise=True)
        return result

    def _report(self, *, may_raise: bool) -> None:
        note = self._note
        if note.problem is None or self._reported:
            return
        self._reported = True
        if may_raise and note.failure is not None:
            raise note.failure
        warnings.warn(note.problem, ArchiveWarning, stacklevel=3)
