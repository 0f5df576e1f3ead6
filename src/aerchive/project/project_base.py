"""What all of a project is made of: its file, the files beside it, and how it is used."""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import Literal

from aerchive.errors import ReadOnlyError
from aerchive.project.draft import RunDraft
from aerchive.project.pending import PendingFiles
from aerchive.project.run import Bridge, Run, RunHome
from aerchive.project.waiting import Durability, adopt_left_behind, flush_before_reading, flush_waiting
from aerchive.storage.file import ProjectFile
from aerchive.storage.submissions import Submissions

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
    ) -> None:
        self.file = file
        file.before_reading = functools.partial(flush_before_reading, file.path)
        self.mode = mode
        self.bridge = bridge
        self.durability: Durability = durability
        self._compression = compression
        self.submissions = Submissions(file.path)
        self._transaction = threading.local()
        self._pending = PendingFiles(file)
        self._patience_s: float | None = None
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

    def _merge(self) -> None:
        """Moves into the project what other processes could not bring there."""
        self._pending.merge()
        adopt_left_behind(self.file)

    def _check_writable(self) -> None:
        if self.mode == "r":
            raise ReadOnlyError(
                f"{self.path}: the project is open for reading; open it with aerchive.open({str(self.path)!r}, 'r+')"
            )
