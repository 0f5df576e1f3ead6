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
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from aerchive import layout
from aerchive.errors import AerchiveError, NotFoundError
from aerchive.models.labels import Author
from aerchive.models.run import RunRecord
from aerchive.project.documents.draft import RunDraft
from aerchive.project.documents.record import read_record
from aerchive.storage.chunks.drafts import ObjectDraft
from aerchive.storage.file import ProjectFile
from aerchive.storage.medium.names import prefix_beside
from aerchive.storage.spools.contents import SpoolContent, spool_contents
from aerchive.storage.spools.records import WAITING, pending_path
from aerchive.storage.spools.run_group import RunHead, SpooledRun, SpoolSession
from aerchive.storage.spools.spool import Spool, spool_of

logger = logging.getLogger("aerchive")

_MOST_RECORDS = 20_000
"""Number of records of runs in spools that are kept in memory for the next listing, at most."""
Key = tuple[str, int]
"""The place of a run in a spool: path of the file, and offset of the run's record in bytes."""


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

    @property
    def own(self) -> Spool:
        """The spool of this process beside the project."""
        return spool_of(self._prefixes[0])

    # -- looking

    def contents(self) -> list[SpoolContent]:
        """Reads what all spools of the project hold, those of this process last; each problem is logged once.

        Runs of another project, which had the same path before, are reported as a problem.
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
                self.tell(problem)
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
        """Checks every byte of the runs in spools.

        Returns:
            The number of runs, and descriptions of what is damaged or belongs to another project.
        """
        number, problems = 0, list[str]()
        for content in self.contents():
            problems += content.problems
            number += len(content.runs)
            for run in content.runs:
                with contextlib.suppress(NotFoundError):  # it was moved meanwhile
                    problems += _run_problems(run)
        return number, problems

    def nbytes(self) -> int:
        """Size of the spool files of all processes, in bytes."""
        total = 0
        for content in self.contents():
            with contextlib.suppress(OSError):  # it was moved just now
                total += content.path.stat().st_size
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
            logger.warning("%s", problem)

    # -- keeping

    def keep(self, draft: RunDraft) -> SpooledRun:
        """Writes a run into the spool of this process, where it waits for a commit.

        Args:
            draft: The run.

        Raises:
            OSError: The run could not be written to the disk or folder.
        """
        return self.own.keep(draft.to_group(), _head(draft, project="", is_part=False), self._file.min_free_bytes)

    def hold(self, drafts: Sequence[RunDraft], *, is_fallback: bool = False) -> list[SpooledRun]:
        """Makes runs durable in the spool of this process, all of them or none.

        Args:
            drafts: The runs.
            is_fallback: Whether the runs go to the pending folder of the settings, and not beside the project.

        Raises:
            OSError: The runs could not be written to the disk or folder.
        """
        prefix = self._prefixes[1 if is_fallback else 0]
        if is_fallback:
            os.makedirs(os.path.dirname(prefix), exist_ok=True)
        spool, project = spool_of(prefix), self._file.peek_uuid() or ""
        runs: list[SpooledRun] = []
        try:
            for draft in drafts:
                head = _head(draft, project, is_part=len(drafts) > 1)
                first = runs[0] if runs else None
                runs.append(spool.keep(draft.to_group(), head, self._file.min_free_bytes, first))
            return spool.hold(runs)
        except BaseException:
            spool.done(runs)
            raise

    def done(self, runs: Sequence[SpooledRun]) -> None:
        """Notes that runs of this process are in the project."""
        for prefix in self._prefixes:
            spool_of(prefix).done(runs)


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
def drafts_of(runs: Sequence[SpooledRun]) -> Iterator[Iterable[RunDraft]]:
    """Makes drafts of runs in spools, each when the iteration reaches it; every spool file is opened once.

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
