"""Copies groups of one open project into another, byte for byte: small nodes by HDF5 itself, large data in chunks.

Nothing is compressed or expanded. The checksums of chunks stay valid, because they are bound to owner, dataset and
number, which stay the same. A shared object is copied once, and linked again.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o, h5t

from aerchive import layout
from aerchive.errors import FormatError, UnsafeContentError
from aerchive.filters.profiles import Codec
from aerchive.storage.chunks.read_plan import ReadPlan
from aerchive.storage.hdf5.cached_group import CachedGroup, VisitedNodes, check_run_nodes
from aerchive.storage.hdf5.chunk_table import plan_read
from aerchive.storage.hdf5.errors import NodeName, hdf5_errors
from aerchive.storage.hdf5.group_room import attribute_room, room_for
from aerchive.storage.hdf5.nodes import (
    attribute_names,
    check_foreign,
    find_member,
    foreign_nodes,
    has_attribute,
    info_of,
    members_of,
    open_attribute,
    open_node,
)
from aerchive.storage.hdf5.objects import object_path, owner_within
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.hdf5.types import has_addresses
from aerchive.storage.hdf5.writer import (
    create_group,
    find_group,
    has_member,
    link,
    move,
    replace_attributes,
    require_group,
    unlink,
    write_chunk,
)
from aerchive.storage.medium.disk import disk
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.threads import in_order

_ASIDE = "removed"
_MOST_FOREIGN = 2
"""The greatest ratio of the size of copied nodes of other programs to that of the file: copies of linked nodes are
separate."""
_MAX_TEXTS = 64
"""The greatest number of values of variable length in an attribute of another program: they may share their bytes, so
a small file can claim any amount of memory."""


class _Chunks(NamedTuple):
    """The chunks of a dataset that are still to be copied.

    Attributes:
        target: The new dataset.
        plan: Plan for reading all chunks of the old dataset.
        chunk_bytes: Size of a chunk before compression, in bytes.
    """

    target: h5d.DatasetID
    plan: ReadPlan
    chunk_bytes: int


class NodeCopier:
    """Copies nodes of other files into one open project file.

    Args:
        target: Root group of the file that the nodes are copied into.

    Attributes:
        objects: Paths of the shared objects that were copied.
    """

    def __init__(self, target: h5g.GroupID) -> None:
        self._target = target
        self._waiting: list[_Chunks] = []
        self.objects: list[str] = []
        self._number_aside = 0
        self._visited = VisitedNodes()
        """Nodes of the runs that were copied."""
        self._known: dict[int, str] = {}
        """Path of each shared object found so far, by its address in the source."""
        self._linkable: dict[int, str] = {}
        """Path of each dataset of the latest run, to which its plots may link, by its address in the source."""
        self._folder: tuple[str, h5g.GroupID] = "", target
        """Path and open group of the folder of the latest run."""
        self._foreign_number = self._foreign_bytes = 0
        """Number of the copied nodes of other programs, and their size in bytes."""

    @property
    def has_chunks_to_copy(self) -> bool:
        """Whether chunks of copied nodes are still to be copied."""
        return bool(self._waiting)

    def copy_run(self, source: CachedGroup) -> int:
        """Copies a run without the chunks of large datasets; `copy_chunks` copies those.

        Args:
            source: The group of the run, or of the attachments of the project. The copy gets the same path.

        Returns:
            Size of the chunks still to be copied, in bytes before compression.

        Raises:
            AerchiveError: The run is damaged, or has content that a project may not have.
        """
        folder, _, name = source.path.rpartition("/")
        if folder != self._folder[0]:
            self._folder = folder, require_group(self._target, folder) if folder else self._target
        already = len(self._waiting)
        self._visited.begin(source)
        self._linkable = _linkable(source)
        self._copy_group(source, self._folder[1], name, str(source.run_uuid()))
        return sum(waiting.chunk_bytes * len(waiting.plan.locations) for waiting in self._waiting[already:])

    def copy_documents(self, source: CachedGroup) -> None:
        """Updates what may change in a run that was already copied: its groups, and its shown attributes.

        Args:
            source: The group of the run, or of the attachments of the project.

        Raises:
            AerchiveError: As `copy_run` does.
        """
        target = find_group(self._target, source.path)
        if target is None:
            raise FormatError(f"{source.where()}: was not copied before")
        self._visited.begin(source)
        there = set[str]()
        for name, member in members_of(target, NodeName(target)).items():
            if isinstance(open_node(target, name, NodeName(target, name), member), h5g.GroupID):
                self._put_aside(target, name)
            else:
                there.add(name)
        shown = {name: source.attribute(name) for name in layout.SHOWN}
        replace_attributes(target, layout.SHOWN, {name: value for name, value in shown.items() if value is not None})
        self._linkable = _linkable(source)
        for name in there - source.members().keys():  # the run computes it again instead of storing it
            self._put_aside(target, name)
        self._copy_members(source, target, str(source.run_uuid()), there)

    def copy_foreign(self, source: HDF5Group, names: Iterable[str] = ()) -> None:
        """Copies attributes and members that other programs have added to a group of this format.

        Args:
            source: The root group, or a folder. The copies get the same paths.
            names: Names of the members.
        """
        attributes = attribute_names(source.gid, source.where())
        wanted = list(names)
        if not wanted and not attributes:
            return
        target = require_group(self._target, source.path) if source.path else self._target
        for attribute in attributes:
            if not has_attribute(target, attribute, NodeName(target)):
                _copy_attribute(source.gid, target, attribute, source.where())
        for name in wanted:
            if not has_member(target, name):
                self._copy_foreign(source, name, target)

    def remove(self, path: str) -> None:
        """Removes the copy of a run that was deleted or replaced in the source since."""
        self._visited.forget(path)
        folder, _, name = path.rpartition("/")
        parent = find_group(self._target, folder) if folder else self._target
        if parent is not None and has_member(parent, name):
            self._put_aside(parent, name)

    def _put_aside(self, parent: h5g.GroupID, name: str) -> None:
        self._number_aside += 1
        move(parent, name, require_group(self._target, _ASIDE), str(self._number_aside))

    def drop_removed(self) -> None:
        """Frees the space of the removed nodes; called when nothing more is copied.

        HDF5 would use space that was freed before again in the same session. This would change committed bytes in
        place, which would be held in memory, and go through the journal.
        """
        aside = find_group(self._target, _ASIDE)
        if aside is not None:
            with hdf5_errors(aside):
                for key in list(aside):
                    aside.unlink(key)
            unlink(self._target, _ASIDE)

    def copy_chunks(self, fd: int, done: Callable[[int], None]) -> None:
        """Copies the chunks of the datasets copied since the last call; the CRC-32 of each chunk is verified.

        Args:
            fd: File descriptor of the source; it need not be locked, as committed chunks never move.
            done: Function called after each chunk with the size of the chunk before compression, in bytes.

        Raises:
            IntegrityError: A chunk is damaged.
            KeyboardInterrupt: The user has pressed Ctrl-C.
        """
        waiting, self._waiting = self._waiting, []
        for target, plan, chunk_bytes in waiting:
            read = functools.partial(plan.stored_bytes, fd)
            with contextlib.closing(in_order(read, plan.locations, len(plan.locations))) as chunks:
                for location, stored in zip(plan.locations, chunks, strict=True):
                    check_interrupt()
                    if len(stored):  # a chunk that was never written reads as zeros
                        write_chunk(target, location.piece.offset, stored, location.mask)
                    done(chunk_bytes)

    # -- copying of one node

    def _copy_group(self, source: CachedGroup, parent: h5g.GroupID, name: str, owner: str) -> None:
        group = create_group(parent, name, _room_of(source))
        for attribute in attribute_names(source.gid, source.where()):
            _copy_attribute(source.gid, group, attribute, source.where())
        self._copy_members(source, group, owner_within(source, owner), set())

    def _copy_members(self, source: CachedGroup, target: h5g.GroupID, owner: str, there: set[str]) -> None:
        """Copies the members whose names are not in ``there``, the names that the target already has."""
        check_run_nodes(len(source.members()), source.where())
        is_plot = source.path.rpartition("/")[0].endswith(f"/{layout.VIEW}")
        for name, member in sorted(source.members().items(), key=lambda one: one[0] == layout.VIEW):  # it has links
            check_interrupt()
            if name in there:
                continue
            if is_plot and member.address in self._linkable:
                link(target, name, self._target, self._linkable[member.address])
                continue
            if member.is_hard and member.address in self._known:
                link(target, name, self._target, self._known[member.address])
                continue
            node = source.open(name)
            if isinstance(node, h5g.GroupID):
                with hdf5_errors(source.where(name)):
                    is_plain = not node.get_num_objs()
                if not is_plain or has_attribute(node, b"object", source.where(name)):
                    self._copy_inner(source.group(name), target, name, owner, member.address)
                    continue
            self._visited.add_member(source, name)
            if isinstance(node, h5d.DatasetID) and self._copy_dataset(source, name, target, owner):
                continue
            self._copy_foreign(source, name, target)

    def _copy_inner(self, source: CachedGroup, target: h5g.GroupID, key: str, owner: str, address: int) -> None:
        """Copies a group in a group; a shared object is copied once, and linked."""
        is_shared = source.attribute("object") is not None
        self._visited.add(source, is_shared=is_shared)
        if not is_shared:
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

    def _copy_dataset(self, source: CachedGroup, name: str, target: h5g.GroupID, owner: str) -> bool:
        """Makes a large dataset whose chunks `copy_chunks` copies; returns False for other datasets, and makes none.

        HDF5 itself copies the other datasets, with unchanged stored bytes; their digests are verified in the copy.
        """
        where, key = source.where(name), name.encode()
        try:
            opened = source.open_array(name)
            old = opened.dsid
            with hdf5_errors(where):
                is_small = opened.what.chunk is None or old.get_storage_size() <= layout.CHUNK_BYTES
            # HDF5's own copy of a dataset with another codec cannot be read if that filter was registered meanwhile.
            if is_small and opened.what.codec is Codec.DEFLATE:
                return False
            plan = plan_read(source.gid, name, owner, where, opened=opened)
        except FormatError:
            return False  # written by another program, without aerchive's checksums
        with hdf5_errors(where):
            new = h5d.create(target, key, old.get_type(), old.get_space(), dcpl=old.get_create_plist())
        for attribute in attribute_names(old, where):
            _copy_attribute(old, new, attribute, where)
        self._waiting.append(_Chunks(new, plan, math.prod(plan.chunk) * plan.stored.itemsize))
        return True

    def _copy_foreign(self, source: HDF5Group, name: str, target: h5g.GroupID) -> None:
        """Lets HDF5 copy a member of any kind with all nodes below it; a soft link is copied as a link.

        Raises:
            UnsafeContentError: There is an external link, or storage outside the file, or the same nodes are linked so
                often that their copies would have more than twice the size of the file.
            IntegrityError: A node is damaged.
        """
        key, where = name.encode(), source.where(name)
        member = find_member(source.gid, name, where)
        if member is not None and member.kind == h5l.TYPE_SOFT:
            with hdf5_errors(where):
                target.links.create_soft(key, source.gid.links.get_val(key))
            return
        most = _MOST_FOREIGN * disk().size(source.fd)
        for node, info in foreign_nodes(source.gid, name, where, set()):
            check_interrupt()
            self._foreign_number += 1
            check_foreign(self._foreign_number, where)
            self._foreign_bytes += info.header_bytes
            if info.is_dataset:
                with hdf5_errors(where):
                    self._foreign_bytes += node.get_storage_size()
            if self._foreign_bytes > most:
                raise UnsafeContentError(f"{where}: nodes of other programs are linked so often that it is too much")
        with hdf5_errors(where):
            h5o.copy(source.gid, key, target, key)


def _room_of(source: CachedGroup) -> int:
    """The size that the attributes and members of a group need in the header of its copy, in bytes."""
    names = source.members()
    room = room_for({}, len(names), sum(len(name.encode()) for name in names))
    for name in attribute_names(source.gid, source.where()):
        attribute = open_attribute(source.gid, name, source.where())
        with hdf5_errors(source.where()):
            stored, space = attribute.get_type(), attribute.get_space()
            kind = {h5t.STRING: "S", h5t.FLOAT: "f"}.get(stored.get_class(), "i")
            nbytes = stored.get_size() * space.get_simple_extent_npoints()
            room += attribute_room(name, kind, space.get_simple_extent_ndims(), nbytes)
    return room


def _linkable(run: CachedGroup) -> dict[int, str]:
    """Paths of the datasets of a run by address, for links of its plots; empty if it has no plots."""
    if layout.VIEW not in run:
        return {}
    return {run.address(name): f"{run.path}/{name}" for name in run.names() if not run.is_group(name)}


class Fingerprint(NamedTuple):
    """A value that identifies a group with its members.

    Nodes of a project are never changed in place, so an equal fingerprint means that all nodes below the group are the
    same as before.

    Attributes:
        address: Address of the group in the file.
        members: Hash of names and addresses of the members, and of the attachments; it changes if one of these is
            added, removed or replaced.
    """

    address: int
    members: int


def fingerprint(group: CachedGroup) -> Fingerprint:
    """The fingerprint of a group; only comparable with fingerprints of the same file made by the same process."""
    address = info_of(group.gid, group.where()).address
    members = [*group.members().items()]
    if layout.ATTACHMENTS in group and group.is_group(layout.ATTACHMENTS):
        members += group.group(layout.ATTACHMENTS).members().items()
    return Fingerprint(address, hash(tuple(members)))


def _copy_attribute(source: Any, target: Any, name: bytes, where: str) -> None:
    """Copies an attribute of any type. References to nodes become empty, as they hold addresses of the old file."""
    where = f"{where}@{name.decode('utf-8', 'backslashreplace')}"
    old = open_attribute(source, name, where)
    with hdf5_errors(where):
        kind, space, shape = old.get_type(), old.get_space(), old.shape
        new = h5a.create(target, name, kind, space)
        number, size = space.get_simple_extent_npoints(), kind.get_size()
        leads_elsewhere, has_references = has_addresses(kind), kind.detect_class(h5t.REFERENCE)
    if not number or has_references:
        return
    if leads_elsewhere and number > _MAX_TEXTS:
        raise UnsafeContentError(
            f"{where}: has {number} values of variable length, each of which may be as large as the file; remove it"
        )
    memory = kind
    if not leads_elsewhere:
        values = np.empty(shape, f"V{size}")
    else:
        try:
            with hdf5_errors(where):
                dtype = old.dtype
                memory = h5t.py_create(dtype)
        except TypeError as error:
            raise FormatError(f"{where}: has a type that cannot be copied ({error}); remove it") from error
        values = np.empty(shape, dtype)
    with hdf5_errors(where):
        old.read(values, memory)
        new.write(values, memory)
