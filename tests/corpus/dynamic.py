"""Dynamic circuits: control flow, stores, expressions, measurements and resets in the middle."""

from __future__ import annotations

import functools
from collections.abc import Callable

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Clbit, Parameter
from qiskit.circuit.classical import expr, types

from tests.corpus.case import SEED, Case, Cases, Simulation
from tests.corpus.saves import observable


def start(n: int = 3, clbits: int = 3) -> QuantumCircuit:
    circuit = QuantumCircuit(QuantumRegister(n, "q"), ClassicalRegister(clbits, "c"))
    circuit.h(range(n))
    circuit.measure(0, 0)
    return circuit


def if_bit() -> QuantumCircuit:
    circuit = start()
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    return circuit


def if_else_register() -> QuantumCircuit:
    circuit = start()
    circuit.measure(1, 1)
    with circuit.if_test((circuit.cregs[0], 3)) as otherwise:
        circuit.x(2)
    with otherwise:
        circuit.ry(0.3, 2)
    return circuit


def nested() -> QuantumCircuit:
    circuit = start()
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.h(1)
        circuit.measure(1, 1)
        with circuit.if_test((circuit.clbits[1], 0)):
            circuit.x(2)
    with otherwise, circuit.for_loop(range(2)):
        circuit.t(2)
        circuit.h(2)
    return circuit


def while_bit() -> QuantumCircuit:
    circuit = start()
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.h(0)
        circuit.measure(0, 0)
    return circuit


def while_register_break() -> QuantumCircuit:
    circuit = start()
    with circuit.while_loop((circuit.cregs[0], 1)):
        circuit.h([0, 1])
        circuit.measure(1, 2)
        with circuit.if_test((circuit.clbits[2], 1)):
            circuit.break_loop()
        circuit.measure(0, 0)
    return circuit


def for_parameter() -> QuantumCircuit:
    circuit = start()
    angle = Parameter("angle")
    with circuit.for_loop([0, 2, 5], angle) as value:
        circuit.ry(value * 0.1, 1)
    return circuit


def for_continue() -> QuantumCircuit:
    circuit = start()
    with circuit.for_loop(range(4)):
        circuit.h(1)
        circuit.measure(1, 1)
        with circuit.if_test((circuit.clbits[1], 1)):
            circuit.continue_loop()
        circuit.x(2)
    return circuit


def for_empty() -> QuantumCircuit:
    circuit = start()
    with circuit.for_loop(()):
        circuit.x(2)
    return circuit


def switch_bit() -> QuantumCircuit:
    circuit = start()
    with circuit.switch(circuit.clbits[0]) as case:
        with case(0):
            circuit.x(1)
        with case(1):
            circuit.z(1)
    return circuit


def switch_register_default() -> QuantumCircuit:
    circuit = start()
    circuit.measure([1, 2], [1, 2])
    with circuit.switch(circuit.cregs[0]) as case:
        with case(0, 3, 5):
            circuit.x(1)
        with case(1):
            circuit.x(2)
        with case(case.DEFAULT):
            circuit.h(0)
    return circuit


def switch_expression() -> QuantumCircuit:
    circuit = start()
    with circuit.switch(expr.bit_and(circuit.cregs[0], 3)) as case:
        with case(1):
            circuit.x(1)
        with case(case.DEFAULT):
            circuit.x(2)
    return circuit


def expressions() -> QuantumCircuit:
    circuit = start()
    circuit.measure([1, 2], [1, 2])
    a, b, c = circuit.clbits
    with circuit.if_test(expr.logic_and(a, expr.logic_not(b))):
        circuit.x(0)
    with circuit.if_test(expr.bit_xor(a, c)):
        circuit.x(1)
    with circuit.if_test(expr.less(circuit.cregs[0], 4)):
        circuit.h(2)
    with circuit.if_test(expr.not_equal(expr.bit_or(circuit.cregs[0], 1), 7)):
        circuit.z(2)
    return circuit


def store_in_bit() -> QuantumCircuit:
    circuit = start()
    circuit.store(circuit.clbits[1], expr.logic_not(circuit.clbits[0]))
    return circuit


def store_in_register() -> QuantumCircuit:
    circuit = start()
    circuit.store(circuit.cregs[0], expr.bit_or(circuit.cregs[0], 4))
    return circuit


