"""Merkle trees against the definition of RFC 9162, and against the vectors of Certificate Transparency."""

from __future__ import annotations

import hashlib

import pytest

from aerchive.project.sealing.merkle import MerkleTree, root_of_path, siblings

VECTOR = ["", "\x00", "\x10", " !", "01", "@ABC", "PQRSTUVW", "`abcdefghijklmno"]
"""The leaves that implementations of RFC 6962 are tested with."""
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
"""Their roots, by the number of leaves."""


def by_definition(leaves: list[bytes]) -> bytes:
    """The root as RFC 9162, section 2.1.1, defines it; the page on trust has these lines, too."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\1" + by_definition(leaves[:half]) + by_definition(leaves[half:])).digest()


@pytest.mark.parametrize("number", ROOTS)
def test_published_vectors(number: int) -> None:
    assert MerkleTree(VECTOR[:number]).root == ROOTS[number]


def test_every_tree_is_that_of_the_definition_and_proves_each_leaf() -> None:
    for size in range(1, 40):
        texts = [f"leaf {number}" for number in range(size)]
        tree = MerkleTree(texts)
        assert tree.root == by_definition([text.encode() for text in texts]).hex()
        for index, text in enumerate(texts):
            path = [tree.at(place) for place in siblings(index, size)]
            assert root_of_path(text, index, size, path) == tree.root
            assert root_of_path("another", index, size, path) != tree.root
            assert root_of_path(text, (index + 1) % size, size, path) != tree.root or size == 1


def test_a_path_of_another_length_or_of_no_leaf_gives_no_root() -> None:
    tree = MerkleTree(VECTOR)
    path = [tree.at(place) for place in siblings(3, 8)]
    assert root_of_path(VECTOR[3], 3, 8, path) == ROOTS[8]
    assert root_of_path(VECTOR[3], 3, 8, path[:-1]) is None
    assert root_of_path(VECTOR[3], 3, 8, [*path, path[0]]) is None
    assert root_of_path(VECTOR[3], 8, 8, path) is None
    assert root_of_path(VECTOR[3], -5, 8, path) is None


def test_a_node_is_not_taken_for_a_leaf() -> None:
    tree = MerkleTree(["a", "b"])
    children = bytes.fromhex(tree.at(next(siblings(1, 2)))) + bytes.fromhex(tree.at(next(siblings(0, 2))))
    assert hashlib.sha256(b"\0" + children).hexdigest() != tree.root
    assert hashlib.sha256(b"\1" + children).hexdigest() == tree.root
