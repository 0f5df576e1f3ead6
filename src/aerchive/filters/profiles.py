"""Compression profiles, and the conversion of a chunk to stored bytes and back."""

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
from aerchive.filters.choice import Plan
from aerchive.filters.deflate import Buffer, inflate
from aerchive.filters.native import unpack
from aerchive.filters.pipeline import RAW, SKIP_SHUFFLE, Choices, Packer
from aerchive.filters.planes import pick_planes
from aerchive.filters.shuffle import unshuffle
from aerchive.filters.small import SmallPacker

_Packer = TypeVar("_Packer")
Pack = Callable[[], tuple[Buffer, int]]
"""A function that gives the stored bytes of a chunk, which are empty if nothing is stored, and HDF5's filter mask."""
STRUCTURE = "structure"
"""The profile in which a state vector becomes a prediction and a residual where that is smaller. What is stored of it,
and all else, is compressed as in the default profile."""
_CHOOSING: dict[str, Callable[[int], Packer | SmallPacker]] = {"portable": Packer, "small": SmallPacker}
"""The profiles that choose a plan for the chunks, and what compresses their chunks."""
_NOTHING: tuple[Buffer, int] = (b"", 0)
FEW = 32
"""If fewer than one in so many elements of a chunk are read, they are taken from its planes one by one."""


class Codec(enum.IntEnum):
    """What compresses the chunks of a dataset after the shuffle: the number of the filter in HDF5, or of both 0."""

    DEFLATE = 1
    ZSTANDARD = zstandard.FILTER
    EITHER = 0
    """Deflate, then Zstandard, of which each chunk skips at least one."""

    @property
    def filters(self) -> tuple[int, ...]:
        """The numbers of the filters in HDF5, in the order of the pipeline, without the shuffle."""
        return (int(Codec.DEFLATE), int(Codec.ZSTANDARD)) if self is Codec.EITHER else (int(self),)

    def of(self, mask: int) -> Codec | None:
        """Returns what compressed a chunk, or ``None`` if nothing did.

        Args:
            mask: HDF5's filter mask of the chunk.

        Raises:
            IntegrityError: The mask says that the chunk was compressed twice.
        """
        applied = [number for at, number in enumerate(self.filters, 1) if not mask >> at & 1]
        if len(applied) > 1:
            raise IntegrityError("a chunk was compressed twice, by deflate and by Zstandard")
        return Codec(applied[0]) if applied else None

    def is_raw(self, mask: int) -> bool:
        """Returns whether a chunk with this filter mask is stored as it is, neither shuffled nor compressed."""
        every = (1 << len(self.filters) + 1) - 1
        return mask & every == every


