"""Running a run of a foreign file again in a child process with limits, which a crash of Aer does not leave."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

from aerchive.errors import AerchiveError, UnsafeContentError
from aerchive.project.care.foreign import stop_trusting
from aerchive.project.project import open_project
from aerchive.project.recomputing.environment import THREADS
from aerchive.project.run import Run
from aerchive.settings import load_settings
from aerchive.storage.medium.limited_child import ChildError, ChildLimits, run_limited
from aerchive.storage.medium.opening import only_here
from aerchive.storage.medium.remote_path import RemotePath

_CHILD = "aerchive.aer.child", "run_again"
_AGAIN = "again.h5"
_LOCK_TIMEOUT_S = 10.0
_WALL_RATIO = 2
_MOST_RESULT_BYTES = 4 * 1024**3
_LEAST_FILE_BYTES = 4096
"""Python tries whether it can write temporary files."""


def must_be_in_child(run: Run, *, untrusted: bool) -> bool:
    """Whether a run may be run again only in a child.

    Args:
        run: The run.
        untrusted: Whether the user asked for it.

    Raises:
        UnsafeContentError: The file is foreign, and the user did not ask for it.
    """
    if run.project.is_trusted:
        return False
    if not untrusted:
        path = run.project.file.path
        raise UnsafeContentError(
            f"{path}: run {run.job_id} is not run again, because this file is not yours, or was changed by another "
            f"program. If you trust it, say so: aerchive trust {path}, or aerchive.trust({str(path)!r}). Else ask for "
            "a process of its own with limits: --untrusted, or untrusted=True"
        )
    return True


def reproduce_in_child(run: Run, *, take_resources: bool) -> dict[str, Any]:
    """Runs a run again in a child, and compares the results.

    Returns:
        The report as JSON has it, which the file may have made its own.

    Raises:
        ChildError: The child crashed, or took too much time or memory.
    """
    return _ask(run, take_resources, "")


def rerun_in_child(run: Run, *, take_resources: bool) -> tuple[Run, list[str]]:
    """Runs a run again in a child, which archives the new run in a project of its own.

    Returns:
        The new run in a temporary project, which is removed when the run is not used any more; and the options that
        were not taken.

    Raises:
        UnsafeContentError: The child crashed, took too much time or memory, or the run raised an exception.
    """
    folder = Path(tempfile.mkdtemp(prefix="aerchive-rerun-"))
    try:
        found = _ask(run, take_resources, str(folder / _AGAIN))
        if found.get("error"):
            raise UnsafeContentError(f"run {run.job_id} cannot be run again: {found['error']}")
        made = open_project(folder / _AGAIN, "r", run.project.bridge, _LOCK_TIMEOUT_S).latest()
    except ChildError as error:
        _remove(folder)
        raise UnsafeContentError(f"run {run.job_id} was run again in a process of its own, and {error}") from error
    except BaseException:
        _remove(folder)
        raise
    weakref.finalize(made, _remove, folder)
    return made, [str(name) for name in found.get("left_out", ())]


def _remove(folder: Path) -> None:
    """Removes a temporary folder, and the record that its project was opened."""
    with contextlib.suppress(AerchiveError):
        stop_trusting(folder / _AGAIN)
    shutil.rmtree(folder, ignore_errors=True)


def untrusted_limits(file_bytes: int) -> ChildLimits:
    """The limits of a child that runs a run of a foreign file again.

    Args:
        file_bytes: Size of the largest file that it may write, in bytes.
    """
    settings = load_settings()
    seconds = math.ceil(settings.untrusted_time)
    return ChildLimits(seconds, seconds * _WALL_RATIO, settings.untrusted_memory, file_bytes)


def _ask(run: Run, take_resources: bool, target: str) -> dict[str, Any]:
    if isinstance(run.project.file.path, RemotePath):
        raise only_here(run.project.file.path, "a run is run again in a process of its own")
    limits = untrusted_limits(_MOST_RESULT_BYTES if target else _LEAST_FILE_BYTES)
    threads = {name: os.environ.get(name) for name in THREADS}
    arguments = [str(run.project.file.path), run.job_id, take_resources, target, threads]
    return run_limited(*_CHILD, arguments, limits)
