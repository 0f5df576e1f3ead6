"""Every public attribute of circuits, registers and instructions is known to be restored, or named as lost."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import qiskit_aer
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import (
    AncillaRegister,
    BoxOp,
    CircuitInstruction,
    Clbit,
    ControlledGate,
    Delay,
    ForLoopOp,
    Gate,
    IfElseOp,
    Instruction,
    Measure,
    Parameter,
    Qubit,
    Store,
    SwitchCaseOp,
    WhileLoopOp,
    library,
)
from qiskit.circuit.classical import expr, types
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer.noise import NoiseModel, depolarizing_error

import aerchive
from aerchive.aer.running import submit
from aerchive.codecs.circuits.reading import decode_circuits
from aerchive.codecs.circuits.writing import encode_circuits
from aerchive.codecs.noise_model import decode_noise_model, encode_noise_model

RESTORED = "is restored"
DERIVED = "follows from what is restored"
OF_THE_CLASS = "belongs to the class"
ATTRIBUTES: dict[type, dict[str, str]] = {
    QuantumCircuit: {
        **dict.fromkeys(("data", "name", "global_phase", "metadata", "layout"), RESTORED),
        **dict.fromkeys(("qubits", "clbits", "qregs", "cregs", "op_start_times", "duration", "unit"), RESTORED),
        **dict.fromkeys(
            ("ancillas", "num_ancillas", "num_qubits", "num_clbits", "parameters", "num_parameters"), DERIVED
        ),
        **dict.fromkeys(("num_vars", "num_input_vars", "num_captured_vars", "num_declared_vars"), DERIVED),
        **dict.fromkeys(("num_stretches", "num_captured_stretches", "num_declared_stretches"), DERIVED),
        **dict.fromkeys(("num_identifiers",), DERIVED),
        **dict.fromkeys(("instances", "prefix"), OF_THE_CLASS),
    },
    QuantumRegister: {
        **dict.fromkeys(("name", "size"), RESTORED),
        **dict.fromkeys(("bit_type", "instances_count", "prefix"), OF_THE_CLASS),
    },
    ClassicalRegister: {
        **dict.fromkeys(("name", "size"), RESTORED),
        **dict.fromkeys(("bit_type", "instances_count", "prefix"), OF_THE_CLASS),
    },
    AncillaRegister: {
        **dict.fromkeys(("name", "size"), RESTORED),
        **dict.fromkeys(("bit_type", "instances_count", "prefix"), OF_THE_CLASS),
    },
    Qubit: {},
    Clbit: {},
    CircuitInstruction: {
        **dict.fromkeys(("operation", "qubits", "clbits"), RESTORED),
        **dict.fromkeys(("name", "label", "params", "matrix"), DERIVED),
    },
    Instruction: {
        **dict.fromkeys(("name", "num_qubits", "num_clbits", "params", "label", "definition"), RESTORED),
        **dict.fromkeys(("base_class", "mutable"), OF_THE_CLASS),
        "decompositions": "is looked up in a library by name",
    },
    Gate: {},
    ControlledGate: dict.fromkeys(("num_ctrl_qubits", "ctrl_state", "base_gate"), RESTORED),
    Delay: dict.fromkeys(("duration", "unit"), RESTORED),
    Measure: {},
    Store: dict.fromkeys(("lvalue", "rvalue"), RESTORED),
    BoxOp: {
        **dict.fromkeys(("duration", "unit"), RESTORED),
        **dict.fromkeys(("blocks", "body"), DERIVED),
        "annotations": "is named as lost",
    },
    ForLoopOp: dict.fromkeys(("blocks",), DERIVED),
    IfElseOp: {"condition": RESTORED, "blocks": DERIVED},
    SwitchCaseOp: {"target": RESTORED, "blocks": DERIVED},
    WhileLoopOp: {"condition": RESTORED, "blocks": DERIVED},
}
"""What becomes of each public attribute that is not a method. If Qiskit has a new one, see that it is kept or named."""


def scheduled() -> QuantumCircuit:
    backend = GenericBackendV2(2, seed=1)
    circuit = QuantumCircuit(2, 2, name="scheduled")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    manager = generate_preset_pass_manager(1, backend, scheduling_method="alap", seed_transpiler=1)
    compiled: QuantumCircuit = manager.run(circuit)
    return compiled


def stored(circuit: QuantumCircuit) -> tuple[QuantumCircuit, tuple[str, ...]]:
    encoded = encode_circuits([circuit])
    (again,) = decode_circuits(encoded.qpy, encoded.aer)
    return again, encoded.lost


def made() -> dict[type, Any]:
    body = QuantumCircuit(1, 1)
    x, c = expr.Var.new("x", types.Uint(1)), Clbit()
    return {
        QuantumCircuit: QuantumCircuit(1, 1),
        QuantumRegister: QuantumRegister(1),
        ClassicalRegister: ClassicalRegister(1),
        AncillaRegister: AncillaRegister(1),
        Qubit: Qubit(),
        Clbit: c,
        CircuitInstruction: CircuitInstruction(library.XGate(), [Qubit()]),
        Instruction: Instruction("i", 1, 0, []),
        Gate: Gate("g", 1, []),
        ControlledGate: library.SGate().control(2),
        Delay: Delay(1),
        Measure: Measure(),
        Store: Store(x, expr.lift(1, types.Uint(1))),
        BoxOp: BoxOp(QuantumCircuit(1)),
        ForLoopOp: ForLoopOp([0], None, body),
        IfElseOp: IfElseOp((c, True), body),
        SwitchCaseOp: SwitchCaseOp(c, [(0, body)]),
        WhileLoopOp: WhileLoopOp((c, True), body),
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ATTRIBUTES, ids=lambda kind: kind.__name__)
def test_each_public_attribute_has_its_place(kind: type) -> None:
    known: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        known |= ATTRIBUTES.get(base, {})
    thing = made()[kind]
    names = {name for name in {*dir(thing), *vars_of(thing)} if not name.startswith("_")}
    data = {name for name in names if not inspect.isroutine(inspect.getattr_static(kind, name, None))}
    assert data - known.keys() == set(), "these are new: see that they are restored or named, and add them"
    assert {name for name in ATTRIBUTES[kind] if name not in names} == set(), "these are gone"


def vars_of(thing: Any) -> dict[str, Any]:
    return vars(thing) if hasattr(thing, "__dict__") else {}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_times_of_a_scheduled_circuit_are_kept() -> None:
    circuit = scheduled()
    again, lost = stored(circuit)
    assert lost == ()
    assert again.op_start_times == circuit.op_start_times
    assert (again.duration, again.unit) == (circuit.duration, circuit.unit) != (None, "dt")
    assert [again.qubit_start_time(0), again.qubit_stop_time(1)] == [
        circuit.qubit_start_time(0),
        circuit.qubit_stop_time(1),
    ]


def test_times_of_blocks_and_expressions_as_times() -> None:
    inner = QuantumCircuit(1)
    inner.x(0)
    inner._op_start_times, inner._duration, inner._unit = [Parameter("t") + 1], 1.5, "us"
    circuit = QuantumCircuit(1, name="c")
    circuit.append(BoxOp(inner), [0])

    again, lost = stored(circuit)

    assert lost == ()
    block = again.data[0].operation.blocks[0]
    assert (block._op_start_times, block._duration, block._unit) == (inner._op_start_times, 1.5, "us")


def test_times_that_cannot_be_stored_are_named() -> None:
    circuit = QuantumCircuit(1, name="c")
    circuit._op_start_times = [object()]
    assert stored(circuit)[1] == ("circuit 0 'c': times are not kept",)


def test_attribute_of_the_user_is_named_and_the_run_can_be_run_again(tmp_path: Path) -> None:
    circuit = QuantumCircuit(1, name="c")
    circuit.h(0)
    circuit.measure_all()
    circuit.note = "mine"
    assert stored(circuit)[1] == ("circuit 0 'c': attribute note of type builtins.str is not kept",)

    project = aerchive.open(tmp_path / "p.h5")
    job = qiskit_aer.AerSimulator(seed_simulator=1).run(circuit)
    with pytest.raises(aerchive.UnsupportedTypeError, match="attribute note"):
        project.save(job)
    assert project.latest().reproduce().verdict == "identical"


def test_layout_registers_and_phase_are_kept() -> None:
    circuit = QuantumCircuit(QuantumRegister(2, "a"), AncillaRegister(1, "b"), ClassicalRegister(2, "c"), [Clbit()])
    circuit.cx(0, 2)
    circuit.global_phase = Parameter("p")
    compiled = transpile(circuit, GenericBackendV2(4, seed=1), initial_layout=[3, 1, 0], seed_transpiler=1)
    for one in (circuit, compiled):
        again, lost = stored(one)
        assert lost == ()
        for name, place in ATTRIBUTES[QuantumCircuit].items():
            if place == DERIVED or name in ("qregs", "cregs", "global_phase", "name", "metadata"):
                assert getattr(again, name) == getattr(one, name), name
    assert again.layout.final_index_layout() == compiled.layout.final_index_layout()
    assert again.layout.initial_index_layout() == compiled.layout.initial_index_layout()


# Counters


def counted() -> tuple[str, ...]:
    return (QuantumCircuit().name, QuantumRegister(1).name, ClassicalRegister(1).name)


def numbers(names: tuple[str, ...]) -> list[int]:
    return [int("".join(letter for letter in name if letter.isdigit())) for name in names]


def noisy() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["h"])
    return model


def every_kind() -> QuantumCircuit:
    circuit = QuantumCircuit(3, 3)
    circuit.h(0)
    circuit.append(library.UCGate([library.XGate().to_matrix(), library.ZGate().to_matrix()]), [0, 1])
    circuit.append(library.MSGate(3, Parameter("a")), range(3))
    circuit.append(library.XGate(label=""), [0])
    circuit.append(depolarizing_error(0.1, 1), [0])
    circuit.append(library.AndGate(2).control(1, annotated=True).base_op, range(3))
    with circuit.if_test((0, 1)):
        circuit.save_statevector(pershot=True)
    inner = QuantumCircuit(1)
    inner.append(library.GlobalPhaseGate(0.5), [])
    circuit.append(inner.to_instruction(), [0])
    return circuit


ENCODED = b"".join(encode_noise_model(noisy()).datasets["model"].parts[0].tolist())
ACTS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "circuits": (every_kind, lambda circuit: encode_circuits([circuit])),
    "a scheduled circuit": (scheduled, lambda circuit: encode_circuits([circuit])),
    "noise model": (noisy, encode_noise_model),
    "noise model that is read": (lambda: ENCODED, lambda text: decode_noise_model(text, "here")),
}
"""How something is made, and what is then done with it."""


@pytest.mark.parametrize("name", ACTS)
def test_archiving_leaves_the_counters_alone(name: str) -> None:
    make, act = ACTS[name]
    thing, before = make(), numbers(counted())
    act(thing)
    assert numbers(counted()) == [number + 1 for number in before]


def test_other_threads_count_meanwhile() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from aerchive.codecs.circuits.counters import uncounted

    before = QuantumCircuit.instances
    with uncounted(), uncounted():
        QuantumCircuit()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(QuantumCircuit).result()
    assert before + 1 == QuantumCircuit.instances
    QuantumCircuit()
    assert before + 2 == QuantumCircuit.instances


def test_names_are_those_without_autosave(tmp_path: Path) -> None:
    def names() -> list[str]:
        found = []
        for _ in range(3):
            circuit = QuantumCircuit(2)
            circuit.h([0, 1])
            circuit.append(library.UCGate([library.XGate().to_matrix(), library.ZGate().to_matrix()]), [0, 1])
            circuit.measure_all()
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                result = qiskit_aer.AerSimulator(noise_model=noisy()).run(circuit, shots=3).result()
            found.append(result.results[0].header["name"])
        return found

    def steps(found: list[str]) -> list[int]:
        at = numbers(tuple(found))
        return [later - at[0] for later in at]

    plain = steps(names())
    submit._shares_arrays.cache_clear()  # as in a new process
    with aerchive.autosave(tmp_path / "p.h5"):
        assert steps(names()) == plain
