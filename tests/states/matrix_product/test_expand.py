"""Amplitudes of matrix products, against the definition."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aerchive.errors import InvalidInputError
from aerchive.states.matrix_product.expand import Expansion, amplitudes
from aerchive.states.matrix_product.tensors import MatrixProduct
from aerchive.states.source import read_all
from tests.states.matrix_product.products import dense, random_product


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 6), st.booleans(), st.data())
def test_any_slice_and_any_list_of_amplitudes_can_be_read(
    qubits: int, bond: int, is_real: bool, data: st.DataObject
) -> None:
    product = random_product(np.random.default_rng(bond), qubits, bond, is_real=is_real)
    whole = dense(product)
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, 2**qubits)] * 2)))
    if start < stop:
        values = Expansion(product).read(slice(start, stop))
        assert values.dtype == np.complex128
        assert np.allclose(values, whole[start:stop], rtol=0, atol=1e-14)
    indices = np.array(data.draw(st.lists(st.integers(0, 2**qubits - 1), max_size=20)), np.int64)
    assert np.allclose(amplitudes(product, indices), whole[indices], rtol=0, atol=1e-14)


def test_an_expansion_is_read_by_several_threads_like_a_stored_vector() -> None:
    product = random_product(np.random.default_rng(1), 18, 9)
    expansion = Expansion(product)
    whole = dense(product)
    assert expansion.shape == (2**18,)
    assert expansion.chunk == (2**16,)
    found: list[np.ndarray] = [np.empty(0)] * 4

    def read(piece: int) -> None:
        found[piece] = expansion.read(slice(piece << 16, (piece + 1) << 16))

    threads = [threading.Thread(target=read, args=(piece,)) for piece in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.allclose(np.concatenate(found), whole, rtol=0, atol=1e-14)
    assert np.allclose(read_all(expansion), whole, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("shapes", "dtype", "message"),
    [
        ([], "complex128", "at least one tensor"),
        ([(1, 2, 2), (3, 2, 1)], "complex128", r"tensor 1 has the shape \(3, 2, 1\)"),
        ([(1, 3, 1)], "complex128", "tensor 0"),
        ([(1, 2, 2)], "float64", "last axis must have length 1"),
        ([(1, 2, 1)], "float32", "dtype float32"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(shapes: list[tuple[int, ...]], dtype: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        MatrixProduct(tuple(np.zeros(shape, dtype) for shape in shapes))
