from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from qiskit.providers import JobStatus

import aerchive
from aerchive.aer import AerJobError, AerSimulator
from tests import processes
from tests.aer.conftest import bell

LONG = """
    import resource, sys
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from qiskit import QuantumCircuit
    from aerchive.aer import AerSimulator
    simulator = AerSimulator(project=sys.argv[1])
    circuit = QuantumCircuit(24, name="long")
    for layer in range(100):
        circuit.rx(0.1, range(24))
        circuit.cx(range(23), range(1, 24))
    circuit.measure_all()
    simulator.run(circuit, shots=77, seed_simulator=5, name="doomed", tags="long", params={"x": 1})
"""
"""A simulation of several minutes."""

ABORTING = """
    import resource, sys
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from qiskit import QuantumCircuit
    from qiskit.circuit.classical import expr, types
    from aerchive.aer import AerSimulator
    circuit = QuantumCircuit(2, 2, name="aborting")
    variable = circuit.add_var("a", expr.lift(3, types.Uint(8)))
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test(expr.equal(variable, 3)):
        circuit.x(1)
    circuit.measure([0, 1], [0, 1])
    job = AerSimulator(project=sys.argv[1], max_parallel_threads=2).run(circuit, shots=1000, tags="aborting")
    print(job.job_id(), flush=True)
    job.result()
    print("it did not abort")
"""
"""Aer throws where nobody can catch it, and takes the process down."""


def start_and_wait(path: Path) -> subprocess.Popen[str]:
    process = processes.start(LONG, path)
    try:
        processes.wait_until(lambda: len(aerchive.open(path)) > 0 or process.poll() is not None)
        assert process.poll() is None, process.communicate()
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return process


def in_a_fresh_process(path: Path) -> list[str]:
    script = """
        import sys
        import aerchive
        for run in aerchive.open(sys.argv[1]):
            config = run.record.config
            options = sorted(config.options.items())
            print(run.outcome, run.name, run.tags, run.params, config.num_qubits, options, sep="|")
    """
    return processes.run(script, path).splitlines()


def test_running_and_then_lost(path: Path) -> None:
    process = start_and_wait(path)
    try:
        (line,) = in_a_fresh_process(path)
        assert line == "running|doomed|('long',)|{'x': 1}|24|[('seed_simulator', 5), ('shots', 77)]"
        (run,) = aerchive.open(path)
        job = run.job()
        assert job.status() is JobStatus.RUNNING
        assert not job.done()
        assert job.running()
        with pytest.raises(AerJobError, match="running"):
            job.result()
        assert [found.job_id() for found in aerchive.open(path).jobs(pending=True)] == [run.job_id]
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()

    assert process.returncode == -signal.SIGKILL
    (line,) = in_a_fresh_process(path)
    assert line.startswith("lost|doomed|('long',)|{'x': 1}|24|")
    project = aerchive.open(path)
    job = project.job(run.job_id)
    assert job.status() is JobStatus.ERROR
    assert job.in_final_state()
    assert str(process.pid) in job.error_message()
    assert "died" in job.error_message()
    with pytest.raises(AerJobError, match="died"):
        job.result()
    assert project.jobs(pending=True) == []
    assert [found.job_id for found in project.find(outcome="lost", tags="long")] == [run.job_id]
    for ask in (run.counts, run.array, run.circuits, job.circuits):
        with pytest.raises(aerchive.NotFoundError):
            ask()


def test_lost_run_is_recorded_by_the_next_commit(path: Path) -> None:
    process = start_and_wait(path)
    process.kill()
    process.communicate()
    (run,) = aerchive.open(path)
    assert not path.exists()

    AerSimulator(project=path).run(bell()).result()

    for file in path.parent.iterdir():
        if file.name.startswith("."):
            file.unlink()
    project = aerchive.open(path, "r")
    assert sorted(found.outcome for found in project) == ["lost", "ok"]
    recorded = project[run.job_id]
    assert (recorded.outcome, recorded.name, recorded.tags, recorded.params) == ("lost", "doomed", ("long",), {"x": 1})
    assert recorded.record.status.message == run.record.status.message
    assert recorded.record.config.options == {"shots": 77, "seed_simulator": 5}
    assert recorded.created == run.created


def test_abort_inside_aer(path: Path) -> None:
    with processes.start(ABORTING, path) as process:
        out, _ = process.communicate(timeout=60)
    if "did not abort" in out:
        pytest.skip("this Aer does not abort on such a circuit")

    assert process.returncode == -signal.SIGABRT
    (line,) = in_a_fresh_process(path)
    assert line.startswith("lost|None|('aborting',)|")
    (run,) = aerchive.open(path)
    assert run.job_id == (out.strip() or run.job_id)
    assert run.job().status() is JobStatus.ERROR


def test_interrupted_by_the_keyboard(path: Path) -> None:
    script = """
        import os, signal, sys
        from aerchive.aer import AerSimulator
        from tests.aer.conftest import bell
        simulator = AerSimulator(project=sys.argv[1])
        simulator.run(bell()).result()
        jobs = [simulator.run(bell()) for _ in range(3)]
        os.kill(os.getpid(), signal.SIGINT)
        [job.result() for job in jobs]
    """
    with processes.start(script, path) as process:
        _, err = process.communicate(timeout=60)

    assert "KeyboardInterrupt" in err
    project = aerchive.open(path, "r")
    assert len(project) >= 1
    assert {run.outcome for run in project} <= {"ok", "cancelled", "lost"}


def test_process_that_leaves_without_clean_up(path: Path) -> None:
    script = """
        import os, sys
        from aerchive.aer import AerSimulator
        from tests.aer.conftest import bell
        simulator = AerSimulator(project=sys.argv[1])
        job = simulator.run(bell())
        job.result()
        os._exit(0)
    """

    processes.run(script, path)

    assert [run.outcome for run in aerchive.open(path)] == ["ok"]
    assert os.listdir(path.parent)
