"""Attributes out of HDF5: scalars of text, integers and floats, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from h5py import h5a, h5s
from numpy.typing import NDArray

from aerchive.errors import FormatError, IntegrityError
from aerchive.storage.border import hdf5_errors
from aerchive.storage.nodes import AttributeValue
from aerchive.storage.types import memory_dtype, stored_type
from aerchive.text import decode_text

_MAX_ATTRIBUTES = 1024


def read_raw_attributes(oid: Any, where: str) -> dict[str, NDArray[Any]]:
    """The attributes of a node as scalars of numpy, in order of name.

    Raises:
        FormatError: An attribute that aerchive never writes.
        IntegrityError: HDF5 found the header damaged.
    """
    try:
        if (number := h5a.get_num_attrs(oid)) > _MAX_ATTRIBUTES:
            raise FormatError(f"{where}: {number} attributes are too many to be ours")
        names: list[bytes] = []
        h5a.iterate(oid, names.append)
        # By name, because HDF5 sorts all of them for each one that is opened by its number.
        return {_text(name): _read(h5a.open(oid, name), name, where) for name in sorted(names)}
    except (OSError, RuntimeError) as error:
        if isinstance(error, FormatError):
            raise
        raise IntegrityError(f"{where}: its header is damaged: {error}") from error


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _read(attribute: h5a.AttrID, name: bytes, where: str) -> NDArray[Any]:
    if attribute.get_space().get_simple_extent_type() != h5s.SCALAR:
        raise FormatError(
            f"{where}@{_text(name)}: only single values have a place as attributes of an aerchive project"
        )
    tid = attribute.get_type()
    try:
        dtype = memory_dtype(tid, where)
    except FormatError:
        dtype = memory_dtype(tid, f"{where}@{_text(name)}")  # says which it is
    if dtype.kind not in "Siuf":
        raise FormatError(f"{where}@{_text(name)}: attributes are text, integers and floats, not {dtype}")
    value = np.empty((), dtype)
    attribute.read(value, tid if dtype.kind == "S" else stored_type(dtype))
    return value


def read_attributes(oid: Any, where: str) -> dict[str, AttributeValue]:
    """The attributes of a node as Python values, those too long for an attribute included.

    Raises:
        FormatError: An attribute that aerchive never writes.
        IntegrityError: HDF5 found the header damaged.
    """
    return decode_attributes(read_raw_attributes(oid, where), where)


def decode_attributes(raw: Mapping[str, NDArray[Any]], where: str) -> dict[str, AttributeValue]:
    """Attributes of a node as Python values.

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
    with hdf5_errors(f"{where}@{name}"):
        if not h5a.exists(oid, name.encode()):
            return None
        value = _read(h5a.open(oid, name.encode()), name.encode(), where)
    return decode_text(value.item()) if value.dtype.kind == "S" else value.item()
