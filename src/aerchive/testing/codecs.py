"""A check of the properties that every codec must have: ``check_codec(codec, values, same)``."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from aerchive.codecs.base import ArrayReference, Codec, array_references, is_reference, is_storable
from aerchive.codecs.registry import codec_for
from aerchive.codecs.result import decode_value
from aerchive.errors import AerchiveError, UnsupportedTypeError
from aerchive.models import tagged_json
from aerchive.models.tagged_json import TYPE_KEY
from aerchive.text import type_name

_HOSTILE: tuple[Any, ...] = (None, True, -1, 2**70, 1.5, "", "x", "\0", [], [1], ["a", 0], {}, {"$": "tuple"}, [None])


class _Encoder:
    """A substitute for a file that is written. It keeps the arrays that a codec stores, by number.

    Args:
        codec: The codec that is checked. For other types the codecs of aerchive and of installed packages are used.
    """

    def __init__(self, codec: Codec | None = None) -> None:
        self._codec = codec
        self.arrays: list[NDArray[Any]] = []

    def array(self, value: NDArray[Any], kind: str) -> ArrayReference:
        if not is_storable(value) and value.dtype.kind != "S":
            raise AssertionError(f"{kind}: an array of dtype {value.dtype}, shape {value.shape} cannot be stored")
        self.arrays.append(value)
        return ArrayReference([f"array_{len(self.arrays) - 1}", None])

    def value(self, value: Any) -> Any:
        return tagged_json.encode(value, prefer=self._prefer)

    def _prefer(self, value: Any) -> dict[str, Any] | None:
        is_own = self._codec is not None and type(value) in self._codec.types
        codec = self._codec if is_own else codec_for(type(value))
        return None if codec is None else codec.encode_tagged(value, self)


class _Decoder:
    """A substitute for the same file when it is read.

    Args:
        arrays: The arrays that the encoder kept.
        codec: The codec that is checked.
    """

    def __init__(self, arrays: list[NDArray[Any]], codec: Codec | None = None) -> None:
        self._arrays = arrays
        self._codec = codec

    def array(self, reference: Any) -> NDArray[Any]:
        if not is_reference(reference) or not isinstance(reference["to"], list):
            raise ValueError(f"{reference!r} is not a reference")
        return self._arrays[int(reference["to"][0].removeprefix("array_"))].copy(order="K")

    def value(self, tree: Any) -> Any:
        return tagged_json.decode(tree, self._restore)

    def _restore(self, tag: str, tree: dict[str, Any]) -> Any:
        if self._codec is not None and tag == self._codec.tag:
            return self._codec.decode_tagged(tree, self)
        return decode_value(tree, self)


def check_codec(codec: Codec, values: Sequence[Any], same: Callable[[Any, Any], bool]) -> None:
    """Checks a codec: round trip, equal bytes for each encoding of a value, and typed errors for damaged documents.

    Args:
        codec: The codec.
        values: Values that the codec must encode. They should include unusual values: empty arrays, NaN, -0.0, arrays
            of one element, other dimensions.
        same: A function that returns whether the decoded value equals the original in type, bits and order.

    Raises:
        AssertionError: The codec lacks a property. The message names the property and the value.
    """
    _check(codec.version >= 1 and codec.name.isidentifier(), f"{codec.tag}: a name is an identifier, a version from 1")
    for number, value in enumerate(values):
        what = f"{codec.tag}, value {number} ({type(value).__qualname__})"
        kind = type(value)
        is_known = kind in codec.types or type_name(kind) in codec.type_names
        is_only_read = not codec.types and not codec.type_names  # an old version of a codec may have no types
        _check(is_known or is_only_read, f"{what}: is of none of its types")
        document, arrays = _encoded(codec, value, what)
        again, more = _encoded(codec, value, what)
        _check(document == again, f"{what}: is encoded in another way the second time")
        _check(len(arrays) == len(more), f"{what}: hands over other arrays the second time")
        back = _decoded(codec, document, arrays)
        _check(type(back) is kind, f"{what}: came back as {type(back).__qualname__}")
        _check(same(value, back), f"{what}: did not come back the same")
        for damaged in _damaged(json.loads(document)):
            try:
                _decoded(codec, json.dumps(damaged), arrays)
            except (AerchiveError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError):
                continue  # an AerchiveError is expected; callers of codecs translate the other errors


def _encoded(codec: Codec, value: Any, what: str) -> tuple[str, list[NDArray[Any]]]:
    encoder = _Encoder(codec)
    try:
        tree = codec.encode_tagged(value, encoder)
    except UnsupportedTypeError as error:
        raise AssertionError(f"{what}: {error}") from error
    if tree is None:
        raise UnsupportedTypeError(f"{what}: refused")
    found = {reference["to"][0] for reference in array_references(tree)}
    _check(
        len(found) == len(encoder.arrays),
        f"{what}: hands over {len(encoder.arrays)} arrays, and its body refers to {len(found)}: the others are lost",
    )
    return tagged_json.dumps(tree).decode("ascii"), encoder.arrays


def _decoded(codec: Codec, document: str, arrays: list[NDArray[Any]]) -> Any:
    return codec.decode_tagged(json.loads(document), _Decoder(arrays, codec))


def _damaged(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key in document.keys() - {TYPE_KEY}:
        without = copy.deepcopy(document)
        del without[key]
        yield without
        for hostile in _HOSTILE:
            yield {**document, key: hostile}


def _check(condition: bool, text: str) -> None:
    if not condition:
        raise AssertionError(text)
