"""Runs to save and to recognise: all of a run follows from its number, so a test that finds one knows its content."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from aerchive import layout
from aerchive.aer.opening import QiskitBridge
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.provenance import Provenance
from aerchive.models.run import RunRecord
from aerchive.models.status import RunStatus
from aerchive.project.documents.draft import RunDraft
from aerchive.project.project import Project, open_project
from aerchive.storage.chunks.drafts import DatasetDraft, ObjectDraft, text_dataset
from aerchive.testing.disks import UnsyncedDisk, using

Values = dict[str, tuple[str, tuple[int, ...], bytes]]
Model = dict[str, tuple[RunRecord, Values]]
"""What a project holds, by job id: documents and values."""

_COUNTS = np.dtype([("experiment", "<u4"), ("outcome", "S4"), ("bitstring", "S2"), ("count", "<i8")])
_PROVENANCE = Provenance(
    python="3", aerchive="1", numpy="2", h5py="3", hdf5="2", host="here", platform="any", cpu_count=1, cpu_available=1
)


def job_id(number: int) -> str:
    return f"job-{number:06d}"


def draft_of(number: int, *, extra_bytes: int = 0, day: int = 22, labels: RunLabels | None = None) -> RunDraft:
    """A small run.

    Args:
        number: From which all of it follows.
        extra_bytes: Of an array that no filter makes smaller.
        day: Of November 2026.
        labels: Of the run.
    """
    datasets = {
        "result": text_dataset(b'{"number":%d}' % number),
        "counts": DatasetDraft([np.array([(0, b"0x0", b"00", number), (0, b"0x3", b"11", 7)], _COUNTS)]),
        "statevector": DatasetDraft([np.exp(1j * np.arange(number, number + 90))], attributes={"kind": "statevector"}),
    }
    if extra_bytes:
        noise = np.random.default_rng(number).integers(0, 256, extra_bytes, dtype=np.uint8)
        datasets["noise"] = DatasetDraft([noise], attributes={"kind": "array"})
    return RunDraft(
        job_id=job_id(number),
        created=f"2026-11-{day:02d}T21:30:45.{number:06d}Z",
        config=RunConfig(backend_name="aer_simulator", num_circuits=1, options={"shots": 1000, "seed": number}),
        status=RunStatus(outcome="ok", seconds=number / 8),
        labels=labels or RunLabels(),
        provenance=_PROVENANCE,
        datasets=datasets,
        objects={"circuits": ObjectDraft("circuits", {"number": number % 3}, {"qpy": text_dataset(b"q" * 300)})},
        nbytes=sum(dataset.nbytes for dataset in datasets.values()),
        run_uuid=str(uuid.uuid5(uuid.NAMESPACE_OID, job_id(number))),
    )


def values_of(draft: RunDraft) -> Values:
    found: Values = {}
    for name, dataset in draft.datasets.items():
        (part,) = dataset.parts
        found[name] = type_name(part.dtype), part.shape, part.tobytes()
    return found


def type_name(dtype: np.dtype[Any]) -> str:
    return str([(name, dtype[name].str) for name in dtype.names] if dtype.names else dtype.str)


def model_of(drafts: Iterable[RunDraft]) -> Model:
    return {draft.job_id: (draft.record, values_of(draft)) for draft in drafts}


def relabelled(model: Model, job: str, labels: RunLabels) -> Model:
    record, values = model[job]
    return {**model, job: (record.model_copy(update={"labels": labels}), values)}


class DraftBridge(QiskitBridge):
    """Saves drafts as well as jobs."""

    def capture(self, source: Any, circuits: Any, options: Any) -> RunDraft:
        return source if isinstance(source, RunDraft) else super().capture(source, circuits, options)


def project_at(path: Path, mode: Any = "a", lock_timeout_s: float = 5.0) -> Project:
    return open_project(path, mode, DraftBridge(), lock_timeout_s)


def project_of(path: Path, drafts: Iterable[RunDraft]) -> Path:
    """Writes a project with these runs, each in a commit of its own; returns its path."""
    with using(UnsyncedDisk()):
        for draft in drafts:
            project_at(path).archive(draft)
    return path


def edit(path: Path) -> h5py.File:
    """A project, opened with h5py to be changed."""
    return h5py.File(path, "r+", libver=layout.LIBVER)


def run_groups(file: h5py.File) -> list[h5py.Group]:
    """The groups of the runs of `draft_of`, in order of their numbers; all are of one day."""
    (folder,) = file["runs"].values()
    return sorted(folder.values(), key=lambda run: (len(run.name), run.name))


def run_of(file: h5py.File, job: str) -> h5py.Group:
    """The group of the run with this job id."""
    (run,) = [run for day in file["runs"].values() for run in day.values() if run.attrs["job_id"] == job.encode()]
    return run
