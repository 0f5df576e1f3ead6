"""The folders of a project file, each listed once: those of runs, of shared objects and of deleted runs."""

from __future__ import annotations

from typing import NamedTuple

from aerchive import layout
from aerchive.errors import AerchiveError, IntegrityError, UnsafeContentError
from aerchive.storage.hdf5.nodes import check_foreign, find_member, info_of
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.medium.interrupts import check_interrupt

OURS = frozenset(
    {
        *layout.PAGES,
        *(layout.CATALOGUE, layout.CATALOGUE + layout.CHANGES_SUFFIX, layout.COLUMNS, layout.RUNS, layout.OBJECTS),
        *(layout.ATTACHMENTS, layout.DELETED, layout.DELETIONS, layout.COVER),
    }
)
"""Names of the members of the root that aerchive writes."""
_TWICE = "is linked twice, or contains itself"


class Folder(NamedTuple):
    """A folder of the project file.

    Attributes:
        group: The group.
        names: Names of the members on the last level: runs, shared objects or deleted runs, and what lies among them.
        foreign: Names of the other members, which are no folders.
    """

    group: HDF5Group
    names: list[str]
    foreign: list[str]


def folders_below(
    root: HDF5Group, name: str, depth: int, problems: list[str] | None = None, *, lists_last: bool = True
) -> list[Folder]:
    """Lists a group at the root and the folders in it, level by level.

    Args:
        root: The root group of the file.
        name: Name of the group; the list is empty if there is no such group.
        depth: Number of levels of folders, that of the group included.
        problems: A list for descriptions of folders that cannot be read, and of members that are linked twice; both
            are left out of the result. Without it they raise an error.
        lists_last: Whether to list the members on the last level.

    Raises:
        AerchiveError: There is no list for problems, and there is one; or the group itself cannot be opened.
    """
    found: list[Folder] = []
    level = [root.group(name)] if name in root else []
    known = _ours(root)
    for step in range(depth):
        is_last, inner = step == depth - 1, list[HDF5Group]()
        for group in level:
            folder = Folder(group, [], [])
            found.append(folder)
            try:
                for member in () if is_last and not lists_last else _once(group, known, problems):
                    if is_last:
                        folder.names.append(member)
                        continue
                    try:
                        inner.append(group.group(member))
                    except (IntegrityError, UnsafeContentError):
                        folder.foreign.append(member)
            except AerchiveError as error:
                _report(error, problems)
                found.pop()
        level = inner
    return found


def added_to_root(root: HDF5Group, problems: list[str]) -> list[str]:
    """The names of the members of the root that other programs have added.

    Args:
        root: The root group of the file.
        problems: A list for descriptions of links to nodes of ours, which are left out.

    Raises:
        AerchiveError: The root cannot be listed, or has too many members.
    """
    ours, names = _ours(root), []
    others = {name: member for name, member in root.members().items() if name not in OURS}
    check_foreign(len(others), root.where())
    for name, member in others.items():
        if member.is_hard and member.address in ours:
            problems.append(f"{root.where(name)}: {_TWICE}")
        else:
            names.append(name)
    return names


def _ours(root: HDF5Group) -> set[int]:
    """The addresses of the root and of its members that aerchive writes."""
    members = [find_member(root.gid, name, root.where(name)) for name in OURS]
    return {info_of(root.gid, root.where()).address} | {one.address for one in members if one and one.is_hard}


def _once(group: HDF5Group, known: set[int], problems: list[str] | None) -> list[str]:
    """The names of the members of a group whose nodes are not in ``known`` yet, to which they are added."""
    names = []
    for name, member in group.members().items():
        check_interrupt()
        if member.is_hard and member.address in known:
            _report(UnsafeContentError(f"{group.where(name)}: {_TWICE}"), problems)
            continue
        known.add(member.address)
        names.append(name)
    return names


def _report(error: AerchiveError, problems: list[str] | None) -> None:
    if problems is None:
        raise error
    problems.append(str(error))
