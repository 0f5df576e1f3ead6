"""What a run lacks that was extracted without its payload: large datasets, each with what it was and its digest.

The digest of the run counts these digests in place of the datasets, so the run has the same seal with and without them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from aerchive import layout
from aerchive.errors import FormatError
from aerchive.storage.chunks.drafts import AttributeValue, GroupDraft, text_dataset
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.read_plan import DatasetShape

_DATASETS = "datasets"
_HEX = frozenset("0123456789abcdef")
_SHA256_LENGTH = 64


class MissingDataset(NamedTuple):
    """A dataset that a run lacks.

    Attributes:
        dtype: The dtype of its values, in the notation of NumPy.
        shape: Its shape.
        sha256: The digest of its node.
        attributes: Its attributes, without those that say how it was stored.
    """

    dtype: str
    shape: tuple[int, ...]
    sha256: str
    attributes: Mapping[str, AttributeValue]

    @property
    def nbytes(self) -> int:
        """Size of its values in memory, in bytes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def what(self) -> DatasetShape:
        """What it was, as `GroupReader.describe` says it."""
        return DatasetShape(np.dtype(self.dtype), self.shape, None)


@dataclass(frozen=True)
class MissingPayload:
    """All that a run lacks.

    Attributes:
        original: Name of the file from which the run was extracted, and UUID of that project, in words.
        datasets: The datasets, by name.
    """

    original: str
    datasets: Mapping[str, MissingDataset]

    @property
    def nbytes(self) -> int:
        """Size of the values of all datasets in memory, in bytes."""
        return sum(one.nbytes for one in self.datasets.values())

    @property
    def digests(self) -> dict[str, str]:
        """The digests of the nodes, by name."""
        return {name: one.sha256 for name, one in self.datasets.items()}

    def draft(self) -> GroupDraft:
        """The group that says what the run lacks."""
        found = [
            {
                "name": name,
                "dtype": one.dtype,
                "shape": [*one.shape],
                "sha256": one.sha256,
                "attributes": one.attributes,
            }
            for name, one in sorted(self.datasets.items())
        ]
        text = json.dumps(found, separators=(",", ":")).encode("ascii")
        return GroupDraft({"original": self.original}, {_DATASETS: text_dataset(text)}, mutable=True)


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
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"{inner.where(_DATASETS)}: is not a list of datasets that are missing") from error
    return MissingPayload(str(inner.attribute("original") or ""), datasets)


def _dataset(one: Any) -> MissingDataset:
    """One dataset of the list; raises `ValueError` or `TypeError` if it is none."""
    shape, sha256, attributes = tuple(one["shape"]), one["sha256"], one["attributes"]
    if not all(type(length) is int and 0 <= length < 2**48 for length in shape):
        raise ValueError(f"{shape} is not a shape")
    if not isinstance(sha256, str) or len(sha256) != _SHA256_LENGTH or not set(sha256) <= _HEX:
        raise ValueError("not a digest")
    if not isinstance(attributes, dict) or any(type(value) not in (str, int, float) for value in attributes.values()):
        raise ValueError("not attributes")
    dtype = np.dtype(str(one["dtype"]))
    if dtype.kind not in "biufcS":
        raise ValueError(f"{dtype} is not the type of a payload")
    return MissingDataset(dtype.str, shape, sha256, attributes)


def missing_text(where: str, missing: MissingPayload, name: str) -> str:
    """Says that a dataset is not in this file, and where it is."""
    return (
        f"{where}: {name} is not in this file, because the run was extracted without its large arrays from "
        f"{missing.original}; read it there, or merge that project into this one"
    )
