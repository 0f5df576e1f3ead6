"""Project files that harm HDF5, made by changing its metadata and making the checksums right again."""

from __future__ import annotations

import struct
import time
from pathlib import Path

from aerchive.storage.hdf5.group_room import lookup3

_HEAD = struct.Struct("<4sBBIHHBBQHQ")
"""Header of a version 2 B-tree: signature, version, type, sizes of node and record, depth, two percentages, address and
records of the root node, and number of all records; HDF5 File Format Specification 3.0, section III.A.2."""

HARM = {
    "division by zero": {2: 0, 3: 0, 4: 0},
    "segmentation fault": {2: 10},
    "memory": {3: 0x40000000},
}
"""What HDF5 2.0 does, and the fields of the header, by number, with the values that make it do that."""


def harm(path: Path, what: str) -> None:
    """Changes the header of the last version 2 B-tree in a file, so that HDF5 fails when it reads the tree.

    Args:
        path: The file.
        what: One of the keys of `HARM`.
    """
    data = bytearray(path.read_bytes())
    at = data.rindex(b"BTHD")
    head = list(_HEAD.unpack_from(data, at))
    for field, value in HARM[what].items():
        head[field] = value
    body = _HEAD.pack(*head)
    data[at : at + len(body) + 4] = body + lookup3(body).to_bytes(4, "little")
    path.write_bytes(data)


def sleep(*_arguments: object) -> None:
    """Takes too long."""
    time.sleep(60)
