"""Circuits and noise that no constructor makes; Aer reads past their ends, ends the process, or computes nonsense."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, Gate, Instruction
from qiskit_aer import library
from qiskit_aer.library.control_flow_instructions import AerJump, AerMark
from qiskit_aer.noise import depolarizing_error


def eye(size: int) -> NDArray[Any]:
    return np.eye(size, dtype=complex)


def ones(*shape: int) -> NDArray[Any]:
    return np.ones(shape, dtype=complex)


def made(name: str, qubits: int, params: list[Any], kind: Any = Instruction, clbits: int = 0, **private: Any) -> Any:
    """An instruction of a class, made without the constructor."""
    operation = Gate(name, qubits, []) if kind is Gate else kind.__new__(kind)
    if kind is not Gate:
        Instruction.__init__(operation, name, qubits, clbits, [])
    operation._params = params
    for key, value in private.items():
        setattr(operation, f"_{key}", value)
    return operation


def saving(name: str, kind: Any, params: list[Any], subtype: Any = "single", label: Any = "a", qubits: int = 2) -> Any:
    return made(name, qubits, params, kind, subtype=subtype, label=label)


def expectation(*params: Any, subtype: str = "average", name: str = "save_expval") -> Any:
    kinds = {"save_expval": library.SaveExpectationValue, "save_expval_var": library.SaveExpectationValueVariance}
    return saving(name, kinds[name], list(params), subtype)


def state(kind: Any, name: str, *params: Any) -> Any:
    return made(name, 2, list(params), kind)


def error_of(change: Callable[[Any], None]) -> Any:
    error = copy.copy(depolarizing_error(0.3, 1))
    change(error)
    return error.to_instruction()


NAN = complex("nan")
STATEVECTOR, DENSITY = library.SetStatevector, library.SetDensityMatrix
SITE = (ones(1, 1), ones(1, 1))

INSTRUCTIONS: dict[str, Callable[[], Any]] = {
    "amplitudes far out": lambda: saving("save_amplitudes", library.SaveAmplitudes, [10**9, 5]),
    "amplitudes below 0": lambda: saving("save_amplitudes", library.SaveAmplitudes, [-5]),
    "no amplitudes": lambda: saving("save_amplitudes", library.SaveAmplitudes, []),
    "amplitudes that are no numbers": lambda: saving("save_amplitudes", library.SaveAmplitudes, ["0x0"]),
    "amplitudes of an unknown subtype": lambda: saving("save_amplitudes", library.SaveAmplitudes, [1], "nonsense"),
    "averaged amplitudes": lambda: saving("save_amplitudes", library.SaveAmplitudes, [1], "average"),
    "squared amplitudes": lambda: saving("save_amplitudes_sq", library.SaveAmplitudesSquared, [10**9], "average"),
    "operator too long": lambda: expectation(("XXXXXX", (1.0, 0.0))),
    "operator too short": lambda: expectation(("", (1.0, 0.0))),
    "operator of other letters": lambda: expectation(("Q!", (1.0, 0.0))),
    "no operator": expectation,
    "operator without a coefficient": lambda: expectation(("XX", (1.0,))),
    "operator with an infinite coefficient": lambda: expectation(("XX", (float("inf"), 0.0))),
    "operator with a string twice": lambda: expectation(("XX", (1.0, 0.0)), ("XX", (1.0, 0.0))),
    "single expectation value": lambda: expectation(("XX", (1.0, 0.0)), subtype="single"),
    "variance too long": lambda: expectation(("XXXXXX", (1.0, 0.0)), name="save_expval_var"),
    **{
        f"{kind.__name__} of another subtype": (
            lambda name=name, kind=kind, subtype=subtype: saving(name, kind, [], subtype)  # type: ignore[misc]
        )
        for name, kind, subtype in (
            ("save_statevector", library.SaveStatevector, "average"),
            ("save_statevector_dict", library.SaveStatevectorDict, "accum"),
            ("save_density_matrix", library.SaveDensityMatrix, "single"),
            ("save_matrix_product_state", library.SaveMatrixProductState, "c_accum"),
            ("save_probabilities", library.SaveProbabilities, "c_single"),
            ("save_probabilities_dict", library.SaveProbabilitiesDict, "single"),
            ("save_stabilizer", library.SaveStabilizer, "average"),
            ("save_clifford", library.SaveClifford, "c_list"),
            ("save_state", library.SaveState, "accum"),
            ("save_superop", library.SaveSuperOp, "c_single"),
            ("save_unitary", library.SaveUnitary, "average"),
        )
    },
    "a label that is no text": lambda: saving("save_state", library.SaveState, [], label=None),
    "a save with params": lambda: saving("save_statevector", library.SaveStatevector, [1]),
    "a save of another name": lambda: saving("save_amplitudes", library.SaveStatevector, [10**9]),
    "a generic save": lambda: made("save_statevector", 2, []),
    "no unitary": lambda: made("unitary", 1, []),
    "small unitary": lambda: made("unitary", 2, [eye(2)]),
    "large unitary": lambda: made("unitary", 1, [eye(64)]),
    "unitary that is none": lambda: made("unitary", 1, [ones(2, 2)]),
    "unitary of NaN": lambda: made("unitary", 1, [eye(2) * NAN]),
    "empty diagonal": lambda: made("diagonal", 1, []),
    "short diagonal": lambda: made("diagonal", 2, [1]),
    "long diagonal": lambda: made("diagonal", 1, [1] * 64),
    "diagonal that is not unitary": lambda: made("diagonal", 1, [1, 5]),
    "short initialize": lambda: made("initialize", 2, [1, 0]),
    "long initialize": lambda: made("initialize", 1, [1] + [0] * 63),
    "initialize without a norm": lambda: made("initialize", 1, [1, 1]),
    "initialize of nothing": lambda: made("initialize", 1, []),
    "initialize of a number": lambda: made("initialize", 1, [10**9]),
    "initialize of a label": lambda: made("initialize", 2, ["0"]),
    "no Kraus matrices": lambda: made("kraus", 1, []),
    "small Kraus matrices": lambda: made("kraus", 2, [eye(2)]),
    "large Kraus matrices": lambda: made("kraus", 1, [eye(64)]),
    "different Kraus matrices": lambda: made("kraus", 1, [eye(2), eye(4)]),
    "Kraus matrices that lose the trace": lambda: made("kraus", 1, [eye(2) / 2]),
    "small superoperator": lambda: made("superop", 1, [eye(2)]),
    "large superoperator": lambda: made("superop", 1, [eye(64)]),
    "superoperator that loses the trace": lambda: made("superop", 1, [eye(4) / 2]),
    "superoperator that is not positive": lambda: made("superop", 1, [eye(4)[[0, 2, 1, 3]]]),
    "no readout error": lambda: made("roerror", 1, [], clbits=1),
    "small readout error": lambda: made("roerror", 1, [[1.0]], clbits=1),
    "uneven readout error": lambda: made("roerror", 1, [[1.0, 0.0], [1.0]], clbits=1),
    "readout error of other sums": lambda: made("roerror", 1, [[1.0, 1.0], [0.0, 1.0]], clbits=1),
    "no multiplexer": lambda: made("multiplexer", 2, []),
    "few multiplexer": lambda: made("multiplexer", 2, [eye(2)]),
    "three multiplexers": lambda: made("multiplexer", 2, [eye(2)] * 3),
    "multiplexer too large": lambda: made("multiplexer", 2, [eye(64)] * 2),
    "multiplexer of all qubits": lambda: made("multiplexer", 1, [eye(1)] * 2),
    "Pauli too long": lambda: made("pauli", 2, ["XYZXYZ"], Gate),
    "Pauli of other letters": lambda: made("pauli", 2, ["Q!"], Gate),
    "no Pauli": lambda: made("pauli", 2, [], Gate),
    "measure of too few bits": lambda: made("measure", 2, [], clbits=1),
    "jump that is no jump": lambda: made("jump", 2, ["nowhere"]),
    "jump without a mark": lambda: made("jump", 2, [], AerJump),
    "mark without a name": lambda: made("mark", 2, [], AerMark),
    "mark that is a number": lambda: made("mark", 2, [5], AerMark),
    "store of nothing": lambda: made("aer_store", 1, []),
    "short statevector": lambda: state(STATEVECTOR, "set_statevector", ones(1)),
    "long statevector": lambda: state(STATEVECTOR, "set_statevector", ones(64) / 8),
    "statevector without a norm": lambda: state(STATEVECTOR, "set_statevector", ones(4)),
    "statevector of NaN": lambda: state(STATEVECTOR, "set_statevector", ones(4) * NAN),
    "generic statevector": lambda: made("set_statevector", 2, [ones(1)]),
    "small density matrix": lambda: state(DENSITY, "set_density_matrix", eye(1)),
    "density matrix without a trace": lambda: state(DENSITY, "set_density_matrix", eye(4)),
    "small set unitary": lambda: state(library.SetUnitary, "set_unitary", eye(1)),
    "set unitary that is none": lambda: state(library.SetUnitary, "set_unitary", ones(4, 4)),
    "small set superoperator": lambda: state(library.SetSuperOp, "set_superop", eye(1)),
    "stabilizer of nothing": lambda: state(
        library.SetStabilizer, "set_stabilizer", {"stabilizer": [], "destabilizer": []}
    ),
    "stabilizer without a key": lambda: state(library.SetStabilizer, "set_stabilizer", {}),
    "stabilizer too long": lambda: state(
        library.SetStabilizer, "set_stabilizer", {"stabilizer": ["+XXX", "+ZZ"], "destabilizer": ["+XX", "+ZZ"]}
    ),
    "product state of nothing": lambda: state(library.SetMatrixProductState, "set_matrix_product_state", ([], [])),
    "product state of one site": lambda: state(library.SetMatrixProductState, "set_matrix_product_state", ([SITE], [])),
    "product state without bonds": lambda: state(
        library.SetMatrixProductState, "set_matrix_product_state", ([SITE, SITE], [])
    ),
    "product state of other shapes": lambda: state(
        library.SetMatrixProductState,
        "set_matrix_product_state",
        ([(ones(1, 5), ones(1, 3)), (ones(2, 1), ones(9, 1))], [np.ones(4)]),
    ),
    "product state of NaN": lambda: state(
        library.SetMatrixProductState, "set_matrix_product_state", ([SITE, (SITE[0] * NAN, SITE[0])], [np.ones(1)])
    ),
    "error of other probabilities": lambda: error_of(lambda error: error._probs.__setitem__(0, 5.0)),
    "error of NaN": lambda: error_of(lambda error: error._probs.__setitem__(0, float("nan"))),
    "error without a circuit": lambda: error_of(lambda error: error._circs.pop()),
    "error of a wider circuit": lambda: error_of(lambda error: error._circs.__setitem__(0, QuantumCircuit(3))),
    "error with a hostile circuit": lambda: error_of(lambda error: error._circs.__setitem__(0, _kraus_of_nothing())),
}
"""What is not refused in plain Aer's C++, or only there, by a description."""


