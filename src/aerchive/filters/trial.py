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
from aerchive.filters.deflate import Buffer, Deflater, records_stream, sparse_stream, thorough_stream
from aerchive.filters.planes import Coder, is_constant, split
from aerchive.filters.shuffle import shuffle

_BYTES_A_US = 30.0
"""What a microsecond of a processor is worth: a hundredth of a chunk for a fifth of the time a dense chunk takes."""
_LEAST_BYTES_A_US = 4.0
"""What saves less for its time is left, even where gzip -4 finds it."""
_STORED_FROM = 0.995
"""A plane that igzip does not make smaller than this is noise."""
_SURELY = 0.99
"""What is as good as gzip -4 by so much on one chunk is as good on others."""
_LIKE_GZIP = 1.002
"""gzip -4 makes more of a whole chunk than of its planes, by this at least."""
_WHOLE_FROM = 9
"""So many planes by zlib-ng take as long as the whole chunk by libdeflate."""
_AS_WHOLE = 1.005
_PIECE_BYTES = 64 * 1024
_HOPELESS = 1.1
_CLEAR = 0.85
"""By record in a way that is quick, against planes: beyond these nothing else needs to be tried."""
_OPEN = (0.9, 1.075)
"""Between these, one chunk may be better by record, and the next one by plane."""
_SLOWLY = 0.97
"""What only slow ways by record reach must be so much less than the planes give."""
_AS_GOOD = 1.01
_GOOD_ENOUGH = 1.02
"""So much more than the least may a quick way by record give, if the other ways are a little slower, or a lot."""
_HARD, _HARD_ENOUGH = 0.6, 1.07
"""What keeps so much of its bytes anyhow is not worth three times the time for a few hundredths."""
_FEW_VALUES = 0.5
"""What keeps more of its bytes has no runs to speak of."""
_SPARSE = 3
"""zlib-ng is not much slower than igzip on what becomes so much smaller."""


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
            Coder.CLOSER: 100 + 100 * share,
            Coder.ENTROPY: 190,
            Coder.RUNS: 210,
            Coder.THOROUGH: min(740, 20 + 2600 * share),
        }
        return costs[coder] * self.length / 65536


def try_chunk(raw: NDArray[np.uint8], itemsize: int, deflater: Deflater) -> Plan:
    """Tries on both ends of a chunk, half of it together, what pays. One of them may be padding.

    Args:
        raw: The chunk.
        itemsize: Bytes of an element.
        deflater: Of this thread.
    """
    quarter = raw.size // 4 // itemsize * itemsize
    raw = np.concatenate((raw[:quarter], raw[-quarter:]))
    planes = shuffle(raw, itemsize)
    parts = split(planes, itemsize)[:itemsize]
    tried = [_try_quick(plane, deflater) for plane in parts]
    quick = sum(min(one.sizes.values()) for one in tried)
    records = _try_records(raw, itemsize, quick) if itemsize > 1 else {}
    if records and records[Method.RECORDS] < _CLEAR * quick:
        return Plan(_best_by_record(records, raw.size))
    _try_thorough(parts, tried, itemsize, deflater)
    gzip = _estimate(planes, parts, tried)
    coders, size = _choose_coders(tried, gzip)
    method = Method.PLANES
    if records and (records[Method.RECORDS] < size or min(records.values()) < _SLOWLY * size):
        method = _best_by_record(records, raw.size)
    if method in (Method.PLANES, Method.RECORDS) and records and _is_open(records[Method.RECORDS] / size):
        bias = kept_by_record(raw, itemsize) * raw.size / records[Method.RECORDS]
        return Plan(Method.RECORDS, coders, bias * size / raw.size)
    if method is Method.PLANES and coders.count(Coder.THOROUGH) >= _WHOLE_FROM:
        method = Method.WHOLE if len(thorough_stream(planes.data)) < _AS_WHOLE * gzip else method
    return Plan(method, coders) if method is Method.PLANES else Plan(method)


def _is_open(share: float) -> bool:
    return _OPEN[0] < share < _OPEN[1]


def by_record(method: Method, raw: NDArray[np.uint8]) -> Buffer:
    """The stream of a chunk that is not shuffled."""
    if method is Method.RECORDS:
        return records_stream(raw.data)
    return sparse_stream(raw.data) if method is Method.RECORDS_SPARSE else thorough_stream(raw.data)


