"""The notebook and the cell that run now, as far as the notebook program tells them."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, NamedTuple

_SUFFIX = ".ipynb"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""The ids of cells that the format of notebooks allows."""


class Cell(NamedTuple):
    """A cell of a notebook.

    Attributes:
        number: The number of the input, as in ``In [7]``; ``None`` outside of notebooks.
        id: The id of the cell in the notebook file, if the notebook program tells it.
    """

    number: int | None = None
    id: str | None = None


def notebook_name() -> str | None:
    """Returns the file name of the notebook that this process runs, without its folder; ``None`` if it is not known.

    JupyterLab and Jupyter Notebook tell it in the environment, and VS Code among the variables of the notebook. A
    notebook that was renamed since its kernel began still has the old name.
    """
    shell = _shell()
    if shell is None:
        return None
    told = (shell.user_ns.get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME"))
    names = (re.split(r"[/\\]", path)[-1] for path in told if isinstance(path, str))
    return next((name for name in names if name.endswith(_SUFFIX)), None)


def current_cell() -> Cell:
    """Returns the cell of the notebook that runs now."""
    shell = _shell()
    # `execution_count` is already the next number in IPython 9 and not in older versions; this is right in all of them
    number = getattr(getattr(shell, "displayhook", None), "prompt_count", None)
    if type(number) is not int:
        return Cell()
    try:
        told = shell.get_parent()["metadata"]["cellId"]  # type: ignore[union-attr]  # a shell has a number
    except (AttributeError, LookupError, TypeError):  # nbclient and older programs do not tell it
        told = None
    return Cell(number, told if isinstance(told, str) and _ID.fullmatch(told) else None)


def _shell() -> Any | None:
    """The shell of a notebook; ``None`` in scripts and on terminals."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = get_ipython() if get_ipython is not None else None
    return shell if getattr(shell, "kernel", None) is not None else None
