"""What a codec is: one kind of value, its place in a result document, its arrays in datasets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aerchive.models.tagged_json import TYPE_KEY

ArrayReference = list[Any]
"""Where an array went, as ``layout.md`` defines it."""


class Encoder(Protocol):
    """What a codec may ask for while it takes a value apart."""

    def array(self, value: NDArray[Any], kind: str) -> ArrayReference:
        """Hands over an array; it is read when the run is written, and must not change before."""

    def value(self, value: Any) -> Any:
        """Encodes a part of the value."""


class Decoder(Protocol):
    """What a codec may ask for while it puts a value together."""

    def array(self, reference: ArrayReference) -> NDArray[Any]:
        """Reads an array: dtype, shape and memory order as it was handed over."""

    def value(self, tree: Any) -> Any:
        """Decodes a part of the value."""


@dataclass(frozen=True)
class Codec:
    """A codec for values of certain exact types.

    Attributes:
        name: Of the encoding.
        version: Of the encoding, from 1.
        types: The exact types it encodes; subclasses are other types.
        encode: Turns a value into the body of a tagged object, or ``None`` if this value is not for it.
        decode: Undoes `encode`, for this version.
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
        """The tagged object of a value, or ``None`` if it is not for this codec."""
        body = self.encode(value, encoder)
        return None if body is None else {TYPE_KEY: self.tag, **body}


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
