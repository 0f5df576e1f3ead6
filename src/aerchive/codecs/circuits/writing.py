"""Circuits as one QPY payload and a side table, such that they come back and run again bit for bit in Aer.

QPY is Qiskit's own format and carries gates, control flow, registers, variables and parameters. It silently loses
Aer's instructions and the units of delays (qiskit#10662), refuses metadata that is not JSON and instructions of more
than 65,535 parameters, and cannot carry every name. So what is dumped is a shallow copy of each circuit, without
metadata and with a placeholder for each of these instructions, and for those that hold large arrays: a barrier labelled
``aer:<instruction>``, which QPY writes the same each time and which any reader of the QPY alone understands. The side
table, a JSON text, holds what was taken out::

    {"main": 1, "circuits": [TABLE, ...], "errors": [ERROR, ...], "arrays"?: [path of a shared object, ...]}

    TABLE  {"name"?: str or null, "metadata"?: VALUE, "instructions"?: [[position, INSTRUCTION], ...],
            "blocks"?: [[position, [TABLE of each block]], ...],
            "definitions"?: [[position, TABLE of the definition of a custom gate], ...]}   absent: nothing of the kind
    INSTRUCTION  {"class", "name", "label", "params": VALUE, "qubits": [index], "clbits": [index],
                  "subtype"?: str, "error"?: index, "unit"?: str, "inverse"?: bool}   params null: in the placeholder
    ERROR  {"class", "id", "num_qubits"} and {"probabilities": VALUE, "circuits": [index]}, {"generators": [label],
           "rates": VALUE} or {"paulis": [label], "probabilities": VALUE}

VALUE is tagged JSON (`aerchive.models.tagged_json`); large arrays in the params are shared objects
(`aerchive.codecs.circuits.arrays`), by their index in ``arrays``. The circuits of quantum errors follow the ``main``
ones in the same QPY payload. A name that is null was made up by Qiskit (``circuit-7``) and is kept with the run, so
that a circuit that is built again is the same. A subclass of ``QuantumCircuit`` comes back as a ``QuantumCircuit``,
and the names of control-flow blocks, which Qiskit makes up, do not come back: these two are QPY's rules and no loss.
"""

from __future__ import annotations

import contextlib
import copy
import io
import re
import reprlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import (
    Barrier,
    CircuitInstruction,
    ControlFlowOp,
    Delay,
    IfElseOp,
    ParameterExpression,
    Store,
)
from qiskit.circuit.classical import expr
from qiskit.circuit.library import (
    RZGate,
    StatePreparation,
)
from qiskit_aer.library.control_flow_instructions import AerStore
from qiskit_aer.noise import PauliLindbladError, QuantumError
from qiskit_aer.noise.errors import PauliError
from qiskit_aer.noise.errors.base_quantum_error import BaseQuantumError, QuantumChannelInstruction

from aerchive.codecs.base import MissingValue
from aerchive.codecs.circuits.arrays import LEAST_BYTES, ArrayReader, ArrayShelf
from aerchive.codecs.circuits.losses import differences, in_words
from aerchive.codecs.circuits.qpy_order import in_canonical_order
from aerchive.codecs.circuits.reading import (
    ENCODING,
    GENERIC,
    HOLDERS,
    KIND,
    LINK,
    TAKEN,
    VERSION,
    load_qpy,
    replace_instructions,
    reraise_unless_failure,
    restore,
    with_definition,
)
from aerchive.errors import InvalidInputError, UnsupportedTypeError
from aerchive.models import tagged_json
from aerchive.storage.chunks.drafts import AttributeValue, ObjectDraft, bytes_dataset, text_dataset

MAX_LOSSES = 20
"""How many losses are named for one circuit; of the others only the number is."""
_MAX_QPY_NAME = 0xFFFF  # bytes of UTF-8; QPY writes the length of a longer name wrong
_LEAST_NUMBERS = LEAST_BYTES // np.dtype(complex).itemsize
_COUNTED = re.compile(r"(.*)-\d+(-\d+)?\Z", re.DOTALL)
"""Names that Qiskit makes up: with a number that counts up, and that of the process if it is not the first."""
_REMEMBERED = 8
"""How many circuits are remembered at most; those of a larger job are not, for the user holds as many already."""
_MAX_REMEMBERED_BYTES = 1024 * 1024
_lately: OrderedDict[tuple[bytes, bytes], list[QuantumCircuit]] = OrderedDict()
"""What was read back lately, by payload and side table: a sweep over one circuit need not read it each time."""


