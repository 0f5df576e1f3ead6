"""Circuits as one QPY payload and a side table, such that they come back and run again bit for bit in Aer.

QPY is Qiskit's own format and carries gates, control flow, registers, variables and parameters. It silently loses
Aer's instructions and the units of delays (qiskit#10662), refuses metadata that is not JSON, and cannot carry every
name. So what is dumped is a shallow copy of each circuit, without metadata and with a placeholder for each of these
instructions: a barrier labelled ``aer:<instruction>``, which QPY writes the same each time and which any reader of the
QPY alone understands. The side table, a JSON text, holds what was taken out::

    {"main": 1, "circuits": [TABLE, ...], "errors": [ERROR, ...]}

    TABLE  {"name"?: str, "metadata"?: VALUE, "instructions"?: [[position, INSTRUCTION], ...],
            "blocks"?: [[position, [TABLE of each block]], ...]}             absent: nothing of the kind
    INSTRUCTION  {"class", "name", "label", "params": VALUE, "qubits": [index], "clbits": [index],
                  "subtype"?: str, "error"?: index, "unit"?: str}      params null: in the placeholder
    ERROR  {"class", "id", "num_qubits"} and {"probabilities": VALUE, "circuits": [index]}, {"generators": [label],
           "rates": VALUE} or {"paulis": [label], "probabilities": VALUE}

VALUE is tagged JSON (`aerchive.models.tagged_json`). The circuits of quantum errors follow the ``main`` ones in the
same QPY payload. A subclass of ``QuantumCircuit`` comes back as a ``QuantumCircuit``, and the names of control-flow
blocks, which Qiskit makes up, do not come back: these two are QPY's rules and do not count as a loss.
"""

from __future__ import annotations

import copy
import io
import reprlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import (
    Barrier,
    Bit,
    CircuitInstruction,
    ControlFlowOp,
    ControlledGate,
    Delay,
    Gate,
    IfElseOp,
    Instruction,
    ParameterExpression,
    Register,
    Store,
)
from qiskit.circuit.classical import expr
from qiskit.circuit.library import RZGate
from qiskit.quantum_info import PauliList
from qiskit_aer import library
from qiskit_aer.library.control_flow_instructions import AerJump, AerMark, AerStore
from qiskit_aer.noise import PauliLindbladError, QuantumError
from qiskit_aer.noise.errors import PauliError
from qiskit_aer.noise.errors.base_quantum_error import BaseQuantumError, QuantumChannelInstruction
from qiskit_aer.noise.noise_model import QuantumErrorLocation

from aerchive.errors import FormatError, InvalidInputError, UnsupportedTypeError
from aerchive.models import tagged_json

ENCODING = "circuits"
VERSION = 1
MINIMUM_QPY = 13
"""Older QPY is refused unread: loading it can run code or crash the process (CVE-2025-2000, CVE-2025-1403)."""

MAX_LOSSES = 20
"""How many losses are named for one circuit; of the others only the number is."""

_MAX_QPY_NAME = 0xFFFF  # bytes of UTF-8; QPY writes the length of a longer name wrong

_TAKEN = frozenset(
    {
        *(getattr(library, name) for name in library.__all__ if name.startswith(("Save", "Set"))),
        *(AerMark, AerJump, AerStore, QuantumChannelInstruction, QuantumErrorLocation),
    }
)
_CLASSES = {kind.__name__: kind for kind in (*_TAKEN, Delay)}
_ERRORS = {kind.__name__: kind for kind in (QuantumError, PauliLindbladError, PauliError)}


_MAX_REMEMBERED_BYTES = 1024 * 1024


class EncodedCircuits(NamedTuple):
    """What is stored for a list of circuits.

    Attributes:
        qpy: One QPY payload: the circuits, then the circuits of their quantum errors.
        aer: The side table, ASCII JSON.
        lost: In words, what of these circuits does not come back; empty if everything does.
    """

    qpy: bytes
    aer: bytes
    lost: tuple[str, ...]


_lately: deque[tuple[EncodedCircuits, Any, list[QuantumCircuit]]] = deque(maxlen=8)
"""What was encoded lately without loss: the payloads, how often each byte is in the QPY, and what was read back."""


@dataclass(frozen=True)
class MissingValue:
    """Stands for a value in a circuit's metadata that could not be stored.

    Attributes:
        type_name: Module and class of the value.
        text: The first 200 characters of its ``repr``.
    """

    type_name: str
    text: str


