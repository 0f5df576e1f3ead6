"""Backends of Aer, except that what they run is kept."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import qiskit_aer
from qiskit_aer import AerError
from qiskit_aer.backends.aerbackend import AerBackend

from aerchive.aer.capturing.options import check_spelling
from aerchive.aer.opening import Opening, project_at
from aerchive.aer.running.primitive_call import is_off, not_archived
from aerchive.aer.running.submit import freeze, submit
from aerchive.aer.service.job_service import JobService
from aerchive.errors import NotFoundError, UnsupportedTypeError
from aerchive.filters.profiles import PORTABLE, Compression
from aerchive.models.labels import RunLabels
from aerchive.paths import local_path
from aerchive.project.arguments import checked, refuse
from aerchive.project.catalogue.conditions import as_texts
from aerchive.project.project import Project
from aerchive.project.spooling.batches import Durability
from aerchive.settings import load_settings

ProjectLike = str | os.PathLike[str] | Project


class _Given(NamedTuple):
    """What was said of one run, for the place where it is submitted."""

    labels: RunLabels = RunLabels()
    save_jobs: bool | None = None
    compression: str | None = None
    max_infidelity: float | None = None


class _Calls(threading.local):
    """The call of ``run`` that this thread is in."""

    given = _Given()


_calls = _Calls()


class Archiving(JobService):
    """What archives the runs of a backend of Aer; stands before its class."""

    _aerchive_project: Project | Path | None = None
    _aerchive_opening: Opening | None = None
    _aerchive_save_jobs: bool | None = None
    _aerchive_durability: Durability | None = None
    _aerchive_compression: str | None = None
    _aerchive_max_infidelity: float | None = None

    @property
    def project(self) -> Project:
        """Where this simulator's runs go; its file is made by the first of them.

        Of a path, or the project of the settings, it is opened with the settings in force now: each run heeds them.
        """
        if isinstance(self._aerchive_project, Project):
            return self._aerchive_project
        if self._aerchive_opening is None or self._aerchive_opening.path != self._aerchive_project:
            self._aerchive_opening = Opening(self._aerchive_project)
        return self._aerchive_opening.project

    @property
    def durability(self) -> Durability:
        """When this simulator's runs are committed."""
        return self._aerchive_durability or self.project.durability

    @property
    def save_jobs(self) -> bool | None:
        """Whether this simulator's runs are archived; ``None``: as the settings say."""
        return self._aerchive_save_jobs

    @checked
    def run(
        self,
        circuits: Any,
        parameter_binds: Any = None,
        *,
        save_jobs: bool | None = None,
        tags: str | Sequence[str] | None = (),
        notes: str | None = None,
        name: str | None = None,
        params: Mapping[str, Any] | None = None,
        compression: str | None = None,
        max_infidelity: float | None = None,
        **run_options: Any,
    ) -> Any:
        """Runs circuits, and archives the run.

        Args:
            circuits: A circuit or a list of them.
            parameter_binds: As for the stock simulator.
            save_jobs: Whether this run is archived; ``None``: as the simulator or the settings say.
            tags: Words to find the run by.
            notes: Free text.
            name: A name for people.
            params: Parameters of the study, by name.
            compression: How arrays of this run are stored; ``None``: as for the simulator.
            max_infidelity: How far state vectors of this run may be rounded; ``None``: as for the simulator.
            **run_options: As for the stock simulator.

        Returns:
            An `ArchivingJob`, or a stock ``AerJob`` if the run is not archived.

        Raises:
            InvalidInputError: A label has the wrong type, there is no such compression, or an option that Aer does not
                have looks like a misspelt argument of ours.
            UnsupportedTypeError: A value in ``params`` cannot be stored.
            AerchiveError: The project cannot be written; nothing has been simulated.
        """
        behind: Any = super()
        if getattr(behind.run, "__func__", None) is AerBackend.run:  # that of another class may have more arguments
            check_spelling(run_options, "run")
        labels = RunLabels.checked(name=name, tags=as_texts(tags) or None, notes=notes, params=dict(params or {}))
        labels.to_attributes()  # refuses what cannot be stored before anything is simulated
        binds = {} if parameter_binds is None else {"parameter_binds": parameter_binds}
        before, _calls.given = _calls.given, _Given(labels, save_jobs, compression, max_infidelity)
        try:
            return behind.run(circuits, **binds, **run_options)
        finally:
            _calls.given = before

    def _run_circuits(self, circuits: Any, parameter_binds: Any, **run_options: Any) -> Any:
        """Where every ``run`` of a backend of Aer ends, whatever a subclass does before."""
        given = _calls.given
        settings = load_settings(save_jobs=self._aerchive_save_jobs if given.save_jobs is None else given.save_jobs)
        if not settings.save_jobs or is_off():
            with not_archived():
                return super()._run_circuits(circuits, parameter_binds, **run_options)  # type: ignore[misc]
        project = self.project
        return submit(
            self,
            circuits,
            parameter_binds,
            run_options,
            project=lambda: project,
            is_refused=True,
            settings=settings.model_copy(update={"durability": self._aerchive_durability or project.durability}),
            labels=given.labels,
            compression=project.compression(
                self._aerchive_compression if given.compression is None else given.compression,
                self._aerchive_max_infidelity if given.max_infidelity is None else given.max_infidelity,
            ),
        )


