"""Mathematics on stacks of stored states: each chunk of the stack is read once, for all operators."""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aerchive.display.progress import ProgressOf
from aerchive.errors import InvalidInputError
from aerchive.states.diagonals import pauli_traces, pauli_traces_of
from aerchive.states.entropy import von_neumann_entropy
from aerchive.states.expectation import PauliExpectations
from aerchive.states.matrix import Matrix
from aerchive.states.pauli import PauliSum, operators_of, pauli_sums
from aerchive.states.qubits import checked_qargs, in_blocks, smaller_part
from aerchive.states.reduced import check_size, reduced_density_matrix, reduced_from_memory
from aerchive.states.source import Source
from aerchive.states.sums import exact_sum, inner_parts
from aerchive.states.workers import Workers
from aerchive.stored.open_array import OpenArray
from aerchive.stored.part import Part
from aerchive.stored.quantum_array import is_close_to_one


class Stack(Protocol):
    """A stack of stored arrays: `StackedArray`."""

    kind: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of a chunk."""

    def parts(self) -> AbstractContextManager[list[Part]]:
        """Opens the stack, and gives the pieces in which it is read."""

    def sources(self) -> AbstractContextManager[Iterator[OpenArray]]:
        """Opens the arrays of the stack one after another."""


def expectation_values(stack: Stack, operators: Any) -> NDArray[Any]:
    """The expectation values of operators in each state; see `StackedArray.expectation_values`."""
    width = _num_qubits(stack, "expectation values")
    several, is_single = operators_of(operators)
    sums = pauli_sums(several, width)
    is_by_chunks = stack.chunks[1:] == stack.shape[1:]
    found = sums.values((_by_chunks if is_by_chunks else _by_states)(stack, sums.terms, width))
    return found[:, 0] if is_single else found


def entropies(stack: Stack, qargs: Sequence[int] | None, base: float) -> NDArray[np.float64]:
    """The entropies of a part of each vector; see `StackedArray.entropy`."""
    width = _num_qubits(stack, "entropies")
    if len(stack.shape) != 2:
        raise InvalidInputError(f"{stack!r} has density matrices; run.state(label).entropy(qargs) is that of one")
    qubits = smaller_part(checked_qargs(qargs, width), width)
    check_size(qubits)

    def entropy(number: int, rho: NDArray[Any]) -> tuple[int, float]:
        norm = math.sqrt(abs(np.trace(rho)))
        if not is_close_to_one(norm):
            raise InvalidInputError(
                f"{stack!r}: state {number} has norm {norm!r}; only normalised states have an entropy"
            )
        return number, von_neumann_entropy(rho, base)

    def of_part(part: Part) -> list[tuple[int, float]]:
        stored = part.load()
        if stored is None:
            stored = np.zeros((len(part.members), *stack.shape[1:]), stack.dtype)
        return [entropy(box[0].start, reduced_from_memory(stored[where][0], qubits)) for box, where in part.members]

    watch, found = ProgressOf("entropies"), []
    if stack.chunks[1:] == stack.shape[1:]:  # chunks of whole states
        with stack.parts() as parts, Workers(watch=watch) as workers:
            found = [one for done in workers.map(of_part, parts) for one in done]
    else:
        with stack.sources() as sources:
            for number, source in enumerate(watch(sources, stack.shape[0])):
                with Workers() as workers:
                    rho = reduced_density_matrix(in_blocks(source, width), qubits, workers)
                found.append(entropy(number, rho))
    return np.array([value for _, value in sorted(found)])


def inner(stack: Stack, other: Source | Matrix, name: str) -> NDArray[np.complex128]:
    """The inner product of each state with another state; see `StackedArray.inner`.

    Args:
        stack: The stack.
        other: The other state, open.
        name: Name of its class, for messages.
    """
    if len(stack.shape) != 2 or stack.dtype.kind not in "biufc":
        raise InvalidInputError(f"{stack!r} has no inner products: it is not a stack of vectors")
    if isinstance(other, Matrix) or other.shape != stack.shape[1:]:
        raise InvalidInputError(f"{stack!r} has vectors of {stack.shape[1]} elements; this {name} has another shape")
    products: list[list[complex]] = [[] for _ in range(stack.shape[0])]
    by_piece: dict[tuple[int, int], list[Part]] = defaultdict(list)
    with stack.parts() as parts, Workers(watch=ProgressOf("inner products")) as workers:
        for part in parts:
            _, piece = part.members[0][0]
            by_piece[piece.start, piece.stop].append(part)
        for (start, stop), members in by_piece.items():
            ket = other.read(slice(start, stop))
            if ket is None:
                continue
            for found in workers.map(functools.partial(_products, np.ascontiguousarray(ket)), members):
                for number, product in found:
                    products[number].append(product)
    return np.array([exact_sum(one) for one in products])


def _products(ket: NDArray[Any], part: Part) -> list[tuple[int, complex]]:
    """The inner products of a piece of some vectors with the same piece of another one, by number of the vector."""
    stored = part.load()
    if stored is None:
        return []
    return [(box[0].start, inner_parts(stored[where][0], ket)) for box, where in part.members]


def _num_qubits(stack: Stack, what: str) -> int:
    """The number of qubits of the states.

    Args:
        stack: The stack.
        what: What needs them, for the message.

    Raises:
        InvalidInputError: They are no states of qubits.
    """
    axes = len(stack.shape) - 1
    length = stack.shape[1] if axes else 0
    is_vector = axes == 1 and stack.kind in ("statevector", "array", "") and stack.dtype.kind in "fc"
    if not (is_vector or stack.kind == "density_matrix") or length & (length - 1) or not length:
        raise InvalidInputError(
            f"{stack!r} is of kind {stack.kind or 'unknown'}; {what} need a stack of states of qubits"
        )
    return length.bit_length() - 1


def _by_chunks(stack: Stack, terms: PauliSum, width: int) -> NDArray[np.float64]:
    """Computes expectation values, shape ``(states, terms)``, from chunks of whole states."""
    of_vectors = PauliExpectations(terms, width).of_vectors
    is_vector = len(stack.shape) == 2

    def compute(part: Part) -> tuple[list[int], NDArray[np.float64]] | None:
        stored = part.load()
        if stored is None:
            return None
        states = np.concatenate([stored[where] for _, where in part.members]).astype(np.complex128, copy=False)
        found = of_vectors(states) if is_vector else pauli_traces_of(states, terms)
        return [box[0].start for box, _ in part.members], found

    values = np.zeros((stack.shape[0], len(terms)))
    with stack.parts() as parts, Workers(watch=ProgressOf("expectation values")) as workers:
        for done in workers.map(compute, parts):
            if done is not None:
                numbers, found = done
                values[numbers] = found
    return values


def _by_states(stack: Stack, terms: PauliSum, width: int) -> NDArray[np.float64]:
    """Computes expectation values of states that have several chunks each, one state after another."""
    values = np.zeros((stack.shape[0], len(terms)))
    of_low = functools.cache(functools.partial(PauliExpectations, terms))
    with stack.sources() as sources:
        for number, source in enumerate(ProgressOf("expectation values")(sources, len(values))):
            with Workers() as workers:
                if len(stack.shape) == 3:
                    values[number] = pauli_traces(Matrix(source, source.is_turned), terms, workers)
                else:
                    blocks = in_blocks(source, width)
                    values[number] = of_low(blocks.low).of_blocks(blocks, workers)
    return values
