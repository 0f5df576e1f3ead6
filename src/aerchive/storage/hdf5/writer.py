"""Writes drafts as HDF5, with h5py's low-level calls: a run of three dozen attributes takes about a millisecond."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from typing import Any

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
    split_long,
)
from aerchive.storage.chunks.write_plan import WritePlan, packed_chunks, plan_write
from aerchive.storage.hdf5.errors import NodeName, hdf5_errors
from aerchive.storage.hdf5.nodes import find_member
from aerchive.storage.hdf5.nodes import has_member as is_member
from aerchive.storage.hdf5.nodes import open_group as open_member
from aerchive.storage.hdf5.types import stored_type

_REPLACEMENT = "replacement"
_SCALAR = h5s.create(h5s.SCALAR)


def _group_properties() -> h5p.PropGCID:
    properties = h5p.create(h5p.GROUP_CREATE)
    properties.set_obj_track_times(False)  # so that two projects with the same content have the same bytes
    properties.set_attr_phase_change(layout.MAX_COMPACT_ATTRIBUTES, layout.MIN_DENSE_ATTRIBUTES)
    return properties


_GROUP_PROPERTIES = _group_properties()


def create_group(parent: h5g.GroupID, name: str) -> h5g.GroupID:
    """Makes a group whose attributes stay in its header."""
    key = name.encode()
    with hdf5_errors(parent, name):
        return h5g.create(parent, key, gcpl=_GROUP_PROPERTIES)


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
    """Computes the digest of one node as it is written or read: name, attributes, type and content.

    Args:
        name: Path of the node below the group of its run or object.
    """

    def __init__(self, name: str) -> None:
        self._hash = hashlib.sha256(name.encode())

    def attribute(self, name: str, value: NDArray[Any]) -> None:
        """Adds an attribute; called in order of name."""
        self._hash.update(f"|@{name}|{value.dtype.str}|".encode() + value.tobytes())

    def content(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        """Adds the type and shape of a dataset."""
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
    for name in sorted(values):
        array, key = attribute_array(values[name]), name.encode()
        tid = stored_type(array.dtype)
        with hdf5_errors(oid):
            h5a.create(oid, key, tid, _SCALAR).write(array, tid)
        if digest is not None:
            digest.attribute(name, array)


class DraftWriter:
    """Writes drafts below the root of an open file.

    Args:
        root: The file's root group.
    """

    def __init__(self, root: h5g.GroupID) -> None:
        self._root = root
        self._linked: dict[str, h5g.GroupID] = {}

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
        parent = require_group(self._root, folder)
        if has_member(parent, name):
            raise AlreadyExistsError(f"/{folder}/{name}: exists already")
        group = create_group(parent, name)
        nodes: dict[str, str] = {}
        self._fill(group, "", draft, run_uuid, nodes)
        write_attributes(group, {"core_sha256": core_digest(nodes)})
        return f"{folder}/{name}"

    def write_root(self, draft: GroupDraft) -> None:
        """Writes the root group of a new project, whose UUID, if it has one, is a part of every checksum."""
        self._fill(self._root, "", draft, str(draft.attributes.get("project_uuid")), {})

    def replace_group(self, parent: str, name: str, draft: GroupDraft, owner: str) -> None:
        """Replaces one mutable group of a run; the space of the old one is not used again.

        Args:
            parent: Path of the run's group.
            name: Name of the mutable group.
            draft: The new group.
            owner: UUID of the run, a part of every checksum.
        """
        group = open_group(self._root, parent)
        if not has_member(group, name):
            self._fill(create_group(group, name), name, draft, owner, {})
            return
        # The old group is removed last, so that its space is not at the end of the file, where HDF5 would use it again.
        self._fill(create_group(group, _REPLACEMENT), name, draft, owner, {})
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
        self._fill(create_group(folder, name), f"{layout.ATTACHMENTS}/{name}", draft, owner, {})

    def _fill(self, gid: h5g.GroupID, path: str, draft: GroupDraft, owner: str, nodes: dict[str, str]) -> None:
        prefix = f"{path}/" if path else ""
        attributes, long = split_long(draft.attributes)
        digest = NodeDigest(path)
        write_attributes(gid, attributes, digest)
        inner: dict[str, str] = {path: digest.hexdigest()}
        for name, dataset in {**draft.datasets, **long}.items():
            self._dataset(gid, name, prefix + name, dataset, owner, inner)
        for name, target in draft.objects.items():
            self._link(gid, name, target)
            inner[prefix + name] = target.digest
        for name, group in draft.groups.items():
            self._fill(create_group(gid, name), prefix + name, group, owner, inner)
        if draft.mutable:
            write_attributes(gid, {"sha256": core_digest(inner)})
        else:
            nodes.update(inner)

    def _link(self, gid: h5g.GroupID, name: str, target: ObjectDraft) -> None:
        path = target.path
        folder, _, digest = path.rpartition("/")
        parent = self._linked.get(path)
        if parent is None:
            parent = self._linked[path] = require_group(self._root, folder)
            if not has_member(parent, digest):
                group = create_group(parent, digest)
                content = GroupDraft(target.attributes, target.datasets, objects=target.objects)
                self._fill(group, "", content, path, {})
                write_attributes(group, {"object": path})
        link(gid, name, parent, digest)

    def _dataset(
        self, gid: h5g.GroupID, name: str, path: str, draft: DatasetDraft, owner: str, nodes: dict[str, str]
    ) -> None:
        digest = NodeDigest(path)
        shape, dtype = draft.shape, draft.dtype
        attributes = dict(draft.attributes)
        if draft.nbytes <= layout.MAX_COMPACT_BYTES and draft.packed is None:
            dsid = _create_dataset(gid, name, dtype, shape, None)
            raw = draft.read_chunk((0,) * len(shape), shape)
            data = raw.view(dtype).reshape(shape) if raw.size else np.empty(shape, dtype)
            if raw.size:
                write_values(dsid, data if dtype.kind != "b" else data.view("u1"))
            content = [raw.tobytes()]
        else:
            plan = plan_write(draft)
            dtype = plan.dtype
            attributes |= plan.attributes
            dsid = _create_dataset(gid, name, dtype, shape, plan.chunk, plan.codec)
            sums = _write_chunks(dsid, name, shape, plan, owner)
            if len(sums) == 1:
                attributes |= {"crc32": sums[0].crc32, plan.digest: sums[0].digest}
            else:
                table = checksums.table_of(sums, plan.digest)
                tid, key = stored_type(table.dtype), (name + layout.CHECKSUMS_SUFFIX).encode()
                with hdf5_errors(gid, name):
                    of_sums = h5d.create(gid, key, tid, h5s.create_simple(table.shape))
                write_values(of_sums, table)
            content = [s.digest.encode() for s in sums]
        write_attributes(dsid, attributes, digest)
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
    tid = stored_type(values.dtype)
    with hdf5_errors(dsid):
        dsid.write(h5s.ALL, h5s.ALL, values, tid)


def _create_dataset(
    gid: h5g.GroupID,
    name: str,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    chunk: tuple[int, ...] | None,
    codec: Codec = Codec.DEFLATE,
) -> h5d.DatasetID:
    key, tid = name.encode(), stored_type(dtype)
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_attr_phase_change(layout.MAX_COMPACT_ATTRIBUTES, layout.MIN_DENSE_ATTRIBUTES)
    properties.set_obj_track_times(False)
    if chunk is None:
        properties.set_layout(h5d.COMPACT)
    else:
        properties.set_chunk(chunk)
        properties.set_shuffle()
        if codec is Codec.DEFLATE:
            properties.set_deflate(layout.DEFLATE_LEVEL)
        else:  # optional, because HDF5 would look for the plugin of a mandatory filter already now
            properties.set_filter(int(codec), h5z.FLAG_OPTIONAL)
    with hdf5_errors(gid, name):
        return h5d.create(gid, key, tid, h5s.create_simple(shape), dcpl=properties)
