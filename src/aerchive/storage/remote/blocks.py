"""Blocks of a file that were fetched, kept on this disk with a checksum for each."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from isal import isal_zlib

BLOCK_BYTES = 16 * 1024
_SUM_BYTES = 4


class Blocks:
    """The blocks of one state of a file. Any number of processes may read and add blocks, and remove all of them.

    A block counts only if its checksum is right, so no lock is needed, and a crash of the machine does no harm. If the
    disk cannot keep blocks, they are fetched again when they are needed.

    Args:
        folder: The folder of the state.
        size: Size of the file, in bytes.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self._size = size
        self._data = os.open(folder / "data", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            self._sums = os.open(folder / "sums", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:
            os.close(self._data)
            raise

    def close(self) -> None:
        """Closes the files."""
        os.close(self._data)
        os.close(self._sums)

    @property
    def nbytes(self) -> int:
        """The space that the blocks take on the disk, in bytes."""
        return os.fstat(self._data).st_blocks * 512

    def clear(self) -> None:
        """Removes all blocks."""
        os.ftruncate(self._data, 0)
        os.ftruncate(self._sums, 0)

    def length(self, number: int) -> int:
        """Length of a block, in bytes."""
        return min(BLOCK_BYTES, self._size - number * BLOCK_BYTES)

    def get(self, first: int, last: int) -> dict[int, bytes]:
        """The blocks that are here.

        Args:
            first: Number of the first block that is wanted.
            last: Number of the block after the last one.
        """
        number = last - first
        if number <= 0:
            return {}
        try:
            sums = np.frombuffer(_read(self._sums, number * _SUM_BYTES, first * _SUM_BYTES), "<u4")
            if not sums.any():
                return {}
            data = memoryview(_read(self._data, number * BLOCK_BYTES, first * BLOCK_BYTES))
        except OSError:
            return {}
        found: dict[int, bytes] = {}
        for at in np.flatnonzero(sums).tolist():
            block = bytes(data[at * BLOCK_BYTES : at * BLOCK_BYTES + self.length(first + at)])
            if sum_of(block) == sums[at]:
                found[first + at] = block
        return found

    def put(self, first: int, data: bytes) -> None:
        """Keeps blocks that lie side by side; only the last one of the file may be shorter than the others."""
        try:
            view, done = memoryview(data), 0
            while done < len(view):
                done += os.pwrite(self._data, view[done:], first * BLOCK_BYTES + done)
            pieces = range(0, len(data), BLOCK_BYTES)
            sums = np.array([sum_of(view[at : at + BLOCK_BYTES]) for at in pieces], "<u4")
            os.pwrite(self._sums, sums.tobytes(), first * _SUM_BYTES)
        except OSError:  # the disk is full; what is not kept is fetched again
            return


def sum_of(block: bytes | memoryview) -> int:
    """The checksum of a block; never 0, which stands for a block that is not here."""
    return int(isal_zlib.crc32(block)) or 1


def _read(fd: int, length: int, offset: int) -> bytes:
    """Reads bytes; those behind the end of the file are zero."""
    data = os.pread(fd, length, offset)
    return data + bytes(length - len(data))
