"""Feeds the kernels, built with the sanitizers of the compiler, with data and with damaged streams for a limited time.

``python3 tasks.py native --fuzz SECONDS`` builds them and runs this. A sanitizer ends the process at the first error.
"""

from __future__ import annotations

import argparse
import time
import zlib

import deflate
import numpy as np
from aerchive_native import kernels
from isal import isal_zlib
from zlib_ng import zlib_ng

PIECES = (zlib_ng.Z_HUFFMAN_ONLY, zlib_ng.Z_RLE, zlib_ng.Z_DEFAULT_STRATEGY, zlib_ng.Z_FIXED)


def draw(random: np.random.Generator) -> bytes:
    """Data of any size and kind."""
    size = int(random.choice([random.integers(1, 100), random.integers(1, 5000), random.integers(1, 140_000)]))
    kind = int(random.integers(0, 5))
    if kind == 0:
        values = random.integers(0, 256, size)
    elif kind == 1:
        values = np.minimum(random.geometric(random.random() * 0.9 + 0.01, size), 255)
    elif kind == 2:
        values = np.repeat(random.integers(0, 256, size), np.minimum(random.geometric(0.1, size), 5000))[:size]
    elif kind == 3:
        values = np.resize(random.integers(0, 256, random.integers(1, 3000)), size)
    else:
        powers = 1.7 ** -np.arange(40)
        values = random.choice(40, size, p=powers / powers.sum())
    return values.astype(np.uint8).tobytes()


def compressed(random: np.random.Generator, data: bytes) -> bytes:
    """A zlib stream by one of several libraries and methods."""
    if random.random() < 0.2:
        return bytes(isal_zlib.compress(data, int(random.integers(0, 4))))
    level, strategy = int(random.integers(1, 10)), int(random.choice(PIECES))
    compressor = zlib_ng.compressobj(level, zlib_ng.DEFLATED, 15, 9, strategy)
    return bytes(compressor.compress(data) + compressor.flush())


def damaged(random: np.random.Generator, stream: bytes) -> bytes:
    """A stream with bits or bytes changed, left out or repeated."""
    changed = bytearray(stream)
    for _ in range(int(random.integers(1, 6))):
        at = int(random.integers(0, len(changed)))
        if random.random() < 0.5:
            at = min(at, int(random.integers(0, 200)))  # heads of blocks are near the start
        way = random.integers(0, 4)
        if way == 0:
            changed[at] ^= 1 << int(random.integers(0, 8))
        elif way == 1:
            changed[at] = int(random.integers(0, 256))
        elif way == 2 and len(changed) > 1:
            del changed[at]
        else:
            changed[at:at] = changed[at : at + int(random.integers(1, 40))] or b"\0"
    return bytes(changed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    random = np.random.default_rng(given.seed)
    igzip = (kernels.igzip(1), kernels.igzip(3)) if kernels.HAS_IGZIP else (None, None)
    coders = [0, 3, 4] + ([1, 2] if kernels.HAS_IGZIP else [])
    end, rounds, expanded, refused = time.monotonic() + given.seconds, 0, 0, 0
    while time.monotonic() < end:
        rounds += 1
        data = draw(random)
        itemsize = int(random.choice([1, 2, 3, 4, 8, 16, 30, 255]))
        raw = np.frombuffer(data, np.uint8)
        planes, back = np.empty_like(raw), np.empty_like(raw)
        recipe = bytes(random.choice(coders, itemsize).astype(np.uint8))
        stream = kernels.pack(raw.data, planes.data, itemsize, recipe, (None,) * itemsize, *igzip)
        assert zlib.decompress(stream) == planes.tobytes()
        assert kernels.unpack(stream, back.data, itemsize)
        assert back.tobytes() == data
        for piece in (kernels.entropy(data), kernels.runs(data)):
            assert zlib.decompressobj(-15).decompress(piece) == data
        whole = compressed(random, data)
        assert kernels.unpack(whole, back.data, 1)
        for good in (stream, whole):
            for _ in range(10):
                bad = damaged(random, good)
                room = bytearray(max(0, len(data) + int(random.choice([0, 0, 0, -1, 1, 300, -300]))))
                is_whole = kernels.unpack(bad, room, 1)
                expanded, refused = expanded + is_whole, refused + (not is_whole)
                assert not is_whole or deflate.zlib_decompress(bad, max(1, len(room))) == room
    print(f"{rounds} rounds, {expanded} damaged streams that were whole after all, {refused} that were refused")


if __name__ == "__main__":
    main()
