from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import quantum_info
from qiskit.quantum_info import DensityMatrix, Operator, Statevector, SuperOp
from qiskit_aer.backends import compatibility

import aerchive
from aerchive.errors import FormatError, UnsupportedTypeError
from tests.codecs.conftest import make_result
from tests.strict import differences

SOURCES = {"aer": compatibility, "qiskit": quantum_info}
CLASSES = ("Statevector", "DensityMatrix", "Operator", "SuperOp")
KINDS = {"Statevector": "statevector", "DensityMatrix": "density_matrix", "Operator": "unitary", "SuperOp": "superop"}


def numbers(*shape: int, order: str = "C", seed: int = 5) -> np.ndarray:
    """Complex numbers with all bits in use, among them the ones that equality does not see."""
    random = np.random.default_rng(seed)
    values = random.normal(size=shape) + 1j * random.normal(size=shape)
    flat = values.reshape(-1).view(np.float64)
    odd = np.array([0x7FF8000000000123, 0xFFF8DEADBEEF0001, 0x8000000000000000, 0x7FF0000000000000], np.uint64)
    flat[: len(odd)] = odd.view(np.float64)
    return np.asarray(values, order=order)


def shape_of(name: str, dimension: int) -> tuple[int, ...]:
    if name == "Statevector":
        return (dimension,)
    side = dimension**2 if name == "SuperOp" else dimension
    return (side, side)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("qubits", [1, 2, 3])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", CLASSES)
def test_round_trip(round_trip: Callable[..., Any], name: str, source: str, qubits: int, order: str) -> None:
    state = getattr(SOURCES[source], name)(numbers(*shape_of(name, 2**qubits), order=order))

    read = round_trip(state)

    assert differences(state, read) == []
    assert type(read) is getattr(SOURCES[source], name)
    assert read.data.flags.writeable
    assert read.num_qubits == qubits


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("name", "shape", "dims"),
    [
        ("Statevector", (6,), {"dims": (2, 3)}),
        ("Statevector", (6,), {"dims": (3, 2)}),
        ("Statevector", (16,), {"dims": (4, 4)}),
        ("Statevector", (3,), {}),
        ("DensityMatrix", (6, 6), {"dims": (3, 2)}),
        ("Operator", (6, 4), {"input_dims": (4,), "output_dims": (2, 3)}),
        ("Operator", (2, 4), {}),
        ("Operator", (4, 4), {"input_dims": (2, 2), "output_dims": (4,)}),
        ("SuperOp", (9, 9), {}),
        ("SuperOp", (9, 4), {"input_dims": (2,), "output_dims": (3,)}),
        ("SuperOp", (36, 36), {"input_dims": (2, 3), "output_dims": (3, 2)}),
    ],
)
def test_dimensions_other_than_qubits(
    round_trip: Callable[..., Any], name: str, source: str, shape: tuple[int, ...], dims: dict[str, Any]
) -> None:
    state = getattr(SOURCES[source], name)(numbers(*shape), **dims)

    read = round_trip(state)

    assert differences(state, read) == []
    if name in ("Statevector", "DensityMatrix"):
        assert read.dims() == state.dims()
    else:
        assert (read.input_dims(), read.output_dims()) == (state.input_dims(), state.output_dims())


@pytest.mark.parametrize("source", SOURCES)
def test_state_without_qubits(round_trip: Callable[..., Any], source: str) -> None:
    state = SOURCES[source].Statevector(np.array([np.exp(0.3j)]))

    assert differences(state, round_trip(state)) == []


def test_state_of_many_chunks(round_trip: Callable[..., Any]) -> None:
    state = Statevector(numbers(2**18))

    assert differences(state, round_trip(state)) == []


def test_matrix_of_many_chunks_in_fortran_order(round_trip: Callable[..., Any]) -> None:
    state = compatibility.DensityMatrix(numbers(512, 512, order="F"))

    assert differences(state, round_trip(state)) == []


