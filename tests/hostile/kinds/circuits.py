"""Circuits whose side table or payload has instructions that their constructors would have refused."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.hostile.corpus import add
from tests.hostile.edits import Hostile, object_path, put_array, put_text, rename_object

Tree = dict[str, Any]
JOB = "amplitudes"
MUTANTS = 12


def _table(change: Callable[[Tree], None], job: str = JOB) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            path = object_path(file, job, "circuits")
            tree = json.loads(file[path]["aer"][...].tobytes().replace(b"\0", b""))
            change(tree)
            put_text(file[path], "aer", json.dumps(tree, separators=(",", ":")).encode())
            rename_object(file, path)

    return act


def _instruction(tree: Tree, name: str) -> Tree:
    """The entry of an instruction of the first circuit."""
    found: list[Tree] = [entry for _, entry in tree["circuits"][0]["instructions"] if entry["name"] == name]
    return found[0]


def _with(name: str, /, **fields: Any) -> Callable[[Tree], None]:
    return lambda tree: _instruction(tree, name).update(fields)


def _errors(change: Callable[[list[Tree]], object]) -> Callable[[Tree], None]:
    def act(tree: Tree) -> None:
        change(tree["errors"])

    return act


def _position(at: Any) -> Callable[[Tree], None]:
    def act(tree: Tree) -> None:
        tree["circuits"][0]["instructions"][0][0] = at

    return act


def _many_instructions(tree: Tree) -> None:
    tree["circuits"][0]["instructions"] *= 50_000


def _array(*values: complex, shape: list[int] | None = None) -> Any:
    import base64

    data = np.array(values, "<c16")
    encoded = base64.b64encode(data.tobytes()).decode()
    return {"$": "ndarray", "dtype": "<c16", "shape": shape or [len(values)], "order": "C", "base64": encoded}


AMPLITUDES, STATE = "save_amplitudes", "set_statevector"


def _made(kind: str, qubits: int = 2, /, **arguments: Any) -> Callable[[Tree], None]:
    """Puts the arguments of a constructor in the place of an instruction."""

    def act(tree: Tree) -> None:
        entry = _instruction(tree, AMPLITUDES)
        entry.clear()
        made = {"class": kind, "label": None, "arguments": arguments, "qubits": list(range(qubits)), "clbits": []}
        entry.update(name=AMPLITUDES, **made)

    return act


def _changed(**changes: Any) -> Callable[[Tree], None]:
    return lambda tree: tree["circuits"][0].update(changes=[[0, changes]])


MANY = {"$": "int", "hex": "0x" + "f" * 4000}
TABLES: dict[str, Callable[[Tree], None]] = {
    "amplitude beyond the state": _with(AMPLITUDES, params=[10**9, 5]),
    "negative amplitude": _with(AMPLITUDES, params=[-1]),
    "amplitude of 2**63": _with(AMPLITUDES, params=[2**63]),
    "amplitudes that are texts": _with(AMPLITUDES, params=["0", None]),
    "no amplitudes": _with(AMPLITUDES, params=[]),
    "a million amplitudes": _with(AMPLITUDES, params=[0] * 1_000_000),
    "amplitudes of three qubits": _with(AMPLITUDES, qubits=[0, 1, 1]),
    "qubit beyond the circuit": _with(AMPLITUDES, qubits=[0, 99]),
    "negative qubit": _with(AMPLITUDES, qubits=[0, -1]),
    "one qubit twice": _with(AMPLITUDES, qubits=[0, 0]),
    "no qubits": _with(AMPLITUDES, qubits=[]),
    "qubits that are texts": _with(AMPLITUDES, qubits=["0", "1"]),
    "clbit beyond the circuit": _with(AMPLITUDES, clbits=[7]),
    "unknown subtype": _with(AMPLITUDES, subtype="of no kind"),
    "subtype that is a list": _with(AMPLITUDES, subtype=["single"]),
    "label with code": _with(AMPLITUDES, label='x"\nimport os\nos._exit(3)  #'),
    "label with escapes": _with(AMPLITUDES, label="\x1b[2J\u202e\n"),
    "label that is a number": _with(AMPLITUDES, label=5),
    "name of another instruction": _with(AMPLITUDES, name="unitary"),
    "name with code": _with(AMPLITUDES, name="x\nimport os"),
    "unknown class": _with(AMPLITUDES, **{"class": "System"}),
    "class that is a list": _with(AMPLITUDES, **{"class": ["SaveAmplitudes"]}),
    "class of a gate": _with(AMPLITUDES, **{"class": "UnitaryGate"}),
    "class of a jump": _with(AMPLITUDES, **{"class": "AerJump", "name": "jump"}),
    "jump to nowhere": _with(AMPLITUDES, **{"class": "AerJump", "name": "jump", "params": ["nowhere"]}),
    "class of a store": _with(AMPLITUDES, **{"class": "AerStore", "name": "store"}),
    "expectation of nothing": _with(
        AMPLITUDES, **{"class": "SaveExpectationValue", "name": "save_expval", "params": []}
    ),
    "expectation of wrong texts": _with(
        AMPLITUDES, **{"class": "SaveExpectationValue", "name": "save_expval", "params": [["Q" * 100, [1, 0]]]}
    ),
    "delay of an unknown unit": _with(AMPLITUDES, **{"class": "Delay", "name": "delay", "unit": "y", "params": [1]}),
    "state of three amplitudes": _with(STATE, params=[_array(1, 0, 0)]),
    "state of no amplitudes": _with(STATE, params=[_array()]),
    "state of NaN": _with(STATE, params=[_array(complex("nan"), 0, 0, 0)]),
    "state of a list": _with(STATE, params=[[1, 0, 0, 0]]),
    "state of a text": _with(STATE, params=["1000"]),
    "state that is a matrix": _with(STATE, params=[_array(1, 0, 0, 0, shape=[2, 2])]),
    "density matrix of wrong shape": _with(
        STATE, **{"class": "SetDensityMatrix", "name": "set_density_matrix", "params": [_array(1, 0)]}
    ),
    "unitary of wrong shape": _with(STATE, **{"class": "UnitaryGate", "name": "unitary", "params": [_array(1, 0, 0)]}),
    "initialize with wrong shape": _with(STATE, **{"class": "Initialize", "name": "initialize", "params": [1, 0, 0]}),
    "matrix product state of nothing": _with(
        STATE, **{"class": "SetMatrixProductState", "name": "set_matrix_product_state", "params": [[[], []]]}
    ),
    "stabilizer of wrong shape": _with(
        STATE, **{"class": "SetStabilizer", "name": "set_stabilizer", "params": [{"stabilizer": ["+XXXXX"]}]}
    ),
    "generic gate": _with(STATE, **{"class": "Gate", "name": "kraus", "params": [_array(1, 0)]}),
    "position that is not": _position(10**6),
    "negative position": _position(-1),
    "position that is a text": _position("0"),
    "many instructions": _many_instructions,
    "10 million lists": lambda tree: tree["circuits"][0].update(metadata=[[]] * 10_000_000),
    "error that is not": lambda tree: (
        [entry.update(error=99) for _, entry in tree["circuits"][0]["instructions"]] and None
    ),
    "negative error": lambda tree: (
        [entry.update(error=-1) for _, entry in tree["circuits"][0]["instructions"]] and None
    ),
    "error of circuits that are not": _errors(lambda errors: [one.update(circuits=[99]) for one in errors]),
    "error of its own circuit": _errors(lambda errors: [one.update(circuits=[0]) for one in errors]),
    "error of 60 qubits": _errors(lambda errors: [one.update(num_qubits=60) for one in errors]),
    "error of probability 7": _errors(lambda errors: [one.update(probabilities=[7.0] * 4) for one in errors]),
    "error of no probability": _errors(lambda errors: [one.update(probabilities=[]) for one in errors]),
    "error of an unknown class": _errors(lambda errors: [one.update({"class": "System"}) for one in errors]),
    "Pauli error of wrong texts": _errors(
        lambda errors: [one.update({"class": "PauliError", "paulis": ["Q"], "probabilities": [1]}) for one in errors]
    ),
    "a billion main circuits": lambda tree: tree.update(main=10**9),
    "negative main circuits": lambda tree: tree.update(main=-1),
    "no circuits": lambda tree: tree.update(circuits=[]),
    "circuits that are a mapping": lambda tree: tree.update(circuits={}),
    "unknown key": lambda tree: tree.update(evil=1),
    "arrays that are not": lambda tree: tree.update(arrays=["objects/arrays/00/" + "0" * 40]),
    "shared array that is not": _with(STATE, params=[{"$": "shared_array/1", "array": 99}]),
    "negative shared array": _with(STATE, params=[{"$": "shared_array/1", "array": -1}]),
    "name of a circuit with code": lambda tree: tree["circuits"][0].update(name='a"""\nimport os\nos._exit(3)'),
    "name of a circuit is a list": lambda tree: tree["circuits"][0].update(name=["a"]),
    "metadata with an unknown tag": lambda tree: tree["circuits"][0].update(metadata={"$": "os.system"}),
    "blocks of no block": lambda tree: tree["circuits"][0].update(blocks=[[0, [{}]]]),
    "constructor of an unknown class": _made("System", command="true"),
    "constructor of control flow": _made("WhileLoopOp", condition=True, body={"$": "circuit", "index": 1}),
    "constructor with 4 billion qubits": _made("MSGate", num_qubits=2**32, theta=0.5),
    "constructor with a huge number of qubits": _made("AndGate", num_variable_qubits=MANY, flags=None),
    "made by a constructor that fits": _made(
        "QuadraticFormGate", num_result_qubits=1, quadratic=[], linear=[], offset=0
    ),
    "constructor with an unknown argument": _made("MSGate", num_qubits=2, theta=0.5, evil=1),
    "constructor with matrices of wrong shape": _made(
        *("UCGate",), gate_list=[_array(1, 0, 0)], up_to_diagonal=False, num_qubits=2, simp_contr=[True, [1]]
    ),
    "constructor with matrices that are not unitary": _made(
        *("UCGate",),
        gate_list=[_array(1, 1, 1, 1, shape=[2, 2])],
        up_to_diagonal=False,
        num_qubits=2,
        simp_contr=[True, [1]],
    ),
    "constructor with controls that are not": _made(
        *("UCGate",),
        gate_list=[_array(1, 0, 0, 1, shape=[2, 2])],
        up_to_diagonal=False,
        num_qubits=2,
        simp_contr=[True, [10**9]],
    ),
    "constructor with too few matrices": _made(
        *("UCGate",),
        gate_list=[_array(1, 0, 0, 1, shape=[2, 2])],
        up_to_diagonal=False,
        num_qubits=2,
        simp_contr=[False, []],
    ),
    "constructor with a long expression": _made("PhaseOracleGate", expression="a&" * 100_000 + "a", var_order=["a"]),
    "constructor with a deep expression": _made("PhaseOracleGate", expression="(" * 2000 + "a" + ")" * 2000),
    "constructor with code as an expression": _made("PhaseOracleGate", expression="__import__('os')._exit(3)"),
    "constructor with a huge value": _made("IntegerComparatorGate", value=MANY, geq=True, num_state_qubits=1),
    "constructor with a huge degree": _made(
        "PiecewiseChebyshevGate", f_x="eval", num_state_qubits=1, degree=10**12, breakpoints=[0, 2]
    ),
    "constructor of a gate that Aer knows": _made("Gate", name="kraus", num_qubits=2, params=[_array(1, 0)]),
    "made by a constructor with a name of code": _made("Gate", name="x\nimport os", num_qubits=2, params=[]),
    "constructor with a circuit that is not": _made(
        "Gate", name="g", num_qubits=2, params=[], definition={"$": "circuit", "index": 99}
    ),
    "constructor with its own circuit": _made(
        "Gate", name="g", num_qubits=2, params=[], definition={"$": "circuit", "index": 0}
    ),
    "constructor with an earlier circuit": _made(
        "Gate", name="g", num_qubits=2, params=[], definition={"$": "circuit", "index": -1}
    ),
    "constructor with a definition that is a text": _made("Gate", name="g", num_qubits=2, params=[], definition="code"),
    "constructor with an unknown modifier": _made(
        "AnnotatedOperation", base_op={"$": "operation", "index": 1}, modifiers=[["System", 1]]
    ),
    "constructor with a billion controls": _made(
        "AnnotatedOperation", base_op={"$": "operation", "index": 1}, modifiers=[["ControlModifier", 10**9, 1]]
    ),
    "changed to another name": _changed(name="unitary", definition=None),
    "changed to a name of code": _changed(name='"""\nimport os\nos._exit(3)', definition=None),
    "changed to a definition that is not": _changed(name="g", definition={"$": "circuit", "index": 7}),
    "changed to a label that is a list": _changed(label=["a"]),
    "changed in an unknown way": _changed(evil=1),
    "times that are a text": lambda tree: tree["circuits"][0].update(timing="never"),
    "times without end": lambda tree: tree["circuits"][0].update(timing=[[0] * 1_000_000, 1e308, "x" * 10**6]),
    "definitions of a gate without": lambda tree: tree["circuits"][0].update(definitions=[[0, {}]]),
}
for _name, _change in TABLES.items():
    add("circuits", f"side table: {_name}", _table(_change), "limited", jobs=(JOB,), reruns=True)
