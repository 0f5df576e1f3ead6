"""Runs that fail, in part or whole, in C++ or in Python, before, in or after the simulation; other simulators."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Instruction, Parameter
from qiskit.exceptions import QiskitError
from qiskit.result import Result

from tests.corpus.case import SEED, Case, Cases, Simulation
from tests.corpus.saves import prepared


def good(name: str = "good") -> QuantumCircuit:
    circuit = prepared(2, clifford=True)
    circuit.save_probabilities()
    circuit.measure([0, 1], [0, 1])
    circuit.name = name
    return circuit


def not_clifford(name: str = "not Clifford") -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1, name=name)
    circuit.t(0)
    circuit.measure(0, 0)
    return circuit


def too_large() -> QuantumCircuit:
    circuit = QuantumCircuit(50, name="too large")
    circuit.h(range(50))
    circuit.t(range(50))
    circuit.save_statevector()
    return circuit


def unknown_gate() -> QuantumCircuit:
    circuit = QuantumCircuit(2, name="unknown")
    circuit.append(Gate("nobody knows", 2, [0.5]), [0, 1])
    return circuit


def unknown_instruction() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 1, name="unknown")
    circuit.append(Instruction("nobody\x1b[31m knows", 2, 1, []), [0, 1], [0])
    return circuit


def unbound() -> QuantumCircuit:
    circuit = QuantumCircuit(1, name="unbound")
    circuit.rx(Parameter("x"), 0)
    return circuit


def wrong_save() -> QuantumCircuit:
    circuit = QuantumCircuit(1, name="no unitary here")
    circuit.h(0)
    circuit.save_unitary()
    return circuit


def same_labels() -> QuantumCircuit:
    circuit = QuantumCircuit(1, name="one label")
    circuit.save_statevector(label="x")
    circuit.save_probabilities(label="x")
    return circuit


def broken_load() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1, name="broken")
    circuit.append(Instruction("mark", 1, 0, []), [0])
    return circuit


def generator() -> Any:
    return (circuit for circuit in [good()])


RUNS: dict[str, Callable[[], Simulation]] = {
    "one of three": lambda: Simulation(
        [good(), not_clifford(), good("again")], {"shots": 10}, {"method": "stabilizer"}
    ),
    "the first": lambda: Simulation([not_clifford(), good()], {"shots": 10, "memory": True}, {"method": "stabilizer"}),
    "all": lambda: Simulation([not_clifford("a"), not_clifford("b")], {"shots": 10}, {"method": "stabilizer"}),
    "the only one": lambda: Simulation(not_clifford(), {"shots": 10}, {"method": "stabilizer"}),
    "too large": lambda: Simulation(too_large(), {}, {"method": "statevector"}),
    "too large beside others": lambda: Simulation([good(), too_large()], {}, {"method": "statevector"}),
    "too little memory": lambda: Simulation(
        prepared(20, clifford=False), {"max_memory_mb": 1}, {"method": "statevector"}
    ),
    "wrong save": lambda: Simulation(wrong_save(), {}, {"method": "statevector"}),
    "wrong save beside others": lambda: Simulation([good(), wrong_save()], {}, {"method": "statevector"}),
    "unknown gate": lambda: Simulation(unknown_gate()),
    "unknown gate beside others": lambda: Simulation([good(), unknown_gate()]),
    "unknown instruction": lambda: Simulation(unknown_instruction()),
    "unbound": lambda: Simulation(unbound()),
    "same labels": lambda: Simulation(same_labels()),
    "broken": lambda: Simulation(broken_load()),
    "no circuits": lambda: Simulation([]),
    "no circuits in a tuple": lambda: Simulation(()),
    "None": lambda: Simulation(None, reproducible=False),
    "a number": lambda: Simulation(5, reproducible=False),
    "a text": lambda: Simulation("circuit", reproducible=False),
    "a list of others": lambda: Simulation([good(), "circuit"], reproducible=False, refuses=True),
    "a generator": lambda: Simulation(generator(), reproducible=False),
    "a dict": lambda: Simulation({"a": good()}, reproducible=False),
    "binds for none": lambda: Simulation(good(), {}, {}, [{Parameter("x"): [1, 2]}]),
    "cancelled": lambda: Simulation([good(), good()], {"shots": 10}, cancel=True, reproducible="it is cancelled"),
}


class OwnError(Exception):
    """Somebody's exception with arguments of its own."""

    def __init__(self, code: int, *, text: str) -> None:
        super().__init__(code, text)
        self.code = code


