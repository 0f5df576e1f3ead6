"""Restores slices of an encoded state, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import FormatError, IntegrityError
from aerchive.layout import LOW_RANK, VALUE_TABLE
from aerchive.states.predicted.low_rank import LowRank
from aerchive.states.predicted.residuals import UNSIGNED, Numbers, restored

Attributes = Mapping[str, str | int | float]
_DTYPES: dict[object, type[np.floating[Any]]] = {"single": np.float32, "double": np.float64}


def decode(
    form: str,
    attributes: Attributes,
    factors: Mapping[str, NDArray[Any]],
    residual_slice: NDArray[Any],
    start: int,
) -> NDArray[np.complex128]:
    """Restores a slice of a state. Equal arguments give equal bits on every machine, in any thread.

    Args:
        form: The form of the encoded state.
        attributes: The attributes of the encoded state.
        factors: The small arrays of the encoded state; for `VALUE_TABLE` also ``index``, the slice of the index.
        residual_slice: The columns of the residual, shape ``(parts, length)``.
        start: The index of the first amplitude of the slice.

    Returns:
        The amplitudes, shape ``(length,)``, dtype complex128.

    Raises:
        FormatError: The form or the precision is not known to this version, so that a newer one is needed.
        IntegrityError: The arrays do not fit to each other or to the slice, or a prediction is not finite.
    """
    if attributes.get("precision") not in _DTYPES:
        raise FormatError(f"a state has the precision {attributes.get('precision')!r}: upgrade aerchive to read it")
    if residual_slice.dtype not in UNSIGNED or residual_slice.ndim != 2:
        raise IntegrityError(f"a residual has the dtype {residual_slice.dtype} and {residual_slice.ndim} axes")
    with np.errstate(all="ignore"):
        predicted = rounded(predict(form, factors, start, residual_slice.shape[1]), attributes)
    if predicted.shape != residual_slice.shape:
        raise IntegrityError(
            f"a residual of shape {residual_slice.shape} does not fit to {predicted.shape} predictions"
        )
    if not np.isfinite(predicted).all():  # the bits of a NaN differ from processor to processor
        raise IntegrityError("a prediction is not finite")
    return joined(restored(predicted, residual_slice))


def predict(form: str, factors: Mapping[str, NDArray[Any]], start: int, length: int) -> NDArray[np.float64]:
    """Returns the predicted parts of a slice, shape ``(parts, length)``; arguments and errors as for `decode`."""
    if form == LOW_RANK:
        return LowRank(factors).predict(start, start + length)
    if form == VALUE_TABLE:
        table, index = factors.get("table"), factors.get("index")
        if table is None or index is None or table.ndim != 2 or table.dtype != np.float64:
            raise IntegrityError("a state of repeating amplitudes has no table of numbers or no index")
        if index.dtype not in UNSIGNED or index.ndim != 1 or (index >= table.shape[1]).any():
            raise IntegrityError(f"an index of amplitudes does not fit to a table of {table.shape[1]} values")
        values: NDArray[np.float64] = table[:, index]
        return values
    raise FormatError(f"a state has the form {form!r}, which this version does not know: upgrade aerchive to read it")


def rounded(predicted: NDArray[np.float64], attributes: Attributes) -> Numbers:
    """Returns predictions in the precision of the state."""
    return predicted.astype(_DTYPES[attributes["precision"]], copy=False)


def joined(parts: Numbers) -> NDArray[np.complex128]:
    """Returns the amplitudes of parts of shape ``(parts, length)``. A missing imaginary part is positive zero."""
    values = np.zeros(parts.shape[1], np.complex128)
    for number, part in enumerate(parts):
        values.view(np.float64)[number::2] = part
    return values
