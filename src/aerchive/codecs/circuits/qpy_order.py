"""QPY payloads in a canonical order, so that the same circuit is the same bytes in every process.

Qiskit writes the definitions of a circuit's custom gates, and the registers that only its layout or its bits refer to,
in the order of hash tables, which differs from dump to dump. Neither order has a meaning: definitions and registers are
looked up by name. Sorting them permutes records inside the payload. Before version 18 the name of a definition also
ends with a random UUID. It is replaced by a number with as many digits, which counts definitions in the order of their
use. No offset and no length changes.
"""

from __future__ import annotations

import itertools
import re
import struct
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_VERSIONS = range(13, 19)
"""The versions of QPY that this module supports."""
_RANDOM = re.compile(rb"_([0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\Z")
"""The end of the name of a definition before version 18."""
_SUFFIX = re.compile(_RANDOM.pattern.replace(b"_(", rb"_([0-9]+|"))
"""The end of the name of a definition in any version."""
_SHOWN = 8
_FILE = struct.Struct("!6s4BQcc")
_CIRCUIT = struct.Struct("!HcHIIQIQI")
_OLD_REGISTER = struct.Struct("!c?IH?")
_REGISTER = struct.Struct("!c?IH??")
_VARIABLE = struct.Struct("!16scH")
_ANNOTATION = struct.Struct("!IQ")
_VECTOR = struct.Struct("!HQ16s")
_DEFINITION = struct.Struct("!HcII?QIIQ")
_INSTRUCTION = struct.Struct("!HHHIIBHqII")
_VALUE = struct.Struct("!cQ")
_PLACED = struct.Struct("!ii")
_LAYOUT = struct.Struct("!?iiiIi")
_WITH_CIRCUIT = frozenset((b"i", b"g", b"c"))
"""Kinds of definitions that contain a circuit: instructions, gates and controlled gates."""
_CONTAINERS = frozenset((b"q", b"t"))
"""Kinds of values that contain circuits: circuits, and the tuples with the cases of a switch."""


def in_canonical_order(payload: bytes) -> bytes:
    """Sorts a payload so that its bytes depend only on the circuits.

    Args:
        payload: The bytes that ``qpy.dump`` wrote.

    Returns:
        The payload with its records sorted; unchanged if it has another version or cannot be parsed.
    """
    data = bytearray(payload)
    try:
        for start in _starts(data):
            _Circuit(data, start, payload[6]).sort()
    except (struct.error, IndexError, OverflowError):
        return payload
    return bytes(data)


def _starts(data: bytearray) -> Iterator[int]:
    """The offsets in bytes at which the circuits of a payload begin; none for a version that is not known."""
    _, version, _, _, _, number, _, _ = _FILE.unpack_from(data)
    if version in _VERSIONS and version >= 16:
        yield from struct.unpack_from(f"!{number}Q", data, _FILE.size)
    elif version in _VERSIONS:
        end = _FILE.size
        for _ in range(number):
            yield end
            end = _Circuit(data, end, version).sort()


def outline(payload: bytes) -> list[str]:
    """Describes the circuits of a payload in words, without Qiskit.

    Args:
        payload: A QPY payload.

    Returns:
        Name, widths, and number of instructions by class or name, of each circuit: those of quantum errors, too. Empty
        if the version is not known or the payload cannot be parsed.
    """
    data = bytearray(payload)
    try:
        return [_Circuit(data, start, payload[6]).outline() for start in _starts(data)]
    except (struct.error, IndexError, OverflowError, ValueError, RecursionError):
        return []


class _Record(NamedTuple):
    """The place of a definition or register in the payload, and of its name.

    Attributes:
        start: Offset in bytes at which it begins.
        end: Offset in bytes at which it ends.
        name: The bytes of its name.
    """

    start: int
    end: int
    name: slice


