"""Where a run is in its project, found again when it has moved."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from aerchive.errors import NotFoundError
from aerchive.project.catalogue import Catalogue, run_path
from aerchive.storage.file import ProjectFile, ReadSession
from aerchive.storage.reader import GroupReader


class RunPlace:
    """The group of a run.

    A run moves when its pending file is merged, and when a job that was taken for lost turns up. A run that was deleted
    is gone, and another may have its path then: so whoever comes back looks at the run's identity first.

    Args:
        project: The project's own file.
        job_id: Of the run.
        path: Of its group, as far as we know.
        pending: The pending file that it is in.
        run_uuid: If it must be this very run, and not a later one with its job id.

    Attributes:
        file: The file that it is in, as far as we know.
    """

    def __init__(
        self,
        project: ProjectFile,
        job_id: str,
        path: str | None,
        *,
        pending: ProjectFile | None = None,
        run_uuid: str | None = None,
    ) -> None:
        self.project = project
        self.job_id = job_id
        self.path = path
        self.file = pending or project
        self._run_uuid = run_uuid

    @property
    def is_pending(self) -> bool:
        """Whether it is in a pending file, which nobody has merged yet."""
        return self.file is not self.project and self.file.exists()

    def of_run(self, run_uuid: str) -> RunPlace:
        """The same place, for this very run."""
        return RunPlace(self.project, self.job_id, self.path, pending=self.file, run_uuid=run_uuid)

    @contextlib.contextmanager
    def open(self) -> Iterator[tuple[ReadSession, GroupReader]]:
        """Opens the file, and the run's group in it.

        Raises:
            NotFoundError: The run is not in the project any more; or another simulation of its job id is.
            AerchiveError: The file cannot be read.
        """
        with contextlib.ExitStack() as stack:
            yield self._enter_known(stack) or self._enter_found(stack)

    def _enter_known(self, stack: contextlib.ExitStack) -> tuple[ReadSession, GroupReader] | None:
        if self.path is None:
            return None
        with contextlib.ExitStack() as attempt:
            try:
                session = attempt.enter_context(self.file.read())
                group = session.root.group(self.path)
            except NotFoundError:
                return None
            if not self.is_it(group):
                return None
            stack.push(attempt.pop_all())
        return session, group

    def _enter_found(self, stack: contextlib.ExitStack) -> tuple[ReadSession, GroupReader]:
        session = stack.enter_context(self.project.read())
        rows = Catalogue(session)
        found = rows.find(self.job_id)
        if found is None:
            rows.check()
            raise NotFoundError(f"{self.project.path}: run {self.job_id} is not in the project any more")
        path = run_path(found[1][0])
        group = session.root.group(path)
        if not self.is_it(group):
            raise NotFoundError(
                f"{group.where()}: is another run of job {self.job_id} now; ask the project for it again"
            )
        self.file, self.path = self.project, path
        return session, group

    def is_it(self, group: GroupReader) -> bool:
        """Whether a group is that of the run."""
        if self._run_uuid is not None:
            return group.attribute("run_uuid") == self._run_uuid
        job_id = group.attribute("job_id")
        return (group.attributes().get("job_id") if job_id is None else job_id) == self.job_id
