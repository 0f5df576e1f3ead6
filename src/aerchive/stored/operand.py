"""The second operand of comparisons with a stored state: another stored state, an object of Qiskit, or an array."""

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
    """Opens a vector or a matrix for reading.

    Args:
        other: A stored array, an object with its numbers in ``data``, as those of Qiskit, or anything that numpy can
            convert to an array.

    Raises:
        InvalidInputError: ``other`` is neither a vector nor a matrix of numbers.
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
    """The numbers of an object in memory as complex128; they are not copied if they are complex128 and contiguous.

    Raises:
        InvalidInputError: The object has no numbers.
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
