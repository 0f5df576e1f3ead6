"""Checks of restored instructions: Aer's C++ reads past the ends of parameters that no constructor has checked.

QPY and the side table make instructions without their constructors, and Aer goes by the name of an instruction. So
every instruction that is none of Qiskit's standard gates is checked by its name. Where a class has a constructor that
checks, an instruction is made with it and compared.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp, Gate, Instruction, Measure, Store
from qiskit.circuit.library import UCGate
from qiskit.quantum_info import Clifford, SparsePauliOp
from qiskit_aer import library
from qiskit_aer.library.control_flow_instructions import AerJump, AerMark, AerStore
from qiskit_aer.library.save_instructions.save_data import SaveData
from qiskit_aer.noise import QuantumError, ReadoutError
from qiskit_aer.noise.errors.base_quantum_error import BaseQuantumError, QuantumChannelInstruction
from qiskit_aer.noise.noise_model import QuantumErrorLocation

from aerchive.private_names import private

_CLASSES: dict[str, Any] = {
    "save_amplitudes": library.SaveAmplitudes,
    "save_amplitudes_sq": library.SaveAmplitudesSquared,
    "save_clifford": library.SaveClifford,
    "save_density_matrix": library.SaveDensityMatrix,
    "save_expval": library.SaveExpectationValue,
    "save_expval_var": library.SaveExpectationValueVariance,
    "save_matrix_product_state": library.SaveMatrixProductState,
    "save_probabilities": library.SaveProbabilities,
    "save_probabilities_dict": library.SaveProbabilitiesDict,
    "save_stabilizer": library.SaveStabilizer,
    "save_state": library.SaveState,
    "save_statevector": library.SaveStatevector,
    "save_statevector_dict": library.SaveStatevectorDict,
    "save_superop": library.SaveSuperOp,
    "save_unitary": library.SaveUnitary,
    "set_density_matrix": library.SetDensityMatrix,
    "set_matrix_product_state": library.SetMatrixProductState,
    "set_stabilizer": library.SetStabilizer,
    "set_statevector": library.SetStatevector,
    "set_superop": library.SetSuperOp,
    "set_unitary": library.SetUnitary,
    "aer_store": AerStore,
    "jump": AerJump,
    "mark": AerMark,
    "quantum_channel": QuantumChannelInstruction,
    "qerror_loc": QuantumErrorLocation,
}
"""Classes of Aer's instructions by name. `aerchive.codecs.circuits.reading` restores no other class of Aer."""
_NAMES = {kind: name for name, kind in _CLASSES.items()}
_MODES = ("pershot", "conditional", "unnormalized")
"""Arguments of the constructors of instructions that save; together they make the subtype."""
_TOLERANCE = 1e-4
"""Greatest deviation from a norm, trace, unitary or trace-preserving map: states of single precision are valid."""
_PAULIS = frozenset("IXYZ")
_STATES = frozenset("01+-rl")
_MOST_CHOI = 256
"""Largest dimension of a superoperator whose complete positivity is checked; the time grows with the third power."""


class CheckError(Exception):
    """An instruction is none that its constructor would have made. The message is the end of a sentence."""


def check_circuits(circuits: Sequence[QuantumCircuit], refuse: Callable[[str], None]) -> None:
    """Checks all instructions of circuits, with their blocks and definitions.

    Args:
        circuits: The circuits of a payload, with those of quantum errors.
        refuse: Function that is called with a description of each instruction that is refused.
    """
    seen: set[int] = set()
    for number, circuit in enumerate(circuits):
        _check_circuit(circuit, f"circuit {number}", refuse, seen)


def _check_circuit(circuit: QuantumCircuit, where: str, refuse: Callable[[str], None], seen: set[int]) -> None:
    for position, item in enumerate(circuit.data):
        if item.is_standard_gate():
            continue
        operation, place = item.operation, f"{where}, instruction {position}"
        if isinstance(operation, ControlFlowOp):
            for number, block in enumerate(operation.blocks):
                _check_circuit(block, f"{place}, block {number}", refuse, seen)
            continue
        definition = private(operation, "_definition") if type(operation) in (Instruction, Gate) else None
        if definition is not None and id(definition) not in seen:
            seen.add(id(definition))
            _check_circuit(definition, f"{place}, definition", refuse, seen)
        try:
            check_instruction(operation, len(item.qubits), len(item.clbits))
            _check_bits(item.qubits, item.clbits)
        except CheckError as error:
            refuse(f"{place} ({operation.name!r:.80}): {error}")
        except Exception as error:  # noqa: BLE001  (the constructors refuse with exceptions of all kinds)
            refuse(f"{place} ({operation.name!r:.80}): {str(error) or type(error).__name__:.300}")


