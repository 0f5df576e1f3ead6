"""Conversion between numpy dtypes and HDF5 types that all HDF5 readers support."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from h5py import h5t, version

from aerchive.errors import FormatError
from aerchive.storage.hdf5.errors import Where, hdf5_errors

HDF5_VERSION: str = version.hdf5_version
"""Version of the HDF5 library in use."""


@functools.lru_cache(maxsize=4096)
def text_type(width: int, *, is_ascii: bool = False) -> h5t.TypeID:
    """The HDF5 type of fixed-length, null-padded text of ``width`` bytes, in UTF-8 or ASCII."""
    tid = h5t.C_S1.copy()
    tid.set_size(width)
    tid.set_cset(h5t.CSET_ASCII if is_ascii else h5t.CSET_UTF8)
    tid.set_strpad(h5t.STR_NULLPAD)
    return tid


@functools.lru_cache(maxsize=256)
def stored_type(dtype: np.dtype[Any], *, is_ascii: bool = False) -> h5t.TypeID:
    """The HDF5 type of a numpy dtype: integers, floats, text (``S``), complex as ``{r, i}``, and compounds of these.

    Args:
        dtype: The dtype.
        is_ascii: Whether text has the character set ASCII. HDF5 does not convert it to the other one, UTF-8.

    Raises:
        FormatError: The format does not allow this dtype.
    """
    if dtype.kind == "S":
        return text_type(dtype.itemsize, is_ascii=is_ascii)
    if not dtype.isnative:
        raise FormatError(f"dtype {dtype} has the byte order of another machine; convert it first")
    if dtype.kind == "c":
        part = stored_type(np.dtype(f"<f{dtype.itemsize // 2}"))
        tid = h5t.create(h5t.COMPOUND, dtype.itemsize)
        tid.insert(b"r", 0, part)
        tid.insert(b"i", dtype.itemsize // 2, part)
        return tid
    if dtype.kind == "b":
        return h5t.py_create(np.dtype("u1"))
    if dtype.names is not None and dtype.fields is not None:
        tid = h5t.create(h5t.COMPOUND, dtype.itemsize)
        for name in dtype.names:
            member, offset = dtype.fields[name][:2]
            tid.insert(name.encode(), offset, stored_type(member, is_ascii=is_ascii))
        return tid
    if dtype.kind in "iuf" and dtype.itemsize <= 8:
        return h5t.py_create(dtype.newbyteorder("<"))
    raise FormatError(f"dtype {dtype} has no place in an aerchive project")


_known_types: dict[bytes, np.dtype[Any]] = {}
_MAX_KNOWN_TYPES = 4096
_NUMBER_BYTES = (1, 2, 4, 8)
_MAX_COLUMNS = 256
_MAX_NESTING = 2
"""Tables have columns of complex numbers, which HDF5 has as compounds; nothing in the format is nested deeper."""


def memory_dtype(tid: h5t.TypeID, where: Where) -> np.dtype[Any]:
    """The numpy dtype of a stored HDF5 type.

    Args:
        tid: The type of a dataset or attribute.
        where: File and path of the node, for the error message.

    Raises:
        FormatError: The format does not allow this type (variable length, reference, opaque, enumeration, ...).
    """
    with hdf5_errors(where):
        key = tid.encode()  # a cache key, as the analysis of a type takes many calls of HDF5
    found = _known_types.get(key)
    if found is None:
        if len(_known_types) >= _MAX_KNOWN_TYPES:
            _known_types.clear()
        if isinstance(tid, h5t.TypeCompoundID):
            _check_nesting(tid, where, _MAX_NESTING)
        found = _known_types[key] = _memory_dtype(tid, where)
    return found


def _check_nesting(tid: h5t.TypeCompoundID, where: Where, depth: int) -> None:
    """Refuses tables with too many columns, or with tables in their columns, before HDF5 copies the whole type."""
    with hdf5_errors(where):
        number = tid.get_nmembers()
    if not depth or number > _MAX_COLUMNS:
        raise FormatError(
            f"{where}: its type has more than {_MAX_COLUMNS} columns, or is nested more than {_MAX_NESTING} deep"
        )
    for index in range(number):
        with hdf5_errors(where):
            member = tid.get_member_type(index)
        if isinstance(member, h5t.TypeCompoundID):
            _check_nesting(member, where, depth - 1)


def _memory_dtype(tid: h5t.TypeID, where: Where) -> np.dtype[Any]:
    with hdf5_errors(where):
        kind, size = tid.get_class(), tid.get_size()
    if kind == h5t.STRING:
        if tid.is_variable_str():
            raise FormatError(f"{where}: variable-length text has no place in an aerchive project")
        return np.dtype(f"S{size}")
    if kind in (h5t.INTEGER, h5t.FLOAT):
        if size not in _NUMBER_BYTES:
            raise FormatError(f"{where}: numbers of {size} bytes have no place in an aerchive project")
        with hdf5_errors(where):
            dtype: np.dtype[Any] = np.dtype(tid.dtype)
        if not dtype.isnative:
            raise FormatError(f"{where}: big-endian values have no place in an aerchive project")
        with hdf5_errors(where):
            is_plain = tid == stored_type(dtype)
        if not is_plain:
            raise FormatError(f"{where}: numbers of an unusual bit layout have no place in an aerchive project")
        return dtype
    if kind == h5t.COMPOUND:
        with hdf5_errors(where):
            numbers = range(tid.get_nmembers())
            names = [tid.get_member_name(i).decode("utf-8", "backslashreplace") for i in numbers]
            types = [tid.get_member_type(i) for i in numbers]
            offsets = [tid.get_member_offset(i) for i in numbers]
        members = [memory_dtype(one, where) for one in types]
        if names == ["r", "i"] and members[0] == members[1] and members[0].kind == "f":
            if offsets != [0, members[0].itemsize] or size != 2 * members[0].itemsize:
                raise FormatError(f"{where}: complex numbers have padding, which has no place in an aerchive project")
            return np.dtype(f"<c{size}")
        with hdf5_errors(where):  # numpy refuses types of damaged files, such as two columns of one name
            return np.dtype({"names": names, "formats": members, "offsets": offsets, "itemsize": size})
    raise FormatError(f"{where}: HDF5 type class {kind} has no place in an aerchive project")


def has_ascii(kind: h5t.TypeID) -> bool:
    """Whether text in values of a type has the character set ASCII. Only HDF5 is called."""
    if isinstance(kind, h5t.TypeStringID):
        return bool(kind.get_cset() == h5t.CSET_ASCII)
    members = range(kind.get_nmembers()) if isinstance(kind, h5t.TypeCompoundID) else ()
    return any(has_ascii(kind.get_member_type(number)) for number in members)


def has_addresses(kind: h5t.TypeID) -> bool:
    """Whether values of a type hold addresses in the file: variable-length data, or references. Only HDF5 is called."""
    if isinstance(kind, h5t.TypeStringID):
        return bool(kind.is_variable_str())
    if isinstance(kind, h5t.TypeCompoundID):
        return any(has_addresses(kind.get_member_type(number)) for number in range(kind.get_nmembers()))
    if isinstance(kind, h5t.TypeArrayID):
        return has_addresses(kind.get_super())
    return kind.get_class() in (h5t.VLEN, h5t.REFERENCE)
