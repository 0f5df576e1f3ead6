"""Arrays that many runs have saved, as one stack and as variables of a dataset."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import DensityMatrix, Pauli, Statevector, random_statevector
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData
from qiskit_aer.library import SaveStatevector  # noqa: F401  (adds the methods of circuits)

import aerchive
from aerchive.aer import AerSimulator, EstimatorV2
from aerchive.errors import InvalidInputError, MissingExtraError, NotFoundError
from aerchive.project.location import RunPlace
from aerchive.storage.medium.trace import record_reads
from aerchive.stored import run_plans
from aerchive.stored.stack import StackedArray
from tests import processes
from tests.holding import held
from tests.jobs import make_result
from tests.small_chunks import small_chunks

RANDOM = np.random.default_rng(17)
TIMES = [0.3, 1.0, 0.1, 0.2, 10.0, 2.0]


def values(*shape: int, order: Any = "C") -> np.ndarray:
    return np.asarray(RANDOM.normal(size=shape) + 1j * RANDOM.normal(size=shape), order=order)


def of_experiments(job_id: str, *data: dict[str, Any]) -> Result:
    experiments = [ExperimentResult(10, True, ExperimentResultData(**one)) for one in data]
    return Result(job_id=job_id, success=True, results=experiments, date="2026-03-01T00:00:00+00:00")


ARRAYS: dict[str, list[np.ndarray]] = {
    "psi": [random_statevector(8, seed=number).data for number in range(6)],  # without chunks
    "long": [random_statevector(512, seed=number).data for number in range(6)],  # four chunks each
    "rho": [values(16, 16, order="F") for _ in range(6)],
    "wide": [values(40, 30, order="F") for _ in range(6)],
    "flags": [RANDOM.random((3, 30)) > 0.5 for _ in range(6)],
}
KINDS = {"psi": Statevector, "long": Statevector, "rho": DensityMatrix}
ORDER = [2, 3, 0, 1, 5, 4]
"""The numbers of the runs in the order of their times."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Project:
    """Six runs of an evolution, and runs that have no arrays, no result, or other labels and parameters."""
    project = aerchive.open(tmp_path_factory.mktemp("across") / "across.h5")
    with small_chunks(16 * 128), project.transaction():
        for number, time in enumerate(TIMES):
            saved = {label: KINDS.get(label, np.asarray)(arrays[number]) for label, arrays in ARRAYS.items()}
            result = make_result(f"run-{number}", energy=time / 2, counts={"0x0": number}, **saved)
            project.save(result, params={"t": time, "parity": number % 2}, tags=["evolution"])
        project.save(make_result("without", energy=7.0), params={"t": 4.0})
        failed = make_result("failed")
        failed.success = False
        failed.results = []
        project.save(failed, params={"t": 5.0})
        project.save(make_result("timeless", chi=values(3)))
    return project


def in_order(label: str) -> np.ndarray:
    return np.array([ARRAYS[label][number] for number in ORDER])


@pytest.mark.parametrize("label", ARRAYS)
def test_a_stack_is_sorted_and_knows_where_it_is_from(runs: aerchive.Project, label: str) -> None:
    whole = in_order(label)
    with record_reads() as log:
        stack = runs.stack(label, x="t")
    read = log.nbytes

    assert type(stack) is StackedArray
    assert (stack.shape, stack.dtype, len(stack)) == (whole.shape, whole.dtype, 6)
    assert list(stack.coords) == ["t"]
    assert stack.coords["t"].tolist() == sorted(TIMES)
    assert stack.job_ids == tuple(f"run-{number}" for number in ORDER)
    assert (stack.labels, stack.experiments) == ((label,) * 6, (0,) * 6)
    assert repr(stack) == f"<StackedArray shape={whole.shape} dtype={whole.dtype} of 6 runs by t>"
    assert read < 90_000, "documents and columns only"
    assert np.array_equal(stack[...], whole)
    assert np.array_equal(np.asarray(stack), whole)


KEYS: list[Any] = [..., 3, -1, slice(1, 4), slice(None, None, -2), (slice(None), 0), (2, 1), (..., slice(1, None, 3))]
KEYS += [(slice(4, 0, -1), slice(None, 2)), [5, 0, 0], (slice(None), [2, 0]), np.arange(6) % 2 == 0, slice(2, 2)]


