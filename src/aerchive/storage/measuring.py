"""What the nodes of an open project take in its file, headers and data apart."""

from __future__ import annotations

from typing import Any, NamedTuple

from h5py import h5d, h5g, h5l, h5o

from aerchive import layout
from aerchive.storage.attributes import read_attribute
from aerchive.storage.border import hdf5_errors
from aerchive.storage.reader import GroupReader


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


def measure_group(group: GroupReader, shared: dict[int, str] | None = None) -> GroupSize:
    """Measures a group with all that it has, nothing of it being read but headers.

    Args:
        group: The group.
        shared: Paths of shared objects that were met before in the same file, by address; completed here.

    Raises:
        AerchiveError: It is damaged.
    """
    known = {} if shared is None else shared
    structure, datasets, objects = structure_bytes(group), [], []
    beneath: list[bytes] = []
    """What the paths below a shared object begin with."""
    with hdf5_errors(group.where()):
        nodes: list[tuple[bytes, Any]] = []
        h5o.visit(group.gid, lambda name, info: nodes.append((name, _Node.of(info))), info=True)
        for name, node in nodes:
            if any(name.startswith(prefix) for prefix in beneath):
                continue
            if node.kind == h5o.TYPE_DATASET:
                size, extra = _measure_dataset(group, name, node)
                structure += extra
                if size.name.endswith(layout.CHECKSUMS_SUFFIX):
                    structure += size.stored_bytes
                else:
                    datasets.append(size)
                continue
            if node.links > 1 and node.address not in known:
                path = read_attribute(h5g.open(group.gid, name), "object", group.where())
                known[node.address] = "" if path is None else str(path)
            if node.links > 1 and known[node.address]:
                objects.append(known[node.address])
                beneath.append(name + b"/")
                continue
            structure += node.header_bytes
    return GroupSize(structure, datasets, objects)


class _Node(NamedTuple):
    """What HDF5 tells of a node without opening it.

    Attributes:
        kind: Whether it is a group or a dataset.
        address: In the file.
        links: How many lead to it.
        header_bytes: What its header and its indexes take.
    """

    kind: int
    address: int
    links: int
    header_bytes: int

    @classmethod
    def of(cls, info: Any) -> _Node:
        return cls(info.type, info.addr, info.rc, _header_bytes(info))


def measure_table(group: GroupReader, name: str) -> int:
    """All that a table takes, its header included, in bytes; it is not filtered as values are."""
    dsid = group.open_dataset(name)
    with hdf5_errors(group.where(name)):
        return int(dsid.get_storage_size()) + _header_bytes(h5o.get_info(dsid))


def measure_foreign(group: GroupReader, name: str) -> int:
    """All that a member takes that is not of this format, whatever is in it, in bytes."""
    total = 0

    def add(inner: bytes) -> None:
        nonlocal total
        found = h5o.open(node, inner)
        total += _header_bytes(h5o.get_info(found))
        if isinstance(found, h5d.DatasetID):
            total += int(found.get_storage_size())

    with hdf5_errors(group.where(name)):
        if group.gid.links.get_info(name.encode()).type != h5l.TYPE_HARD:
            return 0
        node = h5o.open(group.gid, name.encode())
        add(b".")
        if isinstance(node, h5g.GroupID):
            h5o.visit(node, add)
    return total


def structure_bytes(group: GroupReader) -> int:
    """What the header of a group takes, without its members, in bytes."""
    with hdf5_errors(group.where()):
        return _header_bytes(h5o.get_info(group.gid))


def _measure_dataset(group: GroupReader, name: bytes, node: _Node) -> tuple[DatasetSize, int]:
    dsid = h5d.open(group.gid, name)
    stored_bytes, extra = int(dsid.get_storage_size()), node.header_bytes
    if dsid.get_create_plist().get_layout() == h5d.COMPACT:
        extra -= stored_bytes  # they are in the header
    nbytes = dsid.get_space().get_simple_extent_npoints() * dsid.get_type().get_size()
    return DatasetSize(name.decode("utf-8", "backslashreplace").rpartition("/")[2], stored_bytes, int(nbytes)), extra


def _header_bytes(info: Any) -> int:
    indexes = [info.meta_size.obj, info.meta_size.attr]
    return int(info.hdr.space.total) + sum(int(index.index_size) + int(index.heap_size) for index in indexes)
