"""``aerchive config``: shows each setting, its value and the source of the value."""

from __future__ import annotations

import argparse
from pathlib import Path

from aerchive.cli.arguments import add_json, print_report
from aerchive.display.text import format_table
from aerchive.errors import InvalidInputError
from aerchive.settings import Setting, explain_settings, settings_file


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: AERCHIVE_LOCK_TIMEOUT=5 aerchive config lock_timeout"
    parser.add_argument("name", nargs="?", metavar="NAME", help="only this setting, and only its value")
    parser.add_argument("--path", action="store_true", help="only the path of the settings file, which may not exist")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the settings."""
    if options.path:
        print_report(options, str(settings_file()), settings_file())
        return 0
    settings = explain_settings(project=options.project)
    if options.name is not None:
        one = next((setting for setting in settings if setting.name == options.name), None)
        if one is None:
            raise InvalidInputError(
                f"no setting {options.name!r}; there are {', '.join(setting.name for setting in settings)}"
            )
        print_report(options, _document(one), _text(one), None)
        return 0
    table = format_table(
        ("setting", "value", "from"), [(setting.name, _text(setting), _origin(setting)) for setting in settings]
    )
    file = f"{settings_file()}{'' if settings_file().exists() else ' (does not exist)'}"
    order = f"arguments win over the environment, that over the file, that over defaults; file: {file}"
    print_report(options, [_document(setting) for setting in settings], f"{table}\n\n{order}")
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
        return f"default; to change it: {setting.where}"
    return f"{setting.source}: {setting.where}"
