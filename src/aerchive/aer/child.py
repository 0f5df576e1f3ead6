"""What the child of `aerchive.aer.again.untrusted` does: it runs a run of a foreign file again.

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
    for name, value in threads.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    os.environ["AERCHIVE_VET"] = "off"  # this is the child already, and its parent has opened the file
    os.environ["AERCHIVE_KNOWN_FILES"] = f"{os.path.dirname(target) or os.devnull}/known"  # it makes no file trusted
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
