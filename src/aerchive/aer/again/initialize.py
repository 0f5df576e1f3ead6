"""Circuits that start from an archived state."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import CircuitInstruction, Instruction, QuantumCircuit
from qiskit_aer import library

from aerchive.codecs.circuits.checks import CheckError, check_params
from aerchive.errors import InvalidInputError
from aerchive.kinds import KINDS
from aerchive.stored.quantum_array import StoredQuantumArray, is_close_to_one


def initialize(state: StoredQuantumArray, circuit: QuantumCircuit) -> QuantumCircuit:
    """Makes a circuit that starts from a stored state; see `StoredQuantumArray.initialize`.

    Args:
        state: The state.
        circuit: The circuit that follows the initial state; it is not changed.

    Returns:
        A copy of the circuit with the instruction that sets the state in front.

    Raises:
        InvalidInputError: The circuit has another number of qubits, or the state is not normalised.
    """
    if circuit.num_qubits != state.num_qubits:
        raise InvalidInputError(
            f"{state!r} has {state.num_qubits} qubits and the circuit {circuit.name!r} {circuit.num_qubits}: "
            "Aer sets states of all qubits of a circuit"
        )
    values = np.asarray(state)
    _check(state, values)
    known = KINDS[state.kind]
    try:
        check_params(known.instruction, [values], circuit.num_qubits)
    except CheckError as error:
        raise InvalidInputError(f"{state!r}: no circuit can start from it, because {error}") from error
    # The constructors would check the archived value: they decompose a density matrix and multiply a unitary with
    # itself.
    instruction = object.__new__(getattr(library, known.setter))
    Instruction.__init__(instruction, known.instruction, circuit.num_qubits, 0, [values])
    started: QuantumCircuit = circuit.copy()
    started.data.insert(0, CircuitInstruction(instruction, started.qubits))
    return started


def _check(state: StoredQuantumArray, values: NDArray[Any]) -> None:
    """Raises an error for a state whose norm or trace is not 1, with which Aer would compute wrong results."""
    if state.kind == "statevector":
        size = float(np.linalg.norm(values))
    elif state.kind == "density_matrix":
        size = abs(complex(np.trace(values)))
    else:
        return
    if not is_close_to_one(size):
        raise InvalidInputError(f"{state!r} has norm or trace {size!r}, not 1: no circuit can start from it")
