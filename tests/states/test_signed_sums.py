from __future__ import annotations

import numpy as np
import pytest

from aerchive.states.signed_sums import SignedSums


@pytest.mark.parametrize("bits", [0, 1, 2, 5, 8])
@pytest.mark.parametrize("count", [1, 2, 7, 300])
def test_each_sum_is_that_of_its_mask(bits: int, count: int) -> None:
    rng = np.random.default_rng(bits * 1000 + count)
    values = rng.normal(size=2**bits)
    masks = rng.integers(0, 2**bits, count)

    found = SignedSums(masks, bits)(values)

    signs = np.where(np.bitwise_count(masks[:, np.newaxis] & np.arange(2**bits)) % 2, -1.0, 1.0)
    assert np.allclose(found, signs @ values, rtol=0, atol=1e-13)


def test_all_masks_are_a_walsh_hadamard_transform() -> None:
    from scipy.linalg import hadamard

    values = np.random.default_rng(1).normal(size=64)

    assert np.allclose(SignedSums(np.arange(64), 6)(values), hadamard(64) @ values)