@dataclass(frozen=True)
class Compression:
    """The compression of the arrays of a run.

    Attributes:
        profile: The profile: ``portable``, ``none``, ``fast``, ``small`` or ``structure``.
        max_infidelity: The greatest infidelity that rounding of state vectors may cause; ``None``: nothing is rounded.
    """

    profile: str = "portable"
    max_infidelity: float | None = None

    @classmethod
    def checked(cls, profile: str, max_infidelity: float | None = None) -> Compression:
        """Returns the compression for the values that a user gave.

        Raises:
            InvalidInputError: The profile does not exist, or needs a package that is not installed; or the infidelity
                is not between 0 and 1, or is given with the profile ``none``.
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
            if profile == STRUCTURE:
                raise InvalidInputError(
                    "compression 'structure' keeps every bit, and max_infidelity allows to lose some: give one of "
                    "them; if the settings say 'structure', give compression 'portable' too"
                )
            if profile == "none":
                raise InvalidInputError("max_infidelity with compression 'none' would lose digits and save nothing")
            max_infidelity = float(max_infidelity)
        return cls(profile, max_infidelity)

    @property
    def codec(self) -> Codec:
        """What compresses the arrays."""
        if self.profile == "small":
            return Codec.EITHER
        return Codec.ZSTANDARD if self.profile in zstandard.LEVELS else Codec.DEFLATE

    def packing(self, itemsize: int) -> Packing:
        """Returns an object that compresses the chunks of one dataset.

        Args:
            itemsize: The size of an element in bytes.
        """
        return Packing(PORTABLE.profile if self.profile == STRUCTURE else self.profile, itemsize)


PORTABLE = Compression()
"""The default: shuffle and deflate, lossless, readable with every HDF5 library."""


class Packing:
    """Compresses the chunks of one dataset.

    Args:
        profile: The profile of the compression.
        itemsize: The size of an element in bytes.
    """

    def __init__(self, profile: str, itemsize: int) -> None:
        self._profile = profile
        self._itemsize = itemsize
        self._choices = Choices(itemsize)
        self._local = threading.local()

    def begin(self, raw: NDArray[np.uint8], values: Callable[[NDArray[np.uint8]], NDArray[np.uint8] | None]) -> Pack:
        """Decides how the next chunk is compressed. Must be called in the order of the chunks.

        Args:
            raw: The bytes of the chunk, shape ``(n,)``. They must not change while the result is used.
            values: Function that turns them into the bytes to be compressed; ``None`` if nothing is to be stored.

        Returns:
            A function that any thread may call once: it returns the stored bytes, and HDF5's filter mask.
        """
        packer = _CHOOSING.get(self._profile)
        kind = None if packer is None else self._choices.kind(raw)
        if packer is None or kind is None or not kind.is_due():
            plan = None if kind is None else kind.plan
            return lambda: _NOTHING if (wanted := values(raw)) is None else self._pack(wanted, plan)
        wanted = values(raw)
        done = _NOTHING if wanted is None else self._mine(packer, self._itemsize).try_or_review(wanted, kind)
        return lambda: done

    def _pack(self, raw: NDArray[np.uint8], plan: Plan | None) -> tuple[Buffer, int]:
        if self._profile == "none":
            return raw.data, RAW
        packer = _CHOOSING.get(self._profile)
        if packer is not None:
            return self._mine(packer, self._itemsize).pack(raw, plan)
        return self._mine(zstandard.ZstandardPacker, self._itemsize, zstandard.LEVELS[self._profile]).pack(raw)

    def _mine(self, kind: Callable[..., _Packer], *arguments: Any) -> _Packer:
        """Returns the packer of this thread. It is made when it is first needed."""
        if not hasattr(self._local, "packer"):
            self._local.packer = kind(*arguments)
        packer: _Packer = self._local.packer
        return packer


def unpack_chunk(stored: Buffer, mask: int, itemsize: int, codec: Codec, raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Converts stored bytes to the bytes of a chunk.

    Args:
        stored: The bytes in the file.
        mask: HDF5's filter mask of the chunk.
        itemsize: The size of an element in bytes.
        codec: The filter with which the dataset is compressed.
        raw: A buffer for the chunk, shape ``(n,)``.

    Returns:
        The bytes of the chunk, shape ``(n,)``. This is ``raw``, or another array, perhaps read-only, if the bytes did
        not have to be moved.

    Raises:
        IntegrityError: The bytes do not expand to the size of the chunk.
        FormatError: A package that is needed to expand them is not installed.
    """
    is_shuffled = not mask & SKIP_SHUFFLE
    if _expand_natively(stored, mask, codec, raw, itemsize if is_shuffled else 1):
        return raw
    planes = _expanded(stored, mask, codec, raw.size)
    return planes if not is_shuffled else unshuffle(planes, itemsize, raw)


