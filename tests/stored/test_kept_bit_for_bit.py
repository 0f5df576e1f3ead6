"""Compaction, deletion with its way back, and copying keep every byte of whatever a project can hold."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import DensityMatrix, Statevector

import aerchive
from aerchive.aer import SamplerV2
from aerchive.errors import NotFoundError
from aerchive.project.care.verify import VerifyReport
from aerchive.project.project import Project
from tests.exact_bytes import Exact, exact_bytes
from tests.golden.description import describe
from tests.jobs import make_result, run_stock
from tests.small_chunks import small_chunks

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("v*/project.h5"))
HAS_RUNTIME = find_spec("qiskit_ibm_runtime") is not None
RANDOM = np.random.default_rng(5)


def copied(project: Project) -> Project:
    return project.copy(project.path.with_name("copy.h5"))


def compacted(project: Project) -> Project:
    project.compact(force=True)
    return project


def compacted_twice(project: Project) -> Project:
    project.compact(force=True)
    assert project.compact(force=True).generation == 3
    return project


def deleted_and_restored(project: Project) -> Project:
    ids = [run.job_id for run in project.runs(descending=False)]
    project.delete_jobs(ids)
    assert len(project) == 0
    for job_id in ids:
        if job_id not in project:  # not with the primitive above it already
            project.restore(job_id)
    return project


def compacted_meanwhile_deleted(project: Project) -> Project:
    """What is deleted does not count, and what is left is as it was."""
    extra = project.save(make_result("extra", array=np.arange(50_000.0)))
    project.delete_job(extra.job_id)
    project.compact(force=True)
    return project


WAYS: list[Callable[[Project], Project]] = [
    compacted,
    compacted_twice,
    compacted_meanwhile_deleted,
    deleted_and_restored,
    copied,
]


def content(path: Path) -> Exact:
    return exact_bytes(path, "objects", "runs")  # what runs share is named after the object


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.parent.name)
def test_every_encoding_that_was_released(way: Callable[[Project], Project], golden: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(golden, tmp_path))
    path.chmod(0o600)
    before, old = content(path), aerchive.open(path, "r")
    rows, problems = old.catalogue(), told_by(old.verify())

    project = way(aerchive.open(path))

    after = content(project.path)
    if way is compacted_meanwhile_deleted:  # its provenance is gone, too
        assert before.items() <= after.items()
    else:
        assert after == before
    assert same_rows(project.catalogue(), rows)
    assert told_by(project.verify()) == problems  # rows of that day may have other words for parameters


def told_by(report: VerifyReport) -> list[str]:
    return [problem.removeprefix(report.path) for problem in report.problems]


def same_rows(one: Any, other: Any) -> bool:
    columns = [name for name in one.dtype.names if name != "crc32"]
    return all(np.array_equal(one[name], other[name], equal_nan=name == "seconds") for name in columns)


# -- what is read


def vector(qubits: int) -> np.ndarray:
    """Smooth, so that compression and rounding have something to do."""
    values = np.exp(-(np.linspace(-4, 4, 2**qubits) ** 2)) * np.exp(1j * np.linspace(0, 9, 2**qubits))
    return np.asarray(values / np.linalg.norm(values))


def measured() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.measure_all()
    return circuit


def fill(project: Project) -> None:
    """Large and small arrays, in each profile, narrow and rounded; stacks; primitives; jobs of a service; labels."""
    noise = RANDOM.normal(size=(2, 30_000))
    with small_chunks(4096):
        for profile in ("portable", "none", "fast", "small"):
            data = {
                "psi": Statevector(vector(12)),
                "rho": DensityMatrix(np.outer(vector(6), vector(6).conj()).copy(order="F")),
                "narrow": np.arange(20_000, dtype=np.float64),
                "noise": noise,
                "sparse": np.where(np.arange(100_000) == 70_001, 1.0, 0.0),
                "empty": np.zeros((0, 3)),
            }
            project.save(make_result(f"arrays {profile}", **data), compression=profile, tags=profile)
        project.save(make_result("rounded", psi=Statevector(vector(13))), compression="small", max_infidelity=1e-9)
        project.save(make_result("product", psi=Statevector(vector(14))), max_infidelity=1e-9)
        project.save(make_result("structure", psi=Statevector(vector(16))), compression="structure")
        times = {f"t{time}": Statevector(vector(8) * np.exp(1j * time)) for time in (10, 3, 1)}
        project.save(make_result("stack", **times))
    project.save(run_stock(), name="stock", notes="first")
    SamplerV2(project=project.path).run([measured()], shots=9).result()
    if HAS_RUNTIME:
        cloud = import_module("tests.aer.cloud")
        service = cloud.Cloud()
        job_id = cloud.submit(service, "estimator", [(QuantumCircuit(1), "Z")], options={"seed": 7})
        service.end(job_id, "Completed", cloud.estimated(0.5))
        project.save(cloud.service_of(service).job(job_id), tags="cloud")
    stock = project.latest(name="stock")
    stock.add_tags("a", "b")
    stock.remove_tags("a")
    stock.annotate(notes="second", params={"x": [1, (2.5, "é")]})


def told(project: Project) -> dict[str, Any]:
    """Everything that is read of each run, as JSON that says all of it."""
    found: dict[str, Any] = {}
    for run in project.runs(descending=False):
        values = {
            f"{row.experiment} {row.label} {row.bind}": describe(run.value(row.label, row.experiment, bind=row.bind))
            for row in run.saved
        }
        found[run.job_id] = values, run.history, run.record.model_dump_json()
    return found


def test_all_that_is_read_is_what_it_was(project: Project, path: Path) -> None:
    fill(project)
    before, shown = content(path), told(project)
    stack = project["stack"].stack("t*")
    array = project["arrays small"].array("psi")
    gone = project["arrays none"].array("psi")
    wanted = np.asarray(stack).tobytes(), np.asarray(array).tobytes()
    kept = pickle.dumps((stack, array))
    chunks = [what[2] for what in before.values() if isinstance(what, tuple) and isinstance(what[2], list)]
    assert len({mask for found in chunks for _, mask, _ in found}) > 1, "only chunks of one kind"
    assert max(map(len, chunks)) > 20
    assert [len(history) for _, history, _ in shown.values() if history] == [3]

    project.delete_job("arrays none")
    project.compact(force=True)

    assert told(project) == {job_id: all_of_it for job_id, all_of_it in shown.items() if job_id != "arrays none"}
    assert content(path).items() <= before.items()
    assert project.verify().ok
    for stacked, other in ((stack, array), pickle.loads(kept)):
        assert (np.asarray(stacked).tobytes(), np.asarray(other).tobytes()) == wanted
    assert [run.record.config.service is not None for run in project.find(tags="cloud")] == [True] * HAS_RUNTIME
    with pytest.raises(NotFoundError) as caught:
        np.asarray(gone)
    assert str(caught.value) == f"{path}: run arrays none is not in the project any more"
