"""Settings. Arguments take precedence over the environment, then over the settings file, then over the defaults.

The file is ``settings.toml`` in the user's configuration folder (`settings_file`); the environment uses the prefix
``AERCHIVE_``, as in ``AERCHIVE_PROJECT``.
"""

from __future__ import annotations

import functools
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import platformdirs
from pydantic import ByteSize, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from aerchive.errors import InvalidInputError
from aerchive.limits import Limits
from aerchive.paths import local_path


def settings_file() -> Path:
    """Returns the path of the settings file, whether the file exists or not."""
    return Path(platformdirs.user_config_dir("aerchive", appauthor=False)) / "settings.toml"


def default_project() -> Path:
    """Returns the path of the project that is used when no project is named."""
    return Path(platformdirs.user_data_dir("aerchive", appauthor=False)) / "default.h5"


def default_pending_folder() -> Path:
    """Returns the folder for finished runs whose project cannot be written any more."""
    return Path(platformdirs.user_data_dir("aerchive", appauthor=False)) / "pending"


def default_known_files() -> Path:
    """Returns the folder for the record of the project files that this user's aerchive has made or vetted."""
    return Path(platformdirs.user_state_dir("aerchive", appauthor=False)) / "known"


def default_views() -> Path:
    """Returns the folder for the aggregated views of large arrays, which can be made again at any time."""
    return Path(platformdirs.user_cache_dir("aerchive", appauthor=False)) / "views"


def default_remote_cache() -> Path:
    """Returns the folder for the parts of projects that were fetched from other machines."""
    return Path(platformdirs.user_cache_dir("aerchive", appauthor=False)) / "remote"


class Settings(BaseSettings):
    """The settings that a user can make for all projects.

    Attributes:
        project: The project file that is used when no project is named.
        save_jobs: Whether each simulation is archived automatically.
        lock_timeout: The longest time to wait until another program releases the project, in seconds.
        trust_locks: Whether a project may be written on a file system whose locks other machines do not see.
        min_free: The space that stays free on the disk, in bytes, or a text such as ``1 GiB``. A run that would leave
            less is not archived, and a warning says so. With 0 the disk may become full.
        pending_folder: The folder that keeps a finished run when its project can no longer be written.
        durability: The time at which finished runs are committed: ``each`` at once; ``batch`` together with others,
            after two seconds at the latest; ``exit`` when the process ends.
        on_error: The reaction when a finished simulation cannot be archived: ``warn`` gives a warning, and ``raise``
            raises the error from ``result()``.
        compression: The compression of arrays: ``portable``, ``none``, ``fast``, ``small`` or ``structure``. All of
            them are lossless. Rounding cannot be chosen by a setting.
        qpy_version: The version of QPY in which circuits are stored; ``None``: the newest that the installed Qiskit
            writes. With 15, Qiskit 2.1 and newer read them.
        progress: Whether an operation that takes longer than a second shows a progress bar on a terminal.
        limits: The limits for what a file may ask of its reader, each a setting of its own: `aerchive.limits.Limits`.
        vet: The files that are vetted in a process of their own before they are opened: ``always`` for each file that
            was not written by this user's aerchive in its present state; ``once`` for such a file only the first time,
            so that changes by colleagues are not vetted; ``off`` for none.
        vet_time: The processor time that vetting may take, in seconds, and as much again for each MiB of the file.
        vet_memory: The memory that vetting may take, in bytes; to verify in a child may take four times as much.
        untrusted_time: The time that a run of a foreign file may take when it is run again, in seconds.
        untrusted_memory: The memory that a run of a foreign file may take when it is run again, in bytes.
        known_files: The folder for the record of the project files that this user's aerchive has made or vetted.
        remote_timeout: The longest time without an answer of another machine, in seconds, for projects behind URLs.
            A whole answer may take twice as long, and a second more for each 16 KiB.
        remote_cache: The folder for the parts of projects that were fetched from other machines.
        remote_cache_bytes: The space that they may take, in bytes, or a text such as ``2 GiB``.
    """

    model_config = SettingsConfigDict(env_prefix="AERCHIVE_", env_nested_delimiter="__", extra="forbid", frozen=True)

    project: Path = Field(default_factory=default_project)
    save_jobs: bool = True
    lock_timeout: float = Field(default=60.0, ge=0)
    trust_locks: bool = False
    min_free: ByteSize = Field(default=ByteSize(64 * 1024 * 1024), ge=0)
    pending_folder: Path = Field(default_factory=default_pending_folder)
    durability: Literal["each", "batch", "exit"] = "each"
    on_error: Literal["warn", "raise"] = "warn"
    compression: Literal["portable", "none", "fast", "small", "structure"] = "portable"
    qpy_version: int | None = None
    progress: bool = True
    limits: Limits = Limits()
    vet: Literal["always", "once", "off"] = "always"
    vet_time: float = Field(default=2.0, gt=0)
    vet_memory: ByteSize = Field(default=ByteSize(512 * 1024**2), gt=0)
    untrusted_time: float = Field(default=600.0, gt=0)
    untrusted_memory: ByteSize = Field(default=ByteSize(4 * 1024**3), gt=0)
    known_files: Path = Field(default_factory=default_known_files)
    remote_timeout: float = Field(default=30.0, gt=0)
    remote_cache: Path = Field(default_factory=default_remote_cache)
    remote_cache_bytes: ByteSize = Field(default=ByteSize(2 * 1024**3), ge=0)

    @field_validator("project", "pending_folder", "known_files", "remote_cache", mode="before")
    @classmethod
    def _on_this_machine(cls, value: Any) -> Any:
        """Checks the text first, because `Path` would take a URL for the name of a folder."""
        return local_path(value) if isinstance(value, str | os.PathLike) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Returns the sources in order. The first source that has a value is used."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, settings_file())


