"""Collecting the arrays of one run in few datasets: equal shapes are stacked, small arrays of other shapes packed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.codecs.base import ArrayReference
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft
from aerchive.text import encode_text

_UNSAFE = re.compile(r"[^a-z0-9_]+")
_MAX_NAME = 32
_MAX_LABEL_BYTES = 1024
"""Longest label, in bytes, that is an attribute of the dataset; longer ones are only in the result document."""


_Key = tuple[str, str, bool]
"""Kind, dtype, and whether the arrays are states: arrays with the same key may be in one dataset."""


class _Entry(NamedTuple):
    value: NDArray[Any]
    order: str
    label: str
    experiment: int
    to: list[Any]


class ArrayPool:
    """Takes arrays one by one, and distributes them to datasets once all are known.

    Args:
        reserved: Names that the datasets must not have.
    """

    def __init__(self, reserved: Collection[str]) -> None:
        self._taken = set(reserved)
        self._entries: dict[_Key, list[_Entry]] = defaultdict(list)

    def add(
        self, value: NDArray[Any], kind: str, label: str, experiment: int, *, is_state: bool = False
    ) -> ArrayReference:
        """Takes an array; it must not change until the run is written.

        Args:
            value: Any storable array.
            kind: Kind of the array, such as ``statevector``; it becomes the name of the dataset.
            label: The label under which the array was saved.
            experiment: Index of the experiment in which the array was saved.
            is_state: Whether the array is a state vector, whatever its kind is called; states are not put into a
                dataset with other arrays.

        Returns:
            The reference to the array, which `drafts` fills in later.
        """
        order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
        stored = value.T if order == "F" else np.ascontiguousarray(value)
        to: list[Any] = []
        self._entries[kind, value.dtype.str, is_state].append(_Entry(stored, order, label, experiment, to))
        return ArrayReference(to)

    @property
    def mark(self) -> dict[_Key, int]:
        """The present number of arrays by key, for `roll_back`."""
        return {key: len(entries) for key, entries in self._entries.items()}

    def roll_back(self, mark: dict[_Key, int]) -> None:
        """Removes the arrays that were added after ``mark`` was taken, because no codec knows their value."""
        for key in list(self._entries):
            del self._entries[key][mark.get(key, 0) :]
            if not self._entries[key]:
                del self._entries[key]

    def drafts(self) -> dict[str, DatasetDraft]:
        """Makes the datasets, by name, and fills in all references."""
        drafts: dict[str, DatasetDraft] = {}
        for (kind, _, is_state), entries in self._entries.items():
            by_shape: dict[tuple[Any, ...], list[_Entry]] = defaultdict(list)
            for entry in entries:
                by_shape[entry.value.shape, entry.order].append(entry)
            small = [e for group in by_shape.values() for e in group if e.value.nbytes < layout.MAX_PACKED_BYTES]
            if len(by_shape) > 1 and small:
                drafts |= self._packed(kind, [e for e in entries if e.value.nbytes < layout.MAX_PACKED_BYTES])
                by_shape = {k: g for k, g in by_shape.items() if g[0].value.nbytes >= layout.MAX_PACKED_BYTES}
            for group in by_shape.values():
                drafts |= self._stacked(kind, group, is_state=is_state)
        return drafts

    def _stacked(self, kind: str, entries: list[_Entry], *, is_state: bool) -> dict[str, DatasetDraft]:
        name = self._name(kind)
        stacked = len(entries) > 1
        for row, entry in enumerate(entries):
            entry.to[:] = [name, row if stacked else None]
        attributes = _attributes(kind, "stacked" if stacked else "plain", entries, entries[0].order)
        return {name: DatasetDraft([e.value for e in entries], stacked, attributes, is_state)}

    def _packed(self, kind: str, entries: list[_Entry]) -> dict[str, DatasetDraft]:
        name = self._name(kind)
        offset = 0
        for entry in entries:
            shape = list(reversed(entry.value.shape)) if entry.order == "F" else list(entry.value.shape)
            entry.to[:] = [name, offset, shape, entry.order]
            offset += entry.value.size
        flat = np.concatenate([e.value.reshape(-1) for e in entries])
        return {name: DatasetDraft([flat], attributes=_attributes(kind, "packed", entries, "C"))}

    def _name(self, kind: str) -> str:
        base = _UNSAFE.sub("_", kind.lower()).strip("_")[:_MAX_NAME] or "array"
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name


def _attributes(kind: str, form: str, entries: list[_Entry], order: str) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "encoding": "array",
        "encoding_version": 1,
        "kind": kind,
        "layout": form,
        "dtype": entries[0].value.dtype.str,
        "order": order,
        "number": len(entries),
    }
    if len({entry.label for entry in entries}) == 1 and len(encode_text(entries[0].label)) <= _MAX_LABEL_BYTES:
        attributes["label"] = entries[0].label
    if len({entry.experiment for entry in entries}) == 1:
        attributes["experiment"] = entries[0].experiment
    return attributes
