"""What people see of circuits: OpenQASM, comments in the places of what it does not have, and drawings."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm3, transpile
from qiskit.circuit import (
    AnnotatedOperation,
    Annotation,
    Clbit,
    Gate,
    Instruction,
    InverseModifier,
    Parameter,
    Qubit,
    library,
)
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import UnitaryGate, XGate
from qiskit.quantum_info import Clifford, SparsePauliOp
from qiskit_aer import AerSimulator

from aerchive.codecs.circuits import view as view_module
from aerchive.codecs.circuits.view import MOST_AT_ONCE, MOST_ROW_BYTES, circuit_view
from aerchive.codecs.circuits.writing import circuits_object, encode_circuits
from aerchive.storage.chunks.drafts import GroupDraft
from tests.codecs.circuits.test_library import KINDS, made, put


def texts(group: GroupDraft, name: str = "openqasm") -> list[str]:
    (rows,) = group.datasets[name].parts
    assert len(set(map(len, rows))) == 1
    return [row.decode().rstrip(" ") for row in rows]


def view(circuit: QuantumCircuit, *, complete: bool = False) -> GroupDraft:
    return circuit_view([circuit], complete=complete)


def body(circuit: QuantumCircuit, *, complete: bool = False) -> list[str]:
    """The rows after the declarations of registers."""
    rows = texts(view(circuit, complete=complete))
    assert rows[:2] == ["OPENQASM 3.0;", 'include "stdgates.inc";']
    last = max(number for number, row in enumerate(rows) if row.startswith(("bit", "qubit", "include")))
    return rows[last + 1 :]


def ghz(name: str = "GHZ") -> QuantumCircuit:
    circuit = QuantumCircuit(3, 3, name=name)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.measure(range(3), range(3))
    return circuit


def test_ghz() -> None:
    group = view(ghz())

    assert dict(group.attributes) | {"about": ""} == {
        **{"title": "GHZ: 3 qubits, 6 instructions", "qubits": 3, "clbits": 3, "depth": 4, "size": 6},
        **{"operations": "measure 3, cx 2, h 1", "about": ""},
    }
    assert "qubit 0 is the top line of the drawing and the last digit of a bit string" in group.attributes["about"]
    assert texts(group) == [
        *("OPENQASM 3.0;", 'include "stdgates.inc";', "bit[3] c;", "qubit[3] q;"),
        *("h q[0];", "cx q[0], q[1];", "cx q[1], q[2];"),
        *("c[0] = measure q[0];", "c[1] = measure q[1];", "c[2] = measure q[2];"),
    ]
    assert texts(group, "drawing")[1] == "q_0: + H +--*-------+M+------"
    assert group.mutable


def test_instructions_of_aer_are_comments_in_their_places() -> None:
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.save_statevector()
    circuit.save_expectation_value(SparsePauliOp(["ZZ", "XI"], [1, 0.5]), [0, 1], label="energy", pershot=True)
    circuit.set_statevector([0, 1, 0, 0])
    circuit.initialize([0, 1], 1)
    circuit.append(UnitaryGate([[0, 1], [1, 0]], label="flip"), [1])
    circuit.append(UnitaryGate(np.eye(4)), [0, 1])
    circuit.save_probabilities([1], conditional=True)
    circuit.x(0)
    with circuit.if_test((0, 1)) as otherwise:
        circuit.save_state(label="inside")
    with otherwise, circuit.for_loop(range(2)):
        circuit.save_density_matrix([1], label="deep")
        circuit.measure(1, 0)

    assert body(circuit) == [
        "h q[0];",
        '// save_statevector(label="statevector") q[0], q[1];',
        '// save_expval(["ZZ", [1.0, 0]], ["XI", [0.5, 0]], label="energy", pershot) q[0], q[1];',
        "// set_statevector([0.0, 1.0, 0.0, 0.0]) q[0], q[1];",
        "// initialize(0.0, 1.0) q[1];",
        '// unitary([[0.0, 1.0], [1.0, 0.0]], label="flip") q[1];',
        "// unitary(complex128 array of shape 4 x 4) q[0], q[1];",
        '// save_probabilities(label="probabilities", conditional) q[1];',
        "x q[0];",
        "if (c[0]) {",
        '  // save_state(label="inside") q[0], q[1];',
        "} else {",
        "  for int _ in [0:1] {",
        '    // save_density_matrix(label="deep") q[1];',
        "    c[0] = measure q[1];",
        "  }",
        "}",
    ]


def test_other_things_that_the_exporter_refuses_or_drops() -> None:
    class Note(Annotation):
        namespace = "mine.here"

    circuit, t = QuantumCircuit(2, 1, global_phase=0.5), Parameter("t")
    circuit.append(XGate(label="noisy"), [0])
    circuit.append(Clifford(library.CXGate()), [0, 1])
    circuit.append(AnnotatedOperation(library.SGate(), [InverseModifier()]), [0])
    circuit.append(library.PauliEvolutionGate(SparsePauliOp(["XX"]), 0.25), [0, 1])
    circuit.append(Gate("opaque", 1, [0.5, t]), [1])
    circuit.append(Instruction("classical", 0, 1, ["word", 0.5j]), [], [0])
    circuit.delay(t, 1, unit="us")
    with circuit.box(annotations=[Note()], label="b"):
        circuit.delay(100, 0, unit="ns")
    inner = QuantumCircuit(1, 1, name="step")
    inner.h(0)
    inner.measure(0, 0)
    circuit.append(inner.to_instruction(), [1], [0])

    rows = body(circuit)

    assert [row for row in rows if "array of" not in row and "PauliEvolution" not in row] == [
        "// global phase: 0.5 rad",
        '// the next instruction has the label "noisy"',
        "x q[0];",
        "// clifford q[0], q[1];",
        "// annotated(s, InverseModifier()) q[0];",
        "// opaque(0.5, t) q[1];",
        '// classical("word", 0.5j) c[0];',
        '// delay(t, "us") q[1];',
        '// the next instruction has the label "b"',
        "// the next box has the annotations mine.here",
        "box {",
        "  delay[100.0ns] q[0];",
        "}",
        "// step q[1], c[0] {",
        "//   h q[1];",
        "//   measure q[1], c[0];",
        "// }",
    ]
    assert [row.partition("(")[0] for row in rows if "PauliEvolution" in row] == ["// PauliEvolution"]
    assert len(circuit.data[-2].operation.annotations) == 1


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets the exporter refuse circuits with an instruction of some name, also in blocks."""

    def has(circuit: QuantumCircuit, name: str) -> bool:
        return any(
            item.name == name or any(has(block, name) for block in getattr(item.operation, "blocks", ()))
            for item in circuit.data
        )

    def refuse(name: str) -> None:
        dumps = view_module.Exporter.dumps

        def checked(self: Any, circuit: QuantumCircuit) -> str:
            if has(circuit, name):
                raise RuntimeError(f"no {name}\nx q[0];")
            return str(dumps(self, circuit))

        monkeypatch.setattr(view_module.Exporter, "dumps", checked)

    return refuse


