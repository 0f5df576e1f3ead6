"""Which blocks belong together, if masks join a block to the one whose number differs by the mask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Subspace(NamedTuple):
    """All numbers that some masks make of zero, by exclusive or.

    Attributes:
        members: The numbers, zero first.
        pivots: A bit for each dimension, which no other basis vector has.
    """

    members: tuple[int, ...]
    pivots: int

    def cosets(self, number: int) -> list[tuple[int, ...]]:
        """The numbers ``0 ... number - 1`` in sets, each one number combined with all members."""
        heads = [head for head in range(number) if not head & self.pivots]
        return [tuple(head ^ member for member in self.members) for head in heads]


def spanned(masks: Iterable[int]) -> Subspace:
    """The subspace of some masks (Gaussian elimination over two elements)."""
    basis: dict[int, int] = {}  # by pivot bit
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
    """Few subspaces of few dimensions that together hold all masks: each is a pass over the data.

    Args:
        masks: The masks.
        dimensions: At most so many for each subspace, at least one.

    Yields:
        A subspace, and the masks in it that were in none before.
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
