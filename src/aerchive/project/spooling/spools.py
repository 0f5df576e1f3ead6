"""Runs that are not in the project yet: the content of the spools of all processes, and writing runs to spools.

A run is in the project or in a spool. It goes into a spool when it waits for a commit of many runs, when another
program keeps the project locked, or when the project could no longer be written after the simulation. Every reader
lists the spools together with the project, and reads each run where it is; `aerchive.project.spooling.mover` moves the
runs into the project.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from aerchive import layout
from aerchive.display.text import clean
from aerchive.errors import AerchiveError, NotFoundError
from aerchive.models.labels import Author
from aerchive.models.run import RunRecord, conflict_id
from aerchive.project.catalogue.deleted import DeletedRuns
from aerchive.project.catalogue.table import Catalogue, run_path
from aerchive.project.documents.draft import RunDraft
from aerchive.project.documents.record import read_record
from aerchive.storage.chunks.drafts import ObjectDraft
from aerchive.storage.file import ProjectFile
from aerchive.storage.medium.beside import is_left_alone
from aerchive.storage.medium.names import prefix_beside
from aerchive.storage.medium.opening import Stamp, stamp_of
from aerchive.storage.medium.temporary import temporaries
from aerchive.storage.spools.contents import Life, SpoolContent, spool_contents
from aerchive.storage.spools.records import WAITING, pending_path
from aerchive.storage.spools.run_group import RunHead, SpooledRun, SpoolSession
from aerchive.storage.spools.spool import Spool, spool_of

logger = logging.getLogger("aerchive")

_MOST_RECORDS = 20_000
"""Number of records of runs in spools that are kept in memory for the next listing, at most."""
Key = tuple[str, int]
"""The place of a run in a spool: path of the file, and offset of the run's record in bytes."""
NONE_KEPT: Mapping[Key, RunDraft] = {}


class Spools:
    """The spools of all processes for one project.

    Args:
        file: The project file.
        fallback: A folder for runs whose project cannot be reached any more; ``None``: there is no such folder.
    """

    def __init__(self, file: ProjectFile, fallback: Path | None = None) -> None:
        self._file = file
        beside = os.path.join(file.path.parent, prefix_beside(file.path.name, WAITING))
        self._prefixes = [beside]
        if fallback is not None:
            digest = hashlib.sha256(os.fsencode(file.path)).hexdigest()[:32]
            self._prefixes.append(os.path.join(fallback, prefix_beside(digest, WAITING)))
        self._told: set[str] = set()
        self._records: dict[Key, RunRecord] = {}
        self._known_uuid: tuple[Stamp, str] | None = None

    @property
    def own(self) -> Spool:
        """The spool of this process beside the project."""
        return self._own(0)

    def _own(self, number: int) -> Spool:
        path = Path(
            os.fspath(self._file.path)
        )  # spools live as long as the process, and must not keep what was fetched
        return spool_of(self._prefixes[number], path, self._file.new_mode)

    # -- looking

    def contents(self) -> list[SpoolContent]:
        """Reads what all spools of the project hold, those of this process last; each problem is logged once.

        Runs of another project, which had the same path before, are reported as a problem.
        """
        mine = [content for number, _ in enumerate(self._prefixes) for content in self._own(number).contents()]
        others = spool_contents(self._prefixes, {str(content.path) for content in mine}, self._file.path)
        found = [*others, *mine]
        if any(content.runs for content in found):
            uuid = self._project_uuid()
            if uuid is not None or not self._file.path.exists():  # else it cannot be read at the moment
                found = [self._of_this_project(one, uuid) for one in found]
        for content in found:
            for problem in (*content.problems, *(self._no_name(run) for run in content.unnamed)):
                self.tell(problem)
        return found

    def _no_name(self, run: SpooledRun) -> str:
        return f"{run.path}: run {run.head.job_id} does not name {self._file.path} as its project"

    def _of_this_project(self, content: SpoolContent, uuid: str | None) -> SpoolContent:
        """Leaves out the runs of other projects.

        Before the project exists, and while it cannot be read, its runs name none. Such runs count if this user has
        saved them; nobody else can put files of this user beside the project. So do runs of this process that it has
        not made durable there yet.
        """
        is_own = content.life is Life.OWN
        is_of_user = is_own or _is_of_this_user(content.path)
        runs = [
            run
            for run in content.runs
            if run.head.project == (uuid or "")
            or (is_of_user and not run.head.project)
            or (is_own and not (run.is_held and run.head.project))
        ]
        if len(runs) == len(content.runs):
            return content
        unnamed = [run for run in content.runs if run not in runs and not run.head.project]
        problems = [*content.problems]
        if len(runs) + len(unnamed) < len(content.runs):
            problems.append(f"{content.path}: holds runs of another project, which was at {self._file.path} before")
        return dataclasses.replace(content, runs=runs, problems=problems, unnamed=unnamed)

    def _project_uuid(self) -> str | None:
        """The UUID of the project; ``None`` if it does not exist, or never could be read."""
        try:
            status = os.stat(self._file.path)
        except OSError:
            return None
        if self._known_uuid is not None and self._file.is_committing(status):  # it changes all the time
            return self._known_uuid[1]
        stamp = stamp_of(status)
        if self._known_uuid is None or self._known_uuid[0] != stamp:
            uuid = self._file.peek_uuid()
            self._known_uuid = self._known_uuid if uuid is None else (stamp, uuid)
        return None if self._known_uuid is None else self._known_uuid[1]

    def runs(self) -> list[SpooledRun]:
        """All finished runs that are in a spool, those of this process last."""
        return [run for content in self.contents() for run in content.runs]

    def verify(self) -> tuple[int, list[str]]:
        """Checks every byte of the runs in spools.

        Returns:
            The number of runs, and descriptions of what is damaged, belongs to another project or is left alone.
        """
        number = 0
        problems = [why for one in temporaries(self._file.path) if (why := is_left_alone(one, self._file.path))]
        for content in self.contents():
            problems += content.problems
            problems += [self._no_name(run) for run in content.unnamed if not self._was_moved(run)]
            number += len(content.runs)
            for run in content.runs:
                with contextlib.suppress(NotFoundError):  # it was moved meanwhile
                    problems += _run_problems(run)
        return number, problems

    def _was_moved(self, run: SpooledRun) -> bool:
        """Whether a run is in the project, or was deleted from it."""
        head = run.head
        with self._file.read() as session:
            rows = Catalogue(session)
            found = rows.find(conflict_id(head.job_id, head.run_uuid)) or rows.find(head.job_id)
            path = "" if found is None else run_path(found[1][0])
            is_there = bool(path) and session.root.group(path).run_uuid() == head.run_uuid
            return is_there or DeletedRuns(session).has(head.run_uuid, head.created)

    def nbytes(self) -> int:
        """Size of the spool files of all processes, in bytes."""
        total = 0
        for content in self.contents():
            with contextlib.suppress(OSError):  # it was moved just now
                total += content.path.lstat().st_size
        return total

    def record_of(self, run: SpooledRun) -> RunRecord | None:
        """Reads the documents of a run in a spool; ``None`` if it was moved just now, or cannot be read (logged)."""
        place = key(run)
        if place not in self._records:
            try:
                with run.open() as (_, group):
                    record = read_record(group)
            except NotFoundError:  # it was moved just now
                return None
            except AerchiveError as error:
                self.tell(f"run {run.head.job_id} is not listed: {error}")
                return None
            if len(self._records) >= _MOST_RECORDS:
                self._records.clear()
            self._records[place] = record
        return self._records[place]

    def tell(self, problem: str) -> None:
        """Logs a problem the first time that it occurs."""
        if problem not in self._told:
            self._told.add(problem)
            logger.warning("%s", clean(problem))

    # -- keeping

    def keep(self, draft: RunDraft) -> SpooledRun:
        """Writes a run into the spool of this process, where it waits for a commit.

        Args:
            draft: The run.

        Raises:
            OSError: The run could not be written to the disk or folder.
        """
        head = _head(draft, self._project_uuid() or "", is_part=False)
        return self.own.keep(draft.group, head, self._file.min_free_bytes)

    def hold(self, drafts: Sequence[RunDraft], *, is_fallback: bool = False) -> list[SpooledRun]:
        """Makes runs durable in the spool of this process, all of them or none.

        Args:
            drafts: The runs.
            is_fallback: Whether the runs go to the pending folder of the settings, and not beside the project.

        Raises:
            OSError: The runs could not be written to the disk or folder.
        """
        if is_fallback:
            folder = Path(self._prefixes[1]).parent
            if not folder.parent.exists():
                folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        spool, project = self._own(1 if is_fallback else 0), self._project_uuid() or ""
        runs: list[SpooledRun] = []
        try:
            for draft in drafts:
                head = _head(draft, project, is_part=len(drafts) > 1)
                first = runs[0] if runs else None
                runs.append(spool.keep(draft.group, head, self._file.min_free_bytes, first))
            return spool.hold(runs)
        except BaseException:
            spool.done(runs)
            raise

    def done(self, runs: Sequence[SpooledRun]) -> None:
        """Notes that runs of this process are in the project."""
        for number, _ in enumerate(self._prefixes):
            self._own(number).done(runs)


