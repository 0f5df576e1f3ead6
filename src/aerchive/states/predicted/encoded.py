"""What an encoded state consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from aerchive.storage.chunks.drafts import Computed

PIECE = 2**16
"""The number of amplitudes in a chunk of an aligned array."""


@dataclass(frozen=True)
class Encoded:
    """A state in another form, from which it can be restored bit for bit.

    Attributes:
        form: The kind of prediction, ``low_rank`` or ``value_table``.
        arrays: The small arrays of the prediction, which are needed as a whole for any slice.
        aligned: The arrays with one column for each amplitude. A slice of the state needs only the same columns. Their
            chunks should have all rows and `PIECE` columns. ``residual`` is always one of them.
        attributes: What else decoding needs.
        nbytes: The size of all arrays in bytes after compression; an estimate for states that are not kept in memory.
        default_nbytes: The estimated size in bytes of the state as it is usually stored.
    """

    form: str
    arrays: Mapping[str, NDArray[Any]]
    aligned: Mapping[str, Computed]
    attributes: Mapping[str, str | int | float]
    nbytes: int
    default_nbytes: int
