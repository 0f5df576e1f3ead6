"""Applies shuffle and deflate to a chunk, outside HDF5 and readable by it. Each is skipped if it saves nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aerchive.filters.choice import Choices, Method, Plan, Task, Ticket, is_outdated
from aerchive.filters.deflate import Buffer, Deflater, quick_stream, thorough_stream
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
        """The compressor. It is made at its first use: making it takes longer than compressing a small chunk."""
        return Deflater()

    def pack(self, raw: NDArray[np.uint8], task: Task | None) -> tuple[Buffer, int]:
        """Converts the bytes of a chunk to the bytes that are stored in the file.

        Args:
            raw: The bytes of the chunk, shape ``(n,)``, C-contiguous. They must not change while the result is used.
            task: The task of the chunk in the choice of plans; ``None`` for chunks without a choice.

        Returns:
            The stored bytes, and HDF5's filter mask (`SKIP_SHUFFLE`, `SKIP_COMPRESSION`).
        """
        stream: Buffer
        if task is None:
            stream, mask = quick_stream(shuffle(raw, self._itemsize).data), 0
        elif task.fill is None and task.use is not None:
            stream, mask = self._apply(task.use.plan(), raw)
        else:
            stream, mask = self._tried(raw, task)
        return (stream, mask) if len(stream) < WORTH * raw.size else (raw.data, RAW)

    def _tried(self, raw: NDArray[np.uint8], task: Task) -> tuple[Buffer, int]:
        """Compresses a chunk, and fills the ticket of its task in any case, because other chunks wait for it."""
        fill = task.fill or Ticket()
        plan = Plan(Method.PLANES)
        before: tuple[Buffer, int] | None = None
        try:
            if task.use is not None:
                plan = task.use.plan()
                before = self._apply(plan, raw)
                if not is_outdated(plan, self._planes, self._itemsize, task.turn, self._deflater):
                    return before
            tried = try_chunk(raw, self._itemsize, self._deflater)
            if before is not None:
                tried = tried.also_for(plan)
                if tried == plan:
                    return before
            after = self._apply(tried, raw)
            if before is not None and len(after[0]) >= _NO_BETTER * len(before[0]):
                return before
            plan = tried
            return after
        finally:
            fill.fill(plan)

    def _shuffled(self, raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self._itemsize == 1:
            self._planes = raw
        elif self._planes.size != raw.size:
            self._planes = np.empty(raw.size, np.uint8)
        return shuffle(raw, self._itemsize, self._planes)

    def _apply(self, plan: Plan, raw: NDArray[np.uint8]) -> tuple[Buffer, int]:
        method = plan.method
        if plan.limit is not None and kept_by_record(raw, self._itemsize) > plan.limit:
            method = Method.PLANES
        if method not in (Method.PLANES, Method.WHOLE):
            return by_record(method, raw), SKIP_SHUFFLE
        planes = self._shuffled(raw)
        if method is Method.WHOLE:
            return thorough_stream(planes.data), 0
        return pack_planes(planes, self._itemsize, plan.coders, self._deflater), 0


def task_for(raw: NDArray[np.uint8], itemsize: int, choices: Choices) -> Task | None:
    """Returns the task of the next chunk, or ``None`` if the chunk or its element size excludes a choice."""
    return choices.task(raw) if itemsize in _BY_PLANE and raw.size >= _MIN_BYTES else None
