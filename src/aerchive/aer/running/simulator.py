"""Backends of Aer with archiving of their runs."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import qiskit_aer
from qiskit_aer import AerError
from qiskit_aer.backends.aerbackend import AerBackend

from aerchive.aer.capturing.options import check_spelling
from aerchive.aer.opening import Opening, project_at
from aerchive.aer.running.primitive_call import is_off, not_archived, watch_jobs
from aerchive.aer.running.submit import freeze, submit
from aerchive.aer.service.job_service import JobService
from aerchive.codecs.circuits.qpy_versions import checked_version
from aerchive.errors import NotFoundError, UnsupportedTypeError
from aerchive.filters.profiles import PORTABLE, Compression
from aerchive.models.labels import RunLabels
from aerchive.paths import local_path
from aerchive.private_names import private
from aerchive.project.arguments import checked, refuse
from aerchive.project.project import Project, given_labels
from aerchive.project.spooling.durability import Durability
from aerchive.settings import load_settings
from aerchive.text import type_name

private(AerBackend, "_run_circuits")  # if Aer called another method, nothing would be archived

ProjectLike = str | os.PathLike[str] | Project


class _Given(NamedTuple):
    """Our arguments of one call of ``run``, passed to the method that submits it."""

    labels: RunLabels = RunLabels()
    save_jobs: bool | None = None
    compression: str | None = None
    max_infidelity: float | None = None
    qpy_version: int | None = None


class _Calls(threading.local):
    """The call of ``run`` that this thread executes."""

    given = _Given()


_calls = _Calls()


class Archiving(JobService):
    """Archives the runs of a backend of Aer; comes before the backend's class in the method resolution order."""

    _aerchive_project: Project | Path | None = None
    _aerchive_opening: Opening | None = None
    _aerchive_save_jobs: bool | None = None
    _aerchive_durability: Durability | None = None
    _aerchive_compression: str | None = None
    _aerchive_max_infidelity: float | None = None
    _aerchive_qpy_version: int | None = None

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Makes an object; from now on the jobs of stock primitives over it can be found."""
        watch_jobs("simulator")
        return super().__new__(cls)

    @property
    def project(self) -> Project:
        """The project in which this simulator's runs are archived; its file is made by the first run.

        A project that was given by path, and the project of the settings, are opened with the present settings, so that
        these apply to each run.
        """
        if isinstance(self._aerchive_project, Project):
            return self._aerchive_project
        if self._aerchive_opening is None or self._aerchive_opening.path != self._aerchive_project:
            self._aerchive_opening = Opening(self._aerchive_project)
        return self._aerchive_opening.project

    @property
    def durability(self) -> Durability:
        """The time at which this simulator's runs are committed: ``each``, ``batch`` or ``exit``."""
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
        qpy_version: int | None = None,
        **run_options: Any,
    ) -> Any:
        """Runs circuits, and archives the run.

        Args:
            circuits: A circuit or a list of circuits.
            parameter_binds: Parameter binds, as for the stock simulator.
            save_jobs: Whether this run is archived; ``None``: as the simulator or the settings say.
            tags: Words by which the run can be found.
            notes: Free text.
            name: A readable name of the run.
            params: Parameters of the study, by name.
            compression: Compression of arrays of this run; ``None``: that of the simulator.
            max_infidelity: Largest infidelity ``1 - F`` from rounding of state vectors of this run; ``None``: that of
                the simulator.
            qpy_version: Version of QPY for the circuits of this run; ``None``: that of the simulator.
            **run_options: Options, as for the stock simulator.

        Returns:
            An `ArchivingJob`, or a stock ``AerJob`` if the run is not archived.

        Raises:
            InvalidInputError: A label has the wrong type, there is no such compression, or an option that Aer does not
                have is probably a misspelt argument of this method.
            UnsupportedTypeError: A value in ``params`` cannot be stored.
            AerchiveError: The project cannot be written; nothing was simulated.
        """
        behind: Any = super()
        if getattr(behind.run, "__func__", None) is AerBackend.run:  # ``run`` of another class may have more arguments
            check_spelling(run_options, "run")
        labels = given_labels(name, tags, notes, params)
        binds = {} if parameter_binds is None else {"parameter_binds": parameter_binds}
        before, _calls.given = (
            _calls.given,
            _Given(labels, save_jobs, compression, max_infidelity, checked_version(qpy_version)),
        )
        try:
            return behind.run(circuits, **binds, **run_options)
        finally:
            _calls.given = before

    def _run_circuits(self, circuits: Any, parameter_binds: Any, **run_options: Any) -> Any:
        """Archives the run; every ``run`` of a backend of Aer, also of a subclass, calls this method at the end."""
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
            project=project,
            is_refused=True,
            settings=settings.model_copy(update={"durability": self._aerchive_durability or project.durability}),
            labels=given.labels,
            compression=project.compression(
                self._aerchive_compression if given.compression is None else given.compression,
                self._aerchive_max_infidelity if given.max_infidelity is None else given.max_infidelity,
            ),
            qpy_version=project.qpy_version(
                self._aerchive_qpy_version if given.qpy_version is None else given.qpy_version
            ),
        )


