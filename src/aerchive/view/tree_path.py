"""Finding a node of the file by the keys of its path; each group on the way is opened with all checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from aerchive import layout
from aerchive.errors import NotFoundError
from aerchive.limits import limits, over_limit
from aerchive.storage.hdf5.objects import is_object_path, owner_within
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.view.keys import find_name, key_of, name_of

_OWN = (layout.COVER, layout.ATTACHMENTS)
"""Groups of the project itself; they are owners of their datasets."""


class TreeNode(NamedTuple):
    """A node of the file.

    Attributes:
        group: The group that holds it; of the root, the root itself.
        name: Its name in the group; empty for the root.
        owner: What is a part of the checksums of the datasets in the group: UUID of a run or attachment, or path of a
            shared object.
    """

    group: HDF5Group
    name: str
    owner: str

    @property
    def path(self) -> str:
        """The path from the root."""
        return "/" + "/".join(part for part in (self.group.path, self.name) if part)

    @property
    def is_group(self) -> bool:
        """Whether it is a group."""
        return not self.name or self.group.is_group(self.name)

    def opened(self) -> TreeNode:
        """The group itself, of which the members are then found."""
        if not self.name:
            return self
        inner = self.group.group(self.name)
        return TreeNode(inner, "", _owner_in(inner, self._handed_down))

    @property
    def _handed_down(self) -> str:
        return self.name if not self.group.path and self.name in _OWN else self.owner


def find_node(root: HDF5Group, keys: Sequence[str]) -> TreeNode:
    """Finds a node.

    Args:
        root: The root group.
        keys: The keys of the names of the path.

    Raises:
        NotFoundError: There is no such node.
        UnsafeContentError: It lies too deep, or a link on the way leads out of the file.
        IntegrityError: A group on the way is damaged.
    """
    node = TreeNode(root, "", str(root.attribute("project_uuid")))
    for number, key in enumerate(keys):
        if number > limits().depth:
            raise over_limit(node.group.where(), "depth", "the node lies deeper")
        if not node.is_group:
            raise NotFoundError(f"{node.group.where(node.name)}: is a dataset, which has no members")
        folder = node.opened()
        node = folder._replace(name=_member(folder.group, key))
    return node


def address_of(path: str) -> str:
    """The address of a node of this path, without its end."""
    return "/".join(["tree", *(key_of(name) for name in path.split("/") if name)])


def _member(group: HDF5Group, key: str) -> str:
    name = name_of(key)
    if name is None:
        return find_name(key, group.names())
    if name not in group:
        raise NotFoundError(f"{group.where(name)}: no such node")
    return name


def _owner_in(group: HDF5Group, owner: str) -> str:
    path = group.attribute("object")
    if isinstance(path, str) and is_object_path(path):
        return path
    run_uuid = group.run_uuid()
    return run_uuid if isinstance(run_uuid, str) else owner_within(group, owner)