def _kraus_of_nothing() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.append(made("kraus", 1, []), [0])
    return circuit


def circuit_with(operation: Any, *, where: str = "circuit") -> QuantumCircuit:
    """A circuit with an instruction, or with it in a block or in the definition of a custom gate."""
    width = max(2, operation.num_qubits)
    inner = QuantumCircuit(width, max(1, operation.num_clbits))
    inner._append(
        CircuitInstruction(operation, inner.qubits[: operation.num_qubits], inner.clbits[: operation.num_clbits])
    )
    if where == "circuit":
        circuit = inner.copy_empty_like()
        circuit.h(0)
        circuit._append(inner.data[0])
        circuit.measure(0, 0)
        return circuit
    circuit = QuantumCircuit(width, max(1, operation.num_clbits))
    circuit.h(0)
    if where == "block":
        circuit.if_test((circuit.clbits[0], 1), inner, circuit.qubits, circuit.clbits)
    else:
        gate = Instruction("mine", width, inner.num_clbits, [])
        gate._definition = inner
        circuit._append(CircuitInstruction(gate, circuit.qubits, circuit.clbits))
    circuit.measure(0, 0)
    return circuit


def quantum(instructions: Any, probabilities: Any, operations: Any = ("h",), **more: Any) -> dict[str, Any]:
    return {
        "type": "qerror",
        "id": "0" * 32,
        "operations": list(operations),
        "instructions": instructions,
        "probabilities": probabilities,
        **more,
    }


