"""Codec of memory, the outcome of each single shot: one column for all experiments of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.codecs.base import is_outcome
from aerchive.models.tagged_json import TYPE_KEY
from aerchive.storage.chunks.drafts import DatasetDraft

TAG = "memory/1"


class MemoryColumn:
    """Collects the memory of a run in one column."""

    def __init__(self) -> None:
        self._shots: list[str] = []

    def add(self, memory: Any) -> dict[str, Any] | None:
        """Adds the memory of one experiment.

        Returns:
            The tagged object for the result, or ``None`` if this is not a list of outcomes.
        """
        if type(memory) is not list or not memory or not all(type(s) is str and is_outcome(s) for s in memory):
            return None
        first = len(self._shots)
        self._shots += memory
        return {TYPE_KEY: TAG, "rows": [first, len(memory)]}

    def draft(self) -> DatasetDraft | None:
        """The column, or ``None`` if there was no memory."""
        if not self._shots:
            return None
        return DatasetDraft([np.array(self._shots, "S")], attributes={"encoding": "memory", "encoding_version": 1})


def memory_from_rows(rows: NDArray[Any]) -> list[str]:
    """The outcomes of the shots, from rows of the column."""
    return [shot.decode("ascii") for shot in rows.tolist()]
