"""What a stored state can be compared with: another one, an object of Qiskit, an array."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.states.matrix import Matrix, in_memory
from aerchive.states.source import InMemory, Source
from aerchive.stored.array import StoredArray


@contextlib.contextmanager
def opened(other: Any) -> Iterator[Source | Matrix]:
    """A vector or a matrix, ready to be read.

    Args:
        other: A stored array, an object with its amplitudes in ``data``, as those of Qiskit, or what numpy takes for an
            array.

    Raises:
        InvalidInputError: Neither a vector nor a matrix of numbers.
    """
    if isinstance(other, StoredArray):
        _check(other, other.ndim)
        with other.opened() as source:
            yield source if other.ndim == 1 else Matrix(source, source.is_turned)
        return
    values = values_of(other)
    _check(other, values.ndim)
    yield InMemory(values) if values.ndim == 1 else in_memory(values)


def values_of(other: Any) -> NDArray[np.complex128]:
    """The numbers of an object in memory, as it holds them if they are complex and contiguous.

    Raises:
        InvalidInputError: It has none.
    """
    data = getattr(other, "data", None)
    try:
        values = np.asarray(data if isinstance(data, np.ndarray) else other, np.complex128)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"a {type(other).__name__} is not a state or an operator: {error}") from error
    return values if values.flags.forc else np.ascontiguousarray(values)


def _check(other: Any, ndim: int) -> None:
    if ndim not in (1, 2):
        raise InvalidInputError(
            f"a {type(other).__name__} of {ndim} axes is not a state or an operator, which have one or two"
        )
