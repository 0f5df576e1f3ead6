"""Decides from samples of a state which kind of structure is worth looking for.

Looking at a sample takes milliseconds; finding the structure takes several passes over the state.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.predicted.clusters import assigned, order
from aerchive.states.predicted.factors import MAX_RANK
from aerchive.states.predicted.plain import Plain
from aerchive.states.predicted.residuals import Numbers, residual

_SIDE = 128
"""The number of sampled rows and columns."""
_SEED = 4
_SIGNIFICANT = 450
"""The least size of a singular value that counts, in units of the precision of the largest: 1e-13 for doubles."""
_SPARSE = 0.5
"""If more than this share of a sample is zero, the usual compression does well, and a sample says little."""
_SAMPLED = 2**17
_FEW = 0.97
"""The share of different amplitudes in a sample of that size, up to which a table may pay: a few million in a state."""
_USEFUL = 0.4
"""The share of the bits of a number that may be left after a prediction, in the mean over a sample."""


def expected_rank(plain: Plain) -> int | None:
    """Returns the approximate rank of the matrix of a state, or ``None`` if it is too large or the state is sparse."""
    rows, columns = plain.shape
    random = np.random.default_rng(_SEED)
    some_rows = random.choice(rows, min(_SIDE, rows), replace=False)
    some_columns = random.choice(columns, min(_SIDE, columns), replace=False)
    sample = plain.state.reshape(plain.shape)[np.ix_(some_rows, some_columns)]
    if not np.isfinite(sample).all() or np.count_nonzero(sample) < (1 - _SPARSE) * sample.size:
        return None
    left, sizes, right = np.linalg.svd(sample, full_matrices=False)
    rank = int(np.count_nonzero(sizes > _SIGNIFICANT * plain.precision * sizes[0]))
    near = (left[:, :rank] * sizes[:rank]) @ right[:rank]
    is_useful = rank <= MAX_RANK and _is_near(plain, sample.reshape(-1), near.reshape(-1))
    return rank if is_useful else None


def has_few_values(plain: Plain) -> bool:
    """Returns whether a random sample of amplitudes has few different ones, and these predict the sample well."""
    places = np.random.default_rng(_SEED).integers(plain.state.size, size=min(_SAMPLED, plain.state.size))
    sample = plain.state[np.unique(places)]
    if np.count_nonzero(sample) < (1 - _SPARSE) * sample.size:
        return False
    parts = replace(plain, state=sample).parts(0, sample.size)
    with np.errstate(all="ignore"):
        found = order(parts, plain.precision)
        if found is None or found.values.shape[1] > _FEW * sample.size:
            return False
        return _is_useful(parts, found.values[:, assigned(parts, found)])


def _is_near(plain: Plain, sample: NDArray[np.complex128], near: NDArray[np.complex128]) -> bool:
    """Returns whether predictions of a sample leave few bits. Those of dust, where zeros should be, leave most."""
    exact, guess = (replace(plain, state=values).parts(0, sample.size) for values in (sample, near))
    return _is_useful(exact, guess)


def _is_useful(parts: Numbers, near: NDArray[np.floating[Any]]) -> bool:
    bits = float(np.log2(1.0 + residual(parts, near.astype(parts.dtype))).mean())
    return bits < _USEFUL * 8 * parts.itemsize