def encode_circuits(circuits: Sequence[QuantumCircuit]) -> EncodedCircuits:
    """Encodes circuits, reads back what was written, and tells what is not the same.

    The circuits are not changed. One that QPY cannot carry is replaced by an empty circuit with its registers and its
    name, so that the others are kept.

    Args:
        circuits: Circuits of one job, in its order.

    Returns:
        The two payloads, and what they do not hold.

    Raises:
        InvalidInputError: An item is not a circuit.
    """
    for item in circuits:
        if not isinstance(item, QuantumCircuit):
            raise InvalidInputError(f"not a QuantumCircuit: {type(item).__module__}.{type(item).__qualname__}")
    writer = _Writer(circuits)
    try:
        payload = _dump([entry.bare for entry in writer.entries])
        known = _encoded_before(writer, payload)
        if known is not None:
            return known
        loaded = _load(payload)
    except BaseException as error:  # noqa: BLE001  (a panic is one; the rest goes on at once)
        _reraise_unless_failure(error)
        writer.replace_what_fails()
        payload = _dump([entry.bare for entry in writer.entries])
        loaded = _load(payload)
    aer = writer.side_table()
    _restore(loaded, tagged_json.loads(aer, "side table"))
    encoded = EncodedCircuits(payload, aer, (*writer.lost, *_canary(writer.entries, loaded)))
    if not encoded.lost and len(payload) <= _MAX_REMEMBERED_BYTES:
        _lately.append((encoded, _histogram(payload), loaded))
    return encoded


def _encoded_before(writer: _Writer, payload: bytes) -> EncodedCircuits | None:
    """An earlier encoding of equal circuits, so that a sweep over one circuit stores it once.

    QPY writes the definitions of several custom gates in an order that is another each time. What was written before is
    taken if it has the same bytes in any order, the same side table, and reads as these circuits.
    """
    if writer.lost or not _lately:
        return None
    histogram = _histogram(payload)
    for encoded, seen, loaded in list(_lately):
        if not np.array_equal(seen, histogram) or len(loaded) != len(writer.entries):
            continue
        if encoded.aer != writer.side_table():
            continue
        if encoded.qpy == payload or next(_canary(writer.entries, loaded), None) is None:
            return encoded
    return None


def _histogram(payload: bytes) -> Any:
    return np.bincount(np.frombuffer(payload, np.uint8), minlength=256)


def decode_circuits(qpy: bytes, aer: bytes) -> list[QuantumCircuit]:
    """The circuits that `encode_circuits` was given, each a plain ``QuantumCircuit`` of its own.

    Args:
        qpy: The QPY payload. Its bytes must be known to be undamaged: QPY has no checksum and trusts its lengths.
        aer: The side table.

    Raises:
        FormatError: The payload is not QPY, of a version below `MINIMUM_QPY` or above what this Qiskit reads, or does
            not fit the side table; or the side table is not what `encode_circuits` writes.
    """
    if qpy[:6] != b"QISKIT" or len(qpy) < 7:
        raise FormatError("stored circuits are not QPY")
    if qpy[6] < MINIMUM_QPY:
        raise FormatError(f"stored circuits are QPY version {qpy[6]}; versions below {MINIMUM_QPY} are unsafe to read")
    tree = tagged_json.loads(aer, "side table of the circuits")
    try:
        circuits = _load(qpy)
    except BaseException as error:
        _reraise_unless_failure(error)
        raise FormatError(f"stored circuits cannot be read: {_reason(error)}") from error
    try:
        return _restore(circuits, tree)
    except FormatError:
        raise
    except Exception as error:
        raise FormatError(f"side table of the circuits cannot be read: {_reason(error)}") from error


def _dump(circuits: list[QuantumCircuit]) -> bytes:
    with io.BytesIO() as file:
        qpy.dump(circuits, file)
        return file.getvalue()


def _load(payload: bytes) -> list[QuantumCircuit]:
    loaded: list[QuantumCircuit] = qpy.load(io.BytesIO(payload))
    return loaded


def _reraise_unless_failure(error: BaseException) -> None:
    # A panic in Qiskit's Rust code is a BaseException, and its class cannot be imported.
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error


