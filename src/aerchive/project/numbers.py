"""Numbers of runs in the project file: kept in memory once read, and read ahead in a loop over a list of runs."""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar

from aerchive import layout
from aerchive.errors import AerchiveError, IntegrityError
from aerchive.project.location import RunPlace
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.medium.opening import stamp_of
from aerchive.stored.kept_numbers import RunIdentity, RunKey, kept_numbers
from aerchive.stored.small_counts import nbytes_of, read_small_counts

_MOST_AHEAD = 256
"""Number of runs that are read ahead at once, at most."""
_AHEAD_S = 0.1
"""How long runs are read ahead in one opening of the file, while writers wait: as in `ProjectFile.visit`."""
_T = TypeVar("_T")


def kept(place: RunPlace, what: Hashable, run_uuid: str | None = None) -> Any:
    """Returns a value of a run that was read before, or ``None`` if it must be read.

    Args:
        place: The place of the run.
        what: The name of the value, as it was given to `keep`.
        run_uuid: UUID of the run that is meant, if it is known.
    """
    stamp = place.stamp()
    if stamp is None:
        return None
    return kept_numbers.get(RunKey(*stamp[:2], str(place.path), place.job_id), stamp, what, run_uuid)


def keep(
    place: RunPlace, what: Hashable, read: Callable[[HDF5Group, str], _T | None], size: Callable[[_T], int]
) -> _T | None:
    """Opens the run, and reads a value of it unless it is kept and the run is still the same; then keeps it.

    Args:
        place: The place of the run.
        what: A name for the value.
        read: A function of the group and the UUID of the run that reads the value; ``None`` is not kept.
        size: A function of the value that returns how many bytes it takes.

    Returns:
        The value, or ``None`` if it was not read: the run is not in the project file, has no seal, or `read` returned
        ``None``.

    Raises:
        NotFoundError: The run is not in the project any more.
        AerchiveError: The file cannot be read.
    """
    if place.path is None:
        return None
    with place.open() as (session, group):
        if not isinstance(group, HDF5Group) or (identity := _identity(group)) is None:
            return None
        stamp = stamp_of(os.fstat(session.fd))
        key = RunKey(*stamp[:2], group.path, place.job_id)
        kept_numbers.confirm(key, stamp, identity)
        value: _T | None = kept_numbers.get(key, stamp, what)
        if value is None:
            value = read(group, identity.run_uuid)
            if value is not None:
                kept_numbers.put(key, stamp, what, value, size(value))
        return value


def _identity(group: HDF5Group) -> RunIdentity | None:
    if layout.SEAL not in group:
        return None
    run_uuid = group.group(layout.SEAL).attribute("run_uuid")
    return RunIdentity(run_uuid, group.own_address()) if isinstance(run_uuid, str) else None


def counts_of(
    place: RunPlace,
    experiment: int,
    run_uuid: str | None,
    ahead: Callable[[], Iterator[RunPlace]],
    *,
    only_kept: bool = False,
) -> dict[str, int] | None:
    """Returns the counts of a run with a small table of counts; ``None``: the result document says what there is.

    Args:
        place: The place of the run.
        experiment: Index of the experiment.
        run_uuid: UUID of the run that is meant, if it is known.
        ahead: A function that yields the places of the runs whose counts are read in the same opening of the file, for
            at most a tenth of a second, if they are not kept.
        only_kept: Whether nothing is read.

    Raises:
        AerchiveError: The run or the file cannot be read.
    """
    counts = kept(place, layout.COUNTS, run_uuid)
    if counts is None and place.path is not None and not only_kept:
        with place.project.held():
            counts = _read_counts(place if run_uuid is None else place.of_run(run_uuid))
            end = time.monotonic() + _AHEAD_S
            for other in ahead():
                with contextlib.suppress(AerchiveError):  # it is raised when this run is asked
                    _read_counts(other)
                if time.monotonic() > end:
                    break
    found = None if counts is None else counts.get(experiment)
    return None if found is None else found.copy()


def _read_counts(place: RunPlace) -> dict[int, dict[str, int]] | None:
    """Reads the small table of counts of a run; ``None`` if it is damaged, for a part of it may still be read."""
    try:
        return keep(place, layout.COUNTS, read_small_counts, nbytes_of)
    except IntegrityError:
        return None


class Neighbours:
    """The items that follow one another in a list of runs, for a loop that asks each for its numbers.

    Args:
        runs: The list.
    """

    def __init__(self, runs: list[Any]) -> None:
        self._runs = weakref.ref(runs)  # a run does not keep the list
        self._next = 0
        self._number = 0

    def are_of(self, runs: list[Any]) -> bool:
        """Whether these are the items of a list."""
        return self._runs() is runs

    def after(self, index: int) -> Iterator[Any]:
        """Yields the runs to read ahead: 1, 2, 4, ... up to 256; none if a run was read that is not the next one.

        Args:
            index: Index of the run that was read.
        """
        runs = self._runs()
        if runs is None:
            return
        self._number = min(2 * self._number, _MOST_AHEAD) or 1 if index == self._next and index else 0
        first = self._next = index + 1
        for number in range(first, min(first + self._number, len(runs))):
            self._next = number + 1
            yield runs[number]
