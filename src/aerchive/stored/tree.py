"""Encoded values of a result document: their kinds, and the choice among the values of one label."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aerchive.codecs.table import SCALAR
from aerchive.errors import InvalidInputError, NotFoundError
from aerchive.models.tagged_json import TYPE_KEY


def chosen(tree: Any, shot: int | None, condition: int | str | None, what: str, *, all_shots: bool = False) -> Any:
    """Selects one of the values that a label has for each condition and each shot.

    Args:
        tree: All values of the label, encoded.
        shot: Index of the shot, from 0; ``None`` if there is only one.
        condition: Content of the classical bits: a number, ``0x...``, or bits, the highest first; ``None`` if there is
            only one.
        what: Description of the value, for messages.
        all_shots: Whether ``shot=None`` selects all shots.

    Raises:
        InvalidInputError: A shot or condition is needed and not given, or is given and the label has none.
        NotFoundError: There is no such shot or condition.
    """
    if isinstance(tree, dict) and tag_of(tree) is None and tree:
        keys = {key: str(key) for key in tree}
        if condition is None:
            if len(tree) > 1:
                raise InvalidInputError(f"{what} has a value for each condition; choose one of {names_of(keys)}")
            (key,) = tree
        else:
            key = _outcome(condition)
            if key not in tree:
                raise NotFoundError(
                    f"{what}: nothing was saved for condition {condition!r}; there are {names_of(keys)}"
                )
        tree = tree[key]
    elif condition is not None:
        raise InvalidInputError(f"{what} was not saved with conditional=True, so it has no condition to choose")
    if isinstance(tree, list):
        if shot is None:
            if all_shots:
                return tree
            if len(tree) > 1:
                raise InvalidInputError(f"{what} has a value for each of {len(tree)} shots; choose one with shot=")
            shot = 0
        if not -len(tree) <= shot < len(tree):
            raise NotFoundError(f"{what} has {len(tree)} shots, numbered from 0; there is no {shot}")
        return tree[shot]
    if shot is not None:
        raise InvalidInputError(f"{what} has no list of shots to choose from")
    return tree


def _outcome(condition: int | str) -> str:
    """The key of a condition in the result, in Aer's notation."""
    if isinstance(condition, int):
        return hex(condition)
    text = condition.replace(" ", "")
    return hex(int(text, 2)) if text and not text.startswith("0x") and set(text) <= {"0", "1"} else condition


def kind_of(tree: Any) -> str:
    """The kind of a value of the result document, such as ``statevector``, ``list of array`` or ``json``."""
    tag = tag_of(tree)
    if tag is not None and "/" in tag:
        return tag.partition("/")[0]
    if isinstance(tree, list) and tree:
        return f"list of {kind_of(tree[0])}"
    if isinstance(tree, dict) and tag is None and tree:
        return f"dict of {kind_of(next(iter(tree.values())))}"
    if tag == "tuple" and isinstance(tree.get("items"), list) and tree["items"]:
        return f"tuple of {kind_of(tree['items'][0])}"
    return "json"


def is_number(tree: Any) -> bool:
    """Whether a value of the result document is a single number, in the document or in the table of numbers."""
    return type(tree) in (bool, int, float) or tag_of(tree) == SCALAR


def tag_of(tree: Any) -> str | None:
    """The tag of an encoded value, such as ``statevector/1``; ``None`` if it has none."""
    tag = tree.get(TYPE_KEY) if isinstance(tree, dict) else None
    return tag if isinstance(tag, str) else None


def names_of(choices: Iterable[str]) -> str:
    """Names for a message, in quotes."""
    return ", ".join(repr(name) for name in choices)