def _reason(error: BaseException) -> str:
    message = str(getattr(error, "message", error))  # the text of a QpyError is the repr of its message
    first = next((line.strip() for line in message.splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first[:200]}"


@dataclass
class _Entry:
    """A circuit on its way to QPY."""

    original: QuantumCircuit
    bare: QuantumCircuit
    table: dict[str, Any]
    where: str
    stand_in: bool = False


class _Writer:
    """Takes circuits apart: ``entries`` for QPY, the main ones first, and ``errors`` for the side table."""

    def __init__(self, circuits: Sequence[QuantumCircuit]) -> None:
        self._main = len(circuits)
        self.entries: list[_Entry] = []
        self.errors: list[dict[str, Any]] = []
        self.lost: list[str] = []
        # From id() of an error; the error is kept so that no other can take its id().
        self._known: dict[int, tuple[int, BaseQuantumError]] = {}
        self._queue = [(circuit, f"circuit {i} {_short(circuit.name)}") for i, circuit in enumerate(circuits)]
        while len(self.entries) < len(self._queue):
            self._add(*self._queue[len(self.entries)])

    def side_table(self) -> bytes:
        """All that QPY does not carry, as JSON."""
        tables: list[dict[str, Any]] = [entry.table for entry in self.entries]
        return tagged_json.dumps({"main": self._main, "circuits": tables, "errors": self.errors})

    def _add(self, circuit: QuantumCircuit, where: str) -> None:
        entry = _Entry(circuit, circuit, {}, where)
        self.entries.append(entry)
        waiting, known, losses = len(self._queue), len(self.errors), len(self.lost)
        try:
            entry.bare, entry.table = self._strip(circuit, where)
        except BaseException as error:  # noqa: BLE001  (a panic is one; the rest goes on at once)
            _reraise_unless_failure(error)
            del self._queue[waiting:], self.errors[known:], self.lost[losses:]
            self._known = {key: pair for key, pair in self._known.items() if pair[0] < known}
            entry.table = self._description(circuit, where)
            self._stand_in(entry, _reason(error))

    def _description(self, circuit: QuantumCircuit, where: str) -> dict[str, Any]:
        table: dict[str, Any] = {} if _fits_qpy(circuit.name) else {"name": circuit.name}
        if circuit.metadata != {} or type(circuit.metadata) is not dict:
            table["metadata"] = _encode_metadata(circuit.metadata, where, self.lost)
        return table

    def _strip(self, circuit: QuantumCircuit, where: str) -> tuple[QuantumCircuit, dict[str, Any]]:
        """What QPY carries of a circuit, and the table of the rest; the circuit itself if nothing is left out."""
        table = self._description(circuit, where)
        taken, blocks = [], []
        changed: dict[int, CircuitInstruction] = {}
        for position, item in enumerate(circuit.data):
            if item.is_standard_gate():
                continue
            operation = item.operation
            if _is_lost_by_qpy(operation):
                taken.append([position, self._instruction(circuit, item, f"{where}, instruction {position}")])
                changed[position] = _placeholder(item)
            elif isinstance(operation, ControlFlowOp):
                inner = [self._strip(block, where) for block in operation.blocks]
                if any(inner_table for _, inner_table in inner):
                    blocks.append([position, [inner_table for _, inner_table in inner]])
                    changed[position] = item.replace(operation=operation.replace_blocks(bare for bare, _ in inner))
        table |= {key: rows for key, rows in (("instructions", taken), ("blocks", blocks)) if rows}
        if not table:
            return circuit, table
        bare = copy.copy(circuit)  # copy() would copy the arrays and errors of all instructions, too
        bare.metadata = {}
        bare.name = "" if "name" in table else circuit.name
        _replace(bare, changed)
        return bare, table

    def _instruction(self, circuit: QuantumCircuit, item: CircuitInstruction, where: str) -> dict[str, Any]:
        operation = item.operation
        entry: dict[str, Any] = {
            "class": type(operation).__name__,
            "name": operation.name,
            "label": operation.label,
            "params": None if _has_expressions(operation) else tagged_json.encode(operation.params),
            "qubits": [circuit.find_bit(bit).index for bit in item.qubits],
            "clbits": [circuit.find_bit(bit).index for bit in item.clbits],
        }
        if hasattr(operation, "_subtype"):
            entry["subtype"] = operation._subtype
        if isinstance(operation, Delay):
            entry["unit"] = operation.unit
        if isinstance(operation, QuantumChannelInstruction):
            entry["error"] = self._error(operation._quantum_error, where)
        return entry

    def _error(self, error: BaseQuantumError, where: str) -> int:
        if id(error) in self._known:  # instructions that share an error share it again
            return self._known[id(error)][0]
        entry = {"class": type(error).__name__, "id": error.id, "num_qubits": error.num_qubits}
        if type(error) is QuantumError:
            first = len(self._queue)
            entry["probabilities"] = tagged_json.encode(error.probabilities)
            entry["circuits"] = list(range(first, first + len(error.circuits)))
            self._queue += [(part, f"{where}, error circuit {k}") for k, part in enumerate(error.circuits)]
        elif type(error) is PauliLindbladError:
            entry["generators"] = error.generators.to_labels()
            entry["rates"] = tagged_json.encode(error.rates)
        elif type(error) is PauliError:
            entry["paulis"] = error.paulis.to_labels()
            entry["probabilities"] = tagged_json.encode(error.probabilities)
        else:
            raise UnsupportedTypeError(f"no codec for the quantum error {type(error).__module__}.{entry['class']}")
        self._known[id(error)] = len(self.errors), error
        self.errors.append(entry)
        return len(self.errors) - 1

    def replace_what_fails(self) -> None:
        """Puts an empty circuit in the place of each that QPY cannot write and read."""
        for entry in self.entries:
            reason = _why_not(entry.bare)
            if reason is not None:
                self._stand_in(entry, reason)

    def _stand_in(self, entry: _Entry, reason: str) -> None:
        original, name = entry.original, "" if "name" in entry.table else entry.original.name
        self.lost.append(f"{entry.where}: cannot be stored, an empty circuit stands in its place ({reason})")
        bare = QuantumCircuit(original.num_qubits, original.num_clbits, name=name)
        try:
            registers = original.copy_empty_like()
            registers.metadata, registers.name = {}, name
        except Exception as error:  # noqa: BLE001  (a user's subclass; the others must be kept)
            self.lost.append(f"{entry.where}: registers cannot be stored either ({_reason(error)})")
        else:
            bare = registers if _why_not(registers) is None else bare
        table: dict[str, Any] = {key: entry.table[key] for key in ("name", "metadata") if key in entry.table}
        entry.bare, entry.table, entry.stand_in = bare, table, True


def _why_not(bare: QuantumCircuit) -> str | None:
    try:
        _load(_dump([bare]))
    except BaseException as error:  # noqa: BLE001  (a panic is one; the rest goes on at once)
        _reraise_unless_failure(error)
        return _reason(error)
    return None


def _fits_qpy(name: str) -> bool:
    try:
        return len(name.encode("utf-8")) <= _MAX_QPY_NAME
    except UnicodeEncodeError:
        return False


def _short(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:60] + "…")


