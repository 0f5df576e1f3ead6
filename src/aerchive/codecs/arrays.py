"""Plain numpy arrays: amplitudes, probabilities, the tensors of a matrix product state."""

from __future__ import annotations

from typing import Any

import numpy as np

from aerchive.codecs.base import Codec, Decoder, Encoder

STORED_KINDS = frozenset("biufc")
_MAX_ITEM_BYTES = 16


def is_storable(value: np.ndarray[Any, Any]) -> bool:
    """Whether an array goes to a dataset; others (empty, 0-d, text, long doubles) stay in the document."""
    return (
        value.size > 0
        and value.ndim > 0
        and value.dtype.kind in STORED_KINDS
        and value.dtype.itemsize <= (_MAX_ITEM_BYTES if value.dtype.kind == "c" else _MAX_ITEM_BYTES // 2)
        and value.dtype.isnative
    )


def _encode(value: np.ndarray[Any, Any], encoder: Encoder) -> dict[str, Any] | None:
    return {"data": encoder.array(value, "array")} if is_storable(value) else None


def _decode(body: dict[str, Any], decoder: Decoder) -> Any:
    return decoder.array(body["data"])


CODEC = Codec("array", 1, (np.ndarray,), _encode, _decode)
