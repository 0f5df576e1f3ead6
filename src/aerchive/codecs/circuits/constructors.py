"""Instructions that QPY cannot carry, as the arguments of their constructors.

Qiskit's QPY calls the constructor of a class of its library with the params of the instruction, which is wrong for the
classes of this module: their constructors take other arguments. This module has a fixed table of these classes, and a
file can name no other class. An instruction is made by its constructor, with everything that the constructor checks.

See decision 0024.
"""

from __future__ import annotations

import contextlib
import numbers
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    ControlledGate,
    ControlModifier,
    Gate,
    Instruction,
    InverseModifier,
    PowerModifier,
    library,
)

from aerchive.errors import FormatError
from aerchive.private_names import private, set_private

_Arguments = Callable[[Any], dict[str, Any]]
MOST_CHARACTERS = 4096
"""Largest length of the expression of an oracle: Python's parser needs much memory for a long one."""
_MODIFIERS: dict[str, tuple[type, tuple[str, ...]]] = {
    "InverseModifier": (InverseModifier, ()),
    "ControlModifier": (ControlModifier, ("num_ctrl_qubits", "ctrl_state")),
    "PowerModifier": (PowerModifier, ("power",)),
}


def _named(*names: str, **others: Callable[[Any], Any]) -> _Arguments:
    """The arguments of a constructor: attributes of the same name, and others that are computed."""

    def arguments(gate: Any) -> dict[str, Any]:
        return {name: getattr(gate, name) for name in names} | {name: find(gate) for name, find in others.items()}

    return arguments


def _fewer(number: int) -> Callable[[Any], int]:
    return lambda gate: int(gate.num_qubits) - number


def _first(gate: Any) -> Any:
    return gate.params[0]


def _oracle(gate: Any) -> dict[str, Any]:
    return {"expression": gate.boolean_expression.expression, "var_order": list(gate.boolean_expression.args)}


def _base_gate(gate: ControlledGate) -> Any:
    """The base gate as it is without control: a controlled ``CUGate`` has a ``UGate`` with a fourth parameter."""
    base = gate.base_gate
    is_too_long = type(base) is library.UGate and len(base.params) > 3
    return library.UGate(*base.params[:3], label=base.label) if is_too_long else base


def _modifiers(operation: AnnotatedOperation) -> dict[str, Any]:
    rows = []
    for one in operation.modifiers:
        kind, names = _MODIFIERS[type(one).__name__]
        if type(one) is not kind:
            raise TypeError(f"{type(one).__name__} is no modifier of Qiskit")
        rows.append([kind.__name__, *(getattr(one, name) for name in names)])
    return {"base_op": operation.base_op, "modifiers": rows}


