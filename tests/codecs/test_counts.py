from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Clbit, Qubit
from qiskit_aer import AerSimulator

import aerchive
from aerchive.codecs.counts import format_outcome, result_counts
from aerchive.codecs.memory import memory_from_rows
from aerchive.errors import FormatError, IntegrityError, NotFoundError
from aerchive.stored import small_counts
from tests.codecs.conftest import make_result
from tests.strict import differences


def many_registers() -> QuantumCircuit:
    registers = ClassicalRegister(3, "a"), ClassicalRegister(1, "b"), ClassicalRegister(2, "ç d")
    circuit = QuantumCircuit(QuantumRegister(6), *registers)
    circuit.h(range(6))
    circuit.measure(range(6), [5, 4, 3, 2, 1, 0])
    return circuit


def loose_bits() -> QuantumCircuit:
    circuit = QuantumCircuit([Qubit(), Qubit()], [Clbit(), Clbit(), Clbit()])
    circuit.h(0)
    circuit.measure([0, 1], [2, 0])
    return circuit


def loose_bits_and_register() -> QuantumCircuit:
    circuit = QuantumCircuit([Qubit(), Qubit()], [Clbit(), Clbit()])
    circuit.add_register(ClassicalRegister(2, "c"))
    circuit.h([0, 1])
    circuit.measure([0, 1, 0], [0, 2, 3])
    return circuit


def overlapping_registers() -> QuantumCircuit:
    bits = [Clbit(), Clbit(), Clbit()]
    circuit = QuantumCircuit([Qubit(), Qubit()], bits)
    circuit.add_register(ClassicalRegister(bits=bits[:2], name="low"))
    circuit.add_register(ClassicalRegister(bits=bits[1:], name="high"))
    circuit.h([0, 1])
    circuit.measure([0, 1], [0, 2])
    return circuit


def hundred_bits() -> QuantumCircuit:
    circuit = QuantumCircuit(QuantumRegister(100), ClassicalRegister(60, "x"), ClassicalRegister(40, "y"))
    circuit.h([0, 99])
    circuit.measure(range(100), range(100))
    return circuit


def unused_bits() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 9)
    circuit.h(0)
    circuit.measure(0, 8)
    return circuit


CIRCUITS = [many_registers, loose_bits, loose_bits_and_register, overlapping_registers, hundred_bits, unused_bits]


@pytest.mark.parametrize("make", CIRCUITS, ids=lambda make: make.__name__)
def test_counts_are_those_of_qiskit(path: Any, make: Callable[[], QuantumCircuit]) -> None:
    circuit = make()
    method = "stabilizer" if circuit.num_qubits > 20 else "automatic"
    result = AerSimulator(seed_simulator=3, method=method).run(circuit, shots=60, memory=True).result()
    aerchive.open(path).save(result)

    run = aerchive.open(path, "r").latest()

    expected = result.get_counts()
    assert len(expected) > 1
    assert list(run.counts().items()) == list(expected.items())
    assert run.memory() == result.get_memory()
    assert differences(dict(expected), dict(run.result().get_counts())) == []
    assert differences(result.data(0)["counts"], run.value("counts")) == []


def test_counts_of_each_experiment(path: Any) -> None:
    circuits = [make() for make in CIRCUITS[:4]]
    result = AerSimulator(seed_simulator=3).run(circuits, shots=40).result()
    aerchive.open(path).save(result)

    run = aerchive.open(path, "r").latest()

    for number, expected in enumerate(result.get_counts()):
        assert list(run.counts(number).items()) == list(expected.items())
    assert run.counts(-1) == run.counts(3)
    with pytest.raises(NotFoundError, match="4 experiments"):
        run.counts(4)


@pytest.mark.parametrize(
    ("header", "outcome", "expected"),
    [
        (None, "0x5", "101"),
        ({}, "0x0", "0"),
        ({"memory_slots": 0, "creg_sizes": []}, "0x2", "10"),
        ({"memory_slots": 5}, "0x5", "00101"),
        ({"memory_slots": 5, "creg_sizes": []}, "0x5", "00101"),
        ({"creg_sizes": [["c", 2]]}, "0x2", "10"),
        ({"memory_slots": 3, "creg_sizes": [["a", 1], ["b", 2]]}, "0x5", "10 1"),
        ({"memory_slots": 3, "creg_sizes": [["a", 1], ["b", 1]]}, "0x5", None),
        ({"memory_slots": 2, "creg_sizes": [["a", 2]]}, "0xf", None),
    ],
)
def test_outcome_is_printed_as_qiskit_prints_it(header: Any, outcome: str, expected: str | None) -> None:
    (qiskit,) = make_result({"counts": {outcome: 1}}, header=header).get_counts()

    assert format_outcome(outcome, header) == qiskit
    assert expected in (None, qiskit)


