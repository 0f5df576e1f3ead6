"""Merging: a project gets all that another project has and it lacks; decision 0041.

The runs of the other project are read in batches, and each batch is one commit. A merge that was stopped, or whose
process was killed, goes on when it is called again, because a run that is here already is recognised by its UUID and
its seal. Chunks are copied as they are.
"""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Callable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import (
    FormatError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    ProjectLockedError,
    TransactionError,
    UnsafeContentError,
)
from aerchive.project.care.foreign import is_trusted
from aerchive.project.care.verify import LINKED, MUTABLE, Progress
from aerchive.project.catalogue.deletions import add_deletions, read_deletions, united
from aerchive.project.catalogue.table import Catalogue, present, run_path, whole_id
from aerchive.project.parts import ProjectParts
from aerchive.project.sharing.attachments import Attached, attached, unite_attachments
from aerchive.project.sharing.one_run import Incoming, RunMerger
from aerchive.project.sharing.report import MergeReport, Tally
from aerchive.project.sharing.target import KnownRuns
from aerchive.project.spooling.spools import Spools
from aerchive.project.writing.runs import delete_runs
from aerchive.settings import load_settings
from aerchive.storage.chunks.drafts import ObjectDraft
from aerchive.storage.file import ProjectFile
from aerchive.storage.hdf5.cached_group import CachedGroup, Folders
from aerchive.storage.hdf5.objects import LinkedObjects
from aerchive.storage.hdf5.verify import GroupVerifier, chunk_problems
from aerchive.storage.medium import known_files
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.sessions import ReadSession, WriteSession
from aerchive.threads import processors
from aerchive.times import now

_TOGETHER = 512
"""Number of runs in one commit, at most."""
_TOGETHER_BYTES = 256 * 1024 * 1024
"""Size of the payload of the runs in one commit, before compression; a single run may be larger."""
_PATIENCE_S = 0.5
"""Seconds to wait for one project while the other one is locked. Then both are free again for a moment, so that two
merges in opposite directions do not wait for each other."""


class _Undone(Exception):
    """Ends a commit that shall change nothing."""


