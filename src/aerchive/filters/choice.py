"""Chooses which chunks of a dataset try several ways of compression, and when the result of a trial is used.

The best way to compress a chunk depends on its values, and finding it costs several compressions. Chunks of one dataset
are alike, so only some of them make a trial:

1. Chunks are sorted into kinds by their share of zero words (`sign_of`). The first chunk of a kind makes a trial, whose
   result is a `Plan` for the next chunks of the kind.
2. The 4th and the 14th chunk of a kind, and then every 33rd, review the plan (`is_outdated`), and make a new trial if
   it is outdated. The result is used from the next review on.
3. Trials and reviews are made in the thread that reads the chunks, in their order, while other threads compress
   chunks by plans that are known. So equal values always give equal bytes, however many threads there are.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aerchive.filters.deflate import Deflater
from aerchive.filters.planes import Coder, split

_SIGNS = (0.0, 0.125, 0.5, 0.75, 0.9)
_SAMPLES = 256
_FIRST_REVIEWS = (3, 13)
"""The numbers of chunks with an early review: the first chunk of a state often differs from the others."""
_REVIEW_EACH = 33
"""The distance between later reviews, in chunks. It is odd, as chunks of a state have patterns of powers of two."""
_FIRST_REPEAT = 8
"""The number of reviews after which a new trial is made, and again each time when their number has doubled."""
_CHANGED_AT_FIRST, _CHANGED = 0.995, 0.97
"""The share of its bytes below which a plane counts as noise no more: in the first reviews, and in later reviews."""


class Method(enum.Enum):
    """The ways in which a chunk can be compressed."""

    PLANES = "shuffled, plane by plane"
    WHOLE = "shuffled, by libdeflate"
    RECORDS = "not shuffled, by igzip"
    RECORDS_SPARSE = "not shuffled, by zlib-ng"
    RECORDS_WELL = "not shuffled, by libdeflate"


@dataclass(frozen=True)
class Plan:
    """The way in which chunks of one kind are compressed.

    Attributes:
        method: The method of compression.
        coders: The coders of the planes, for `Method.PLANES`.
        limit: A limit for `Method.RECORDS` if each chunk decides for itself: if a compressed piece of the chunk keeps
            more than this share of its bytes, the chunk is compressed by plane with these coders. ``None``: no limit.
    """

    method: Method
    coders: tuple[Coder, ...] = ()
    limit: float | None = None

    def also_for(self, other: Plan) -> Plan:
        """Returns this plan, changed so that planes that are noise here but not in other chunks are compressed.

        Args:
            other: The plan of the other chunks.
        """
        if other.method is not self.method or len(other.coders) != len(self.coders):
            return self
        pairs = zip(self.coders, other.coders, strict=True)
        return replace(self, coders=tuple(there if here is Coder.STORED else here for here, there in pairs))


_UNTRIED = Plan(Method.PLANES, (Coder.QUICK,) * 16)


@dataclass
class Kind:
    """The state of the choice for the chunks of one sign.

    Attributes:
        plan: The plan of the next chunks.
        following: The plan that the last trial or review found; it is used from the next review on.
        number: The number of chunks so far.
        reviews: The number of reviews so far.
    """

    plan: Plan = _UNTRIED
    following: Plan = _UNTRIED
    number: int = 0
    reviews: int = 0

    def is_due(self) -> bool:
        """Counts a chunk. Returns whether it makes a trial (the first chunk of its kind) or a review."""
        number, self.number = self.number, self.number + 1
        if number % _REVIEW_EACH and number not in _FIRST_REVIEWS:
            return False
        self.plan = self.following
        self.reviews += number > 0
        return True

    def found(self, plan: Plan) -> None:
        """Takes the plan that a trial or a review found."""
        self.following = plan
        if not self.reviews:
            self.plan = plan


def sign_of(raw: NDArray[np.uint8]) -> int:
    """Returns the sign of a chunk: a coarse measure of its share of zero words. Chunks of one sign share a plan."""
    words = raw[: raw.size // 8 * 8].view(np.uint64)
    sample = words[:: max(1, words.size // _SAMPLES)]
    zeros = 1 - np.count_nonzero(sample) / sample.size
    return sum(bool(zeros > limit) for limit in _SIGNS)


def is_outdated(plan: Plan, planes: NDArray[np.uint8], itemsize: int, turn: int, deflater: Deflater) -> bool:
    """Returns whether a new trial is due: at certain numbers of reviews, or when a plane is noise no more.

    Args:
        plan: The plan with which the chunk was compressed.
        planes: The bytes of the shuffled chunk, shape ``(n,)``; used only if the plan compresses by plane.
        itemsize: The size of an element in bytes.
        turn: The number of this review of its kind, counted from 1.
        deflater: The compressor of this thread.
    """
    if turn & (turn - 1) == 0 and turn >= _FIRST_REPEAT:
        return True
    if plan.method is not Method.PLANES:
        return False
    parts = split(planes, itemsize)
    changed = _CHANGED_AT_FIRST if turn <= len(_FIRST_REVIEWS) else _CHANGED
    noise = [plane for plane, coder in zip(parts, plan.coders, strict=False) if coder is Coder.STORED]
    return any(plane[0] != plane[-1] and len(deflater.quick(plane.data)) < changed * plane.size for plane in noise)
