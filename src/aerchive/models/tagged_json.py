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
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from aerchive.errors import FormatError, UnsupportedTypeError

TYPE_KEY = "$"
MAX_DEPTH = 64
"""How deep values may nest; more is refused on the way in and on the way out."""

MAX_VALUES = 20_000_000
"""How many values one document may hold; a small structure that refers to itself in many places can have more."""

Extend = Callable[[Any], "dict[str, Any] | None"]
Restore = Callable[[str, "dict[str, Any]"], Any]
_Path = tuple[Any, ...]
"""The keys and numbers on the way to a value."""

_PLAIN = frozenset({type(None), bool, int})
LEAVES = frozenset({*_PLAIN, float, str})
"""What stands for itself in a document."""
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
        UnsupportedTypeError: A type is not known, or values nest too deep or in themselves; the message has the path.
    """
    return _Encoding(extend, prefer).encode(value, ())


def mapping(items: Sequence[tuple[Any, Any]]) -> dict[str, Any]:
    """What a ``dict`` is encoded as.

    Args:
        items: Its pairs, in order: the key as it is, and the value encoded.

    Raises:
        UnsupportedTypeError: A key has a type that is not known.
    """
    if all(type(key) is str and key != TYPE_KEY and _is_clean(key) for key, _ in items):
        return dict(items)
    return {TYPE_KEY: "dict", "items": [[encode(key), tree] for key, tree in items]}


def items_of(tree: Any) -> list[tuple[Any, Any]]:
    """The pairs of an encoded ``dict``: the key as it was, and the value encoded.

    Raises:
        FormatError: It is not one.
    """
    if type(tree) is dict and TYPE_KEY not in tree:
        return list(tree.items())
    if type(tree) is dict and tree[TYPE_KEY] == "dict" and isinstance(tree.get("items"), list):
        try:
            return [(decode(key), value) for key, value in tree["items"]]
        except (TypeError, ValueError) as error:
            raise FormatError(f"stored mapping cannot be read: {error}") from error
    raise FormatError("stored value is not a mapping")


class _Encoding:
    """One call of `encode`: its hooks, and the containers that are being taken apart."""

    def __init__(self, extend: Extend | None, prefer: Extend | None) -> None:
        self._extend = extend
        self._prefer = prefer
        self._open: set[int] = set()
        self._values = 0

    def encode(self, value: Any, path: _Path) -> Any:
        """Encodes a value or, where its type is not known, what ``extend`` has for it."""
        kind = type(value)
        self._values += 1
        if self._values > MAX_VALUES:
            raise UnsupportedTypeError(f"{_place(path)}: more than {MAX_VALUES:,} values; save them as an array")
        if kind in _PLAIN and not (kind is int and value.bit_length() > _MAX_PLAIN_BITS):
            return value
        if kind in (int, float, str, complex, bytes):
            return _encode_simple(value)
        if self._prefer is not None and (body := self._prefer(value)) is not None:
            return body
        if kind in (dict, list, tuple, set, frozenset):
            if id(value) in self._open or len(self._open) > MAX_DEPTH:
                raise UnsupportedTypeError(f"{_place(path)}: nested more than {MAX_DEPTH} deep (or in itself)")
            self._open.add(id(value))
            try:
                return self._container(value, path)
            finally:
                self._open.discard(id(value))
        body = _encode_foreign(value)
        if body is not None:
            return body
        body = self._extend(value) if self._extend is not None else None
        if body is None:
            raise UnsupportedTypeError(
                f"{_place(path)}: no codec for {kind.__module__}.{kind.__qualname__}; store something else, or "
                "register a codec for it"
            )
        return body

    def _container(self, value: Any, path: _Path) -> Any:
        kind = type(value)
        if kind is dict:
            if TYPE_KEY not in value and all(type(key) is str and _is_clean(key) for key in value):
                return {key: self.encode(item, (*path, key)) for key, item in value.items()}
            items = [
                [self.encode(key, (*path, _A_KEY)), self.encode(item, (*path, key))] for key, item in value.items()
            ]
            return {TYPE_KEY: "dict", "items": items}
        if kind in (list, tuple):
            items = [self.encode(item, (*path, number)) for number, item in enumerate(value)]
            return items if kind is list else {TYPE_KEY: "tuple", "items": items}
        items = [self.encode(item, (*path, _A_MEMBER)) for item in value]
        return {TYPE_KEY: kind.__name__, "items": sorted(items, key=json.dumps)}


_A_KEY, _A_MEMBER = object(), object()
"""In a path: a key itself, and something in a set."""


def _place(path: _Path) -> str:
    """Where a value is, in words; a key may be anybody's object, whose ``repr`` raises."""
    steps = {_A_KEY: " key", _A_MEMBER: "{}"}
    try:
        return "value" + "".join(steps[key] if key in (_A_KEY, _A_MEMBER) else f"[{key!r:.100}]" for key in path)
    except Exception:  # noqa: BLE001  (whatever it raises)
        return "value[...]"


