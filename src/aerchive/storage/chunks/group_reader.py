"""The interface for reading a group of a run, in a project or in a spool."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any

from numpy.typing import NDArray

from aerchive import layout
from aerchive.limits import limits, over_limit
from aerchive.storage.chunks.drafts import AttributeValue
from aerchive.storage.chunks.read_plan import DatasetShape, ReadPlan
from aerchive.storage.medium.known_files import is_foreign


class GroupReader(ABC):
    """A group with its attributes, datasets and groups; valid as long as the session that gave it.

    A run in the project is read from HDF5 (`HDF5Group`), and a run that is still in a spool from the spool file
    (`aerchive.storage.spools.run_group.SpoolGroup`). A reader of a run need not know the difference.

    Args:
        fd: File descriptor of the file, for positioned reads.
        path: Path of the group from the root, without a leading slash.
        file: Name of the file, for messages.
    """

    def __init__(self, fd: int, path: str, file: str) -> None:
        self.fd = fd
        self.path = path
        self.file = file

    def where(self, name: str = "") -> str:
        """The file and the path of the group or of its member, as messages name them."""
        path = "/".join(part for part in (self.path, name) if part)
        return f"{self.file}: /{path}" if path.isprintable() else f"{self.file}: /{path!r}"

    @abstractmethod
    def names(self) -> list[str]:
        """The names of the members of the group, in order of name."""

    @abstractmethod
    def __contains__(self, name: str) -> bool: ...

    @abstractmethod
    def is_group(self, name: str) -> bool:
        """Whether a member is a group; raises `IntegrityError` if it cannot be opened."""

    @abstractmethod
    def attributes(self, owner: str = "") -> dict[str, AttributeValue]:
        """All attributes, also texts that are too long to be stored as HDF5 attributes.

        Args:
            owner: UUID of the run, or path of the shared object, that the group belongs to; a part of the checksums of
                long attributes.

        Raises:
            FormatError: There is an attribute that aerchive never writes.
            IntegrityError: The header of the group is damaged.
        """

    @abstractmethod
    def attribute(self, name: str) -> AttributeValue | None:
        """One attribute, or ``None`` if there is none of this name."""

    @abstractmethod
    def links(self, run: GroupReader) -> dict[str, str]:
        """The members that are links to datasets of a run: name of the dataset, by name of the member.

        Args:
            run: The group of the run, in the same file.
        """

    @abstractmethod
    def group(self, path: str) -> GroupReader:
        """The group at a path below this one.

        Raises:
            NotFoundError: There is no such group.
        """

    def run_uuid(self) -> AttributeValue | None:
        """The UUID of the run that the group is, or was; ``None`` if the group is no run.

        Of a run that was deleted, the group may be left with nothing but this attribute.
        """
        return (self.group(layout.SEAL) if layout.SEAL in self else self).attribute("run_uuid")

    @abstractmethod
    def describe(self, name: str) -> DatasetShape:
        """Shape and dtype of a dataset; none of its values are read."""

    @abstractmethod
    def dataset_attributes(self, name: str, wanted: Collection[str] = ()) -> dict[str, AttributeValue]:
        """The attributes of a dataset.

        Args:
            name: Name of the dataset.
            wanted: The attributes that are read, of which some may be missing. If empty, all.
        """

    @abstractmethod
    def plan(self, name: str, owner: str, key: object = ...) -> ReadPlan:
        """Plans how to read a selection of a dataset, so that it can be read after the session.

        Args:
            name: Name of the dataset.
            owner: UUID of the run, or path of the shared object, that the dataset belongs to; a part of every checksum.
            key: The selection: integers, slices, ``...``, or a tuple of them.
        """

    @abstractmethod
    def digests(self, name: str) -> list[str]:
        """The stored digests of all chunks of a dataset, in row-major order, each of 64 hexadecimal digits."""

    def read(self, name: str, owner: str, key: object = ...) -> NDArray[Any]:
        """Reads a selection of a dataset and verifies its checksums.

        Raises:
            NotFoundError: There is no such dataset.
            IntegrityError: The dataset is damaged.
        """
        return self.plan(name, owner, key).read(self.fd)

    def read_bytes(self, name: str, owner: str) -> bytes:
        """The content of a document: a dataset of bytes or of the rows of a text, as bytes.

        Raises:
            UnsafeContentError: It has more bytes than `aerchive.limits.Limits.document_bytes`.
        """
        return document_of(self.plan(name, owner), self.fd)

    def read_json(self, name: str, owner: str) -> bytes:
        """The content of a document of JSON, as bytes.

        Raises:
            UnsafeContentError: It is too large, or the file is not trusted and the document has more values than
                `aerchive.limits.Limits.document_values`.
        """
        text = self.read_bytes(name, owner)
        if len(text) > limits().document_values:
            values = sum(map(text.count, (b",", b"[", b"{")))  # at most so many; those in texts are counted as well
            if values > limits().document_values and is_foreign(self.fd):
                claim = f"the document has up to {values} values, the file is not trusted"
                raise over_limit(self.where(name), "document_values", claim)
        return text


def document_of(plan: ReadPlan, fd: int) -> bytes:
    """The content of a document, as `GroupReader.read_bytes` returns it: rows of a text are joined.

    Args:
        plan: Plan for reading the whole dataset.
        fd: File descriptor of the file.
    """
    nbytes = math.prod(plan.selection.shape) * plan.dtype.itemsize
    if nbytes > limits().document_bytes:
        raise over_limit(plan.where, "document_bytes", f"the document has {nbytes} bytes")
    data: bytes = plan.read(fd).tobytes()  # the array is freed at once: a document may be large
    return data.replace(b"\0", b"") if plan.dtype.kind == "S" else data
