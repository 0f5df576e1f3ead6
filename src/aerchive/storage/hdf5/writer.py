"""Writes drafts as HDF5, with h5py's low-level calls: a run of three dozen attributes takes about a millisecond."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from h5py import h5a, h5d, h5g, h5p, h5s, h5z
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import AlreadyExistsError
from aerchive.filters.deflate import Buffer
from aerchive.filters.profiles import Codec
from aerchive.storage.chunks import checksums
from aerchive.storage.chunks.drafts import (
    AttributeValue,
    DatasetDraft,
    GroupDraft,
    ObjectDraft,
    attribute_array,
    attribute_piece,
    split_long,
)
from aerchive.storage.chunks.grid import chunk_shape
from aerchive.storage.chunks.write_plan import WritePlan, packed_chunks, plan_write
from aerchive.storage.hdf5.errors import NodeName, hdf5_errors
from aerchive.storage.hdf5.group_room import group_properties, plain_properties, room_for
from aerchive.storage.hdf5.nodes import find_member, has_attribute, open_attribute, open_own, read_attribute_value
from aerchive.storage.hdf5.nodes import has_member as is_member
from aerchive.storage.hdf5.nodes import open_group as open_member
from aerchive.storage.hdf5.prototypes import Prototype, copied
from aerchive.storage.hdf5.types import stored_type

_REPLACEMENT = "replacement"
_SCALAR = h5s.create(h5s.SCALAR)


_FOLDER_PROPERTIES = plain_properties()
_SEALS = {"sha256": "0" * 64}
"""An attribute as large as that which is written into a group at the end."""


def create_group(parent: h5g.GroupID, name: str, room: int | None = None) -> h5g.GroupID:
    """Makes a group whose attributes stay in its header.

    Args:
        parent: The group that the new one is made in.
        name: Name of the new group.
        room: Size of the attributes and members that it will have in its header; ``None``: it is a folder, which may
            have any number of members.
    """
    key, properties = name.encode(), _FOLDER_PROPERTIES if room is None else group_properties(room)
    with hdf5_errors(parent, name):
        return h5g.create(parent, key, gcpl=properties)


def _room_of(draft: GroupDraft, seal: Mapping[str, AttributeValue]) -> int:
    """The size in its header of the attributes and members of a draft.

    Args:
        draft: The draft of a group.
        seal: Attributes that are written at the end.
    """
    attributes, long = split_long({**draft.attributes, **seal})
    names = [*draft.datasets, *long, *draft.objects, *draft.groups, *draft.links]
    return room_for(attributes, len(names), len("".join(names))) + draft.room


def require_group(parent: h5g.GroupID, path: str) -> h5g.GroupID:
    """Opens the group at a path of generated names; missing groups are made."""
    for name in path.split("/"):
        parent = find_group(parent, name) or create_group(parent, name)
    return parent


def has_member(parent: h5g.GroupID, name: str) -> bool:
    """Whether a group has a member of this name."""
    return is_member(parent, name, NodeName(parent, name))


def find_group(parent: h5g.GroupID, path: str) -> h5g.GroupID | None:
    """The group at a path, or ``None`` if there is none."""
    for name in path.split("/"):
        where = NodeName(parent, name)
        member = find_member(parent, name, where)
        if member is None:
            return None
        parent = open_member(parent, name, where, member)
    return parent


def open_group(parent: h5g.GroupID, path: str) -> h5g.GroupID:
    """Opens the group at a path, which must exist."""
    for name in path.split("/"):
        parent = open_member(parent, name, NodeName(parent, name))
    return parent


def move(source: h5g.GroupID, name: str, target: h5g.GroupID, new_name: str) -> None:
    """Renames a member, and moves it to another group unless the target is the same group."""
    key, new_key = name.encode(), new_name.encode()
    with hdf5_errors(source, name):
        source.links.move(key, target, new_key)


def link(parent: h5g.GroupID, name: str, target: h5g.GroupID, path: str) -> None:
    """Makes a hard link, in ``parent``, to the node at a path below ``target``."""
    key, old_key = name.encode(), path.encode()
    with hdf5_errors(parent, name):
        parent.links.create_hard(key, target, old_key)


def unlink(parent: h5g.GroupID, name: str) -> None:
    """Removes a link to a member."""
    key = name.encode()
    with hdf5_errors(parent, name):
        parent.unlink(key)


class NodeDigest:
    """Computes the digest of one node as it is written or read: name, attributes, type of the values and content.

    Args:
        name: Path of the node below the group of its run or object.
    """

    def __init__(self, name: str) -> None:
        self._hash = hashlib.sha256(name.encode())

    def attribute(self, name: str, value: NDArray[Any]) -> None:
        """Adds an attribute; called in order of name."""
        self._hash.update(attribute_piece(name, value))

    def attributes(self, pieces: bytes) -> None:
        """Adds all attributes, as `attribute_piece` has them, in order of name."""
        self._hash.update(pieces)

    def content(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        """Adds the type of the values of a dataset, which may be wider than the stored one, and its shape."""
        self._hash.update(f"|{dtype.descr}|{shape}|".encode())

    def data(self, data: bytes | str) -> None:
        """Adds the bytes of a compact dataset, or the digest of a chunk."""
        self._hash.update(data.encode() if isinstance(data, str) else data)

    def hexdigest(self) -> str:
        """The digest, as 64 hexadecimal digits."""
        return self._hash.hexdigest()


def core_digest(nodes: Mapping[str, str]) -> str:
    """The digest of many nodes, 64 hexadecimal digits.

    Args:
        nodes: Digest of each node by path; for a linked object the digest of its content.
    """
    return hashlib.sha256("".join(f"{path}={nodes[path]}\n" for path in sorted(nodes)).encode()).hexdigest()


def write_attributes(oid: Any, values: Mapping[str, AttributeValue], digest: NodeDigest | None = None) -> None:
    """Writes scalar attributes, in order of name; adds them to a digest if one is given."""
    stored = [(name, name.encode(), attribute_array(values[name])) for name in sorted(values)]
    typed = [(key, array, stored_type(array.dtype)) for _, key, array in stored]
    with hdf5_errors(oid):
        for key, array, tid in typed:
            space = h5s.create_simple(array.shape) if array.ndim else _SCALAR
            h5a.create(oid, key, tid, space).write(array, tid)
    if digest is not None:
        for name, _, array in stored:
            digest.attribute(name, array)


class _Storage(NamedTuple):
    """How a dataset is stored: dtype, shape, shape of a chunk (``None``: the values are in its header) and codec."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    chunk: tuple[int, ...] | None = None
    codec: Codec = Codec.DEFLATE


