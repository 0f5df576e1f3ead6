"""The rows of a sweep, as they come from other processes."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import aerchive
from aerchive.errors import InvalidInputError
from aerchive.storage.medium.trace import record_reads
from tests import processes
from tests.holding import held
from tests.jobs import make_result

OTHER = """
    import sys
    import aerchive
    from tests.jobs import make_result
    for line in sys.stdin:
        name, energy = line.split()
        aerchive.open(sys.argv[1]).save(make_result(name, energy=float(energy)), params={"x": float(energy) * 2})
        print("saved", flush=True)
"""
"""A process that saves a run for each line of its input."""

RUNNING = """
    import sys
    import qiskit_aer
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp
    from aerchive.aer import AerSimulator
    stock = qiskit_aer.AerSimulator._execute_circuits_job
    def execute(*given, **named):
        sys.stdin.readline()
        return stock(*given, **named)
    qiskit_aer.AerSimulator._execute_circuits_job = execute
    circuit = QuantumCircuit(1)
    circuit.save_expectation_value(SparsePauliOp("Z"), [0], label="energy")
    AerSimulator(project=sys.argv[1]).run(circuit, params={"x": 7.0}).result()
    print("saved", flush=True)
"""
"""A process whose simulation goes on when it gets a line."""


@pytest.fixture
def other(path: Path) -> Iterator[subprocess.Popen[str]]:
    with processes.start(OTHER, path, stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def save(process: subprocess.Popen[str], name: str, energy: float) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    print(name, energy, file=process.stdin, flush=True)
    assert process.stdout.readline() == "saved\n", process.communicate()


def rows(table: Any) -> list[tuple[float, float]]:
    return list(table[["x", "energy"]].itertuples(index=False, name=None))


def test_rows_of_another_process_come_once(path: Path, other: subprocess.Popen[str]) -> None:
    tables = aerchive.open(path).follow("x", "energy", interval=0.01, timeout=30)
    save(other, "a", 1.0)
    assert rows(next(tables)) == [(2.0, 1.0)]

    save(other, "c", 3.0)
    save(other, "b", 2.0)
    assert rows(next(tables)) == [(4.0, 2.0), (6.0, 3.0)]

    with aerchive.open(path).transaction():  # the same process, and several rows
        for number in (5, 4):
            aerchive.open(path).save(make_result(f"own {number}", energy=number / 2), params={"x": number})
    assert [x for table in [next(tables)] for x, _ in rows(table)] == [4.0, 5.0]


def test_rows_that_are_there_come_first_and_then_the_end(project: aerchive.Project) -> None:
    for number in range(3):
        project.save(make_result(f"r{number}", energy=0.5), params={"x": number}, tags=["odd"] * (number % 2))

    (table,) = project.follow("x", "energy", timeout=0)
    assert table.equals(project.table("x", "energy"))
    assert [rows(one) for one in project.follow("x", "energy", "tags contains odd", timeout=0)] == [[(1, 0.5)]]
    assert [rows(one) for one in project.follow("x", "energy", "params.x > 1", timeout=0)] == [[(2, 0.5)]]
    assert list(project.follow("x", "energi", timeout=0)) == []


def test_a_project_without_a_file_is_followed(path: Path) -> None:
    project = aerchive.open(path)
    tables = project.follow("x", "energy", interval=0.01, timeout=30)
    assert list(project.follow("x", "energy", timeout=0)) == []
    project.save(make_result("first", energy=0.5), params={"x": 1})
    assert rows(next(tables)) == [(1, 0.5)]


def test_a_run_comes_when_it_has_finished(path: Path) -> None:
    with processes.start(RUNNING, path, stdin=subprocess.PIPE) as process:
        try:
            processes.wait_until(lambda: len(aerchive.open(path)) > 0 or process.poll() is not None)
            project = aerchive.open(path)
            project.save(make_result("made meanwhile", energy=0.5), params={"x": 1.0})
            tables = project.follow("x", "energy", interval=0.01, timeout=30)
            assert rows(next(tables)) == [(1.0, 0.5)]
            assert project.count(outcome="running") == 1

            out, err = process.communicate("go on\n", timeout=60)
            assert out == "saved\n", err
            assert rows(next(tables)) == [(7.0, 1.0)]
        finally:
            process.kill()


def test_deleted_and_renamed_runs_are_no_new_rows(project: aerchive.Project) -> None:
    for number in range(3):
        project.save(make_result(f"r{number}", energy=0.5), params={"x": number})
    tables = project.follow("x", "energy", interval=0.01, timeout=0.05)
    assert len(next(tables)) == 3
    project.delete_job("r1")
    project["r2"].rename("another name")
    project.restore("r1")
    assert list(tables) == []


def test_nothing_is_read_while_the_file_does_not_change(project: aerchive.Project) -> None:
    project.save(make_result("r", energy=0.5), params={"x": 1})

    def number_of_reads(timeout: float) -> int:
        with record_reads() as log:
            assert len(list(project.follow("x", "energy", interval=0.001, timeout=timeout))) == 1
        return len(log.extents)

    number_of_reads(0)  # the catalogue is known from now on
    assert number_of_reads(0.05) == number_of_reads(0)


def test_a_locked_file_is_looked_at_again(path: Path) -> None:
    project = aerchive.open(path, lock_timeout=0.01)
    project.save(make_result("r", energy=0.5), params={"x": 1})
    with held(path, fcntl.LOCK_EX):
        assert list(project.follow("x", "energy", interval=0.01, timeout=0.03)) == []
    assert len(list(project.follow("x", "energy", timeout=0))) == 1


@pytest.mark.parametrize("times", [{"interval": 0}, {"interval": -1.0}, {"timeout": -1}, {"interval": float("inf")}])
def test_times_are_checked(project: aerchive.Project, times: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="a number of seconds"):
        project.follow("x", "energy", **times)


def test_a_condition_that_cannot_be_read_is_refused_at_once(project: aerchive.Project) -> None:
    with pytest.raises(InvalidInputError, match="a value is expected"):
        project.follow("x", "energy", "method ==")
