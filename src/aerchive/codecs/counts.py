"""Codec of counts, the number of times each outcome was measured: one table for all experiments of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.codecs.base import is_outcome
from aerchive.models.tagged_json import TYPE_KEY
from aerchive.storage.chunks.drafts import DatasetDraft

TAG = "counts/1"
_MOST_SLOTS = 2**16
"""Largest number of bits of an outcome that is written out: the number may come from an untrusted file."""


def format_outcome(outcome: str, header: Mapping[str, Any] | None) -> str:
    """Formats an outcome as ``Result.get_counts`` does.

    Args:
        outcome: The outcome as in the result: hexadecimal with ``0x``, else bits.
        header: Header of the experiment: ``memory_slots`` is the number of bits to which zeros are added;
            ``creg_sizes`` puts spaces between the registers, the last register first.
    """
    bits = format(int(outcome, 16), "b") if outcome.startswith("0x") else outcome
    slots = (header or {}).get("memory_slots")
    sizes = (header or {}).get("creg_sizes")
    if not slots:
        return bits
    if int(slots) > _MOST_SLOTS:
        raise ValueError(f"{slots} classical bits")
    bits = format(int(bits, 2), f"0{slots}b")
    if not sizes:
        return bits
    parts = []
    start = 0
    for _, size in reversed(sizes):
        parts.append(bits[start : start + size])
        start += size
    return " ".join(parts)


class CountsTable:
    """Collects the counts of a run in one table."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, str, str, int]] = []

    def add(self, counts: Any, experiment: int, header: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Adds the counts of one experiment.

        Returns:
            The tagged object for the result, or ``None`` if the counts do not have the form of Aer's counts.
        """
        if type(counts) is not dict or not counts:
            return None
        if not all(type(k) is str and is_outcome(k) and type(v) is int and abs(v) < 2**63 for k, v in counts.items()):
            return None
        first = len(self._rows)
        try:
            self._rows += [(experiment, key, format_outcome(key, header), value) for key, value in counts.items()]
        except (TypeError, ValueError, ArithmeticError):  # the header was edited; Qiskit cannot use it either
            return None
        return {TYPE_KEY: TAG, "rows": [first, len(counts)]}

    def draft(self) -> DatasetDraft | None:
        """The table, or ``None`` if there were no counts."""
        if not self._rows:
            return None
        outcome = max(len(row[1]) for row in self._rows)
        bits = max(len(row[2]) for row in self._rows)
        dtype = [("experiment", "<u4"), ("outcome", f"S{outcome}"), ("bitstring", f"S{bits}"), ("count", "<i8")]
        return DatasetDraft([np.array(self._rows, dtype)], attributes={"encoding": "counts", "encoding_version": 1})


def counts_from_rows(rows: NDArray[Any], column: str) -> dict[str, int]:
    """The counts as a dictionary, from rows of the table.

    Args:
        rows: The rows of the table with the counts of one experiment.
        column: Column with the keys: ``outcome`` for the keys of the result, ``bitstring`` for bits.
    """
    keys = (key.decode("ascii") for key in rows[column].tolist())
    return dict(zip(keys, rows["count"].tolist(), strict=True))


def foreign_counts(counts: Mapping[Any, Any], header: Mapping[str, Any] | None) -> dict[str, Any]:
    """Formats counts that do not have the form of Aer's counts, with Qiskit.

    Args:
        counts: Counts with keys of any kind that Qiskit reads.
        header: Header of the experiment.
    """
    from qiskit.result import Counts

    known = {name: value for name, value in (header or {}).items() if name in ("creg_sizes", "memory_slots")}
    return dict(Counts(dict(counts), **known))
