from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest
import qiskit_aer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.jobs import AerJob

import aerchive
from aerchive.aer import AerSimulator, EstimatorV2, SamplerV2
from aerchive.codecs.table import CODEC, NumbersTable, _numbers
from aerchive.errors import AlreadyExistsError, FormatError
from tests.codecs.conftest import make_result
from tests.strict import differences


def from_bits(bits: int) -> float:
    return float(struct.unpack("<d", bits.to_bytes(8, "little"))[0])


VALUES = [
    1.5,
    0.0,
    -0.0,
    float("inf"),
    float("-inf"),
    from_bits(1),
    from_bits(0x7FF8000000000123),
    from_bits(0xFFF8000000000000),
    np.nextafter(1, 2).item(),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_round_trip(round_trip: Callable[..., Any], value: float) -> None:
    assert differences(value, round_trip(value)) == []


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_inside_containers(round_trip: Callable[..., Any], value: float) -> None:
    nested = {"0x1": [value, 1.0], "0x0": (value,)}

    assert differences(nested, round_trip(nested)) == []


@pytest.mark.parametrize("value", [True, 3, np.float64(1.5), np.float32(0.1), 1 + 2j, np.complex128(-0.0)], ids=repr)
def test_other_numbers_keep_their_types(round_trip: Callable[..., Any], value: Any) -> None:
    assert differences(value, round_trip(value)) == []


def test_table_that_a_person_sees(store: Callable[..., Any], path: Any) -> None:
    long = "ψ" * 40
    run = store({"energy": -1.25, long: 2.0, "b": [1.0]}, {"energy": 0.5})

    with h5py.File(path, "r") as file:
        table = file[run.path]["table"][...]

    assert table.dtype.names == ("experiment", "energy", "value_1")
    assert table["experiment"].tolist() == [0, 1]
    assert table["energy"].tolist() == [-1.25, 0.5]
    assert table["value_1"][0] == 2.0
    assert np.isnan(table["value_1"][1])
    assert run.value(long) == 2.0


def test_each_value_has_its_own_row(store: Callable[..., Any]) -> None:
    data = [{f"{number}.{label}": number + label / 64 for label in range(20)} for number in range(10)]

    run = store(*data)

    for number, values in enumerate(data):
        assert differences(values, run.result().data(number).copy()) == []


@pytest.mark.parametrize("row", [2, 10**6, -1, 2**70, 0.5, "0", None, [0], {}], ids=repr)
def test_row_that_is_not_there(forge: Callable[..., Any], row: Any) -> None:
    data = {"a": 1.5, "b": 2.5}
    run = forge(data, lambda document: document["experiments"][0]["data"][0][1].update({"row": row}))

    with pytest.raises(FormatError):
        run.value("a")
    with pytest.raises(FormatError):
        run.result().data(0)["a"]


@pytest.mark.parametrize("column", ["b", "experiment", "", 1, None, ["a"], {}], ids=repr)
def test_column_that_is_not_there(forge: Callable[..., Any], column: Any) -> None:
    run = forge({"a": 1.5}, lambda document: document["experiments"][0]["data"][0][1].update({"column": column}))

    with pytest.raises(FormatError):
        run.value("a")
    with pytest.raises(FormatError):
        run.result().data(0)["a"]


def test_reference_without_a_row(forge: Callable[..., Any]) -> None:
    run = forge({"a": 1.5}, lambda document: document["experiments"][0]["data"][0][1].pop("row") and None)

    with pytest.raises(FormatError):
        run.value("a")


def test_reference_without_a_table(forge: Callable[..., Any]) -> None:
    def change(document: dict[str, Any]) -> None:
        document["experiments"][0]["data"][0][1] = {"$": "scalar/1", "column": "a", "row": 0}

    run = forge({"a": 1}, change)

    with pytest.raises(FormatError):
        run.value("a")


T, U = Parameter("t"), Parameter("u")
ODD = from_bits(0x7FF8000000000123)
EXACT: dict[str, Any] = {
    "floats": [0.5, -0.0, float("inf")],
    "integers": [1, -(2**53), 2**53],
    "a tuple": (0.5, 1.5, 2.5),
    "a tuple of integers": (1, 2, 3),
    "a range": range(7, 1, -2),
    "numpy floats": list(np.linspace(0, 1, 3)),
    "single floats": [np.float32(0.1), np.float32(2), np.float32(3)],
    "half floats": (np.float16(0.1), np.float16(2), np.float16(3)),
    "numpy integers": [np.int64(3), np.int64(-3), np.int64(2**53)],
    "bytes": [np.uint8(3), np.uint8(255), np.uint8(0)],
    "an array": np.linspace(0, 1, 3),
    "an array of single floats": np.linspace(0, 1, 3, dtype="f4"),
    "an array of integers": np.array([1, 2, 2**53]),
    "NaN with a payload": np.array([ODD, from_bits(0xFFF0000000000001), 0.0]),
}
KEPT: dict[str, Any] = {
    "mixed": [0.5, 1, 2],
    "mixed numpy": [np.float64(0.5), 0.5, 1.0],
    "large integers": [2**53 + 1, 1, 2],
    "larger integers": [2**63, -1, 2],
    "much larger integers": [2**100, 1, 2],
    "an array of large integers": np.array([2**53 + 1, 1, 2]),
    "booleans": [True, False, True],
    "numpy booleans": np.array([True, False, True]),
    "long doubles": np.arange(3, dtype=np.longdouble),
    "big-endian": np.arange(3, dtype=">f8"),
    "a signalling NaN": np.array([0x7FA00000, 0, 0], "u4").view("f4"),
    "text": ["a", "b", "c"],
    "complex": [0.5j, 1j, 2j],
    "a table": np.zeros((3, 1)),
    "lists": [[0.5], [1.0], [2.0]],
}


class OneArray:
    """A decoder with one array."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def array(self, reference: Any) -> Any:
        assert reference["to"] == ["table", "t", 0, [len(self.values)], "C"]
        return self.values.copy()

    def value(self, tree: Any) -> Any:
        raise AssertionError(tree)


def through_a_column(values: Any) -> Any:
    table = NumbersTable()
    table.set_experiments(len(values))
    tree = table.add_values("t", values, 0, len(values), None)
    draft = table.draft()
    assert draft is not None
    return CODEC.decode_tagged(tree, OneArray(draft.parts[0]["t"]))


@pytest.mark.parametrize("values", EXACT.values(), ids=EXACT)
def test_values_of_a_parameter_come_back_as_given(values: Any) -> None:
    assert differences(values, through_a_column(values)) == []


@pytest.mark.parametrize("values", KEPT.values(), ids=KEPT)
def test_values_that_are_no_plain_numbers_stay_in_the_document(values: Any) -> None:
    assert _numbers(values, 3) is None


def test_view_of_an_array_comes_back_as_an_array() -> None:
    values = np.arange(6.0)[::-2]

    assert differences(values.copy(), through_a_column(values)) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.floats(), min_size=1) | st.lists(st.integers(-(2**53), 2**53), min_size=1).map(tuple))
def test_any_numbers_come_back(values: Any) -> None:
    assert differences(values, through_a_column(values)) == []


def rotations(*parameters: Any) -> QuantumCircuit:
    circuit = QuantumCircuit(1, name="rotations")
    for parameter in parameters:
        circuit.ry(parameter, 0)
    circuit.save_expectation_value(SparsePauliOp("Z"), [0], label="z")
    return circuit


def bound(path: Any, circuits: Any, binds: Any) -> Any:
    """Runs circuits, and gives the run, after its binds were compared."""
    AerSimulator(project=path, method="statevector").run(circuits, parameter_binds=binds).result()
    run = aerchive.open(path, "r").latest()
    assert differences(binds, run.parameter_binds()) == []
    return run


def table_of(path: Any, run: Any) -> Any:
    with h5py.File(path, "r") as file:
        return file[run.path]["table"][...]


def test_sweep_in_plain_h5py(path: Any) -> None:
    angles = np.linspace(0, 3, 4)

    run = bound(path, rotations(T), [{T: list(angles)}])

    with h5py.File(path, "r") as file:
        table = file[run.path]["table"][...]
        assert table.dtype.names == ("experiment", "circuit", "t", "z")
        assert table["experiment"].tolist() == [0, 1, 2, 3]
        assert table["t"].tolist() == angles.tolist()
        assert np.allclose(table["z"], np.cos(angles))
        assert b"base64" not in b"".join(file[run.path]["inputs"][...].tolist())
    assert aerchive.open(path, "r").table("t", "z")["t"].tolist() == angles.tolist()


def archived(path: Any, binds: Any, *data: Any) -> Any:
    """The run of a job with any binds, the result of which is made by hand; without data the job failed."""

    def simulate(*_: Any) -> Any:
        if not data:
            raise ValueError("refused")
        return make_result(*data, job_id="job")

    job = AerJob(qiskit_aer.AerSimulator(), "job", simulate, parameter_binds=binds, circuits=[rotations(T)])
    job.submit()
    aerchive.open(path).save(job)
    return aerchive.open(path, "r").latest()


FORMS = {**EXACT, **{name: values for name, values in KEPT.items() if name != "complex"}}


@pytest.mark.parametrize("values", FORMS.values(), ids=FORMS)
def test_binds_come_back_as_given(path: Any, values: Any) -> None:
    binds = [{T: values, U: [0.5, 1.5, 2.5]}]

    run = archived(path, binds, *[{"z": 0.5}] * 3)

    assert differences(binds, run.parameter_binds()) == []
    assert table_of(path, run)["u"].tolist() == [0.5, 1.5, 2.5]


def test_binds_of_a_run_that_failed(path: Any) -> None:
    binds = [{T: [np.float64(0.5), np.float64(1.5)]}, {U: range(3)}]

    run = archived(path, binds)

    assert run.outcome == "error"
    assert differences(binds, run.parameter_binds()) == []
    table = table_of(path, run)
    assert table["circuit"].tolist() == [0, 0, 1, 1, 1]
    assert table["t"][:2].tolist() == [0.5, 1.5]
    assert table["u"][2:].tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("number", [1, 3])
def test_binds_that_do_not_fit_the_experiments_stay_in_the_document(path: Any, number: int) -> None:
    run = archived(path, [{T: [0.5, 1.5]}], *[{"z": 0.5}] * number)

    assert table_of(path, run).dtype.names == ("experiment", "z")
    assert differences([{T: [0.5, 1.5]}], run.parameter_binds()) == []


def test_circuits_with_parameters_of_one_name(path: Any) -> None:
    other = Parameter("t")

    run = bound(path, [rotations(T), rotations(other, U), rotations()], [{T: [1, 2]}, {other: (0.5,), U: [0.25]}, {}])

    table = table_of(path, run)
    assert table.dtype.names == ("experiment", "circuit", "t", "u", "z")
    assert table["circuit"].tolist() == [0, 0, 1, 2]
    assert table["t"][:3].tolist() == [1.0, 2.0, 0.5]
    assert np.isnan(table["u"]).tolist() == [True, True, False, True]


NAMES = [
    "θ[0]",
    "a b",
    "experiment",
    "z",
    "n" * 64,
    "n" * 65,
    "ψ" * 33,
    "line\nbreak",
    "x\x00y",
    "r",
    "i",
    "value_1",
    "a/b",
]


def test_names_of_columns(path: Any) -> None:
    parameters = [Parameter(name) for name in NAMES]
    binds = {parameter: [number / 4] for number, parameter in enumerate(parameters)}

    run = bound(path, rotations(*parameters), [binds])

    table = table_of(path, run)
    made_up = iter(f"parameter_{number}" for number in range(1, 9))
    expected = [name if name in (*NAMES[:2], *NAMES[4:5], *NAMES[9:12]) else next(made_up) for name in NAMES]
    assert table.dtype.names == ("experiment", "circuit", *expected, "z")
    assert [table[name][0] for name in expected] == [number / 4 for number in range(len(NAMES))]
    assert aerchive.open(path, "r").table("ψ" * 33, "z")["ψ" * 33].tolist() == [1.5]


def test_two_parameters_of_one_name_in_one_bind() -> None:
    table = NumbersTable()
    table.set_experiments(3)

    trees = [table.add_values("t", [number, 2], 1, 2, None) for number in range(2)]

    assert [tree["data"]["to"] for tree in trees] == [
        ["table", "t", 1, [2], "C"],
        ["table", "parameter_1", 1, [2], "C"],
    ]


def test_vector_has_a_column_for_each_element(path: Any) -> None:
    vector = ParameterVector("θ", 100)

    run = bound(path, rotations(*vector), [{one: [0.25 * number, 1.0] for number, one in enumerate(vector)}])

    table = table_of(path, run)
    assert table.dtype.names == ("experiment", "circuit", *(f"θ[{number}]" for number in range(100)), "z")
    assert table["θ[99]"].tolist() == [24.75, 1.0]


def test_more_parameters_than_a_table_has_columns(path: Any) -> None:
    vector = ParameterVector("v", 300)

    run = bound(path, rotations(*vector), [{one: [number, 2] for number, one in enumerate(vector)}])

    with h5py.File(path, "r") as file:
        group = file[run.path]
        assert group["table"].dtype.names == ("experiment", "circuit", "z")
        assert group["parameters"].shape == (300, 2)
        assert group["parameters"][:, 0].tolist() == list(range(300))
        assert [name.decode() for name in group["parameter_names"]] == [f"v[{number}]" for number in range(300)]
    assert aerchive.open(path, "r").table("v[299]", "z")["v[299]"].tolist() == [2, 299]


@pytest.mark.parametrize("binds", [[{}], [{T: []}], [{}, {}], [{T: [0.5], U: [1.0, 2.0]}]], ids=repr)
def test_binds_without_values_for_each_experiment(path: Any, binds: Any) -> None:
    run = archived(path, binds, {"z": 0.5}, {"z": 1.5})

    assert differences(binds, run.parameter_binds()) == []
    assert table_of(path, run)["z"].tolist() == [0.5, 1.5]


def test_result_first_and_its_binds_later(path: Any) -> None:
    job = qiskit_aer.AerSimulator(method="statevector").run(rotations(T), parameter_binds=[{T: [0.5, 1.5]}])
    project = aerchive.open(path)
    project.save(job.result())
    before = table_of(path, project.latest())

    project.save(job)

    run = aerchive.open(path, "r").latest()
    after = table_of(path, run)
    assert before.dtype.names == ("experiment", "z")
    assert after.dtype.names == ("experiment", "circuit", "t", "z")
    assert after["z"].tolist() == before["z"].tolist() == [run.value("z", 0), run.value("z", 1)]
    assert differences([{T: [0.5, 1.5]}], run.parameter_binds()) == []
    project.save(job.result())
    assert len(project) == 1
    assert list(aerchive.open(path).verify().problems) == []


def test_result_first_and_many_parameters_later(path: Any) -> None:
    vector = ParameterVector("v", 160)
    binds = [{one: [0.5, 1.5] for one in vector}]
    job = qiskit_aer.AerSimulator(method="statevector").run(rotations(*vector), parameter_binds=binds)
    project = aerchive.open(path)
    project.save(job.result())

    project.save(job)
    project.save(job.result())

    assert len(project) == 1
    assert differences(binds, aerchive.open(path, "r").latest().parameter_binds()) == []


def test_pub_of_too_many_points_has_no_rows() -> None:
    table = NumbersTable()
    table.set_points(0, (2**12, 2**13))
    table.set_points(1, (2,))

    assert table.add(np.zeros((1, 1)), "evs", 0) is None
    assert table.add_bindings(["t"], np.zeros((1, 1)), 0) is None
    assert table.add(np.array([0.5, 1.5]), "evs", 1) is not None
    draft = table.draft()
    assert draft is not None
    assert draft.parts[0].tolist() == [(1, 0, 0.5), (1, 1, 1.5)]


def test_another_value_is_another_result(path: Any) -> None:
    job = qiskit_aer.AerSimulator(method="statevector").run(rotations(T), parameter_binds=[{T: [0.5, 1.5]}])
    project = aerchive.open(path)
    project.save(job.result())
    edited = job.result()
    edited.results[1].data.z = 0.75

    with pytest.raises(AlreadyExistsError, match="another result"):
        project.save(edited)


def test_pubs_of_an_estimator(path: Any) -> None:
    circuit = QuantumCircuit(1)
    circuit.ry(T, 0)
    angles = [[0.25], [0.5], [0.75]]
    pubs = [(circuit, [["Z"], ["X"]], angles), (QuantumCircuit(1), "Z"), (circuit, ["Z", "X", "Y"], [0.125])]

    result = EstimatorV2(project=path).run(pubs).result()

    run = aerchive.open(path, "r").latest()
    table = table_of(path, run)
    assert table.dtype.names == ("pub", "point", "t", "evs", "stds")
    assert table["pub"].tolist() == [0] * 6 + [1] + [2] * 3
    assert table["point"].tolist() == [*range(6), 0, *range(3)]
    assert table["t"][:6].tolist() == [0.25, 0.5, 0.75] * 2
    assert np.isnan(table["t"][6])
    assert table["t"][7:].tolist() == [0.125] * 3
    assert table["evs"].tolist() == [value for pub in result for value in pub.data.evs.reshape(-1).tolist()]
    assert differences(result, run.result()) == []
    assert [dict(pub.parameter_values.data)[("t",)].tolist() for pub in (run.pubs()[0], run.pubs()[2])] == [
        angles,
        [0.125],
    ]
    assert np.array_equal(run.array("evs")[1, :2], result[0].data.evs[1, :2])
    assert run.array("evs", 1)[...] == result[1].data.evs
    assert aerchive.open(path, "r").table("t", "evs")["t"].tolist() == sorted(table["t"].tolist()[:6] + [0.125] * 3)


def test_pubs_of_a_sampler(path: Any) -> None:
    circuit = QuantumCircuit(1)
    circuit.ry(T, 0)
    circuit.rz(U, 0)
    circuit.measure_all()

    SamplerV2(project=path).run([(circuit, [[0.25, 1.0], [0.5, 2.0]])], shots=4).result()

    run = aerchive.open(path, "r").latest()
    assert table_of(path, run).tolist() == [(0, 0, 0.25, 1.0), (0, 1, 0.5, 2.0)]
    (values,) = run.pubs()[0].parameter_values.data.values()
    assert differences(np.array([[0.25, 1.0], [0.5, 2.0]]), values) == []