def key(run: SpooledRun) -> Key:
    """The place of a run in a spool; it stays the same when the hidden file gets its visible name."""
    return pending_path(run.path), run.offset


def _head(draft: RunDraft, project: str, *, is_part: bool) -> RunHead:
    by = Author.now()
    return RunHead(
        draft.job_id, draft.run_uuid, draft.created, draft.nbytes, draft.is_bare, is_part, by.when, by.who, project
    )


def _run_problems(run: SpooledRun) -> Iterator[str]:
    """Yields descriptions of what is damaged in a run in a spool."""
    try:
        with run.open() as (session, group):
            read_record(group)
            objects = [group.group(name) for name in layout.LINKS if name in group]
            for one, owner in [(group, run.head.run_uuid), *((one, str(one.attribute("object"))) for one in objects)]:
                for name in one.names():
                    if not one.is_group(name):
                        plan = one.plan(name, owner)
                        for place in plan.locations:
                            plan.stored_bytes(session.fd, place)
    except NotFoundError:
        raise
    except AerchiveError as error:
        yield str(error)


@contextlib.contextmanager
def drafts_of(runs: Sequence[SpooledRun], kept: Mapping[Key, RunDraft] = NONE_KEPT) -> Iterator[Iterable[RunDraft]]:
    """Makes drafts of runs in spools, each when the iteration reaches it; every spool file is opened once.

    Args:
        runs: The runs.
        kept: Drafts that are still in memory, by place of the run; these runs are not read.

    Raises:
        NotFoundError: A spool file is gone.
    """
    with contextlib.ExitStack() as stack:
        places = {run.path: run.project for run in runs}
        sessions = {path: stack.enter_context(SpoolSession.of(path, project)) for path, project in places.items()}
        known: dict[str, dict[str, ObjectDraft]] = defaultdict(dict)
        yield (
            kept.get(key(run))
            or RunDraft.of_group(
                sessions[run.path].group(run), run.head.nbytes, is_bare=run.head.is_bare, known=known[run.path]
            )
            for run in runs
        )


def _is_of_this_user(path: Path) -> bool:
    try:
        return os.lstat(path).st_uid == os.geteuid()
    except OSError:
        return False
