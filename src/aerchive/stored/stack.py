"""Many saved arrays of one shape as one array: snapshots of an evolution, points of a sweep, also of many runs."""

from __future__ import annotations

import contextlib
import functools
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from aerchive.display.text import cut
from aerchive.errors import InvalidInputError
from aerchive.states.workers import Workers
from aerchive.storage.chunks.grid import pieces, select
from aerchive.storage.chunks.read_plan import ChunkLocation, ReadPlan
from aerchive.stored.array import StoredArray
from aerchive.stored.array_plan import ArrayPlan, ComposedPlan, plan_array
from aerchive.stored.location import ArrayLocation, as_dtype
from aerchive.stored.open_array import OpenArray, open_array
from aerchive.stored.opener import Planner, RunOpener
from aerchive.stored.part import Part
from aerchive.stored.picks import has_arrays, picked
from aerchive.stored.recomputed import is_recomputed
from aerchive.stored.run_plans import RunPlans
from aerchive.text import listed

_OPENED_AT_ONCE = 16
"""Number of arrays whose chunks are looked up at a time, if the arrays are read one after another."""
_TASK_BYTES = 16 * 1024 * 1024
"""Number of bytes that a task of dask reads, if the arrays of many runs are smaller."""
_NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)")


def natural_order(label: str) -> tuple[Any, ...]:
    """A sort key that compares the numbers in labels by value: ``t2`` before ``t10``, ``t0.5`` before ``t1e1``."""
    parts = _NUMBER.split(label)
    return tuple((float(part), part) if number % 2 else (-1.0, part) for number, part in enumerate(parts))


