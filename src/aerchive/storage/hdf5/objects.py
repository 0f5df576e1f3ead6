"""Shared objects, found by a link to them: which they say they are, and whether they are."""

from __future__ import annotations

import re

from aerchive import layout
from aerchive.errors import FormatError, IntegrityError, NotFoundError
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.hdf5.errors import hdf5_errors
from aerchive.storage.hdf5.kept_group import KeptGroup
from aerchive.storage.hdf5.reader import HDF5Group

_PATH = re.compile(
    rf"{layout.OBJECTS}/[a-z_]{{1,32}}/([0-9a-f]{{2}})/(?=\1)[0-9a-f]{{{layout.OBJECT_DIGEST_LENGTH}}}\Z"
)


def is_object_path(path: str) -> bool:
    """Whether a path is one of those under which shared objects are stored."""
    return _PATH.match(path) is not None


def object_path(group: GroupReader) -> str:
    """The path under which an object is stored, as it says itself.

    Args:
        group: Of the object, reached by any link.

    Raises:
        FormatError: It is not a shared object.
    """
    path = group.attribute("object")
    if not isinstance(path, str) or not _PATH.match(path):
        raise FormatError(f"{group.where()}: is not a shared object; its path would be {path!r}")
    return path


def linked_digest(group: HDF5Group, name: str, root: HDF5Group) -> str:
    """The digest of an object that a run or another object links.

    Args:
        group: Of the run or object.
        name: Of the link.
        root: Of the file.

    Raises:
        FormatError: The link does not lead to a shared object.
        IntegrityError: It leads to one that is not among the project's.
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
    """The digests of objects that many runs of one file link: each is looked up once, by its address."""

    def __init__(self) -> None:
        self._digests: dict[int, str] = {}

    def digest(self, group: KeptGroup, name: str, root: HDF5Group) -> str:
        """As `linked_digest` does.

        Args:
            group: Of the run or object.
            name: Of the link.
            root: Of the file.
        """
        member = group.members()[name]
        if member.address not in self._digests or not member.is_hard:
            self._digests[member.address] = linked_digest(group, name, root)
        return self._digests[member.address]
