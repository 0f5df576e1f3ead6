"""Decides from samples of a state which kind of structure is worth looking for.

Looking at a sample takes milliseconds; finding the structure takes several passes over the state.
"""

from __future__ import annotations

import numpy as np

from aerchive.states.predicted.clusters import order
from aerchive.states.predicted.factors import MAX_RANK
from aerchive.states.predicted.plain import Plain

_SIDE = 128
"""The number of sampled rows and columns."""
_SEED = 4
_SIGNIFICANT = 450
"""The least size of a singular value that counts, in units of the precision of the largest: 1e-13 for doubles."""
_SPARSE = 0.5
"""If more than this share of a sample is zero, the usual compression does well, and a sample says little."""
_SAMPLED = 2**17
_FEW = 0.5
"""The share of different amplitudes in a sample of that size, up to which a table may pay."""


def expected_rank(plain: Plain) -> int | None:
    """Returns the approximate rank of the matrix of a state, or ``None`` if it is too large or the state is sparse."""
    rows, columns = plain.shape
    random = np.random.default_rng(_SEED)
    some_rows = random.choice(rows, min(_SIDE, rows), replace=False)
    some_columns = random.choice(columns, min(_SIDE, columns), replace=False)
    sample = plain.state.reshape(plain.shape)[np.ix_(some_rows, some_columns)]
    if not np.isfinite(sample).all() or np.count_nonzero(sample) < (1 - _SPARSE) * sample.size:
        return None
    sizes = np.linalg.svd(sample, compute_uv=False)
    rank = int(np.count_nonzero(sizes > _SIGNIFICANT * plain.precision * sizes[0]))
    return rank if rank <= MAX_RANK else None


def has_few_values(plain: Plain) -> bool:
    """Returns whether a random sample of amplitudes has few different ones, and the state is not sparse."""
    places = np.random.default_rng(_SEED).integers(plain.state.size, size=min(_SAMPLED, plain.state.size))
    sample = plain.state[places]
    if np.count_nonzero(sample) < (1 - _SPARSE) * sample.size:
        return False
    with np.errstate(all="ignore"):
        parts = Plain(sample, plain.is_single, plain.is_real).parts(0, sample.size)
        found = order(parts, plain.precision)
    return found is not None and found.values.shape[1] < _FEW * sample.size
