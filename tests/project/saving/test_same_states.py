"""A result that is saved again is known as the same, in whatever form its states are stored."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

import aerchive
from aerchive.errors import AlreadyExistsError
from tests.jobs import make_result

FORMS: list[dict[str, Any]] = [{}, {"max_infidelity": 1e-9}, {"compression": "structure"}]
PAIRS = list(itertools.permutations(FORMS, 2))


def product_state(seed: int) -> Statevector:
    random = np.random.default_rng(seed)
    state = np.ones(1, complex)
    for one in random.normal(size=(16, 2)) + 1j * random.normal(size=(16, 2)):
        state = np.kron(state, one / np.linalg.norm(one))
    return Statevector(state)


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_the_same_result_in_another_form_is_the_same(path: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
    state = product_state(1)
    project = aerchive.open(path)
    first = project.save(make_result("job", psi=state), **before)
    kept = type(first.state())
    again = project.save(make_result("job", psi=state), **after)
    assert again.run_uuid == first.run_uuid
    assert type(again.state()) is kept
    with pytest.raises(AlreadyExistsError, match="another result of job 'job'"):
        project.save(make_result("job", psi=product_state(2)), **after)


def test_a_rounded_state_is_compared_with_another(path: Path) -> None:
    project = aerchive.open(path)
    random = np.random.default_rng(3)
    states = random.normal(size=(2, 2**13)) + 1j * random.normal(size=(2, 2**13))
    run = project.save(make_result("job", psi=Statevector(states[0] / np.linalg.norm(states[0]))), max_infidelity=1e-9)
    project.save(make_result("job", psi=Statevector(states[0] / np.linalg.norm(states[0]))))
    assert len(project) == 1
    assert run.saved[0].shape == (2**13,)
    with pytest.raises(AlreadyExistsError, match="another result"):
        project.save(make_result("job", psi=Statevector(states[1] / np.linalg.norm(states[1]))), max_infidelity=1e-9)


@pytest.mark.parametrize(("before", "after"), [PAIRS[1], PAIRS[3]])
def test_a_job_that_is_saved_again_brings_no_parts_of_another_form(
    path: Path, before: dict[str, Any], after: dict[str, Any]
) -> None:
    circuit = QuantumCircuit(16)
    for qubit in range(16):
        circuit.u(0.1 + qubit, 0.2, 0.3 * qubit, qubit)
    circuit.save_statevector()
    job = qiskit_aer.AerSimulator(method="statevector").run(circuit)
    project = aerchive.open(path)
    project.save(job, circuits=circuit, **before)
    run = project.save(job, circuits=circuit, **after)
    found = run.path
    project.close()
    with h5py.File(path) as file:
        assert [name for name in file[found] if name.startswith("statevector")] == ["statevector"]
