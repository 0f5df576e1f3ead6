"""Stored density matrices, unitaries and superoperators against Qiskit."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from qiskit.quantum_info import (
    DensityMatrix,
    Operator,
    Pauli,
    SparsePauliOp,
    Statevector,
    SuperOp,
    average_gate_fidelity,
    partial_trace,
    process_fidelity,
    random_density_matrix,
    random_hermitian,
    random_pauli_list,
    random_quantum_channel,
    random_statevector,
    random_unitary,
    state_fidelity,
)

import aerchive
from aerchive.errors import InvalidInputError
from aerchive.stored.density_matrix import StoredDensityMatrix
from aerchive.stored.operator import StoredOperator, StoredSuperOp
from tests.jobs import make_result
from tests.small_chunks import small_chunks
from tests.strict import differences


def in_order(values: np.ndarray, order: Any) -> np.ndarray:
    return np.array(values, order=order)


def density_matrices() -> dict[str, DensityMatrix]:
    found = {}
    for width, order in itertools.product((1, 3, 5), "CF"):
        found[f"rho {width} {order}"] = random_density_matrix(2**width, seed=width)
        found[f"pure {width} {order}"] = random_density_matrix(2**width, rank=1, seed=width)
    sparse = np.zeros((32, 32), complex)
    sparse[0, 0] = sparse[31, 31] = 0.5
    found["sparse 5 F"] = DensityMatrix(sparse)
    return {label: DensityMatrix(in_order(state.data, label[-1])) for label, state in found.items()}


STATES = density_matrices()
UNITARIES = {
    f"U {width} {order}": Operator(in_order(random_unitary(2**width, seed=width).data, order))
    for width, order in itertools.product((1, 3, 5), "CF")
}

CHANNEL = SuperOp(SuperOp(random_quantum_channel((2, 2), (2, 2), seed=1)).data)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Run:
    project = aerchive.open(tmp_path_factory.mktemp("matrices") / "matrices.h5")
    channels = {f"S {order}": SuperOp(in_order(CHANNEL.data, order)) for order in "CF"}
    with small_chunks(1024):  # 64 elements: two rows of 32
        return project.save(make_result("made", **STATES, **UNITARIES, **channels))


@pytest.fixture(params=STATES)
def pair(run: aerchive.Run, request: pytest.FixtureRequest) -> tuple[StoredDensityMatrix, DensityMatrix]:
    return run.state(request.param), DensityMatrix(STATES[request.param])


def some_qargs(num_qubits: int) -> Iterator[list[int]]:
    for number in sorted({1, (num_qubits + 1) // 2, num_qubits}):
        yield np.random.default_rng(number).permutation(num_qubits)[:number].tolist()


# density matrices


def test_what_it_is(pair: tuple[StoredDensityMatrix, DensityMatrix]) -> None:
    stored, state = pair

    assert type(stored) is StoredDensityMatrix
    assert stored.kind == "density_matrix"
    assert (stored.num_qubits, stored.dim, stored.dims()) == (state.num_qubits, state.dim, state.dims())
    assert stored.dims([0]) == (2,)
    assert differences(STATES[stored.label], stored.to_qiskit()) == []
    assert np.array_equal(stored[1:, ::-1], state.data[1:, ::-1])
    assert np.array_equal(pickle.loads(pickle.dumps(stored)).diagonal(), stored.diagonal())


def test_diagonal_trace_and_purity(pair: tuple[StoredDensityMatrix, DensityMatrix]) -> None:
    stored, state = pair

    assert np.array_equal(stored.diagonal(), state.data.diagonal())
    assert abs(stored.trace() - state.trace()) < 1e-15
    assert abs(stored.purity() - state.purity()) < 1e-15


def test_probabilities(pair: tuple[StoredDensityMatrix, DensityMatrix]) -> None:
    stored, state = pair

    for qargs in (None, *some_qargs(state.num_qubits)):
        assert np.allclose(stored.probabilities(qargs), state.probabilities(qargs), rtol=0, atol=1e-15)
        assert np.array_equal(stored.probabilities(qargs, 2), stored.probabilities(qargs).round(2))
        found, expected = stored.probabilities_dict(qargs), state.probabilities_dict(qargs)
        assert list(found) == list(expected)
        assert np.allclose(list(found.values()), list(expected.values()), rtol=0, atol=1e-15)
        assert {type(key) for key in found} == {str}


def test_samples_are_those_of_qiskit(pair: tuple[StoredDensityMatrix, DensityMatrix]) -> None:
    stored, state = pair

    for seed, qargs in enumerate((None, *some_qargs(state.num_qubits))):
        state.seed(seed)
        assert stored.sample_memory(100, qargs, seed).tolist() == state.sample_memory(100, qargs).tolist()
        state.seed(seed)
        assert stored.sample_counts(100, qargs, seed) == state.sample_counts(100, qargs)
    with pytest.raises(InvalidInputError, match="shots -1"):
        stored.sample_counts(-1)


def test_expectation_values(pair: tuple[StoredDensityMatrix, DensityMatrix]) -> None:
    stored, state = pair
    rng = np.random.default_rng(1)

    for qargs in (None, *some_qargs(state.num_qubits)):
        width = state.num_qubits if qargs is None else len(qargs)
        for pauli in random_pauli_list(width, 10, seed=2):
            found, expected = stored.expectation_value(pauli, qargs), state.expectation_value(pauli, qargs)
            assert abs(found - expected) < 1e-15
            assert stored.expectation_value(pauli.to_label(), qargs) == found
        oper = SparsePauliOp(random_pauli_list(width, 20, seed=3), rng.normal(size=20) + 1j * rng.normal(size=20))
        assert abs(stored.expectation_value(oper, qargs) - state.expectation_value(oper, qargs)) < 1e-13
        matrix = random_hermitian(2**width, seed=4)
        assert abs(stored.expectation_value(matrix, qargs) - state.expectation_value(matrix, qargs)) < 1e-13
    with pytest.raises(InvalidInputError, match="no operator that can be streamed"):
        stored.expectation_value(None)


def test_fidelities(run: aerchive.Run, pair: tuple[StoredDensityMatrix, DensityMatrix]) -> None:
    stored, state = pair
    dim = state.dim
    pure, mixed = random_statevector(dim, seed=7), random_density_matrix(dim, seed=8)

    for given in (pure, pure.data):
        assert abs(stored.fidelity(given) - state_fidelity(state, pure)) < 1e-15
    for given in (mixed, mixed.data, np.asfortranarray(mixed.data)):
        assert abs(stored.fidelity(given) - state_fidelity(state, mixed)) < 1e-7
    assert abs(stored.fidelity(stored) - 1) < 1e-6
    other = run.state(f"rho {state.num_qubits} F")
    assert abs(stored.fidelity(other) - state_fidelity(state, STATES[other.label])) < 1e-7


def test_fidelity_with_a_stored_state(run: aerchive.Run, project: aerchive.Project) -> None:
    psi = random_statevector(32, seed=9)
    with small_chunks(128):
        stored = project.save(make_result(psi=psi)).state()

    for label in ("rho 5 C", "rho 5 F", "sparse 5 F"):
        expected = state_fidelity(psi, STATES[label])
        assert abs(run.state(label).fidelity(stored) - expected) < 1e-15
        assert abs(stored.fidelity(run.state(label)) - expected) < 1e-15


def test_reduced_density_matrices(pair: tuple[StoredDensityMatrix, DensityMatrix]) -> None:
    stored, state = pair

    for qargs in some_qargs(state.num_qubits):
        others = [qubit for qubit in range(state.num_qubits) if qubit not in qargs]
        expected = partial_trace(state, others) if others else state
        found = stored.reduced_density_matrix(sorted(qargs))
        assert type(found) is DensityMatrix
        assert np.allclose(found.data, expected.data, rtol=0, atol=1e-15)
        probabilities = stored.reduced_density_matrix(qargs).probabilities()
        assert np.allclose(probabilities, state.probabilities(qargs), rtol=0, atol=1e-15)


def test_what_cannot_be_compared(run: aerchive.Run, project: aerchive.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = run.state("rho 3 F")
    loose = project.save(make_result(rho=DensityMatrix(np.eye(8)))).state()

    for other, message in [
        (run.state("rho 5 F"), "has 8 rows, this StoredDensityMatrix 32"),
        (random_statevector(4), r"vectors of 8 amplitudes; this Statevector has shape \(4,\)"),
        ("rho", "a str is not a state"),
        (Statevector(np.ones(8)), "a Statevector has norm"),
        (loose, "<StoredDensityMatrix 'rho'.* has trace"),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            stored.fidelity(other)
    assert stored.fidelity(Statevector(np.ones(8)), validate=False) > 0
    assert stored.fidelity(loose, validate=False) > 0
    monkeypatch.setattr("aerchive.stored.quantum_state._MAX_MIXED", 4)
    with pytest.raises(InvalidInputError, match="decomposed in memory, up to 4 rows"):
        stored.fidelity(stored)


def test_density_matrix_of_other_dimensions(project: aerchive.Project) -> None:
    state = random_density_matrix((3, 2), seed=1)
    stored = project.save(make_result(rho=state)).state()

    assert (stored.num_qubits, stored.dims()) == (None, (3, 2))
    assert abs(stored.purity() - state.purity()) < 1e-15
    assert np.allclose(stored.probabilities(), state.probabilities())
    for ask in (lambda: stored.expectation_value("X"), lambda: stored.reduced_density_matrix([0])):
        with pytest.raises(InvalidInputError, match=r"dimensions \(3, 2\), not qubits"):
            ask()
    assert differences(state, stored.to_qiskit()) == []


# unitaries


@pytest.mark.parametrize("label", UNITARIES)
def test_unitaries(run: aerchive.Run, label: str) -> None:
    stored, unitary = run.state(label), UNITARIES[label]

    assert type(stored) is StoredOperator
    assert (stored.num_qubits, stored.dim) == (unitary.num_qubits, unitary.dim)
    assert (stored.input_dims(), stored.output_dims()) == (unitary.input_dims(), unitary.output_dims())
    assert np.array_equal(stored.diagonal(), unitary.data.diagonal())
    assert abs(stored.trace() - np.trace(unitary.data)) < 1e-14
    assert stored.is_unitary() is True
    assert stored.is_unitary(atol=0) is False
    assert differences(unitary, stored.to_qiskit()) == []
    assert np.array_equal(stored[:1, ::2], unitary.data[:1, ::2])


@pytest.mark.parametrize("label", UNITARIES)
def test_a_unitary_acts_on_states(run: aerchive.Run, project: aerchive.Project, label: str) -> None:
    stored, unitary = run.state(label), UNITARIES[label]
    psi = random_statevector(unitary.dim[0], seed=3)
    archived = project.save(make_result(psi=psi)).state()
    expected = psi.evolve(unitary)

    for given in (psi, psi.data, archived, psi.data.tolist()):
        found = stored.apply(given)
        assert type(found) is Statevector
        assert found.dims() == expected.dims()
        assert np.allclose(found.data, expected.data, rtol=0, atol=1e-15)
    with pytest.raises(InvalidInputError, match="takes state vectors of"):
        stored.apply(random_statevector(64))
    with pytest.raises(InvalidInputError, match="takes state vectors of"):
        stored.apply(unitary)


@pytest.mark.parametrize("label", UNITARIES)
def test_fidelity_of_unitaries(run: aerchive.Run, label: str) -> None:
    stored, unitary = run.state(label), UNITARIES[label]
    dim = unitary.dim[0]
    other = random_unitary(dim, seed=20)

    for given in (other, other.data, np.asfortranarray(other.data)):
        found = stored.fidelity(given)
        assert abs(found - process_fidelity(unitary, other)) < 1e-14
        assert abs((dim * found + 1) / (dim + 1) - average_gate_fidelity(unitary, other)) < 1e-14
    for order in "CF":  # the other way round in the file, too
        same = run.state(f"{label[:-1]}{order}")
        assert abs(stored.fidelity(same) - 1) < 1e-14
    assert abs(stored.fidelity(np.exp(0.3j) * unitary.data) - 1) < 1e-14
    for wrong in (random_unitary(64), random_statevector(dim), np.zeros((dim, 2 * dim))):
        with pytest.raises(InvalidInputError, match="is not like it"):
            stored.fidelity(wrong)


def test_operators_that_are_no_unitaries(project: aerchive.Project) -> None:
    data = {"tall": Operator(np.ones((8, 4))), "bent": Operator(np.eye(4) * 1.5), "qutrit": Operator(np.eye(3))}
    run = project.save(make_result(**data))
    tall = run.state("tall")

    assert tall.is_unitary() is run.state("bent").is_unitary() is False
    assert run.state("qutrit").is_unitary() is True
    assert run.state("qutrit").num_qubits is None
    assert (tall.dim, tall.input_dims(), tall.output_dims()) == ((4, 8), (2, 2), (2, 2, 2))
    with pytest.raises(InvalidInputError, match="diagonal is for square matrices"):
        tall.diagonal()
    assert differences(data["tall"], tall.to_qiskit()) == []


# superoperators


@pytest.mark.parametrize("order", ["C", "F"])
def test_superoperators(run: aerchive.Run, order: str) -> None:
    channel = CHANNEL
    stored = run.state(f"S {order}")
    rho = random_density_matrix(4, seed=2)

    assert type(stored) is StoredSuperOp
    assert (stored.num_qubits, stored.dim, stored.output_dims()) == (2, channel.dim, channel.output_dims())
    assert np.array_equal(stored.diagonal(), channel.data.diagonal())
    assert abs(stored.trace() - np.trace(channel.data)) < 1e-14
    for given in (rho, rho.data, rho.data.tolist()):
        found = stored.apply(given)
        assert type(found) is DensityMatrix
        assert np.allclose(found.data, rho.evolve(channel).data, rtol=0, atol=1e-15)
    with pytest.raises(InvalidInputError, match="takes state vectors of 16 amplitudes"):
        stored.apply(random_density_matrix(8))
    assert np.array_equal(stored.to_qiskit().data, channel.data)


def test_rows_that_are_longer_than_a_chunk(project: aerchive.Project) -> None:
    rho, unitary = random_density_matrix(32, seed=1), random_unitary(32, seed=2)
    data = {f"rho{order}": DensityMatrix(in_order(rho.data, order)) for order in "CF"}
    data |= {f"U{order}": Operator(in_order(unitary.data, order)) for order in "CF"}
    with small_chunks(256):  # half a row
        run = project.save(make_result(**data))
    psi = random_statevector(32, seed=3)

    for order in "CF":
        stored, other = run.state(f"rho{order}"), run.state(f"U{order}")
        assert sorted(run.array(f"rho{order}").chunks) == [1, 16]
        assert np.array_equal(np.asarray(stored), rho.data)
        assert np.array_equal(stored.diagonal(), rho.data.diagonal())
        assert abs(stored.expectation_value("XYZXY") - rho.expectation_value(Pauli("XYZXY"))) < 1e-15
        assert abs(stored.fidelity(psi) - state_fidelity(rho, psi)) < 1e-15
        assert np.allclose(stored.reduced_density_matrix([1, 3]).data, partial_trace(rho, [0, 2, 4]).data)
        assert np.allclose(other.apply(psi).data, psi.evolve(unitary).data)
        assert other.is_unitary()
        assert abs(other.fidelity(run.state("UC")) - 1) < 1e-14
