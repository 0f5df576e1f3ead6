"""Projects whose arrays lie in many small chunks, so that little data shows what much would do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from aerchive.storage import chunks


@contextlib.contextmanager
def small_chunks(chunk_bytes: int) -> Iterator[None]:
    """Everything that is written in this block gets chunks of about so many bytes; what has 1 KiB or less has none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks.chunk_shape, "__defaults__", (chunk_bytes,))
        yield
