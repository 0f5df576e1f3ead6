"""Every save instruction in every form, with every method that takes it, of several sizes and precisions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit.library import DiagonalGate
from qiskit.quantum_info import (
    Clifford,
    DensityMatrix,
    Operator,
    Pauli,
    SparsePauliOp,
    SuperOp,
    random_clifford,
    random_statevector,
    random_unitary,
)
from qiskit_aer.library import SaveStatevector

from tests.corpus.case import SEED, Case, Cases, Simulation

ONCE = {"single": {}, "pershot": {"pershot": True}}
EACH = {**ONCE, "conditional": {"conditional": True}, "both": {"pershot": True, "conditional": True}}
MEAN = {
    **EACH,
    "unnormalised": {"unnormalized": True},
    "unnormalised conditional": {"unnormalized": True, "conditional": True},
    "unnormalised pershot": {"unnormalized": True, "pershot": True},
}
ALL = ("automatic", "statevector", "density_matrix", "stabilizer", "matrix_product_state")
LARGEST = {"density_matrix": 7, "unitary": 6, "superop": 3, "extended_stabilizer": 6}
SIZES = (1, 2, 3, 4, 5, 7, 10, 12)


def observable(n: int) -> SparsePauliOp:
    """With a sum of all Z, a Y somewhere and a constant."""
    terms = [("Z" * n, 0.5), ("I" * (n - 1) + "Y", -1.25), ("I" * n, 1 / 3), ("X" + "I" * (n - 1), 1e-12)]
    return SparsePauliOp.from_list(terms)


def some_amplitudes(n: int) -> list[int]:
    return [2**n - 1, 0, *range(1, min(2**n - 1, 3))]


SAVES: dict[str, tuple[Callable[..., Any], dict[str, Any], tuple[str, ...]]] = {
    "statevector": (
        lambda c, **k: c.save_statevector(**k),
        EACH,
        ("automatic", "statevector", "matrix_product_state", "extended_stabilizer"),
    ),
    "statevector_dict": (lambda c, **k: c.save_statevector_dict(**k), EACH, ("automatic", "statevector")),
    "density_matrix": (
        lambda c, **k: c.save_density_matrix(**k),
        MEAN,
        ("automatic", "statevector", "density_matrix", "matrix_product_state"),
    ),
    "density_matrix of some": (
        lambda c, **k: c.save_density_matrix(list(range(c.num_qubits))[::-2], **k),
        MEAN,
        ("statevector", "density_matrix", "matrix_product_state"),
    ),
    "unitary": (lambda c, **k: c.save_unitary(**k), ONCE, ("automatic", "unitary")),
    "superop": (lambda c, **k: c.save_superop(**k), ONCE, ("automatic", "superop")),
    "stabilizer": (lambda c, **k: c.save_stabilizer(**k), EACH, ("automatic", "stabilizer")),
    "clifford": (lambda c, **k: c.save_clifford(**k), ONCE, ("automatic", "stabilizer")),
    "matrix_product_state": (
        lambda c, **k: c.save_matrix_product_state(**k),
        EACH,
        ("automatic", "matrix_product_state"),
    ),
    "state": (lambda c, **k: c.save_state(**k), EACH, (*ALL, "unitary", "superop")),
    "expectation_value": (
        lambda c, **k: c.save_expectation_value(observable(c.num_qubits), range(c.num_qubits), **k),
        MEAN,
        ALL,
    ),
    "expectation_value of one": (
        lambda c, **k: c.save_expectation_value(Pauli("Z"), [c.num_qubits - 1], **k),
        MEAN,
        ALL,
    ),
    "expectation_value of a matrix": (
        lambda c, **k: c.save_expectation_value(Operator([[1, 1j], [-1j, 0.5]]), [0], **k),
        MEAN,
        ("statevector", "density_matrix"),
    ),
    "variance": (
        lambda c, **k: c.save_expectation_value_variance(observable(c.num_qubits), range(c.num_qubits), **k),
        MEAN,
        ALL,
    ),
    "probabilities": (lambda c, **k: c.save_probabilities(**k), MEAN, ALL),
    "probabilities of some": (lambda c, **k: c.save_probabilities(list(range(c.num_qubits))[::-2], **k), MEAN, ALL),
    "probabilities_dict": (lambda c, **k: c.save_probabilities_dict(**k), MEAN, ALL),
    "probabilities_dict of some": (
        lambda c, **k: c.save_probabilities_dict(list(range(c.num_qubits))[::-2], **k),
        MEAN,
        ALL,
    ),
    "amplitudes": (
        lambda c, **k: c.save_amplitudes(some_amplitudes(c.num_qubits), **k),
        EACH,
        ("automatic", "statevector", "matrix_product_state"),
    ),
    "amplitudes_squared": (lambda c, **k: c.save_amplitudes_squared(some_amplitudes(c.num_qubits), **k), MEAN, ALL),
}
NO_MEASUREMENT = ("unitary", "superop")
ROUNDED = ("statevector", "density_matrix", "unitary", "superop")


def prepared(n: int, *, clifford: bool, clbits: int | None = None) -> QuantumCircuit:
    """An entangled state of n qubits, not symmetric under exchange of any two."""
    circuit = QuantumCircuit(n, n if clbits is None else clbits)
    circuit.h(0)
    for qubit in range(1, n):
        circuit.cx(qubit - 1, qubit)
        if qubit % 3 == 1:
            circuit.s(qubit)
    if not clifford:
        for qubit in range(n):
            circuit.ry(0.3 + 0.2 * qubit, qubit)
    return circuit


def saved(name: str, form: str, method: str, n: int, moment: str, precision: str) -> Simulation:
    """A circuit with one save instruction, at the end, or after a measurement in the middle."""
    add, forms, _ = SAVES[name]
    is_clifford = method == "stabilizer" or name in ("stabilizer", "clifford")
    measures = not (method in NO_MEASUREMENT or name in NO_MEASUREMENT)
    if method == "extended_stabilizer":
        circuit = QuantumCircuit(n, n)
        circuit.h(0)
        circuit.t(0)
        for qubit in range(1, n):
            circuit.cx(0, qubit)
    else:
        circuit = prepared(n, clifford=is_clifford)
    if moment == "middle":
        circuit.measure(0, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.x(n - 1)
    add(circuit, **forms[form])
    if measures:
        circuit.measure(range(n), range(n))
    circuit.name = f"{name} {form}"
    return Simulation(
        circuit,
        {"shots": 9 + n, "memory": n % 2 == 1},
        {"method": method, "precision": precision, "seed_simulator": SEED + n},
    )


def save_cases() -> Cases:
    for name, (_, forms, methods) in SAVES.items():
        for method in methods:
            largest = min(LARGEST.get(method, 12), LARGEST.get(name.partition(" ")[0], 12))
            for form in forms:
                if method in NO_MEASUREMENT and form in ("conditional", "both"):
                    continue
                for n in (size for size in SIZES if size <= largest):
                    if n > 7 and form not in ("single", "conditional"):
                        continue
                    for moment in ("end", "middle"):
                        if moment == "middle" and (
                            method in (*NO_MEASUREMENT, "extended_stabilizer") or name in NO_MEASUREMENT
                        ):
                            continue
                        for precision in ("double", "single") if method in ROUNDED else ("double",):
                            yield Case(
                                f"save/{name}/{method}/{form}/{n}/{moment}/{precision}",
                                functools.partial(saved, name, form, method, n, moment, precision),
                            )


def many_saves(n: int, how: str) -> Simulation:
    """Many snapshots of one evolution: of one shape, of several shapes, of several kinds."""
    circuit = QuantumCircuit(n, n)
    for step in range(40):
        circuit.ry(0.1 * step, step % n)
        circuit.cx(step % n, (step + 1) % n)
        label = f"step {step}"
        if how == "kinds" and step % 3 == 0:
            circuit.save_expectation_value(observable(n), range(n), label=label)
        elif how == "kinds" and step % 3 == 1:
            circuit.save_probabilities_dict(label=label)
        elif how == "shapes":
            circuit.save_density_matrix(list(range(1 + step % n)), label=label)
        else:
            circuit.save_statevector(label=label)
    circuit.measure(range(n), range(n))
    return Simulation(circuit, {"shots": 30}, {"method": "statevector", "seed_simulator": SEED})


def many_shots(form: str, shots: int) -> Simulation:
    """A save in each of many shots, and memory of them."""
    circuit = prepared(3, clifford=False)
    circuit.measure(0, 0)
    circuit.h(0)
    circuit.save_statevector(**EACH[form])
    circuit.save_expectation_value(observable(3), range(3), label="energy", **EACH[form])
    circuit.save_probabilities_dict(label="odds", **EACH[form])
    circuit.measure_all()
    return Simulation(circuit, {"shots": shots, "memory": True}, {"method": "statevector", "seed_simulator": SEED})


def partial_statevector() -> Simulation:
    """A save of some qubits only: Aer accepts it while the others are idle."""
    circuit = QuantumCircuit(4)
    circuit.h([0, 1])
    circuit.append(SaveStatevector(2, label="two of four"), [1, 0])
    return Simulation(circuit, options={"method": "statevector", "seed_simulator": SEED})


def infinite() -> Simulation:
    """Values that are no numbers, from a state that is no state."""
    circuit = QuantumCircuit(1)
    circuit.initialize([1, 0], 0)
    circuit.append(DiagonalGate([1, -1]), [0])
    circuit.save_statevector(label="minus zero")
    circuit.save_expectation_value(SparsePauliOp.from_list([("Z", 1e308), ("I", 1e308)]), [0], label="inf")
    circuit.save_expectation_value_variance(SparsePauliOp.from_list([("Z", 1e200)]), [0], label="overflow")
    return Simulation(circuit, options={"method": "statevector", "seed_simulator": SEED})


def other_save_cases() -> Cases:
    for n in (2, 5):
        for how in ("one shape", "shapes", "kinds"):
            yield Case(f"saves/forty/{how}/{n}", functools.partial(many_saves, n, how))
    for form in EACH:
        for shots in (1, 50, 3000):
            yield Case(f"saves/shots/{form}/{shots}", functools.partial(many_shots, form, shots))
    yield Case("saves/two of four qubits", partial_statevector)
    yield Case("saves/no numbers", infinite)


def set_and_saved(kind: str, n: int, save: bool) -> Simulation:
    """A state that is set instead of computed, from several classes of states."""
    circuit = QuantumCircuit(n, n)
    vector = random_statevector(2**n, seed=n)
    method: str = kind.partition(" ")[0]
    match kind:
        case "statevector":
            circuit.set_statevector(vector)
        case "statevector array":
            circuit.set_statevector(np.asarray(vector.data))
        case "density_matrix":
            circuit.set_density_matrix(DensityMatrix(vector))
        case "unitary":
            circuit.set_unitary(random_unitary(2**n, seed=n))
        case "superop":
            circuit.set_superop(SuperOp(random_unitary(2**n, seed=n)))
        case "stabilizer":
            circuit.set_stabilizer(random_clifford(n, seed=n))
        case "stabilizer state":
            circuit.set_stabilizer(Clifford(random_clifford(n, seed=n + 1)))
        case "matrix_product_state":
            first = QuantumCircuit(n)
            first.h(0)
            for qubit in range(1, n):
                first.cx(qubit - 1, qubit)
            first.save_matrix_product_state()
            from qiskit_aer import AerSimulator

            mps = AerSimulator(method="matrix_product_state", seed_simulator=1).run(first).result().data(0)
            circuit.set_matrix_product_state(mps["matrix_product_state"])
    circuit.h(0)
    if save:
        circuit.save_state(label="then")
    if method not in NO_MEASUREMENT:
        circuit.measure(range(n), range(n))
    return Simulation(circuit, {"shots": 25}, {"method": method, "seed_simulator": SEED})


def set_cases() -> Cases:
    kinds: Iterator[str] = iter(
        (
            *("statevector", "statevector array", "density_matrix", "unitary", "superop", "stabilizer"),
            *("stabilizer state", "matrix_product_state"),
        )
    )
    for kind in kinds:
        for n in (1, 2, 3, 6):
            if n <= LARGEST.get(kind, 12):
                for save in (True, False):
                    if save or kind not in NO_MEASUREMENT:
                        yield Case(f"set/{kind}/{n}/{save}", functools.partial(set_and_saved, kind, n, save))
