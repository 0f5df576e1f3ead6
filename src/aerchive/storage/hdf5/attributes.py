"""Reading of HDF5 attributes: only texts, integers and floats are allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from aerchive.errors import AerchiveError, FormatError
from aerchive.storage.chunks.drafts import AttributeValue
from aerchive.storage.hdf5.nodes import attribute_names, has_attribute, read_attribute_value
from aerchive.text import decode_text


def read_raw_attributes(oid: Any, where: str) -> dict[str, NDArray[Any]]:
    """The attributes of a node as numpy arrays of shape ``()`` or, of some texts, ``(texts,)``, in order of name.

    Args:
        oid: The open node.
        where: File and path of the node, for messages.

    Raises:
        FormatError: There is an attribute that aerchive never writes.
        UnsafeContentError: There are too many attributes, or one is too large.
        IntegrityError: HDF5 found the header damaged.
    """
    return {text: read_attribute_value(oid, name, f"{where}@{text}") for text, name in _names(oid, where).items()}


def read_each_attribute(oid: Any, where: str) -> dict[str, NDArray[Any] | AerchiveError]:
    """The attributes of a node as `read_raw_attributes` gives them, with an error in the place of one that is refused.

    Raises:
        UnsafeContentError: There are too many attributes.
        IntegrityError: HDF5 found the header damaged.
    """
    found: dict[str, NDArray[Any] | AerchiveError] = {}
    for text, name in _names(oid, where).items():
        try:
            found[text] = read_attribute_value(oid, name, f"{where}@{text}")
        except AerchiveError as error:
            found[text] = error
    return found


def _names(oid: Any, where: str) -> dict[str, bytes]:
    """The names of the attributes of a node as HDF5 has them, by their text."""
    return {name.decode("utf-8", "backslashreplace"): name for name in attribute_names(oid, where)}


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
    return {name: decode_attribute(value, f"{where}@{name}") for name, value in raw.items()}


def decode_attribute(value: NDArray[Any], where: str) -> AttributeValue:
    """Converts one attribute to a Python value; raises as `decode_attributes` does."""
    if value.dtype == "u1" and value in (0, 1):  # a truth value, which must be the same byte when it is copied
        return bool(value)
    if value.dtype.kind != "S":
        number: int | float = value.item()
        return number
    try:
        return decode_text(value.item()) if not value.ndim else tuple(map(decode_text, value.tolist()))
    except FormatError as error:
        raise FormatError(f"{where}: {error}") from error


def read_attribute(oid: Any, name: str, where: str) -> AttributeValue | None:
    """One attribute of a node as a Python value, or ``None`` if there is none of this name."""
    node, key = f"{where}@{name}", name.encode()
    if not has_attribute(oid, key, node):
        return None
    return decode_attribute(read_attribute_value(oid, key, node), node)
