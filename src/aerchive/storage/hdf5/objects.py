"""Shared objects reached by a link: the path that an object states, and a check that the object is stored there."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aerchive import layout
from aerchive.errors import FormatError, IntegrityError, NotFoundError, UnsafeContentError
from aerchive.storage.chunks.drafts import ContentDigest
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.hdf5.cached_group import CachedGroup
from aerchive.storage.hdf5.errors import hdf5_errors
from aerchive.storage.hdf5.nodes import is_rewritten
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.medium.interrupts import check_interrupt

MAX_DEPTH = 2
"""Deepest chain of links between objects: a target links the circuits of its operations, which link their arrays."""

_PATH = re.compile(
    rf"{layout.OBJECTS}/[a-z_]{{1,32}}/([0-9a-f]{{2}})/(?=\1)[0-9a-f]{{{layout.OBJECT_DIGEST_LENGTH}}}\Z"
)


_ATTACHMENT = re.compile(r"[!-~](?:[ -~]{0,126}[!-~])?\Z")


def is_attachment_name(name: str) -> bool:
    """Whether a text may be the name of an attachment, which is the name of its group."""
    return (
        _ATTACHMENT.match(name) is not None
        and not any(sign in name for sign in "/\\")
        and not name.startswith((".", layout.LONG_PREFIX))
        and not name.endswith(layout.CHECKSUMS_SUFFIX)
    )


def is_object_path(path: str) -> bool:
    """Whether a path has the form of the path of a shared object."""
    return _PATH.match(path) is not None


def object_path(group: GroupReader) -> str:
    """The path under which a shared object is stored, from its attribute ``object``.

    Args:
        group: The object's group, reached by any link.

    Raises:
        FormatError: The group is not a shared object.
    """
    path = group.attribute("object")
    if not isinstance(path, str) or not _PATH.match(path):
        raise FormatError(f"{group.where()}: is not a shared object; its path would be {path!r}")
    return path


def owner_within(group: HDF5Group, owner: str) -> str:
    """The owner in the checksums of the datasets of a group: an attachment has a UUID of its own.

    Args:
        group: A group of a run, of a shared object, or of the project's attachments.
        owner: UUID of the run, or path of the shared object.
    """
    own = group.attribute(layout.ATTACHMENT_UUID)
    return own if isinstance(own, str) else owner


def content_digest(group: CachedGroup, links: Sequence[str], root: HDF5Group, depth: int = 0) -> str:
    """The digest of the content of a shared object, whose datasets are read chunk by chunk.

    Args:
        group: The object's group, which states its path.
        links: Names of its links to other objects.
        root: Root group of the file.
        depth: As for `linked_digest`.
    """
    path = object_path(group)
    content = ContentDigest(path.split("/")[1])
    for name, value in group.raw_attributes().items():
        if name != "object":
            content.attribute(name, value)
    for name in group.names():
        if name not in (*links, layout.VIEW) and not name.endswith(layout.CHECKSUMS_SUFFIX):
            plan = group.plan(name, path)
            content.dataset(name, plan.dtype, plan.selection.shape)
            for values in plan.parts(group.fd):
                check_interrupt()
                content.data(values)
    for name in links:
        content.link(name, linked_digest(group, name, root, depth))
    return content.hexdigest()


def linked_digest(group: HDF5Group, name: str, root: HDF5Group, depth: int = 0) -> str:
    """The digest of a shared object that a run or another object links to.

    Args:
        group: Group of the run or object that has the link.
        name: Name of the link.
        root: Root group of the file.
        depth: Number of objects through which the link was reached whose content was read, because another program has
            copied them for each run.

    Raises:
        FormatError: The link does not lead to a shared object.
        IntegrityError: The object is not stored at the path that it states.
        UnsafeContentError: The chain of copied objects is too long.
    """
    target = group.group(name)
    path = object_path(target)
    try:
        there = root.group(path)
    except NotFoundError:
        is_there = False
    else:
        with hdf5_errors(there.where()):
            is_there = there.gid == target.gid
    digest = path.rpartition("/")[2]
    if not is_there and is_rewritten(target.gid, target.where()):
        if depth > MAX_DEPTH:
            raise UnsafeContentError(f"{target.where()}: objects link objects more than {MAX_DEPTH} deep")
        copy = CachedGroup.of(target)
        links = [inner for inner in copy.names() if inner != layout.VIEW and copy.is_group(inner)]
        is_there = content_digest(copy, links, root, depth + 1) == digest
    if not is_there:
        raise IntegrityError(f"{group.where(name)}: says that it is /{path}, and is not; restore it from a copy")
    return digest


class LinkedObjects:
    """The digests of the shared objects of one file, each looked up once and kept by its address."""

    def __init__(self) -> None:
        self._digests: dict[int, str] = {}

    def digest(self, group: CachedGroup, name: str, root: HDF5Group) -> str:
        """The digest of a linked object, as `linked_digest` returns it.

        Args:
            group: Group of the run or object that has the link.
            name: Name of the link.
            root: Root group of the file.
        """
        member = group.members()[name]
        if member.address not in self._digests or not member.is_hard:
            self._digests[member.address] = linked_digest(group, name, root)
        return self._digests[member.address]
