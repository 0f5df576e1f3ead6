"""A project of thirty varied runs, to be looked at in viewers: ``python -m tests.viewers.varied FILE``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import qiskit_aer
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Parameter
from qiskit.circuit.library import UnitaryGate, efficient_su2
from qiskit.quantum_info import Pauli, SparsePauliOp, random_unitary
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error, thermal_relaxation_error
from qiskit_aer.primitives import EstimatorV2, SamplerV2

import aerchive
import aerchive.aer
from aerchive.errors import AerchiveError

Story = Callable[[aerchive.Project], object]
STORIES: dict[str, Story] = {}


def story(function: Story) -> Story:
    """Enters a function that saves one run, or a few, under its name."""
    STORIES[function.__name__] = function
    return function


def make(path: Path, only: tuple[str, ...] = ()) -> aerchive.Project:
    """Makes the project with the runs of all stories, or of those named."""
    project = aerchive.open(path)
    for name, tell in STORIES.items():
        if not only or name in only:
            tell(project)
    return project


def ghz(qubits: int, name: str = "") -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, name=name or f"ghz_{qubits}")
    circuit.h(0)
    for qubit in range(1, qubits):
        circuit.cx(qubit - 1, qubit)
    return circuit


def measured(circuit: QuantumCircuit) -> QuantumCircuit:
    circuit.measure_all()
    return circuit


def aer(**options: Any) -> qiskit_aer.AerSimulator:
    return qiskit_aer.AerSimulator(**options)


def noise() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.02, 1), ["h", "rx", "x"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    model.add_all_qubit_readout_error(ReadoutError([[0.97, 0.03], [0.05, 0.95]]))
    return model


@story
def bell(project: aerchive.Project) -> None:
    job = aer().run(measured(ghz(2, "bell")), shots=1000, seed_simulator=1)
    project.save(
        job, name="Bell pair", tags=["demo", "ψ"], notes="The first run.\nTwo lines, µ and ψ.", params={"d": 0.7}
    )


@story
def registers(project: aerchive.Project) -> None:
    circuit = QuantumCircuit(
        QuantumRegister(3, "q"), ClassicalRegister(2, "a"), ClassicalRegister(1, "b"), name="two registers"
    )
    circuit.h(range(3))
    circuit.measure([0, 1, 2], [0, 1, 2])
    project.save(aer().run(circuit, shots=300, memory=True, seed_simulator=2), name="counts and memory")


@story
def state(project: aerchive.Project) -> None:
    circuit = ghz(4)
    circuit.ry(0.3, 2)
    circuit.save_statevector()
    project.save(aer(method="statevector").run(circuit), name="state of 4 qubits")


@story
def density(project: aerchive.Project) -> None:
    circuit = ghz(3)
    circuit.save_density_matrix()
    project.save(aer(method="density_matrix", noise_model=noise()).run(circuit), name="noisy density matrix")


@story
def unitary(project: aerchive.Project) -> None:
    circuit = QuantumCircuit(3, name="qft")
    for high in (2, 1, 0):
        circuit.h(high)
        for low in range(high):
            circuit.cp(np.pi / 2 ** (high - low), low, high)
    circuit.save_unitary()
    project.save(aer(method="unitary").run(circuit), name="unitary of a QFT")


@story
def superop(project: aerchive.Project) -> None:
    circuit = QuantumCircuit(1, name="channel")
    circuit.h(0)
    circuit.save_superop()
    project.save(aer(method="superop", noise_model=noise()).run(circuit), name="channel")


@story
def sweep(project: aerchive.Project) -> None:
    theta = Parameter("θ")
    circuit = QuantumCircuit(2, name="rabi")
    circuit.rx(theta, 0)
    circuit.cx(0, 1)
    circuit.save_expectation_value(Pauli("ZZ"), [0, 1], label="zz")
    circuit.save_expectation_value(Pauli("IZ"), [0, 1], label="z0")
    binds = [{theta: [float(value) for value in np.linspace(0, 2 * np.pi, 25)]}]
    project.save(aer(method="statevector").run([circuit], parameter_binds=binds), name="Rabi sweep")


@story
def noisy(project: aerchive.Project) -> None:
    job = aer(noise_model=noise()).run(measured(ghz(5)), shots=4000, seed_simulator=3)
    project.save(job, name="noisy GHZ", tags=["noise"])


@story
def failed(project: aerchive.Project) -> None:
    circuit = ghz(2)
    circuit.save_statevector()
    circuit.save_statevector()
    project.save(aer(method="statevector").run(circuit), name="same label twice")


@story
def large_failed(project: aerchive.Project) -> None:
    project.save(aer(method="statevector", max_memory_mb=1).run(measured(ghz(24))), name="too large")


@story
def wrong_option(project: aerchive.Project) -> None:
    project.save(aer().run(measured(ghz(2)), shots=10, shotz=5), name="misspelt option")


@story
def twenty(project: aerchive.Project) -> None:
    circuit = QuantumCircuit(20, name="product of rotations")
    for qubit in range(20):
        circuit.ry(0.05 * (qubit + 1), qubit)
    circuit.save_statevector()
    project.save(aer(method="statevector").run(circuit), name="20 qubits")


@story
def tensors(project: aerchive.Project) -> None:
    circuit = ghz(6)
    circuit.save_matrix_product_state()
    circuit.measure_all()
    project.save(aer(method="matrix_product_state").run(circuit, shots=100, seed_simulator=4), name="MPS")


@story
def stabilizers(project: aerchive.Project) -> None:
    circuit = ghz(3)
    circuit.save_stabilizer()
    circuit.save_clifford(label="c")
    project.save(aer(method="stabilizer").run(circuit), name="stabilizer")


@story
def middle(project: aerchive.Project) -> None:
    circuit = QuantumCircuit(2, 2, name="teleport")
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    project.save(aer().run(circuit, shots=200, seed_simulator=5), name="mid-circuit measurement")


@story
def snapshots(project: aerchive.Project) -> None:
    circuit = QuantumCircuit(3, name="steps")
    for step in range(4):
        circuit.rx(0.4, range(3))
        circuit.save_statevector(label=f"step {step}")
    project.save(aer(method="statevector").run(circuit), name="snapshots")


@story
def probabilities(project: aerchive.Project) -> None:
    circuit = ghz(3)
    circuit.save_probabilities(label="p")
    circuit.save_probabilities_dict(label="p by key")
    circuit.save_amplitudes([0, 7], label="two amplitudes")
    project.save(aer(method="statevector").run(circuit), name="probabilities")


@story
def variance(project: aerchive.Project) -> None:
    circuit = ghz(2)
    circuit.save_expectation_value_variance(SparsePauliOp(["ZZ", "XX"], [0.5, 1.5]), [0, 1], label="energy")
    project.save(aer(method="statevector").run(circuit), name="energy and variance")


@story
def batch(project: aerchive.Project) -> None:
    circuits = [measured(ghz(size)) for size in (2, 3, 4)]
    project.save(aer().run(circuits, shots=100, seed_simulator=6), name="three circuits")


@story
def per_shot(project: aerchive.Project) -> None:
    circuit = QuantumCircuit(1, 1, name="pershot")
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.save_statevector(pershot=True)
    project.save(aer(method="statevector").run(circuit, shots=8, seed_simulator=7), name="states of 8 shots")


@story
def own_gate(project: aerchive.Project) -> None:
    circuit = QuantumCircuit(3, name="own gate")
    circuit.append(UnitaryGate(random_unitary(4, seed=8), label="U"), [0, 1])
    circuit.append(ghz(3).to_gate(label="GHZ"), [0, 1, 2])
    project.save(aer().run(transpile(measured(circuit), aer()), shots=500, seed_simulator=8), name="own gates")


@story
def ansatz(project: aerchive.Project) -> None:
    circuit = efficient_su2(8, reps=2)
    values = {parameter: 0.1 * number for number, parameter in enumerate(circuit.parameters)}
    bound = circuit.assign_parameters(values)
    bound.name = "ansatz of 8 qubits"
    project.save(aer().run(measured(bound), shots=1000, seed_simulator=9), name="ansatz")


@story
def relaxation(project: aerchive.Project) -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(thermal_relaxation_error(50e3, 70e3, 300), ["id"])
    circuit = QuantumCircuit(1, name="decay")
    circuit.x(0)
    for _ in range(20):
        circuit.id(0)
    project.save(aer(noise_model=model).run(measured(circuit), shots=1000, seed_simulator=10), name="T1 decay")


@story
def single(project: aerchive.Project) -> None:
    circuit = ghz(4)
    circuit.save_statevector()
    project.save(aer(method="statevector", precision="single").run(circuit), name="single precision")


@story
def many(project: aerchive.Project) -> None:
    circuit = QuantumCircuit(12, name="uniform")
    circuit.h(range(12))
    project.save(aer().run(measured(circuit), shots=5000, seed_simulator=11), name="thousands of outcomes")


@story
def unnamed(project: aerchive.Project) -> None:
    project.save(aer().run(measured(QuantumCircuit(1)), shots=10, seed_simulator=12))


@story
def attached(project: aerchive.Project) -> None:
    run = project.save(aer().run(measured(ghz(2)), shots=50, seed_simulator=13), name="with attachments")
    run.attach("calibration.txt", "T1 = 50 µs")
    run.attach("fit", {"slope": 0.5, "points": np.arange(5.0)})
    project.attach("plan", "Measure all pairs.")


@story
def matrix(project: aerchive.Project) -> None:
    circuit = ghz(6)
    circuit.save_density_matrix()
    project.save(aer(method="density_matrix", noise_model=noise()).run(circuit), name="64 x 64")


@story
def sampler(project: aerchive.Project) -> None:
    theta = Parameter("a")
    circuit = QuantumCircuit(2, name="sampled")
    circuit.ry(theta, 0)
    circuit.cx(0, 1)
    circuit.measure_all()
    with aerchive.autosave(project.path):
        SamplerV2(seed=14).run([(circuit, [0.0, 0.5, 1.0])], shots=100).result()


@story
def estimator(project: aerchive.Project) -> None:
    theta = Parameter("a")
    circuit = QuantumCircuit(2, name="estimated")
    circuit.ry(theta, 0)
    circuit.cx(0, 1)
    observables = [[SparsePauliOp("ZZ")], [SparsePauliOp("XX")]]
    with aerchive.autosave(project.path):
        EstimatorV2().run([(circuit, observables, [[0.1], [0.2], [0.3]])]).result()


@story
def raised(project: aerchive.Project) -> None:
    simulator = aerchive.aer.AerSimulator(project=project.path)
    with contextlib.suppress(AerchiveError, qiskit_aer.AerError):
        simulator.run(measured(ghz(2)), parameter_binds=[{Parameter("x"): [1.0]}]).result()


if __name__ == "__main__":
    made = make(Path(sys.argv[1]))
    print(len(made), "runs", made.verify())
