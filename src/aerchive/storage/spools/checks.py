"""Checks of what a spool file says, before anything of it is used. Another program may have written the file.

A run in a spool must be one that aerchive could have written: its names become names in the project.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

from aerchive import layout
from aerchive.errors import FormatError, UnsafeContentError
from aerchive.limits import limits, over_limit
from aerchive.storage.chunks.read_plan import DatasetShape
from aerchive.times import to_microseconds

_MAX_NAME_BYTES = 255
_MAX_AXES = 32
_GROUPS: Final = frozenset({layout.SEAL, layout.CONFIG, layout.STATUS, layout.LABELS, layout.VIEW})
_KINDS: Final = "|".join((*layout.LINKS, layout.ARRAYS))
_OBJECT: Final = re.compile(
    rf"{layout.OBJECTS}/({_KINDS})/([0-9a-f]{{2}})/(?=\2)[0-9a-f]{{{layout.OBJECT_DIGEST_LENGTH}}}"
)
_PARTS: Final = frozenset({"attributes", "datasets", "groups", "objects", "links"})


def check_tree(tree: object, where: str) -> dict[str, Any]:
    """Checks the tree of groups of a run, or of a shared object.

    Args:
        tree: The tree, as JSON gives it.
        where: File and record, for messages.

    Returns:
        The tree.

    Raises:
        FormatError: It does not have the form of a tree.
        UnsafeContentError: It has names or members that no run has.
    """
    left = [limits().members]
    root = _group(tree, where, left)
    is_object = "object" in root["attributes"]
    if root["groups"].keys() - ({layout.VIEW} if is_object else _GROUPS):
        raise UnsafeContentError(f"{where}: has groups that no run has: {', '.join(root['groups'])}")
    if not is_object and root["objects"].keys() - set(layout.LINKS):
        raise UnsafeContentError(f"{where}: has links that no run has: {', '.join(root['objects'])}")
    for name, group in root["groups"].items():
        inner = _group(group, f"{where}/{name}", left)
        if is_object:
            _check_view(inner, f"{where}/{name}", left)
            continue
        has_plots = name == layout.VIEW and inner["groups"]
        if inner["objects"] or inner["datasets"] or inner["links"] or (inner["groups"] and not has_plots):
            raise UnsafeContentError(f"{where}/{name}: has members that no run has there")
        for plot, content in inner["groups"].items():
            one = _group(content, f"{where}/{name}/{plot}", left)
            if one["groups"] or one["objects"] or set(one["links"].values()) - root["datasets"].keys():
                raise UnsafeContentError(f"{where}/{name}/{plot}: has members that no plot has")
    if root["links"]:
        raise UnsafeContentError(f"{where}: has links that no run has: {', '.join(root['links'])}")
    return root


def _check_view(tree: dict[str, Any], where: str, left: list[int]) -> None:
    parts = [_group(one, f"{where}/{name}", left) for name, one in tree["groups"].items()]
    if tree["objects"] or tree["links"] or any(part["groups"] or part["objects"] or part["links"] for part in parts):
        raise UnsafeContentError(f"{where}: has groups or links that no view has")


def _group(tree: object, where: str, left: list[int]) -> dict[str, Any]:
    """Checks one group, without the groups in it; `left` counts down the members that a run may have."""
    if not (isinstance(tree, dict) and tree.keys() == _PARTS and all(isinstance(tree[part], dict) for part in _PARTS)):
        raise FormatError(f"{where}: is not a group of a run")
    if len(tree["attributes"]) > limits().attributes:
        raise over_limit(where, "attributes", f"it has {len(tree['attributes'])} attributes")
    left[0] -= sum(len(tree[part]) for part in ("datasets", "groups", "objects", "links"))
    if left[0] < 0:
        raise over_limit(where, "members", f"it has more than {limits().members} members")
    for part in _PARTS:
        for name in tree[part]:
            if not _is_name(name):
                raise UnsafeContentError(f"{where}: {name[:80]!r} is not a name that a run has")
    _check_attributes(tree["attributes"], where)
    for name, dataset in tree["datasets"].items():
        if not isinstance(dataset, dict) or not isinstance(dataset.get("attributes"), dict):
            raise FormatError(f"{where}/{name}: is not a dataset of a run")
        _check_attributes(dataset["attributes"], f"{where}/{name}")
    for name, target in tree["links"].items():
        if not isinstance(target, str):
            raise FormatError(f"{where}/{name}: is not a link to a dataset")
    for name, link in tree["objects"].items():
        is_link = isinstance(link, list) and len(link) == 2 and isinstance(link[0], str) and type(link[1]) is int
        if not is_link or not _OBJECT.fullmatch(link[0]):
            raise UnsafeContentError(f"{where}/{name}: is not a link to a shared object: {str(link)[:120]}")
    return tree


def _is_name(name: str) -> bool:
    is_component = name not in ("", ".", "..") and "/" not in name and name.isprintable()
    return is_component and len(name.encode("utf-8", "surrogatepass")) <= _MAX_NAME_BYTES


def _check_attributes(attributes: Mapping[str, object], where: str) -> None:
    for name, value in attributes.items():
        if type(value) not in (str, int, float, bool):
            raise FormatError(f"{where}@{name[:80]}: must be one text, number or truth value")


def check_head(head: Mapping[str, Any], where: str) -> None:
    """Checks the ids and times of a run.

    Raises:
        FormatError: A value has another form than aerchive gives it.
    """
    try:
        if str(uuid.UUID(head["run_uuid"])) != head["run_uuid"]:
            raise ValueError("run_uuid")
        if head["project"] and str(uuid.UUID(head["project"])) != head["project"]:
            raise ValueError("project")
        to_microseconds(head["created"])
        to_microseconds(head["when"])
    except (ValueError, FormatError) as error:
        raise FormatError(f"{where}: an id or a time of a run is not valid: {error}") from error
    if not 0 <= head["nbytes"] < 2**63:
        raise FormatError(f"{where}: nbytes of a run must be a size, found {head['nbytes']}")


def check_dataset(what: DatasetShape, chunks: object, where: str) -> None:
    """Checks shape and chunks of a dataset against each other.

    Args:
        what: Shape, dtype and chunk shape.
        chunks: The table of chunks; ``None`` if the dataset has none.
        where: File and path of the dataset, for messages.

    Raises:
        FormatError: They do not fit each other.
        UnsafeContentError: Chunks are larger than the limit.
    """
    shape, chunk = what.shape, what.chunk
    if len(shape) > _MAX_AXES or any(type(length) is not int or not 0 <= length < 2**48 for length in shape):
        raise FormatError(f"{where}: {str(shape)[:80]} is not a shape")
    if chunk is None:
        return
    if len(chunk) != len(shape) or any(type(length) is not int or not 0 < length < 2**48 for length in chunk):
        raise FormatError(f"{where}: {str(chunk)[:80]} is not the shape of a chunk")
    if math.prod(chunk) * what.dtype.itemsize > limits().chunk_bytes:
        raise over_limit(where, "chunk_bytes", f"chunks of shape {chunk} have more bytes")
    number = math.prod(-(-length // piece) for length, piece in zip(shape, chunk, strict=True))
    if not isinstance(chunks, list) or len(chunks) != number:
        raise FormatError(f"{where}: does not have {number} chunks")


def check_chunk(row: object, size: int, where: str) -> tuple[int, int, int, int, str]:
    """Checks one row of a table of chunks.

    Args:
        row: Address, length, filter mask, CRC-32 and digest.
        size: Size of the file, in bytes.
        where: File and path of the dataset, for messages.

    Returns:
        Address, length, filter mask, CRC-32 and digest.

    Raises:
        FormatError: The row is not one, or the chunk does not lie in the file.
    """
    if isinstance(row, list) and len(row) == 5 and all(type(number) is int for number in row[:4]):
        address, nbytes, mask, crc = row[:4]
        is_there = address >= 0 and 0 < nbytes <= size - address
        if (is_there or (address, nbytes) == (-1, 0)) and 0 <= mask < 2**32 and 0 <= crc < 2**32:
            return address, nbytes, mask, crc, str(row[4])
    raise FormatError(f"{where}: a chunk does not lie in the file")
