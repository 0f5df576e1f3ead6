"""Handles of runs that were moved, merged, deleted or replaced: they find their run again, or say that it is gone."""

from __future__ import annotations

import fcntl
import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from qiskit import QuantumCircuit

import aerchive
from aerchive.aer import AerSimulator
from aerchive.errors import NotFoundError, TransactionError
from aerchive.project.project import Project
from aerchive.project.run import Run
from tests.holding import held


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "project.h5"


def simulate(path: Path, angle: float, name: str | None = None) -> Run:
    circuit = QuantumCircuit(10)
    for qubit in range(10):
        circuit.ry(angle + qubit, qubit)
    circuit.save_statevector()
    job = AerSimulator(project=path, method="statevector").run(circuit, name=name)
    job.result()
    return job.run


@pytest.fixture
def pending(path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run in a pending file."""
    monkeypatch.setenv("AERCHIVE_LOCK_TIMEOUT", "0.05")
    simulate(path, 0.1)
    with held(path, fcntl.LOCK_EX):
        run = simulate(path, 0.2, "waits")
    assert run.in_pending_file
    assert run.durable
    return run


def test_handles_outlive_the_merge_of_a_pending_file(path: Path, pending: Run) -> None:
    array = pending.array("statevector")
    values = array[:]
    copied = pickle.loads(pickle.dumps(array))
    job = pending.job()
    simulate(path, 0.3)  # merges
    assert list(path.parent.glob("*pending*")) == []

    assert np.array_equal(array[:], values)
    assert np.array_equal(copied[5:9], values[5:9])
    assert np.array_equal(pending.array("statevector")[:], values)
    assert np.array_equal(np.asarray(job.result().get_statevector()), values)
    assert pending.name == "waits"
    assert not pending.in_pending_file


def test_a_pending_run_is_labelled_once_it_is_in_its_project(path: Path, pending: Run) -> None:
    with (
        held(path, fcntl.LOCK_EX),
        pytest.raises(TransactionError, match="is in a spool beside the project; change it once it is in there"),
    ):
        pending.add_tags("early")
    pending.add_tags("late")  # merges

    assert pending.tags == ("late",)
    assert aerchive.open(path)[pending.job_id].tags == ("late",)


def test_a_deleted_run_is_gone_and_its_handles_say_so(path: Path) -> None:
    run = simulate(path, 0.1)
    other = simulate(path, 0.2)
    array = run.array("statevector")
    project = aerchive.open(path)
    project.delete_job(run.job_id)

    gone = f"{path}: run {run.job_id} is not in the project any more"
    fresh = Run(project, run.path, job_id=run.job_id)
    for read in (lambda: array[0], lambda: fresh.record, fresh.counts, fresh.circuits, run.circuits):
        with pytest.raises(NotFoundError) as caught:
            read()
        assert str(caught.value) == gone
    assert run.job_id not in project
    assert [r.job_id for r in project] == [other.job_id]
    assert len(project) == 1
    assert [job.job_id() for job in project.jobs()] == [other.job_id]
    with pytest.raises(NotFoundError, match=f"no run with id '{run.job_id}'"):
        project.job(run.job_id)
    with pytest.raises(NotFoundError, match=f"no run with id '{run.job_id}'"):
        project.delete_job(run.job_id)
    with pytest.raises(NotFoundError, match=f"no run with id '{run.job_id}'"):
        run.add_tags("no")
    assert project.verify().ok


def test_the_bytes_of_a_deleted_run_are_never_used_again(path: Path) -> None:
    """Whoever found the place of a chunk before reads the old values, or is refused: never those of another run."""
    run = simulate(path, 0.1)
    array = run.array("statevector")
    values = array[:]
    with h5py.File(path) as file:
        dataset = file[run.path]["statevector"].id
        chunk = dataset.get_chunk_info(0)
    stored = path.read_bytes()[chunk.byte_offset : chunk.byte_offset + chunk.size]
    with array._run.open() as (session, group):
        plan = group.plan("statevector", run.run_uuid)
        fd = session.detach()
    project = aerchive.open(path)
    project.delete_job(run.job_id)
    for angle in range(5):
        simulate(path, angle)

    try:
        assert np.array_equal(plan.read(fd), values)
    finally:
        os.close(fd)
    assert path.read_bytes()[chunk.byte_offset : chunk.byte_offset + chunk.size] == stored
    with pytest.raises(NotFoundError, match="is not in the project any more"):
        array[0]
    with h5py.File(path) as file:
        assert len(file["deleted"]) == 1
    assert project.verify().ok


def test_a_deleted_run_may_be_saved_again(path: Path, tmp_path: Path) -> None:
    project = aerchive.open(path)
    run = simulate(tmp_path / "other.h5", 0.1)
    job = run.job()
    first = project.save(job)
    array = first.array("statevector")
    values = array[:]
    project.delete_job(job.job_id())
    second = project.save(job)

    assert np.array_equal(second.array("statevector")[:], values)
    with pytest.raises(NotFoundError) as caught:
        array[0]
    assert str(caught.value).endswith(f"is another run of job {job.job_id()} now; ask the project for it again")
    project.delete_job(job.job_id())
    assert len(project) == 0
    assert project.verify().ok


def test_a_path_that_belongs_to_another_run_now_is_not_read(path: Path) -> None:
    one, two = simulate(path, 0.1), simulate(path, 0.2)
    project = aerchive.open(path)

    astray = Run(project, two.path, job_id=one.job_id)

    assert astray.record == one.record
    assert astray.path == one.path


def test_another_project_under_the_same_name_is_not_taken_for_the_first(path: Path, tmp_path: Path) -> None:
    run = simulate(path, 0.1)
    array = run.array("statevector")
    other = tmp_path / "other.h5"
    simulate(other, 0.2)
    other.replace(path)

    with pytest.raises(NotFoundError, match=f"run {run.job_id} is not in the project any more"):
        array[0]
    path.unlink()
    with pytest.raises(NotFoundError, match="no such project"):
        array[0]


def test_a_handle_opened_before_ten_commits_reads_after_them(path: Path) -> None:
    run = simulate(path, 0.1)
    array, lazy = run.array("statevector"), aerchive.open(path).job(run.job_id).result()
    values = array[:]
    for angle in range(10):
        simulate(path, angle)

    assert np.array_equal(array[:], values)
    assert np.array_equal(np.asarray(lazy.get_statevector()), values)


def test_deleting_needs_a_project_open_for_writing(path: Path) -> None:
    run = simulate(path, 0.1)
    with pytest.raises(aerchive.ReadOnlyError, match="open for reading"):
        aerchive.open(path, "r").delete_job(run.job_id)
    assert run.job_id in Project(run._home.file, "r", run._home.bridge)
