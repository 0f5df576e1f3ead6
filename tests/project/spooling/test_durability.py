"""Runs that are committed together: when, by whom, and what is left when a process dies before."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit

import aerchive
from aerchive.aer import AerSimulator, SamplerV2
from aerchive.errors import ArchiveWarning, InvalidInputError
from aerchive.project.spooling import durability
from aerchive.storage.spools.spool import Spool
from tests import processes
from tests.holding import held
from tests.strict import differences


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "project.h5"


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is committed because of the time."""
    monkeypatch.setitem(durability._LONGEST_S, "batch", float("inf"))


def bell(*, state: bool = False, qubits: int = 2) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits)
    circuit.h(0)
    circuit.cx(0, 1)
    if state:
        circuit.save_statevector()
    circuit.measure_all()
    return circuit


def waiting_files(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f".{path.name}.waiting-*"))


@pytest.mark.parametrize("rule", ["batch", "exit"])
@pytest.mark.usefixtures("slow")
def test_a_run_waits_and_says_so(path: Path, rule: Any) -> None:
    simulator = AerSimulator(project=path, durability=rule)
    jobs = [simulator.run(bell(state=True), shots=10, seed_simulator=seed) for seed in range(5)]
    results = [job.result() for job in jobs]
    assert not path.exists()
    assert [job.run.durable for job in jobs] == [False] * 5
    (file,) = waiting_files(path)
    assert file.stat().st_size > 5000  # the payload is written before result() returns
    simulator.project.flush()
    assert [job.run.durable for job in jobs] == [True] * 5
    assert waiting_files(path) == []
    for job, result in zip(jobs, results, strict=True):
        assert job.run.counts() == result.get_counts()
        assert np.array_equal(job.run.array("statevector")[...], result.get_statevector().data)
    assert aerchive.open(path).verify().ok


@pytest.mark.usefixtures("slow")
def test_who_reads_in_this_process_sees_all(path: Path) -> None:
    simulator = AerSimulator(project=path, durability="exit")
    simulator.run(bell()).result()
    assert len(aerchive.open(path)) == 1  # another Project object
    job = simulator.run(bell())
    job.result()
    assert job.run.counts()  # its values, where it waits
    assert not job.run.durable
    simulator.run(bell()).result()
    assert len(simulator.project.jobs()) == 3


def test_after_a_while_it_is_committed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(durability._LONGEST_S, "batch", 0.05)
    job = AerSimulator(project=path, durability="batch").run(bell())
    job.result()
    processes.wait_until(lambda: job.run.durable)
    assert waiting_files(path) == []


