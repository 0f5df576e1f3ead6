from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

import aerchive
from aerchive.codecs.memory import MemoryColumn
from aerchive.errors import FormatError, NotFoundError
from tests.codecs.conftest import make_result
from tests.strict import differences


def test_memory_of_each_experiment_is_that_of_qiskit(path: Any) -> None:
    circuits = []
    for width in (1, 3, 2):
        circuit = QuantumCircuit(width)
        circuit.h(range(width))
        circuit.measure_all()
        circuits.append(circuit)
    result = AerSimulator(seed_simulator=3).run(circuits, shots=50, memory=True).result()
    aerchive.open(path).save(result)

    run = aerchive.open(path, "r").latest()

    for number in range(3):
        assert run.memory(number) == result.get_memory(number)
        assert run.result().get_memory(number) == result.get_memory(number)
        assert differences(result.data(number)["memory"], run.value("memory", number)) == []


def test_column_that_a_person_sees(store: Callable[..., Any], path: Any) -> None:
    header = {"memory_slots": 3, "creg_sizes": [["a", 1], ["b", 2]]}
    run = store({"memory": ["0x0", "0x5"]}, {"memory": ["0x01", "0x1"]}, {"memory": ["0x3"]}, header=header)

    with h5py.File(path, "r") as file:
        column = file[run.path]["memory"][...]

    assert column.tolist() == [b"00 0", b"10 1", b"0x01", b"0x1", b"01 1"]
    assert [run.value("memory", number) for number in range(3)] == [["0x0", "0x5"], ["0x01", "0x1"], ["0x3"]]
    assert [run.memory(number) for number in range(3)] == [["00 0", "10 1"], ["00 1", "00 1"], ["01 1"]]


def test_memory_after_counts_of_another_header(path: Any) -> None:
    experiments = [
        make_result(data, header=header).results[0]
        for data, header in (
            ({"counts": {"0x1": 1}, "memory": ["0x1"]}, {"memory_slots": 2}),
            ({"memory": ["0x1"], "counts": {"0x1": 1}}, {"memory_slots": 3}),
            ({"counts": {}, "memory": ["0x1"]}, {"memory_slots": 4}),
        )
    ]
    result = make_result()
    result.results = experiments
    aerchive.open(path).save(result)

    run = aerchive.open(path, "r").latest()

    assert [run.memory(number) for number in range(3)] == [["01"], ["001"], ["0001"]]


def test_memory_whose_bit_strings_are_too_large_is_hexadecimal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aerchive.codecs.memory._MOST_BYTES", 100)
    column = MemoryColumn()

    first = column.add(["0x1"] * 10, {"memory_slots": 9})
    second = column.add(["0x1"] * 10, {"memory_slots": 9})

    assert first == {"$": "memory/1", "rows": [0, 10]}
    assert second == {"$": "memory/1", "rows": [10, 10], "form": "hex"}


@pytest.mark.parametrize(
    "memory",
    [
        [],
        ["0x0"],
        ["0x0"] * 40_000 + ["0x1"],
        ["0x0", "0x0001", "0x1"],
        ["0xA"],
        ["01", "10"],
        ["0x1", None],
        ["0x1", b"0x1"],
        [[0.5, 0.25], [1.0, 2.0]],
        [1, 0],
        ("0x0", "0x1"),
    ],
    ids=lambda memory: repr(memory)[:30],
)
def test_round_trip(round_trip: Callable[..., Any], memory: Any) -> None:
    assert differences(memory, round_trip(memory, "memory")) == []


@pytest.mark.parametrize(
    "header",
    [
        None,
        {"memory_slots": 3, "creg_sizes": [["a", 1], ["b", 2]]},
        {"memory_slots": 3, "creg_sizes": [("a", 1), ("b", 2)]},
    ],
)
@pytest.mark.parametrize("memory", [["0x0", "0x5"], ["01", "10"], ["0b1", "0b11"]])
def test_memory_by_other_hands_is_that_of_qiskit(store: Callable[..., Any], memory: Any, header: Any) -> None:
    result = make_result({"memory": memory}, header={} if header is None else header)

    assert store({"memory": memory}, header={} if header is None else header).memory() == result.get_memory()


def test_no_memory(store: Callable[..., Any]) -> None:
    with pytest.raises(NotFoundError, match="'counts'"):
        store({"counts": {"0x0": 10}}).memory()


@pytest.mark.parametrize("rows", [[0, 4], [3, 1], [-1, 1], [0, -1], [1.5, 1], [0], None, {}], ids=repr)
def test_rows_that_are_not_there(forge: Callable[..., Any], rows: Any) -> None:
    memory = ["0x0", "0x1", "0x0"]
    run = forge({"memory": memory}, lambda document: document["experiments"][0]["data"][0][1].update({"rows": rows}))

    with pytest.raises(FormatError):
        run.memory()
    with pytest.raises(FormatError):
        run.value("memory")
    with pytest.raises(FormatError):
        run.result().data(0)["memory"]


@pytest.mark.parametrize("tree", [None, 5, "0x1", {"0x1": 3}, {"$": "memory/9", "rows": [0, 1]}, {"$": "memory/1"}])
def test_document_without_memory_in_it(forge: Callable[..., Any], tree: Any) -> None:
    def change(document: dict[str, Any]) -> None:
        document["experiments"][0]["data"][0][1] = tree

    run = forge({"memory": ["0x0"]}, change)

    with pytest.raises(FormatError):
        run.memory()
