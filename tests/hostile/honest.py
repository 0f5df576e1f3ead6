"""The honest project from which all hostile files are made: real jobs of Aer, with fixed ids, times and seeds."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_aer.noise import NoiseModel, depolarizing_error

import aerchive
from aerchive.aer.capturing.capture import KnownBackend, Submitted, draft_failed, draft_finished
from aerchive.models.labels import RunLabels
from aerchive.project.documents.draft import RunDraft
from tests.drafts import _PROVENANCE, project_at
from tests.small_chunks import small_chunks

DAY = "2026-11-22"
CHUNK_BYTES = 16 * 1024
JOBS = ("bell", "chunks", "noise", "binds", "flow", "amplitudes", "labels", "again", "failed", "last")
"""Job ids of the runs, in the order of their rows."""
WIDE_JOBS = tuple(f"wide-{number:03d}" for number in range(140))
"""Job ids of so many runs that trees, heaps and indices have several levels."""


def make_honest(path: Path, more: Sequence[str] = ()) -> None:
    """Writes the project.

    Args:
        path: Its path.
        more: Job ids of runs that are all alike, and follow the others.

    It has tables, arrays of one and of several chunks, shared circuits, a noise model, parameter binds, the side table
    of circuits, long texts, labels that were changed, attachments, a failed and a deleted run.
    """
    numbers = iter(range(1, 1000))
    with pytest.MonkeyPatch.context() as patch, small_chunks(CHUNK_BYTES):
        patch.setattr(uuid, "uuid4", lambda: uuid.uuid5(uuid.NAMESPACE_OID, f"uuid {next(numbers)}"))
        project = project_at(path)
        for number, name in enumerate(JOBS):
            project.archive(_draft(number, name))
        project.archive(_draft(10, "gone"))
        project["labels"].add_tags("changed")
        project.delete_job("gone")
        _attach(project)
        alike = _draft(11, "wide") if more else None
        for number, name in enumerate(more if alike else ()):
            created = f"{DAY}T22:{number // 60:02d}:{number % 60:02d}.000000Z"
            run_uuid = str(uuid.uuid5(uuid.NAMESPACE_OID, name))
            project.archive(dataclasses.replace(alike, job_id=name, created=created, run_uuid=run_uuid))
        project.close()


def _attach(project: aerchive.Project) -> None:
    """Attaches an array of several chunks, a text, a file and a document to a run, and an array to the project."""
    run, values = project["bell"], np.sin(np.arange(6000.0))
    run.attach("reference", values)
    run.attach("notes", "a note " * 300)
    run.attach("figure.svg", aerchive.AttachedFile("figure.svg", b"<svg/>" * 400))
    run.attach("fit", {"tau": 0.25, "points": values[:5]})
    project.attach("plan", values)


def _draft(number: int, name: str) -> RunDraft:
    created = f"{DAY}T21:30:{number:02d}.000000Z"
    submitted = Submitted(job_id=name, created=created, started=created, labels=_labels(name))
    if name == "failed":
        draft = draft_failed(submitted, ValueError("no such gate"))
    else:
        circuits, options, binds = _work(name)
        method = {} if "method" in options else {"method": "statevector"}
        backend = qiskit_aer.AerSimulator()
        given = {"shots": 20, "seed_simulator": 3 + number, **method, **options}
        job = backend.run(circuits, parameter_binds=binds, **given)
        result = job.result()
        _forget_times(result)
        result.job_id = name
        known = {"backend_name": "aer_simulator", "backend_version": "0.17", "backend_class": "qiskit_aer.AerSimulator"}
        submitted = dataclasses.replace(
            submitted,
            circuits=circuits,
            parameter_binds=binds,
            options=given,
            run_options=list(given),
            backend=KnownBackend(known),
        )
        draft = draft_finished(submitted, result)
    status = draft.status.model_copy(update={"finished": created, "traceback": None})
    run_uuid = str(uuid.uuid5(uuid.NAMESPACE_OID, name))
    return dataclasses.replace(draft, status=status, provenance=_PROVENANCE, run_uuid=run_uuid)


def _labels(name: str) -> RunLabels:
    if name == "labels":
        return RunLabels(name="named", tags=["a", "b"], notes="long note " * 4000, params={"x": 0.5, "kind": "test"})
    return RunLabels(name=name)


def _work(name: str) -> tuple[list[QuantumCircuit], dict[str, Any], Any]:
    circuit = QuantumCircuit(2, name=name)
    circuit.h(0)
    circuit.cx(0, 1)
    if name == "chunks":
        large = QuantumCircuit(12, name=name)
        for qubit in range(12):
            large.ry(0.3 + qubit / 7, qubit)
            large.rz(0.1 + qubit / 5, qubit)
        large.save_statevector()
        return [large], {"shots": 1}, None
    if name == "noise":
        model = NoiseModel()
        model.add_all_qubit_quantum_error(depolarizing_error(0.125, 1), ["h"])
        circuit.measure_all()
        return [circuit], {"noise_model": model, "method": "density_matrix"}, None
    if name == "binds":
        theta = Parameter("theta", uuid=uuid.UUID(int=5))
        circuit.rx(theta, 0)
        circuit.measure_all()
        return [circuit], {}, [{theta: [0.25, 0.5]}]
    if name == "flow":
        flow = QuantumCircuit(1, 1, name=name)
        flow.h(0)
        flow.measure(0, 0)
        with flow.if_test((flow.clbits[0], 1)):
            flow.x(0)
        flow.save_expectation_value(np.diag([1.0, -1.0]), [0], label="energy")
        return [flow], {"shots": 1}, None
    if name == "amplitudes":
        circuit.set_statevector([1, 0, 0, 0])
        circuit.append(depolarizing_error(0.25, 1).to_instruction(), [0])
        circuit.save_amplitudes([0, 3])
        circuit.save_density_matrix()
        return [circuit], {"shots": 1}, None
    circuit.save_statevector()
    circuit.measure_all()
    return [circuit], {"memory": name == "bell"}, None


def _forget_times(result: Any) -> None:
    """Sets all times that were measured to zero: they differ from run to run."""
    result.date = f"{DAY}T21:31:00.000000"
    for part in (result, *result.results):
        for mapping in (part.__dict__, part._metadata):
            _scrub(mapping)


def _scrub(tree: Any) -> None:
    for key, value in tree.items() if isinstance(tree, dict) else ():
        if isinstance(value, dict):
            _scrub(value)
        elif isinstance(value, float) and "time" in str(key):
            tree[key] = 0.0
        elif key in ("max_memory_mb", "max_gpu_memory_mb", "parallel_state_update", "omp_enabled"):
            tree[key] = type(value)(1)


if __name__ == "__main__":
    import sys

    make_honest(Path(sys.argv[1]))
    print(aerchive.open(sys.argv[1]).verify())
