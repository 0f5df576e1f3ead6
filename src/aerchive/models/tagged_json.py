"""Python values as JSON text without loss: types, bits and the order of keys are restored.

Plain JSON carries ``None``, ``bool``, ``int``, ``str``, finite ``float``, ``list`` and ``dict`` with
string keys. Everything else becomes an object with the single reserved key ``"$"``, which names the
type, and a body:

===========================  ==================================================================
``tuple``                    ``{"$": "tuple", "items": [...]}``
text with surrogates         ``{"$": "text", "base64": "..."}`` (UTF-8, each surrogate alone: JSON would join pairs)
``set``, ``frozenset``       ``{"$": "set", "items": [...]}`` (in the order of their JSON text)
other ``dict``               ``{"$": "dict", "items": [[key, value], ...]}``
large ``int``                ``{"$": "int", "hex": "0x..."}``, beyond 4,096 bits
``float`` NaN, infinities    ``{"$": "float", "hex": "7ff8000000000000"}`` (big-endian IEEE 754)
``complex``                  ``{"$": "complex", "items": [re, im]}``
``bytes``                    ``{"$": "bytes", "base64": "..."}``
``datetime.datetime``        ``{"$": "datetime", "iso": "..."}`` (naive or fixed offset)
``datetime.date``            ``{"$": "date", "iso": "..."}``
``datetime.timedelta``       ``{"$": "timedelta", "items": [days, seconds, microseconds]}``
``uuid.UUID``                ``{"$": "uuid", "hex": "..."}``
``decimal.Decimal``          ``{"$": "decimal", "text": "..."}``, up to 10,000 digits
``fractions.Fraction``       ``{"$": "fraction", "items": [numerator, denominator]}``, each up to 4,096 bits
``pathlib.PosixPath``        ``{"$": "PosixPath", "text": "..."}``; also ``PurePosixPath``, ``PureWindowsPath``
member of an ``Enum``        ``{"$": "enum", "class": "...", "name": "...", "value": ...}``; comes back as its value
numpy scalar                 ``{"$": "numpy", "dtype": "<f4", "base64": "..."}``
numpy array                  ``{"$": "ndarray", "dtype", "shape", "order", "base64"}``
===========================  ==================================================================

Values of other types are given to the function ``extend``. If it returns no body, `UnsupportedTypeError` is raised. The
exact type decides: a subclass of ``dict`` is not treated as a ``dict``. Only a member of an ``Enum`` may be of any
class, which is never looked up in reading; see decision 0026.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import enum
import fractions
import gc
import json
import math
import pathlib
import re
import struct
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from aerchive.errors import FormatError, UnsupportedTypeError
from aerchive.text import type_name, without_surrogates

TYPE_KEY = "$"
MAX_DEPTH = 64
"""The greatest depth of nested values. Deeper values are refused in writing and in reading."""

MAX_VALUES = 20_000_000
"""The greatest number of values in one document. A small structure with many references to itself could exceed it."""

Extend = Callable[[Any], "dict[str, Any] | None"]
Restore = Callable[[str, "dict[str, Any]"], Any]
_Path = tuple[Any, ...]
"""The keys and indices that lead to a value."""

_PLAIN = frozenset({type(None), bool, int})
LEAVES = frozenset({*_PLAIN, float, str})
"""The types whose values need no decoding in a document."""
_MAX_PLAIN_BITS = 4096
"""The limit for decimal integers. Python refuses to read more than 4,300 digits, so larger ones are hexadecimal.
Fractions of larger ones are refused, because their text cannot be shown either."""
_SMALL = 2**63
_MOST_DIGITS = 10_000
"""The limit for decimal numbers."""
_MOST_OF_ONE_HASH = 100
"""The limit for keys of a set or mapping that have the same hash. Integers are easily made so, and 50,000 of them take
ten seconds."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_ARRAY_KINDS = frozenset("biufcSUmM")


def encode(value: Any, extend: Extend | None = None, prefer: Extend | None = None) -> Any:
    """Converts a value to a structure that ``json.dumps`` can write directly.

    Args:
        value: A value that consists of the types listed above.
        extend: A function that is called with each value of another type. It returns the body of a tagged object (with
            the key ``"$"``), or ``None`` if it does not know the type either.
        prefer: A function like ``extend`` that is called first, and also with containers and arrays.

    Raises:
        UnsupportedTypeError: A type is not known, values are nested too deeply or contain themselves, or there are too
            many values. The message contains the path of the value.
    """
    return _Encoding(extend, prefer).encode(value, ())