def swapping() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 1, name="c")
    circuit.h(0)
    circuit.swap(0, 1)
    with circuit.if_test((0, 1)):
        circuit.swap(1, 0)
    circuit.cx(0, 1)
    return circuit


def test_what_only_the_exporter_refuses_is_a_comment_and_the_rest_is_not(refusing: Callable[[str], None]) -> None:
    refusing("swap")

    assert body(swapping()) == [
        *("h q[0];", "// swap q[0], q[1];"),
        *("// if_else q[1], q[0], c[0] {", "//   swap q[1], q[0];", "// }"),
        "cx q[0], q[1];",
    ]


def test_a_circuit_that_the_exporter_refuses_as_a_whole_is_a_list_of_comments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def dumps(*_: object) -> str:
        raise RuntimeError("never\nx q[0];")

    monkeypatch.setattr(view_module.Exporter, "dumps", dumps)

    rows = texts(view(swapping()))

    assert rows == [
        r"// OpenQASM cannot say this circuit (RuntimeError: never)",
        *("// h q[0];", "// swap q[0], q[1];"),
        *("// if_else q[1], q[0], c[0] {", "//   swap q[1], q[0];", "// }"),
        "// cx q[0], q[1];",
    ]


@pytest.mark.parametrize("complete", [False, True], ids=["quick", "complete"])
@pytest.mark.parametrize("name", [*KINDS][::2])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of gates that Qiskit will remove
def test_every_instruction_has_its_place(name: str, complete: bool) -> None:
    circuits = [put(one, name="c") for one in made(name)]
    for circuit in circuits:
        circuit.rx(0.123, 0)
        with circuit.box():
            circuit.append(circuit.data[0].operation, circuit.qubits, circuit.clbits)
        circuit.rx(0.321, 0)

        rows = body(circuit, complete=complete)

        first, box = rows.index("rx(0.123) q[0];"), rows.index("box {")
        assert 0 < first < box < box + 2 < len(rows) - 1
        assert rows[-1] == "rx(0.321) q[0];"
        assert max(len(row.encode()) for row in rows) <= MOST_ROW_BYTES


