"""Attributes out of HDF5: scalars of text, integers and floats, nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from h5py import h5a, h5g, h5s
from numpy.typing import NDArray

from aerchive import layout
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
        number = h5a.get_num_attrs(oid)
        if number > _MAX_ATTRIBUTES:
            raise FormatError(f"{where}: {number} attributes are too many to be ours")
        opened = [h5a.open(oid, index=i) for i in range(number)]
        return dict(sorted((_name(a), _read(a, where)) for a in opened))
    except (OSError, RuntimeError) as error:
        if isinstance(error, FormatError):
            raise
        raise IntegrityError(f"{where}: its header is damaged: {error}") from error


def _name(attribute: h5a.AttrID) -> str:
    return str(attribute.name.decode("utf-8", "backslashreplace"))


def _read(attribute: h5a.AttrID, where: str) -> NDArray[Any]:
    node = f"{where}@{_name(attribute)}"
    if attribute.get_space().get_simple_extent_type() != h5s.SCALAR:
        raise FormatError(f"{node}: only single values have a place as attributes of an aerchive project")
    dtype = memory_dtype(attribute.get_type(), node)
    if dtype.kind not in "Siuf":
        raise FormatError(f"{node}: attributes are text, integers and floats, not {dtype}")
    value = np.empty((), dtype)
    attribute.read(value, attribute.get_type() if dtype.kind == "S" else stored_type(dtype))
    return value


def read_attributes(oid: Any, where: str) -> dict[str, AttributeValue]:
    """The attributes of a node as Python values, those too long for an attribute included.

    Raises:
        FormatError: An attribute that aerchive never writes.
        IntegrityError: HDF5 found the header damaged.
    """
    values: dict[str, AttributeValue] = {}
    for name, value in read_raw_attributes(oid, where).items():
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
        value = _read(h5a.open(oid, name.encode()), where)
    return decode_text(value.item()) if value.dtype.kind == "S" else value.item()


def long_names(group: h5g.GroupID, where: str) -> list[str]:
    """Names of the attributes of a group that are stored as datasets.

    Raises:
        IntegrityError: HDF5 found the group damaged.
    """
    prefix, checksums = layout.LONG_PREFIX.encode(), layout.CHECKSUMS_SUFFIX.encode()
    with hdf5_errors(where):
        names = [name for name in group if name.startswith(prefix) and not name.endswith(checksums)]
        return [name.decode()[len(prefix) :] for name in names]