@pytest.mark.parametrize("label", ARRAYS)
@pytest.mark.parametrize("most", [0, 1, 64], ids=["nothing known", "little known", "all known"])
def test_indexing_is_that_of_numpy(
    runs: aerchive.Project, label: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_plans, "_MOST_OF_ONE", most)
    stack, whole = runs.stack(label, x="t"), in_order(label)

    for key in KEYS:
        assert np.array_equal(stack[key], whole[key]), key
        assert np.shape(stack[key]) == whole[key].shape


def test_methods_of_stacks(runs: aerchive.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_plans, "_AT_ONCE", 4)
    for label in ("psi", "long"):
        states, stack = [Statevector(one) for one in in_order(label)], runs.stack(label, x="t")
        width = states[0].num_qubits
        operators = ["I" * (width - 1) + "Z", "X" * width]

        expected = [[state.expectation_value(Pauli(one)) for one in operators] for state in states]
        assert np.allclose(stack.expectation_values(operators), np.real(expected), atol=1e-12)
        assert np.allclose(stack.inner(states[2]), [one.inner(states[2]) for one in states], atol=1e-12)
        assert np.allclose(abs(stack[...]) ** 2, abs(stack) ** 2)
        assert np.allclose(stack.sum(axis=0), in_order(label).sum(axis=0))
        assert sum(block.size for _, block in stack.blocks()) == stack.size
        assert [row.tobytes() for row in stack] == [row.tobytes() for row in in_order(label)]
    rho = runs.stack("rho", x="t")
    assert np.allclose(
        rho.expectation_values("ZIII"), [DensityMatrix(one).expectation_value(Pauli("ZIII")) for one in rho]
    )
    assert np.array_equal(runs.stack("flags", x="t").any(axis=(1, 2)), in_order("flags").any(axis=(1, 2)))


def test_without_x_in_the_order_of_submission(runs: aerchive.Project) -> None:
    stack = runs.stack("psi")

    assert stack.job_ids == tuple(f"run-{number}" for number in range(6))
    assert stack.coords == {}
    assert repr(stack).endswith("of 6 runs>")
    assert np.array_equal(stack[1], ARRAYS["psi"][1])


def test_conditions_and_several_x(runs: aerchive.Project) -> None:
    stack = runs.stack("psi", x=("parity", "t"))

    assert stack.coords["parity"].tolist() == [0, 0, 0, 1, 1, 1]
    assert stack.coords["parity"].dtype == np.int64
    assert stack.coords["t"].tolist() == [0.1, 0.3, 10.0, 0.2, 1.0, 2.0]
    assert runs.stack("psi", "t", "params.t < 1").coords["t"].tolist() == [0.1, 0.2, 0.3]
    assert runs.stack("psi", "t", params__parity=1, where="params.t > 0.5").coords["t"].tolist() == [1.0, 2.0]
    assert runs.stack("psi", x=["energy", "job_id"]).coords["energy"].tolist() == [time / 2 for time in sorted(TIMES)]
    assert runs.stack("psi", x="job_id").coords["job_id"].tolist() == [f"run-{number}" for number in range(6)]
    assert runs.stack("psi", x="counts.0", where="params.parity == 0").coords["counts.0"].tolist() == [0, 2, 4]
    assert runs.stack("psi", where="job_id == run-3").shape == (1, 8)


def test_what_cannot_be_stacked(runs: aerchive.Project) -> None:
    for arguments, error, message in [
        (("x", "t"), NotFoundError, "none of 8 runs has an array 'x'; there are psi, long, rho, wide, flags, chi$"),
        (("ps", "t"), NotFoundError, "'ps'; did you mean psi"),
        (("energy", "t"), NotFoundError, r"it is a number, and project.table\(x, 'energy'\) gives numbers"),
        (("psi", "tea"), InvalidInputError, r"no run has 'tea'; there are .*psi.*params\.t"),
        (("psi", "t", "params.t > 100"), NotFoundError, r"params\.t > 100"),
        (("chi", "t"), InvalidInputError, "no run has 't'"),
        (("psi", "t", "tea == 3"), InvalidInputError, "tea"),
        (("psi", ("t", "psi")), InvalidInputError, r"x: 'psi' is the label of an array.* is 'params\.psi'"),
    ]:
        with pytest.raises(error, match=message):
            runs.stack(*arguments)


