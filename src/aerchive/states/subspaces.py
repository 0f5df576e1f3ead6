"""Sets of blocks that are closed under masks. A mask relates each block to the block ``number ^ mask``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Subspace(NamedTuple):
    """All numbers that combinations of some masks by exclusive or give.

    Attributes:
        members: The numbers, zero first.
        pivots: The pivot bits as one number. Each basis vector has one pivot bit, which no other basis vector has.
    """

    members: tuple[int, ...]
    pivots: int

    def cosets(self, number: int) -> list[tuple[int, ...]]:
        """Divides the numbers ``0 ... number - 1`` into sets. Each set is one number combined with all members."""
        heads = [head for head in range(number) if not head & self.pivots]
        return [tuple(head ^ member for member in self.members) for head in heads]


def spanned(masks: Iterable[int]) -> Subspace:
    """Returns the subspace that some masks span, by Gaussian elimination over GF(2)."""
    basis: dict[int, int] = {}  # the basis vectors by pivot bit
    for mask in masks:
        for pivot, vector in basis.items():
            if mask & pivot:
                mask ^= vector  # noqa: PLW2901  (elimination)
        if mask:
            new = 1 << (mask.bit_length() - 1)
            basis = {pivot: vector ^ mask if vector & new else vector for pivot, vector in basis.items()}
            basis[new] = mask
    members = [0]
    for vector in basis.values():
        members += [member ^ vector for member in members]
    return Subspace(tuple(members), sum(basis))


def covering(masks: Iterable[int], dimensions: int) -> Iterator[tuple[Subspace, set[int]]]:
    """Yields a few subspaces that together contain all masks. Each subspace costs one pass over the data.

    Args:
        masks: The masks.
        dimensions: The greatest number of dimensions of a subspace, at least one.

    Yields:
        A subspace, and the masks in it that were in no subspace before.
    """
    left = sorted(set(masks))
    while left:
        chosen: list[int] = []
        space = spanned(chosen)
        for mask in left:
            if mask not in space.members and len(chosen) < dimensions:
                chosen.append(mask)
                space = spanned(chosen)
        covered = set(left) & set(space.members)
        yield space, covered
        left = [mask for mask in left if mask not in covered]