def kept_by_record(raw: NDArray[np.uint8], itemsize: int) -> float:
    """The share of its bytes that a piece of a chunk keeps when it is compressed by record."""
    piece = _middle(raw, _PIECE_BYTES, itemsize)
    return len(records_stream(piece.data)) / piece.size


def _middle(raw: NDArray[np.uint8], size: int, itemsize: int) -> NDArray[np.uint8]:
    start = max(0, raw.size - size) // 2 // itemsize * itemsize
    return raw[start : start + size]


def _try_records(raw: NDArray[np.uint8], itemsize: int, size: int) -> dict[Method, int]:
    """Bytes by record, quickest way first; none, or not of the slow ways, if a piece of the chunk promises nothing."""
    piece = _middle(raw, _PIECE_BYTES, itemsize)
    of_piece = len(records_stream(piece.data))
    if of_piece / piece.size * raw.size > _HOPELESS * size:
        return {}
    quick = len(records_stream(raw.data))
    if quick > _HOPELESS * size:
        return {}
    if quick > size and quick * (min(_slow_records(piece).values()) / of_piece) > size:
        return {Method.RECORDS: quick}
    return {Method.RECORDS: quick, **_slow_records(raw)}


def _slow_records(raw: NDArray[np.uint8]) -> dict[Method, int]:
    return {method: len(by_record(method, raw)) for method in (Method.RECORDS_SPARSE, Method.RECORDS_WELL)}


def _best_by_record(records: dict[Method, int], size: int) -> Method:
    least = min(records.values())
    is_sparse = size > _SPARSE * least and records.get(Method.RECORDS_SPARSE, size) < _AS_GOOD * least
    enough = _AS_GOOD if is_sparse else _GOOD_ENOUGH if least < _HARD * size else _HARD_ENOUGH
    if records[Method.RECORDS] < enough * least:
        return Method.RECORDS
    return Method.RECORDS_SPARSE if is_sparse else Method.RECORDS_WELL


def _try_quick(plane: NDArray[np.uint8], deflater: Deflater) -> _Plane:
    one = _Plane(plane.size, {Coder.STORED: plane.size})
    if is_constant(plane):  # where it is not, igzip is a fair guess
        one.sizes = {Coder.QUICK: 0}
        return one
    quick = len(deflater.quick(plane.data))
    if quick < _STORED_FROM * plane.size:
        one.sizes[Coder.QUICK] = quick
        one.sizes[Coder.CLOSER] = len(deflater.closer(plane.data))
        if quick > plane.size / 8:  # shorter than one bit a byte, Huffman codes cannot be
            one.sizes[Coder.ENTROPY] = len(deflater.entropy(plane.data))
            if quick < _FEW_VALUES * plane.size:
                one.sizes[Coder.RUNS] = len(deflater.runs(plane.data))
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


def _estimate(planes: NDArray[np.uint8], parts: list[NDArray[np.uint8]], tried: list[_Plane]) -> float:
    """What gzip -4 would give for the whole, about."""
    if sum(one.sizes.keys() == {Coder.STORED} for one in tried) <= len(tried) / 8:  # little noise: that is quick
        return _SURELY * len(zlib.compress(planes.data, 4))
    return _LIKE_GZIP * sum(map(_gzip, tried, parts))


def _choose_coders(tried: list[_Plane], gzip: float) -> tuple[tuple[Coder, ...], int]:
    """The coders, one a plane, that give no more bytes than that if any do; and the bytes they give."""
    for one in tried:
        one.coder = min(one.sizes, key=lambda coder: one.sizes[coder] + _BYTES_A_US * one.cost(coder))
    while sum(one.size for one in tried) > gzip:
        steps = [
            ((one.size - size) / max(1e-3, one.cost(coder) - one.cost(one.coder)), number, coder)
            for number, one in enumerate(tried)
            for coder, size in one.sizes.items()
            if size < one.size
        ]
        gain, number, coder = max(steps, key=lambda step: step[0], default=(0.0, 0, Coder.STORED))
        if gain < _LEAST_BYTES_A_US:
            break
        tried[number].coder = coder
    return tuple(one.coder for one in tried), sum(one.size for one in tried)
