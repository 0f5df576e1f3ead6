from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import aerchive
from aerchive.errors import FormatError, UnsupportedTypeError
from tests.codecs.conftest import make_result
from tests.strict import differences

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16"]


def bits(dtype: str, *shape: int) -> np.ndarray:
    """Values with random bits: every float among them may be a NaN with a payload, or denormal."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.random.default_rng(3).integers(0, 2 if dtype == "?" else 256, size, np.uint8)
    return raw.view(dtype).reshape(shape)


SHAPES = [(1,), (7,), (3, 5), (5, 1), (2, 3, 4), (1, 1, 1, 2)]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip(store: Callable[..., Any], dtype: str, order: str) -> None:
    arrays = {str(shape): np.asarray(bits(dtype, *shape), order=order) for shape in SHAPES}

    together = store(arrays)
    alone = {label: store({label: array}, job_id=label) for label, array in list(arrays.items())[2:4]}

    for label, array in arrays.items():
        for run in (together, alone.get(label, together)):
            read = run.value(label)
            assert differences(array, read, label) == []
            assert differences(array, run.result().data(0)[label], label) == []
            assert read.flags.writeable


@pytest.mark.parametrize("value", [-0.0, 0.0, np.inf, -np.inf])
def test_signs_of_zero_and_infinity(round_trip: Callable[..., Any], value: float) -> None:
    array = np.full((300, 3), value)

    assert differences(array, round_trip(array)) == []


def test_payload_of_nan(round_trip: Callable[..., Any]) -> None:
    array = np.array([0x7FF8000000000001, 0x7FF0000000000001, 0xFFFFFFFFFFFFFFFF], np.uint64).view(np.float64)

    assert differences(array, round_trip(array)) == []


@pytest.mark.parametrize(
    "array",
    [
        np.empty(0),
        np.empty((0, 3), complex, order="F"),
        np.empty((3, 0, 2), np.int8),
        np.array(-0.0),
        np.array(1 + 2j),
        np.array(True),
        np.array(["ψ", "", "a/b"]),
        np.array([b"ab", b""]),
        np.arange(4, dtype=">f8"),
        np.arange(4, dtype=">c16"),
        np.array([1, 2.5], np.longdouble),
        np.array([1 + 2j], np.clongdouble),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_array_that_no_dataset_takes(round_trip: Callable[..., Any], array: np.ndarray) -> None:
    assert differences(array, round_trip(array)) == []


@pytest.mark.parametrize("size", [1000, 200_000])
def test_array_with_gaps_comes_back_without(round_trip: Callable[..., Any], size: int) -> None:
    array = bits("f8", size)[::2]

    read = round_trip(array)

    assert differences(np.ascontiguousarray(array), read) == []


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["?", "f8", "c16"])
def test_many_chunks(round_trip: Callable[..., Any], dtype: str, order: str) -> None:
    array = np.asarray(bits(dtype, 1500, 1001), order=order)

    assert differences(array, round_trip(array)) == []


def test_chunks_that_are_all_zero(round_trip: Callable[..., Any]) -> None:
    array = np.zeros(400_000)
    array[150_000] = 1.5

    assert differences(array, round_trip(array)) == []


def test_read_array_belongs_to_the_caller(store: Callable[..., Any]) -> None:
    run = store({"x": np.arange(5.0)})

    run.value("x")[:] = 7

    assert run.value("x").tolist() == [0, 1, 2, 3, 4]


class MyArray(np.ndarray):
    """Of somebody else."""


@pytest.mark.parametrize(
    ("array", "name"),
    [
        (np.arange(3.0).view(MyArray), r"tests\.codecs\.test_arrays\.MyArray"),
        (np.ma.masked_array([1.0], [True]), "MaskedArray"),
        (np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), "recarray"),
        (np.array([object()]), r"numpy\.ndarray"),
        (np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), r"numpy\.ndarray"),
        (np.zeros(1, "V8"), r"numpy\.ndarray"),
    ],
    ids=["subclass", "masked", "record", "objects", "structured", "bytes"],
)
def test_other_array_is_refused_by_name(path: Any, array: Any, name: str) -> None:
    project = aerchive.open(path)

    with pytest.raises(UnsupportedTypeError, match=f"'foreign'.*{name}"):
        project.save(make_result({"foreign": array, "kept": np.arange(3.0)}))

    run = project.latest()
    assert run.value("kept").tolist() == [0, 1, 2]
    with pytest.raises(UnsupportedTypeError, match=name):
        run.value("foreign")


@pytest.mark.parametrize(
    "reference",
    [
        None,
        7,
        "x",
        {},
        [],
        ["x"],
        ["other", None],
        [None, None],
        [7, 0],
        ["", None],
        [".", None],
        ["..", None],
        ["/", None],
        ["/catalogue", None],
        ["config", None],
        ["result", None],
        ["x\0", None],
        ["\ud800", None],
        ["stack", 3],
        ["stack", -1],
        ["stack", 1.5],
        ["stack", "0"],
        ["stack", [0]],
        ["stack", {}],
        ["pack", 0, [1000], "C"],
        ["pack", -1, [2], "C"],
        ["pack", 0, [-1], "C"],
        ["pack", 0, [-1, -2], "C"],
        ["pack", 0, [2], "X"],
        ["pack", 0, [2], None],
        ["pack", 0, "22", "F"],
        ["pack", 0, [10**30, 0], "C"],
        ["pack", 0, 2, "C"],
        ["pack", 0, [2]],
        ["pack", 0, [2], "C", 5],
        ["pack", None, [2], "C"],
        ["pack", 0.5, [2], "C"],
        ["pack", 0, [1.5], "C"],
        ["stack", 0, [2], "C"],
    ],
    ids=repr,
)
def test_reference_that_leads_nowhere(forge: Callable[..., Any], reference: Any) -> None:
    data = {
        "x": np.arange(2.0),
        "stack": [np.arange(300.0), np.ones(300), np.zeros(300)],
        "pack": [np.arange(2.0), np.arange(3.0)],
    }
    tree = {"$": "array/1", "data": {"$": "reference", "to": reference}}
    run = forge(data, lambda document: document["experiments"][0]["data"][0].__setitem__(1, tree))

    with pytest.raises(FormatError):
        run.value("x")
    with pytest.raises(FormatError):
        run.result().data(0)["x"]


@pytest.mark.parametrize("dtype", ["O", "V8", "S0", "nonsense", "U2", "M8[s]", "<f8,<f8", "", "S3", "<f4,", "(2,)<f8"])
def test_dtype_that_an_array_cannot_have(forge: Callable[..., Any], dtype: str) -> None:
    run = forge({"x": np.arange(5.0)}, lambda document: None, attributes={"x": {"dtype": dtype}})

    with pytest.raises(FormatError):
        run.value("x")
    with pytest.raises(FormatError):
        run.array("x")[...]


@pytest.mark.parametrize("order", ["K", "A", "", "X", 5])
def test_order_that_an_array_cannot_have(forge: Callable[..., Any], order: Any) -> None:
    run = forge({"x": np.ones((2, 3))}, lambda document: None, attributes={"x": {"order": order}})

    with pytest.raises(FormatError):
        run.value("x")
