"""Every instruction of Qiskit's and Aer's libraries is kept, in every form that Qiskit can make of it."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import qiskit_aer.library
from qiskit import QuantumCircuit
from qiskit.circuit import Annotation, Instruction, Parameter, library
from qiskit.circuit.annotated_operation import Modifier
from qiskit.quantum_info import Clifford, Kraus, Pauli, SparsePauliOp, random_clifford, random_unitary
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator

from aerchive.codecs.circuits import constructors
from aerchive.codecs.circuits.losses import differences
from aerchive.codecs.circuits.reading import decode_circuits
from aerchive.codecs.circuits.writing import EncodedCircuits, encode_circuits
from aerchive.errors import FormatError, UnsafeContentError
from tests.codecs.circuits.test_circuits import sources

X, PLUS = np.array([[0, 1], [1, 0]], complex), np.array([1, 1]) / np.sqrt(2)
ARGUMENTS: dict[str, Any] = {
    "adjacency_matrix": [[0, 1], [1, 0]],
    "amount": 1,
    "angle": 0.3,
    "angle_list": [0.1, 0.2],
    "data": X,
    "diag": [1, -1],
    "domain": (0, 1),
    "expression": "a & ~b",
    "f_x": 0.5,
    "gate": library.ZGate(),
    "gamma": 0.1,
    "gate_list": [np.eye(2), X],
    "image": (0, 1),
    "isometry": np.eye(2),
    "lam": 0.75,
    "linear": [[1, 0], [1, 1]],
    "num_ancillas_dirty": 0,
    "num_ancillas_zero": 0,
    "num_controls": 1,
    "num_ctrl_qubits": 3,
    "num_qubits": 2,
    "num_state_qubits": 2,
    "num_target_qubits": 1,
    "num_variable_qubits": 2,
    "offset": 0.25,
    "operator": SparsePauliOp(["XX", "ZZ"], [0.5, 0.25]),
    "params": [1, 0],
    "pattern": [1, 0],
    "pauli": Pauli("XZ"),
    "phase": 0.1,
    "phi": 0.5,
    "rot_axis": "X",
    "scaling": 0.5,
    "slope": 0.5,
    "state": PLUS,
    "theta": 0.25,
    "time": 0.3,
    "v_x": 0.1,
    "v_y": 0.2,
    "v_z": 0.3,
    "value": 1,
}
"""Arguments that constructors must be given, by name; a new instruction of a newer Qiskit may need further ones."""
SPECIAL: dict[str, list[dict[str, Any]]] = {
    "AndGate": [{"num_variable_qubits": 3, "flags": [1, 0, -1]}],
    "BitFlipOracleGate": [{"expression": "(x & y) | z", "var_order": ["z", "y", "x"], "label": "mine"}],
    "C4XGate": [{"ctrl_state": 3}],
    "ExactReciprocalGate": [{"num_state_qubits": 3, "scaling": 0.25, "neg_vals": True, "label": "inverse"}],
    "Initialize": [{"params": "+1"}, {"params": 2, "num_qubits": 2}, {"params": [0.6, 0.8j]}],
    "IntegerComparatorGate": [{"num_state_qubits": 2, "value": 3, "geq": False}],
    "Isometry": [
        {"isometry": np.eye(4)[:, :2], "num_ancillas_zero": 0, "num_ancillas_dirty": 0, "epsilon": 1e-8},
        {"isometry": np.eye(4)[:, :1], "num_ancillas_zero": 1, "num_ancillas_dirty": 0},
    ],
    "LinearAmplitudeFunctionGate": [
        {
            **{"num_state_qubits": 2, "slope": [0.5, 1], "offset": [0, 0.25], "domain": (0, 3), "image": (0, 5)},
            **{"breakpoints": [0, 2], "rescaling_factor": 0.25, "label": "f"},
        }
    ],
    "MCGupDiag": [{"gate": X, "num_controls": 2, "num_ancillas_zero": 0, "num_ancillas_dirty": 1}],
    "MCMTGate": [
        {"gate": library.RXGate(Parameter("a")), "num_ctrl_qubits": 2, "num_target_qubits": 2, "ctrl_state": 1},
        {"gate": library.XGate(label="mine"), "num_ctrl_qubits": 1, "num_target_qubits": 2, "label": "all"},
    ],
    "MSGate": [
        {"num_qubits": 3, "theta": np.float64(0.25)},
        {"num_qubits": 2, "theta": [[0, Parameter("a") + 1], [0, 0]]},
    ],
    "MultiplierGate": [{"num_state_qubits": 1}, {"num_state_qubits": 2, "num_result_qubits": 3}],
    "PauliGate": [{"label": "XIZ"}],
    "PiecewiseLinearPauliRotationsGate": [
        {"num_state_qubits": 2, "breakpoints": [0, 1], "slopes": [0.1, 0.2], "offsets": [0.3, 0.4], "basis": "X"},
        {"num_state_qubits": 2},
    ],
    "PiecewisePolynomialPauliRotationsGate": [
        {"num_state_qubits": 2, "breakpoints": [0, 1], "coeffs": [[0.1, 0.2], [0.3]], "basis": "Z"}
    ],
    "PhaseOracleGate": [{"expression": "a ^ b"}],
    "PolynomialPauliRotationsGate": [{"num_state_qubits": 2, "coeffs": [0.1, 0.2, 0.3], "basis": "X"}],
    "QuadraticFormGate": [
        {"num_result_qubits": 3, "quadratic": [[1, 2], [0, 1]], "linear": [1, -1], "offset": 1, "label": "Q"}
    ],
    "SaveExpectationValue": [{"operator": SparsePauliOp(["XI"])}],
    "SetDensityMatrix": [{"state": np.eye(2) / 2}],
    "SetMatrixProductState": [
        {"state": ([(np.array([[1]]), np.array([[0]])), (np.array([[1]]), np.array([[0]]))], [np.array([1.0])])}
    ],
    "SetStabilizer": [{"state": random_clifford(2, seed=1)}],
    "SetSuperOp": [{"state": Kraus([X])}],
    "SetUnitary": [{"state": X}],
    "UCGate": [
        {"gate_list": [np.eye(2), X, np.eye(2), X]},
        {"gate_list": [random_unitary(2, seed=k).data for k in range(4)], "up_to_diagonal": True, "mux_simp": False},
    ],
    "UniformSuperpositionGate": [{"num_superpos_states": 3, "num_qubits": 4}],
    "WeightedSumGate": [{"num_state_qubits": 3, "weights": [1, 2, 0]}],
}
"""Arguments of classes whose constructors need particular ones, or are worth trying with several."""


OTHERS = {
    *("MCGupDiag", "MultiplierGate", "PiecewiseLinearPauliRotationsGate", "PiecewisePolynomialPauliRotationsGate"),
    *("SetDensityMatrix", "SetMatrixProductState", "SetStabilizer", "SetSuperOp", "SetUnitary"),
}
"""Classes that cannot be made with the plain arguments only."""


def instructions_of(module: Any) -> dict[str, Any]:
    found = {name: getattr(module, name) for name in dir(module)}
    return {name: kind for name, kind in found.items() if isinstance(kind, type) and issubclass(kind, Instruction)}


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of gates that Qiskit will remove
KINDS = instructions_of(library) | instructions_of(qiskit_aer.library)


def made(name: str) -> Iterator[Any]:
    kind: Any = KINDS[name]
    needed = list(inspect.signature(kind.__init__).parameters.values())[1:]
    plain = {one.name: ARGUMENTS.get(one.name) for one in needed if one.default is one.empty}
    if not any(value is None for value in plain.values()) and name not in OTHERS:
        yield kind(**plain)
    for arguments in SPECIAL.get(name, ()):
        yield kind(**arguments)


def labelled(label: str) -> Callable[[Any], Any]:
    def change(operation: Any) -> Any:
        changed = operation.to_mutable()
        changed.label = label
        return changed

    return change


FORMS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda one: one,
    "labelled": labelled("läbel"),
    "with an empty label": labelled(""),
    "with a label that is no UTF-8": labelled("\ud800"),
    "with a long label": labelled("x" * 70_000),
    "inverse": lambda one: one.inverse(),
    "annotated inverse": lambda one: one.inverse(annotated=True),
    "controlled": lambda one: one.control(1),
    "controlled by 0": lambda one: one.control(2, ctrl_state=1),
    "controlled, labelled": lambda one: labelled("")(one.control(1)),
    "annotated control": lambda one: one.control(2, ctrl_state=1, annotated=True),
    "power": lambda one: one.power(2),
    "root": lambda one: one.power(0.5),
    "annotated power": lambda one: one.power(0.25, annotated=True),
    "repeated": lambda one: one.repeat(2),
    "reversed": lambda one: one.reverse_ops(),
}


def put(operation: Any, name: str = "c") -> QuantumCircuit:
    circuit = QuantumCircuit(operation.num_qubits, operation.num_clbits, name=name)
    circuit.append(operation, circuit.qubits, circuit.clbits)
    return circuit


def variants(operation: Any) -> Iterator[tuple[str, QuantumCircuit]]:
    for form, change in FORMS.items():
        try:
            circuit = put(change(operation))
        except Exception:  # noqa: BLE001  (Qiskit cannot make it)
            continue
        modifiers = getattr(circuit.data[0].operation, "modifiers", [])
        if all(isinstance(one, Modifier) for one in modifiers):  # DiagonalGate.inverse(annotated=True) has a class
            yield form, circuit


def read_back(encoded: EncodedCircuits) -> list[QuantumCircuit]:
    return decode_circuits(encoded.qpy, encoded.aer, sources(encoded))


def lost(circuit: QuantumCircuit) -> list[str]:
    """What is lost of a circuit, as it is said in writing, or found in reading or in writing once more."""
    encoded = encode_circuits([circuit])
    (again,) = read_back(encoded)
    return [*encoded.lost, *differences(circuit, again), *encode_circuits([again]).lost]


@pytest.mark.parametrize("name", KINDS)
def test_instruction_is_kept_in_every_form(name: str) -> None:
    operations = list(made(name))
    assert operations, f"{name} is new, or has new arguments: add them to this table"
    tried = [(form, circuit, lost(circuit)) for one in operations for form, circuit in variants(one)]
    assert tried
    assert [(form, texts) for form, _, texts in tried if texts] == []


@pytest.mark.parametrize("name", KINDS)
def test_instruction_is_kept_in_control_flow_and_definitions(name: str) -> None:
    for number, operation in enumerate(made(name)):
        inner = put(operation, name="inner")
        circuit = QuantumCircuit(inner.num_qubits, inner.num_clbits + 1, name=f"c{number}")
        with circuit.if_test((circuit.clbits[-1], 1)) as otherwise:
            circuit.append(operation, circuit.qubits, circuit.clbits[:-1])
        with otherwise, circuit.box():
            circuit.append(labelled("")(operation), circuit.qubits, circuit.clbits[:-1])
        circuit.append(inner.to_instruction(), circuit.qubits, circuit.clbits[:-1])
        assert lost(circuit) == []


@pytest.fixture(scope="module")
def compilers() -> list[Any]:
    """Made once: for a simulator that takes Qiskit a hundred times as long as one circuit."""
    backends = (AerSimulator(), AerSimulator(basis_gates=["u", "cx"]))
    return [generate_preset_pass_manager(0, backend=backend) for backend in backends]


@pytest.mark.parametrize("name", KINDS)
def test_instruction_is_kept_for_each_target(name: str, compilers: list[Any]) -> None:
    for operation in made(name):
        for compiler in compilers:
            try:
                circuit = compiler.run(put(operation))
            except Exception:  # noqa: BLE001  (Qiskit cannot compile it)
                continue
            assert lost(circuit) == []


def test_all_at_once() -> None:
    circuits = [circuit for name in KINDS for one in made(name) for _, circuit in itertools.islice(variants(one), 2)]

    encoded = encode_circuits(circuits)

    assert encoded.lost == ()
    for circuit, again in zip(circuits, read_back(encoded), strict=True):
        assert list(differences(circuit, again)) == []


def test_table_has_only_classes_of_the_library() -> None:
    assert set(constructors.ALWAYS) <= set(KINDS.values())


def test_gate_that_aer_runs_natively_does_the_same() -> None:
    circuit = QuantumCircuit(5, 5, name="native")
    circuit.h(range(5))
    circuit.append(library.UCGate([np.eye(2), random_unitary(2, seed=1).data]), [0, 1])
    circuit.append(library.C4XGate(), range(5))
    circuit.append(library.UnitaryGate(random_unitary(4, seed=2), label=""), [3, 1])
    circuit.save_statevector()
    (again,) = read_back(encode_circuits([circuit]))

    one, two = (AerSimulator().run(some).result().get_statevector() for some in (circuit, again))

    assert one.data.tobytes() == two.data.tobytes()


@pytest.mark.parametrize("number", [float, np.float64, np.float32, int, np.int64], ids=lambda kind: kind.__name__)
def test_numbers_of_numpy_are_the_same_numbers(number: Any) -> None:
    circuit = QuantumCircuit(3, name="angles")
    for angle in (number(0.25), number(3), number(0)):
        circuit.mcp(angle, [0, 1], 2)
        circuit.append(library.UCRYGate([float(angle), 0.5]), [0, 1])
        circuit.append(library.RZGate(angle).control(2), [0, 1, 2])
        circuit.append(library.PauliEvolutionGate(SparsePauliOp("XX"), angle), [0, 1])

    assert encode_circuits([circuit]).lost == ()


def test_number_of_another_value_is_another() -> None:
    circuits = [QuantumCircuit(3, name="c") for _ in range(4)]
    for circuit, angle in zip(circuits, (0.1, np.float32(0.1), np.longdouble("0.1"), -0.1), strict=True):
        circuit.append(library.MCPhaseGate(0.1, 2), range(3))
        circuit.data[0].operation.base_gate.params = [0.1]
        circuit.data[0].operation.base_gate._params = [angle]
    first = circuits[0]

    assert [bool(list(differences(first, other))) for other in circuits] == [False, True, True, True]


class Note(Annotation):
    namespace = "mine"


def test_annotations_of_boxes_are_named_and_the_rest_is_kept() -> None:
    circuit = QuantumCircuit(1, 1, name="c")
    with circuit.if_test((0, 1)), circuit.box(annotations=[Note()], label="box"):
        circuit.append(library.UCGate([X]), [0])

    encoded = encode_circuits([circuit])

    (text,) = encoded.lost
    assert text.startswith("circuit 0 'c': instruction 0 (if_else): block 0: instruction 0 (box): annotations [")
    (again,) = read_back(encoded)
    box = again.data[0].operation.blocks[0].data[0].operation
    assert (box.label, type(box.blocks[0].data[0].operation)) == ("box", library.UCGate)


def test_callable_of_a_gate_costs_its_class() -> None:
    circuit = put(library.PiecewiseChebyshevGate(np.sin, 2, 1))

    encoded = encode_circuits([circuit])

    assert [text for text in encoded.lost if "came back as Gate" in text]
    assert len(read_back(encoded)[0].decompose().data) == 1


def test_operation_that_is_no_instruction() -> None:
    circuit = QuantumCircuit(2, name="c")
    circuit.append(Clifford(library.CXGate()), [0, 1])
    assert lost(circuit) == []


def test_expressions_are_one_object_again() -> None:
    a = Parameter("a")
    circuit = QuantumCircuit(3, name="c")
    circuit.rx(a, 0)
    circuit.append(library.MSGate(3, a), range(3))
    circuit.append(library.MCMTGate(library.RXGate(2 * a), 1, 2), range(3))

    (again,) = read_back(encode_circuits([circuit]))

    assert list(again.parameters) == [a]
    assert again.assign_parameters({a: 0.5}) == circuit.assign_parameters({a: 0.5})


@pytest.mark.parametrize(
    "change",
    [
        (b'"class":"MSGate"', b'"class":"System"'),
        (b'"class":"MSGate"', b'"class":"IfElseOp"'),
        (b'"num_qubits":3', b'"num_qubits":4000000000'),
        (b'"num_qubits":3', b'"num_qubits":true'),
        (b'"index":1', b'"index":0'),
        (b'"index":1', b'"index":-1'),
        (b'"index":1', b'"index":9'),
        (b'"$":"expression"', b'"$":"operation"'),
        (b'"$":"expression"', b'"$":"circuit"'),
        (b'"theta"', b'"nosuch"'),
        (b'"label":null', b'"label":5'),
    ],
)
def test_arguments_of_a_strange_file_are_refused(change: tuple[bytes, bytes]) -> None:
    circuit = put(library.MSGate(3, Parameter("a")))
    encoded = encode_circuits([circuit])
    assert change[0] in encoded.aer

    with pytest.raises((FormatError, UnsafeContentError)):
        decode_circuits(encoded.qpy, encoded.aer.replace(*change))
