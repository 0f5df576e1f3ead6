"""Compression profiles: what a user asks for, and the way of a chunk through the filters and back."""

from __future__ import annotations

import enum
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import IntegrityError, InvalidInputError
from aerchive.filters import zstandard
from aerchive.filters.choice import Choices, Task
from aerchive.filters.deflate import Buffer, inflate
from aerchive.filters.pipeline import RAW, SKIP_COMPRESSION, SKIP_SHUFFLE, Packer, task_for
from aerchive.filters.shuffle import unshuffle

_Packer = TypeVar("_Packer")


class Codec(enum.IntEnum):
    """The second filter of a dataset, after the shuffle: HDF5's number of it."""

    DEFLATE = 1
    ZSTANDARD = zstandard.FILTER


@dataclass(frozen=True)
class Compression:
    """How the arrays of a run are stored.

    Attributes:
        profile: ``portable``, ``none``, ``fast`` or ``small``.
        max_infidelity: States may be rounded as far as their infidelity is proven to stay within; ``None``: never.
    """

    profile: str = "portable"
    max_infidelity: float | None = None

    @classmethod
    def checked(cls, profile: str, max_infidelity: float | None = None) -> Compression:
        """A compression from what a user gave.

        Raises:
            InvalidInputError: There is no such profile, or it needs a package that is not installed; or the infidelity
                is not between 0 and 1.
        """
        if profile not in layout.COMPRESSIONS:
            choices = ", ".join(map(repr, layout.COMPRESSIONS))
            raise InvalidInputError(f"compression {profile!r}: choose one of {choices}")
        if profile in zstandard.LEVELS and not zstandard.is_available():
            raise InvalidInputError(
                f"compression {profile!r} needs the package zstandard: pip install 'aerchive[plugins]'"
            )
        if max_infidelity is not None:
            if isinstance(max_infidelity, bool) or not 0 < max_infidelity < 1:
                raise InvalidInputError(
                    f"max_infidelity {max_infidelity!r}: give a number between 0 and 1, such as 1e-12, or None"
                )
            if profile == "none":
                raise InvalidInputError("max_infidelity with compression 'none' would lose digits and save nothing")
            max_infidelity = float(max_infidelity)
        return cls(profile, max_infidelity)

    @property
    def codec(self) -> Codec:
        """What arrays are compressed with."""
        return Codec.ZSTANDARD if self.profile in zstandard.LEVELS else Codec.DEFLATE

    @property
    def hint(self) -> str | None:
        """How to read what stock HDF5 cannot, or ``None``."""
        return zstandard.HINT if self.codec is Codec.ZSTANDARD else None

    def packing(self, itemsize: int) -> Packing:
        """The way of the chunks of a dataset.

        Args:
            itemsize: Bytes of an element.
        """
        return Packing(self.profile, itemsize)


PORTABLE = Compression()
"""Shuffle and deflate, lossless: everything can read it."""


class Packing:
    """Compresses the chunks of one dataset.

    Args:
        profile: Of the compression.
        itemsize: Bytes of an element.
    """

    def __init__(self, profile: str, itemsize: int) -> None:
        self._profile = profile
        self._itemsize = itemsize
        self._choices = Choices()
        self._local = threading.local()

    def task(self, raw: NDArray[np.uint8]) -> Task | None:
        """What the next chunk has to do for others; call in the order of chunks."""
        return task_for(raw, self._itemsize, self._choices) if self._profile == "portable" else None

    def skip(self, task: Task | None) -> None:
        """Says that a chunk is not compressed after all."""
        if task is not None:
            task.skip()

    def pack(self, raw: NDArray[np.uint8], task: Task | None) -> tuple[Buffer, int]:
        """Turns a chunk into stored bytes and HDF5's filter mask; in any thread.

        Args:
            raw: The bytes of the chunk, shape ``(n,)``; must stay as they are while the result is used.
            task: Of this chunk.
        """
        if self._profile == "none":
            return raw.data, RAW
        if self._profile == "portable":
            return self._mine(Packer, self._itemsize).pack(raw, task)
        return self._mine(zstandard.ZstandardPacker, self._itemsize, self._profile).pack(raw)

    def _mine(self, kind: Callable[..., _Packer], *arguments: Any) -> _Packer:
        """This thread's own packer, made when it is first needed."""
        if not hasattr(self._local, "packer"):
            self._local.packer = kind(*arguments)
        packer: _Packer = self._local.packer
        return packer


def unpack_chunk(stored: Buffer, mask: int, itemsize: int, codec: Codec, raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turns stored bytes into those of a chunk.

    Args:
        stored: What the file holds.
        mask: HDF5's filter mask.
        itemsize: Bytes of an element.
        codec: What the dataset is compressed with.
        raw: Room for the chunk, shape ``(n,)``.

    Returns:
        The chunk's bytes, shape ``(n,)``: ``raw``, or others if they did not have to be moved; then perhaps read-only.

    Raises:
        IntegrityError: The bytes do not expand to as many.
        FormatError: It takes a package that is not installed.
    """
    planes = _expanded(stored, mask, codec, raw.size)
    return planes if mask & SKIP_SHUFFLE else unshuffle(planes, itemsize, raw)


def unpack_piece(
    stored: Buffer, mask: int, itemsize: int, codec: Codec, shape: tuple[int, ...], inside: tuple[slice, ...]
) -> NDArray[np.uint8]:
    """Turns stored bytes into those of some elements of a chunk; the others are not put together.

    Args:
        stored: What the file holds.
        mask: HDF5's filter mask.
        itemsize: Bytes of an element.
        codec: What the dataset is compressed with.
        shape: Of the chunk, in elements.
        inside: Which elements, a slice for each axis.

    Returns:
        Shape ``(*selected, itemsize)``, C-contiguous; perhaps read-only.

    Raises:
        IntegrityError: As `unpack_chunk` does.
        FormatError: As `unpack_chunk` does.
    """
    planes = _expanded(stored, mask, codec, math.prod(shape) * itemsize)
    if mask & SKIP_SHUFFLE:
        return np.ascontiguousarray(planes.reshape(*shape, itemsize)[inside])
    return np.ascontiguousarray(np.moveaxis(planes.reshape(itemsize, *shape)[(slice(None), *inside)], 0, -1))


def _expanded(stored: Buffer, mask: int, codec: Codec, size: int) -> NDArray[np.uint8]:
    """The bytes of a chunk as they were before they were compressed, shuffled unless that was skipped."""
    if mask & SKIP_COMPRESSION:
        data = stored
    elif codec is Codec.DEFLATE:
        data = inflate(stored, size)
    else:
        data = zstandard.expand(stored, size)
    if len(data) != size:
        raise IntegrityError(f"an uncompressed chunk has {len(data)} bytes instead of {size}")
    return np.frombuffer(data, np.uint8)
