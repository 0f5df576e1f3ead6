"""The aggregated views of the arrays that a run has saved, as answers; `aerchive.view.arrays` makes them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import AerchiveError, InvalidInputError, NotFoundError
from aerchive.kinds import KINDS
from aerchive.project.documents.plots import PROBABILITY
from aerchive.project.drawing.sketch import stored_plot
from aerchive.project.run import Run
from aerchive.stored.array import StoredArray
from aerchive.stored.result import SavedValue
from aerchive.view.answer import Answer, plain
from aerchive.view.arrays import ArrayViews
from aerchive.view.counts_view import checked_number

_MOST_KEPT = 64
"""The greatest number of arrays that are found at once the next time; a page asks for many tiles of one array."""
_TILE = ".f32"
_INFO = "info.json"
_DIAGONAL = "diagonal"


class _Found(NamedTuple):
    """A saved array.

    Attributes:
        array: The array, of which nothing was read.
        label: Its label.
        run_uuid: UUID of its run.
        profile: The stored profile of its probabilities, if it has one.
    """

    array: StoredArray
    label: str
    run_uuid: str
    profile: NDArray[np.float64] | None


class ArrayAnswers:
    """Answers about saved arrays; threads may share it.

    Args:
        views: The views of arrays.
        find_run: A function that finds the run of a key.
        most_level: The greatest level that is answered; ``None``: each array down to its values.
    """

    def __init__(self, views: ArrayViews, find_run: Callable[[str], Run], most_level: int | None) -> None:
        self._views = views
        self._most_level = most_level
        self._find_run = find_run
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], _Found] = OrderedDict()

    def answer(self, key: str, number: int, rest: Sequence[str]) -> Answer:
        """Answers an address below an array.

        Args:
            key: The key of the run.
            number: The number of the saved value in `Run.saved`.
            rest: The rest of the address, in its parts.

        Raises:
            NotFoundError: There is no such array.
            InvalidInputError: The array has no view, or no such row or tile.
            AerchiveError: The array cannot be read.
        """
        found = self._found(key, number, is_new=rest[-1:] == [_INFO])
        try:
            return self._answer(found, f"runs/{key}/arrays/{number}", rest)
        except NotFoundError:  # the run is gone, or is another one now
            with self._lock:
                self._kept.pop((key, number), None)
            raise

    def _answer(self, found: _Found, address: str, rest: Sequence[str]) -> Answer:
        match rest:
            case [file] if file == _INFO:
                return Answer.json(self._info(found, address, 0))
            case [row, file] if file == _INFO:
                return Answer.json(self._info(found, address, checked_number(row, "a row")))
            case [row, part, level, file] if part == _DIAGONAL and file.endswith(_TILE):
                at = checked_number(row, "a row"), checked_number(level, "a level")
                index = checked_number(file.removesuffix(_TILE), "a tile")
                return Answer.of(self._views.diagonal_tile(found.array, *at, index))
            case [row, level, file] if file.endswith(_TILE):
                at = checked_number(row, "a row"), checked_number(level, "a level")
                position = tuple(checked_number(one, "a tile") for one in file.removesuffix(_TILE).split("-"))
                return Answer.of(self._views.tile(found.array, *at, position))
        raise NotFoundError(f"{'/'.join([address, *rest])[:300]!r} is no address of the data interface")

    def _info(self, found: _Found, address: str, row: int) -> dict[str, Any]:
        info: dict[str, Any] = plain(self._views.info(found.array, row, found.profile))
        info["label"] = found.label
        for one in (info, info.get(_DIAGONAL) or {}):
            if self._most_level is not None and one.get("levels") is not None:
                one["levels"] = min(one["levels"], self._most_level)
        if info["view"] == "none":
            return {**info, "tiles": None}
        index = "{index}" if info["view"] == "vector" else "{row_tile}-{column_tile}"
        rows = "{row}" if info["rows"] > 1 else "0"
        info["tiles"] = f"{address}/{rows}/{{level}}/{index}{_TILE}"
        if info["rows"] > 1:
            info["infos"] = f"{address}/{{row}}/{_INFO}"
        if info.get(_DIAGONAL) is not None:
            info[_DIAGONAL]["tiles"] = f"{address}/{rows}/{_DIAGONAL}/{{level}}/{{index}}{_TILE}"
        return info

    def close(self) -> None:
        """Ends all work in the background."""
        self._views.close()

    # -- finding arrays

    def _found(self, key: str, number: int, *, is_new: bool) -> _Found:
        """Finds an array.

        Args:
            key: The key of the run.
            number: The number of the saved value.
            is_new: Whether to look whether the run is still there, and is the same.
        """
        with self._lock:
            found = self._kept.get((key, number))
        if found is None or is_new:
            run = self._find_run(key)
            if found is None or run.run_uuid != found.run_uuid:
                found = _find(run, number)
        with self._lock:
            self._kept[key, number] = found
            self._kept.move_to_end((key, number))
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return found


def _find(run: Run, number: int) -> _Found:
    with run.held():
        saved = run.stored_result.saved(number + 1)
        if number >= len(saved):
            raise NotFoundError(
                f"run {run.job_id} has {len(saved)} saved values, numbered from 0; there is no {number}"
            )
        one = saved[number]
        if one.is_recomputed:
            raise NotFoundError(
                f"run {run.job_id}: {one.label!r} is not stored, and a page does not start the simulation that "
                "computes it again: read it in Python with run.array(...)"
            )
        if one.kind not in KINDS and one.kind != "array":
            raise InvalidInputError(f"run {run.job_id}: {one.label!r} is of kind {one.kind}, which has no view")
        array = (run.state if one.kind in KINDS else run.array)(one.label, one.experiment)
        return _Found(array, one.label, run.run_uuid, _profile_of(run, one))


def _profile_of(run: Run, saved: SavedValue) -> NDArray[np.float64] | None:
    """The profile of a state that was stored with its run; ``None`` if there is none, or it may be of another state."""
    if saved.kind != "statevector" or sum(one.kind == saved.kind for one in run.stored_result.saved()) != 1:
        return None
    try:
        with run.opened() as group:
            plot = stored_plot(group, PROBABILITY, run.run_uuid)
    except AerchiveError:  # the array itself may be whole
        return None
    return None if plot is None or plot.bars or len(plot.values) != len(plot.places) else np.asarray(plot.values, float)