def _encode_simple(value: Any) -> Any:
    if isinstance(value, int):
        return {TYPE_KEY: "int", "hex": hex(value)}
    if isinstance(value, float):
        return value if math.isfinite(value) else {TYPE_KEY: "float", "hex": struct.pack(">d", value).hex()}
    if isinstance(value, str):
        if _is_clean(value):
            return value
        return {TYPE_KEY: "text", "base64": _to_base64(value.encode("utf-8", "surrogatepass"))}
    if isinstance(value, complex):
        return {TYPE_KEY: "complex", "items": [_encode_simple(value.real), _encode_simple(value.imag)]}
    return {TYPE_KEY: "bytes", "base64": _to_base64(value)}


def _encode_foreign(value: Any) -> Any:
    kind = type(value)
    if kind is datetime.datetime and _is_plain_time(value):
        return {TYPE_KEY: "datetime", "iso": value.isoformat()}
    if isinstance(value, np.generic) and value.dtype.kind in _ARRAY_KINDS and kind is value.dtype.type:
        return {TYPE_KEY: "numpy", "dtype": value.dtype.str, "base64": _to_base64(value.tobytes())}
    if kind is np.ndarray and value.dtype.kind in _ARRAY_KINDS:
        return _encode_array(value)
    return None


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
        return [item if type(item) in LEAVES else _decode(item, restore, depth + 1) for item in tree]
    if type(tree) is not dict:
        return tree
    tag = tree.get(TYPE_KEY)
    if tag is None:
        return {key: item if type(item) in LEAVES else _decode(item, restore, depth + 1) for key, item in tree.items()}
    try:
        reader = _READERS.get(tag)
        if reader is not None:
            return reader(tree, lambda item: _decode(item, restore, depth + 1))
    except (LookupError, ValueError, TypeError, SyntaxError, OverflowError, struct.error, binascii.Error) as error:
        raise FormatError(f"stored value of type {tag!r} cannot be read: {error}") from error
    if restore is None:
        raise FormatError(f"stored value has the unknown type {tag!r}; a newer aerchive may read it")
    return restore(tag, tree)


def _decode_array(tree: dict[str, Any], _item: Callable[[Any], Any]) -> np.ndarray[Any, Any]:
    flat = np.frombuffer(base64.b64decode(tree["base64"], validate=True), _dtype(tree["dtype"]))
    return flat.reshape(tree["shape"], order=tree["order"]).copy(order=tree["order"])


def _decode_scalar(tree: dict[str, Any]) -> Any:
    dtype = _dtype(tree["dtype"])
    data = base64.b64decode(tree["base64"], validate=True)
    return np.frombuffer(data, dtype)[0] if dtype.itemsize else dtype.type()


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
    "numpy": lambda tree, _item: _decode_scalar(tree),
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
