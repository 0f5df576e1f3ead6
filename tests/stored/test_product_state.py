"""States that are stored as products of matrices answer as those that are stored as amplitudes."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator, Pauli, SparsePauliOp, Statevector, partial_trace

import aerchive
from aerchive.stored.product_state import StoredProductState
from tests.jobs import make_result

QUBITS = 15
LIMIT = 1e-12
NEAR = 2e-6
"""The distance of two states with an infidelity of 1e-12, and a little more."""


def chain(seed: int, qubits: int = QUBITS, steps: int = 4) -> Statevector:
    """Few Trotter steps of a chain: little entanglement, no exact zeros, no symmetry."""
    random = np.random.default_rng(seed)
    circuit = QuantumCircuit(qubits)
    for _ in range(steps):
        for qubit in range(qubits - 1):
            circuit.rzz(random.uniform(-0.3, 0.3), qubit, qubit + 1)
        for qubit in range(qubits):
            circuit.u(*random.uniform(-0.5, 0.5, 3), qubit)
    return Statevector(circuit)


ONE, FIRST, SECOND = chain(1), chain(2, 14), chain(3, 14)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Run:
    project = aerchive.open(tmp_path_factory.mktemp("products") / "products.h5")
    return project.save(make_result("made", one=ONE, first=FIRST, second=SECOND), max_infidelity=LIMIT)


@pytest.fixture
def state(run: aerchive.Run) -> StoredProductState:
    found = run.state("one")
    assert isinstance(found, StoredProductState)
    return found


def test_the_state_is_near_the_one_that_was_saved_and_much_smaller(run: aerchive.Run) -> None:
    row = next(row for row in run.saved if row.label == "one")
    assert row.max_infidelity == LIMIT
    assert row.infidelity is not None
    assert 0 <= row.infidelity <= LIMIT
    assert row.grid is None
    assert row.bond is not None
    assert (row.shape, row.dtype, row.nbytes) == ((2**QUBITS,), "<c16", 16 * 2**QUBITS)
    values = np.asarray(run.state("one"))
    assert values.dtype == np.complex128
    assert np.linalg.norm(values - ONE.data) < NEAR


@pytest.mark.parametrize("label", ["first", "second"])
def test_several_states_of_one_shape_are_each_a_product(run: aerchive.Run, label: str) -> None:
    expected = {"first": FIRST, "second": SECOND}[label]
    assert np.linalg.norm(run.value(label).data - expected.data) < NEAR
    assert type(run.value(label)) is Statevector


def test_parts_are_read(state: StoredProductState) -> None:
    whole = np.asarray(state)
    for key in (
        0,
        -1,
        slice(3, 900),
        slice(5, None, 777),
        slice(None, None, -4096),
        [5, 3, -1, 5],
        np.array([[1], [2]]),
    ):
        np.testing.assert_allclose(state[key], whole[key], rtol=0, atol=1e-15)
    mask = np.zeros(2**QUBITS, bool)
    mask[[7, 9]] = True
    np.testing.assert_allclose(state[mask], whole[mask], rtol=0, atol=1e-15)
    assert abs(state["0" * QUBITS] - whole[0]) < 1e-15
    assert abs(state.amplitude("1" * QUBITS) - whole[-1]) < 1e-15
    with pytest.raises(IndexError, match="out of range"):
        state[[2**QUBITS]]


def test_pieces_come_in_order(state: StoredProductState) -> None:
    found = np.concatenate([values for _, values in state.blocks()])
    np.testing.assert_allclose(found, np.asarray(state), rtol=0, atol=1e-15)


def test_probabilities(state: StoredProductState) -> None:
    for qargs in (None, [0], [QUBITS - 1, 2], [3, 4, 5, 0]):
        np.testing.assert_allclose(state.probabilities(qargs), ONE.probabilities(qargs), rtol=0, atol=NEAR)


def test_the_most_probable_outcomes(state: StoredProductState) -> None:
    expected = sorted(ONE.probabilities_dict().items(), key=lambda one: -one[1])[:5]
    found = state.top(5)
    assert list(found) == [bits for bits, _ in expected]
    for bits, amplitude in found.items():
        assert abs(amplitude - ONE.data[int(bits, 2)]) < NEAR


def test_samples_are_those_of_the_amplitudes(state: StoredProductState) -> None:
    ONE.seed(5)
    assert state.sample_memory(300, seed=5).tolist() == ONE.sample_memory(300).tolist()
    ONE.seed(6)
    assert state.sample_counts(200, [4, 1], seed=6) == ONE.sample_counts(200, [4, 1])


def test_expectation_values_and_their_errors(state: StoredProductState) -> None:
    oper = SparsePauliOp.from_sparse_list([("ZZ", [0, 1], 1.5), ("XY", [14, 2], -0.5)], QUBITS)
    error = state.expectation_error(oper)
    assert error == 2 * 2.0 * state.probability_error() == 4 * state.infidelity**0.5
    assert abs(state.expectation_value(oper) - ONE.expectation_value(oper)) <= error + 1e-14
    many = state.expectation_values([Pauli("Z"), oper])
    assert abs(many[0] - ONE.expectation_value(Pauli("I" * (QUBITS - 1) + "Z"))) < NEAR
    matrix = np.array([[1, 2j], [-2j, 0]])
    assert abs(state.expectation_value(matrix, [3]) - ONE.expectation_value(Operator(matrix), [3])) < 3 * NEAR
    assert state.expectation_error(matrix, [3]) == pytest.approx(2 * (0.5 + 4.25**0.5) * state.probability_error())


def test_parts_of_the_system(state: StoredProductState) -> None:
    others = [qubit for qubit in range(QUBITS) if qubit not in (2, 7)]
    expected = partial_trace(ONE, others)
    np.testing.assert_allclose(state.reduced_density_matrix([2, 7]).data, expected.data, rtol=0, atol=NEAR)
    assert state.entropy([0, 1, 2]) > 0


def test_other_states(run: aerchive.Run, state: StoredProductState) -> None:
    assert state.norm() == pytest.approx(1, abs=1e-12)
    assert abs(state.inner(ONE) - 1) < NEAR
    first, second = run.state("first"), run.state("second")
    expected = FIRST.inner(SECOND)
    assert abs(first.inner(second) - expected) < 2 * NEAR
    assert abs(first.fidelity(second) - abs(expected) ** 2) < 4 * NEAR
    assert abs(first.fidelity(SECOND) - abs(expected) ** 2) < 4 * NEAR
    stack = run.stack(["first", "second"])
    np.testing.assert_allclose(stack[:, 5:8], [FIRST.data[5:8], SECOND.data[5:8]], rtol=0, atol=NEAR)
    np.testing.assert_allclose(stack.inner(FIRST), [1, FIRST.inner(SECOND).conjugate()], rtol=0, atol=2 * NEAR)


def test_a_handle_may_be_pickled(state: StoredProductState) -> None:
    assert pickle.loads(pickle.dumps(state)).top(2) == state.top(2)


def test_the_product_is_chosen_where_it_is_smaller_on_disk(path: Path) -> None:
    random = np.random.default_rng(2)
    values = (random.normal(size=(256, 8)) + 1j * random.normal(size=(256, 8))) @ random.normal(size=(8, 256))
    state = Statevector(values.reshape(-1) / np.linalg.norm(values))
    run = aerchive.open(path).save(make_result("random", psi=state), max_infidelity=1e-3)
    product = run.state("psi")
    assert isinstance(product, StoredProductState)
    # before compression the matrices have 150,144 bytes; the rounded state would take 135,000 on disk
    assert path.stat().st_size < 120_000