def test_own_gates_are_defined() -> None:
    inner = QuantumCircuit(2, name="bell")
    inner.h(0)
    inner.mcx([0], 1)
    inner.rzz(0.25, 0, 1)
    circuit = QuantumCircuit(3, name="c")
    circuit.append(inner.to_gate(), [2, 0])
    circuit.append(inner.to_gate(), [0, 1])
    circuit.append(inner.to_gate().control(1), [0, 1, 2])
    circuit.append(XGate().control(2, ctrl_state=0), [0, 1, 2])

    rows = texts(view(circuit))

    assert "gate bell _gate_q_0, _gate_q_1 {" in rows
    assert rows[-4:-2] == ["bell q[2], q[0];", "bell q[0], q[1];"]
    assert not [row for row in rows if row.startswith("//")]


def test_library_gates_are_defined_if_all_is_made() -> None:
    circuit = QuantumCircuit(6)
    circuit.append(library.QFTGate(3), [0, 1, 2])
    circuit.mcx([0, 1, 2, 3, 4], 5)

    assert body(circuit) == ["// qft q[0], q[1], q[2];", "// mcx q[0], q[1], q[2], q[3], q[4], q[5];"]
    assert body(circuit, complete=True)[-2:] == [
        "qft q[0], q[1], q[2];",
        "mcx q[0], q[1], q[2], q[3], q[4], q[5];",
    ]


def test_a_view_changes_no_circuit() -> None:
    circuits = [put(one, name="c") for name in ("C3SXGate", "MCXGate", "QFTGate", "RC3XGate") for one in made(name)]
    for circuit in circuits:
        encoded = encode_circuits([circuit])
        assert encoded.view is not None
        encoded.view()
        circuit_view([circuit], complete=True)
        assert encode_circuits([circuit])[:3] == encoded[:3]
        assert encoded.lost == ()


def test_large_circuit_has_a_head_only_and_is_quick() -> None:
    circuit = QuantumCircuit(20, name="large")
    for number in range(10_000):
        circuit.cx(number % 20, (number + 1) % 20)
    started = time.process_time()

    group = view(circuit)

    assert time.process_time() - started < 0.1  # 0.5 ms on an idle machine
    rows = texts(group)
    assert len(rows) == 3 + 16 + 1
    assert rows[-1] == "// ... 9,984 more instructions; aerchive illustrate writes more"
    assert list(group.datasets) == ["openqasm"]
    assert group.attributes["operations"] == "cx 10000"
    assert group.attributes["left_out"] == (
        "depth and size, the end of the text, the drawing; aerchive illustrate writes more"
    )


def test_all_of_a_circuit_if_asked() -> None:
    circuit = QuantumCircuit(4, name="longer")
    for number in range(200):
        circuit.cx(number % 4, (number + 1) % 4)

    group = view(circuit, complete=True)

    assert len(texts(group)) == 3 + 200
    assert group.attributes["depth"] == 200
    assert "left_out" not in group.attributes
    assert 90 < max(map(len, texts(group, "drawing"))) <= 100


def test_blocks_and_definitions_count_too() -> None:
    circuit = QuantumCircuit(2, 1)
    with circuit.if_test((0, 1)):
        for _ in range(5000):
            circuit.x(0)
    circuit.h(1)

    rows = body(circuit)

    assert rows.count("  x q[0];") == 49
    assert rows[-3:] == [
        "  // ... 4,951 more instructions; aerchive illustrate writes more",
        "}",
        "// ... 1 more instruction; aerchive illustrate writes more",
    ]
    gate = Gate("g0", 1, [])
    for number in range(40):  # each of two of the gate before: none could write that
        definition = QuantumCircuit(1)
        definition.append(gate, [0])
        definition.append(gate, [0])
        gate = Gate(f"g{number + 1}", 1, [])
        gate.definition = definition
    circuit = QuantumCircuit(1)
    circuit.append(gate, [0])
    assert body(circuit, complete=True) == ["// g40 q[0];"]


