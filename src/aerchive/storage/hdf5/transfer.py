"""Makes drafts of stored nodes, so that a run can be written into another project without being held in memory."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import FormatError, UnsafeContentError
from aerchive.filters.profiles import Codec
from aerchive.limits import limits, over_limit
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, GroupDraft, ObjectDraft, PackedChunk
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.read_plan import ReadPlan, value_dtype
from aerchive.storage.chunks.rewritten import RewrittenPlan
from aerchive.storage.hdf5.objects import MAX_DEPTH, object_path

_MADE_ANEW = layout.STORAGE_ATTRIBUTES | {"core_sha256", "sha256", "object"}
"""Attributes that the writer computes from the content."""


class StoredDataset:
    """A stored dataset as a `PackedDataset`: its chunks are copied as they are, with filters and any rounding.

    Args:
        plan: Plan for reading the whole dataset.
        digests: Digests of the chunks, which their copies keep.
        fd: File descriptor of the file that holds the dataset.
    """

    def __init__(self, plan: ReadPlan, digests: Sequence[str], fd: int) -> None:
        self._plan = plan
        self._digests = digests
        self._fd = fd
        self.dtype = plan.stored
        self.chunk = plan.chunk
        self.codec: Codec = plan.codec

    def read(self, number: int) -> PackedChunk:
        """See `aerchive.storage.chunks.drafts.PackedDataset`."""
        location = self._plan.locations[number]
        return PackedChunk(self._plan.stored_bytes(self._fd, location), location.mask, self._digests[number])


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
        self.dtype = value_dtype(what.dtype, group.dataset_attributes(name).get("dtype"))
        self.shape = what.shape
        self.nbytes = math.prod(what.shape) * self.dtype.itemsize

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
        attributes, packed, chunk = _kept(group.dataset_attributes(name)), None, None
        if isinstance(plan, RewrittenPlan):
            chunk = plan.chunk
        elif plan.values is None:
            packed = StoredDataset(plan, group.digests(name), group.fd)
        drafts[name] = DatasetDraft([part], attributes=attributes, packed=packed, chunk=chunk)
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
        owner = one.attribute(layout.ATTACHMENT_UUID)
        if not isinstance(owner, str):
            raise FormatError(f"{one.where()}: is not an attachment")
        drafts[name] = group_draft(one, owner)
    return drafts


def group_draft(group: GroupReader, owner: str, holder: GroupReader | None = None, depth: int = 0) -> GroupDraft:
    """The draft of any group of a run or object, with all that is in it.

    Args:
        group: The group.
        owner: UUID of the run or attachment, or path of the object; a part of every checksum.
        holder: The group of the run, to whose datasets the group may have links; ``None``: it may have none.
        depth: Number of groups between this one and the first.

    Raises:
        UnsafeContentError: Groups are nested too deeply.
    """
    if depth > limits().depth:
        raise over_limit(group.where(), "depth", "the group lies deeper")
    attributes = group.attributes(owner)
    links = {} if holder is None else group.links(holder)
    inner = [name for name in group.names() if group.is_group(name)]
    groups = {name: group_draft(group.group(name), owner, holder, depth + 1) for name in inner}
    datasets = dataset_drafts(group, owner, links)
    return GroupDraft(_kept(attributes), datasets, groups, links=links, mutable="sha256" in attributes)


def view_draft(group: GroupReader, owner: str) -> GroupDraft | None:
    """The plots of a run, or ``None`` if it has none.

    Args:
        group: The group of the run.
        owner: UUID of the run, a part of every checksum.
    """
    has_view = layout.VIEW in group and group.is_group(layout.VIEW)
    return _view_draft(group.group(layout.VIEW), owner, group) if has_view else None


def _view_draft(view: GroupReader, owner: str, holder: GroupReader | None = None) -> GroupDraft:
    return dataclasses.replace(group_draft(view, owner, holder), mutable=True)  # in a spool it has no digest yet


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
    if depth > MAX_DEPTH:
        raise UnsafeContentError(f"{group.where()}: objects link objects more than {MAX_DEPTH} deep")
    if path not in known:
        links = [name for name in group.names() if name != layout.VIEW and group.is_group(name)]
        objects = {name: object_draft(group.group(name), known, depth + 1) for name in links}
        attributes, datasets = _kept(group.attributes(path)), dataset_drafts(group, path)
        view = functools.partial(_view_draft, group.group(layout.VIEW), path) if layout.VIEW in group else None
        known[path] = ObjectDraft(path.split("/")[1], attributes, datasets, objects, view)
    return known[path]


def _kept(attributes: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if name not in _MADE_ANEW}
