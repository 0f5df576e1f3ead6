"""Noise models: what Aer's simulator gets of them, as one JSON document.

``NoiseModel.to_dict`` can take many seconds, so the document of a model object is made once for each state of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from qiskit_aer.noise import NoiseModel

from aerchive.errors import FormatError
from aerchive.models import tagged_json
from aerchive.storage.nodes import AttributeValue, ObjectDraft, text_dataset

KIND = "noise_model"
ENCODING = "noise_model"
VERSION = 1

_REMEMBERED = 8
_made: deque[tuple[list[Any], ObjectDraft]] = deque(maxlen=_REMEMBERED)
"""The parts of models seen lately, and their objects. A copy of a model has the same parts."""


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
    known = next((draft for seen, draft in list(_made) if _are_same(seen, parts)), None)
    if known is not None:
        return known
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
    _made.append((parts, draft))
    return draft


class ArchivedNoiseModel(NoiseModel):
    """A noise model out of a project: Aer's simulator receives exactly what it received on the day.

    Args:
        errors: What ``NoiseModel.to_dict(serializable=True)`` had given.
        basis_gates: Of the model.
        passes: Names of the custom passes it had, which change circuits before they are simulated and are not stored.
    """

    def __init__(self, errors: dict[str, Any], basis_gates: list[str], passes: list[str]) -> None:
        super().__init__(basis_gates=basis_gates)
        self.stored_errors = errors
        self.passes = passes

    def to_dict(self, serializable: bool = False) -> dict[str, Any]:
        """The stored errors, and those added since."""
        added = super().to_dict(serializable)
        return {**self.stored_errors, "errors": [*self.stored_errors.get("errors", []), *added.get("errors", [])]}

    def is_ideal(self) -> bool:
        """Whether there is no noise at all."""
        return not self.stored_errors.get("errors") and bool(super().is_ideal())


def decode_noise_model(text: bytes, where: str) -> ArchivedNoiseModel:
    """The noise model in a stored document.

    Raises:
        FormatError: The document is damaged, or newer.
    """
    try:
        document = tagged_json.decode(tagged_json.loads(text, where))
        errors, gates, passes = document["errors"], list(document["basis_gates"]), list(document["passes"])
        if not isinstance(errors, dict) or not isinstance(errors.get("errors", []), list):
            raise TypeError("errors must be a mapping")
        return ArchivedNoiseModel(errors, gates, passes)
    except Exception as error:
        raise FormatError(f"{where}: is not a noise model: {error}") from error


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