def test_arrays_that_differ(project: aerchive.Project) -> None:
    for number, length in enumerate([4, 4, 8]):
        project.save(make_result(f"job-{number}", psi=random_statevector(length, seed=1)), params={"n": number})
    project.save(make_result("single", chi=np.zeros(3, np.complex64)))
    project.save(make_result("double", chi=np.zeros(3)))

    with pytest.raises(InvalidInputError) as caught:
        project.stack("psi", x="n")
    assert str(caught.value) == (
        "arrays of one shape and dtype can be stacked; 'psi' is of shape (4,) and dtype <c16 in run job-0, and of "
        "shape (8,) and dtype <c16 in run job-2; choose runs with where=, such as where='num_qubits == 4'"
    )
    with pytest.raises(InvalidInputError, match=r"dtype <c8 in run single, and of shape \(3,\) and dtype <f8 in run"):
        project.stack("chi")
    assert project.stack("psi", x="n", where="params.n < 2").shape == (2, 4)


def test_one_array_of_a_circuit(project: aerchive.Project) -> None:
    states = [random_statevector(4, seed=seed) for seed in range(3)]
    project.save(make_result("shots", psi=states, one={"0x1": states[0]}))
    project.save(make_result("other", one={"0x1": states[1]}))

    with pytest.raises(InvalidInputError, match=r"'psi' has 3 arrays.* run\.array\('psi', shot=0\)"):
        project.stack("psi")
    stack = project.stack("one")
    assert stack.kind == "statevector"
    assert np.array_equal(stack[...], [states[0].data, states[1].data])


def test_circuits_with_parameters(project: aerchive.Project) -> None:
    """Every bind is a point, and a condition on a parameter of circuits chooses points."""
    theta = Parameter("θ")
    circuit = QuantumCircuit(1)
    circuit.ry(theta, 0)
    circuit.save_statevector("psi")
    simulator = AerSimulator(project=project)
    for angles in ([0.5, 0.1], [0.3]):
        simulator.run(circuit, [{theta: angles}], params={"study": len(angles)}).result()
    fixed = QuantumCircuit(1)
    fixed.save_statevector("psi")
    simulator.run(fixed, params={"study": 0}).result()

    stack = project.stack("psi", x="θ")

    assert stack.coords["θ"].tolist() == [0.1, 0.3, 0.5]
    assert stack.experiments == (1, 0, 0)
    assert stack.job_ids[0] == stack.job_ids[2] != stack.job_ids[1]
    assert np.allclose(stack[:, 1], np.sin(stack.coords["θ"] / 2))
    assert project.stack("psi", x="θ", where="params.θ > 0.2").coords["θ"].tolist() == [0.3, 0.5]
    assert project.stack("psi", x=("study", "θ")).coords["study"].tolist() == [1, 2, 2]
    assert len(project.stack("psi")) == 4


def test_values_of_a_primitive_are_numbers(project: aerchive.Project) -> None:
    theta = Parameter("θ")
    circuit = QuantumCircuit(1)
    circuit.ry(theta, 0)
    EstimatorV2(project=project).run([(circuit, "Z", [[0.0], [1.0]])]).result()

    with pytest.raises(NotFoundError, match="'evs'; it is a number"):
        project.stack("evs", x="θ")
    assert dict(project.dataset("θ", "evs").sizes) == {"θ": 2}


