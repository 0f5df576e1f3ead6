"""Running an archived run again, in this process or in a child."""

from __future__ import annotations

import warnings
from typing import Any

from aerchive.aer.again.compare import compare_primitive_results
from aerchive.aer.again.primitive_replay import PrimitiveReplay, doubt_of_backend
from aerchive.aer.again.replay import Replay, note_on
from aerchive.aer.again.untrusted import must_be_in_child, rerun_in_child
from aerchive.aer.archived.result import archived_result
from aerchive.errors import ArchiveWarning, InvalidInputError
from aerchive.project.run import Run


def replay_of(run: Run, *, take_resources: bool) -> Replay:
    """The data for running a run again, of a simulator or of a primitive.

    Args:
        run: The archived run.
        take_resources: Whether options that ask for memory, processors and devices are taken; those of a foreign file
            are not, unless the user asks.

    Raises:
        InvalidInputError: The run cannot be run again; the message says why.
        NotFoundError: The run was archived without its circuits, or a primitive without its pubs.
    """
    kind = Replay if run.program == "run" else PrimitiveReplay
    return kind(run, take_resources=take_resources)


def rerun(run: Run, *, save: bool, take_resources: bool, untrusted: bool) -> Any:
    """Runs an archived run again; see `aerchive.project.run.Run.rerun`."""
    is_in_child = must_be_in_child(run, untrusted=untrusted)
    if save:
        run.project.check_destination()
        if is_in_child and run.program != "run":
            raise InvalidInputError(
                f"run {run.job_id} of a primitive cannot be run again and saved: its simulations would be lost in "
                f"a process of their own; trust the file first: aerchive trust {run.project.file.path}"
            )
    replay, doubt = None, doubt_of_backend(run)
    if is_in_child:
        made, left_out = rerun_in_child(run, take_resources=take_resources)
        job = made.job()
    else:
        replay, left_out = replay_of(run, take_resources=True), []
        job, doubt = replay.submit(), replay.doubt
    if left_out:
        warnings.warn(f"run {run.job_id} {note_on(left_out)}", ArchiveWarning, stacklevel=5)
    if save:
        name, notes = run.name or run.job_id, f"run again of job {run.job_id}"
        if left_out:
            notes += f"; not taken: {', '.join(left_out)}"
        run.project.save(job, name=f"{name} again", notes=notes, tags=run.tags)
        for beneath in replay.jobs if isinstance(replay, PrimitiveReplay) else ():
            beneath._aerchive_parent = job.job_id()
            run.project.save(beneath)
    result = job.result()
    if doubt is not None and run.program != "run" and run.outcome == "ok" and _differs(archived_result(run), result):
        warnings.warn(f"run {run.job_id} has other values now: {doubt}", ArchiveWarning, stacklevel=5)
    return result


def _differs(before: Any, again: Any) -> bool:
    """Whether two results of a primitive have other values."""
    return any(value.verdict != "identical" for value in compare_primitive_results(before, again))
