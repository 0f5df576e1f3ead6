"""Codec of counts, the number of times each outcome was measured: one table for all experiments of a run.

See decision 0029.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.codecs.base import is_outcome
from aerchive.errors import FormatError
from aerchive.models.tagged_json import TYPE_KEY
from aerchive.storage.chunks.drafts import DatasetDraft

TAG = "counts/1"
_WORD = 64
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
    return bits if not (header or {}).get("memory_slots") else _printer(header)(int(bits, 2))


def _printer(header: Mapping[str, Any] | None) -> Callable[[int], str]:
    """The function that formats outcomes of an experiment; the result of it for an outcome is that of `format_outcome`.

    Args:
        header: Header of the experiment.
    """
    slots = (header or {}).get("memory_slots") or 0
    sizes = (header or {}).get("creg_sizes")
    if int(slots) > _MOST_SLOTS:
        raise ValueError(f"{slots} classical bits")
    form = f"0{slots}b" if slots else "b"
    if not slots or not sizes:
        return lambda value: format(value, form)
    cuts = []
    start = 0
    for _, size in reversed(sizes):
        cuts.append(slice(start, start + size))
        start += size
    if len(cuts) == 1:
        return lambda value: format(value, form)[:start]

    def text_of(value: int) -> str:
        bits = format(value, form)
        return " ".join([bits[cut] for cut in cuts])

    return text_of


def bit_strings(outcomes: Collection[Any], header: Mapping[str, Any] | None) -> dict[str, str] | None:
    """The bit string of each outcome, if the text of each can be computed from it again; else ``None``.

    Args:
        outcomes: Outcomes as in the result, as text.
        header: Header of the experiment; see `format_outcome`.
    """
    found: dict[str, str] = {}
    try:
        text_of = _printer(header)
        for outcome in outcomes:
            bits = found[outcome] = text_of(int(outcome, 16))
            if outcome_of(bits) != outcome:
                return None
    except (TypeError, ValueError, ArithmeticError):  # other outcomes, or the header was edited
        return None
    return found


def outcome_of(bits: str) -> str:
    """The outcome of a bit string as Aer writes it, such as ``0x5`` for ``10 1``.

    Beyond 64 bits, all words of 64 bits but the first have their leading zeros.
    """
    digits = bits.replace(" ", "")
    value = int(digits, 2)
    return hex(value) if len(digits) <= _WORD else f"0x{value:0{(len(digits) - 1) // _WORD * (_WORD // 4) + 1}x}"


class CountsTable:
    """Collects the counts of a run in one table.

    Attributes:
        bits: The bit strings of the outcomes that were added last, for the memory of the same experiment; ``None`` if
            there are none. It is reset before each experiment.
    """

    def __init__(self) -> None:
        self._rows: list[tuple[int, str, int, str]] = []
        self._is_exact = True
        self.bits: dict[str, str] | None = None

    def add(self, counts: Any, experiment: int, header: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Adds the counts of one experiment.

        Returns:
            The tagged object for the result, or ``None`` if the counts do not have the form of Aer's counts.
        """
        if type(counts) is not dict or not counts:
            return None
        if not all(type(k) is str and type(v) is int and abs(v) < 2**63 for k, v in counts.items()):
            return None
        first = len(self._rows)
        bits = self.bits = bit_strings(counts, header)
        if bits is None:
            if not all(map(is_outcome, counts)):
                return None
            self._is_exact = False
            try:
                bits = {key: format_outcome(key, header) for key in counts}
            except (TypeError, ValueError, ArithmeticError):  # the header was edited; Qiskit cannot use it either
                return None
        self._rows += [(experiment, bits[key], value, key) for key, value in counts.items()]
        return {TYPE_KEY: TAG, "rows": [first, len(counts)]}

    def draft(self) -> DatasetDraft | None:
        """The table, or ``None`` if there were no counts.

        The column ``outcome`` is left out if all outcomes can be computed from the bit strings.
        """
        if not self._rows:
            return None
        bits = max(1, *(len(row[1]) for row in self._rows))
        dtype = [("experiment", "<u4"), ("bitstring", f"S{bits}"), ("count", "<i8")]
        if not self._is_exact:
            dtype.append(("outcome", f"S{max(len(row[3]) for row in self._rows)}"))
        rows = np.array([row[: len(dtype)] for row in self._rows], dtype)
        return DatasetDraft([rows], attributes={"encoding": "counts", "encoding_version": 1})


def counts_from_rows(rows: NDArray[Any]) -> dict[str, int]:
    """The counts by bit string, from rows of the table with the counts of one experiment."""
    keys = (key.decode("ascii") for key in rows["bitstring"].tolist())
    return dict(zip(keys, rows["count"].tolist(), strict=True))


def result_counts(rows: NDArray[Any]) -> dict[str, int]:
    """The counts with the keys of the result, from rows of the table with the counts of one experiment.

    Raises:
        FormatError: A bit string does not consist of bits.
    """
    if "outcome" in (rows.dtype.names or ()):
        keys = [key.decode("ascii") for key in rows["outcome"].tolist()]
    else:
        keys = outcomes_of(rows["bitstring"].tolist())
    return dict(zip(keys, rows["count"].tolist(), strict=True))


def outcomes_of(strings: Sequence[bytes]) -> list[str]:
    """The outcomes of bit strings, as Aer writes them.

    Raises:
        FormatError: A bit string does not consist of bits.
    """
    try:
        known = {bits: outcome_of(bits.decode("ascii")) for bits in set(strings)}
    except ValueError as error:
        raise FormatError(f"a bit string is stored that is none: {error}") from error
    return [known[bits] for bits in strings]


def foreign_counts(counts: Mapping[Any, Any], header: Mapping[str, Any] | None) -> dict[str, Any]:
    """Formats counts that do not have the form of Aer's counts, with Qiskit.

    Args:
        counts: Counts with keys of any kind that Qiskit reads.
        header: Header of the experiment.
    """
    from qiskit.result import Counts

    known = {name: value for name, value in (header or {}).items() if name in ("creg_sizes", "memory_slots")}
    return dict(Counts(dict(counts), **known))
