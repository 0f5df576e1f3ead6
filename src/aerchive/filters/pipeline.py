"""Applies shuffle and deflate to a chunk, outside HDF5 and readable by it. Each is skipped if it saves nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aerchive.filters.choice import Kind, Method, Plan, is_outdated, sign_of
from aerchive.filters.deflate import Buffer, Deflater, quick_stream, text_stream, thorough_stream
from aerchive.filters.native import NativeDeflater, deflater
from aerchive.filters.planes import pack_planes
from aerchive.filters.shuffle import shuffle
from aerchive.filters.trial import by_record, kept_by_record, try_chunk
from aerchive.lazy import cached_property

SKIP_SHUFFLE = 1
SKIP_COMPRESSION = 2
RAW = SKIP_SHUFFLE | SKIP_COMPRESSION
WORTH = 0.99
"""A chunk is stored raw unless compression saves at least one byte in a hundred."""
_BY_PLANE = frozenset({1, 2, 4, 8, 16})
_NO_BETTER = 0.999
"""A new plan replaces the present one only if its result is smaller than this share of the present result."""
_MIN_BYTES = 64 * 1024
"""The smallest size in bytes of a chunk for which a choice of methods is made."""


class Packer:
    """Compresses chunks of one dataset. An object may be used by one thread only.

    Args:
        itemsize: The size of an element in bytes.
    """

    def __init__(self, itemsize: int) -> None:
        self._itemsize = itemsize
        self._planes = np.empty(0, np.uint8)

    @cached_property
    def _deflater(self) -> Deflater:
        """The compressor. It is made at its first use: small chunks do without."""
        return deflater()

    def pack(self, raw: NDArray[np.uint8], plan: Plan | None) -> tuple[Buffer, int]:
        """Converts the bytes of a chunk to the bytes that are stored in the file.

        Args:
            raw: The bytes of the chunk, shape ``(n,)``, C-contiguous. They must not change while the result is used.
            plan: The plan for the chunk; ``None`` for chunks without a choice.

        Returns:
            The stored bytes, and HDF5's filter mask (`SKIP_SHUFFLE`, `SKIP_COMPRESSION`).
        """
        if plan is None:
            return _if_worth(raw, quick_stream(shuffle(raw, self._itemsize).data), 0)
        return _if_worth(raw, *self._apply(plan, raw))

    def try_or_review(self, raw: NDArray[np.uint8], kind: Kind) -> tuple[Buffer, int]:
        """Converts a chunk as `pack` does, and gives its kind the plan that a trial or a review finds.

        Args:
            raw: The bytes of the chunk, as for `pack`.
            kind: The kind of the chunk.
        """
        plan = kind.plan
        if not kind.reviews:
            plan = try_chunk(raw, self._itemsize, self._deflater)
            result = self._apply(plan, raw)
        else:
            result = self._apply(plan, raw)
            if is_outdated(plan, self._planes, self._itemsize, kind.reviews, self._deflater):
                tried = try_chunk(raw, self._itemsize, self._deflater).also_for(plan)
                other = self._apply(tried, raw) if tried != plan else result
                if len(other[0]) < _NO_BETTER * len(result[0]):
                    plan, result = tried, other
        kind.found(plan)
        return _if_worth(raw, *result)

    def _room(self, raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Returns an array for the shuffled bytes of a chunk, or the chunk itself if an element has one byte."""
        if self._itemsize == 1:
            self._planes = raw
        elif self._planes.size != raw.size:
            self._planes = np.empty(raw.size, np.uint8)
        return self._planes

    def _apply(self, plan: Plan, raw: NDArray[np.uint8]) -> tuple[Buffer, int]:
        method = plan.method
        if plan.limit is not None and kept_by_record(raw, self._itemsize) > plan.limit:
            method = Method.PLANES
        if method not in (Method.PLANES, Method.WHOLE):
            return by_record(method, raw), SKIP_SHUFFLE
        planes, compressor = self._room(raw), self._deflater
        if method is Method.PLANES and isinstance(compressor, NativeDeflater):
            return compressor.pack_planes(raw, planes, self._itemsize, plan.coders), 0
        planes = shuffle(raw, self._itemsize, planes)
        if method is Method.WHOLE:
            return thorough_stream(planes.data), 0
        return pack_planes(planes, self._itemsize, plan.coders, compressor), 0


def pack_text(raw: NDArray[np.uint8]) -> tuple[Buffer, int]:
    """Converts a chunk of rows of text as `Packer.pack` does, without the shuffle, which would transpose the text."""
    return _if_worth(raw, text_stream(raw.data), SKIP_SHUFFLE)


def _if_worth(raw: NDArray[np.uint8], stream: Buffer, mask: int) -> tuple[Buffer, int]:
    return (stream, mask) if len(stream) < WORTH * raw.size else (raw.data, RAW)


class Choices:
    """The kinds of the chunks of one dataset.

    Args:
        itemsize: The size of an element in bytes.
    """

    def __init__(self, itemsize: int) -> None:
        self._can_choose = itemsize in _BY_PLANE
        self._kinds: dict[int, Kind] = {}

    def kind(self, raw: NDArray[np.uint8]) -> Kind | None:
        """Returns the kind of a chunk, or ``None`` if the chunk or its element size excludes a choice."""
        if not self._can_choose or raw.size < _MIN_BYTES:
            return None
        return self._kinds.setdefault(sign_of(raw), Kind())
