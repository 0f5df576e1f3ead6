"""Arrays in memory that behave like stored ones of small chunks."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import numpy as np


class Pieces:
    """A source in chunks of a chosen shape; chunks that are all zero count as never written.

    Args:
        values: The array.
        chunk: Length of a chunk along the first axis, the other axes being whole, or its shape.
    """

    def __init__(self, values: Any, chunk: int | tuple[int, ...]) -> None:
        self.values = np.asarray(values, complex)
        self.shape = self.values.shape
        self.chunk = chunk if isinstance(chunk, tuple) else (chunk, *self.shape[1:])
        self.reads: Counter[tuple[tuple[int, int], ...]] = Counter()
        self._lock = threading.Lock()

    def read(self, *box: slice) -> Any:
        assert len(box) == len(self.shape)
        assert all(0 <= axis.start < axis.stop <= length for axis, length in zip(box, self.shape, strict=True))
        with self._lock:
            self.reads[tuple((axis.start, axis.stop) for axis in box)] += 1
        values = self.values[box].copy()
        values.setflags(write=False)
        return values if values.any() else None


def random_vector(rng: np.random.Generator, length: int, *, zeros: float = 0.0) -> np.ndarray:
    """A normalised vector, of which a part is zero in runs."""
    values = rng.normal(size=length) + 1j * rng.normal(size=length)
    if zeros:
        values[rng.random(length) < zeros] = 0
        values[: int(length * zeros)] = 0
    if not values.any():
        values[-1] = 1
    return values / np.linalg.norm(values)
