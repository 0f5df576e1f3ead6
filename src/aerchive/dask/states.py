"""Calculations over many archived states on a cluster: tasks get the places of states, and read them themselves.

A task works in one thread, as the workers of Dask run one task in each of their threads.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.interop.extras import import_extra
from aerchive.stored.array import StoredArray
from aerchive.stored.quantum_array import is_close_to_one
from aerchive.stored.stack import StackedArray
from aerchive.threads import single_thread

_TASK_BYTES = 64 * 1024 * 1024
"""The memory for the amplitudes that a task holds at a time, and for those that a task reads if states are small."""
States = StackedArray | Sequence[StoredArray]


def map_stack(client: Any, states: States, function: Callable[[StackedArray], Any]) -> NDArray[Any]:
    """Calls a function on parts of a stack, on the workers, and joins what it returns.

    Large states come one by one, and of small ones as many as have 64 MiB. The methods of a stack, such as ``inner``
    and ``entropy``, read a part in bounded memory; ``part[...]`` is the part in memory.

    Args:
        client: A ``distributed.Client``.
        states: A stack, as `aerchive.Project.stack` gives it, or stored states of one shape. The workers must reach the
            project under the same path.
        function: A function of a part, which is a `StackedArray`, that returns an array with the states of the part
            along the first axis, such as ``lambda part: part.entropy([0, 1])``.

    Returns:
        The arrays, joined along the first axis: shape ``(states, ...)``.

    Raises:
        InvalidInputError: The states differ in shape, or there is none.
        Exception: What the function has raised.
    """
    import_extra("distributed", "dask")
    stack = _stack(states)
    step = max(1, _TASK_BYTES * len(stack) // max(1, stack.nbytes))
    parts = [stack.rows(start, min(start + step, len(stack))) for start in range(0, len(stack), step)]
    futures = client.map(_alone, parts, function=function, pure=False)
    return np.concatenate(client.gather(futures))


def _alone(part: StackedArray, function: Callable[[StackedArray], Any]) -> NDArray[Any]:
    with single_thread():
        return np.asarray(function(part))


def expectation_values(client: Any, states: States, operators: Any) -> NDArray[Any]:
    """The expectation values of sums of Pauli operators in each of many states, computed on the workers.

    Args:
        client: A ``distributed.Client``.
        states: As for `map_stack`: vectors or density matrices.
        operators: As for `StackedArray.expectation_values`.

    Returns:
        The values, shape ``(states, operators)``, or ``(states,)`` for one operator: float64 if all operators are
        Hermitian, else complex128.

    Raises:
        InvalidInputError: As for `StackedArray.expectation_values`, or the states differ in shape.
    """
    return map_stack(client, states, functools.partial(_expectation_values, operators=operators))


def _expectation_values(part: StackedArray, operators: Any) -> NDArray[Any]:
    return part.expectation_values(operators)


class _Block(NamedTuple):
    """A part of a matrix of inner products: of some states, and of some of their amplitudes.

    Attributes:
        rows: Range of states of the first stack.
        columns: Range of states of the second stack.
        amplitudes: Range of amplitudes.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    amplitudes: tuple[int, int]


def fidelities(client: Any, states: States, others: States | None = None) -> NDArray[np.float64]:
    """The fidelity ``|<a|b>|**2`` of each pair of state vectors, computed on the workers.

    Each task reads some amplitudes of some states, whole chunks, and holds at most 64 MiB of them, or one chunk of two
    states if that is more. If the chunks of all states at one place fit, each chunk is read once for the whole matrix.

    Args:
        client: A ``distributed.Client``.
        states: As for `map_stack`: normalised state vectors.
        others: The states with which they are compared, of the same length; ``None``: themselves.

    Returns:
        A matrix of shape ``(states, others)``, dtype float64.

    Raises:
        InvalidInputError: The stacks are not of vectors of one length, or a state is not normalised.
    """
    distributed = import_extra("distributed", "dask")
    first = _vectors(states)
    second = first if others is None else _vectors(others)
    if first.shape[1] != second.shape[1]:
        raise InvalidInputError(
            f"the vectors have {first.shape[1]} and {second.shape[1]} amplitudes, and need the same number"
        )
    products = np.zeros((len(first), len(second)), np.complex128)
    squares = [np.zeros(len(first)), np.zeros(len(second))]
    blocks = list(_blocks(first, second, is_same=others is None))
    futures = client.map(
        _products,
        [first.rows(*block.rows) for block in blocks],
        [second.rows(*block.columns) for block in blocks],
        [block.amplitudes for block in blocks],
        pure=False,
    )
    block_of = dict(zip((future.key for future in futures), blocks, strict=True))
    arrived = distributed.as_completed(futures)
    del futures  # so that a worker forgets a result when it has arrived
    for future in arrived:
        product, square, other = future.result()
        block = block_of[future.key]
        products[slice(*block.rows), slice(*block.columns)] += product
        if block.columns[0] == 0:
            squares[0][slice(*block.rows)] += square
        if block.rows[0] == 0:
            squares[1][slice(*block.columns)] += other
    for values, stack in zip(squares, (first, second), strict=True):
        for number, square in enumerate(values):
            if not is_close_to_one(math.sqrt(square)):
                raise InvalidInputError(f"{stack!r}: state {number} has norm {math.sqrt(square)!r}, and should have 1")
    found = np.abs(products) ** 2
    return np.triu(found) + np.triu(found, 1).T if others is None else found


def _blocks(first: StackedArray, second: StackedArray, *, is_same: bool) -> Iterator[_Block]:
    """Divides a matrix of inner products into tasks; of a symmetric one the upper half, with the diagonal."""
    length = first.shape[1]
    width = max(first.chunks[1], second.chunks[1])
    item = max(first.dtype.itemsize, second.dtype.itemsize, 16)
    together = max(1, _TASK_BYTES // (item * width))  # states of which a chunk each is held
    at_once = len(first) if is_same else len(first) + len(second)
    step = at_once if at_once <= together else max(1, together // 2)
    if step * width * item < _TASK_BYTES:
        width *= max(1, _TASK_BYTES // (step * width * item))
    starts = [[(start, min(start + step, n)) for start in range(0, n, step)] for n in (len(first), len(second))]
    for rows, columns in itertools.product(*starts):
        if not is_same or rows <= columns:
            for start in range(0, length, width):
                yield _Block(rows, columns, (start, min(start + width, length)))


def _products(
    first: StackedArray, second: StackedArray, amplitudes: tuple[int, int]
) -> tuple[NDArray[np.complex128], NDArray[np.float64], NDArray[np.float64]]:
    """The inner products of some amplitudes of states, and the sums of the squares of the amplitudes of both."""
    with single_thread():
        left = np.asarray(first[:, slice(*amplitudes)], np.complex128)
        is_same = first.__dask_tokenize__() == second.__dask_tokenize__()
        right = left if is_same else np.asarray(second[:, slice(*amplitudes)], np.complex128)
        squares = [np.einsum("ij,ij->i", one.conj(), one).real for one in (left, right)]
        return left.conj() @ right.T, squares[0], squares[1]


def _stack(states: States) -> StackedArray:
    return states if isinstance(states, StackedArray) else StackedArray.of(states)


def _vectors(states: States) -> StackedArray:
    stack = _stack(states)
    if stack.ndim != 2 or stack.dtype.kind not in "biufc":
        raise InvalidInputError(f"{stack!r} has no fidelities here: it is not a stack of state vectors")
    return stack
