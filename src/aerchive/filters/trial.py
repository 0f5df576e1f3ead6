"""Trials: one chunk is compressed in several ways to find the best one.

The reference is gzip -4, which users of h5py commonly choose. The result is the fastest way that gives about as few
bytes as gzip -4, or fewer bytes if that costs little time. All ways give standard gzip streams. A trial goes from quick
to slow, and stops as soon as the next way cannot win:

1. Shuffled, plane by plane: each byte of the numbers has a plane of its own, stored as it is if it is noise, and else
   compressed by the quickest coder that is about as good as gzip -4 for this plane.
2. Not shuffled, record by record: better for values that repeat as whole numbers, such as states of few amplitudes.
3. Shuffled and compressed as a whole: better where planes resemble each other.

The constants are limits from measurements on states of many kinds; the numbers are in
``docs/decisions/0009-chunk-pipeline.md``.
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
"""The bytes that must be saved per microsecond: 1 % of a chunk for a fifth of the time of a dense chunk."""
_LEAST_BYTES_A_US = 4.0
"""The least saving per microsecond. A coder that saves less is not used, even where gzip -4 saves these bytes."""
_STORED_FROM = 0.995
"""A plane is noise if igzip does not make it smaller than this share."""
_SURELY = 0.99
"""A margin: a way that is better than gzip -4 by this factor on one chunk is as good as gzip -4 on others."""
_LIKE_GZIP = 1.002
"""gzip -4 gives more bytes for a whole chunk than for its planes, at least by this factor."""
_WHOLE_FROM = 9
"""The number of planes for which zlib-ng takes as long as libdeflate takes for the whole chunk."""
_AS_WHOLE = 1.005
_PIECE_BYTES = 64 * 1024
_HOPELESS = 1.1
_CLEAR = 0.85
"""Limits for the size of the quick way by record, relative to planes. Beyond them no other way is tried."""
_OPEN = (0.9, 1.075)
"""Between these relative sizes one chunk may be smaller by record and the next one smaller by plane."""
_SLOWLY = 0.97
"""If only slow ways by record are smaller than the planes, they must be smaller by this factor."""
_AS_GOOD = 1.01
_GOOD_ENOUGH = 1.02
"""The allowed size of a quick way by record, relative to the least, if other ways are a little or much slower."""
_HARD, _HARD_ENOUGH = 0.6, 1.07
"""For a chunk that keeps this share of its bytes, a few percent less do not justify three times the time."""
_FEW_VALUES = 0.5
"""A plane that keeps more than this share of its bytes has no important runs."""
_SPARSE = 3
"""On data that become smaller by this factor, zlib-ng is not much slower than igzip."""


@dataclass
class _Plane:
    """The sizes of a plane in bytes with each coder that was tried, and the chosen coder."""

    length: int
    sizes: dict[Coder, int] = field(default_factory=dict)
    coder: Coder = Coder.STORED

    @property
    def size(self) -> int:
        return self.sizes[self.coder]

    def cost(self, coder: Coder) -> float:
        """Returns the approximate time of a coder in microseconds."""
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
    """Tries the ways of compression on the first and last quarter of a chunk. One of them may be padding.

    Args:
        raw: The bytes of the chunk, shape ``(n,)``.
        itemsize: The size of an element in bytes.
        deflater: The compressor of this thread.
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
    """Returns the stream of a chunk that is not shuffled."""
    if method is Method.RECORDS:
        return records_stream(raw.data)
    return sparse_stream(raw.data) if method is Method.RECORDS_SPARSE else thorough_stream(raw.data)


def kept_by_record(raw: NDArray[np.uint8], itemsize: int) -> float:
    """Returns the share of bytes that a piece of a chunk keeps when it is compressed by record."""
    piece = _middle(raw, _PIECE_BYTES, itemsize)
    return len(records_stream(piece.data)) / piece.size


def _middle(raw: NDArray[np.uint8], size: int, itemsize: int) -> NDArray[np.uint8]:
    start = max(0, raw.size - size) // 2 // itemsize * itemsize
    return raw[start : start + size]


def _try_records(raw: NDArray[np.uint8], itemsize: int, size: int) -> dict[Method, int]:
    """Returns the sizes by record, fastest way first. Ways that a small piece shows to be useless are left out."""
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
        if quick > plane.size / 8:  # Huffman codes need at least one bit for each byte
            one.sizes[Coder.ENTROPY] = len(deflater.entropy(plane.data))
            if quick < _FEW_VALUES * plane.size:
                one.sizes[Coder.RUNS] = len(deflater.runs(plane.data))
    return one


def _try_thorough(planes: list[NDArray[np.uint8]], tried: list[_Plane], itemsize: int, deflater: Deflater) -> None:
    """Tries zlib-ng from the top plane of each float downwards, until a plane is noise: all planes below are noise."""
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
    """Returns the size of a plane by gzip -4. It is computed only where zlib-ng is the best coder."""
    least = min(one.sizes.values())
    return len(zlib.compress(plane.data, 4)) if one.sizes.get(Coder.THOROUGH) == least else least


def _estimate(planes: NDArray[np.uint8], parts: list[NDArray[np.uint8]], tried: list[_Plane]) -> float:
    """Returns the approximate size of the whole chunk by gzip -4, in bytes."""
    if sum(one.sizes.keys() == {Coder.STORED} for one in tried) <= len(tried) / 8:  # with little noise gzip is fast
        return _SURELY * len(zlib.compress(planes.data, 4))
    return _LIKE_GZIP * sum(map(_gzip, tried, parts))


def _choose_coders(tried: list[_Plane], gzip: float) -> tuple[tuple[Coder, ...], int]:
    """Returns one coder for each plane, with a total of at most ``gzip`` bytes if possible, and this total."""
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