def one(name: str, *params: Any, qubits: Any = (0,)) -> list[list[dict[str, Any]]]:
    return [[{"name": name, "qubits": list(qubits), "params": list(params)}]]


def pairs(size: int) -> list[Any]:
    return [[[float(row == column), 0.0] for column in range(size)] for row in range(size)]


def readout(probabilities: Any, **more: Any) -> dict[str, Any]:
    return {"type": "roerror", "operations": ["measure"], "probabilities": probabilities, **more}


X: list[Any] = [[{"name": "x", "qubits": [0]}]]
NOISE: dict[str, Any] = {
    "qubits that a gate lacks": quantum(one("x", qubits=[7]), [1.0], gate_qubits=[[0]]),
    "a negative qubit": quantum(one("x", qubits=[-1]), [1.0]),
    "a qubit twice": quantum(one("cx", qubits=[0, 0]), [1.0], ["cx"]),
    "no qubit": quantum(one("x", qubits=[]), [1.0]),
    "no Kraus matrices": quantum(one("kraus"), [1.0]),
    "small Kraus matrices": quantum(one("kraus", pairs(1)), [1.0]),
    "large Kraus matrices": quantum(one("kraus", pairs(64)), [1.0]),
    "small unitary": quantum(one("unitary", pairs(1)), [1.0]),
    "small superoperator": quantum(one("superop", pairs(1)), [1.0]),
    "Pauli too long": quantum(one("pauli", "XXXX"), [1.0]),
    "no multiplexer": quantum(one("multiplexer"), [1.0]),
    "empty diagonal": quantum(one("diagonal"), [1.0]),
    "a jump": quantum(one("jump", "a"), [1.0]),
    "a measurement": quantum([[{"name": "measure", "qubits": [0], "memory": [500000]}]], [1.0]),
    "a save": quantum(one("save_amplitudes", 10**9), [1.0]),
    "few probabilities": quantum([*X, *X], [1.0]),
    "many probabilities": quantum(X, [0.0, 1.0]),
    "negative probabilities": quantum([*X, *X], [-1.0, 2.0]),
    "no probabilities": quantum([], []),
    "infinite probabilities": quantum(X, [float("inf")]),
    "rates of NaN": {**quantum(one("pauli", "X"), []), "type": "plerror", "rates": [float("nan")]},
    "few rates": {**quantum([*X, *X], []), "type": "plerror", "rates": [0.1]},
    "an unknown type": {**quantum(X, [1.0]), "type": "other", "rates": [1.0]},
    "operations that are no names": quantum(X, [1.0], [5]),
    "an empty readout error": readout([]),
    "a small readout error": readout([[1.0]]),
    "an uneven readout error": readout([[0.5, 0.5], [1.0]]),
    "a readout error of other sums": readout([[0.5, 0.9], [0.0, 1.0]]),
    "a readout error of other qubits": readout([[0.5, 0.5], [0.0, 1.0]], gate_qubits=[[0, 1]]),
    "no error at all": {},
}
"""Errors of a noise model as a project stores them, by a description."""
WIDE = quantum(one("x", qubits=[1]), [1.0])
"""An error of two qubits after ``h``, which is valid in itself; Aer ends the process."""
