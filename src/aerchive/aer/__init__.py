"""Live objects of Aer whose runs are kept, and archived ones that behave like them; loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aerchive.aer.archived_job import ArchivedJob
    from aerchive.aer.archived_primitive_job import ArchivedPrimitiveJob
    from aerchive.aer.archived_result import ArchivedResult
    from aerchive.aer.errors import AerJobError
    from aerchive.aer.job import ArchivingJob
    from aerchive.aer.primitives import ArchivingPrimitiveJob, EstimatorV2, SamplerV2
    from aerchive.aer.rerun import ReproduceReport
    from aerchive.aer.simulator import AerSimulator, archiving

_HOME = {
    "AerJobError": "errors",
    "AerSimulator": "simulator",
    "ArchivedJob": "archived_job",
    "ArchivedPrimitiveJob": "archived_primitive_job",
    "ArchivedResult": "archived_result",
    "ArchivingJob": "job",
    "ArchivingPrimitiveJob": "primitives",
    "EstimatorV2": "primitives",
    "ReproduceReport": "rerun",
    "SamplerV2": "primitives",
    "archiving": "simulator",
}

__all__ = [
    "AerJobError",
    "AerSimulator",
    "ArchivedJob",
    "ArchivedPrimitiveJob",
    "ArchivedResult",
    "ArchivingJob",
    "ArchivingPrimitiveJob",
    "EstimatorV2",
    "ReproduceReport",
    "SamplerV2",
    "archiving",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"aerchive.aer.{_HOME[name]}"), name)
    raise AttributeError(f"module 'aerchive.aer' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
