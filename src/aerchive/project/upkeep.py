"""Looking after a project: deleting and bringing back, verifying, copying, compacting, recovering."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Self

from aerchive.errors import AerchiveError, NotFoundError, TransactionError
from aerchive.models.catalogue import now
from aerchive.paths import local_path
from aerchive.project.arguments import checked
from aerchive.project.commit import delete_runs, restore_run
from aerchive.project.compact import CompactReport, compact
from aerchive.project.conflicts import conflict_note
from aerchive.project.rebuild import RebuildReport, rebuild_catalogue
from aerchive.project.retention import CleanReport, RetentionRule
from aerchive.project.run import Run
from aerchive.project.searching import Searching
from aerchive.project.space import SpaceReport, survey_space
from aerchive.project.unite import conflicts
from aerchive.project.verify import Progress, VerifyReport, verify
from aerchive.storage.file import WriteSession
from aerchive.storage.names import no_such_project
from aerchive.storage.temporary import remove_left_over, temporary_bytes


class Upkeep(Searching):
    """What a project has for its own care."""

    def delete_job(self, job_id: str | Run) -> None:
        """Takes a job out of the project, that of a primitive with the jobs beneath it.

        Its bytes stay in the file, among the deleted ones, until the project is compacted; until then `restore` brings
        it back. Of a lost run of which only a trace is left, the trace goes.

        Args:
            job_id: The whole id, or the run.

        Raises:
            NotFoundError: There is none in the project; the message lists near ones.
            TransactionError: It is still running.
            ProjectLockedError: Another program keeps the file locked.
            ReadOnlyError: The project is open for reading.
        """
        self.delete_jobs([self.job_id_of("job_id", job_id)])

    def delete_jobs(self, job_ids: Iterable[str | Run] | str | Run) -> None:
        """Takes jobs out of the project as `delete_job` does, all in one commit.

        Args:
            job_ids: The whole ids, or the runs; one may be given alone. If one of them cannot be deleted, none is.

        Raises:
            AerchiveError: As `delete_job` does.
        """
        wanted = dict.fromkeys(self.job_ids_of("job_ids", job_ids))
        self._check_writable()
        self.flush()
        self._move_spooled()
        for run in [self[job_id] for job_id in wanted]:  # raises what is to be said of an id that no run has
            if run.job_id not in wanted:
                raise NotFoundError(f"{self.path}: no run with id of that beginning; give the whole id, {run.job_id!r}")
            if run.outcome == "running":
                raise TransactionError(
                    f"{self.path}: job {run.job_id} is still running; delete it when it has finished"
                )
            if run.place.path is None:
                raise TransactionError(
                    f"{self.path}: run {run.job_id} is in a spool beside the project; delete it once it is in its project"
                )
        if not wanted:
            return
        beneath = [run.job_id for run in self.find(parent__in=set(wanted)) if run.place.path is not None]
        with self.file.write(now()) as session:
            missing = delete_runs(session, dict.fromkeys([*wanted, *beneath]))
            if missing and not set(missing).isdisjoint(wanted):
                raise NotFoundError(f"{self.path}: no run with id {missing[0]!r}")

    def restore(self, job_id: str | Run) -> list[str]:
        """Brings a deleted job back, that of a primitive with the jobs beneath it.

        Args:
            job_id: The whole id, or the run as it was before it was deleted.

        Returns:
            The ids of all that are back.

        Raises:
            NotFoundError: None was deleted, or its bytes are gone since the project was compacted.
            AlreadyExistsError: There is one with this id.
            ReadOnlyError: The project is open for reading.
        """
        wanted = self.job_id_of("job_id", job_id)
        self._check_writable()
        self.flush()
        self._move_spooled()
        return self.file.commit(lambda session: restore_run(session, wanted), now())

    @checked
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
            self._move_spooled()
        report = CleanReport.of(str(self.path), *rule.choose(self.find, self.catalogue()), dry_run=dry_run)
        if not dry_run:
            self.delete_jobs([run.job_id for run in report.runs])
        return report

    @checked
    def verify(self, progress: Progress | None = None) -> VerifyReport:
        """Looks at every byte that a read can return: chunks, documents, shared objects, catalogue.

        The file is read run by run and chunk by chunk, on all processors, and it is not locked while chunks are read:
        others may write meanwhile, and memory holds a few chunks, whatever the states.

        Args:
            progress: Called with the work done and all of it, in bytes of payload before compression.

        Returns:
            A report with ``ok`` and ``problems``, each of which names the file and the node. Its ``notes`` name
            conflict copies beside the project, which are no damage of it: all that is in it can be read.

        Raises:
            FormatError: The file cannot be opened at all.
        """
        report = verify(self.file, progress)
        number, problems = self.spools.verify()
        with (
            contextlib.suppress(AerchiveError),
            self.file.read() as session,
        ):  # else it is a problem that was told already
            problems += conflicts(session)
        report += VerifyReport(str(self.path), number, 0, problems)
        note = conflict_note(self.file)
        report.notes.extend([] if note is None else [note])
        return report

    @checked
    def copy(self, target: str | os.PathLike[str], progress: Progress | None = None) -> Self:
        """Copies the project as it is now, pending runs included, and deleted ones.

        Before a project is given away, compact the copy: deleted runs, which `restore` would bring back from it, and
        labels as they were before are in it until then (`SpaceReport.deleted_runs` says how many runs).

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
            InvalidInputError: The target is a URL.
            NotFoundError: There is no project, or no such folder.
            ReadOnlyError: This user may not write there.
            WriteError: The disk is full or failed; there is no new file.
        """
        path = Path(os.path.realpath(local_path(target)))
        if os.path.isdir(path):  # false also for a name that is too long
            path /= self.path.name
        self.flush()
        file = self.file.copy(path, progress, self._write_spooled)
        return type(self)(file, "a", self.bridge, self.durability, self._compression, self.pending_folder)

    def _write_spooled(self) -> Callable[[WriteSession], None] | None:
        """What brings the runs in spools into a copy of the project, if there are any."""
        runs = self.spools.runs()

        def write(session: WriteSession) -> None:
            with self.spools.drafts(runs) as drafts:
                self.spools.write_into(session, runs, drafts)

        return write if runs else None

    @checked
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
        return self.file.commit(lambda session: self._rebuild(session, progress), now())

    def _rebuild(self, session: WriteSession, progress: Progress | None) -> RebuildReport:
        if not self.path.exists():  # nor is it made for this: it has no name before the session ends
            raise no_such_project(self.path)
        return rebuild_catalogue(session, progress)

    @checked
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
                self._move_spooled()
        return compact(self.file, progress, lambda: self.spools.may_bring_back, dry_run=dry_run, force=force)

    @checked
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
        beside = temporary_bytes(self.path)
        for path in self.spools.paths():
            with contextlib.suppress(OSError):  # merged meanwhile
                beside += path.stat().st_size
        return survey_space(self.file, progress, beside)

    def recover(self) -> bool:
        """Completes a commit that a crash interrupted, and merges pending files; every save does so by itself.

        Also removes what processes left beside the project that died while they made or compacted it.

        Returns:
            Whether there was one.

        Raises:
            WriteError: The disk failed.
            ReadOnlyError: The file may not be written.
        """
        self._check_writable()
        if not self.file.exists():
            self._move_spooled()
        found = self.file.recover()
        self._move_spooled()
        remove_left_over(self.path)
        return found
