"""Every gate that Aer knows, in the forms that Qiskit gives it, and circuits of Qiskit's library."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Gate, Measure, Reset
from qiskit.circuit.library import (
    DiagonalGate,
    Initialize,
    MCPhaseGate,
    MCXGate,
    PauliGate,
    PermutationGate,
    RYGate,
    StatePreparation,
    UCGate,
    UnitaryGate,
    XGate,
    efficient_su2,
    get_standard_gate_name_mapping,
    iqp,
    real_amplitudes,
)
from qiskit.quantum_info import Kraus, Operator, SuperOp, random_unitary
from qiskit_aer import AerSimulator

from tests.corpus.case import SEED, Case, Cases, Simulation

ANGLES = (0.1, -0.0, np.pi / 3, 5e-324)


def runnable(name: str) -> QuantumCircuit | None:
    """A circuit with a standard gate, if it is a unitary one."""
    gate = get_standard_gate_name_mapping()[name]
    if not isinstance(gate, Gate) or gate.num_qubits > 5:
        return None
    circuit = QuantumCircuit(gate.num_qubits, name=name)
    circuit.h(range(gate.num_qubits))
    bound = gate.to_mutable().copy()
    bound.params = [ANGLES[number % len(ANGLES)] for number in range(len(gate.params))]
    circuit.append(bound, range(gate.num_qubits))
    return transpile(circuit, AerSimulator(), optimization_level=0)


def operations() -> dict[str, Callable[[], QuantumCircuit]]:
    def circuit_of(n: int, *pairs: tuple[object, list[int]]) -> QuantumCircuit:
        circuit = QuantumCircuit(n)
        circuit.h(range(n))
        for operation, qubits in pairs:
            circuit.append(operation, qubits)
        return circuit

    unitary = random_unitary(4, seed=1)
    choices = [random_unitary(2, seed=seed).data for seed in (1, 2)]
    return {
        "unitary": lambda: circuit_of(2, (UnitaryGate(unitary, label="ψ / u"), [1, 0])),
        "unitary in Fortran's order": lambda: circuit_of(2, (UnitaryGate(np.asfortranarray(unitary.data)), [0, 1])),
        "unitary of integers": lambda: circuit_of(1, (UnitaryGate([[0, 1], [1, 0]]), [0])),
        "large unitary": lambda: circuit_of(6, (UnitaryGate(random_unitary(64, seed=2)), list(range(6)))),
        "controlled unitary": lambda: circuit_of(3, (UnitaryGate(unitary).control(1), [2, 0, 1])).decompose(reps=4),
        "diagonal": lambda: circuit_of(2, (DiagonalGate([1, -1, 1j, -1j]), [1, 0])),
        "pauli": lambda: circuit_of(3, (PauliGate("XYZ"), [2, 0, 1])),
        "permutation": lambda: circuit_of(3, (PermutationGate([2, 0, 1]), [0, 1, 2])).decompose(),
        "multiplexer": lambda: circuit_of(2, (UCGate(choices), [0, 1])).decompose(),
        "open control": lambda: circuit_of(3, (XGate().control(2, ctrl_state="01"), [0, 1, 2])),
        "open rotation": lambda: circuit_of(2, (RYGate(0.3).control(1, ctrl_state=0), [1, 0])).decompose(),
        "many controls": lambda: circuit_of(6, (MCXGate(5), [0, 1, 2, 3, 4, 5])),
        "many phases": lambda: circuit_of(5, (MCPhaseGate(0.3, 4), [4, 3, 2, 1, 0])),
        "kraus": lambda: circuit_of(1, (Kraus([np.sqrt(0.5) * np.eye(2), np.sqrt(0.5) * np.diag([1, -1])]), [0])),
        "superop": lambda: circuit_of(1, (SuperOp(Operator(RYGate(0.2))), [0])),
        "initialize": lambda: circuit_of(2, (Initialize([0.6, 0, 0, 0.8j]), [1, 0])),
        "initialize by label": lambda: circuit_of(3, (Initialize("r+0"), [0, 1, 2])),
        "initialize by number": lambda: circuit_of(3, (Initialize(5), [0, 1, 2])),
        "state preparation": lambda: circuit_of(2, (StatePreparation([0.6, 0, 0, 0.8]), [0, 1])).decompose(reps=5),
        "labels": lambda: circuit_of(2, (XGate(label="\x1b[31m/ψ\0"), [0]), (XGate(label=""), [1])),
        "measure and reset": lambda: circuit_of(2, (Reset(), [0]), (Reset(), [1])),
        "barriers": lambda: (c := circuit_of(2), c.barrier(label="here"), c.barrier(0), c)[-1],
        "delays": lambda: (c := circuit_of(1), c.delay(0.5, 0, "us"), c.delay(100, 0), c.delay(1e-9, 0, "s"), c)[-1],
        "own gate": lambda: transpile(circuit_of(2, (own_gate(), [1, 0])), AerSimulator()),
        "library": lambda: library(real_amplitudes),
        "other library": lambda: library(efficient_su2),
        "interaction": lambda: transpile(iqp([[1, 2, 3], [2, 1, 4], [3, 4, 1]]), AerSimulator()),
        "from OpenQASM": lambda: QuantumCircuit.from_qasm_str(
            'OPENQASM 2.0; include "qelib1.inc"; gate mine a, b { h a; cx a, b; } qreg q[2]; h q[0]; cx q[0], q[1];'
        ),
        "inverse": lambda: circuit_of(2, (XGate(), [0])).inverse(),
        "composed": lambda: circuit_of(2).compose(circuit_of(1), [1]),
        "power": lambda: circuit_of(1, (RYGate(0.1), [0])).power(3).decompose(reps=3),
    }


class _Own(Gate):
    """Somebody's gate."""

    def __init__(self) -> None:
        super().__init__("mine", 2, [0.3])

    def _define(self) -> None:
        self.definition = QuantumCircuit(2)
        self.definition.ry(0.3, 0)
        self.definition.cx(0, 1)


def own_gate() -> Gate:
    return _Own()


def library(make: Callable[..., QuantumCircuit]) -> QuantumCircuit:
    circuit = make(3, reps=1)
    bound = circuit.assign_parameters(np.linspace(0, 1, circuit.num_parameters))
    return transpile(bound, AerSimulator())


def with_operation(make: Callable[[], QuantumCircuit | None], method: str) -> Simulation:
    circuit = make()
    if circuit is None:
        circuit = QuantumCircuit(1, 1)
        circuit.append(Measure(), [0], [0])
    circuit.save_state(label="end")
    circuit.measure_all()
    return Simulation(circuit, {"shots": 15}, {"method": method, "seed_simulator": SEED})


def gate_cases() -> Cases:
    for name in get_standard_gate_name_mapping():
        for method in ("automatic", "density_matrix", "matrix_product_state", "stabilizer"):
            make = functools.partial(runnable, name)
            yield Case(f"gate/{name}/{method}", functools.partial(with_operation, make, method))
    for name, operation in operations().items():
        for method in ("automatic", "statevector", "density_matrix", "matrix_product_state"):
            yield Case(f"operation/{name}/{method}", functools.partial(with_operation, operation, method))
