"""Moving runs from the spools of all processes into the project; no other module does this."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from aerchive.errors import AerchiveError, FormatError, NotFoundError, ProjectLockedError, ReadError, WriteError
from aerchive.models.labels import Author
from aerchive.project.catalogue.deleted import DeletedRuns
from aerchive.project.catalogue.table import Catalogue
from aerchive.project.documents.draft import RunDraft
from aerchive.project.documents.unfinished import lost_draft
from aerchive.project.location import is_gone
from aerchive.project.spooling.spools import NONE_KEPT, Key, Spools, drafts_of, key
from aerchive.project.writing.runs import Written, write_drafts
from aerchive.storage.file import ProjectFile
from aerchive.storage.sessions import WriteSession
from aerchive.storage.spools.contents import Life, SpoolContent, Submission, note_done, remove_spool, taken_over
from aerchive.storage.spools.records import pending_path
from aerchive.storage.spools.run_group import SpooledRun
from aerchive.times import now

_IMPATIENT_S = 1.0
"""Seconds to wait for the lock after an earlier wait for it has timed out."""
_TOGETHER = 256
"""Number of runs that are moved in one commit, at most."""
_FILES_TOGETHER = 64
"""Number of spool files of dead processes that are open and locked at a time, at most."""
_LOST_TOGETHER = 500
"""Number of lost jobs that are written in one commit, at most; the others stay in the spool until the next move. A file
of some kilobytes may name any number of them."""
_Job = tuple[Path, str]
"""A job in a spool: path of the file, and id of the job."""


class SpoolMover:
    """Moves runs from spools into the project, and remembers which it has moved and which cannot be moved.

    Args:
        file: The project file.
        spools: The spools of the project.
    """

    def __init__(self, file: ProjectFile, spools: Spools) -> None:
        self._file = file
        self.spools = spools
        self._moved: set[Key] = set()
        self._damaged: set[Key] = set()
        self._lost: set[_Job] = set()
        self._unread: AerchiveError | None = None
        self.patience_s: float | None = None
        """Seconds to wait for the project, if an earlier wait for it has timed out; ``None``: the usual time."""

    def was_locked(self) -> None:
        """Notes that a wait for the lock has timed out: the next wait is short."""
        self.patience_s = min(self._file.lock_timeout_s, _IMPATIENT_S)

    def was_free(self) -> None:
        """Notes that the project could be written: the next wait for the lock may take the usual time."""
        self.patience_s = None

    def commit(
        self, runs: Sequence[SpooledRun], timeout_s: float | None, kept: Mapping[Key, RunDraft] = NONE_KEPT
    ) -> list[Written]:
        """Writes runs into the project, in one commit; runs that were deleted from it meanwhile stay deleted.

        Args:
            runs: The runs, in spools.
            timeout_s: Seconds to wait for the project; ``None``: the usual time.
            kept: Drafts that are still in memory, as for `drafts_of`.

        Returns:
            Path and job id of each run; the path is empty if the run had been deleted.

        Raises:
            AerchiveError: The project cannot be written, or one of the runs cannot be read; nothing was written.
        """
        return self._file.commit(lambda session: write_spooled(session, runs, kept), now(), timeout_s)

    def move(
        self,
        timeout_s: float | None = None,
        waiting: Sequence[SpooledRun] = (),
        kept: Mapping[Key, RunDraft] = NONE_KEPT,
    ) -> dict[Key, Written]:
        """Moves runs into the project, in the order in which they were saved; a damaged one stays, and is logged.

        Args:
            timeout_s: Seconds to wait for the project; ``None``: the usual time.
            waiting: Runs of this process that need not be durable in its spool. If there are any, an error is raised
                when they cannot be moved; if not, the error is logged, and the move is tried again later.
            kept: Drafts of these runs that are still in memory, as for `drafts_of`.

        Returns:
            Path and job id of each run that was moved, by its place in the spool.

        Raises:
            ProjectLockedError: Another program kept the project locked; runs that were not moved are where they were.
            AerchiveError: The project cannot be written.
        """
        contents = self.spools.contents()
        self._forget_gone(contents)
        contents = [
            one for one in contents if one.life is Life.DEAD or one.is_movable or (waiting and one.life is Life.OWN)
        ]
        contents.sort(key=lambda one: one.runs[0].head.when if one.runs else "")
        written: dict[Key, Written] = {}
        self._unread = None
        try:
            for first in range(0, len(contents), _FILES_TOGETHER):
                written |= self._move_files(contents[first : first + _FILES_TOGETHER], timeout_s, waiting, kept)
            if waiting and self._unread is not None:
                raise self._unread
        except ProjectLockedError:
            raise
        except AerchiveError as error:
            if waiting:
                raise
            self.spools.tell(f"{self._file.path}: runs that wait beside it are not in it yet: {error}")
        return written

    def _forget_gone(self, contents: Sequence[SpoolContent]) -> None:
        """Forgets moved runs that are in no spool file any more: if a file comes back, its runs are moved again."""
        files = {path for path, _ in self._moved | self._damaged}
        there = {key(run) for content in contents if pending_path(str(content.path)) in files for run in content.runs}
        self._moved &= there
        self._damaged &= there
        self._lost &= {(one.path, job.job_id) for one in contents if one.life is Life.DEAD for job in one.jobs}

    def _move_files(
        self,
        contents: Sequence[SpoolContent],
        timeout_s: float | None,
        waiting: Sequence[SpooledRun],
        kept: Mapping[Key, RunDraft],
    ) -> dict[Key, Written]:
        """Moves the runs of some spool files, and removes files of dead processes that are empty afterwards."""
        with contextlib.ExitStack() as stack:
            contents = [content for content in contents if stack.enter_context(taken_over(content))]
            wanted = self._wanted(contents, waiting)
            lost = {
                (one.path, job.job_id): (job, one)
                for one in contents
                if one.life is Life.DEAD
                for job in one.jobs
                if (one.path, job.job_id) not in self._lost
            }
            written: dict[Key, Written] = {}
            for first in range(0, len(wanted), _TOGETHER):
                written |= self._move_some(wanted[first : first + _TOGETHER], timeout_s, kept)
            if lost:
                self._lost |= self._file.commit(lambda session: _write_lost(session, lost), now(), timeout_s)
            for content in contents:
                self._remove_if_empty(content)
        return written

    def _wanted(self, contents: Sequence[SpoolContent], waiting: Sequence[SpooledRun]) -> list[SpooledRun]:
        """Selects the runs to move, in the order in which they were saved; if the clock was set back, in file order."""
        ours, known = set(map(key, waiting)), self._moved | self._damaged
        found = []
        for content in contents:
            when = ""
            for run in content.runs:
                when = max(when, run.head.when)
                if (content.may_move(run) or key(run) in ours) and key(run) not in known:
                    found.append((when, run))
        return [run for _, run in sorted(found, key=lambda pair: pair[0])]

    def _move_some(
        self, runs: Sequence[SpooledRun], timeout_s: float | None, kept: Mapping[Key, RunDraft]
    ) -> dict[Key, Written]:
        """Moves runs in one commit or, if one of them is damaged, each of the others in a commit of its own."""
        try:
            written = self.commit(runs, timeout_s, kept)
        except (FormatError, NotFoundError, ReadError) as error:
            if len(runs) > 1:
                return {one: place for run in runs for one, place in self._move_some([run], timeout_s, kept).items()}
            (run,) = runs
            if isinstance(error, NotFoundError) and is_gone(run):
                if run in self.spools.own.runs() and not run.is_held:  # the folder is gone, or the user removed it
                    self._unread = error
                return {}  # else another process has moved it
            if run.path not in str(error) or isinstance(error, NotFoundError):  # the error is about the project itself
                raise
            if isinstance(error, ReadError):
                self._unread = error
            else:
                self._damaged.add(key(run))
            self.spools.tell(f"run {run.head.job_id} stays in its spool: {error}")
            return {}
        self._moved.update(map(key, runs))
        self.spools.done(runs)
        return dict(zip(map(key, runs), written, strict=True))

    def stuck(self) -> dict[str, SpooledRun]:
        """The damaged runs that could not be moved, by job id, in files that this process may change."""
        if not self._damaged:
            return {}
        contents = [content for content in self.spools.contents() if content.life in (Life.OWN, Life.DEAD)]
        return {run.head.job_id: run for content in contents for run in content.runs if key(run) in self._damaged}

    def give_up(self, runs: Sequence[SpooledRun]) -> None:
        """Removes damaged runs from their spools, because the user has deleted them.

        Args:
            runs: Runs that `stuck` has returned.

        Raises:
            WriteError: A spool file cannot be changed.
        """
        self.spools.done(runs)
        keys = set(map(key, runs))
        for content in self.spools.contents() if runs else ():
            mine = [run for run in content.runs if key(run) in keys]
            if mine and content.life is Life.DEAD:
                with taken_over(content) as is_ours:
                    try:
                        if is_ours:
                            note_done(content, mine)
                    except OSError as error:
                        raise WriteError(f"{content.path}: cannot be changed: {error.strerror}") from error
                    self._moved |= keys
                    self._remove_if_empty(content)

    def _remove_if_empty(self, content: SpoolContent) -> None:
        """Removes the spool file of a dead process if all runs in it are in the project."""
        if content.life is not Life.DEAD or content.problems or content.unnamed:
            return
        if not self._moved.issuperset(map(key, content.runs)):
            return
        if not self._lost.issuperset((content.path, job.job_id) for job in content.jobs):
            return
        try:
            remove_spool(content)
        except OSError as error:  # for example if only the owner of a file may remove it
            self.spools.tell(
                f"{content.path}: what was in it is in {self._file.path}; it cannot be removed: {error.strerror}"
            )


def write_spooled(
    session: WriteSession, runs: Sequence[SpooledRun], kept: Mapping[Key, RunDraft] = NONE_KEPT
) -> list[Written]:
    """Writes runs of spools in an open commit.

    Args:
        session: An open session of the project file, or of a copy of it.
        runs: The runs, in spools.
        kept: Drafts that are still in memory, as for `drafts_of`.

    Returns:
        Path and job id of each run; the path is empty if the run had been deleted from the project.
    """
    deleted = DeletedRuns(session)
    with drafts_of(runs, kept) as drafts:
        pairs = zip(runs, drafts, strict=True)
        wanted = [pair for pair in pairs if not deleted.has(pair[0].head.run_uuid, pair[0].head.created)]
        authors = {run.head.run_uuid: Author(run.head.when, run.head.who) for run, _ in wanted}
        written = write_drafts(session, [draft for _, draft in wanted], authors, keeps_conflicts=True)
    where = {id(run): place for (run, _), place in zip(wanted, written, strict=True)}
    return [where.get(id(run), Written("", run.head.job_id)) for run in runs]


def write_all_spooled(spools: Spools) -> Callable[[WriteSession], None] | None:
    """Makes a function that writes the runs in spools into a copy of the project; ``None`` if there are no runs.

    Args:
        spools: The spools of the project.
    """
    runs = [run for run in spools.runs() if not is_gone(run)]  # else it was moved just now

    def write(session: WriteSession) -> None:
        write_spooled(session, runs)

    return write if runs else None


def _write_lost(session: WriteSession, lost: Mapping[_Job, tuple[Submission, SpoolContent]]) -> set[_Job]:
    """Writes lost jobs that are not in the project and were not deleted from it, and returns all but those left over.

    A job may seem lost although its run is in the project: its process may have died, or the disk been full,
    between the commit of the run and the note that the job has finished.
    """
    known = Catalogue(session)
    gone = known.deleted_ids()
    new = [one for one in lost if known.key(one[1]) not in gone and known.find(one[1]) is None]
    write_drafts(session, [lost_draft(*lost[one]) for one in new[:_LOST_TOGETHER]], keeps_conflicts=True)
    return lost.keys() - set(new[_LOST_TOGETHER:])
