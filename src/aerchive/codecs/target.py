"""Codec of targets, the description of the device of a backend: its operations with their durations and errors.

A target is one JSON document; operations that are not standard gates of Qiskit are stored as circuits in a linked
object. Parameters of gates stand for any angle, so they are stored by name and get UUIDs made from the name: the same
device gives the same object in every process.
"""

from __future__ import annotations

import dataclasses
import functools
import uuid
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from qiskit import QuantumCircuit
from qiskit.circuit import Delay, Parameter
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.providers import QubitProperties
from qiskit.transpiler import InstructionProperties, Target

from aerchive.codecs.base import check_encoding, operations_of_qiskit
from aerchive.codecs.circuits.losses import describe_error
from aerchive.codecs.circuits.qpy_versions import version_to_write
from aerchive.codecs.circuits.reading import StoredCircuits, find_circuits
from aerchive.codecs.circuits.writing import circuits_object
from aerchive.errors import AerchiveError, FormatError
from aerchive.models import tagged_json
from aerchive.models.tagged_json import TYPE_KEY
from aerchive.storage.chunks.drafts import AttributeValue, ObjectDraft, text_dataset
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.text import type_name

KIND = "target"
ENCODING = "target"
VERSION = 1

_FIELDS = ("description", "num_qubits", "dt", "granularity", "min_length", "pulse_alignment", "acquire_alignment")
_OPERATIONS = "operations"
_PARAMETER = "parameter"
_PLAIN = (bool, int, float, complex, str)
_NAMESPACE = uuid.UUID("3b0c7a86-7f41-4d0c-9d0e-0d9f5a6d1f52")
_REMEMBERED = 8


class EncodedTarget(NamedTuple):
    """An encoded target.

    Attributes:
        draft: The object to be stored; ``None`` if nothing could be stored.
        lost: Descriptions of what is not stored.
    """

    draft: ObjectDraft | None
    lost: tuple[str, ...]


_recently_encoded: deque[tuple[Target, dict[str, Any], EncodedTarget]] = deque(maxlen=_REMEMBERED)
"""Recently encoded targets, their state at that time, and their encoded objects."""


def encode_target(target: Target) -> EncodedTarget:
    """Encodes a target as a shared object. A target that has not changed since the last time is not encoded again.

    Args:
        target: Any target. In-place changes of its ``InstructionProperties``, which Qiskit does not support, are not
            noticed.

    Returns:
        The object, with descriptions of what is not stored; no target makes this function raise an exception.
    """
    try:
        state = _state(target) | {"qpy_version": version_to_write()}
        for known, before, encoded in list(_recently_encoded):
            if known is target and before == state:
                return encoded
        encoded = _encode(target)
        _recently_encoded.append((target, state, encoded))
    except Exception as error:  # noqa: BLE001  (a target may be of a foreign class, and no simulation depends on it)
        return EncodedTarget(None, (f"cannot be stored ({describe_error(error)})",))
    return encoded


def _state(target: Target) -> dict[str, Any]:
    """The parts that change when the target is extended or changed; they are quick to compare."""
    state = {name: getattr(target, name) for name in (*_FIELDS, "concurrent_measurements")}
    state["qubits"] = [None if q is None else (q.t1, q.t2, q.frequency) for q in target.qubit_properties or ()]
    state["properties"] = {name: None if found is None else dict(found) for name, found in target.items()}
    return state


