from __future__ import annotations

import copy
import pickle
import warnings
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
from qiskit.quantum_info import Statevector

import aerchive
from aerchive.errors import InvalidInputError
from aerchive.storage.medium.trace import ReadLog, record_reads
from aerchive.stored import array_methods
from tests.jobs import make_result
from tests.small_chunks import small_chunks

RANDOM = np.random.default_rng(17)


def numbers(*shape: int, order: Any = "C") -> np.ndarray:
    return np.asarray(RANDOM.normal(size=shape) + 1j * RANDOM.normal(size=shape), order=order)


def with_nan() -> np.ndarray:
    found = RANDOM.normal(size=(60, 50))
    found[41, 7] = found[3, 9] = np.nan
    return found


ARRAYS: dict[str, np.ndarray] = {
    "vector": numbers(1500),
    "matrix": numbers(40, 70),
    "fortran": numbers(40, 70, order="F"),
    "cube": RANDOM.normal(size=(12, 13, 14)),
    "single": RANDOM.normal(size=(50, 60)).astype(np.float32),
    "integers": RANDOM.integers(-9, 9, size=(50, 60)),
    "bytes": RANDOM.integers(0, 255, size=4000).astype(np.uint8),
    "bools": RANDOM.random((60, 50)) > 0.5,
    "nan": with_nan(),
    "sparse": np.where(np.arange(5000) % 1999 == 1, 2.0, 0.0),
    "infinite": np.where(np.arange(3000) == 1234, np.inf, 1.0),
    "one": numbers(1),
}
STACKED = [numbers(600) for _ in range(5)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Run:
    """Arrays in chunks of 4000 bytes, and five vectors of a stack."""
    project = aerchive.open(tmp_path_factory.mktemp("arrays") / "arrays.h5")
    data: dict[str, Any] = dict(ARRAYS)
    data |= {f"t{time}": Statevector(STACKED[time]) for time in (3, 0, 4, 1, 2)}
    with small_chunks(4000):
        return project.save(make_result("made", **data))


NAMES = [*ARRAYS, "stack"]


def is_same(expected: Any, found: Any) -> bool:
    """Whether two results have the same type, dtype, shape and bits."""
    if isinstance(expected, list | tuple):
        return type(found) is type(expected) and all(map(is_same, expected, found)) and len(found) == len(expected)
    if not isinstance(expected, np.ndarray | np.generic):
        return type(found) is type(expected) and found == expected
    is_alike = type(found) is type(expected) and (found.shape, found.dtype) == (expected.shape, expected.dtype)
    return is_alike and found.tobytes() == expected.tobytes()


def chunk_reads(log: ReadLog) -> list[int]:
    """The offsets of the chunks that were read."""
    return [offset for offset, length in log.extents if length > 3000]


@pytest.fixture(params=NAMES)
def pair(run: aerchive.Run, request: pytest.FixtureRequest) -> tuple[aerchive.StoredArray, np.ndarray]:
    """An array, stored and in memory."""
    return of(run, request.param)


def of(run: aerchive.Run, name: str) -> tuple[aerchive.StoredArray, np.ndarray]:
    return (run.stack("t*"), np.array(STACKED)) if name == "stack" else (run.array(name), ARRAYS[name])


@pytest.fixture(params=["at once", "in blocks"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether an array is read as a whole, as small ones are, or in blocks."""
    if request.param == "in blocks":
        monkeypatch.setattr(array_methods, "AT_ONCE_BYTES", 500)
    return str(request.param)


# -- a sequence


def test_iteration(pair: tuple[aerchive.StoredArray, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    array, value = pair
    for band in (array_methods._BAND_BYTES, 10_000, 2_000):
        monkeypatch.setattr(array_methods, "_BAND_BYTES", band)
        assert is_same(list(value), list(array))
        assert is_same(list(reversed(value)), list(reversed(array)))
    assert [type(one) for one in array] == [type(one) for one in value]


def test_iteration_reads_each_chunk_once(run: aerchive.Run) -> None:
    array = run.array("vector")
    with record_reads() as reads:
        assert sum(1 for _ in array) == 1500
        assert len(chunk_reads(reads)) == 6


def test_iteration_is_in_bands_and_rows_do_not_keep_their_band(
    run: aerchive.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(array_methods, "_BAND_BYTES", 8000)
    with record_reads() as reads:
        assert next(iter(run.array("vector"))) == ARRAYS["vector"][0]
        assert len(chunk_reads(reads)) == 2
    assert all(row.base is None for row in run.array("matrix"))


def test_contains(run: aerchive.Run) -> None:
    for name in ("vector", "fortran", "integers", "sparse", "stack"):
        array, value = of(run, name)
        assert value.flat[-1] in array
        assert 12345.0 not in array
    assert 0.0 in run.array("sparse")
    assert ARRAYS["matrix"][3] in run.array("matrix")


def test_truth_and_hash(run: aerchive.Run) -> None:
    assert run.array("one")
    with pytest.raises(ValueError, match=r"neither true nor false.*any\(\)"):
        bool(run.array("vector"))
    with pytest.raises(TypeError, match="unhashable"):
        hash(run.array("vector"))
    assert complex(run.array("one")) == ARRAYS["one"][0]


# -- elementwise

OPERATIONS = {
    "2 * a": lambda a, b: 2 * a,
    "a * 2": lambda a, b: a * 2,
    "float64 * a": lambda a, b: np.float64(2) * a,
    "a - b": lambda a, b: a - b,
    "b - a": lambda a, b: b - a,
    "a - a": lambda a, b: a - a,
    "a + row": lambda a, b: a + b[..., :1],
    "-a": lambda a, b: -a if a.dtype != bool else ~a,
    "abs": lambda a, b: abs(a),
    "abs ** 2": lambda a, b: abs(a) ** 2,
    "a == b": lambda a, b: a == b,
    "a != 1": lambda a, b: a != 1,
    "a > b": lambda a, b: a > b,
    "conj": lambda a, b: a.conj(),
    "conjugate": lambda a, b: a.conjugate(),
    "real": lambda a, b: a.real,
    "imag": lambda a, b: a.imag,
    "T": lambda a, b: a.T,
    "np.exp": lambda a, b: np.exp(1j * a),
    "np.isfinite": lambda a, b: np.isfinite(a),
    "np.divmod": lambda a, b: np.divmod(abs(a), 2),
    "np.add.outer": lambda a, b: np.add.outer(a, np.arange(2)),
    "np.multiply where": lambda a, b: np.multiply(a, 2j, out=np.zeros(a.shape, complex), where=np.asarray(a) != 0),
    "np.where": lambda a, b: np.where(a == b, a, 0),
    "np.concatenate": lambda a, b: np.concatenate([a, b]),
    "np.array": lambda a, b: np.array([a, a]),
    "np.kron": lambda a, b: np.kron(a, np.eye(2)[: a.ndim]),
    "astype": lambda a, b: a.astype(complex),
    "flatten": lambda a, b: a.flatten(),
    "tolist": lambda a, b: a.tolist(),
    "copy": lambda a, b: a.copy(),
    "reshape": lambda a, b: a.reshape(-1, 1),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_elementwise(run: aerchive.Run, way: str, operation: str) -> None:
    function = OPERATIONS[operation]
    for name in ("vector", "fortran", "integers", "bools", "sparse", "stack"):
        array, value = of(run, name)
        if value.dtype == bool and operation in ("a - b", "b - a", "a - a"):
            continue  # numpy subtracts no truth values
        if value.dtype == complex and operation == "np.divmod":
            value, array = value.real, array.real
        other = np.flip(value).copy() if value.ndim == 1 else value * 3
        with np.errstate(over="ignore", invalid="ignore"):
            expected, found = function(value, other), function(array, other)
        assert is_same(expected, found), name


def test_two_stored_arrays(run: aerchive.Run, way: str) -> None:
    (a, x), (b, y), (v, u) = of(run, "matrix"), of(run, "fortran"), of(run, "vector")
    assert is_same(x - y, a - b)
    assert is_same(x @ y.T, a @ b.T)
    assert np.allclose(v @ v, u @ u)
    assert is_same(u @ u, u @ v)
    assert (a == run.array("matrix")).all()
    assert not (a != run.array("matrix")).any()
    assert is_same(np.asarray(x, order="F") + y, (b + a))


def test_elementwise_in_blocks_does_not_read_the_whole(run: aerchive.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_methods, "AT_ONCE_BYTES", 500)
    array = run.array("vector")
    monkeypatch.setattr(type(array), "__array__", None)
    assert is_same(abs(ARRAYS["vector"]), abs(array))
    assert is_same(ARRAYS["vector"].real, array.real)
    assert is_same(1 - ARRAYS["vector"], 1 - array)


def test_it_cannot_be_changed(run: aerchive.Run) -> None:
    array = run.array("vector")
    with pytest.raises(TypeError, match="cannot be changed"):
        array += 1
    with pytest.raises(TypeError, match="cannot be changed"):
        np.add(ARRAYS["vector"], 1, out=array)
    with pytest.raises(TypeError, match="assignment"):
        run.array("vector")[0] = 1


# -- reductions

EXACT = ["min", "max", "any", "all", "argmin", "argmax"]
ROUNDED = ["sum", "mean", "std", "var"]


def axes_of(value: np.ndarray) -> list[Any]:
    return [None, *range(-1, value.ndim)] + ([(0, 1), (-1, 0)] if value.ndim > 1 else [])


@pytest.mark.parametrize("name", [*EXACT, *ROUNDED])
def test_reductions(run: aerchive.Run, way: str, name: str) -> None:
    for label in NAMES if way == "in blocks" else ("matrix", "integers", "stack"):
        array, value = of(run, label)
        for axis in axes_of(value):
            if isinstance(axis, tuple) and name.startswith("arg"):
                continue
            options: dict[str, Any] = {"keepdims": True} if axis in (None, -1, (0, 1)) else {}
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")  # numpy warns of infinity minus infinity
                expected = getattr(value, name)(axis=axis, **options)
                found, by_function = getattr(array, name)(axis=axis, **options), getattr(np, name)(array, axis)
            assert type(found) is type(expected)
            assert found.dtype == by_function.dtype == expected.dtype
            assert found.shape == expected.shape
            assert np.array_equal(found.reshape(by_function.shape), by_function, equal_nan=True)
            if name in EXACT:
                assert np.array_equal(found, expected, equal_nan=True)
            rtol = 1e-5 if expected.dtype == np.float32 else 1e-12
            assert np.allclose(found, expected, rtol=rtol, atol=rtol, equal_nan=True), (label, axis)


def test_options_of_reductions(run: aerchive.Run, way: str) -> None:
    array, value = of(run, "integers")
    assert array.sum(dtype=np.float32).dtype == np.float32
    assert array.mean(dtype=np.float32) == value.mean(dtype=np.float32)
    assert array.std(ddof=1) == pytest.approx(value.std(ddof=1), rel=1e-12)
    assert np.var(array, axis=0, ddof=2) == pytest.approx(np.var(value, axis=0, ddof=2), rel=1e-12)
    assert array.sum(initial=5) == value.sum(initial=5)
    assert array.max(where=value < 3, initial=-100) == value.max(where=value < 3, initial=-100)
    out = np.zeros(60)
    assert array.sum(axis=0, out=out) is out
    assert (out == value.sum(axis=0)).all()
    with pytest.raises(np.exceptions.AxisError):
        array.sum(axis=2)
    with pytest.raises(ValueError, match=r"repeated axis|duplicate value"):
        array.sum(axis=(0, 0))


def test_reductions_in_blocks_do_not_read_the_whole(run: aerchive.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_methods, "AT_ONCE_BYTES", 500)
    array = run.array("vector")
    monkeypatch.setattr(type(array), "__array__", None)
    for name in (*EXACT, *ROUNDED):
        assert getattr(np, name)(array) is not None


def test_sums_of_many_blocks_are_exact(run: aerchive.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import math

    monkeypatch.setattr(array_methods, "AT_ONCE_BYTES", 500)
    array, value = of(run, "cube")
    assert array.sum() == pytest.approx(math.fsum(value.ravel()), rel=1e-14)


# -- indices

MASK = RANDOM.random((40, 70)) > 0.7
KEYS: list[Any] = [
    [0, 3, -1],
    [[0, 3], [3, 0]],
    [],
    np.array([5, 5, 5, 2]),
    np.array([], np.int64),
    (slice(None), [1, -2, 1]),
    (slice(None, None, -3), [1, 0]),
    ([4, 5], slice(30, 3, -4)),
    ([4, 5], slice(3, 3)),
    ([1, 2, 3], [0, -1, 0]),
    ([[1], [2]], [0, 69, 3]),
    (2, [0, 1]),
    ([0, 1], -1),
    (..., [3, 1]),
    ([3, 1], ...),
    ([3, 1], ..., [2, 2]),
    MASK,
    MASK[:, 0],
    (slice(5, 9), MASK[0]),
    (MASK[:, 3], 7),
    (MASK[:, 3].nonzero()[0], slice(None, None, 7)),
    np.zeros((40, 70), bool),
    np.array([39], np.uint8),
]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: repr(key)[:40])
def test_lists_masks_and_integers(run: aerchive.Run, key: Any) -> None:
    for name in ("matrix", "fortran"):
        array, value = of(run, name)
        assert is_same(value[key], array[key])
        assert array[key].flags.writeable


CUBE_KEYS: list[Any] = [
    ([0, 1], slice(None), [0, 1]),
    (slice(None), [0, 1], ..., [0, 1]),
    (0, slice(2, 5), [1, 2, 3]),
    (slice(None), 3, [1, 2, 3]),
    (slice(1, 9, 3), [[0], [12]], [1, 2, 3]),
    (RANDOM.random((12, 13)) > 0.5, slice(None, None, -5)),
    (slice(2, 9), RANDOM.random((13, 14)) > 0.9),
    ([1, 2], RANDOM.random(13) > 2, slice(3)),
    RANDOM.random((12, 13, 14)) > 0.95,
    [[1, 2], [11, 0], [3, 3]],
]


@pytest.mark.parametrize("key", CUBE_KEYS, ids=lambda key: repr(key)[:40])
def test_indices_of_several_axes(run: aerchive.Run, key: Any) -> None:
    array, value = of(run, "cube")
    try:
        expected = value[key]
    except IndexError:
        with pytest.raises(IndexError, match="broadcast"):
            array[key]
        return
    assert is_same(expected, array[key])


@pytest.mark.parametrize(
    "key",
    [[4, 0, 0], ([4, 0], [1, 599]), (slice(None), [7, 590]), ([-1], slice(590, None)), (slice(1, 4), [])],
    ids=repr,
)
def test_indices_of_a_stack(run: aerchive.Run, key: Any) -> None:
    array, value = of(run, "stack")
    assert is_same(value[key], array[key])
    assert is_same(value[abs(value) > 2], array[abs(array) > 2])


def test_each_chunk_is_read_once(run: aerchive.Run) -> None:
    array = run.array("vector")
    with record_reads() as reads:
        array[[0, 1499, 1, 1498, 0]]
        assert len(chunk_reads(reads)) == 2
    with record_reads() as reads:
        array[np.zeros(1500, bool)]
        assert len(chunk_reads(reads)) == 0


def test_indices_out_of_range(run: aerchive.Run) -> None:
    with pytest.raises(IndexError, match="70 is out of range for axis 1 with size 70"):
        run.array("matrix")[0, [3, 70]]
    with pytest.raises(IndexError, match="-41 is out of range for axis 0 with size 40"):
        run.array("fortran")[[-41]]
    with pytest.raises(IndexError, match="mask of length 39 for axis 0 with size 40"):
        run.array("matrix")[np.ones(39, bool)]
    with pytest.raises(InvalidInputError, match="too many"):
        run.array("matrix")[np.ones((40, 70), bool), 0]


def test_bit_strings_of_a_state(run: aerchive.Run, tmp_path: Path) -> None:
    state = aerchive.open(tmp_path / "s.h5").save(make_result("s", psi=Statevector(numbers(8)))).state()
    assert is_same(np.asarray(state)[[0, 7, 2]], state[["000", "111", "010"]])


# -- dask


def test_dask(run: aerchive.Run) -> None:
    for name in ("vector", "matrix", "fortran", "stack"):
        array, value = of(run, name)
        with record_reads() as log:
            lazy = array.to_dask()
        assert log.nbytes == 0, "dask would copy what looks like an array of numpy"
        assert lazy.chunksize == array.chunks
        assert lazy.dtype == value.dtype
        assert lazy.name == pickle.loads(pickle.dumps(array)).to_dask().name
        with dask.config.set(scheduler="sync"):
            assert np.allclose(abs(lazy).sum().compute(), abs(value).sum())
            assert is_same(value[1:4], lazy[1:4].compute())
    whole = run.array("matrix").to_dask("auto")
    assert whole.chunksize == (40, 70)
    assert run.array("matrix").to_dask().name != run.array("fortran").to_dask().name
    assert copy.copy(run.array("matrix")).to_dask().name == run.array("matrix").to_dask().name