def encode_key(key: Any) -> Any:
    """Converts a key of a dictionary as `encode` does.

    Raises:
        UnsupportedTypeError: Its type is not known, or it would come back as another key.
    """
    return _Encoding(None, None).encode(key, (_A_KEY,))


def mapping(items: Sequence[tuple[Any, Any]]) -> dict[str, Any]:
    """Returns the encoded form of a ``dict``.

    Args:
        items: The pairs of the ``dict``, in order. The keys are not encoded yet, and the values are encoded.

    Raises:
        UnsupportedTypeError: A key has a type that is not known.
    """
    if all(type(key) is str and key != TYPE_KEY and _is_clean(key) for key, _ in items):
        return dict(items)
    return {TYPE_KEY: "dict", "items": [[encode_key(key), tree] for key, tree in items]}


def items_of(tree: Any) -> list[tuple[Any, Any]]:
    """Returns the pairs of an encoded ``dict``. The keys are decoded, and the values stay encoded.

    Raises:
        FormatError: The structure is not an encoded ``dict``.
    """
    if type(tree) is dict and TYPE_KEY not in tree:
        return list(tree.items())
    if type(tree) is dict and tree[TYPE_KEY] == "dict" and isinstance(tree.get("items"), list):
        try:
            pairs = [(decode(key), value) for key, value in tree["items"]]
            _check_hashes([key for key, _ in pairs])
            return pairs
        except (TypeError, ValueError) as error:
            raise FormatError(f"stored mapping cannot be read: {error}") from error
    raise FormatError("stored value is not a mapping")


class _Encoding:
    """The state of one call of `encode`: its functions, and the containers that are being encoded."""

    def __init__(self, extend: Extend | None, prefer: Extend | None) -> None:
        self._extend = extend
        self._prefer = prefer
        self._open: set[int] = set()
        self._values = 0

    def encode(self, value: Any, path: _Path) -> Any:
        """Encodes a value, or, if its type is not known, uses the body that ``extend`` returns."""
        kind = type(value)
        if kind in _PLAIN and not (kind is int and value.bit_length() > _MAX_PLAIN_BITS):
            return value
        if kind in (int, float, str, complex, bytes):
            return _encode_simple(value)
        if self._prefer is not None and (body := self._prefer(value)) is not None:
            return body
        is_enum = isinstance(value, enum.Enum)
        if is_enum or kind in (dict, list, tuple, set, frozenset):
            if id(value) in self._open or len(self._open) > MAX_DEPTH:
                raise UnsupportedTypeError(f"{_place(path)}: nested more than {MAX_DEPTH} deep (or in itself)")
            self._open.add(id(value))
            try:
                return self._enum(value, path) if is_enum else self._container(value, path)
            finally:
                self._open.discard(id(value))
        body = _encode_foreign(value)
        if body is not None:
            return body
        body = self._extend(value) if self._extend is not None else None
        if body is None:
            raise UnsupportedTypeError(
                f"{_place(path)}: no codec for {type_name(kind)}; store something else, or register a codec for it"
            )
        return body

    def _container(self, value: Any, path: _Path) -> Any:
        kind = type(value)
        self._values += len(value)
        if self._values > MAX_VALUES:
            raise UnsupportedTypeError(f"{_place(path)}: more than {MAX_VALUES:,} values; save them as an array")
        if kind is dict:
            if TYPE_KEY not in value and all(type(key) is str and _is_clean(key) for key in value):
                return {
                    key: item if _is_quick(item) else self.encode(item, (*path, key)) for key, item in value.items()
                }
            items = [
                [self.encode(key, (*path, _A_KEY)), self.encode(item, (*path, key))] for key, item in value.items()
            ]
            return {TYPE_KEY: "dict", "items": items}
        if kind in (list, tuple):
            items = [
                item if _is_quick(item) else self.encode(item, (*path, number)) for number, item in enumerate(value)
            ]
            return items if kind is list else {TYPE_KEY: "tuple", "items": items}
        items = [self.encode(item, (*path, _A_MEMBER)) for item in value]
        return {TYPE_KEY: kind.__name__, "items": sorted(items, key=json.dumps)}

    def _enum(self, value: enum.Enum, path: _Path) -> Any:
        plain = value._value_
        if any(step is _A_KEY or step is _A_MEMBER for step in path) and not isinstance(value, type(plain)):
            raise UnsupportedTypeError(f"{_place(path)}: {type_name(type(value))} would come back as another key")
        try:
            tree = _Encoding(None, self._prefer).encode(plain, path)
        except UnsupportedTypeError:
            body = self._extend(value) if self._extend is not None else None
            if body is None:
                raise
            return body
        name: str | None = value._name_  # a combination of flags may have none
        kind = without_surrogates(type_name(type(value)))
        return {TYPE_KEY: "enum", "class": kind, "name": name and without_surrogates(name), "value": tree}


