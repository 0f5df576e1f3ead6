"""The same circuit is the same bytes, whatever order Qiskit's hash tables had in a dump."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qpy, transpile
from qiskit.circuit import Clbit, Parameter, ParameterVector, Qubit
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import MCXGate, PauliEvolutionGate, RXGate, XGate
from qiskit.quantum_info import SparsePauliOp

from aerchive.codecs.circuits.losses import differences
from aerchive.codecs.circuits.qpy_order import in_canonical_order, outline
from aerchive.codecs.circuits.qpy_versions import MINIMUM_QPY
from aerchive.codecs.circuits.reading import load_qpy

ROOT = Path(__file__).resolve().parents[3]


def add_gates(circuit: QuantumCircuit, *, number: int = 4) -> None:
    """Custom gates on the first two qubits, with custom gates in them, and controlled ones."""
    for k in range(number):
        inner = QuantumCircuit(1, name=f"inner {k % 2}")
        inner.rx(0.1 * k, 0)
        gate = QuantumCircuit(2, name=f"gate {k}")
        gate.append(inner.to_gate(), [0])
        gate.append(inner.to_gate(label="other"), [1])
        circuit.append(gate.to_gate() if k % 2 else gate.to_instruction(), [0, 1])
        circuit.append(RXGate(0.1 * k).control(1, annotated=False, ctrl_state=k % 2), [0, 1])


def plain() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    add_gates(circuit)
    return circuit


def blocks() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    with circuit.if_test((0, 1)):
        add_gates(circuit)
    with circuit.while_loop(expr.less(circuit.cregs[0], 2)):
        add_gates(circuit)
        with circuit.switch(circuit.cregs[0]) as case:
            with case(0, 1):
                add_gates(circuit)
            with case(case.DEFAULT):
                add_gates(circuit)
    with circuit.box(duration=10, unit="ns"):
        add_gates(circuit)
    with circuit.for_loop(range(3)):
        add_gates(circuit)
        circuit.break_loop()
    return circuit


def symbols() -> QuantumCircuit:
    a, b, d = (Parameter(name) for name in "abd")
    v, w = ParameterVector("v", 5), ParameterVector("w", 3)
    circuit = QuantumCircuit(2, global_phase=a + b * d)
    circuit.rx(a + b * d + v[0] * v[3], 0)
    circuit.rz((a * 2 + b).subs({a: d}), 1)
    add_gates(circuit)
    for k in range(3):
        gate = QuantumCircuit(1, name=f"p {k}")
        gate.rx(a * b + v[k] + w[0], 0)
        circuit.append(gate.to_gate(), [0])
    circuit.append(PauliEvolutionGate(SparsePauliOp(["XX", "ZZ"]), a), [0, 1])
    circuit.append(PauliEvolutionGate(SparsePauliOp(["XX", "YZ"]), 0.2), [0, 1])
    return circuit


def variables() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    u = circuit.add_var("u", expr.lift(3, types.Uint(4)))
    circuit.add_var("f", expr.lift(0.5))
    circuit.add_var("b", expr.lift(True))
    circuit.delay(circuit.add_stretch("s"), 0)
    with circuit.if_test(expr.less(u, 4)):
        add_gates(circuit)
    add_gates(circuit)
    return circuit


def registers() -> QuantumCircuit:
    quantum, classical = [QuantumRegister(2, f"q{k}") for k in range(4)], [ClassicalRegister(2, f"c{k}") for k in "ab"]
    circuit = QuantumCircuit(*quantum, *classical, [Qubit(), Clbit()])
    circuit.add_register(ClassicalRegister(bits=[circuit.clbits[3], circuit.clbits[0]], name="alias"))
    add_gates(circuit)
    circuit.measure([0, 8], [0, 4])
    return circuit


def mapped() -> QuantumCircuit:
    circuit = registers()
    circuit.cx(0, 7)
    line = [[i, i + 1] for i in range(12)]  # placed by us: Qiskit places idle qubits in another way each time
    return transpile(circuit, coupling_map=line, basis_gates=["cx", "u"], initial_layout=range(9), seed_transpiler=1)


def library() -> QuantumCircuit:
    circuit = QuantumCircuit(8)
    for k in range(6):
        circuit.append(MCXGate(3 + k % 3), range(4 + k % 3))
        circuit.append(XGate().control(3, ctrl_state=k, annotated=False), range(4))
    circuit.unitary(np.eye(8), [0, 1, 2])
    circuit.initialize([0.6, 0.8], 0)
    circuit.append(XGate().control(2, annotated=True), [0, 1, 2])
    return circuit


CIRCUITS: dict[str, Callable[[], QuantumCircuit]] = {
    made.__name__: made for made in (plain, blocks, symbols, variables, registers, mapped, library)
}


def dump(*circuits: QuantumCircuit, version: int = qpy.QPY_VERSION) -> bytes:
    with io.BytesIO() as file:
        qpy.dump(circuits, file, version=version)
        return file.getvalue()


@pytest.mark.parametrize("version", range(MINIMUM_QPY, qpy.QPY_VERSION + 1))
@pytest.mark.parametrize("name", CIRCUITS)
def test_each_dump_is_the_same(name: str, version: int) -> None:
    circuit, other = CIRCUITS[name](), bell()
    if name == "variables" and version < 14:
        pytest.skip("QPY 13 has no floats in expressions")

    payloads = [dump(circuit, other, circuit, version=version) for _ in range(12)]

    (payload,) = set(map(in_canonical_order, payloads))
    for mine, plain, back in zip((circuit, other, circuit), load_qpy(payloads[0]), load_qpy(payload), strict=True):
        assert list(differences(mine, back)) == list(differences(mine, plain))


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    return circuit


def test_without_it_dumps_differ() -> None:
    """If Qiskit orders its definitions and registers one day, `qpy_order` can go."""
    for made in (plain(), *([mapped()] if qpy.QPY_VERSION >= 18 else [])):
        assert len({dump(made) for _ in range(40)}) > 1


def test_other_processes_give_the_same_bytes() -> None:
    script = (
        "import hashlib\nfrom tests.codecs.circuits.test_qpy_order import *\n"
        "made = plain(), mapped()\n"
        "for circuit in made: circuit.name = 'c'\n"
        "print(hashlib.sha256(in_canonical_order(dump(*made))).hexdigest())"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    answers = {
        subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True).stdout
        for _ in range(2)
    }

    made = plain(), mapped()
    for circuit in made:
        circuit.name = "c"
    here = hashlib.sha256(in_canonical_order(dump(*made))).hexdigest()
    assert {answer.decode().strip() for answer in answers} == {here}


def test_what_is_not_known_stays_as_it_is() -> None:
    payload = dump(plain())

    assert in_canonical_order(b"") == b""
    assert in_canonical_order(b"QISKIT") == b"QISKIT"
    for version in (12, 19, 255):
        other = payload[:6] + bytes([version]) + payload[7:]
        assert in_canonical_order(other) == other
    for end in range(0, len(payload), 7):
        assert in_canonical_order(payload[:end]) == payload[:end]
    huge = payload[:10] + struct.pack("!Q", 2**64 - 1) + payload[18:]
    assert in_canonical_order(huge) == huge


def test_nothing_but_order_changes() -> None:
    payload = dump(blocks(), mapped())
    random = np.random.default_rng(0)

    for _ in range(300):
        damaged = bytearray(payload)
        damaged[random.integers(len(payload))] ^= 1 << int(random.integers(8))
        ordered = in_canonical_order(bytes(damaged))
        assert len(ordered) == len(damaged)
        assert sorted(ordered) == sorted(damaged) or damaged[6] < 18  # older versions have random names


@pytest.mark.parametrize("version", range(MINIMUM_QPY, qpy.QPY_VERSION + 1))
def test_an_outline_without_qiskit(version: int) -> None:
    circuit = bell()
    circuit.name = "ψ"
    gate = QuantumCircuit(1, name="mine").to_gate()
    circuit.append(gate, [0])
    circuit.append(gate, [1])

    payload = dump(circuit, QuantumCircuit(3, name="empty"), version=version)

    assert outline(payload) == [
        "'ψ' (qubits: 2, clbits: 2, instructions: 4, 2 mine, 1 HGate, 1 CXGate)",
        "'empty' (qubits: 3, clbits: 0, instructions: 0)",
    ]
    assert outline(payload[:40]) == outline(b"QISKIT\x13" + payload[7:]) == []
