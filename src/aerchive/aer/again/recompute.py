"""Computing a run again in a child process, which archives it in a project of its own; decision 0047."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import weakref
from pathlib import Path
from typing import Any

from aerchive.aer.again.replay import obstacle_to
from aerchive.aer.again.rerun import replay_of
from aerchive.aer.again.untrusted import must_be_in_child, untrusted_limits
from aerchive.aer.saving import capture
from aerchive.display.html import ShownReport
from aerchive.display.progress import ProgressBar
from aerchive.display.text import clean_lines
from aerchive.errors import InvalidInputError, UnsafeContentError, WriteError
from aerchive.project.project import open_project
from aerchive.project.recomputing import kept
from aerchive.project.recomputing.again import compute, deviations_of
from aerchive.project.recomputing.comparison import wanted_of
from aerchive.project.recomputing.environment import THREADS, changes, changes_text, environment
from aerchive.project.run import Run
from aerchive.storage.chunks.witness import Deviation
from aerchive.storage.medium.limited_child import UNLIMITED_S, ChildError, ChildLimits, run_limited
from aerchive.storage.medium.opening import only_here
from aerchive.storage.medium.remote_path import RemotePath

_CHILD = "aerchive.aer.child", "compute_again"
_NO_LIMITS = ChildLimits(cpu_s=UNLIMITED_S, wall_s=UNLIMITED_S, memory_bytes=2**62, file_bytes=2**62)
"""A run of a trusted file may take what it took when it ran first."""
_MOST_RESULT_BYTES = 4 * 1024**3
_LOCK_TIMEOUT_S = 10.0


@dataclasses.dataclass(frozen=True)
class Recomputed(ShownReport):
    """A run that was computed again; see `aerchive.Run.recompute`.

    Attributes:
        run: The run as it comes out now, in a project of its own, which is removed when this is not used any more.
        is_identical: Whether all its arrays and saved numbers are the archived ones, bit for bit. False if some could
            not be compared, or there are none; counts and shots are compared by `aerchive.Run.reproduce`.
        deviations: For each array with other bits what the witness says of the deviation.
        changes: What has changed since the arrays were last tried: name to (then, now). Empty for a run that stores
            its arrays.
        not_compared: Names of the datasets that have no elements of arrays, but products of matrices, or the structure
            of a state. They are always stored, so nothing depends on whether the run gives them again.
    """

    run: Run
    is_identical: bool
    deviations: tuple[Deviation, ...] = ()
    changes: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    not_compared: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.is_identical:
            return clean_lines(f"{self.run.job_id}: computed again, all arrays are the same, bit for bit")
        left = f"{', '.join(self.not_compared)}: stored as a product of matrices or by its structure, and not compared"
        if not self.deviations and not self.not_compared:
            return clean_lines(
                f"{self.run.job_id}: computed again, it has no arrays or saved numbers; run.reproduce() compares counts"
            )
        if not self.deviations:
            return clean_lines(f"{self.run.job_id}: computed again, no array has other bits\n  {left}")
        lines = [f"{self.run.job_id}: computed again, its values are not the archived ones"]
        lines += [f"  {one}" for one in self.deviations]
        lines += [f"  {left}"] if self.not_compared else []
        return clean_lines("\n".join([*lines, *([f"  {changes_text(self.changes)}"] if self.changes else [])]))


def recompute(run: Run, *, take_resources: bool, untrusted: bool) -> Recomputed:
    """Computes a run again, and gives its values of now; see `aerchive.Run.recompute`."""
    run.require_data()
    with run.opened() as group:
        wanted = wanted_of(group)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(kept.making())
        again = compute(
            run.place, wanted, run.project.bridge, folder, take_resources=take_resources, untrusted=untrusted
        )
        found, path = deviations_of(run.place, wanted, again), again.file.path
        if not found:
            path = kept.keep(folder, wanted.key)
        made = open_project(path, "r", run.project.bridge, _LOCK_TIMEOUT_S).latest()
        changed = changes(wanted.environment, environment()) if wanted.recomputed else {}
        weakref.finalize(made, stack.pop_all().close)
    is_identical = bool(wanted.datasets) and not found and not wanted.composed
    return Recomputed(made, is_identical, tuple(found), changed, wanted.composed)


def obstacle_to_recomputing(run: Run) -> str | None:
    """The reason why a run cannot compute its arrays again; ``None`` if its documents name none.

    A run without obstacle may still give other bits; only running it again tells.
    """
    if isinstance(run.project.file.path, RemotePath):
        return "its project is on another machine"
    if run.program != "run":
        return "it is of a primitive, whose simulations are runs of their own"
    if run.parent:
        return f"it is a part of the run {run.parent} of a primitive"
    if run.outcome not in ("ok", "partial"):
        return f"its outcome is {run.outcome}"
    if (why := obstacle_to(run)) is not None:
        return why
    if not run.record.config.num_circuits:
        return "it was archived without its circuits"
    if run.record.config.options.get("seed_simulator") is None and run.stored_seed is None:
        return "the seed that Aer chose is not archived"
    if not run.project.is_trusted:
        path = run.project.file.path
        return f"its file is not yours, or was changed by another program: trust it first: aerchive trust {path}"
    return None


def archive_again(run: Run, target: str, max_infidelity: float | None, *, take_resources: bool) -> list[str]:
    """Runs a run again in this process, and archives it in a new project, with the same UUID.

    Args:
        run: The archived run.
        target: Path of the new project.
        max_infidelity: The limit of the rounding of its state vectors; ``None``: they are exact.
        take_resources: Whether options that ask for memory, processors and devices are taken.

    Returns:
        Names of the options that were not taken.

    Raises:
        InvalidInputError: The run cannot be run again, or has another outcome now.
    """
    replay = replay_of(run, take_resources=take_resources)
    draft = capture(replay.submit(), None, None)
    if draft.status.outcome != run.outcome:
        raise InvalidInputError(f"it was {run.outcome}, and now {draft.status.message or draft.status.outcome}")
    project = open_project(Path(target), "x", run.project.bridge, _LOCK_TIMEOUT_S)
    stored = project.compression("portable", max_infidelity)
    project.archive(dataclasses.replace(draft, run_uuid=run.run_uuid, compression=stored), "each")
    return replay.left_out


def compute_again(
    run: Run, target: Path, *, max_infidelity: float | None, take_resources: bool, untrusted: bool
) -> list[str]:
    """Runs a run again; see `aerchive.project.recomputing.again.Recomputer`."""
    project = run.project.file.path
    if isinstance(project, RemotePath):
        raise only_here(project, "a run is run again in a process of its own")
    is_foreign = must_be_in_child(run, untrusted=untrusted)
    threads = {name: os.environ.get(name) for name in THREADS}
    arguments: list[Any] = [
        *(str(project), run.job_id, str(target), max_infidelity, take_resources or not is_foreign, threads),
        not is_foreign,
    ]
    limits = untrusted_limits(_MOST_RESULT_BYTES) if is_foreign else _NO_LIMITS
    expected = math.ceil(run.seconds or 0)
    with ProgressBar(f"computing run {run.job_id[:8]} again", "s") as bar:

        def watch(waited_s: float) -> None:
            bar.show(int(waited_s), max(expected, math.ceil(waited_s)))

        try:
            found = run_limited(*_CHILD, arguments, limits, watch=watch)
        except ChildError as error:
            raise UnsafeContentError(
                f"{project}: run {run.job_id} was computed again in a process of its own, and {error}"
            ) from error
    if found.get("error"):
        if found.get("is_of_writing"):  # the next run would not fit, either
            raise WriteError(f"run {run.job_id} was computed again, and could not be kept: {found['error']}")
        raise InvalidInputError(f"{project}: run {run.job_id} cannot be computed again: {found['error']}")
    return [str(name) for name in found.get("left_out", ())]
