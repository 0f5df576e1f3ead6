"""The view of circuits in a project: written once, verified, replaced, and taken along by every copy."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest
from qiskit import QuantumCircuit

import aerchive
from aerchive.aer import AerSimulator
from aerchive.codecs.circuits import writing
from aerchive.codecs.circuits.view import circuit_view
from aerchive.storage.chunks.drafts import GroupDraft
from aerchive.times import now
from tests.aer.test_shared_objects import result
from tests.holding import held

ROWS = [
    *("OPENQASM 3.0;", 'include "stdgates.inc";', "bit[2] c;", "qubit[2] q;", "h q[0];"),
    *('// save_statevector(label="statevector") q[0], q[1];', "c[0] = measure q[0];", "c[1] = measure q[1];"),
]


def circuit(name: str = "bell") -> QuantumCircuit:
    made = QuantumCircuit(2, 2, name=name)
    made.h(0)
    made.save_statevector()
    made.measure([0, 1], [0, 1])
    return made


def rows(path: Path, name: str = "openqasm") -> list[list[str]]:
    """The texts of all circuits, read with h5py alone."""
    with h5py.File(path, "r") as file:
        objects = [one for head in file["objects/circuits"].values() for one in head.values()]
        return [[row.decode().rstrip() for row in one["view"][name][()]] for one in objects]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A number for each view that was made."""
    made: list[int] = []

    def counted(*arguments: Any, **options: Any) -> GroupDraft:
        made.append(len(made))
        return circuit_view(*arguments, **options)

    monkeypatch.setattr(writing, "circuit_view", counted)
    writing._recently_restored.clear()
    return made


@pytest.mark.parametrize("durability", ["default", "batch", "transaction"])
def test_a_sweep_makes_one_view(path: Path, calls: list[int], durability: str) -> None:
    project = aerchive.open(path)
    simulator = AerSimulator(
        project=path, seed_simulator=1, **({"durability": "batch"} if durability == "batch" else {})
    )
    if durability == "transaction":
        with project.transaction():
            for number in range(50):
                project.save(result(number), circuits=[circuit()])
    else:
        for _ in range(50 if durability == "batch" else 10):
            simulator.run(circuit(), shots=1).result()
    simulator.project.flush()

    assert calls == [0]
    assert rows(path) == [ROWS]
    assert project.verify().problems == []


def test_no_view_is_made_of_known_circuits_by_another_process(path: Path, calls: list[int]) -> None:
    project = aerchive.open(path)
    project.save(result(0), circuits=[circuit()])
    writing._recently_restored.clear()  # as in a new process

    project.save(result(1), circuits=[circuit()])

    assert calls == [0]


def test_what_stands_at_the_view(path: Path) -> None:
    run = aerchive.open(path).save(result(0), circuits=[circuit()])
    with h5py.File(path, "r") as file:
        view = file[run.path]["circuits"]["view"]
        attributes = {key: value for key, value in view.attrs.items() if key not in ("about", "sha256")}
        assert attributes == {
            **{"title": b"bell: 2 qubits, 4 instructions", "qubits": 2, "clbits": 2, "depth": 2, "size": 3},
            "operations": b"measure 2, h 1, save_statevector 1",
        }
        assert len(view.attrs["sha256"]) == 64
        assert view["drawing"][1].decode().startswith("q_0: + H +")


def change_text(view: Any) -> None:
    view["openqasm"][4] = b"x q[0];"


def change_attribute(view: Any) -> None:
    view.attrs["depth"] = 99


def add_member(view: Any) -> None:
    view["note"] = 5


def remove_member(view: Any) -> None:
    del view["drawing"]


@pytest.mark.parametrize("change", [change_text, change_attribute, add_member, remove_member])
def test_a_changed_view_is_found_and_the_circuits_are_whole(path: Path, change: Callable[[Any], None]) -> None:
    project = aerchive.open(path)
    run = project.save(result(0), circuits=[circuit()])
    with h5py.File(path, "r+") as file:
        change(file[run.path]["circuits"]["view"])

    problems = project.verify().problems

    assert len(problems) == 1
    assert "/view: its digest does not match: something in it was changed" in problems[0]
    assert run.circuits()[0] == circuit()


