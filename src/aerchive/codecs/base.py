"""Definition of a codec: it stores one kind of value in a result document, with its arrays in datasets."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import FormatError, UnsupportedTypeError, check_version
from aerchive.models import tagged_json
from aerchive.models.tagged_json import TYPE_KEY
from aerchive.storage.chunks.group_reader import GroupReader

REFERENCE_TAG = "reference"
"""Tag that marks a reference to an array in a document: ``{"$": "reference", "to": [...]}``."""


class ArrayReference(dict[str, Any]):
    """A reference to a stored array, as ``layout.md`` defines it; only an encoder makes one.

    Args:
        to: The dataset and the place of the array in it; an encoder may fill in this list later.
    """

    def __init__(self, to: list[Any]) -> None:
        super().__init__({TYPE_KEY: REFERENCE_TAG, "to": to})


def is_reference(tree: Any) -> bool:
    """Whether a part of a document is a reference to an array."""
    return isinstance(tree, dict) and tree.get(TYPE_KEY) == REFERENCE_TAG


def array_references(tree: Any) -> Iterator[Any]:
    """Gives all references to arrays in a document or a part of it, in order."""
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
    """The services that a codec may use while it encodes a value."""

    def array(self, value: NDArray[Any], kind: str) -> ArrayReference:
        """Takes an array to be stored; it is read when the run is written, and must not change before.

        Returns:
            The reference to the array, which may be put anywhere in the body.
        """

    def value(self, value: Any) -> Any:
        """Encodes a part of the value with the codec of its type; the result may be put anywhere in the body."""


class Decoder(Protocol):
    """The services that a codec may use while it decodes a value."""

    def array(self, reference: Any) -> NDArray[Any]:
        """Reads an array, with the dtype, shape and memory order of the array that was encoded."""

    def value(self, tree: Any) -> Any:
        """Decodes a part of the value; for a reference to an array, reads the array."""


@dataclass(frozen=True)
class Codec:
    """A codec for values of certain exact types.

    Attributes:
        name: Name of the encoding.
        version: Version of the encoding, from 1.
        types: The exact types that the codec encodes, without their subclasses. Of several versions of a codec, the
            newest encodes.
        encode: Function that turns a value into a body; ``None`` if the codec cannot store this value. A body is JSON:
            dictionaries with text as keys, lists, text, integers, finite floats, booleans and ``None``. Anything else
            is given to the encoder, and the body contains what the encoder returns.
        decode: Function that turns a body of this version, as `encode` made it, back into the value.
        type_names: Module and class of further types; the codec does not import their package.
    """

    name: str
    version: int
    types: tuple[type, ...]
    encode: Callable[[Any, Encoder], dict[str, Any] | None]
    decode: Callable[[dict[str, Any], Decoder], Any]
    type_names: tuple[str, ...] = ()

    @property
    def tag(self) -> str:
        """The tag in the file: name and version of the encoding."""
        return f"{self.name}/{self.version}"

    def encode_tagged(self, value: Any, encoder: Encoder) -> dict[str, Any] | None:
        """Encodes a value as a tagged object; ``None`` if this codec cannot store the value.

        Raises:
            UnsupportedTypeError: The body is not JSON, or would be read as something else.
        """
        body = self.encode(value, encoder)
        if body is None:
            return None
        if type(body) is not dict or TYPE_KEY in body:
            raise UnsupportedTypeError(f"codec {self.tag}: a body must be a dictionary without the key {TYPE_KEY!r}")
        _check_body(body, self.tag)
        return {TYPE_KEY: self.tag, **body}

    def decode_tagged(self, tree: dict[str, Any], decoder: Decoder) -> Any:
        """Decodes the value of a tagged object."""
        return self.decode({key: part for key, part in tree.items() if key != TYPE_KEY}, decoder)


def _check_body(body: dict[str, Any], tag: str) -> None:
    """Raises an error for a body that JSON would change, or with a part that would be read as an array reference."""
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
    """Placeholder for a value that was not stored because no codec knew its type.

    Attributes:
        type_name: Module and class of the value.
        text: The beginning of the ``repr`` of the value.
    """

    type_name: str
    text: str


def check_encoding(group: GroupReader, encoding: str, newest: int, what: str) -> None:
    """Checks that a shared object has an encoding that this aerchive reads.

    Args:
        group: The group of the object.
        encoding: Name of the encoding.
        newest: The newest version of the encoding that this aerchive reads.
        what: What the object should be, for the message.

    Raises:
        FormatError: The object has another encoding, or a newer version.
    """
    version = group.attribute("encoding_version")
    if group.attribute("encoding") != encoding or type(version) is not int:
        raise FormatError(f"{group.where()}: is not a {what}")
    check_version(version, newest, f"{group.where()}: {what}")


def class_of_runtime(module: str, name: str) -> Any:
    """A class of qiskit-ibm-runtime, which is imported only for a value of this class.

    Raises:
        FormatError: The package is not installed.
    """
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        raise FormatError(f"{name} is a class of qiskit-ibm-runtime: pip install 'aerchive[runtime]'") from error


@functools.cache
def operations_of_qiskit() -> dict[str, Any]:
    """Qiskit's own operations by the name of the class; a file cannot name any other class."""
    from qiskit import circuit
    from qiskit.circuit import Instruction, library

    named = {**vars(library), **vars(circuit)}
    return {name: kind for name, kind in named.items() if isinstance(kind, type) and issubclass(kind, Instruction)}


_STORED_KINDS = frozenset("biufc")
_MAX_ITEM_BYTES = 16
_MAX_DIMENSIONS = 32
"""Largest number of dimensions in HDF5; a stack of arrays has one dimension more than the arrays."""


def is_storable(value: np.ndarray[Any, Any]) -> bool:
    """Whether an array is stored in a dataset; others (empty, 0-d, text, long doubles) stay in the document."""
    return (
        value.size > 0
        and 0 < value.ndim < _MAX_DIMENSIONS
        and value.dtype.kind in _STORED_KINDS
        and value.dtype.itemsize <= (_MAX_ITEM_BYTES if value.dtype.kind == "c" else _MAX_ITEM_BYTES // 2)
        and value.dtype.isnative
    )


def is_outcome(text: str) -> bool:
    """Whether a key is an outcome in hexadecimal notation, as Aer writes it."""
    return text.startswith("0x") and text.isascii() and len(text) > 2 and all(c in "0123456789abcdef" for c in text[2:])
