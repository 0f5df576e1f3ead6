from __future__ import annotations

import collections
import datetime
import enum
import functools
import hashlib
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qpy, transpile
from qiskit.circuit import AncillaRegister, Clbit, Delay, Gate, Instruction, Parameter, ParameterVector, Qubit
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import CXGate, DiagonalGate, HamiltonianGate, RXGate, StatePreparation, XGate
from qiskit.quantum_info import (
    Clifford,
    Kraus,
    Operator,
    Pauli,
    SparsePauliOp,
    Statevector,
    SuperOp,
    random_clifford,
    random_statevector,
    random_unitary,
)
from qiskit.result.models import MeasLevel
from qiskit_aer import AerSimulator
from qiskit_aer import library as aer
from qiskit_aer.backends.aer_compiler import AerCompiler
from qiskit_aer.library.control_flow_instructions import AerStore
from qiskit_aer.noise import (
    PauliLindbladError,
    QuantumError,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
)
from qiskit_aer.noise.errors import PauliError

from aerchive.codecs.base import MissingValue
from aerchive.codecs.circuits import reading
from aerchive.codecs.circuits import writing as codec
from aerchive.codecs.circuits.reading import decode_circuits
from aerchive.codecs.circuits.writing import encode_circuits
from aerchive.errors import FormatError, InvalidInputError, UnsupportedTypeError
from aerchive.models import tagged_json
from aerchive.storage.chunks.drafts import ObjectDraft
from aerchive.text import type_name
from tests.strict import differences

OPERATOR = SparsePauliOp.from_list([("ZZ", 0.5), ("XI", -0.25), ("IY", 1.5)])
SOURCE = Path(__file__).resolve().parents[3] / "src"

PARAMETER = type_name(Parameter)
lost_by_newer = pytest.mark.skipif(qpy.QPY_VERSION < 16, reason="QPY of Qiskit 2.1 keeps this")
refused_by_oldest = pytest.mark.skipif(qpy.QPY_VERSION < 16, reason="QPY of Qiskit 2.1 refuses this circuit")


def bell(t: bool = True, name: str = "bell") -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2, name=name)
    circuit.h(0)
    circuit.cx(0, 1)
    if t:
        circuit.t(0)
        circuit.ry(0.3, 1)
    return circuit


