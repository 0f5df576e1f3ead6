from __future__ import annotations

import itertools

import numpy as np
import pytest

from aerchive.states.subspaces import covering, spanned


def span(masks: list[int]) -> set[int]:
    found = {0}
    for mask in masks:
        found |= {number ^ mask for number in found}
    return found


@pytest.mark.parametrize("masks", [[], [0], [1], [3, 5, 6], [4, 4], [12, 10, 1], [31, 7, 24, 9]])
def test_the_members_are_those_that_the_masks_make(masks: list[int]) -> None:
    space = spanned(masks)

    assert set(space.members) == span(masks)
    assert len(space.members) == len(span(masks)) == 2 ** space.pivots.bit_count()
    assert space.members[0] == 0


@pytest.mark.parametrize("masks", [[], [1], [3, 5, 6], [12, 10, 1], [31, 7, 24, 9], [1, 2, 4, 8, 16]])
def test_cosets_hold_each_number_once(masks: list[int]) -> None:
    space = spanned(masks)

    cosets = space.cosets(32)

    assert sorted(itertools.chain(*cosets)) == list(range(32))
    for coset in cosets:
        assert {number ^ mask for number in coset for mask in masks} <= set(coset)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_every_mask_is_covered_once(dimensions: int) -> None:
    masks = np.random.default_rng(dimensions).integers(0, 256, 40).tolist()

    found = list(covering(masks, dimensions))

    assert sorted(itertools.chain(*(covered for _, covered in found))) == sorted(set(masks))
    for space, covered in found:
        assert len(space.members) <= 2**dimensions
        assert covered <= set(space.members)


def test_few_passes() -> None:
    assert len(list(covering([1 << bit for bit in range(12)], 4))) == 3
    assert len(list(covering(range(16), 4))) == 1
    assert list(covering([], 4)) == []
