"""Marking array references in documents of encodings 1 and 2, where only codec and key identify them."""

from __future__ import annotations

from typing import Any

from aerchive.codecs.base import REFERENCE_TAG
from aerchive.models.tagged_json import TYPE_KEY

_KEYS = {
    **dict.fromkeys(("array/1", "bit_array/1"), ("data",)),
    **dict.fromkeys(("statevector/1", "density_matrix/1", "operator/1", "superop/1"), ("data",)),
    **dict.fromkeys(("clifford/1", "stabilizer_state/1"), ("tableau",)),
    **dict.fromkeys(("keyed_array/1", "prob_distribution/1"), ("keys", "values")),
}
_COLUMNS = ("sizes", "coeffs", "lengths", "bit_terms", "indices")


def mark_references(tree: Any) -> Any:
    """Marks the array references in a document of a result, as in encoding 3, and returns the document."""
    if isinstance(tree, list):
        return [mark_references(part) for part in tree]
    if not isinstance(tree, dict):
        return tree
    keys = _KEYS.get(str(tree.get(TYPE_KEY)))
    if keys is None:
        return {key: mark_references(part) for key, part in tree.items()}
    return {key: _marked(part) if key in keys else part for key, part in tree.items()}


def mark_inputs(tree: Any) -> Any:
    """Marks the array references in a document of inputs, as in encoding 3, and returns the document.

    Raises:
        KeyError, TypeError: The tree is not a document of inputs.
    """
    for pub in tree.get("pubs", ()) if isinstance(tree, dict) else ():
        data = pub["parameter_values"]["data"]
        data[:] = [[names, _marked(array)] for names, array in data]
        columns = pub.get("observables", {})
        columns.update({name: _marked(columns[name]) for name in _COLUMNS if name in columns})
    return tree


def _marked(part: Any) -> Any:
    return {TYPE_KEY: REFERENCE_TAG, "to": part} if isinstance(part, list) else part
