"""Targets: the same device is the same object, and comes back with all its operations, durations and errors."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import qiskit_aer
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Delay, Gate, IfElseOp, Instruction, Measure, Parameter, Reset
from qiskit.circuit.library import CXGate, MCXGate, RXGate, RZZGate, UnitaryGate, XGate
from qiskit.providers import QubitProperties
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import random_unitary
from qiskit.transpiler import InstructionProperties, Target

import aerchive
from aerchive.aer import AerSimulator
from aerchive.codecs.target import encode_target, find_target
from aerchive.errors import ArchiveWarning, FormatError
from aerchive.models import tagged_json
from aerchive.storage.chunks.drafts import GroupDraft, text_dataset
from tests.samples import RUN, project_file, write_run

ROOT = Path(__file__).resolve().parents[2]
SEED = 5


def line(length: int) -> list[list[int]]:
    return [[i, i + 1] for i in range(length - 1)]


def generic(length: int) -> GenericBackendV2:
    return GenericBackendV2(length, coupling_map=line(length), seed=SEED, control_flow=True)


class Owned(Gate):
    """A gate of a class that Qiskit does not know."""

    def __init__(self) -> None:
        super().__init__("owned", 1, [])


def by_hand() -> Target:
    theta = Parameter("θ")
    made = QuantumCircuit(2, name="made")
    made.h(0)
    made.rx(theta, 1)
    target = Target(
        description="by hand ψ",
        num_qubits=3,
        dt=1e-9 / 3,
        granularity=16,
        min_length=64,
        pulse_alignment=8,
        acquire_alignment=4,
        qubit_properties=[QubitProperties(1e-4, 5e-5, 5e9), QubitProperties(), QubitProperties(t2=1 / 3)],
        concurrent_measurements=[[0, 1], [2]],
    )
    target.add_instruction(RXGate(theta), {(0,): None, (2,): InstructionProperties(1e-8, 1 / 3)})
    target.add_instruction(RXGate(0.25), {(1,): InstructionProperties(error=0.0)}, name="rx_fixed")
    target.add_instruction(RZZGate(Parameter("a")), {(0, 1): InstructionProperties(duration=0.0), (2, 1): None})
    target.add_instruction(XGate(label="labelled"), {(0,): None}, name="x_labelled")
    target.add_instruction(CXGate(ctrl_state=0), {(1, 0): None}, name="open_cx")
    target.add_instruction(Delay(Parameter("t"), "ns"), {(0,): None})
    target.add_instruction(Measure(), {None: None})
    target.add_instruction(Reset())
    target.add_instruction(IfElseOp, name="if_else")
    target.add_instruction(MCXGate, name="mcx")
    target.add_instruction(Gate("opaque", 1, [Parameter("p"), 0.5]), {(0,): InstructionProperties(2e-8, 1e-3)})
    target.add_instruction(made.to_gate(), {(0, 1): None})
    target.add_instruction(UnitaryGate(random_unitary(32, seed=1)), {None: None}, name="large")
    target.add_instruction(Instruction("classical", 1, 1, []), {(2,): None})
    return target


def describe(target: Target) -> Any:
    """All that a target says, parameters by name."""
    fields = ("description", "num_qubits", "dt", "granularity", "min_length", "pulse_alignment", "acquire_alignment")
    qubits = target.qubit_properties
    operations = []
    for name in target.operation_names:
        operation = target.operation_from_name(name)
        properties = {where: None if one is None else (one.duration, one.error) for where, one in target[name].items()}
        operations.append((name, _describe_operation(operation), list(properties.items())))
    return (
        {name: getattr(target, name) for name in fields},
        None if qubits is None else [None if q is None else (q.t1, q.t2, q.frequency) for q in qubits],
        target.concurrent_measurements,
        operations,
    )


def _describe_operation(operation: Any) -> Any:
    if inspect.isclass(operation):
        return operation
    params = [
        ("parameter", p.name) if isinstance(p, Parameter) else p.tobytes() if isinstance(p, np.ndarray) else p
        for p in operation.params
    ]
    names = ("base_class", "name", "label", "num_qubits", "num_clbits", "ctrl_state", "unit")
    definition = operation.definition if type(operation) in (Gate, Instruction) else None
    parts = None if definition is None else [(item.name, [str(p) for p in item.params]) for item in definition.data]
    return params, parts, *(getattr(operation, name, None) for name in names)


def round_trip(target: Target, path: Path) -> tuple[Target, list[str]]:
    encoded = encode_target(target)
    assert encoded.draft is not None
    write_run(path, GroupDraft(objects={"target": encoded.draft}))
    with project_file(path).read() as session:
        return find_target(session.root.group(f"{RUN}/target")).read(session.fd)


@pytest.mark.parametrize("length", [5, 27, 60])
def test_a_generic_device_comes_back(length: int, tmp_path: Path) -> None:
    target = generic(length).target

    back, lost = round_trip(target, tmp_path / "p.h5")

    assert lost == []
    assert describe(back) == describe(target)
    assert type(back) is Target


def test_a_target_with_everything_comes_back(tmp_path: Path) -> None:
    target = by_hand()

    back, lost = round_trip(target, tmp_path / "p.h5")

    assert lost == []
    assert describe(back) == describe(target)
    assert back.operation_names_for_qargs((2, 1)) == target.operation_names_for_qargs((2, 1))
    assert back.build_coupling_map().get_edges() == target.build_coupling_map().get_edges()
    with h5py.File(tmp_path / "p.h5", "r") as file:
        node = file[f"{RUN}/target"]
        assert (node.attrs["encoding"], node.attrs["dt"]) == (b"target", target.dt)
        assert file["objects/arrays"]  # of the large unitary


@pytest.mark.parametrize(
    "target",
    [Target(), Target(num_qubits=None), Target(num_qubits=1, qubit_properties=[QubitProperties()])],
    ids=["empty", "of any size", "qubits of which nothing is known"],
)
def test_small_targets(target: Target, tmp_path: Path) -> None:
    back, lost = round_trip(target, tmp_path / "p.h5")

    assert (describe(back), lost) == (describe(target), [])


@pytest.mark.skipif(not hasattr(Target, "has_angle_bounds"), reason="this Qiskit has no bounds of angles")
def test_bounds_of_angles(tmp_path: Path) -> None:
    target = Target(num_qubits=1)
    target.add_instruction(RXGate(Parameter("a")), {(0,): None}, angle_bounds=[(0.0, 1.5)])
    target.add_instruction(XGate(), {(0,): None})

    back, _ = round_trip(target, tmp_path / "p.h5")

    assert [back.gate_has_angle_bounds(name) for name in ("rx", "x")] == [True, False]
    assert [back.supported_angle_bound("rx", [angle]) for angle in (1.0, 2.0)] == [True, False]


def test_circuits_are_mapped_the_same(tmp_path: Path) -> None:
    target = generic(7).target
    back, _ = round_trip(target, tmp_path / "p.h5")
    circuit = QuantumCircuit(5)
    circuit.h(0)
    for k in range(1, 5):
        circuit.cx(0, k)
    circuit.measure_all()

    mine, other = (transpile(circuit, target=one, seed_transpiler=SEED) for one in (target, back))

    assert mine == other


def test_what_cannot_be_stored_is_named(tmp_path: Path) -> None:
    class Properties(InstructionProperties):
        pass

    class Device(Target):
        pass

    target = Device(num_qubits=1, qubit_properties=[QubitProperties(t1=1.0)])
    target.add_instruction(XGate(), {(0,): Properties(1e-9)})
    target.add_instruction(Owned(), {(0,): None})
    target.add_instruction(Owned, name="owned_class")
    where = f"{test_what_cannot_be_stored_is_named.__module__}.{test_what_cannot_be_stored_is_named.__qualname__}"

    back, lost = round_trip(target, tmp_path / "p.h5")

    assert lost == list(encode_target(target).lost)
    assert lost == [
        f"{where}.<locals>.Device comes back as a Target",
        f"properties of 'x': {where}.<locals>.Properties come back as InstructionProperties",
        f"operation 'owned_class': {__name__}.Owned is not one of Qiskit's, it is left out",
        f"circuit 0 'operation owned': instruction 0 (owned): {__name__}.Owned came back as Gate",
    ]
    assert list(back.operation_names) == ["x", "owned"]
    assert back.qubit_properties[0].t1 == 1.0


def test_a_target_that_raises_costs_nothing_else(tmp_path: Path) -> None:
    class Broken(Target):
        @property
        def operation_names(self) -> Any:
            raise RuntimeError("no names")

    encoded = encode_target(Broken(num_qubits=1))

    assert encoded.draft is None
    assert encoded.lost == ("cannot be stored (RuntimeError: no names)",)


def test_it_is_encoded_once_for_each_state() -> None:
    target = generic(5).target
    first = encode_target(target)

    assert encode_target(target) is first
    target.update_instruction_properties("x", (0,), InstructionProperties(1e-9, 0.5))
    second = encode_target(target)
    assert second.draft.digest != first.draft.digest
    target.dt = 1e-9
    third = encode_target(target)
    target.add_instruction(RXGate(0.5), {(0,): None})
    fourth = encode_target(target)
    assert len({one.draft.digest for one in (first, second, third, fourth)}) == 4
    assert encode_target(target) is fourth


def test_it_is_the_same_object_in_each_process() -> None:
    script = (
        "from tests.codecs.test_target import *\n"
        "print(encode_target(generic(5).target).draft.digest, encode_target(generic(5).target).draft.digest)"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    answers = {
        subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True).stdout
        for _ in range(2)
    }

    (answer,) = answers
    first, second = answer.split()
    assert first == second
    assert len(first) == 40


# In a project


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def stored_targets(path: Path) -> list[str]:
    with h5py.File(path, "r") as file:
        return [name for head in file.get("objects/target", {}).values() for name in head]


def test_runs_of_one_device_share_its_target(tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    device = generic(5)
    project = aerchive.open(path)
    jobs = []
    for number in range(3):
        simulator = AerSimulator.from_backend(device, project=path, seed_simulator=number)
        jobs.append(simulator.run(transpile(bell(), simulator), shots=10))
        jobs[-1].result()
    stock = qiskit_aer.AerSimulator.from_backend(generic(5))
    project.save(stock.run(transpile(bell(), stock), shots=10))
    project.save(qiskit_aer.AerSimulator(target=by_hand()).run(QuantumCircuit(1), shots=1))
    plain = project.save(qiskit_aer.AerSimulator().run(bell(), shots=1))

    assert len(stored_targets(path)) == 2
    assert describe(jobs[0].run.target()) == describe(device.target)
    assert plain.target() is None
    assert [run.target() is None for run in project].count(True) == 1
    assert len({job.run.object_id("target") for job in jobs}) == 1
    assert project.verify().problems == []
    run = project[jobs[0].job_id()]
    assert run.record.config.target_gates
    assert run.record.config.missing is None
    assert run.reproduce().verdict == "identical"
    assert run.job().backend()._target is None


def test_a_target_that_lacks_something_does_not_hinder_a_run(tmp_path: Path) -> None:
    target = generic(2).target
    target.add_instruction(Owned(), {(0,): None})
    simulator = AerSimulator(target=target, project=tmp_path / "p.h5")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        job = simulator.run(transpile(bell(), generic(2)), shots=10)
        job.result()

    loss = f"circuit 0 'operation owned': instruction 0 (owned): {__name__}.Owned came back as Gate"
    assert job.run.record.config.missing == [f"target: {loss}"]
    assert job.run.reproduce().verdict == "identical"
    with pytest.warns(
        ArchiveWarning, match=r"its target comes back without all that it had: .*Owned came back as Gate"
    ):
        back = job.run.target()
    assert "owned" in back.operation_names


def test_the_target_is_that_of_the_moment_of_the_run(tmp_path: Path) -> None:
    target = generic(2).target
    simulator = AerSimulator(target=target, project=tmp_path / "p.h5")
    job = simulator.run(transpile(bell(), target=target), shots=10)
    target.update_instruction_properties("x", (0,), InstructionProperties(1.0, 0.5))
    job.result()

    assert job.run.target()["x"][(0,)].error != 0.5


# Refusals


def forged(path: Path, **changes: Any) -> None:
    draft = encode_target(generic(2).target).draft
    document = tagged_json.loads(draft.datasets["target"].parts[0].tobytes().replace(b"\0", b""), "target")
    for name, value in changes.items():
        document[name] = value
    text = text_dataset(tagged_json.dumps(document))
    write_run(path, GroupDraft(objects={"target": type(draft)("target", draft.attributes, {"target": text})}))


def operation(**changes: Any) -> list[dict[str, Any]]:
    honest = {"name": "x", "class": "XGate", "params": [], "label": None, "properties": None, "angle_bounds": None}
    return [honest | changes]


@pytest.mark.parametrize(
    "changes",
    [
        {"num_qubits": "two"},
        {"qubit_properties": [[1, 2, 3, 4]]},
        {"operations": operation(**{"class": "Popen"})},
        {"operations": operation(**{"class": "MCXGate", "params": [2**62]})},
        {"operations": operation(params=[{"$": "object"}])},
        {"operations": operation(params=[1, 2, 3])},
        {"operations": operation(circuit=0)},
        {"operations": operation(type="QuantumCircuit")},
        {"operations": operation(properties=[["0", [1, 2, 3]]])},
        {"operations": operation() + operation()},
        {"operations": 5},
        {"lost": 5},
    ],
)
def test_a_forged_target_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    forged(path, **changes)

    with (
        project_file(path).read() as session,
        pytest.raises(FormatError, match=r"/runs/.*/target: is not a target|target has a value of the unknown type"),
    ):
        find_target(session.root.group(f"{RUN}/target")).read(session.fd)


def test_an_honest_one_is_not(tmp_path: Path) -> None:
    forged(tmp_path / "p.h5", operations=operation())
    with project_file(tmp_path / "p.h5").read() as session:
        target, _ = find_target(session.root.group(f"{RUN}/target")).read(session.fd)
    assert list(target.operation_names) == ["x"]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("encoding", np.bytes_("circuits"), "is not a target"),
        ("encoding_version", 2, "target encoding 2 is newer than this aerchive: upgrade it"),
        ("encoding_version", np.bytes_("1"), "is not a target"),
    ],
)
def test_a_newer_one_is_refused(name: str, value: Any, text: str, tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    forged(path)
    with h5py.File(path, "r+") as file:
        del file[f"{RUN}/target"].attrs[name]
        file[f"{RUN}/target"].attrs[name] = value

    with project_file(path).read() as session, pytest.raises(FormatError) as caught:
        find_target(session.root.group(f"{RUN}/target"))

    assert str(caught.value) == f"{path}: /{RUN}/target: {text}"
