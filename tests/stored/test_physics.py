"""Expectation values of many operators, inner products of stacks, entropies and distances, compared with Qiskit's."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import h5py
import numpy as np
import pytest
from qiskit.quantum_info import (
    DensityMatrix,
    Operator,
    Pauli,
    PauliList,
    SparsePauliOp,
    Statevector,
    entropy,
    partial_trace,
    purity,
    random_density_matrix,
    random_pauli_list,
    random_statevector,
)

import aerchive
from aerchive.errors import InvalidInputError
from aerchive.states.workers import Workers
from aerchive.storage.medium.trace import record_reads
from tests.jobs import make_result
from tests.small_chunks import small_chunks

TIMES = [3, 10, 0, 1, 2]
"""As Aer gives them: in no order."""


def mixed(num_qubits: int, seed: int) -> DensityMatrix:
    rho = random_density_matrix(2**num_qubits, rank=3, seed=seed)
    return DensityMatrix(np.asfortranarray(rho.data)) if seed % 2 else rho


def saved() -> dict[str, Any]:
    data: dict[str, Any] = {}
    for time in TIMES:
        data[f"small{time}"] = random_statevector(8, seed=time)  # eight a chunk
        data[f"large{time}"] = random_statevector(2**9, seed=time)  # eight chunks each
        data[f"rho{time}"] = mixed(2, 2 * time)  # four a chunk
        data[f"turned{time}"] = mixed(2, 2 * time + 1)
        data[f"sigma{time}"] = mixed(4, 2 * time + 1)  # four chunks each
        data[f"ghz{time}"] = Statevector(np.where(np.arange(512) % 511 == 0, 0.5**0.5, 0))
        data[f"u{time}"] = Operator(np.eye(4))
    data["close9"] = Statevector(data["large0"].data * np.exp(2j) + 1e-9 * random_statevector(2**9, seed=77).data)
    return data


SAVED = saved()


def sorted_states(kind: str) -> list[Any]:
    return [SAVED[f"{kind}{time}"] for time in sorted(TIMES)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Run:
    """States in chunks of 64 amplitudes."""
    project = aerchive.open(tmp_path_factory.mktemp("physics") / "physics.h5")
    with small_chunks(1024):
        return project.save(make_result("made", **SAVED))


def operators(num_qubits: int) -> list[Any]:
    paulis = random_pauli_list(num_qubits, 6, seed=num_qubits, phase=False)
    return [
        *[SparsePauliOp.from_sparse_list([("Z", [qubit], 1)], num_qubits) for qubit in range(num_qubits)],
        SparsePauliOp(paulis, np.arange(6) - 2.5),
        Pauli("-" + "Y" * num_qubits),
        Pauli("XY"),
        "ZZ",
        SparsePauliOp(["XX", "ZI", "ZI", "II"], [0.5, 1, -2, 3]),
    ]


def expected_values(states: list[Any], several: list[Any]) -> np.ndarray:
    """As Qiskit computes them, which takes no labels, and operators on fewer qubits with ``qargs`` only."""
    found = []
    for state in states:
        known = [SparsePauliOp(one) for one in several]
        found.append([state.expectation_value(one, range(one.num_qubits)) for one in known])
    return np.array(found)


KINDS = ["small", "large", "rho", "turned", "sigma", "ghz"]


@pytest.mark.parametrize("kind", KINDS)
def test_expectation_values(run: aerchive.Run, kind: str) -> None:
    stack, states = run.stack(f"{kind}*"), sorted_states(kind)
    several = operators(states[0].num_qubits)
    expected = expected_values(states, several)

    found = stack.expectation_values(several)

    assert found.shape == (5, len(several))
    assert found.dtype == np.float64
    assert np.allclose(found, expected, atol=1e-13)
    alone = run.state(f"{kind}3").expectation_values(several)
    assert alone.dtype == np.float64
    assert np.allclose(alone, expected[3], atol=1e-13)


def test_of_one_operator_and_of_operators_that_are_not_hermitian(run: aerchive.Run) -> None:
    stack, state = run.stack("small*"), run.state("small0")
    expected = expected_values(sorted_states("small"), ["ZIX", "XYI"])
    for one in ("ZIX", Pauli("ZIX"), SparsePauliOp("ZIX")):
        assert np.allclose(stack.expectation_values(one), expected[:, 0], atol=1e-14)
        assert stack.expectation_values(one).shape == (5,)
        assert state.expectation_values(one) == pytest.approx(expected[0, 0], abs=1e-14)
    assert np.allclose(stack.expectation_values(PauliList(["ZIX", "XYI"])), expected, atol=1e-14)
    found = stack.expectation_values([SparsePauliOp(["ZIX", "XYI"], [1, 2j])])
    assert found.dtype == np.complex128
    assert np.allclose(found[:, 0], expected @ [1, 2j], atol=1e-14)


def test_what_is_refused(run: aerchive.Run) -> None:
    for one in ([np.eye(2)], Operator(np.eye(2)), 5):
        with pytest.raises(InvalidInputError, match=r"SparsePauliOp\.from_operator"):
            run.state("small0").expectation_values(one)
    with pytest.raises(InvalidInputError, match="at least one"):
        run.state("small0").expectation_values([])
    with pytest.raises(InvalidInputError, match="on 4 qubits does not fit 3"):
        run.stack("small*").expectation_values(["ZZZZ"])
    with pytest.raises(InvalidInputError, match="kind operator; expectation values need a stack of states"):
        run.stack("u*").expectation_values("ZZ")
    with pytest.raises(InvalidInputError, match="not a stack of vectors"):
        run.stack("rho*").inner(np.ones(4))
    for other in (np.ones(4), np.ones((8, 8))):
        with pytest.raises(InvalidInputError, match="vectors of 8 elements; this ndarray"):
            run.stack("small*").inner(other)


def chunk_addresses(run: aerchive.Run, name: str) -> set[int]:
    with h5py.File(run.project.file.path, "r") as file:
        data = file[run.path][name].id
        if file[run.path][name].chunks is None:
            return {data.get_offset()}
        return {data.get_chunk_info(number).byte_offset for number in range(data.get_num_chunks())}


@pytest.mark.parametrize("kind", ["small", "large", "rho", "sigma"])
def test_all_operators_need_one_reading(run: aerchive.Run, kind: str) -> None:
    stack = run.stack(f"{kind}*")
    several = operators(int(math.log2(stack.shape[1])))
    every = set.union(*(chunk_addresses(run, location.name) for location in stack._locations))
    for read in (
        lambda: stack.expectation_values(several),
        lambda: stack.inner(SAVED[f"{kind}1"]) if stack.ndim == 2 else None,
        lambda: stack.entropy([0]) if stack.ndim == 2 else None,
        lambda: run.state(f"{kind}3").expectation_values(several),
    ):
        with record_reads() as log:
            read()
        times = Counter(offset for offset, _ in log.extents if offset in every)
        assert set(times.values()) <= {1}


@pytest.mark.parametrize("kind", ["small", "large", "ghz"])
def test_inner(run: aerchive.Run, kind: str) -> None:
    stack, states = run.stack(f"{kind}*"), sorted_states(kind)
    for other in (SAVED[f"{kind}10"], run.state(f"{kind}10"), run.array(f"{kind}10"), SAVED[f"{kind}10"].data):
        found = stack.inner(other)
        assert found.dtype == np.complex128
        assert np.allclose(found, [state.inner(SAVED[f"{kind}10"]) for state in states], atol=1e-14)
    assert abs(stack.inner(SAVED[f"{kind}10"])[4]) == pytest.approx(1)


@pytest.mark.parametrize("qargs", [[0], [8, 0], [1, 3, 7, 8], range(8), range(9), []])
def test_entropy_of_a_part(run: aerchive.Run, qargs: Any) -> None:
    for kind in ("large", "ghz"):
        state, value = run.state(f"{kind}3"), SAVED[f"{kind}3"]
        others = [qubit for qubit in range(9) if qubit not in qargs]
        expected = entropy(partial_trace(value, others)) if 0 < len(others) < 9 else 0
        assert state.entropy(qargs) == pytest.approx(expected, abs=1e-12)
        assert state.entropy(qargs, base=math.e) == pytest.approx(expected * math.log(2), abs=1e-12)


def test_entropy(run: aerchive.Run) -> None:
    assert run.state("large0").entropy() == entropy(SAVED["large0"]) == 0
    for kind in ("rho", "turned", "sigma"):
        state, value = run.state(f"{kind}1"), SAVED[f"{kind}1"]
        assert state.entropy() == pytest.approx(entropy(value), abs=1e-12)
        assert state.entropy([1]) == pytest.approx(
            entropy(partial_trace(value, [q for q in range(value.num_qubits) if q != 1])), abs=1e-12
        )
        assert state.entropy(base=10) == pytest.approx(entropy(value, base=10), abs=1e-12)


@pytest.mark.parametrize("kind", ["small", "large", "ghz"])
@pytest.mark.parametrize("qargs", [[0], [2, 1], [1, 2, 0], None])
def test_entropies_of_a_stack(run: aerchive.Run, kind: str, qargs: list[int] | None) -> None:
    stack, states = run.stack(f"{kind}*"), sorted_states(kind)
    others = [qubit for qubit in range(states[0].num_qubits) if qargs is not None and qubit not in qargs]
    expected = [entropy(partial_trace(state, others)) if others else 0 for state in states]
    found = stack.entropy(qargs)
    assert found.dtype == np.float64
    assert found.shape == (5,)
    assert np.allclose(found, expected, atol=1e-12)
    assert np.allclose(stack.entropy(qargs, base=math.e), np.multiply(expected, math.log(2)), atol=1e-12)


def test_what_has_no_entropies(run: aerchive.Run, project: aerchive.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInputError, match=r"has density matrices; run.state\(label\).entropy"):
        run.stack("rho*").entropy([0])
    with pytest.raises(InvalidInputError, match="kind operator; entropies need a stack of states of qubits"):
        run.stack("u*").entropy([0])
    with pytest.raises(InvalidInputError, match="numbered from 0; not"):
        run.stack("small*").entropy([3])
    unnormalised = {"a0": Statevector([1, 0, 0, 0]), "a1": Statevector([1, 0, 0, 1]), "b0": Statevector(np.zeros(4))}
    other = project.save(make_result(**unnormalised))
    with pytest.raises(InvalidInputError, match=r"state 1 has norm 1.414\d*; only normalised states"):
        other.stack("a*").entropy([0])
    with pytest.raises(InvalidInputError, match="state 0 has norm 0"):
        other.stack("b*").entropy([0])
    monkeypatch.setattr("aerchive.states.reduced.MAX_QUBITS", 3)
    assert run.stack("large*").entropy(range(6)).shape == (5,)
    with pytest.raises(InvalidInputError, match="keep at most 3 qubits"):
        run.stack("large*").entropy(range(4))


def test_both_sides_of_a_cut_are_small_enough(run: aerchive.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aerchive.states.reduced.MAX_QUBITS", 3)
    assert run.state("large0").entropy(range(6)) == pytest.approx(run.state("large0").entropy([6, 7, 8]), abs=1e-12)
    with pytest.raises(InvalidInputError, match="keep at most 3 qubits"):
        run.state("large0").entropy(range(4))
    monkeypatch.setattr("aerchive.stored.quantum_state._MAX_MIXED", 8)
    with pytest.raises(InvalidInputError, match="up to 8 rows"):
        run.state("sigma0").entropy()
    with pytest.raises(InvalidInputError, match="up to 8 rows"):
        run.state("sigma0").trace_distance(run.state("sigma1"))
    assert run.state("sigma0").entropy([0, 1, 2]) > 0


def half_trace_norm(one: Any, other: Any) -> float:
    difference = DensityMatrix(one).data - DensityMatrix(other).data
    return float(np.linalg.svd(difference, compute_uv=False).sum() / 2)


def test_trace_distance(run: aerchive.Run) -> None:
    names = ["small0", "small3"], ["rho0", "turned1", "rho3"], ["sigma0", "sigma1"]
    for alike in names:
        for one in alike:
            for other in alike:
                expected = half_trace_norm(SAVED[one], SAVED[other])
                found = run.state(one).trace_distance(run.state(other))
                assert found == pytest.approx(expected, abs=1e-12)
                assert run.state(one).trace_distance(SAVED[other]) == pytest.approx(found, abs=1e-14)
    assert run.state("large0").trace_distance(run.state("ghz3")) == pytest.approx(
        (1 - abs(SAVED["large0"].inner(SAVED["ghz3"])) ** 2) ** 0.5, abs=1e-14
    )
    pure = random_statevector(4, seed=3)
    for one in ("rho0", "turned0"):
        expected = half_trace_norm(SAVED[one], pure)
        assert run.state(one).trace_distance(pure) == pytest.approx(expected, abs=1e-12)
    for one in ("rho0", "turned0"):
        mixed3 = DensityMatrix(np.kron(SAVED[one].data, np.diag([1, 0])))
        expected = half_trace_norm(SAVED["small1"], mixed3)
        assert run.state("small1").trace_distance(mixed3) == pytest.approx(expected, abs=1e-12)


def test_trace_distance_of_close_states(run: aerchive.Run) -> None:
    one, other = run.state("large0"), run.state("close9")
    assert one.trace_distance(one) < 1e-15
    noise = random_statevector(2**9, seed=77)
    orthogonal = noise.data - SAVED["large0"].inner(noise) * SAVED["large0"].data
    assert one.trace_distance(other) == pytest.approx(1e-9 * np.linalg.norm(orthogonal), rel=1e-4)


def test_trace_distance_is_of_states(run: aerchive.Run) -> None:
    for one, other in [
        ("large0", np.ones(512)),
        ("large0", np.ones(4)),
        ("rho0", np.ones(4)),
        ("rho0", np.eye(4)),
        ("rho0", np.eye(8) / 8),
        ("small0", np.eye(8)),
    ]:
        with pytest.raises(InvalidInputError, match=r"norm|trace|dimension|rows"):
            run.state(one).trace_distance(other)


def test_purity(run: aerchive.Run) -> None:
    for name in ("large0", "rho0", "turned1", "sigma1"):
        assert run.state(name).purity() == pytest.approx(purity(SAVED[name]), abs=1e-13)


def test_objects_of_qiskit_take_stored_values(run: aerchive.Run) -> None:
    state, rho, unitary = run.state("small0"), run.state("turned1"), run.state("u0")
    assert DensityMatrix(state) == DensityMatrix(SAVED["small0"])
    assert DensityMatrix(rho) == SAVED["turned1"]
    assert Operator(unitary) == SAVED["u0"]
    assert SAVED["rho0"].evolve(unitary) == SAVED["rho0"]
    assert SAVED["rho0"].expectation_value(unitary) == pytest.approx(1)
    assert Statevector(np.asarray(state)) == SAVED["small0"]


def test_a_larger_state_is_read_a_few_times(run: aerchive.Run) -> None:
    """With little memory, operators that relate many blocks need more passes, and give the same values."""
    from aerchive.states.expectation import PauliExpectations
    from aerchive.states.pauli import pauli_sums
    from aerchive.states.qubits import in_blocks
    from aerchive.states.source import InMemory

    value = SAVED["large3"]
    sums = pauli_sums(operators(9), 9)
    blocks = in_blocks(InMemory(value.data), 9)
    small = type(blocks)(blocks.source, 9, 3)
    for budget in (2**20, 600):
        with Workers(2, budget=budget) as workers:
            found = sums.values(PauliExpectations(sums.terms, 3).of_blocks(small, workers))
        assert np.allclose(found, expected_values([value], operators(9))[0], atol=1e-13)