def _is_compact(draft: DatasetDraft) -> bool:
    return draft.nbytes <= layout.MAX_COMPACT_BYTES and draft.packed is None


def _usual_storage(draft: DatasetDraft) -> _Storage | None:
    """How a small dataset or a text is stored; ``None`` for others, where it depends on the values."""
    if _is_compact(draft):
        return _Storage(draft.dtype, draft.shape)
    if draft.packed is not None or draft.uses_compression or draft.chunk:
        return None
    chunk = chunk_shape(draft.shape, draft.dtype.itemsize)
    return _Storage(draft.dtype, draft.shape, chunk) if chunk == draft.shape else None


def _form(draft: GroupDraft) -> Hashable:
    """What drafts of groups have in common whose groups can be copies of one prototype: all but values."""
    attributes, long = split_long(draft.attributes)
    types = tuple(map(type, attributes.values()))  # True equals 1
    datasets = tuple((name, _usual_storage(one), *one.attributes) for name, one in {**draft.datasets, **long}.items())
    inner = tuple((name, _form(group)) for name, group in draft.groups.items())
    return draft.mutable, tuple(attributes), types, datasets, tuple(draft.objects), tuple(draft.links), inner


_UNSEALED = frozenset((*layout.SHOWN, "sha256"))


def _prototype(parent: h5g.GroupID, name: str, draft: GroupDraft, path: str = "") -> Prototype:
    """Makes a group with the attributes, groups and usual datasets of a draft, and with room for the rest."""
    seal = _SEALS if draft.mutable else {}
    group = create_group(parent, name, _room_of(draft, seal))
    attributes, long = split_long(draft.attributes)
    members = {one: _prototype(group, one, of_one, f"{path}/{one}") for one, of_one in draft.groups.items()}
    for one, dataset in {**draft.datasets, **long}.items():
        if (storage := _usual_storage(dataset)) is not None:
            values = {**dataset.attributes, **(checksums.NO_SUMS if storage.chunk is not None else {})}
            write_attributes(_create_dataset(group, one, storage), values)
            members[one] = Prototype(values, layout.STORAGE_ATTRIBUTES)
    values = {**attributes, **seal}
    write_attributes(group, values)
    return Prototype(values, frozenset(seal) if path else _UNSEALED, members)


