"""The counts of all outcomes as columns of a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.result import marginal_counts

import aerchive
from aerchive.aer import AerSimulator, SamplerV2
from aerchive.errors import ArchiveWarning, FormatError, InvalidInputError
from aerchive.project.finding import outcomes
from tests.jobs import make_result


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Project:
    """Runs of three and of one classical bit, one without counts, and a sampler."""
    project = aerchive.open(tmp_path_factory.mktemp("counts") / "counts.h5", durability="batch")
    simulator = AerSimulator(project=project, seed_simulator=1)
    for angle in (0.3, 1.2):
        circuit = QuantumCircuit(QuantumRegister(3), ClassicalRegister(1, "a"), ClassicalRegister(2, "b"))
        for qubit in range(3):
            circuit.ry(angle * (qubit + 1), qubit)
        circuit.measure(range(3), range(3))
        simulator.run(circuit, shots=50, params={"angle": angle}, tags="three").result()
    single = QuantumCircuit(1, 1)
    single.measure(0, 0)
    simulator.run(single, shots=7, params={"angle": 0.0}, tags="one").result()
    project.save(make_result("numbers", energy=0.5), params={"angle": 9.0}, tags="number")
    theta = Parameter("theta")
    pub = QuantumCircuit(2)
    pub.ry(theta, 0)
    pub.ry(2 * theta, 1)
    pub.measure_all()
    sampler = SamplerV2(project=project, seed=2)
    sampler.run([(pub, np.linspace(0, 2, 3))], shots=40, tags="sampler").result()
    return project


def test_all_outcomes_are_columns(measured: aerchive.Project) -> None:
    table = measured.table("angle", "counts.*", where="tags contains three or tags contains one")

    names = [name.removeprefix("counts.") for name in table.columns if name != "angle"]
    assert names == sorted(names, key=lambda name: (len(name), name))
    assert names[0] == "0"
    assert {str(dtype) for dtype in table.dtypes[1:]} == {"Int64"}
    runs = {run.params["angle"]: run.counts() for tag in ("one", "three") for run in measured.find(tags=tag)}
    for _, row in table.iterrows():
        assert {name: row[f"counts.{name}"] for name in names if row[f"counts.{name}"]} == runs[row["angle"]]
    assert set(names) == set().union(*(runs[angle] for angle in (0.0, 0.3, 1.2)))
    assert not table.isna().any().any()


def test_a_row_without_counts_has_none(measured: aerchive.Project) -> None:
    table = measured.table("angle", ["energy", "counts.*"], where="tags contains number or tags contains one")

    assert table["energy"].isna().tolist() == [True, False]
    assert table["counts.0"].isna().tolist() == [False, True]
    assert table["counts.0"][0] == 7


def test_marginal_counts(measured: aerchive.Project) -> None:
    table = measured.table("angle", ["counts.*", "counts.10", "counts.0x2"], tags="three", bits=[0, 2])

    assert list(table.columns) == ["angle", "counts.00", "counts.01", "counts.10", "counts.11", "counts.0x2"]
    for run, (_, row) in zip(measured.find(tags="three"), table.iterrows(), strict=True):
        wanted = marginal_counts({key.replace(" ", ""): count for key, count in run.counts().items()}, [0, 2])
        assert {name: row[f"counts.{name}"] for name in wanted} == wanted
        assert row["counts.0x2"] == row["counts.10"]
    reverse = measured.table("angle", "counts.*", tags="three", bits=[2, 0])
    assert reverse["counts.01"].tolist() == table["counts.10"].tolist()


def test_outcomes_of_a_sampler(measured: aerchive.Project) -> None:
    table = measured.table("theta", "counts.*", tags="sampler")
    of_one_bit = measured.table("theta", ["counts.*", "counts.1"], tags="sampler", bits=[1])

    (run,) = measured.find(tags="sampler")
    data = run.result()[0].data.meas
    for element in range(3):
        wanted = data.get_counts(element)
        assert {name: table[f"counts.{name}"][element] for name in wanted} == wanted
        assert table.loc[element].drop("theta").sum() == 40
        assert of_one_bit["counts.1"][element] == wanted.get("10", 0) + wanted.get("11", 0)


def test_a_grid_of_outcomes(measured: aerchive.Project) -> None:
    grid = measured.table("angle", "counts.*", kind="xarray", tags="three", bits=[0])

    assert list(grid.data_vars) == ["counts.0", "counts.1"]
    assert (grid["counts.0"] + grid["counts.1"]).values.tolist() == [50, 50]
    assert grid["counts.0"].dtype == np.int64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"y": "counts.*", "bits": [0, 5], "tags": "three"},
            r"bits \(0, 5\): a list of different classical bits .* 0 to",
        ),
        ({"y": "counts.*", "bits": [1], "tags": "one"}, "choose these with a condition such as num_clbits >= 3"),
        ({"y": "counts.*", "bits": "01"}, r"bits must be a list of classical bits, such as \[0, 2\]; found '01'"),
        ({"y": "counts.*", "bits": []}, "bits must be a list of classical bits"),
        ({"y": "energy", "bits": [0]}, r"bits=\(0,\) is for counts, and y has none, such as 'counts.\*'"),
        ({"x": "counts.*"}, "rows cannot be sorted by it; give y"),
        ({"y": "counts.*", "tags": "number"}, r"no run has 'counts.\*'; there are energy"),
    ],
)
def test_mistakes(measured: aerchive.Project, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        measured.table(**arguments)


def test_too_many_outcomes(measured: aerchive.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "MOST_OUTCOMES", 3)

    message = "there are at least [45678] different outcomes, and a table has at most 3; name those that you need"
    with pytest.raises(InvalidInputError, match=message):
        measured.table("angle", "counts.*", tags="three")
    assert list(measured.table("angle", "counts.*", tags="three", bits=[1])) == ["angle", "counts.0", "counts.1"]
    assert len(measured.table("angle", "counts.0 00", tags="three")) == 2


def test_many_runs_of_few_outcomes_are_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "MOST_OUTCOMES", 2)
    project = aerchive.open(tmp_path / "few.h5")
    with project.transaction():
        for number in range(5):
            counts = {"0x0": 5} if number == 3 else {"0x0": number, "0x1": 1}
            project.save(make_result(f"job-{number}", counts=counts), params={"n": number})

    table = project.table("n", "counts.*")

    assert table["counts.0"].tolist() == [0, 1, 2, 5, 4]
    assert table["counts.1"].tolist() == [1, 1, 1, 0, 1]
    assert str(table["counts.1"].dtype) == "Int64"


def test_counts_that_are_no_whole_numbers_are_not_rounded(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "quasi.h5")
    run = project.save(make_result("quasi", counts={"0x0": 0.5, "0x1": 9.5}), params={"n": 1})

    with pytest.raises(FormatError, match="its counts are not integers of bit strings"):
        run.counts_array()
    with pytest.warns(ArchiveWarning, match="run quasi cannot be read.*not integers of bit strings"):
        assert project.table("n", "counts.*").empty