_A_KEY, _A_MEMBER = object(), object()
"""Steps in a path: a key itself, and a member of a set."""


def _place(path: _Path) -> str:
    """Returns the path of a value in words. A key may be any object, and its ``repr`` may raise an exception."""
    steps = {_A_KEY: " key", _A_MEMBER: "{}"}
    try:
        return "value" + "".join(steps[key] if key in (_A_KEY, _A_MEMBER) else f"[{key!r:.100}]" for key in path)
    except Exception:  # noqa: BLE001  (a ``repr`` may raise any exception)
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
    if kind is datetime.datetime and type(value.tzinfo) in (type(None), datetime.timezone):
        return {TYPE_KEY: "datetime", "iso": value.isoformat()}
    if kind in _ENCODERS:
        return _ENCODERS[kind](value)
    if isinstance(value, np.generic) and value.dtype.kind in _ARRAY_KINDS and kind is value.dtype.type:
        return {TYPE_KEY: "numpy", "dtype": value.dtype.str, "base64": _to_base64(value.tobytes())}
    if kind is np.ndarray and value.dtype.kind in _ARRAY_KINDS:
        return _encode_array(value)
    return None


def _encode_decimal(value: decimal.Decimal) -> Any:
    return {TYPE_KEY: "decimal", "text": str(value)} if len(value.as_tuple().digits) <= _MOST_DIGITS else None


def _encode_fraction(value: fractions.Fraction) -> Any:
    parts = value.numerator, value.denominator
    if any(type(part) is not int or part.bit_length() > _MAX_PLAIN_BITS for part in parts):
        return None
    return {TYPE_KEY: "fraction", "items": list(parts)}


def _encode_path(value: pathlib.PurePath) -> Any:
    return {TYPE_KEY: type(value).__name__, "text": _encode_simple(str(value))}


_ENCODERS: dict[type, Callable[[Any], Any]] = {
    datetime.date: lambda value: {TYPE_KEY: "date", "iso": value.isoformat()},
    datetime.timedelta: lambda value: {
        TYPE_KEY: "timedelta",
        "items": [value.days, value.seconds, value.microseconds],
    },
    uuid.UUID: lambda value: {TYPE_KEY: "uuid", "hex": value.hex},
    decimal.Decimal: _encode_decimal,
    fractions.Fraction: _encode_fraction,
    pathlib.PosixPath: _encode_path,
    pathlib.PurePosixPath: _encode_path,
    pathlib.PureWindowsPath: _encode_path,
}


def _encode_array(value: np.ndarray[Any, Any]) -> Any:
    order: Literal["C", "F"] = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
    return {
        TYPE_KEY: "ndarray",
        "dtype": value.dtype.str,
        "shape": list(value.shape),
        "order": order,
        "base64": _to_base64(value.tobytes(order=order)),
    }


def _is_quick(value: Any) -> bool:
    """Whether a value is one of those that are encoded as they are; most values in documents are."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is int:
        return bool(-_SMALL < value < _SMALL)
    return kind is bool or value is None or (kind is float and math.isfinite(value))


def _is_clean(text: str) -> bool:
    return text.isascii() or _SURROGATE.search(text) is None


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def decode(tree: Any, restore: Restore | None = None) -> Any:
    """Returns the value that was given to `encode`.

    Args:
        tree: The structure that ``json.loads`` returned.
        restore: A function that is called with the tag and the object, for each tag that is not listed above.

    Raises:
        FormatError: A tag is not known, or its body differs from the form that `encode` writes.
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
    except (LookupError, ValueError, TypeError, AttributeError, SyntaxError, ArithmeticError, struct.error) as error:
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


def _decode_decimal(tree: dict[str, Any], _item: Callable[[Any], Any]) -> decimal.Decimal:
    if len(tree["text"]) > _MOST_DIGITS + 40:  # a sign, a point and an exponent
        raise ValueError(f"more than {_MOST_DIGITS:,} digits")
    return decimal.Decimal(str(tree["text"]))