class _Writer:
    """Encodes one target as a document."""

    def __init__(self) -> None:
        self.lost: list[str] = []
        self.circuits: list[QuantumCircuit] = []

    def document(self, target: Target) -> dict[str, Any]:
        """The document: all of the target except the circuits of operations that are not standard gates."""
        if type(target) is not Target:
            self.lost.append(f"{type_name(type(target))} comes back as a Target")
        bounds = _angle_bounds(target)
        properties = target.qubit_properties
        return {
            **{name: getattr(target, name) for name in _FIELDS},
            "concurrent_measurements": target.concurrent_measurements,
            "qubit_properties": None if properties is None else [self._qubit(one) for one in properties],
            "operations": [
                {
                    "name": name,
                    **self._operation(name, target.operation_from_name(name)),
                    "properties": self._properties(name, target[name]),
                    "angle_bounds": bounds.get(name),
                }
                for name in target.operation_names
            ],
        }

    def _qubit(self, one: Any) -> Any:
        if one is None:
            return None
        self._expect(one, QubitProperties, "properties of a qubit")
        return [one.t1, one.t2, one.frequency]

    def _properties(self, name: str, found: Any) -> Any:
        if found is None:
            return None
        for one in found.values():
            if one is not None:
                self._expect(one, InstructionProperties, f"properties of {name!r}")
        return [
            [None if qubits is None else list(qubits), None if one is None else [one.duration, one.error]]
            for qubits, one in found.items()
        ]

    def _operation(self, name: str, operation: Any) -> dict[str, Any]:
        if isinstance(operation, type):
            is_known = operations_of_qiskit().get(operation.__name__) is operation
            if not is_known:
                self.lost.append(f"operation {name!r}: {type_name(operation)} is not one of Qiskit's, it is left out")
                return {"type": None}
            return {"type": operation.__name__}
        stored = _standard(operation)
        if stored is not None:
            return stored
        own = QuantumCircuit(operation.num_qubits, operation.num_clbits, name=f"operation {name}")
        own.append(operation, own.qubits, own.clbits)
        self.circuits.append(own)
        return {"circuit": len(self.circuits) - 1}

    def _expect(self, value: Any, kind: type, what: str) -> None:
        loss = f"{what}: {type_name(type(value))} come back as {kind.__name__}"
        if type(value) is not kind and loss not in self.lost:
            self.lost.append(loss)


def _encode(target: Target) -> EncodedTarget:
    writer = _Writer()
    document = writer.document(target)
    links: dict[str, ObjectDraft] = {}
    if writer.circuits:
        operations, lost = circuits_object(writer.circuits)
        links[_OPERATIONS] = dataclasses.replace(operations, view=None)  # there is nothing to see but gates
        writer.lost += lost
    attributes: dict[str, AttributeValue] = {
        "encoding": ENCODING,
        "encoding_version": VERSION,
        "number_of_operations": len(document["operations"]),
    }
    for name in _FIELDS:
        if type(document[name]) in (int, float, str):
            attributes[name] = document[name]
    text = tagged_json.dumps(tagged_json.encode(document | {"lost": writer.lost}))
    return EncodedTarget(ObjectDraft(KIND, attributes, {"target": text_dataset(text)}, links), tuple(writer.lost))


def _angle_bounds(target: Target) -> dict[str, Any]:
    """The angle bounds by operation. Qiskit gives no other access to them; before version 2.2 there are none."""
    if not getattr(target, "has_angle_bounds", bool)():
        return {}
    return {name: entry.get("angle_bounds") for name, entry in target.__getstate__()["base"]["gate_map"].items()}


def _standard(operation: Any) -> dict[str, Any] | None:
    """Encodes a standard gate by class, params and label; ``None`` if these do not describe it completely."""
    kind: Any = getattr(operation, "base_class", type(operation))
    is_known = _standard_gates().get(kind.__name__) is kind
    if not is_known or not all(type(param) in (Parameter, *_PLAIN) for param in operation.params):
        return None
    params = [{TYPE_KEY: _PARAMETER, "name": p.name} if type(p) is Parameter else p for p in operation.params]
    stored = {"class": kind.__name__, "params": params, "label": operation.label}
    if kind is Delay:
        stored["unit"] = operation.unit
    return stored if _is_same(operation, _restore_standard(stored)) else None