@pytest.mark.parametrize(
    "shape",
    [
        lambda one: [one(1), one(2)],
        lambda one: {"0x1": one(1), "0x0": one(2)},
        lambda one: {"0x3": [one(1), one(2)], "0x0": [one(3)]},
        lambda one: ([one(1)], {"deep": (one(2), [one(3)])}),
    ],
    ids=["pershot", "conditional", "pershot and conditional", "nested"],
)
@pytest.mark.parametrize("name", CLASSES)
def test_states_in_containers(round_trip: Callable[..., Any], name: str, shape: Callable[..., Any]) -> None:
    value = shape(lambda seed: getattr(compatibility, name)(numbers(*shape_of(name, 2), order="F", seed=seed)))

    assert differences(value, round_trip(value)) == []


MATRICES = {
    "DensityMatrix": "density matrix of 2 qubits (first axis: column)",
    "Operator": "unitary of 2 qubits (first axis: column)",
    "SuperOp": "superoperator of 2 qubits (first axis: column)",
}
"""What the datasets of matrices say to viewers."""


@pytest.mark.parametrize("name", CLASSES)
def test_is_stored_under_its_kind(store: Callable[..., Any], datasets: Callable[..., Any], name: str) -> None:
    state = getattr(compatibility, name)(numbers(*shape_of(name, 4), order="F"))

    run = store({"some label": state})

    kind = KINDS[name]
    found = datasets(run)
    assert found.keys() == {"result", kind}
    shape, attributes = found[kind]
    assert shape == state.data.shape[::-1]
    assert attributes == {
        "encoding": "array",
        "encoding_version": 1,
        "kind": kind,
        "layout": "plain",
        "dtype": "<c16",
        "order": "C" if name == "Statevector" else "F",
        "number": 1,
        "label": "some label",
        "experiment": 0,
        **({} if name not in MATRICES else {"interpretation": "image", "long_name": MATRICES[name]}),
    }


class MyStatevector(Statevector):
    """Of somebody else."""


class MyOperator(Operator):
    """Of somebody else."""


@pytest.mark.parametrize("value", [MyStatevector([1, 0]), MyOperator(np.eye(2)), [MyStatevector([1, 0])]])
def test_subclass_is_refused_by_name_and_the_rest_is_kept(path: Any, value: Any) -> None:
    project = aerchive.open(path)
    kept = Statevector(numbers(4))
    name = type(value[0] if isinstance(value, list) else value).__qualname__

    with pytest.raises(UnsupportedTypeError, match=rf"'foreign'.*tests\.codecs\.test_states\.{name}"):
        project.save(make_result({"foreign": value, "kept": kept, "counts": {"0x1": 10}}))

    run = project.latest()
    assert differences(kept, run.value("kept")) == []
    assert run.counts() == {"1": 10}
    assert any(name in text for text in run.record.config.missing)
    with pytest.raises(UnsupportedTypeError, match="was not archived"):
        run.value("foreign")


@pytest.mark.parametrize(
    "change",
    [
        {"class": "other"},
        {"class": None},
        {"class": []},
        {"dims": 7},
        {"dims": [[2], [2], [2]]},
        {"dims": [["x"], [1]]},
        {"dims": [[3, 3], [1]]},
        {"dims": {}},
        {"data": None},
        {"data": ["statevector", None]},
        {"data": {"$": "reference"}},
        {"data": {"$": "reference", "to": ["statevector"]}},
        {"data": {"$": "reference", "to": ["statevector", 0]}},
        {"data": {"$": "reference", "to": ["statevector", None, None]}},
        {"data": {"$": "reference", "to": ["result", None]}},
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "state", [Statevector([1, 0]), DensityMatrix(np.eye(2)), Operator(np.eye(2)), SuperOp(np.eye(4))]
)
def test_document_that_does_not_fit(forge: Callable[..., Any], state: Any, change: dict[str, Any]) -> None:
    run = forge({"state": state}, lambda document: document["experiments"][0]["data"][0][1].update(change))

    with pytest.raises(FormatError):
        run.value("state")


def test_array_of_the_wrong_shape(forge: Callable[..., Any]) -> None:
    def swap(document: dict[str, Any]) -> None:
        (_, vector), (_, tensor) = document["experiments"][0]["data"]
        vector["data"] = tensor["data"]

    run = forge({"state": Statevector([1, 0]), "tensor": numbers(2, 3, 4)}, swap)

    with pytest.raises(FormatError):
        run.value("state")
