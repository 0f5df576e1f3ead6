"""Files of which only parts are on this machine: the other parts are fetched when they are read.

Such a file has a stand-in on this machine, an empty file of the same size, so that all code has a path and a file
descriptor for it. `aerchive.storage.medium.disk.Disk` asks here before it reads. Decision 0043.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from typing import Protocol

_Stamp = tuple[int, int, int, int, int]


class Parts(Protocol):
    """The content of one state of a file that is somewhere else."""

    @property
    def stamp(self) -> _Stamp:
        """What tells this state from all other states and files; it takes the place of the stamp of the stand-in."""

    def read(self, view: memoryview, offset: int) -> int:
        """Reads into a buffer until it is full or the file ends; returns the number of bytes.

        Raises:
            AerchiveError: The bytes could not be fetched, or the file has changed.
        """

    def expect(self, extents: Sequence[tuple[int, int]]) -> None:
        """Fetches what will be read next, in few requests.

        Args:
            extents: Offset and length of each piece, in bytes.

        Raises:
            AerchiveError: As `read` does.
        """

    def vetted(self) -> set[str]:
        """The nodes that a child process has parsed, as `note_vetted` was told, also by other processes."""

    def note_vetted(self, nodes: set[str]) -> None:
        """Keeps which nodes a child process has parsed, for this state of the file."""


_known: weakref.WeakValueDictionary[tuple[int, int], Parts] = weakref.WeakValueDictionary()
"""The files of this process that are somewhere else, by device and inode of their stand-ins."""


def note_parts(fd: int, parts: Parts) -> None:
    """Notes that an open file is a stand-in."""
    status = os.fstat(fd)
    _known[status.st_dev, status.st_ino] = parts


def parts_of(fd: int) -> Parts | None:
    """The content of an open file that is somewhere else; ``None`` for all other files."""
    return parts_of_status(os.fstat(fd)) if _known else None


def parts_of_status(status: os.stat_result) -> Parts | None:
    """As `parts_of`, for the status of a file."""
    return _known.get((status.st_dev, status.st_ino)) if _known else None
