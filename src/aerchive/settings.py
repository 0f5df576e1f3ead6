"""Settings: arguments win over the environment, over a settings file, over defaults.

The file is ``settings.toml`` in the user's configuration folder (`settings_file`); the environment uses the prefix
``AERCHIVE_``, as in ``AERCHIVE_PROJECT``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from aerchive.errors import InvalidInputError


def settings_file() -> Path:
    """Where the settings file is, whether it exists or not."""
    return Path(platformdirs.user_config_dir("aerchive", appauthor=False)) / "settings.toml"


def default_project() -> Path:
    """The project that is used when none is named."""
    return Path(platformdirs.user_data_dir("aerchive", appauthor=False)) / "default.h5"


class Settings(BaseSettings):
    """What a user may set once for all.

    Attributes:
        project: The project file that is used when none is named.
        save_jobs: Whether simulations are archived without being asked.
        lock_timeout: How long to wait for another program to let go of the project, in seconds.
        trust_locks: Whether a project may be written on a file system whose locks other machines do not see.
        durability: When finished runs are committed: ``each`` at once; ``batch`` with others, after two seconds at the
            latest; ``exit`` when the process ends.
        on_error: What to do when a finished simulation cannot be archived: ``warn``, or ``raise`` from ``result()``.
        compression: How arrays are stored: ``portable``, ``none``, ``fast`` or ``small``. All of them are lossless;
            rounding is never a setting.
        progress: Whether what takes longer than a second shows a bar on a terminal.
    """

    model_config = SettingsConfigDict(env_prefix="AERCHIVE_", extra="forbid")

    project: Path = Field(default_factory=default_project)
    save_jobs: bool = True
    lock_timeout: float = Field(default=60.0, ge=0)
    trust_locks: bool = False
    durability: Literal["each", "batch", "exit"] = "each"
    on_error: Literal["warn", "raise"] = "warn"
    compression: Literal["portable", "none", "fast", "small"] = "portable"
    progress: bool = True

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
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in error.errors())
        raise InvalidInputError(
            f"settings: {problems}; look at the arguments, the environment (AERCHIVE_...) and {settings_file()}"
        ) from error
    except ValueError as error:
        raise InvalidInputError(f"settings: {settings_file()} cannot be read: {error}") from error
