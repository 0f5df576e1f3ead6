"""Pending files: where finished runs go while another program keeps the project file to itself.

A pending file lies beside the project, is a project of its own, and says in ``pending_for`` which one it belongs to.
Its runs are listed with the project's, and the next writer moves them there, each file in a commit of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from aerchive import layout
from aerchive.errors import AerchiveError, NotFoundError, ProjectLockedError
from aerchive.models.catalogue import now
from aerchive.project.catalogue import present, read_rows, run_path, whole_id
from aerchive.project.commit import adopt_drafts, write_drafts
from aerchive.project.draft import RunDraft
from aerchive.project.record import read_record
from aerchive.project.run import Run, RunHome
from aerchive.storage.file import ProjectFile, ReadSession, WriteSession
from aerchive.storage.names import names_in
from aerchive.storage.nodes import ObjectDraft
from aerchive.storage.transfer import dataset_drafts, object_draft

logger = logging.getLogger("aerchive")

_ATTRIBUTE = "pending_for"
_REST = re.compile(r"\.pending-.*\.h5", re.DOTALL)
_PATIENCE_S = 1.0
"""How long a reader waits for a pending file: nobody holds one for long."""
_LONGEST_NAME = 200
"""Bytes of a project's name that its pending files repeat; of a longer one they have the digest."""


class PendingSurvey(NamedTuple):
    """What lies beside a project.

    Attributes:
        files: Pending files of the project, oldest first.
        problems: Those that cannot be read or belong to another project: path and why.
    """

    files: list[ProjectFile]
    problems: dict[Path, str]


class PendingFiles:
    """The pending files of one project.

    Args:
        file: The project's own file.
    """

    def __init__(self, file: ProjectFile) -> None:
        self._file = file
        self._own: Path | None = None
        self._given_up: dict[Path, int] = {}

    def write(self, drafts: Sequence[RunDraft]) -> tuple[ProjectFile, list[str]]:
        """Writes runs into this process' pending file.

        Returns:
            The pending file, and the path of each run's group in it.

        Raises:
            AerchiveError: That cannot be written either.
        """
        uuid = self._file.peek_uuid() or ""
        for own in (self._own, None):  # the one we have may be merged, or away with its folder
            path = own if own is not None and own.exists() else self._new_path()
            pending = self._file.sibling(path)
            try:
                with pending.write(now(), is_private=True) as session:
                    owner = session.root.attribute(_ATTRIBUTE)
                    if owner is not None and owner != uuid:  # the project was replaced since
                        continue
                    if owner is None:
                        session.set_root_attribute(_ATTRIBUTE, uuid)
                    paths = write_drafts(session, drafts)
            except NotFoundError:
                if not self._file.path.parent.exists():
                    raise
                continue
            self._own = path
            return pending, paths
        raise NotFoundError(f"{self._file.path}: its pending file went away twice while it was written")

    def _new_path(self) -> Path:
        return self._file.path.with_name(f"{self._stem()}.pending-{os.getpid()}-{secrets.token_hex(4)}.h5")

    def _stem(self) -> str:
        name = self._file.path.name
        raw = os.fsencode(name)
        return name if len(raw) <= _LONGEST_NAME else hashlib.sha256(raw).hexdigest()[:40]

    def paths(self) -> list[Path]:
        """All files that look like pending ones of this project, oldest first."""
        path = self._file.path
        return sorted(map(path.with_name, names_in(path.parent, self._stem(), _REST)), key=_time_of)

    def survey(self) -> PendingSurvey:
        """Looks into all of them."""
        found = PendingSurvey([], {})
        paths = self.paths()
        if not paths:
            return found
        uuid = self._file.peek_uuid()
        for path in paths:
            pending = self._file.sibling(path, lock_timeout_s=min(_PATIENCE_S, self._file.lock_timeout_s))
            try:
                with pending.read() as session:
                    owner = session.root.attribute(_ATTRIBUTE)
            except NotFoundError:  # merged just now
                continue
            except AerchiveError as error:
                found.problems[path] = str(error)
                continue
            if owner in ("", uuid) or uuid is None:
                found.files.append(pending)
            else:
                found.problems[path] = f"{path}: belongs to another project, which was at {self._file.path} before"
        return found

    def merge(self) -> None:
        """Moves all pending runs into the project, each file in a commit of its own; what cannot be moved is logged.

        A file that somebody holds is left for later, one that is damaged for `Project.verify` to tell.
        """
        for pending in self.survey().files:
            if self._given_up.get(pending.path) == _time_of(pending.path):
                continue
            impatient = self._file.sibling(pending.path, lock_timeout_s=0)
            try:
                with contextlib.ExitStack() as stack:  # nobody adds to it until it is gone
                    source = stack.enter_context(impatient.read())
                    with self._file.write(now(), _PATIENCE_S) as session:
                        adopt_drafts(session, _drafts(source))
                    self._remove(pending.path)
            except (ProjectLockedError, NotFoundError):  # somebody else is at it
                continue
            except Exception as error:  # noqa: BLE001  (whatever is wrong with it, the runs of others are saved)
                self._given_up[pending.path] = _time_of(pending.path)
                logger.warning("%s: its runs are not in %s yet: %s", pending.path, self._file.path, error)

    def adopt_into(self, session: WriteSession, files: Sequence[ProjectFile]) -> None:
        """Writes all pending runs into another file, and leaves the pending ones.

        Raises:
            AerchiveError: One cannot be read.
        """
        for pending in files:
            with pending.read() as source:
                adopt_drafts(session, _drafts(source))

    def _remove(self, path: Path) -> None:
        """Its runs are durable in the project; if it stays, they are recognised."""
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            self._given_up[path] = _time_of(path)
            logger.warning("%s: its runs are in %s, but it cannot be removed: %s", path, self._file.path, error)


def _time_of(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def pending_runs(file: ProjectFile, home: RunHome) -> list[Run]:
    """The runs of a pending file; none if the file was merged just now."""
    try:
        with file.read() as session:
            rows = present(read_rows(session))
            ids = [whole_id(session, row) for row in rows]
    except NotFoundError:
        return []
    return [
        Run(home, run_path(row), job_id=job_id, nbytes=int(row["nbytes"]), pending=file, row=row)
        for row, job_id in zip(rows, ids, strict=True)
    ]


def _drafts(session: ReadSession) -> Iterator[RunDraft]:
    objects: dict[str, ObjectDraft] = {}
    for row in present(read_rows(session)):
        group = session.root.group(run_path(row))
        record = read_record(group)
        linked = [name for name in layout.LINKS if name in group and group.is_group(name)]
        yield RunDraft(
            job_id=record.job_id,
            created=record.created,
            config=record.config,
            status=record.status,
            labels=record.labels,
            datasets=dataset_drafts(group, record.run_uuid),
            objects={name: object_draft(group.group(name), objects) for name in linked},
            nbytes=int(row["nbytes"]),
            run_uuid=record.run_uuid,
        )
