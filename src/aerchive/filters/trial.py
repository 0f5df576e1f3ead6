"""One chunk compressed in every way that may pay, to see which one does.

The measure is gzip -4, what h5py's users take: the quickest way that gives no more bytes than that, about, and fewer
where it costs little. The numbers are measured in ``docs/decisions/0009-chunk-pipeline.md``.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aerchive.filters.choice import Method, Plan
from aerchive.filters.deflate import Buffer, Deflater, quick_stream, sparse_stream, thorough_stream
from aerchive.filters.planes import Coder, is_constant, split

_BYTES_A_US = 30.0
"""What a microsecond of a processor is worth: a hundredth of a chunk for a fifth of the time a dense chunk takes."""
_STORED_FROM = 0.995
"""A plane that igzip does not make smaller than this is noise."""
_LIKE_GZIP = 1.002
"""gzip -4 makes more of a whole chunk than of its planes, by this at least."""
_SURELY = 0.97
"""What is as good as gzip -4 by so much on one chunk is as good on others."""
_WHOLE_FROM = 9
"""So many planes by zlib-ng take as long as the whole chunk by libdeflate."""
_AS_WHOLE = 1.005
_SAMPLE_BYTES = 128 * 1024
_HOPELESS = 1.05
_CLEAR = 0.85
"""By record in a way that is quick, against planes: beyond these nothing else needs to be tried."""
_SLOWLY = 0.97
"""What only slow ways by record reach must be so much less than the planes give."""
_AS_GOOD = 1.01
_GOOD_ENOUGH = 1.03
"""So much more than the least may a quick way by record give, if the other ways are a little slower, or a lot."""
_SPARSE = 3
"""zlib-ng is not much slower than igzip on what becomes so much smaller."""


@dataclass(frozen=True)
class Trial:
    """The outcome of a trial.

    Attributes:
        plan: The best one.
        stream: What it makes of the chunk, if that is there already.
    """

    plan: Plan
    stream: Buffer | None = None


@dataclass
class _Plane:
    """What the coders make of a plane: bytes by coder."""

    length: int
    sizes: dict[Coder, int] = field(default_factory=dict)
    coder: Coder = Coder.STORED

    @property
    def size(self) -> int:
        return self.sizes[self.coder]

    def cost(self, coder: Coder) -> float:
        """How long a coder takes, in microseconds, about."""
        share = self.sizes[coder] / self.length
        costs = {
            Coder.STORED: 0,
            Coder.QUICK: 15 + 110 * min(1, 10 * share),
            Coder.ENTROPY: 190,
            Coder.THOROUGH: min(740, 80 + 1900 * share),
        }
        return costs[coder] * self.length / 65536


def try_chunk(raw: NDArray[np.uint8], planes: NDArray[np.uint8], itemsize: int, deflater: Deflater) -> Trial:
    """Tries on one chunk what pays.

    Args:
        raw: The chunk.
        planes: The same, shuffled.
        itemsize: Bytes of an element.
        deflater: Of this thread.
    """
    parts = split(planes, itemsize)[:itemsize]
    tried = [_try_quick(plane, deflater) for plane in parts]
    quick = sum(min(one.sizes.values()) for one in tried)
    records = _try_records(raw, itemsize, quick) if itemsize > 1 else {}
    if records and len(records[Method.RECORDS]) < _CLEAR * quick:
        return _by_records(raw, records)
    _try_thorough(parts, tried, itemsize, deflater)
    coders, size, gzip = _choose_coders(planes, parts, tried)
    if records and (len(records[Method.RECORDS]) < size or min(map(len, records.values())) < _SLOWLY * size):
        return _by_records(raw, records)
    if coders.count(Coder.THOROUGH) >= _WHOLE_FROM:
        whole = thorough_stream(planes.data)
        if len(whole) < _AS_WHOLE * gzip:
            return Trial(Plan(Method.WHOLE), whole)
    return Trial(Plan(Method.PLANES, coders))


def by_record(method: Method, raw: NDArray[np.uint8]) -> Buffer:
    """The stream of a chunk that is not shuffled."""
    if method is Method.RECORDS:
        return quick_stream(raw.data)
    return sparse_stream(raw.data) if method is Method.RECORDS_SPARSE else thorough_stream(raw.data)


def _try_records(raw: NDArray[np.uint8], itemsize: int, size: int) -> dict[Method, Buffer]:
    """The streams by record, quickest first; none if they promise nothing. A piece of the chunk is tried before."""
    middle = max(0, raw.size - _SAMPLE_BYTES) // 2 // itemsize * itemsize
    sample = raw[middle : middle + _SAMPLE_BYTES]
    if len(quick_stream(sample.data)) * raw.size > _HOPELESS * size * sample.size:
        return {}
    quick = quick_stream(raw.data)
    if len(quick) > _HOPELESS * size:
        return {}
    others = {method: by_record(method, raw) for method in (Method.RECORDS_SPARSE, Method.RECORDS_WELL)}
    return {Method.RECORDS: quick, **others}


def _by_records(raw: NDArray[np.uint8], records: dict[Method, Buffer]) -> Trial:
    least = min(map(len, records.values()))
    is_sparse = raw.size > _SPARSE * least and len(records[Method.RECORDS_SPARSE]) < _AS_GOOD * least
    if len(records[Method.RECORDS]) < (_AS_GOOD if is_sparse else _GOOD_ENOUGH) * least:
        method = Method.RECORDS
    else:
        method = Method.RECORDS_SPARSE if is_sparse else Method.RECORDS_WELL
    return Trial(Plan(method), records[method])


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


def _gzip(one: _Plane, plane: NDArray[np.uint8]) -> int:
    """What gzip -4 makes of a plane; asked only where the best there is may be better than that."""
    least = min(one.sizes.values())
    return len(zlib.compress(plane.data, 4)) if one.sizes.get(Coder.THOROUGH) == least else least


def _choose_coders(
    planes: NDArray[np.uint8], parts: list[NDArray[np.uint8]], tried: list[_Plane]
) -> tuple[tuple[Coder, ...], int, float]:
    """The coders, one a plane; the bytes they give; and what gzip -4 would give for the whole chunk, about."""
    for one in tried:
        one.coder = min(one.sizes, key=lambda coder: one.sizes[coder] + _BYTES_A_US * one.cost(coder))
    if sum(one.sizes.keys() == {Coder.STORED} for one in tried) <= len(tried) / 8:  # little noise: that is quick
        gzip = _SURELY * len(zlib.compress(planes.data, 4))
    else:
        gzip = _LIKE_GZIP * sum(map(_gzip, tried, parts))
    while sum(one.size for one in tried) > gzip:
        steps = [
            ((one.size - size) / max(1e-3, one.cost(coder) - one.cost(one.coder)), number, coder)
            for number, one in enumerate(tried)
            for coder, size in one.sizes.items()
            if size < one.size
        ]
        if not steps:
            break
        _, number, coder = max(steps, key=lambda step: step[0])
        tried[number].coder = coder
    return tuple(one.coder for one in tried), sum(one.size for one in tried), gzip