def variable() -> QuantumCircuit:
    circuit = start()
    held = circuit.add_var("held", expr.lift(5, types.Uint(8)))
    with circuit.if_test(expr.less(held, 7)):
        circuit.x(1)
    return circuit


def truth() -> QuantumCircuit:
    circuit = start()
    held = circuit.add_var("held", expr.logic_not(circuit.clbits[0]))
    with circuit.if_test(held):
        circuit.x(1)
    return circuit


def resets() -> QuantumCircuit:
    circuit = start()
    for qubit in range(3):
        circuit.reset(qubit)
        circuit.h(qubit)
        circuit.measure(qubit, qubit)
    circuit.initialize([0, 1], 1)
    return circuit


def teleported() -> QuantumCircuit:
    circuit = QuantumCircuit(3, 3)
    circuit.ry(0.7, 0)
    circuit.h(1)
    circuit.cx(1, 2)
    circuit.cx(0, 1)
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(2)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.z(2)
    return circuit


def saves_in_blocks() -> QuantumCircuit:
    circuit = start()
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.x(1)
        circuit.save_statevector(label="one", pershot=True)
    with otherwise:
        circuit.save_probabilities([1], label="zero")
        circuit.save_expectation_value(observable(1), [1], label="energy", conditional=True)
    return circuit


def saves_in_loop() -> QuantumCircuit:
    circuit = start()
    with circuit.for_loop(range(3)):
        circuit.h(1)
        circuit.measure(1, 1)
        circuit.save_amplitudes([0, 1, 2], label="each", pershot=True, conditional=True)
    return circuit


def loose_bits() -> QuantumCircuit:
    circuit = QuantumCircuit(QuantumRegister(2, "q"), [Clbit(), Clbit()])
    circuit.h(0)
    circuit.measure(0, 1)
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(1)
    circuit.measure(1, 0)
    return circuit


def aliased_register() -> QuantumCircuit:
    bits = [Clbit() for _ in range(3)]
    circuit = QuantumCircuit(
        QuantumRegister(2, "q"),
        bits,
        ClassicalRegister(bits=bits[:2], name="low"),
        ClassicalRegister(bits=bits[1:], name="high"),
    )
    circuit.h([0, 1])
    circuit.measure([0, 1], [1, 2])
    with circuit.if_test((circuit.cregs[1], 2)):
        circuit.x(0)
    return circuit


def wide_register() -> QuantumCircuit:
    circuit = QuantumCircuit(QuantumRegister(3, "q"), ClassicalRegister(70, "c"))
    circuit.h(range(3))
    circuit.measure(range(3), [0, 66, 69])
    with circuit.if_test((circuit.clbits[69], 1)):
        circuit.x(0)
    return circuit


def boxed() -> QuantumCircuit:
    circuit = start()
    with circuit.box():
        circuit.x(1)
    return circuit


DYNAMIC: tuple[Callable[[], QuantumCircuit], ...] = (
    *(if_bit, if_else_register, nested, while_bit, while_register_break, for_parameter, for_continue, for_empty),
    *(switch_bit, switch_register_default, switch_expression, expressions, store_in_bit, store_in_register, variable),
    *(truth, resets, teleported, saves_in_blocks, saves_in_loop, loose_bits, aliased_register, wide_register, boxed),
)


def dynamic(make: Callable[[], QuantumCircuit], method: str, save: str) -> Simulation:
    circuit = make()
    circuit.name = make.__name__
    n = min(circuit.num_qubits, circuit.num_clbits)
    match save:
        case "end":
            circuit.save_state(label="end")
        case "conditional":
            circuit.save_probabilities_dict(label="end", conditional=True)
        case "pershot":
            circuit.save_expectation_value(observable(circuit.num_qubits), range(circuit.num_qubits), pershot=True)
    circuit.measure(range(n), range(n))
    # Without this Aer may abort the whole process on an expression that it cannot evaluate.
    options = {"method": method, "seed_simulator": SEED, "max_parallel_threads": 1}
    return Simulation(circuit, {"shots": 40, "memory": save == "end"}, options)


def dynamic_cases() -> Cases:
    for make in DYNAMIC:
        for method in ("automatic", "statevector", "density_matrix", "matrix_product_state", "stabilizer"):
            for save in ("none", "end", "conditional", "pershot"):
                yield Case(f"dynamic/{make.__name__}/{method}/{save}", functools.partial(dynamic, make, method, save))
