from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import aerchive
from aerchive.errors import IntegrityError, InvalidInputError, NotFoundError
from aerchive.storage.medium.trace import record_reads
from tests import processes
from tests.jobs import make_result
from tests.small_chunks import small_chunks
from tests.strict import differences

RANDOM = np.random.default_rng(8)


def values(*shape: int, order: str = "C") -> np.ndarray:
    return np.asarray(RANDOM.normal(size=shape) + 1j * RANDOM.normal(size=shape), order=order)


ARRAYS = {
    "vector": values(50),
    "matrix": values(7, 9),
    "fortran": values(7, 9, order="F"),
    "cube": values(4, 5, 6),
    "fortran cube": values(4, 5, 6, order="F"),
    "bools": RANDOM.random((5, 6)) > 0.5,
    "chunked": values(300, 700),
    "chunked fortran": values(300, 700, order="F"),
    "one": values(1),
}
STACK = [values(6, 7, order="F") for _ in range(4)]
LARGE_STACK = [values(40_000) for _ in range(5)]
PACK = [values(3), values(5, 6), values(6, 5, order="F"), values(2, 3, 4)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Run:
    """Arrays stored alone, in stacks and in packs."""
    project = aerchive.open(tmp_path_factory.mktemp("arrays") / "arrays.h5")
    stacked = {f"stack{number}": value for number, value in enumerate(STACK)}
    large = {f"large{number}": value for number, value in enumerate(LARGE_STACK)}
    from qiskit.quantum_info import Operator, Statevector

    data: dict[str, Any] = dict(ARRAYS)
    data |= {label: Operator(value) for label, value in stacked.items()}
    data |= {label: Statevector(value) for label, value in large.items()}
    project.save(make_result("made", **data))
    first = project["made"]
    assert {"stacked"} == {layout_of(project.path, first, name) for name in ("unitary", "statevector")}
    return first


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Run:
    """Arrays of one kind and different shapes, one in each experiment."""
    from qiskit.result import Result
    from qiskit.result.models import ExperimentResult, ExperimentResultData

    project = aerchive.open(tmp_path_factory.mktemp("packed") / "packed.h5")
    experiments = [ExperimentResult(1, True, ExperimentResultData(x=value)) for value in PACK]
    project.save(Result(job_id="made", success=True, results=experiments))
    assert layout_of(project.path, project["made"], "x") == "packed"
    return project["made"]


def layout_of(path: Path, run: aerchive.Run, name: str) -> str:
    with h5py.File(path, "r") as file:
        value = file[run.path][name].attrs["layout"]
    return value.decode() if isinstance(value, bytes) else str(value)


def cases(run: aerchive.Run, packed: aerchive.Run) -> list[tuple[aerchive.StoredArray, np.ndarray]]:
    found = [(run.array(label), value) for label, value in ARRAYS.items()]
    found += [(run.array(f"stack{number}"), value) for number, value in enumerate(STACK)]
    found += [(run.array(f"large{number}"), value) for number, value in enumerate(LARGE_STACK)]
    return found + [(packed.array("x", number), value) for number, value in enumerate(PACK)]


def test_what_it_is(run: aerchive.Run, packed: aerchive.Run) -> None:
    for array, value in cases(run, packed):
        assert (array.shape, array.dtype, array.ndim, array.size, array.nbytes, len(array)) == (
            value.shape,
            value.dtype,
            value.ndim,
            value.size,
            value.nbytes,
            len(value),
        )
        assert str(value.shape) in repr(array)


def test_whole(run: aerchive.Run, packed: aerchive.Run) -> None:
    for array, value in cases(run, packed):
        assert differences(value, array[...]) == []
        assert differences(value, np.asarray(array)) == []
        assert differences(value, array[()]) == []
        assert np.asarray(array).flags.writeable


AXIS: list[Any] = [
    0,
    -1,
    3,
    slice(None),
    slice(2, 5),
    slice(None, None, 2),
    slice(None, None, -1),
    slice(5, 1, -3),
    slice(3, 3),
    slice(-2, None),
    slice(0, 10**9),
    np.int64(1),
]


def test_indexing_is_that_of_numpy(run: aerchive.Run, packed: aerchive.Run) -> None:
    checked = 0
    for array, value in cases(run, packed):
        keys: list[Any] = [(), ..., (...,)]
        keys += AXIS
        keys += list(itertools.product(AXIS, repeat=2))[:: 2 if value.size < 100 else 11]
        keys += [(0, ...), (..., 0), (slice(1, 3), ..., -1), (0, ..., 1, 2), (1, slice(None), slice(None, None, -1))]
        for key in keys:
            try:
                expected = value[key]
            except IndexError:
                with pytest.raises((IndexError, InvalidInputError)):
                    array[key]
                continue
            got = array[key]
            assert np.ndim(expected) == 0 or type(got) is np.ndarray, (key, array)
            assert got.dtype == expected.dtype
            assert got.shape == expected.shape, (key, array)
            assert np.array_equal(got, expected), (key, array)
            checked += 1
    assert checked > 500


@pytest.mark.parametrize(
    "key",
    [
        [0.5, 1.5],
        np.array([0, 1], complex),
        ["0", "1"],
        np.array(True),
        None,
        (None, 0),
        "x",
        1.5,
        True,
        (..., ...),
        (0, 0, 0, 0, 0),
        ([1], ..., ...),
        ([0], 0, 0, 0, 0),
    ],
    ids=repr,
)
@pytest.mark.parametrize("kind", ["plain", "stacked", "packed"])
def test_other_indices_are_refused(run: aerchive.Run, packed: aerchive.Run, kind: str, key: Any) -> None:
    array = {"plain": run.array("matrix"), "stacked": run.array("stack1"), "packed": packed.array("x", 1)}[kind]

    with pytest.raises(InvalidInputError):
        array[key]


@pytest.mark.parametrize("key", [7, -8, (0, 9), (0, -10), 10**30])
def test_out_of_range(run: aerchive.Run, key: Any) -> None:
    with pytest.raises(IndexError):
        run.array("matrix")[key]
    with pytest.raises(IndexError):
        run.array("fortran")[key]


def test_as_a_numpy_array(run: aerchive.Run) -> None:
    array, value = run.array("matrix"), ARRAYS["matrix"]

    assert np.array_equal(np.abs(array), np.abs(value))
    assert np.asarray(array, np.complex64).dtype == np.complex64
    assert np.array_equal(np.array(array, copy=True), value)
    with pytest.raises(ValueError, match="copy"):
        np.array(array, copy=False)
    assert [row.tolist() for row in array] == value.tolist()


def test_chunks_are_those_of_the_file(run: aerchive.Run) -> None:
    with h5py.File(project_of(run), "r") as file:
        group = file[run.path]
        assert run.array("chunked").chunks == group["chunked"].chunks
        assert run.array("chunked fortran").chunks == group["chunked_fortran"].chunks[::-1]


def project_of(run: aerchive.Run) -> Path:
    return Path(run._home.file.path)


def test_only_the_chunks_that_are_needed_are_read(tmp_path: Path) -> None:
    array = np.random.default_rng(1).normal(size=2**20)
    project = aerchive.open(tmp_path / "p.h5")
    stored = project.save(make_result(x=array)).array("x")
    with h5py.File(project.path, "r") as file:
        node = file[project.latest().path]["x"]
        chunks = [node.id.get_chunk_info(number) for number in range(node.id.get_num_chunks())]
        length = node.chunks[0]
    assert len(chunks) == 8

    with record_reads() as log:
        stored[3 * length + 5]
        stored[5 * length : 6 * length : 100]

    def bytes_read_of(chunk: Any) -> int:
        ends = [(max(at, chunk.byte_offset), min(at + n, chunk.byte_offset + chunk.size)) for at, n in log.extents]
        return sum(max(0, stop - start) for start, stop in ends)

    # HDF5 may read a little beyond the metadata it wants, into the chunk that follows.
    touched = [number for number, chunk in enumerate(chunks) if bytes_read_of(chunk) > 4096]
    assert touched == [3, 5]
    assert log.nbytes < 2 * chunks[0].size + 100_000
    with record_reads() as log:
        assert stored[::-1][:3].shape == (3,)
    assert log.nbytes > array.nbytes / 2


@pytest.mark.parametrize("kind", ["double", "single in double", "fortran", "integers"])
@pytest.mark.parametrize("compression", ["portable", "small", "none"])
def test_single_elements_of_large_arrays(tmp_path: Path, compression: str, kind: str) -> None:
    """Few elements of a chunk are read without expanding all of it; many are read with the whole chunk."""
    matrix = values(257, 1100, order="F" if kind == "fortran" else "C")
    if kind == "single in double":
        matrix = matrix.astype(np.complex64).astype(complex)
    elif kind == "integers":
        matrix = (1000 * matrix.real).astype(np.int64)
    project = aerchive.open(tmp_path / "single.h5", compression=compression)
    saved = project.save(make_result("made", matrix=matrix, zeros=np.zeros((300, 700))))
    rows, columns = RANDOM.integers(0, 257, 30), RANDOM.integers(0, 1100, 30)

    array = saved.array("matrix")
    for key in ((rows, columns), (rows, 7), ([3, -1, 200, 3], slice(5, None, 411)), (slice(250, None), [1099])):
        assert np.array_equal(array[key], matrix[key])
    assert np.array_equal(array[:, columns], matrix[:, columns])
    assert not saved.array("zeros")[[1, 299], [2, 699]].any()


def test_single_elements_of_a_damaged_chunk(tmp_path: Path) -> None:
    path = tmp_path / "damaged.h5"
    saved = aerchive.open(path).save(make_result("made", vector=values(100_000)))
    with h5py.File(path, "r") as file:
        place = file[saved.path]["vector"].id.get_chunk_info(1)
    with path.open("r+b") as file:
        file.seek(place.byte_offset + place.size // 2)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))

    array = aerchive.open(path, "r")["made"].array("vector")
    assert np.isfinite(array[[1, 65_535]]).all()
    with pytest.raises(IntegrityError, match="chunk 1 is damaged"):
        array[[1, 65_536]]


def test_pickle(run: aerchive.Run, packed: aerchive.Run) -> None:
    for array, value in cases(run, packed):
        data = pickle.dumps(array)
        copied = pickle.loads(data)
        assert len(data) < 4000
        assert (copied.shape, copied.dtype) == (array.shape, array.dtype)
        assert np.array_equal(copied[...], value)


def read_in_child(array: aerchive.StoredArray) -> tuple[int, bytes]:
    return os.getpid(), np.asarray(array).tobytes()


# From Python 3.12 on, a fork with threads is warned of; here the threads are Aer's and idle.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_in_another_process(run: aerchive.Run, method: str) -> None:
    array = run.array("chunked")
    array[0]

    if method == "spawn":  # a fresh interpreter, as spawn starts one, without what pytest does to the main module
        script = """
            import pickle, sys, hashlib, numpy
            array = pickle.loads(bytes.fromhex(sys.argv[1]))
            print(hashlib.sha256(numpy.asarray(array).tobytes()).hexdigest())
        """
        import hashlib

        printed = processes.run(script, pickle.dumps(array).hex()).strip()
        assert printed == hashlib.sha256(ARRAYS["chunked"].tobytes()).hexdigest()
        return
    with multiprocessing.get_context("fork").Pool(2) as pool:
        answers = pool.map(read_in_child, [array, run.array("stack2"), run.array("bools")])
    assert os.getpid() not in {pid for pid, _ in answers}
    assert [data for _, data in answers] == [ARRAYS["chunked"].tobytes(), STACK[2].tobytes(), ARRAYS["bools"].tobytes()]


def test_after_close_and_in_threads(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    value = values(400, 500)
    with aerchive.open(tmp_path / "p.h5") as project:
        array = project.save(make_result(x=value)).array("x")
    del project

    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda row: array[row], range(100)))

    assert np.array_equal(np.array(rows), value[:100])


def test_while_others_write(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "p.h5")
    value = values(300, 300)
    array = project.save(make_result("first", x=value)).array("x")

    for number in range(5):
        project.save(make_result(f"more{number}", y=values(50)))
        assert np.array_equal(array[number::60], value[number::60])


def test_damaged_chunk(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "p.h5")
    array = project.save(make_result(x=values(200_000))).array("x")
    with h5py.File(project.path, "r") as file:
        node = file[project.latest().path]["x"]
        chunk = node.id.get_chunk_info(1)
        length = node.chunks[0]
    with project.path.open("r+b") as file:
        file.seek(chunk.byte_offset + 100)
        file.write(b"\x13\x57")

    with pytest.raises(IntegrityError, match="chunk 1 is damaged"):
        array[length]
    with pytest.raises(IntegrityError):
        np.asarray(array)
    assert array[0] == array[:5][0]


def test_file_that_is_gone(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "p.h5")
    array = project.save(make_result(x=values(3))).array("x")
    project.path.unlink()

    with pytest.raises(NotFoundError, match=r"p\.h5"):
        array[0]


def test_without_axes_there_is_no_length(tmp_path: Path) -> None:
    run = aerchive.open(tmp_path / "p.h5").save(make_result(x=np.array(1.5)))

    assert run.value("x") == 1.5
    with pytest.raises(NotFoundError):
        run.array("x")


def in_blocks(array: aerchive.StoredArray, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """What the blocks of an array give, and which elements they were; none comes twice."""
    found, seen = np.zeros(array.shape, array.dtype), np.zeros(array.shape, bool)
    for index, values in array.blocks(**options):
        assert values.dtype == array.dtype
        assert not seen[index].any()
        found[index] = values
        seen[index] = True
    return found, seen


def test_blocks(run: aerchive.Run, packed: aerchive.Run) -> None:
    for array, value in cases(run, packed):
        found, seen = in_blocks(array)
        assert np.array_equal(found, value)
        assert seen.all()


@pytest.mark.parametrize("shape", [(5000,), (37, 91), (7, 11, 13), (1, 3000), (3000, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_blocks_of_any_shape(tmp_path: Path, shape: tuple[int, ...], order: str) -> None:
    project = aerchive.open(tmp_path / "p.h5")
    value = values(*shape, order=order)
    with small_chunks(1600):
        array = project.save(make_result(x=value)).array("x")

    indices = [index for index, _ in array.blocks()]
    found, seen = in_blocks(array)

    assert np.array_equal(found, value)
    assert seen.all()
    assert len(indices) > value.nbytes / 1700
    assert all(np.zeros(shape)[index].nbytes <= 800 for index in indices)


def test_blocks_that_were_never_written(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "p.h5")
    value = np.zeros(8000, np.uint8)
    value[[5, 4321]] = 1
    with small_chunks(1000):
        run = project.save(make_result(x=value, flags=value.astype(bool)))

    for label in ("x", "flags"):
        array = run.array(label)
        found, seen = in_blocks(array, zeros=False)
        assert np.array_equal(found, value)
        assert seen.sum() == 2000
        assert in_blocks(array)[1].all()


def test_blocks_end_their_threads_and_close_the_file(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "p.h5")
    with small_chunks(1600):
        array = project.save(make_result(x=values(50_000))).array("x")
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))

    blocks = array.blocks()
    next(blocks)
    assert threading.active_count() > threads
    assert len(os.listdir("/proc/self/fd")) == files + 1
    blocks.close()

    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == files


def test_blocks_of_a_damaged_array(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "p.h5")
    array = project.save(make_result(x=values(200_000))).array("x")
    with h5py.File(project.path, "r") as file:
        chunk = file[project.latest().path]["x"].id.get_chunk_info(2)
    with project.path.open("r+b") as file:
        file.seek(chunk.byte_offset + 100)
        file.write(b"\x13\x57")
    threads = threading.active_count()

    blocks = array.blocks()
    next(blocks), next(blocks)
    with pytest.raises(IntegrityError, match="chunk 2 is damaged"):
        next(blocks)

    assert threading.active_count() == threads


def test_reads_of_blocks_are_noted(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "p.h5")
    value = values(300_000)
    array = project.save(make_result(x=value)).array("x")

    with record_reads() as log:
        for _ in array.blocks():
            pass

    assert value.nbytes * 0.8 < log.nbytes < value.nbytes + 100_000
