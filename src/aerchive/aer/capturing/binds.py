"""Encoding parameter binds, with the circuit and bind to which each experiment belongs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from aerchive import layout
from aerchive.codecs.base import ArrayReference
from aerchive.codecs.registry import codec_for
from aerchive.codecs.result import VERSION
from aerchive.errors import UnsupportedTypeError
from aerchive.models import tagged_json
from aerchive.storage.chunks.drafts import DatasetDraft, text_dataset

AS_A_LIST = " comes back as a list"
"""End of the description of values that are stored in another container, which does not affect the simulation."""


def encode_binds(binds: Any, num_experiments: int | None) -> tuple[dict[str, DatasetDraft], list[str]]:
    """Encodes parameter binds as a dataset of a run.

    Args:
        binds: The argument of ``run``: for each circuit a mapping of parameters to sequences of values.
        num_experiments: Number of experiments in the result; ``None`` without a result.

    Returns:
        The dataset by name, and descriptions of values that are not stored, or are stored in another container.
    """

    def extend(value: Any) -> dict[str, Any] | None:
        codec = codec_for(type(value))
        return None if codec is None else codec.encode_tagged(value, _NoEncoder())

    lost: list[str] = []
    try:
        plain = [dict(_plain(bind, f"parameter_binds {number}", lost)) for number, bind in enumerate(binds)]
        tree = tagged_json.encode(plain, extend=extend)
    except Exception as error:  # noqa: BLE001  (binds may be anything, and Aer may have refused them)
        return {}, [f"parameter_binds: {error}"]
    lengths = [max((_length(values) for values in bind.values()), default=1) for bind in plain]
    circuit_of = [circuit for circuit, length in enumerate(lengths) for _ in range(length)]
    bind_of = [bind for length in lengths for bind in range(length)]
    if num_experiments is not None and num_experiments != len(circuit_of):
        circuit_of, bind_of = [], []
    document = {"parameter_binds": tree, "circuit_of": circuit_of, "bind_of": bind_of}
    text = tagged_json.dumps(document)
    return {layout.INPUTS: text_dataset(text, {"encoding": "inputs", "encoding_version": VERSION})}, lost


def _plain(bind: Mapping[Any, Any], what: str, lost: list[str]) -> Iterator[tuple[Any, Any]]:
    """The pairs of a bind; sequences of other types become lists, because Aer uses only their items."""
    for key, values in bind.items():
        if type(values) in (list, tuple, np.ndarray, str, bytes, dict) or not hasattr(values, "__len__"):
            yield key, values
        else:
            lost.append(f"{what}, {key}: a {type(values).__qualname__}{AS_A_LIST}")
            yield key, list(values)


def _length(values: Any) -> int:
    return len(values) if hasattr(values, "__len__") else 1


class _NoEncoder:
    """An encoder for values that never hold arrays."""

    def array(self, value: Any, kind: str) -> ArrayReference:
        raise UnsupportedTypeError(f"no place for an array of kind {kind!r} and shape {value.shape} here")

    def value(self, value: Any) -> Any:
        return tagged_json.encode(value)
