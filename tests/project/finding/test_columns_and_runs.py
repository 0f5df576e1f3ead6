"""A table from columns beside the catalogue is the table from all runs, each opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

import aerchive
from aerchive.aer import AerSimulator, EstimatorV2, SamplerV2
from aerchive.errors import InvalidInputError, NotFoundError
from aerchive.interop.columns import Columns
from aerchive.project.finding import sweep
from aerchive.project.finding.search import point_clause, wanted_values
from aerchive.project.finding.sweep import PointTable, sweep_columns, wanted_counts
from tests.jobs import make_result

T = Parameter("t")
SAVED: list[dict[str, Any]] = [
    {"counts": {"0x1": 10}},
    {"counts": {"0x1": 10, "0x0": 3}, "energy": 1.0},
    {"counts": {}},
    {"counts": {"00": 3}},
    *({"energy": one} for one in (True, 2**60 + 1, float("nan"), 1j, np.float32(0.1), "text", None, [1.0])),
    {"energy": -0.0, "other": 5},
    {"energy": np.array(1.5)},
]
"""Results by other hands: what they have saved."""


def rotated(**metadata: Any) -> QuantumCircuit:
    circuit = QuantumCircuit(2, metadata=metadata)
    circuit.ry(T, 0)
    circuit.cx(0, 1)
    circuit.save_expectation_value(SparsePauliOp("ZZ"), [0, 1], label="energy")
    circuit.measure_all()
    return circuit


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Project:
    """A project of every kind of run."""
    path = tmp_path_factory.mktemp("mixed") / "project.h5"
    simulator = AerSimulator(project=path, seed_simulator=7)
    circuit = rotated(layers=2, name="m", shots=5)
    bound = [rotated(layers=number).assign_parameters({T: number / 2}) for number in (1, 2)]
    for number in range(3):
        run = {"params": {"x": number, "k": [1.0, 2.0]}, "name": f"run{number}"}
        simulator.run(circuit, shots=20, parameter_binds=[{T: [0.3 * number]}], **run).result()
    simulator.run(circuit, shots=20, parameter_binds=[{T: [0.1, 0.2, 0.3]}], params={"x": 9}).result()
    simulator.run(bound, shots=20, params={"x": 4.5}).result()
    simulator.run([bound[0], bound[0]], shots=20, params={"t": 4.5}).result()
    simulator.run(bound[0], shots=20, params={"energy": 77.0, "x": None}, tags=["kept"]).result()
    registers = QuantumCircuit(QuantumRegister(2), ClassicalRegister(1, "a"), ClassicalRegister(1, "b"))
    registers.h(0)
    registers.measure([0, 1], [0, 1])
    wide = QuantumCircuit(6)
    wide.h(range(6))
    wide.measure_all()
    state = QuantumCircuit(1)
    state.save_statevector()
    for number, one in enumerate((registers, wide, state)):
        simulator.run(one, shots=300, params={"x": 5 + number}).result()
    AerSimulator(project=path, method="stabilizer").run(bound[0], params={"x": 8}).result()  # fails
    measured = QuantumCircuit(1)
    measured.ry(T, 0)
    measured.measure_all()
    sampler = SamplerV2(project=path)
    sampler.run([(measured, [0.3])], shots=10).result()
    sampler.run([(measured, [[0.3], [0.4]])], shots=10).result()
    EstimatorV2(project=path).run([(measured.remove_final_measurements(inplace=False), "Z", [0.3])]).result()
    project = aerchive.open(path)
    with project.transaction():
        for number, data in enumerate(SAVED):
            project.save(make_result(f"saved{number}", **data), params={"x": 20 + number, "q": "abc"})
        for number in (0, 2):
            result = make_result(f"of {number} experiments", counts={"0x1": 1}, energy=3.0)
            result.results = result.results * number
            project.save(result, params={"x": 50 + number})
    project.delete_job("saved0")
    return project


@pytest.fixture(scope="module")
def opened(mixed: aerchive.Project) -> PointTable:
    """The points of all runs, each opened."""
    clause = point_clause(None, {})
    listing = mixed._search.listed("raise", wanted_values([], clause, opens_all=True))
    return PointTable(mixed.parts.file, listing, clause, [], opens_all=True)


def both(project: aerchive.Project, x: list[str], y: list[str], where: str | None = None) -> list[Any]:
    """The table from columns and the table from opened runs, as far as they are to be the same."""
    found: list[Any] = []
    for opens_all in (False, True):
        try:
            columns, (job_ids, _) = table(project, x, y, where, opens_all=opens_all)
        except InvalidInputError as error:
            found.append(str(error).partition(";")[0])
            continue
        values = {name: list(map(repr, column.values)) for name, column in columns.items()}
        kinds = {name: column.kind for name, column in columns.items() if column.values}
        found.append((values, kinds, job_ids))
    return found


def table(
    project: aerchive.Project, x: list[str], y: list[str], where: str | None, *, opens_all: bool
) -> tuple[Columns, Any]:
    clause, names = point_clause(where, {}), [*x, *y]
    listing = project._search.listed("raise", wanted_values(names, clause, opens_all=opens_all))
    counts = wanted_counts(x, y, None)
    points = PointTable(project.parts.file, listing, clause, names, wanted=counts, opens_all=opens_all)
    return sweep_columns(points, x, y)


NAMES = [
    *("x", "t", "energy", "params.x", "params.t", "bound.t", "saved.energy", "params.energy", "k", "q", "other"),
    *("metadata.layers", "layers", "name", "metadata.name", "shots", "outcome", "created", "method", "tags", "seed"),
    *("circuit.depth", "circuit_size", "gates.cx", "circuit.ops.ry", "gates.nothing", "basis_gates", "noisy"),
    *("job_id", "num_points", "message", "program", "evs", "counts.00", "counts.0x1", "counts.0 1", "counts.*"),
]


def test_a_table_of_many_columns(mixed: aerchive.Project) -> None:
    first, second = both(mixed, ["job_id"], NAMES)
    assert first == second


@pytest.mark.parametrize("name", ["x", "t", "name", "gates.cx", "energy", "counts.00", "parent"])
def test_tables_sorted_by_a_name(mixed: aerchive.Project, name: str) -> None:
    """No child of a primitive is in the table, so no run has a value of ``parent``."""
    first, second = both(mixed, [name], [])
    assert first == second


@pytest.mark.parametrize(
    "where",
    [
        *("x > 3", "not x > 3", "x != 3", "params.x = none", "params.t > 0.2", "t < 0.4", "bound.t >= 0.3"),
        *("energy > 0.9", "saved.energy != 1", "energy = 1 or t = 0.3", "layers = 2", "metadata.layers in [1, 2]"),
        *(
            "name = run1 or x = 5",
            "name = m",
            "shots > 5",
            "metadata.shots = 5",
            "outcome = ok",
            "seed = 7",
            "tags = kept",
        ),
        *("gates.cx = 1", "gates.cx = 0", "not gates.cx = 0", "circuit.depth > 2", "method = statevector"),
        *("basis_gates = cx", "basis_gates in [h, ry]", "basis_gates != h", "q startswith a", "k contains 1"),
    ],
)
def test_tables_of_some_points(mixed: aerchive.Project, opened: PointTable, where: str) -> None:
    columns, (job_ids, _) = table(mixed, ["created"], ["job_id"], where, opens_all=False)
    expected = [row.run.job_id for row in opened.rows if point_clause(where, {}).decide(row)]
    assert columns["job_id"].values == expected
    assert job_ids == list(dict.fromkeys(expected))
    assert expected


def test_runs_of_one_point_are_not_opened(mixed: aerchive.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    rows = sweep.sweep_rows

    def noted(file: Any, runs: Any, *arguments: Any) -> Any:
        runs = list(runs)
        opened.extend(run.job_id for run, _ in runs)
        return rows(file, runs, *arguments)

    monkeypatch.setattr(sweep, "sweep_rows", noted)
    found = mixed.table(["x", "t"], "energy", where="name startswith run or metadata.name = m", outcome="ok")
    assert found["x"].tolist() == [0, 1, 2, 9, 9, 9]
    assert opened == [mixed.latest(params__x=9).job_id]
    opened.clear()
    mixed.table("x", "counts.00", where="layers = 2 and x < 3")
    assert opened == []


def test_what_is_done_and_missing(mixed: aerchive.Project) -> None:
    def expected(name: str) -> set[Any]:
        return {run.params[name] for run in mixed.find("outcome = ok") if name in run.params}

    assert mixed.done("x") == expected("x")
    assert mixed.done("t", where="parent = ''") == {0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 4.5}
    assert mixed.count("bound.t = 0.2") == mixed.count("t = 0.2") == 1
    assert mixed.count("t in [0.4, 4.5] and parent = ''") == 2
    assert mixed.done("x", where="layers = 2") == {0, 1, 2, 9, 4.5}
    assert mixed.missing({"x": [0, 3, 4.5, 8, 9, 21]})["x"].tolist() == [3, 8]


def test_the_outcome_of_a_run_is_not_a_parameter_of_this_name(path: Path) -> None:
    project = aerchive.open(path)
    project.save(make_result("one", energy=1.0), params={"outcome": "strange", "x": 1})
    assert project.done("x") == {1}
    assert project.missing({"x": [1, 2]}, outcome="ok")["x"].tolist() == [2]


def test_rows_that_come_one_by_one_are_those_of_the_table(mixed: aerchive.Project) -> None:
    whole = mixed.table(["job_id", "x"], ["energy", "t"], where="x >= 0")
    parts = list(mixed.follow(["job_id", "x"], ["energy", "t"], where="x >= 0", timeout=0))
    found, expected = (one.sort_values(["job_id", "t"], kind="stable") for one in (pandas.concat(parts), whole))
    assert list(map(repr, found["energy"])) == list(map(repr, expected["energy"]))


def test_none_is_no_value_in_a_table_and_a_value_that_is_done(path: Path) -> None:
    project = aerchive.open(path)
    for number, value in enumerate((None, 1.0, 0.5)):
        project.save(make_result(f"run{number}", energy=float(number)), params={"x": value})
    assert project.table("x", "energy")["x"].tolist() == [0.5, 1.0]
    assert project.table("energy", "x")["energy"].tolist() == [1.0, 2.0]
    assert project.done("x") == {None, 1.0, 0.5}


def test_a_table_of_names_that_no_run_has(mixed: aerchive.Project) -> None:
    with pytest.raises(InvalidInputError, match=r"no run has 'nothing'; there are energy, .*params\.x"):
        mixed.table("nothing", "energy")
    with pytest.raises(InvalidInputError, match=r"none of [0-9]+ runs has 'nothing'; there are .*params\.x"):
        mixed.done("nothing")
    with pytest.raises(InvalidInputError, match="no run has a value of this name"):
        mixed.table("x", "energy", where="nothing > 1")
    with pytest.raises(NotFoundError):
        mixed.latest("params.nothing = 1")
