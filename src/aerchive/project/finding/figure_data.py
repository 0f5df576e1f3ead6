"""The data of a figure in a file with their origin, and the way from there back to the runs."""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aerchive import layout
from aerchive.display.text import format_runs
from aerchive.errors import AerchiveError, ArchiveWarning, InvalidInputError, NotFoundError
from aerchive.interop.figure_file import ORIGIN_KEY, check_figure_path, is_table, read_figure_data, write_figure
from aerchive.models import catalogue
from aerchive.project.arguments import refuse
from aerchive.project.finding.caller import caller_level
from aerchive.project.finding.origin import Origins, seal_of
from aerchive.project.parts import ProjectParts
from aerchive.project.run import Run
from aerchive.text import listed

_UUIDS, _SEALS = "run_uuids", "run_seals"
_JOB_ID = "job_id"
_MOST_NAMED = 10
_AT_ONCE = 100
"""Number of runs that are read in one opening of the file; other processes may write in between."""


class FigureData:
    """Writes the data of figures, and finds the runs from which they are.

    Args:
        parts: The shared state of the project.
        origins: Makes the origin of tables.
        find: A function that finds runs by conditions.
    """

    def __init__(self, parts: ProjectParts, origins: Origins, find: Callable[..., Sequence[Run]]) -> None:
        self._parts = parts
        self._origins = origins
        self._find = find

    def write(self, table: Any, path: str | os.PathLike[str]) -> Path:
        """See `aerchive.Project.figure_data`."""
        target = check_figure_path(path)
        attrs = dict(_attrs_of(table))
        runs = self.runs_of(table)
        job_ids = _job_ids(table, attrs)
        if job_ids != _listed(attrs, ORIGIN_KEY):
            attrs |= self._origins.of_runs(runs) | {"project": attrs.get("project", "")}  # a user may have shortened it
            attrs = {name: value for name, value in attrs.items() if name not in (_UUIDS, _SEALS)}
        if _SEALS not in attrs:
            identities = self._identities(runs)
            pairs = [identities.get(job_id, (None, None)) for job_id in _listed(attrs, ORIGIN_KEY)]
            attrs[_UUIDS] = json.dumps([run_uuid for run_uuid, _ in pairs])
            attrs[_SEALS] = json.dumps([seal for _, seal in pairs])
        write_figure(table, target, attrs)
        return target

    def runs_of(self, table: Any) -> list[Run]:
        """See `aerchive.Project.runs_of`."""
        what = "the table"
        if isinstance(table, str | os.PathLike):
            what, table = str(table), read_figure_data(table)
        attrs = _attrs_of(table)
        job_ids = _job_ids(table, attrs)
        found = {run.job_id: run for run in self._find(job_id__in=job_ids)} if job_ids else {}
        runs = [found[job_id] for job_id in job_ids if job_id in found]
        if job_ids and not runs:
            raise NotFoundError(
                f"{self._parts.path}: has none of the {format_runs(len(job_ids))} of {what}: "
                f"{listed(job_ids, _MOST_NAMED)}; they are from {attrs.get('project')} (project "
                f"{attrs.get('project_uuid')})"
            )
        gone = [job_id for job_id in job_ids if job_id not in found]
        changed = self._changed(attrs, runs)
        if gone:
            _warn(
                f"{self._parts.path}: {len(gone)} of the {format_runs(len(job_ids))} of {what} are not here any more",
                gone,
            )
        if changed:
            _warn(f"{self._parts.path}: other data than when {what} was made, in {format_runs(len(changed))}", changed)
        return runs

    def _changed(self, attrs: Mapping[str, Any], runs: Sequence[Run]) -> list[str]:
        """The job ids of the runs that are not as the origin says.

        A file has the UUID and the digest of each run. A table has one digest of all its runs, so that all are named if
        it differs.
        """
        job_ids = _listed(attrs, ORIGIN_KEY)
        if _SEALS in attrs:
            uuids, seals = _listed(attrs, _UUIDS), _listed(attrs, _SEALS)
            if not len(uuids) == len(seals) == len(job_ids):
                raise InvalidInputError(
                    f"attrs of the table have {len(job_ids)} job ids, {len(uuids)} {_UUIDS} and {len(seals)} {_SEALS}: "
                    "one of these lists was edited"
                )
            triples = zip(job_ids, uuids, seals, strict=True)
            known = {job_id: (run_uuid, seal) for job_id, run_uuid, seal in triples if seal is not None}
            now = self._identities([run for run in runs if run.job_id in known])
            return [job_id for job_id, pair in now.items() if pair != known[job_id]]
        found = [run.job_id for run in runs]
        rows = np.array([run.row() for run in runs], catalogue.DTYPE)
        return found if found == job_ids and seal_of(job_ids, rows) != attrs.get("seal") else []

    def _identities(self, runs: Sequence[Run]) -> dict[str, tuple[str | None, str | None]]:
        """The UUID and the digest of each run, by job id; ``None`` for a run without data, or that cannot be read."""
        found: dict[str, tuple[str | None, str | None]] = {}
        for start in range(0, len(runs), _AT_ONCE):
            with self._parts.file.held():
                found |= {run.job_id: _identity(run) for run in runs[start : start + _AT_ONCE]}
        return found


def _identity(run: Run) -> tuple[str | None, str | None]:
    with contextlib.suppress(AerchiveError), run.place.open() as (_, group):
        seal = group.group(layout.SEAL)
        return _text(seal.attribute("run_uuid")), _text(seal.attribute("core_sha256"))
    return None, None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _attrs_of(table: Any) -> Mapping[str, Any]:
    """The attributes of a table with an origin.

    Raises:
        InvalidInputError: The object is no table, or has no origin.
    """
    if not is_table(table):
        refuse("table", table, "a pandas.DataFrame or xarray.Dataset, such as project.table('theta', 'energy')")
    if ORIGIN_KEY not in table.attrs:
        raise InvalidInputError(
            f"the table has no origin: its attrs have no {ORIGIN_KEY!r}. Tables of project.table and project.to_pandas "
            "have an origin, which some operations lose, such as merge and concat of different tables: put it back "
            "with table.attrs.update(project.table(...).attrs)"
        )
    attrs: Mapping[str, Any] = table.attrs
    return attrs


def _job_ids(table: Any, attrs: Mapping[str, Any]) -> list[str]:
    """The job ids of a table: those in its rows if it has a column ``job_id`` with ids of its origin, else all."""
    known = _listed(attrs, ORIGIN_KEY)
    if _JOB_ID not in table:
        return known
    present = set(np.asarray(table[_JOB_ID]).ravel().tolist())
    named = [job_id for job_id in known if job_id in present]
    return named if named or not present else known


def _listed(attrs: Mapping[str, Any], name: str) -> list[Any]:
    try:
        found = json.loads(attrs[name])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(f"attrs[{name!r}] of the table is not a list as JSON: {error}") from error
    if not isinstance(found, list):
        raise InvalidInputError(f"attrs[{name!r}] of the table is not a list as JSON")
    return found


def _warn(text: str, job_ids: Sequence[str]) -> None:
    warnings.warn(f"{text}: {listed(job_ids, _MOST_NAMED)}", ArchiveWarning, stacklevel=caller_level())
