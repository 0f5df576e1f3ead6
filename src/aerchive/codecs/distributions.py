"""Codecs of dictionaries of numbers: statevectors as dictionaries, probability distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
from qiskit.result import ProbDistribution

from aerchive.codecs.base import Codec, Decoder, Encoder, is_reference
from aerchive.private_names import fill_private, private

_FEWEST = 8
"""Smallest number of items that is stored in arrays; smaller dictionaries stay readable in the document."""


def _encode_keyed(value: dict[Any, Any], encoder: Encoder) -> dict[str, Any] | None:
    if len(value) < _FEWEST:
        return None
    kinds = {type(item) for item in value.values()}
    if kinds not in ({float}, {complex}) or not all(type(key) is str and _is_short_ascii(key) for key in value):
        return None
    keys = np.array([key.encode("ascii") for key in value], "S")
    values = np.array(list(value.values()))
    return {"keys": encoder.array(keys, "keys"), "values": encoder.array(values, "values")}


def _is_short_ascii(key: str) -> bool:
    return 0 < len(key) <= 256 and key.isascii() and "\0" not in key


def _decode_keyed(body: dict[str, Any], decoder: Decoder) -> Any:
    keys, values = decoder.array(body["keys"]), decoder.array(body["values"])
    return dict(zip((key.decode("ascii") for key in keys.tolist()), values.tolist(), strict=True))


def _encode_distribution(value: Any, encoder: Encoder) -> dict[str, Any] | None:
    if vars(value).keys() != {"shots", "_num_bits"}:
        return None
    items = list(dict.items(value))
    if all(type(key) is int and 0 <= key < 2**63 and type(item) is float for key, item in items) and items:
        keys: Any = encoder.array(np.array([key for key, _ in items], "<i8"), "keys")
        values: Any = encoder.array(np.array([item for _, item in items]), "values")
    else:
        keys, values = {"list": [key for key, _ in items]}, {"list": encoder.value([item for _, item in items])}
    return {
        "keys": keys,
        "values": values,
        "shots": encoder.value(value.shots),
        "num_bits": encoder.value(private(value, "_num_bits")),
    }


def _decode_distribution(body: dict[str, Any], decoder: Decoder) -> Any:
    def column(part: Any) -> list[Any]:
        return list(decoder.array(part).tolist() if is_reference(part) else decoder.value(part["list"]))

    value = ProbDistribution.__new__(ProbDistribution)
    dict.update(value, zip(column(body["keys"]), column(body["values"]), strict=True))
    value.shots = decoder.value(body["shots"])
    fill_private(value, _num_bits=decoder.value(body["num_bits"]))
    return value


CODECS = (
    Codec("keyed_array", 1, (dict,), _encode_keyed, _decode_keyed),
    Codec("prob_distribution", 1, (ProbDistribution,), _encode_distribution, _decode_distribution),
)