def test_many_circuits() -> None:
    circuits = [ghz(f"c{number}") for number in range(12)]
    group = circuit_view(circuits, complete=False)

    assert group.attributes["title"] == "12 circuits"
    assert list(group.groups) == [f"circuit_{number}" for number in range(MOST_AT_ONCE)]
    assert group.attributes["left_out"] == "4 of 12 circuits; aerchive illustrate writes more"
    assert not group.datasets
    assert [one.attributes["title"] for one in group.groups.values()][7] == "c7: 3 qubits, 6 instructions"
    whole = circuit_view(circuits, complete=True)
    assert len(whole.groups) == 12
    assert "left_out" not in whole.attributes
    assert circuit_view([], complete=False).attributes["title"] == "0 circuits"


def test_empty_circuit() -> None:
    group = view(QuantumCircuit(name=""))

    assert texts(group) == ["OPENQASM 3.0;", 'include "stdgates.inc";']
    assert group.attributes["title"] == "0 qubits, 0 instructions"
    assert list(group.datasets) == ["openqasm"]


def test_names_of_greek() -> None:
    circuit = QuantumCircuit(1, name="Drehung ψ")
    theta, phi = Parameter("θ"), Parameter("φ_1")
    circuit.rx(2 * theta, 0)
    circuit.rx(phi, 0)

    group = view(circuit)

    assert group.attributes["parameters"] == "θ, φ_1"
    assert texts(group)[2:] == [
        "input float[64] θ;",
        "input float[64] φ_1;",
        "qubit[1] q;",
        "rx(2*θ) q[0];",
        "rx(φ_1) q[0];",
    ]


HOSTILE = ['"*/', "a\nx q[0];", "\0", "\u2028y q[0];", "// ", "q[0]; x q[0]", "\x1b[2J", "include", "p" * 300]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_name_smuggles_nothing_in(name: str) -> None:
    register, bits = QuantumRegister(2, name), ClassicalRegister(1, f"{name}c")
    circuit = QuantumCircuit(register, bits, name=name)
    circuit.rx(Parameter(name), 0)
    circuit.append(XGate(label=name), [0])
    circuit.append(Gate(name, 1, []), [0])
    own = Gate(f"{name}2", 1, [Parameter(f"{name}3") * 2])
    own.definition = QuantumCircuit(1)
    own.definition.rx(own.params[0], 0)
    circuit.append(own, [0])
    circuit.append(Instruction("g", 1, 0, [name]), [0])
    circuit.save_statevector(label=name)
    circuit.add_var(circuit_variable := expr.Var.new(f"{name}v", types.Bool()), expr.lift(True))
    with circuit.if_test(circuit_variable):
        circuit.save_probabilities([0], label=name)
    circuit.y(1)

    group = view(circuit)

    rows = texts(group)
    assert all(row.isprintable() for row in rows)
    assert max(len(row.encode()) for row in rows) <= MOST_ROW_BYTES
    code = [row.strip() for row in rows if not row.lstrip().startswith("//")]
    gates = [row.split("(")[0].split(" ")[0] for row in code if row.endswith("];") and "bit" not in row]
    assert [one for one in gates if one in ("x", "y", "z", "rx")] == ["rx", "x", "y"]
    assert sum("save_" in row for row in rows) == 2
    assert len(str(group.attributes["title"])) <= 50
    assert all(row.isprintable() for row in texts(group, "drawing")) if "drawing" in group.datasets else True
    encoded = encode_circuits([circuit])
    assert encoded.view is not None
    assert "openqasm" in encoded.view().datasets


def test_names_of_one_beginning_stay_two() -> None:
    registers = [QuantumRegister(1, "p" * 300 + end) for end in "ab"]
    circuit = QuantumCircuit(*registers)
    circuit.cx(0, 1)

    rows = texts(view(circuit))

    one, two = (row.split(" ")[1].rstrip(";") for row in rows[2:4])
    assert one != two
    assert rows[4:] == [f"cx {one}[0], {two}[0];"]


def test_long_statements_are_broken_between_words() -> None:
    circuit = QuantumCircuit(60, name="wide")
    circuit.barrier()
    circuit.save_statevector()

    rows = body(circuit)

    assert max(len(row) for row in rows) <= MOST_ROW_BYTES
    end = next(number for number, row in enumerate(rows) if row.endswith(";"))
    assert " ".join(row.strip() for row in rows[: end + 1]) == f"barrier {', '.join(f'q[{k}]' for k in range(60))};"
    assert all(row.startswith("//   q[") for row in rows[end + 2 :])


