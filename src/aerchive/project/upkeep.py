"""Looking after a project: deleting and bringing back, verifying, copying, compacting, recovering."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Self, TypeVar

from aerchive.errors import AerchiveError, NotFoundError, TransactionError
from aerchive.models.catalogue import now
from aerchive.paths import local_path
from aerchive.project.arguments import checked
from aerchive.project.catalogue import not_found
from aerchive.project.commit import delete_runs, restore_run
from aerchive.project.compact import CompactReport, compact
from aerchive.project.conflicts import conflict_note
from aerchive.project.labelling import Labelling
from aerchive.project.listing import Listing
from aerchive.project.query import Condition
from aerchive.project.rebuild import RebuildReport, rebuild_catalogue
from aerchive.project.retention import CleanReport, RetentionRule, obstacle_to_deletion
from aerchive.project.run import Run
from aerchive.project.space import SpaceReport, survey_space
from aerchive.project.spool_mover import write_spooled
from aerchive.project.spools import drafts_of, is_gone
from aerchive.project.unite import conflicts
from aerchive.project.verify import Progress, VerifyReport, verify
from aerchive.storage.medium.names import no_such_project
from aerchive.storage.medium.temporary import remove_left_over, temporary_bytes
from aerchive.storage.sessions import WriteSession
from aerchive.storage.spools.run_group import SpooledRun

_T = TypeVar("_T")

_MOST_NAMED = 5
"""So many ids are named that begin like one that is not there."""


class Upkeep(Labelling):
    """What a project has for its own care."""

    def delete_job(self, job_id: str | Run) -> None:
        """Takes a job out of the project, that of a primitive with the jobs beneath it.

        Its bytes stay in the file, among the deleted ones, until the project is compacted; until then `restore` brings
        it back. A run that is damaged in a spool, and so cannot come into the project, goes for good.

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
            job_ids: The whole ids, or the runs; one may be given alone. If one of them is not there when the commit is
                made, or cannot be deleted, none is.

        Raises:
            InvalidInputError: One of them is not a job id.
            AerchiveError: As `delete_job` does.
        """
        wanted = frozenset(self.job_ids_of("job_ids", job_ids))
        if not wanted:
            return

        def choose(listing: Listing) -> tuple[list[SpooledRun], list[Run]]:
            runs = list(listing.runs(Condition("job_id", "in", wanted)))
            here = {run.job_id for run in runs if run.place.path is not None}
            stuck = {job_id: run for job_id, run in self.mover.stuck().items() if job_id in wanted - here}
            for job_id in sorted(wanted - {run.job_id for run in runs} - stuck.keys()):
                raise self._not_there(listing, job_id)
            for run in runs:
                if run.job_id not in stuck and (why := obstacle_to_deletion(run)):
                    raise TransactionError(f"{self.path}: job {run.job_id} {why}")
            beneath = listing.runs(Condition("parent", "in", wanted))
            return list(stuck.values()), [
                *runs,
                *(run for run in beneath if run.job_id not in wanted and not obstacle_to_deletion(run)),
            ]

        self.mover.give_up(self._delete(choose))

    def _delete(self, choose: Callable[[Listing], tuple[_T, list[Run]]]) -> _T:
        """Deletes runs that are chosen inside the commit: the project is locked from the choice to the deletion.

        Args:
            choose: Called with all runs that there are then; gives what to return, and the runs to delete.
        """
        self._check_writable()
        self.flush()
        self._move_spooled()
        if not self.file.exists():
            return choose(self._listing_of(None, self._outside()))[0]

        def delete(session: WriteSession) -> _T:
            with self.file.read_inside(session):
                answer, doomed = choose(self._listing_of(session, self._outside()))
            delete_runs(session, (run.job_id for run in doomed))
            return answer

        return self.file.commit(delete, now())

    def _not_there(self, listing: Listing, job_id: str) -> NotFoundError:
        matches = listing.beginning_with(job_id)
        if not len(listing) and not self.file.exists():
            return self._no_project_for(job_id)
        if not matches:
            return not_found(str(self.path), job_id, listing.near(job_id), len(listing))
        some = ", ".join(repr(run.job_id) for run in matches[:_MOST_NAMED])
        more = " ..." if len(matches) > _MOST_NAMED else ""
        return NotFoundError(f"{self.path}: no run with id {job_id!r}; give the whole id, {some}{more}")

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
        job_ids: str | Sequence[str] | None = None,
        dry_run: bool = False,
    ) -> CleanReport:
        """Deletes the runs that meet all conditions and are not kept, in one commit.

        They are chosen inside the commit: what others have saved, tagged or deleted before it is looked at. A run of a
        primitive counts, and goes, together with the simulations beneath it; running ones stay. The space comes back
        with `compact`, and until then `restore` brings runs back.

        Args:
            older_than: Submitted longer ago than this (``"30d"``; also ``min``, ``h``, ``w``, ``y``), or before this
                time.
            larger_than: With more bytes of values than this, before compression; a number, or text such as
                ``"1 GiB"``.
            outcome: With this outcome, or one of these.
            keep_tagged: Whether runs that have tags stay.
            keep: So many of the newest runs stay.
            job_ids: Only runs with these ids go, if they are there.
            dry_run: Whether to delete nothing, and only say what would be.

        Returns:
            What was deleted.

        Raises:
            InvalidInputError: No condition is given, or one cannot be used.
            ReadOnlyError: The project is open for reading.
        """
        rule = RetentionRule.checked(
            older_than=older_than,
            larger_than=larger_than,
            outcome=outcome,
            keep_tagged=keep_tagged,
            keep=keep,
            job_ids=job_ids,
        )
        if dry_run:
            return CleanReport.of(str(self.path), *rule.choose(self._listing()), dry_run=True)

        def choose(listing: Listing) -> tuple[CleanReport, list[Run]]:
            runs, beneath = rule.choose(listing)
            return CleanReport.of(str(self.path), runs, beneath, dry_run=False), [*runs, *beneath]

        return self._delete(choose)

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
        problems += self._conflicts()
        report += VerifyReport(str(self.path), number, 0, problems)
        note = conflict_note(self.file)
        report.notes.extend([] if note is None else [note])
        return report

    def notes(self) -> list[str]:
        """What the user must decide: results of one job kept beside each other, versions of the file beside it.

        Only the catalogue and names are looked at, and documents of the runs that conflict.
        """
        note = conflict_note(self.file)
        return [*self._conflicts(), *([] if note is None else [note])]

    def _conflicts(self) -> list[str]:
        with contextlib.suppress(AerchiveError), self.file.read() as session:  # `verify` tells what is wrong with it
            return conflicts(session)
        return []

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
        runs = [run for run in self.spools.runs() if not is_gone(run)]  # else it was moved just now

        def write(session: WriteSession) -> None:
            with drafts_of(runs) as drafts:
                write_spooled(session, runs, drafts)

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
        for content in self.spools.contents():
            with contextlib.suppress(OSError):  # moved meanwhile
                beside += content.path.stat().st_size
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
