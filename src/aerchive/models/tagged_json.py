"""Python values as JSON text that loses nothing: types, bits and the order of keys come back.

Plain JSON carries ``None``, ``bool``, ``int``, ``str``, finite ``float``, ``list`` and ``dict`` with
string keys. Everything else becomes an object with the single reserved key ``"$"``, which names the
type, and a body:

===========================  ==================================================================
``tuple``                    ``{"$": "tuple", "items": [...]}``
text with surrogates         ``{"$": "text", "base64": "..."}`` (UTF-8, each surrogate by itself: JSON would join pairs)
``set``, ``frozenset``       ``{"$": "set", "items": [...]}`` (in the order of their JSON text)
other ``dict``               ``{"$": "dict", "items": [[key, value], ...]}``
large ``int``                ``{"$": "int", "hex": "0x..."}``, beyond 4,096 bits
``float`` NaN, infinities    ``{"$": "float", "hex": "7ff8000000000000"}`` (big-endian IEEE 754)
``complex``                  ``{"$": "complex", "items": [re, im]}``
``bytes``                    ``{"$": "bytes", "base64": "..."}``
``datetime.datetime``        ``{"$": "datetime", "iso": "..."}`` (naive or fixed offset)
numpy scalar                 ``{"$": "numpy", "dtype": "<f4", "base64": "..."}``
numpy array                  ``{"$": "ndarray", "dtype", "shape", "order", "base64"}``
===========================  ==================================================================

Other types are offered to ``extend``; without an answer they raise `UnsupportedTypeError`. Dispatch is
on the exact type: a subclass of ``dict`` is not a ``dict``.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import math
import re
import struct
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from aerchive.errors import FormatError, UnsupportedTypeError

TYPE_KEY = "$"
MAX_DEPTH = 64
"""How deep values may nest; more is refused on the way in and on the way out."""

Extend = Callable[[Any], "dict[str, Any] | None"]
Hooks = tuple["Extend | None", "Extend | None"]
Restore = Callable[[str, "dict[str, Any]"], Any]

_PLAIN = frozenset({type(None), bool, int})
_MAX_PLAIN_BITS = 4096
"""Python refuses to read decimal numbers of more than 4,300 digits; longer ones are hexadecimal."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_ARRAY_KINDS = frozenset("biufcSU")


def encode(value: Any, extend: Extend | None = None, prefer: Extend | None = None) -> Any:
    """Turns a value into a structure that ``json.dumps`` writes as it is.

    Args:
        value: Anything built from the types listed above.
        extend: Called with each value of another type; returns the body of its tagged object
            (with the key ``"$"``), or ``None`` if it does not know the type either.
        prefer: The same, but asked first, and for containers and arrays too.

    Raises:
        UnsupportedTypeError: A type is not known; the message has the path to it.
    """
    return _encode(value, (extend, prefer), "value", 0)


def _encode(value: Any, hooks: Hooks, path: str, depth: int) -> Any:  # noqa: PLR0912  (one branch a type)
    if depth > MAX_DEPTH and hooks[0] is not None and (body := hooks[0](value)) is not None:
        return body
    if depth > MAX_DEPTH:
        raise UnsupportedTypeError(f"{path}: nested more than {MAX_DEPTH} deep (or in itself)")
    kind = type(value)
    if kind is str:
        return (
            value
            if _is_clean(value)
            else {TYPE_KEY: "text", "base64": _to_base64(value.encode("utf-8", "surrogatepass"))}
        )
    if kind is int and value.bit_length() > _MAX_PLAIN_BITS:
        return {TYPE_KEY: "int", "hex": hex(value)}
    if kind in _PLAIN:
        return value
    if kind is float:
        if math.isfinite(value):
            return value
        return {TYPE_KEY: "float", "hex": struct.pack(">d", value).hex()}
    extend, prefer = hooks
    if prefer is not None and (body := prefer(value)) is not None:
        return body
    if kind is dict:
        return _encode_dict(value, hooks, path, depth)
    if kind is list or kind is tuple:
        items = [_encode(v, hooks, f"{path}[{i}]", depth + 1) for i, v in enumerate(value)]
        return items if kind is list else {TYPE_KEY: "tuple", "items": items}
    if kind is set or kind is frozenset:
        items = [_encode(v, hooks, f"{path}{{}}", depth + 1) for v in value]
        return {TYPE_KEY: kind.__name__, "items": sorted(items, key=json.dumps)}
    if kind is complex:
        parts = [_encode(part, (None, None), path, depth + 1) for part in (value.real, value.imag)]
        return {TYPE_KEY: "complex", "items": parts}
    if kind is bytes:
        return {TYPE_KEY: "bytes", "base64": _to_base64(value)}
    if kind is datetime.datetime and _is_plain_time(value):
        return {TYPE_KEY: "datetime", "iso": value.isoformat()}
    if isinstance(value, np.generic) and value.dtype.kind in _ARRAY_KINDS and kind is value.dtype.type:
        return {TYPE_KEY: "numpy", "dtype": value.dtype.str, "base64": _to_base64(value.tobytes())}
    if kind is np.ndarray and value.dtype.kind in _ARRAY_KINDS:
        return _encode_array(value)
    body = extend(value) if extend is not None else None
    if body is None:
        raise UnsupportedTypeError(
            f"{path}: no codec for {kind.__module__}.{kind.__qualname__}; "
            "store something else, or register a codec for it"
        )
    return body


