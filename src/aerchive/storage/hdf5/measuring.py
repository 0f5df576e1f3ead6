"""The space that the nodes of an open project take in its file, separately for headers and data."""

from __future__ import annotations

from typing import Any, NamedTuple

from h5py import h5d, h5g

from aerchive import layout
from aerchive.errors import AerchiveError, UnsafeContentError
from aerchive.limits import limits, over_limit
from aerchive.storage.hdf5.attributes import read_attribute
from aerchive.storage.hdf5.errors import hdf5_errors
from aerchive.storage.hdf5.nodes import (
    NodeInfo,
    find_member,
    foreign_nodes,
    info_of,
    members_of,
    open_node,
    open_visited,
    visit,
)
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.medium.interrupts import check_interrupt

_MOST_BENEATH = 32
"""The greatest number of nodes below shared objects that HDF5 visits; those of honest runs have fewer."""


class DatasetSize(NamedTuple):
    """The size of one dataset.

    Attributes:
        name: Name of the dataset in its group; ``attachments`` or ``view`` for one in these groups.
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
    for name, node in _visited(group, known):
        if node.is_dataset:
            size, extra = _measure_dataset(group, name, node)
            structure += extra
            if size.name.endswith(layout.CHECKSUMS_SUFFIX):
                structure += size.stored_bytes
            else:
                datasets.append(size)
        elif node.links > 1:
            objects.append(known[node.address])
        else:
            structure += node.header_bytes
    return GroupSize(structure, datasets, objects)


def _visited(group: HDF5Group, known: dict[int, str]) -> list[tuple[bytes, NodeInfo]]:
    """All nodes below a group, without those below shared objects.

    HDF5 visits them, because opening each one would take several times as long; but it visits those below shared
    objects, too, so if they are many, this walks itself.

    Raises:
        UnsafeContentError: The group links to a group that is no shared object, so it may contain itself.
    """
    nodes: list[tuple[bytes, NodeInfo]] = []
    errors: list[AerchiveError] = []
    most, beneath, number_beneath = limits().run_nodes, b"", 0

    def note(name: bytes, info: Any) -> bool | None:
        nonlocal beneath, number_beneath
        check_interrupt()
        if beneath and name.startswith(beneath):
            number_beneath += 1
            return True if number_beneath > _MOST_BENEATH else None
        node = NodeInfo.of(info)
        nodes.append((name, node))
        if node.links > 1 and not node.is_dataset:
            try:
                _note_object(group, name, node, known)
            except AerchiveError as error:  # HDF5 would lose it
                errors.append(error)
                return True
            beneath = name + b"/"
        return True if len(nodes) > most else None

    visit(group.gid, note, group.where())
    if errors:
        raise errors[0]
    if number_beneath > _MOST_BENEATH:
        nodes = _walked(group, known)
    if len(nodes) > most:
        raise over_limit(group.where(), "run_nodes", f"it has more than {most} nodes")
    return nodes


def _note_object(group: HDF5Group, name: bytes, node: NodeInfo, known: dict[int, str]) -> None:
    if node.address not in known:
        where = group.where(name.decode("utf-8", "backslashreplace"))
        path = str(read_attribute(open_visited(group.gid, name, where), "object", where) or "")
        if not path:
            raise UnsafeContentError(f"{where}: links to a group that is no shared object")
        known[node.address] = path


def _walked(group: HDF5Group, known: dict[int, str]) -> list[tuple[bytes, NodeInfo]]:
    """All nodes below a group, as from `_visited`."""
    nodes: list[tuple[bytes, NodeInfo]] = []
    todo, seen = [(group.gid, b"")], {info_of(group.gid, group.where()).address}
    while todo and len(nodes) <= limits().run_nodes:
        parent, path = todo.pop()
        for name, member in members_of(parent, group.where(path.decode("utf-8", "backslashreplace"))).items():
            check_interrupt()
            inside = path + name.encode()
            where = group.where(inside.decode("utf-8", "backslashreplace"))
            if not member.is_hard or member.address in seen:
                continue
            seen.add(member.address)
            opened = open_node(parent, name, where, member)
            node = info_of(opened, where)
            nodes.append((inside, node))
            if node.links > 1 and not node.is_dataset:
                _note_object(group, inside, node, known)
            elif isinstance(opened, h5g.GroupID):
                todo.append((opened, inside + b"/"))
    return nodes


def measure_table(group: HDF5Group, name: str) -> int:
    """The size of a table with its header, in bytes; tables are not compressed."""
    dsid = group.open_table(name).dsid
    return _stored_bytes(dsid, group.where(name)) + info_of(dsid, group.where(name)).header_bytes


def measure_foreign(group: HDF5Group, name: str, known: set[int]) -> int:
    """The size of a member that is not of this format, with all nodes below it, in bytes; 0 unless a hard link.

    Args:
        group: The group.
        name: Name of the member.
        known: Addresses of nodes that were measured before and do not count again; new ones are added.
    """
    member = find_member(group.gid, name, group.where(name))
    if member is None or not member.is_hard:
        return 0
    total = 0
    for node, info in foreign_nodes(group.gid, name, group.where(name), known):
        total += info.header_bytes + (_stored_bytes(node, group.where(name)) if info.is_dataset else 0)
    return total


def structure_bytes(group: HDF5Group) -> int:
    """The size of the header and the indexes of a group, without its members, in bytes."""
    return info_of(group.gid, group.where()).header_bytes


def _measure_dataset(group: HDF5Group, path: bytes, node: NodeInfo) -> tuple[DatasetSize, int]:
    name = path.decode("utf-8", "backslashreplace")
    dsid = open_visited(group.gid, path, group.where(name))
    with hdf5_errors(group.where(name)):
        stored_bytes = int(dsid.get_storage_size())
        is_inside = dsid.get_create_plist().get_layout() == h5d.COMPACT
        nbytes = int(dsid.get_space().get_simple_extent_npoints()) * int(dsid.get_type().get_size())
    extra = node.header_bytes - (stored_bytes if is_inside else 0)  # compact values are in the header
    first = name.partition("/")[0]
    is_kind = first in (layout.ATTACHMENTS, layout.VIEW) and not name.endswith(layout.CHECKSUMS_SUFFIX)
    return DatasetSize(first if is_kind else name.rpartition("/")[2], stored_bytes, nbytes), extra


def _stored_bytes(dsid: h5d.DatasetID, where: str) -> int:
    with hdf5_errors(where):
        return int(dsid.get_storage_size())