class _Circuit:
    """One circuit of a payload, which is sorted in place.

    Args:
        data: The payload.
        at: Offset in bytes at which the circuit begins.
        version: Version of the payload.
    """

    def __init__(self, data: bytearray, at: int, version: int) -> None:
        self._data = data
        self._at = at
        self._version = version
        self._bases: list[slice] = []
        self._used: list[slice] = []
        self._keeps_names = False

    def sort(self) -> int:
        """Parses the circuit to its end, and sorts the records that are in random order.

        Returns:
            The offset in bytes at which the circuit ends; from version 16 on only at least so much.
        """
        name, _, phase, _, _, metadata, registers, instructions, variables = self._take(_CIRCUIT)
        self._skip(name + phase + metadata)
        found = [self._record(self._register) for _ in range(registers)]
        for (_, is_in_circuit), some in itertools.groupby(found, key=self._kind_of_register):
            if not is_in_circuit:
                self._sort_records(list(some))
        for _ in range(variables):
            _, _, name = self._take(_VARIABLE)
            self._skip(name + (5 if self._data[self._at] == ord("u") else 1))  # an integer type has a width
        if self._version >= 15:
            for _ in range(self._count("!I")):
                self._skip(sum(self._take(_ANNOTATION)))
        if self._version >= 18:
            for _ in range(self._count("!H")):
                self._skip(self._take(_VECTOR)[0])
        definitions = [self._record(self._definition) for _ in range(self._count("!Q"))]
        self._instructions(instructions)
        if self._version < 18:
            self._number_names(definitions)
            self._skip(2)  # the number of calibrations, which is 0
        self._sort_records(definitions)
        _, initial, mapped, final, registers, _ = self._take(_LAYOUT)
        self._sort_records([self._record(self._register) for _ in range(registers)])
        if self._version < 16:  # there is no table of the circuits, and the next one begins here
            for _ in range(initial):
                self._skip(max(self._take(_PLACED)[1], 0))
            self._skip(4 * (max(mapped, 0) + max(final, 0)))
        return self._at

    def outline(self) -> str:
        """Describes the circuit in words; its definitions and instructions are sorted meanwhile."""
        name, _, _, qubits, clbits, _, _, number, _ = _CIRCUIT.unpack_from(self._data, self._at)
        start = self._at + _CIRCUIT.size
        title = self._data[start : start + name].decode()
        self._keeps_names = True
        self.sort()
        names = Counter(_SUFFIX.sub(b"", self._data[place]).decode() for place in self._used)
        counted = ", ".join(f"{count} {text}" for text, count in names.most_common(_SHOWN))
        return f"{title!r} (qubits: {qubits}, clbits: {clbits}, instructions: {number}{counted and f', {counted}'})"

    def _kind_of_register(self, register: _Record) -> tuple[int, int]:
        """Whether it is quantum or classical, and whether it belongs to the circuit."""
        return self._data[register.start], self._data[register.start + 8]

    def _sort_records(self, records: list[_Record]) -> None:
        if len(records) > 1:
            parts = sorted((self._data[one.name], self._data[one.start : one.end]) for one in records)
            self._data[records[0].start : records[-1].end] = b"".join(part for _, part in parts)

    def _number_names(self, definitions: list[_Record]) -> None:
        """Replaces the random end of each name of a definition, wherever the name is used."""
        data = self._data
        places: dict[bytes, list[slice]] = {bytes(data[one.name]): [one.name] for one in definitions}
        bases = dict(zip(places, self._bases, strict=True))
        for place in (*self._bases, *self._used):
            places.get(bytes(data[place]), []).append(place)
        order = [bytes(data[place]) for place in self._used]
        numbers: dict[bytes, int] = {}
        for name in order:  # the list grows: a controlled gate names its base
            if name in places and name not in numbers:
                numbers[name] = len(numbers)
                order.append(bytes(data[bases[name]]))
        for name, number in numbers.items():
            if random := _RANDOM.search(name):
                text = str(uuid.UUID(int=number))
                end = (text if b"-" in random[1] else text.replace("-", "")).encode()
                for place in places[name]:
                    data[place.stop - len(end) : place.stop] = end

    def _record(self, follow: Callable[[], slice]) -> _Record:
        start = self._at
        name = follow()
        return _Record(start, self._at, name)

    def _register(self) -> slice:
        if self._version < 18:
            _, _, size, length, _ = self._take(_OLD_REGISTER)
            width, is_range = 8, False
        else:
            _, _, size, length, _, is_range = self._take(_REGISTER)
            width = 4
        name = self._skip(length)
        self._skip(width * (1 if is_range else size))
        return name

    def _definition(self) -> slice:
        length, kind, _, _, is_defined, size, _, _, base = self._take(_DEFINITION)
        name = self._skip(length)
        if is_defined and kind in _WITH_CIRCUIT:
            _Circuit(self._data, self._at, self._version).sort()
        self._skip(size)
        start = self._at + _INSTRUCTION.size
        self._bases.append(
            slice(start, start + _INSTRUCTION.unpack_from(self._data, self._at)[0]) if base else slice(0)
        )
        self._skip(base)
        return name

    def _instructions(self, number: int) -> None:
        data, at = self._data, self._at
        names = self._used if self._keeps_names or (self._version < 18 and self._bases) else None
        for _ in range(number):  # there can be very many
            name, label, values, qubits, clbits, extras, register, _, _, _ = _INSTRUCTION.unpack_from(data, at)
            at += _INSTRUCTION.size
            if names is not None:
                names.append(slice(at, at + name))
            at += name + label + register
            if extras & 0b11 == 0b10:  # the condition is an expression
                at += _VALUE.size + _VALUE.unpack_from(data, at)[1]
            at += 5 * (qubits + clbits)
            for _ in range(values):
                kind, size = _VALUE.unpack_from(data, at)
                if kind in _CONTAINERS:
                    self._at = at
                    self._value()
                at += _VALUE.size + size
            if extras & 0b1000_0000:  # there are annotations
                self._at = at
                for _ in range(self._count("!I")):
                    self._skip(self._take(_ANNOTATION)[1])
                at = self._at
        self._at = at
        self._skip(0)

    def _value(self) -> None:
        kind, size = self._take(_VALUE)
        end = self._at + size
        if kind == b"q":
            _Circuit(self._data, self._at, self._version).sort()
        elif kind == b"t":
            for _ in range(self._count("!Q")):
                self._value()
        self._skip(end - self._at)

    def _take(self, form: struct.Struct) -> tuple[Any, ...]:
        values = form.unpack_from(self._data, self._at)
        self._at += form.size
        return values

    def _count(self, form: str) -> int:
        (value,) = self._take(struct.Struct(form))
        return int(value)

    def _skip(self, length: int) -> slice:
        start = self._at
        self._at += length
        if self._at > len(self._data):
            raise IndexError("a record reaches over the end")
        return slice(start, self._at)