def check_errors(errors: Sequence[BaseQuantumError], refuse: Callable[[str], None]) -> None:
    """Checks quantum errors that were restored without their constructor.

    Args:
        errors: The quantum errors.
        refuse: Function that is called with a description of each error that is refused.
    """
    for number, error in enumerate(errors):
        if type(error) is not QuantumError:
            continue
        try:
            made = QuantumError(list(zip(error.circuits, error.probabilities, strict=True)))
            if (made.num_qubits, len(made.circuits)) != (error.num_qubits, len(error.circuits)):
                raise CheckError("its constructor makes an error of other qubits or circuits")
        except Exception as refusal:  # noqa: BLE001  (the constructor refuses with exceptions of all kinds)
            refuse(f"quantum error {number}: {str(refusal) or type(refusal).__name__:.300}")


def _check_bits(*bits: Sequence[Any]) -> None:
    if any(len(set(some)) != len(some) for some in bits):
        raise CheckError("it acts on a bit twice")


def check_instruction(operation: Any, num_qubits: int, num_clbits: int) -> None:
    """Checks an instruction that is none of Qiskit's standard gates.

    Args:
        operation: The instruction.
        num_qubits: Number of qubits on which it acts.
        num_clbits: Number of bits that it reads or writes.

    Raises:
        CheckError: Its constructor would not have made it.
        Exception: Its constructor refuses it, with an exception of its own.
    """
    if operation.num_qubits != num_qubits or operation.num_clbits != num_clbits:
        raise CheckError(f"it has {operation.num_qubits} qubits and acts on {num_qubits}, or its bits differ")
    name, params = operation.name, getattr(operation, "params", ())  # a Clifford has none
    kind = Measure if name == "measure" else _CLASSES.get(name)
    if _NAMES.get(type(operation), name) != name:
        raise CheckError(f"it is an instruction of the class {type(operation).__name__} with another name")
    if kind is not None and not isinstance(operation, kind):
        raise CheckError(f"it is no instruction of the class {kind.__name__}")
    if isinstance(operation, SaveData):
        _check_saving(operation, num_qubits)
    elif isinstance(operation, QuantumChannelInstruction):
        if private(operation, "_quantum_error").num_qubits != num_qubits:
            raise CheckError("its quantum error has another number of qubits")
    elif isinstance(operation, AerStore):
        if not isinstance(operation.store, Store) or params != [operation.store.lvalue, operation.store.rvalue]:
            raise CheckError("it stores something else")
    else:
        if type(operation) is UCGate and operation.simp_contr[0]:  # without controls that it does not need; Aer refuses
            num_qubits = len(params).bit_length()
        check_params(name, params, num_qubits, num_clbits)


def check_params(name: str, params: Sequence[Any], num_qubits: int, num_clbits: int = 0) -> None:
    """Checks the params of an instruction that Aer knows by name; those of gates are checked by Aer.

    Args:
        name: Name of the instruction.
        params: The params.
        num_qubits: Number of qubits on which it acts.
        num_clbits: Number of bits that it reads or writes.

    Raises:
        CheckError: The params are not those of such an instruction.
        Exception: The constructor of an object that they describe refuses them.
    """
    check = _PARAMS.get(name)
    if check is not None:
        if num_qubits < 1 and name != "unitary":  # a power of a global phase
            raise CheckError("it acts on no qubit")
        check(params, num_qubits)
    if name == "measure" and (num_qubits != num_clbits or num_qubits < 1):
        raise CheckError(f"it measures {num_qubits} qubits into {num_clbits} bits")


# -- instructions that save


def _check_saving(operation: Any, num_qubits: int) -> None:
    """Checks the label and the params, and compares name and subtype with what the constructor makes."""
    kind: Any = type(operation)
    subtype, params = private(operation, "_subtype"), operation.params
    if not isinstance(operation.label, str):
        raise CheckError("its label is no text")
    if operation.name in ("save_expval", "save_expval_var"):
        _check_paulis(params, num_qubits)
    elif operation.name in ("save_amplitudes", "save_amplitudes_sq"):
        if not params or not all(isinstance(one, numbers.Integral) and 0 <= int(one) < 2**num_qubits for one in params):
            raise CheckError(f"it saves amplitudes that a state of {num_qubits} qubits does not have")
    elif list(params):
        raise CheckError("it has params")
    if subtype not in _subtypes(kind):
        raise CheckError(f"its constructor does not make it with the subtype {subtype!r:.40}")


