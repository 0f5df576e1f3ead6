"""Attributes that our writer never makes, and too much of those that it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5p, h5s, h5t

from tests.hostile.corpus import add
from tests.hostile.edits import Hostile, object_path, run_path, set_attribute

MANY = 60_000


def _run(file: h5py.File) -> Any:
    return file[run_path("bell")]


def _config(file: h5py.File) -> Any:
    return file[run_path("bell")]["config"]


def _array(file: h5py.File) -> Any:
    return file[run_path("bell")]["statevector"]


def _object(file: h5py.File) -> Any:
    return file[object_path(file, "bell", "circuits")]


def _root(file: h5py.File) -> Any:
    return file["/"]


PLACES = {"run": _run, "config": _config, "array": _array, "object": _object, "root": _root}
NODES = {"run": "bell", "config": "config", "array": "statevector", "object": "circuits", "root": "'attribute"}


def _create(node: Any, name: bytes, tid: h5t.TypeID, space: h5s.SpaceID, value: Any = None, mtype: Any = None) -> None:
    attribute = h5a.create(node.id, name, tid, space)
    if value is not None:
        attribute.write(value, mtype)


def _many(node: Any) -> None:
    space, value = h5s.create(h5s.SCALAR), np.array(1)
    for number in range(MANY):
        h5a.create(node.id, b"evil%d" % number, h5t.NATIVE_INT64, space).write(value)


def _long(node: Any) -> None:
    """200 texts of 60,000 bytes: 12 MB, of which each alone is small enough for HDF5's headers."""
    for number in range(200):
        set_attribute(node, f"evil{number}", np.array(b"x" * 60_000, "S60000"))


def _large(node: Any) -> None:
    tid = h5t.C_S1.copy()
    tid.set_size(64 * 2**20)
    _create(node, b"evil", tid, h5s.create(h5s.SCALAR), np.array(b"x", "S67108864"))


def _elements(node: Any) -> None:
    _create(node, b"evil", h5t.NATIVE_INT64, h5s.create_simple((10,)), np.arange(10))


def _empty(node: Any) -> None:
    _create(node, b"evil", h5t.NATIVE_INT64, h5s.create_simple((0,)))


def _null(node: Any) -> None:
    _create(node, b"evil", h5t.NATIVE_INT64, h5s.create(h5s.NULL))


def _variable(node: Any) -> None:
    node.attrs["evil"] = "variable length \x1b[2J"


def _sequence(node: Any) -> None:
    _create(node, b"evil", h5t.vlen_create(h5t.NATIVE_INT64), h5s.create(h5s.SCALAR))


def _reference(node: Any) -> None:
    node.attrs["evil"] = node.file["runs"].ref


def _region(node: Any) -> None:
    node.attrs["evil"] = node.file["catalogue"].regionref[0:1]


def _compound(node: Any) -> None:
    node.attrs["evil"] = np.array((1, 2.0), [("a", "<i8"), ("b", "<f8")])


def _complex(node: Any) -> None:
    node.attrs["evil"] = np.complex128(1j)


def _enumeration(node: Any) -> None:
    node.attrs.create("evil", 1, dtype=h5py.enum_dtype({"A": 1, "B": 2}))


def _opaque(node: Any) -> None:
    node.attrs["evil"] = np.void(b"\x80\x04pickle")


def _big_endian(node: Any) -> None:
    set_attribute(node, "evil", np.array(1), h5t.STD_I64BE)


def _wide(node: Any) -> None:
    tid = h5t.STD_I64LE.copy()
    tid.set_size(16)
    h5a.create(node.id, b"evil", tid, h5s.create(h5s.SCALAR))


def _array_type(node: Any) -> None:
    _create(node, b"evil", h5t.array_create(h5t.NATIVE_INT64, (4,)), h5s.create(h5s.SCALAR))


def _committed(node: Any) -> None:
    tid = h5t.NATIVE_INT64.copy()
    tid.commit(node.file["/deleted"].id, b"type")
    _create(node, b"evil", tid, h5s.create(h5s.SCALAR), np.array(1))


def _half(node: Any) -> None:
    set_attribute(node, "evil", np.float64(1), h5t.IEEE_F16LE)


def _not_utf8(node: Any) -> None:
    set_attribute(node, "evil", np.array(b"\xff\xfe\x1b[2J", "S6"))


def _undefined_escape(node: Any) -> None:
    set_attribute(node, "evil", np.array(rb"\x", "S2"))


def _odd_name(node: Any) -> None:
    _create(node, b"\x1b[2Jevil\n\xe2\x80\xae", h5t.NATIVE_INT64, h5s.create(h5s.SCALAR), np.array(1))


def _odd_name_not_utf8(node: Any) -> None:
    _create(node, b"evil\xff", h5t.NATIVE_INT64, h5s.create(h5s.SCALAR), np.array(1))


def _unknown(node: Any) -> None:
    """Right in every way, but no field of a model."""
    set_attribute(node, "evil", np.int64(1))


WAYS: dict[str, Callable[[Any], None]] = {
    f.__name__.strip("_").replace("_", " "): f
    for f in (_many, _long, _large, _elements, _empty, _null, _variable, _sequence, _reference, _region, _compound)
}
WAYS |= {
    f.__name__.strip("_").replace("_", " "): f
    for f in (_complex, _enumeration, _opaque, _big_endian, _wide, _array_type, _committed, _half, _not_utf8)
}
WAYS |= {
    f.__name__.strip("_").replace("_", " "): f for f in (_undefined_escape, _odd_name, _odd_name_not_utf8, _unknown)
}
EVERYWHERE = ("large", "null", "variable", "opaque")
LATE = ("many", "large")
"""Of these the file shall be dense: the attributes lie in a heap of their own."""


def _remake_dense(file: h5py.File, place: str) -> Any:
    """The node with attributes that may lie in a heap: our own groups keep at most 64, and those in the header."""
    node = PLACES[place](file)
    if place in ("root",):
        return node
    parent, name = node.parent, node.name.rpartition("/")[2]
    if isinstance(node, h5py.Dataset):
        properties = h5p.create(h5p.DATASET_CREATE)
        properties.set_attr_phase_change(8, 6)
        fresh: Any = h5py.Dataset(
            h5py.h5d.create(parent.id, b"fresh", node.id.get_type(), node.id.get_space(), properties)
        )
        fresh[...] = node[...]
    else:
        group = h5p.create(h5p.GROUP_CREATE)
        group.set_attr_phase_change(8, 6)
        fresh = h5py.Group(h5py.h5g.create(parent.id, b"fresh", gcpl=group))
        for member in node:
            fresh[member] = node[member]
    for key, value in node.attrs.items():
        set_attribute(fresh, key, np.asarray(value))
    del parent[name]
    parent.move("fresh", name)
    return parent[name]


def _make(way: str, place: str) -> Callable[[Hostile], None]:
    def make(one: Hostile) -> None:
        with one.edit() as file:
            WAYS[way](_remake_dense(file, place) if way in LATE else PLACES[place](file))

    return make


for _way in WAYS:
    for _place in PLACES:
        if _place == "config" or _way in EVERYWHERE or (_way, _place) == ("many", "root"):
            # Other programs may add attributes of any type to the root, but neither many nor large ones.
            _harmless = _place == "root" and _way not in LATE
            _expect, _node = ("limited", "") if _harmless else ("refused", NODES[_place])
            add("attributes", f"{_way}, {_place}", _make(_way, _place), _expect, _node)
