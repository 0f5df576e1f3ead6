"""Many saved arrays of one shape as one array: snapshots of an evolution, points of a sweep."""

from __future__ import annotations

import contextlib
import functools
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.states.workers import Workers
from aerchive.storage.chunks.grid import select
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.read_plan import ChunkLocation, ReadPlan
from aerchive.stored.array import StoredArray
from aerchive.stored.array_plan import plan_array
from aerchive.stored.location import ArrayLocation, as_dtype
from aerchive.stored.open_array import OpenArray
from aerchive.stored.opener import RunOpener, planned
from aerchive.stored.part import Part
from aerchive.stored.picks import has_arrays, picked

_NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)")


def natural_order(label: str) -> tuple[Any, ...]:
    """A sort key that compares the numbers in labels by value: ``t2`` before ``t10``, ``t0.5`` before ``t1e1``."""
    parts = _NUMBER.split(label)
    return tuple((float(part), part) if number % 2 else (-1.0, part) for number, part in enumerate(parts))


class StackedArray(StoredArray):
    """Saved arrays of one shape and dtype as one array, along a new first axis.

    It is used like any `StoredArray`. A slice reads only the chunks with its values, each once, whether the arrays are
    rows of one dataset, in any order, or datasets of their own.

    Args:
        run: Opens the group of the run.
        locations: Where each array is in the project.
        labels: The label under which each array was saved.
        experiments: Index of the experiment in which each array was saved.
        kind: The kind of the values, such as ``statevector``, ``density_matrix`` or ``array``; empty if they differ.

    Attributes:
        kind: The kind of the values.
        labels: Labels of the arrays, in the order of the first axis.
        experiments: Indices of the experiments of the arrays, in the order of the first axis.
    """

    def __init__(
        self,
        run: RunOpener,
        locations: Sequence[ArrayLocation],
        labels: Sequence[str],
        experiments: Sequence[int],
        kind: str = "",
    ) -> None:
        super().__init__(run, locations[0])
        self.kind = kind
        self._locations = tuple(locations)
        self.labels = tuple(labels)
        self.experiments = tuple(experiments)
        self.shape = (len(self._locations), *self._location.shape)

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of the pieces that are always read as a whole, if the arrays are in the file in this order."""
        chunk = self._location.chunk
        rows = chunk[0] if chunk is not None and self._location.row is not None else 1
        return (min(rows, len(self._locations)), *self._location.chunks)

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

        def fill(piece: _Piece) -> None:
            values = piece.load(fd)
            if values is not None:
                for target, row in piece.members:
                    out[target][piece.where] = values[row]

        with self._resolved(wanted.axes) as (pieces, fd), Workers() as workers:
            for _ in workers.map(fill, pieces):
                pass
        values = out[wanted.finish]
        return values[()] if values.ndim == 0 else values

    @contextlib.contextmanager
    def parts(self) -> Iterator[list[Part]]:
        """Opens the stack, and gives the pieces in which it is read; a member is a part of one array."""
        with self._resolved(tuple(range(length) for length in self.shape)) as (pieces, fd):
            yield [self._part(piece, fd) for piece in pieces]

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
        """Opens the arrays of the stack one after another; their chunks are looked up once, for all."""
        with planned(self._run, lambda group: [plan_array(group, one) for one in self._locations]) as (plans, fd):
            yield (OpenArray(plan, fd) for plan in plans)

    def opened(self) -> NoReturn:
        """Raises an error: a stack is not one array in the file.

        Raises:
            InvalidInputError: Always.
        """
        raise InvalidInputError(f"{self!r} is neither a state nor an operator: index its first axis")

    def _resolved(self, axes: tuple[range, ...]) -> contextlib.AbstractContextManager[tuple[list[_Piece], int]]:
        """The pieces that must be read for a selection, and the descriptor of the file, open but not locked."""
        members = [self._locations[number] for number in axes[0]]
        inner = tuple(slice(axis.start, axis.stop, axis.step) for axis in axes[1:])
        return planned(self._run, lambda group: list(_pieces(group, members, inner)))


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


def _pieces(group: GroupReader, locations: Sequence[ArrayLocation], inner: tuple[slice, ...]) -> Iterator[_Piece]:
    """Plans the reading of a selection of many arrays; each dataset is planned once."""
    rows: dict[str, list[tuple[int, int]]] = defaultdict(list)
    stacked: dict[str, ArrayLocation] = {}
    packed: dict[tuple[str, int], list[tuple[int, ArrayLocation]]] = defaultdict(list)
    for number, location in enumerate(locations):
        if location.offset is not None:
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


def _packed(group: GroupReader, members: list[tuple[int, ArrayLocation]], inner: tuple[slice, ...]) -> _Piece:
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
