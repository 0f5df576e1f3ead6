"""The parts of a project: its file, the spools beside it, and how it is used."""

from __future__ import annotations

import dataclasses
import functools
import logging
import operator
import os
import threading
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aerchive.errors import ProjectLockedError, ReadOnlyError
from aerchive.models import catalogue
from aerchive.project.catalogue.table import run_path, whole_id
from aerchive.project.documents.draft import RunDraft
from aerchive.project.run import Bridge, Run, RunHome
from aerchive.project.spooling.durability import Durability, flush_before_reading, flush_waiting
from aerchive.project.spooling.mover import SpoolMover
from aerchive.project.spooling.spools import Spools
from aerchive.storage.file import ProjectFile
from aerchive.storage.medium.filesystems import no_permission
from aerchive.storage.medium.opening import only_readable
from aerchive.storage.medium.remote_path import RemotePath

logger = logging.getLogger("aerchive")

Mode = Literal["r", "r+", "a", "x"]


@dataclasses.dataclass(eq=False)
class ProjectParts:
    """The state that saving, finding and care of a project share; the public class is `aerchive.Project`.

    Attributes:
        home: The project that the runs belong to.
        file: The project file.
        mode: ``"r"``, ``"r+"``, ``"a"`` or ``"x"``.
        bridge: The interface between runs and live Qiskit objects.
        durability: The rule that says when runs are committed: ``"each"``, ``"batch"`` or ``"exit"``.
        compression: The compression profile of this project; ``None``: the profile of the settings.
        qpy_version: The version of QPY for circuits of this project; ``None``: that of the settings.
        pending_folder: The folder for runs that can be written neither to the project file nor beside it.
        path: The path of the project file.
        spools: The runs that are not in the project yet.
        mover: The object that moves runs from spools into the project.
        transaction: Thread-local storage of the transaction that is open in each thread.
        has_warned: Whether the user was warned that the project has no file.
    """

    home: RunHome
    file: ProjectFile
    mode: Mode
    bridge: Bridge
    durability: Durability
    compression: str | None
    qpy_version: int | None
    pending_folder: Path | None

    def __post_init__(self) -> None:
        self.path = self.file.path
        self.file.before_reading = functools.partial(flush_before_reading, self.path)
        self.spools = Spools(self.file, self.pending_folder)
        self.mover = SpoolMover(self.file, self.spools)
        self.transaction = threading.local()
        self.has_warned = False

    def __reduce__(self) -> tuple[Any, ...]:
        return operator.attrgetter("parts"), (self.home,)

    def run_of(self, row: np.void, job_id: str | None = None, as_of: int | None = None) -> Run:
        """Makes the run of a row of the catalogue.

        Args:
            row: A row of the catalogue.
            job_id: The whole job id, if it is known; ``None``: it is taken from the row, or from the run if the row has
                cut it.
            as_of: The tick of `LabelClock` when the row was read; ``None``: now, in a session of the file.
        """
        if job_id is None:
            if catalogue.is_cut(row, "job_id"):
                with self.file.read() as session:
                    job_id = whole_id(session, row)
            else:
                job_id = catalogue.row_text(row, "job_id")
        return Run(self.home, run_path(row), job_id=job_id, nbytes=int(row["nbytes"]), row=row, as_of=as_of)

    def unwritten(self, draft: RunDraft) -> Run:
        """Makes the run of a draft that has not been written to any file."""
        return Run(self.home, None, job_id=draft.job_id, nbytes=draft.nbytes, record=draft.record)

    @property
    def waiting(self) -> dict[str, tuple[RunDraft, Run]] | None:
        """The runs, by job id, that the open transaction of this thread has saved; ``None`` without a transaction."""
        return getattr(self.transaction, "waiting", None)

    def flush(self) -> None:
        """Commits the runs of this process that wait for a commit.

        Raises:
            AerchiveError: The commit failed; the runs still wait.
        """
        flush_waiting(self.path)

    def move_spooled(self) -> None:
        """Moves runs from spools into the project; if another program has locked it, they stay, and this is logged."""
        try:
            self.mover.move()
        except ProjectLockedError as error:
            logger.warning("%s; runs in spools stay there for now", error)

    def prepare_change(self) -> None:
        """Moves all finished runs into the project before some of them are changed; see `check_writable`."""
        self.check_writable()
        self.flush()
        self.move_spooled()

    def check_writable(self) -> None:
        """Raises an error if the project is open only for reading.

        Raises:
            ReadOnlyError: The project is open only for reading.
        """
        if isinstance(self.path, RemotePath):
            raise only_readable(self.path)
        if self.mode == "r" and self.path.exists() and not os.access(self.path, os.W_OK):
            raise ReadOnlyError(no_permission(self.path))
        if self.mode == "r":
            raise ReadOnlyError(
                f"{self.path}: the project is open for reading; open it with aerchive.open({str(self.path)!r}, 'r+')"
            )
