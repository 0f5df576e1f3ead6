"""Reading circuits from one QPY payload and its side table; `aerchive.codecs.circuits.writing` describes both."""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import qiskit
from numpy.typing import NDArray
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Barrier, CircuitInstruction, Delay, Gate, IfElseOp, Instruction, ParameterVector, Store
from qiskit.circuit.library import DiagonalGate, HamiltonianGate, Initialize, RZGate, StatePreparation, UnitaryGate
from qiskit.quantum_info import PauliList
from qiskit_aer import library
from qiskit_aer.library.control_flow_instructions import AerJump, AerMark, AerStore
from qiskit_aer.noise import PauliLindbladError, QuantumError
from qiskit_aer.noise.errors import PauliError
from qiskit_aer.noise.errors.base_quantum_error import BaseQuantumError, QuantumChannelInstruction
from qiskit_aer.noise.noise_model import QuantumErrorLocation

from aerchive.codecs.base import MissingValue, check_encoding
from aerchive.codecs.circuits.arrays import ArrayReader, StoredArray, find_array
from aerchive.codecs.circuits.checks import check_circuits, check_errors
from aerchive.codecs.circuits.constructors import check_definition, construct
from aerchive.codecs.circuits.losses import describe_error
from aerchive.codecs.circuits.qpy_versions import check_readable
from aerchive.codecs.circuits.rehearsal import rehearse
from aerchive.codecs.registry import codecs_by_tag, decode_inline
from aerchive.errors import AerchiveError, FormatError, IntegrityError, UnsafeContentError
from aerchive.models import tagged_json
from aerchive.private_names import fill_private, private, private_if_any, set_private
from aerchive.settings import load_settings
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.medium.known_files import is_foreign

KIND = "circuits"
ENCODING = "circuits"
VERSION = 1
TAKEN = frozenset(
    {
        *(getattr(library, name) for name in library.__all__ if name.startswith(("Save", "Set"))),
        *(AerMark, AerJump, AerStore, QuantumChannelInstruction, QuantumErrorLocation),
    }
)
GENERIC = (Instruction, Gate)
HOLDERS = frozenset({Initialize, StatePreparation, UnitaryGate, DiagonalGate, HamiltonianGate, *GENERIC})
"""Instructions that may hold large arrays and consist only of name, label and params; ``kraus`` and ``superop`` are
plain instructions."""
_CLASSES = {kind.__name__: kind for kind in (*TAKEN, *HOLDERS, Delay)}
ERRORS = {kind.__name__: kind for kind in (QuantumError, PauliLindbladError, PauliError)}
LINK = "array_"
_NUMBER = re.compile(r"\d+")
_WARNS = private_if_any(ParameterVector("v"), "_root_uuid") is not None
"""Whether Qiskit, before version 2.5, warns of elements of a parameter vector that their circuit does not use."""


class StoredCircuits(NamedTuple):
    """Circuits of an open project that are found, but not decoded.

    Attributes:
        where: The node of the file, for messages.
        qpy: The QPY payload.
        aer: The side table.
        arrays: The arrays of the circuits, which are not read yet.
    """

    where: str
    qpy: bytes
    aer: bytes
    arrays: tuple[StoredArray, ...]

    def read(self, fd: int) -> list[QuantumCircuit]:
        """Reads the circuits into new objects, without HDF5 and without a lock.

        Args:
            fd: File descriptor of the project file.

        Raises:
            FormatError: The circuits cannot be read, or only by a newer Qiskit.
            UnsafeContentError: An instruction is none that its constructor would have made.
            IntegrityError: An array is damaged, or is not the one that the circuits were stored with.
        """
        tree = tagged_json.loads(self.aer, f"{self.where}/aer")
        paths = tree.get("arrays", []) if isinstance(tree, dict) else []
        for number, array in enumerate(self.arrays):
            if number >= len(paths) or paths[number] != array.path:
                where = f"{self.where}/{LINK}{number}"
                raise IntegrityError(f"{where}: leads to /{array.path}, which is another array; restore it from a copy")
        sources = [functools.partial(array.read, fd) for array in self.arrays]
        if is_qpy(self.qpy):
            check_readable(self.qpy, f"{self.where}: stored circuits")
            if load_settings().vet != "off" and is_foreign(fd):
                rehearse(self.qpy, self.where)
        try:
            return _decode(self.qpy, tree, sources)
        except UnsafeContentError as error:
            raise UnsafeContentError(f"{self.where}: {error}") from error


