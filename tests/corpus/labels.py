"""Labels, names, registers and metadata that were not thought of."""

from __future__ import annotations

import datetime
import enum
import fractions
import functools
import types
from typing import Any

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import AncillaRegister, Clbit, Parameter, ParameterVector, Qubit
from qiskit.quantum_info import SparsePauliOp, Statevector

from tests.corpus.case import SEED, Case, Cases, Simulation
from tests.corpus.saves import observable, prepared

HOSTILE = {
    "empty": "",
    "space": " ",
    "spaces": "  two  ",
    "dot": ".",
    "dots": "..",
    "slash": "/",
    "path": "/absolute/path",
    "way up": "../../../etc/passwd",
    "trailing slash": "a/",
    "backslash": "a\\b\\0\\u1234",
    "newline": "line\nbreak\r\n",
    "tab": "\t",
    "nul": "before\0after",
    "only nul": "\0",
    "escape": "\x1b[31mred\x1b[0m\x07",
    "unicode": "ψ→φ 😀",
    "combining": "e\u0301",
    "composed": "\u00e9",
    "right to left": "\u202eabc\u202c",
    "zero width": "a\u200bb",
    "line separator": "a\u2028b\u2029c",
    "byte order": "\ufeffx",
    "non-character": "\uffff\U0010ffff",
    "quotes": "'\"`",
    "html": "<script>alert(1)</script>&amp;",
    "percent": "%s%n{0}{x}",
    "dollar": "$",
    "json": '{"$": "tuple", "items": []}',
    "dashes": "--help",
    "glob": "*?[a]",
    "long": "x" * 5_000,
    "very long": "ψ" * 40_000,
    "counts-like": "Counts",
    "counts and more": "counts ",
    "keys": "keys",
    "values": "values",
    "items": "items",
    "get": "get",
    "pop": "pop",
    "update": "update",
    "copy": "copy",
    "results": "results",
    "result": "result",
    "config": "config",
    "status": "status",
    "circuits": "circuits",
    "scalars": "scalars",
    "data": "data",
    "header": "header",
    "metadata": "metadata",
    "success": "success",
    "snapshots": "snapshots",
    "from_dict": "from_dict",
    "to_dict": "to_dict",
    "kwargs": "kwargs",
    "private": "_private",
    "underscore": "_",
    "our own": "_values",
    "waiting": "_waiting",
    "dunder init": "__init__",
    "dunder doc": "__doc__",
    "dunder module": "__module__",
    "dunder eq": "__eq__",
    "dunder getattr": "__getattr__",
    "dunder reduce": "__reduce__",
    "dunder len": "__len__",
    "name of python": "None",
    "number": "0",
    "hexadecimal": "0x1",
    "checksums": "statevector.checksums",
    "long attribute": "long.label",
    "numbered": "statevector_2",
}
RAISES = ("self", "_data_attributes", "__class__", "__dict__", "counts", "memory")
"""Labels with which Aer itself fails, or mixes up its own data."""


def labelled(label: str, kind: str) -> Simulation:
    circuit = prepared(2, clifford=False)
    match kind:
        case "statevector":
            circuit.save_statevector(label=label)
        case "float":
            circuit.save_expectation_value(observable(2), [0, 1], label=label)
        case "dict":
            circuit.save_probabilities_dict(label=label)
        case "conditional":
            circuit.save_statevector(label=label, conditional=True)
        case "pershot":
            circuit.save_amplitudes([0, 1], label=label, pershot=True)
    circuit.save_probabilities(label="beside it")
    circuit.measure([0, 1], [0, 1])
    return Simulation(circuit, {"shots": 20, "memory": True}, {"method": "statevector", "seed_simulator": SEED})


def all_labels() -> Simulation:
    circuit = prepared(2, clifford=False)
    for label in HOSTILE.values():
        if label not in ("to_dict", "", "before\0after", "\0"):  # Aer cuts at NUL, and has names for ""
            circuit.save_statevector(label=label)
    circuit.measure([0, 1], [0, 1])
    return Simulation(circuit, {"shots": 20}, {"method": "statevector", "seed_simulator": SEED})


