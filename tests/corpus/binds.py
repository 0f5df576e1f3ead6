"""Parameter binds in every form that Aer accepts, and some that it refuses."""

from __future__ import annotations

import array
import collections
import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector

from tests.corpus.case import SEED, Case, Cases, Simulation
from tests.corpus.saves import observable

P, Q = Parameter("p"), Parameter("θ of q")
VECTOR, LONG = ParameterVector("v[0]", 3), ParameterVector("long", 200)


def two() -> QuantumCircuit:
    circuit = QuantumCircuit(2, name="two", metadata={"sweep": True})
    circuit.rx(P, 0)
    circuit.rz(P + 2 * Q, 0)
    circuit.cx(0, 1)
    circuit.ry(Q * P / 3, 1)
    circuit.save_statevector()
    circuit.measure_all()
    return circuit


def vector() -> QuantumCircuit:
    circuit = QuantumCircuit(1, global_phase=VECTOR[2], name="vector")
    circuit.u(VECTOR[0], VECTOR[1], VECTOR[2], 0)
    circuit.save_expectation_value(observable(1), [0])
    circuit.measure_all()
    return circuit


def long() -> QuantumCircuit:
    circuit = QuantumCircuit(2, name="long")
    for number, parameter in enumerate(LONG):
        circuit.ry(parameter, number % 2)
    circuit.measure_all()
    return circuit


def plain() -> QuantumCircuit:
    circuit = QuantumCircuit(1, name="no parameters")
    circuit.h(0)
    circuit.measure_all()
    return circuit


def dynamic() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2, name="dynamic")
    circuit.rx(P, 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rz(Q, 1)
        circuit.h(1)
    circuit.measure(1, 1)
    return circuit


class Steps:
    """A sequence of somebody's own."""

    def __init__(self, *values: float) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, number: int) -> float:
        return self.values[number]


FORMS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "lists": lambda: (two(), [{P: [0, 0.1, np.pi], Q: [0, 1, 2]}]),
    "one each": lambda: (two(), [{P: [0.5], Q: [1.5]}]),
    "arrays": lambda: (two(), [{P: np.linspace(0, 1, 4), Q: np.zeros(4, np.float32)}]),
    "arrays of integers": lambda: (two(), [{P: np.arange(3), Q: np.array([1, 0, 1], np.uint8)}]),
    "a view": lambda: (two(), [{P: np.arange(8.0)[::2], Q: np.arange(4.0)[::-1]}]),
    "numpy scalars": lambda: (two(), [{P: [np.float64(0.1), np.float32(0.1)], Q: [np.int64(1), True]}]),
    "tuples": lambda: (two(), [{P: (0.1, 0.2), Q: (1, 2)}]),
    "ranges": lambda: (two(), [{P: range(3), Q: range(0, 6, 2)}]),
    "python arrays": lambda: (two(), [{P: array.array("d", [0.1, 0.2]), Q: array.array("f", [0.1, 0.2])}]),
    "own sequences": lambda: (two(), [{P: Steps(0.1, 0.2), Q: Steps(1, 2)}]),
    "deques": lambda: (two(), [{P: collections.deque([0.1, 0.2]), Q: [1, 2]}]),
    "ordered dict": lambda: (two(), [collections.OrderedDict([(Q, [0.1]), (P, [0.2])])]),
    "mapping proxy": lambda: (two(), [types.MappingProxyType({P: [0.1], Q: [0.2]})]),
    "a tuple of binds": lambda: (two(), ({P: [0.1], Q: [0.2]},)),
    "an expression as key": lambda: (two(), [{P: [0.1], Q: [0.2], P + 2 * Q: [0.5]}]),
    "names": lambda: (two(), [{"p": [0.1], "θ of q": [0.2]}]),
    "too many": lambda: (two(), [{P: [0.1], Q: [0.2], Parameter("other"): [0.3]}]),
    "missing": lambda: (two(), [{P: [0.1]}]),
    "none at all": lambda: (two(), None),
    "empty list": lambda: (two(), []),
    "empty dict": lambda: (two(), [{}]),
    "no values": lambda: (two(), [{P: [], Q: []}]),
    "lengths differ": lambda: (two(), [{P: [0.1, 0.2], Q: [0.2]}]),
    "numbers": lambda: (two(), [{P: 0.1, Q: 0.2}]),
    "complex": lambda: (two(), [{P: [1j], Q: [0.2]}]),
    "text": lambda: (two(), [{P: ["a"], Q: [0.2]}]),
    "nan": lambda: (two(), [{P: [float("nan"), float("inf")], Q: [0.2, -0.0]}]),
    "a dict": lambda: (two(), {P: [0.1], Q: [0.2]}),
    "elements of a vector": lambda: (vector(), [{VECTOR[0]: [0.1, 0.2], VECTOR[1]: [0.3, 0.4], VECTOR[2]: [0.5, 0.6]}]),
    "a vector": lambda: (vector(), [{VECTOR: [[0.1, 0.2, 0.3]]}]),
    "a long vector": lambda: (long(), [{p: np.linspace(0, 1, 5) for p in LONG}]),
    "columns of a matrix": lambda: (vector(), [dict(zip(VECTOR, np.linspace(0, 1, 12).reshape(4, 3).T, strict=True))]),
    "two circuits": lambda: (
        [two(), vector()],
        [{P: [0, 1], Q: [2, 3]}, {VECTOR[0]: [0.1], VECTOR[1]: [0.2], VECTOR[2]: [0.3]}],
    ),
    "with a plain one": lambda: ([two(), plain(), two()], [{P: [0, 1], Q: [2, 3]}, {}, {P: [0.5] * 3, Q: [0.1] * 3}]),
    "plain first": lambda: ([plain(), two()], [{}, {P: [0, 1], Q: [2, 3]}]),
    "one circuit twice": lambda: ([(c := two()), c], [{P: [0], Q: [2]}, {P: [1, 2], Q: [3, 4]}]),
    "too few dicts": lambda: ([two(), two()], [{P: [0], Q: [2]}]),
    "dynamic": lambda: (dynamic(), [{P: [0.5, 1.5], Q: [1, 2]}]),
    "bound before": lambda: (two().assign_parameters({P: 0.5, Q: 1}), None),
    "half bound": lambda: (two().assign_parameters({P: 0.5}), [{Q: [0.1, 0.2]}]),
    "a thousand": lambda: (vector(), [{p: np.linspace(0, 3, 1000) + number for number, p in enumerate(VECTOR)}]),
}


NO_CODEC = ("an expression as key", "a vector", "a dict")


def bound(form: str, at_run_time: bool, on: str) -> Simulation:
    circuits, binds = FORMS[form]()
    options = {"runtime_parameter_bind_enable": at_run_time} if on == "backend" else {}
    run = {"runtime_parameter_bind_enable": at_run_time} if on == "run" else {}
    if form == "dynamic":  # Aer does not find its jumps, and aborts the process if that is in parallel
        options["max_parallel_threads"] = 1
    refuses = form in NO_CODEC
    reproducible: bool | str = "parameter_binds" if refuses else True
    return Simulation(
        circuits,
        {"shots": 30, **run},
        {"seed_simulator": SEED, **options},
        binds,
        refuses=refuses,
        reproducible=reproducible,
    )


def bind_cases() -> Cases:
    for form in FORMS:
        for at_run_time in (False, True):
            for on in ("backend", "run"):
                yield Case(f"binds/{form}/{at_run_time}/{on}", functools.partial(bound, form, at_run_time, on))
