"""The place of a run in a project or in a spool; the run is found again after it has moved; decision 0006."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from aerchive.errors import NotFoundError
from aerchive.models.run import conflict_id
from aerchive.project.catalogue.table import Catalogue, run_path
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.file import ProjectFile
from aerchive.storage.medium.opening import Stamp, stamp_of
from aerchive.storage.spools.run_group import SpooledRun
from aerchive.stored.opener import OpenFile, RunOpener

if TYPE_CHECKING:  # few runs do without their arrays
    from aerchive.project.recomputing.again import Recomputer


def is_gone(run: SpooledRun) -> bool:
    """Whether a run is no longer in its spool."""
    try:
        with run.open():
            return False
    except NotFoundError:
        return True


@dataclasses.dataclass(eq=False)
class RunPlace:
    """The place of a run: its group in the project file, or in a spool.

    A run moves when it goes from a spool into the project, and when a job that was recorded as lost is archived after
    all. A deleted run is gone, and another run may get its path: so the identity of the run is checked each time.

    Attributes:
        project: The project file, without the spools beside it.
        job_id: The job id of the run.
        path: Path of the run's group in the project file, as far as it is known.
        spooled: The run in a spool, if it was there.
        run_uuid: UUID of the run, if only this run may be opened, and not a later run with the same job id.
        beside: Another project file that has the run until it is merged into this one, as a file of a sweep has.
        recomputer: Computes again what the run does not store; ``None``: that cannot be read.
    """

    project: ProjectFile
    job_id: str
    path: str | None
    _: dataclasses.KW_ONLY
    spooled: SpooledRun | None = None
    run_uuid: str | None = None
    beside: ProjectFile | None = None
    recomputer: Recomputer | None = None

    @property
    def is_known(self) -> bool:
        """Whether the run has a group in the project, in a spool, or in a file that is to be merged."""
        return self.path is not None or self.spooled is not None or self.beside is not None

    def of_run(self, run_uuid: str) -> RunPlace:
        """The same place, restricted to the run with this UUID."""
        return dataclasses.replace(self, run_uuid=run_uuid)

    def look(self) -> None:
        """Checks whether the run has been moved from its spool, or merged from its file, into the project."""
        if self.path is None and self.beside is not None:
            with contextlib.suppress(NotFoundError), contextlib.ExitStack() as stack:
                self._enter_found(stack)
        if self.path is None and self.spooled is not None:
            # The spool file may still hold the run: then only the run with this UUID is meant, not another of its job.
            there = self if is_gone(self.spooled) else self.of_run(self.spooled.head.run_uuid)
            with contextlib.suppress(NotFoundError), contextlib.ExitStack() as stack:
                there._enter_found(stack)
                self.path, self.job_id, self.spooled = there.path, there.job_id, None

    def stamp(self) -> Stamp | None:
        """The stamp of the project file now; ``None`` if it cannot be read, or the run is not in the project yet."""
        if self.path is None:
            return None
        try:
            return stamp_of(os.stat(self.project.path))
        except (OSError, ValueError):
            return None

    def held(self) -> contextlib.AbstractContextManager[None]:
        """Has the project file opened at most once for all runs that are opened in the block."""
        return self.project.held()

    def recomputed(self) -> RunOpener:
        """Opens the run as it was computed again, for reading the arrays that it does not store; decision 0047.

        Raises:
            OtherBitsError: It gives other bits here.
            AerchiveError: It cannot be computed again.
        """
        from aerchive.project.recomputing.again import recomputed

        if self.recomputer is None:
            return self
        return recomputed(self, self.recomputer)

    @contextlib.contextmanager
    def open(self) -> Iterator[tuple[OpenFile, GroupReader]]:
        """Opens the file that holds the run, and the run's group in it.

        Raises:
            NotFoundError: The run is not in the project any more, or another simulation has its job id.
            AerchiveError: The file cannot be read.
        """
        with contextlib.ExitStack() as stack:
            yield (
                self._enter_known(stack)
                or self._enter_spool(stack)
                or self._enter_beside(stack)
                or self._enter_found(stack)
            )

    def _enter_known(self, stack: contextlib.ExitStack) -> tuple[OpenFile, GroupReader] | None:
        if self.path is None:
            return None
        with contextlib.ExitStack() as attempt:
            try:
                session = attempt.enter_context(self.project.read())
                group = session.group(self.path)
            except NotFoundError:
                return None
            if not self.is_it(group):
                return None
            stack.push(attempt.pop_all())
        return session, group

    def _enter_spool(self, stack: contextlib.ExitStack) -> tuple[OpenFile, GroupReader] | None:
        if self.spooled is None:
            return None
        try:
            return stack.enter_context(self.spooled.open())
        except NotFoundError:  # the run has been moved into the project
            return None

    def _enter_beside(self, stack: contextlib.ExitStack) -> tuple[OpenFile, GroupReader] | None:
        """Opens the run where it is until it is merged; then that file is removed."""
        if self.beside is None:
            return None
        with contextlib.ExitStack() as attempt:
            try:
                session = attempt.enter_context(self.beside.read())
                found = Catalogue(session).find(self.job_id)
                group = None if found is None else session.root.group(run_path(found[1][0]))
            except NotFoundError:
                return None
            if group is None or not self.is_it(group):
                return None
            stack.push(attempt.pop_all())
        return session, group

    def _enter_found(self, stack: contextlib.ExitStack) -> tuple[OpenFile, GroupReader]:
        session = stack.enter_context(self.project.read())
        rows = Catalogue(session)
        found = self._find_beside(rows) or rows.find(self.job_id)
        if found is None:
            rows.check()
            raise NotFoundError(f"{self.project.path}: run {self.job_id} is not in the project any more")
        path = run_path(found[1][0])
        group = session.root.group(path)
        if not self.is_it(group):
            raise NotFoundError(
                f"{group.where()}: is another run of job {self.job_id} now; ask the project for it again"
            )
        self.path, self.spooled = path, None
        return session, group

    def _find_beside(self, rows: Catalogue) -> tuple[int, NDArray[Any]] | None:
        """Finds the row of a run that another process moved, and kept beside another result of its job."""
        if self.spooled is None:
            return None
        head = self.spooled.head
        found = rows.find(conflict_id(head.job_id, head.run_uuid))
        self.job_id = self.job_id if found is None else conflict_id(head.job_id, head.run_uuid)
        return found

    def is_it(self, group: GroupReader) -> bool:
        """Whether a group is the group of this run."""
        if self.run_uuid is not None:
            return group.run_uuid() == self.run_uuid
        job_id = group.attribute("job_id")
        job_id = group.attributes().get("job_id") if job_id is None else job_id
        return job_id == self.job_id or conflict_id(str(job_id), str(group.run_uuid())) == self.job_id
