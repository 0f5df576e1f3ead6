from __future__ import annotations

import multiprocessing
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from qiskit.quantum_info import (
    DensityMatrix,
    Operator,
    Pauli,
    SparsePauliOp,
    Statevector,
    partial_trace,
    random_density_matrix,
    random_hermitian,
    random_pauli_list,
    random_statevector,
    state_fidelity,
)
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

import aerchive
from aerchive.errors import IntegrityError, InvalidInputError, NotFoundError
from aerchive.storage.medium.trace import record_reads
from aerchive.stored.state import StoredState
from tests import processes
from tests.holding import held
from tests.jobs import make_result
from tests.small_chunks import small_chunks
from tests.strict import differences

CHUNK = 1024  # bytes: 64 amplitudes


def sparse(num_qubits: int) -> Statevector:
    values = np.zeros(2**num_qubits, complex)
    values[0] = values[-1] = 0.5**0.5
    return Statevector(values)


def states() -> dict[str, Statevector]:
    found = {f"random {n}": random_statevector(2**n, seed=n) for n in range(1, 11)}
    found |= {f"another {n}": random_statevector(2**n, seed=100 + n) for n in range(1, 11)}
    found |= {f"sparse {n}": sparse(n) for n in (1, 5, 9)}
    single = random_statevector(2**8, seed=5).data.astype(np.complex64).astype(complex)
    found["single 8"] = Statevector(single)
    found["only 11"] = random_statevector(2**11, seed=6)
    found["uniform 9"] = Statevector(np.full(512, 512**-0.5 + 0j))
    return found


STATES = states()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Run:
    """States of one to ten qubits in chunks of 64 amplitudes; those of 7 and 9 qubits stacked, small ones packed."""
    project = aerchive.open(tmp_path_factory.mktemp("states") / "states.h5")
    with small_chunks(CHUNK):
        return project.save(make_result("made", **STATES))


ASKED = [
    label for label in STATES if not label.startswith("another") and label not in ("random 3", "random 5", "random 8")
]
"""One of each size that matters: a few amplitudes, less than a chunk, one, two and many chunks."""


@pytest.fixture(params=[*ASKED, "another 9"])
def pair(run: aerchive.Run, request: pytest.FixtureRequest) -> tuple[StoredState, Statevector]:
    """A state, stored and in memory."""
    return run.state(request.param), Statevector(STATES[request.param])


