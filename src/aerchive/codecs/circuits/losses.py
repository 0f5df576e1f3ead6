"""Finding what of a circuit was lost in storage: an exact comparison, stricter than Qiskit's ``==``."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import (
    Bit,
    CircuitInstruction,
    ControlFlowOp,
    ControlledGate,
    Gate,
    Instruction,
    ParameterExpression,
    Register,
)
from qiskit.circuit.classical import expr
from qiskit_aer.noise.errors.base_quantum_error import BaseQuantumError

from aerchive.private_names import private
from aerchive.text import type_name


def describe_error(error: BaseException) -> str:
    """The type and message of an exception in one line."""
    message = str(getattr(error, "message", error))  # the text of a QpyError is the repr of its message
    first = next((line.strip() for line in message.splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first[:200]}"


def timing(circuit: QuantumCircuit) -> list[Any] | None:
    """Start times, duration and unit of a circuit, which a scheduling pass has set; ``None`` if none has."""
    start_times, duration, unit = (private(circuit, name) for name in ("_op_start_times", "_duration", "_unit"))
    return None if start_times is None and duration is None and unit == "dt" else [start_times, duration, unit]


def changed_instructions(
    a: QuantumCircuit, b: QuantumCircuit, path: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], Any, Any]]:
    """The instructions that differ between two circuits: the place of each, and both operations.

    Args:
        a: The original circuit.
        b: The circuit that was read back.
        path: The place of the circuit; the place of an instruction is the innermost one.
    """
    places = _Places(a, b)
    for position, (mine, other) in enumerate(zip(a.data, b.data, strict=False)):
        if not any(places.instruction(mine, other)):
            continue
        place = (*path, position)
        pairs = list(zip(_inner(mine.operation), _inner(other.operation), strict=False))
        found = [one for k, (x, y) in enumerate(pairs) for one in changed_instructions(x, y, (*place, k))]
        yield from found or [(place, mine.operation, other.operation)]


def _inner(operation: Any) -> list[QuantumCircuit]:
    """The blocks of control flow, or the definition of a custom gate."""
    if isinstance(operation, ControlFlowOp):
        return list(operation.blocks)
    definition = private(operation, "_definition") if type(operation) in (Instruction, Gate) else None
    return [] if definition is None else [definition]


def differences(
    a: QuantumCircuit, b: QuantumCircuit, *, in_same_bytes: bool = False, but: Collection[int] = ()
) -> Iterator[str]:
    """Describes in words each difference between two circuits.

    Args:
        a: The original circuit.
        b: The circuit that was read back.
        in_same_bytes: Whether both are the same bytes in QPY, so that only the labels of standard gates are compared:
            QPY has the same bytes for no label and an empty label.
        but: Positions of instructions that are not compared.
    """
    places = _Places(a, b)
    for name in sorted(vars(a).keys() - vars(b).keys()):
        if name.startswith("_"):
            continue
        yield f"attribute {name} of type {type_name(type(vars(a)[name]))} is not kept"
    for what, part_of in _STRUCTURE.items():
        if not places.same(part_of(a), part_of(b)):
            yield f"{what} {'is' if what[-1] != 's' else 'are'} not kept"
    if len(a.data) != len(b.data):
        yield f"{len(b.data)} instructions came back of {len(a.data)}"
    for position, (mine, other) in enumerate(zip(a.data, b.data, strict=False)):
        if (in_same_bytes and mine.is_standard_gate() and mine.label == other.label) or position in but:
            continue
        try:
            for text in places.instruction(mine, other):
                yield f"instruction {position} ({mine.name}): {text}"
        except Exception as error:  # noqa: BLE001  (any exception is reported)
            yield f"instruction {position} ({mine.name}): cannot be compared ({describe_error(error)})"


_STRUCTURE: dict[str, Callable[[QuantumCircuit], Any]] = {
    "qubits": lambda c: [type(bit).__name__ for bit in c.qubits],
    "clbits": lambda c: [type(bit).__name__ for bit in c.clbits],
    "registers": lambda c: [(type(r), r.name, [c.find_bit(bit).index for bit in r]) for r in (*c.qregs, *c.cregs)],
    "global phase": lambda c: c.global_phase,
    "variables": lambda c: [list(c.iter_input_vars()), list(c.iter_captured_vars()), list(c.iter_declared_vars())],
    "stretches": lambda c: [list(c.iter_captured_stretches()), list(c.iter_declared_stretches())],
    "times": timing,
    "layout": lambda c: c.layout and (c.layout.initial_index_layout(), c.layout.final_index_layout()),
}


class _Places:
    """Compares values of two circuits exactly; bits, which have no names, are compared by their index."""

    def __init__(self, a: QuantumCircuit, b: QuantumCircuit) -> None:
        self._a, self._b = ({bit: i for bits in (c.qubits, c.clbits) for i, bit in enumerate(bits)} for c in (a, b))

    def instruction(self, a: CircuitInstruction, b: CircuitInstruction) -> Iterator[str]:
        for mine, theirs in ((a.qubits, b.qubits), (a.clbits, b.clbits)):
            if [self._a.get(bit, bit) for bit in mine] != [self._b.get(bit, bit) for bit in theirs]:
                yield "acts on other bits"
        if a.is_standard_gate() and b.is_standard_gate():  # most instructions are, and need no operation object
            if a.name != b.name or a.label != b.label or not self.same(a.params, b.params):
                yield f"came back as {b.name} of label {b.label!r} with {b.params!r}"
        else:
            yield from self.operation(a.operation, b.operation)

    def operation(self, a: Any, b: Any) -> Iterator[str]:
        if a is b:  # a measurement is one object in all circuits
            return
        kind, other = (getattr(operation, "base_class", type(operation)) for operation in (a, b))
        if kind is not other:
            yield f"{type_name(kind)} came back as {other.__qualname__}"
        for name in _ATTRIBUTES:
            mine, theirs = getattr(a, name, None), getattr(b, name, None)
            if name == "params" and isinstance(a, ControlFlowOp) and isinstance(b, ControlFlowOp):
                yield from self._blocks(a.params, b.params)
                continue
            if name == "condition" and isinstance(mine, tuple) and isinstance(theirs, tuple):
                mine, theirs = (mine[0], int(mine[1])), (theirs[0], int(theirs[1]))  # a 1 may come back as True
            is_same = self.same(mine, theirs)
            if is_same and name == "params" and isinstance(a, Instruction) and not isinstance(a, Gate):
                # A number of a gate is an angle, but the 5 of another instruction may be another thing than 5.0.
                is_same = list(map(_is_integer, mine or ())) == list(map(_is_integer, theirs or ()))
            if not is_same:
                yield f"{name.strip('_')} {reprlib.repr(mine)} came back as {reprlib.repr(theirs)}"
        for name, mine in getattr(a, "__dict__", {}).items():
            if name.strip("_") in _COMPARED:
                continue
            theirs = getattr(b, name, None)
            if mine is not theirs and not self._is_kept(name, mine, theirs):
                yield f"{name.strip('_')} {reprlib.repr(mine)} is not kept"
        if kind in (Instruction, Gate, ControlledGate) and not self.same(
            private(a, "_definition"), private(b, "_definition")
        ):
            yield "definition is not the same"

    def _is_kept(self, name: str, mine: Any, theirs: Any) -> bool:
        """Whether a further attribute is the same; only the types of objects are compared, and no private arrays."""
        if name.startswith("_"):
            return not isinstance(mine, _PLAIN) or self.same(mine, theirs)
        return self.same(mine, theirs) if isinstance(mine, _DATA) else type(mine) is type(theirs)

    def _blocks(self, a: Sequence[Any], b: Sequence[Any]) -> Iterator[str]:
        if len(a) != len(b):
            yield f"{len(b)} params came back of {len(a)}"
        for number, (mine, theirs) in enumerate(zip(a, b, strict=False)):
            if isinstance(mine, QuantumCircuit) and isinstance(theirs, QuantumCircuit):
                yield from (f"block {number}: {text}" for text in differences(mine, theirs))
                if not self.same(mine.metadata, theirs.metadata):
                    yield f"block {number}: metadata is not the same"
            elif not self.same(mine, theirs):
                yield f"params {reprlib.repr(mine)} came back as {reprlib.repr(theirs)}"

    def same(self, a: Any, b: Any) -> bool:
        if a is b:
            return True
        if type(a) is not type(b):
            if isinstance(a, Instruction) and isinstance(b, Instruction):
                return not any(self.operation(a, b))
            return _are_same_values(a, b)
        if isinstance(a, Bit):
            return bool(self._a.get(a, a) == self._b.get(b, b))
        if isinstance(a, (list, tuple)):
            return len(a) == len(b) and (_are_same_numbers(a, b) or all(map(self.same, a, b)))
        if isinstance(a, dict):
            return list(a) == list(b) and all(self.same(a[key], b[key]) for key in a)
        if isinstance(a, float | complex | np.generic | np.ndarray):
            return _are_same_arrays(np.asarray(a), np.asarray(b))
        if isinstance(a, QuantumCircuit):
            return not any(differences(a, b)) and self.same(a.metadata, b.metadata)
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


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer)


def _are_same_values(a: Any, b: Any) -> bool:
    """Whether two numbers of different types, such as ``np.float64`` and ``float``, have the same value."""
    for kinds in ((bool, np.bool_), (int, float, np.integer, np.floating), (complex, np.complexfloating)):
        if all(isinstance(one, kinds) and isinstance(one, bool) == (bool in kinds) for one in (a, b)):
            return bool(a == b) and _are_same_arrays(np.asarray(complex(a)), np.asarray(complex(b)))
    return False


def _are_same_arrays(a: Any, b: Any) -> bool:
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.nbytes < _LARGE or a.dtype.hasobject:
        return bool(a.tobytes() == b.tobytes())
    order: Any = "F" if a.flags.f_contiguous else "C"
    word = np.uint64 if a.dtype.itemsize % 8 == 0 else np.uint8
    mine, theirs = (np.asarray(x, order=order).reshape(-1, order=order).view(word) for x in (a, b))
    return np.array_equal(mine, theirs)


def _are_same_numbers(a: Any, b: Any) -> bool:
    """Whether two long lists have one type of numbers and the same bits; if False, they may still be equal."""
    if len(a) < _LONG or type(a[0]) not in (complex, float):
        return False
    return set(map(type, a)) == set(map(type, b)) == {type(a[0])} and _are_same_arrays(np.array(a), np.array(b))


_LARGE = 4096
_LONG = 256
"""Smallest number of bytes or items for which comparing all of them at once is faster."""
_ATTRIBUTES = (
    *("name", "label", "num_qubits", "num_clbits", "params", "condition", "target", "duration", "unit", "annotations"),
    *("_subtype", "_quantum_error", "condition_expr", "ctrl_state", "base_gate", "base_op", "modifiers"),
)
_COMPARED = {name.strip("_") for name in _ATTRIBUTES} | {"definition"}
_ERROR_ATTRIBUTES = ("id", "num_qubits", "probabilities", "generators", "rates", "paulis")
_PLAIN = (bool, int, float, complex, str)
_DATA = (*_PLAIN, np.generic, np.ndarray, list, tuple, dict, set, ParameterExpression)
