"""Errors of a noise model, made again from the data that Aer's simulator receives of them."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Barrier, Instruction, Reset
from qiskit.circuit.library import (
    DiagonalGate,
    Initialize,
    PauliGate,
    UCGate,
    UnitaryGate,
    get_standard_gate_name_mapping,
)
from qiskit.quantum_info import PauliList
from qiskit_aer.noise import PauliLindbladError, QuantumError, ReadoutError
from qiskit_aer.noise.errors import PauliError
from qiskit_aer.noise.errors.base_quantum_error import BaseQuantumError

from aerchive.codecs.circuits.checks import CheckError
from aerchive.codecs.circuits.noise_checks import numbers_of, width_of
from aerchive.models import tagged_json
from aerchive.private_names import fill_private, set_private

_MOST_QUBITS = 30
"""Largest number of qubits of an error beyond those on which its instructions act."""
_PAULI_ERRORS = {"PauliError": PauliError, "PauliLindbladError": PauliLindbladError}


def kind_of(error: Any) -> list[Any] | None:
    """What the data for the simulator does not say of an error: its class and number of qubits; not for readout."""
    if isinstance(error, ReadoutError):
        return None
    name = next((name for name, kind in _PAULI_ERRORS.items() if isinstance(error, kind)), "QuantumError")
    return [name, error.num_qubits]


def rebuilt_errors(stored: Sequence[dict[str, Any]], kinds: Sequence[Any]) -> Iterator[Any]:
    """Makes errors again; those that were one object are one object.

    Args:
        stored: The errors, checked by `aerchive.codecs.circuits.noise_checks.check_noise`.
        kinds: What `kind_of` said of each of them; of a model whose class says less of its errors, another number.

    Raises:
        CheckError: An error cannot have this class and number of qubits.
    """
    if len(kinds) != len(stored):
        kinds = [_likely_kind(one) for one in stored]
    known: dict[str, Any] = {}
    for entry, kind in zip(stored, kinds, strict=True):
        if entry["type"] == "roerror":
            yield ReadoutError(entry["probabilities"])
            continue
        content = {name: part for name, part in entry.items() if name not in ("operations", "gate_qubits")}
        digest = hashlib.sha256(tagged_json.dumps([content, kind])).hexdigest()[:32]  # two models may be made one
        if digest not in known:
            known[digest] = _rebuilt(entry, *kind)
            set_private(known[digest], _id=digest)
        yield known[digest]


def _likely_kind(entry: dict[str, Any]) -> list[Any] | None:
    if entry["type"] == "roerror":
        return None
    return ["PauliLindbladError" if entry["type"] == "plerror" else "QuantumError", width_of(entry)]


def _rebuilt(entry: dict[str, Any], name: str, num_qubits: int) -> BaseQuantumError:
    is_lindblad = name == "PauliLindbladError"
    if is_lindblad != (entry["type"] == "plerror") or name not in (*_PAULI_ERRORS, "QuantumError"):
        raise CheckError(f"an error of the type {entry['type']!r:.80} is no {name!r:.80}")
    rates = entry["rates" if is_lindblad else "probabilities"]
    if name in _PAULI_ERRORS:
        paulis = [_only_pauli(part) for part in entry["instructions"]]
        return _PAULI_ERRORS[name](PauliList(paulis), rates)
    if type(num_qubits) is not int or not width_of(entry) <= num_qubits <= max(_MOST_QUBITS, width_of(entry)):
        raise CheckError(f"an error on {width_of(entry)} qubits is none of {num_qubits!r:.80} qubits")
    error = QuantumError.__new__(QuantumError)  # the constructor would scale the probabilities once more
    BaseQuantumError.__init__(error, num_qubits=num_qubits)
    fill_private(
        error, _circs=[_circuit(part, num_qubits) for part in entry["instructions"]], _probs=list(np.array(rates))
    )
    return error


def _only_pauli(instructions: list[Any]) -> str:
    (instruction,) = instructions
    (label,) = instruction["params"]
    if instruction["name"] != "pauli" or instruction["qubits"] != list(range(len(label))):
        raise CheckError("an error of Pauli strings has another instruction")
    return str(label)


def _circuit(instructions: list[Any], num_qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits)
    for one in instructions:
        operation = _operation(one["name"], one.get("params", []), len(one["qubits"]))
        if one.get("label"):
            operation = operation.to_mutable()
            operation.label = one["label"]
        circuit.append(operation, one["qubits"])
    return circuit


def _operation(name: str, params: list[Any], num_qubits: int) -> Any:
    if name in _MADE:
        return _MADE[name](params, num_qubits)
    return _standard(name)(*params)


@functools.cache
def _standard(name: str) -> Any:
    return get_standard_gate_name_mapping()[name].base_class


@functools.lru_cache(256)
def _pauli(label: str) -> PauliGate:
    return PauliGate(label)


def _generic(name: str) -> Any:
    return lambda params, num_qubits: Instruction(name, num_qubits, 0, [numbers_of(one) for one in params])


def _initialize(params: list[Any], num_qubits: int) -> Initialize:
    if all(isinstance(one, str) for one in params):
        return Initialize("".join(params))
    values = [numbers_of(one) for one in params]
    return Initialize(int(values[0].real), num_qubits) if len(values) == 1 else Initialize(values)


_MADE: dict[str, Any] = {
    "kraus": _generic("kraus"),
    "superop": _generic("superop"),
    "unitary": lambda params, _: UnitaryGate(numbers_of(params[0]), check_input=False),
    "pauli": lambda params, _: _pauli(params[0]),
    "reset": lambda _params, _: Reset(),
    "barrier": lambda _params, num_qubits: Barrier(num_qubits),
    "diagonal": lambda params, _: DiagonalGate([numbers_of(one) for one in params]),
    "multiplexer": lambda params, _: UCGate([numbers_of(one) for one in params], mux_simp=False),
    "initialize": _initialize,
}
"""How the instructions are made that are no standard gates, from their params and their number of qubits."""
