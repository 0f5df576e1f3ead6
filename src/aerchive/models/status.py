"""What became of a run."""

from __future__ import annotations

from typing import Final, Literal

from aerchive.models.base import Document

Outcome = Literal["ok", "partial", "failed", "error", "cancelled", "lost", "running"]
WITHOUT_DATA: Final = frozenset({"lost", "running"})
"""Outcomes of runs that have not finished, or never will."""


class RunStatus(Document):
    """Status of a run. Times are UTC, ISO 8601 with microseconds and ``Z``.

    Attributes:
        outcome: ``ok``; ``partial``, some circuits failed; ``failed``, ``Result.success`` is False; ``error``, an
            exception; ``cancelled``; ``lost``, its process died; ``running``.
        message: Why it did not succeed.
        error_type: Module and class of the exception.
        traceback: Of the exception, formatted.
        submitted: When the job was handed over.
        started: When the simulator began with it.
        finished: When the result was there.
        seconds: From start to finish, wall time in seconds.
    """

    outcome: Outcome
    message: str | None = None
    error_type: str | None = None
    traceback: str | None = None
    submitted: str | None = None
    started: str | None = None
    finished: str | None = None
    seconds: float | None = None

    @property
    def has_data(self) -> bool:
        """Whether the run has finished: one that was lost may still turn up."""
        return self.outcome not in WITHOUT_DATA
