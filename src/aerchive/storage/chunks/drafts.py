"""What is to be written: groups, datasets and objects as plain data, before any file is open.

Codecs make drafts; `aerchive.storage.hdf5.writer` turns them into HDF5. So a run is complete in memory, or refused,
before the project's lock is taken.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import InvalidInputError
from aerchive.filters.deflate import Buffer
from aerchive.filters.profiles import PORTABLE, Codec, Compression
from aerchive.lazy import cached_property
from aerchive.text import encode_text

AttributeValue = str | int | float
"""Text, 64-bit integer, 64-bit float; ``bool`` is stored as an unsigned byte."""


def attribute_array(value: AttributeValue) -> NDArray[Any]:
    """The stored form of an attribute: a scalar of a fixed type.

    Raises:
        InvalidInputError: An integer beyond 64 bits.
    """
    if isinstance(value, bool):
        return np.array(value, "u1")
    if isinstance(value, str):
        data = encode_text(value)
        return np.array(data, f"S{len(data)}")
    if isinstance(value, float):
        return np.array(value, "<f8")
    if -(2**63) <= value < 2**64:
        return np.array(value, "<i8" if value < 2**63 else "<u8")
    raise InvalidInputError(f"the integer {value} needs more than the 64 bits of an attribute")


class PackedChunk(NamedTuple):
    """One chunk as a file holds it.

    Attributes:
        offset: Where it begins in the array.
        stored: Its bytes; empty if it is all zero and was never written.
        mask: HDF5's filter mask.
    """

    offset: tuple[int, ...]
    stored: Buffer
    mask: int


class PackedDataset(Protocol):
    """A dataset that is compressed already: what another project holds.

    Attributes:
        dtype: Of the stored elements.
        chunk: Shape of a chunk.
        codec: What the chunks are compressed with.
        digest: Name of the digest that its chunks have.
    """

    dtype: np.dtype[Any]
    chunk: tuple[int, ...]
    codec: Codec
    digest: str

    def read(self, number: int) -> PackedChunk:
        """A chunk by its number, row-major; verified."""


@dataclass(frozen=True)
class DatasetDraft:
    """A dataset to be written.

    Attributes:
        parts: C-contiguous arrays of one dtype and shape. They are read when the dataset is written, not copied before.
        stacked: Whether the dataset gets a new first axis, one row a part; else there is exactly one part.
        attributes: Of the dataset.
        is_state: Whether each part is a state vector, which may be rounded if the user wants that.
        compression: How it is stored, if it is an array of some size.
        packed: The same, compressed already; then the stored bytes are taken over.
    """

    parts: Sequence[NDArray[Any]]
    stacked: bool = False
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    is_state: bool = False
    compression: Compression = PORTABLE
    packed: PackedDataset | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the elements."""
        return self.parts[0].dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the dataset."""
        one = self.parts[0].shape
        return (len(self.parts), *one) if self.stacked else one

    @property
    def nbytes(self) -> int:
        """Of the values, before compression."""
        return sum(part.nbytes for part in self.parts)

    @property
    def is_treated(self) -> bool:
        """Whether the compression is for it: an array of some size. All else is stored portably."""
        return self.attributes.get("encoding") == "array" and self.nbytes >= layout.MIN_TREATED_BYTES

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """A part of it along the first axis."""
        return np.stack(self.parts[start:stop]) if self.stacked else self.parts[0][start:stop]

    def detached(self) -> DatasetDraft:
        """The same with copies of arrays that somebody else may change, for a dataset that is not written at once.

        What comes from Aer may not be written to, and is not copied.
        """
        if self.attributes.get("encoding") != "array" or self.packed is not None:
            return self
        return dataclasses.replace(self, parts=[part.copy() if part.flags.writeable else part for part in self.parts])

    def read_chunk(self, offset: tuple[int, ...], chunk: tuple[int, ...]) -> NDArray[np.uint8]:
        """The bytes of one chunk, padded with zeros where it reaches over the edge.

        Returns:
            Shape ``(chunk bytes,)``; a view of the part where that is possible.
        """
        if self.stacked and chunk[0] == 1:
            whole, at, size = self.parts[offset[0]], offset[1:], chunk[1:]
        elif self.stacked:
            rows = self.parts[offset[0] : offset[0] + chunk[0]]
            inner = tuple(slice(o, o + c) for o, c in zip(offset[1:], chunk[1:], strict=True))
            whole, at, size = np.stack([row[inner] for row in rows]), (0,) * len(chunk), chunk
        else:
            whole, at, size = self.parts[0], offset, chunk
        box = whole[tuple(slice(o, o + c) for o, c in zip(at, size, strict=True))]
        if box.shape != size:
            padded = np.zeros(size, box.dtype)
            padded[tuple(slice(0, length) for length in box.shape)] = box
            box = padded
        return np.ascontiguousarray(box).reshape(-1).view(np.uint8)


def text_dataset(text: bytes, attributes: Mapping[str, AttributeValue] | None = None) -> DatasetDraft:
    """A JSON document as a dataset: one fixed-length string, that viewers show as text, or bytes if it is long."""
    if len(text) <= layout.MAX_TEXT_ATTRIBUTE_BYTES:
        return DatasetDraft([np.array([text], f"S{max(1, len(text))}")], attributes=attributes or {})
    return bytes_dataset(text, attributes)


def bytes_dataset(data: bytes, attributes: Mapping[str, AttributeValue] | None = None) -> DatasetDraft:
    """Bytes as a one-dimensional ``uint8`` dataset."""
    return DatasetDraft([np.frombuffer(data, np.uint8)], attributes=attributes or {})


def split_long(
    attributes: Mapping[str, AttributeValue],
) -> tuple[dict[str, AttributeValue], dict[str, DatasetDraft]]:
    """Attributes as they are stored: those that fit into one, and the datasets that hold the others."""
    short: dict[str, AttributeValue] = {}
    long: dict[str, DatasetDraft] = {}
    for name, value in attributes.items():
        if isinstance(value, str) and len(value) * 4 > layout.MAX_TEXT_ATTRIBUTE_BYTES:
            data = attribute_array(value).tobytes()
            if len(data) > layout.MAX_TEXT_ATTRIBUTE_BYTES:
                long[layout.LONG_PREFIX + name] = bytes_dataset(data)
                continue
        short[name] = value
    return short, long


@dataclass(frozen=True)
class GroupDraft:
    """A group to be written.

    Attributes:
        attributes: Of the group.
        datasets: By name.
        groups: By name.
        objects: Links to shared objects, by name.
        mutable: Whether the group stays outside the digest of the immutable core; it then gets a digest of its own.
    """

    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    datasets: Mapping[str, DatasetDraft] = field(default_factory=dict)
    groups: Mapping[str, GroupDraft] = field(default_factory=dict)
    objects: Mapping[str, ObjectDraft] = field(default_factory=dict)
    mutable: bool = False


@dataclass(frozen=True)
class ObjectDraft:
    """A group that is written once and linked from each run that needs it.

    Attributes:
        kind: Which objects it belongs to, such as ``circuits``.
        attributes: Of the group.
        datasets: By name. Their parts must not change any more.
        objects: Objects that it needs itself, by name of the link.
    """

    kind: str
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    datasets: Mapping[str, DatasetDraft] = field(default_factory=dict)
    objects: Mapping[str, ObjectDraft] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Identifies the content: equal content, equal digest."""
        content = ContentDigest(self.kind)
        attributes, long = split_long(self.attributes)
        for name in sorted(attributes):
            content.attribute(name, attribute_array(attributes[name]))
        for name, draft in sorted({**self.datasets, **long}.items()):
            content.dataset(name, draft.dtype, draft.shape)
            for part in draft.parts:
                content.data(part)
        for name in sorted(self.objects):
            content.link(name, self.objects[name].digest)
        return content.hexdigest()

    @property
    def nbytes(self) -> int:
        """Of the values of this object and of those that it links, before compression."""
        return sum(d.nbytes for d in self.datasets.values()) + sum(o.nbytes for o in self.objects.values())

    @property
    def path(self) -> str:
        """Where the object is in every project."""
        return f"{layout.OBJECTS}/{self.kind}/{self.digest[:2]}/{self.digest}"


class ContentDigest:
    """The digest that names an object: attributes, then datasets, then links to other objects, each in order of name.

    Args:
        kind: Of the object.
    """

    def __init__(self, kind: str) -> None:
        self._hash = hashlib.sha256(kind.encode())

    def attribute(self, name: str, value: NDArray[Any]) -> None:
        """Adds an attribute."""
        self._hash.update(f"|@{name}|{value.dtype.str}|".encode() + value.tobytes())

    def dataset(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        """Begins a dataset, whose values follow."""
        self._hash.update(f"|{name}|{dtype.descr}|{shape}|".encode())

    def data(self, values: NDArray[Any]) -> None:
        """Adds values of the dataset, C-contiguous ones."""
        self._hash.update(values.reshape(-1).view(np.uint8).data)

    def link(self, name: str, digest: str) -> None:
        """Adds an object that this one links, after all datasets."""
        self._hash.update(f"|>{name}|{digest}|".encode())

    def hexdigest(self) -> str:
        """As many hexadecimal digits as names of objects have."""
        return self._hash.hexdigest()[: layout.OBJECT_DIGEST_LENGTH]