def find_circuits(group: GroupReader) -> StoredCircuits:
    """Finds the circuits in the group of a shared object.

    Args:
        group: The group of the object.

    Raises:
        FormatError: The object has a newer encoding, or does not hold circuits.
        IntegrityError: The stored bytes are damaged.
    """
    check_encoding(group, ENCODING, VERSION, "list of circuits")
    owner = str(group.attribute("object"))
    number = sum(name.startswith(LINK) for name in group.names())
    arrays = tuple(find_array(group.group(f"{LINK}{index}")) for index in range(number))
    return StoredCircuits(group.where(), group.read_bytes("qpy", owner), group.read_json("aer", owner), arrays)


def decode_circuits(qpy: bytes, aer: bytes, arrays: Sequence[Callable[[], NDArray[Any]]] = ()) -> list[QuantumCircuit]:
    """Decodes the circuits that were given to `encode_circuits`; each becomes a plain ``QuantumCircuit``.

    Args:
        qpy: The QPY payload. Its bytes must have been verified before: QPY has no checksum and trusts its lengths.
        aer: The side table.
        arrays: One function for each array of the side table, which reads the array each time it is needed.

    Raises:
        FormatError: The payload is not QPY, has a version that is unsafe or too new for this Qiskit, or does
            not fit the side table; or the side table does not have the form that `encode_circuits` writes.
        UnsafeContentError: An instruction is none that its constructor would have made, and may crash Aer.
    """
    return _decode(qpy, tagged_json.loads(aer, "side table of the circuits"), arrays)


def _decode(qpy: bytes, tree: Any, arrays: Sequence[Callable[[], NDArray[Any]]]) -> list[QuantumCircuit]:
    if not is_qpy(qpy):
        raise FormatError("stored circuits are not QPY")
    check_readable(qpy)
    try:
        circuits = load_qpy(qpy)
    except BaseException as error:
        reraise_unless_failure(error)
        raise FormatError(f"stored circuits cannot be read: {describe_error(error)}") from error
    try:
        return restore(circuits, tree, ArrayReader(arrays), _refuse)
    except AerchiveError:
        raise
    except Exception as error:
        raise FormatError(f"side table of the circuits cannot be read: {describe_error(error)}") from error


def is_qpy(payload: bytes) -> bool:
    """Whether a payload begins as QPY does."""
    return payload[:6] == b"QISKIT" and len(payload) > 6


def _refuse(what: str) -> None:
    raise UnsafeContentError(f"stored circuits are refused, because they may crash Aer: {what}")


def load_qpy(payload: bytes) -> list[QuantumCircuit]:
    """Reads the circuits of a QPY payload with Qiskit."""
    # Qiskit warns of a payload that a newer Qiskit has written, also if both know its version.
    own = tuple(map(int, _NUMBER.findall(qiskit.__version__)[:3]))
    if tuple(payload[7:10]) > own:
        payload = payload[:7] + bytes(own) + payload[10:]
    with io.BytesIO(payload) as file, warnings.catch_warnings() if _WARNS else contextlib.nullcontext():
        if _WARNS:
            warnings.filterwarnings("ignore", "The ParameterVector", UserWarning)
        loaded: list[QuantumCircuit] = qpy.load(file)
    return loaded


def reraise_unless_failure(error: BaseException) -> None:
    """Raises an exception again unless it is a failure of reading or writing; an interrupt by the user is none."""
    # A panic in Qiskit's Rust code is a BaseException, and its class cannot be imported.
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error


def with_definition(operation: Any, definition: QuantumCircuit) -> Any:
    """A copy of a custom gate with another definition."""
    changed = copy.copy(operation)
    set_private(changed, _definition=definition)
    return changed


def relabelled(operation: Any, label: str | None) -> Any:
    """The operation with a label, in a copy if it has another one; an operation without labels stays as it is."""
    if getattr(operation, "label", label) == label:
        return operation
    changed = operation.to_mutable()
    changed.label = label
    return changed


def replace_instructions(circuit: QuantumCircuit, changed: dict[int, CircuitInstruction]) -> None:
    """Replaces some instructions of a circuit, by position, in new data; other circuits may share the old data."""
    if changed:
        # Qiskit 2.6 panics if control flow is replaced one by one in a copy of the data.
        empty = circuit.copy_empty_like()
        append = private(empty, "_append")
        for position, item in enumerate(circuit.data):
            append(changed.pop(position, item))
        set_private(circuit, _data=private(empty, "_data"))
    if changed:
        raise FormatError(f"circuit has no instruction {min(changed)}")


