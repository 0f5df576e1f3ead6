"""The status of a run: its outcome, its errors and its times."""

from __future__ import annotations

from typing import Any, Final, Literal

from aerchive.models.base import Document

Outcome = Literal["ok", "partial", "failed", "error", "cancelled", "lost", "running"]
WITHOUT_DATA: Final = frozenset({"lost", "running"})
"""The outcomes of runs that have not finished or will never finish."""


class RunStatus(Document):
    """The status of a run. Times are UTC, ISO 8601 with microseconds and ``Z``.

    Attributes:
        outcome: The outcome: ``ok``; ``partial``, some circuits failed; ``failed``, ``Result.success`` is False;
            ``error``, an exception was raised; ``cancelled``; ``lost``, the process died; ``running``.
        message: The reason why the run did not succeed.
        error_type: The module and class of the exception.
        traceback: The formatted traceback of the exception.
        submitted: The time at which the job was submitted.
        started: The time at which the simulator began with the job.
        finished: The time at which the result was ready.
        seconds: The wall time from start to finish, in seconds.
        num_points: The number of points: experiments, or elements of the pubs of a primitive. Absent if there is no
            result, or if there are too many different labels or parameters.
        saved: The saved numbers by label, each ``None`` if the run has several points. Absent if it saved none.
        counts: The counts by bit string, if the run has one point and they are few; otherwise empty. Absent without
            counts.
    """

    outcome: Outcome
    message: str | None = None
    error_type: str | None = None
    traceback: str | None = None
    submitted: str | None = None
    started: str | None = None
    finished: str | None = None
    seconds: float | None = None
    num_points: int | None = None
    saved: dict[str, Any] | None = None
    counts: dict[str, int] | None = None

    @property
    def has_data(self) -> bool:
        """Whether the run has finished. The result of a lost run may still be found later."""
        return self.outcome not in WITHOUT_DATA
