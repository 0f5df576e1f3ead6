"""Running a sweep on a cluster: each worker archives to its own file, and the files are merged; decision 0044."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from aerchive.aer.opening import open_path
from aerchive.dask.files import Identity, folder_of, leave_files
from aerchive.dask.merging import Merging
from aerchive.dask.points import Point, point_id, points_of
from aerchive.dask.task import SET_BY_SWEEP, Work, ok_points, run_point
from aerchive.errors import InvalidInputError, NotFoundError
from aerchive.interop.extras import import_extra
from aerchive.project.arguments import checked, refuse
from aerchive.project.project import Project, given_labels
from aerchive.project.run import Run

_MERGE_EVERY_S = 15.0


@checked
def run_sweep(
    client: Any,
    points: Any,
    build: Callable[..., Any],
    *,
    project: str | os.PathLike[str] | Project,
    backend: Any = None,
    tags: str | Sequence[str] = (),
    name: str = "sweep",
    **run_options: Any,
) -> Sweep:
    """Runs the circuits of each point of a sweep on the workers of a cluster, and archives each as one run.

    A point that has a run with outcome ``ok`` in the project is not run again, so a sweep that was interrupted (by
    killed workers, scheduler or client) goes on when this is called again with the same points. Then what the workers
    had archived is merged first. Each worker archives to a file of its own in the folder ``study.sweep`` beside the
    project ``study.h5``, which all workers and the client must reach under the same path. `Sweep.gather` merges these
    files into the project and removes them.

    Args:
        client: A ``distributed.Client``.
        points: The points: a list of dictionaries with the same names, a ``pandas.DataFrame`` with a column for each
            name, or a dictionary of names and values, whose combinations are the points. The values become the
            parameters of the runs. Equal points are run once; a number of the repetition makes them different.
        build: A function of a point that returns a circuit or a list of circuits, or a tuple of that and a dictionary
            of options of ``run`` for this point, such as ``{"seed_simulator": 7}``. It gets the values by name if its
            signature takes these names, and the point as one dictionary if not. Dask sends it to the workers.
        project: The project, or the path of its file, which is made if it is missing.
        backend: A backend of Aer, which is sent to the workers; ``None``: an ``AerSimulator``.
        tags: Tags of the runs. If there are any, only runs with all of them count as done.
        name: Name of the sweep; the folder for the files of the workers is named by it. Two sweeps of one project that
            run at the same time need different names, and different parameters or tags.
        **run_options: Options of ``run`` for all points, such as ``shots=1000``.

    Returns:
        The sweep, with a future for each point that is missing. It does not wait.

    Raises:
        InvalidInputError: An argument has the wrong form.
        MissingExtraError: distributed is not installed.
        ProjectLockedError: Another client merges the same sweep, or another program keeps the project locked.
        AerchiveError: The project cannot be written.
    """
    distributed = import_extra("distributed", "dask")
    if not isinstance(client, distributed.Client) or client.asynchronous:
        refuse("client", client, "a distributed.Client that is not asynchronous")
    if not callable(build):
        refuse("build", build, "a function of a point that returns a circuit")
    if not re.fullmatch(r"[\w-]{1,60}", name):
        refuse("name", name, "a name of letters, digits, _ and -, such as 'sweep'")
    if taken := SET_BY_SWEEP & run_options.keys():
        raise InvalidInputError(f"{sorted(taken)[0]} cannot be an option of the runs: the sweep sets it")
    given = points_of(points)
    opened = project if isinstance(project, Project) else open_path(project, "a")
    opened.check_destination()
    labels = given_labels(None, tags, None, None)
    path = Path(os.path.abspath(opened.path))  # workers may have other working directories
    folder = folder_of(path, name)
    identity = Identity(tuple(sorted(given[0])) if given else (), tuple(labels.tags or ()))
    merging = Merging(opened, folder)
    merging.merge()
    done = ok_points(opened, identity)
    missing = {point: one for one in given if (point := point_id(one)) not in done}
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
    work = Work(path, folder, build, identity, backend, opened.parts.compression, run_options)
    return Sweep(client, opened, given, _submit(client, name, missing, work), work)


def _submit(client: Any, name: str, missing: dict[str, Point], work: Work) -> dict[str, Any]:
    """Submits a task for each missing point; keys are new, so that no task of an earlier call is taken for one."""
    if not missing:
        return {}
    call = secrets.token_hex(4)
    # A task and no scattered data: Dask makes it again when the workers that hold it die.
    common = client.submit(_same, work, key=f"{name}-work-{call}", pure=False)
    keys = [f"{name}-{call}-{identity}" for identity in missing]
    futures = client.map(run_point, list(missing.values()), list(missing), work=common, key=keys, pure=False)
    return dict(zip(missing, futures, strict=True))


def _same(work: Work) -> Work:
    return work


@checked
def merge_sweep(project: str | os.PathLike[str] | Project, name: str = "sweep") -> Project:
    """Merges what the workers of a sweep have archived, without a cluster: after it has died, or while it runs.

    `run_sweep` and `Sweep.gather` do the same. Files of workers that still run are kept.

    Args:
        project: The project, or the path of its file.
        name: Name of the sweep, as for `run_sweep`.

    Returns:
        The project.

    Raises:
        ProjectLockedError: A client merges the same sweep, or another program keeps the project locked.
        AerchiveError: The project cannot be written. Call this again; what was merged before stays.

    Warns:
        ArchiveWarning: A file of a worker is damaged, and is kept.
    """
    opened = project if isinstance(project, Project) else open_path(project, "a")
    Merging(opened, folder_of(Path(os.path.abspath(opened.path)), name)).merge()
    return opened


class Sweep:
    """A sweep that runs on a cluster; made by `aerchive.dask.run_sweep`.

    Attributes:
        client: The client of the cluster.
        project: The project.
        folder: The folder with the files of the workers; `gather` removes it.
        points: The points, as dictionaries, in the order in which they were given.
        futures: A ``distributed.Future`` for each point that was missing, in the order of the points. Its result is the
            `aerchive.Run` of the project, which can be read at once, by the client and in other tasks; its labels can
            be changed when `gather` or `merge` has brought it into the project.
    """

    def __init__(self, client: Any, project: Project, points: list[Point], futures: dict[str, Any], work: Work) -> None:
        self.client = client
        self.project = project
        self.folder = work.folder
        self.points = points
        self.futures = list(futures.values())
        self._identity = work.identity
        self._merging = Merging(project, work.folder)

    def _done(self) -> dict[str, str]:
        """The job ids of the runs of all points that are done in the project."""
        return ok_points(self.project, self._identity)

    def merge(self) -> int:
        """Merges what the workers have archived so far, while they go on.

        Returns:
            How many of the points are done.

        Raises:
            AerchiveError: The project cannot be written, or is locked.
        """
        self._merging.merge(remove=False)
        done = self._done()
        return sum(point in done for point in {point_id(one) for one in self.points})

    def gather(self, errors: Literal["raise", "skip"] = "raise", *, merge_every: float = _MERGE_EVERY_S) -> list[Run]:
        """Waits for all points, merges the files of the workers into the project, and removes them.

        Args:
            errors: ``"raise"``: raises the error of the first point that failed, after everything else is merged;
                ``"skip"``: leaves the points that failed, or that were cancelled, out.
            merge_every: Seconds between two merges of what is there while this waits.

        Returns:
            The run of each point, in the order in which the points were given.

        Raises:
            NotFoundError: With ``errors="raise"``: a run could not be merged, or was deleted.
            AerchiveError: The project cannot be written. Call this again, or `run_sweep`.
            Exception: What a point has raised, with ``errors="raise"``. A point whose workers have died again and again
                raises ``distributed.KilledWorker``. The cluster was closed: ``CancelledError``. `run_sweep` with the
                same points goes on.

        Warns:
            ArchiveWarning: A file of a worker is damaged, and is kept.
        """
        if errors not in ("raise", "skip"):
            refuse("errors", errors, "'raise' or 'skip'")
        distributed = import_extra("distributed", "dask")
        try:
            waiting = self.futures
            while waiting:
                try:
                    distributed.wait(waiting, timeout=merge_every)
                    break
                except (distributed.TimeoutError, TimeoutError):
                    self._merging.merge(remove=False)
                except distributed.CancelledError:
                    if errors == "raise":
                        raise
                    waiting = [future for future in waiting if not future.cancelled()]
        finally:
            with contextlib.suppress(Exception):  # workers that do not answer keep their files for the next call
                self.client.run(leave_files, str(self.folder), on_error="ignore")
            self._merging.merge()
        if errors == "raise":
            for future in self.futures:
                if future.status != "finished":
                    future.result()
        done = self._done()
        found = [done.get(point_id(point)) for point in self.points]
        if errors == "raise" and None in found:
            raise NotFoundError(
                f"{self.project.path}: {found.count(None)} of {len(found)} points have no run that could be merged; "
                "the warnings say why. run_sweep with the same points runs them again"
            )
        return [self.project[job_id] for job_id in found if job_id is not None]

    def cancel(self) -> None:
        """Cancels the points that are not done; what is archived stays, and `gather` or `run_sweep` merges it."""
        self.client.cancel(self.futures)

    def __len__(self) -> int:
        return len(self.points)

    def __repr__(self) -> str:
        ended = sum(future.done() for future in self.futures)
        done = len(self.points) - len(self.futures)
        return f"<Sweep of {len(self.points)} points in {self.project.path}: {done} were there, {ended} have ended>"
