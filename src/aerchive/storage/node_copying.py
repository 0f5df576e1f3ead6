"""Groups of one open project into another, byte for byte: headers by HDF5 itself, large data chunk by chunk.

Nothing is compressed or expanded, and nothing of a chunk's checksums changes: they are bound to owner, dataset and
number, which stay. What a group links to (an object) is copied once, and linked again.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o

from aerchive import layout
from aerchive.errors import FormatError, NotFoundError, UnsafeContentError
from aerchive.filters.threads import in_order
from aerchive.storage.arrays import ReadPlan, describe_dataset, plan_read
from aerchive.storage.border import hdf5_errors
from aerchive.storage.interrupts import check_interrupt
from aerchive.storage.objects import object_path
from aerchive.storage.reader import HDF5Group
from aerchive.storage.types import memory_dtype
from aerchive.storage.writer import (
    create_group,
    find_group,
    has_member,
    link,
    move,
    require_group,
    unlink,
    write_attributes,
    write_chunk,
)

_ASIDE = "removed"


class _Chunks(NamedTuple):
    """The chunks of a dataset, still to be copied."""

    target: h5d.DatasetID
    plan: ReadPlan
    chunk_bytes: int


class NodeCopier:
    """Copies into one open project file.

    Args:
        target: Its root.

    Attributes:
        objects: Paths of the shared objects that were copied.
    """

    def __init__(self, target: h5g.GroupID) -> None:
        self._target = target
        self._waiting: list[_Chunks] = []
        self.objects: list[str] = []
        self._number_aside = 0
        self._known: dict[int, str] = {}
        """Path of each shared object that was met, by its address in the source."""

    def copy_run(self, source: HDF5Group) -> int:
        """Copies a run; its chunks follow with `copy_chunks`.

        Args:
            source: The run's group. It gets the same path.

        Returns:
            What is still to be copied of it, in bytes before compression.

        Raises:
            AerchiveError: It is damaged, or has what a project may not have.
        """
        folder, _, name = source.path.rpartition("/")
        already = len(self._waiting)
        self._copy_group(source, require_group(self._target, folder), name, str(source.attribute("run_uuid")))
        return sum(waiting.chunk_bytes * len(waiting.plan.places) for waiting in self._waiting[already:])

    def copy_documents(self, source: HDF5Group) -> None:
        """Brings the small groups of a run that is there already up to date: status, labels, links to objects.

        Args:
            source: The run's group.

        Raises:
            AerchiveError: As `copy_run` does.
        """
        target = find_group(self._target, source.path)
        if target is None:
            raise FormatError(f"{source.where()}: was not copied before")
        with hdf5_errors(target):
            groups = [key for key in target if isinstance(h5o.open(target, key), h5g.GroupID)]
        for key in groups:
            self._put_aside(target, _name(key))
        self._copy_members(source, target, str(source.attribute("run_uuid")))

    def copy_foreign(self, source: HDF5Group, name: str) -> None:
        """Copies a member of the root that is not of this format, whatever it is.

        Args:
            source: The root.
            name: Of the member.
        """
        if name.encode() not in dict(_members(source)):
            raise NotFoundError(f"{source.where(name)}: no such node")
        with hdf5_errors(source.where(name)):
            h5o.copy(source.gid, name.encode(), self._target, name.encode())

    def keep_tombstone(self, source: HDF5Group) -> None:
        """Notes that a run was deleted, without anything of it.

        Args:
            source: Its group among the deleted ones.
        """
        note = create_group(require_group(self._target, layout.DELETED), source.path.rpartition("/")[2])
        write_attributes(note, {"run_uuid": str(source.attribute("run_uuid"))})

    def remove(self, path: str) -> None:
        """Removes a run that was copied and is not wanted any more."""
        folder, _, name = path.rpartition("/")
        parent = find_group(self._target, folder)
        if parent is not None and has_member(parent, name):
            self._put_aside(parent, name)

    def _put_aside(self, parent: h5g.GroupID, name: str) -> None:
        self._number_aside += 1
        move(parent, name, require_group(self._target, _ASIDE), str(self._number_aside))

    def drop_removed(self) -> None:
        """Gives up what was removed; call when nothing more is copied.

        What HDF5 has freed it would use again in the same session, and bytes of a state that is committed already would
        be changed in their place: they would be held in memory, and go through the journal.
        """
        aside = find_group(self._target, _ASIDE)
        if aside is not None:
            with hdf5_errors(aside):
                for key in list(aside):
                    aside.unlink(key)
            unlink(self._target, _ASIDE)

    def copy_chunks(self, fd: int, done: Callable[[int], None]) -> None:
        """Copies the chunks of what was copied since, each verified by its checksum on the way.

        Args:
            fd: The source; it need not be locked, for committed chunks never move.
            done: Called after each chunk with its bytes before compression.

        Raises:
            IntegrityError: A chunk is damaged.
            KeyboardInterrupt: The user wants to stop.
        """
        waiting, self._waiting = self._waiting, []
        for target, plan, chunk_bytes in waiting:
            read = functools.partial(plan.stored_bytes, fd)
            with contextlib.closing(in_order(read, plan.places, len(plan.places))) as chunks:
                for place, stored in zip(plan.places, chunks, strict=True):
                    check_interrupt()
                    if len(stored):  # a chunk that was never written reads as zeros
                        write_chunk(target, place.piece.offset, stored, place.mask)
                    done(chunk_bytes)

    # -- one node

    def _copy_group(self, source: HDF5Group, parent: h5g.GroupID, name: str, owner: str) -> None:
        group = create_group(parent, name)
        _copy_attributes(source.gid, group, source.where())
        self._copy_members(source, group, owner)

    def _copy_members(self, source: HDF5Group, target: h5g.GroupID, owner: str) -> None:
        """Copies the members that the target does not have."""
        for key, address in _members(source):
            name = _name(key)
            if has_member(target, name):
                continue
            if address in self._known:
                link(target, name, self._target, self._known[address])
                continue
            with hdf5_errors(source.where(name)):
                node = h5o.open(source.gid, key)
                is_group = isinstance(node, h5g.GroupID)
                is_plain = is_group and not node.get_num_objs() and not h5a.exists(node, b"object")
                if is_plain:
                    h5o.copy(source.gid, key, target, key)
            if is_group and not is_plain:
                self._copy_inner(source.group(name), target, name, owner, address)
            elif not is_group:
                self._copy_dataset(source, name, target, owner)

    def _copy_inner(self, source: HDF5Group, target: h5g.GroupID, key: str, owner: str, address: int) -> None:
        """A group in a group: a link to a shared object, or one of its own."""
        if source.attribute("object") is None:
            self._copy_group(source, target, key, owner)
            return
        path = object_path(source)
        folder, _, name = path.rpartition("/")
        parent = require_group(self._target, folder)
        if not has_member(parent, name):
            self._copy_group(source, parent, name, path)
            self.objects.append(path)
        self._known[address] = path
        link(target, key, self._target, path)

    def _copy_dataset(self, source: HDF5Group, name: str, target: h5g.GroupID, owner: str) -> None:
        where, key = source.where(name), name.encode()
        old = source.open_dataset(name)
        what = describe_dataset(old, where)
        if what.chunk is None or what.number_of_chunks == 1:
            with hdf5_errors(where):  # its one chunk as it is; its digest is looked at in the copy
                h5o.copy(source.gid, key, target, key)
            return
        with hdf5_errors(where):
            new = h5d.create(target, key, old.get_type(), old.get_space(), dcpl=old.get_create_plist())
        _copy_attributes(old, new, where)
        plan = plan_read(source.gid, name, owner, where)
        self._waiting.append(_Chunks(new, plan, math.prod(what.chunk) * what.dtype.itemsize))


def _name(key: bytes) -> str:
    return key.decode("utf-8", "backslashreplace")


class Fingerprint(NamedTuple):
    """What a group is, and what its members are.

    What a project holds is never changed in its place, so an equal fingerprint says that nothing below the group is
    another than before.

    Attributes:
        address: Of the group in the file.
        members: Changes when a member is added, removed or replaced.
    """

    address: int
    members: int


def fingerprint(group: HDF5Group) -> Fingerprint:
    """The fingerprint of a group; means something for one file, and in this process."""
    with hdf5_errors(group.where()):
        address = h5o.get_info(group.gid).addr
    return Fingerprint(address, hash(tuple(_members(group))))


def _members(group: HDF5Group) -> list[tuple[bytes, int]]:
    """Names and addresses of the members of a group.

    Raises:
        UnsafeContentError: One is not in this file, or only a name for another.
    """
    found: list[tuple[bytes, int]] = []
    kinds: set[int] = set()

    def note(name: bytes, info: Any) -> None:
        found.append((name, info.u))
        kinds.add(info.type)

    with hdf5_errors(group.where()):
        group.gid.links.iterate(note, info=True)
    if kinds - {h5l.TYPE_HARD}:
        raise UnsafeContentError(f"{group.where()}: soft and external links have no place in a project")
    return found


def _copy_attributes(source: Any, target: Any, where: str) -> None:
    with hdf5_errors(where):
        number = h5a.get_num_attrs(source)
    for index in range(number):
        with hdf5_errors(where):
            old = h5a.open(source, index=index)
            kind, space, shape = old.get_type(), old.get_space(), old.shape
        value = np.empty(shape, memory_dtype(kind, where))  # refuses what lies elsewhere in the file
        with hdf5_errors(where):
            old.read(value, kind)
            h5a.create(target, old.name, kind, space).write(value, kind)
