"""The space that the nodes of an open project take in its file, separately for headers and data."""

from __future__ import annotations

from typing import Any, NamedTuple

from h5py import h5d, h5g, h5l, h5o

from aerchive import layout
from aerchive.storage.hdf5.attributes import read_attribute
from aerchive.storage.hdf5.errors import hdf5_errors
from aerchive.storage.hdf5.reader import HDF5Group


class DatasetSize(NamedTuple):
    """The size of one dataset.

    Attributes:
        name: Name of the dataset in its group.
        stored_bytes: Size of the values in the file, in bytes.
        nbytes: Size of the values before compression, in bytes.
    """

    name: str
    stored_bytes: int
    nbytes: int


class GroupSize(NamedTuple):
    """The size of a group and all nodes below it, without shared objects.

    Attributes:
        structure_bytes: Size of headers with their attributes, of indexes and of tables of checksums, in bytes.
        datasets: Sizes of the datasets.
        objects: Paths of the shared objects that the group links to.
    """

    structure_bytes: int
    datasets: list[DatasetSize]
    objects: list[str]

    @property
    def stored_bytes(self) -> int:
        """Size of structure and values together, in bytes."""
        return self.structure_bytes + sum(dataset.stored_bytes for dataset in self.datasets)


def measure_group(group: HDF5Group, shared: dict[int, str] | None = None) -> GroupSize:
    """Measures a group with all nodes below it; only headers are read.

    Args:
        group: The group.
        shared: Paths of shared objects found before in the same file, by address; new ones are added to it.

    Raises:
        AerchiveError: The group is damaged.
    """
    known = {} if shared is None else shared
    structure, datasets, objects = structure_bytes(group), [], []
    beneath: list[bytes] = []
    """Prefixes of the paths of all nodes below shared objects."""
    nodes: list[tuple[bytes, _Node]] = []
    with hdf5_errors(group.where()):
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
            known[node.address] = _object_path(group, name)
        if node.links > 1 and known[node.address]:
            objects.append(known[node.address])
            beneath.append(name + b"/")
            continue
        structure += node.header_bytes
    return GroupSize(structure, datasets, objects)


def _object_path(group: HDF5Group, path: bytes) -> str:
    """The path at which a node is stored as a shared object, from its attribute; empty if it is not a shared object."""
    where = group.where(path.decode("utf-8", "backslashreplace"))
    with hdf5_errors(where):
        node = h5o.open(group.gid, path)
    found = read_attribute(node, "object", where)
    return "" if found is None else str(found)


class _Node(NamedTuple):
    """Facts about a node that HDF5 gives without opening it.

    Attributes:
        kind: HDF5's type of the node, such as ``h5o.TYPE_DATASET``.
        address: Address of the node in the file.
        links: Number of hard links to the node.
        header_bytes: Size of the header and the indexes of the node, in bytes.
    """

    kind: int
    address: int
    links: int
    header_bytes: int

    @classmethod
    def of(cls, info: Any) -> _Node:
        return cls(info.type, info.addr, info.rc, _header_bytes(info))


def measure_table(group: HDF5Group, name: str) -> int:
    """The size of a table with its header, in bytes; tables are not compressed."""
    dsid = group.open_dataset(name)
    with hdf5_errors(group.where(name)):
        return int(dsid.get_storage_size()) + _header_bytes(h5o.get_info(dsid))


def measure_foreign(group: HDF5Group, name: str) -> int:
    """The size of a member that is not of this format, with all nodes below it, in bytes; 0 unless a hard link."""
    total = 0

    def add(inner: bytes) -> None:
        nonlocal total
        found = h5o.open(node, inner)
        total += _header_bytes(h5o.get_info(found))
        if isinstance(found, h5d.DatasetID):
            total += int(found.get_storage_size())

    key = name.encode()
    with hdf5_errors(group.where(name)):
        if group.gid.links.get_info(key).type != h5l.TYPE_HARD:
            return 0
        node = h5o.open(group.gid, key)
        add(b".")
        if isinstance(node, h5g.GroupID):
            h5o.visit(node, add)
    return total


def structure_bytes(group: HDF5Group) -> int:
    """The size of the header and the indexes of a group, without its members, in bytes."""
    with hdf5_errors(group.where()):
        return _header_bytes(h5o.get_info(group.gid))


def _measure_dataset(group: HDF5Group, path: bytes, node: _Node) -> tuple[DatasetSize, int]:
    name = path.decode("utf-8", "backslashreplace")
    with hdf5_errors(group.where(name)):
        dsid = h5d.open(group.gid, path)
        stored_bytes = int(dsid.get_storage_size())
        is_inside = dsid.get_create_plist().get_layout() == h5d.COMPACT
        nbytes = int(dsid.get_space().get_simple_extent_npoints()) * int(dsid.get_type().get_size())
    extra = node.header_bytes - (stored_bytes if is_inside else 0)  # compact values are in the header
    return DatasetSize(name.rpartition("/")[2], stored_bytes, nbytes), extra


def _header_bytes(info: Any) -> int:
    indexes = [info.meta_size.obj, info.meta_size.attr]
    return int(info.hdr.space.total) + sum(int(index.index_size) + int(index.heap_size) for index in indexes)
