"""Codec of plain numpy arrays: amplitudes, probabilities, the tensors of a matrix product state."""

from __future__ import annotations

from typing import Any

import numpy as np

from aerchive.codecs.base import Codec, Decoder, Encoder, is_storable


def _encode(value: np.ndarray[Any, Any], encoder: Encoder) -> dict[str, Any] | None:
    return {"data": encoder.array(value, "array")} if is_storable(value) else None


def _decode(body: dict[str, Any], decoder: Decoder) -> Any:
    return decoder.array(body["data"])


CODEC = Codec("array", 1, (np.ndarray,), _encode, _decode)
