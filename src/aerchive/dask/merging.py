"""Merging the files of workers into the project, so that each point has exactly one run there; decision 0044."""

from __future__ import annotations

import contextlib
import glob
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

from aerchive.aer.opening import open_path
from aerchive.dask.files import LOG, PROJECT, Identity, ended, identity_of
from aerchive.dask.points import PARAMETER, identities
from aerchive.dask.task import ok_points
from aerchive.errors import AerchiveError, AlreadyExistsError, ArchiveWarning, IntegrityError, NotFoundError
from aerchive.project.project import Project
from aerchive.project.sharing.merge import merge
from aerchive.storage.medium.locks import lock

_UNFINISHED = ("running", "lost")


class Merging:
    """Merges the files in the folder of a sweep into a project.

    Each step may be interrupted at any time, and is done again by the next call: a file is merged in commits that
    recognise what is there, and is removed only after all that it has is in the project.

    Args:
        project: The project.
        folder: The folder with the files of the workers.
    """

    def __init__(self, project: Project, folder: Path) -> None:
        self._project = project
        self._folder = folder

    def merge(self, *, remove: bool = True) -> None:
        """Merges all files; a run of a point that has one already is left out.

        Args:
            remove: Whether files are removed to which no process writes any more.

        Raises:
            AlreadyExistsError: A file has the name of the folder.
            AerchiveError: The project cannot be written, or is locked. What was merged before stays.

        Warns:
            ArchiveWarning: A file cannot be read, or a run is damaged, so that it was not merged; its file is kept.
        """
        if not self._folder.is_dir():
            if self._folder.exists():
                raise AlreadyExistsError(
                    f"{self._folder}: is a file, and the sweep needs a folder of this name; give the sweep another name"
                )
            return
        with self._locked(remove=remove):
            for file in self._files():
                with ended(file) as is_ended:
                    is_merged = self._merge_file(file, is_ended=is_ended)
                    if remove and is_ended and is_merged:
                        _remove(file)
        if remove:
            with contextlib.suppress(OSError):  # something is left in it
                os.rmdir(self._folder)

    def _files(self) -> list[Path]:
        """The project files of all workers, also of those that have not made it yet."""
        found = [path for suffix in (PROJECT, LOG) for path in self._folder.glob(f"*{suffix}")]
        return sorted({path.with_suffix(PROJECT) for path in found})

    def _merge_file(self, file: Path, *, is_ended: bool) -> bool:
        """Merges one file, and returns whether the project has all of it."""
        if not is_ended and not file.exists():
            return False
        try:
            worker = open_path(file, "a")
            with contextlib.suppress(NotFoundError):  # the process has archived nothing
                worker.recover()  # what a process that died has left beside its file
            wanted = self._wanted(worker, file) if worker.file.exists() else set()
            if is_ended and worker.spools.runs():
                raise IntegrityError(f"{file}: a run beside it cannot be moved into it; 'aerchive verify' says why")
        except AerchiveError as error:
            warnings.warn(f"{file} is kept, and its runs are not merged: {error}", ArchiveWarning, stacklevel=4)
            return False
        if not wanted:
            return True
        report = merge(self._project.parts, worker.file, None, dry_run=False, job_ids=wanted)
        if report.problems:
            warnings.warn(f"{file} is kept: {'; '.join(report.problems)}", ArchiveWarning, stacklevel=4)
        return not report.problems

    def _wanted(self, worker: Project, file: Path) -> set[str]:
        """The job ids of the runs of a file that the project shall get."""
        columns = worker.columns()
        params = sorted(name.removeprefix(PARAMETER) for name in columns if name.startswith(PARAMETER))
        identity = identity_of(file) or Identity(tuple(params), ())
        done, ok = ok_points(self._project, identity), ok_points(worker, identity)
        there = set(self._project.columns()["job_id"].values) if self._project.file.exists() else set()
        wanted = set()
        for point, job_id, outcome in zip(
            identities(columns, identity.names), columns["job_id"].values, columns["outcome"].values, strict=True
        ):
            if outcome in _UNFINISHED or job_id in there:
                continue
            if outcome == "ok" and point in ok and done.setdefault(str(point), job_id) != job_id:
                continue  # another worker has made the same point
            wanted.add(job_id)
        return wanted

    @contextlib.contextmanager
    def _locked(self, *, remove: bool) -> Iterator[None]:
        """Holds the lock of the folder, so that two clients do not merge the same points at the same time."""
        path = self._folder / "lock"
        while True:
            try:
                fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            except FileNotFoundError:  # another client has removed the folder just now
                self._folder.mkdir(exist_ok=True)
                continue
            try:
                lock(fd, str(path), exclusive=True, timeout_s=self._project.file.lock_timeout_s)
                if not os.fstat(fd).st_nlink:
                    continue
                yield
                if remove:
                    path.unlink(missing_ok=True)
                return
            finally:
                os.close(fd)


def _remove(file: Path) -> None:
    """Removes a file of a worker, all of which is merged, with what its process has left beside it; its log last."""
    file.unlink(missing_ok=True)
    for beside in file.parent.glob(f".{glob.escape(file.name)}.*"):
        beside.unlink(missing_ok=True)
    file.with_suffix(LOG).unlink(missing_ok=True)
