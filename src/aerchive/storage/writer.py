"""Drafts into HDF5, with h5py's low-level calls: a run of three dozen attributes costs about a millisecond."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from h5py import h5a, h5d, h5g, h5p, h5s, h5z
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import AlreadyExistsError
from aerchive.filters.deflate import Buffer
from aerchive.filters.profiles import Codec
from aerchive.filters.threads import in_order
from aerchive.storage import checksums
from aerchive.storage.chunks import chunk_offsets, grid_shape
from aerchive.storage.interrupts import check_interrupt
from aerchive.storage.layers import Layers, layers
from aerchive.storage.nodes import (
    AttributeValue,
    DatasetDraft,
    GroupDraft,
    ObjectDraft,
    attribute_array,
    split_long,
)
from aerchive.storage.types import stored_type

_REPLACEMENT = "replacement"
_TOGETHER = 2
"""So many chunks a thread compresses at a time, so that threads meet half as often."""
_SCALAR = h5s.create(h5s.SCALAR)


def _group_properties() -> h5p.PropGCID:
    properties = h5p.create(h5p.GROUP_CREATE)
    properties.set_obj_track_times(False)  # so that two projects with the same content have the same bytes
    properties.set_attr_phase_change(layout.MAX_COMPACT_ATTRIBUTES, layout.MIN_DENSE_ATTRIBUTES)
    return properties


_GROUP_PROPERTIES = _group_properties()


def create_group(parent: h5g.GroupID, name: str) -> h5g.GroupID:
    """A new group whose attributes stay in its header."""
    return h5g.create(parent, name.encode(), gcpl=_GROUP_PROPERTIES)


def require_group(parent: h5g.GroupID, path: str) -> h5g.GroupID:
    """The group at a path of generated names, made where it is missing."""
    for name in path.split("/"):
        exists = parent.links.exists(name.encode())
        parent = h5g.open(parent, name.encode()) if exists else create_group(parent, name)
    return parent


def find_group(parent: h5g.GroupID, path: str) -> h5g.GroupID | None:
    """The group at a path, or ``None`` if there is none."""
    for name in path.split("/"):
        if not parent.links.exists(name.encode()):
            return None
        parent = h5g.open(parent, name.encode())
    return parent


class NodeDigest:
    """The digest of one node as it is written or read: name, attributes, type and content.

    Args:
        name: Path of the node below its owner.
    """

    def __init__(self, name: str) -> None:
        self._hash = hashlib.sha256(name.encode())

    def attribute(self, name: str, value: NDArray[Any]) -> None:
        """Adds an attribute; call in order of name."""
        self._hash.update(f"|@{name}|{value.dtype.str}|".encode() + value.tobytes())

    def content(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        """Adds the type and shape of a dataset."""
        self._hash.update(f"|{dtype.descr}|{shape}|".encode())

    def data(self, data: bytes | str) -> None:
        """Adds the bytes of a compact dataset, or the digest of a chunk."""
        self._hash.update(data.encode() if isinstance(data, str) else data)

    def hexdigest(self) -> str:
        """64 hexadecimal digits."""
        return self._hash.hexdigest()


def core_digest(nodes: Mapping[str, str]) -> str:
    """One digest of many nodes.

    Args:
        nodes: Digest of each node (or, of a linked object, its content digest) by path.
    """
    return hashlib.sha256("".join(f"{path}={nodes[path]}\n" for path in sorted(nodes)).encode()).hexdigest()


def write_attributes(oid: Any, values: Mapping[str, AttributeValue], digest: NodeDigest | None = None) -> None:
    """Writes scalar attributes, in order of name."""
    for name in sorted(values):
        array = attribute_array(values[name])
        tid = stored_type(array.dtype)
        h5a.create(oid, name.encode(), tid, _SCALAR).write(array, tid)
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

        Returns:
            The path of its group.
        """
        parent = require_group(self._root, folder)
        if parent.links.exists(name.encode()):
            raise AlreadyExistsError(f"/{folder}/{name}: exists already")
        group = create_group(parent, name)
        nodes: dict[str, str] = {}
        self._fill(group, "", draft, run_uuid, nodes)
        write_attributes(group, {"core_sha256": core_digest(nodes)})
        return f"{folder}/{name}"

    def replace_group(self, parent: str, name: str, draft: GroupDraft, owner: str) -> None:
        """Replaces one mutable group of a run; the old one becomes dead space."""
        group = h5g.open(self._root, parent.encode())
        if name.encode() not in group:
            self._fill(create_group(group, name), name, draft, owner, {})
            return
        # The old one goes last, so that its space is never at the end of the file, where HDF5 would use it again.
        self._fill(create_group(group, _REPLACEMENT), name, draft, owner, {})
        group.unlink(name.encode())
        group.move(_REPLACEMENT.encode(), name.encode())

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
            if not parent.links.exists(digest.encode()):
                group = create_group(parent, digest)
                content = GroupDraft(target.attributes, target.datasets, objects=target.objects)
                self._fill(group, "", content, path, {})
                write_attributes(group, {"object": path})
        gid.links.create_hard(name.encode(), parent, digest.encode())

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
                dsid.write(h5s.ALL, h5s.ALL, data if dtype.kind != "b" else data.view("u1"), stored_type(dtype))
            content = [raw.tobytes()]
        else:
            way = layers(draft)
            dtype = way.dtype
            attributes |= way.attributes
            dsid = _create_dataset(gid, name, dtype, shape, way.chunk, way.codec)
            sums = _write_chunks(dsid, name, shape, way, owner)
            if len(sums) == 1:
                attributes |= {"crc32": sums[0].crc32, way.digest: sums[0].digest}
            else:
                table = checksums.table_of(sums, way.digest)
                tid = stored_type(table.dtype)
                h5d.create(gid, (name + layout.CHECKSUMS_SUFFIX).encode(), tid, h5s.create_simple(table.shape)).write(
                    h5s.ALL, h5s.ALL, table, tid
                )
            content = [s.digest.encode() for s in sums]
        write_attributes(dsid, attributes, digest)
        digest.content(np.dtype("u1") if dtype.kind == "b" else dtype, shape)
        for piece in content:
            digest.data(piece)
        nodes[path] = digest.hexdigest()