def load_settings(**arguments: Any) -> Settings:
    """Returns the settings in force.

    Args:
        **arguments: The values that the caller was given, by name of the setting. ``None`` means not given.

    Raises:
        InvalidInputError: A value cannot be used. The message names the value and its source.
    """
    given = tuple((name, value) for name, value in sorted(arguments.items()) if value is not None)
    environment = _environment()
    file = _settings_file(environment)
    try:
        stamp = (found := file.stat()).st_mtime_ns, found.st_size, found.st_ino
    except OSError:  # there is no file, or reading it below raises an error with the reason
        stamp = None
    try:
        return _settings(given, environment, file, stamp) if _can_be_known(given) else Settings(**dict(given))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, p['loc']))}: {p['msg'].removeprefix('Value error, ')}" for p in error.errors()
        )
        raise InvalidInputError(
            f"settings: {problems}; look at the arguments, the environment (AERCHIVE_...) and {file}"
        ) from error
    except ValueError as error:
        raise InvalidInputError(f"settings: {file} cannot be read: {error}") from error


def _can_be_known(given: tuple[tuple[str, Any], ...]) -> bool:
    return all(isinstance(value, bool | int | float | str | Path) for _, value in given)


_lately: deque[tuple[dict[Any, Any], tuple[tuple[str, str], ...]]] = deque(maxlen=1)
"""The whole environment as it was lately, and the variables in it that affect the settings."""


def _environment() -> tuple[tuple[str, str], ...]:
    """The environment variables that affect the settings: those of aerchive, and those that name user folders."""
    stored = dict(vars(os.environ).get("_data", os.environ))  # to decode it takes as long as all else here
    for known, found in [*_lately]:
        if known == stored:
            return found
    names = [name for name in os.environ if name.upper().startswith(("AERCHIVE_", "XDG_", "HOME"))]
    found = tuple((name, os.environ.get(name, "")) for name in names)
    _lately.append((stored, found))
    return found


@functools.lru_cache(maxsize=4)
def _settings_file(_environment: tuple[tuple[str, str], ...]) -> Path:
    return settings_file()


@functools.lru_cache(maxsize=32, typed=True)
def _settings(given: tuple[tuple[str, Any], ...], *_sources: Any) -> Settings:
    """Settings are kept by their sources, because reading them takes half a millisecond and each run needs them."""
    return Settings(**dict(given))


class Setting(NamedTuple):
    """One setting, its value and the source of the value.

    Attributes:
        name: The name of the setting in the settings file.
        value: The value in force.
        source: The kind of source: ``argument``, ``environment``, ``file`` or ``default``.
        where: The argument, the environment variable or the file that gave the value. For a default it is the
            environment variable that can change it.
    """

    name: str
    value: Any
    source: Literal["argument", "environment", "file", "default"]
    where: str


def explain_settings(**arguments: Any) -> list[Setting]:
    """Returns the settings in force, each with the source of its value.

    Args:
        **arguments: The values that the caller was given, as for `load_settings`.

    Raises:
        InvalidInputError: A value cannot be used. The message names the value and its source.
    """
    given = _flat(arguments)
    environment = _flat(EnvSettingsSource(Settings)())
    file = _flat(TomlConfigSettingsSource(Settings, settings_file())())
    explained = []
    for name, value in _flat(dict(load_settings(**arguments))).items():
        variable = f"{Settings.model_config['env_prefix']}{name.upper().replace('.', '__')}"
        source: Literal["argument", "environment", "file", "default"] = "default"
        where = variable
        if given.get(name) is not None:
            source, where = "argument", name
        elif name in environment:
            source = "environment"
        elif name in file:
            source, where = "file", str(settings_file())
        explained.append(Setting(name, value, source, where))
    return explained


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings by name, where each limit is a setting of its own, such as ``limits.members``."""
    flat = {name: value for name, value in settings.items() if name != "limits"}
    limits = settings.get("limits", {})
    return flat | {f"limits.{name}": value for name, value in dict(limits).items()}