def _encode_dict(value: dict[Any, Any], hooks: Hooks, path: str, depth: int) -> Any:
    if TYPE_KEY not in value and all(type(key) is str and _is_clean(key) for key in value):
        return {k: _encode(v, hooks, f"{path}[{k!r}]", depth + 1) for k, v in value.items()}
    items = [
        [_encode(k, hooks, f"{path} key", depth + 1), _encode(v, hooks, f"{path}[{k!r}]", depth + 1)]
        for k, v in value.items()
    ]
    return {TYPE_KEY: "dict", "items": items}


def _encode_array(value: np.ndarray[Any, Any]) -> Any:
    order: Literal["C", "F"] = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
    return {
        TYPE_KEY: "ndarray",
        "dtype": value.dtype.str,
        "shape": list(value.shape),
        "order": order,
        "base64": _to_base64(value.tobytes(order=order)),
    }


def _is_clean(text: str) -> bool:
    return text.isascii() or _SURROGATE.search(text) is None


def _is_plain_time(value: datetime.datetime) -> bool:
    return value.tzinfo is None or type(value.tzinfo) is datetime.timezone


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def decode(tree: Any, restore: Restore | None = None) -> Any:
    """The value that `encode` was given.

    Args:
        tree: What ``json.loads`` returned.
        restore: Called with the tag and the object for each tag not listed above.

    Raises:
        FormatError: A tag is not known, or its body is not what `encode` writes.
    """
    return _decode(tree, restore, 0)


def _decode(tree: Any, restore: Restore | None, depth: int) -> Any:
    if depth > 2 * MAX_DEPTH:
        raise FormatError(f"stored value is nested more than {2 * MAX_DEPTH} deep")
    if type(tree) is list:
        return [_decode(item, restore, depth + 1) for item in tree]
    if type(tree) is not dict:
        return tree
    tag = tree.get(TYPE_KEY)
    if tag is None:
        return {key: _decode(item, restore, depth + 1) for key, item in tree.items()}
    try:
        reader = _READERS.get(tag)
        if reader is not None:
            return reader(tree, lambda item: _decode(item, restore, depth + 1))
    except (KeyError, IndexError, ValueError, TypeError, struct.error, binascii.Error) as error:
        raise FormatError(f"stored value of type {tag!r} cannot be read: {error}") from error
    if restore is None:
        raise FormatError(f"stored value has the unknown type {tag!r}; a newer aerchive may read it")
    return restore(tag, tree)


def _decode_array(tree: dict[str, Any], _item: Callable[[Any], Any]) -> np.ndarray[Any, Any]:
    flat = np.frombuffer(base64.b64decode(tree["base64"], validate=True), _dtype(tree["dtype"]))
    return flat.reshape(tree["shape"], order=tree["order"]).copy(order=tree["order"])


def _dtype(text: str) -> np.dtype[Any]:
    dtype = np.dtype(str(text))
    if dtype.kind not in _ARRAY_KINDS:
        raise ValueError(f"dtype {text!r} is not allowed")
    return dtype


_READERS: dict[str, Callable[[dict[str, Any], Callable[[Any], Any]], Any]] = {
    "tuple": lambda tree, item: tuple(item(v) for v in tree["items"]),
    "set": lambda tree, item: {item(v) for v in tree["items"]},
    "frozenset": lambda tree, item: frozenset(item(v) for v in tree["items"]),
    "dict": lambda tree, item: {item(k): item(v) for k, v in tree["items"]},
    "int": lambda tree, item: int(tree["hex"], 16),
    "float": lambda tree, item: struct.unpack(">d", bytes.fromhex(tree["hex"]))[0],
    "complex": lambda tree, item: complex(*(item(v) for v in tree["items"])),
    "text": lambda tree, item: base64.b64decode(tree["base64"], validate=True).decode("utf-8", "surrogatepass"),
    "bytes": lambda tree, item: base64.b64decode(tree["base64"], validate=True),
    "datetime": lambda tree, item: datetime.datetime.fromisoformat(tree["iso"]),
    "numpy": lambda tree, item: np.frombuffer(base64.b64decode(tree["base64"], validate=True), _dtype(tree["dtype"]))[
        0
    ],
    "ndarray": _decode_array,
}


def dumps(tree: Any) -> bytes:
    """The ASCII JSON text of an encoded structure."""
    return json.dumps(tree, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


def loads(text: bytes, what: str) -> Any:
    """The structure in a JSON text.

    Args:
        text: What `dumps` wrote.
        what: Whose text it is, for the error message.

    Raises:
        FormatError: It is not JSON, holds a duplicate key, NaN, or nests too deep.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique_pairs, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{what}: not a valid JSON document: {error}") from error


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("duplicate key")
    return unique


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
