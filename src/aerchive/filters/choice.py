"""What pays for the chunks of a dataset, learned from some of them."""

from __future__ import annotations

import enum
import threading
import zlib
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.filters.deflate import Buffer, Deflater, quick_stream, sparse_stream, thorough_stream
from aerchive.filters.planes import Coder, is_constant, split

_BYTES_A_US = 30.0
"""What a microsecond of a processor is worth: a hundredth of a chunk for a fifth of the time a dense chunk takes."""
_STORED_FROM = 0.995
"""A plane that igzip does not make smaller than this is noise."""
_SAMPLE_BYTES = 128 * 1024
_LIKE_GZIP = 1.002
"""gzip -4 makes more of a whole chunk than of its planes, by this at least."""
_SURELY = 0.98
"""What is as good as gzip -4 by so much on one chunk is as good on others."""
_WHOLE_FROM = 9
"""So many planes by zlib-ng take as long as the whole chunk by libdeflate."""
_WELL_WORTH = 1.025
"""The quickest is taken that gives no more than this of the least."""
_SPARSE = 4
"""zlib-ng is faster than libdeflate on what becomes so much smaller."""
_SIGNS = (0.0, 0.125, 0.5, 0.875)
_SAMPLES = 128
_REVIEW_EACH = 32
"""One chunk in so many looks whether the plan of its kind is still right; what it finds is used from the next on."""
_FIRST_REPEAT = 4
"""After so many reviews there is a trial, and again whenever their number has doubled."""
_PROBED = 4
"""So many of the planes that are stored are looked at then, in turn."""
_CHANGED = 0.97
"""So much smaller a plane must get that was noise before."""
NO_BETTER = 0.99
"""A plan stays unless another one saves more than a hundredth."""


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
    """

    method: Method
    coders: tuple[Coder, ...] = ()


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
    """

    use: Ticket
    following: Ticket
    number: int = 1


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
        if number % _REVIEW_EACH:
            return Task(kind.use)
        kind.use, kind.following = kind.following, Ticket()
        return Task(kind.use, kind.following, number // _REVIEW_EACH)


def sign_of(raw: NDArray[np.uint8]) -> int:
    """What a chunk looks like at a glance: how many zeros are in it, roughly. Chunks of one sign share a plan."""
    words = raw[: raw.size // 8 * 8].view(np.uint64)
    sample = words[:: max(1, words.size // _SAMPLES)]
    zeros = 1 - np.count_nonzero(sample) / sample.size
    return sum(bool(zeros > limit) for limit in _SIGNS)


@dataclass
class _Plane:
    """What the coders make of a plane: bytes by coder; and what gzip -4 makes of it."""

    length: int
    sizes: dict[Coder, int] = field(default_factory=dict)
    coder: Coder = Coder.STORED
    gzip: int = 0

    @property
    def size(self) -> int:
        return self.sizes[self.coder]

    def cost(self, coder: Coder) -> float:
        """How long a coder takes, in microseconds, about; measured for `docs/decisions/0009-chunk-pipeline.md`."""
        scale = self.length / 65536
        share = self.sizes[coder] / max(1, self.length)
        return (
            scale
            * {
                Coder.STORED: 0,
                Coder.QUICK: 15 + 110 * min(1, 10 * share),
                Coder.ENTROPY: 190,
                Coder.THOROUGH: min(740, 80 + 1900 * share),
            }[coder]
        )


def choose_coders(planes: NDArray[np.uint8], itemsize: int, deflater: Deflater) -> tuple[tuple[Coder, ...], int, float]:
    """Tries the coders on the planes of one chunk.

    The quickest coders whose sum is not above what gzip -4 would give, about; more where it costs little.

    Args:
        planes: The shuffled chunk.
        itemsize: Bytes of an element.
        deflater: Of this thread.

    Returns:
        The coders, one a plane; the bytes they give, about; and what gzip -4 would give for the whole chunk, about.
    """
    tried = [_try_quick(plane, deflater) for plane in split(planes, itemsize)[:itemsize]]
    _try_thorough(split(planes, itemsize), tried, itemsize, deflater)
    for one, plane in zip(tried, split(planes, itemsize), strict=False):
        one.gzip = min(one.sizes.values())
        if one.sizes.get(Coder.THOROUGH, one.length) <= one.gzip:  # perhaps better than gzip is: ask it
            one.gzip = len(zlib.compress(plane.data, 4))
        one.coder = min(one.sizes, key=lambda coder: one.sizes[coder] + _BYTES_A_US * one.cost(coder))
    gzip = _LIKE_GZIP * sum(one.gzip for one in tried)
    if sum(len(one.sizes) > 1 or Coder.STORED not in one.sizes for one in tried) >= itemsize / 2:
        gzip = _SURELY * len(zlib.compress(planes.data, 4))  # most of it repeats, so this does not take long
    while sum(one.size for one in tried) > gzip:
        steps = [
            ((one.size - size) / max(1e-3, one.cost(coder) - one.cost(one.coder)), one, coder)
            for one in tried
            for coder, size in one.sizes.items()
            if size < one.size
        ]
        if not steps:
            break
        _, one, coder = max(steps, key=lambda step: step[0])
        one.coder = coder
    return tuple(one.coder for one in tried), sum(one.size for one in tried), gzip


def _try_quick(plane: NDArray[np.uint8], deflater: Deflater) -> _Plane:
    one = _Plane(plane.size, {Coder.STORED: plane.size})
    if is_constant(plane):  # where it is not, igzip is a fair guess
        one.sizes = {Coder.QUICK: 0}
        return one
    quick = len(deflater.quick(plane.data))
    if quick < _STORED_FROM * plane.size:
        one.sizes[Coder.QUICK] = quick
        if quick > plane.size / 8:  # shorter than one bit a byte, Huffman codes cannot be
            one.sizes[Coder.ENTROPY] = len(deflater.entropy(plane.data))
    return one


def _try_thorough(planes: list[NDArray[np.uint8]], tried: list[_Plane], itemsize: int, deflater: Deflater) -> None:
    """From the top plane of each float downwards, until it is noise to zlib-ng, too: below there is only more."""
    part = itemsize // 2 if itemsize > 8 else itemsize
    for top in range(part - 1, itemsize, part):
        for number in range(top, top - part, -1):
            one = tried[number]
            if Coder.STORED not in one.sizes:
                continue
            size = len(deflater.thorough(planes[number].data))
            if size < _STORED_FROM * one.length:
                one.sizes[Coder.THOROUGH] = size
            elif Coder.QUICK not in one.sizes:
                break


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
    noise = [number for number, coder in enumerate(plan.coders) if coder is Coder.STORED]
    for step in range(min(_PROBED, len(noise))):
        plane = parts[noise[(turn * _PROBED + step) % len(noise)]]
        if plane[0] != plane[-1] and len(deflater.quick(plane.data)) < _CHANGED * plane.size:
            return True
    return False


@dataclass(frozen=True)
class Trial:
    """The outcome of a trial.

    Attributes:
        plan: The best one.
        stream: What it makes of the chunk, if that is there already.
    """

    plan: Plan
    stream: Buffer | None = None


def by_record(method: Method, raw: NDArray[np.uint8]) -> Buffer:
    """The stream of a chunk that is not shuffled."""
    if method is Method.RECORDS:
        return quick_stream(raw.data)
    return sparse_stream(raw.data) if method is Method.RECORDS_SPARSE else thorough_stream(raw.data)


def try_chunk(raw: NDArray[np.uint8], planes: NDArray[np.uint8], itemsize: int, deflater: Deflater) -> Trial:
    """Tries on one chunk what pays.

    Args:
        raw: The chunk.
        planes: The same, shuffled.
        itemsize: Bytes of an element.
        deflater: Of this thread.
    """
    coders, size, gzip = choose_coders(planes, itemsize, deflater)
    middle = max(0, raw.size - _SAMPLE_BYTES) // 2 // itemsize * itemsize
    sample = raw[middle : middle + _SAMPLE_BYTES]
    if itemsize > 1 and len(quick_stream(sample.data)) * raw.size < 1.25 * size * sample.size:
        records: dict[Method, Buffer] = {Method.RECORDS: quick_stream(raw.data)}
        if len(records[Method.RECORDS]) < 1.05 * size:
            records |= {method: by_record(method, raw) for method in (Method.RECORDS_SPARSE, Method.RECORDS_WELL)}
            least = min(map(len, records.values()))
            if least < size:
                if raw.size < _SPARSE * least:
                    del records[Method.RECORDS_SPARSE]
                method = next(method for method, stream in records.items() if len(stream) <= _WELL_WORTH * least)
                return Trial(Plan(method), records[method])
    if coders.count(Coder.THOROUGH) >= _WHOLE_FROM:
        whole = thorough_stream(planes.data)
        if len(whole) < 1.005 * gzip:
            return Trial(Plan(Method.WHOLE), whole)
    return Trial(Plan(Method.PLANES, coders))