class AerSimulator(Archiving, qiskit_aer.AerSimulator):
    """A ``qiskit_aer.AerSimulator`` that archives each run in a project file.

    Results, exceptions and seeds are those of the stock simulator. Circuits, options and parameter binds are copied
    when ``run`` is called, and the copies are simulated, so that the archive describes what ran, whatever happens to
    the originals.

    Args:
        configuration: As for the stock simulator.
        properties: As for the stock simulator.
        provider: As for the stock simulator.
        target: As for the stock simulator.
        project: Path of a project file, or an open project; ``None``: the project of the settings.
        save_jobs: Whether runs are archived; ``None``: as the settings say, which is yes by default.
        durability: When runs are committed: ``"each"`` at once; ``"batch"`` with others, after two seconds at the
            latest; ``"exit"`` when the process ends; ``None``: as the project says.
        compression: How arrays are stored: ``"portable"``, ``"none"``, ``"fast"`` or ``"small"``; ``None``: as the
            project was opened, or as the settings say.
        max_infidelity: State vectors may be rounded as far as ``1 - F`` is proven to stay within this; ``None``: never.
        **backend_options: As for the stock simulator.

    Raises:
        InvalidInputError: A setting or an argument cannot be used, or an option that Aer does not have looks like a
            misspelt argument.
        AerchiveError: The project cannot be written.
    """

    @checked
    def __init__(
        self,
        configuration: Any = None,
        properties: Any = None,
        provider: Any = None,
        target: Any = None,
        *,
        project: ProjectLike | None = None,
        save_jobs: bool | None = None,
        durability: Durability | None = None,
        compression: str | None = None,
        max_infidelity: float | None = None,
        **backend_options: Any,
    ) -> None:
        if isinstance(configuration, str | os.PathLike):
            refuse(
                "configuration",
                configuration,
                f"as for the stock simulator; a project is project={str(configuration)!r}",
            )
        try:
            super().__init__(configuration, properties, provider, target, **backend_options)
        except AerError:  # it does not know an option, for instance
            check_spelling(backend_options, "AerSimulator")
            raise
        load_settings(durability=durability)  # refuses what is none
        self._aerchive_project = _checked_place(project, save_jobs)
        self._aerchive_save_jobs = save_jobs
        self._aerchive_durability = durability
        if compression is not None or max_infidelity is not None:
            Compression.checked(compression or PORTABLE.profile, max_infidelity)
        self._aerchive_compression = compression
        self._aerchive_max_infidelity = max_infidelity


@checked
def archiving(backend: Any, project: ProjectLike | None = None, *, save_jobs: bool | None = None) -> Any:
    """A backend like another one of Aer, whose runs are archived; the other one stays as it is.

    Args:
        backend: Any backend of Aer: ``AerSimulator``, a subclass, ``QasmSimulator``, ...
        project: Path of a project file, or an open project; ``None``: that of the backend, or of the settings.
        save_jobs: Whether runs are archived; ``None``: as the backend or the settings say.

    Returns:
        A backend of a subclass of its class, an `AerSimulator` of ours for one of Aer's.

    Raises:
        UnsupportedTypeError: It is no backend of Aer.
        InvalidInputError: Another argument cannot be used.
        AerchiveError: The project cannot be written.
    """
    if not isinstance(backend, AerBackend):
        raise UnsupportedTypeError(
            f"{type(backend).__module__}.{type(backend).__qualname__} cannot be made to archive: give a backend of "
            "Aer, or use project.save(job)"
        )
    ours = _new(type(backend))
    ours.__dict__.update(freeze(backend).__dict__)
    ours._aerchive_save_jobs = getattr(backend, "_aerchive_save_jobs", None) if save_jobs is None else save_jobs
    place = _checked_place(project, ours._aerchive_save_jobs)
    ours._aerchive_project = getattr(backend, "_aerchive_project", None) if place is None else place
    for name in ("_aerchive_durability", "_aerchive_compression", "_aerchive_max_infidelity"):
        setattr(ours, name, getattr(backend, name, None))
    return ours


@functools.cache
def _archiving_class(kind: type) -> type:
    """A class that archives, before a given one."""
    if issubclass(kind, Archiving):
        return kind
    if kind is qiskit_aer.AerSimulator:
        return AerSimulator
    return type(kind.__name__, (_Derived, kind), {"__doc__": kind.__doc__, "archives": kind})


class _Derived(Archiving):
    """Before classes that are made while the program runs, so that their objects can be pickled and named.

    Attributes:
        archives: The class behind.
    """

    archives: type

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        return _new, (self.archives,), self.__dict__


def _new(kind: type) -> Any:
    made: Any = _archiving_class(kind)
    return made.__new__(made)


def place_of(project: ProjectLike | None) -> Project | Path | None:
    """Where runs are to go.

    Args:
        project: As the user gave it.

    Raises:
        InvalidInputError: It is a URL, or can be no path.
        NotFoundError: It is a link that leads nowhere.
    """
    if project is None or isinstance(project, Project):
        return project
    if not isinstance(project, str | os.PathLike):
        refuse("project", project, "the path of a project file, or an open project")
    path = local_path(project).absolute()
    if os.path.islink(path) and not os.path.exists(path):
        raise NotFoundError(
            f"{path}: is a link to {os.path.realpath(path)}, and there is no such file; remove the link, or name the "
            "file itself"
        )
    return path


def _checked_place(project: ProjectLike | None, save_jobs: bool | None) -> Project | Path | None:
    """Where runs are to go, which is looked at unless they are not archived anyway."""
    place = place_of(project)
    if place is not None and load_settings(save_jobs=save_jobs).save_jobs:
        (place if isinstance(place, Project) else project_at(place)).check_destination()
    return place
