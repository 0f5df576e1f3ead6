"""A stored array as dask reads it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Stored(Protocol):
    """A stored array."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of a chunk."""

    def __getitem__(self, key: object) -> Any:
        """Reads a part of the array."""

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        """What tells the array from all others."""


class DaskSource:
    """A stored array without the methods of numpy's arrays: dask copies what has them, and so would read all of it.

    Args:
        array: The stored array.
    """

    def __init__(self, array: Stored) -> None:
        self._array = array
        self.shape = array.shape
        self.dtype = array.dtype
        self.ndim = len(array.shape)
        self.chunks = array.chunks

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Reads a part of the array."""
        return np.asarray(self._array[key])

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return self._array.__dask_tokenize__()
