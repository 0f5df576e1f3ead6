"""Circuits that start from archived states: what comes out is what would have come without the interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.quantum_info import DensityMatrix, Operator, Statevector, random_statevector
from qiskit_aer import AerSimulator
from qiskit_aer import noise as aer_noise

import aerchive
from aerchive.aer import AerSimulator as ArchivingSimulator
from aerchive.errors import InvalidInputError
from tests.jobs import make_result
from tests.strict import differences

QUBITS = 5


def layer(circuit: QuantumCircuit, step: int) -> None:
    for qubit in range(QUBITS):
        circuit.rx(0.3 + 0.1 * step + 0.7 * qubit, qubit)
        circuit.rz(0.9 * qubit + step, qubit)
    circuit.cx(range(QUBITS - 1), range(1, QUBITS))


def evolution(first: int, last: int) -> QuantumCircuit:
    circuit = QuantumCircuit(QUBITS)
    for step in range(first, last):
        layer(circuit, step)
    return circuit


def run_stock(circuit: QuantumCircuit, **options: Any) -> Any:
    return AerSimulator(**options).run(circuit, seed_simulator=5, shots=500).result()


@pytest.fixture
def project(tmp_path: Path) -> aerchive.Project:
    return aerchive.open(tmp_path / "p.h5")


SAVES = {
    "statevector": ("save_statevector", {}),
    "density_matrix": ("save_density_matrix", {}),
    "unitary": ("save_unitary", {}),
    "superop": ("save_superop", {}),
}


@pytest.mark.parametrize("method", SAVES)
def test_continued_is_as_uninterrupted(project: aerchive.Project, method: str) -> None:
    """Without fusion Aer applies the same gates to the same numbers, so the bits are the same."""
    save = SAVES[method][0]
    options = {"method": method, "fusion_enable": False}
    whole, begin = evolution(0, 6), evolution(0, 3)
    getattr(whole, save)()
    getattr(begin, save)()
    ArchivingSimulator(project=project, **options).run(begin).result()
    state = project.latest().state()

    rest = evolution(3, 6)
    getattr(rest, save)()
    continued = run_stock(state.initialize(rest), **options)

    expected = run_stock(whole, **options)
    (label,) = expected.data(0)
    assert differences(expected.data(0)[label], continued.data(0)[label]) == []


def test_with_fusion_rounding_differs(project: aerchive.Project) -> None:
    """Fusion multiplies gates before it applies them: gates on both sides of the interruption may not meet any more."""
    whole, begin, rest = evolution(0, 6), evolution(0, 3), evolution(3, 6)
    for circuit in (whole, begin, rest):
        circuit.save_statevector()
    options = {"method": "statevector", "fusion_enable": True, "fusion_threshold": 1}
    ArchivingSimulator(project=project, **options).run(begin).result()

    continued = run_stock(project.latest().state().initialize(rest), **options).get_statevector()

    expected = run_stock(whole, **options).get_statevector()
    assert np.abs(continued.data - expected.data).max() < 1e-15


def test_counts_of_a_continued_circuit(project: aerchive.Project) -> None:
    whole, begin, rest = evolution(0, 6), evolution(0, 3), evolution(3, 6)
    begin.save_statevector()
    ArchivingSimulator(project=project, method="statevector").run(begin).result()
    whole.measure_all()
    rest.measure_all()

    continued = run_stock(project.latest().state().initialize(rest), method="statevector")

    assert continued.get_counts() == run_stock(whole, method="statevector").get_counts()


def test_a_noisy_density_matrix(project: aerchive.Project) -> None:
    model = aer_noise.NoiseModel()
    model.add_all_qubit_quantum_error(aer_noise.depolarizing_error(0.02, 1), ["rx"])
    whole, begin, rest = evolution(0, 4), evolution(0, 2), evolution(2, 4)
    for circuit in (whole, begin, rest):
        circuit.save_density_matrix()
    options = {"method": "density_matrix", "noise_model": model, "fusion_enable": False}
    ArchivingSimulator(project=project, **options).run(begin).result()

    continued = run_stock(project.latest().state().initialize(rest), **options)

    expected = run_stock(whole, **options)
    assert differences(expected.data(0)["density_matrix"], continued.data(0)["density_matrix"]) == []


def test_the_circuit_is_a_copy_with_all_it_had(project: aerchive.Project) -> None:
    psi = random_statevector(2**3, seed=1)
    state = project.save(make_result(psi=psi)).state()
    circuit = QuantumCircuit(QuantumRegister(2, "a"), QuantumRegister(1, "b"), ClassicalRegister(2, "c"), name="named")
    circuit.metadata = {"step": 7}
    circuit.global_phase = 0.5
    circuit.h(0)
    circuit.measure([0, 2], [0, 1])
    with circuit.if_test((0, 1)):
        circuit.x(1)
    before = circuit.copy()

    started = state.initialize(circuit)

    assert circuit == before
    assert started is not circuit
    assert (started.name, started.metadata, started.global_phase) == ("named", {"step": 7}, 0.5)
    assert started.qregs == circuit.qregs
    assert started.cregs == circuit.cregs
    assert [item.operation.name for item in started] == ["set_statevector", "h", "measure", "measure", "if_else"]
    assert started.data[0].qubits == tuple(started.qubits)
    assert started.data[0].operation.params[0].tobytes() == psi.data.tobytes()
    started.save_statevector()
    assert run_stock(started, method="statevector").success


def test_a_continued_run_is_archived_and_runs_again(project: aerchive.Project) -> None:
    psi = random_statevector(2**QUBITS, seed=1)
    state = project.save(make_result(psi=psi)).state()
    rest = evolution(3, 6)
    rest.save_statevector()

    job = ArchivingSimulator(project=project, method="statevector").run(state.initialize(rest), shots=1)
    job.result()
    run = aerchive.open(project.path, "r")[job.job_id()]

    assert run.reproduce().verdict == "identical"
    assert run.circuits()[0].data[0].operation.params[0].tobytes() == psi.data.tobytes()


@pytest.mark.parametrize("width", [2, 4])
def test_another_number_of_qubits(project: aerchive.Project, width: int) -> None:
    state = project.save(make_result(psi=random_statevector(8, seed=1))).state()

    with pytest.raises(InvalidInputError, match=rf"'psi'.* has 3 qubits and the circuit 'narrow' {width}"):
        state.initialize(QuantumCircuit(width, name="narrow"))


@pytest.mark.parametrize("value", [Statevector(np.ones(4)), DensityMatrix(np.eye(4))])
def test_what_is_no_state(project: aerchive.Project, value: Any) -> None:
    state = project.save(make_result(x=value)).state()

    with pytest.raises(InvalidInputError, match=r"norm or trace .* not 1: no circuit can start from it"):
        state.initialize(QuantumCircuit(2))


def test_qudits(project: aerchive.Project) -> None:
    state = project.save(make_result(x=random_statevector(3, seed=1))).state()

    with pytest.raises(InvalidInputError, match=r"dimensions \(3,\), not qubits: initialize is for qubits"):
        state.initialize(QuantumCircuit(2))


def test_after_it_was_pickled(project: aerchive.Project) -> None:
    import pickle

    state = project.save(make_result(U=Operator.from_label("XY"))).state()

    started = pickle.loads(pickle.dumps(state)).initialize(QuantumCircuit(2))

    assert started.data[0].operation.name == "set_unitary"
