"""Runs that are not in the project yet: what the spools of all processes hold, listed, and moved into the project.

A run is in the project or in a spool. It comes into a spool when it waits for a commit that takes many runs at once, when
another program keeps the project locked, or when the place of the project went bad while the simulation ran. Every reader
lists spools with the project and reads runs where they are; `Spools.move` is the one way from there into the project.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from aerchive import layout
from aerchive.errors import AerchiveError, FormatError, NotFoundError, ProjectLockedError
from aerchive.models.catalogue import now
from aerchive.models.labels import Author
from aerchive.models.run import RunRecord
from aerchive.project.author import author
from aerchive.project.catalogue import Catalogue
from aerchive.project.commit import Written, write_drafts
from aerchive.project.draft import RunDraft
from aerchive.project.record import read_record
from aerchive.project.unfinished import lost_draft
from aerchive.storage.file import ProjectFile, WriteSession
from aerchive.storage.names import prefix_beside
from aerchive.storage.nodes import ObjectDraft
from aerchive.storage.reader import HDF5Group
from aerchive.storage.spool import Spool, spool_of
from aerchive.storage.spool_file import WAITING
from aerchive.storage.spool_group import RunHead, SpooledRun, SpoolSession
from aerchive.storage.spool_reader import Life, SpoolContent, Submission, remove_spool, spool_contents, taken_over

logger = logging.getLogger("aerchive")

_IMPATIENT_S = 1.0
"""How long to wait for a program that has let us wait in vain already."""
_TOGETHER = 256
"""So many runs are moved in one commit."""
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
        """What all spools of the project hold, those of this process last; each problem is logged once."""
        mine = [content for prefix in self._prefixes for content in spool_of(prefix).contents()]
        others = spool_contents(self._prefixes, {str(content.path) for content in mine})
        for content in others:
            for problem in content.problems:
                self._tell(problem)
        return others + mine

    def runs(self) -> list[SpooledRun]:
        """All finished runs that are in a spool, those of this process last."""
        return [run for content in self.contents() for run in content.runs]

    def verify(self) -> tuple[int, list[str]]:
        """Looks at every byte of the runs in spools.

        Returns:
            How many runs there are, and what is damaged or belongs to another project, in words.
        """
        uuid = self._file.peek_uuid()
        number, problems = 0, list[str]()
        for content in self.contents():
            problems += content.problems
            problems += sorted({self._foreign(run) for run in content.runs if self._is_foreign(run, uuid)})
            number += len(content.runs)
            for run in content.runs:
                with contextlib.suppress(NotFoundError):  # it was moved meanwhile
                    problems += _run_problems(run)
        return number, problems

    def paths(self) -> list[Path]:
        """The spool files that hold finished runs."""
        return sorted({Path(run.path) for run in self.runs()})

    @property
    def may_bring_back(self) -> bool:
        """Whether a spool file could bring back a run that was deleted, so that its deletion must be remembered."""
        return bool(self.runs())

    def record_of(self, run: SpooledRun) -> RunRecord | None:
        """The documents of a run in a spool; ``None`` if it cannot be read, which is logged."""
        key = run.path, run.offset
        if key not in self._records:
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
            self._records[key] = record
        return self._records[key]

    def _tell(self, problem: str) -> None:
        if problem not in self._told:
            self._told.add(problem)
            logger.warning("%s", problem)

    def _is_foreign(self, run: SpooledRun, uuid: str | None) -> bool:
        return bool(run.head.project) and uuid is not None and run.head.project != uuid

    def _foreign(self, run: SpooledRun) -> str:
        return f"{run.path}: holds runs of another project, which was at {self._file.path} before"

    # -- keeping

    def keep(self, draft: RunDraft, *, is_held: bool, min_free_bytes: int = 0, fallback: bool = False) -> SpooledRun:
        """Writes a run into the spool of this process.

        Args:
            draft: The run.
            is_held: Whether it must be durable there.
            min_free_bytes: What must stay free on the disk.
            fallback: Whether it goes to the folder of the settings, and not beside the project.

        Raises:
            OSError: The disk or folder did not take it.
        """
        prefix = self._prefixes[1 if fallback else 0]
        if fallback:
            os.makedirs(os.path.dirname(prefix), exist_ok=True)
        spool = spool_of(prefix)
        by = author()
        project = (self._file.peek_uuid() or "") if is_held else ""
        head = RunHead(
            draft.job_id, draft.run_uuid, draft.created, draft.nbytes, draft.is_bare, by.when, by.who, project
        )
        run = spool.keep(draft.to_group(), head, min_free_bytes)
        return spool.hold([run])[0] if is_held else run

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
        with self._file.write(now(), timeout_s) as session, self.drafts(runs) as drafts:
            return self.write_into(session, runs, drafts)

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
        written = write_drafts(session, [draft for _, draft in wanted], authors=authors, keeps_conflicts=True)
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

    def move(self, timeout_s: float | None = None) -> None:
        """Moves all runs that may be moved into the project; what cannot be moved is logged, and tried again later.

        Args:
            timeout_s: How long to wait for the project, in seconds; by default as long as always.

        Raises:
            ProjectLockedError: Another program kept the project; the other runs are where they were.
        """
        uuid: str | None = None
        for content in self.contents():
            if content.life is not Life.DEAD and not content.is_movable:
                continue
            uuid = uuid or self._file.peek_uuid()
            wanted = [run for run in content.runs if content.may_move(run) and not self._is_foreign(run, uuid)]
            lost = content.jobs if content.life is Life.DEAD else ()
            with taken_over(content) as is_ours:
                if is_ours:
                    self._move_file(content, wanted, lost, timeout_s)

    def _move_file(
        self, content: SpoolContent, wanted: Sequence[SpooledRun], lost: Sequence[Submission], timeout_s: float | None
    ) -> None:
        """Moves what is in the file of another process, and removes the file if that process is dead."""
        new = [run for run in wanted if (run.path, run.offset) not in self._moved]
        drafts = [lost_draft(job, content) for job in lost]
        is_done = self._move(new, drafts, timeout_s)
        if content.life is not Life.DEAD or not is_done or len(wanted) < len(content.runs) or content.problems:
            return
        try:
            remove_spool(content)
        except OSError as error:  # as in a folder where only the owner of a file may remove it: its runs are recognised
            self._tell(
                f"{content.path}: what was in it is in {self._file.path}; it cannot be removed: {error.strerror}"
            )

    def _move(self, runs: Sequence[SpooledRun], lost: Sequence[RunDraft], timeout_s: float | None) -> bool:
        """Moves runs of one file, and notes jobs that were lost; returns whether all is in the project."""
        runs = [run for run in runs if (run.path, run.offset) not in self._damaged]
        is_done = True
        try:
            for first in range(0, len(runs), _TOGETHER):
                is_done &= self._move_some(runs[first : first + _TOGETHER], timeout_s)
            if lost:
                with self._file.write(now(), timeout_s) as session:
                    write_drafts(session, _unknown(session, lost), keeps_conflicts=True)
        except ProjectLockedError:
            raise
        except (AerchiveError, OSError) as error:
            self._tell(f"{self._file.path}: runs that wait beside it are not in it yet: {error}")
            return False
        return is_done

    def _move_some(self, runs: Sequence[SpooledRun], timeout_s: float | None) -> bool:
        """Moves runs together, or, if one of them is damaged, all the others."""
        try:
            self.commit(runs, timeout_s)
        except NotFoundError:  # another process has moved them
            return True
        except FormatError as error:
            if len(runs) > 1:
                moved = [self._move_some([run], timeout_s) for run in runs]
                return all(moved)
            if runs[0].path not in str(error):  # the project itself is damaged
                raise
            self._damaged.add((runs[0].path, runs[0].offset))
            self._tell(f"run {runs[0].head.job_id} stays in its spool: {error}")
            return False
        self._moved.update((run.path, run.offset) for run in runs)
        self.done(runs)
        return True


def _unknown(session: WriteSession, lost: Sequence[RunDraft]) -> list[RunDraft]:
    """Lost jobs that the project does not know, not even as deleted ones."""
    known = Catalogue(session)
    gone = known.deleted_ids()
    return [draft for draft in lost if known.key(draft.job_id) not in gone]


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
