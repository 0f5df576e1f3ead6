"""Drafts: groups, datasets and objects to be written, as plain data before any file is open.

Codecs make drafts; `aerchive.storage.hdf5.writer` writes them as HDF5. So a run is complete in memory, or refused,
before the project's lock is taken.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
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

AttributeValue = str | int | float | tuple[str, ...]
"""Value of an attribute: text, a 64-bit integer, a 64-bit float or some texts; ``bool`` is stored as a byte."""

_MOST_KEPT = 64
"""Texts of at most so many characters are kept in their stored form for the next attribute."""
_LEAST_ROW_BYTES = 30
"""A row of a text does not end before this place in order to end at a better one, so that there are few rows."""


def attribute_array(value: AttributeValue) -> NDArray[Any]:
    """The stored form of an attribute: an array of shape ``()``, or ``(texts,)``, with a dtype of fixed size.

    Raises:
        InvalidInputError: The value is an integer that needs more than 64 bits.
    """
    if isinstance(value, float) or (isinstance(value, str) and len(value) > _MOST_KEPT):  # 0.0 equals -0.0
        return _attribute_array(value)
    return _kept_array(value)


def _attribute_array(value: AttributeValue) -> NDArray[Any]:
    if isinstance(value, bool):
        return np.array(value, "u1")
    if isinstance(value, str):
        data = encode_text(value)
        return np.array(data, f"S{len(data)}")
    if isinstance(value, float):
        return np.array(value, "<f8")
    if isinstance(value, tuple):
        return np.array([encode_text(text) for text in value])
    if -(2**63) <= value < 2**64:
        return np.array(value, "<i8" if value < 2**63 else "<u8")
    raise InvalidInputError(f"the integer {value} needs more than the 64 bits of an attribute")


@functools.lru_cache(maxsize=1024, typed=True)
def _kept_array(value: AttributeValue) -> NDArray[Any]:
    """Most attributes of a run are those of the run before, and each is asked for three times."""
    array = _attribute_array(value)
    array.flags.writeable = False
    return array


def attribute_piece(name: str, value: NDArray[Any]) -> bytes:
    """What a digest covers of an attribute: name, type and value."""
    return f"|@{name}|{value.dtype.str}|".encode() + value.tobytes()


class PackedChunk(NamedTuple):
    """One chunk as a file holds it.

    Attributes:
        stored: The stored bytes; empty if all values are zero and the chunk was never written.
        mask: HDF5's filter mask of the chunk.
        digest: Digest of the values, as `aerchive.storage.chunks.checksums.value_digest` returns it.
    """

    stored: Buffer
    mask: int
    digest: str


class PackedDataset(Protocol):
    """A dataset that is already compressed, such as one from another project.

    Attributes:
        dtype: The dtype of the stored elements.
        chunk: Shape of a chunk.
        codec: The codec that compressed the chunks.
    """

    dtype: np.dtype[Any]
    chunk: tuple[int, ...]
    codec: Codec

    def read(self, number: int) -> PackedChunk:
        """Reads and verifies the chunk with a number, row-major over the grid of chunks."""


@dataclass(frozen=True)
class DatasetDraft:
    """A dataset to be written.

    Attributes:
        parts: C-contiguous arrays of one dtype and shape. They are read when the dataset is written, not copied before.
        stacked: Whether the dataset gets a new first axis, with one row for each part; else there is exactly one part.
        attributes: Attributes of the dataset.
        is_state: Whether each part is a state vector, which may be rounded if the user asks for that.
        compression: Compression of the dataset, used only if `uses_compression`.
        packed: The same dataset, already compressed, or ``None``; its stored bytes are copied as they are.
        chunk: Shape of the chunks; ``None``: the usual one.
    """

    parts: Sequence[NDArray[Any]]
    stacked: bool = False
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    is_state: bool = False
    compression: Compression = PORTABLE
    packed: PackedDataset | None = None
    chunk: tuple[int, ...] | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the elements."""
        return self.parts[0].dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the dataset."""
        one = self.parts[0].shape
        return (len(self.parts), *one) if self.stacked else one

    @property
    def nbytes(self) -> int:
        """Size of the values before compression, in bytes."""
        return sum(part.nbytes for part in self.parts)

    @property
    def uses_compression(self) -> bool:
        """Whether `compression` applies: for arrays of a minimal size. All other datasets are stored portably."""
        return self.attributes.get("encoding") == "array" and self.nbytes >= layout.MIN_TREATED_BYTES

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """The rows ``start`` to ``stop`` along the first axis."""
        return np.stack(self.parts[start:stop]) if self.stacked else self.parts[0][start:stop]

    def detached(self) -> DatasetDraft:
        """The same draft with copies of all writeable arrays, for a dataset that is not written at once.

        Arrays that come from Aer are not writeable, and are not copied.
        """
        if self.attributes.get("encoding") != "array" or self.packed is not None:
            return self
        return dataclasses.replace(self, parts=[part.copy() if part.flags.writeable else part for part in self.parts])

    def read_chunk(self, offset: tuple[int, ...], chunk: tuple[int, ...]) -> NDArray[np.uint8]:
        """The bytes of one chunk, padded with zeros where the chunk extends beyond the array.

        Args:
            offset: Index in the array of the chunk's first element.
            chunk: Shape of the chunk.

        Returns:
            Array of shape ``(chunk bytes,)``; a view of the part where that is possible.
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