def some_qargs(num_qubits: int) -> Iterator[list[int]]:
    rng = np.random.default_rng(num_qubits)
    for number in sorted({1, (num_qubits + 1) // 2, num_qubits}):
        yield rng.permutation(num_qubits)[:number].tolist()


def test_the_states_are_stored_in_every_way(run: aerchive.Run) -> None:
    with h5py.File(run._home.file.path, "r") as file:
        nodes = [node for node in file[run.path].values() if "layout" in node.attrs]
        layouts = {node.attrs["layout"].decode() for node in nodes}
        chunks = [node.id.get_num_chunks() for node in nodes if node.chunks and node.chunks[-1] == 64]

    assert {"packed", "plain", "stacked"} <= layouts
    assert max(chunks) >= 16


def test_what_it_is(pair: tuple[StoredState, Statevector]) -> None:
    stored, state = pair

    assert type(stored) is StoredState
    assert isinstance(stored, aerchive.StoredArray)
    assert stored.kind == "statevector"
    assert (stored.num_qubits, stored.dim, stored.dims()) == (state.num_qubits, state.dim, state.dims())
    assert stored.dims([0]) == (2,)
    assert repr(stored).startswith(f"<StoredState {stored.label!r} shape=({state.dim},) of run ")
    assert differences(state.data, stored[...]) == []
    assert differences(state.data, np.asarray(stored)) == []


def test_amplitudes(pair: tuple[StoredState, Statevector]) -> None:
    stored, state = pair

    for index in {0, 1, state.dim // 3, state.dim - 1}:
        bits = f"{index:0{state.num_qubits}b}"
        assert stored[index] == stored[bits] == stored.amplitude(bits) == stored.amplitude(index) == state[index]
    assert type(stored.amplitude(0)) is complex
    assert stored["1"] == state["1"]
    assert np.array_equal(stored[1::2], state.data[1::2])
    assert stored[-1] == state.data[-1], "as an array"


def test_wrong_amplitudes(run: aerchive.Run) -> None:
    state = run.state("random 3")

    for index in (8, -1):
        with pytest.raises(IndexError, match=f"basis state {index} of a state of 8"):
            state.amplitude(index)
    for bits in ("1000", "21", ""):
        with pytest.raises(InvalidInputError, match=repr(bits)):
            state.amplitude(bits)
        with pytest.raises(InvalidInputError, match=repr(bits)):
            state[bits]


def test_norms(pair: tuple[StoredState, Statevector]) -> None:
    stored, state = pair

    assert abs(stored.norm() - np.linalg.norm(state.data)) < 4e-16
    assert abs(stored.trace() - state.trace()) < 1e-15
    assert abs(stored.purity() - state.purity()) < 1e-15
    assert stored.is_valid() is True
    assert stored.is_valid(atol=0, rtol=0) is (stored.norm() == 1)


def test_top(pair: tuple[StoredState, Statevector]) -> None:
    stored, state = pair
    weights = state.data.real**2 + state.data.imag**2
    order = [index for index in np.argsort(-weights, kind="stable") if weights[index]]

    for count in (1, 3, 10_000):
        found = stored.top(count)
        assert list(found) == [f"{index:0{state.num_qubits}b}" for index in order[:count]]
        assert [state[bits] for bits in found] == list(found.values())
    with pytest.raises(InvalidInputError, match="at least one"):
        stored.top(0)


@pytest.mark.parametrize("decimals", [None, 3])
def test_probabilities(pair: tuple[StoredState, Statevector], decimals: int | None) -> None:
    stored, state = pair

    for qargs in (None, *some_qargs(state.num_qubits)):
        found, expected = stored.probabilities(qargs, decimals), state.probabilities(qargs, decimals)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        assert np.allclose(found, expected, rtol=0, atol=1e-15 if decimals is None else 1.1e-3)
        as_dict, same = stored.probabilities_dict(qargs, decimals), state.probabilities_dict(qargs, decimals)
        assert list(as_dict) == list(same) or decimals is not None
        assert np.allclose([as_dict.get(key, 0) for key in same], list(same.values()), rtol=0, atol=1.1e-3)
        assert {type(key) for key in as_dict} <= {str}
        assert {type(value) for value in as_dict.values()} <= {float}


def test_samples_are_those_of_qiskit(pair: tuple[StoredState, Statevector]) -> None:
    stored, state = pair
    if stored.label == "single 8":
        state = Statevector(state.data / np.linalg.norm(state.data))  # with which Qiskit is more strict

    for seed, qargs in enumerate((None, *some_qargs(state.num_qubits))):
        state.seed(seed)
        expected = state.sample_memory(200, qargs)
        found = stored.sample_memory(200, qargs, seed)
        assert found.dtype.kind == expected.dtype.kind
        assert found.tolist() == expected.tolist()
        state.seed(seed)
        expected_counts, found_counts = state.sample_counts(200, qargs), stored.sample_counts(200, qargs, seed)
        assert found_counts == expected_counts
        assert list(found_counts) == sorted(expected_counts)
        assert {type(count) for count in found_counts.values()} == {int}


def test_a_generator_goes_on(run: aerchive.Run) -> None:
    rng = np.random.default_rng(5)
    state = run.state("random 9")

    first, second = state.sample_memory(50, seed=rng), state.sample_memory(50, seed=rng)

    together = state.sample_memory(100, seed=5)
    assert [*first, *second] == together.tolist()
    assert len(state.sample_memory(3)) == 3


def test_samples_of_many_qubits_in_another_order(run: aerchive.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.stats import chisquare

    monkeypatch.setattr("aerchive.stored.state._MARGINAL_QUBITS", 3)
    state, qargs = run.state("random 6"), [4, 1, 5, 0]
    probabilities = STATES["random 6"].probabilities(qargs)

    counts = state.sample_counts(100_000, qargs, seed=1)

    found = [counts.get(f"{outcome:04b}", 0) for outcome in range(16)]
    assert chisquare(found, probabilities * 100_000).pvalue > 1e-3
    wrong = STATES["random 6"].probabilities(qargs[::-1])
    assert chisquare(found, wrong * 100_000).pvalue < 1e-3, "or the test could not fail"


@pytest.mark.parametrize("shots", [-1, 2.5, None, "many"])
def test_wrong_shots(run: aerchive.Run, shots: Any) -> None:
    with pytest.raises(InvalidInputError, match=f"shots {shots!r}"):
        run.state("random 3").sample_counts(shots)


def test_measurements_are_those_of_qiskit(pair: tuple[StoredState, Statevector]) -> None:
    stored, state = pair
    if stored.label == "single 8":
        state = Statevector(state.data / np.linalg.norm(state.data))

    for seed, qargs in enumerate((None, *some_qargs(state.num_qubits))):
        state.seed(seed)
        outcome, after = state.measure(qargs)
        found, collapsed = stored.measure(qargs, seed)
        assert found == outcome
        assert type(found) is str
        assert type(collapsed) is Statevector
        assert collapsed.dims() == after.dims()
        assert np.allclose(collapsed.data, after.data, rtol=0, atol=1e-15)
        assert collapsed.is_valid()


def test_expectation_values_of_paulis(pair: tuple[StoredState, Statevector]) -> None:
    stored, state = pair
    width = state.num_qubits

    for pauli in random_pauli_list(width, 8, seed=width):
        expected, found = state.expectation_value(pauli), stored.expectation_value(pauli)
        assert abs(found - expected) < 2e-15
        assert isinstance(found, complex) == isinstance(expected, complex)
        assert stored.expectation_value(pauli.to_label()) == found
    for qargs in some_qargs(width):
        pauli = random_pauli_list(len(qargs), 1, seed=1, phase=False)[0]
        assert abs(stored.expectation_value(pauli, qargs) - state.expectation_value(pauli, qargs)) < 2e-15


def test_expectation_values_of_sums(pair: tuple[StoredState, Statevector]) -> None:
    stored, state = pair
    rng = np.random.default_rng(state.num_qubits)
    for qargs in (None, *some_qargs(state.num_qubits)):
        width = state.num_qubits if qargs is None else len(qargs)
        oper = SparsePauliOp(random_pauli_list(width, 30, seed=2), rng.normal(size=30) + 1j * rng.normal(size=30))
        assert abs(stored.expectation_value(oper, qargs) - state.expectation_value(oper, qargs)) < 5e-14


def test_expectation_values_of_matrices(pair: tuple[StoredState, Statevector]) -> None:
    stored, state = pair

    for qargs in some_qargs(min(10, state.num_qubits)):
        oper = random_hermitian(2 ** len(qargs), seed=3)
        expected = state.expectation_value(oper, qargs)
        for given in (oper, oper.data):
            assert abs(stored.expectation_value(given, qargs) - expected) < 1e-12
    if state.num_qubits <= 10:
        whole = random_hermitian(state.dim, seed=4)
        assert abs(stored.expectation_value(whole) - state.expectation_value(whole)) < 1e-12
    with_a_gate = stored.expectation_value(Pauli("Y").to_instruction(), [0])
    assert abs(with_a_gate - state.expectation_value(Pauli("Y"), [0])) < 1e-14


@pytest.mark.parametrize(
    ("oper", "qargs", "message"),
    [
        ("XXXX", None, "4 qubits does not fit 3 qubits"),
        (Pauli("XX"), [1], "does not fit the 1 qubits"),
        (Operator.from_label("XX"), None, r"shape \(4, 4\) \(2 qubits\) does not fit the 3 qubits"),
        (np.eye(3), [0], r"shape \(3, 3\)"),
        (np.ones(3), [0], r"shape \(3,\)"),
        (5, None, "int is no operator that can be streamed"),
        ("XQ", None, "not a Pauli label"),
        ("X", [3], "numbered from 0"),
        ("XX", [1, 1], "twice"),
    ],
)
def test_wrong_operators(run: aerchive.Run, oper: Any, qargs: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        run.state("random 3").expectation_value(oper, qargs)


def test_inner_products_and_fidelities(run: aerchive.Run, tmp_path: Path) -> None:
    elsewhere = aerchive.open(tmp_path / "other.h5").save(make_result("other", **STATES))
    for width in range(1, 11):
        one, other = STATES[f"random {width}"], STATES[f"another {width}"]
        expected = one.inner(other)
        first = run.state(f"random {width}")
        kinds = {
            "the same file": run.state(f"another {width}"),
            "another file, one chunk": elsewhere.state(f"another {width}"),
            "a plain stored array": elsewhere.array(f"another {width}"),
            "memory": other,
            "an array": other.data,
            "a strided array": np.repeat(other.data, 2)[::2],
            "a list": other.data.tolist(),
        }
        for kind, second in kinds.items():
            assert abs(first.inner(second) - expected) < 1e-15, kind
            assert type(first.inner(second)) is complex
            assert abs(first.fidelity(second) - state_fidelity(one, other)) < 1e-15, kind
            assert type(first.fidelity(second)) is float
        assert abs(first.fidelity(first) - 1) < 1e-14


def test_fidelity_with_a_mixed_state(run: aerchive.Run) -> None:
    state, rho = STATES["random 5"], random_density_matrix(32, seed=1)

    for given in (rho, rho.data, np.asfortranarray(rho.data), rho.data.tolist()):
        assert abs(run.state("random 5").fidelity(given) - state_fidelity(state, rho)) < 1e-15


def test_what_cannot_be_compared(run: aerchive.Run, project: aerchive.Project) -> None:
    state = run.state("random 5")
    loose = project.save(make_result("loose", psi=Statevector(np.ones(32)))).state()

    for other, message in [
        (run.state("random 6"), r"32 amplitudes, <StoredState 'random 6'.* has dimension 64"),
        (STATES["random 6"], "a Statevector has dimension 64"),
        (np.zeros((2, 2)), "a ndarray has dimension 2"),
        (np.zeros((2, 2, 2)), "of 3 axes"),
        ("psi", "a str is not a state"),
        (None, "is not a state"),
        (run.stack(["random 5", "another 5"]), "neither a state nor an operator"),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            state.fidelity(other)
    with pytest.raises(InvalidInputError, match="is a matrix; inner products are of state vectors"):
        state.inner(random_density_matrix(32))
    for one, other in [(state, loose), (loose, state), (state, loose[...]), (loose, random_density_matrix(32))]:
        with pytest.raises(InvalidInputError, match=r"norm 5\.65.*validate=False"):
            one.fidelity(other)
        assert one.fidelity(other, validate=False) > 0
    assert loose.is_valid() is False
    with pytest.raises(InvalidInputError, match="not normalised"):
        loose.sample_counts(10)


def test_reduced_density_matrices(pair: tuple[StoredState, Statevector]) -> None:
    stored, state = pair

    for qargs in some_qargs(min(10, state.num_qubits)):
        ascending = sorted(qargs)
        others = [qubit for qubit in range(state.num_qubits) if qubit not in qargs]
        expected = partial_trace(state, others) if others else DensityMatrix(state)
        found = stored.reduced_density_matrix(ascending)
        assert type(found) is DensityMatrix
        assert found.dims() == expected.dims()
        assert np.allclose(found.data, expected.data, rtol=0, atol=1e-15)
        ordered = stored.reduced_density_matrix(qargs)
        assert np.allclose(ordered.probabilities(), state.probabilities(qargs), rtol=0, atol=1e-15)
        assert abs(ordered.purity() - expected.purity()) < 1e-14


def test_to_qiskit(run: aerchive.Run) -> None:
    for label, state in STATES.items():
        assert differences(state, run.state(label).to_qiskit()) == []


# what is no state of qubits


def test_other_dimensions(project: aerchive.Project) -> None:
    state = random_statevector((3, 5, 2), seed=1)
    with small_chunks(256):
        run = project.save(make_result(qudits=state, one=random_statevector(21, seed=2)))
    stored = run.state("qudits")

    assert stored.num_qubits is None
    assert stored.dims() == state.dims() == (3, 5, 2)
    assert stored.dims([2, 0]) == (2, 3)
    assert run.state("one").dims() == (21,)
    assert abs(stored.norm() - 1) < 1e-15
    assert abs(stored.fidelity(state) - 1) < 1e-14
    assert np.allclose(stored.probabilities(), state.probabilities())
    assert stored.amplitude(7) == state[7]
    assert differences(state, stored.to_qiskit()) == []
    asks = [
        lambda: stored.probabilities([0]),
        stored.probabilities_dict,
        lambda: stored.sample_counts(10),
        stored.measure,
        lambda: stored.expectation_value("X"),
        lambda: stored.reduced_density_matrix([0]),
        lambda: stored.top(1),
        lambda: stored["0"],
    ]
    for ask in asks:
        with pytest.raises(InvalidInputError, match=r"dimensions \(3, 5, 2\), not qubits"):
            ask()


def test_a_state_without_qubits(project: aerchive.Project) -> None:
    state = Statevector([1j])
    stored = project.save(make_result(psi=state)).state()

    assert (stored.num_qubits, stored.shape) == (state.num_qubits, (1,))
    assert stored.probabilities().tolist() == [1.0]
    assert stored.norm() == 1
    assert differences(state, stored.to_qiskit()) == []


# where it may be used


def ask(state: StoredState) -> tuple[int, complex, dict[str, int]]:
    import os

    return os.getpid(), state.expectation_value("ZXZ", [8, 2, 5]), state.sample_counts(20, seed=1)


def test_pickle(run: aerchive.Run) -> None:
    for label in STATES:
        state = run.state(label)
        data = pickle.dumps(state)
        copied = pickle.loads(data)
        assert len(data) < 4000
        assert (copied.label, copied.shape, copied.num_qubits) == (state.label, state.shape, state.num_qubits)
        assert copied.norm() == state.norm()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_in_forked_processes(run: aerchive.Run) -> None:
    state = run.state("random 10")
    mine = ask(state)

    with multiprocessing.get_context("fork").Pool(2) as pool:
        answers = pool.map(ask, [state] * 4)

    assert {answer[1:] == mine[1:] for answer in answers} == {True}
    assert mine[0] not in {answer[0] for answer in answers}


def test_in_a_fresh_process_without_qiskit(run: aerchive.Run) -> None:
    script = """
        import pickle, sys
        state = pickle.loads(bytes.fromhex(sys.argv[1]))
        counts = state.sample_counts(9, seed=1)
        print(state.expectation_value("ZXZ", [8, 2, 5]), state.fidelity(state), sorted(counts))
        print(any(name.startswith("qiskit") for name in sys.modules), "rich" in sys.modules)
    """
    state = run.state("random 10")

    values, loaded = processes.run(script, pickle.dumps(state).hex()).splitlines()

    counts = state.sample_counts(9, seed=1)
    assert values == f"{state.expectation_value('ZXZ', [8, 2, 5])} {state.fidelity(state)} {sorted(counts)}"
    assert loaded == "False False"


def test_after_close_and_in_threads(tmp_path: Path) -> None:
    with aerchive.open(tmp_path / "p.h5") as project, small_chunks(CHUNK):
        state = project.save(make_result(psi=STATES["random 10"])).state()
    del project
    expected, found = STATES["random 10"].expectation_value(Pauli("XYZIXYZIXY")), []

    threads = [threading.Thread(target=lambda: found.append(state.expectation_value("XYZIXYZIXY"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert max(abs(value - expected) for value in found) < 1e-15


def test_after_its_pending_file_was_merged(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "p.h5", lock_timeout=0.2)
    project.save(make_result("first"))
    with held(project.path), small_chunks(CHUNK):
        run = project.save(make_result("second", psi=STATES["random 9"]))
        assert run.in_pending_file
        state = run.state()
        before = state.norm(), state.sample_counts(10, seed=1)
    project.recover()

    assert not list(tmp_path.glob("*.pending-*"))
    assert (state.norm(), state.sample_counts(10, seed=1)) == before
    assert pickle.loads(pickle.dumps(state)).norm() == before[0]


def test_while_others_write(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "p.h5")
    with small_chunks(CHUNK):
        state = project.save(make_result("first", psi=STATES["random 10"])).state()
    total = 0.0

    for number, (index, values) in enumerate(state.blocks()):  # holds no lock
        if number in (2, 5):
            project.save(make_result(f"more{number}", y=np.arange(50.0)))
        if number == 8:
            project.delete_job("first")
        assert np.array_equal(values, STATES["random 10"].data[index])
        total += float(np.vdot(values, values).real)

    assert number == 15
    assert abs(total - 1) < 1e-14
    with pytest.raises(NotFoundError):
        state.norm()


def test_a_damaged_chunk(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "p.h5")
    with small_chunks(CHUNK):
        state = project.save(make_result(psi=STATES["random 9"])).state()
    with h5py.File(project.path, "r") as file:
        chunk = file[project.latest().path]["statevector"].id.get_chunk_info(3)
    with project.path.open("r+b") as file:
        file.seek(chunk.byte_offset + 10)
        file.write(b"\x13\x57")

    threads = threading.active_count()
    for ask_for in (state.norm, lambda: state.expectation_value("X" * 9), lambda: state.fidelity(state)):
        with pytest.raises(IntegrityError, match="chunk 3 is damaged"):
            ask_for()
    assert threading.active_count() == threads
    assert state.amplitude(0) == STATES["random 9"][0]


def test_chunks_that_were_never_written_are_not_read(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "p.h5")
    with small_chunks(CHUNK):
        dense = project.save(make_result("dense", psi=random_statevector(2**12, seed=1))).state()
        ghz = project.save(make_result("ghz", psi=sparse(12))).state()

    with record_reads() as of_dense:
        dense.norm()
    with record_reads() as of_ghz:
        assert ghz.norm() == pytest.approx(1)

    assert of_dense.nbytes > 0.8 * dense.nbytes
    assert of_ghz.nbytes < of_dense.nbytes - 0.7 * dense.nbytes


def test_an_amplitude_reads_one_chunk(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "p.h5")
    state = project.save(make_result(psi=random_statevector(2**18, seed=1))).state()

    with record_reads() as log:
        state.amplitude("1" * 18)

    assert log.nbytes < 2**20 + 30_000
    with record_reads() as log:
        state.norm()
    assert log.nbytes > 2**21


def test_kinds_of_a_result(project: aerchive.Project) -> None:
    result = Result(
        job_id="two",
        success=True,
        results=[
            ExperimentResult(1, True, ExperimentResultData(psi=STATES["random 3"])),
            ExperimentResult(1, True, ExperimentResultData(psi=STATES["another 3"])),
        ],
    )
    run = project.save(result)

    assert run.state(experiment=1).inner(STATES["another 3"]) == pytest.approx(1)
    assert run.state("psi", -1).inner(STATES["another 3"]) == pytest.approx(1)


def test_numbers_that_are_stored_narrower(project: aerchive.Project) -> None:
    """Of a run in single precision: half as wide on disk, and what they were in memory."""
    psi = Statevector(random_statevector(2**12, seed=5).data.astype(np.complex64).astype(complex))
    single = random_density_matrix(64, seed=1).data.astype(np.complex64).astype(complex)
    rho = DensityMatrix(np.asfortranarray(single))
    with small_chunks(4096):
        run = project.save(make_result(psi=psi, rho=rho))
    with h5py.File(project.path, "r") as file:
        assert {file[run.path][name].dtype.itemsize for name in ("statevector", "density_matrix")} == {8}
    state, oper = run.state("psi"), "XYZZYXIXZZXY"

    assert differences(psi, state.to_qiskit()) == []
    assert differences(psi, run.value("psi")) == []
    assert differences(rho, run.state("rho").to_qiskit()) == []
    assert state[3:5].dtype == np.complex128
    assert state.nbytes == 16 * 2**12
    assert abs(state.norm() - np.linalg.norm(psi.data)) < 1e-15
    assert abs(state.expectation_value(oper) - psi.expectation_value(Pauli(oper))) < 1e-15
    assert all(values.dtype == np.complex128 for _, values in state.blocks())
    assert run.stack(["psi"])[...].dtype == np.complex128


def test_as_a_numpy_array(run: aerchive.Run) -> None:
    state = run.state("random 9")

    assert np.asarray(state, np.complex64).dtype == np.complex64
    assert np.array_equal(np.abs(state), np.abs(STATES["random 9"].data))
    with pytest.raises(ValueError, match="copy"):
        np.array(state, copy=False)


def test_what_takes_long_is_watched(run: aerchive.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int, int]] = []

    class Watching:
        def __init__(self, what: str) -> None:
            self.what = what

        def __call__(self, items: Any, total: int) -> Any:
            passed = list(items)
            seen.append((self.what, len(passed), total))
            return iter(passed)

    monkeypatch.setattr("aerchive.stored.quantum_array.ProgressOf", Watching)
    state = run.state("only 11")

    np.asarray(state)
    state.fidelity(state)
    state.expectation_value("X" * 11)

    assert seen == [("reading", 32, 32), ("fidelity", 32, 32), ("expectation value", 16, 16)]


@pytest.mark.parametrize("limit", [1e-3, 1e-6])
def test_the_error_of_a_rounded_state_covers_its_norm(path: Path, limit: float) -> None:
    random = np.random.default_rng(1)
    ghz = np.zeros(2**12, complex)
    ghz[[0, -1]] = 0.5**0.5
    dense = random.normal(size=2**12) + 1j * random.normal(size=2**12)
    for name, values in ("ghz", ghz), ("dense", dense / np.linalg.norm(dense)):
        state = aerchive.open(path).save(make_result(name, psi=Statevector(values)), max_infidelity=limit).state()
        assert state.infidelity < limit
        for label in ("ZZ", "II", "XY"):
            found, exact = (one.expectation_value(Pauli(label), [0, 1]) for one in (state, Statevector(values)))
            assert abs(found - exact) <= state.expectation_error(Pauli(label), [0, 1])
        wrong = state.probabilities([0]) - Statevector(values).probabilities([0])
        assert abs(wrong).max() <= state.probability_error()
