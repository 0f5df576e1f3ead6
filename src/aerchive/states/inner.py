"""Inner products and norms of stored vectors."""

from __future__ import annotations

import math
from typing import NamedTuple

from aerchive.states.source import Source, cut
from aerchive.states.sums import exact_sum, inner_parts
from aerchive.states.workers import Workers


class Overlap(NamedTuple):
    """The inner products that one pass over two vectors gives.

    Attributes:
        inner: ``<a|b>``.
        square_a: ``<a|a>``.
        square_b: ``<b|b>``.
    """

    inner: complex
    square_a: float
    square_b: float


def overlap(a: Source, b: Source, workers: Workers) -> Overlap:
    """Returns the inner product and squared norms of two vectors of the same length. Each vector is read once."""

    def part(piece: slice) -> tuple[complex, float, float]:
        one, other = a.read(piece), b.read(piece)
        square_a = 0.0 if one is None else inner_parts(one, one).real
        square_b = 0.0 if other is None else inner_parts(other, other).real
        return 0j if one is None or other is None else inner_parts(one, other), square_a, square_b

    parts = list(workers.map(part, cut(a.shape[0], max(a.chunk[0], b.chunk[0]))))
    return Overlap(exact_sum(p[0] for p in parts), math.fsum(p[1] for p in parts), math.fsum(p[2] for p in parts))


def distance(a: Source, b: Source, factor: complex, workers: Workers) -> float:
    """Returns the Euclidean norm of ``a - factor * b`` of two vectors of the same length. Each vector is read once."""

    def part(piece: slice) -> float:
        one, other = a.read(piece), b.read(piece)
        if other is not None:
            one = -factor * other if one is None else one - factor * other
        return 0.0 if one is None else inner_parts(one, one).real

    return math.sqrt(math.fsum(workers.map(part, cut(a.shape[0], max(a.chunk[0], b.chunk[0])))))


def inner(a: Source, b: Source, workers: Workers) -> complex:
    """Returns ``<a|b>`` of two vectors, or ``sum(conj(a_ij) * b_ij) = trace(a^dagger b)`` of two matrices.

    If nothing is stored for a piece of the first operand, so that it is zero, the second is not read there.
    """
    rest = [slice(0, length) for length in a.shape[1:]]

    def part(piece: slice) -> complex:
        one = a.read(piece, *rest)
        other = None if one is None else b.read(piece, *rest)
        return 0j if one is None or other is None else inner_parts(one.reshape(-1), other.reshape(-1))

    piece = max(a.chunk[0], b.chunk[0])
    return exact_sum(workers.map(part, cut(a.shape[0], piece), nbytes=2 * 16 * piece * math.prod(a.shape[1:])))


def square_norm(a: Source, workers: Workers) -> float:
    """Returns ``<a|a>`` of a vector, or the sum of ``abs(a_ij) ** 2`` of a matrix."""
    rest = [slice(0, length) for length in a.shape[1:]]

    def part(piece: slice) -> float:
        values = a.read(piece, *rest)
        return 0.0 if values is None else inner_parts(values.reshape(-1), values.reshape(-1)).real

    return math.fsum(workers.map(part, cut(a.shape[0], a.chunk[0])))
