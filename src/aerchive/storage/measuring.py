"""What the nodes of an open project take in its file, headers and data apart."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from h5py import h5d, h5g, h5o

from aerchive import layout
from aerchive.storage.arrays import describe_dataset
from aerchive.storage.border import hdf5_errors
from aerchive.storage.reader import HDF5Group


class DatasetSize(NamedTuple):
    """What one dataset takes.

    Attributes:
        name: Of the dataset.
        stored_bytes: Its values in the file.
        nbytes: The same, before compression.
    """

    name: str
    stored_bytes: int
    nbytes: int


class GroupSize(NamedTuple):
    """What a group and all below it take; shared objects are not among it.

    Attributes:
        structure_bytes: Headers with their attributes, indexes, checksums.
        datasets: The values.
        objects: Paths of the shared objects that are linked.
    """

    structure_bytes: int
    datasets: list[DatasetSize]
    objects: list[str]

    @property
    def stored_bytes(self) -> int:
        """All of it."""
        return self.structure_bytes + sum(dataset.stored_bytes for dataset in self.datasets)


def measure_group(group: HDF5Group) -> GroupSize:
    """Measures a group with all that it has, nothing of it being read but headers.

    Raises:
        AerchiveError: It is damaged.
    """
    structure, datasets, objects = structure_bytes(group), [], []
    for name in group.names():
        if not group.is_group(name):
            size, extra = _measure_dataset(group, name)
            structure += extra
            if name.endswith(layout.CHECKSUMS_SUFFIX):
                structure += size.stored_bytes
            else:
                datasets.append(size)
            continue
        inner = group.group(name)
        shared = inner.attribute("object")
        if shared is not None:
            objects.append(str(shared))
            continue
        below = measure_group(inner)
        structure += below.structure_bytes
        datasets += below.datasets
        objects += below.objects
    return GroupSize(structure, datasets, objects)


def measure_table(group: HDF5Group, name: str) -> int:
    """All that a table takes, its header included, in bytes; it is not filtered as values are."""
    dsid = group.open_dataset(name)
    with hdf5_errors(group.where(name)):
        return int(dsid.get_storage_size()) + _header_bytes(dsid)


def measure_foreign(group: HDF5Group, name: str) -> int:
    """All that a member takes that is not of this format, whatever is in it, in bytes."""
    total = 0

    def add(inner: bytes) -> None:
        nonlocal total
        found = h5o.open(node, inner)
        total += _header_bytes(found)
        if isinstance(found, h5d.DatasetID):
            total += int(found.get_storage_size())

    with hdf5_errors(group.where(name)):
        node = h5o.open(group.gid, name.encode())
        add(b".")
        if isinstance(node, h5g.GroupID):
            h5o.visit(node, add)
    return total


def structure_bytes(group: HDF5Group) -> int:
    """What the header of a group takes, without its members, in bytes."""
    with hdf5_errors(group.where()):
        return _header_bytes(group.gid)


def _measure_dataset(group: HDF5Group, name: str) -> tuple[DatasetSize, int]:
    dsid, where = group.open_dataset(name), group.where(name)
    what = describe_dataset(dsid, where)
    with hdf5_errors(where):
        is_inside = dsid.get_create_plist().get_layout() == h5d.COMPACT
        stored_bytes = int(dsid.get_storage_size())
        extra = _header_bytes(dsid) - (stored_bytes if is_inside else 0)
    return DatasetSize(name, stored_bytes, math.prod(what.shape) * what.dtype.itemsize), extra


def _header_bytes(oid: Any) -> int:
    info: Any = h5o.get_info(oid)
    indexes = [info.meta_size.obj, info.meta_size.attr]
    return int(info.hdr.space.total) + sum(int(index.index_size) + int(index.heap_size) for index in indexes)
