"""Codec of bit arrays: the samples of a ``SamplerV2``, one row of bytes for each shot."""

from __future__ import annotations

from typing import Any

from qiskit.primitives import BitArray

from aerchive.codecs.base import Codec, Decoder, Encoder, is_storable


def _encode(value: Any, encoder: Encoder) -> dict[str, Any]:
    samples = value.array
    data = encoder.array(samples, "array") if is_storable(samples) else encoder.value(samples)
    return {"data": data, "num_bits": value.num_bits}


def _decode(body: dict[str, Any], decoder: Decoder) -> Any:
    return BitArray(decoder.value(body["data"]), body["num_bits"])


CODEC = Codec("bit_array", 1, (BitArray,), _encode, _decode)
