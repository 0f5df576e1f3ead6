"""Plans for reading arrays of many runs: the file is opened once for many of them, and what was found there is kept."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from aerchive.lazy import cached_property
from aerchive.storage.chunks.grid import grid_shape
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.read_plan import ReadPlan
from aerchive.storage.medium.opening import Stamp, stamp_of
from aerchive.stored.location import ArrayLocation
from aerchive.stored.opener import OpenFile, Planner, RunOpener
from aerchive.stored.recomputed import names_recomputed, opened_with

_AT_ONCE = 100
"""Number of runs that are opened in one opening of the file; other processes may write in between."""
_MOST_OF_ONE = 64
"""Largest number of chunks of a dataset whose places are kept: a larger one takes much longer to read than to find."""
_MOST_CHUNKS = 16_384
"""Largest number of chunks whose places are kept for a stack; a place takes less than a kibibyte."""

_T = TypeVar("_T")
_Name = tuple[str, str]


class _Extent(NamedTuple):
    """A part of a dataset.

    Attributes:
        key: The selection of the dataset.
        number: Number of the chunks that hold it.
    """

    key: object
    number: int


class _Known:
    """What was found in one state of the file.

    Args:
        stamp: Stamp of the file; ``None`` if nothing was found yet.

    Attributes:
        plans: Plans for the parts of datasets that have the arrays, by UUID of the run and name of the dataset.
    """

    def __init__(self, stamp: Stamp | None) -> None:
        self.stamp = stamp
        self.plans: dict[_Name, ReadPlan] = {}
        self._number = 0

    def look_up(self, name: _Name, extent: _Extent, group: GroupReader) -> None:
        """Looks up the chunks of a part of a dataset, unless they are known or too many."""
        if name in self.plans or extent.number > _MOST_OF_ONE or self._number + extent.number > _MOST_CHUNKS:
            return
        self._number += extent.number
        self.plans[name] = group.plan(name[1], name[0], extent.key)


class _Planner:
    """Plans from what is known of a run, or else from its group."""

    def __init__(self, plans: Mapping[_Name, ReadPlan], group: Planner | None = None) -> None:
        self._plans = plans
        self._group = group

    def plan(self, name: str, owner: str, key: object = ...) -> ReadPlan:
        """See `Planner`."""
        if self._group is not None and (owner, name) not in self._plans:
            return self._group.plan(name, owner, key)
        return self._plans[owner, name].narrowed(key)


class _Descriptors:
    """The descriptors of the files that are read, one for each file; they are closed with a stack of contexts."""

    def __init__(self, files: contextlib.ExitStack) -> None:
        self._files = files
        self._known: dict[tuple[int, int], int] = {}

    def of(self, session: OpenFile) -> tuple[Stamp, int]:
        """The stamp of an open file, and a descriptor of it that stays open after the session."""
        status = os.fstat(session.fd)
        file = status.st_dev, status.st_ino
        if file not in self._known:
            self._known[file] = session.detach()
            self._files.callback(os.close, self._known[file])
        return stamp_of(status), self._known[file]


class RunPlans:
    """Plans the reading of arrays of many runs.

    The places of chunks are kept in memory, up to `_MOST_CHUNKS`, and used as long as the file has the size and the
    times that it had when they were found. They are not pickled: another process finds those that it needs.

    Args:
        runs: Open the group of the run of each array.
        locations: Where each array is.
    """

    def __init__(self, runs: Sequence[RunOpener], locations: Sequence[ArrayLocation]) -> None:
        self._runs = tuple(runs)
        self._locations = tuple(locations)
        self._known = _Known(None)

    def __reduce__(self) -> tuple[Any, ...]:
        return RunPlans, (self._runs, self._locations)

    @contextlib.contextmanager
    def planned(
        self, numbers: Sequence[int], plan: Callable[[Planner, list[int]], _T]
    ) -> Iterator[list[tuple[_T, int]]]:
        """Plans the reading of some of the arrays, run by run.

        Args:
            numbers: Numbers of the arrays.
            plan: Function that is called once for each run, with what plans the reading of its datasets, and with the
                places in ``numbers`` of its arrays.

        Yields:
            For each run what the function returned, and the descriptor of the file, which is open but not locked.

        Raises:
            NotFoundError: A run does not exist any more.
            AerchiveError: A file cannot be read.
        """
        places_of: dict[str, list[int]] = defaultdict(list)
        for place, number in enumerate(numbers):
            places_of[self._locations[number].owner].append(place)
        waiting = iter(places_of.values())
        found: list[tuple[_T, int]] = []
        with contextlib.ExitStack() as files:
            descriptors = _Descriptors(files)
            while some := list(itertools.islice(waiting, _AT_ONCE)):
                recomputed: list[list[int]] = []
                with self._runs[numbers[some[0][0]]].held():
                    found += self._planned(numbers, some, plan, descriptors, recomputed)
                for places in recomputed:  # the file is not held meanwhile
                    run = self._runs[numbers[places[0]]]
                    members = [self._locations[numbers[place]] for place in places]
                    with opened_with(run, {name for one in members for name in one.datasets}) as (file, group):
                        found.append((plan(group, places), descriptors.of(file)[1]))
            yield found

    def _planned(
        self,
        numbers: Sequence[int],
        runs: Sequence[list[int]],
        plan: Callable[[Planner, list[int]], _T],
        descriptors: _Descriptors,
        recomputed: list[list[int]],
    ) -> Iterator[tuple[_T, int]]:
        """Plans the reading of some runs; a run is opened unless the file was opened for one of them and is known.

        Those that do not store their arrays are only added to ``recomputed``.
        """
        stamp: Stamp | None = None
        fd = -1
        for places in runs:
            run = self._runs[numbers[places[0]]]
            members = (self._locations[numbers[place]] for place in places)
            names = {(one.owner, name) for one in members for name in one.datasets}
            known = self._known
            if stamp is not None and stamp == known.stamp and names <= known.plans.keys():
                yield plan(_Planner(known.plans), places), fd
                continue
            with run.open() as (session, group):
                if names_recomputed(group, [name for _, name in names]):
                    recomputed.append(places)
                    continue
                its_stamp, its_fd = descriptors.of(session)
                if run.stamp() is None:  # the run is in a spool
                    yield plan(group, places), its_fd
                    continue
                stamp, fd = its_stamp, its_fd
                if stamp != known.stamp:
                    self._known = known = _Known(stamp)
                for name in names:
                    known.look_up(name, self._extents[name], group)
                yield plan(_Planner(known.plans, group), places), fd

    @cached_property
    def _extents(self) -> Mapping[_Name, _Extent]:
        """The part of each dataset that has arrays of the stack."""
        together: dict[_Name, list[ArrayLocation]] = defaultdict(list)
        for location in self._locations:
            for name in location.datasets:
                together[location.owner, name].append(location)
        return {name: _extent(locations) for name, locations in together.items()}


def _extent(locations: Sequence[ArrayLocation]) -> _Extent:
    """The part of a dataset that has some arrays."""
    one = locations[0]
    if one.form is not None:
        return _Extent(..., math.prod(grid_shape(one.shape, one.chunks)))
    shape = one.shape[::-1] if one.order == "F" else one.shape
    if one.row is None and one.offset is None:
        return _Extent(..., 1 if one.chunk is None else math.prod(grid_shape(shape, one.chunk)))
    first, last = min(location.bounds[0] for location in locations), max(location.bounds[1] for location in locations)
    if one.chunk is None:
        return _Extent(slice(first, last), 1)
    number = (last - 1) // one.chunk[0] - first // one.chunk[0] + 1
    if one.row is not None:
        number *= math.prod(grid_shape(shape, one.chunk[1:]))
    return _Extent(slice(first, last), number)
