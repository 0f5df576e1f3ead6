"""What a stranger does with a project: nodes replaced with h5py or byte by byte, and all checksums made right again.

The digests are computed here from what h5py reads, not by the verification that is tested: a hostile file must be found
for what is hostile in it, not because a digest was forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5o, h5p, h5s, h5t

from aerchive import layout
from aerchive.errors import AerchiveError
from aerchive.filters.profiles import Codec, unpack_chunk
from aerchive.models import catalogue
from aerchive.storage.chunks.checksums import ChunkSums, chunk_crc, table_of, value_digest, zeros_digest
from aerchive.storage.chunks.drafts import ContentDigest, text_dataset
from aerchive.storage.chunks.grid import box_shape
from aerchive.storage.chunks.read_plan import value_dtype
from aerchive.storage.hdf5.types import memory_dtype, stored_type
from aerchive.storage.hdf5.writer import NodeDigest, core_digest, link_digest
from tests.hostile.honest import DAY, JOBS
from tests.hostile.metadata import patched

MUTABLE = (layout.STATUS, layout.LABELS, layout.VIEW)
_NAMES = {
    "bell": "213000_bell_2q_bell",
    "chunks": "213001_chunks_12q_chunks",
    "noise": "213002_noise_2q_noise",
    "binds": "213003_binds_2q_binds",
    "flow": "213004_flow_1q_flow",
    "amplitudes": "213005_amplitudes_2q_amplitud",
    "labels": "213006_named_2q_labels",
    "again": "213007_again_2q_again",
    "failed": "213008_failed_failed",
    "last": "213009_last_2q_last",
}
_LARGE_BYTES = 2**24


class Hostile:
    """A copy of the honest project that is being made hostile.

    Attributes:
        path: The file.
        outside: A folder with files that nothing may touch: ``victim.txt``, ``other.h5``, ``plugins``.
    """

    def __init__(self, path: Path, outside: Path) -> None:
        self.path = path
        self.outside = outside

    @property
    def folder(self) -> Path:
        """The folder of the project."""
        return self.path.parent

    @contextmanager
    def edit(self, seal: bool = True) -> Iterator[h5py.File]:
        """The open file. Afterwards each run gets the digests of what it holds then, unless `seal` is false."""
        with h5py.File(self.path, "r+", libver=layout.LIBVER) as file:
            yield file
            if seal:
                for job in JOBS:
                    if run_path(job) in file:
                        seal_run(file[run_path(job)])
                seal_attachments(file["/"])

    def bytes(self) -> Any:
        """The bytes of the file, to be changed; see `tests.hostile.metadata.patched`."""
        return patched(self.path)

    def replace(self, before: bytes, after: bytes, number: int = 1) -> None:
        """Replaces bytes that are in the file so many times."""
        with self.bytes() as data:
            found = bytes(data)
            assert found.count(before) == number, f"{before!r} is {found.count(before)} times in the file"
            assert len(before) == len(after)
            data[:] = found.replace(before, after)


def run_path(job: str) -> str:
    """The path of the group of a run."""
    return f"runs/{DAY}/{_NAMES[job]}"


def object_path(file: h5py.File, job: str, link: str) -> str:
    """The path of a shared object of a run."""
    return str(file[f"{run_path(job)}/{link}"].attrs["object"].decode())


def owner_of(group: h5py.Group) -> str:
    """What checksums of chunks in a group name as their owner: a UUID, or the path of an object."""
    if layout.ATTACHMENT_UUID in group.attrs:
        return str(group.attrs[layout.ATTACHMENT_UUID].decode())
    path = group.name.strip("/").split("/")
    if path[0] in ("", "format"):
        return str(group.file.attrs["project_uuid"].decode())
    if path[0] == layout.RUNS:
        return str(group.file["/".join(path[:3])]["seal"].attrs["run_uuid"].decode())
    return str(group.attrs["object"].decode())


# Nodes


def set_text(node: Any, name: str, value: bytes | str) -> None:
    """Sets an attribute to a text, byte by byte what is given."""
    data = value.encode() if isinstance(value, str) else value
    set_attribute(node, name, np.array(data, f"S{max(1, len(data))}"))


def set_attribute(node: Any, name: str, value: Any, tid: h5t.TypeID | None = None) -> None:
    """Sets an attribute; without a type, that of our writer."""
    value = np.asarray(value)
    if name in node.attrs:
        del node.attrs[name]
    tid = stored_type(value.dtype) if tid is None else tid
    space = h5s.create(h5s.SCALAR) if value.shape == () else h5s.create_simple(value.shape)
    h5a.create(node.id, name.encode(), tid, space).write(np.ascontiguousarray(value), tid)


def create(
    parent: h5py.Group,
    name: str,
    tid: h5t.TypeID,
    space: h5s.SpaceID,
    properties: h5p.PropDCID | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> h5d.DatasetID:
    """Makes a dataset in place of any of this name, whose attributes it gets, unless others are given."""
    kept = dict(raw_attributes(parent[name].id)) if attributes is None and name in parent else {}
    if name in parent:
        del parent[name]
    dsid = h5d.create(parent.id, name.encode(), tid, space, dcpl=properties)
    for key, value in {**kept, **(attributes or {})}.items():
        set_attribute(h5py.Dataset(dsid), key, value)
    return dsid


def chunked(chunk: tuple[int, ...], *filters: int, shuffle: bool = True) -> h5p.PropDCID:
    """Properties of a dataset with chunks that have the shuffle and these filters."""
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_chunk(chunk)
    if shuffle:
        properties.set_shuffle()
    for number in filters or (1,):
        if number == 1:
            properties.set_deflate(1)
        else:
            properties.set_filter(number, 1, (1,))
    return properties


def put_array(parent: h5py.Group, name: str, values: np.ndarray, chunk: tuple[int, ...] | None = None) -> None:
    """Replaces a dataset by values, stored as our writer would, with checksums."""
    tid, space = stored_type(values.dtype), h5s.create_simple(values.shape)
    attributes = dict(raw_attributes(parent[name].id)) if name in parent else {}
    for sums in layout.STORAGE_ATTRIBUTES:
        attributes.pop(sums, None)
    if chunk is None and values.nbytes <= layout.MAX_COMPACT_BYTES:
        properties = h5p.create(h5p.DATASET_CREATE)
        properties.set_layout(h5d.COMPACT)
        create(parent, name, tid, space, properties, attributes).write(h5s.ALL, h5s.ALL, values, tid)
        return
    dsid = create(parent, name, tid, space, chunked(chunk or values.shape), attributes)
    dsid.write(h5s.ALL, h5s.ALL, values, tid)
    put_sums(parent, name)


def put_text(parent: h5py.Group, name: str, text: bytes) -> None:
    """Replaces a document in a dataset by rows of text."""
    put_array(parent, name, text_dataset(text).parts[0])


def put_sums(parent: h5py.Group, name: str) -> None:
    """Writes the checksums of the chunks as they are stored now, as attributes or as a table."""
    dataset = parent[name]
    grid = [math.ceil(size / chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True)]
    sums: list[ChunkSums] = []
    for number, place in enumerate(np.ndindex(*grid)):
        offset = tuple(at * chunk for at, chunk in zip(place, dataset.chunks, strict=True))
        mask, stored = 0, b""
        if dataset.id.get_chunk_info_by_coord(offset).byte_offset is not None:
            mask, stored = dataset.id.read_direct_chunk(offset)
        sums.append(sums_of(dataset, stored, owner_of(parent), offset, number, mask))
    if len(sums) == 1:
        set_attribute(dataset, "crc32", np.int64(sums[0].crc32))
        set_text(dataset, "blake3", sums[0].blake3)
        return
    set_text(dataset, layout.PIECE_SHAPE, " ".join(map(str, dataset.chunks)))
    table = table_of(sums)
    tid = stored_type(table.dtype)
    key = name + layout.CHECKSUMS_SUFFIX
    create(parent, key, tid, h5s.create_simple(table.shape), attributes={}).write(h5s.ALL, h5s.ALL, table, tid)


def sums_of(
    dataset: h5py.Dataset, stored: bytes, owner: str, offset: tuple[int, ...], number: int, mask: int
) -> ChunkSums:
    """The checksums of a chunk; the digest is that of zeros if the stored bytes cannot be expanded."""
    crc = chunk_crc(stored, owner, dataset.name.rpartition("/")[2], number, mask)
    named, narrow = dataset.attrs.get("dtype", b""), dataset.dtype
    dtype = value_dtype(narrow, named.decode("utf-8", "replace") if isinstance(named, bytes) else named)
    box = box_shape(offset, dataset.shape, dataset.chunks)
    if not stored:
        return ChunkSums(crc, zeros_digest(math.prod(box) * dtype.itemsize))
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(at)[0] for at in range(properties.get_nfilters())]
    codec = next((one for one in Codec if tuple(filters[1:]) == one.filters), Codec.DEFLATE)
    try:
        room = np.empty(math.prod(dataset.chunks) * narrow.itemsize, np.uint8)
        raw = unpack_chunk(stored, mask, narrow.itemsize, codec, room)
    except (AerchiveError, ValueError):
        return ChunkSums(crc, zeros_digest(math.prod(box) * dtype.itemsize))
    values = raw.view(narrow).reshape(dataset.chunks)[tuple(map(slice, box))].astype(dtype)
    return ChunkSums(crc, value_digest(values.tobytes()))


# Digests


def raw_attributes(oid: Any) -> Iterator[tuple[str, np.ndarray]]:
    """The attributes of a node that are single values of fixed size, or some texts, in order of name."""
    names: list[bytes] = []
    h5a.iterate(oid, names.append)
    for name in sorted(names):
        attribute = h5a.open(oid, name)
        if attribute.get_type().get_class() not in (h5t.STRING, h5t.INTEGER, h5t.FLOAT):
            continue
        if attribute.shape != () and (
            attribute.get_type().get_class() != h5t.STRING or len(attribute.shape or ()) != 1
        ):
            continue
        try:
            value = np.empty(attribute.shape, attribute.dtype)
        except TypeError:  # numpy has no integers of 16 bytes
            continue
        if value.dtype.kind in "Siuf":
            attribute.read(value, attribute.get_type() if value.dtype.kind == "S" else None)
            yield name.decode("utf-8", "backslashreplace"), value


def seal_run(run: h5py.Group) -> None:
    """Gives a run, its status, its labels and its attachments the digests of what they hold."""
    seal_attachments(run)
    for name in MUTABLE:
        if isinstance(run.get(name, getlink=True), h5py.HardLink) and isinstance(run[name], h5py.Group):
            inner: dict[str, str] = {}
            _visit(run[name], name, inner)
            if name == layout.VIEW:
                inner |= {where: link_digest(target) for where, target in _links(run).items()}
            set_text(run[name], "sha256", core_digest(inner))
    nodes: dict[str, str] = {}
    _visit(run, "", nodes)
    if isinstance(run.get(layout.SEAL), h5py.Group):
        set_text(run[layout.SEAL], "core_sha256", core_digest(nodes))


def _links(run: h5py.Group) -> dict[str, str]:
    """The links of the plots of a run to its datasets: name of the dataset, by path of the link."""
    datasets = {h5o.get_info(node.id).addr: name for name, node in run.items() if isinstance(node, h5py.Dataset)}
    plots = {f"{layout.VIEW}/{name}": plot for name, plot in run[layout.VIEW].items() if isinstance(plot, h5py.Group)}
    found = {f"{where}/{key}": h5o.get_info(node.id).addr for where, one in plots.items() for key, node in one.items()}
    return {where: datasets[address] for where, address in found.items() if address in datasets}


def seal_attachments(holder: h5py.Group) -> None:
    """Gives the attachments of a run or of the project the digests of what they hold."""
    link = holder.get(layout.ATTACHMENTS, getlink=True)
    folder = holder[layout.ATTACHMENTS] if isinstance(link, h5py.HardLink) else None
    for name in folder if isinstance(folder, h5py.Group) and len(folder) < 1000 else ():
        if isinstance(folder.get(name, getlink=True), h5py.HardLink) and isinstance(folder[name], h5py.Group):
            inner: dict[str, str] = {}
            _visit(folder[name], f"{layout.ATTACHMENTS}/{name}", inner)
            set_text(folder[name], "sha256", core_digest(inner))


def _visit(group: h5py.Group, path: str, nodes: dict[str, str], depth: int = 0) -> None:
    digest = NodeDigest(path)
    for key, value in raw_attributes(group.id):
        if key not in ("core_sha256", "sha256", "object") and (path or key not in layout.SHOWN):
            digest.attribute(key, value)
    nodes[path] = digest.hexdigest()
    if depth > 4 or len(group) > 1000:
        return
    for name in group:
        if name.endswith(layout.CHECKSUMS_SUFFIX) or not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        where = f"{path}/{name}" if path else name
        node = h5o.open(group.id, name.encode())
        if isinstance(node, h5d.DatasetID):
            _dataset(group, name, node, where, nodes)
        elif isinstance(node, h5g.GroupID) and not path and name in layout.LINKS:
            stated = group[name].attrs.get("object", b"")
            stated = stated.decode("utf-8", "replace") if isinstance(stated, bytes) else ""
            nodes[where] = stated.rpartition("/")[2]
        elif isinstance(node, h5g.GroupID) and (path or name not in (*MUTABLE, layout.ATTACHMENTS)):
            _visit(group[name], where, nodes, depth + 1)


def _dataset(group: h5py.Group, name: str, dsid: h5d.DatasetID, path: str, nodes: dict[str, str]) -> None:
    """The digest of a dataset; one that our format does not allow has none."""
    properties = dsid.get_create_plist()
    if properties.get_external_count() or dsid.shape is None or properties.get_layout() == h5d.VIRTUAL:
        return
    try:
        dtype = memory_dtype(dsid.get_type(), path)
    except (AerchiveError, TypeError, ValueError, NotImplementedError):
        return
    digest = NodeDigest(path)
    attributes = dict(raw_attributes(dsid))
    for key, value in attributes.items():
        if key not in layout.STORAGE_ATTRIBUTES:
            digest.attribute(key, value)
    named = attributes.get("dtype")
    digest.content(value_dtype(dtype, None if named is None else named.item().decode("utf-8", "replace")), dsid.shape)
    try:
        if properties.get_layout() == h5d.CHUNKED:
            table = group.get(name + layout.CHECKSUMS_SUFFIX)
            if table is not None:
                is_read = table.size < _LARGE_BYTES and not table.is_virtual  # HDF5 would open the other file to write
                for row in np.ravel(table.fields("blake3")[()]) if is_read else ():
                    digest.data(row.decode())
            elif "blake3" in attributes:
                digest.data(attributes["blake3"].item().decode())
        elif math.prod(dsid.shape) * dtype.itemsize < _LARGE_BYTES:
            values = np.empty(dsid.shape, dtype)
            dsid.read(h5s.ALL, h5s.ALL, values, dsid.get_type())
            digest.data(values.tobytes())
    except (OSError, ValueError, KeyError, TypeError, UnicodeDecodeError):
        return
    nodes[path] = digest.hexdigest()


def rename_object(file: h5py.File, path: str) -> str:
    """Moves a shared object that was changed to the path that its content has now; returns that path."""
    group, kind = file[path], path.split("/")[1]
    content = ContentDigest(kind)
    for name, value in raw_attributes(group.id):
        if name != "object":
            content.attribute(name, value)
    groups = [name for name in group if isinstance(group[name], h5py.Group)]
    links = [name for name in groups if name != layout.VIEW]
    datasets = [name for name in group if name not in groups and not name.endswith(layout.CHECKSUMS_SUFFIX)]
    for name in datasets:
        values = np.asarray(group[name][()])
        content.dataset(name, values.dtype, values.shape)
        content.data(np.ascontiguousarray(values))
    for name in links:
        content.link(name, group[name].attrs["object"].decode().rpartition("/")[2])
    digest = content.hexdigest()
    moved = f"{layout.OBJECTS}/{kind}/{digest[:2]}/{digest}"
    if moved != path:
        file.require_group(moved.rpartition("/")[0])
        file.move(path, moved)
        set_text(file[moved], "object", moved)
        for name in datasets:
            if file[moved][name].chunks:
                put_sums(file[moved], name)
    return moved


# Rows of the catalogue


def change_row(file: h5py.File, job: str, **columns: Any) -> None:
    """Changes columns of the row of a run; its checksum is right."""
    number = JOBS.index(job)
    table = file[layout.CATALOGUE]
    row = table[number : number + 1].astype(catalogue.DTYPE)
    for name, value in columns.items():
        row[name] = value
    table[number] = catalogue.seal_row(row, number)[0]
