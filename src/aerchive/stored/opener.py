"""What a stored value needs of the run that it belongs to: a way to open the run's group."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from aerchive.storage.chunks.group_reader import GroupReader

Stamp = tuple[int, int, int, int, int]
"""Device, inode, size and times of a file: what changes when the file is changed, or replaced by another."""


class OpenFile(Protocol):
    """The open file that a run is in: the project, or a spool."""

    @property
    def fd(self) -> int:
        """The file, for positioned reads."""

    def detach(self) -> int:
        """The file, open for reading beyond the session; the caller closes it. It holds no lock then."""


class RunOpener(Protocol):
    """Opens the group of one run.

    Attributes:
        job_id: Of the run.
    """

    job_id: str

    def open(self) -> AbstractContextManager[tuple[OpenFile, GroupReader]]:
        """Opens the file, and the run's group in it.

        Raises:
            NotFoundError: The run is gone.
            AerchiveError: The file cannot be read.
        """

    def stamp(self) -> Stamp | None:
        """What says whether the file is as it was; ``None`` if that cannot be told without opening it."""


def stamp_of(status: os.stat_result) -> Stamp:
    """What says whether a file is as it was.

    Args:
        status: Of the file.
    """
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class OpenRun:
    """A run in a session that is open already.

    Args:
        opener: Of the run.
        session: The session.
        group: The run's group in it.
    """

    def __init__(self, opener: RunOpener, session: OpenFile, group: GroupReader) -> None:
        self.job_id = opener.job_id
        self.stamp = opener.stamp
        self._open = session, group

    @contextlib.contextmanager
    def open(self) -> Iterator[tuple[OpenFile, GroupReader]]:
        """See `RunOpener`; nothing is opened."""
        yield self._open
