"""The nodes of the file as a viewer of HDF5 shows them, read with all checks of aerchive."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.display.text import clean, format_bytes
from aerchive.errors import AerchiveError, FormatError, InvalidInputError
from aerchive.filters.profiles import Codec
from aerchive.storage.chunks.read_plan import HALVES, DatasetShape, value_dtype
from aerchive.storage.hdf5.attributes import read_attribute, read_each_attribute
from aerchive.storage.hdf5.nodes import Dataset
from aerchive.storage.hdf5.table import TableReader
from aerchive.storage.sessions import ReadSession
from aerchive.view.answer import Answer, plain
from aerchive.view.tree_path import TreeNode, address_of

MOST_CHILDREN = 5000
MOST_BYTES = 4 * 1024 * 1024
"""The size of the largest dataset whose values are answered, in bytes."""
_FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", int(Codec.ZSTANDARD): "zstandard"}


def node_view(node: TreeNode) -> dict[str, Any]:
    """Describes a node.

    Raises:
        AerchiveError: It cannot be opened.
    """
    address = address_of(node.path)
    found: dict[str, Any] = {"name": node.name, "path": node.path}
    if node.is_group:
        return {**found, "kind": "group", **_group_view(node.opened(), address)}
    return {**found, "kind": "dataset", **_dataset_view(node, address)}


def node_values(session: ReadSession, node: TreeNode, ending: str) -> Answer:
    """All values of a dataset.

    Args:
        session: The session in which the node was found.
        node: The dataset.
        ending: ``bin`` for numbers, ``json`` for texts and tables.

    Raises:
        InvalidInputError: They are too many, or have another ending.
        IntegrityError: They are damaged.
    """
    dataset, is_table = _opened(node)
    dtype = _dtype(node, dataset)
    if (why := _why_not(dataset.what, dtype)) is not None:
        raise InvalidInputError(f"{node.group.where(node.name)}: {why}")
    if ending != _ending(dtype):
        raise InvalidInputError(f"{node.group.where(node.name)}: the address of its values ends with {_ending(dtype)}")
    if is_table:
        where = node.group.where(node.name)
        values = TableReader(dataset, where, fd=session.fd if session.is_plain else None).rows()
    else:
        values = node.group.read(node.name, node.owner)
    if ending == "bin":
        return Answer.of(np.ascontiguousarray(values).tobytes())
    return Answer.json(_listed(values))


# -- groups


def _group_view(folder: TreeNode, address: str) -> dict[str, Any]:
    group = folder.group
    names = group.names()
    children = [_child(folder, name, address) for name in names[:MOST_CHILDREN]]
    more = {"more": len(names) - MOST_CHILDREN} if len(names) > MOST_CHILDREN else {}
    return {"attributes": _attributes(group.gid, group.where()), "children": children, **more}


def _child(folder: TreeNode, name: str, address: str) -> dict[str, Any]:
    try:
        kind = "group" if folder.group.is_group(name) else "dataset"
    except AerchiveError as error:
        return {"name": name, "kind": "unreadable", "why": clean(str(error)), "address": None}
    return {"name": name, "kind": kind, "address": f"{address}{address_of(name).removeprefix('tree')}/node.json"}


def _attributes(node: Any, where: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, value in read_each_attribute(node, where).items():
        if isinstance(value, AerchiveError):
            found.append({"name": name, "dtype": None, "shape": [], "value": None, "why": clean(str(value))})
        else:
            dtype = "text" if value.dtype.kind == "S" else value.dtype.name
            found.append({"name": name, "dtype": dtype, "shape": list(value.shape), "value": _listed(value)})
    return found


# -- datasets


def _dataset_view(node: TreeNode, address: str) -> dict[str, Any]:
    dataset, is_table = _opened(node)
    what, dtype = dataset.what, _dtype(node, dataset)
    why = _why_not(what, dtype)
    return {
        "attributes": _attributes(dataset.dsid, node.group.where(node.name)),
        "shape": list(what.shape),
        "dtype": _dtype_json(dtype),
        "chunks": None if what.chunk is None else list(what.chunk),
        "filters": _filters(what, is_table=is_table),
        "values": None if why else f"{address}/values.{_ending(dtype)}",
        **({"why": why} if why else {}),
    }


def _opened(node: TreeNode) -> tuple[Dataset, bool]:
    """The dataset, and whether it is a table, which has chunks without filters."""
    try:
        return node.group.open_array(node.name), False
    except FormatError as error:
        try:
            return node.group.open_table(node.name), True
        except FormatError:
            raise error from None


def _dtype(node: TreeNode, dataset: Dataset) -> np.dtype[Any]:
    stored = dataset.what.dtype
    named = read_attribute(dataset.dsid, "dtype", node.group.where(node.name)) if stored in HALVES else None
    return value_dtype(stored, named)


def _filters(what: DatasetShape, *, is_table: bool) -> list[str]:
    if what.filters is not None:
        return [_FILTERS.get(number, str(number)) for number in what.filters]
    return [] if what.chunk is None or is_table else ["shuffle", *(_FILTERS[number] for number in what.codec.filters)]


def _why_not(what: DatasetShape, dtype: np.dtype[Any]) -> str | None:
    nbytes = math.prod(what.shape) * dtype.itemsize
    if nbytes <= MOST_BYTES:
        return None
    return (
        f"its values take {format_bytes(nbytes)}, and at most {format_bytes(MOST_BYTES)} are shown here: open it in "
        "the state explorer or in HDFView"
    )


def _ending(dtype: np.dtype[Any]) -> str:
    return "bin" if dtype.kind in "biufc" else "json"


def _dtype_json(dtype: np.dtype[Any]) -> Any:
    if dtype.names is not None:
        return [[name, _dtype_json(dtype[name]), list(dtype[name].shape)] for name in dtype.names]
    return f"S{dtype.itemsize}" if dtype.kind == "S" else dtype.name


def _listed(values: NDArray[Any]) -> Any:
    """Values as nested lists; a row of a table is a list, a complex number a list of two numbers."""
    if values.dtype.kind == "S":
        texts = [text.decode("utf-8", "replace") for text in values.reshape(-1).tolist()]
        return _shaped(texts, values.shape)
    if values.dtype.kind == "c":
        return plain(values.view(values.real.dtype).reshape(*values.shape, 2))
    if values.dtype.names is None:
        return plain(values)
    columns = [_listed(np.ascontiguousarray(values[name]).reshape(-1)) for name in values.dtype.names]
    return _shaped([list(row) for row in zip(*columns, strict=True)], values.shape)


def _shaped(items: list[Any], shape: tuple[int, ...]) -> Any:
    """A flat list as nested lists of a shape."""
    if not shape:
        return items[0]
    for extent in shape[:0:-1]:
        items = [items[start : start + extent] for start in range(0, len(items), extent)] if extent else []
    return items