REFUSED = ("amplitude beyond the state", "negative amplitude", "qubit beyond the circuit", "one qubit twice")
REFUSED += ("state of three amplitudes", "unitary of wrong shape", "negative qubit", "negative shared array")
REFUSED += tuple(name for name in TABLES if name.startswith("constructor "))
for _name in REFUSED:
    _case = _table(TABLES[_name])
    add("circuits", f"refused: {_name}", _case, "limited", jobs=(JOB,), refuses=("circuits",))


def _payload(change: Callable[[bytearray], object], job: str = "binds") -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            path = object_path(file, job, "circuits")
            data = bytearray(file[path]["qpy"][()].tobytes())
            change(data)
            put_array(file[path], "qpy", np.frombuffer(bytes(data), np.uint8))
            rename_object(file, path)

    return act


def _mutant(seed: int) -> Callable[[bytearray], object]:
    def change(data: bytearray) -> None:
        chance = random.Random(seed)
        for _ in range(chance.choice((1, 1, 2, 8))):
            data[chance.randrange(7, len(data))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))

    return change


def _set(at: int, value: bytes) -> Callable[[bytearray], object]:
    def change(data: bytearray) -> None:
        data[at : at + len(value)] = value

    return change


def _cut(data: bytearray) -> None:
    del data[len(data) // 2 :]


PAYLOADS: dict[str, Callable[[bytearray], object]] = {
    "version 12": _set(6, b"\x0c"),
    "version 4": _set(6, b"\x04"),
    "version 255": _set(6, b"\xff"),
    "no QPY": _set(0, b"PICKLE"),
    "pickle": lambda data: data.__setitem__(slice(None), b"\x80\x04cos\nsystem\n(S'true'\ntR."),
    "cut off": _cut,
    "empty": lambda data: data.clear(),
    "2**64 circuits": _set(10, b"\xff" * 8),
    "zeros": lambda data: data.__setitem__(slice(7, None), bytes(len(data) - 7)),
}
for _name, _change in PAYLOADS.items():
    add("circuits", f"payload: {_name}", _payload(_change), "limited", jobs=("binds",), refuses=("circuits",))
for _seed in range(MUTANTS):
    for _job in ("binds", "flow"):
        _case = _payload(_mutant(_seed), _job)
        add("circuits", f"payload: mutant {_seed} of {_job}", _case, "limited", jobs=(_job,))


def _model(**changes: Any) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            path = object_path(file, "noise", "noise_model")
            tree = json.loads(file[path]["model"][...].tobytes().replace(b"\0", b""))
            tree.update(changes)
            put_text(file[path], "model", json.dumps(tree, separators=(",", ":")).encode())
            rename_object(file, path)

    return act


MODELS: dict[str, dict[str, Any]] = {
    "error of a billion qubits": {"kinds": [["QuantumError", 10**9]]},
    "error of no qubits": {"kinds": [["QuantumError", 0]]},
    "error of an unknown class": {"kinds": [["System", 1]]},
    "error of a class that it is not": {"kinds": [["PauliLindbladError", 1]]},
    "error without a class": {"kinds": [None]},
    "classes that are a number": {"kinds": 7},
    "instructions with noise that are a list of lists": {"noise_instructions": [["x"]]},
    "qubits with noise that are a mapping": {"noise_qubits": [{"$": "dict", "items": []}]},
}
for _name, _fields in MODELS.items():
    add("circuits", f"noise model: {_name}", _model(**_fields), "limited", jobs=("noise",), refuses=("circuits",))