def _is_lost_by_qpy(operation: Any) -> bool:
    if type(operation) is Delay:  # an integer of dt comes back, and an expression of durations
        (duration,) = operation.params
        return not isinstance(duration, expr.Expr) and (operation.unit != "dt" or type(duration) is not int)
    return type(operation) in _TAKEN


def _has_expressions(operation: Any) -> bool:
    return isinstance(operation, AerStore) or any(isinstance(param, ParameterExpression) for param in operation.params)


def _placeholder(item: CircuitInstruction) -> CircuitInstruction:
    """An instruction that QPY knows, at the place of one that it loses; it carries the expressions, if any."""
    operation, qubits = item.operation, item.qubits
    label = f"aer:{operation.name}"
    if isinstance(operation, AerStore):
        return CircuitInstruction(Store(*operation.params), (), ())
    condition = getattr(operation, "condition_expr", None) or getattr(operation, "condition", None)
    if condition is not None:
        return CircuitInstruction(IfElseOp(condition, QuantumCircuit(), label=label), (), ())
    if _has_expressions(operation):
        return CircuitInstruction(RZGate(operation.params[0], label=label), qubits, ())
    return CircuitInstruction(Barrier(len(qubits), label=label), qubits, ())


def _replace(circuit: QuantumCircuit, changed: dict[int, CircuitInstruction]) -> None:
    """Gives a circuit new data, with some instructions replaced; other circuits may share the old."""
    if changed:
        # Replaced one by one in a copy of the data, control flow makes Qiskit 2.6 panic.
        empty = circuit.copy_empty_like()
        for position, item in enumerate(circuit.data):
            empty._append(changed.pop(position, item))
        circuit._data = empty._data
    if changed:
        raise FormatError(f"circuit has no instruction {min(changed)}")


