"""What a run lacks: large datasets, each with what it was, its digest, and where its values are to be had.

A dataset was left behind when the run was extracted, or the run computes it again (decision 0047). The digest of the
run counts these digests in place of the datasets, so the run has the same seal with and without them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from aerchive import layout
from aerchive.errors import FormatError
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, GroupDraft, text_dataset
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.read_plan import DatasetShape

_DATASETS = "datasets"
_EXTRACTED, _RECOMPUTED = "extracted", "recomputed"
"""Reasons for which a run lacks a dataset."""
_HEX = frozenset("0123456789abcdef")
_SHA256_LENGTH = 64


class MissingDataset(NamedTuple):
    """A dataset that a run lacks.

    Attributes:
        dtype: The dtype of its values, in the notation of NumPy.
        shape: Its shape.
        sha256: The digest of its node.
        attributes: Its attributes, without those that say how it was stored.
        chunk: Shape of the pieces that its digest is made of; ``None`` if it was not chunked, or this is not known.
        is_recomputed: Whether the run computes it again; else it is in the project from which the run was extracted.
    """

    dtype: str
    shape: tuple[int, ...]
    sha256: str
    attributes: Mapping[str, AttributeValue]
    chunk: tuple[int, ...] | None = None
    is_recomputed: bool = False

    @property
    def nbytes(self) -> int:
        """Size of its values in memory, in bytes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def what(self) -> DatasetShape:
        """What it was, as `GroupReader.describe` says it."""
        return DatasetShape(np.dtype(self.dtype), self.shape, self.chunk)


@dataclass(frozen=True)
class MissingPayload:
    """All that a run lacks.

    Attributes:
        original: Name of the file from which the run was extracted, and UUID of that project, in words; empty if it was
            not.
        datasets: The datasets, by name.
        environment: Software and processor with which the run gave the datasets again, bit for bit, by name.
        witnesses: The datasets of the witnesses, by their own names; only read where they are copied.
    """

    original: str
    datasets: Mapping[str, MissingDataset]
    environment: Mapping[str, str] = field(default_factory=dict)
    witnesses: Mapping[str, DatasetDraft] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Size of the values of all datasets in memory, in bytes."""
        return sum(one.nbytes for one in self.datasets.values())

    @property
    def digests(self) -> dict[str, str]:
        """The digests of the nodes, by name."""
        return {name: one.sha256 for name, one in self.datasets.items()}

    @property
    def recomputed(self) -> frozenset[str]:
        """Names of the datasets that the run computes again."""
        return frozenset(name for name, one in self.datasets.items() if one.is_recomputed)

    def without(self, names: Collection[str]) -> MissingPayload | None:
        """What the run lacks when it has some of the datasets; ``None`` if it is whole then."""
        left = {name: one for name, one in self.datasets.items() if name not in names}
        return replace(self, datasets=left) if left else None

    def draft(self) -> GroupDraft:
        """The group that says what the run lacks."""
        found = [
            {
                "name": name,
                "dtype": one.dtype,
                "shape": [*one.shape],
                "sha256": one.sha256,
                "attributes": one.attributes,
                "reason": _RECOMPUTED if one.is_recomputed else _EXTRACTED,
                **({} if one.chunk is None else {"chunk": [*one.chunk]}),
            }
            for name, one in sorted(self.datasets.items())
        ]
        text = json.dumps(found, separators=(",", ":")).encode("ascii")
        attributes: dict[str, AttributeValue] = {}
        again = self.recomputed
        if len(again) < len(self.datasets):
            attributes["original"] = self.original
        if again:
            attributes[layout.RECOMPUTED] = len(again)
            attributes["environment"] = json.dumps(dict(self.environment), sort_keys=True)
        kept = {name: one for name, one in self.witnesses.items() if name.rpartition(".")[0] in again}
        return GroupDraft(attributes, {_DATASETS: text_dataset(text), **kept}, mutable=True)


def is_recomputed(group: GroupReader) -> bool:
    """Whether a run lacks datasets that it computes again.

    Args:
        group: The group of the run.
    """
    return layout.MISSING in group and bool(group.group(layout.MISSING).attribute(layout.RECOMPUTED))


def read_missing(group: GroupReader, owner: str) -> MissingPayload | None:
    """Reads what a run lacks; ``None`` if it is whole.

    Args:
        group: The group of the run.
        owner: UUID of the run.

    Raises:
        FormatError: The group that says it does not follow the format.
    """
    if layout.MISSING not in group:
        return None
    inner = group.group(layout.MISSING)
    try:
        found = json.loads(inner.read_json(_DATASETS, owner))
        datasets = {str(one["name"]): _dataset(one) for one in found}
        environment = json.loads(str(inner.attributes(owner).get("environment", "{}")))
        environment = {str(name): str(text) for name, text in environment.items()}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"{inner.where(_DATASETS)}: is not a list of datasets that are missing") from error
    return MissingPayload(str(inner.attribute("original") or ""), datasets, environment)


def _dataset(one: Any) -> MissingDataset:
    """One dataset of the list; raises `ValueError` or `TypeError` if it is none."""
    shape, sha256, attributes = tuple(one["shape"]), one["sha256"], one["attributes"]
    chunk = None if one.get("chunk") is None else tuple(one["chunk"])
    if not all(type(length) is int and 0 <= length < 2**48 for length in shape):
        raise ValueError(f"{shape} is not a shape")
    if chunk is not None and (
        len(chunk) != len(shape) or not all(type(length) is int and 0 < length < 2**48 for length in chunk)
    ):
        raise ValueError(f"{chunk} is not the shape of a chunk")
    reason = one.get("reason", _EXTRACTED)
    if reason not in (_EXTRACTED, _RECOMPUTED):
        raise ValueError(f"{reason!r} is not a reason")
    if not isinstance(sha256, str) or len(sha256) != _SHA256_LENGTH or not set(sha256) <= _HEX:
        raise ValueError("not a digest")
    if not isinstance(attributes, dict) or any(type(value) not in (str, int, float) for value in attributes.values()):
        raise ValueError("not attributes")
    dtype = np.dtype(str(one["dtype"]))
    if dtype.kind not in "biufcS":
        raise ValueError(f"{dtype} is not the type of a payload")
    return MissingDataset(dtype.str, shape, sha256, attributes, chunk, reason == _RECOMPUTED)


def missing_text(where: str, missing: MissingPayload, name: str) -> str:
    """Says that a dataset is not in this file, and where it is."""
    if missing.datasets[name].is_recomputed:
        return (
            f"{where}: {name} is not stored: the run computes it again when it is read with run.array(), run.state() "
            "or run.result(); 'aerchive unshrink' writes it back"
        )
    return (
        f"{where}: {name} is not in this file, because the run was extracted without its large arrays from "
        f"{missing.original}; read it there, or merge that project into this one"
    )