def test_runs_that_are_opened(runs: aerchive.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run is opened once for all slices of a stack, and the file once for many runs."""
    stack = runs.stack("long", x="t")
    opened: list[str] = []
    known = RunPlace.open
    monkeypatch.setattr(RunPlace, "open", lambda place: (opened.append(place.job_id), known(place))[1])

    stack[:, 3]
    assert sorted(opened) == [f"run-{number}" for number in range(6)]
    opened.clear()
    assert np.array_equal(stack[:, 200], in_order("long")[:, 200])
    assert opened == [f"run-{ORDER[0]}"]
    opened.clear()
    with record_reads() as log:
        stack[4, :3]
    assert opened == [f"run-{ORDER[4]}"]
    assert log.nbytes < 16 * 128 + 20_000


def test_the_file_changes(project: aerchive.Project) -> None:
    states = [random_statevector(256, seed=seed) for seed in range(4)]
    for number in range(3):
        project.save(make_result(f"job-{number}", psi=states[number]), params={"n": number})
    stack = project.stack("psi", x="n")
    expected = np.array([state.data for state in states[:3]])
    assert np.array_equal(stack[:, 5], expected[:, 5])

    project.save(make_result("later", psi=states[3]), params={"n": 9})
    assert np.array_equal(stack[...], expected)
    project.delete_job("later")
    project.compact()
    assert np.array_equal(stack[:, :9], expected[:, :9])
    project.delete_job("job-1")
    with pytest.raises(NotFoundError, match="job-1"):
        stack[1]
    assert np.array_equal(stack[::2], expected[::2])


def test_runs_in_spools(path: Path) -> None:
    project = aerchive.open(path)
    states = [random_statevector(256, seed=seed) for seed in range(4)]
    project.save(make_result("in-file", psi=states[0]), params={"n": 0})
    with held(path):
        other = aerchive.open(path, lock_timeout=0)
        for number in range(1, 4):
            other.save(make_result(f"spooled-{number}", psi=states[number]), params={"n": number})
        stack = project.stack("psi", x="n")
        assert stack.job_ids == ("in-file", "spooled-1", "spooled-2", "spooled-3")
        assert [project[job_id].in_pending_file for job_id in stack.job_ids] == [False, True, True, True]
        for _ in range(2):
            assert np.array_equal(stack[:, ::50], np.array([state.data for state in states])[:, ::50])
        assert len(stack.expectation_values(["Z" + "I" * 7])) == 4
        data = pickle.dumps(stack)
    project.flush()
    project.save(make_result("moves the others"))
    assert not any(run.in_pending_file for run in project)
    for moved in (stack, pickle.loads(data)):
        assert np.array_equal(moved[...], [state.data for state in states])


def test_in_other_processes(runs: aerchive.Project) -> None:
    stack = runs.stack("long", x="t")
    stack[:, 0]
    data = [pickle.dumps(stack), pickle.dumps(runs.dataset("t", ["long", "energy"]))]
    script = """
        import pickle, sys
        stack, data = (pickle.loads(bytes.fromhex(one)) for one in sys.argv[1:])
        print(stack.coords["t"][1], stack.job_ids[1], stack[1:3, ::100].tobytes().hex())
        print(data["long"].sel(t=0.2)[::100].compute(scheduler="sync").values.tobytes().hex())
    """

    printed = processes.run(script, *(one.hex() for one in data)).split()

    whole = in_order("long")[:, ::100]
    assert len(data[0]) < 6000, "no plans, and one path"
    assert printed == ["0.2", "run-3", whole[1:3].tobytes().hex(), whole[1].tobytes().hex()]


def test_dask(runs: aerchive.Project) -> None:
    lazy = runs.stack("long", x="t").to_dask()

    assert lazy.chunks == ((6,), (512,))
    assert lazy.name == runs.stack("long", x="t").to_dask().name != runs.stack("psi", x="t").to_dask().name
    assert runs.stack("long").to_dask(chunks=(2, 100)).chunks[0] == (2, 2, 2)
    with dask.config.set(scheduler="threads"):
        assert np.allclose(abs(lazy).sum(axis=1).compute(), abs(in_order("long")).sum(axis=1))


# datasets


def test_a_grid(project: aerchive.Project) -> None:
    arrays = {(t, n): values(4) for t in (0.2, 0.1) for n in (3, 1, 2)}
    with project.transaction():
        for (t, n), array in arrays.items():
            result = make_result(f"{t} {n}", psi=Statevector(array), p=abs(array), energy=t * n, counts={"0x2": n})
            project.save(result, params={"t": t, "n": n})

    data = project.dataset(["t", "n"], ["psi", "p", "energy", "counts.10", "job_id"])

    assert isinstance(data, xarray.Dataset)
    assert dict(data.sizes) == {"t": 2, "n": 3, "amplitude": 4, "axis_0": 4}
    assert data["psi"].dims == ("t", "n", "amplitude")
    assert data["p"].dims == ("t", "n", "axis_0")
    assert data["energy"].values.tolist() == [[t * n for n in (1, 2, 3)] for t in (0.1, 0.2)]
    assert data["counts.10"].values.tolist() == [[1, 2, 3]] * 2
    assert data["job_id"].values[1, 0] == "0.2 1"
    assert list(data.data_vars) == ["psi", "p", "energy", "counts.10", "job_id"]
    assert dask.is_dask_collection(data["psi"])
    assert not dask.is_dask_collection(data["energy"])
    assert np.array_equal(data["psi"].sel(t=0.2, n=3).values, arrays[0.2, 3])
    assert np.array_equal(data["psi"].values, [[arrays[t, n] for n in (1, 2, 3)] for t in (0.1, 0.2)])
    assert dict(project.dataset("t", "psi").sizes) == {"t": 2, "repeat": 3, "amplitude": 4}
    assert project.dataset("t", "psi")["psi"].sel(t=0.1).values.tolist() == [arrays[0.1, n].tolist() for n in (3, 1, 2)]


def test_counts_of_all_outcomes_and_the_origin(runs: aerchive.Project) -> None:
    data = runs.dataset("t", ["psi", "counts.*"])

    assert list(data.data_vars) == ["psi", "counts.0"]
    assert data["counts.0"].values.tolist() == ORDER
    assert json.loads(data.attrs["job_ids"]) == [f"run-{number}" for number in ORDER]
    assert [run.job_id for run in runs.runs_of(data)] == [f"run-{number}" for number in ORDER]


def test_points(runs: aerchive.Project) -> None:
    with record_reads() as log:
        data = runs.dataset(("parity", "t"), ["rho", "psi", "long", "wide", "energy"])
        assert log.nbytes < data["wide"].nbytes, "documents only"

    assert dict(data.sizes) == {"point": 6, "row": 16, "column": 16, "amplitude": 8, "long_amplitude": 512} | {
        "axis_0": 40,
        "axis_1": 30,
    }
    assert data["psi"].dims == ("point", "amplitude")
    assert data["t"].values.tolist() == [0.1, 0.3, 10.0, 0.2, 1.0, 2.0]
    assert data["energy"].values.tolist() == [time / 2 for time in data["t"].values]
    order = [TIMES.index(time) for time in data["t"].values]
    assert np.array_equal(data["rho"].values, [ARRAYS["rho"][number] for number in order])
    assert runs.dataset("t", "energy", where="not tags contains evolution").sizes["t"] == 1
    assert runs.dataset("t", "energy").sizes["t"] == 7, "also of runs without arrays"


def test_names_of_dimensions(project: aerchive.Project) -> None:
    """A dimension of an array is not one of ``x``, and nothing else either."""
    for amplitude in range(2):
        saved: dict[str, Any] = {"psi": random_statevector(2, seed=1), "rho": DensityMatrix(np.eye(2)), "column": 1.5}
        saved |= {"a": np.zeros((4, 2)), "b": np.ones((4, 3))}
        project.save(make_result(f"job-{amplitude}", **saved), params={"amplitude": amplitude, "line": amplitude})

    for x in ("amplitude", ("amplitude", "line")):
        data = project.dataset(x, ["psi", "rho", "column", "a", "b"])
        dims = {name: variable.dims[1:] for name, variable in data.data_vars.items()}
        assert dims == {
            "psi": ("psi_amplitude",),
            "rho": ("row", "rho_column"),
            "column": (),
            "a": ("axis_0", "axis_1"),
            "b": ("axis_0", "b_axis_1"),
        }
        assert data["psi"].values.shape == (2, 2)


def test_runs_without_a_result(project: aerchive.Project) -> None:
    failed = make_result("failed")
    failed.success = False
    failed.results = []
    project.save(failed)

    for ask in (lambda: project.stack("psi"), lambda: project.dataset("t", "psi")):
        with pytest.raises(NotFoundError, match="of 1 run meets the conditions, or none of these runs has a result"):
            ask()


def test_what_is_no_dataset(runs: aerchive.Project) -> None:
    for arguments, error, message in [
        (("t", ["psi", "phi"]), InvalidInputError, "no run has 'phi'; there are .*psi, long"),
        (((), ["psi"]), InvalidInputError, "needs x"),
        (("t", ["psi", "chi"]), InvalidInputError, "no run has all of t, psi, chi; leave out"),
        (("t", "psi", "params.t > 99"), NotFoundError, "99"),
        (("psi", "psi"), InvalidInputError, "x: 'psi' is the label of an array"),
    ]:
        with pytest.raises(error, match=message):
            runs.dataset(*arguments)


@pytest.mark.parametrize("module", ["xarray", "dask"])
def test_without_an_extra(runs: aerchive.Project, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, f"{module}.array", raising=False)

    with pytest.raises(MissingExtraError, match=rf"aerchive\[{module}\]"):
        runs.dataset("t", ["psi"])
    assert runs.stack("psi", x="t").shape == (6, 8)
