"""Datasets of types that our writer never makes, in use and of no use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from h5py import h5p, h5s, h5t

from aerchive.models import catalogue
from aerchive.storage.hdf5.types import stored_type
from tests.hostile.corpus import add
from tests.hostile.edits import Hostile, create, run_path

_DEPTH = 1_500


def _sized(base: h5t.TypeID, size: int) -> h5t.TypeID:
    tid = base.copy()
    tid.set_size(size)
    return tid


def _compound(size: int, *members: tuple[bytes, int, h5t.TypeID]) -> h5t.TypeID:
    tid = h5t.create(h5t.COMPOUND, size)
    for name, offset, member in members:
        tid.insert(name, offset, member)
    return tid


def _deep(depth: int) -> h5t.TypeID:
    tid: h5t.TypeID = h5t.NATIVE_INT64
    for _ in range(depth):
        tid = _compound(8, (b"a", 0, tid))
    return tid


def _deep_array() -> h5t.TypeID:
    tid: h5t.TypeID = h5t.NATIVE_INT8
    for _ in range(500):
        tid = h5t.array_create(tid, (1,))
    return tid


def _enumeration() -> h5t.TypeID:
    tid = h5t.enum_create(h5t.NATIVE_INT64)
    tid.enum_insert(b"A", 1)
    return tid


def _odd_float() -> h5t.TypeID:
    tid = h5t.IEEE_F64LE.copy()
    tid.set_fields(63, 40, 20, 0, 40)
    tid.set_ebias(17)
    return tid


def _odd_integer() -> h5t.TypeID:
    tid = h5t.STD_I64LE.copy()
    tid.set_precision(13)
    tid.set_offset(5)
    return tid


def _opaque() -> h5t.TypeID:
    tid = h5t.create(h5t.OPAQUE, 16)
    tid.set_tag(b"pickle \x1b[2J")
    return tid


def _variable_text() -> h5t.TypeID:
    tid = h5t.C_S1.copy()
    tid.set_size(h5t.VARIABLE)
    return tid


def _wide_compound() -> h5t.TypeID:
    return _compound(16_000, *((b"m%d" % number, number * 8, h5t.NATIVE_INT64) for number in range(2_000)))


TYPES: dict[str, Callable[[], h5t.TypeID]] = {
    "integers of 16 bytes": lambda: _sized(h5t.STD_I64LE, 16),
    "integers of 3 bytes": lambda: _sized(h5t.STD_I32LE, 3),
    "integers of odd bits": _odd_integer,
    "floats of odd bits": _odd_float,
    "big-endian": lambda: h5t.STD_I64BE,
    "enumeration": _enumeration,
    "opaque": _opaque,
    "bit field": lambda: h5t.STD_B64LE,
    "time": lambda: h5t.UNIX_D64LE,
    "array type": lambda: h5t.array_create(h5t.NATIVE_INT64, (4,)),
    "array type of 1 GiB": lambda: h5t.array_create(h5t.NATIVE_INT64, (2**27,)),
    "array types in each other": _deep_array,
    "variable length": lambda: h5t.vlen_create(h5t.NATIVE_INT64),
    "variable text": _variable_text,
    "object reference": lambda: h5t.STD_REF_OBJ,
    "region reference": lambda: h5t.STD_REF_DSETREG,
    "deep compound": lambda: _deep(_DEPTH),
    "wide compound": _wide_compound,
    "text of 2 GiB": lambda: _sized(h5t.C_S1, 2**31 - 1),
    "compound with padding": lambda: _compound(64, (b"r", 8, h5t.IEEE_F64LE), (b"i", 40, h5t.IEEE_F64LE)),
    "unknown column": lambda: _compound(8, (b"\x1b[2J\n\xff", 0, h5t.NATIVE_INT64)),
}
READ = ("integers of 16 bytes", "opaque", "variable text", "object reference", "deep compound", "text of 2 GiB")
ALLOWED = ("integers of 3 bytes", "integers of odd bits", "compound with padding", "unknown column", "wide compound")
"""Types of which only the bits are odd; a dataset of no use may have them, if nothing goes wrong."""


def _replaced(node: str, make: Callable[[], h5t.TypeID]) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            parent = file["/"] if node == "catalogue" else file[run_path("bell")]
            properties = h5p.create(h5p.DATASET_CREATE)
            space = h5s.create_simple((2,))
            if node == "catalogue":
                properties.set_chunk((32,))
                space = h5s.create_simple((2,), (h5s.UNLIMITED,))
            create(parent, node, make(), space, properties)

    return act


for _name, _type in TYPES.items():
    _expect = "limited" if _name in ALLOWED else "refused"
    add("types", f"{_name}, of no use", _replaced("zz", _type), _expect, "" if _name in ALLOWED else "/zz")
    if _name in READ:
        add("types", f"{_name}, counts", _replaced("counts", _type), "refused", "/counts", refuses=("values",))
    if _name in READ and _name != "text of 2 GiB":
        add("types", f"{_name}, catalogue", _replaced("catalogue", _type), "refused", "/catalogue", refuses=("ls",))


def _patched(before: bytes, after: bytes) -> Callable[[Hostile], None]:
    """A compound whose members are then moved, or named, byte by byte: HDF5 itself would refuse to make it."""

    def act(one: Hostile) -> None:
        with one.edit() as file:
            tid = _compound(16, (b"first_member", 0, h5t.NATIVE_INT64), (b"other_member", 8, h5t.NATIVE_INT64))
            create(file[run_path("bell")], "counts", tid, h5s.create_simple((2,)))
        one.replace(before, after)

    return act


_first, _other = b"first_member\0\0", b"other_member\0\x08"
add("types", "overlapping members", _patched(_other, b"other_member\0\x04"), "refused", "/counts", refuses=("values",))
add(
    "types", "member beyond the end", _patched(_other, b"other_member\0\xf0"), "refused", "/counts", refuses=("values",)
)
add(
    "types",
    "two members of one name",
    _patched(_other, b"first_member\0\x08"),
    "refused",
    "/counts",
    refuses=("values",),
)
add(
    "types",
    "all members at one place",
    _patched(_other, b"other_member\0\0"),
    "refused",
    "/counts",
    refuses=("values",),
)


def _catalogue(change: Callable[[list[tuple[str, str]]], list[tuple[str, str]]]) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            dtype = np.dtype(change([(column.name, column.dtype) for column in catalogue.COLUMNS]))
            properties = h5p.create(h5p.DATASET_CREATE)
            properties.set_chunk((32,))
            create(file["/"], "catalogue", stored_type(dtype), h5s.create_simple((2,), (h5s.UNLIMITED,)), properties)

    return act


COLUMNS: dict[str, Callable[[list[tuple[str, str]]], list[tuple[str, str]]]] = {
    "another order": lambda columns: columns[::-1],
    "one column less": lambda columns: columns[1:],
    "one column more": lambda columns: [*columns, ("more", "<i8")],
    "columns of 1 MiB": lambda columns: [("job_id", "S1048576"), *columns[1:]],
    "numbers for texts": lambda columns: [(name, "<i8") for name, _ in columns],
    "texts for numbers": lambda columns: [(name, "S8") for name, _ in columns],
}
for _name, _change in COLUMNS.items():
    add("types", f"catalogue with {_name}", _catalogue(_change), "refused", "/catalogue", refuses=("ls",))
