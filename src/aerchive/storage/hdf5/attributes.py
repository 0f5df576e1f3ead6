"""Reading of HDF5 attributes: only scalar texts, integers and floats are allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from h5py import h5a, h5s
from numpy.typing import NDArray

from aerchive.errors import FormatError
from aerchive.storage.chunks.drafts import AttributeValue
from aerchive.storage.hdf5.errors import hdf5_errors
from aerchive.storage.hdf5.types import memory_dtype, stored_type
from aerchive.text import decode_text

_MAX_ATTRIBUTES = 1024


def read_raw_attributes(oid: Any, where: str) -> dict[str, NDArray[Any]]:
    """The attributes of a node as numpy arrays of shape ``()``, in order of name.

    Args:
        oid: The open node.
        where: File and path of the node, for messages.

    Raises:
        FormatError: There is an attribute that aerchive never writes.
        IntegrityError: HDF5 found the header damaged.
    """
    names: list[bytes] = []
    with hdf5_errors(where, what="its header is damaged"):
        number = h5a.get_num_attrs(oid)
    if number > _MAX_ATTRIBUTES:
        raise FormatError(f"{where}: {number} attributes are too many to be ours")
    with hdf5_errors(where, what="its header is damaged"):
        h5a.iterate(oid, names.append)
        # Opened by name, because HDF5 sorts all attributes each time that one is opened by its number.
        opened = [(name.decode("utf-8", "backslashreplace"), h5a.open(oid, name)) for name in sorted(names)]
    return {name: _read(attribute, f"{where}@{name}") for name, attribute in opened}


def _read(attribute: h5a.AttrID, node: str) -> NDArray[Any]:
    with hdf5_errors(node):
        is_scalar = attribute.get_space().get_simple_extent_type() == h5s.SCALAR
        stored = attribute.get_type()
    if not is_scalar:
        raise FormatError(f"{node}: only single values have a place as attributes of an aerchive project")
    dtype = memory_dtype(stored, node)
    if dtype.kind not in "Siuf":
        raise FormatError(f"{node}: attributes are text, integers and floats, not {dtype}")
    value, tid = np.empty((), dtype), stored if dtype.kind == "S" else stored_type(dtype)
    with hdf5_errors(node):
        attribute.read(value, tid)
    return value


def read_attributes(oid: Any, where: str) -> dict[str, AttributeValue]:
    """The HDF5 attributes of a node as Python values.

    Raises:
        FormatError: There is an attribute that aerchive never writes.
        IntegrityError: HDF5 found the header damaged.
    """
    return decode_attributes(read_raw_attributes(oid, where), where)


def decode_attributes(raw: Mapping[str, NDArray[Any]], where: str) -> dict[str, AttributeValue]:
    """Converts the attributes of a node, as `read_raw_attributes` returns them, to Python values.

    Raises:
        FormatError: A text is not UTF-8.
    """
    values: dict[str, AttributeValue] = {}
    for name, value in raw.items():
        try:
            values[name] = decode_text(value.item()) if value.dtype.kind == "S" else value.item()
        except FormatError as error:
            raise FormatError(f"{where}@{name}: {error}") from error
    return values


def read_attribute(oid: Any, name: str, where: str) -> AttributeValue | None:
    """One attribute of a node as a Python value, or ``None`` if there is none of this name."""
    node, key = f"{where}@{name}", name.encode()
    with hdf5_errors(node):
        opened = h5a.open(oid, key) if h5a.exists(oid, key) else None
    if opened is None:
        return None
    value = _read(opened, node)
    return decode_text(value.item()) if value.dtype.kind == "S" else value.item()