def twice(where: str) -> Simulation:
    one, other = prepared(2, clifford=True), prepared(2, clifford=True)
    one.save_statevector(label="same")
    if where == "in one circuit":
        one.save_statevector(label="same")
    other.save_probabilities(label="same")
    return Simulation([one, other], {"shots": 20}, {"method": "statevector", "seed_simulator": SEED})


def label_cases() -> Cases:
    for name, label in HOSTILE.items():
        for kind in ("statevector", "float", "dict", "conditional", "pershot"):
            yield Case(f"label/{name}/{kind}", functools.partial(labelled, label, kind))
    for label in RAISES:
        yield Case(f"label/fails/{label}", functools.partial(labelled, label, "statevector"))
    yield Case("label/all of them", all_labels)
    for where in ("in one circuit", "in two circuits"):
        yield Case(f"label/twice {where}", functools.partial(twice, where))


def named(name: str, how: str) -> Simulation:
    circuit = prepared(2, clifford=True)
    circuit.measure([0, 1], [0, 1])
    circuit.name = name
    other = circuit.copy()
    other.name = "other" if how == "different" else name
    return Simulation([circuit, other], {"shots": 10, "memory": True}, {"seed_simulator": SEED})


def register_named(name: str) -> Simulation:
    circuit = QuantumCircuit(QuantumRegister(2, name + "q"), ClassicalRegister(2, name + "c"), name="registers")
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    return Simulation(circuit, {"shots": 10, "memory": True}, {"seed_simulator": SEED})


class Colour(enum.Enum):
    """Somebody's enumeration."""

    RED = 1


class Text(str):
    """Somebody's text."""

    __slots__ = ()


class Foreign:
    """Somebody's object; equal to others of its kind."""

    def __init__(self, value: int = 0) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Foreign) and other.value == self.value

    __hash__ = None  # type: ignore[assignment]