def restore(
    circuits: list[QuantumCircuit], tree: dict[str, Any], arrays: ArrayReader, refuse: Callable[[str], None]
) -> list[QuantumCircuit]:
    """Puts the contents of the side table into all circuits of the payload, and returns the main circuits.

    Args:
        circuits: The circuits of the payload; they are changed.
        tree: The side table.
        arrays: The arrays of the circuits.
        refuse: Function that is called with a description of what no constructor would have made.
    """
    tables = tree["circuits"]
    _check_keys(tree, "main", "circuits", "errors", "arrays")
    if len(tables) != len(circuits) or not 0 <= tree["main"] <= len(circuits):
        raise FormatError(f"side table is of {len(tables)} circuits, the payload has {len(circuits)}")
    errors = [_restore_error(entry, circuits) for entry in tree["errors"]]
    for index in reversed(range(len(circuits))):  # what an instruction is made of comes after it
        _Filling(circuits, index, errors, arrays).fill(circuits[index], tables[index])
    check_circuits(circuits, refuse)
    check_errors(errors, refuse)
    return circuits[: tree["main"]]


def _check_keys(tree: dict[str, Any], *known: str) -> None:
    if not tree.keys() <= set(known):
        raise FormatError(f"side table has the unknown keys {sorted(tree)}; a newer aerchive may read it")


class _Filling:
    """Puts the contents of the side table into one circuit of the payload.

    Args:
        circuits: All circuits of the payload.
        index: Index of the circuit among them; the later ones are filled.
        errors: The quantum errors.
        arrays: The arrays of the circuits.
    """

    def __init__(
        self, circuits: list[QuantumCircuit], index: int, errors: list[BaseQuantumError], arrays: ArrayReader
    ) -> None:
        self._circuits = circuits
        self._index = index
        self._errors = errors
        self._arrays = arrays

    def fill(self, circuit: QuantumCircuit, table: dict[str, Any]) -> None:
        """Puts the contents of a table into the circuit, or into a block or definition in it."""
        _check_keys(table, "name", "metadata", "timing", "instructions", "blocks", "definitions", "changes")
        data, changed = circuit.data, {}
        for part in ("instructions", "blocks", "definitions", "changes"):
            if len(table.get(part, ())) > len(data):  # a forged table may name one instruction any number of times
                raise FormatError(f"side table has more {part} than its circuit has instructions")
        for position, entry in table.get("instructions", ()):
            changed[position] = self._instruction(circuit, entry, data[position].operation)
        for position, tables in table.get("blocks", ()):
            item = data[position]
            blocks = list(item.operation.blocks)
            for block, inner in zip(blocks, tables, strict=True):
                self.fill(block, inner)
            changed[position] = item.replace(operation=item.operation.replace_blocks(blocks))
        for position, inner in table.get("definitions", ()):
            operation = data[position].operation
            definition = operation.definition
            self.fill(definition, inner)
            changed[position] = data[position].replace(operation=with_definition(operation, definition))
        for position, changes in table.get("changes", ()):
            item = changed.get(position, data[position])
            changed[position] = item.replace(operation=self._changed(item.operation, changes))
        replace_instructions(circuit, changed)
        circuit.name = table.get("name", circuit.name) or ""
        if "metadata" in table:
            # The property cannot be used: it accepts only a dict.
            set_private(circuit, _metadata=tagged_json.decode(table["metadata"], restore_metadata))
        if "timing" in table:
            start_times, duration, unit = self._value(table["timing"])
            set_private(circuit, _op_start_times=start_times, _duration=duration, _unit=unit)

    def _changed(self, operation: Any, changes: dict[str, Any]) -> Any:
        _check_keys(changes, "label", "name", "definition")
        changed = relabelled(operation, tagged_json.decode(changes["label"])) if "label" in changes else operation
        if "name" in changes:
            changed, definition = changed.to_mutable(), self._value(changes["definition"])
            changed.name = changes["name"]
            set_private(changed, _definition=check_definition(definition, changed))
        return changed

    def _value(self, tree: Any) -> Any:
        return tagged_json.decode(tree, self._restore)

    def _restore(self, tag: str, tree: dict[str, Any]) -> Any:
        if tag not in ("circuit", "operation", "expression"):
            return self._arrays.restore(tag, tree)
        index = tree["index"]
        if type(index) is not int or not self._index < index < len(self._circuits):
            raise FormatError(f"circuit {self._index} refers to circuit {index!r:.40}, which does not come after it")
        carrier = self._circuits[index]
        if tag == "circuit":
            return carrier
        (item,) = carrier.data
        return item.operation if tag == "operation" else item.params[0]

    def _instruction(self, circuit: QuantumCircuit, entry: dict[str, Any], placeholder: Any) -> CircuitInstruction:
        if not isinstance(placeholder, (Barrier, Store, IfElseOp, RZGate)):
            raise FormatError(f"instruction {entry['class']!r} of the side table has no place in its circuit")
        qubits, clbits = _bits(circuit.qubits, entry["qubits"]), _bits(circuit.clbits, entry["clbits"])
        if "arguments" in entry:
            made = construct(entry["class"], self._value(entry["arguments"]), len(qubits))
            return CircuitInstruction(relabelled(made, tagged_json.decode(entry["label"])), qubits, clbits)
        kind = _CLASSES[entry["class"]]
        params = entry["params"]
        params = placeholder.params if params is None else self._value(params)
        if kind in HOLDERS:
            return CircuitInstruction(_holder(kind, entry, len(qubits), len(clbits), params), qubits, clbits)
        if kind is Delay:
            return CircuitInstruction(Delay(*params, unit=entry["unit"]), qubits, clbits)
        operation = kind.__new__(kind)  # the constructors would compute from other arguments what is stored here
        if kind is AerStore:
            operation.store = placeholder
        Instruction.__init__(operation, entry["name"], len(qubits), len(clbits), params, label=entry["label"])
        if kind is AerJump:
            operation.condition = operation.condition_expr = None
            if isinstance(placeholder, IfElseOp):
                operation.set_conditional(placeholder.condition)
        if "subtype" in entry:
            fill_private(operation, _subtype=entry["subtype"])
        if "error" in entry:
            fill_private(operation, _quantum_error=self._errors[entry["error"]])
        return CircuitInstruction(operation, qubits, clbits)