def _encode_metadata(metadata: Any, where: str, lost: list[str]) -> Any:
    found: list[str] = []

    def extend(value: Any) -> dict[str, Any]:
        if type(value) is not MissingValue:  # one that was read back stays what it is
            value = _missing(value, where, found)
        return {tagged_json.TYPE_KEY: "missing", "type": value.type_name, "repr": value.text}

    def encodes(value: Any) -> bool:
        try:
            tagged_json.dumps(tagged_json.encode(value, extend))
        except (UnsupportedTypeError, ValueError, RecursionError):  # nested in itself, or an integer of 5000 digits
            return False
        return True

    if isinstance(metadata, dict) and type(metadata) is not dict:
        lost.append(f"{where}: metadata of type {_type_name(metadata)} comes back as a dict")
        metadata = dict(metadata)
    if type(metadata) is dict and not encodes(metadata):
        metadata = {key: value if encodes(value) else _missing(value, where, lost) for key, value in metadata.items()}
    if not encodes(metadata):
        metadata = _missing(metadata, where, lost)
    found.clear()  # of the attempts
    tree = tagged_json.encode(metadata, extend)
    lost += found
    return tree


def _missing(value: Any, where: str, lost: list[str]) -> MissingValue:
    try:
        # The repr of containers that hold each other can grow without end; reprlib's cannot.
        text = reprlib.repr(value) if isinstance(value, dict | list | tuple | set | frozenset) else repr(value)
    except Exception as error:  # noqa: BLE001  (a repr is anybody's code)
        text = f"<no repr: {type(error).__name__}>"
    missing = MissingValue(_type_name(value), text[:200])
    lost.append(f"{where}: metadata value of type {missing.type_name} is not kept: {missing.text}")
    return missing


def _type_name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _restore(circuits: list[QuantumCircuit], tree: dict[str, Any]) -> list[QuantumCircuit]:
    """Puts what is in the side table into all circuits of the payload, and returns the main ones."""
    tables = tree["circuits"]
    if len(tables) != len(circuits) or not 0 <= tree["main"] <= len(circuits):
        raise FormatError(f"side table is of {len(tables)} circuits, the payload has {len(circuits)}")
    errors = [_restore_error(entry, circuits) for entry in tree["errors"]]
    for circuit, table in zip(circuits, tables, strict=True):
        _fill(circuit, table, errors)
    return circuits[: tree["main"]]


def _fill(circuit: QuantumCircuit, table: dict[str, Any], errors: list[BaseQuantumError]) -> None:
    if not table.keys() <= {"name", "metadata", "instructions", "blocks"}:
        raise FormatError(f"side table has the unknown keys {sorted(table)}; a newer aerchive may read it")
    data, changed = circuit.data, {}
    for position, entry in table.get("instructions", ()):
        changed[position] = _restore_instruction(circuit, entry, data[position].operation, errors)
    for position, tables in table.get("blocks", ()):
        item = data[position]
        blocks = list(item.operation.blocks)
        for block, inner in zip(blocks, tables, strict=True):
            _fill(block, inner, errors)
        changed[position] = item.replace(operation=item.operation.replace_blocks(blocks))
    _replace(circuit, changed)
    circuit.name = table.get("name", circuit.name)
    if "metadata" in table:
        # Not by the property: it accepts nothing but a dict.
        circuit._metadata = tagged_json.decode(table["metadata"], _restore_missing)


def _restore_missing(tag: str, tree: dict[str, Any]) -> MissingValue:
    if tag != "missing":
        raise FormatError(f"metadata has a value of the unknown type {tag!r}; a newer aerchive may read it")
    return MissingValue(tree["type"], tree["repr"])