class Sullen:
    """An object that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sullen)

    __hash__ = object.__hash__


def cyclic() -> dict[str, Any]:
    values: dict[str, Any] = {"list": []}
    values["list"].append(values)
    return values


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


KEPT: dict[str, Any] = {
    "empty": {},
    "json": {"a": [1, 2.5, "x", None, True, {"b": []}]},
    "numbers": {
        "nan": float("nan"),
        "inf": -float("inf"),
        "zero": -0.0,
        "big": 10**400,
        "huge": 1 << 20_000,
        "tiny": 5e-324,
    },
    "complex": {"z": complex(-0.0, float("nan")), "list": [1j, 2 + 3j]},
    "bytes": {"b": b"\x00\xff", "empty": b""},
    "arrays": {
        "matrix": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "empty": np.empty((0, 3), np.float32),
        "text": np.array(["a", "ψ"]),
        "scalar": np.array(1j),
        "bool": np.array([True, False]),
        "swapped": np.arange(3, dtype=">i4"),
        "long": np.arange(3, dtype=np.longdouble),
        "large": np.arange(10_000),
    },
    "numpy scalars": {
        "f": np.float32(0.1),
        "i": np.int64(-1),
        "u": np.uint64(2**64 - 1),
        "b": np.bool_(True),
        "s": np.str_("ψ"),
    },
    "keys": {5: "int", (1, "t"): "tuple", None: 0, 1.5: "float", b"b": 1, True: 2, "$": "dollar", "": "empty"},
    "dollar": {"$": "tuple", "items": [1, 2]},
    "tuples": {"t": (1, (2, [3, (4,)])), "set": {1, 2, 3}, "frozen": frozenset({"a", "b"}), "empty": ((), set(), {})},
    "times": {
        "naive": datetime.datetime(2026, 1, 2, 3, 4, 5, 6),
        "zoned": datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=-3))),
    },
    "texts": {"surrogate": "\ud800", "pair of them": "\ud83d\ude00", "nul": "a\0b", "long": "ψ" * 50_000, "\ud800": 1},
    "parameters": {"p": Parameter("θ"), "v": ParameterVector("v", 3)[1]},
    "deep": {"x": nested(40)},
    "many": {str(number): number for number in range(2_000)},
}
REFUSED: dict[str, Any] = {
    "object": {"o": Foreign(), "beside": 1},
    "enumeration": {"o": Colour.RED, "beside": 1},
    "text of a subclass": {"o": Text("x"), "beside": 1},
    "fraction": {"o": fractions.Fraction(1, 3), "beside": (1, 2)},
    "date": {"o": datetime.date(2026, 1, 1), "beside": 1},
    "function": {"o": nested, "beside": 1},
    "class": {"o": Foreign, "beside": 1},
    "range": {"o": range(3), "beside": 1},
    "object array": {"o": np.array([Foreign(), None], object), "beside": np.arange(3)},
    "structured array": {"o": np.zeros(2, [("a", "f8")]), "beside": 1},
    "times in an array": {"o": np.array(["2026-01-01"], "M8[D]"), "beside": 1},
    "masked array": {"o": np.ma.masked_array([1, 2], [True, False]), "beside": 1},
    "in a list": {"list": [1, Foreign(), 2], "beside": 1},
    "as a key": {"d": {Sullen(): 1}, "beside": 1},
    "sullen": {"o": Sullen(), "beside": 1},
    "dollar beside": {"$": "tuple", "o": cyclic(), "items": [1]},
    "cyclic": {"o": cyclic(), "beside": 1},
    "too deep": {"o": nested(500), "beside": 1},
    "namespace": {"o": types.SimpleNamespace(a=1), "beside": 1},
    "circuit": {"o": QuantumCircuit(1), "beside": 1},
    "operator": {"o": SparsePauliOp("Z"), "state": Statevector([1, 0]), "beside": 1},
}


def described(metadata: dict[Any, Any], *, refuses: bool) -> Simulation:
    circuit = prepared(2, clifford=True)
    circuit.measure([0, 1], [0, 1])
    circuit.metadata = metadata
    return Simulation(circuit, {"shots": 10}, {"seed_simulator": SEED}, refuses=refuses)


def name_cases() -> Cases:
    for name, text in HOSTILE.items():
        for how in ("different", "equal"):
            yield Case(f"name/{name}/{how}", functools.partial(named, text, how))
    yield Case("name/surrogate", functools.partial(named, "\ud800 lone", "different"))
    for name in ("unicode", "slash", "newline", "nul", "escape", "long", "empty", "json", "right to left"):
        yield Case(f"register name/{name}", functools.partial(register_named, HOSTILE[name]))
    for name, metadata in KEPT.items():
        yield Case(f"metadata/{name}", functools.partial(described, metadata, refuses=False))
    for name, metadata in REFUSED.items():
        yield Case(f"metadata/refused/{name}", functools.partial(described, metadata, refuses=True))


def registers(how: str) -> Simulation:  # noqa: PLR0912  (one branch a circuit)
    match how:
        case "several":
            circuit = QuantumCircuit(
                QuantumRegister(2, "q"), AncillaRegister(1, "a"), ClassicalRegister(3, "x"), ClassicalRegister(1, "y")
            )
        case "loose":
            circuit = QuantumCircuit([Qubit(), Qubit()], [Clbit(), Clbit(), Clbit()])
        case "loose and register":
            circuit = QuantumCircuit(
                [Qubit()], QuantumRegister(2, "q"), [Clbit()], ClassicalRegister(2, "c"), [Clbit()]
            )
        case "overlapping":
            bits = [Clbit() for _ in range(4)]
            circuit = QuantumCircuit(
                QuantumRegister(2, "q"),
                bits,
                ClassicalRegister(bits=bits[:3], name="a"),
                ClassicalRegister(bits=bits[1:], name="b"),
            )
        case "in another order":
            bits = [Clbit() for _ in range(3)]
            circuit = QuantumCircuit(QuantumRegister(2, "q"), bits, ClassicalRegister(bits=bits[::-1], name="back"))
        case "part":
            bits = [Clbit() for _ in range(5)]
            circuit = QuantumCircuit(QuantumRegister(2, "q"), bits, ClassicalRegister(bits=bits[3:], name="upper"))
        case "overlapping qubits":
            qubits = [Qubit() for _ in range(3)]
            circuit = QuantumCircuit(
                qubits,
                QuantumRegister(bits=qubits[:2], name="a"),
                QuantumRegister(bits=qubits[1:], name="b"),
                ClassicalRegister(3, "c"),
            )
        case "empty register":
            circuit = QuantumCircuit(QuantumRegister(2, "q"), ClassicalRegister(0, "none"), ClassicalRegister(2, "two"))
        case "none":
            circuit = QuantumCircuit(2)
        case "unused":
            circuit = QuantumCircuit(2, 70)
        case "hundred":
            circuit = QuantumCircuit(100, 100)
        case "ninety in three":
            circuit = QuantumCircuit(
                QuantumRegister(90), ClassicalRegister(63), ClassicalRegister(1), ClassicalRegister(26)
            )
        case _:
            raise ValueError(how)
    circuit.h(range(circuit.num_qubits))
    circuit.s(0)
    if circuit.num_clbits:
        n = min(circuit.num_clbits, circuit.num_qubits)
        circuit.measure(range(n), range(circuit.num_clbits)[-n:])
    method = "stabilizer" if circuit.num_qubits > 20 else "statevector"
    return Simulation(circuit, {"shots": 60, "memory": True}, {"method": method, "seed_simulator": SEED})


def wide(qubits: int, clbits: int, shots: int) -> Simulation:
    circuit = QuantumCircuit(qubits, clbits)
    circuit.h(range(qubits))
    circuit.measure(range(qubits), range(clbits - qubits, clbits))
    return Simulation(circuit, {"shots": shots, "memory": True}, {"method": "stabilizer", "seed_simulator": SEED})


def degenerate(what: str) -> Simulation:
    match what:
        case "no qubits":
            circuit = QuantumCircuit(0, 0)
        case "only clbits":
            circuit = QuantumCircuit(0, 3)
        case "empty":
            circuit = QuantumCircuit(2, 2)
        case "only barriers":
            circuit = QuantumCircuit(2, 2)
            circuit.barrier()
        case "only a save":
            circuit = QuantumCircuit(1)
            circuit.save_statevector()
        case "only a phase":
            circuit = QuantumCircuit(1, global_phase=1.25)
            circuit.save_statevector()
        case "idle qubits":
            circuit = QuantumCircuit(6, 1)
            circuit.h(3)
            circuit.save_statevector()
            circuit.measure(3, 0)
        case "one outcome":
            circuit = QuantumCircuit(1, 1)
            circuit.measure(0, 0)
        case _:
            raise ValueError(what)
    return Simulation(circuit, {"shots": 12, "memory": True}, {"seed_simulator": SEED})


def register_cases() -> Cases:
    for how in (
        *("several", "loose", "loose and register", "overlapping", "in another order", "part", "overlapping qubits"),
        *("empty register", "none", "unused", "hundred", "ninety in three"),
    ):
        yield Case(f"registers/{how}", functools.partial(registers, how))
    for qubits, clbits, shots in (
        (63, 63, 50),
        (64, 64, 50),
        (65, 65, 50),
        (100, 130, 500),
        (16, 16, 20_000),
        (300, 300, 20),
    ):
        yield Case(f"registers/wide/{qubits} of {clbits}/{shots}", functools.partial(wide, qubits, clbits, shots))
    for what in (
        *(
            "no qubits",
            "only clbits",
            "empty",
            "only barriers",
            "only a save",
            "only a phase",
            "idle qubits",
            "one outcome",
        ),
    ):
        yield Case(f"degenerate/{what}", functools.partial(degenerate, what))
