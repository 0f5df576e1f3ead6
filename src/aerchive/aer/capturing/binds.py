"""Encoding parameter binds, with the circuit and bind to which each experiment belongs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from aerchive import layout
from aerchive.codecs.base import ArrayReference
from aerchive.codecs.registry import codec_for
from aerchive.codecs.result import ResultEncoder, Written
from aerchive.codecs.table import MOST_PARAMETERS
from aerchive.errors import UnsupportedTypeError
from aerchive.models import tagged_json

AS_A_LIST = " comes back as a list"
"""End of the description of values that are stored in another container, which does not affect the simulation."""


class _Tagged(NamedTuple):
    """Values that are already encoded."""

    tree: dict[str, Any]


def encode_binds(binds: Any, num_experiments: int | None, encoder: ResultEncoder) -> dict[str, Written]:
    """Encodes parameter binds as a document of a run, and their values as columns of its table.

    Args:
        binds: The argument of ``run``: for each circuit a mapping of parameters to sequences of values.
        num_experiments: Number of experiments in the result; ``None`` without a result.
        encoder: Receives the values, and descriptions of what is not stored, or is stored in another container.

    Returns:
        The document by name; empty if the binds cannot be stored.
    """

    def extend(value: Any) -> dict[str, Any] | None:
        if type(value) is _Tagged:
            return value.tree
        codec = codec_for(type(value))
        return None if codec is None else codec.encode_tagged(value, _NoEncoder())

    lost: list[str] = []
    encoder.begin_inputs()
    try:
        plain = [dict(_plain(bind, f"parameter_binds {number}", lost)) for number, bind in enumerate(binds)]
        lengths = [max((_length(values) for values in bind.values()), default=1) for bind in plain]
        circuit_of = [circuit for circuit, length in enumerate(lengths) for _ in range(length)]
        bind_of = [bind for length in lengths for bind in range(length)]
        if num_experiments is not None and num_experiments != len(circuit_of):
            circuit_of, bind_of = [], []
        else:
            encoder.table.set_experiments(len(circuit_of), circuit_of)
            plain = _in_table(plain, lengths, encoder)
        tree = tagged_json.encode(plain, extend=extend)
    except Exception as error:  # noqa: BLE001  (binds may be anything, and Aer may have refused them)
        encoder.refused.append(f"parameter_binds: {error}")
        return {}
    encoder.noted |= dict.fromkeys(lost)
    return {layout.INPUTS: Written("inputs", {"parameter_binds": tree, "circuit_of": circuit_of, "bind_of": bind_of})}


def _in_table(plain: list[dict[Any, Any]], lengths: list[int], encoder: ResultEncoder) -> list[dict[Any, Any]]:
    """Puts values into the table, or into arrays if there are too many parameters; others stay in the binds."""
    is_wide = len({_name(key) for bind in plain for key in bind}) > MOST_PARAMETERS
    found = []
    first = 0
    for bind, length in zip(plain, lengths, strict=True):
        trees: dict[Any, Any] = {}
        for key, values in bind.items():
            name = _name(key)
            tree = encoder.table.add_values(name, values, first, length, encoder if is_wide else None)
            trees[key] = values if tree is None else _Tagged(tree)
            if tree is not None and is_wide:
                encoder.parameter_names.append(name)
        found.append(trees)
        first += length
    return found


def _name(key: Any) -> str:
    return str(getattr(key, "name", key))


def _plain(bind: Mapping[Any, Any], what: str, lost: list[str]) -> Iterator[tuple[Any, Any]]:
    """The pairs of a bind; sequences of other types become lists, because Aer uses only their items."""
    for key, values in bind.items():
        if type(values) in (list, tuple, range, np.ndarray, str, bytes, dict) or not hasattr(values, "__len__"):
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