def test_loose_and_overlapping_bits() -> None:
    qubits = [Qubit() for _ in range(3)]
    one, two = QuantumRegister(name="one", bits=qubits[:2]), QuantumRegister(name="two", bits=qubits[1:])
    circuit = QuantumCircuit(qubits, [Clbit()], one, two)
    circuit.cx(0, 2)
    circuit.measure(1, 0)
    circuit.save_state(label="mine")

    rows = texts(view(circuit))

    assert [row for row in rows if row.startswith("let")] == [
        "let one = {_qubit0, _qubit1};",
        "let two = {one[1], _qubit2};",
    ]
    assert rows[-1] == '// save_state(label="mine") one[0], two[0], two[1];'


def test_layout_of_a_device() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.save_statevector()
    circuit.measure(1, 1)
    compiled = transpile(circuit, AerSimulator(basis_gates=["u", "cx"], coupling_map=[[0, 1]]), initial_layout=[1, 0])

    rows = texts(view(compiled))
    assert [row for row in rows if "$" in row] == [
        "U(pi/2, 0, pi) $1;",
        '// save_statevector(label="statevector") $1, $0;',
        "c[1] = measure $0;",
    ]


def test_no_circuit_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise ValueError("broken\n")

    monkeypatch.setattr(QuantumCircuit, "draw", broken)
    monkeypatch.setattr(view_module.Exporter, "dumps", broken)
    assert list(view(ghz()).datasets) == ["openqasm"]
    monkeypatch.setattr(QuantumCircuit, "count_ops", broken)
    assert view(ghz()).attributes["left_out"] == "all of it (ValueError: broken)"


def test_view_is_of_what_is_stored_and_made_once() -> None:
    circuit = ghz("changed later")
    draft, lost = circuits_object([circuit])
    assert lost == ()
    assert draft.view is not None
    circuit.x(0)

    assert texts(draft.view())[-1] == "c[2] = measure q[2];"
    again, _ = circuits_object([ghz("changed later")])
    assert again.view is not None
    assert again.view() is draft.view()
    assert again.digest == draft.digest


def test_qiskit_reads_the_text() -> None:
    pytest.importorskip("qiskit_qasm3_import", reason="Qiskit's reader of OpenQASM 3 is a package of its own")
    circuit = swapping()
    circuit.barrier()
    circuit.append(XGate(label="noisy"), [0])
    circuit.rx(0.25, 1)
    circuit.u(0.1, 0.2, 0.3, 0)
    expected = circuit.copy()
    circuit.save_statevector()
    with circuit.while_loop((0, 0)):
        circuit.save_state(label="s")
        circuit.measure(0, 0)
    with expected.while_loop((0, 0)):
        expected.measure(0, 0)

    assert qasm3.loads("\n".join(texts(view(circuit)))) == expected


def test_surrogates_do_not_hurt() -> None:
    circuit = QuantumCircuit(2)
    circuit.append(Instruction("odd", 1, 0, ["\ud800"]), [0])
    circuit.save_state(label="\u2028")

    assert body(circuit) == [r'// odd("\ud800") q[0];', r'// save_state(label="\u2028") q[0], q[1];']


def test_drawings_are_in_ascii_and_keep_their_columns() -> None:
    circuit = QuantumCircuit(3, 2, name="all signs")
    circuit.rx(np.pi / 2, 0)
    circuit.cp(np.pi / 4, 0, 1)
    circuit.ccx(0, 1, 2)
    circuit.swap(0, 2)
    circuit.barrier()
    circuit.measure([0, 2], [0, 1])
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)

    rows = texts(view(circuit), "drawing")

    assert all(row.isascii() for row in rows)
    assert rows[0].startswith("     +---------+ ")
    assert rows[1].startswith("q_0: + Rx(pi/2)+-*---")
    assert rows[2].startswith("     +---------+ |P(pi/4)  |   |  : +++")
    assert len({len(row) for row in rows if row.startswith("q_")}) == 1


def test_a_name_that_qiskit_made_up_is_no_title() -> None:
    circuit = QuantumCircuit(1)
    assert circuit.name.startswith("circuit-")
    assert view(circuit).attributes["title"] == "1 qubit, 0 instructions"
