"""Circuits of one shape: only the first of them are examined in full, and nothing is lost of the others."""

from __future__ import annotations

import math

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import RXGate, UnitaryGate

from aerchive.codecs.circuits import shapes, writing
from aerchive.codecs.circuits.losses import differences
from aerchive.codecs.circuits.qpy_versions import written_as
from aerchive.codecs.circuits.reading import load_qpy
from aerchive.codecs.circuits.shapes import shape_of
from aerchive.codecs.circuits.writing import EncodedCircuits, dump_qpy, encode_circuits

MANY = shapes._EXAMINED + 3


@pytest.fixture(autouse=True)
def _nothing_is_known() -> None:
    writing._recently_restored.clear()
    writing._examined.clear()


def circuit(*angles: float, gate: str = "ry", label: str | None = None) -> QuantumCircuit:
    made = QuantumCircuit(2, name="point")
    for angle in angles:
        getattr(made, gate)(angle, 0)
        made.append(RXGate(angle / 3, label=label), [1])
    made.measure_all()
    return made


def shape(one: QuantumCircuit) -> shapes.Shape | None:
    return shape_of([one], dump_qpy([one]), b"")


def encoded(one: QuantumCircuit) -> EncodedCircuits:
    return encode_circuits([one], keep_made_up_names=False)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of each payload that was read back."""
    sizes: list[int] = []

    def counted(payload: bytes) -> list[QuantumCircuit]:
        sizes.append(len(payload))
        return load_qpy(payload)

    monkeypatch.setattr(writing, "load_qpy", counted)
    return sizes


@pytest.mark.parametrize("angles", [(0.25, -1.5), (0.0, -0.0), (1e300, math.pi), (5e-324, 7.0)], ids=str)
def test_the_shape_does_not_depend_on_angles(angles: tuple[float, float]) -> None:
    assert shape(circuit(0.1, 0.2)) == shape(circuit(*angles)) is not None


@pytest.mark.parametrize("version", [None, 15])
def test_every_version_of_qpy_has_shapes(version: int | None) -> None:
    with written_as(version):
        assert shape(circuit(0.1, 0.2)) == shape(circuit(0.3, -0.4)) is not None


@pytest.mark.parametrize(
    "other",
    [
        circuit(0.1),
        circuit(0.1, 0.2, gate="rz"),
        circuit(0.1, 0.2, label="here"),
        circuit(0.1, Parameter("t")),  # type: ignore[arg-type]
    ],
    ids=["shorter", "another gate", "a label", "a parameter"],
)
def test_other_circuits_have_another_shape(other: QuantumCircuit) -> None:
    assert shape(circuit(0.1, 0.2)) != shape(other)


def test_a_circuit_without_angles_has_no_shape() -> None:
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    assert shape(bell) is None


def test_only_the_first_circuits_are_read_back_and_all_are_stored_whole(loads: list[int]) -> None:
    circuits = [circuit(0.1 * number, math.sqrt(number)) for number in range(MANY)]

    found = [encoded(one) for one in circuits]

    assert len(loads) == shapes._EXAMINED
    for one, stored in zip(circuits, found, strict=True):
        (loaded,) = load_qpy(stored.qpy)
        assert stored.lost == ()
        assert list(differences(one, loaded)) == []


def test_a_loss_in_a_later_circuit_is_still_reported() -> None:
    for number in range(MANY):
        assert encoded(circuit(0.1 * number)).lost == ()
    odd = circuit(0.7)
    odd.remark = "read off by eye"  # type: ignore[attr-defined]

    stored = encoded(odd)

    assert stored.lost == ("circuit 0 'point': attribute remark of type builtins.str is not kept",)


def test_large_values_of_other_gates_belong_to_the_shape() -> None:
    def with_matrix(angle: float, phase: float) -> QuantumCircuit:
        made = circuit(angle)
        made.append(UnitaryGate([[1, 0], [0, complex(math.cos(phase), math.sin(phase))]]), [0])
        return made

    assert shape(with_matrix(0.1, 0.5)) == shape(with_matrix(0.2, 0.5))
    assert shape(with_matrix(0.1, 0.5)) != shape(with_matrix(0.1, 0.6))


def test_the_view_of_later_circuits_has_numbers_and_says_what_is_left_out() -> None:
    views = []
    for number in range(MANY):
        make = encoded(circuit(0.1 * number)).view
        assert make is not None
        views.append(make())

    first, last = views[0], views[-1]
    assert "openqasm" in first.datasets
    assert not last.datasets
    same = {name for name in first.attributes if first.attributes[name] == last.attributes.get(name)}
    assert {"title", "qubits", "operations", "depth", "size"} <= same
    assert last.attributes["left_out"] == "the text and the drawing; aerchive illustrate writes more"
