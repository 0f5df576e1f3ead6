"""Stored nodes as drafts again, so that a run can be written into another project without being held in memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import UnsafeContentError
from aerchive.filters.profiles import Codec
from aerchive.storage.chunks.checksums import DIGESTS
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, ObjectDraft, PackedChunk
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.read_plan import ReadPlan
from aerchive.storage.hdf5.objects import object_path

_MADE_ANEW = frozenset({"crc32", *DIGESTS, "core_sha256", "object"})
"""Attributes that the writer makes from the content."""
_MAX_DEPTH = 2
"""A target links the circuits of its operations, and those link their arrays."""


class StoredDataset:
    """The chunks of a stored dataset, as they are: checksums, filters and what was lost go with them.

    Args:
        plan: Of all of it.
        fd: The file it is in.
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
        place = self._plan.places[number]
        return PackedChunk(place.piece.offset, self._plan.stored_bytes(self._fd, place), place.mask)


class StoredPart:
    """A stored dataset in the place of an array: what is sliced is read.

    Args:
        group: Where the dataset is; its session must outlive this object.
        name: Of the dataset.
        owner: Whose it is, for checksums.
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


def dataset_drafts(group: GroupReader, owner: str) -> dict[str, DatasetDraft]:
    """The datasets of a group, by name; tables of checksums and parts of attributes are left out."""
    drafts = {}
    for name in group.names():
        if name.endswith(layout.CHECKSUMS_SUFFIX) or name.startswith(layout.LONG_PREFIX) or group.is_group(name):
            continue
        part: Any = StoredPart(group, name, owner)
        plan = group.plan(name, owner)
        packed = StoredDataset(plan, group.fd) if plan.values is None else None
        drafts[name] = DatasetDraft([part], attributes=_kept(group.dataset_attributes(name)), packed=packed)
    return drafts


def object_draft(group: GroupReader, known: dict[str, ObjectDraft] | None = None, depth: int = 0) -> ObjectDraft:
    """A shared object with all that it links, found through a run's link to it.

    Args:
        group: Of the object.
        known: Those met before, by path; completed. With many runs it saves reading what they share for each.
        depth: How many links lead to it from an object that a run links.

    Raises:
        FormatError: It is not a shared object.
        UnsafeContentError: Objects link objects without end.
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
