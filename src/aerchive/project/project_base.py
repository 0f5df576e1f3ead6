"""What all of a project is made of: its file, the files beside it, and how it is used."""

from __future__ import annotations

import functools
import logging
import os
import threading
from pathlib import Path
from typing import Literal

from aerchive.errors import ProjectLockedError, ReadOnlyError
from aerchive.project.draft import RunDraft
from aerchive.project.run import Bridge, Run, RunHome
from aerchive.project.spool_mover import SpoolMover
from aerchive.project.spools import Spools
from aerchive.project.waiting import Durability, flush_before_reading, flush_waiting
from aerchive.storage.file import ProjectFile
from aerchive.storage.medium.filesystems import no_permission

logger = logging.getLogger("aerchive")

Mode = Literal["r", "r+", "a", "x"]


class ProjectBase(RunHome):
    """The state of a project, for the classes that make it up; see `aerchive.project.project.Project`."""

    def __init__(
        self,
        file: ProjectFile,
        mode: Mode,
        bridge: Bridge,
        durability: Durability = "each",
        compression: str | None = None,
        pending_folder: Path | None = None,
    ) -> None:
        self.file = file
        file.before_reading = functools.partial(flush_before_reading, file.path)
        self.mode = mode
        self.bridge = bridge
        self.durability: Durability = durability
        self._compression = compression
        self.pending_folder = pending_folder
        self.spools = Spools(file, pending_folder)
        self.mover = SpoolMover(file, self.spools)
        self._transaction = threading.local()
        self._has_warned = False  # that there is no file

    @property
    def path(self) -> Path:
        """The file."""
        return self.file.path

    def flush(self) -> None:
        """Commits the runs of this process that wait for it; without ``"batch"`` or ``"exit"`` there are none.

        Raises:
            AerchiveError: The commit failed; they go on waiting.
        """
        flush_waiting(self.path)

    def _unwritten(self, draft: RunDraft) -> Run:
        return Run(self, None, job_id=draft.job_id, nbytes=draft.nbytes, record=draft.record)

    def _move_spooled(self, timeout_s: float | None = None) -> None:
        """Moves into the project the runs that could not be brought there before, if the project is free.

        Args:
            timeout_s: How long to wait for the project, in seconds; by default as long as always.
        """
        try:
            self.mover.move(timeout_s)
        except ProjectLockedError as error:
            logger.warning("%s; runs in spools stay there for now", error)

    def check_destination(self) -> None:
        """Looks whether runs can be committed here now; see `aerchive.storage.file.ProjectFile.check_destination`.

        Raises:
            ReadOnlyError: The project is open for reading, or may not be written.
            AerchiveError: The place cannot be a project.
        """
        self.file.check_destination()
        self._check_writable()

    def _check_writable(self) -> None:
        if self.mode == "r" and self.path.exists() and not os.access(self.path, os.W_OK):
            raise ReadOnlyError(no_permission(self.path))
        if self.mode == "r":
            raise ReadOnlyError(
                f"{self.path}: the project is open for reading; open it with aerchive.open({str(self.path)!r}, 'r+')"
            )