def _restore_standard(stored: dict[str, Any]) -> Any:
    kind = _standard_gates()[stored["class"]]
    params = [
        Parameter(str(p["name"]), uuid=uuid.uuid5(_NAMESPACE, str(p["name"]))) if isinstance(p, dict) else p
        for p in stored["params"]
    ]
    if kind is Delay:
        return Delay(*params, unit=stored["unit"])
    return kind(*params) if stored["label"] is None else kind(*params, label=stored["label"])


def _is_same(a: Any, b: Any) -> bool:
    names = ("base_class", "name", "label", "num_qubits", "num_clbits", "ctrl_state", "unit")
    return (
        all(getattr(a, name, None) == getattr(b, name, None) for name in names)
        and len(a.params) == len(b.params)
        and all(map(_are_same_params, a.params, b.params))
    )


def _are_same_params(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (one.name == other.name if type(one) is Parameter else bool(one == other))


@functools.cache
def _standard_gates() -> dict[str, Any]:
    """Qiskit's standard gates, ``delay``, ``measure`` and ``reset``, by the name of the class."""
    kinds = {gate.base_class for gate in get_standard_gate_name_mapping().values()}
    return {kind.__name__: kind for kind in kinds}


class StoredTarget(NamedTuple):
    """A target of an open project that is found, but not decoded.

    Attributes:
        where: The node of the file, for messages.
        text: The document.
        operations: Circuits of the operations that are not standard gates.
    """

    where: str
    text: bytes
    operations: StoredCircuits | None

    def read(self, fd: int) -> tuple[Target, list[str]]:
        """Decodes the target; returns it with descriptions of what was not stored.

        Args:
            fd: File descriptor of the project file.

        Raises:
            FormatError: The document is not a stored target, or cannot be read.
        """
        try:
            document = tagged_json.loads(self.text, self.where)
            circuits = [] if self.operations is None else self.operations.read(fd)
            return _decode(document, circuits), [str(text) for text in tagged_json.decode(document["lost"])]
        except AerchiveError:
            raise
        except Exception as error:
            raise FormatError(f"{self.where}: is not a target: {describe_error(error)}") from error


def find_target(group: GroupReader) -> StoredTarget:
    """Finds the target in the group of a shared object.

    Raises:
        FormatError: The object has a newer encoding, or is not a target.
        IntegrityError: The stored bytes are damaged.
    """
    check_encoding(group, ENCODING, VERSION, "target")
    operations = find_circuits(group.group(_OPERATIONS)) if _OPERATIONS in group else None
    return StoredTarget(group.where(), group.read_json("target", str(group.attribute("object"))), operations)


def _decode(tree: dict[str, Any], circuits: Sequence[QuantumCircuit]) -> Target:
    def restore(tag: str, body: dict[str, Any]) -> dict[str, Any]:
        if tag != _PARAMETER:
            raise FormatError(f"target has a value of the unknown type {tag!r}; a newer aerchive may read it")
        return body

    document = tagged_json.decode(tree, restore)
    qubits = document["qubit_properties"]
    target = Target(
        **{name: document[name] for name in _FIELDS},
        qubit_properties=None if qubits is None else [None if q is None else QubitProperties(*q) for q in qubits],
        concurrent_measurements=document["concurrent_measurements"],
    )
    for stored in document["operations"]:
        name, bounds = stored["name"], stored["angle_bounds"]
        if "type" in stored:
            if stored["type"] is not None:
                target.add_instruction(operations_of_qiskit()[stored["type"]], name=name)
            continue
        operation = circuits[stored["circuit"]].data[0].operation if "circuit" in stored else _restore_standard(stored)
        more = {} if bounds is None else {"angle_bounds": [None if one is None else tuple(one) for one in bounds]}
        target.add_instruction(operation, _restore_properties(stored["properties"]), name=name, **more)
    return target


def _restore_properties(stored: Any) -> Any:
    if stored is None:
        return None
    return {
        None if qubits is None else tuple(qubits): None if one is None else InstructionProperties(*one)
        for qubits, one in stored
    }
