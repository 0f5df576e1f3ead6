"""Simulators and primitives of Aer whose runs are archived, and archived jobs and results; loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aerchive.aer.again.recompute import Recomputed
    from aerchive.aer.again.reproduce import ReproduceReport
    from aerchive.aer.archived.job import ArchivedJob, ArchivedPrimitiveJob
    from aerchive.aer.archived.result import ArchivedResult
    from aerchive.aer.errors import AerJobError
    from aerchive.aer.running.job import ArchivingJob
    from aerchive.aer.running.primitives import ArchivingPrimitiveJob, EstimatorV2, SamplerV2
    from aerchive.aer.running.simulator import AerSimulator, archiving

_HOME = {
    "AerJobError": "errors",
    "AerSimulator": "running.simulator",
    "ArchivedJob": "archived.job",
    "ArchivedPrimitiveJob": "archived.job",
    "ArchivedResult": "archived.result",
    "ArchivingJob": "running.job",
    "ArchivingPrimitiveJob": "running.primitives",
    "EstimatorV2": "running.primitives",
    "Recomputed": "again.recompute",
    "ReproduceReport": "again.reproduce",
    "SamplerV2": "running.primitives",
    "archiving": "running.simulator",
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
    "Recomputed",
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