_OF_THE_LIBRARY: dict[str, _Arguments] = {
    "AndGate": _named("num_variable_qubits", "flags"),
    "OrGate": _named("num_variable_qubits", "flags"),
    "BitFlipOracleGate": _oracle,
    "PhaseOracleGate": _oracle,
    "BitwiseXorGate": _named("num_qubits", "amount"),
    "C4XGate": _named("ctrl_state"),
    "ExactReciprocalGate": _named("scaling", "neg_vals", num_state_qubits=_fewer(1)),
    "FullAdderGate": _named("num_state_qubits"),
    "HalfAdderGate": _named("num_state_qubits"),
    "ModularAdderGate": _named("num_state_qubits"),
    "MultiplierGate": _named("num_state_qubits", "num_result_qubits"),
    "InnerProductGate": _named(num_qubits=lambda gate: gate.num_qubits // 2),
    "IntegerComparatorGate": _named("value", "geq", num_state_qubits=_fewer(1)),
    "Isometry": _named(
        "num_ancillas_zero", "num_ancillas_dirty", isometry=_first, epsilon=lambda gate: private(gate, "_epsilon")
    ),
    "LinearAmplitudeFunctionGate": _named(
        *("slope", "offset", "domain", "image", "rescaling_factor", "breakpoints"),
        num_state_qubits=lambda gate: gate.num_qubits - 1 - (len(gate.breakpoints) > 1),
    ),
    "LinearPauliRotationsGate": _named("slope", "offset", "basis", num_state_qubits=_fewer(1)),
    "MCGupDiag": _named("num_controls", "num_ancillas_zero", "num_ancillas_dirty", gate=_first),
    "MCMTGate": _named("num_ctrl_qubits", "num_target_qubits", "ctrl_state", gate=lambda gate: gate.base_gate),
    "MSGate": _named("num_qubits", theta=_first),
    "PiecewiseChebyshevGate": _named("f_x", "num_state_qubits", "degree", "breakpoints"),
    "PiecewiseLinearPauliRotationsGate": _named(
        *("breakpoints", "slopes", "offsets", "basis"),
        num_state_qubits=lambda gate: gate.num_qubits - 1 - (len(gate.breakpoints) > 1),
    ),
    "PiecewisePolynomialPauliRotationsGate": _named(
        *("breakpoints", "coeffs", "basis"), num_state_qubits=lambda gate: gate.num_qubits - 1 - gate.num_compare
    ),
    "PolynomialPauliRotationsGate": _named("coeffs", "basis", num_state_qubits=_fewer(1)),
    "QuadraticFormGate": _named("num_result_qubits", "quadratic", "linear", "offset"),
    "UCGate": _named(
        *("up_to_diagonal", "num_qubits"),
        gate_list=lambda gate: gate.params,
        simp_contr=lambda gate: [gate.simp_contr[0], sorted(gate.simp_contr[1])],
    ),
    "UCPauliRotGate": _named(angle_list=lambda gate: gate.params, rot_axis=lambda gate: gate.rot_axes),
    "UniformSuperpositionGate": _named("num_qubits", num_superpos_states=_first),
    "WeightedSumGate": _named("num_state_qubits", weights=lambda gate: gate.params),
}
"""Classes of Qiskit's library that are always stored so: how the arguments are found. An older Qiskit lacks some."""
_BY_PARTS: dict[type, _Arguments] = {
    Instruction: _named("name", "num_qubits", "num_clbits", params=lambda gate: list(gate.params)),
    Gate: _named("name", "num_qubits", params=lambda gate: list(gate.params)),
    ControlledGate: _named(
        *("num_qubits", "num_ctrl_qubits", "ctrl_state"),
        params=lambda gate: list(gate.params),
        name=lambda gate: private(gate, "_name"),
        base_gate=_base_gate,
    ),
    AnnotatedOperation: _modifiers,
}
"""Classes of which only some instructions are stored so, and how the arguments are found without the definition."""
ALWAYS = {
    kind: arguments for name, arguments in _OF_THE_LIBRARY.items() if (kind := getattr(library, name, None)) is not None
}
TAKES: dict[type, _Arguments] = {**_BY_PARTS, **ALWAYS}
_KINDS = {kind.__name__: kind for kind in TAKES}


def arguments_of(operation: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The classes with which an instruction may be made again, the best first, and the arguments of each.

    The last one is the base class, with the definition if the instruction has one.

    Args:
        operation: Any operation of a circuit.

    Raises:
        Exception: The instruction is not as its constructor made it.
    """
    kind = getattr(operation, "base_class", type(operation))
    if kind in ALWAYS or kind is AnnotatedOperation:
        yield kind.__name__, TAKES[kind](operation)
    base = next((one for one in (ControlledGate, Gate, Instruction) if isinstance(operation, one)), None)
    if base is not None:
        definition = private(operation, "_definition")
        if definition is None and base not in (kind, ControlledGate):
            with contextlib.suppress(Exception):  # a user's class may raise anything; its loss is named in any case
                definition = operation.definition
        yield base.__name__, TAKES[base](operation) | {"definition": definition}


def construct(name: str, arguments: dict[str, Any], num_qubits: int) -> Any:
    """Makes an instruction with its constructor.

    Args:
        name: Name of the class.
        arguments: The arguments, as `arguments_of` found them.
        num_qubits: Number of qubits on which the instruction acts.

    Raises:
        FormatError: The class is not known.
        Exception: The constructor refuses the arguments.
    """
    if name not in _KINDS:
        raise FormatError(f"instruction of the unknown class {name!r:.80}; a newer aerchive or Qiskit may read it")
    arguments = dict(arguments)
    for key, value in arguments.items():
        _check_argument(key, value, num_qubits)
    kind: Any = _KINDS[name]
    if name == "AnnotatedOperation":
        return kind(arguments["base_op"], list(_made_modifiers(arguments["modifiers"], num_qubits)))
    if name == "UCGate":
        return _uniformly_controlled(**arguments)
    definition = arguments.pop("definition", None)
    params = arguments["params"] if kind in (Instruction, Gate) else None
    operation = kind(**arguments | ({} if params is None else {"params": []}))
    if params is not None:  # the constructor checks and converts them
        set_private(operation, _params=params)
    if definition is not None:
        set_private(operation, _definition=check_definition(definition, operation))
    return operation


def check_definition(definition: QuantumCircuit | None, operation: Any) -> QuantumCircuit | None:
    """Returns the definition of an operation.

    Raises:
        ValueError: It is of other bits than the operation.
    """
    if definition is not None and (definition.num_qubits, definition.num_clbits) != (
        operation.num_qubits,
        operation.num_clbits,
    ):
        raise ValueError("a definition is of other bits than its instruction")
    return definition


def _check_argument(name: str, value: Any, num_qubits: int) -> None:
    """Checks that a number of a foreign file does not let a constructor work for ever."""
    is_count = name.startswith("num_") and name != "num_superpos_states"
    if is_count and not (isinstance(value, int | np.integer) and 0 <= value <= num_qubits):
        raise ValueError(f"{name} is {value!r:.80}, for {num_qubits} qubits")
    if name == "f_x" and not isinstance(value, numbers.Real):
        raise ValueError(f"{name} is no number")
    if name in ("expression", "amount", "value", "num_superpos_states") and len(repr(value)) > MOST_CHARACTERS:
        raise ValueError(f"{name} is too long")


def _made_modifiers(rows: list[list[Any]], num_qubits: int) -> Iterator[Any]:
    for name, *values in rows:
        kind, names = _MODIFIERS[name]
        arguments = dict(zip(names, values, strict=True))
        for key, value in arguments.items():
            _check_argument(key, value, num_qubits)
        yield kind(**arguments)


def _uniformly_controlled(gate_list: list[Any], up_to_diagonal: bool, num_qubits: int, simp_contr: list[Any]) -> Any:
    """A gate of which Qiskit may have left out the matrices that repeat, and with them some of its controls."""
    is_simplified, controls = simp_contr
    made: Any = library.UCGate(gate_list, up_to_diagonal, mux_simp=False)
    if not made.num_qubits <= num_qubits or not set(controls) <= set(range(1, num_qubits)):
        raise ValueError(f"{len(gate_list)} matrices and the controls {controls!r:.80} are none of {num_qubits} qubits")
    made.num_qubits, made.simp_contr = num_qubits, (bool(is_simplified), set(controls))
    return made