@functools.cache
def _subtypes(kind: Any) -> frozenset[str]:
    """The subtypes with which the constructor of a class makes instructions."""
    known = inspect.signature(kind).parameters
    width: dict[str, Any] = {"operator": SparsePauliOp("I")} if "operator" in known else {"num_qubits": 1}
    places = width | ({"params": [0]} if "params" in known else {})
    found = set()
    for modes in itertools.product((False, True), repeat=len(_MODES)):
        given = {name: value for name, value in zip(_MODES, modes, strict=True) if name in known}
        found.add(private(kind(**places, **given), "_subtype"))
    return frozenset(found)


def _check_paulis(params: Sequence[Any], num_qubits: int) -> None:
    if not params:
        raise CheckError("its operator is empty")
    labels = [label for label, _ in params]
    if len(set(labels)) != len(labels):
        raise CheckError("its operator has a Pauli string twice")
    for label, coefficients in params:
        _check_label(label, num_qubits)
        if len(coefficients) != 2 or not all(math.isfinite(value) for value in coefficients):
            raise CheckError("its operator has coefficients that are no two finite numbers")


def _check_label(label: Any, num_qubits: int) -> None:
    if not isinstance(label, str) or len(label) != num_qubits or not _PAULIS.issuperset(label):
        raise CheckError(f"it has a Pauli string that is none of {num_qubits} qubits")


# -- params by name of the instruction


def _only(params: Sequence[Any]) -> Any:
    if len(params) != 1:
        raise CheckError(f"it has {len(params)} params, not 1")
    return params[0]


def _matrix(value: Any, size: int) -> NDArray[Any]:
    """The value as a matrix of complex numbers of a size."""
    found = np.asarray(value)
    if found.shape != (size, size):
        raise CheckError(f"it has a matrix of the shape {found.shape}, not {(size, size)}")
    return _finite(found)


def _vector(value: Any, size: int) -> NDArray[Any]:
    found = np.asarray(value)
    if found.shape != (size,):
        raise CheckError(f"it has numbers of the shape {found.shape}, not {(size,)}")
    return _finite(found)


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype == object:  # numbers of several kinds
        values = values.astype(complex)
    if values.dtype.kind not in "fciub" or not np.isfinite(values).all():
        raise CheckError("it has values that are no finite numbers")
    return values


def _trial(size: int) -> NDArray[Any]:
    """A state that reveals a matrix that does not keep norms, without a product of matrices."""
    values = np.random.default_rng(1).normal(size=(size, 2)) @ np.array([1, 1j])
    trial: NDArray[Any] = values / np.linalg.norm(values)
    return trial


def _check_isometry(matrices: Sequence[NDArray[Any]]) -> None:
    """Checks that the sum of ``K† K`` is the identity, for one unitary or for the matrices of a channel."""
    state = _trial(len(matrices[0]))
    if np.linalg.norm(sum(one.conj().T @ (one @ state) for one in matrices) - state) > _TOLERANCE:
        raise CheckError("its matrix is not unitary" if len(matrices) == 1 else "its channel does not keep the trace")


def _check_unitary(params: Sequence[Any], num_qubits: int) -> None:
    _check_isometry([_matrix(_only(params), 2**num_qubits)])


def _check_kraus(params: Sequence[Any], num_qubits: int) -> None:
    if not params:
        raise CheckError("it has no matrices")
    _check_isometry([_matrix(one, 2**num_qubits) for one in params])


def _check_superop(params: Sequence[Any], num_qubits: int) -> None:
    size = 2**num_qubits
    matrix = _matrix(_only(params), size**2)
    identity = np.eye(size).reshape(-1)
    if np.abs(identity @ matrix - identity).max() > _TOLERANCE:
        raise CheckError("its channel does not keep the trace")
    if size**2 <= _MOST_CHOI:
        choi = matrix.reshape(size, size, size, size).transpose(3, 1, 2, 0).reshape(size**2, size**2)
        if np.linalg.eigvalsh((choi + choi.conj().T) / 2).min() < -_TOLERANCE:
            raise CheckError("its channel is not completely positive")