def test_a_view_is_replaced(path: Path) -> None:
    long = QuantumCircuit(3, name="long")
    for number in range(100):
        long.cx(number % 3, (number + 1) % 3)
    project = aerchive.open(path)
    runs = [project.save(result(number), circuits=[long]) for number in range(2)]
    assert rows(path)[0][-1] == "// ... 84 more instructions; aerchive illustrate writes more"
    with h5py.File(path, "r") as file:
        where = file[runs[0].path]["circuits"].attrs["object"].decode()
    whole = circuit_view(runs[0].circuits(), complete=True)

    project.file.commit(lambda session: session.replace_group(where, "view", whole, where), now())

    assert len(rows(path)[0]) == 103
    assert len(rows(path, "drawing")) == 1
    assert project.verify().problems == []
    assert runs[1].circuits() == [long]
    project.compact()
    assert len(rows(path)[0]) == 103
    assert project.verify().problems == []


def test_copies_take_the_view_along(path: Path, tmp_path: Path) -> None:
    project = aerchive.open(path)
    project.save(result(0), circuits=[circuit()])
    project.save(result(1), circuits=[circuit(f"c{number}") for number in range(10)])
    plain = project.copy(tmp_path / "plain.h5")
    anonymous = project.copy(tmp_path / "anonymous.h5", anonymous=True)
    older = project.copy(tmp_path / "older.h5", qpy_version=15)
    project.compact()

    for one in (project, plain, anonymous, older):
        assert one.verify().problems == []
        with h5py.File(one.path, "r") as file:
            views = [file[run.path]["circuits"]["view"] for run in one]
            assert [row.decode().rstrip() for row in views[0]["openqasm"][()]] == ROWS
            assert views[1].attrs["title"] == b"10 circuits"
            assert sorted(views[1]) == [f"circuit_{number}" for number in range(8)]
            assert [row.decode().rstrip() for row in views[1]["circuit_7/openqasm"][()]] == ROWS


def test_a_run_that_waits_takes_the_view_along(path: Path) -> None:
    simulator = AerSimulator(project=aerchive.open(path, lock_timeout=0.1), seed_simulator=1)
    simulator.run(QuantumCircuit(1), shots=1).result()
    with held(path):
        job = AerSimulator(project=simulator.project).run([circuit(), circuit("other")], shots=1)
        job.result()
        assert job.run.in_pending_file
    simulator.run(QuantumCircuit(1), shots=1).result()

    assert not job.run.in_pending_file
    with h5py.File(path, "r") as file:
        view = file[job.run.path]["circuits"]["view"]
        assert [row.decode().rstrip() for row in view["circuit_1/openqasm"][()]] == ROWS
    assert aerchive.open(path).verify().problems == []


def test_a_view_that_contains_itself(path: Path) -> None:
    project = aerchive.open(path)
    run = project.save(result(0), circuits=[circuit()])
    with h5py.File(path, "r+") as file:
        view = file[run.path]["circuits"]["view"]
        view["again"] = view

    assert any("is linked twice" in problem for problem in project.verify().problems)
    with pytest.raises(aerchive.AerchiveError):
        project.compact(force=True)
    assert run.circuits()[0] == circuit()


@pytest.mark.skipif(shutil.which("h5dump") is None, reason="not installed (Debian: hdf5-tools)")
def test_h5dump_prints_the_text(path: Path) -> None:
    run = aerchive.open(path).save(result(0), circuits=[circuit()])

    def dumped(name: str) -> str:
        command = ["h5dump", "-d", f"/{run.path}/circuits/view/{name}", "-w", "0", str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    printed = dumped("openqasm")
    width = max(map(len, ROWS))
    assert all(f'"{row.ljust(width)}"' in printed.replace('\\"', '"') for row in ROWS)
    assert '"q_0: + H +' in dumped("drawing")
