"""Opening a project, with a bridge to Qiskit's objects that imports Qiskit only when they are requested."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aerchive.errors import AlreadyExistsError, InvalidInputError, ReadOnlyError
from aerchive.limits import use_limits
from aerchive.paths import is_url, local_path
from aerchive.project.arguments import checked
from aerchive.project.care.foreign import trust_file, vet_file
from aerchive.project.care.validate import ValidateReport
from aerchive.project.care.validate import validate as validate_file
from aerchive.project.documents.draft import RunDraft
from aerchive.project.parts import Mode
from aerchive.project.project import Project, open_project
from aerchive.project.run import Run
from aerchive.project.spooling.durability import Durability
from aerchive.settings import Settings, default_project, load_settings
from aerchive.storage.commits.superblock import rewritten_text
from aerchive.storage.medium.known_files import KnownFile
from aerchive.storage.medium.names import no_such_project
from aerchive.storage.medium.opening import only_readable
from aerchive.storage.medium.remote_path import RemotePath
from aerchive.storage.remote.object import BinaryFile
from aerchive.storage.remote.opening import open_object, open_url
from aerchive.storage.vetting import VetReport

_MODES = ("r", "r+", "a", "x")


class QiskitBridge:
    """Converts between runs and objects of Qiskit; imports Qiskit on first use."""

    def capture(self, source: Any, circuits: Sequence[Any] | None, options: Mapping[str, Any] | None) -> RunDraft:
        """See `aerchive.project.run.Bridge`."""
        from aerchive.aer.saving import capture

        return capture(source, circuits, options)

    def job(self, run: Run) -> Any:
        """See `aerchive.project.run.Bridge`."""
        from aerchive.aer.archived.job import ArchivedJob, ArchivedPrimitiveJob

        return ArchivedJob(run) if run.program == "run" else ArchivedPrimitiveJob(run)

    def result(self, run: Run) -> Any:
        """See `aerchive.project.run.Bridge`."""
        from aerchive.aer.archived.result import archived_result

        return archived_result(run)

    def rerun(self, run: Run, *, save: bool, take_resources: bool, untrusted: bool) -> Any:
        """See `aerchive.project.run.Bridge`."""
        from aerchive.aer.again.rerun import rerun

        return rerun(run, save=save, take_resources=take_resources, untrusted=untrusted)

    def reproduce(self, run: Run, *, take_resources: bool, untrusted: bool) -> Any:
        """See `aerchive.project.run.Bridge`."""
        from aerchive.aer.again.reproduce import reproduce

        return reproduce(run, take_resources=take_resources, untrusted=untrusted)

    def diff(self, run: Run, other: Run) -> Any:
        """See `aerchive.project.run.Bridge`."""
        from aerchive.aer.again.diff import diff_runs

        return diff_runs(run, other)

    def initialize(self, state: Any, circuit: Any) -> Any:
        """See `aerchive.project.run.Bridge`."""
        from aerchive.aer.again.initialize import initialize

        return initialize(state, circuit)

    def recompute(self, run: Run, *, take_resources: bool, untrusted: bool) -> Any:
        """See `aerchive.project.run.Bridge`."""
        from aerchive.aer.again.recompute import recompute

        return recompute(run, take_resources=take_resources, untrusted=untrusted)

    def obstacle(self, run: Run) -> str | None:
        """See `aerchive.project.run.Bridge`."""
        from aerchive.aer.again.recompute import obstacle_to_recomputing

        return obstacle_to_recomputing(run)

    def compute_again(
        self,
        path: Path,
        job_id: str,
        target: Path,
        *,
        max_infidelity: float | None,
        take_resources: bool,
        untrusted: bool,
    ) -> list[str]:
        """See `aerchive.project.run.Bridge`."""
        from aerchive.aer.again.recompute import compute_again

        run = open_path(path, "r")[job_id]
        return compute_again(
            run, target, max_infidelity=max_infidelity, take_resources=take_resources, untrusted=untrusted
        )

    def script(self, run: Run, *, take_resources: bool) -> str:
        """See `aerchive.project.run.Bridge`."""
        from aerchive.aer.again.script import script_of

        return script_of(run, take_resources=take_resources)


@checked
def open_path(
    path: str | os.PathLike[str] | BinaryFile | None = None,
    mode: Mode | None = None,
    *,
    lock_timeout: float | None = None,
    compression: str | None = None,
    qpy_version: int | None = None,
    durability: Durability | None = None,
) -> Project:
    """Opens a project; ``aerchive.open`` is this function.

    The file is not held open, and a new file is made only when the first run is saved.

    Args:
        path: Path of the project file, in which ``~`` stands for the user's home; ``None``: the project of the
            settings. Or a URL, such as ``https://...``, ``s3://...`` or another one of fsspec, or an open binary file
            object; these are only read, in the state that they have now.
        mode: ``"r"`` for reading; ``"r+"`` for writing to an existing file; ``"a"``, the default, for writing, the file
            is made if it is missing; ``"x"`` for writing to a new file, which must not exist. Without a mode, a file
            that this user may not write is opened with ``"r"``.
        lock_timeout: Longest time in seconds to wait until other programs release the file; by default that of the
            settings (60).
        compression: Compression of arrays that are saved through this object: ``"portable"``, which every program can
            read; ``"none"``, for speed; ``"fast"`` or ``"small"``, for which readers need a plugin; ``"structure"``,
            which looks for structure in state vectors and keeps every bit. By default that of the settings
            (``"portable"``).
        qpy_version: Version of QPY for circuits that are saved through this object, such as 15 for readers with Qiskit
            2.1. By default that of the settings (the newest that the installed Qiskit writes).
        durability: Time at which runs are committed: ``"each"``: each run at once; ``"batch"``: together with others,
            after two seconds at the latest; ``"exit"``: when the process ends. By default that of the settings
            (``"each"``).

    Raises:
        InvalidInputError: There is no such mode, compression or version of QPY, or the path is a folder.
        NotFoundError: The mode is ``"r"`` or ``"r+"``, and the file does not exist; or there is none at the URL.
        ReadError: The server of the URL does not answer, or sends no parts of files.
        MissingExtraError: URLs need the extra ``aerchive[remote]``, and those of S3 ``aerchive[s3]``.
        AlreadyExistsError: The mode is ``"x"``, and the file exists.
        FormatError: The file is not a project, or has a newer format.
        IntegrityError: The file is damaged.
        ReadOnlyError: This user may not read the file, or the mode is for writing and another program has rewritten the
            file, as ``h5repack`` does.
    """
    if mode is not None and mode not in _MODES:
        raise InvalidInputError(
            f"mode {mode!r}: choose one of {', '.join(map(repr, _MODES))}; "
            "an archive is never truncated, so there is no 'w'"
        )
    project = project_at(
        path, mode, lock_timeout=lock_timeout, compression=compression, qpy_version=qpy_version, durability=durability
    )
    file = project.path
    exists = project.file.exists()
    if mode == "x" and exists:
        raise AlreadyExistsError(f"{file}: exists; open it with mode 'r+', or choose another name")
    if mode in ("r", "r+") and not exists:
        raise no_such_project(file)
    if exists:
        is_rewritten = project.file.is_rewritten()  # raises at once if the file is not valid
        if is_rewritten and project.mode != "r":
            if mode is not None:
                raise ReadOnlyError(rewritten_text(file))
            return open_path(
                path,
                "r",
                lock_timeout=lock_timeout,
                compression=compression,
                qpy_version=qpy_version,
                durability=durability,
            )
    return project


def vet(path: str | os.PathLike[str]) -> VetReport:
    """Lets HDF5 parse the whole structure of a project in a child process with limits of time and memory.

    This is done at the first opening of a file that is not known in its present state, too; decision 0020.

    Args:
        path: Path of the project file.

    Returns:
        A report with ``ok`` and ``findings``: links and other things that aerchive never writes, and damage. These
        nodes are refused when they are read; all others can be read.

    Raises:
        UnsafeContentError: The child crashed, or took too much memory or time: the file is not opened.
        NotFoundError: There is no such file.
        FormatError: The file is not a project, or has a newer format.
        IntegrityError: The file is damaged.
    """
    return vet_file(project_at(path, "r").file)


def validate(path: str | os.PathLike[str]) -> ValidateReport:
    """Checks each node of a project file against the rules of the format, in a child process, without Qiskit.

    Names, attributes, types, filters, texts, documents, links and limits are compared with ``layout.md``. Whether
    something was changed since it was written is for `Project.verify`.

    Args:
        path: Path of the project file.

    Returns:
        A report with ``ok`` and ``departures``, each with the node, the section of ``layout.md``, and what is wrong.

    Raises:
        UnsafeContentError: The child crashed, or took too much memory or time.
        NotFoundError: There is no such file.
    """
    return validate_file(project_at(path, "r").file)


def trust(path: str | os.PathLike[str]) -> KnownFile:
    """Trusts a project file as if this user had made it, until another user or program changes it.

    Args:
        path: Path of the project file.

    Returns:
        What is recorded of the file: ``path``, ``uuid``, and the state in which it is trusted.

    Raises:
        UnsafeContentError: The file is not opened, as by `vet`.
        NotFoundError: There is no such file.
        FormatError: The file is not a project, or has a newer format.
        IntegrityError: The file is damaged.
    """
    return trust_file(project_at(path, "r").file)


def remote_path(given: str | os.PathLike[str] | BinaryFile) -> RemotePath | None:
    """The path of a project that is not on this machine, of which the beginning is read; ``None`` for all others.

    Args:
        given: What the user gave as the project.

    Raises:
        AerchiveError: It cannot be read, as for `open_path`.
    """
    if isinstance(given, RemotePath):
        return given
    if isinstance(given, str) and is_url(given):
        return open_url(given)
    if not isinstance(given, str | os.PathLike) and hasattr(given, "read") and hasattr(given, "seek"):
        return open_object(given)
    return None


class Opening:
    """A project at a path for future runs: for each run it is opened with the settings in force at that time.

    Args:
        path: Path of the project file, as for `open_path`.
        durability: Time at which runs are committed, as for `open_path`.
        compression: Compression of arrays, as for `open_path`.
        qpy_version: Version of QPY for circuits, as for `open_path`.

    Attributes:
        path: The path as it was given.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        *,
        durability: Durability | None = None,
        compression: str | None = None,
        qpy_version: int | None = None,
    ) -> None:
        self.path = path
        self._given: dict[str, Any] = {
            "durability": durability,
            "compression": compression,
            "qpy_version": qpy_version,
        }
        self._opened: tuple[Settings, Project] | None = None

    @property
    def project(self) -> Project:
        """The project; a new object if the settings have changed.

        Raises:
            InvalidInputError: A setting is not valid, or the path is a URL.
        """
        settings = load_settings()
        if isinstance(self.path, str):
            local_path(self.path)  # raises if it is a URL, where no run can be saved
        if self._opened is None or self._opened[0] != settings:
            self._opened = settings, project_at(self.path, **self._given)
        return self._opened[1]