@pytest.mark.usefixtures("slow")
def test_so_many_are_committed_together(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(durability._MOST_RUNS, "batch", 3)
    simulator = AerSimulator(project=path, durability="batch")
    jobs = [simulator.run(bell()) for _ in range(4)]
    for job in jobs:
        job.result()
    assert [job.run.durable for job in jobs] == [True, True, True, False]


@pytest.mark.usefixtures("slow")
def test_a_large_run_is_committed_at_once_and_takes_the_others_along(path: Path) -> None:
    simulator = AerSimulator(project=path, durability="batch")
    small, large = simulator.run(bell()), simulator.run(bell(state=True, qubits=17))
    small.result()
    large.result()
    assert small.run.durable
    assert large.run.durable


@pytest.mark.usefixtures("slow")
def test_saves_wait_and_transactions_do_not(path: Path) -> None:
    project = aerchive.open(path, durability="batch")
    result = AerSimulator(save_jobs=False).run(bell()).result()
    run = project.save(result, name="first")
    assert not run.durable
    with project.transaction():
        other = project.save(AerSimulator(save_jobs=False).run(bell()).result())
    assert other.durable
    assert run.name == "first"
    run.add_tags("later")  # needs it in the file
    assert run.durable
    assert run.tags == ("later",)


@pytest.mark.usefixtures("slow")
def test_primitives_wait_as_well(path: Path) -> None:
    backend = AerSimulator(project=path, durability="exit")
    job = SamplerV2.from_backend(backend).run([bell()])
    result = job.result()
    assert not job.run.durable
    assert differences(result, job.run.result()) == []
    assert len(job.run.children()) == 1


def test_the_rule_comes_from_argument_environment_or_default(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert AerSimulator(project=path).durability == "each"
    monkeypatch.setenv("AERCHIVE_DURABILITY", "exit")
    assert AerSimulator(project=path).durability == "exit"
    assert aerchive.open(path).durability == "exit"
    assert AerSimulator(project=path, durability="batch").durability == "batch"
    with pytest.raises(InvalidInputError, match=r"durability: Input should be 'each', 'batch' or 'exit'"):
        AerSimulator(project=path, durability="never")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="durability"):
        aerchive.open(path, durability="never")  # type: ignore[arg-type]


ENDS = """
    import os, sys
    from aerchive.aer import AerSimulator
    from qiskit import QuantumCircuit
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    simulator = AerSimulator(project=sys.argv[1], durability="exit")
    jobs = [simulator.run(circuit, shots=7) for _ in range(5)]
    for job in jobs[:3]:
        job.result()
    print(*[job.job_id() for job in jobs], flush=True)
    if len(sys.argv) > 2:
        os.kill(os.getpid(), int(sys.argv[2]))
"""


def test_at_the_end_of_the_process_all_are_committed(path: Path) -> None:
    ids = processes.run(ENDS, path).split()
    project = aerchive.open(path, "r")
    assert sorted(run.job_id for run in project) == sorted(ids)
    assert all(run.outcome == "ok" and run.durable for run in project)
    assert waiting_files(path) == []


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder of a process that was killed, and the ids of its three jobs whose result() had returned."""
    folder = tmp_path_factory.mktemp("killed")
    with processes.start(ENDS, folder / "project.h5", int(signal.SIGKILL)) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert len(waiting_files(folder / "project.h5")) == 1
    return folder, out.split()[:3]


@pytest.fixture
def finished(killed: tuple[Path, list[str]], path: Path) -> list[str]:
    """The same jobs, in a copy of that folder."""
    folder, ids = killed
    shutil.copytree(folder, path.parent, dirs_exist_ok=True)
    return ids


def test_what_a_killed_process_left_is_not_lost(path: Path, finished: list[str]) -> None:
    project = aerchive.open(path)
    before = {run.job_id: run.outcome for run in project}
    assert all(before[job_id] == "ok" for job_id in finished)
    assert not project[finished[0]].durable
    assert sum(project[finished[0]].counts().values()) == 7
    assert project[finished[0]].result().success
    assert len(project[finished[0]].circuits()) == 1
    with pytest.raises(aerchive.NotFoundError, match="is not in the project yet, but in"):
        _ = project[finished[0]].path
    AerSimulator(project=path).run(bell()).result()  # the next process that saves moves them
    for job_id in finished:
        run = aerchive.open(path)[job_id]
        assert run.durable
        assert sum(run.counts().values()) == 7
        assert run.reproduce().verdict == "identical"
    assert aerchive.open(path).verify().ok


def test_recover_moves_them_too(path: Path, finished: list[str]) -> None:
    project = aerchive.open(path)
    project.recover()
    assert all(project[job_id].durable for job_id in finished)


def test_a_damaged_record_costs_that_run_alone(
    path: Path, finished: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    (file,) = waiting_files(path)
    content = bytearray(file.read_bytes())
    content[content.index(f'"job_id":"{finished[1]}"'.encode(), content.index(b"RUN ")) + 3] ^= 1
    file.write_bytes(content)
    project = aerchive.open(path)
    project.recover()
    assert {finished[0], finished[2]} <= {run.job_id for run in project if run.durable}
    assert file.exists()
    assert caplog.text.count("is damaged; other records are not affected") == 1
    assert any("is damaged" in problem for problem in project.verify().problems)


@pytest.mark.usefixtures("slow")
def test_a_commit_that_fails_loses_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    simulator = AerSimulator(project=path, durability="batch")
    job = simulator.run(bell())
    job.result()
    path.write_bytes(b"in the way")
    with pytest.raises(aerchive.FormatError):
        simulator.project.flush()
    assert not job.run.durable
    assert len(waiting_files(path)) == 1
    with pytest.raises(aerchive.FormatError):
        len(aerchive.open(path, "r+"))
    path.unlink()
    simulator.run(bell()).result()
    assert len(simulator.project) == 2
    assert waiting_files(path) == [] or waiting_files(path)[0].stat().st_size == 512
    assert "runs of this process are not in it yet" in caplog.text


@pytest.mark.usefixtures("slow")
def test_a_full_disk_for_the_waiting_file_commits_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: Any, **__: Any) -> None:
        raise OSError("no room")

    monkeypatch.setattr(Spool, "keep", no_room)
    job = AerSimulator(project=path, durability="batch").run(bell())
    job.result()
    assert job.run.durable


@pytest.mark.usefixtures("slow")
def test_a_forked_child_leaves_the_runs_to_its_parent(path: Path) -> None:
    simulator = AerSimulator(project=path, durability="exit")
    simulator.run(bell()).result()
    pid = os.fork()
    if pid == 0:
        durability._flush_all()
        os._exit(0)
    os.waitpid(pid, 0)
    assert not path.exists()
    assert len(waiting_files(path)) == 1
    assert len(simulator.project) == 1


@pytest.mark.usefixtures("slow")
def test_a_locked_project_gets_them_by_a_pending_file(path: Path) -> None:
    AerSimulator(project=path).run(bell()).result()
    project = aerchive.open(path, durability="batch", lock_timeout=0.2)
    simulator = AerSimulator(project=project)
    jobs = [simulator.run(bell()) for _ in range(3)]
    for job in jobs:
        job.result()
    with held(path):  # as a viewer that keeps the file open
        started = time.monotonic()
        project.flush()
        assert time.monotonic() - started < 30
    assert [job.run.in_pending_file for job in jobs] == [True] * 3
    assert [job.run.durable for job in jobs] == [True] * 3
    with pytest.warns(ArchiveWarning, match="are still in"):
        project.close()
    simulator.run(bell()).result()
    assert len(project.jobs(limit=None)) == 5


def test_a_run_in_memory_is_written_as_its_spool_has_it(path: Path, tmp_path: Path) -> None:
    """Small runs of the own process are committed from memory, those of another one from its spool file."""
    AerSimulator(project=path, durability="exit").run(bell(state=True), shots=5, tags=["a"]).result()
    (spool,) = waiting_files(path)
    copy = tmp_path / "copy" / path.name
    copy.parent.mkdir()
    shutil.copy(spool, copy.parent / spool.name)
    run = aerchive.open(path).latest()
    project = aerchive.open(copy)
    project.recover()
    assert project.latest().core_sha256 == run.core_sha256
    assert project.latest().record == run.record