class NoText(Exception):
    """An exception that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no")


RAISED: dict[str, Callable[[], BaseException]] = {
    "own": lambda: OwnError(7, text="seven"),
    "no text": NoText,
    "empty": ValueError,
    "surrogate": lambda: ValueError("\ud800 and \0"),
    "escape": lambda: ValueError("\x1b[2J\x07 gone"),
    "long": lambda: ValueError("ψ" * 100_000),
    "many arguments": lambda: QiskitError("a", 2, None),
    "key": lambda: KeyError("a key"),
    "os": lambda: FileNotFoundError(2, "No such file", "/nowhere"),
    "memory": MemoryError,
    "recursion": lambda: RecursionError("too deep"),
    "interrupt": KeyboardInterrupt,
    "exit": lambda: SystemExit(3),
    "group": lambda: ExceptionGroup("several", [ValueError("a"), TypeError("b")]),
}


def raising(kind: str, when: str) -> Simulation:
    def make(base: Any, **options: Any) -> Any:
        class Raising(base):  # type: ignore[misc]
            def _execute_circuits_job(self, *arguments: Any, **keywords: Any) -> Any:
                if when == "after":
                    super()._execute_circuits_job(*arguments, **keywords)
                raise RAISED[kind]() from (OSError("cause") if when == "after" else None)

        return Raising(**options)

    return Simulation(good(), {"shots": 10}, {"seed_simulator": SEED}, make=make, reproducible=False)


class OwnResult(Result):
    """Somebody's Result."""


def subclass(how: str) -> Simulation:
    def make(base: Any, **options: Any) -> Any:
        match how:
            case "other name":

                class Named(base):  # type: ignore[misc]
                    def __init__(self, **keywords: Any) -> None:
                        super().__init__(**keywords)
                        self.name = "mine \x1b[31m/ψ"

                return Named(**options)
            case "other defaults":

                class Defaults(base):  # type: ignore[misc]
                    @classmethod
                    def _default_options(cls) -> Any:
                        options = super()._default_options()
                        options.update_options(shots=33, seed_simulator=SEED)
                        return options

                return Defaults(**options)
            case "own result":

                class Resulting(base):  # type: ignore[misc]
                    def _execute_circuits_job(self, *arguments: Any, **keywords: Any) -> Any:
                        made = super()._execute_circuits_job(*arguments, **keywords)
                        return OwnResult.from_dict(made.to_dict() | {"mine": 1})

                return Resulting(**options)
            case "adds to run":

                class Adding(base):  # type: ignore[misc]
                    def run(self, circuits: Any, parameter_binds: Any = None, **keywords: Any) -> Any:
                        return super().run(circuits, parameter_binds, shots=21, **keywords)

                return Adding(**options)
            case "no backend_version":

                class Versionless(base):  # type: ignore[misc]
                    def configuration(self) -> Any:
                        configuration = super().configuration()
                        configuration.backend_version = None
                        return configuration

                return Versionless(**options)
        raise ValueError(how)

    return Simulation(good(), {}, {"seed_simulator": SEED}, make=make, reproducible=how != "own result")


def other_simulator(name: str, how: str) -> Simulation:
    circuit = prepared(3, clifford=False, clbits=3 if name == "QasmSimulator" else 0)
    if name == "QasmSimulator":
        circuit.measure(range(3), range(3))
    circuits: Any = [circuit, circuit.copy("second")] if how == "two" else circuit
    run: dict[str, Any] = {"shots": 20}
    options: dict[str, Any] = {} if name == "UnitarySimulator" and how == "bare" else {"seed_simulator": SEED}
    if how == "single precision":
        options["precision"] = "single"
    if how == "threshold":
        options["zero_threshold"] = 0.01

    def make(_base: Any, **options: Any) -> Any:
        return getattr(qiskit_aer, name)(**options)

    return Simulation(circuits, run, options, make=make, only_stock=True)


def failure_cases() -> Cases:
    for name, make in RUNS.items():
        yield Case(f"failure/{name}", make)
    for kind in RAISED:
        for when in ("before", "after"):
            yield Case(f"failure/raises/{kind}/{when}", functools.partial(raising, kind, when))
    for how in ("other name", "other defaults", "own result", "adds to run", "no backend_version"):
        yield Case(f"simulator/subclass/{how}", functools.partial(subclass, how))
    for name in ("QasmSimulator", "StatevectorSimulator", "UnitarySimulator"):
        for how in ("bare", "two", "single precision", "threshold"):
            yield Case(f"simulator/{name}/{how}", functools.partial(other_simulator, name, how))
