from __future__ import annotations

import multiprocessing
import os
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from qiskit.quantum_info import DensityMatrix, Operator, Statevector, random_statevector
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

import aerchive
from aerchive.errors import IntegrityError, InvalidInputError, NotFoundError
from aerchive.storage.medium.trace import record_reads
from aerchive.stored.stack import StackedArray, natural_order
from tests import processes
from tests.jobs import make_result
from tests.small_chunks import small_chunks

RANDOM = np.random.default_rng(8)
TIMES = [3, 10, 0, 1, 11, 2]
"""As Aer gives them: in no order."""


def values(*shape: int, order: Any = "C") -> np.ndarray:
    return np.asarray(RANDOM.normal(size=shape) + 1j * RANDOM.normal(size=shape), order=order)


def snapshots() -> dict[str, Any]:
    """Arrays of each kind for all times: what they are and how they are stored."""
    data: dict[str, Any] = {}
    for time in TIMES:
        data[f"psi{time}"] = Statevector(values(300))  # three rows a chunk
        data[f"long{time}"] = Statevector(values(2048))  # many chunks a row
        data[f"rho{time}"] = DensityMatrix(values(20, 20, order="F"))
        data[f"tiny{time}"] = Statevector(values(2)) if time else Statevector(np.zeros(2))
        data[f"plain{time}"] = values(5, 7)  # a dataset of its own
        data[f"wide{time}"] = values(40, 30, order="F")
        data[f"flags{time}"] = RANDOM.random((3, 30)) > 0.5
        data[f"sparse{time}"] = Statevector(np.where(np.arange(4096) == 17 * time, 1.0, 0.0))
    return data


SNAPSHOTS = snapshots()
KINDS = ["psi", "long", "rho", "tiny", "plain", "wide", "flags", "sparse"]


def array_of(label: str) -> np.ndarray:
    value = SNAPSHOTS[label]
    return value if isinstance(value, np.ndarray) else value.data


def expected(kind: str) -> np.ndarray:
    return np.array([array_of(f"{kind}{time}") for time in sorted(TIMES)])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Run:
    project = aerchive.open(tmp_path_factory.mktemp("stacks") / "stacks.h5")
    with small_chunks(16 * 1000):
        return project.save(make_result("made", energy=0.5, **SNAPSHOTS))


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Run:
    """Three experiments of a sweep, two of them of one shape, packed into one dataset."""
    project = aerchive.open(tmp_path_factory.mktemp("packed") / "packed.h5")
    arrays = [values(5, 6), values(3), values(5, 6)]
    experiments = [ExperimentResult(1, True, ExperimentResultData(x=value)) for value in arrays]
    return project.save(Result(job_id="packed", success=True, results=experiments))


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_is(run: aerchive.Run, kind: str) -> None:
    stack, whole = run.stack(f"{kind}*"), expected(kind)

    assert type(stack) is StackedArray
    assert isinstance(stack, aerchive.StoredArray)
    assert (stack.shape, stack.dtype, stack.ndim, stack.size, len(stack)) == (
        whole.shape,
        whole.dtype,
        whole.ndim,
        whole.size,
        len(whole),
    )
    assert stack.nbytes == whole.nbytes
    assert stack.labels == tuple(f"{kind}{time}" for time in sorted(TIMES))
    assert stack.experiments == (0,) * 6
    rows = {"psi": 3, "sparse": 1, "long": 1}
    assert len(stack.chunks) == whole.ndim
    assert stack.chunks[0] == rows.get(kind, stack.chunks[0])
    assert stack.chunks[1:] == run.array(f"{kind}0").chunks
    assert repr(stack).startswith(f"<StackedArray shape={whole.shape} dtype={whole.dtype} of run ")


@pytest.mark.parametrize("kind", KINDS)
def test_values(run: aerchive.Run, kind: str) -> None:
    stack, whole = run.stack(f"{kind}*"), expected(kind)

    assert np.array_equal(stack[...], whole)
    assert np.array_equal(np.asarray(stack), whole)
    assert [row.tobytes() for row in stack] == [row.tobytes() for row in whole]


