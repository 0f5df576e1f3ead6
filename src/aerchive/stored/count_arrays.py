"""Counts as arrays: from the bit strings of the stored table, without a dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import FormatError, InvalidInputError
from aerchive.states.qubits import checked_qargs

_WORD = 64


class Counted(NamedTuple):
    """Outcomes and their counts.

    Attributes:
        texts: The outcomes as bit strings, shape ``(outcomes,)``, dtype bytes, the highest bit first. Each occurs once.
        counts: Their counts, shape ``(outcomes,)``, dtype int64.
    """

    texts: NDArray[np.bytes_]
    counts: NDArray[np.int64]

    def marginal(self, bits: Sequence[int]) -> Counted:
        """The counts of some classical bits: those of outcomes that agree in them are added.

        Args:
            bits: Different classical bits; the first is the last character of the new bit strings.

        Raises:
            InvalidInputError: ``bits`` are not different classical bits of the outcomes.
        """
        if not len(self.texts):
            return self
        kept, counts = counts_as_arrays(self.texts, self.counts, bits, as_bits=True)
        return Counted(texts_of_bits(kept), counts)

    def count(self, outcome: str) -> int:
        """The count of an outcome, zero if it did not occur.

        Args:
            outcome: A bit string as in ``texts``, or hexadecimal with ``0x``.
        """
        if outcome.startswith("0x") and len(self.texts):
            digits = len(self.texts[0].replace(b" ", b""))
            is_it = np.strings.replace(self.texts, b" ", b"") == format(int(outcome, 16), f"0{digits}b").encode()
        else:
            is_it = self.texts == outcome.encode()
        return int(self.counts[is_it].sum())


def texts_of_bits(bits: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """The bit strings of bits, the highest bit first.

    Args:
        bits: The bits, shape ``(outcomes, bits)``, as `bits_of` returns them.

    Returns:
        Bit strings without spaces, shape ``(outcomes,)``; empty ones if there are no bits.
    """
    letters = np.ascontiguousarray(bits[:, ::-1] + np.uint8(ord("0")))
    width = letters.shape[1]
    return letters.view(f"S{width}")[:, 0] if width else np.zeros(len(letters), "S1")


def bits_of(texts: NDArray[np.bytes_]) -> NDArray[np.uint8]:
    """The bits of bit strings, which may have spaces between registers and missing zeros in front.

    Args:
        texts: The bit strings, shape ``(outcomes,)``, the highest bit first.

    Returns:
        The bits, shape ``(outcomes, bits)``; column ``j`` is classical bit ``j``, the last character of a bit string.

    Raises:
        FormatError: A bit string has other characters.
    """
    width = texts.dtype.itemsize
    letters = np.ascontiguousarray(texts).view(np.uint8).reshape(len(texts), width)[:, ::-1]
    is_bit = (letters | 1) == ord("1")
    if not (is_bit | (letters == ord(" ")) | (letters == 0)).all():
        raise FormatError("counts have outcomes that are not bit strings")
    columns = is_bit.any(axis=0)
    if is_bit[:, columns].all():
        return letters[:, columns] & np.uint8(1)
    rows, columns = is_bit.nonzero()
    number = is_bit.cumsum(axis=1)
    bits = np.zeros((len(texts), number[:, -1].max()), np.uint8)
    bits[rows, number[rows, columns] - 1] = letters[rows, columns] & 1
    return bits


def counts_as_arrays(
    texts: NDArray[np.bytes_], counts: NDArray[np.int64], bits: Sequence[int] | None, *, as_bits: bool
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Outcomes and their counts; see `Run.counts_array`.

    Args:
        texts: The bit strings, shape ``(outcomes,)``.
        counts: The counts, shape ``(outcomes,)``.
        bits: The classical bits to keep, or ``None``.
        as_bits: Whether the outcomes are returned as bits.
    """
    table = bits_of(texts)
    if bits is not None:
        kept = checked_bits(bits, table.shape[1])
        packed = np.packbits(table[:, kept], axis=1, bitorder="little")
        order = np.lexsort(packed.T) if packed.size else np.arange(len(packed))
        is_new = np.ones(len(order), bool)
        is_new[1:] = (packed[order[1:]] != packed[order[:-1]]).any(axis=1)
        first = order[is_new]
        table = table[first][:, kept]
        counts = np.add.reduceat(counts[order], is_new.nonzero()[0]) if len(order) else counts
    if as_bits or table.shape[1] > _WORD:
        return np.ascontiguousarray(table), counts
    words = np.zeros((len(table), _WORD // 8), np.uint8)
    packed = np.packbits(table, axis=1, bitorder="little")
    words[:, : packed.shape[1]] = packed
    return words.view("<u8")[:, 0].astype(np.uint64, copy=False), counts


def checked_bits(bits: Sequence[int], width: int) -> list[int]:
    """The classical bits that a caller gave.

    Raises:
        InvalidInputError: They are not different classical bits of the counts.
    """
    try:
        return checked_qargs(bits, width)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"bits {bits!r}: a list of different classical bits is expected, numbered from 0 to {width - 1}"
        ) from error
