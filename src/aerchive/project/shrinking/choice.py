"""The runs whose arrays may be replaced by what computes them again: by size and cost, and why others may not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from aerchive.display.text import format_bytes
from aerchive.errors import AerchiveError
from aerchive.project.recomputing.comparison import is_array, witness_number
from aerchive.project.run import Run
from aerchive.storage.chunks.read_plan import value_nbytes
from aerchive.storage.hdf5.measuring import measure_group
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.medium.interrupts import check_interrupt

_INDEX_BYTES = 8
_HEADER_BYTES = 4096
"""The size of what a run says of the arrays that it lacks, with its headers, about."""


class Saving(NamedTuple):
    """What replacing arrays of a run by what computes them again saves, and costs.

    Attributes:
        job_id: Job id of the run.
        name: Name of the run, or empty text.
        arrays: Names of the datasets.
        nbytes: Size of their values before compression, in bytes.
        saved_bytes: What the file is smaller by after compaction, in bytes: their stored size without their witnesses.
        seconds: Time that the run took, as it is recorded; ``None`` if it is not.
    """

    job_id: str
    name: str
    arrays: tuple[str, ...]
    nbytes: int
    saved_bytes: int
    seconds: float | None


class LeftOut(NamedTuple):
    """A run that stays as it is.

    Attributes:
        job_id: Job id of the run.
        name: Name of the run, or empty text.
        reason: The reason why.
    """

    job_id: str
    name: str
    reason: str


def candidates(
    runs: Iterable[Run], min_bytes: int, max_seconds: float | None
) -> Iterator[tuple[Run, Saving | LeftOut | None]]:
    """Looks at runs; only headers and documents are read.

    Args:
        runs: The runs.
        min_bytes: Size of the smallest dataset that is replaced, before compression, in bytes.
        max_seconds: The longest time that a run may take; ``None``: any.

    Yields:
        Each run with what would be saved, or the reason why it stays; ``None`` for a run that has no large arrays.
    """
    for run in runs:
        check_interrupt()
        try:
            yield run, _looked_at(run, min_bytes, max_seconds)
        except AerchiveError as error:
            yield run, LeftOut(run.job_id, run.name or "", str(error))


def _looked_at(run: Run, min_bytes: int, max_seconds: float | None) -> Saving | LeftOut | None:
    def left_out(reason: str) -> LeftOut:
        return LeftOut(run.job_id, run.name or "", reason)

    if not run.place.is_known:
        return None
    if run.place.path is None:
        return left_out("it is in a file beside the project; move it in with: aerchive recover")
    names: list[str] = []
    nbytes = saved_bytes = 0
    with run.opened() as group:
        if not isinstance(group, HDF5Group):
            return left_out("it is in a file beside the project; move it in with: aerchive recover")
        for size in measure_group(group).datasets:
            if size.nbytes >= min_bytes and size.name in group and is_array(group, size.name):
                what = group.describe(size.name)
                in_memory = value_nbytes(what, group.dataset_attributes(size.name, ("dtype",)).get("dtype"))
                number = max(1, math.prod(what.shape))
                names.append(size.name)
                nbytes += in_memory
                saved_bytes += size.stored_bytes - witness_number(number) * (_INDEX_BYTES + in_memory // number)
    if not names:
        return left_out("it computes its arrays again already") if run.is_recomputed else None
    saved_bytes -= _HEADER_BYTES
    if saved_bytes <= 0:
        return left_out(f"its arrays, {format_bytes(nbytes)} before compression, take so little that nothing is saved")
    if max_seconds is not None and run.seconds is None:
        return left_out("the time that it took is not recorded")
    if max_seconds is not None and run.seconds is not None and run.seconds > max_seconds:
        return left_out(f"it took {run.seconds:.3g} s")
    obstacle = run.project.bridge.obstacle(run)
    if obstacle is not None:
        return left_out(obstacle)
    return Saving(run.job_id, run.name or "", tuple(names), nbytes, saved_bytes, run.seconds)
