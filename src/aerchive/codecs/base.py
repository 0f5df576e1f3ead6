"""What a codec is: one kind of value, its place in a result document, its arrays in datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import FormatError, UnsupportedTypeError
from aerchive.models import tagged_json
from aerchive.models.tagged_json import TYPE_KEY

REFERENCE_TAG = "reference"
"""Marks the place of an array in a document: ``{"$": "reference", "to": [...]}``."""


class ArrayReference(dict[str, Any]):
    """Where an array went, as ``layout.md`` defines it; only an encoder makes one.

    Args:
        to: The dataset and the place in it; an encoder may fill it in later.
    """

    def __init__(self, to: list[Any]) -> None:
        super().__init__({TYPE_KEY: REFERENCE_TAG, "to": to})


def is_reference(tree: Any) -> bool:
    """Whether a part of a document is the reference of an array."""
    return isinstance(tree, dict) and tree.get(TYPE_KEY) == REFERENCE_TAG


def array_references(tree: Any) -> Iterator[Any]:
    """All references of arrays in a document or a part of it, in order."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if is_reference(part):
            yield part
        elif isinstance(part, list):
            waiting += reversed(part)
        elif isinstance(part, dict):
            waiting += reversed(part.values())


class Encoder(Protocol):
    """What a codec may ask for while it takes a value apart."""

    def array(self, value: NDArray[Any], kind: str) -> ArrayReference:
        """Hands over an array; it is read when the run is written, and must not change before.

        Returns:
            Its reference, for any place in the body.
        """

    def value(self, value: Any) -> Any:
        """Encodes a part of the value, with the codec of its type; for any place in the body."""


class Decoder(Protocol):
    """What a codec may ask for while it puts a value together."""

    def array(self, reference: Any) -> NDArray[Any]:
        """Reads an array: dtype, shape and memory order as it was handed over."""

    def value(self, tree: Any) -> Any:
        """Decodes a part of the value; of the reference of an array, reads the array."""


@dataclass(frozen=True)
class Codec:
    """A codec for values of certain exact types.

    Attributes:
        name: Of the encoding.
        version: Of the encoding, from 1.
        types: The exact types it encodes; subclasses are other types. Of several versions, the newest encodes.
        encode: Turns a value into a body, or ``None`` if this value is not for it. A body is JSON: dictionaries with
            text as keys, lists, text, integers, finite floats, truth values and ``None``. Anything else is given to the
            encoder, and stands in the body as what that returns.
        decode: Undoes `encode`, for this version: gets the body that `encode` has made.
        type_names: Module and class of further types, whose package is not imported before somebody else does.
    """

    name: str
    version: int
    types: tuple[type, ...]
    encode: Callable[[Any, Encoder], dict[str, Any] | None]
    decode: Callable[[dict[str, Any], Decoder], Any]
    type_names: tuple[str, ...] = ()

    @property
    def tag(self) -> str:
        """The stamp on disk: name and version."""
        return f"{self.name}/{self.version}"

    def encode_tagged(self, value: Any, encoder: Encoder) -> dict[str, Any] | None:
        """The tagged object of a value, or ``None`` if it is not for this codec.

        Raises:
            UnsupportedTypeError: The body is not JSON, or would be taken for something else when it is read.
        """
        body = self.encode(value, encoder)
        if body is None:
            return None
        if type(body) is not dict or TYPE_KEY in body:
            raise UnsupportedTypeError(f"codec {self.tag}: a body must be a dictionary without the key {TYPE_KEY!r}")
        _check_body(body, self.tag)
        return {TYPE_KEY: self.tag, **body}

    def decode_tagged(self, tree: dict[str, Any], decoder: Decoder) -> Any:
        """The value of a tagged object."""
        return self.decode({key: part for key, part in tree.items() if key != TYPE_KEY}, decoder)


def _check_body(body: dict[str, Any], tag: str) -> None:
    """Refuses what JSON would lose or change, and what would be taken for the reference of an array."""
    try:
        comes_back = tagged_json.loads(tagged_json.dumps(body), tag) == body
        why = "a part of it comes back as another"
    except (TypeError, ValueError, RecursionError, FormatError) as error:
        comes_back, why = False, str(error)
    if comes_back and any(type(reference) is not ArrayReference for reference in array_references(body)):
        comes_back, why = False, "a part of it would be taken for the reference of an array"
    if not comes_back:
        raise UnsupportedTypeError(
            f"codec {tag}: its body must be plain JSON ({why}); put encoder.value(part) there for such a part, and "
            "encoder.array(part, kind) for an array"
        )


@dataclass(frozen=True)
class MissingValue:
    """Stands where a value was that no codec knew.

    Attributes:
        type_name: Module and class of the value.
        text: The beginning of its ``repr``.
    """

    type_name: str
    text: str


_STORED_KINDS = frozenset("biufc")
_MAX_ITEM_BYTES = 16
_MAX_DIMENSIONS = 32
"""Of HDF5; a stack of arrays has one more than they."""


def is_storable(value: np.ndarray[Any, Any]) -> bool:
    """Whether an array goes to a dataset; others (empty, 0-d, text, long doubles) stay in the document."""
    return (
        value.size > 0
        and 0 < value.ndim < _MAX_DIMENSIONS
        and value.dtype.kind in _STORED_KINDS
        and value.dtype.itemsize <= (_MAX_ITEM_BYTES if value.dtype.kind == "c" else _MAX_ITEM_BYTES // 2)
        and value.dtype.isnative
    )


def is_outcome(text: str) -> bool:
    """Whether a key is an outcome in hexadecimal, as Aer writes it."""
    return text.startswith("0x") and text.isascii() and len(text) > 2 and all(c in "0123456789abcdef" for c in text[2:])
