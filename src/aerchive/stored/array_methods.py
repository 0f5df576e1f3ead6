"""What numpy's arrays can do, for arrays that are still on disk: iteration, comparison, arithmetic, reductions.

See decision 0036.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from aerchive.stored.part import Box

AT_ONCE_BYTES = 16 * 1024 * 1024
"""Up to this size an array is read as a whole, and numpy does the rest."""
_BAND_BYTES = 32 * 1024 * 1024
"""The memory for the values that are iterated over."""


def _of_numpy(name: str) -> Callable[..., Any]:
    """Makes a method that reads all values and calls the method of numpy's array."""

    def method(self: ArrayMethods, *args: Any, **options: Any) -> Any:
        return getattr(np.asarray(self), name)(*args, **options)

    method.__name__ = name
    method.__doc__ = f"Reads all values, and gives what ``numpy.ndarray.{name}`` gives with the same arguments."
    return method


class ArrayMethods(NDArrayOperatorsMixin):
    """The methods and operators of numpy's arrays for an array that is read in blocks.

    Results are those of numpy, with numpy's dtypes: comparisons are elementwise, so a stored array is neither hashable
    nor, with several elements, true or false. Elementwise operations give a new array in memory; a large array is read
    in blocks for them, so that memory is needed for the result and for other operands only. An array cannot be changed:
    ``a += 1`` and ``out=a`` raise an error. Reductions of a large array are computed in blocks, see
    `aerchive.stored.reductions`; with ``where`` or ``initial`` all values are read.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    __hash__ = None  # type: ignore[assignment]  # as for numpy's arrays, whose comparisons are elementwise as well

    @property
    @abstractmethod
    def ndim(self) -> int:
        """Number of axes."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of elements."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """The size of all values in bytes, before compression."""

    @property
    @abstractmethod
    def chunks(self) -> tuple[int, ...]:
        """The shape of a chunk."""

    @property
    @abstractmethod
    def memory_order(self) -> Literal["C", "F"]:
        """The memory order of the array when it is read."""

    @abstractmethod
    def blocks(self, *, zeros: bool = True) -> Iterator[tuple[Box, NDArray[Any]]]:
        """Reads the array piece by piece."""

    @abstractmethod
    def __getitem__(self, key: object) -> Any:
        """Reads a part of the array."""

    @abstractmethod
    def __dask_tokenize__(self) -> tuple[Any, ...]:
        """What tells the array from all others, in any project."""

    @abstractmethod
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All values."""

    # -- a sequence

    def __iter__(self) -> Iterator[Any]:
        """Gives the elements, or the arrays along the first axis, in order; some 32 MiB are read at a time."""
        for band in self._bands():
            yield from self._along(self[band])

    def __reversed__(self) -> Iterator[Any]:
        """Gives the elements, or the arrays along the first axis, in reverse order."""
        for band in reversed(self._bands()):
            yield from self._along(self[band][::-1])

    def _bands(self) -> list[slice]:
        if not self.shape:
            raise TypeError("iteration over an array without axes")
        rows = max(1, _BAND_BYTES * self.shape[0] // max(1, self.nbytes))
        step = rows if rows < self.chunks[0] else rows - rows % max(1, self.chunks[0])
        return [slice(start, start + step) for start in range(0, self.shape[0], step)]

    def _along(self, values: NDArray[Any]) -> Iterator[Any]:
        if self.ndim == 1:
            return iter(values)
        return (row.copy() for row in values)  # a view would keep its band in memory

    def __contains__(self, value: Any) -> bool:
        """Whether any element is equal to a value; reading ends with the block in which it is found."""
        if np.ndim(value) > 0:
            return bool((np.asarray(self) == value).any())
        return any(bool((values == value).any()) for _, values in self.blocks())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                f"{self!r} has {self.size} elements, so it is neither true nor false: use any(), all() or size"
            )
        return bool(np.asarray(self))

    def __complex__(self) -> complex:
        return complex(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    # -- elementwise

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Applies a function of numpy, see `ArrayMethods`."""
        if any(isinstance(one, ArrayMethods) for one in options.get("out", ())):
            raise TypeError("a stored array cannot be changed: out= takes arrays of numpy")
        if method == "__call__" and not options and ufunc.nout == 1 and ufunc.signature is None:
            large = next(one for one in inputs if isinstance(one, ArrayMethods))
            if large.nbytes > AT_ONCE_BYTES:
                return large._mapped(ufunc, inputs)
        known = {id(one): np.asarray(one) for one in (*inputs, *options.values()) if isinstance(one, ArrayMethods)}
        options = {name: known.get(id(one), one) for name, one in options.items()}
        return getattr(ufunc, method)(*(known.get(id(one), one) for one in inputs), **options)

    def _mapped(self, function: Callable[..., Any], inputs: tuple[Any, ...]) -> Any:
        """Applies an elementwise function to this array, block by block, and to other operands."""
        others = {
            id(one): np.asarray(one) for one in inputs if one is not self and isinstance(one, ArrayMethods | np.ndarray)
        }
        if any(values.ndim and values.shape != self.shape for values in others.values()):
            return function(*(np.asarray(self) if one is self else others.get(id(one), one) for one in inputs))

        def apply(values: NDArray[Any], box: Box) -> Any:
            parts = {name: other[box] if other.ndim else other for name, other in others.items()}
            return function(*(values if one is self else parts.get(id(one), one) for one in inputs))

        nothing = (slice(0, 0),) * self.ndim
        kind = apply(np.empty((0,) * self.ndim, self.dtype), nothing).dtype
        result = np.empty(self.shape, kind, order=self.memory_order)
        for box, values in self.blocks():
            result[box] = apply(values, box)
        return result

    @property
    def real(self) -> NDArray[Any]:
        """The real parts, as an array of numpy."""
        return np.asarray(self._mapped(np.real, (self,)))

    @property
    def imag(self) -> NDArray[Any]:
        """The imaginary parts, as an array of numpy."""
        return np.asarray(self._mapped(np.imag, (self,)))

    @property
    def T(self) -> NDArray[Any]:
        """All values, with the axes in reverse order."""
        return np.asarray(self).T

    def conj(self) -> NDArray[Any]:
        """The complex conjugates, as an array of numpy."""
        return np.asarray(np.conjugate(self) if self.dtype.kind == "c" else self)

    conjugate = conj
    astype = _of_numpy("astype")
    copy = _of_numpy("copy")
    dot = _of_numpy("dot")
    flatten = _of_numpy("flatten")
    item = _of_numpy("item")
    ravel = _of_numpy("ravel")
    reshape = _of_numpy("reshape")
    round = _of_numpy("round")
    squeeze = _of_numpy("squeeze")
    tolist = _of_numpy("tolist")
    transpose = _of_numpy("transpose")

    # -- reductions

    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None, **options: Any) -> Any:
        """The sum along the axes, by default of all elements; see `numpy.ndarray.sum`."""
        return self._reduced_to("sum", axis, out, options, dtype=dtype)

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, **options: Any) -> Any:
        """The arithmetic mean; see `numpy.ndarray.mean`."""
        return self._reduced_to("mean", axis, out, options, dtype=dtype)

    def std(self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, **options: Any) -> Any:
        """The standard deviation, for which the array is read twice; see `numpy.ndarray.std`."""
        return self._reduced_to("std", axis, out, options, dtype=dtype, ddof=ddof)

    def var(self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, **options: Any) -> Any:
        """The variance, for which the array is read twice; see `numpy.ndarray.var`."""
        return self._reduced_to("var", axis, out, options, dtype=dtype, ddof=ddof)

    def min(self, axis: Any = None, out: Any = None, **options: Any) -> Any:
        """The smallest value; see `numpy.ndarray.min`."""
        return self._reduced_to("min", axis, out, options)

    def max(self, axis: Any = None, out: Any = None, **options: Any) -> Any:
        """The largest value; see `numpy.ndarray.max`."""
        return self._reduced_to("max", axis, out, options)

    def any(self, axis: Any = None, out: Any = None, **options: Any) -> Any:
        """Whether any element is not zero; see `numpy.ndarray.any`."""
        return self._reduced_to("any", axis, out, options)

    def all(self, axis: Any = None, out: Any = None, **options: Any) -> Any:
        """Whether no element is zero; see `numpy.ndarray.all`."""
        return self._reduced_to("all", axis, out, options)

    def argmax(self, axis: Any = None, out: Any = None, **options: Any) -> Any:
        """The index of the first largest value; see `numpy.ndarray.argmax`."""
        return self._reduced_to("argmax", axis, out, options)

    def argmin(self, axis: Any = None, out: Any = None, **options: Any) -> Any:
        """The index of the first smallest value; see `numpy.ndarray.argmin`."""
        return self._reduced_to("argmin", axis, out, options)

    def _reduced_to(self, name: str, axis: Any, out: Any, options: dict[str, Any], **given: Any) -> Any:
        """Reduces the array as numpy's method ``name`` does: in blocks if it is large."""
        if self.nbytes <= AT_ONCE_BYTES or self.dtype.kind not in "biufc" or not options.keys() <= {"keepdims"}:
            return getattr(np.asarray(self), name)(axis=axis, out=out, **given, **options)
        from aerchive.stored.reductions import Reduction

        reduction = Reduction(self, axis)
        values = getattr(reduction, name)(**given)
        return reduction.finished(values, keepdims=bool(options.get("keepdims")), out=out)

    # -- other libraries

    def to_dask(self, chunks: Any = None) -> Any:
        """Makes an array of dask that reads this array in its tasks, also in other processes; nothing is read now.

        Args:
            chunks: Shape of the pieces that a task reads, as dask takes it; ``"auto"`` gives larger ones that consist
                of whole chunks. ``None``: the chunks in which the array is stored, each of which is then read once.

        Returns:
            A ``dask.array.Array``. Its name is made from the identity of the saved array, so that it is the same in
            every process.

        Raises:
            MissingExtraError: dask is not installed.
        """
        from aerchive.interop.extras import import_extra
        from aerchive.stored.dask_source import DaskSource

        array = import_extra("dask.array", "dask")
        source, meta = DaskSource(self), np.empty((0,) * self.ndim, self.dtype)
        return array.from_array(source, chunks=source.chunks if chunks is None else chunks, meta=meta)
