"""Noise models: what Aer's simulator gets of them, as one JSON document.

``NoiseModel.to_dict`` can take many seconds, so the document of a model object is made once for each state of it.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from qiskit_aer.noise import NoiseModel

from aerchive.models import tagged_json
from aerchive.storage.nodes import AttributeValue, ObjectDraft, text_dataset

KIND = "noise_model"
ENCODING = "noise_model"
VERSION = 1

_made: dict[int, tuple[weakref.ref[NoiseModel], list[Any], ObjectDraft]] = {}
"""By identity of the model (models cannot be hashed): itself, the parts it had, and its object."""


def encode_noise_model(model: NoiseModel) -> ObjectDraft:
    """A noise model as a shared object.

    Args:
        model: Any noise model; a state of it that was seen before is not encoded again.

    Returns:
        Its errors in the form that Aer's C++ simulator receives, its basis gates, and the names of its custom passes.

    Raises:
        UnsupportedTypeError: It holds a value that JSON cannot carry.
    """
    parts = list(_parts(model))
    known = _made.get(id(model))
    if known is not None and known[0]() is model and _are_same(known[1], parts):
        return known[2]
    passes = [f"{type(p).__module__}.{type(p).__qualname__}" for p in getattr(model, "_custom_noise_passes", [])]
    document = {
        "errors": model.to_dict(serializable=True),
        "basis_gates": list(model.basis_gates),
        "passes": passes,
    }
    text = tagged_json.dumps(tagged_json.encode(document))
    attributes: dict[str, AttributeValue] = {
        "encoding": ENCODING,
        "encoding_version": VERSION,
        "number_of_errors": len(document["errors"].get("errors", [])),
    }
    draft = ObjectDraft(KIND, attributes, {"model": text_dataset(text)})
    key = id(model)
    _made[key] = (weakref.ref(model, lambda _: _made.pop(key, None)), parts, draft)
    return draft


def _parts(model: NoiseModel) -> Iterator[Any]:
    """What changes when somebody adds to the model: the errors and passes in its tables, and their keys."""
    for table in (
        model._default_quantum_errors,
        model._local_quantum_errors,
        model._default_readout_error,
        model._local_readout_errors,
    ):
        yield from _leaves(table)
    yield from getattr(model, "_custom_noise_passes", [])
    yield from sorted(model.basis_gates)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _leaves(item)
    else:
        yield value


def _are_same(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(
        a is b or (isinstance(a, str | tuple) and a == b) for a, b in zip(one, other, strict=True)
    )