class StackedArray(StoredArray):
    """Saved arrays of one shape and dtype as one array, along a new first axis.

    It is used like any `StoredArray`. A slice reads only the chunks with its values, each once, whether the arrays are
    rows of one dataset, in any order, or datasets of their own, of one run or of many. The file is opened once for all
    of them, and where their chunks are is looked up once, as long as the file does not change.

    Args:
        runs: Open the group of the run of each array.
        locations: Where each array is in the project.
        labels: The label under which each array was saved.
        experiments: Index of the experiment in which each array was saved.
        kind: The kind of the values, such as ``statevector``, ``density_matrix`` or ``array``; empty if they differ.
        coords: Values that belong to the arrays, by name, in the order of the first axis.

    Attributes:
        kind: The kind of the values.
        labels: Labels of the arrays, in the order of the first axis.
        experiments: Indices of the experiments of the arrays, in the order of the first axis.
        job_ids: Job ids of the runs of the arrays, in the order of the first axis.
        coords: What `Project.stack` was asked to sort by: arrays of shape ``(len(stack),)``, by name, in the order of
            the first axis; empty for a stack of one run.
    """

    def __init__(
        self,
        runs: Sequence[RunOpener],
        locations: Sequence[ArrayLocation],
        labels: Sequence[str],
        experiments: Sequence[int],
        kind: str = "",
        coords: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        super().__init__(runs[0], locations[0])
        self.kind = kind
        self._runs = tuple(runs)
        self._locations = tuple(locations)
        self.labels = tuple(labels)
        self.experiments = tuple(experiments)
        self.job_ids = tuple(run.job_id for run in runs)
        self.coords = dict(coords or {})
        self._plans = RunPlans(runs, self._locations)
        self.shape = (len(self._locations), *self._location.shape)

    def member(self, number: int) -> StoredArray:
        """One of the arrays, of which no data is read yet; ``number`` is its index along the first axis."""
        return StoredArray(self._runs[number], self._locations[number])

    @classmethod
    def of(cls, arrays: Sequence[StoredArray]) -> StackedArray:
        """Stacks saved arrays, also of several runs or projects; nothing is read.

        Args:
            arrays: Arrays or states of one shape and dtype, at least one.

        Raises:
            InvalidInputError: There is none, or they differ in shape or dtype.
        """
        if not arrays or not all(type(one) is not cls and isinstance(one, StoredArray) for one in arrays):
            raise InvalidInputError("a stack is made of at least one stored array, such as run.state()")
        first = arrays[0]
        for number, one in enumerate(arrays):
            if (one.shape, one.dtype) != (first.shape, first.dtype):
                raise InvalidInputError(
                    f"arrays of one shape and dtype can be stacked; number 0 has {first.shape} {first.dtype}, and "
                    f"number {number} has {one.shape} {one.dtype}"
                )
        kinds = {str(getattr(one, "kind", "array")) for one in arrays}
        runs, locations = zip(*(one.source for one in arrays), strict=True)
        return cls(
            runs,
            locations,
            [str(getattr(one, "label", "")) for one in arrays],
            [0] * len(arrays),
            kinds.pop() if len(kinds) == 1 else "",
        )

    @property
    def is_recomputed(self) -> bool:
        """Whether one of the arrays is not stored, but computed again when it is read."""
        pairs = {
            (location.owner, location.name): run for run, location in zip(self._runs, self._locations, strict=True)
        }
        return any(is_recomputed(run, name) for (_, name), run in pairs.items())

    def rows(self, start: int, stop: int) -> StackedArray:
        """Some arrays that follow each other, as a stack; nothing is read.

        Args:
            start: Index of the first one.
            stop: The index after the last one.
        """
        some = slice(start, stop)
        coords = {name: values[some] for name, values in self.coords.items()}
        given = self._runs[some], self._locations[some], self.labels[some], self.experiments[some]
        return StackedArray(*given, self.kind, coords)

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of the pieces that are always read as a whole, if the arrays are in the file in this order."""
        chunk = self._location.chunk
        rows = chunk[0] if chunk is not None and self._location.row is not None else 1
        least = map(min, zip(*{location.chunks for location in self._locations}, strict=True))
        return (min(rows, len(self._locations)), *least)

    @property
    def memory_order(self) -> Literal["C", "F"]:
        """The memory order of what is read, ``C``."""
        return "C"

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return type(self).__name__, *(location.identity for location in self._locations)

    def __getitem__(self, key: object) -> Any:
        """Reads a part of the stack; see `StoredArray`."""
        if has_arrays(key):
            return picked(key, self.shape, self.dtype, self.parts)
        wanted = select(key, self.shape)
        out = np.zeros(wanted.shape, self.dtype)

        def fill(work: tuple[_Piece, int]) -> None:
            piece, fd = work
            values = piece.load(fd)
            if values is not None:
                for target, row in piece.members:
                    out[target][piece.where] = values[row]

        with self._resolved(wanted.axes) as pieces, Workers() as workers:
            for _ in workers.map(fill, pieces):
                pass
        values = out[wanted.finish]
        return values[()] if values.ndim == 0 else values

    @contextlib.contextmanager
    def parts(self) -> Iterator[list[Part]]:
        """Opens the stack, and gives the pieces in which it is read; a member is a part of one array."""
        with self._resolved(tuple(range(length) for length in self.shape)) as pieces:
            yield [self._part(piece, fd) for piece, fd in pieces]

    def _part(self, piece: _Piece, fd: int) -> Part:
        inner = tuple(
            slice(axis.start or 0, length if axis.stop is None else axis.stop)
            for axis, length in zip(piece.where, self.shape[1:], strict=True)
        )
        members = (((slice(target, target + 1), *inner), slice(row, row + 1)) for target, row in piece.members)
        return Part(functools.partial(piece.load, fd), tuple(members))

    # -- states

    def expectation_values(self, operators: Any) -> NDArray[Any]:
        """The expectation values of sums of Pauli operators in each state of the stack, in one reading of the stack.

        The values are those of `StoredState.expectation_values`, which says how often states of many qubits are read.
        States that share a chunk are computed together.

        Args:
            operators: A list of operators, each a ``Pauli``, a ``SparsePauliOp``, or a label such as ``"XIZ"`` with the
                highest qubit first; or a ``PauliList``; or one operator. Qubit ``j`` of an operator is qubit ``j`` of
                the states.

        Returns:
            The values, shape ``(states, operators)``, or ``(states,)`` for one operator: float64 if all operators are
            Hermitian, else complex128.

        Raises:
            InvalidInputError: The stack is neither one of vectors of amplitudes of qubits nor one of density matrices,
                or an operator is of another kind or has more qubits.
        """
        from aerchive.stored.stack_states import expectation_values

        return expectation_values(self, operators)

    def inner(self, other: Any) -> NDArray[np.complex128]:
        """The inner product ``<state|other>`` of each state of the stack with a state, in one reading of the stack.

        Args:
            other: A `StoredState` of any project, a ``Statevector``, or an array. It is read once, piece by piece.

        Returns:
            The inner products, shape ``(states,)``, dtype complex128.

        Raises:
            InvalidInputError: The stack is not one of vectors of numbers, or ``other`` has another length.
        """
        from aerchive.stored.operand import opened
        from aerchive.stored.stack_states import inner

        with opened(other) as vector:
            return inner(self, vector, type(other).__name__)

    def entropy(self, qargs: Sequence[int] | None = None, base: float = 2) -> NDArray[np.float64]:
        """The von Neumann entropy of the reduced state of some qubits, of each vector of the stack, in one reading.

        The values are those of `StoredState.entropy`, which gives the formula and the memory that it needs.

        Args:
            qargs: The qubits of the part, in any order. ``None``: all qubits, for which the entropy is 0.
            base: The base of the logarithm: 2 for bits, ``math.e`` for nats.

        Returns:
            The entropies, shape ``(states,)``, dtype float64.

        Raises:
            InvalidInputError: The stack is not one of vectors of amplitudes of qubits, ``qargs`` is not a list of
                different qubits, both parts have more than 12 qubits, or a state is not normalised.
        """
        from aerchive.stored.stack_states import entropies

        return entropies(self, qargs, base)

    @contextlib.contextmanager
    def sources(self) -> Iterator[Iterator[OpenArray]]:
        """Opens the arrays of the stack one after another; the chunks of a few are looked up at a time."""
        with contextlib.closing(self._opened_arrays()) as arrays:
            yield arrays

    def _opened_arrays(self) -> Generator[OpenArray]:
        numbers = range(len(self._locations))

        def plan(planner: Planner, places: list[int]) -> list[tuple[int, ArrayPlan | ComposedPlan]]:
            return [(place, plan_array(planner, self._locations[some[place]])) for place in places]

        for start in numbers[::_OPENED_AT_ONCE]:
            some = numbers[start : start + _OPENED_AT_ONCE]
            with self._plans.planned(some, plan) as found:
                plans = {place: (one, fd) for plans, fd in found for place, one in plans}
                for place in range(len(some)):
                    yield open_array(*plans[place])

    def to_dask(self, chunks: Any = None) -> Any:
        """Makes an array of dask that reads this array in its tasks, also in other processes; nothing is read now.

        A task has the path of the project and the ids of the runs, and opens the file once for what it reads.

        Args:
            chunks: As for `StoredArray.to_dask`. ``None``: for one run the chunks in which the arrays are stored; for
                many runs as many whole arrays as have 16 MiB, or the chunks of larger arrays.

        Returns:
            A ``dask.array.Array``.

        Raises:
            MissingExtraError: dask is not installed.
        """
        if chunks is None and len(set(self.job_ids)) > 1:
            number = _TASK_BYTES * len(self) // max(1, self.nbytes)
            chunks = (min(number, len(self)), *self.shape[1:]) if number else self.chunks
        return super().to_dask(chunks)

    def opened(self) -> NoReturn:
        """Raises an error: a stack is not one array in the file.

        Raises:
            InvalidInputError: Always.
        """
        raise InvalidInputError(f"{self!r} is neither a state nor an operator: index its first axis")

    @contextlib.contextmanager
    def _resolved(self, axes: tuple[range, ...]) -> Iterator[list[tuple[_Piece, int]]]:
        """The pieces that must be read for a selection, each with the descriptor of its file, open but not locked."""
        inner = tuple(slice(axis.start, axis.stop, axis.step) for axis in axes[1:])

        def plan(planner: Planner, places: list[int]) -> list[_Piece]:
            return list(_pieces(planner, [(place, self._locations[axes[0][place]]) for place in places], inner))

        with self._plans.planned(axes[0], plan) as found:
            yield [(piece, fd) for pieces, fd in found for piece in pieces]

    def _facts(self) -> dict[str, str]:
        runs = len(dict.fromkeys(self.job_ids))
        labels = list(dict.fromkeys(self.labels))
        found = {"of": self.kind, "labels": listed(labels), "runs": f"{runs:,}" if runs > 1 else self.job_ids[0]}
        for name, values in self.coords.items():
            found[name] = cut(np.array2string(values, threshold=8, edgeitems=3, max_line_width=10_000), 120)
        return found

    def _size_on_disk(self) -> str:
        return ""  # it would have to be looked up array by array

    def __repr__(self) -> str:
        number = len(set(self.job_ids))
        if number == 1:
            return super().__repr__()
        by = f" by {', '.join(self.coords)}" if self.coords else ""
        return f"<{type(self).__name__} shape={self.shape} dtype={self.dtype} of {number} runs{by}>"


class _Piece(NamedTuple):
    """The part of a selection that lies in one chunk.

    Attributes:
        load: Reads the values of the chunk from a file descriptor; the first axis counts rows, the other axes are those
            of the arrays. ``None`` if all values are zero.
        where: Slices of the selection to which the values belong, one for each axis of the arrays.
        members: One pair for each array: its index in the selection, and its row in the loaded values.
    """

    load: Callable[[int], NDArray[Any] | None]
    where: tuple[slice, ...]
    members: tuple[tuple[int, int], ...]


def _pieces(group: Planner, arrays: Sequence[tuple[int, ArrayLocation]], inner: tuple[slice, ...]) -> Iterator[_Piece]:
    """Plans the reading of a selection of arrays of one run, each with its index; each dataset is planned once."""
    rows: dict[str, list[tuple[int, int]]] = defaultdict(list)
    stacked: dict[str, ArrayLocation] = {}
    packed: dict[tuple[str, int], list[tuple[int, ArrayLocation]]] = defaultdict(list)
    for number, location in arrays:
        if location.form is not None:
            yield from _composed(group, location, number, inner[0])
        elif location.offset is not None:
            packed[location.name, location.offset // (location.chunk or (sys.maxsize,))[0]].append((number, location))
        elif location.row is None:
            plan = group.plan(location.name, location.owner, _stored(location, inner))
            yield from _chunks(location, plan, [(number, 0)], 0)
        else:
            rows[location.name].append((number, location.row))
            stacked[location.name] = location
    for together in packed.values():
        yield _packed(group, together, inner)
    for name, members in rows.items():
        location = stacked[name]
        first, last = min(row for _, row in members), max(row for _, row in members)
        plan = group.plan(name, location.owner, (slice(first, last + 1), *_stored(location, inner)))
        yield from _chunks(location, plan, [(number, row - first) for number, row in members], 1)


def _packed(group: Planner, members: list[tuple[int, ArrayLocation]], inner: tuple[slice, ...]) -> _Piece:
    """The piece for packed arrays that begin in the same chunk."""
    bounds = [location.bounds for _, location in members]
    first, last, one = min(bounds)[0], max(bounds)[1], members[0][1]
    plan = group.plan(one.name, one.owner, slice(first, last))

    def load(fd: int) -> NDArray[Any]:
        values = plan.read(fd)
        arrays = [
            location.taken_from(values[start - first : stop - first])
            for (_, location), (start, stop) in zip(members, bounds, strict=True)
        ]
        return np.stack(arrays)[(slice(None), *inner)]

    everywhere = (slice(None),) * len(one.shape)
    return _Piece(load, everywhere, tuple((number, row) for row, (number, _) in enumerate(members)))


def _composed(group: Planner, location: ArrayLocation, number: int, wanted: slice) -> Iterator[_Piece]:
    """The pieces of an array whose elements are computed; what they are computed from is read with the first."""
    plan = plan_array(group, location, wanted)
    assert isinstance(plan, ComposedPlan)  # noqa: S101  (its form says so)
    opened = functools.lru_cache(maxsize=1)(plan.opened)
    for (start,), (inside,), target in pieces(plan.wanted, location.chunks):
        box = slice(start + inside.start, start + inside.stop)

        def load(fd: int, box: slice = box, step: int = inside.step) -> NDArray[Any] | None:
            values = opened(fd).read(box)
            return None if values is None else values[np.newaxis, ::step]

        yield _Piece(load, target, ((number, 0),))


def _stored(location: ArrayLocation, inner: tuple[slice, ...]) -> tuple[slice, ...]:
    return inner[::-1] if location.order == "F" else inner


def _chunks(location: ArrayLocation, plan: ReadPlan, members: list[tuple[int, int]], row_axes: int) -> Iterator[_Piece]:
    """The pieces for the chunks of a dataset that hold any of the arrays."""
    turned = location.order == "F"
    dtype = np.dtype(location.dtype)

    def rows_of(values: NDArray[Any]) -> NDArray[Any]:
        if not row_axes:
            values = values[np.newaxis]
        return as_dtype(values.transpose(0, *range(values.ndim - 1, 0, -1)) if turned else values, dtype)

    def loader(chunk: ChunkLocation) -> Callable[[int], NDArray[Any] | None]:
        def load(fd: int) -> NDArray[Any] | None:
            values = plan.values_at(fd, chunk)
            return None if values is None else rows_of(values[chunk.piece.inside])

        return load

    if plan.values is not None:  # small, and read with the plan
        everywhere = (slice(None),) * len(location.shape)
        yield _Piece(lambda fd: rows_of(plan.read(fd)), everywhere, tuple(members))
    for chunk in plan.locations:
        target = chunk.piece.target
        start, stop = (target[0].start, target[0].stop) if row_axes else (0, 1)
        held = tuple((number, row - start) for number, row in members if start <= row < stop)
        if held:
            where = target[row_axes:]
            yield _Piece(loader(chunk), where[::-1] if turned else where, held)
