"""Runs of each kind that is read in other versions: written by one environment, read and run again by another.

``python -m tests.compatibility.program write FILE`` writes a project, and a copy in QPY 15 beside it;
``python -m tests.compatibility.program read FILE`` prints as JSON what becomes of each run here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.classical import expr
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Kraus, SparsePauliOp
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

import aerchive
from aerchive.aer import AerSimulator, EstimatorV2, SamplerV2
from aerchive.errors import AerchiveError

SEED = 11
OLDEST_QPY = 15


def binds(path: Path) -> None:
    """Parameter binds of elements of a vector, and of an expression."""
    vector, theta = ParameterVector("v", 3), Parameter("θ")
    circuit = QuantumCircuit(1)
    circuit.rx(vector[0], 0)
    circuit.rz(vector[2] + 2 * theta, 0)
    circuit.sx(0)
    circuit.measure_all()
    values = {vector[0]: [0.1, 0.2], vector[2]: [0.3, 0.4], theta: [0.5, 0.6]}
    AerSimulator(project=path).run(circuit, parameter_binds=[values], seed_simulator=SEED, name="binds").result()


def control_flow(path: Path) -> None:
    """Branches, loops and switches with conditions on bits, registers and expressions."""
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(1)
    with circuit.if_test(expr.logic_not(circuit.clbits[0])):
        circuit.y(1)
    with circuit.for_loop(range(2)):
        circuit.s(1)
    with circuit.switch(circuit.cregs[0]) as case:
        with case(0):
            circuit.h(1)
        with case(case.DEFAULT):
            circuit.z(1)
    circuit.measure([0, 1], [0, 1])
    AerSimulator(project=path).run(circuit, seed_simulator=SEED, name="control flow").result()


def instructions(path: Path) -> None:
    """Instructions of Aer, channels, matrices and a large array."""
    circuit = QuantumCircuit(9)
    circuit.set_statevector(np.eye(1, 512, 5)[0].astype(complex))
    circuit.append(Kraus([np.sqrt(0.5) * np.eye(2), np.sqrt(0.5) * np.array([[0, 1], [1, 0]])]).to_instruction(), [0])
    circuit.unitary(np.array([[0, 1j], [1, 0]]), [1])
    circuit.initialize([0.6, 0.8], 2)
    circuit.mcx([0, 1, 2], 3)
    circuit.delay(100, 0)
    circuit.save_statevector(pershot=True)
    circuit.measure_all()
    AerSimulator(project=path).run(circuit, shots=8, seed_simulator=SEED, name="instructions").result()


def noise(path: Path) -> None:
    """A noise model with gate and readout errors."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["h", "sx"])
    model.add_quantum_error(depolarizing_error(0.2, 2), ["cx"], [0, 1])
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    AerSimulator(project=path, noise_model=model).run(bell(), seed_simulator=SEED, name="noise").result()


def target(path: Path) -> None:
    """The target and the noise of a device."""
    device = AerSimulator.from_backend(GenericBackendV2(2, seed=1))
    circuit = QuantumCircuit(2)
    circuit.sx(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    aerchive.aer.archiving(device, path).run(circuit, seed_simulator=SEED, name="target").result()


def sampler(path: Path) -> None:
    """A sampler with elements of a vector as parameters."""
    vector = ParameterVector("v", 2)
    circuit = QuantumCircuit(1)
    circuit.rx(vector[0], 0)
    circuit.rz(vector[1], 0)
    circuit.measure_all()
    SamplerV2(project=path, seed=SEED).run([(circuit, [[0.1, 0.2], [0.3, 0.4]])], shots=50).result()


def estimator(path: Path) -> None:
    """An estimator with elements of a vector as parameters."""
    vector = ParameterVector("v", 2)
    circuit = QuantumCircuit(1)
    circuit.rx(vector[0], 0)
    circuit.rz(vector[1], 0)
    observable = SparsePauliOp(["Z", "X"], [1, 0.5])
    EstimatorV2(project=path, options={"run_options": {"seed_simulator": SEED}}).run(
        [(circuit, observable, [0.1, 0.2])], precision=0.1
    ).result()


def bell() -> QuantumCircuit:
    """Two entangled qubits, measured."""
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


KINDS: tuple[Callable[[Path], None], ...] = (*(binds, control_flow, instructions, noise, target, sampler, estimator),)


def write(path: Path) -> None:
    """Writes a project with one run of each kind, and a copy for Qiskit 2.1."""
    for kind in KINDS:
        kind(path)
    project = aerchive.open(path)
    print(json.dumps({run.job_id: run.record.config.missing for run in project.runs()}))
    if qpy.QPY_VERSION > OLDEST_QPY:
        project.copy(path.with_name(f"{path.stem}-qpy{OLDEST_QPY}.h5"), qpy_version=OLDEST_QPY)


def read(path: Path) -> dict[str, Any]:
    """Reads every run without its circuits, then its circuits, and runs it again."""
    project = aerchive.open(path, "r")
    found: dict[str, Any] = {}
    for run in project.runs(descending=False):
        inputs = (run.circuits, run.parameter_binds, run.noise_model, run.target)
        found[run.name or f"{run.program} {run.job_id}"] = {
            "read": attempt(run.result, lambda run=run: [run.value(row.label) for row in run.saved]),
            "inputs": attempt(*inputs, *([run.pubs] if run.program != "run" else [])),
            "again": attempt(lambda run=run: run.reproduce().verdict),
        }
    report = project.verify()
    found["the file"] = {"read": "ok" if report.ok else str(report), "inputs": "ok", "again": "identical"}
    return found


def attempt(*steps: Callable[[], Any]) -> str:
    """What the last function returns if that is a text, ``ok`` for other values, or the first error."""
    value: Any = None
    try:
        for step in steps:
            value = step()
    except AerchiveError as error:
        return f"{type(error).__name__}: {error}"
    return value if isinstance(value, str) else "ok"


if __name__ == "__main__":
    task, place = sys.argv[1:]
    if task == "write":
        write(Path(place))
    else:
        print(json.dumps(read(Path(place))))
