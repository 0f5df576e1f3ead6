"""Interfaces by which a stored value opens the group of its run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.read_plan import ReadPlan
from aerchive.storage.medium.opening import Stamp


class OpenFile(Protocol):
    """The open file with the run: the project, or a spool."""

    @property
    def fd(self) -> int:
        """The file descriptor, for positioned reads."""

    def detach(self) -> int:
        """Returns a file descriptor that stays open for reading after the session, without a lock.

        The caller closes it.
        """


class Planner(Protocol):
    """Plans how to read the datasets of a run: the group of the run, or what was found in it before."""

    def plan(self, name: str, owner: str, key: object = ...) -> ReadPlan:
        """Plans how to read a selection of a dataset; see `GroupReader.plan`."""


class RunOpener(Protocol):
    """Opens the group of one run.

    Attributes:
        job_id: Job id of the run.
    """

    job_id: str

    def open(self) -> AbstractContextManager[tuple[OpenFile, GroupReader]]:
        """Opens the file, and the group of the run in it.

        Raises:
            NotFoundError: The run does not exist any more.
            AerchiveError: The file cannot be read.
        """

    def held(self) -> AbstractContextManager[None]:
        """Has the project file opened at most once for all runs that are opened in the block."""

    def stamp(self) -> Stamp | None:
        """The stamp of the file, which tells whether the file has changed; ``None`` if only opening it can tell."""


class OpenRun:
    """A run whose file is open already.

    Args:
        opener: The opener of the run, for its job id and its stamp.
        session: The open file.
        group: The group of the run in the open file.
    """

    def __init__(self, opener: RunOpener, session: OpenFile, group: GroupReader) -> None:
        self.job_id = opener.job_id
        self.stamp = opener.stamp
        self.held = opener.held
        self.recomputed: Callable[[], RunOpener] | None = getattr(opener, "recomputed", None)
        self._open = session, group

    @contextlib.contextmanager
    def open(self) -> Iterator[tuple[OpenFile, GroupReader]]:
        """Gives the open file and group; see `RunOpener`."""
        yield self._open
