"""Groups that keep what was read of them, for operations that read the same nodes several times."""

from __future__ import annotations

from typing import Any

from h5py import h5g
from numpy.typing import NDArray

from aerchive.errors import IntegrityError, NotFoundError, UnsafeContentError
from aerchive.limits import limits, over_limit
from aerchive.storage.chunks.drafts import AttributeValue
from aerchive.storage.hdf5.attributes import decode_attribute, decode_attributes, read_raw_attributes
from aerchive.storage.hdf5.nodes import Dataset, Member, array_of, info_of, members_of, open_node
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.medium.interrupts import check_interrupt


class CachedGroup(HDF5Group):
    """A group that does not change while it is in use: HDF5 is called once for each node and for all attributes."""

    def __init__(self, gid: h5g.GroupID, fd: int, path: str, file: str) -> None:
        super().__init__(gid, fd, path, file)
        self._members: dict[str, Member] | None = None
        self._raw: dict[str, NDArray[Any]] | None = None
        self._nodes: dict[str, Any] = {}
        self._arrays: dict[str, Dataset] = {}
        self._groups: dict[str, CachedGroup] = {}

    @classmethod
    def of(cls, group: HDF5Group) -> CachedGroup:
        """A `CachedGroup` for the same group."""
        return cls(group.gid, group.fd, group.path, group.file)

    def address(self, name: str) -> int:
        """See `HDF5Group.address`."""
        member = self.members().get(name)
        return member.address if member is not None and member.is_hard else super().address(name)

    def members(self) -> dict[str, Member]:
        """The links in the group by name, in order of name."""
        if self._members is None:
            check_interrupt()
            self._members = members_of(self.gid, self.where())
        return self._members

    def __contains__(self, name: str) -> bool:
        return name in self.members()

    def open(self, name: str) -> Any:
        """Opens a member of the group, or returns it if it is already open.

        Raises:
            NotFoundError: There is no member of this name.
            UnsafeContentError: The member is a soft or external link.
            IntegrityError: The member is damaged.
        """
        node = self._nodes.get(name)
        if node is None:
            if (member := self.members().get(name)) is None:
                raise NotFoundError(f"{self.where(name)}: no such node")
            check_interrupt()
            node = self._nodes[name] = open_node(self.gid, name, self.where(name), member)
        return node

    def is_group(self, name: str) -> bool:
        """See `HDF5Group.is_group`."""
        return isinstance(self.open(name), h5g.GroupID)

    def open_array(self, name: str) -> Dataset:
        """See `HDF5Group.open_array`."""
        if name not in self._arrays:
            self._arrays[name] = array_of(self.open(name), self.where(name))
        return self._arrays[name]

    def group(self, path: str) -> CachedGroup:
        """See `HDF5Group.group`."""
        name, _, rest = path.partition("/")
        if name not in self._groups:
            node = self.open(name)
            if not isinstance(node, h5g.GroupID):
                raise IntegrityError(f"{self.where(name)}: is a dataset, not a group")
            self._groups[name] = CachedGroup(node, self.fd, f"{self.path}/{name}" if self.path else name, self.file)
        return self._groups[name].group(rest) if rest else self._groups[name]

    def raw_attributes(self) -> dict[str, NDArray[Any]]:
        """See `aerchive.storage.hdf5.attributes.read_raw_attributes`."""
        if self._raw is None:
            self._raw = read_raw_attributes(self.gid, self.where())
        return self._raw

    def _short_attributes(self) -> dict[str, AttributeValue]:
        return decode_attributes(self.raw_attributes(), self.where())

    def attribute(self, name: str) -> AttributeValue | None:
        """See `HDF5Group.attribute`."""
        if self._raw is None:
            return super().attribute(name)
        value = self._raw.get(name)
        return None if value is None else decode_attribute(value, f"{self.where()}@{name}")


def check_run_nodes(number: int, where: str) -> None:
    """Refuses a run or shared object with too many nodes.

    Args:
        number: The number of nodes, or of the members of one of its groups.
        where: File and path of the node that is looked at, for the message.

    Raises:
        UnsafeContentError: There are more than `aerchive.limits.Limits.run_nodes`.
    """
    if number > limits().run_nodes:
        raise over_limit(where, "run_nodes", f"its run has more than {limits().run_nodes} nodes")


def check_attachments(number: int, where: str) -> None:
    """Refuses a run, or a project, with too many attachments.

    Args:
        number: The number of attachments.
        where: File and path of their group, for the message.

    Raises:
        UnsafeContentError: There are more than `aerchive.limits.Limits.attachments`.
    """
    if number > limits().attachments:
        raise over_limit(where, "attachments", f"it has {number} attachments")


class VisitedNodes:
    """The nodes that walks through runs have visited: each has one link, or walks would not end, or take too long."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._of_walk: dict[str, set[int]] = {}
        """Addresses of the nodes of each walk, by path of the run."""
        self._now: set[int] = set()

    def begin(self, group: HDF5Group) -> None:
        """Begins a walk through a run or object with its own group; a new walk may visit the nodes of an old one."""
        self.forget(group.path)
        self._now = self._of_walk[group.path] = set()
        self._add(info_of(group.gid, group.where()).address, group.where(), group.path)

    def forget(self, path: str) -> None:
        """Forgets the nodes of the walk through a run."""
        self._known -= self._of_walk.pop(path, set())

    def add(self, group: HDF5Group, *, is_shared: bool = False) -> None:
        """Notes a group.

        Args:
            group: The group.
            is_shared: Whether it is a shared object, which may have many links.

        Raises:
            UnsafeContentError: The group has another link, or was visited before, or lies deeper than
                `aerchive.limits.Limits.depth`, or is one too many for `aerchive.limits.Limits.run_nodes`.
        """
        info = info_of(group.gid, group.where())
        if info.links > 1 and not is_shared:
            raise _linked_twice(group.where())
        self._add(info.address, group.where(), group.path)

    def add_member(self, group: CachedGroup, name: str) -> None:
        """Notes a member of a visited group.

        Raises:
            UnsafeContentError: The member was visited before, is a soft or external link, lies too deep, or is one too
                many.
        """
        self._add(group.address(name), group.where(name), f"{group.path}/{name}")

    def _add(self, address: int, where: str, path: str) -> None:
        if address in self._known:
            raise _linked_twice(where)
        if path.count("/") > limits().depth:
            raise over_limit(where, "depth", "the node lies deeper")
        check_run_nodes(len(self._now) + 1, where)
        self._known.add(address)
        self._now.add(address)


def _linked_twice(where: str) -> UnsafeContentError:
    return UnsafeContentError(f"{where}: is linked twice in its run, or contains itself, or belongs to another run")


class Folders:
    """Opens groups by their paths; the parent of the latest one stays open for the next.

    Args:
        root: Root group of the file.
    """

    def __init__(self, root: HDF5Group) -> None:
        self.root = root
        self._path = ""
        self._folder = root

    def group(self, path: str) -> CachedGroup:
        """The group at a path; raises as `HDF5Group.group` does."""
        folder, _, name = path.rpartition("/")
        if folder != self._path:
            self._folder = self.root.group(folder) if folder else self.root
            self._path = folder
        return CachedGroup.of(self._folder.group(name))
