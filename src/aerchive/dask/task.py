"""What a worker does for one point of a sweep."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aerchive.aer.opening import open_path
from aerchive.dask.files import Archived, Identity, archived_points, own_file
from aerchive.dask.points import Point, identities
from aerchive.errors import InvalidInputError, NotFoundError
from aerchive.project.project import Project
from aerchive.project.run import Run
from aerchive.storage.medium.opening import Stamp, stamp_of

SET_BY_SWEEP = frozenset({"params", "save_jobs", "tags"})
"""Options of ``run`` that the sweep gives."""


@dataclass(frozen=True)
class Work:
    """What all points of a sweep have in common.

    Attributes:
        project: Path of the project.
        folder: The folder with the files of the workers.
        build: The function that makes the circuits of a point.
        identity: What makes a run the run of a point: the parameters, and the tags that each run gets.
        backend: The backend of Aer; ``None``: an ``AerSimulator``.
        compression: The compression profile of the project; ``None``: that of the settings.
        options: Options of ``run`` for all points.
    """

    project: Path
    folder: Path
    build: Callable[..., Any]
    identity: Identity
    backend: Any
    compression: str | None
    options: Mapping[str, Any] = field(default_factory=dict)


def run_point(point: Point, name: str, work: Work) -> Run:
    """Simulates a point and archives it in the file of this worker, unless it is archived already.

    Dask calls this again if a worker has died that held the result: then the run is found, and not made again.

    Args:
        point: The parameters.
        name: What `aerchive.dask.points.point_id` gives for the point.
        work: What all points have in common.

    Returns:
        The run, as one of the project.
    """
    project = open_path(work.project, "a")
    job_id = done_points(project, work.identity).get(name)
    if job_id is not None:
        return project[job_id]
    there = archived_points(work.folder, work.identity).get(name)
    if there is not None and (run := _found(there)) is not None:
        return run.as_merged(project)
    with own_file(work.folder, work.identity, work.compression) as file:
        run = _simulated(point, work, file.project)
        file.note(name, run.job_id)
    return run.as_merged(project)


def _found(there: Archived) -> Run | None:
    """The run that a log names; ``None`` if its file was merged and removed just now, or is damaged."""
    try:
        return open_path(there.file, "r")[there.job_id]
    except (NotFoundError, OSError):
        return None


def _simulated(point: Point, work: Work, project: Project) -> Run:
    from aerchive.aer.errors import AerJobError
    from aerchive.aer.running.simulator import AerSimulator, archiving

    circuits, options = _built(work.build, point)
    backend = AerSimulator(project=project) if work.backend is None else archiving(work.backend, project)
    given = {**work.options, **options}
    job = backend.run(circuits, save_jobs=True, params=dict(point), tags=list(work.identity.tags), **given)
    job.result()  # raises what the simulation has raised
    run: Run = job.run
    if run.outcome != "ok":
        why = run.message or "the result says no reason"
        raise AerJobError(f"the run of the point {point} has the outcome {run.outcome!r}: {why}")
    return run


def _built(build: Callable[..., Any], point: Point) -> tuple[Any, dict[str, Any]]:
    """Calls ``build`` for a point, and returns the circuits and the options of the run."""
    made, options = build(**point) if takes_names(build, point) else build(dict(point)), {}
    if isinstance(made, tuple) and len(made) == 2 and isinstance(made[1], Mapping):
        made, options = made[0], dict(made[1])
    if taken := sorted(SET_BY_SWEEP & options.keys()):
        raise InvalidInputError(
            f"build returned the option {taken[0]!r} for the point {point}; the sweep sets it, so leave it out"
        )
    circuits = made if isinstance(made, Sequence) and not isinstance(made, str | bytes) else [made]
    for one in circuits:
        if not hasattr(one, "num_qubits"):
            raise InvalidInputError(
                f"build returned {one!r} for the point {point}; it must return a circuit or a list of circuits"
            )
    return made, options


def takes_names(build: Callable[..., Any], point: Point) -> bool:
    """Whether a function takes the parameters of a point by name, and not the point as one dictionary."""
    try:
        inspect.signature(build).bind(**point)
    except (TypeError, ValueError):
        return False
    return True


_known: dict[tuple[Path, Identity], tuple[Stamp, dict[str, str]]] = {}
_known_lock = threading.Lock()


def done_points(project: Project, identity: Identity) -> dict[str, str]:
    """The same as `ok_points`; the catalogue is read again only when the file has changed."""
    try:
        stamp = stamp_of(project.path.stat())
    except FileNotFoundError:
        return {}
    key = project.path, identity
    with _known_lock:
        before = _known.get(key)
    if before is not None and before[0] == stamp:
        return before[1]
    found = ok_points(project, identity)
    with _known_lock:
        _known[key] = stamp, found
    return found


def ok_points(project: Project, identity: Identity) -> dict[str, str]:
    """The points that are done in a project: the job id of the first run of each, by `point_id`.

    A run counts if its outcome is ``ok``, and it has these parameters and all of these tags.
    """
    if not project.file.exists():
        return {}
    conditions: dict[str, Any] = {"outcome": "ok"} | ({"tags": list(identity.tags)} if identity.tags else {})
    columns = project.columns(**conditions)
    found: dict[str, str] = {}
    for point, job_id in zip(identities(columns, identity.names), columns["job_id"].values, strict=True):
        if point is not None:
            found.setdefault(point, job_id)
    return found