class EncodedCircuits(NamedTuple):
    """What is stored for a list of circuits.

    Attributes:
        qpy: One QPY payload: the circuits, then the circuits of their quantum errors.
        aer: The side table, ASCII JSON.
        lost: In words, what of these circuits does not come back; empty if everything does.
        arrays: Large arrays that were taken out, in the order of the side table.
        version: Of the encoding that these need.
    """

    qpy: bytes
    aer: bytes
    lost: tuple[str, ...]
    arrays: tuple[ObjectDraft, ...] = ()
    version: int = 1


def circuits_object(circuits: Sequence[QuantumCircuit]) -> tuple[ObjectDraft, tuple[str, ...]]:
    """Circuits as a shared object.

    Args:
        circuits: Circuits of one job, in its order.

    Returns:
        The object, and in words what it does not hold. Names that Qiskit made up are not in it, and must be kept
        elsewhere.

    Raises:
        InvalidInputError: An item is not a circuit.
    """
    encoded = encode_circuits(circuits, keep_made_up_names=False)
    names = ["" if _has_made_up_name(circuit) else str(circuit.name) for circuit in circuits]
    attributes: dict[str, AttributeValue] = {
        "encoding": ENCODING,
        "encoding_version": encoded.version,
        "count": len(circuits),
        "names": tagged_json.dumps(tagged_json.encode(names)).decode("ascii"),
    }
    datasets = {"qpy": bytes_dataset(encoded.qpy), "aer": text_dataset(encoded.aer)}
    links = {f"{LINK}{number}": draft for number, draft in enumerate(encoded.arrays)}
    return ObjectDraft(KIND, attributes, datasets, links), encoded.lost


def encode_circuits(circuits: Sequence[QuantumCircuit], *, keep_made_up_names: bool = True) -> EncodedCircuits:
    """Encodes circuits, reads back what was written, and tells what is not the same.

    The circuits are not changed. One that QPY cannot carry is replaced by an empty circuit with its registers and its
    name, so that the others are kept.

    Args:
        circuits: Circuits of one job, in its order.
        keep_made_up_names: If not, a circuit that Qiskit named comes back with an empty name.

    Returns:
        What is stored, and what it does not hold.

    Raises:
        InvalidInputError: An item is not a circuit.
    """
    for item in circuits:
        if not isinstance(item, QuantumCircuit):
            raise InvalidInputError(f"not a QuantumCircuit: {type(item).__module__}.{type(item).__qualname__}")
    writer = _Writer(circuits, keep_made_up_names=keep_made_up_names)
    aer = writer.side_table()
    restored = None
    try:
        payload = _dump([entry.bare for entry in writer.entries])
        restored = _lately.pop((payload, aer), None)  # it becomes the last one again
        loaded = load_qpy(payload) if restored is None else restored
    except BaseException as error:  # noqa: BLE001  (a panic is one; the rest goes on at once)
        reraise_unless_failure(error)
        writer.replace_what_fails()
        aer = writer.side_table()
        payload = _dump([entry.bare for entry in writer.entries])
        loaded = load_qpy(payload)
    if restored is None:
        restore(loaded, tagged_json.loads(aer, "side table"), ArrayReader(writer.sources()))
    lost = (*writer.lost, *_canary(writer.entries, loaded, in_same_bytes=restored is not None))
    size = len(payload) + sum(dataset.nbytes for draft in writer.arrays for dataset in draft.datasets.values())
    if not lost and size <= _MAX_REMEMBERED_BYTES and len(loaded) <= _REMEMBERED:
        _lately[payload, aer] = loaded
        with contextlib.suppress(KeyError):  # another thread may have forgotten it
            while sum(map(len, list(_lately.values()))) > _REMEMBERED:
                _lately.popitem(last=False)
    return EncodedCircuits(payload, aer, lost, tuple(writer.arrays), writer.version)