AXES: list[Any] = [0, -1, 3, slice(None), slice(1, 4), slice(None, None, -1), slice(5, 1, -3), slice(2, 2)]
AXES.append(slice(1, None, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_indexing_is_that_of_numpy(run: aerchive.Run, kind: str) -> None:
    stack, whole = run.stack(f"{kind}*"), expected(kind)
    keys: list[Any] = [..., (), *AXES]
    keys += [(first, second) for first in AXES for second in [0, 1, slice(None, None, 3), slice(1, 2), -1]]
    keys += [(..., 0), (0, ..., 1), (slice(1, 3), ..., slice(None, None, -1))]

    for key in keys:
        found = stack[key]
        assert np.array_equal(found, whole[key]), key
        assert np.shape(found) == whole[key].shape
        assert found.dtype == whole.dtype
    for key in [6, (0, 10**6), -7]:
        with pytest.raises(IndexError):
            stack[key]
    for key in [[0, 1], [-1, 2, 2], np.arange(6) % 2 == 0, (slice(None), [1, 0])]:
        assert np.array_equal(stack[key], whole[key]), key
    for key in [None, "psi0", (0,) * 5]:
        with pytest.raises(InvalidInputError):
            stack[key]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zeros", [True, False])
def test_blocks(run: aerchive.Run, kind: str, zeros: bool) -> None:
    whole = expected(kind)
    found, seen = np.zeros_like(whole), np.zeros(whole.shape, bool)

    for index, block in run.stack(f"{kind}*").blocks(zeros=zeros):
        assert not seen[index].any()
        assert index[0].stop - index[0].start == 1
        found[index] = block
        seen[index] = True

    assert np.array_equal(found, whole)
    assert seen.all() == (zeros or kind != "sparse")


def test_labels_as_given(run: aerchive.Run) -> None:
    labels = ["psi10", "psi0", "psi10"]
    stack = run.stack(labels)

    assert stack.labels == tuple(labels)
    assert np.array_equal(stack[:, ::7], np.array([array_of(label) for label in labels])[:, ::7])
    assert np.array_equal(run.stack(("psi3",))[0], array_of("psi3"))
    assert run.stack("psi3").labels == ("psi3",)
    assert run.stack("psi1?").labels == ("psi10", "psi11")
    assert run.stack("psi[01]").labels == ("psi0", "psi1")


def test_a_label_that_looks_like_a_pattern(project: aerchive.Project) -> None:
    run = project.save(make_result(**{"a*": values(3), "ab": values(4)}))

    assert run.stack("a*").shape == (1, 3)


def test_what_cannot_be_stacked(run: aerchive.Run) -> None:
    for labels, error, message in [
        ("phi*", NotFoundError, r"no array 'phi\*'; there are 'psi3', 'long3'"),
        (["psi0", "phi"], NotFoundError, "'phi'"),
        (["psi0", "energy"], InvalidInputError, "'energy' holds no array"),
        ("p*", InvalidInputError, r"'plain0' has \(5, 7\) <c16, 'psi0' of experiment 0 \(300,\) <c16"),
        ([], InvalidInputError, "a stack of nothing"),
    ]:
        with pytest.raises(error, match=message):
            run.stack(labels)
    with pytest.raises(NotFoundError, match="1 experiments"):
        run.stack("psi*", 1)


def test_natural_order() -> None:
    labels = ["t10", "t2", "t0.5", "t1e1", "t", "a1b20", "a1b3", "x", "t-1", "2", "10", "t2b", "²"]

    assert sorted(labels, key=natural_order) == [
        "2", "10", "a1b3", "a1b20", "t", "t0.5", "t2", "t2b", "t10", "t1e1", "t-1", "x", "²",
    ]  # fmt: skip


# over experiments


def test_over_the_experiments_of_a_sweep(packed: aerchive.Run, project: aerchive.Project) -> None:
    states = [random_statevector(8, seed=seed) for seed in range(5)]
    experiments = [ExperimentResult(1, True, ExperimentResultData(psi=state)) for state in states]
    run = project.save(Result(job_id="sweep", success=True, results=experiments))

    stack = run.stack("psi", experiment=None)

    assert (stack.shape, stack.experiments, stack.labels) == ((5, 8), (0, 1, 2, 3, 4), ("psi",) * 5)
    assert np.array_equal(stack[::-2], np.array([state.data for state in states])[::-2])
    assert run.stack("psi", 3)[0].tolist() == states[3].data.tolist()
    with pytest.raises(InvalidInputError, match=r"\(5, 6\) <c16, 'x' of experiment 1 \(3,\) <c16"):
        packed.stack("x", experiment=None)
    with pytest.raises(InvalidInputError, match="give no bind"):
        run.stack("psi", experiment=None, bind=0)


def test_packed_arrays(packed: aerchive.Run) -> None:
    stack = packed.stack("x", 2)

    assert np.array_equal(stack[...], np.asarray(packed.array("x", 2))[np.newaxis])
    assert np.array_equal(stack[0, ::2, -1], packed.array("x", 2)[::2, -1])
    assert [index for index, _ in stack.blocks()] == [(slice(0, 1), slice(0, 5), slice(0, 6))]


def test_of_one_shot_or_condition(project: aerchive.Project) -> None:
    states = [random_statevector(4, seed=seed) for seed in range(6)]
    run = project.save(
        make_result(
            t0={"0x0": states[0], "0x1": states[1]},
            t1={"0x0": states[2], "0x1": states[3]},
            s0=states[4:],
            s1=states[:2],
        )
    )

    assert np.array_equal(run.stack("t*", condition="1")[...], [states[1].data, states[3].data])
    assert np.array_equal(run.stack("s*", shot=1)[...], [states[5].data, states[1].data])
    with pytest.raises(InvalidInputError, match="value for each condition"):
        run.stack("t*")


# what is read


def test_a_slice_reads_the_chunks_that_hold_it(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "p.h5")
    data = {f"t{time}": Statevector(values(4096)) for time in TIMES}
    with small_chunks(16 * 1024):  # four chunks a snapshot
        run = project.save(make_result(**data))
    with h5py.File(project.path, "r") as file:
        node = file[run.path]["statevector"].id
        chunks = [node.get_chunk_info(number) for number in range(node.get_num_chunks())]
    assert len(chunks) == 24

    def touched(key: Any) -> list[int]:
        with record_reads() as log:
            run.stack("t*")[key]
        ends = [
            sum(max(0, min(at + n, c.byte_offset + c.size) - max(at, c.byte_offset)) for at, n in log.extents)
            for c in chunks
        ]
        return [number for number, length in enumerate(ends) if length > 4096]

    rows = {time: row for row, time in enumerate(TIMES)}
    assert touched(0) == [4 * rows[0] + part for part in range(4)]
    assert touched((slice(None), 0)) == [0, 4, 8, 12, 16, 20]
    assert touched((slice(4, 6), slice(1500, 1600))) == sorted([4 * rows[10] + 1, 4 * rows[11] + 1])


def test_rows_that_share_a_chunk_are_read_once(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "p.h5")
    data = {f"t{time}": Statevector(values(512)) for time in range(64)}
    with small_chunks(16 * 512 * 16):  # sixteen snapshots a chunk
        run = project.save(make_result(**data))

    with record_reads() as log:
        whole = np.asarray(run.stack("t*"))
    with record_reads() as of_blocks:
        assert sum(1 for _ in run.stack("t*").blocks()) == 64

    assert log.nbytes < whole.nbytes + 100_000
    assert of_blocks.nbytes < whole.nbytes + 100_000


def test_nothing_is_read_before_it_is_indexed(run: aerchive.Run) -> None:
    run.stored_result.experiments  # noqa: B018  (the document)
    with record_reads() as log:
        run.stack("long*")
    assert log.nbytes < 60_000


def test_a_damaged_chunk(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "p.h5")
    with small_chunks(16 * 512):
        run = project.save(make_result(**{f"t{time}": Statevector(values(512)) for time in range(5)}))
    with h5py.File(project.path, "r") as file:
        chunk = file[run.path]["statevector"].id.get_chunk_info(2)
    with project.path.open("r+b") as file:
        file.seek(chunk.byte_offset + 10)
        file.write(b"\x13\x57")
    stack = run.stack("t*")

    with pytest.raises(IntegrityError, match="chunk 2 is damaged"):
        stack[2, 0]
    with pytest.raises(IntegrityError):
        list(stack.blocks())
    assert stack[1, 0] == run.array("t1")[0]


def read_in_child(stack: StackedArray) -> tuple[int, bytes]:
    return os.getpid(), stack[::2, 1:].tobytes()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_in_other_processes(run: aerchive.Run) -> None:
    stacks = [run.stack(f"{kind}*") for kind in KINDS]
    wanted = [stack[::2, 1:].tobytes() for stack in stacks]

    with multiprocessing.get_context("fork").Pool(2) as pool:
        answers = pool.map(read_in_child, stacks)
    script = """
        import pickle, sys, hashlib
        stack = pickle.loads(bytes.fromhex(sys.argv[1]))
        print(hashlib.sha256(stack[::2, 1:].tobytes()).hexdigest(), stack.labels[3])
    """
    import hashlib

    printed = processes.run(script, pickle.dumps(stacks[1]).hex()).split()

    assert [data for _, data in answers] == wanted
    assert os.getpid() not in {pid for pid, _ in answers}
    assert printed == [hashlib.sha256(wanted[1]).hexdigest(), "long3"]


def test_the_result_keeps_each_snapshot_of_its_own_type_in_the_order_of_aer(project: aerchive.Project) -> None:
    from qiskit import QuantumCircuit

    from tests.jobs import run_stock
    from tests.strict import differences

    circuit = QuantumCircuit(3, 3)
    for step in range(12):
        circuit.rx(0.3, range(3))
        circuit.cx(0, 1)
        circuit.save_statevector(f"t{step}")
        circuit.save_expectation_value(Operator.from_label("Z"), [0], f"z{step}")
        if step % 4 == 0:
            circuit.save_density_matrix([0, 1], f"rho{step}")
    circuit.measure(range(3), range(3))
    job = run_stock(circuit)
    stock = job.result()
    run = project.save(job)

    result = run.result()
    stack = run.stack("t*")

    labels = list(stock.data(0))
    assert list(result.data(0)) == labels
    assert labels != sorted(labels, key=natural_order), "or the order says nothing"
    with record_reads() as log:
        result = run.result()
        data = result.data(0)
        assert list(data) == labels
    assert log.nbytes == 0
    for label in labels:
        assert differences(stock.data(0)[label], data[label]) == [], label
    assert stack.labels == tuple(f"t{step}" for step in range(12))
    assert np.array_equal(stack[5], stock.data(0)["t5"].data)