def _restore_instruction(
    circuit: QuantumCircuit, entry: dict[str, Any], placeholder: Any, errors: list[BaseQuantumError]
) -> CircuitInstruction:
    if not isinstance(placeholder, (Barrier, Store, IfElseOp, RZGate)):
        raise FormatError(f"instruction {entry['class']!r} of the side table has no place in its circuit")
    kind = _CLASSES[entry["class"]]
    qubits = [circuit.qubits[i] for i in entry["qubits"]]
    clbits = [circuit.clbits[i] for i in entry["clbits"]]
    params = placeholder.params if entry["params"] is None else tagged_json.decode(entry["params"])
    if kind is Delay:
        return CircuitInstruction(Delay(*params, unit=entry["unit"]), qubits, clbits)
    operation = kind.__new__(kind)  # the constructors compute, from other arguments, what is stored here
    if kind is AerStore:
        operation.store = placeholder
    Instruction.__init__(operation, entry["name"], len(qubits), len(clbits), params, label=entry["label"])
    if kind is AerJump:
        operation.condition = operation.condition_expr = None
        if isinstance(placeholder, IfElseOp):
            operation.set_conditional(placeholder.condition)
    if "subtype" in entry:
        operation._subtype = entry["subtype"]
    if "error" in entry:
        operation._quantum_error = errors[entry["error"]]
    return CircuitInstruction(operation, qubits, clbits)


def _restore_error(entry: dict[str, Any], circuits: list[QuantumCircuit]) -> BaseQuantumError:
    kind = _ERRORS[entry["class"]]
    if kind is PauliLindbladError:
        error = PauliLindbladError(PauliList(entry["generators"]), tagged_json.decode(entry["rates"]))
    elif kind is PauliError:
        error = PauliError(PauliList(entry["paulis"]), tagged_json.decode(entry["probabilities"]))
    else:
        error = QuantumError.__new__(QuantumError)  # the constructor would scale the probabilities once more
        BaseQuantumError.__init__(error, num_qubits=entry["num_qubits"])
        error._circs = [circuits[i] for i in entry["circuits"]]
        error._probs = tagged_json.decode(entry["probabilities"])
    error._id = entry["id"]
    return error


def _canary(entries: list[_Entry], loaded: list[QuantumCircuit]) -> Iterator[str]:
    """What of the circuits is not in what was read back."""
    for entry, circuit in zip(entries, loaded, strict=True):
        if entry.stand_in:
            continue
        try:
            found = list(_differences(entry.original, circuit))
            if entry.original.name != circuit.name:
                found.append(f"name is {_short(circuit.name)}")
            if "metadata" in entry.table and _encode_metadata(circuit.metadata, "", []) != entry.table["metadata"]:
                found.append("metadata is not the same")
        except Exception as error:  # noqa: BLE001  (whatever it is, it is reported)
            found = [f"cannot be compared with what was stored ({_reason(error)})"]
        yield from (f"{entry.where}: {text}" for text in found[:MAX_LOSSES])
        if len(found) > MAX_LOSSES:
            yield f"{entry.where}: {len(found) - MAX_LOSSES} more differences"


def _differences(a: QuantumCircuit, b: QuantumCircuit) -> Iterator[str]:
    places = _Places(a, b)
    for what, look in _STRUCTURE.items():
        if not places.same(look(a), look(b)):
            yield f"{what} {'is' if what[-1] != 's' else 'are'} not kept"
    if len(a.data) != len(b.data):
        yield f"{len(b.data)} instructions came back of {len(a.data)}"
    for position, (mine, other) in enumerate(zip(a.data, b.data, strict=False)):
        try:
            for text in places.instruction(mine, other):
                yield f"instruction {position} ({mine.name}): {text}"
        except Exception as error:  # noqa: BLE001  (whatever it is, it is reported)
            yield f"instruction {position} ({mine.name}): cannot be compared ({_reason(error)})"


_STRUCTURE: dict[str, Callable[[QuantumCircuit], Any]] = {
    "qubits": lambda c: [type(bit).__name__ for bit in c.qubits],
    "clbits": lambda c: [type(bit).__name__ for bit in c.clbits],
    "registers": lambda c: [(type(r), r.name, [c.find_bit(bit).index for bit in r]) for r in (*c.qregs, *c.cregs)],
    "global phase": lambda c: c.global_phase,
    "variables": lambda c: [list(c.iter_input_vars()), list(c.iter_captured_vars()), list(c.iter_declared_vars())],
    "stretches": lambda c: [list(c.iter_captured_stretches()), list(c.iter_declared_stretches())],
    "layout": lambda c: c.layout and (c.layout.initial_index_layout(), c.layout.final_index_layout()),
}


