"""Selections are numpy's, and need no chunk they do not need."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from aerchive.errors import InvalidInputError
from aerchive.storage.chunks.grid import chunk_number, chunk_offsets, chunk_shape, grid_shape, pieces, select

shapes = npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=7)


@st.composite
def shapes_and_keys(draw: st.DrawFn) -> tuple[tuple[int, ...], Any]:
    shape = draw(shapes)
    wild = st.slices(9) | st.builds(
        slice, *[st.none() | st.integers(-20, 20)] * 2, st.sampled_from([None, 1, 2, -1, -3])
    )
    items = [st.one_of(wild, *([st.integers(-length, length - 1)] if length else [])) for length in shape]
    count = draw(st.integers(0, len(shape)))
    dots = draw(st.booleans())
    at = draw(st.integers(0, count)) if dots else count
    # Items behind the ellipsis select from the last axes.
    chosen = items[:at] + items[len(items) - (count - at) :] if count - at else items[:at]
    key = [draw(item) for item in chosen]
    if dots:
        key.insert(at, ...)
    return shape, key[0] if len(key) == 1 and draw(st.booleans()) else tuple(key)


def read(array: np.ndarray, key: Any, chunk: tuple[int, ...]) -> tuple[Any, set[tuple[int, ...]]]:
    """Reads a selection chunk by chunk, as the storage floor does; also tells which chunks were needed."""
    selection = select(key, array.shape)
    out = np.full(selection.shape, -1)
    needed = set()
    for piece in pieces(selection, chunk):
        assert piece.offset not in needed
        needed.add(piece.offset)
        box = array[tuple(slice(o, o + c) for o, c in zip(piece.offset, chunk, strict=True))]
        out[piece.target] = box[piece.inside]
    return out[selection.finish], needed


@given(shapes_and_keys(), st.data())
@settings(max_examples=600, deadline=None)
@example(((10,), slice(3, -20, 1)), None)
@example(((5,), slice(-10, 4, -1)), None)
def test_a_selection_is_numpy_s(shape_and_key: tuple[tuple[int, ...], Any], data: st.DataObject | None) -> None:
    shape, key = shape_and_key
    chunk = tuple(data.draw(st.integers(1, max(1, n))) if data else max(1, n // 2) for n in shape)
    array = np.arange(int(np.prod(shape))).reshape(shape)

    found, needed = read(array, key, chunk)

    wanted = array[key]
    assert np.shape(found) == wanted.shape
    assert np.array_equal(found, wanted)
    places = np.argwhere(np.isin(array, wanted)) if array.size and wanted.size else np.empty((0, len(shape)), int)
    assert needed == {tuple(int(i) // c * c for i, c in zip(place, chunk, strict=True)) for place in places}


@given(shapes_and_keys())
@settings(max_examples=300, deadline=None)
@example(((10,), slice(3, -20, 1)))
@example(((5,), slice(-10, 4, -1)))
def test_axes_are_ascending_and_exact_as_slices(shape_and_key: tuple[tuple[int, ...], Any]) -> None:
    shape, key = shape_and_key
    array = np.arange(int(np.prod(shape))).reshape(shape)
    selection = select(key, shape)
    box = tuple(slice(axis.start, axis.stop, axis.step) for axis in selection.axes)

    assert all(axis.step > 0 for axis in selection.axes)
    assert np.array_equal(array[box][selection.finish], array[key])


@pytest.mark.parametrize("key", [np.int64(1), np.uint8(1), np.array(1), np.int64(-2)])
def test_integers_of_numpy_select(key: Any) -> None:
    assert read(np.arange(3), key, (2,))[0] == np.arange(3)[key]


@pytest.mark.parametrize(
    "key",
    [True, np.True_, [0, 1], np.array([0, 1]), np.array([True, False, True]), 1.0, np.float64(1), None, "a", b"a"],
    ids=repr,
)
def test_another_index_is_refused(key: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        select(key, (3,))

    assert str(caught.value) == (
        f"cannot index a stored array with {type(key).__name__}: use integers, slices or '...', "
        "or numpy.asarray(array)[...] to read all of it first"
    )


def test_too_many_indices() -> None:
    with pytest.raises(InvalidInputError) as caught:
        select((0, slice(None), ..., 0), (2, 2))

    assert str(caught.value) == "too many indices: the array has 2 axes, 3 were given"


def test_two_ellipses() -> None:
    with pytest.raises(InvalidInputError) as caught:
        select((..., 0, ...), (2, 2))

    assert str(caught.value) == "an index can have only one ellipsis ('...')"


@pytest.mark.parametrize(("key", "axis"), [((0, 3), 1), ((0, -4), 1), ((2, 0), 0), ((..., 3), 1)])
def test_out_of_range(key: Any, axis: int) -> None:
    bad = next(k for k in key if k in (2, 3, -4))
    with pytest.raises(IndexError) as caught:
        select(key, (2, 3))

    assert str(caught.value) == f"index {bad} is out of range for axis {axis} with length {(2, 3)[axis]}"
    with pytest.raises(IndexError):
        np.zeros((2, 3))[key]


def test_step_zero_is_refused_as_by_numpy() -> None:
    with pytest.raises(ValueError, match="slice step cannot be zero"):
        select(slice(None, None, 0), (3,))


@given(shapes, st.integers(1, 40), st.integers(1, 500))
def test_chunks_cover_the_array_and_are_not_too_large(shape: tuple[int, ...], itemsize: int, chunk_bytes: int) -> None:
    chunk = chunk_shape(shape, itemsize, chunk_bytes)

    assert len(chunk) == len(shape)
    assert all(1 <= c <= max(1, n) for c, n in zip(chunk, shape, strict=True))
    assert np.prod(chunk, dtype=int) * itemsize <= max(chunk_bytes, itemsize)
    # A chunk is one piece of the array: whole in every axis behind the first that is not.
    partial = [axis for axis, (c, n) in enumerate(zip(chunk, shape, strict=True)) if c < n]
    if partial and 0 not in shape:
        assert all(c == 1 for c in chunk[: partial[-1]])


@pytest.mark.parametrize(
    ("shape", "itemsize", "chunk"),
    [
        ((2**20,), 16, (2**16,)),
        ((10,), 16, (10,)),
        ((4, 2**16), 16, (1, 2**16)),
        ((100, 1000), 8, (100, 1000)),
        ((1000, 1000), 8, (131, 1000)),
        ((2**12, 2**12), 16, (16, 2**12)),
        ((3, 2**20), 1, (1, 2**20)),
        ((0, 5), 8, (1, 5)),
        ((), 8, ()),
    ],
)
def test_chunk_shapes_of_a_mebibyte(shape: tuple[int, ...], itemsize: int, chunk: tuple[int, ...]) -> None:
    assert chunk_shape(shape, itemsize) == chunk


@given(shapes, st.data())
def test_numbers_are_row_major(shape: tuple[int, ...], data: st.DataObject) -> None:
    chunk = tuple(data.draw(st.integers(1, max(1, n))) for n in shape)
    offsets = list(chunk_offsets(shape, chunk))

    assert [chunk_number(offset, shape, chunk) for offset in offsets] == list(range(len(offsets)))
    assert len(offsets) == np.prod(grid_shape(shape, chunk), dtype=int)
    cells = itertools.product(*(range(n) for n in shape))
    assert {tuple(i // c * c for i, c in zip(cell, chunk, strict=True)) for cell in cells} == set(offsets)