def _decode_fraction(tree: dict[str, Any], _item: Callable[[Any], Any]) -> fractions.Fraction:
    numerator, denominator = tree["items"]
    for part in (numerator, denominator):
        if type(part) is not int or part.bit_length() > _MAX_PLAIN_BITS:
            raise ValueError(f"no integer of up to {_MAX_PLAIN_BITS:,} bits")
    return fractions.Fraction(numerator, denominator)


def _integers(items: list[Any]) -> list[int]:
    if len(items) != 3 or any(type(one) is not int for one in items):
        raise TypeError("three integers are expected")
    return items


def _decode_path(tree: dict[str, Any], item: Callable[[Any], Any]) -> pathlib.PurePath:
    text = item(tree["text"])
    if type(text) is not str:
        raise TypeError("a path is text")
    return _PATHS[tree[TYPE_KEY]](text)


_PATHS: dict[str, type[pathlib.PurePath]] = {
    "PosixPath": pathlib.Path,
    "PurePosixPath": pathlib.PurePosixPath,
    "PureWindowsPath": pathlib.PureWindowsPath,
}


def _check_hashes(keys: list[Any]) -> list[Any]:
    """Returns keys of a set or mapping, unless many have one hash: Python compares these with each other."""
    if len(keys) > _MOST_OF_ONE_HASH and max(Counter(map(hash, keys)).values()) > _MOST_OF_ONE_HASH:
        raise ValueError(f"more than {_MOST_OF_ONE_HASH} keys have the same hash")
    return keys


def _dtype(text: str) -> np.dtype[Any]:
    dtype = np.dtype(str(text))
    if dtype.kind not in _ARRAY_KINDS:
        raise ValueError(f"dtype {text!r} is not allowed")
    return dtype


_READERS: dict[str, Callable[[dict[str, Any], Callable[[Any], Any]], Any]] = {
    "tuple": lambda tree, item: tuple(item(v) for v in tree["items"]),
    "set": lambda tree, item: set(_check_hashes([item(v) for v in tree["items"]])),
    "frozenset": lambda tree, item: frozenset(_check_hashes([item(v) for v in tree["items"]])),
    "dict": lambda tree, item: dict(
        zip(_check_hashes([item(k) for k, _ in tree["items"]]), [item(v) for _, v in tree["items"]], strict=True)
    ),
    "int": lambda tree, item: int(tree["hex"], 16),
    "float": lambda tree, item: struct.unpack(">d", bytes.fromhex(tree["hex"]))[0],
    "complex": lambda tree, item: complex(*(item(v) for v in tree["items"])),
    "text": lambda tree, item: base64.b64decode(tree["base64"], validate=True).decode("utf-8", "surrogatepass"),
    "bytes": lambda tree, item: base64.b64decode(tree["base64"], validate=True),
    "datetime": lambda tree, item: datetime.datetime.fromisoformat(tree["iso"]),
    "date": lambda tree, item: datetime.date.fromisoformat(tree["iso"]),
    "timedelta": lambda tree, item: datetime.timedelta(*_integers(tree["items"])),
    "uuid": lambda tree, item: uuid.UUID(hex=tree["hex"]),
    "decimal": _decode_decimal,
    "fraction": _decode_fraction,
    **dict.fromkeys(_PATHS, _decode_path),
    "enum": lambda tree, item: item(tree["value"]),
    "numpy": lambda tree, _item: _decode_scalar(tree),
    "ndarray": _decode_array,
}


def dumps(tree: Any) -> bytes:
    """Returns the JSON text of an encoded structure, in ASCII."""
    return json.dumps(tree, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


def loads(text: bytes | str, what: str) -> Any:
    """Returns the structure in a JSON text.

    Args:
        text: The JSON text, as bytes if it is in UTF-8.
        what: The name of the document, for the error message.

    Raises:
        FormatError: The text is not JSON, contains a duplicate key, NaN or an infinity, or is nested too deeply.
    """
    collects = gc.isenabled()
    gc.disable()  # a document has no cycles, and looking for them again and again takes most of the time of a large one
    try:
        return json.loads(text, object_pairs_hook=_unique_pairs, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{what}: not a valid JSON document: {error}") from error
    finally:
        if collects:
            gc.enable()


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("duplicate key")
    return unique


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
