"""Python source code that builds a circuit, if it is short: standard gates, measurements, Aer's save instructions.

The code is verified: its calls are made, and the resulting circuit must be the same, bit for bit.
"""

from __future__ import annotations

import inspect
import keyword
import math
import unicodedata
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import CircuitInstruction, Parameter
from qiskit.circuit.parametervector import ParameterVectorElement

from aerchive.aer.again.source_check import quoted
from aerchive.codecs.circuits.losses import differences
from aerchive.private_names import private

MAX_CALLS = 400
"""Largest number of instructions of a circuit that is written as code; a longer one is not readable."""
_MAX_NUMBERS = 16
"""Largest number of elements of a matrix or state that are written out."""


class Call(NamedTuple):
    """A call of a method of a circuit.

    Attributes:
        method: Name of the method.
        arguments: The positional arguments.
        keywords: The keyword arguments, by name.
    """

    method: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]


class Names:
    """Python variable names for the parameters of circuits; generated if the name of a parameter cannot be used.

    Args:
        taken: Names that are used for something else already.

    Attributes:
        lines: Lines of the program that make the parameters.
        classes: Names of the classes that these lines use.
        texts: All texts that were written as literals.
        methods: Names of the methods of circuits that are called.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._names: dict[Any, str] = {}
        self.lines: list[str] = []
        self.classes: set[str] = set()
        self.texts: set[str] = set()
        self.methods: set[str] = set()

    def quoted(self, text: str) -> str:
        """The literal of a text, which is noted as a text of the program."""
        self.texts.add(str(text))
        return quoted(text)

    def text(self, parameter: Parameter) -> str:
        """The expression for a parameter in the program."""
        if isinstance(parameter, ParameterVectorElement):
            vector = parameter.vector
            # Before Qiskit 2.5, other elements of a vector that QPY has read have UUIDs of another vector.
            key = vector.name, parameter.uuid.int - parameter.index
            return f"{self._declared('ParameterVector', vector.name, key, len(vector))}[{parameter.index}]"
        return self._declared("Parameter", parameter.name, parameter)

    def _declared(self, kind: str, name: str, key: Any, *size: int) -> str:
        if key not in self._names:
            wanted = name if is_name(name) and name not in self._taken else f"parameter_{len(self._names)}"
            self._taken.add(wanted)
            self._names[key] = wanted
            self.classes.add(kind)
            self.lines.append(f"{wanted} = {kind}({', '.join([self.quoted(name), *map(repr, size)])})")
        return self._names[key]


def is_name(text: str) -> bool:
    """Whether a text is a public Python name that Python does not normalize to another one."""
    is_public = text.isidentifier() and not keyword.iskeyword(text) and not text.startswith("_")
    return is_public and unicodedata.normalize("NFKC", text) == text


def literal(value: Any, names: Names | None = None) -> str | None:
    """The Python expression of a value, exact to the bit; ``None`` if the value is not built of plain values.

    Args:
        value: Any value.
        names: Names for the parameters in the value; ``None``: parameters are not allowed.
    """
    kind = type(value)
    if kind is float:
        return repr(value) if math.isfinite(value) else f"float({literal(str(value), names)})"
    if kind is complex:
        return f"complex({literal(value.real, names)}, {literal(value.imag, names)})"
    if kind is str:
        return quoted(value) if names is None else names.quoted(value)
    if value is None or kind in (bool, int):
        return repr(value)
    if names is not None and isinstance(value, Parameter):
        return names.text(value)
    if kind is dict:
        pairs = [(literal(key, names), literal(item, names)) for key, item in value.items()]
        return None if any(None in pair for pair in pairs) else f"{{{', '.join(f'{k}: {v}' for k, v in pairs)}}}"
    if kind in (list, tuple):
        items = [literal(item, names) for item in value]
        if None in items:
            return None
        inner = ", ".join(map(str, items))
        return f"[{inner}]" if kind is list else f"({inner}{',' if len(items) == 1 else ''})"
    return None


def calls_of(circuit: QuantumCircuit) -> list[Call] | None:
    """The calls that build a circuit, first that of the class; ``None`` if they would build a different circuit."""
    if len(circuit.data) > MAX_CALLS:
        return None
    try:
        first = _constructor(circuit)
        calls = [first, *(_call(circuit, item) for item in circuit.data)]
        rebuilt = QuantumCircuit(*first.arguments, **first.keywords)
        for call in calls[1:]:
            getattr(rebuilt, call.method)(*call.arguments, **call.keywords)
    except Exception:  # noqa: BLE001  (circuits may contain more than can be written here)
        return None
    is_same = all(text.startswith("layout ") for text in differences(circuit, rebuilt))
    return calls if is_same and rebuilt.metadata == circuit.metadata else None


def circuit_lines(calls: list[Call], variable: str, names: Names) -> list[str]:
    """The lines of a program that build a circuit.

    Args:
        calls: The calls, from `calls_of`.
        variable: Name of the circuit in the program.
        names: Names for the parameters of the circuit.
    """
    first, *others = calls
    names.methods.update(call.method for call in others)
    return [
        f"{variable} = QuantumCircuit({_arguments(first, names)})",
        *(f"{variable}.{call.method}({_arguments(call, names)})" for call in others),
    ]


def _arguments(call: Call, names: Names) -> str:
    places = [_register(one, names) or literal(one, names) for one in call.arguments]
    return ", ".join([*map(str, places), *(f"{name}={literal(value, names)}" for name, value in call.keywords.items())])


def _register(value: Any, names: Names) -> str | None:
    if isinstance(value, QuantumRegister | ClassicalRegister):
        return f"{type(value).__name__}({value.size}, {names.quoted(value.name)})"
    return None


def _constructor(circuit: QuantumCircuit) -> Call:
    registers = [*circuit.qregs, *circuit.cregs]
    keywords: dict[str, Any] = {"name": circuit.name}
    if circuit.global_phase:
        keywords["global_phase"] = circuit.global_phase
    if circuit.metadata:
        keywords["metadata"] = circuit.metadata
    _check_plain(keywords)
    names = [(type(register), register.name) for register in registers]
    if names in ([(QuantumRegister, "q")], [(QuantumRegister, "q"), (ClassicalRegister, "c")]):
        return Call("QuantumCircuit", tuple(register.size for register in registers), keywords)
    # The registers are made anew, as in the program: they have bits of their own, so that a circuit whose registers
    # share bits is found to be different.
    return Call("QuantumCircuit", tuple(type(one)(one.size, one.name) for one in registers), keywords)


def _call(circuit: QuantumCircuit, item: CircuitInstruction) -> Call:
    operation = item.operation
    qubits = [circuit.find_bit(bit).index for bit in item.qubits]
    clbits = [circuit.find_bit(bit).index for bit in item.clbits]
    name = _METHODS.get(operation.name, operation.name)
    keywords: dict[str, Any] = {}
    if item.is_standard_gate():
        if operation.label is not None:
            keywords["label"] = operation.label
        arguments = (*operation.params, *qubits)
    elif name.startswith("save_"):
        arguments, keywords = _saving(name, operation, qubits)
    else:
        arguments = _OTHERS[name](operation, qubits, clbits)
        if operation.label is not None:
            keywords["label"] = operation.label
    _check_plain([*arguments, keywords])
    return Call(name, arguments, keywords)


_METHODS = {"save_amplitudes_sq": "save_amplitudes_squared"}
"""Methods whose name differs from the name of the instruction that they add, by name of the instruction."""
_OTHERS: dict[str, Any] = {
    "measure": lambda _operation, qubits, clbits: (*qubits, *clbits),
    "reset": lambda _operation, qubits, _clbits: tuple(qubits),
    "barrier": lambda _operation, qubits, _clbits: tuple(qubits),
    "delay": lambda operation, qubits, _clbits: (*operation.params, *qubits, operation.unit),
    "unitary": lambda operation, qubits, _clbits: (_numbers(operation.params[0]), qubits),
    "initialize": lambda operation, qubits, _clbits: (_numbers(np.array(operation.params)), qubits),
}


def _numbers(array: Any) -> Any:
    if array.size > _MAX_NUMBERS:
        raise ValueError("more numbers than one wants to read")
    return array.tolist()


_LABEL_OF_THE_METHOD = "_method_"
"""The label of ``save_state`` if none was given."""


def _saving(method: str, operation: Any, qubits: list[int]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments of a ``save_...`` method that Aer adds to circuits."""
    subtype = private(operation, "_subtype")
    known = inspect.signature(getattr(QuantumCircuit, method)).parameters
    keywords: dict[str, Any] = {}
    if operation.label != (known["label"].default or _LABEL_OF_THE_METHOD):
        keywords["label"] = operation.label
    if "qubits" in known:
        keywords["qubits"] = qubits
    if subtype.endswith("list"):
        keywords["pershot"] = True
    elif subtype.endswith("accum"):
        keywords["unnormalized"] = True
    if subtype.startswith("c_"):
        keywords["conditional"] = True
    return ((list(operation.params),) if "params" in known else ()), keywords


def _check_plain(value: Any) -> None:
    """Raises an error for a value that cannot be written as code."""
    if literal(value, Names(())) is None:
        raise TypeError("not all of it is plain")