class _BadRun(Exception):
    """A run of the other project that cannot be merged; the batch is written again without it."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(problem)
        self.path = path


def merge(
    parts: ProjectParts,
    other: ProjectFile,
    progress: Progress | None,
    *,
    dry_run: bool,
    job_ids: Set[str] | None = None,
) -> MergeReport:
    """Merges another project into a project; see `aerchive.Project.merge`.

    Args:
        parts: The shared state of the project.
        other: The file of the other project.
        progress: A function that is called with the work done and the total work.
        dry_run: Whether to change nothing, and only say what would be changed.
        job_ids: Job ids of the only runs that are merged; ``None``: all.
    """
    if not other.exists():
        raise NotFoundError(f"{other.path}: no such project, so it cannot be merged")
    if parts.file.exists() and os.path.samefile(parts.path, other.path):
        raise InvalidInputError(f"{other.path}: is the project itself; name another one to merge into it")
    if parts.waiting is not None:
        raise TransactionError(
            f"{parts.path}: a transaction is open, and a merge makes commits of its own; end it first"
        )
    if not dry_run:
        parts.prepare_change()
    return _Merge(parts, other, progress, dry_run=dry_run, job_ids=job_ids).run()


class _Merge:
    """One merge.

    Args:
        parts: As for `merge`.
        other: As for `merge`.
        progress: As for `merge`.
        dry_run: As for `merge`.
        job_ids: As for `merge`.
    """

    def __init__(
        self,
        parts: ProjectParts,
        other: ProjectFile,
        progress: Progress | None,
        *,
        dry_run: bool,
        job_ids: Set[str] | None,
    ) -> None:
        self._parts = parts
        self._file = parts.file
        self._other = other
        self._progress = progress
        self._dry_run = dry_run
        self._job_ids = job_ids
        self._tally = Tally()
        self._bad: dict[str, str] = {}
        """Problems of runs that cannot be merged, by path in the other project."""
        self._is_foreign = load_settings().vet != "off" and not is_trusted(other)
        self._pool = ThreadPoolExecutor(processors(), thread_name_prefix="aerchive-merge")

    def run(self) -> MergeReport:
        """Merges everything, and makes the report."""
        with self._other.read() as session:
            rows = self._asked(session)
            theirs = read_deletions(session)
            has_attachments = layout.ATTACHMENTS in session.root
        total, done = int(rows["nbytes"].sum()) + len(rows), 0
        with self._pool:
            if theirs or has_attachments:
                self._tally.take(self._united_beside())
            for some in _batches(rows):
                self._batch(some)
                done += int(some["nbytes"].sum()) + len(some)
                if self._progress is not None:
                    self._progress(done, total)
        tally = self._tally
        return MergeReport(
            str(self._file.path),
            str(self._other.path),
            **tally.numbers,
            conflicts=tally.conflicts,
            problems=[*tally.problems, *self._bad.values()],
            notes=self._notes(),
            dry_run=self._dry_run,
        )

    def _asked(self, session: ReadSession) -> NDArray[Any]:
        """The rows of the runs that are to be merged; what the other project gets later is not merged this time."""
        rows = present(Catalogue(session).rows())
        if self._job_ids is None:
            return rows
        wanted = [number for number, row in enumerate(rows) if whole_id(session, row) in self._job_ids]
        return rows[np.array(wanted, np.intp)]

    def _notes(self) -> list[str]:
        notes = []
        waiting = {run.path for run in Spools(self._other, None).runs() if run.is_held}
        if waiting:
            notes.append(
                f"runs in {', '.join(sorted(waiting))} wait to be moved into {self._other.path}, and were not merged; "
                f"call 'aerchive recover {self._other.path}', then merge again"
            )
        if self._is_foreign and any(self._tally.numbers.get(name) for name in ("added", "united", "filled")):
            notes.append(
                f"{self._other.path} is from elsewhere, so this project counts as from elsewhere, too, until you have "
                f"looked at it and called 'aerchive trust {self._file.path}'"
            )
        return notes

    # -- commits

    def _united_beside(self) -> Tally:
        """Merges what is beside the runs; without the attachments of the other project if these are damaged."""
        try:
            return self._commit(lambda source, out: self._beside(source, out, self._attached(source)))
        except (FormatError, UnsafeContentError) as error:
            if not str(error).startswith(f"{self._other.path}: /{layout.ATTACHMENTS}"):
                raise
            tally = self._commit(lambda source, out: self._beside(source, out, None))
            tally.problems.append(f"{error}; the attachments of the project itself are not merged")
            return tally

    def _attached(self, source: ReadSession) -> list[Attached]:
        """The attachments of the other project itself, each verified if that is from elsewhere."""
        if self._is_foreign and layout.ATTACHMENTS in source.root:
            verifier = GroupVerifier(source.root.group(layout.ATTACHMENTS), layout.ATTACHMENTS, source.root)
            self._refuse(source, verifier, verifier.attachment_problems())
        return attached(source.root)

    def _batch(self, rows: NDArray[np.void]) -> None:
        """Merges some runs in one commit; without those that turn out to be damaged."""
        while True:
            wanted = [row for row in rows if run_path(row) not in self._bad]
            try:
                tally = self._commit(lambda source, out: self._write(source, out, wanted))  # noqa: B023
            except _BadRun as bad:
                self._bad[bad.path] = str(bad)
            else:
                self._tally.take(tally)
                return

    def _commit(self, work: Callable[[ReadSession, WriteSession], Tally]) -> Tally:
        """Makes one commit with the other project open for reading."""
        end = time.monotonic() + self._file.lock_timeout_s
        while True:
            left = end - time.monotonic()
            patience = max(0.0, min(_PATIENCE_S, left)) if left > 0 else 0.0
            try:
                with self._other.read() as source:
                    return self._one_commit(source, work, patience)
            except ProjectLockedError:
                if left <= 0:
                    raise
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311  (not for secrets)
            check_interrupt()

    def _one_commit(
        self, source: ReadSession, work: Callable[[ReadSession, WriteSession], Tally], patience_s: float
    ) -> Tally:
        tallies: list[Tally] = []

        def act(out: WriteSession) -> None:
            tally = work(source, out)
            tallies.append(tally)
            if self._dry_run or not tally.is_changed:
                raise _Undone
            if self._is_foreign:
                self._note_foreign(out)

        with contextlib.suppress(_Undone):
            self._file.commit(act, now(), patience_s)
        return tallies[-1]

    def _note_foreign(self, out: WriteSession) -> None:
        """Notes that the project has content of a file that this user does not trust, before that is committed."""
        uuid = str(out.root.attribute("project_uuid"))
        known_files.keep(out.root.fd, str(self._file.path), "vetted", uuid)

    # -- what is written

    def _beside(self, source: ReadSession, out: WriteSession, there: list[Attached] | None) -> Tally:
        """Unites what was deleted, and the attachments of the projects themselves, if those of the other are given."""
        tally = Tally()
        theirs, ours = read_deletions(source), read_deletions(out)
        both = united(ours, theirs)
        known = KnownRuns(out)
        doomed = [
            whole_id(out, run.row)
            for uuid, one in both.items()
            if one.is_deleted and (run := known.with_uuid(uuid, one.created_us)) is not None
        ]
        new = {uuid: one for uuid, one in both.items() if ours.get(uuid) != one}
        delete_runs(out, doomed, notes=False)
        add_deletions(out, new)
        tally.add("deleted", len(doomed))
        tally.is_changed = bool(new or doomed)
        if there is not None:
            tally.is_changed |= unite_attachments(out, "", attached(out.root), there, both, tally.conflicts)
        return tally

    def _write(self, source: ReadSession, out: WriteSession, rows: list[np.void]) -> Tally:
        tally = Tally()
        known, folders = KnownRuns(out), Folders(source.root)
        deletions = united(read_deletions(out), read_deletions(source))
        merger = RunMerger(out, known, deletions, tally, str(self._other.path))
        objects: dict[str, ObjectDraft] = {}
        linked = LinkedObjects()
        for row in rows:
            check_interrupt()
            path = run_path(row)
            try:
                group = folders.group(path)
                merger.take(Incoming(group, row, objects, lambda group: self._check(source, group, linked)))
            except NotFoundError:  # deleted there meanwhile, or replaced; the next merge sees that
                continue
            except (FormatError, UnsafeContentError) as error:
                if str(error).startswith(f"{self._file.path}: "):  # it is this project that is damaged
                    raise
                raise _BadRun(path, f"{error}; not merged") from error
        merger.finish()
        return tally

    def _check(self, source: ReadSession, group: CachedGroup, linked: LinkedObjects) -> None:
        """Verifies every byte of a run of a file from elsewhere before it is written into this user's project.

        Raises:
            IntegrityError: The run is not what its digests say.
        """
        if not self._is_foreign:
            return
        verifier = GroupVerifier(group, str(group.run_uuid()), source.root, linked)
        self._refuse(source, verifier, verifier.problems(MUTABLE, LINKED))

    def _refuse(self, source: ReadSession, verifier: GroupVerifier, problems: list[str]) -> None:
        problems = [*problems, *filter(None, chunk_problems(verifier.chunks, source.fd, self._pool))]
        if problems:
            raise IntegrityError(problems[0])


def _batches(rows: NDArray[np.void]) -> Iterator[NDArray[np.void]]:
    """Divides rows into batches of a bounded number of runs and of bytes."""
    first = nbytes = 0
    for number, size in enumerate(rows["nbytes"].tolist()):
        if number > first and (number - first >= _TOGETHER or nbytes + size > _TOGETHER_BYTES):
            yield rows[first:number]
            first, nbytes = number, 0
        nbytes += size
    if first < len(rows):
        yield rows[first:]
