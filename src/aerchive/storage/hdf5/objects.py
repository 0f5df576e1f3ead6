"""Shared objects reached by a link: the path that an object states, and a check that the object is stored there."""

from __future__ import annotations

import re

from aerchive import layout
from aerchive.errors import FormatError, IntegrityError, NotFoundError
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.hdf5.cached_group import CachedGroup
from aerchive.storage.hdf5.errors import hdf5_errors
from aerchive.storage.hdf5.reader import HDF5Group

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


def linked_digest(group: HDF5Group, name: str, root: HDF5Group) -> str:
    """The digest of a shared object that a run or another object links to.

    Args:
        group: Group of the run or object that has the link.
        name: Name of the link.
        root: Root group of the file.

    Raises:
        FormatError: The link does not lead to a shared object.
        IntegrityError: The object is not stored at the path that it states.
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
    if not is_there:
        raise IntegrityError(f"{group.where(name)}: says that it is /{path}, and is not; restore it from a copy")
    return path.rpartition("/")[2]


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