def _dump(circuits: list[QuantumCircuit]) -> bytes:
    with io.BytesIO() as file:
        qpy.dump(circuits, file)
        return in_canonical_order(file.getvalue())


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

    def __init__(self, circuits: Sequence[QuantumCircuit], *, keep_made_up_names: bool) -> None:
        self._main = len(circuits)
        self._unnamed = {id(c) for c in circuits if not keep_made_up_names and _has_made_up_name(c)}
        self.entries: list[_Entry] = []
        self.errors: list[dict[str, Any]] = []
        self.lost: list[str] = []
        self._shelf = ArrayShelf()
        self._has_definitions = False
        # From id() of an error; the error is kept so that no other can take its id().
        self._known: dict[int, tuple[int, BaseQuantumError]] = {}
        self._queue = [(circuit, f"circuit {i} {_short(circuit.name)}") for i, circuit in enumerate(circuits)]
        while len(self.entries) < len(self._queue):
            self._add(*self._queue[len(self.entries)])

    @property
    def arrays(self) -> list[ObjectDraft]:
        """Large arrays that were taken out."""
        return self._shelf.objects

    @property
    def version(self) -> int:
        """Of the encoding that a reader must know."""
        return VERSION if self.arrays or self._unnamed or self._has_definitions else 1

    def sources(self) -> list[Callable[[], NDArray[Any]]]:
        """The arrays as `decode_circuits` wants them."""
        return self._shelf.sources()

    def side_table(self) -> bytes:
        """All that QPY does not carry, as JSON."""
        tables = [entry.table for entry in self.entries]
        document: dict[str, Any] = {"main": self._main, "circuits": tables, "errors": self.errors}
        if self.arrays:
            document["arrays"] = [draft.path for draft in self.arrays]
        return tagged_json.dumps(document)

    def _add(self, circuit: QuantumCircuit, where: str) -> None:
        entry = _Entry(circuit, circuit, {}, where)
        self.entries.append(entry)
        waiting, known, losses, arrays = len(self._queue), len(self.errors), len(self.lost), len(self.arrays)
        try:
            entry.bare, entry.table = self._strip(circuit, where)
        except BaseException as error:  # noqa: BLE001  (a panic is one; the rest goes on at once)
            reraise_unless_failure(error)
            del self._queue[waiting:], self.errors[known:], self.lost[losses:]
            self._known = {key: pair for key, pair in self._known.items() if pair[0] < known}
            self._shelf.roll_back(arrays)
            entry.table = self._description(circuit, where)
            self._stand_in(entry, in_words(error))

    def _description(self, circuit: QuantumCircuit, where: str) -> dict[str, Any]:
        table: dict[str, Any] = {} if _fits_qpy(circuit.name) else {"name": circuit.name}
        if id(circuit) in self._unnamed:
            table["name"] = None
        if circuit.metadata != {} or type(circuit.metadata) is not dict:
            table["metadata"] = _encode_metadata(circuit.metadata, where, self.lost)
        return table

    def _strip(self, circuit: QuantumCircuit, where: str) -> tuple[QuantumCircuit, dict[str, Any]]:
        """What QPY carries of a circuit, and the table of the rest; the circuit itself if nothing is left out."""
        table = self._description(circuit, where)
        taken, blocks, definitions = [], [], []
        changed: dict[int, CircuitInstruction] = {}
        for position, item in enumerate(circuit.data):
            if item.is_standard_gate():
                continue
            operation = item.operation
            if isinstance(operation, ControlFlowOp):
                inner = [self._strip(block, where) for block in operation.blocks]
                if any(inner_table for _, inner_table in inner):
                    blocks.append([position, [inner_table for _, inner_table in inner]])
                    changed[position] = item.replace(operation=operation.replace_blocks(bare for bare, _ in inner))
            elif _is_lost_by_qpy(operation):
                params = None if _has_expressions(operation) else self._shelf.encode(operation.params)[0]
                entry = self._instruction(circuit, item, operation, params, f"{where}, instruction {position}")
                taken.append([position, entry])
                changed[position] = _placeholder(item)
            elif _may_hold_arrays(operation):
                params, has_arrays = self._shelf.encode(operation.params)
                if has_arrays:
                    taken.append([position, self._instruction(circuit, item, operation, params, where)])
                    changed[position] = _placeholder(item)
            elif type(operation) in GENERIC and operation._definition is not None:
                definition, inner_table = self._strip(operation._definition, where)
                if inner_table:
                    definitions.append([position, inner_table])
                    changed[position] = item.replace(operation=with_definition(operation, definition))
        parts = (("instructions", taken), ("blocks", blocks), ("definitions", definitions))
        table |= {key: rows for key, rows in parts if rows}
        self._has_definitions = self._has_definitions or bool(definitions)
        if not table:
            return circuit, table
        bare = copy.copy(circuit)  # copy() would copy the arrays and errors of all instructions, too
        bare.metadata = {}
        bare.name = "" if "name" in table else circuit.name
        replace_instructions(bare, changed)
        return bare, table

    def _instruction(
        self, circuit: QuantumCircuit, item: CircuitInstruction, operation: Any, params: Any, where: str
    ) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "class": type(operation).__name__,
            "name": operation.name,
            "label": operation.label,
            "params": params,
            "qubits": [circuit.find_bit(bit).index for bit in item.qubits],
            "clbits": [circuit.find_bit(bit).index for bit in item.clbits],
        }
        if hasattr(operation, "_subtype"):
            entry["subtype"] = operation._subtype
        if isinstance(operation, Delay):
            entry["unit"] = operation.unit
        if isinstance(operation, QuantumChannelInstruction):
            entry["error"] = self._error(operation._quantum_error, where)
        if isinstance(operation, StatePreparation):
            entry["inverse"] = operation._inverse
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
            self.lost.append(f"{entry.where}: registers cannot be stored either ({in_words(error)})")
        else:
            bare = registers if _why_not(registers) is None else bare
        table: dict[str, Any] = {key: entry.table[key] for key in ("name", "metadata") if key in entry.table}
        entry.bare, entry.table, entry.stand_in = bare, table, True