class AerSimulator(Archiving, qiskit_aer.AerSimulator):
    """A ``qiskit_aer.AerSimulator`` that archives each run in a project file.

    Results, exceptions and seeds are those of the stock simulator. Circuits, options and parameter binds are copied
    when ``run`` is called, and the copies are simulated, so that the archive describes what was simulated even if the
    originals are changed.

    Args:
        configuration: Configuration, as for the stock simulator.
        properties: Properties, as for the stock simulator.
        provider: Provider, as for the stock simulator.
        target: Target, as for the stock simulator.
        project: Path of a project file, or an open project; ``None``: the project of the settings.
        save_jobs: Whether runs are archived; ``None``: as the settings say, which is yes by default.
        durability: Time at which runs are committed: ``"each"``: each run at once; ``"batch"``: together with others,
            after two seconds at the latest; ``"exit"``: when the process ends; ``None``: that of the project.
        compression: Compression of arrays: ``"portable"``, ``"none"``, ``"fast"``, ``"small"``, or ``"structure"``,
            which looks for structure in state vectors and keeps every bit; ``None``: that with which the project was
            opened, or that of the settings.
        max_infidelity: State vectors may be rounded, or stored as products of matrices, if their infidelity ``1 - F``
            is proven not to exceed this value; ``None``: they are stored exactly.
        qpy_version: Version of QPY for the circuits, such as 15 for readers with Qiskit 2.1; ``None``: that with which
            the project was opened, or that of the settings.
        **backend_options: Options, as for the stock simulator.

    Raises:
        InvalidInputError: A setting or an argument is not valid, or an option that Aer does not have is probably a
            misspelt argument.
        AerchiveError: The project cannot be written.
    """

    stored_name = "aerchive.aer.simulator.AerSimulator"

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
        qpy_version: int | None = None,
        **backend_options: Any,
    ) -> None:
        if isinstance(configuration, str | os.PathLike):
            wanted = f"as for the stock simulator; a project is project={str(configuration)!r}"
            refuse("configuration", configuration, wanted)
        try:
            super().__init__(configuration, properties, provider, target, **backend_options)
        except AerError:  # for example, Aer does not know an option
            check_spelling(backend_options, "AerSimulator")
            raise
        load_settings(durability=durability)  # raises if the durability is not valid
        self._aerchive_project = _checked_place(project, save_jobs)
        self._aerchive_save_jobs = save_jobs
        self._aerchive_durability = durability
        if compression is not None or max_infidelity is not None:
            Compression.checked(compression or PORTABLE.profile, max_infidelity)
        self._aerchive_compression = compression
        self._aerchive_max_infidelity = max_infidelity
        self._aerchive_qpy_version = checked_version(qpy_version)


@checked
def archiving(backend: Any, project: ProjectLike | None = None, *, save_jobs: bool | None = None) -> Any:
    """Makes a copy of a backend of Aer whose runs are archived; the original is not changed.

    Args:
        backend: Any backend of Aer: ``AerSimulator``, a subclass, ``QasmSimulator``, ...
        project: Path of a project file, or an open project; ``None``: that of the backend, or of the settings.
        save_jobs: Whether runs are archived; ``None``: as the backend or the settings say.

    Returns:
        A backend whose class is a subclass of the original class; for Aer's ``AerSimulator`` it is the `AerSimulator`
        of this module.

    Raises:
        UnsupportedTypeError: ``backend`` is not a backend of Aer.
        InvalidInputError: Another argument is not valid.
        AerchiveError: The project cannot be written.
    """
    if not isinstance(backend, AerBackend):
        raise UnsupportedTypeError(
            f"{type_name(type(backend))} cannot be made to archive: give a backend of Aer, or use project.save(job)"
        )
    ours = _new(type(backend))
    ours.__dict__.update(freeze(backend).__dict__)
    if save_jobs is not None:
        ours._aerchive_save_jobs = save_jobs
    place = _checked_place(project, ours._aerchive_save_jobs)
    if place is not None:
        ours._aerchive_project = place
    return ours


@functools.cache
def _archiving_class(kind: type) -> type:
    """The subclass of a class of Aer that archives; the class itself if it archives already."""
    if issubclass(kind, Archiving):
        return kind
    if kind is qiskit_aer.AerSimulator:
        return AerSimulator
    return type(kind.__name__, (_Derived, kind), {"__doc__": kind.__doc__, "archives": kind})


class _Derived(Archiving):
    """Base of the classes that are made at run time, so that their objects can be pickled and named.

    Attributes:
        archives: The class of Aer whose runs are archived.
    """

    archives: type

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        return _new, (self.archives,), self.__dict__


def _new(kind: type) -> Any:
    made: Any = _archiving_class(kind)
    return made.__new__(made)


def place_of(project: ProjectLike | None) -> Project | Path | None:
    """The project, or the absolute path of the project file, in which runs are to be archived.

    Args:
        project: The argument of the user: a path, an open project, or ``None``.

    Raises:
        InvalidInputError: The argument is a URL, or cannot be a path.
        NotFoundError: The path is a link to a file that does not exist.
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
    """The project or path in which runs are to be archived; it is checked if runs are archived at all."""
    place = place_of(project)
    if place is not None and load_settings(save_jobs=save_jobs).save_jobs:
        (place if isinstance(place, Project) else project_at(place)).check_destination()
    return place
