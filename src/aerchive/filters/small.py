"""Profile ``small``: each chunk is stored by deflate, as the default does it, or by Zstandard: whichever is smaller.

A dataset has both filters, after the shuffle, and each chunk skips at least one of them by HDF5's filter mask. So no
chunk is larger than with the default. Reasons and measurements: ``docs/decisions/0048-small.md``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aerchive.filters.choice import Kind, Plan
from aerchive.filters.deflate import Buffer
from aerchive.filters.pipeline import SKIP_COMPRESSION, WORTH, Packer
from aerchive.filters.zstandard import LEVELS, ZstandardPacker

SKIP_DEFLATE = SKIP_COMPRESSION
SKIP_ZSTANDARD = 4


class SmallPacker:
    """Compresses chunks of one dataset. An object may be used by one thread only.

    Args:
        itemsize: The size of an element in bytes.
    """

    def __init__(self, itemsize: int) -> None:
        self._portable = Packer(itemsize)
        self._zstandard = ZstandardPacker(itemsize, LEVELS["small"])

    def pack(self, raw: NDArray[np.uint8], plan: Plan | None) -> tuple[Buffer, int]:
        """Returns the stored bytes of a chunk, and HDF5's filter mask; see `Packer.pack`."""
        return self._smaller(raw, *self._portable.pack(raw, plan))

    def try_or_review(self, raw: NDArray[np.uint8], kind: Kind) -> tuple[Buffer, int]:
        """Converts a chunk as `pack` does, and gives its kind a plan; see `Packer.try_or_review`."""
        return self._smaller(raw, *self._portable.try_or_review(raw, kind))

    def _smaller(self, raw: NDArray[np.uint8], stream: Buffer, mask: int) -> tuple[Buffer, int]:
        frame, frame_mask = self._zstandard.smallest(raw)
        if len(frame) < len(stream) and len(frame) < WORTH * raw.size:
            return frame, frame_mask | SKIP_DEFLATE
        return stream, mask | SKIP_ZSTANDARD