def replace_attributes(oid: Any, names: Iterable[str], values: Mapping[str, AttributeValue]) -> None:
    """Gives some attributes of a node other values, and removes those that have none; equal ones are left as they are.

    Args:
        oid: The open node.
        names: Names of the attributes.
        values: The new values, by name.
    """
    new = {}
    for name in names:
        key, value = name.encode(), values.get(name)
        is_there = has_attribute(oid, key, NodeName(oid))
        if is_there and value is not None:
            old = read_attribute_value(oid, key, NodeName(oid))
            array = attribute_array(value)
            if (old.dtype, old.shape, old.tobytes()) == (array.dtype, array.shape, array.tobytes()):
                continue
        if is_there:
            with hdf5_errors(oid):
                h5a.delete(oid, key)
        if value is not None:
            new[name] = value
    write_attributes(oid, new)


def put_padded_attribute(oid: Any, name: str, text: str, width: int) -> None:
    """Writes a text as an attribute of a fixed width, in place if there is one of this width.

    Args:
        oid: The open node.
        name: Name of the attribute.
        text: The text, in ASCII, of at most ``width`` characters.
        width: Width of the attribute in bytes.
    """
    key, value = name.encode(), np.array(text.encode("ascii"), f"S{width}")
    tid = stored_type(value.dtype)
    attribute = open_attribute(oid, key, NodeName(oid)) if has_attribute(oid, key, NodeName(oid)) else None
    with hdf5_errors(oid):
        if attribute is not None and not (attribute.shape == () and attribute.get_type().equal(tid)):
            h5a.delete(oid, key)
            attribute = None
        (attribute or h5a.create(oid, key, tid, _SCALAR)).write(value, tid)


def link_digest(target: str) -> str:
    """What stands for a link to a dataset of the same run in a digest: that of the name of the dataset."""
    return hashlib.sha256(f"|>{target}|".encode()).hexdigest()


