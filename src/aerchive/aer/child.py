"""What the children of `aerchive.aer.again.untrusted` and `aerchive.aer.again.recompute` do: they run a run again.

Nothing that reads the environment is imported before the environment is set.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any


def run_again(
    path: str, job_id: str, take_resources: bool, target: str, threads: dict[str, str | None]
) -> dict[str, Any]:
    """What the child does; the arguments are those that `aerchive.aer.again.untrusted` gives.

    Returns:
        The report, or what was not taken and the error if the new run was to be archived.
    """
    _set_environment(threads)
    _trust_nothing(target)
    from aerchive.aer.again.reproduce import reproduce_here
    from aerchive.aer.again.rerun import replay_of
    from aerchive.aer.opening import open_path
    from aerchive.errors import AerchiveError

    run = open_path(path, "r")[job_id]
    if not target:
        return {"report": reproduce_here(run, take_resources=take_resources).document()}
    left_out: Sequence[str] = ()
    try:
        replay = replay_of(run, take_resources=take_resources)
        left_out = replay.left_out
        open_path(target, "x").save(replay.submit())
    except AerchiveError as error:
        return {"error": str(error), "left_out": [*left_out]}
    return {"error": "", "left_out": [*left_out]}


def compute_again(
    path: str,
    job_id: str,
    target: str,
    max_infidelity: float | None,
    take_resources: bool,
    threads: dict[str, str | None],
    is_trusted: bool,
) -> dict[str, Any]:
    """What the child of `aerchive.aer.again.recompute` does; the arguments are those that it gives.

    Returns:
        The error, empty if there is none; whether it is one of writing; and what was not taken.
    """
    _set_environment(threads)
    if not is_trusted:
        _trust_nothing(target)
    from aerchive.aer.again.recompute import archive_again
    from aerchive.aer.opening import open_path
    from aerchive.errors import AerchiveError, WriteError

    try:
        left_out = archive_again(open_path(path, "r")[job_id], target, max_infidelity, take_resources=take_resources)
    except AerchiveError as error:
        return {"error": str(error), "is_of_writing": isinstance(error, WriteError), "left_out": []}
    return {"error": "", "left_out": left_out}


def _set_environment(threads: dict[str, str | None]) -> None:
    """Sets the variables that may change the bits of results as they are in the parent."""
    for name, value in threads.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def _trust_nothing(target: str) -> None:
    """Has a child with limits neither vet its file, which its parent has opened, nor make any file trusted."""
    os.environ["AERCHIVE_VET"] = "off"
    os.environ["AERCHIVE_KNOWN_FILES"] = f"{os.path.dirname(target) or os.devnull}/known"
