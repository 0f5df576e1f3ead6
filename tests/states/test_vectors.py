"""What is computed of stored vectors, against Qiskit and numpy, on vectors in many small chunks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from qiskit.quantum_info import (
    DensityMatrix,
    Pauli,
    SparsePauliOp,
    Statevector,
    partial_trace,
    random_pauli_list,
)

from aerchive.errors import InvalidInputError
from aerchive.states.collapse import collapsed
from aerchive.states.expectation import pauli_expectations
from aerchive.states.inner import inner, overlap, square_norm
from aerchive.states.largest import largest
from aerchive.states.pauli import pauli_sum
from aerchive.states.probabilities import all_probabilities, marginal, nonzero_probabilities
from aerchive.states.qubits import in_blocks
from aerchive.states.reduced import MAX_QUBITS, check_size, reduced_density_matrix
from aerchive.states.sample import sample_probabilities, sample_vector
from aerchive.states.source import InMemory
from aerchive.states.workers import Workers
from tests.states.pieces import Pieces, random_vector

QUBITS = [1, 2, 3, 5, 8, 10]
CHUNKS = [1, 2, 3, 8, 50, 1024]


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers(2) as both:
        yield both


def ghz(num_qubits: int) -> np.ndarray:
    values = np.zeros(2**num_qubits, complex)
    values[0] = values[-1] = 0.5**0.5
    return values


def vectors(num_qubits: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(num_qubits)
    yield random_vector(rng, 2**num_qubits)
    yield random_vector(rng, 2**num_qubits, zeros=0.6)
    yield ghz(num_qubits)
    yield random_vector(rng, 2**num_qubits).astype(np.complex64).astype(complex)
    yield np.full(2**num_qubits, 2 ** (-num_qubits / 2) + 0j)


def cases() -> Iterator[tuple[int, np.ndarray, Pieces]]:
    for num_qubits, chunk in itertools.product(QUBITS, CHUNKS):
        if chunk <= 2**num_qubits and 2**num_qubits // chunk <= 300:
            for values in vectors(num_qubits):
                yield num_qubits, values, Pieces(values, chunk)


def some_qargs(num_qubits: int, seed: int) -> Iterator[list[int]]:
    rng = np.random.default_rng(seed)
    for number in {1, 2, min(3, num_qubits), num_qubits // 2, num_qubits} - {0}:
        if number <= num_qubits:
            yield rng.permutation(num_qubits)[:number].tolist()


def test_inner_products_and_norms(workers: Workers) -> None:
    for num_qubits, values, source in cases():
        other = random_vector(np.random.default_rng(num_qubits + 100), 2**num_qubits)
        expected = np.vdot(values, other)
        for second in (Pieces(other, 3), Pieces(other, 64), InMemory(other)):
            assert abs(inner(source, second, workers) - expected) < 1e-15
            both = overlap(second, source, workers)
            assert abs(both.inner - np.conj(expected)) < 1e-15
            assert abs(both.square_a - 1) < 1e-15
            assert abs(both.square_b - np.linalg.norm(values) ** 2) < 1e-15
        assert abs(square_norm(source, workers) - np.linalg.norm(values) ** 2) < 1e-15


def test_a_pass_reads_each_chunk_once(workers: Workers) -> None:
    source = Pieces(random_vector(np.random.default_rng(1), 256), 8)

    square_norm(source, workers)

    assert set(source.reads.values()) == {1}
    assert len(source.reads) == 32


def test_probabilities(workers: Workers) -> None:
    for _, values, source in cases():
        state = Statevector(values)
        assert np.allclose(all_probabilities(source, workers), state.probabilities(), rtol=0, atol=4e-16)
        where, found = nonzero_probabilities(source, workers)
        assert np.array_equal(where, np.flatnonzero(values))
        assert np.allclose(found, np.abs(values[where]) ** 2, rtol=0, atol=4e-16)


def test_marginal_probabilities(workers: Workers) -> None:
    for num_qubits, values, source in cases():
        state = Statevector(values)
        for qargs in some_qargs(num_qubits, source.chunk[0]):
            found = marginal(in_blocks(source, num_qubits), qargs, workers)
            assert np.allclose(found, state.probabilities(qargs), rtol=0, atol=1e-15), qargs


def test_every_order_of_qargs(workers: Workers) -> None:
    values = random_vector(np.random.default_rng(4), 16)
    blocks = in_blocks(Pieces(values, 4), 4)

    for number in range(5):
        for qargs in itertools.permutations(range(4), number):
            expected = Statevector(values).probabilities(list(qargs)) if qargs else [1.0]
            assert np.allclose(marginal(blocks, qargs, workers), expected)


def test_pauli_expectations(workers: Workers) -> None:
    for num_qubits, values, source in cases():
        state = Statevector(values)
        paulis = random_pauli_list(num_qubits, 12, seed=source.chunk[0], phase=False)
        expected = [state.expectation_value(pauli) for pauli in paulis]
        found = pauli_expectations(
            in_blocks(source, num_qubits), pauli_sum(SparsePauliOp(paulis), None, num_qubits), workers
        )
        assert np.allclose(found, expected, rtol=0, atol=2e-15)


@pytest.mark.parametrize("chunk", [1, 4, 32, 64])
def test_every_pauli_operator_of_three_qubits_in_any_place(workers: Workers, chunk: int) -> None:
    values = random_vector(np.random.default_rng(5), 64)
    state = Statevector(values)
    blocks = in_blocks(Pieces(values, chunk), 6)

    for qargs in ([0, 1, 2], [5, 1, 3], [3, 4, 5]):
        labels = ["".join(letters) for letters in itertools.product("IXYZ", repeat=3)]
        for label in labels:
            found = pauli_expectations(blocks, pauli_sum(label, qargs, 6), workers)
            assert abs(found[0] - state.expectation_value(Pauli(label), qargs)) < 1e-15, label


@pytest.mark.parametrize("budget", [1, 16 * 64 * 3 * 4, 10**9])
def test_many_terms_share_passes(budget: int) -> None:
    values = random_vector(np.random.default_rng(6), 1024)
    source = Pieces(values, 64)
    oper = SparsePauliOp.from_sparse_list(
        [("X", [qubit], 1.0) for qubit in range(10)]
        + [("ZZ", [qubit, (qubit + 1) % 10], 0.5) for qubit in range(10)]
        + [("YY", [qubit, (qubit + 1) % 10], 0.25) for qubit in range(10)],
        num_qubits=10,
    )
    with Workers(2, budget=budget) as workers:
        found = pauli_expectations(in_blocks(source, 10), pauli_sum(oper, None, 10), workers)

    expected = [Statevector(values).expectation_value(pauli) for pauli in oper.paulis]
    assert np.allclose(found, expected, rtol=0, atol=2e-15)
    passes = set(source.reads.values())
    # Of six qubits in a block, seven masks of the others: each alone, and three of them in a pair with its neighbour.
    assert passes == {{1: 7, 10**9: 1}.get(budget, 3)}, "each pass reads each chunk once"


def test_long_sums_stay_accurate() -> None:
    """Against sums in extended precision: the error does not grow with the number of chunks."""
    values = random_vector(np.random.default_rng(7), 2**17) * 3
    wide = values.astype(np.clongdouble)
    source = Pieces(values, 256)
    with Workers(2) as workers:
        square = square_norm(source, workers)
        half = marginal(in_blocks(source, 17), [16], workers)
        (energy,) = pauli_expectations(in_blocks(source, 17), pauli_sum("X", [16], 17), workers)

    exact = np.abs(wide) ** 2
    assert abs(square / exact.sum() - 1) < 4e-16
    assert np.abs(half / exact.reshape(2, -1).sum(axis=1) - 1).max() < 4e-16
    joined = 2 * (np.conj(wide[: 2**16]) * wide[2**16 :]).real
    assert abs(energy - joined.sum()) < 4e-16 * float(np.abs(joined).sum())


@pytest.mark.parametrize("budget", [1, 5000, 10**9])
def test_reduced_density_matrices(budget: int) -> None:
    for num_qubits, values, source in cases():
        if num_qubits > 8 or source.chunk[0] in (3, 50):
            continue
        for qargs in some_qargs(num_qubits, source.chunk[0]):
            with Workers(2, budget=budget) as workers:
                found = reduced_density_matrix(in_blocks(source, num_qubits), qargs, workers)
            assert np.allclose(found, reduced_by_qiskit(values, qargs), rtol=0, atol=1e-15), qargs


def reduced_by_qiskit(values: np.ndarray, qargs: list[int]) -> np.ndarray:
    """The qubits are first put into the order wanted, then the others are traced out."""
    state = Statevector(values)
    others = [qubit for qubit in range(state.num_qubits) if qubit not in qargs]
    axes = [state.num_qubits - 1 - qubit for qubit in reversed([*qargs, *others])]
    ordered = Statevector(values.reshape((2,) * state.num_qubits).transpose(axes).reshape(-1))
    rest = list(range(len(qargs), state.num_qubits))
    return (partial_trace(ordered, rest) if rest else DensityMatrix(ordered)).data


def test_a_reduced_density_matrix_may_not_be_too_large() -> None:
    check_size(range(MAX_QUBITS))
    with pytest.raises(InvalidInputError, match="of 13 qubits has 1 GiB; keep at most 12"):
        check_size(range(13))


@pytest.mark.parametrize("count", [1, 2, 5, 2000])
def test_largest_amplitudes(workers: Workers, count: int) -> None:
    for _, values, source in cases():
        weights = values.real**2 + values.imag**2
        expected = np.argsort(-weights, kind="stable")[:count]
        expected = expected[weights[expected] > 0]

        indices, amplitudes = largest(source, count, workers)

        assert np.array_equal(indices, expected)
        assert np.array_equal(amplitudes, values[expected])


def test_collapse(workers: Workers) -> None:
    for num_qubits, values, source in cases():
        state = Statevector(values / np.linalg.norm(values))
        for qargs in some_qargs(num_qubits, source.chunk[0]):
            state.seed(source.chunk[0])
            outcome, after = state.measure(qargs)
            found = collapsed(in_blocks(source, num_qubits), qargs, int(outcome, 2), workers)
            assert np.allclose(found, after.data, rtol=0, atol=1e-15)


def test_samples_are_those_of_qiskit(workers: Workers) -> None:
    for num_qubits, values, source in cases():
        state = Statevector(values / np.linalg.norm(values))  # numpy is strict with those of single precision
        state.seed(source.chunk[0])
        expected = [int(outcome, 2) for outcome in state.sample_memory(300)]
        found = sample_vector(source, 300, np.random.default_rng(source.chunk[0]), workers)
        assert found.tolist() == expected, (num_qubits, source.chunk)


def test_samples_follow_the_probabilities(workers: Workers) -> None:
    from scipy.stats import chisquare

    values = random_vector(np.random.default_rng(8), 64)
    shots = 200_000

    found = sample_vector(Pieces(values, 8), shots, np.random.default_rng(9), workers)

    counts = np.bincount(found, minlength=64)
    assert chisquare(counts, shots * np.abs(values) ** 2).pvalue > 1e-3
    assert chisquare(counts, np.full(64, shots / 64)).pvalue < 1e-3, "or the test could not fail"


def test_an_outcome_without_probability_is_never_drawn(workers: Workers) -> None:
    values = np.zeros(64, complex)
    values[[9, 10, 40]] = 3**-0.5

    class Numbers(np.random.Generator):
        def random(self, size: int) -> np.ndarray:  # type: ignore[override]
            return np.resize([0.0, 1 / 3, 2 / 3, np.nextafter(1, 0), 0.999], size)

    found = sample_vector(Pieces(values, 8), 50, Numbers(np.random.PCG64()), workers)

    assert set(found.tolist()) == {9, 10, 40}


def test_samples_of_nothing(workers: Workers) -> None:
    source = Pieces(ghz(5), 4)
    rng = np.random.default_rng(1)

    assert sample_vector(source, 0, rng, workers).tolist() == []
    assert sample_probabilities(np.array([0.5, 0.5]), 0, rng).tolist() == []


@pytest.mark.parametrize("scale", [0.9, 1.1, 0.0, np.nan, np.inf])
def test_samples_of_what_is_no_state(workers: Workers, scale: float) -> None:
    with np.errstate(invalid="ignore"):
        source = Pieces(ghz(5) * scale, 4)

    with np.errstate(invalid="ignore"), pytest.raises(InvalidInputError, match="not normalised"):
        sample_vector(source, 10, np.random.default_rng(1), workers)
    with pytest.raises(InvalidInputError, match="not to one"):
        sample_probabilities(np.array([0.5, 0.5]) * scale, 10, np.random.default_rng(1))


def test_the_second_pass_reads_only_where_an_outcome_lies(workers: Workers) -> None:
    values = np.zeros(1024, complex)
    values[[5, 700]] = 0.5**0.5
    values[300] = 1e-9
    source = Pieces(values, 16)

    sample_vector(source, 100, np.random.default_rng(1), workers)

    assert sorted(box for box, count in source.reads.items() if count > 1) == [((0, 16),), ((688, 704),)]