class DraftWriter:
    """Writes drafts below the root of an open file.

    Args:
        root: The file's root group.
    """

    def __init__(self, root: h5g.GroupID) -> None:
        self._root = root
        self._folders: dict[str, h5g.GroupID] = {}
        self._linked: set[str] = set()
        """Paths of the objects that are in the file."""

    def write_run(self, folder: str, name: str, draft: GroupDraft, run_uuid: str) -> str:
        """Writes one run.

        Args:
            folder: Path of the group that the run's group is made in.
            name: Name of the run's group.
            draft: The run's group.
            run_uuid: UUID of the run, a part of every checksum.

        Returns:
            The path of the run's group.

        Raises:
            AlreadyExistsError: There is a group of this name.
        """
        parent = self._folder(folder)
        if has_member(parent, name):
            raise AlreadyExistsError(f"/{folder}/{name}: exists already")
        nodes: dict[str, str] = {**draft.absent}
        groups = {layout.SEAL: GroupDraft(), **draft.groups}
        group = self._group(parent, name, dataclasses.replace(draft, groups=groups), run_uuid, nodes)
        write_attributes(open_own(group, layout.SEAL), {"core_sha256": core_digest(nodes)})
        return f"{folder}/{name}"

    def fill_run(self, path: str, datasets: Mapping[str, DatasetDraft], run_uuid: str) -> dict[str, str]:
        """Writes datasets that a run lacks.

        Args:
            path: Path of the group of the run.
            datasets: The datasets, by name.
            run_uuid: UUID of the run, a part of every checksum.

        Returns:
            The digest of each, by name.
        """
        nodes: dict[str, str] = {}
        group = open_group(self._root, path)
        for name, dataset in datasets.items():
            self._dataset(group, name, name, dataset, run_uuid, nodes)
        return nodes

    def lighten_run(self, path: str, names: Iterable[str]) -> None:
        """Removes datasets of a run; called last in a commit, so that their space is not used again.

        Args:
            path: Path of the group of the run, which says already that it lacks them.
            names: Names of the datasets.
        """
        group = open_group(self._root, path)
        for name in names:
            for one in (name, name + layout.CHECKSUMS_SUFFIX):
                if has_member(group, one):
                    unlink(group, one)

    def remove_group(self, parent: str, name: str) -> None:
        """Removes a mutable group of a run, whose space is not used again."""
        unlink(open_group(self._root, parent), name)

    def write_root(self, draft: GroupDraft) -> None:
        """Writes the root group of a new project, whose UUID, if it has one, is a part of every checksum."""
        self._fill(self._root, "", draft, str(draft.attributes.get("project_uuid")), {})

    def replace_group(self, parent: str, name: str, draft: GroupDraft, owner: str) -> None:
        """Replaces one mutable group of a run; the space of the old one is not used again.

        Args:
            parent: Path of the run's group; empty for the root.
            name: Name of the mutable group.
            draft: The new group.
            owner: UUID of the run, a part of every checksum.
        """
        group = open_group(self._root, parent) if parent else self._root
        room = _room_of(draft, _SEALS)
        if not has_member(group, name):
            self._fill(create_group(group, name, room), name, draft, owner, {}, group)
            return
        # The old group is removed last, so that its space is not at the end of the file, where HDF5 would use it again.
        self._fill(create_group(group, _REPLACEMENT, room), name, draft, owner, {}, group)
        unlink(group, name)
        move(group, _REPLACEMENT, group, name)

    def write_attachment(self, holder: str, name: str, draft: GroupDraft) -> None:
        """Writes an attachment, which has checksums and a digest of its own.

        Args:
            holder: Path of the group of the run; empty for the project itself.
            name: Name of the attachment; there must be none of this name.
            draft: The group of the attachment.
        """
        folder = require_group(self._root, f"{holder}/{layout.ATTACHMENTS}" if holder else layout.ATTACHMENTS)
        owner = str(draft.attributes[layout.ATTACHMENT_UUID])
        self._fill(
            create_group(folder, name, _room_of(draft, _SEALS)), f"{layout.ATTACHMENTS}/{name}", draft, owner, {}
        )

    def put_shown(self, path: str, values: Mapping[str, AttributeValue]) -> None:
        """Replaces the shown attributes of a run, by name."""
        replace_attributes(open_group(self._root, path), layout.SHOWN, values)

    def put_default(self, path: str | None) -> None:
        """Writes the path of the run that viewers show first into the root's attribute; ``None`` removes it."""
        if path is None:
            replace_attributes(self._root, [layout.DEFAULT], {})
        else:
            put_padded_attribute(self._root, layout.DEFAULT, path, layout.DEFAULT_BYTES)

    def _folder(self, path: str) -> h5g.GroupID:
        """The group at a path of generated names, which is opened once."""
        folder = self._folders.get(path)
        if folder is None:
            above, _, name = path.rpartition("/")
            folder = self._folders[path] = require_group(self._folder(above) if above else self._root, name)
        return folder

    def _group(
        self, parent: h5g.GroupID, name: str, draft: GroupDraft, owner: str, nodes: dict[str, str]
    ) -> h5g.GroupID:
        """Makes the group of a run or object, as a copy of a prototype if groups like it were made before.

        Args:
            parent: The group that the new one is made in.
            name: Name of the new group.
            draft: As for `_fill`.
            owner: As for `_fill`.
            nodes: As for `_fill`.
        """
        found = copied(parent, name, _form(draft), lambda root, own: _prototype(root, own, draft))
        if found is None:
            group = create_group(parent, name, _room_of(draft, {}))
            self._fill(group, "", draft, owner, nodes)
        else:
            group, prototype = found
            self._renew(group, "", draft, owner, nodes, prototype)
        return group

    def _renew(
        self,
        top: h5g.GroupID,
        path: str,
        draft: GroupDraft,
        owner: str,
        nodes: dict[str, str],
        prototype: Prototype,
    ) -> None:
        """Writes what differs from the prototype into a group of a copy.

        Args:
            top: The copy of the whole group.
            path: The path of the group in it.
            draft: As for `_fill`.
            owner: As for `_fill`.
            nodes: As for `_fill`.
            prototype: The prototype of the group.
        """
        prefix = f"{path}/" if path else ""
        attributes, long = split_long(draft.attributes)
        digest = NodeDigest(path)
        node = functools.cache(lambda: open_own(top, path) if path else top)
        digest.attributes(prototype.renew(node, attributes))
        inner = {path: digest.hexdigest()}
        for name, dataset in {**draft.datasets, **long}.items():
            self._dataset(top, prefix + name, prefix + name, dataset, owner, inner, prototype.members.get(name))
        for name, shared in draft.objects.items():
            self._link(top, prefix + name, shared)
            inner[prefix + name] = shared.digest
        for name, group in draft.groups.items():
            self._renew(top, prefix + name, group, owner, inner, prototype.members[name])
        for name, target in draft.links.items():
            link(top, prefix + name, top, target)
            inner[prefix + name] = link_digest(target)
        if draft.mutable:
            prototype.renew(node, {"sha256": core_digest(inner)})
        else:
            nodes.update(inner)

    def _fill(
        self,
        gid: h5g.GroupID,
        path: str,
        draft: GroupDraft,
        owner: str,
        nodes: dict[str, str],
        top: h5g.GroupID | None = None,
    ) -> None:
        """Fills a new group.

        Args:
            gid: The group.
            path: Its path below the run.
            draft: Its content.
            owner: UUID of the run, or path of the shared object.
            nodes: The digest of each node is added to it, by path.
            top: The group of the run, which has the datasets that are linked; by default the new group.
        """
        top = gid if top is None else top
        prefix = f"{path}/" if path else ""
        attributes, long = split_long(draft.attributes)
        digest = NodeDigest(path)
        shown = {} if path else {name: attributes.pop(name) for name in layout.SHOWN if name in attributes}
        write_attributes(gid, attributes, digest)
        write_attributes(gid, shown)
        inner: dict[str, str] = {path: digest.hexdigest()}
        for name, dataset in {**draft.datasets, **long}.items():
            self._dataset(gid, name, prefix + name, dataset, owner, inner)
        for name, shared in draft.objects.items():
            self._link(gid, name, shared)
            inner[prefix + name] = shared.digest
        for name, group in draft.groups.items():
            room = _room_of(group, _SEALS if group.mutable else {})
            self._fill(create_group(gid, name, room), prefix + name, group, owner, inner, top)
        for name, target in draft.links.items():
            link(gid, name, top, target)
            inner[prefix + name] = link_digest(target)
        if draft.mutable:
            write_attributes(gid, {"sha256": core_digest(inner)})
        else:
            nodes.update(inner)

    def _link(self, gid: h5g.GroupID, name: str, target: ObjectDraft) -> None:
        folder, _, digest = target.path.rpartition("/")
        parent = self._folder(folder)
        if target.path not in self._linked:
            self._linked.add(target.path)
            if not has_member(parent, digest):
                self._group(parent, digest, target.content(), target.path, {})
        link(gid, name, parent, digest)

    def _dataset(
        self,
        group: h5g.GroupID,
        place: str,
        path: str,
        draft: DatasetDraft,
        owner: str,
        nodes: dict[str, str],
        prototype: Prototype | None = None,
    ) -> None:
        """Writes a dataset.

        Args:
            group: An open group.
            place: The path of the dataset below this group.
            path: Its path below the run.
            draft: Its content.
            owner: As for `_fill`.
            nodes: As for `_fill`.
            prototype: The prototype of which the dataset is a copy; ``None``: it is made.
        """
        digest = NodeDigest(path)
        shape, dtype = draft.shape, draft.dtype
        attributes = dict(draft.attributes)
        name = path.rpartition("/")[2]
        if _is_compact(draft):
            dsid = open_own(group, place) if prototype else _create_dataset(group, place, _Storage(dtype, shape))
            raw = draft.read_chunk((0,) * len(shape), shape)
            data = raw.view(dtype).reshape(shape) if raw.size else np.empty(shape, dtype)
            if raw.size:
                write_values(dsid, data if dtype.kind != "b" else data.view("u1"))
            content = [raw.tobytes()]
        else:
            plan = plan_write(draft)
            attributes |= plan.attributes
            storage = _Storage(plan.dtype, shape, plan.chunk, plan.codec)
            dsid = open_own(group, place) if prototype else _create_dataset(group, place, storage)
            sums = _write_chunks(dsid, name, shape, plan, owner)
            if len(sums) == 1:
                attributes |= sums[0]._asdict()
            else:
                table = checksums.table_of(sums)
                tid, key = stored_type(table.dtype, is_ascii=True), (place + layout.CHECKSUMS_SUFFIX).encode()
                with hdf5_errors(group, place):
                    of_sums = h5d.create(group, key, tid, h5s.create_simple(table.shape))
                write_values(of_sums, table)
            content = [s.blake3.encode() for s in sums]
        if prototype is None:
            own = {n: a for n, a in attributes.items() if n not in layout.STORAGE_ATTRIBUTES}
            write_attributes(dsid, own, digest)
            write_attributes(dsid, {n: a for n, a in attributes.items() if n in layout.STORAGE_ATTRIBUTES})
        else:
            digest.attributes(prototype.renew(lambda: dsid, attributes))
        digest.content(np.dtype("u1") if dtype.kind == "b" else dtype, shape)
        for piece in content:
            digest.data(piece)
        nodes[path] = digest.hexdigest()


