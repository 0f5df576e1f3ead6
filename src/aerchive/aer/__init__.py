"""Live objects of Aer whose runs are kept, and archived ones that behave like them; loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aerchive.aer.archived_job import ArchivedJob
    from aerchive.aer.archived_result import ArchivedResult
    from aerchive.aer.errors import AerJobError
    from aerchive.aer.job import ArchivingJob
    from aerchive.aer.rerun import ReproduceReport
    from aerchive.aer.simulator import AerSimulator

_HOME = {
    "AerJobError": "errors",
    "AerSimulator": "simulator",
    "ArchivedJob": "archived_job",
    "ArchivedResult": "archived_result",
    "ArchivingJob": "job",
    "ReproduceReport": "rerun",
}

__all__ = ["AerJobError", "AerSimulator", "ArchivedJob", "ArchivedResult", "ArchivingJob", "ReproduceReport"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"aerchive.aer.{_HOME[name]}"), name)
    raise AttributeError(f"module 'aerchive.aer' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
