"""Drafts as bytes and back, for files of this package that hold runs until they are committed.

``length`` (uint64, little-endian), a JSON tree of so many bytes, then the bytes of all arrays, one after another, in
the order in which the tree names them. The tree is the draft: ``attributes``, ``datasets`` (``attributes``, ``dtype``
as numpy's ``.npy`` files describe it, ``shape`` of each part, ``parts``, ``stacked``), ``groups``, ``objects``
(``kind``, ``attributes``, ``datasets``, ``objects``), ``mutable``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from aerchive.errors import FormatError
from aerchive.storage.nodes import AttributeValue, DatasetDraft, GroupDraft, ObjectDraft

_LENGTH = 8
_KINDS = frozenset("biufcSV")


def draft_to_bytes(draft: GroupDraft) -> bytes:
    """A draft as bytes.

    Args:
        draft: Any draft; its arrays are copied.
    """
    arrays: list[NDArray[Any]] = []
    tree = json.dumps(_group_tree(draft, arrays), separators=(",", ":")).encode("ascii")
    return b"".join([len(tree).to_bytes(_LENGTH, "little"), tree, *(array.tobytes() for array in arrays)])


def _group_tree(draft: GroupDraft, arrays: list[NDArray[Any]]) -> dict[str, Any]:
    return {
        "attributes": _attributes(draft.attributes),
        "datasets": _datasets(draft.datasets, arrays),
        "groups": {name: _group_tree(group, arrays) for name, group in draft.groups.items()},
        "objects": _objects(draft.objects, arrays),
        "mutable": draft.mutable,
    }


def _objects(objects: Mapping[str, ObjectDraft], arrays: list[NDArray[Any]]) -> dict[str, Any]:
    return {
        name: {
            "kind": one.kind,
            "attributes": _attributes(one.attributes),
            "datasets": _datasets(one.datasets, arrays),
            "objects": _objects(one.objects, arrays),
        }
        for name, one in objects.items()
    }


def _attributes(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    # As they are read from HDF5, where a truth value is a byte.
    return {name: int(value) if isinstance(value, bool) else value for name, value in attributes.items()}


def _datasets(datasets: Mapping[str, DatasetDraft], arrays: list[NDArray[Any]]) -> dict[str, Any]:
    trees = {}
    for name, dataset in datasets.items():
        arrays += dataset.parts
        trees[name] = {
            "attributes": _attributes(dataset.attributes),
            "dtype": npy.dtype_to_descr(dataset.dtype),
            "shape": list(dataset.parts[0].shape),
            "parts": len(dataset.parts),
            "stacked": dataset.stacked,
        }
    return trees


def draft_from_bytes(data: bytes, where: str) -> GroupDraft:
    """The draft that `draft_to_bytes` was given.

    Args:
        data: Its bytes, known to be undamaged.
        where: Where they are, for the message.

    Raises:
        FormatError: They are not what `draft_to_bytes` writes.
    """
    try:
        end = _LENGTH + int.from_bytes(data[:_LENGTH], "little")
        reader = _Reader(memoryview(data)[end:])
        return reader.group(json.loads(data[_LENGTH:end]))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise FormatError(f"{where}: is not a draft of a run: {error!r}") from error


class _Reader:
    """Takes the arrays in order from what follows the tree."""

    def __init__(self, data: memoryview) -> None:
        self._data = data

    def group(self, tree: dict[str, Any]) -> GroupDraft:
        return GroupDraft(
            tree["attributes"],
            self._datasets(tree["datasets"]),
            {name: self.group(group) for name, group in tree["groups"].items()},
            self._objects(tree["objects"]),
            tree["mutable"],
        )

    def _objects(self, trees: dict[str, Any]) -> dict[str, ObjectDraft]:
        return {
            name: ObjectDraft(
                tree["kind"], tree["attributes"], self._datasets(tree["datasets"]), self._objects(tree["objects"])
            )
            for name, tree in trees.items()
        }

    def _datasets(self, trees: dict[str, Any]) -> dict[str, DatasetDraft]:
        return {name: self._dataset(tree) for name, tree in trees.items()}

    def _dataset(self, tree: dict[str, Any]) -> DatasetDraft:
        descr = tree["dtype"]
        dtype = npy.descr_to_dtype([tuple(field) for field in descr] if isinstance(descr, list) else descr)
        if dtype.hasobject or dtype.kind not in _KINDS:
            raise ValueError(f"dtype {dtype} has no place in a run")
        parts = [self._array(dtype, tuple(tree["shape"])) for _ in range(tree["parts"])]
        return DatasetDraft(parts, tree["stacked"], tree["attributes"])

    def _array(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        if not 0 <= size <= len(self._data):
            raise ValueError("an array reaches over the end")
        array = np.frombuffer(self._data[:size], dtype).reshape(shape)
        self._data = self._data[size:]
        return array
