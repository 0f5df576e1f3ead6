"""Merkle trees over a list of texts, with the hashes of RFC 9162, section 2.1.1 (the same as in RFC 6962).

The hash of a leaf is SHA-256 of a zero byte and the text, that of an inner node SHA-256 of a byte 1 and the hashes of
its two children; so a node is never taken for a leaf. The tree is built level by level from below: neighbours are
joined in pairs, and a last one without a neighbour goes up as it is. This gives the tree of the RFC, which divides the
list at the largest power of two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple


class Place(NamedTuple):
    """The place of a hash in a tree.

    Attributes:
        level: The level: 0 are the leaves.
        number: The number in the level, from 0.
    """

    level: int
    number: int


def leaf_hash(text: str) -> bytes:
    """The hash of a leaf, 32 bytes."""
    return hashlib.sha256(b"\0" + text.encode()).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node, 32 bytes."""
    return hashlib.sha256(b"\1" + left + right).digest()


class MerkleTree:
    """A Merkle tree with all of its hashes.

    Args:
        texts: The leaves, in their order.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._levels = [[leaf_hash(text) for text in texts]]
        while len(below := self._levels[-1]) > 1:
            pairs = zip(below[::2], below[1::2], strict=False)
            self._levels.append([node_hash(*pair) for pair in pairs] + below[len(below) & ~1 :])

    @property
    def root(self) -> str:
        """The root, 64 hexadecimal digits; without leaves that of the RFC, SHA-256 of nothing."""
        top = self._levels[-1]
        return top[0].hex() if top else hashlib.sha256().hexdigest()

    def at(self, place: Place) -> str:
        """The hash at a place, 64 hexadecimal digits."""
        return self._levels[place.level][place.number].hex()


def siblings(index: int, size: int) -> Iterator[Place]:
    """The places of the hashes with which a leaf gives the root, from below.

    Args:
        index: Index of the leaf.
        size: Number of leaves.
    """
    level = 0
    while size > 1:
        if (sibling := index ^ 1) < size:
            yield Place(level, sibling)
        level, index, size = level + 1, index // 2, (size + 1) // 2


def root_of_path(text: str, index: int, size: int, path: Sequence[str]) -> str | None:
    """The root that a leaf and the hashes beside its way up give, 64 hexadecimal digits.

    Args:
        text: The leaf.
        index: Index of the leaf.
        size: Number of leaves.
        path: The hashes at the places that `siblings` yields, 64 hexadecimal digits each.

    Returns:
        The root; ``None`` if there is no such leaf, or the path has another length.
    """
    places = list(siblings(index, size)) if 0 <= index < size else None
    if places is None or len(places) != len(path):
        return None
    found = leaf_hash(text)
    for place, other in zip(places, map(bytes.fromhex, path), strict=True):
        found = node_hash(found, other) if place.number % 2 else node_hash(other, found)
    return found.hex()
