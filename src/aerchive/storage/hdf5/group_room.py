"""Creation properties of groups whose members and attributes are known beforehand, which makes their headers small.

HDF5 gives each member that is added later a continuation of the header of its own, and from the ninth member on it
makes a heap and an index of 1.3 KiB. Both are properties of a group, which h5py can copy from a group but not set. So
they are read from a group in a file of some hundred bytes in memory, in which HDF5's own defaults were replaced (HDF5
File Format Specification 3.0, section IV.A.2.k, Group Info message). See decision 0033.
"""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Mapping

import h5py
from h5py import h5g, h5o, h5p

from aerchive import layout
from aerchive.storage.chunks.drafts import AttributeValue, attribute_array

_STEP = 8
_LINK_BYTES = 15
"""Size of a link in a header, without its name."""
_INFO_BYTES = 22
"""Size of what HDF5 notes in a header about its attributes, once there is one."""
_MOST = 32 * 1024
_NAME = b"group"
_DEFAULT = b"\x0a\x02\x00\x01\x00\x00\x00"
"""The Group Info message with HDF5's own values, and the type of the empty message behind it."""


def lookup3(data: bytes) -> int:
    """Jenkins' checksum ``hashlittle`` with initial value 0, which protects HDF5's metadata."""
    mask = 0xFFFFFFFF

    def rotate(value: int, bits: int) -> int:
        return ((value << bits) | (value >> (32 - bits))) & mask

    def add(block: bytes) -> tuple[int, int, int]:
        x, y, z = struct.unpack("<III", block)
        return (a + x) & mask, (b + y) & mask, (c + z) & mask

    a = b = c = (0xDEADBEEF + len(data)) & mask
    if not data:
        return c
    whole = (len(data) - 1) // 12 * 12
    for at in range(0, whole, 12):
        a, b, c = add(data[at : at + 12])
        for bits in (4, 6, 8, 16, 19, 4):
            a, b, c = b, (c + b) & mask, (a - c) & mask ^ rotate(c, bits)
    a, b, c = add(data[whole:].ljust(12, b"\0"))
    for bits in (14, 11, 25, 16, 4, 14, 24):
        a, b, c = b, ((c ^ b) - rotate(b, bits)) & mask, a
    return b


def plain_properties() -> h5p.PropGCID:
    """The creation properties of groups with any number of members, such as folders."""
    properties = h5p.create(h5p.GROUP_CREATE)
    properties.set_obj_track_times(False)  # so that two projects with the same content have the same bytes
    properties.set_attr_phase_change(layout.MAX_COMPACT_ATTRIBUTES, layout.MIN_DENSE_ATTRIBUTES)
    return properties


def room_for(attributes: Mapping[str, AttributeValue], members: int, name_bytes: int) -> int:
    """The size in a header of attributes and links, in bytes.

    Args:
        attributes: The attributes, by name.
        members: The number of the links.
        name_bytes: The size of their names together.
    """
    total = members * _LINK_BYTES + name_bytes + _INFO_BYTES
    for name, value in attributes.items():
        array = attribute_array(value)
        total += attribute_room(name.encode(), array.dtype.kind, array.ndim, array.nbytes)
    return total


def attribute_room(name: bytes, kind: str, dimensions: int, nbytes: int) -> int:
    """The size in a header of one attribute, in bytes.

    Args:
        name: Its name.
        kind: The kind of its dtype, as in numpy.
        dimensions: The number of its axes.
        nbytes: The size of its value.
    """
    return 18 + len(name) + {"S": 8, "f": 20}.get(kind, 12) + 8 * dimensions + nbytes


def group_properties(room: int) -> h5p.PropGCID:
    """The creation properties of a group with up to 64 members, and with room for them and its attributes.

    Args:
        room: Size of the members and attributes in the header, in bytes, as from `room_for`.
    """
    return _properties(min(-(-room // _STEP) * _STEP, _MOST))


@functools.lru_cache(maxsize=256)
def _properties(room: int) -> h5p.PropGCID:
    template, first = _template()
    image = bytearray(template)
    message = image.index(_DEFAULT, first)
    empty = message + len(_DEFAULT) - 1
    (left,) = struct.unpack_from("<H", image, empty + 1)
    entries = (1, room - _LINK_BYTES) if room > _LINK_BYTES else (0, 0)
    values = struct.pack("<4H", layout.MAX_COMPACT_ATTRIBUTES, layout.MIN_DENSE_ATTRIBUTES, *entries)
    end = empty + 4 + left
    image[message:end] = b"\x0a\x0a\x00\x01\x00\x03" + values + struct.pack("<BHB", 0, left - 8, 0) + bytes(left - 8)
    image[end : end + 4] = lookup3(bytes(image[first:end])).to_bytes(4, "little")
    with h5py.File(io.BytesIO(bytes(image)), "r") as file:
        return h5g.open(file.id, _NAME).get_create_plist()


@functools.cache
def _template() -> tuple[bytes, int]:
    """A file with one empty group, and the address of the header of that group."""
    image = io.BytesIO()
    with h5py.File(image, "w", libver=layout.LIBVER) as file:
        group = h5g.create(file.id, _NAME, gcpl=plain_properties())
        address = int(h5o.get_info(group).addr)
    return image.getvalue(), address