def project_at(
    path: str | os.PathLike[str] | BinaryFile | None = None,
    mode: Mode | None = None,
    *,
    lock_timeout: float | None = None,
    compression: str | None = None,
    qpy_version: int | None = None,
    durability: Durability | None = None,
) -> Project:
    """Makes a project object without reading the file; errors in the file are found when it is used.

    Args:
        path: Path of the project file, as for `open_path`.
        mode: Mode of the project, as for `open_path`.
        lock_timeout: Longest time in seconds to wait for the file, as for `open_path`.
        compression: Compression of arrays, as for `open_path`.
        qpy_version: Version of QPY for circuits, as for `open_path`.
        durability: Time at which runs are committed, as for `open_path`.

    Raises:
        InvalidInputError: A setting is not valid.
        AerchiveError: The beginning of a file on another machine is read, which may fail as for `open_path`.
    """
    settings = load_settings(lock_timeout=lock_timeout, durability=durability)
    use_limits(settings.limits)
    if path is None:
        path = settings.project
        if path == default_project():  # the folder of any other project must exist already
            with contextlib.suppress(OSError):  # the first commit reports what is wrong with the folder
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if mode not in (None, "r") and isinstance(path, str) and is_url(path):  # no server is asked, and no secret printed
        raise ReadOnlyError(
            f"mode {mode!r}: a project behind a URL can only be read; leave the mode out, or take a copy, and change "
            "that: aerchive copy URL COPY.h5"
        )
    if (remote := remote_path(path)) is not None:
        file: Path = remote
        if mode not in (None, "r"):
            raise only_readable(remote)
        mode = "r"
    elif isinstance(path, str | os.PathLike):
        file = Path(os.path.realpath(local_path(path)))
    else:
        raise InvalidInputError(f"{path!r} is neither a path nor an open binary file; give the name of a project file")
    if mode is None:
        mode = "r" if os.path.exists(file) and not os.access(file, os.W_OK) else "a"
    project = open_project(
        file,
        mode,
        QiskitBridge(),
        settings.lock_timeout,
        trust_locks=settings.trust_locks,
        compression=compression,
        qpy_version=qpy_version,
        min_free_bytes=settings.min_free,
        durability=settings.durability,
        pending_folder=settings.pending_folder,
        new_mode=0o600 if path == default_project() else 0o666,
    )
    project.compression()  # raises at once if there is no such profile
    project.qpy_version()
    return project
