"""Pending files: where finished runs go while another program keeps the project file to itself.

A pending file lies beside the project, is a project of its own, and says in ``pending_for`` which one it belongs to.
Its runs are listed with
the project's, and the next writer moves them there.
"""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from aerchive import layout
from aerchive.errors import AerchiveError, NotFoundError
from aerchive.models.catalogue import now
from aerchive.project.catalogue import present, read_rows, run_path, whole_id
from aerchive.project.commit import write_drafts
from aerchive.project.draft import RunDraft
from aerchive.project.record import read_record
from aerchive.project.run import Run, RunHome
from aerchive.storage.file import ProjectFile, ReadSession, WriteSession
from aerchive.storage.transfer import dataset_drafts, object_draft

_ATTRIBUTE = "pending_for"


class PendingFiles:
    """The pending files of one project.

    Args:
        file: The project's own file.
    """

    def __init__(self, file: ProjectFile) -> None:
        self._file = file
        self._own: Path | None = None

    def write(self, drafts: Sequence[RunDraft], project_uuid: str) -> tuple[ProjectFile, list[str]]:
        """Writes runs into this process' pending file.

        Returns:
            The pending file, and the path of each run's group in it.

        Raises:
            AerchiveError: That cannot be written either.
        """
        if self._own is None or not self._own.exists():
            name = f"{self._file.path.name}.pending-{os.getpid()}-{secrets.token_hex(4)}.h5"
            self._own = self._file.path.with_name(name)
        pending = self._file.sibling(self._own)
        try:
            with pending.write(now()) as session:
                if session.root.attribute(_ATTRIBUTE) is None:
                    session.set_root_attribute(_ATTRIBUTE, project_uuid)
                paths = write_drafts(session, drafts)
        except NotFoundError:  # merged and removed while we waited for it
            self._own = None
            return self.write(drafts, project_uuid)
        return pending, paths

    def files(self, project_uuid: str | None) -> list[ProjectFile]:
        """The pending files that belong to the project, oldest first.

        Args:
            project_uuid: Of the project; ``None`` if it has no file yet.
        """
        pattern = glob.escape(str(self._file.path)) + ".pending-*.h5"
        paths = sorted(map(Path, glob.glob(pattern)), key=lambda path: path.stat().st_mtime_ns if path.exists() else 0)
        return [pending for pending in map(self._file.sibling, paths) if self._belongs(pending, project_uuid)]

    def merge_into(self, session: WriteSession, stack: contextlib.ExitStack) -> list[Path]:
        """Writes all pending runs into an open project.

        Args:
            session: Of the project.
            stack: Keeps the pending files locked, so that nobody adds to them, until they have been removed.

        Returns:
            The files to remove once the session is committed. One that is locked or damaged is left for later.
        """
        merged = []
        for pending in self.files(str(session.root.attribute("project_uuid"))):
            try:
                with contextlib.ExitStack() as attempt:
                    source = attempt.enter_context(pending.read())
                    write_drafts(session, list(_drafts(source)))
                    stack.push(attempt.pop_all())
            except AerchiveError:
                continue
            merged.append(pending.path)
        return merged

    def _belongs(self, pending: ProjectFile, project_uuid: str | None) -> bool:
        try:
            with pending.read() as session:
                owner = session.root.attribute(_ATTRIBUTE)
        except AerchiveError:
            return False
        return owner in ("", project_uuid) or project_uuid is None


def pending_runs(file: ProjectFile, home: RunHome) -> list[tuple[np.void, Run]]:
    """The runs of a pending file, each with its row of the catalogue; none if the file was merged just now."""
    try:
        with file.read() as session:
            rows = present(read_rows(session))
            ids = [whole_id(session, row) for row in rows]
    except NotFoundError:
        return []
    return [
        (
            row,
            Run(
                home,
                run_path(row),
                job_id=job_id,
                nbytes=int(row["nbytes"]),
                pending=file,
            ),
        )
        for row, job_id in zip(rows, ids, strict=True)
    ]


def _drafts(session: ReadSession) -> Iterator[RunDraft]:
    for row in present(read_rows(session)):
        group = session.root.group(run_path(row))
        record = read_record(group)
        linked = (layout.PROVENANCE, layout.CIRCUITS, layout.NOISE_MODEL)
        yield RunDraft(
            job_id=record.job_id,
            created=record.created,
            config=record.config,
            status=record.status,
            labels=record.labels,
            datasets=dataset_drafts(group, record.run_uuid),
            objects={name: object_draft(group.group(name)) for name in linked if name in group},
            nbytes=int(row["nbytes"]),
            run_uuid=record.run_uuid,
        )


def remove_merged(paths: Sequence[Path]) -> None:
    """Removes pending files whose runs are durable in the project."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
