"""Codec of memory, the outcome of each single shot: one column for all experiments of a run.

The outcomes of an experiment are bit strings, as counts have them, if the result's own texts can be computed from them.
Otherwise they are as in the result, and the tagged object has ``"form": "hex"``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.codecs.base import is_outcome
from aerchive.codecs.counts import bit_strings, outcomes_of
from aerchive.models.tagged_json import TYPE_KEY
from aerchive.storage.chunks.drafts import DatasetDraft

TAG = "memory/1"
_MOST_BYTES = 256 * 1024 * 1024
"""Largest size of the column with bit strings, in bytes; hexadecimal outcomes take a quarter of that."""


class MemoryColumn:
    """Collects the memory of a run in one column."""

    def __init__(self) -> None:
        self._shots: list[str] = []
        self._width = 0

    def add(
        self, memory: Any, header: Mapping[str, Any] | None, known: Mapping[str, str] | None = None
    ) -> dict[str, Any] | None:
        """Adds the memory of one experiment.

        Args:
            memory: The memory as in the result.
            header: Header of the experiment.
            known: The bit strings of outcomes of this experiment, if they were computed for its counts.

        Returns:
            The tagged object for the result, or ``None`` if this is not a list of outcomes.
        """
        if type(memory) is not list or set(map(type, memory)) != {str}:
            return None
        first = len(self._shots)
        distinct = set(memory)
        bits = known if known and distinct <= known.keys() else bit_strings(distinct, header)
        width = max(self._width, *map(len, bits.values())) if bits else 0
        if bits is not None and width * (first + len(memory)) <= _MOST_BYTES:
            self._width = width
            self._shots += map(bits.__getitem__, memory)
            return {TYPE_KEY: TAG, "rows": [first, len(memory)]}
        if not all(map(is_outcome, distinct)):
            return None
        self._shots += memory
        return {TYPE_KEY: TAG, "rows": [first, len(memory)], "form": "hex"}

    def draft(self) -> DatasetDraft | None:
        """The column, or ``None`` if there was no memory."""
        if not self._shots:
            return None
        return DatasetDraft([np.array(self._shots, "S")], attributes={"encoding": "memory", "encoding_version": 1})


def memory_from_rows(rows: NDArray[Any], form: Any) -> list[str]:
    """The outcomes of the shots as in the result, from rows of the column.

    Args:
        rows: The rows.
        form: ``"hex"`` if they are as in the result, ``None`` if they are bit strings.

    Raises:
        FormatError: A bit string does not consist of bits.
    """
    return texts_of(rows) if form == "hex" else outcomes_of(rows.tolist())


def texts_of(rows: NDArray[Any]) -> list[str]:
    """The rows as text."""
    shots: Sequence[bytes] = rows.tolist()
    known = {shot: shot.decode("ascii") for shot in set(shots)}
    return [known[shot] for shot in shots]
