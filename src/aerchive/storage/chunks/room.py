"""Checks of the free disk space: data that does not fit are refused before they are written."""

from __future__ import annotations

import math
import random
from collections.abc import Collection
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from aerchive.errors import WriteError
from aerchive.storage.chunks.drafts import DatasetDraft
from aerchive.storage.chunks.grid import chunk_offsets, chunk_shape, grid_shape
from aerchive.storage.medium.disk import disk

_SAMPLES = 16
"""Number of chunks of a dataset that are compressed to estimate the size of all."""
_BENEFIT_OF_DOUBT = 2
"""Factor by which an estimate may be too high. Data that may still fit are written, and the commit stops if not."""


def check_room(fd: int, path: str, what: str, datasets: Collection[DatasetDraft], min_free_bytes: int) -> None:
    """Refuses datasets that certainly leave too little free space on the disk.

    Their size before compression is an upper bound. Only if that does not fit, samples are compressed. Data that may
    fit are not refused here, but while they are written (`aerchive.storage.commits.overlay.Overlay`).

    Args:
        fd: File descriptor of a file on the disk.
        path: The project file, for the message.
        what: A description of the data to be written, for the message.
        datasets: The datasets to be written.
        min_free_bytes: Space that must stay free, in bytes; 0 means no check.

    Raises:
        WriteError: The datasets do not fit; the message gives the sizes and says what to do.
    """
    if not min_free_bytes:
        return
    free = disk().free(fd)
    room = free - min_free_bytes
    if room >= sum(draft.nbytes for draft in datasets):
        return
    needed = sum(map(_guess, datasets))
    if room < 0 or needed > _BENEFIT_OF_DOUBT * room:
        raise no_room(path, what, needed, free, min_free_bytes)


def no_room(path: str, what: str, needed: int | None, free: int, min_free_bytes: int) -> WriteError:
    """The error for data that does not fit on the disk.

    Args:
        path: The project file.
        what: A description of the data to be written.
        needed: Space that the data need, in bytes, or ``None`` if unknown.
        free: Free space on the disk, in bytes.
        min_free_bytes: Space that must stay free, in bytes.
    """
    takes = "" if needed is None else f"takes about {_size(needed)}, "
    return WriteError(
        f"{path}: {what} {takes and takes + 'and '}does not fit: {_size(max(0, free))} are free on the disk, of which "
        f"{_size(min_free_bytes)} stay free (setting min_free); nothing was saved, the file is as it was. Make room: "
        "'aerchive du' shows what takes it, 'aerchive compact' gives back what deleted runs take"
    )


def _guess(draft: DatasetDraft) -> int:
    """The estimated size of a compressed dataset, in bytes, from a sample of its chunks."""
    chunk = chunk_shape(draft.shape, draft.dtype.itemsize)
    number = math.prod(grid_shape(draft.shape, chunk))
    if number <= _SAMPLES:
        return draft.nbytes
    wanted = set(random.Random(number).sample(range(number), _SAMPLES))  # noqa: S311  (irregular, unlike states)
    samples = [draft.read_chunk(o, chunk) for n, o in enumerate(chunk_offsets(draft.shape, chunk)) if n in wanted]
    packed = sum(_packed_size(raw, draft.dtype.itemsize) for raw in samples)
    return draft.nbytes * packed // sum(raw.size for raw in samples)


def _packed_size(raw: NDArray[np.uint8], itemsize: int) -> int:
    if not raw.any():
        return 0
    whole = raw.size - raw.size % itemsize
    planes: NDArray[Any] = np.ascontiguousarray(raw[:whole].reshape(-1, itemsize).T)
    return min(raw.size, *(len(isal_zlib.compress(data, 1)) for data in (raw, planes.data)))


def _size(nbytes: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if nbytes < 1024:
            return f"{nbytes:,.1f} {unit}"
        nbytes /= 1024
    return f"{nbytes:,.1f} TiB"
