from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest
from qiskit import quantum_info
from qiskit.quantum_info import Clifford, StabilizerState, random_clifford
from qiskit_aer.backends import compatibility

import aerchive
from aerchive.errors import FormatError, UnsupportedTypeError
from tests.codecs.conftest import make_result
from tests.strict import differences

STATES = {"aer": compatibility.StabilizerState, "qiskit": quantum_info.StabilizerState}


@pytest.mark.parametrize("qubits", [1, 2, 5, 40])
def test_clifford(round_trip: Callable[..., Any], qubits: int) -> None:
    clifford = random_clifford(qubits, seed=qubits)

    read = round_trip(clifford)

    assert differences(clifford, read) == []
    assert type(read) is Clifford


@pytest.mark.parametrize("source", STATES)
@pytest.mark.parametrize("qubits", [1, 3, 40])
def test_stabilizer_state(round_trip: Callable[..., Any], qubits: int, source: str) -> None:
    state = STATES[source](random_clifford(qubits, seed=qubits))

    read = round_trip(state)

    assert differences(state, read) == []
    assert type(read) is STATES[source]
    assert read.num_qubits == qubits
    assert read.clifford.to_labels(mode="S") == state.clifford.to_labels(mode="S")


def test_tableau_in_fortran_order(round_trip: Callable[..., Any]) -> None:
    clifford = random_clifford(3, seed=1)
    clifford.tableau = np.asfortranarray(clifford.tableau)

    assert differences(clifford, round_trip(clifford)) == []


def test_many_in_containers(round_trip: Callable[..., Any]) -> None:
    value = {
        "0x1": [compatibility.StabilizerState(random_clifford(2, seed=seed)) for seed in range(5)],
        "0x0": [random_clifford(3, seed=9)],
    }

    assert differences(value, round_trip(value)) == []


def test_is_stored_as_bytes_of_0_and_1(store: Callable[..., Any], path: Any) -> None:
    clifford = random_clifford(3, seed=1)
    run = store({"c": clifford, "s": StabilizerState(clifford)})

    with h5py.File(path, "r") as file:
        group = file[run.path]
        assert group["clifford"].dtype == np.uint8
        assert np.array_equal(group["clifford"][...], clifford.tableau)
        assert np.array_equal(group["stabilizer"][...], clifford.tableau)


class MyClifford(Clifford):
    """Of somebody else."""


class MyState(StabilizerState):
    """Of somebody else."""


@pytest.mark.parametrize("value", [MyClifford(np.eye(4, dtype=bool)), MyState(random_clifford(2, seed=1))])
def test_subclass_is_refused_by_name(path: Any, value: Any) -> None:
    with pytest.raises(UnsupportedTypeError, match=rf"tests\.codecs\.test_stabilizers\.{type(value).__qualname__}"):
        aerchive.open(path).save(make_result({"foreign": value}))


@pytest.mark.parametrize(
    "values",
    [{"class": "other"}, {"class": None}, {"tableau": None}, {"tableau": {"$": "reference", "to": ["no", None]}}],
)
def test_document_that_does_not_fit(forge: Callable[..., Any], values: Any) -> None:
    state = StabilizerState(random_clifford(2, seed=1))
    run = forge({"s": state}, lambda document: document["experiments"][0]["data"][0][1].update(values))

    with pytest.raises(FormatError):
        run.value("s")


@pytest.mark.parametrize(
    "other",
    [np.zeros((3, 3, 3)), np.zeros(7), np.zeros((4, 4)), np.ones((4, 9)), np.array([0.5])],
    ids=lambda a: str(a.shape),
)
@pytest.mark.parametrize("kind", [Clifford, StabilizerState])
def test_tableau_of_the_wrong_shape(forge: Callable[..., Any], kind: Any, other: np.ndarray) -> None:
    def swap(document: dict[str, Any]) -> None:
        (_, tableau), (_, array) = document["experiments"][0]["data"]
        tableau["tableau"] = array["data"]

    run = forge({"s": kind(random_clifford(2, seed=1)), "x": other}, swap)

    with pytest.raises(FormatError):
        run.value("s")