def _write_chunks(
    dsid: h5d.DatasetID, name: str, shape: tuple[int, ...], plan: WritePlan, owner: str
) -> list[checksums.ChunkSums]:
    """Compresses the chunks of a dataset in threads, and writes them in order; only a few are in memory."""
    sums = []
    with contextlib.closing(packed_chunks(plan, shape, owner, name)) as chunks:
        for chunk in chunks:
            if len(chunk.stored):  # a chunk that was never written reads as zeros
                write_chunk(dsid, chunk.offset, chunk.stored, chunk.mask)
            sums.append(chunk.sums)
    return sums


def write_chunk(dsid: h5d.DatasetID, offset: tuple[int, ...], stored: Buffer, mask: int) -> None:
    """Writes the stored bytes of a chunk, which HDF5 does not filter again."""
    with hdf5_errors(dsid):
        dsid.write_direct_chunk(offset, stored, mask)


def write_values(dsid: h5d.DatasetID, values: NDArray[Any]) -> None:
    """Writes all values of a dataset."""
    with hdf5_errors(dsid):
        dsid.write(h5s.ALL, h5s.ALL, values, dsid.get_type())


def _create_dataset(group: h5g.GroupID, path: str, storage: _Storage) -> h5d.DatasetID:
    name = path.rpartition("/")[2]
    is_ascii = name not in layout.FREE_TEXTS and not name.startswith(layout.LONG_PREFIX)
    key, tid = path.encode(), stored_type(storage.dtype, is_ascii=is_ascii)
    properties = _dataset_properties(storage.chunk, storage.codec)
    with hdf5_errors(group, path):
        return h5d.create(group, key, tid, h5s.create_simple(storage.shape), dcpl=properties)


@functools.lru_cache(maxsize=64)
def _dataset_properties(chunk: tuple[int, ...] | None, codec: Codec) -> h5p.PropDCID:
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_attr_phase_change(layout.MAX_COMPACT_ATTRIBUTES, layout.MIN_DENSE_ATTRIBUTES)
    properties.set_obj_track_times(False)
    if chunk is None:
        properties.set_layout(h5d.COMPACT)
    else:
        properties.set_chunk(chunk)
        properties.set_shuffle()
        for number in codec.filters:
            if number == Codec.DEFLATE:
                properties.set_deflate(layout.DEFLATE_LEVEL)
            else:  # optional, because HDF5 would look for the plugin of a mandatory filter already now
                properties.set_filter(number, h5z.FLAG_OPTIONAL)
    return properties