def _check_multiplexer(params: Sequence[Any], num_qubits: int) -> None:
    controls = len(params).bit_length() - 1
    if not params or len(params) != 2**controls or controls >= num_qubits:
        raise CheckError(f"it has {len(params)} matrices, which {num_qubits} qubits cannot choose from")
    for one in params:
        _check_isometry([_matrix(one, 2 ** (num_qubits - controls))])


def _check_diagonal(params: Sequence[Any], num_qubits: int) -> None:
    if np.abs(np.abs(_vector(list(params), 2**num_qubits)) - 1).max() > _TOLERANCE:
        raise CheckError("its numbers do not have the absolute value 1")


def _check_initialize(params: Sequence[Any], num_qubits: int) -> None:
    if all(isinstance(one, str) for one in params):
        if len(params) != num_qubits or not _STATES.issuperset(params):
            raise CheckError(f"its label is none of a state of {num_qubits} qubits")
    elif len(params) == 1:  # the number of a basis state
        if not (math.isfinite(abs(params[0])) and 0 <= complex(params[0]).real < 2**num_qubits):
            raise CheckError(f"a state of {num_qubits} qubits has no such basis state")
    elif abs(np.linalg.norm(_vector(list(params), 2**num_qubits)) - 1) > _TOLERANCE:
        raise CheckError("its state does not have the norm 1")


def _check_pauli(params: Sequence[Any], num_qubits: int) -> None:
    _check_label(_only(params), num_qubits)


def _check_roerror(params: Sequence[Any], num_qubits: int) -> None:
    _vector([len(row) for row in params], 2**num_qubits)
    _matrix(params, 2**num_qubits)
    ReadoutError(list(params))


def _check_name(params: Sequence[Any], _num_qubits: int) -> None:
    if not isinstance(_only(params), str):
        raise CheckError("its mark is no text")


def _check_set_statevector(params: Sequence[Any], num_qubits: int) -> None:
    if abs(np.linalg.norm(_vector(_only(params), 2**num_qubits)) - 1) > _TOLERANCE:
        raise CheckError("its state does not have the norm 1")


def _check_set_density_matrix(params: Sequence[Any], num_qubits: int) -> None:
    matrix = _matrix(_only(params), 2**num_qubits)
    if abs(np.trace(matrix) - 1) > _TOLERANCE or not np.allclose(matrix, matrix.conj().T, atol=_TOLERANCE):
        raise CheckError("its state does not have the trace 1, or is not Hermitian")


def _check_set_stabilizer(params: Sequence[Any], num_qubits: int) -> None:
    if Clifford.from_dict(_only(params)).num_qubits != num_qubits:
        raise CheckError("its state has another number of qubits")


def _check_set_matrix_product_state(params: Sequence[Any], num_qubits: int) -> None:
    sites, bonds = _only(params)
    if len(sites) != num_qubits or len(bonds) != num_qubits - 1:
        raise CheckError(f"its state has {len(sites)} sites and {len(bonds)} bonds, for {num_qubits} qubits")
    sizes = [1, *(len(bond) for bond in bonds), 1]
    for bond in bonds:
        _vector(bond, len(bond))
    for number, site in enumerate(sites):
        shape = tuple(sizes[number : number + 2])
        if len(site) != 2 or any(np.shape(matrix) != shape for matrix in site):
            raise CheckError(f"site {number} of its state does not have two matrices of the shape {shape}")
        for matrix in site:
            _finite(np.asarray(matrix))


_PARAMS: dict[str, Callable[[Sequence[Any], int], None]] = {
    "unitary": _check_unitary,
    "kraus": _check_kraus,
    "superop": _check_superop,
    "multiplexer": _check_multiplexer,
    "diagonal": _check_diagonal,
    "initialize": _check_initialize,
    "state_preparation": _check_initialize,
    "pauli": _check_pauli,
    "roerror": _check_roerror,
    "mark": _check_name,
    "jump": _check_name,
    "set_statevector": _check_set_statevector,
    "set_density_matrix": _check_set_density_matrix,
    "set_unitary": _check_unitary,
    "set_superop": _check_superop,
    "set_stabilizer": _check_set_stabilizer,
    "set_matrix_product_state": _check_set_matrix_product_state,
}
