"""A stored attachment: what its group tells about it, and its value, whose array is read only where it is indexed."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from aerchive import layout
from aerchive.codecs.attachment import (
    BYTES,
    DOCUMENTS,
    ENCODING,
    FILE,
    FILENAME,
    TEXT,
    VALUE,
    VERSION,
    array_of,
    decode_file,
)
from aerchive.codecs.result import VERSION as DOCUMENT_VERSION
from aerchive.codecs.result import decode_value
from aerchive.errors import FormatError, check_version
from aerchive.models import tagged_json
from aerchive.storage.chunks.drafts import AttributeValue
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.read_plan import value_nbytes
from aerchive.stored.array import StoredArray
from aerchive.stored.decoder import StoredDecoder
from aerchive.stored.location import Locator
from aerchive.stored.opener import RunOpener
from aerchive.text import decode_text

_UUID = re.compile(r"[0-9a-f-]{36}\Z")
_TEXTS: Final = ("kind", "created")


class AttachmentInfo(NamedTuple):
    """One attachment: a row of the table that its run or project prints.

    Attributes:
        name: Name of the attachment.
        kind: Kind of the value, such as ``array``, ``statevector``, ``json``, ``text``, ``bytes`` or ``file``.
        shape: Shape of the array, if the value is one array or has one; else ``()``.
        dtype: Dtype of that array, in numpy's notation; else empty.
        nbytes: Size of all data of the value in bytes, before compression.
        created: Time at which it was attached: UTC, ISO 8601.
        filename: Name of the file, if it is a file.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    created: str
    filename: str | None


def describe_attachment(group: GroupReader, name: str) -> AttachmentInfo:
    """Describes an attachment; no value is read.

    Args:
        group: The group of the attachment.
        name: Name of the attachment.

    Raises:
        FormatError: The group is not an attachment, or one of a newer version.
    """
    attributes = _checked_attributes(group)
    arrays, nbytes = [], 0
    for dataset in group.names():
        if dataset.endswith(layout.CHECKSUMS_SUFFIX):
            continue
        what, of_array = group.describe(dataset), group.dataset_attributes(dataset)
        nbytes += value_nbytes(what, of_array.get("dtype"))
        if dataset not in DOCUMENTS:
            turned = of_array.get("order") == "F"
            arrays.append((what.shape[::-1] if turned else what.shape, str(of_array.get("dtype", ""))))
    shape, dtype = arrays[0] if len(arrays) == 1 else ((), "")
    filename = attributes.get(FILENAME)
    return AttachmentInfo(
        name,
        str(attributes["kind"]),
        shape,
        dtype,
        nbytes,
        str(attributes["created"]),
        None if filename is None else str(filename),
    )


def attachment_uuid(group: GroupReader) -> str:
    """The UUID of an attachment, which is a part of its checksums.

    Raises:
        FormatError: The group is not an attachment, or one of a newer version.
    """
    return str(_checked_attributes(group)[layout.ATTACHMENT_UUID])


def _checked_attributes(group: GroupReader) -> dict[str, AttributeValue]:
    attributes = group.attributes()
    if attributes.get("encoding") != ENCODING:
        raise FormatError(f"{group.where()}: is not an attachment")
    check_version(attributes.get("encoding_version"), VERSION, f"{group.where()}: attachment")
    uuid = attributes.get(layout.ATTACHMENT_UUID)
    if not isinstance(uuid, str) or not _UUID.match(uuid):
        raise FormatError(f"{group.where()}@{layout.ATTACHMENT_UUID}: {uuid!r} is not an identifier")
    for name in _TEXTS:
        if not isinstance(attributes.get(name), str):
            raise FormatError(f"{group.where()}@{name}: must be text, found {attributes.get(name)!r}")
    return attributes


def read_attachment(opener: RunOpener) -> Any:
    """Reads the value of an attachment.

    Args:
        opener: Opens the group of the attachment.

    Returns:
        The value as it was attached; a numpy array is a `StoredArray`, of which nothing was read yet.

    Raises:
        FormatError: The attachment does not follow the format, or is newer than this aerchive.
        IntegrityError: The stored bytes are damaged.
    """
    with opener.open() as (_, group):
        attributes = _checked_attributes(group)
        uuid, where = str(attributes[layout.ATTACHMENT_UUID]), group.where()
        (kind, *more) = [name for name in DOCUMENTS if name in group] or [""]
        if more or not kind:
            raise FormatError(f"{where}: must have one of the datasets {', '.join(DOCUMENTS)}")
        data = group.read_json(kind, uuid) if kind == VALUE else group.read_bytes(kind, uuid)
        if kind == VALUE:
            check_version(group.dataset_attributes(VALUE).get("encoding_version"), DOCUMENT_VERSION, f"{where}: value")
    if kind == TEXT:
        return decode_text(data)
    if kind == BYTES:
        return data
    if kind == FILE:
        return decode_file(attributes, data, where)
    tree, locator = tagged_json.loads(data, where), Locator(uuid)
    reference = array_of(tree)
    if reference is None:
        with StoredDecoder(opener, locator, tree) as decoder:
            return decode_value(tree, decoder)
    with opener.open() as (_, group):
        (location,) = locator.locate(group, [reference])
    return StoredArray(opener, location)
