"""Makes drafts of stored nodes, so that a run can be written into another project without being held in memory."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import FormatError, UnsafeContentError
from aerchive.filters.profiles import Codec
from aerchive.storage.chunks.checksums import DIGESTS
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, GroupDraft, ObjectDraft, PackedChunk
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.read_plan import ReadPlan
from aerchive.storage.hdf5.objects import object_path

_MADE_ANEW = frozenset({"crc32", *DIGESTS, "core_sha256", "object"})
"""Attributes that the writer computes from the content."""
_MAX_DEPTH = 2
"""Deepest chain of links between objects: a target links the circuits of its operations, which link their arrays."""


class StoredDataset:
    """A stored dataset as a `PackedDataset`: its chunks are copied as they are, with filters and any rounding.

    Args:
        plan: Plan for reading the whole dataset.
        fd: File descriptor of the file that holds the dataset.
    """

    def __init__(self, plan: ReadPlan, fd: int) -> None:
        self._plan = plan
        self._fd = fd
        self.dtype = plan.stored
        self.chunk = plan.chunk
        self.codec: Codec = plan.codec
        self.digest: str = plan.digest

    def read(self, number: int) -> PackedChunk:
        """See `aerchive.storage.chunks.drafts.PackedDataset`."""
        location = self._plan.locations[number]
        return PackedChunk(location.piece.offset, self._plan.stored_bytes(self._fd, location), location.mask)


class StoredPart:
    """A stored dataset that can be used like an array: each slice is read from the file.

    Args:
        group: The group that holds the dataset; its session must outlive this object.
        name: Name of the dataset.
        owner: UUID of the run, or path of the shared object, that the dataset belongs to; a part of every checksum.
    """

    def __init__(self, group: GroupReader, name: str, owner: str) -> None:
        what = group.describe(name)
        self._group = group
        self._name = name
        self._owner = owner
        self.dtype = what.dtype
        self.shape = what.shape
        self.nbytes = math.prod(what.shape) * what.dtype.itemsize

    def __getitem__(self, key: Any) -> NDArray[Any]:
        return self._group.read(self._name, self._owner, key)

    def reshape(self, *shape: Any) -> NDArray[Any]:
        """All values, in another shape."""
        return np.ascontiguousarray(self[...]).reshape(*shape)


def dataset_drafts(group: GroupReader, owner: str, links: Collection[str] = ()) -> dict[str, DatasetDraft]:
    """The datasets of a group, by name; tables of checksums, parts of attributes, and links are left out."""
    drafts = {}
    for name in group.names():
        if (
            name in links
            or name.endswith(layout.CHECKSUMS_SUFFIX)
            or name.startswith(layout.LONG_PREFIX)
            or group.is_group(name)
        ):
            continue
        part: Any = StoredPart(group, name, owner)
        plan = group.plan(name, owner)
        packed = StoredDataset(plan, group.fd) if plan.values is None else None
        drafts[name] = DatasetDraft([part], attributes=_kept(group.dataset_attributes(name)), packed=packed)
    return drafts


def attachment_drafts(group: GroupReader) -> dict[str, GroupDraft]:
    """The attachments of a run, by name.

    Args:
        group: The group of the run.

    Raises:
        FormatError: One of them is not an attachment.
    """
    if layout.ATTACHMENTS not in group or not group.is_group(layout.ATTACHMENTS):
        return {}
    folder, drafts = group.group(layout.ATTACHMENTS), {}
    for name in folder.names():
        one = folder.group(name)
        attributes = _kept(one.attributes())
        owner = attributes.get(layout.ATTACHMENT_UUID)
        if not isinstance(owner, str):
            raise FormatError(f"{one.where()}: is not an attachment")
        drafts[name] = GroupDraft(attributes, dataset_drafts(one, owner), mutable=True)
    return drafts


def view_draft(group: GroupReader, owner: str) -> GroupDraft | None:
    """The plots of a run, or ``None`` if it has none.

    Args:
        group: The group of the run.
        owner: UUID of the run, a part of every checksum.
    """
    if layout.VIEW not in group or not group.is_group(layout.VIEW):
        return None
    view, plots = group.group(layout.VIEW), {}
    for name in view.names():
        one = view.group(name)
        links = one.links(group)
        plots[name] = GroupDraft(_kept(one.attributes(owner)), dataset_drafts(one, owner, links), links=links)
    return GroupDraft(_kept(view.attributes(owner)), groups=plots, mutable=True)


def object_draft(group: GroupReader, known: dict[str, ObjectDraft] | None = None, depth: int = 0) -> ObjectDraft:
    """The draft of a shared object with all objects that it links to.

    Args:
        group: The object's group, reached by a link of a run.
        known: Drafts of objects made before, by path; new ones are added. It avoids reading an object again for each
            run that links to it.
        depth: Number of links to this object from an object that a run links to; 0 for that object itself.

    Raises:
        FormatError: The group is not a shared object.
        UnsafeContentError: The chain of links between objects is too long.
    """
    known, path = {} if known is None else known, object_path(group)
    if depth > _MAX_DEPTH:
        raise UnsafeContentError(f"{group.where()}: objects link objects more than {_MAX_DEPTH} deep")
    if path not in known:
        links = [name for name in group.names() if group.is_group(name)]
        objects = {name: object_draft(group.group(name), known, depth + 1) for name in links}
        attributes, datasets = _kept(group.attributes(path)), dataset_drafts(group, path)
        known[path] = ObjectDraft(path.split("/")[1], attributes, datasets, objects)
    return known[path]


def _kept(attributes: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if name not in _MADE_ANEW}
