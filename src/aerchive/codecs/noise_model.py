"""Noise models: what Aer's simulator gets of them, as one JSON document.

``NoiseModel.to_dict`` can take many seconds, so the document of a model object is made once for each state of it.
"""

from __future__ import annotations

import weakref
from typing import Any

from qiskit_aer.noise import NoiseModel

from aerchive.models import tagged_json
from aerchive.storage.nodes import ObjectDraft, text_dataset

KIND = "noise_model"
ENCODING = "noise_model"
VERSION = 1

_made: weakref.WeakKeyDictionary[Any, tuple[Any, ObjectDraft]] = weakref.WeakKeyDictionary()


def encode_noise_model(model: NoiseModel) -> ObjectDraft:
    """A noise model as a shared object.

    Args:
        model: Any noise model; a state of it that was seen before is not encoded again.

    Returns:
        Its errors in the form that Aer's C++ simulator receives, its basis gates, and the names of its custom passes.

    Raises:
        UnsupportedTypeError: It holds a value that JSON cannot carry.
    """
    state = _state(model)
    known = _made.get(model)
    if known is not None and known[0] == state:
        return known[1]
    passes = [f"{type(p).__module__}.{type(p).__qualname__}" for p in getattr(model, "_custom_noise_passes", [])]
    document = {
        "errors": model.to_dict(serializable=True),
        "basis_gates": list(model.basis_gates),
        "passes": passes,
    }
    text = tagged_json.dumps(tagged_json.encode(document))
    attributes = {"encoding": ENCODING, "encoding_version": VERSION, "number_of_errors": len(document["errors"].get("errors", []))}
    draft = ObjectDraft(KIND, attributes, {"model": text_dataset(text)})
    _made[model] = (state, draft)
    return draft


def _state(model: NoiseModel) -> Any:
    """What changes when an error is added: the objects in the model's tables, by identity."""
    tables = (
        model._default_quantum_errors,
        model._local_quantum_errors,
        model._default_readout_error,
        model._local_readout_errors,
    )
    return tuple(_identities(table) for table in tables), tuple(map(id, getattr(model, "_custom_noise_passes", [])))


def _identities(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((key, _identities(item)) for key, item in value.items())
    return id(value)