def unpack_piece(
    stored: Buffer, mask: int, itemsize: int, codec: Codec, shape: tuple[int, ...], inside: tuple[slice, ...]
) -> NDArray[np.uint8]:
    """Converts stored bytes to the bytes of some elements of a chunk. Only these elements are unshuffled.

    Args:
        stored: The bytes in the file.
        mask: HDF5's filter mask of the chunk.
        itemsize: The size of an element in bytes.
        codec: The filter with which the dataset is compressed.
        shape: The shape of the chunk, in elements.
        inside: The selected elements, one slice for each axis.

    Returns:
        The bytes of the elements, shape ``(*selected, itemsize)``, C-contiguous, perhaps read-only.

    Raises:
        IntegrityError: The bytes do not expand to the size of the chunk.
        FormatError: A package that is needed to expand them is not installed.
    """
    selected = [range(length)[axis] for axis, length in zip(inside, shape, strict=True)]
    size, number = math.prod(map(len, selected)), math.prod(shape)
    if size * FEW < number:
        elements = np.zeros(1, np.int64)
        for axis, length in zip(selected, shape, strict=True):
            elements = np.add.outer(elements * length, np.asarray(axis, np.int64)).reshape(-1)
        few = unpack_elements(stored, mask, itemsize, codec, number, elements)
        return few.reshape(*map(len, selected), itemsize)
    planes = np.empty(math.prod(shape) * itemsize, np.uint8)
    if not _expand_natively(stored, mask, codec, planes, 1):
        planes = _expanded(stored, mask, codec, planes.size)
    if mask & SKIP_SHUFFLE:
        return np.ascontiguousarray(planes.reshape(*shape, itemsize)[inside])
    return np.ascontiguousarray(np.moveaxis(planes.reshape(itemsize, *shape)[(slice(None), *inside)], 0, -1))


def unpack_elements(
    stored: Buffer, mask: int, itemsize: int, codec: Codec, number: int, elements: NDArray[np.integer]
) -> NDArray[np.uint8]:
    """Converts stored bytes to the bytes of some elements of a chunk.

    Of a chunk that was compressed plane by plane only a part is expanded if there are few elements.

    Args:
        stored: The bytes in the file. Their checksum has been verified.
        mask: HDF5's filter mask of the chunk.
        itemsize: The size of an element in bytes.
        codec: The filter with which the dataset is compressed.
        number: The number of elements of the chunk.
        elements: The numbers of the elements in the chunk, row-major, shape ``(n,)``.

    Returns:
        The bytes of the elements, shape ``(n, itemsize)``, C-contiguous.

    Raises:
        IntegrityError: The bytes do not expand to the size of the chunk.
        FormatError: A package that is needed to expand them is not installed.
    """
    if not mask & SKIP_SHUFFLE and codec.of(mask) is Codec.DEFLATE and elements.size * FEW < number:
        picked = pick_planes(memoryview(stored), number * itemsize, itemsize, elements)
        if picked is not None:
            return picked
    planes = _expanded(stored, mask, codec, number * itemsize)
    if mask & SKIP_SHUFFLE:
        return np.ascontiguousarray(planes.reshape(number, itemsize)[elements])
    if elements.size * FEW < number:
        return np.ascontiguousarray(planes.reshape(itemsize, number)[:, elements].T)
    return np.ascontiguousarray(unshuffle(planes, itemsize).reshape(number, itemsize)[elements])


def _expand_natively(stored: Buffer, mask: int, codec: Codec, raw: NDArray[np.uint8], itemsize: int) -> bool:
    """Expands stored bytes with the kernels in C if there are any for them. Returns whether that is done."""
    return codec.of(mask) is Codec.DEFLATE and unpack(stored, raw, itemsize)


def _expanded(stored: Buffer, mask: int, codec: Codec, size: int) -> NDArray[np.uint8]:
    """Returns the bytes of a chunk before compression. They are shuffled unless the shuffle was skipped."""
    applied = codec.of(mask)
    if applied is None:
        data = stored
    elif applied is Codec.DEFLATE:
        data = inflate(stored, size)
    else:
        data = zstandard.expand(stored, size)
    if len(data) != size:
        raise IntegrityError(f"an uncompressed chunk has {len(data)} bytes instead of {size}")
    return np.frombuffer(data, np.uint8)
