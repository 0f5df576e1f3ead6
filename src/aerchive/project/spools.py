"""Runs that are not in the project yet: what the spools of all processes hold, listed, and moved into the project.

A run is in the project or in a spool. It comes into a spool when it waits for a commit that takes many runs at once,
when another program keeps the project locked, or when the place of the project went bad while the simulation ran.
Every reader lists spools with the project and reads runs where they are; `Spools.move` is the one way from there into
the project.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from aerchive import layout
from aerchive.errors import AerchiveError, FormatError, NotFoundError, ProjectLockedError, ReadError, WriteError
from aerchive.models.catalogue import now
from aerchive.models.labels import Author
from aerchive.models.run import RunRecord
from aerchive.project.author import author
from aerchive.project.catalogue import Catalogue
from aerchive.project.commit import Written, write_or_keep_beside
from aerchive.project.draft import RunDraft
from aerchive.project.record import read_record
from aerchive.project.unfinished import lost_draft
from aerchive.storage.file import ProjectFile, WriteSession
from aerchive.storage.names import prefix_beside
from aerchive.storage.nodes import ObjectDraft
from aerchive.storage.reader import HDF5Group
from aerchive.storage.spool import Spool, spool_of
from aerchive.storage.spool_file import WAITING, pending_path
from aerchive.storage.spool_group import RunHead, SpooledRun, SpoolSession
from aerchive.storage.spool_reader import Life, SpoolContent, note_done, remove_spool, spool_contents, taken_over

logger = logging.getLogger("aerchive")

_IMPATIENT_S = 1.0
"""How long to wait for a program that has let us wait in vain already."""
_TOGETHER = 256
"""So many runs are moved in one commit."""
_FILES_TOGETHER = 64
"""So many files of dead processes are open and locked at a time."""
_MOST_RECORDS = 20_000
"""Records of runs in spools that are kept for the next listing."""
Key = tuple[str, int]
"""Where a run is in a spool: the file, and the offset of its record."""


class Spools:
    """The spools of all processes for one project.

    Args:
        file: The project's own file.
        fallback: A folder for runs whose project cannot be reached any more.
    """

    def __init__(self, file: ProjectFile, fallback: Path | None = None) -> None:
        self._file = file
        beside = os.path.join(file.path.parent, prefix_beside(file.path.name, WAITING))
        self._prefixes = [beside]
        if fallback is not None:
            digest = hashlib.sha256(os.fsencode(file.path)).hexdigest()[:32]
            self._prefixes.append(os.path.join(fallback, prefix_beside(digest, WAITING)))
        self._moved: set[Key] = set()
        self._damaged: set[Key] = set()
        self._lost: set[tuple[Path, str]] = set()
        self._unread: AerchiveError | None = None
        self._told: set[str] = set()
        self._records: dict[Key, RunRecord] = {}
        self.patience_s: float | None = None
        """How long to wait for the project, if another program has let us wait in vain before."""

    def was_locked(self) -> None:
        """Another program has let us wait in vain: the next time we wait only a little."""
        self.patience_s = min(self._file.lock_timeout_s, _IMPATIENT_S)

    def was_free(self) -> None:
        """The project could be written."""
        self.patience_s = None

    @property
    def own(self) -> Spool:
        """The spool of this process beside the project."""
        return spool_of(self._prefixes[0])

    # -- looking

    def contents(self) -> list[SpoolContent]:
        """What all spools of the project hold, those of this process last; each problem is logged once.

        Runs of another project, which was at the same place before, are told as a problem.
        """
        mine = [content for prefix in self._prefixes for content in spool_of(prefix).contents()]
        others = spool_contents(self._prefixes, {str(content.path) for content in mine})
        found = [*others, *mine]
        if any(content.has_project for content in found):
            uuid = self._file.peek_uuid()
            if uuid is not None or not self._file.path.exists():  # else it cannot be read at the moment
                found = [self._of_this_project(one, uuid) if one.has_project else one for one in found]
        for content in found:
            for problem in content.problems:
                self._tell(problem)
        return found

    def _of_this_project(self, content: SpoolContent, uuid: str | None) -> SpoolContent:
        runs = [run for run in content.runs if run.head.project in ("", uuid)]
        if len(runs) == len(content.runs):
            return content
        problem = f"{content.path}: holds runs of another project, which was at {self._file.path} before"
        return dataclasses.replace(content, runs=runs, problems=(*content.problems, problem))

    def runs(self) -> list[SpooledRun]:
        """All finished runs that are in a spool, those of this process last."""
        return [run for content in self.contents() for run in content.runs]

    def verify(self) -> tuple[int, list[str]]:
        """Looks at every byte of the runs in spools.

        Returns:
            How many runs there are, and what is damaged or belongs to another project, in words.
        """
        number, problems = 0, list[str]()
        for content in self.contents():
            problems += content.problems
            number += len(content.runs)
            for run in content.runs:
                with contextlib.suppress(NotFoundError):  # it was moved meanwhile
                    problems += _run_problems(run)
        return number, problems

    @property
    def may_bring_back(self) -> bool:
        """Whether a spool file could bring back a run that was deleted, so that its deletion must be remembered."""
        return bool(self.runs())

    def record_of(self, run: SpooledRun) -> RunRecord | None:
        """The documents of a run in a spool; ``None`` if it cannot be read, which is logged."""
        place = key(run)
        if place not in self._records:
            try:
                with run.open() as (_, group):
                    record = read_record(group)
            except NotFoundError:  # it was moved just now
                return None
            except AerchiveError as error:
                self._tell(f"run {run.head.job_id} is not listed: {error}")
                return None
            if len(self._records) >= _MOST_RECORDS:
                self._records.clear()
            self._records[place] = record
        return self._records[place]

    def _tell(self, problem: str) -> None:
        if problem not in self._told:
            self._told.add(problem)
            logger.warning("%s", problem)

    # -- keeping

    def keep(self, draft: RunDraft, min_free_bytes: int = 0) -> SpooledRun:
        """Writes a run into the spool of this process, where it waits for a commit.

        Args:
            draft: The run.
            min_free_bytes: What must stay free on the disk.

        Raises:
            OSError: The disk or folder did not take it.
        """
        return self.own.keep(draft.to_group(), _head(draft, project="", is_part=False), min_free_bytes)

    def hold(
        self, drafts: Sequence[RunDraft], min_free_bytes: int = 0, *, is_fallback: bool = False
    ) -> list[SpooledRun]:
        """Makes runs durable in the spool of this process, all of them or none.

        Args:
            drafts: The runs.
            min_free_bytes: What must stay free on the disk.
            is_fallback: Whether they go to the folder of the settings, and not beside the project.

        Raises:
            OSError: The disk or folder did not take them.
        """
        prefix = self._prefixes[1 if is_fallback else 0]
        if is_fallback:
            os.makedirs(os.path.dirname(prefix), exist_ok=True)
        spool, project = spool_of(prefix), self._file.peek_uuid() or ""
        runs: list[SpooledRun] = []
        try:
            for draft in drafts:
                head = _head(draft, project, is_part=len(drafts) > 1)
                runs.append(spool.keep(draft.to_group(), head, min_free_bytes, runs[0] if runs else None))
            return spool.hold(runs)
        except BaseException:
            spool.done(runs)
            raise

    def done(self, runs: Sequence[SpooledRun]) -> None:
        """Notes that runs of this process are in the project."""
        for prefix in self._prefixes:
            spool_of(prefix).done(runs)

    # -- moving

    def commit(self, runs: Sequence[SpooledRun], timeout_s: float | None) -> list[Written]:
        """Writes runs into the project, in one commit; what was deleted there since stays deleted.

        Args:
            runs: In spools.
            timeout_s: How long to wait for the project, in seconds; by default as long as always.

        Returns:
            Where each is; an empty path if it had been deleted.

        Raises:
            AerchiveError: The project cannot be written, or one of them cannot be read; nothing was written.
        """

        def write(session: WriteSession) -> list[Written]:
            with self.drafts(runs) as drafts:
                return self.write_into(session, runs, drafts)

        return self._file.commit(write, now(), timeout_s)

    def write_into(
        self, session: WriteSession, runs: Sequence[SpooledRun], drafts: Iterable[RunDraft]
    ) -> list[Written]:
        """Writes runs of spools in an open commit.

        Args:
            session: Of the project, or of a copy of it.
            runs: In spools.
            drafts: The same, for writing.
        """
        deleted = DeletedRuns(session.root)
        wanted = [
            (run, draft)
            for run, draft in zip(runs, drafts, strict=True)
            if not deleted.has(run.head.run_uuid, run.head.created)
        ]
        authors = {run.head.run_uuid: Author(run.head.when, run.head.who) for run, _ in wanted}
        written = write_or_keep_beside(session, [draft for _, draft in wanted], authors)
        where = {id(run): place for (run, _), place in zip(wanted, written, strict=True)}
        return [where.get(id(run), Written("", run.head.job_id)) for run in runs]

    @contextlib.contextmanager
    def drafts(self, runs: Sequence[SpooledRun]) -> Iterator[Iterable[RunDraft]]:
        """Runs of spools as drafts, each read when it is its turn; every spool file is opened once.

        Raises:
            NotFoundError: A spool file is gone.
        """
        with contextlib.ExitStack() as stack:
            sessions = {path: stack.enter_context(SpoolSession.of(path)) for path in {run.path for run in runs}}
            known: dict[str, dict[str, ObjectDraft]] = defaultdict(dict)
            yield (
                RunDraft.of_group(
                    sessions[run.path].group(run), run.head.nbytes, is_bare=run.head.is_bare, known=known[run.path]
                )
                for run in runs
            )

    def move(self, timeout_s: float | None = None, waiting: Sequence[SpooledRun] = ()) -> dict[Key, Written]:
        """Moves runs into the project, in the order in which they were saved; a damaged one stays, and is logged.

        Args:
            timeout_s: How long to wait for the project, in seconds; by default as long as always.
            waiting: Runs of this process that need not be durable in its spool. If there are any, it is an error if
                they cannot be moved; else that is logged, and tried again later.

        Returns:
            Where each is that was moved.

        Raises:
            ProjectLockedError: Another program kept the project; the other runs are where they were.
            AerchiveError: The project cannot be written.
        """
        contents = self.contents()
        self._forget_gone(contents)
        contents = [
            one for one in contents if one.life is Life.DEAD or one.is_movable or (waiting and one.life is Life.OWN)
        ]
        contents.sort(key=lambda one: one.runs[0].head.when if one.runs else "")
        written: dict[Key, Written] = {}
        self._unread = None
        try:
            for first in range(0, len(contents), _FILES_TOGETHER):
                written |= self._move_files(contents[first : first + _FILES_TOGETHER], timeout_s, waiting)
            if waiting and self._unread is not None:
                raise self._unread
        except ProjectLockedError:
            raise
        except AerchiveError as error:
            if waiting:
                raise
            self._tell(f"{self._file.path}: runs that wait beside it are not in it yet: {error}")
        return written

    def _forget_gone(self, contents: Sequence[SpoolContent]) -> None:
        """What was moved is remembered as long as it is still in a file: a file that comes back is looked at again."""
        files = {path for path, _ in self._moved | self._damaged}
        there = {key(run) for content in contents if pending_path(str(content.path)) in files for run in content.runs}
        self._moved &= there
        self._damaged &= there
        self._lost &= {(one.path, job.job_id) for one in contents if one.life is Life.DEAD for job in one.jobs}

    def _move_files(
        self, contents: Sequence[SpoolContent], timeout_s: float | None, waiting: Sequence[SpooledRun]
    ) -> dict[Key, Written]:
        """Moves what is in some files, and removes those of dead processes that are empty then."""
        with contextlib.ExitStack() as stack:
            contents = [content for content in contents if stack.enter_context(taken_over(content))]
            wanted = self._wanted(contents, waiting)
            lost = {
                (one.path, job.job_id): lost_draft(job, one)
                for one in contents
                if one.life is Life.DEAD
                for job in one.jobs
                if (one.path, job.job_id) not in self._lost
            }
            written: dict[Key, Written] = {}
            for first in range(0, len(wanted), _TOGETHER):
                written |= self._move_some(wanted[first : first + _TOGETHER], timeout_s)
            if lost:
                self._file.commit(lambda session: _write_lost(session, [*lost.values()]), now(), timeout_s)
                self._lost.update(lost)
            for content in contents:
                self._remove_if_empty(content)
        return written

    def _wanted(self, contents: Sequence[SpoolContent], waiting: Sequence[SpooledRun]) -> list[SpooledRun]:
        """The runs to move, in the order in which they were saved; that of one file holds if the clock was set back."""
        ours, known = set(map(key, waiting)), self._moved | self._damaged
        found = []
        for content in contents:
            when = ""
            for run in content.runs:
                when = max(when, run.head.when)
                if (content.may_move(run) or key(run) in ours) and key(run) not in known:
                    found.append((when, run))
        return [run for _, run in sorted(found, key=lambda pair: pair[0])]

    def _move_some(self, runs: Sequence[SpooledRun], timeout_s: float | None) -> dict[Key, Written]:
        """Moves runs together, or, if one of them is damaged, all the others."""
        try:
            written = self.commit(runs, timeout_s)
        except (FormatError, NotFoundError, ReadError) as error:
            if len(runs) > 1:
                return {one: place for run in runs for one, place in self._move_some([run], timeout_s).items()}
            (run,) = runs
            if isinstance(error, NotFoundError) and is_gone(run):
                if run in self.own.runs() and not run.is_held:  # the folder went, or the user removed the file
                    self._unread = error
                return {}  # else another process has moved it
            if run.path not in str(error) or isinstance(error, NotFoundError):  # the project itself is meant
                raise
            if isinstance(error, ReadError):
                self._unread = error
            else:
                self._damaged.add(key(run))
            self._tell(f"run {run.head.job_id} stays in its spool: {error}")
            return {}
        self._moved.update(map(key, runs))
        self.done(runs)
        return dict(zip(map(key, runs), written, strict=True))

    def stuck(self) -> dict[str, SpooledRun]:
        """The runs that could not be moved because they are damaged, in files that this process may change."""
        if not self._damaged:
            return {}
        contents = [content for content in self.contents() if content.life in (Life.OWN, Life.DEAD)]
        return {run.head.job_id: run for content in contents for run in content.runs if key(run) in self._damaged}

    def give_up(self, runs: Sequence[SpooledRun]) -> None:
        """Takes damaged runs out of their spools, for the user has deleted them.

        Args:
            runs: Of those that are stuck.

        Raises:
            WriteError: A file cannot be changed.
        """
        self.done(runs)
        keys = set(map(key, runs))
        for content in self.contents() if runs else ():
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
        """Removes the file of a dead process if all that it held is in the project."""
        if content.life is not Life.DEAD or content.problems or not self._moved.issuperset(map(key, content.runs)):
            return
        try:
            remove_spool(content)
        except OSError as error:  # as in a folder where only the owner of a file may remove it
            self._tell(
                f"{content.path}: what was in it is in {self._file.path}; it cannot be removed: {error.strerror}"
            )


def key(run: SpooledRun) -> Key:
    """Where a run is; the same before and after its file got the name that is not hidden."""
    return pending_path(run.path), run.offset


def is_gone(run: SpooledRun) -> bool:
    """Whether a run is not in its spool any more."""
    try:
        with run.open():
            return False
    except NotFoundError:
        return True


def _head(draft: RunDraft, project: str, *, is_part: bool) -> RunHead:
    by = author()
    return RunHead(
        draft.job_id, draft.run_uuid, draft.created, draft.nbytes, draft.is_bare, is_part, by.when, by.who, project
    )


def _write_lost(session: WriteSession, lost: Sequence[RunDraft]) -> None:
    """Writes lost jobs that the project does not know, not even as deleted ones.

    A process may die, or its disk be full, between the commit of a run and the note that the job has finished.
    """
    known = Catalogue(session)
    gone = known.deleted_ids()
    new = [one for one in lost if known.key(one.job_id) not in gone and known.find(one.job_id) is None]
    write_or_keep_beside(session, new)


def _run_problems(run: SpooledRun) -> Iterator[str]:
    """What is damaged of a run in a spool, in words."""
    try:
        with run.open() as (session, group):
            read_record(group)
            groups = [(group, run.head.run_uuid)]
            groups += [
                (one, str(one.attribute("object")))
                for one in (group.group(name) for name in layout.LINKS if name in group)
            ]
            for one, owner in groups:
                for name in one.names():
                    if not one.is_group(name):
                        plan = one.plan(name, owner)
                        for place in plan.places:
                            plan.stored_bytes(session.fd, place)
    except NotFoundError:
        raise
    except AerchiveError as error:
        yield str(error)


class DeletedRuns:
    """The runs that were deleted from a project, looked for by the time when they were submitted.

    Args:
        root: Of the project.
    """

    def __init__(self, root: HDF5Group) -> None:
        self._root = root
        self._names: dict[str, list[str]] | None = None

    def has(self, run_uuid: str, created: str) -> bool:
        """Whether this very run was deleted."""
        if self._names is None:
            self._names = self._by_time()
        return any(self._uuid(name) == run_uuid for name in self._names.get(_time_of(created), ()))

    def _by_time(self) -> dict[str, list[str]]:
        """Names of the groups of deleted runs; no group is opened."""
        found: dict[str, list[str]] = defaultdict(list)
        if layout.DELETED in self._root:
            for name in self._root.group(layout.DELETED).names():
                if (match := _DELETED.match(name)) is not None:
                    found[match["day"] + match["time"]].append(name)
        return found

    def _uuid(self, name: str) -> object:
        try:
            return self._root.group(f"{layout.DELETED}/{name}").attribute("run_uuid")
        except AerchiveError:
            return None


_DELETED = re.compile(rf"{layout.RUNS}-(?P<day>\d{{4}}-\d\d-\d\d)(\.\d+)?-(?P<time>\d{{6}}\.\d{{6}})Z_")


def _time_of(created: str) -> str:
    return created[:10] + created[11:].replace(":", "").removesuffix("Z")
