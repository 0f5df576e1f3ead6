"""Projects whose arrays lie in many small chunks, so that little data shows what much would do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from aerchive import layout
from aerchive.storage.chunks import grid


@contextlib.contextmanager
def small_chunks(chunk_bytes: int) -> Iterator[None]:
    """Everything that is written in this block gets chunks of about so many bytes.

    What has 1 KiB or less has none; below that, arrays of different shapes are packed into one dataset, as those below
    64 KiB are in earnest.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid.chunk_shape, "__defaults__", (chunk_bytes,))
        patch.setattr(layout, "MAX_PACKED_BYTES", layout.MAX_COMPACT_BYTES)
        yield
