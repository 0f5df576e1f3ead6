"""What a shell completes from a project: job ids, names of runs, tags."""

from __future__ import annotations

import os
import re
import shlex
import warnings
from collections.abc import Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from aerchive.cli import COMPLETE
from aerchive.errors import AerchiveError

_HARMLESS = re.compile(r"[\w@%+=:,./][\w@%+=:,./ -]*", re.ASCII)
_MOST = 200
"""The greatest number of completions: more would not help anybody."""


def complete(
    ctx: click.Context, incomplete: str, columns: Sequence[str], words: Sequence[str] = ()
) -> list[CompletionItem]:
    """Returns the values of runs that begin with what was typed, those of the newest runs first.

    A shell puts them into its command line, so only texts are offered that it does not interpret, whatever is in the
    file. Where there is no project, or it cannot be read, there are none.

    Args:
        ctx: The context of the command; it knows the project.
        incomplete: What was typed.
        columns: Columns of the catalogue with the values.
        words: Other words that are offered.
    """
    from aerchive.aer.opening import open_path

    given = (one.params.get("project") or one.params.get("file") for one in (ctx, ctx.find_root()))
    path = next((one for one in given if one), None)
    found: dict[str, str] = dict.fromkeys(words, "")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            page = open_path(path, "r", lock_timeout=1.0).page(10 * _MOST, [*dict.fromkeys([*columns, "name"])])
    except AerchiveError:
        page = None
    if page is not None:
        names = page.columns["name"].values
        for column in columns:
            for name, value in zip(names, page.columns[column].values, strict=True):
                for text in value if isinstance(value, list) else [value]:
                    found.setdefault(text or "", _help(name) if column == "job_id" else "")
    fitting = [text for text in found if text.startswith(incomplete) and _HARMLESS.fullmatch(text)]
    quoted = shlex.quote if os.environ.get(COMPLETE, "").startswith("bash") else str  # zsh and fish quote blanks
    return [CompletionItem(quoted(text), help=found[text] or None) for text in fitting[:_MOST]]


def _help(name: Any) -> str:
    return name if name and name.isprintable() else ""