class Computed(Protocol):
    """Values that are computed when they are written.

    Attributes:
        shape: The shape of the array.
        dtype: The dtype of the elements.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the elements."""

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """The elements whose last index is from ``start`` up to but without ``stop``, C-contiguous, in any thread."""


@dataclass(frozen=True)
class ComputedDraft(DatasetDraft):
    """A dataset whose values are computed chunk by chunk when it is written; its chunks have the whole first axis.

    Attributes:
        values: The values.
    """

    parts: Sequence[NDArray[Any]] = ()
    values: Computed = field(kw_only=True)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the elements."""
        return self.values.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the dataset."""
        return self.values.shape

    @property
    def nbytes(self) -> int:
        """Size of the values before compression, in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """The rows ``start`` to ``stop`` along the first axis."""
        return self.values.read(0, self.shape[-1])[start:stop]

    def detached(self) -> DatasetDraft:
        """The same draft with values in memory, because what they are computed from may change."""
        whole = np.ascontiguousarray(self.values.read(0, self.shape[-1]))
        return DatasetDraft([whole], attributes=self.attributes, compression=self.compression, chunk=self.chunk)

    def read_chunk(self, offset: tuple[int, ...], chunk: tuple[int, ...]) -> NDArray[np.uint8]:
        """The bytes of one chunk; see `DatasetDraft`."""
        stop = min(offset[-1] + chunk[-1], self.shape[-1])
        box = np.zeros(chunk, self.dtype)
        box[..., : stop - offset[-1]] = self.values.read(offset[-1], stop)
        return box.reshape(-1).view(np.uint8)


def text_dataset(text: bytes, attributes: Mapping[str, AttributeValue] | None = None) -> DatasetDraft:
    """A text in UTF-8 without NUL, such as JSON, as a one-dimensional dataset of rows, which viewers show as text.

    A row ends after the end of a list or mapping of JSON if there is one, else after a comma, else between characters.
    """
    rows, start = [], 0
    while len(text) - start > layout.ROW_BYTES:
        first, stop = start + _LEAST_ROW_BYTES, start + layout.ROW_BYTES
        end = max(text.rfind(b"},", first, stop), text.rfind(b"],", first, stop)) + 2
        if end == 1:
            end = text.rfind(b",", first, stop) + 1 or stop
        while text[end] & 0xC0 == 0x80:
            end -= 1
        rows.append(text[start:end])
        start = end
    return DatasetDraft([np.array([*rows, text[start:]])], attributes=attributes or {})


def lines_dataset(text: str) -> DatasetDraft:
    """A page of ASCII text as a one-dimensional dataset of its lines, filled with spaces, which viewers show as rows.

    A long line goes on in the next row.
    """
    lines = (
        textwrap.wrap(line, layout.LINE_LENGTH, drop_whitespace=False, break_on_hyphens=False) or [""]
        for line in text.splitlines()
    )
    return rows_dataset([row.encode("ascii") for rows in lines for row in rows])


def rows_dataset(rows: Sequence[bytes]) -> DatasetDraft:
    """Rows of text as a dataset, filled up with spaces, because ``h5dump`` prints each NUL that fills a row."""
    width = max(map(len, rows))
    return DatasetDraft([np.array([row.ljust(width) for row in rows], f"S{width}")])


def bytes_dataset(data: bytes, attributes: Mapping[str, AttributeValue] | None = None) -> DatasetDraft:
    """Bytes as a one-dimensional ``uint8`` dataset."""
    return DatasetDraft([np.frombuffer(data, np.uint8)], attributes=attributes or {})


def split_long(
    attributes: Mapping[str, AttributeValue],
) -> tuple[dict[str, AttributeValue], dict[str, DatasetDraft]]:
    """Splits attributes into those that are stored as attributes, and datasets that hold texts too long for that."""
    short: dict[str, AttributeValue] = {}
    long: dict[str, DatasetDraft] = {}
    for name, value in attributes.items():
        if isinstance(value, str) and len(value) * 4 > layout.MAX_TEXT_ATTRIBUTE_BYTES:
            data = attribute_array(value).tobytes()
            if len(data) > layout.MAX_TEXT_ATTRIBUTE_BYTES:
                long[layout.LONG_PREFIX + name] = text_dataset(data)
                continue
        short[name] = value
    return short, long


@dataclass(frozen=True)
class GroupDraft:
    """A group to be written.

    Attributes:
        attributes: Attributes of the group.
        datasets: Datasets in the group, by name.
        groups: Groups in the group, by name.
        objects: Shared objects that the group links to, by name of the link.
        links: Datasets of the same run that the group links to: name of the dataset, by name of the link.
        mutable: Whether the group is left out of the digest of the immutable core; it then gets a digest of its own.
        absent: Digests of datasets that the group of a run lacks, which the digest of the run counts, by name.
        room: Room in its header for members that are added later, in bytes.
    """

    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    datasets: Mapping[str, DatasetDraft] = field(default_factory=dict)
    groups: Mapping[str, GroupDraft] = field(default_factory=dict)
    objects: Mapping[str, ObjectDraft] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    mutable: bool = False
    absent: Mapping[str, str] = field(default_factory=dict)
    room: int = 0


@dataclass(frozen=True)
class ObjectDraft:
    """A shared object: a group that is written once and linked from each run that needs it.

    Attributes:
        kind: Kind of the object, such as ``circuits``; a part of its path.
        attributes: Attributes of the group.
        datasets: Datasets in the group, by name. Their parts must not change any more.
        objects: Shared objects that this object links to, by name of the link.
        view: Function that makes what people see of the object, a mutable group, or ``None``. It is no part of the
            digest, and is made only if the object is not in the file yet.
    """

    kind: str
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    datasets: Mapping[str, DatasetDraft] = field(default_factory=dict)
    objects: Mapping[str, ObjectDraft] = field(default_factory=dict)
    view: Callable[[], GroupDraft] | None = field(default=None, compare=False)

    def content(self) -> GroupDraft:
        """The group of the object, with its view."""
        groups = {} if self.view is None else {layout.VIEW: self.view()}
        return GroupDraft({**self.attributes, "object": self.path}, self.datasets, groups, self.objects)

    @cached_property
    def digest(self) -> str:
        """The digest of the content, which names the object: equal content gives an equal digest."""
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
        """Size of the values of this object and of all objects that it links, before compression, in bytes."""
        return sum(d.nbytes for d in self.datasets.values()) + sum(o.nbytes for o in self.objects.values())

    @property
    def path(self) -> str:
        """The path of the object in every project."""
        return f"{layout.OBJECTS}/{self.kind}/{self.digest[:2]}/{self.digest}"


class ContentDigest:
    """Computes the digest that names an object: attributes, then datasets, then links, each in order of name.

    Args:
        kind: Kind of the object.
    """

    def __init__(self, kind: str) -> None:
        self._hash = hashlib.sha256(kind.encode())

    def attribute(self, name: str, value: NDArray[Any]) -> None:
        """Adds an attribute."""
        self._hash.update(attribute_piece(name, value))

    def dataset(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        """Adds dtype and shape of a dataset; `data` adds its values next."""
        self._hash.update(f"|{name}|{dtype.descr}|{shape}|".encode())

    def data(self, values: NDArray[Any]) -> None:
        """Adds values of the dataset, a C-contiguous array."""
        self._hash.update(values.reshape(-1).view(np.uint8).data)

    def link(self, name: str, digest: str) -> None:
        """Adds a link to another object; called after all datasets."""
        self._hash.update(f"|>{name}|{digest}|".encode())

    def hexdigest(self) -> str:
        """The digest, as `aerchive.layout.OBJECT_DIGEST_LENGTH` hexadecimal digits."""
        return self._hash.hexdigest()[: layout.OBJECT_DIGEST_LENGTH]
