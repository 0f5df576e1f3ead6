"""A prediction of a state, with the arrays that restore the state from it, computed slice by slice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.predicted.decode import decode, predict, rounded
from aerchive.states.predicted.encoded import PIECE
from aerchive.states.predicted.plain import Plain
from aerchive.states.predicted.residuals import residual

Columns = dict[str, NDArray[Any]]
"""Slices of all aligned arrays by name. The residual has the widest dtype."""


class UnfitError(Exception):
    """A prediction cannot be used for a state."""


@dataclass(frozen=True)
class Prediction:
    """A prediction of a state.

    Attributes:
        plain: The state.
        form: The form of the encoded state.
        arrays: The small arrays.
        index: Function that returns a slice of the index, for tables of values.
    """

    plain: Plain
    form: str
    arrays: Mapping[str, NDArray[Any]]
    index: Callable[[int, int], NDArray[Any]] | None = None

    @property
    def attributes(self) -> dict[str, str | int | float]:
        """What else decoding needs."""
        return {"precision": "single" if self.plain.is_single else "double"}

    def columns(self, start: int, stop: int) -> Columns:
        """Returns slices of all aligned arrays, after they were decoded and compared with the state.

        Raises:
            UnfitError: A prediction is not finite, or the slices do not decode to the bits of the state.
        """
        aligned = {} if self.index is None else {"index": self.index(start, stop)}
        factors = {**self.arrays, **aligned}
        with np.errstate(all="ignore"):
            predicted = rounded(predict(self.form, factors, start, stop - start), self.attributes)
            if not np.isfinite(predicted).all():
                raise UnfitError("a prediction is not finite")
            steps = residual(self.plain.parts(start, stop), predicted)
            again = decode(self.form, self.attributes, factors, steps, start)
        if not np.array_equal(again.view(np.uint64), self.plain.state[start:stop].view(np.uint64)):
            raise UnfitError("a state is not restored bit for bit")
        return {"residual": steps, **aligned}


@dataclass(frozen=True)
class AlignedArray:
    """An aligned array, from pieces that were kept or are computed again.

    Attributes:
        name: The name of the array.
        shape: The shape of the array.
        dtype: The dtype of the array.
        piece: Function that returns the columns of the piece with a number, `PIECE` amplitudes each.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    piece: Callable[[int], Columns]

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Returns the columns of the amplitudes from start to stop, C-contiguous. Any thread may call it."""
        out = np.empty((*self.shape[:-1], stop - start), self.dtype)
        for number in range(start // PIECE, -(-stop // PIECE)):
            offset = number * PIECE
            first, last = max(start, offset), min(stop, offset + PIECE)
            out[..., first - start : last - start] = self.piece(number)[self.name][..., first - offset : last - offset]
        return out