def _why_not(bare: QuantumCircuit) -> str | None:
    try:
        load_qpy(_dump([bare]))
    except BaseException as error:  # noqa: BLE001  (a panic is one; the rest goes on at once)
        reraise_unless_failure(error)
        return in_words(error)
    return None


def _fits_qpy(name: str) -> bool:
    try:
        return len(name.encode("utf-8")) <= _MAX_QPY_NAME
    except UnicodeEncodeError:
        return False


def _has_made_up_name(circuit: QuantumCircuit) -> bool:
    """Whether nobody gave it its name: ``circuit-7``, or ``mine-8``, which is ``mine`` with its parameters assigned."""
    match = _COUNTED.match(str(circuit.name))
    return match is not None and match[1] in (QuantumCircuit.prefix, getattr(circuit, "_base_name", None))


def _short(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:60] + "…")


def _is_lost_by_qpy(operation: Any) -> bool:
    if type(operation) is Delay:  # an integer of dt comes back, and an expression of durations
        (duration,) = operation.params
        return not isinstance(duration, expr.Expr) and (operation.unit != "dt" or type(duration) is not int)
    return type(operation) in TAKEN


def _may_hold_arrays(operation: Any) -> bool:
    kind = type(operation)
    if kind not in HOLDERS or (kind in GENERIC and operation._definition is not None):
        return False
    params = operation.params
    return len(params) >= _LEAST_NUMBERS or sum(getattr(param, "nbytes", 0) for param in params) >= LEAST_BYTES


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


def _canary(entries: list[_Entry], loaded: list[QuantumCircuit], *, in_same_bytes: bool) -> Iterator[str]:
    """What of the circuits is not in what was read back."""
    for entry, circuit in zip(entries, loaded, strict=True):
        if entry.stand_in:
            continue
        try:
            found = list(differences(entry.original, circuit, in_same_bytes=in_same_bytes))
            if circuit.name != entry.original.name and entry.table.get("name", "") is not None:
                found.append(f"name is {_short(circuit.name)}")
            if "metadata" in entry.table and _encode_metadata(circuit.metadata, "", []) != entry.table["metadata"]:
                found.append("metadata is not the same")
        except Exception as error:  # noqa: BLE001  (whatever it is, it is reported)
            found = [f"cannot be compared with what was stored ({in_words(error)})"]
        yield from (f"{entry.where}: {text}" for text in found[:MAX_LOSSES])
        if len(found) > MAX_LOSSES:
            yield f"{entry.where}: {len(found) - MAX_LOSSES} more differences"
