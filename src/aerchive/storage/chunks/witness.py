"""Witnesses: a few thousand values of a dataset that is computed again, from which a later deviation is estimated.

The indices follow from the digest of the dataset, so whoever makes a witness cannot choose them. They are drawn
uniformly and independently. If none of ``m`` values so drawn deviates by more than ``d``, then with confidence
``1 - a`` at most the share ``1 - a**(1/m)`` of all values deviates by more than ``d``: a greater share would have shown
itself in the sample with a probability of more than ``1 - a``. This is the one-sided tolerance limit of Wilks (Annals
of Mathematical Statistics 12, 1941), and for small ``a`` the "rule of three", ``3/m`` at 95 %, of Hanley and
Lippman-Hand (JAMA 249, 1983). Decision 0047.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import AerchiveError, FormatError
from aerchive.storage.chunks.drafts import DatasetDraft
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.missing import MissingDataset, read_missing

NUMBER = 4096
"""The number of values of a witness."""
CONFIDENCE = 0.99
SUFFIXES = _INDICES, _VALUES = ".indices", ".values"
"""The ends of the names of the two datasets of a witness."""


class Deviation(NamedTuple):
    """An estimate of how a dataset that was computed again differs from the archived one.

    Attributes:
        name: Name of the dataset.
        number: Number of values of the witness; 0 if there is none, so that only the digest tells that bits differ.
        differing: Number of these whose bits differ.
        greatest: Greatest absolute difference of a value of the witness; infinite if one of the two is not finite.
        share: With confidence `confidence`, at most this share of all values differs by more than `greatest`.
        confidence: The probability that a greater share would have shown itself in the witness.
    """

    name: str
    number: int = 0
    differing: int = 0
    greatest: float = math.nan
    share: float = 1.0
    confidence: float = CONFIDENCE

    def __str__(self) -> str:
        if not self.number:
            return f"{self.name} has other bits"
        seen = f"{self.differing} of the {self.number} values of its witness differ"
        how = f", by at most {self.greatest:.2g}" if self.differing else ""
        than = f"by more than {self.greatest:.2g}" if self.differing else "at all"
        return (
            f"{self.name} has other bits: {seen}{how}; with {self.confidence:.0%} confidence at most "
            f"{100 * self.share:.2g} % of all its values differ {than}"
        )


def share_beyond(number: int, confidence: float = CONFIDENCE) -> float:
    """The greatest share of values that may deviate more than all of a sample, with some confidence.

    Args:
        number: Number of values that were drawn.
        confidence: The probability that a greater share would have shown itself.
    """
    return float(1 - (1 - confidence) ** (1 / number)) if number else 1.0


def witness_indices(sha256: str, size: int, number: int = NUMBER) -> NDArray[np.int64]:
    """Indices of the values of a witness, drawn uniformly with replacement, in the order in which they were drawn.

    They are numbers of 64 bits of SHAKE-256 of the digest, little-endian, modulo the size.

    Args:
        sha256: Digest of the node of the dataset.
        size: Number of its values, at least 1.
        number: Number of indices.

    Returns:
        Indices of the flattened dataset (C order), shape ``(number,)``, dtype int64.
    """
    drawn = np.frombuffer(hashlib.shake_256(sha256.encode("ascii")).digest(8 * number), "<u8")
    return (drawn % np.uint64(size)).astype(np.int64)


def witness_drafts(name: str, indices: NDArray[np.int64], values: NDArray[Any]) -> dict[str, DatasetDraft]:
    """The datasets of a witness, by their names in the group that says what the run lacks.

    Args:
        name: Name of the dataset of which it is the witness.
        indices: Indices of the values in the flattened dataset.
        values: The values.
    """
    return {name + _INDICES: DatasetDraft([indices]), name + _VALUES: DatasetDraft([values])}


def read_witness(
    group: GroupReader, name: str, owner: str, what: MissingDataset
) -> tuple[NDArray[np.int64], NDArray[Any]] | None:
    """Reads the witness of a dataset; ``None`` if there is none.

    Args:
        group: The group of the run.
        name: Name of the dataset.
        owner: UUID of the run.
        what: The dataset.

    Raises:
        IntegrityError: The witness is damaged.
        FormatError: It is no witness of this dataset.
    """
    inner = group.group(layout.MISSING)
    if name + _INDICES not in inner or name + _VALUES not in inner:
        return None
    indices, values = inner.read(name + _INDICES, owner), inner.read(name + _VALUES, owner)
    if indices.ndim != 1 or indices.dtype.kind not in "iu" or values.shape != indices.shape:
        raise FormatError(f"{inner.where(name + _VALUES)}: is not a witness: one value for each index is expected")
    drawn = witness_indices(what.sha256, max(1, math.prod(what.shape)), len(indices))
    if not np.array_equal(indices, drawn):
        raise FormatError(f"{inner.where(name + _INDICES)}: are not the indices that follow from the digest")
    return drawn, values


def values_at(group: GroupReader, name: str, owner: str, indices: NDArray[np.int64]) -> NDArray[Any]:
    """Reads single values of a dataset; each chunk that has some is read once, and only these.

    Args:
        group: The group of the run.
        name: Name of the dataset.
        owner: UUID of the run.
        indices: Indices of the values in the flattened dataset (C order), shape ``(n,)``.

    Returns:
        The values, shape ``(n,)``, with the dtype of the dataset in memory.

    Raises:
        FormatError: An index is beyond the end of the dataset.
        IntegrityError: A chunk is damaged.
    """
    plan, shape = group.plan(name, owner), group.describe(name).shape
    if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < math.prod(shape):
        raise FormatError(f"{group.where(name)}: has {math.prod(shape)} values, and an index is beyond them")
    if plan.values is not None:
        return np.asarray(plan.read(group.fd)).reshape(-1)[indices]
    found = np.zeros(len(indices), plan.dtype)
    places = np.stack(np.unravel_index(indices, shape), axis=-1).reshape(len(indices), len(shape))
    chunks = places // np.asarray(plan.chunk)
    order = np.lexsort(chunks.T[::-1])
    locations = {location.piece.offset: location for location in plan.locations}
    for some in np.split(order, np.flatnonzero(np.any(np.diff(chunks[order], axis=0), axis=1)) + 1):
        if not len(some):
            continue
        offset = tuple(int(start) for start in chunks[some[0]] * np.asarray(plan.chunk))
        values = plan.values_at(group.fd, locations[offset])
        if values is not None:  # a chunk that was never written has zeros
            found[some] = values[tuple((places[some] - np.asarray(offset)).T)]
    return found


def deviation(name: str, archived: NDArray[Any], again: NDArray[Any]) -> Deviation:
    """Compares a witness with the values of now at the same indices.

    Args:
        name: Name of the dataset.
        archived: The values of the witness, shape ``(n,)``.
        again: The values of now, of the same shape.
    """
    number = len(archived)
    if not number or archived.dtype != again.dtype:
        return Deviation(name)
    rows = [np.ascontiguousarray(one).view(np.uint8).reshape(number, -1) for one in (archived, again)]
    differing = np.any(rows[0] != rows[1], axis=1)
    if archived.dtype.kind not in "biufc":
        return Deviation(name, number, int(differing.sum()), math.inf, share_beyond(number))
    wide = [one[differing].astype(np.complex128 if one.dtype.kind == "c" else np.float64) for one in (archived, again)]
    with np.errstate(invalid="ignore", over="ignore"):
        greatest = float(np.max(np.abs(wide[0] - wide[1]), initial=0.0))
    return Deviation(
        name, number, int(differing.sum()), math.inf if math.isnan(greatest) else greatest, share_beyond(number)
    )


def deviation_of(archived: GroupReader, again: GroupReader, name: str, owner: str) -> Deviation:
    """How a dataset that was computed again differs from the archived one, as far as the witness tells.

    Args:
        archived: The group of the run that lacks the dataset.
        again: The group of the run that was computed again.
        name: Name of the dataset.
        owner: UUID of the run.
    """
    try:
        missing = read_missing(archived, owner)
        what = None if missing is None else missing.datasets.get(name)
        witness = None if what is None else read_witness(archived, name, owner, what)
        if witness is None:
            return Deviation(name)
        return deviation(name, witness[1], values_at(again, name, owner, witness[0]))
    except AerchiveError:  # it has another shape now, or is not there; the digest has told that already
        return Deviation(name)