def _write_chunks(
    dsid: h5d.DatasetID, name: str, shape: tuple[int, ...], way: Layers, owner: str
) -> list[checksums.ChunkSums]:
    """Compresses chunks in threads, and gives them to HDF5 in order: only a few are in memory."""

    def packed(item: tuple[int, tuple[int, ...], Any]) -> tuple[tuple[int, ...], Buffer, int, checksums.ChunkSums]:
        number, offset, taken = item
        stored, mask = way.pack(taken)
        return offset, stored, mask, checksums.chunk_sums(stored, owner, name, number, mask, way.digest)

    sums = []
    offsets = enumerate(chunk_offsets(shape, way.chunk))
    items = ((number, offset, way.take(number, offset)) for number, offset in offsets)
    number = math.prod(grid_shape(shape, way.chunk))
    with contextlib.closing(in_order(packed, items, number, together=_TOGETHER)) as chunks:
        for offset, stored, mask, both in chunks:
            check_interrupt()
            if len(stored):  # a chunk that was never written reads as zeros
                dsid.write_direct_chunk(offset, stored, mask)
            sums.append(both)
    return sums


def _create_dataset(
    gid: h5g.GroupID,
    name: str,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    chunk: tuple[int, ...] | None,
    codec: Codec = Codec.DEFLATE,
) -> h5d.DatasetID:
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
        else:  # not mandatory, for HDF5 would look for its plugin now already
            properties.set_filter(int(codec), h5z.FLAG_OPTIONAL)
    return h5d.create(gid, name.encode(), stored_type(dtype), h5s.create_simple(shape), dcpl=properties)