def test_table_that_a_person_sees(store: Callable[..., Any], path: Any) -> None:
    header = {"memory_slots": 3, "creg_sizes": [["a", 1], ["b", 2]]}
    run = store({"counts": {"0x5": 3, "0x0": 7}}, {"counts": {"0x1": 10}}, header=header)

    with h5py.File(path, "r") as file:
        table = file[run.path]["counts"][...]

    assert table.dtype.names == ("experiment", "bitstring", "count")
    assert table.tolist() == [(0, b"10 1", 3), (0, b"00 0", 7), (1, b"00 1", 10)]


WRONG_HEADERS: list[Any] = [
    {"memory_slots": 3, "creg_sizes": [["a", 1], ["b", 1]]},
    {"memory_slots": 3, "creg_sizes": [["a", 0]]},
    {"memory_slots": 3, "creg_sizes": [["a", -1], ["b", 1]]},
    {"memory_slots": 3, "creg_sizes": [["a", 2**40], ["b", 1]]},
    {"memory_slots": 2**40},
    {"memory_slots": -3},
    {"memory_slots": "3"},
    {"memory_slots": 3, "creg_sizes": 5},
    {"memory_slots": 3, "creg_sizes": [["a", "1"]]},
]


@pytest.mark.parametrize("header", WRONG_HEADERS, ids=repr)
def test_header_that_was_edited(store: Callable[..., Any], header: Any) -> None:
    data: dict[str, Any] = {"counts": {"0x5": 3, "0x0": 7, "0x2": 1}, "memory": ["0x5", "0x0", "0x0", "0x2"]}

    run = store(data, header=header)

    assert differences(data, run.result().data(0).copy()) == []
    assert list(run.result().data(0)["counts"]) == list(data["counts"])


@pytest.mark.parametrize("outcome", ["0x05", "0x00", "0xf"])
def test_outcome_is_kept_where_bits_do_not_give_it(store: Callable[..., Any], path: Any, outcome: str) -> None:
    header = {"memory_slots": 3, "creg_sizes": [["a", 1], ["b", 2]]}
    run = store({"counts": {"0x5": 3}}, {"counts": {outcome: 7}}, header=header)

    with h5py.File(path, "r") as file:
        table = file[run.path]["counts"][...]

    assert table["outcome"].tolist() == [b"0x5", outcome.encode()]
    assert run.result().data(0)["counts"] == {"0x5": 3}
    assert run.result().data(1)["counts"] == {outcome: 7}


def test_wide_registers_with_spaces(store: Callable[..., Any], path: Any) -> None:
    header = {"memory_slots": 127, "creg_sizes": [["a", 100], ["b", 27]]}
    shots = [f"0x{2**126 + 2**100 + 5:x}", f"0x{5:017x}"]
    data = {"counts": dict(zip(shots, (3, 4), strict=True)), "memory": [shots[1], *shots]}

    run = store(data, header=header)

    bits = [format(int(shot, 16), "0127b") for shot in shots]
    expected = [f"{one[:27]} {one[27:]}" for one in bits]
    with h5py.File(path, "r") as file:
        group = file[run.path]
        assert [one.decode() for one in group["counts"]["bitstring"]] == expected
        assert [one.decode() for one in group["memory"][...]] == [expected[1], *expected]
    assert differences(data, run.result().data(0).copy()) == []
    assert run.memory() == [expected[1], *expected]


@pytest.mark.parametrize("width", [63, 64, 65, 128, 129])
def test_outcome_of_many_bits_is_as_aer_writes_it(path: Any, width: int) -> None:
    circuit = QuantumCircuit(width)
    circuit.h(0)
    circuit.x(width - 1)
    circuit.measure_all()
    result = AerSimulator(seed_simulator=3, method="stabilizer").run(circuit, shots=9, memory=True).result()
    aerchive.open(path).save(result)

    run = aerchive.open(path, "r").latest()

    with h5py.File(path, "r") as file:
        assert file[run.path]["counts"].dtype.names == ("experiment", "bitstring", "count")
        assert {len(shot) for shot in file[run.path]["memory"][...]} == {width}
    assert differences(result.data(0), run.result().data(0).copy()) == []


