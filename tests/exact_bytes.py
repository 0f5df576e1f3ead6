"""All that a group of an HDF5 file holds, to the last byte that a chunk has on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5o

Exact = dict[str, Any]


def exact_bytes(path: Path, *groups: str) -> Exact:
    """What is at each path below some groups of the root: headers, attributes, and the bytes of each chunk as stored.

    A group that is linked again is the path where it was met first, so what is shared must be shared.

    Args:
        path: The file.
        groups: At the root; those that are missing are passed over.
    """
    found: Exact = {}
    with h5py.File(path, "r") as file:
        seen: dict[int, str] = {}
        for name in groups:
            if name in file:
                _walk(h5o.open(file.id, name.encode()), name, found, seen)
    return found


def _walk(oid: Any, path: str, found: Exact, seen: dict[int, str]) -> None:
    address = h5o.get_info(oid).addr
    if address in seen:
        found[path] = f"is {seen[address]}"
        return
    seen[address] = path
    if isinstance(oid, h5g.GroupID):
        found[path] = _attributes(oid)
        for name in sorted(oid):
            _walk(h5o.open(oid, name), f"{path}/{name.decode()}", found, seen)
    else:
        found[path] = _attributes(oid), _header(oid), _stored(oid)


def _attributes(oid: Any) -> list[tuple[bytes, str, bytes]]:
    found = []
    for index in range(h5a.get_num_attrs(oid)):
        attribute = h5a.open(oid, index=index)
        value = np.empty(attribute.shape, attribute.dtype)
        attribute.read(value)
        found.append((attribute.name, str(attribute.dtype), value.tobytes()))
    return sorted(found)


def _header(dsid: h5d.DatasetID) -> tuple[Any, ...]:
    properties = dsid.get_create_plist()
    layout = properties.get_layout()
    chunk = properties.get_chunk() if layout == h5d.CHUNKED else None
    filters = [properties.get_filter(number)[:3] for number in range(properties.get_nfilters())]
    return dsid.get_type().encode(), dsid.shape, dsid.get_space().get_simple_extent_dims(True), layout, chunk, filters


def _stored(dsid: h5d.DatasetID) -> Any:
    if dsid.get_create_plist().get_layout() == h5d.CHUNKED:
        infos = [dsid.get_chunk_info(number) for number in range(dsid.get_num_chunks())]
        return [(i.chunk_offset, i.filter_mask, dsid.read_direct_chunk(i.chunk_offset)[1]) for i in infos]
    value = np.empty(dsid.shape, dsid.dtype)
    if value.size:
        dsid.read(h5py.h5s.ALL, h5py.h5s.ALL, value)
    return value.tobytes()