class _Places:
    """Compares values of two circuits exactly; bits, which have no names, by their places in the circuits."""

    def __init__(self, a: QuantumCircuit, b: QuantumCircuit) -> None:
        self._a, self._b = ({bit: i for bits in (c.qubits, c.clbits) for i, bit in enumerate(bits)} for c in (a, b))

    def instruction(self, a: CircuitInstruction, b: CircuitInstruction) -> Iterator[str]:
        if not (self.same(a.qubits, b.qubits) and self.same(a.clbits, b.clbits)):
            yield "acts on other bits"
        if a.is_standard_gate() and b.is_standard_gate():  # most are, and need no object
            if a.name != b.name or a.label != b.label or not self.same(a.params, b.params):
                yield f"came back as {b.name} of label {b.label!r} with {b.params!r}"
        else:
            yield from self.operation(a.operation, b.operation)

    def operation(self, a: Any, b: Any) -> Iterator[str]:
        kind, other = (getattr(operation, "base_class", type(operation)) for operation in (a, b))
        if kind is not other:
            yield f"{kind.__module__}.{kind.__qualname__} came back as {other.__qualname__}"
        for name in _ATTRIBUTES:
            mine, theirs = getattr(a, name, None), getattr(b, name, None)
            if name == "condition" and isinstance(mine, tuple) and isinstance(theirs, tuple):
                mine, theirs = (mine[0], int(mine[1])), (theirs[0], int(theirs[1]))  # a 1 may come back as True
            if not self.same(mine, theirs):
                yield f"{name.strip('_')} {reprlib.repr(mine)} came back as {reprlib.repr(theirs)}"
        # What subclasses remember besides is compared as far as it is plain data.
        for name, mine in getattr(a, "__dict__", {}).items():
            if name.strip("_") in _COMPARED or not isinstance(mine, _PLAIN):
                continue
            if not self.same(mine, getattr(b, name, None)):
                yield f"{name.strip('_')} {reprlib.repr(mine)} is not kept"
        if kind in (Instruction, Gate, ControlledGate) and not self.same(a._definition, b._definition):
            yield "definition is not the same"

    def same(self, a: Any, b: Any) -> bool:
        if a is b:
            return True
        if type(a) is not type(b):
            return isinstance(a, Instruction) and isinstance(b, Instruction) and not any(self.operation(a, b))
        if isinstance(a, Bit):
            return bool(self._a.get(a, a) == self._b.get(b, b))
        if isinstance(a, (list, tuple)):
            return len(a) == len(b) and all(map(self.same, a, b))
        if isinstance(a, dict):
            return list(a) == list(b) and all(self.same(a[key], b[key]) for key in a)
        if isinstance(a, float | complex | np.generic | np.ndarray):
            x, y = np.asarray(a), np.asarray(b)
            return (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes())
        if isinstance(a, QuantumCircuit):
            return not any(_differences(a, b)) and self.same(a.metadata, b.metadata)
        if isinstance(a, Register):
            return a.name == b.name and self.same(list(a), list(b))
        if isinstance(a, expr.Expr):
            return bool(expr.structurally_equivalent(a, b, self._key(self._a), self._key(self._b)))
        if isinstance(a, BaseQuantumError):
            # The circuits of an error are compared as entries of their own.
            return all(self.same(getattr(a, name, None), getattr(b, name, None)) for name in _ERROR_ATTRIBUTES)
        if isinstance(a, Instruction):
            return not any(self.operation(a, b))
        return bool(a == b)

    @staticmethod
    def _key(places: dict[Any, int]) -> Callable[[Any], Any]:
        def key(var: Any) -> Any:
            if isinstance(var, Register):
                return var.name, [places.get(bit) for bit in var]
            return places.get(var, var)

        return key


_ATTRIBUTES = (
    *("name", "label", "num_qubits", "num_clbits", "params", "condition", "target", "duration", "unit", "annotations"),
    *("_subtype", "_quantum_error", "condition_expr", "ctrl_state", "base_gate", "base_op", "modifiers"),
)
_COMPARED = {name.strip("_") for name in _ATTRIBUTES} | {"definition"}
_ERROR_ATTRIBUTES = ("_id", "num_qubits", "_probs", "_generators", "_rates", "_paulis", "_probabilities")
_PLAIN = (bool, int, float, complex, str)
