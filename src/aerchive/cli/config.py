"""``aerchive config``: shows each setting, its value and the source of the value."""

from __future__ import annotations

from pathlib import Path

import click

from aerchive.cli.command import at_most_one, command, json_option
from aerchive.cli.output import put, put_json, put_report
from aerchive.cli.tables import TableColumn, put_table
from aerchive.errors import InvalidInputError
from aerchive.settings import Setting, explain_settings, settings_file


@command("config", "AERCHIVE_LOCK_TIMEOUT=5 aerchive config lock_timeout", file_word="none")
@click.argument("name", required=False)
@click.option("--path", "only_path", is_flag=True, help="Only the path of the settings file, which may not exist.")
@json_option()
def run(project: str | None, *, name: str | None, only_path: bool, as_json: bool) -> int:
    """Prints the settings."""
    at_most_one(path=only_path, NAME=name)
    if only_path:
        put_report(str(settings_file()), settings_file(), as_json=as_json)
        return 0
    settings = explain_settings(project=project)
    if name is not None:
        one = next((setting for setting in settings if setting.name == name), None)
        if one is None:
            raise InvalidInputError(f"no setting {name!r}; there are {', '.join(one.name for one in settings)}")
        put_report(_document(one), _text(one), as_json=as_json)
    elif as_json:
        put_json([_document(setting) for setting in settings])
    else:
        put_table(
            [
                TableColumn("setting", [setting.name for setting in settings]),
                TableColumn("value", [_text(setting) for setting in settings], least=16),
                TableColumn("from", [_origin(setting) for setting in settings], least=24),
            ]
        )
        file = f"{settings_file()}{'' if settings_file().exists() else ' (does not exist)'}"
        put("\narguments win over the environment, that over the file, that over defaults")
        put("environment: AERCHIVE_ and the name of the setting in capitals, with __ in the place of a dot")
        put(f"file: {file}")
    return 0


def _document(setting: Setting) -> dict[str, object]:
    value = str(setting.value) if isinstance(setting.value, Path) else setting.value
    return {"name": setting.name, "value": value, "source": setting.source, "where": setting.where}


def _text(setting: Setting) -> str:
    """Returns a value as it is written in the settings file and in the environment."""
    return str(setting.value).lower() if isinstance(setting.value, bool) else str(setting.value)


def _origin(setting: Setting) -> str:
    if setting.source == "argument":
        return "argument -p"
    if setting.source == "default":
        return "default"
    return f"{setting.source}: {setting.where}"