def once(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit after the archive, which must have kept all of it."""
    encoded = encode_circuits([circuit])
    assert encoded.lost == ()
    (decoded,) = decode_circuits(encoded.qpy, encoded.aer)
    return decoded


def run(circuits: list[QuantumCircuit], **options: object) -> object:
    return AerSimulator(seed_simulator=1234, max_parallel_threads=1, **options).run(circuits, shots=20).result()


def assert_runs_the_same(circuit: QuantumCircuit, **options: object) -> None:
    mine, other = run([circuit], **options), run([once(circuit)], **options)
    assert mine.success, mine.status
    found = []
    for one, two in zip(mine.results, other.results, strict=True):
        found += differences(one.data, two.data, "data")
        found += differences(one.header, two.header, "header")
    assert found == []


SAVES: dict[str, tuple[Callable[..., object], str]] = {
    "statevector": (lambda c, **k: c.save_statevector(**k), "statevector"),
    "statevector_dict": (lambda c, **k: c.save_statevector_dict(**k), "statevector"),
    "density_matrix": (lambda c, **k: c.save_density_matrix(qubits=[1], **k), "density_matrix"),
    "matrix_product_state": (lambda c, **k: c.save_matrix_product_state(**k), "matrix_product_state"),
    "state": (lambda c, **k: c.save_state(**k), "statevector"),
    "stabilizer": (lambda c, **k: c.save_stabilizer(**k), "stabilizer"),
    "expval": (lambda c, **k: c.save_expectation_value(OPERATOR, [1, 0], **k), "statevector"),
    "expval_var": (lambda c, **k: c.save_expectation_value_variance(OPERATOR, [0, 1], **k), "statevector"),
    "probabilities": (lambda c, **k: c.save_probabilities(qubits=[1], **k), "statevector"),
    "probabilities_dict": (lambda c, **k: c.save_probabilities_dict(**k), "statevector"),
    "amplitudes": (lambda c, **k: c.save_amplitudes([0, 3], **k), "statevector"),
    "amplitudes_squared": (lambda c, **k: c.save_amplitudes_squared([0, 3], **k), "statevector"),
}


@pytest.mark.parametrize("mode", [{}, {"pershot": True}, {"conditional": True}, {"pershot": True, "conditional": True}])
@pytest.mark.parametrize("kind", SAVES)
def test_save_instruction_runs_again(kind: str, mode: dict[str, bool]) -> None:
    save, method = SAVES[kind]
    circuit = bell(t=method != "stabilizer")
    circuit.measure(0, 0)
    save(circuit, label="a/b ψ", **mode)
    circuit.measure([0, 1], [0, 1])

    assert_runs_the_same(circuit, method=method)


@pytest.mark.parametrize("kind", ["density_matrix", "expval", "expval_var", "probabilities", "amplitudes_squared"])
def test_unnormalized_save_runs_again(kind: str) -> None:
    circuit = bell()
    SAVES[kind][0](circuit, unnormalized=True)

    assert_runs_the_same(circuit, method="density_matrix" if kind == "density_matrix" else "statevector")


@pytest.mark.parametrize(
    ("save", "method"), [("save_unitary", "unitary"), ("save_superop", "superop"), ("save_clifford", "stabilizer")]
)
def test_save_of_an_operator_runs_again(save: str, method: str) -> None:
    circuit = bell(t=False)
    getattr(circuit, save)(label="one")
    circuit.x(0)
    getattr(circuit, save)(label="two")

    assert_runs_the_same(circuit, method=method)


def mps() -> object:
    circuit = bell()
    circuit.save_matrix_product_state()
    return run([circuit], method="matrix_product_state").data()["matrix_product_state"]


SETS: dict[str, tuple[Callable[[QuantumCircuit], object], str]] = {
    "statevector": (lambda c: c.set_statevector(random_statevector(4, seed=1)), "statevector"),
    "density_matrix": (lambda c: c.set_density_matrix(random_statevector(4, seed=2).to_operator()), "density_matrix"),
    "unitary": (lambda c: c.set_unitary(random_unitary(4, seed=3)), "unitary"),
    "superop": (lambda c: c.set_superop(SuperOp(random_unitary(4, seed=4))), "superop"),
    "stabilizer": (lambda c: c.set_stabilizer(random_clifford(2, seed=5)), "stabilizer"),
    "matrix_product_state": (lambda c: c.set_matrix_product_state(mps()), "matrix_product_state"),
}


@pytest.mark.parametrize("kind", SETS)
def test_set_instruction_runs_again(kind: str) -> None:
    put, method = SETS[kind]
    circuit = QuantumCircuit(2)
    put(circuit)
    circuit.h(0)
    circuit.save_state()

    assert_runs_the_same(circuit, method=method)
    assert differences(circuit.data[0].operation.params, once(circuit).data[0].operation.params) == []


def test_order_of_matrices_in_memory_is_kept() -> None:
    circuit = QuantumCircuit(1)
    circuit.set_unitary(np.asfortranarray(random_unitary(2, seed=1).data))

    (params, again) = (c.data[0].operation.params for c in (circuit, once(circuit)))

    assert params[0].flags.f_contiguous
    assert differences(params, again) == []


def test_aer_instruction_is_of_its_class_with_all_that_aer_reads() -> None:
    circuit = QuantumCircuit(3)
    circuit.append(aer.SaveAmplitudes(2, [np.int64(1), 3], label="", pershot=True), [2, 0])

    (item,) = once(circuit).data

    assert type(item.operation) is aer.SaveAmplitudes
    assert item.operation._subtype == "list"
    assert item.operation.label == ""
    assert differences(item.operation.params, [np.int64(1), 3]) == []
    assert [bit._index for bit in item.qubits] == [2, 0]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(depolarizing_error(0.3, 1), id="depolarizing"),
        pytest.param(amplitude_damping_error(0.2), id="Kraus"),
        pytest.param(PauliLindbladError(["X", "Z"], [0.1, 0.3]), id="Pauli-Lindblad"),
        pytest.param(pauli_error([("X", 0.1), ("I", 0.9)]), id="Pauli"),
    ],
)
def test_error_in_a_circuit_runs_again(error: object) -> None:
    circuit = bell()
    circuit.append(error, [0])
    circuit.append(error, [1])
    circuit.append(depolarizing_error(0.1, 2), [0, 1])
    circuit.measure([0, 1], [0, 1])

    assert_runs_the_same(circuit)
    errors = [item.operation._quantum_error for item in once(circuit).data if item.name == "quantum_channel"]
    assert errors[0].id == errors[1].id == error.id
    assert errors[0] is errors[1], "an error that was shared is shared"


def test_probabilities_of_an_error_are_not_scaled_again() -> None:
    error = QuantumError([(XGate(), 0.1), (RXGate(0.2), 0.2), (XGate(), 0.7)])
    error._probs = [0.1, 0.2, 0.7000000000000001]
    circuit = QuantumCircuit(1)
    circuit.append(error, [0])

    assert differences(once(circuit).data[0].operation._quantum_error.probabilities, error.probabilities) == []


def test_definition_of_a_wide_error_is_never_computed() -> None:
    circuit = QuantumCircuit(30)
    circuit.append(PauliLindbladError(["X" * 30, "Z" * 30], [0.1, 0.2]).to_instruction(), range(30))

    error = once(circuit).data[0].operation._quantum_error

    assert error.generators.to_labels() == ["X" * 30, "Z" * 30]


def test_error_inside_an_error_and_error_of_paulis() -> None:
    inner = QuantumCircuit(1)
    inner.append(pauli_error([("X", 0.1), ("I", 0.9)]), [0])
    circuit = QuantumCircuit(1)
    circuit.append(QuantumError([(inner, 1.0)]), [0])
    circuit.append(PauliError(["X", "Z"], [0.25, 0.75]), [0])

    outer, paulis = (item.operation._quantum_error for item in once(circuit).data)

    assert outer.circuits[0].data[0].operation._quantum_error.probabilities == [0.1, 0.9]
    assert paulis.probabilities.tolist() == [0.25, 0.75]


def test_channel_instructions_of_qiskit_run_again() -> None:
    circuit = bell()
    circuit.append(Kraus(amplitude_damping_error(0.2)).to_instruction(), [0])
    circuit.append(SuperOp(amplitude_damping_error(0.4)).to_instruction(), [1])
    circuit.save_density_matrix()

    assert_runs_the_same(circuit, method="density_matrix")


def control_flow() -> QuantumCircuit:
    circuit = bell()
    circuit.measure([0, 1], [0, 1])
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.x(0)
        circuit.save_statevector(label="true", pershot=True)
    with otherwise:
        circuit.save_expectation_value(Pauli("Z"), [0], label="false", pershot=True)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.x(0)
        circuit.measure(0, 0)
        circuit.append(depolarizing_error(0.1, 1), [1])
    with circuit.for_loop([2, 0]) as angle:
        circuit.rx(angle, 0)
        circuit.append(depolarizing_error(0.2, 1), [0])
    with circuit.switch(circuit.cregs[0]) as case:
        with case(0, 1):
            circuit.y(0)
            with circuit.if_test(expr.less(circuit.cregs[0], 2)):
                circuit.save_probabilities(label="nested", pershot=True)
        with case(case.DEFAULT):
            circuit.save_density_matrix(label="default", pershot=True)
    return circuit


def test_control_flow_runs_again() -> None:
    assert_runs_the_same(control_flow())


def test_circuits_that_aer_compiled_are_kept() -> None:
    variables = QuantumCircuit(2, 2)
    variables.store(variables.add_var("u", expr.lift(3, types.Uint(4))), expr.lift(2, types.Uint(4)))
    with variables.if_test(expr.less(variables.get_var("u"), 4)):
        variables.x(0)
    register = bell()
    with register.while_loop((register.cregs[0], 2)):
        register.measure([0, 1], [0, 1])

    compiled = AerCompiler().compile([control_flow(), variables, register])
    encoded = encode_circuits(compiled)

    assert encoded.lost == ()
    again = decode_circuits(encoded.qpy, encoded.aer)
    kinds = [{type(item.operation) for item in circuit.data} for circuit in again]
    assert AerStore in kinds[1]
    conditions = [item.operation.condition for item in again[2].data if item.name == "jump"]
    assert [c for c in conditions if c] == [(again[2].cregs[0], 2)]


def test_box_stretch_and_variables_are_kept() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.delay(circuit.add_stretch("s"), 0)
    circuit.add_var("v", expr.lift(5, types.Uint(4)))
    with circuit.box(label="hi", duration=10, unit="ns"):
        circuit.save_statevector()

    again = once(circuit)

    assert type(again.data[-1].operation.blocks[0].data[0].operation) is aer.SaveStatevector


@pytest.mark.parametrize("unit", ["dt", "ns", "us", "s"])
def test_delay_keeps_its_unit(unit: str) -> None:
    parameter = Parameter("p")
    circuit = QuantumCircuit(1)
    circuit.delay(10, 0, unit)
    circuit.append(Delay(2 * parameter, unit), [0])

    number, expression = (item.operation for item in once(circuit).data)

    assert (number.duration, number.unit) == (10, unit)
    assert (expression.duration, expression.unit) == (2 * parameter, unit)


@refused_by_oldest
def test_registers_and_loose_bits_are_kept() -> None:
    a = ClassicalRegister(3, "ä b")
    alias = ClassicalRegister(bits=[a[2], a[0]], name="alias")
    circuit = QuantumCircuit(QuantumRegister(1, "q"), AncillaRegister(2, "anc"), a, alias, [Clbit(), Qubit(), Qubit()])
    circuit.global_phase = 1.25
    circuit.h(range(5))
    circuit.measure(range(4), range(4))
    with circuit.if_test((alias, 2)):
        circuit.save_statevector(pershot=True)
    with circuit.if_test((circuit.clbits[3], 1)):
        circuit.x(4)

    assert_runs_the_same(circuit)


def test_parameters_are_the_same_parameters() -> None:
    p, vector = Parameter("θ"), ParameterVector("v", 2)
    circuit = QuantumCircuit(1, global_phase=vector[0])
    circuit.rx(2 * p + vector[1], 0)
    circuit.save_statevector()

    again = once(circuit)

    assert again.parameters == circuit.parameters
    bound = [c.assign_parameters({p: 0.1, vector: [0.2, 0.3]}) for c in (circuit, again)]
    assert differences(run(bound[:1]).data(), run(bound[1:]).data()) == []


def test_ordinary_gates_are_kept() -> None:
    circuit = QuantumCircuit(3)
    circuit.append(XGate(label="noisy"), [0])
    circuit.append(RXGate(0.2).control(2, ctrl_state=1, annotated=False), [0, 1, 2])
    circuit.append(CXGate(ctrl_state=0), [0, 1])
    circuit.rx(float("nan"), 0)
    circuit.rx(-0.0, 0)
    circuit.initialize([0, 1], 0)
    circuit.unitary(np.eye(4), [0, 1])
    circuit.append(Instruction("nosuch", 2, 0, []), [0, 1])
    circuit.barrier(label="aer:save_statevector")  # looks like a placeholder, and is none

    again = once(circuit)

    assert [item.name for item in again.data] == [item.name for item in circuit.data]
    assert again.data[0].label == "noisy"


@pytest.mark.parametrize(
    "circuit",
    [QuantumCircuit(), QuantumCircuit(0, 2), QuantumCircuit(1)],
    ids=["nothing", "bits only", "no instructions"],
)
def test_small_circuits(circuit: QuantumCircuit) -> None:
    again = once(circuit)

    assert (again.num_qubits, again.num_clbits, len(again.data)) == (circuit.num_qubits, circuit.num_clbits, 0)


def test_no_circuits() -> None:
    encoded = encode_circuits([])

    assert decode_circuits(encoded.qpy, encoded.aer) == []


def test_circuits_keep_their_order_and_the_errors_circuits_stay_inside() -> None:
    noisy = bell(name="noisy")
    noisy.append(depolarizing_error(0.1, 1), [0])

    encoded = encode_circuits([bell(name="a"), noisy, bell(name="a"), noisy])

    assert [c.name for c in decode_circuits(encoded.qpy, encoded.aer)] == ["a", "noisy", "a", "noisy"]


def test_layout_of_a_transpiled_circuit_is_kept() -> None:
    circuit = bell()
    circuit.save_statevector()
    mapped = transpile(circuit, coupling_map=[[0, 1], [1, 2], [2, 3]], initial_layout=[3, 1], seed_transpiler=1)

    layout = once(mapped).layout

    assert layout.initial_index_layout() == mapped.layout.initial_index_layout()
    assert layout.final_index_layout() == mapped.layout.final_index_layout()


def test_subclass_comes_back_as_a_circuit() -> None:
    class Special(QuantumCircuit):
        pass

    circuit = Special(1)
    circuit.save_statevector()

    assert type(once(circuit)) is QuantumCircuit


def test_circuits_are_not_changed() -> None:
    circuit = control_flow()
    circuit.metadata = metadata = {"of": "mine"}
    circuit.name = "x" * 70_000
    operations = [item.operation for item in circuit.data]

    encode_circuits([circuit])

    assert circuit.metadata is metadata
    assert len(circuit.name) == 70_000
    assert [item.operation for item in circuit.data] == operations
    assert type(circuit.data[6].operation.blocks[0].data[1].operation) is aer.SaveStatevector


# Names and metadata


@pytest.mark.parametrize(
    "name", ["ψ→φ 😀", "", "nul\0x", "line\nbreak", "x" * 1000, "x" * 70_000, "é" * 40_000, "\ud800"]
)
def test_name_is_kept(name: str) -> None:
    circuit = bell()
    circuit.name = name
    circuit.save_statevector()

    assert once(circuit).name == name


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"complex": 1 + 2j, "array": np.asfortranarray(np.eye(3)[:, ::2]), 5: "int", ("t", 1): (b"\0", {1, 2}, None)},
        {"nan": float("nan"), "zero": -0.0, "numpy": np.float32(1.5), "big": 10**40, "$": "missing"},
        {"day": datetime.date(2026, 11, 30), "third": [Fraction(1, 3)], "folder": Path("a/b"), "level": MeasLevel.RAW},
        {"sum": SparsePauliOp(["ZZ", "XI"], [0.5, 2j]), "states": [Statevector([1, 0]), Operator([[1, 0], [0, 1]])]},
        {"parameter": Parameter("x"), "clifford": Clifford([[1, 0, 0], [0, 1, 1]])},
    ],
    ids=["None", "empty", "types", "numbers", "values", "states", "symbols"],
)
def test_metadata_is_kept(metadata: object) -> None:
    circuit = bell()
    circuit._metadata = metadata

    assert differences(once(circuit).metadata, metadata) == []


@pytest.mark.parametrize(
    ("kind", "said"), [(enum.IntEnum, "comes back as its value"), (enum.Enum, "is kept as its value only")]
)
def test_a_member_of_an_enum_in_metadata_comes_back_as_its_value_and_is_named(kind: Any, said: str) -> None:
    class Level(kind):
        HIGH = 2

    circuit = bell()
    circuit.metadata = {"level": Level.HIGH, "set": {"a"}}

    encoded = encode_circuits([circuit])
    (again,) = decode_circuits(encoded.qpy, encoded.aer)

    assert again.metadata == {"level": 2, "set": {"a"}}
    name = f"{Level.__module__}.{Level.__qualname__}"
    assert encoded.lost == (f"circuit 0 'bell': metadata value of type {name} {said}",)


def test_metadata_of_a_block_is_kept() -> None:
    body = QuantumCircuit(1, metadata={"of": (1, 2)})
    body.x(0)
    circuit = QuantumCircuit(1)
    circuit.for_loop(range(2), None, body, [0], [])

    assert once(circuit).data[0].operation.blocks[0].metadata == {"of": (1, 2)}


def test_metadata_value_of_an_unknown_type_is_named_and_the_rest_kept() -> None:
    circuit = bell()
    circuit.metadata = {"counter": [itertools.count()], "ordered": collections.OrderedDict(a=1), "kept": 1}

    encoded = encode_circuits([circuit])
    (again,) = decode_circuits(encoded.qpy, encoded.aer)

    assert again.metadata == {
        "counter": [MissingValue("itertools.count", "count(0)")],
        "ordered": MissingValue("collections.OrderedDict", repr(collections.OrderedDict(a=1))),
        "kept": 1,
    }
    assert encoded.lost == (
        "circuit 0 'bell': metadata value of type itertools.count is not kept: count(0)",
        "circuit 0 'bell': metadata value of type collections.OrderedDict is not kept: "
        f"{collections.OrderedDict(a=1)!r}",
    )
    assert once(again).metadata == again.metadata, "a missing value stays one, and is not lost a second time"


def test_metadata_in_itself_loses_only_what_is_in_itself() -> None:
    cycle: dict[str, object] = {}
    cycle |= {"in itself": cycle, "again": [cycle], "kept": 1}
    crowd: list[dict[int, object]] = [{} for _ in range(12)]
    for one in crowd:
        one.update(enumerate(crowd))
    circuit = bell()
    circuit.metadata = cycle | {"crowd": crowd, "digits": 10**5000}

    encoded = encode_circuits([circuit])
    (again,) = decode_circuits(encoded.qpy, encoded.aer)

    assert again.metadata["kept"] == 1
    assert again.metadata["digits"] == 10**5000
    kinds = ["dict", "list", "list"]
    lost = [again.metadata[key] for key in ("in itself", "again", "crowd")]
    assert [value.type_name for value in lost] == [f"builtins.{kind}" for kind in kinds]
    assert all(len(value.text) <= 200 for value in lost)
    assert len(encoded.lost) == 3


def test_value_without_a_repr() -> None:
    class Silent:
        def __repr__(self) -> str:
            raise RuntimeError

    circuit = bell()
    circuit.metadata = {"value": Silent()}

    (lost,) = encode_circuits([circuit]).lost

    assert lost.endswith("Silent is not kept: <no repr: RuntimeError>")


def test_subclass_of_dict_as_metadata() -> None:
    circuit = bell()
    circuit.metadata = collections.OrderedDict(a=1)

    encoded = encode_circuits([circuit])

    assert encoded.lost == ("circuit 0 'bell': metadata of type collections.OrderedDict comes back as a dict",)
    assert decode_circuits(encoded.qpy, encoded.aer)[0].metadata == {"a": 1}


# What cannot be kept


class Secretive(Gate):
    def __init__(self, secret: int) -> None:
        super().__init__("secretive", 1, [0.5])
        self.secret = secret

    def _define(self) -> None:
        self.definition = QuantumCircuit(1)


class Indefinable(Gate):
    def __init__(self) -> None:
        super().__init__("indefinable", 1, [])

    def _define(self) -> None:
        raise ValueError("no definition")


def lost_from(*circuits: QuantumCircuit) -> tuple[str, ...]:
    return encode_circuits(circuits).lost


def test_class_of_a_custom_gate_is_named() -> None:
    circuit = bell()
    circuit.append(Secretive(7), [0])

    assert lost_from(bell(), circuit) == (
        f"circuit 1 'bell': instruction 4 (secretive): {__name__}.Secretive came back as Gate",
        "circuit 1 'bell': instruction 4 (secretive): secret 7 is not kept",
    )


def test_integer_that_qpy_makes_a_float_is_kept() -> None:
    circuit = QuantumCircuit(1, name="c")
    circuit.append(Instruction("nosuch", 1, 0, [5]), [0])

    assert differences(once(circuit).data[0].operation.params, [5]) == []


def test_inverses_and_labels_of_state_preparations_are_kept() -> None:
    circuit = QuantumCircuit(2, name="c")
    circuit.append(StatePreparation([0.6, 0.8]).inverse(), [0])
    circuit.append(StatePreparation("1r", label="mine").inverse(), [0, 1])
    circuit.append(StatePreparation(2, num_qubits=2, label="mine"), [0, 1])
    circuit.append(StatePreparation(2, num_qubits=2, inverse=True), [0, 1])

    operation = once(circuit).data[0].operation

    assert (operation.name, operation.label) == ("state_preparation_dg", "State Preparation Dg")
    assert [item.operation.label for item in once(circuit).data[1:3]] == ["mine Dg", "mine"]
    assert Operator(once(circuit)) == Operator(circuit)
    assert lost_from(circuit) == ()


def test_subclass_of_an_aer_instruction_is_named() -> None:
    class Mine(aer.SaveStatevector):
        pass

    circuit = QuantumCircuit(1, name="c")
    circuit.append(Mine(1), [0])

    assert any("Mine came back as Instruction" in text for text in lost_from(circuit))


@lost_by_newer
def test_loss_in_a_definition_is_named() -> None:
    inner = QuantumCircuit(1, name="inner")
    inner.append(Secretive(7), [0])
    circuit = QuantumCircuit(1, name="c")
    circuit.append(inner.to_instruction(), [0])

    assert lost_from(circuit) == ("circuit 0 'c': instruction 0 (inner): definition is not the same",)


def test_loss_in_a_block_is_named() -> None:
    circuit = QuantumCircuit(1, 1, name="c")
    with circuit.if_test((0, 1)):
        circuit.append(Secretive(7), [0])

    assert any(text.startswith("circuit 0 'c': instruction 0 (if_else)") for text in lost_from(circuit))


@lost_by_newer
def test_many_losses_are_counted() -> None:
    circuit = QuantumCircuit(1, name="c")
    for _ in range(100):
        circuit.append(Secretive(7), [0])  # its class and its secret are lost

    lost = lost_from(circuit)

    assert len(lost) == codec.MAX_LOSSES + 1
    assert lost[-1] == "circuit 0 'c': 180 more differences"


def no_name(_gate: Gate) -> str:
    raise ValueError("no name")


def test_broken_circuit_beside_good_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    registers = [QuantumRegister(2, "q"), ClassicalRegister(3, "out")]
    broken = QuantumCircuit(*registers, name="broken", metadata={"kept": (1,)})
    broken.h(0)
    broken.append(Indefinable(), [0])
    monkeypatch.setattr(Indefinable, "name", property(no_name))
    good = bell(name="good")
    good.save_statevector()

    encoded = encode_circuits([good, broken, good])
    again = decode_circuits(encoded.qpy, encoded.aer)

    assert encoded.lost == (
        "circuit 1 'broken': cannot be stored, an empty circuit stands in its place (ValueError: no name)",
    )
    assert [c.name for c in again] == ["good", "broken", "good"]
    assert (again[1].qregs, again[1].cregs, again[1].metadata) == ([registers[0]], [registers[1]], {"kept": (1,)})
    assert len(again[1].data) == 0
    assert differences(run([again[0]]).data(), run([good]).data()) == []


def test_aer_instruction_with_a_strange_parameter() -> None:
    save = aer.SaveStatevector(1)
    save.params = [object()]
    circuit = QuantumCircuit(1, name="strange", metadata={"p": range(3)})
    circuit.append(depolarizing_error(0.1, 1), [0])
    circuit.append(save, [0])

    encoded = encode_circuits([circuit, bell()])

    again = decode_circuits(encoded.qpy, encoded.aer)
    assert [c.name for c in again] == ["strange", "bell"]
    assert [item.name for item in again[0].data] == ["quantum_channel", "barrier"]
    assert [text.rpartition(" (")[0] or text for text in encoded.lost] == [
        "circuit 0 'strange': metadata value of type builtins.range is not kept: range(0, 3)",
        "circuit 0 'strange': instruction 1 (save_statevector): cannot be stored, a barrier stands in its place",
    ]


def test_panic_is_an_error_and_an_interrupt_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        """As pyo3 makes it."""

    def dump(circuits: list[QuantumCircuit], file: object, **_: object) -> None:
        if any(c.name == "bad" and len(c.data) for c in circuits):
            raise failure
        original(circuits, file)

    original = qpy.dump
    monkeypatch.setattr(qpy, "dump", dump)

    failure: BaseException = PanicException("in Rust")
    assert "PanicException: in Rust" in lost_from(bell(), bell(name="bad"))[0]

    failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        encode_circuits([bell(), bell(name="bad")])


def test_refuses_what_is_no_circuit() -> None:
    with pytest.raises(InvalidInputError, match=r"^not a QuantumCircuit: builtins\.int$"):
        encode_circuits([5])


# The same bytes each time


def test_same_circuit_gives_the_same_bytes() -> None:
    circuit = bell()
    for save, _ in SAVES.values():
        save(circuit)
    circuit.append(depolarizing_error(0.1, 1), [0])

    assert len({encode_circuits([circuit, circuit]) for _ in range(20)}) == 1


def test_other_process_gives_the_same_bytes() -> None:
    script = (
        "import hashlib\nfrom qiskit import QuantumCircuit\nfrom qiskit.quantum_info import Pauli\n"
        "import qiskit_aer\nfrom qiskit_aer.noise import depolarizing_error\n"
        "from aerchive.codecs.circuits.writing import encode_circuits\n"
        "c = QuantumCircuit(2, 2, name='c', metadata={'set': {'a', 'b', 'c'}})\n"
        "c.h(0)\nc.save_statevector()\nc.save_expectation_value(Pauli('ZZ'), [0, 1])\nc.save_amplitudes([0, 3])\n"
        "e = depolarizing_error(0.1, 1)\ne._id = 'e'\nc.append(e, [0])\n"
        "for k, part in enumerate(e.circuits): part.name = str(k)\n"
        "print(hashlib.sha256(b''.join(encode_circuits([c, c])[:2])).hexdigest())\n"
    )
    answers = set()
    for seed in "012":
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(SOURCE)}
        answers.add(
            subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True).stdout
        )

    assert len(answers) == 1
    assert len(answers.pop().strip()) == 2 * hashlib.sha256().digest_size


# Refusals


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "stored circuits are not QPY"),
        (b"QISKIT", "stored circuits are not QPY"),
        (b"\x80\x04K\x01.......", "stored circuits are not QPY"),
        (b"QISKIT\x0c" + bytes(50), "stored circuits are QPY version 12; versions below 13 are unsafe to read"),
        (b"QISKIT\x00" + bytes(50), "stored circuits are QPY version 0; versions below 13 are unsafe to read"),
    ],
)
def test_refuses_other_payloads_unread(monkeypatch: pytest.MonkeyPatch, payload: bytes, message: str) -> None:
    monkeypatch.setattr(qpy, "load", lambda *_: pytest.fail("was read"))

    with pytest.raises(FormatError) as refusal:
        decode_circuits(payload, b"{}")

    assert str(refusal.value) == message


def test_errors_of_qpy_are_translated() -> None:
    with pytest.raises(FormatError, match=r"^stored circuits cannot be read: \w+: "):
        decode_circuits(b"QISKIT" + bytes([qpy.QPY_VERSION, 2, 6, 2]) + b"\x01" * 8, b"{}")


def test_a_version_that_nothing_reads_yet() -> None:
    with pytest.raises(FormatError, match=r"^stored circuits are QPY version 127, .* install a newer Qiskit, or"):
        decode_circuits(b"QISKIT\x7f" + bytes(50), b"{}")


SAVE = b'{"class":"SaveState","name":"save_state","label":"l","params":[],"qubits":[0],"clbits":[],"subtype":"list"}'


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"{", "side table of the circuits: not a valid JSON document"),
        (b"[]", "side table of the circuits cannot be read: TypeError"),
        (b"{}", "side table of the circuits cannot be read: KeyError: 'circuits'"),
        (b'{"main":1,"circuits":[],"errors":[]}', "side table is of 0 circuits, the payload has 1"),
        (b'{"main":2,"circuits":[{}],"errors":[]}', "side table is of 1 circuits, the payload has 1"),
        (b'{"main":1,"circuits":[{"new":1}],"errors":[]}', r"side table has the unknown keys \['new'\]; a newer"),
        (b'{"main":1,"circuits":[{"instructions":[[9,{}]]}],"errors":[]}', "side table of the circuits cannot be read"),
        (
            b'{"main":1,"circuits":[{"instructions":[[0,%b]]}],"errors":[]}' % SAVE,
            "instruction 'SaveState' of the side",
        ),
        (b'{"main":1,"circuits":[{"blocks":[[0,[]]]}],"errors":[]}', "side table of the circuits cannot be read"),
        (
            b'{"main":1,"circuits":[{"metadata":{"$":"object"}}],"errors":[]}',
            "metadata has a value of the unknown type",
        ),
        (b'{"main":1,"circuits":[{}],"errors":[{"class":"object"}]}', "side table of the circuits cannot be read"),
    ],
)
def test_refuses_a_malformed_side_table(table: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=f"^{message}"):
        decode_circuits(encode_circuits([bell()]).qpy, table)


@pytest.mark.parametrize(
    "change", [(b'"SaveStatevector"', b'"QuantumCircuit"'), (b'"qubits":[0,1]', b'"qubits":[0,9]')]
)
def test_refuses_an_instruction_that_does_not_exist(change: tuple[bytes, bytes]) -> None:
    circuit = bell()
    circuit.save_statevector()
    encoded = encode_circuits([circuit])
    assert change[0] in encoded.aer

    with pytest.raises(FormatError):
        decode_circuits(encoded.qpy, encoded.aer.replace(*change))


def with_custom_gates(angle: float) -> QuantumCircuit:
    made = QuantumCircuit(3, name="custom")
    for number in range(5):
        gate = QuantumCircuit(2, name=f"gate {number}")
        gate.h(0)
        gate.cx(0, 1)
        gate.rz(angle * number, 0)
        made.append(gate.to_gate(), [number % 2, 2])
    return made


def test_equal_circuits_are_the_same_bytes() -> None:
    encoded = [encode_circuits([with_custom_gates(0.25)]) for _ in range(20)]
    assert len({one.qpy for one in encoded}) == 1
    other = encode_circuits([with_custom_gates(0.5)])
    assert other.qpy != encoded[0].qpy
    assert decode_circuits(other.qpy, other.aer) == [with_custom_gates(0.5)]
    assert encode_circuits([with_custom_gates(0.25)]).qpy == encoded[0].qpy


def test_what_is_remembered_is_not_what_the_caller_has() -> None:
    mine = with_custom_gates(0.75)
    first = encode_circuits([mine])
    mine.x(0)
    again = encode_circuits([with_custom_gates(0.75)])
    assert again == first
    assert decode_circuits(again.qpy, again.aer) == [with_custom_gates(0.75)]
    assert decode_circuits(*encode_circuits([mine])[:2]) == [mine]


def test_what_is_remembered_hides_no_loss() -> None:
    plain, special = QuantumCircuit(1, name="c"), QuantumCircuit(1, name="c")
    plain.append(Gate("secretive", 1, [0.5]), [0])
    special.append(Secretive(7), [0])
    plain.data[0].operation.definition = QuantumCircuit(1, name="definition")
    special.data[0].operation.definition = QuantumCircuit(1, name="definition")

    kept, lossy = encode_circuits([plain]), encode_circuits([special])

    assert (kept.qpy, kept.aer) == (lossy.qpy, lossy.aer)
    assert kept.lost == ()
    assert "Secretive came back as Gate" in lossy.lost[0]


# Large arrays


def sources(encoded: codec.EncodedCircuits) -> list[Callable[[], np.ndarray]]:
    """The arrays as a file gives them: new ones each time."""

    def read(draft: ObjectDraft) -> np.ndarray:
        (stored,) = draft.datasets["data"].parts
        values = stored.copy().view(str(draft.attributes["dtype"]))
        return values.T if draft.attributes["order"] == "F" else values

    return [functools.partial(read, draft) for draft in encoded.arrays]


def kept(*circuits: QuantumCircuit, arrays: int) -> list[QuantumCircuit]:
    """Circuits after the archive, which must have kept all of them, with so many arrays apart."""
    encoded = encode_circuits(circuits)
    assert encoded.lost == ()
    assert len(encoded.arrays) == arrays
    assert len(encoded.qpy) + len(encoded.aer) < 20_000
    again = decode_circuits(encoded.qpy, encoded.aer, sources(encoded))
    for mine, other in zip(circuits, again, strict=True):
        for item, back in zip(mine.data, other.data, strict=True):
            assert type(item.operation) is type(back.operation)
            assert differences(as_document(item.operation.params), back.operation.params) == []
    return again


def as_document(params: list[object]) -> object:
    """Params as a document gives them back: arrays that are not contiguous are, then."""
    try:
        return tagged_json.decode(tagged_json.encode(params))
    except UnsupportedTypeError:  # the circuits of control flow
        return params


N = 10
STATE = random_statevector(2**N, seed=3).data
SQUARE = random_unitary(2**5, seed=4).data
LARGE: dict[str, tuple[int, Callable[[QuantumCircuit], object]]] = {
    "set_statevector": (1, lambda c: c.set_statevector(STATE)),
    "set_density_matrix": (1, lambda c: c.set_density_matrix(SQUARE @ np.diag(np.arange(32) / 496) @ SQUARE.conj().T)),
    "set_unitary": (1, lambda c: c.set_unitary(np.asfortranarray(SQUARE))),
    "set_superop": (1, lambda c: c.set_superop(SuperOp(random_unitary(2**4, seed=1)))),
    "set_stabilizer": (2, lambda c: c.set_stabilizer(random_clifford(100, seed=1))),
    "set_matrix_product_state": (
        1,
        lambda c: c.set_matrix_product_state(
            (
                [
                    (STATE[:4].reshape(1, 4), STATE[4:8].reshape(1, 4)),
                    *((STATE[k : k + 16].reshape(4, 4), STATE[k + 16 : k + 32].reshape(4, 4)) for k in range(28)),
                    (STATE[:4].reshape(4, 1), STATE[4:8].reshape(4, 1)),
                ],
                [np.ones(4) for _ in range(29)],
            )
        ),
    ),
    "initialize": (1, lambda c: c.initialize(STATE, range(N))),
    "state preparation": (1, lambda c: c.append(StatePreparation(STATE), range(N))),
    "its inverse": (1, lambda c: c.append(StatePreparation(STATE, inverse=True, label="mine"), range(N))),
    "diagonal": (1, lambda c: c.append(DiagonalGate((STATE / abs(STATE)).tolist()), range(N))),
    "unitary": (1, lambda c: c.unitary(SQUARE, range(5), label="u")),
    "Fortran unitary": (1, lambda c: c.unitary(np.asfortranarray(SQUARE), range(5))),
    "hamiltonian": (1, lambda c: c.append(HamiltonianGate((SQUARE + SQUARE.conj().T), 0.3), range(5))),
    "kraus": (1, lambda c: c.append(Kraus([0.6 * np.eye(16), 0.8 * SQUARE_OF_4]).to_instruction(), range(4))),
    "superop": (
        1,
        lambda c: c.append(Instruction("superop", 3, 0, [SuperOp(random_unitary(8, seed=1)).data]), range(3)),
    ),
    "any instruction": (3, lambda c: c.append(Instruction("mine", 2, 0, [STATE, STATE.real.copy(), SQUARE]), [0, 1])),
    "any gate": (1, lambda c: c.append(Gate("mine", 2, np.linspace(0, 1, 2000).tolist()), [0, 1])),
    "amplitudes": (1, lambda c: c.save_amplitudes(list(range(2**N)))),
}
UNITARY_OF_3 = random_unitary(2**3, seed=4)
SQUARE_OF_4 = random_unitary(2**4, seed=4).data
WIDTHS = {
    "set_density_matrix": 5,
    "set_unitary": 5,
    "set_superop": 4,
    "set_stabilizer": 100,
    "set_matrix_product_state": 30,
    "kraus": 5,
    "superop": 5,
}


@pytest.mark.parametrize("kind", LARGE)
def test_large_arrays_are_apart(kind: str) -> None:
    arrays, put = LARGE[kind]
    circuit = QuantumCircuit(WIDTHS.get(kind, N), name=kind)
    put(circuit)

    (again,) = kept(circuit, arrays=arrays)

    mine, other = circuit.data[0].operation, again.data[0].operation
    assert (mine.name, mine.label, mine.num_qubits) == (other.name, other.label, other.num_qubits)
    plain = {key: value for key, value in vars(mine).items() if isinstance(value, (bool, int, float, str))}
    assert {key: getattr(other, key) for key in plain} == plain


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("set_statevector", "statevector"),
        ("set_density_matrix", "density_matrix"),
        ("initialize", "statevector"),
        ("diagonal", "statevector"),
        ("unitary", "statevector"),
        ("kraus", "density_matrix"),
        ("superop", "density_matrix"),
    ],
)
def test_circuits_with_large_arrays_run_again(kind: str, method: str) -> None:
    circuit = QuantumCircuit(WIDTHS.get(kind, N))
    circuit.h(0)
    LARGE[kind][1](circuit)
    circuit.save_expectation_value(Pauli("Z"), [1])
    circuit.measure_all()
    mine, other = run([circuit], method=method), run(kept(circuit, arrays=1), method=method)

    assert mine.success, mine.status
    assert differences(mine.results[0].data, other.results[0].data) == []


@pytest.mark.parametrize(
    "state",
    ["01+-rl", 5, [0.6, 0, 0, 0.8j], np.array([1, 0], "f4"), random_statevector(8, seed=1), STATE.tolist()],
    ids=["label", "integer", "list", "single precision", "state", "long list"],
)
def test_each_way_to_initialize_runs_again(state: Any) -> None:
    width = 6 if isinstance(state, (str, int)) else int(np.log2(len(np.asarray(state))))
    circuit = QuantumCircuit(N)
    circuit.initialize(state, range(width))
    circuit.save_expectation_value(Pauli("Z"), [0])
    circuit.measure_all()

    again = kept(circuit, arrays=1 if width == N else 0)

    assert differences(run([circuit]).results[0].data, run(again).results[0].data) == []


def test_a_state_of_more_amplitudes_than_qpy_has_parameters() -> None:
    state = random_statevector(2**17, seed=1).data
    circuit = QuantumCircuit(17)
    circuit.initialize(state)

    (again,) = kept(circuit, arrays=1)

    assert again.data[0].operation.definition.data[-1].operation.params[:5] == state[:5].tolist()


def test_equal_arrays_are_one() -> None:
    circuits = []
    for number in range(4):
        circuit = QuantumCircuit(N, name=f"c{number}")
        circuit.set_statevector(STATE.copy())
        circuit.rx(number, 0)
        circuit.initialize(STATE.copy(), range(N))
        circuit.append(StatePreparation(STATE.tolist()), range(N))
        circuits.append(circuit)

    again = kept(*circuits, arrays=1)

    first, second = (circuit.data[0].operation.params[0] for circuit in again[:2])
    assert not np.shares_memory(first, second)


def test_arrays_in_blocks_definitions_and_errors() -> None:
    inner = QuantumCircuit(5, name="inner")
    inner.unitary(SQUARE, range(5))
    inner.save_state()
    outer = QuantumCircuit(5, name="outer")
    outer.append(inner.to_instruction(), range(5))
    circuit = QuantumCircuit(5, 1)
    with circuit.if_test((0, 1)):
        circuit.unitary(SQUARE, range(5))
        with circuit.for_loop(range(2)):
            circuit.set_unitary(SQUARE)
            circuit.append(outer.to_instruction(), range(5))
    circuit.append(outer.to_instruction(), range(5))
    circuit.append(QuantumError([(Kraus([0.6 * np.eye(16), 0.8 * SQUARE_OF_4]), 1.0)]), range(4))

    (again,) = kept(circuit, arrays=2)

    block = again.data[0].operation.blocks[0]
    places = [again.data[1].operation, block.data[1].operation.blocks[0].data[1].operation]
    for place in places:
        (nested,) = place.definition.data
        assert [item.name for item in nested.operation.definition.data] == ["unitary", "save_state"]
        assert type(nested.operation.definition.data[1].operation) is aer.SaveState
    error = again.data[-1].operation._quantum_error
    assert error.circuits[0].data[0].operation.params[1].shape == (16, 16)


def test_small_arrays_stay_and_the_encoding_is_the_old_one() -> None:
    circuit = QuantumCircuit(4)
    circuit.set_statevector(random_statevector(16, seed=1))
    circuit.initialize(random_statevector(16, seed=1))
    circuit.unitary(random_unitary(4, seed=1), [0, 1])

    kept(circuit, arrays=0)


def test_no_qubits_and_a_large_array() -> None:
    circuit = QuantumCircuit()
    circuit.append(Instruction("mine", 0, 0, [STATE]), [])

    kept(circuit, arrays=1)


def test_strange_params_of_set_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    """How they are stored; a reader refuses most of them."""
    monkeypatch.setattr(reading, "check_circuits", lambda *_arguments: None)
    circuit = QuantumCircuit(N)
    for params in (
        [SQUARE.tolist()],
        [STATE.astype(np.complex64)],
        [STATE.real],
        [list(range(2000))],
        [STATE[::2].repeat(4)[::2]],
        [STATE.reshape(32, 32)[:, ::2].repeat(2, axis=0)],
        [np.arange(3000).astype(">i4")],  # has no place in a dataset, so it stays in the document
    ):
        instruction = aer.SetStatevector(STATE)
        instruction.params = params
        circuit.append(instruction, range(N))

    encoded = encode_circuits([circuit])
    (again,) = decode_circuits(encoded.qpy, encoded.aer, sources(encoded))

    assert encoded.lost == ()
    assert len(encoded.arrays) == 6
    for item, back in zip(circuit.data, again.data, strict=True):
        assert differences(as_document(item.operation.params), back.operation.params) == []


def test_a_broken_instruction_takes_no_array_with_it() -> None:
    broken = QuantumCircuit(N, name="broken")
    strange = aer.SetStatevector(Statevector(STATE))
    strange.params = [STATE, object()]
    broken.append(strange, range(N))
    good = QuantumCircuit(5, name="good")
    good.set_unitary(SQUARE)

    encoded = encode_circuits([broken, good])

    assert [draft.datasets["data"].shape for draft in encoded.arrays] == [(32, 32)]
    again = decode_circuits(encoded.qpy, encoded.aer, sources(encoded))
    assert differences(again[1].data[0].operation.params, [SQUARE]) == []


def test_arrays_are_read_one_by_one() -> None:
    circuit = QuantumCircuit(N)
    for number in range(4):
        circuit.set_statevector(np.roll(STATE, number))
    encoded = encode_circuits([circuit])
    calls: list[int] = []

    def counted(number: int, source: Callable[[], np.ndarray]) -> np.ndarray:
        calls.append(number)
        return source()

    arrays = [functools.partial(counted, number, source) for number, source in enumerate(sources(encoded))]
    decode_circuits(encoded.qpy, encoded.aer, arrays)

    assert calls == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((b'"array":0', b'"array":1'), "is not one of the 1 arrays"),
        ((b'"array":0', b'"array":null'), "is not one of the 1 arrays"),
        ((b'"shared_array/1"', b'"shared_array/9"'), "unknown type 'shared_array/9'; a newer aerchive may read it"),
        ((b'"class":"Initialize"', b'"class":"Isometry"'), "side table of the circuits cannot be read: KeyError"),
        ((b'"main"', b'"news":1,"main"'), "side table has the unknown keys"),
    ],
)
def test_refuses_arrays_that_are_not_there(change: tuple[bytes, bytes], message: str) -> None:
    circuit = QuantumCircuit(N)
    circuit.initialize(STATE)
    encoded = encode_circuits([circuit])
    assert change[0] in encoded.aer

    with pytest.raises(FormatError, match=message):
        decode_circuits(encoded.qpy, encoded.aer.replace(*change), sources(encoded))