def restore_metadata(tag: str, tree: dict[str, Any]) -> Any:
    """Decodes a value of metadata that tagged JSON does not know, for `aerchive.models.tagged_json.decode`.

    Raises:
        FormatError: No codec has this tag, or the object is damaged.
    """
    if tag == "missing":
        return MissingValue(tree["type"], tree["repr"])
    if tag not in codecs_by_tag():
        raise FormatError(f"metadata has a value of the unknown type {tag!r}; a newer aerchive may read it")
    return decode_inline(tag, tree)


def _bits(bits: Sequence[Any], indices: Sequence[int]) -> list[Any]:
    if any(type(index) is not int or not 0 <= index < len(bits) for index in indices):
        raise FormatError(f"an instruction acts on bits that its circuit of {len(bits)} bits does not have")
    return [bits[index] for index in indices]


def _holder(kind: Any, entry: dict[str, Any], num_qubits: int, num_clbits: int, params: list[Any]) -> Any:
    """Makes an instruction with unchanged params: the constructor would check, convert and count each of them."""
    operation: Any = kind.__new__(kind)
    if kind is Initialize:
        preparation = {"name": "state_preparation", "label": "State Preparation"}
        fill_private(operation, _stateprep=_holder(StatePreparation, preparation, num_qubits, num_clbits, params))
    Instruction.__init__(operation, entry["name"], num_qubits, num_clbits, [], label=entry["label"])
    if kind is Initialize:
        set_private(private(operation, "_stateprep"), _params=params)  # the constructor has emptied them
    set_private(operation, _params=params)
    if kind is StatePreparation:
        is_inverse, given = bool(entry.get("inverse", False)), _given_state(params)
        kinds = {"_from_label": isinstance(given, str), "_from_int": isinstance(given, int)}
        fill_private(operation, _params_arg=given, _inverse=is_inverse, **kinds)
    return operation


def _given_state(params: list[Any]) -> str | int | list[Any]:
    """What a state was prepared from: a label or an integer, of which Qiskit makes params, or the amplitudes."""
    if params and all(type(param) is str for param in params):
        return "".join(params)
    is_integer = len(params) == 1 and isinstance(params[0], complex) and params[0].real.is_integer()
    return int(params[0].real) if is_integer else params


def _restore_error(entry: dict[str, Any], circuits: list[QuantumCircuit]) -> BaseQuantumError:
    kind = ERRORS[entry["class"]]
    if kind is PauliLindbladError:
        error = PauliLindbladError(PauliList(entry["generators"]), tagged_json.decode(entry["rates"]))
    elif kind is PauliError:
        error = PauliError(PauliList(entry["paulis"]), tagged_json.decode(entry["probabilities"]))
    else:
        error = QuantumError.__new__(QuantumError)  # the constructor would scale the probabilities once more
        BaseQuantumError.__init__(error, num_qubits=entry["num_qubits"])
        parts = [circuits[i] for i in entry["circuits"]]
        fill_private(error, _circs=parts, _probs=tagged_json.decode(entry["probabilities"]))
    set_private(error, _id=entry["id"])
    return error
