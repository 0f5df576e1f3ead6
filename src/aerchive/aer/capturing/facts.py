"""What a run is in numbers, for columns of the project: circuits and metadata, bound parameters, saved numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from qiskit import QuantumCircuit
from qiskit.primitives import BitArray

from aerchive.codecs.counts import format_outcome
from aerchive.errors import UnsupportedTypeError
from aerchive.models import tagged_json
from aerchive.models.cells import MOST_OUTCOMES
from aerchive.text import json_text, without_surrogates

_MOST_NUMBERS = 1000
"""The greatest number of bound parameters, or of saved numbers, that the documents of a run repeat."""
_MOST_METADATA_BYTES = 1000
"""The greatest size of a value of metadata in a document, as JSON; the circuits have larger ones."""


class Points(NamedTuple):
    """The points of a run, and their numbers.

    Attributes:
        number: Number of points; ``None`` if it is not known, or there are too many different names.
        bound: Values of the circuit's parameters by name, each ``None`` if there are several points; ``None`` without
            parameters.
        saved: Saved numbers by label, each ``None`` if there are several points; ``None`` without numbers.
        counts: Counts by bit string, if there is one point and they are few, else empty; ``None`` without counts.
    """

    number: int | None = None
    bound: dict[str, Any] | None = None
    saved: dict[str, Any] | None = None
    counts: dict[str, int] | None = None


def circuit_facts(circuits: Sequence[QuantumCircuit]) -> list[dict[str, Any]] | None:
    """What circuits are in numbers, as `aerchive.models.config.RunConfig` describes it."""
    facts: list[dict[str, Any]] = []
    for circuit in circuits:
        ops = {without_surrogates(str(name)): int(number) for name, number in circuit.count_ops().items()}
        fact: dict[str, Any] = {"depth": circuit.depth(), "size": circuit.size(), "ops": ops}
        if metadata := _plain_metadata(circuit.metadata):
            fact["metadata"] = metadata
        facts.append(fact)
    if not facts:
        return None
    first = json_text(facts[0]) if len(facts) > 1 else ""
    return facts[:1] if all(json_text(fact) == first for fact in facts[1:]) else facts


def header_facts(experiments: Sequence[Any]) -> list[dict[str, Any]] | None:
    """What the headers of a result say of its circuits, if these are not known: their metadata."""
    found = [_plain_metadata((getattr(one, "header", None) or {}).get("metadata")) for one in experiments]
    facts = [{"metadata": metadata} for metadata in found]
    return None if not any(found) else facts[:1] if all(one == found[0] for one in found) else facts


def _plain_metadata(metadata: Any) -> dict[str, Any]:
    """Metadata that are plain data and short, by name."""
    found = {}
    for name, value in metadata.items() if isinstance(metadata, Mapping) else ():
        try:
            tree = tagged_json.encode(value)
            tagged_json.encode_key(name)
            if type(name) is str and len(json_text(tree)) <= _MOST_METADATA_BYTES:
                found[name] = tagged_json.decode(tree)
        except (UnsupportedTypeError, ValueError, RecursionError):
            continue
    return found


def points_of_result(experiments: Sequence[Any], binds: Any) -> Points:
    """The points of a simulation: its experiments.

    Args:
        experiments: The experiments of the result.
        binds: The argument ``parameter_binds`` of the run.
    """
    given = [dict(bind) for bind in binds or ()]
    saved: dict[str, Any] = {}
    has_counts = any("counts" in vars(experiment.data) for experiment in experiments)
    for experiment in experiments:
        data = vars(experiment.data)
        new = [name for name in data if type(name) is str and name[:1] != "_" and name not in saved]
        saved |= {name: data[name] for name in new}
    if len(experiments) != 1:
        several = {_name(key): None for bind in given for key in bind}
        return _points(len(experiments), several, saved, {} if has_counts else None)
    bound = {_name(key): np.atleast_1d(np.asarray(value))[0].item() for bind in given for key, value in bind.items()}
    return _points(1, bound, saved, _few_counts(experiments[0]) if has_counts else None)


def points_of_pubs(result: Sequence[Any], pubs: Sequence[Any] | None) -> Points:
    """The points of a primitive: the elements of its pubs.

    Args:
        result: The results of the pubs.
        pubs: The pubs; ``None`` if they are not known.
    """
    number = sum(math.prod(one.data.shape) for one in result)
    bound: dict[str, Any] = {}
    for pub in pubs or ():
        for names, values in pub.parameter_values.data.items():
            flat = np.asarray(values).reshape(-1, len(names))
            bound |= {str(name): float(flat[0, at]) if number == 1 else None for at, name in enumerate(names)}
    saved = {name: value for one in result for name, value in one.data.items() if _is_numbers(value)}
    has_counts = any(isinstance(value, BitArray) for one in result for value in one.data.values())
    numbers = {name: np.asarray(value).reshape(-1)[0] for name, value in saved.items()}
    return _points(number, bound, numbers, {} if has_counts else None)


def _few_counts(experiment: Any) -> dict[str, int]:
    """The counts of an experiment by bit string, as `Run.counts` gives them; empty if they are not few."""
    given, header = experiment.data.counts, getattr(experiment, "header", None)
    if type(given) is not dict or not 0 < len(given) <= MOST_OUTCOMES or set(map(type, given.values())) != {int}:
        return {}
    counts = {format_outcome(key, header): count for key, count in given.items()}
    return counts if len(counts) == len(given) else {}


def _points(number: int, bound: Mapping[str, Any], values: Mapping[str, Any], counts: dict[str, int] | None) -> Points:
    saved = {name: found for name, value in values.items() if (found := _number(value)) is not None}
    if len(bound) > _MOST_NUMBERS or len(saved) > _MOST_NUMBERS:
        return Points()
    return Points(number, dict(bound) or None, (saved if number == 1 else dict.fromkeys(saved)) or None, counts)


def _is_numbers(value: Any) -> bool:
    return isinstance(value, np.generic | float | int) or (isinstance(value, np.ndarray) and value.size > 0)


def _number(value: Any) -> float | int | bool | None:
    """A saved value as a number of Python, if it is a real number, and no member of an ``Enum``."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if type(value) in (bool, int, float) else None


def _name(key: Any) -> str:
    return str(getattr(key, "name", key))
