"""Which chunk of a dataset tries what pays, and which chunks use what it found."""

from __future__ import annotations

import enum
import threading
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.filters.deflate import Deflater
from aerchive.filters.planes import Coder, split

_SIGNS = (0.0, 0.125, 0.5, 0.75, 0.9)
_SAMPLES = 256
_FIRST_REVIEWS = (3, 13)
"""The first chunk of a state is often not like the others, so these look already whether its plan is right for them."""
_REVIEW_EACH = 33
"""And later one chunk in so many; odd, for chunks of a state come in patterns of powers of two. What it finds is used
from the next review on."""
_FIRST_REPEAT = 8
"""After so many reviews there is a trial, and again whenever their number has doubled."""
_CHANGED_AT_FIRST, _CHANGED = 0.995, 0.97
"""So much smaller a plane must get that was noise before; in the first reviews, and in later ones."""


class Method(enum.Enum):
    """How a chunk is compressed."""

    PLANES = "shuffled, plane by plane"
    WHOLE = "shuffled, by libdeflate"
    RECORDS = "not shuffled, by igzip"
    RECORDS_SPARSE = "not shuffled, by zlib-ng"
    RECORDS_WELL = "not shuffled, by libdeflate"


@dataclass(frozen=True)
class Plan:
    """How chunks of a kind are compressed.

    Attributes:
        method: How.
        coders: Of the planes, for `Method.PLANES`.
        limit: For `Method.RECORDS` where each chunk looks for itself: if a piece of it keeps more than this share of
            its bytes, it is compressed by plane, with these coders.
    """

    method: Method
    coders: tuple[Coder, ...] = ()
    limit: float | None = None

    def also_for(self, other: Plan) -> Plan:
        """This plan, changed so that planes which are noise here and not in other chunks are compressed.

        Args:
            other: What was right for the other chunks.
        """
        if other.method is not self.method or len(other.coders) != len(self.coders):
            return self
        pairs = zip(self.coders, other.coders, strict=True)
        return replace(self, coders=tuple(there if here is Coder.STORED else here for here, there in pairs))


_UNTRIED = Plan(Method.PLANES, (Coder.QUICK,) * 16)


class Ticket:
    """A plan that some chunk's trial will give, for chunks that come after it."""

    def __init__(self) -> None:
        self._plan = _UNTRIED
        self._is_there = threading.Event()

    def fill(self, plan: Plan) -> None:
        """Gives the plan."""
        self._plan = plan
        self._is_there.set()

    def plan(self) -> Plan:
        """The plan; waits for it."""
        self._is_there.wait()
        return self._plan


class Task(NamedTuple):
    """What one chunk does for the choice.

    Attributes:
        use: The plan it is compressed with; ``None`` if it is the first of its kind, and tries.
        fill: The ticket that it fills: it tries, or looks whether its plan is still the best.
        turn: How often its kind was looked at before.
    """

    use: Ticket | None
    fill: Ticket | None = None
    turn: int = 0

    def skip(self) -> None:
        """Does nothing for the choice after all."""
        if self.fill is not None:
            self.fill.fill(_UNTRIED if self.use is None else self.use.plan())


@dataclass
class _Kind:
    """Chunks of one sign.

    Attributes:
        use: The plan for those that come now.
        following: What the last review will give, or gave.
        number: How many there were.
        reviews: How many of them were to look again.
    """

    use: Ticket
    following: Ticket
    number: int = 1
    reviews: int = 0


class Choices:
    """Who tries, who looks again, and who uses whose plan, in one dataset.

    That depends on the chunks and their order alone, and not on which thread is faster: equal values give equal bytes.
    """

    def __init__(self) -> None:
        self._kinds: dict[int, _Kind] = {}

    def task(self, raw: NDArray[np.uint8]) -> Task:
        """The task of the next chunk; call in the order of chunks."""
        sign = sign_of(raw)
        kind = self._kinds.get(sign)
        if kind is None:
            first = Ticket()
            self._kinds[sign] = _Kind(first, first)
            return Task(None, first)
        number, kind.number = kind.number, kind.number + 1
        if number % _REVIEW_EACH and number not in _FIRST_REVIEWS:
            return Task(kind.use)
        kind.use, kind.following = kind.following, Ticket()
        kind.reviews += 1
        return Task(kind.use, kind.following, kind.reviews)


def sign_of(raw: NDArray[np.uint8]) -> int:
    """What a chunk looks like at a glance: how many zeros are in it, roughly. Chunks of one sign share a plan."""
    words = raw[: raw.size // 8 * 8].view(np.uint64)
    sample = words[:: max(1, words.size // _SAMPLES)]
    zeros = 1 - np.count_nonzero(sample) / sample.size
    return sum(bool(zeros > limit) for limit in _SIGNS)


def is_outdated(plan: Plan, planes: NDArray[np.uint8], itemsize: int, turn: int, deflater: Deflater) -> bool:
    """Whether it is time for another trial: now and then, or a plane that was noise is none any more.

    Args:
        plan: That the chunk was compressed with.
        planes: The shuffled chunk, if the plan takes it.
        itemsize: Bytes of an element.
        turn: How often this was asked before.
        deflater: Of this thread.
    """
    if turn & (turn - 1) == 0 and turn >= _FIRST_REPEAT:
        return True
    if plan.method is not Method.PLANES:
        return False
    parts = split(planes, itemsize)
    changed = _CHANGED_AT_FIRST if turn <= len(_FIRST_REVIEWS) else _CHANGED
    noise = [plane for plane, coder in zip(parts, plan.coders, strict=False) if coder is Coder.STORED]
    return any(plane[0] != plane[-1] and len(deflater.quick(plane.data)) < changed * plane.size for plane in noise)
