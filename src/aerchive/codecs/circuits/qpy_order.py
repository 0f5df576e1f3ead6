"""QPY payloads in a canonical order, so that the same circuit is the same bytes in every process.

Qiskit writes the definitions of a circuit's custom gates, and the registers that only its layout refers to, in the
order of hash tables, which differs from dump to dump. Neither order has a meaning: definitions and registers are looked
up by name. Sorting them permutes records inside the payload; no offset and no length changes.
"""

from __future__ import annotations

import struct
from typing import Any

_VERSION = 18
"""The version of QPY that this module supports. Before version 18, custom gates have random names."""
_FILE = struct.Struct("!6s4BQcc")
_CIRCUIT = struct.Struct("!HcHIIQIQI")
_REGISTER = struct.Struct("!c?IH??")
_VARIABLE = struct.Struct("!16scH")
_ANNOTATION = struct.Struct("!IQ")
_VECTOR = struct.Struct("!HQ16s")
_DEFINITION = struct.Struct("!HcII?QIIQ")
_INSTRUCTION = struct.Struct("!HHHIIBHqII")
_VALUE = struct.Struct("!cQ")
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
        _, version, _, _, _, number, _, _ = _FILE.unpack_from(data)
        if version != _VERSION:
            return payload
        for start in struct.unpack_from(f"!{number}Q", data, _FILE.size):
            _Circuit(data, start).sort()
    except (struct.error, IndexError, OverflowError):
        return payload
    return bytes(data)


class _Circuit:
    """One circuit of a payload, which is sorted in place.

    Args:
        data: The payload.
        at: Offset in bytes at which the circuit begins.
    """

    def __init__(self, data: bytearray, at: int) -> None:
        self._data = data
        self._at = at

    def sort(self) -> None:
        """Parses the circuit from its header to its layout, and sorts the records that are in random order."""
        name, _, phase, _, _, metadata, registers, instructions, variables = self._take(_CIRCUIT)
        self._skip(name + phase + metadata)
        for _ in range(registers):
            self._register()
        for _ in range(variables):
            _, _, name = self._take(_VARIABLE)
            self._skip(name + (5 if self._data[self._at] == ord("u") else 1))  # an integer type has a width
        for _ in range(self._count("!I")):
            self._skip(sum(self._take(_ANNOTATION)))
        for _ in range(self._count("!H")):
            self._skip(self._take(_VECTOR)[0])
        self._sort_records(self._count("!Q"), self._definition)
        self._instructions(instructions)
        _, _, _, _, registers, _ = self._take(_LAYOUT)
        self._sort_records(registers, self._register)

    def _sort_records(self, number: int, follow: Any) -> None:
        first, records = self._at, []
        for _ in range(number):
            start = self._at
            name = follow()
            records.append((name, self._data[start : self._at]))
        if number > 1:
            self._data[first : self._at] = b"".join(record for _, record in sorted(records))

    def _register(self) -> bytes:
        _, _, size, length, _, is_range = self._take(_REGISTER)
        name = self._skip(length)
        self._skip(4 * (1 if is_range else size))
        return name

    def _definition(self) -> bytes:
        length, kind, _, _, is_defined, size, _, _, base = self._take(_DEFINITION)
        name = self._skip(length)
        if is_defined and kind in _WITH_CIRCUIT:
            _Circuit(self._data, self._at).sort()
        self._skip(size + base)
        return name

    def _instructions(self, number: int) -> None:
        data, at = self._data, self._at
        for _ in range(number):  # there can be very many
            name, label, values, qubits, clbits, extras, register, _, _, _ = _INSTRUCTION.unpack_from(data, at)
            at += _INSTRUCTION.size + name + label + register
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
            _Circuit(self._data, self._at).sort()
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

    def _skip(self, length: int) -> bytes:
        start = self._at
        self._at += length
        if self._at > len(self._data):
            raise IndexError("a record reaches over the end")
        return bytes(self._data[start : self._at])
