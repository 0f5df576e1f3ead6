"""Settings: arguments win over the environment, over a settings file, over defaults.

The file is ``settings.toml`` in the user's configuration folder (`settings_file`); the environment uses the prefix
``AERCHIVE_``, as in ``AERCHIVE_PROJECT``.
"""

from __future__ import annotations

import functools
import os
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
from aerchive.paths import local_path


def settings_file() -> Path:
    """Where the settings file is, whether it exists or not."""
    return Path(platformdirs.user_config_dir("aerchive", appauthor=False)) / "settings.toml"


def default_project() -> Path:
    """The project that is used when none is named."""
    return Path(platformdirs.user_data_dir("aerchive", appauthor=False)) / "default.h5"


def default_pending_folder() -> Path:
    """Where runs go whose project cannot be written any more when they have finished."""
    return Path(platformdirs.user_data_dir("aerchive", appauthor=False)) / "pending"


class Settings(BaseSettings):
    """What a user may set once for all.

    Attributes:
        project: The project file that is used when none is named.
        save_jobs: Whether simulations are archived without being asked.
        lock_timeout: How long to wait for another program to let go of the project, in seconds.
        trust_locks: Whether a project may be written on a file system whose locks other machines do not see.
        min_free: Room that stays free on the disk, in bytes, or text such as ``1 GiB``: runs that would leave less are
            not archived, which is said. 0: the disk may become full.
        pending_folder: Where a finished run is kept when its project has become a place that cannot be written.
        durability: When finished runs are committed: ``each`` at once; ``batch`` with others, after two seconds at the
            latest; ``exit`` when the process ends.
        on_error: What to do when a finished simulation cannot be archived: ``warn``, or ``raise`` from ``result()``.
        compression: How arrays are stored: ``portable``, ``none``, ``fast`` or ``small``. All of them are lossless;
            rounding is never a setting.
        progress: Whether what takes longer than a second shows a bar on a terminal.
    """

    model_config = SettingsConfigDict(env_prefix="AERCHIVE_", extra="forbid", frozen=True)

    project: Path = Field(default_factory=default_project)
    save_jobs: bool = True
    lock_timeout: float = Field(default=60.0, ge=0)
    trust_locks: bool = False
    min_free: ByteSize = Field(default=ByteSize(64 * 1024 * 1024), ge=0)
    pending_folder: Path = Field(default_factory=default_pending_folder)
    durability: Literal["each", "batch", "exit"] = "each"
    on_error: Literal["warn", "raise"] = "warn"
    compression: Literal["portable", "none", "fast", "small"] = "portable"
    progress: bool = True

    @field_validator("project", "pending_folder", mode="before")
    @classmethod
    def _on_this_machine(cls, value: Any) -> Any:
        """Looks at the text, before `Path` takes a URL for a folder."""
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
        """The order of the sources; the first that has a value wins."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, settings_file())


def load_settings(**arguments: Any) -> Settings:
    """The settings in force.

    Args:
        **arguments: What the caller was given; ``None`` means not given.

    Raises:
        InvalidInputError: A value cannot be used; the message names it and where it came from.
    """
    given = tuple((name, value) for name, value in sorted(arguments.items()) if value is not None)
    environment = _environment()
    file = _settings_file(environment)
    try:
        stamp = (found := file.stat()).st_mtime_ns, found.st_size, found.st_ino
    except OSError:  # there is none, or reading it says why it cannot be read
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


def _environment() -> tuple[tuple[str, str], ...]:
    """What of the environment has a part in the settings: those of ours, and where folders of the user are."""
    names = [name for name in os.environ if name.upper().startswith(("AERCHIVE_", "XDG_", "HOME"))]
    return tuple((name, os.environ.get(name, "")) for name in names)


@functools.lru_cache(maxsize=4)
def _settings_file(_environment: tuple[tuple[str, str], ...]) -> Path:
    return settings_file()


@functools.lru_cache(maxsize=32, typed=True)
def _settings(given: tuple[tuple[str, Any], ...], *_sources: Any) -> Settings:
    """The settings of the same sources: reading them takes half a millisecond, and each run asks for them."""
    return Settings(**dict(given))


class Setting(NamedTuple):
    """One setting, and why it is what it is.

    Attributes:
        name: As in the settings file.
        value: In force.
        source: ``argument``, ``environment``, ``file`` or ``default``.
        where: The variable of the environment or the file that says so; that would, where nothing does.
    """

    name: str
    value: Any
    source: Literal["argument", "environment", "file", "default"]
    where: str


def explain_settings(**arguments: Any) -> list[Setting]:
    """The settings in force, each with the place that its value came from.

    Args:
        **arguments: As for `load_settings`.

    Raises:
        InvalidInputError: A value cannot be used; the message names it and where it came from.
    """
    settings = load_settings(**arguments)
    environment = EnvSettingsSource(Settings)()
    file = TomlConfigSettingsSource(Settings, settings_file())()
    explained = []
    for name in Settings.model_fields:
        variable = f"{Settings.model_config['env_prefix']}{name.upper()}"
        source: Literal["argument", "environment", "file", "default"] = "default"
        where = variable
        if arguments.get(name) is not None:
            source, where = "argument", name
        elif name in environment:
            source = "environment"
        elif name in file:
            source, where = "file", str(settings_file())
        explained.append(Setting(name, getattr(settings, name), source, where))
    return explained