def test_bit_strings_that_are_none() -> None:
    bad = np.array([(0, b"2", 6), (0, b" ", 4)], [("experiment", "<u4"), ("bitstring", "S2"), ("count", "<i8")])

    with pytest.raises(FormatError, match="bit string"):
        result_counts(bad)
    with pytest.raises(FormatError, match="bit string"):
        memory_from_rows(bad["bitstring"], None)


def test_order_of_the_dictionary(store: Callable[..., Any]) -> None:
    keys = [hex(int(key)) for key in np.random.default_rng(1).permutation(2000)]
    counts = {key: number for number, key in enumerate(keys)}

    assert differences(counts, store({"counts": counts}).value("counts")) == []


@pytest.mark.parametrize(
    "counts",
    [
        {},
        {"0x0": 2**62, "0x1": -3},
        {"0x0": 2**70},
        {"0x00": 1, "0x0": 2},
        {"0xA": 1},
        {"0x1": np.int64(5), "0x0": np.uint8(1)},
        {"0x1": True},
        {"0x1": 0.5},
        {hex(key): key / 3 for key in range(12)},
        {"00": 3, "11": 4},
        {"0 1": 3, "1 1": 4},
        {"0b10": 3},
        {1: 3, 2: 4},
        {"0x": 3},
        {"0x１": 3},
        {"$": 3},
    ],
    ids=repr,
)
def test_counts_by_other_hands(round_trip: Callable[..., Any], counts: Any) -> None:
    assert differences(counts, round_trip(counts, "counts")) == []


@pytest.mark.parametrize(
    "counts",
    [
        {"0x0": 3, "0xf": 4},
        {"00": 3, "11": 4},
        {"0b10": 3, "0b1": 2},
        {"0 1": 3, "1 1": 4},
        {"0x1": np.int64(5), "0x0": np.int64(2)},
        {"0x3": 0.25, "0x0": 0.75},
        {hex(key): key / 3 for key in range(12)},
        {1: 3, 2: 4},
        {"0x0": 2**70},
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "header",
    [
        None,
        {"memory_slots": 4, "creg_sizes": [["a", 3], ["b", 1]]},
        {"memory_slots": 4, "creg_sizes": [("a", 3), ("b", 1)]},
        {"memory_slots": 4, "creg_sizes": (("a", 3), ("b", 1))},
    ],
)
def test_counts_by_other_hands_are_those_of_qiskit(store: Callable[..., Any], counts: Any, header: Any) -> None:
    expected = make_result({"counts": counts}, header=header).get_counts()

    run = store({"counts": counts}, header=header)

    assert differences(dict(expected), run.counts()) == []
    assert differences(dict(expected), dict(run.result().get_counts())) == []
    assert [row.label for row in run.saved] == ["counts"]


def test_no_counts(store: Callable[..., Any]) -> None:
    with pytest.raises(NotFoundError, match="'other'"):
        store({"other": 1.5}).counts()


@pytest.mark.parametrize(
    "rows",
    [[0, 3], [1, 2], [2, 1], [-1, 1], [0, -1], [-2, 2], [0, 2.5], ["0", 2], [0], [0, 1, 2], None, 5, {}, [[0], [2]]],
    ids=repr,
)
def test_rows_that_are_not_there(forge: Callable[..., Any], rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_counts, "_MOST_BYTES", 0)  # so that the document is read
    counts = {"0x0": 6, "0x1": 4}
    run = forge({"counts": counts}, lambda document: document["experiments"][0]["data"][0][1].update({"rows": rows}))

    with pytest.raises(FormatError):
        run.counts()
    with pytest.raises(FormatError):
        run.value("counts")
    with pytest.raises(FormatError):
        run.result().get_counts()


@pytest.mark.parametrize(
    "tree", [None, 5, "0x1", [], ["0x1"], {"$": "counts/2", "rows": [0, 1]}, {"$": "counts/1"}, {"$": 7}]
)
def test_document_without_counts_in_it(forge: Callable[..., Any], tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_counts, "_MOST_BYTES", 0)  # so that the document is read

    def change(document: dict[str, Any]) -> None:
        document["experiments"][0]["data"][0][1] = tree

    run = forge({"counts": {"0x0": 6}}, change)

    with pytest.raises(FormatError):
        run.counts()


def test_damaged_table(store: Callable[..., Any], path: Any) -> None:
    run = store({"counts": {hex(key): key for key in range(500)}})
    with h5py.File(path, "r") as file:
        chunk = file[run.path]["counts"].id.get_chunk_info(0)
    with path.open("r+b") as file:
        file.seek(chunk.byte_offset + chunk.size // 2)
        file.write(b"\x55\xaa\x55")

    with pytest.raises(IntegrityError, match="counts"):
        run.counts()
