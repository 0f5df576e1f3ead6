"""Looking after a project: deleting and bringing back, verifying, copying, compacting, recovering."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from aerchive.errors import NotFoundError, ProjectLockedError, TransactionError
from aerchive.models.catalogue import now
from aerchive.project.commit import delete_runs, restore_run
from aerchive.project.compact import CompactReport, compact
from aerchive.project.rebuild import RebuildReport, rebuild_catalogue
from aerchive.project.retention import CleanReport, RetentionRule
from aerchive.project.searching import Searching
from aerchive.project.space import SpaceReport, survey_space
from aerchive.project.verify import Progress, VerifyReport, verify
from aerchive.project.waiting import adopt_left_behind
from aerchive.storage.border import hdf5_errors
from aerchive.storage.file import WriteSession
from aerchive.storage.replacing import left_over_bytes, remove_left_over
from aerchive.storage.waiting_file import waiting_paths


class Upkeep(Searching):
    """What a project has for its own care."""

    def delete_job(self, job_id: str) -> None:
        """Takes a job out of the project, that of a primitive with the jobs beneath it.

        Its bytes stay in the file, among the deleted ones, until the project is compacted; until then `restore` brings
        it back. Of a lost run of which only a trace is left, the trace goes.

        Args:
            job_id: The whole id.

        Raises:
            NotFoundError: There is none in the project; the message lists near ones.
            TransactionError: It is still running.
            ProjectLockedError: Another program keeps the file locked.
            ReadOnlyError: The project is open for reading.
        """
        self.delete_jobs([job_id])

    def delete_jobs(self, job_ids: Sequence[str]) -> None:
        """Takes jobs out of the project as `delete_job` does, all in one commit.

        Args:
            job_ids: The whole ids. If one of them cannot be deleted, none is.

        Raises:
            AerchiveError: As `delete_job` does.
        """
        self._check_writable()
        self.flush()
        self._merge()
        wanted = dict.fromkeys(job_ids)
        lost = {s.job_id for s in self.submissions.open_jobs() if s.job_id in wanted and not s.alive}
        elsewhere = [job_id for job_id in wanted if job_id not in lost]
        try:
            if wanted and self.file.exists():
                beneath = [run.job_id for run in self.find(parent__in=set(wanted)) if run.durable]
                with self.file.write(now()) as session, hdf5_errors(str(self.path)):
                    elsewhere = [job_id for job_id in delete_runs(session, wanted) if job_id not in lost]
                    delete_runs(session, (job_id for job_id in beneath if job_id not in wanted))
                    if elsewhere:
                        raise NotFoundError(f"{self.path}: no run with id {elsewhere[0]!r}")
        except NotFoundError:
            if not elsewhere:
                raise
        if elsewhere:
            self._delete_pending(elsewhere)
            self.delete_jobs([job_id for job_id in wanted if job_id not in elsewhere])
        self.submissions.forget(sorted(lost))

    def _delete_pending(self, job_ids: Sequence[str]) -> None:
        """Deletes runs from pending files that could not be merged, or says why runs cannot be deleted."""
        runs = [self[job_id] for job_id in job_ids]  # raises what is to be said of an id that nothing has
        for run, job_id in zip(runs, job_ids, strict=True):
            if run.job_id != job_id:
                raise NotFoundError(f"{self.path}: no run with id {job_id!r}; give the whole id, {run.job_id!r}")
            if run.outcome == "running":
                raise TransactionError(f"{self.path}: job {job_id} is still running; delete it when it has finished")
        for run in runs:
            if run.pending:
                with run.place.file.write(now()) as session, hdf5_errors(str(run.place.file.path)):
                    delete_runs(session, [run.job_id])

    def restore(self, job_id: str) -> list[str]:
        """Brings a deleted job back, that of a primitive with the jobs beneath it.

        Args:
            job_id: The whole id.

        Returns:
            The ids of all that are back.

        Raises:
            NotFoundError: None was deleted, or its bytes are gone since the project was compacted.
            AlreadyExistsError: There is one with this id.
            ReadOnlyError: The project is open for reading.
        """
        self._check_writable()
        self.flush()
        self._merge()
        with self.file.write(now()) as session, hdf5_errors(str(self.path)):
            return restore_run(session, job_id)

    def clean(
        self,
        *,
        older_than: datetime.timedelta | datetime.datetime | str | None = None,
        larger_than: int | str | None = None,
        outcome: str | Sequence[str] | None = None,
        keep_tagged: bool = False,
        keep: int | None = None,
        dry_run: bool = False,
    ) -> CleanReport:
        """Deletes the runs that meet all conditions and are not kept, in one commit.

        A run of a primitive counts, and goes, together with the simulations beneath it; running ones stay. The space
        comes back with `compact`, and until then `restore` brings runs back.

        Args:
            older_than: Submitted longer ago than this (``"30d"``; also ``min``, ``h``, ``w``, ``y``), or before this
                time.
            larger_than: With more bytes of values than this, before compression; a number, or text such as
                ``"1 GiB"``.
            outcome: With this outcome, or one of these.
            keep_tagged: Whether runs that have tags stay.
            keep: So many of the newest runs stay.
            dry_run: Whether to delete nothing, and only say what would be.

        Returns:
            What was deleted.

        Raises:
            InvalidInputError: No condition is given, or one cannot be used.
            ReadOnlyError: The project is open for reading.
        """
        rule = RetentionRule.checked(
            older_than=older_than, larger_than=larger_than, outcome=outcome, keep_tagged=keep_tagged, keep=keep
        )
        if not dry_run:
            self._check_writable()
            self.flush()
            self._merge()
        report = CleanReport.of(str(self.path), *rule.choose(self.find, self.catalogue()), dry_run=dry_run)
        if not dry_run:
            self.delete_jobs([run.job_id for run in report.runs])
        return report

    def verify(self, progress: Progress | None = None) -> VerifyReport:
        """Looks at every byte that a read can return: chunks, documents, shared objects, catalogue.

        The file is read run by run and chunk by chunk, on all processors, and it is not locked while chunks are read:
        others may write meanwhile, and memory holds a few chunks, whatever the states.

        Args:
            progress: Called with the work done and all of it, in bytes of payload before compression.

        Returns:
            A report with ``ok`` and ``problems``, each of which names the file and the node.

        Raises:
            FormatError: The file cannot be opened at all.
        """
        report = verify(self.file, progress)
        survey = self._pending.survey()
        for file in survey.files:
            with contextlib.suppress(NotFoundError):  # merged meanwhile
                report += verify(file)
        report.problems.extend(survey.problems.values())
        return report

    def copy(self, target: str | os.PathLike[str], progress: Progress | None = None) -> Self:
        """Copies the project as it is now, pending runs included.

        The file is locked for reading meanwhile, so the copy is one state of it. ``cp`` in the middle of a commit may
        take half of one state and half of another. On file systems that can share blocks (Btrfs, XFS) it takes
        milliseconds.

        Args:
            target: The new file, or an existing folder to put it in.
            progress: Called with the bytes done and all of them.

        Returns:
            The copy.

        Raises:
            AlreadyExistsError: There is such a file; it is not touched.
            NotFoundError: There is no project, or no such folder.
            ReadOnlyError: This user may not write there.
            WriteError: The disk is full or failed; there is no new file.
        """
        path = Path(os.path.realpath(target))
        if path.is_dir():
            path /= self.path.name
        return type(self)(
            self.file.copy(path, progress, self._pending_for_copy), "a", self.bridge, self.durability, self._compression
        )

    def _pending_for_copy(self) -> Callable[[WriteSession], None] | None:
        survey = self._pending.survey()
        for problem in survey.problems.values():
            raise ProjectLockedError(f"{self.path}: not copied, for runs of it would be missing: {problem}")
        return (lambda session: self._pending.adopt_into(session, survey.files)) if survey.files else None

    def rebuild_catalogue(self, progress: Progress | None = None) -> RebuildReport:
        """Makes the catalogue anew from the runs, in one commit: for when it is damaged, or `verify` says it differs.

        Every run's documents are read meanwhile, and nobody else can write: a millisecond or two a run.

        Args:
            progress: Called with the runs done and all of them.

        Returns:
            A report with ``runs``, ``changed`` and ``problems``.

        Raises:
            NotFoundError: There is no project.
            ReadOnlyError: The file may not be written.
            WriteError: The disk failed; the catalogue is as it was.
        """
        self._check_writable()
        if not self.file.exists():
            raise NotFoundError(f"{self.path}: no such project")
        with self.file.write(now()) as session:
            return rebuild_catalogue(session, progress)

    def compact(self, progress: Progress | None = None, *, dry_run: bool = False, force: bool = False) -> CompactReport:
        """Gives back the space of what was deleted or replaced: a new file takes the place of the old one.

        Nothing is compressed anew, and what is copied is verified before the old file goes. Others may read and write
        meanwhile; only at the end writers wait a little. Open runs and arrays go on working. Whenever it is stopped,
        the file is the old one or the new one.

        If nothing was deleted or replaced, and less than 1 MiB and less than a hundredth of the file would come back,
        nothing is done, and the report says so.

        Args:
            progress: Called with the work done and all of it, in bytes of payload before compression.
            dry_run: Whether only to say what would be given back; the file is only read.
            force: Whether to compact also where it is not worth it.

        Returns:
            Sizes before and after, and whether it was ``done``.

        Raises:
            NotFoundError: There is no project.
            IntegrityError: Something in the project is damaged; nothing was changed.
            ProjectLockedError: Another program keeps the file locked, or compacts it.
            ReadOnlyError: This user may not make such a file in the folder, or the project is open for reading.
            WriteError: There is not enough room, the disk failed, or the file has several names; nothing was changed.
        """
        if not dry_run:
            self._check_writable()
            self.flush()
            if self.file.exists():
                self._merge()
        keeps_tombstones = lambda: bool(self._pending.paths() or waiting_paths(self.path))  # noqa: E731
        return compact(self.file, progress, keeps_tombstones, dry_run=dry_run, force=force)

    def space(self, progress: Progress | None = None) -> SpaceReport:
        """Measures what takes the space of the file: each run, each kind of value, what is deleted, what is unused.

        Headers are read, values are not; others may write meanwhile.

        Args:
            progress: Called with the groups looked at and all of them.

        Returns:
            A report that prints as tables.

        Raises:
            NotFoundError: There is no project.
            IntegrityError: The file is damaged.
        """
        beside = left_over_bytes(self.path)
        for path in (*self._pending.paths(), *waiting_paths(self.path)):
            with contextlib.suppress(OSError):  # merged meanwhile
                beside += path.stat().st_size
        return survey_space(self.file, progress, beside)

    def recover(self) -> bool:
        """Completes a commit that a crash interrupted, and merges pending files; every save does so by itself.

        Also removes what an interrupted compaction left beside the project.

        Returns:
            Whether there was one.

        Raises:
            WriteError: The disk failed.
            ReadOnlyError: The file may not be written.
        """
        self._check_writable()
        if not self.file.exists():
            adopt_left_behind(self.file)
        found = self.file.recover()
        self._merge()
        remove_left_over(self.path)
        return found
