"""Runs as tables of other libraries: the catalogue, and what a sweep has saved."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import xarray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.primitives import BackendSamplerV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.library import SaveExpectationValue  # noqa: F401  (adds the methods of circuits)

import aerchive
from aerchive.aer import AerSimulator, EstimatorV2, SamplerV2
from aerchive.errors import ArchiveWarning, FormatError, InvalidInputError, NotFoundError
from tests import processes
from tests.jobs import make_result, run_stock

Z = SparsePauliOp("Z")


def ansatz(layers: int, distance: float) -> QuantumCircuit:
    circuit = QuantumCircuit(2, name=f"ansatz {layers}")
    for _ in range(layers):
        circuit.ry(distance, 0)
        circuit.cx(0, 1)
    circuit.save_expectation_value(SparsePauliOp("ZZ"), [0, 1], label="zz")
    circuit.save_expectation_value(SparsePauliOp("XX"), [0, 1], label="xx")
    circuit.measure_all()
    return circuit


def test_texts_of_runs_are_whole(tmp_path: Path) -> None:
    """Two names that differ only after the width of their column in the catalogue are two coordinates."""
    project, start = aerchive.open(tmp_path / "long.h5"), "hydrogen, bond length 0.735, ansatz "
    for number, last in enumerate("AB"):
        result = make_result(f"job-{last}", energy=float(number))
        result.backend_name = "generic_backend_of_a_test_with_5_qubits" + last
        project.save(result, name=start + last, tags=["t" * 60, last])

    table = project.table("name", ["energy", "backend", "tags"])
    grid = project.table("name", "energy", kind="xarray")

    assert table["name"].tolist() == grid["name"].values.tolist() == [start + "A", start + "B"]
    assert table["backend"].tolist() == project.to_pandas()["backend"].tolist()
    assert table["tags"].tolist() == [["t" * 60, "A"], ["t" * 60, "B"]]
    assert dict(grid.sizes) == {"name": 2}
    assert [run.name for run in project.runs(sort="name", descending=False)] == [start + "A", start + "B"]
    assert project.count_by("name") == {start + "A": 1, start + "B": 1}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Project:
    """Six runs of a sweep, one with parameter binds, a sampler, an estimator, and runs without numbers."""
    project = aerchive.open(tmp_path_factory.mktemp("sweep") / "sweep.h5")
    simulator = AerSimulator(project=project, seed_simulator=1)
    for distance in (0.9, 0.1, 0.5):
        for layer in (1, 2):
            params = {"distance": distance, "layer": layer}
            simulator.run(ansatz(layer, distance), shots=100, params=params, tags=["grid"]).result()
    theta, vector = Parameter("θ"), ParameterVector("v", 2)
    bound = QuantumCircuit(1, name="bound")
    bound.ry(theta + vector[0] + vector[1], 0)
    bound.save_expectation_value(Z, [0], label="z")
    binds = {theta: [0.0, 0.5, 1.0], vector[0]: [0.0, 0.1, 0.2], vector[1]: np.array([0.0, 0.0, 0.0])}
    plain = QuantumCircuit(1, name="plain")
    plain.save_expectation_value(Z, [0], label="z")
    simulator.run([plain, bound], [{}, binds], params={"study": "binds"}).result()
    project.save(run_stock(shots="many"))
    pub = QuantumCircuit(1, name="pub")
    pub.ry(theta, 0)
    estimator, sampler = EstimatorV2(project=project), SamplerV2(project=project, options={"backend_options": {}})
    observables = [[Z], [SparsePauliOp("X")]]
    estimator.run([(pub, observables, np.linspace(0, 1, 3)), (plain_circuit(), Z)], params={"study": "e"}).result()
    measured = pub.copy()
    measured.measure_all()
    sampler.run([(measured, np.linspace(0, np.pi, 3))], shots=50, params={"study": "s"}).result()
    return project


def plain_circuit() -> QuantumCircuit:
    circuit = QuantumCircuit(1, name="no parameters")
    circuit.x(0)
    return circuit


# the catalogue


def test_the_catalogue_as_a_frame(sweep: aerchive.Project) -> None:
    frame = sweep.to_pandas()

    assert len(frame) == len(sweep)
    assert frame["job_id"].tolist() == [run.job_id for run in sweep]
    assert frame["created"].is_monotonic_increasing
    assert str(frame["created"].dt.tz) == "UTC"
    grid = frame[[tags == ["grid"] for tags in frame["tags"]]]
    assert len(grid) == 6
    assert grid["params.distance"].tolist() == [0.9, 0.9, 0.1, 0.1, 0.5, 0.5]
    assert grid["params.layer"].tolist() == [1, 2] * 3
    assert frame["params.study"].dropna().tolist() == ["binds", "e", "s"]
    assert set(grid["shots"]) == {100}
    assert frame["seed"].dtype == "UInt64"
    assert list(frame.columns)[:5] == ["job_id", "created", "outcome", "name", "tags"]
    assert len(sweep.to_pandas("params.distance < 0.6", num_qubits=2)) == 4
    assert sweep.to_arrow().num_rows == len(sweep)
    assert sweep.to_arrow(tags="grid")["params.layer"].to_pylist() == [1, 2] * 3


def test_texts_that_the_catalogue_cuts_are_whole_in_the_table(project: aerchive.Project) -> None:
    tags = [f"tag {number}" for number in range(20)]
    project.save(make_result("j" * 60), name="n" * 60, tags=tags, params={"long": "p" * 100, "tuple": (1, 2)})
    project.save(make_result("b"), params={"long": "short"})
    failed = make_result("c")
    failed.success, failed.status = False, "m" * 100
    project.save(failed)

    frame = project.to_pandas().set_index("job_id")

    assert frame.loc["j" * 60, "name"] == "n" * 60
    assert frame.loc["j" * 60, "tags"] == tags
    assert frame.loc["j" * 60, "params.long"] == "p" * 100
    assert frame.loc["j" * 60, "params.tuple"] == (1, 2)
    assert frame.loc["b", "params.long"] == "short"
    assert frame.loc["b", "tags"] == []
    assert frame.loc["c", "message"].startswith("mmm")  # that one stays cut


def test_an_empty_project(project: aerchive.Project) -> None:
    for ask in (project.to_pandas, project.to_arrow, project.table):
        with pytest.raises(NotFoundError, match=r"project\.h5: no such project yet, the first run makes it$"):
            ask()
    assert not project.path.exists()

    project.save(make_result("a"))
    project.delete_job("a")
    assert len(project.to_pandas()) == 0
    assert "job_id" in project.to_pandas().columns
    assert len(project.table()) == 0


# what was saved


def test_a_plot_in_one_line(sweep: aerchive.Project) -> None:
    table = sweep.table("distance", "zz", params__layer=2)

    assert list(table.columns) == ["distance", "zz"]
    assert table["distance"].tolist() == [0.1, 0.5, 0.9]
    assert np.allclose(table["zz"], np.cos([0.1, 0.5, 0.9]))


def test_all_of_a_sweep(sweep: aerchive.Project) -> None:
    table = sweep.table(tags="grid")

    assert list(table.columns)[:5] == ["job_id", "params.distance", "params.layer", "experiment", "circuit"]
    assert set(table.columns[5:]) == {"xx", "zz"}
    assert len(table) == 6
    assert table["circuit"].tolist() == ["ansatz 1", "ansatz 2"] * 3
    for _, row in table.iterrows():
        data = sweep[row["job_id"]].result().data()
        assert (row["zz"], row["xx"]) == (data["zz"], data["xx"])


def test_several_columns_and_counts(sweep: aerchive.Project) -> None:
    table = sweep.table(
        ["layer", "params.distance"], ["zz", "counts.00", "counts.11", "counts.0x1", "shots"], tags="grid"
    )

    assert table["layer"].tolist() == [1, 1, 1, 2, 2, 2]
    assert table["params.distance"].tolist() == [0.1, 0.5, 0.9] * 2
    for run in sweep.find(tags="grid"):
        counts = run.counts()
        row = table[(table["layer"] == run.params["layer"]) & (table["params.distance"] == run.params["distance"])]
        assert row["counts.00"].item() == counts.get("00", 0)
        assert row["counts.11"].item() == counts.get("11", 0)
        assert row["counts.0x1"].item() == counts.get("01", 0)
        assert row["shots"].item() == 100


def test_parameter_binds(sweep: aerchive.Project) -> None:
    table = sweep.table(where="params.study == binds")

    assert table["circuit"].tolist() == ["plain", "bound", "bound", "bound"]
    assert table["bind"].tolist() == [0, 0, 1, 2]
    assert table["θ"].tolist()[1:] == [0.0, 0.5, 1.0]
    assert table["v[0]"].tolist()[1:] == [0.0, 0.1, 0.2]
    assert np.allclose(table["z"], np.cos([0, 0, 0.6, 1.2]))
    assert len(sweep.table("θ", "z")) == 3


def test_an_estimator_s_pub_has_a_row_for_each_element(sweep: aerchive.Project) -> None:
    table = sweep.table(program="estimator")

    assert table["experiment"].tolist() == [0] * 6 + [1]
    assert table["element"].tolist() == [*range(6), pandas.NA]
    assert table["circuit"].tolist() == ["pub"] * 6 + ["no parameters"]
    assert table["θ"].tolist()[:6] == [0.0, 0.5, 1.0] * 2
    expected = [*np.cos([0, 0.5, 1]), *np.sin([0, 0.5, 1]), -1]
    assert np.allclose(table["evs"], expected)
    assert "stds" in table
    result = sweep.latest(program="estimator").result()
    assert table["evs"].tolist()[:6] == result[0].data.evs.reshape(-1).tolist()


def test_counts_of_a_sampler(sweep: aerchive.Project) -> None:
    table = sweep.table("θ", ["counts.0", "counts.1", "counts.0x3"], program="sampler")

    bits = sweep.latest(program="sampler").result()[0].data.meas
    assert table["counts.0"].tolist() == [bits.get_counts(i).get("0", 0) for i in range(3)]
    assert (table["counts.0"] + table["counts.1"]).tolist() == [50] * 3
    assert table["counts.0x3"].tolist() == [0] * 3


def test_runs_beneath_a_primitive_are_left_out_unless_they_are_asked_for(sweep: aerchive.Project) -> None:
    run = sweep.latest(program="estimator")

    assert run.job_id in set(sweep.table()["job_id"])
    assert not set(sweep.table()["job_id"]) & {child.job_id for child in run.children()}
    assert set(sweep.table(parent=run.job_id)["job_id"]) <= {child.job_id for child in run.children()}


def test_as_xarray(sweep: aerchive.Project) -> None:
    data = sweep.table(["distance", "layer"], ["zz", "counts.00"], kind="xarray")

    assert isinstance(data, xarray.Dataset)
    assert dict(data.sizes) == {"distance": 3, "layer": 2}
    assert np.allclose(data["zz"].sel(layer=2), np.cos([0.1, 0.5, 0.9]))
    repeated = sweep.table("distance", "zz", kind="xarray")
    assert dict(repeated.sizes) == {"distance": 3, "repeat": 2}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"x": "nope", "y": "zz"}, "no run has 'nope'; there are xx, zz|no run has 'nope'; there are zz, xx"),
        ({"x": "distance", "y": "colour"}, "no run has 'colour'"),
        ({"y": "counts.abc"}, "an outcome is bits"),
        ({"y": "counts."}, "an outcome is bits"),
        ({"kind": "excel"}, "choose 'pandas' or 'xarray'"),
        ({"kind": "xarray"}, "needs x"),
        ({"where": "colour == red"}, "no column 'colour'"),
        ({"colour": "red"}, "no column 'colour'"),
    ],
)
def test_table_that_cannot_be(sweep: aerchive.Project, arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        sweep.table(**arguments)


def test_a_run_as_a_frame(sweep: aerchive.Project, project: aerchive.Project) -> None:
    frame = sweep.latest(tags="grid").to_pandas()
    assert len(frame) == 1
    assert {"experiment", "circuit", "zz", "xx"} == set(frame.columns)
    assert len(sweep.latest(program="estimator").to_pandas()) == 7
    assert len(project.save(run_stock()).to_pandas()) == 1
    lost = project.save(run_stock(shots="many"))
    assert len(lost.to_pandas()) == 0


def test_no_qiskit_is_needed(sweep: aerchive.Project) -> None:
    script = """
        import sys
        import aerchive
        project = aerchive.open(sys.argv[1], "r")
        print(len(project.to_pandas()), len(project.table()), len(project.table("θ", ["evs", "counts.0"])))
        print(len(project.latest(program="estimator").to_pandas()), "qiskit" in sys.modules)
    """
    printed = processes.run(script, sweep.path).split()

    assert printed == [str(len(sweep)), str(len(sweep.table())), "9", "7", "False"]


def test_values_of_other_types(project: aerchive.Project) -> None:
    numbers = {"i": 3, "f": float("nan"), "b": True, "n": np.float64(0.5)}
    project.save(make_result("a", **numbers, c=1j, s="text", l=[1.0], a=np.ones(3)))

    (row,) = project.table().to_dict("records")

    assert {"i", "f", "b", "n"} == row.keys() - {"job_id", "experiment"}
    assert (row["i"], row["b"], row["n"]) == (3, True, 0.5)
    assert np.isnan(row["f"])


def test_rows_have_a_total_order(project: aerchive.Project) -> None:
    values = (3.0, "b", np.array([0.2, 0.1]), float("nan"), Decimal("2.5"), [0.1, 7], "a", Decimal("NaN"), 1, 2**62 + 1)
    for number, value in enumerate(values):
        project.save(make_result(f"{number}", energy=float(number)), params={"d": value})

    table = project.table("d", "energy")
    line = project.table("d", "energy", kind="xarray")

    assert list(map(str, table["d"])) == [
        *("1", "2.5", "3.0", str(2**62 + 1), "a", "b", "(0.1, 7)", "(0.2, 0.1)", "nan", "NaN")
    ]
    assert table["energy"].tolist()[:8] == [8, 4, 0, 9, 6, 1, 5, 2]
    assert dict(line.sizes) == {"d": 9, "repeat": 2}  # two are NaN
    assert line["energy"].isel(repeat=0).values.tolist()[:8] == table["energy"].tolist()[:8]


def test_parameters_named_like_columns(project: aerchive.Project) -> None:
    project.save(make_result("a", energy=1.0), params={"created": "monday", "tags": [1], "shots": 7})
    project.save(make_result("b", energy=2.0), tags=["t"])

    table = project.table(["created", "shots"], ["tags", "energy"], params__shots=7)

    assert table.values.tolist() == [["monday", 7, (1,), 1.0]]
    assert project.table("energy", ["tags", "created"])["tags"].tolist() == [(1,), ("t",)]
    assert project.done("params.shots", "params.created") == {(7, "monday")}


def test_nan_is_last(project: aerchive.Project) -> None:
    for number, value in enumerate((3.0, float("nan"), 1.0, 2.0, 0.0)):
        project.save(make_result(f"{number}", energy=float(number)), params={"x": value, "y": 1})

    table = project.table(["y", "x"], "energy")

    assert table["x"].tolist()[:4] == [0.0, 1.0, 2.0, 3.0]
    assert table["energy"].tolist() == [4.0, 2.0, 3.0, 0.0, 1.0]


def test_integers_are_not_rounded_beside_a_hole(project: aerchive.Project) -> None:
    for number, (x, y) in enumerate(((1, 1), (1, 2), (2, 1))):
        project.save(make_result(f"{number}"), params={"x": x, "y": y, "n": 2**62 + 2 * number + 1})
    project.save(make_result("4"), params={"x": 3, "z": 1})

    grid = project.table(["x", "y"], "n", kind="xarray")
    table = project.table("x", ["n", "z"])

    assert int(grid["n"].sel(x=1, y=2)) == 2**62 + 3
    assert grid["n"].sel(x=2, y=2).item() is None
    assert table["n"].dtype == "Int64"
    assert table["n"].tolist() == [2**62 + 1, 2**62 + 3, 2**62 + 5, pandas.NA]


def test_scattered_runs_as_points(project: aerchive.Project) -> None:
    for number in range(5):
        params = {"x": number / 7, "y": (number * 3 % 5) / 7}
        project.save(make_result(f"{number}", energy=float(number)), params=params)

    points = project.table(["x", "y"], "energy", kind="xarray")
    grid = project.table(["x", "y"], "energy", kind="grid")

    assert dict(points.sizes) == {"point": 5}
    assert points["energy"].values.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert points["y"].values.tolist() == [0.0, 3 / 7, 1 / 7, 4 / 7, 2 / 7]
    assert dict(grid.sizes) == {"x": 5, "y": 5}
    assert int(grid["energy"].notnull().sum()) == 5


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("params.θ > 0.4", [0.5, 1.0]),
        ("params.θ > 0.4 and params.study == binds", [0.5, 1.0]),
        ("not params.θ > 0.4 and params.study == binds", [0.0]),
        ("params['v[0]'] in [0.1, 0.2] and outcome == ok", [0.5, 1.0]),
        ("params.θ > 0.9 or params.distance == 0.1", [1.0]),
        ("params.θ > 0.4 and params.study == other", []),
        ("params.θ > 0.4 and shots > 5000", []),
    ],
)
def test_conditions_on_bound_parameters_choose_rows(sweep: aerchive.Project, where: str, expected: list[float]) -> None:
    table = sweep.table(["params.θ", "θ"], "z", where=f"({where}) and program == run")

    assert table["θ"].tolist() == table["params.θ"].tolist() == expected


def test_conditions_by_keyword_on_parameters_of_the_run_and_of_the_circuit(sweep: aerchive.Project) -> None:
    table = sweep.table("θ", "z", params__θ__gt=0.4)
    assert table["θ"].tolist() == [0.5, 1.0]
    assert np.allclose(table["z"], np.cos([0.6, 1.2]))
    assert sweep.table("distance", "zz", params__distance__gt=0.4)["distance"].tolist() == [0.5, 0.5, 0.9, 0.9]


def test_a_parameter_of_the_run_comes_before_that_of_the_circuit(project: aerchive.Project) -> None:
    theta = Parameter("t")
    circuit = QuantumCircuit(1)
    circuit.ry(theta, 0)
    circuit.save_expectation_value(Z, [0], label="z")
    simulator = AerSimulator(project=project)
    simulator.run(circuit, [{theta: [0.0, 1.0]}], params={"t": 7}).result()

    assert project.table("t", "z")["t"].tolist() == [7, 7]
    assert project.table("t", "z", where="params.t == 7")["z"].tolist() == project.table("t", "z")["z"].tolist()
    with pytest.raises(InvalidInputError, match="no run has 'nope'"):
        project.table("nope", "z", where="params.t == 7")


def test_a_sampler_over_a_backend(project: aerchive.Project) -> None:
    circuit = QuantumCircuit(2)
    circuit.x(0)
    circuit.measure_all()
    job = BackendSamplerV2(backend=AerSimulator(project=project)).run([circuit], shots=10)
    project.save(job)

    table = project.table("job_id", "counts.01")

    assert set(table["counts.01"]) == {10}


def test_runs_in_a_pending_file_and_elsewhere(project: aerchive.Project, path: Path, tmp_path: Path) -> None:
    from tests.holding import held

    project.save(run_stock(), params={"x": 1})
    with held(path):
        other = aerchive.open(path, lock_timeout=0)
        assert other.save(make_result("b", energy=1.5), params={"x": 2}).in_pending_file

    assert project.table("x", "energy").to_dict("list") == {"x": [2], "energy": [1.5]}
    assert project.to_pandas()["params.x"].tolist() == [2, 1] or project.to_pandas()["params.x"].tolist() == [1, 2]


def test_a_damaged_run_is_named_and_left_out(project: aerchive.Project, path: Path) -> None:
    import h5py

    run = project.save(make_result("a", energy=1.5))
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        del file[run.path]["table"]

    with pytest.warns(ArchiveWarning, match="run a cannot be read.*there is no row 0"):
        assert len(project.table()) == 0
    with pytest.raises(FormatError, match="there is no row 0"):
        run.to_pandas()
    project.delete_job("a")
    with pytest.raises(NotFoundError):
        run.to_pandas()


def test_nothing_is_imported_that_is_not_asked_for(sweep: aerchive.Project) -> None:
    script = """
        import sys
        import aerchive
        project = aerchive.open(sys.argv[1], "r")
        assert project.find() and repr(project.jobs()) and project.count_by("outcome") and project.catalogue().size
        print(sorted(sys.modules.keys() & {"qiskit", "pandas", "xarray", "pyarrow", "qiskit_aer"}))
    """
    assert processes.run(script, sweep.path) == "[]\n"
    assert "qiskit" in sys.modules
