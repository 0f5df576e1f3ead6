"""Codec of single numbers, such as expectation values: one table for all experiments of a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from aerchive.models.tagged_json import TYPE_KEY
from aerchive.storage.chunks.drafts import DatasetDraft
from aerchive.text import fit_text

TAG = "scalar/1"
_LABEL_BYTES = 64


class ScalarTable:
    """Collects the single numbers of a run in one table."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, bytes, float]] = []

    def add(self, value: Any, label: str, experiment: int) -> dict[str, Any] | None:
        """Adds a value.

        Returns:
            The tagged object for the result, or ``None`` if the value is not a ``float``.
        """
        if type(value) is not float:
            return None
        self._rows.append((experiment, fit_text(label, _LABEL_BYTES)[0], value))
        return {TYPE_KEY: TAG, "row": len(self._rows) - 1}

    def draft(self) -> DatasetDraft | None:
        """The table, or ``None`` if there were no numbers."""
        if not self._rows:
            return None
        width = max(len(row[1]) for row in self._rows)
        dtype = [("experiment", "<u4"), ("label", f"S{width}"), ("value", "<f8")]
        return DatasetDraft([np.array(self._rows, dtype)], attributes={"encoding": "scalars", "encoding_version": 1})
