"""Rebuilding the catalogue from the runs, for a catalogue that is damaged or does not match them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.display.text import clean
from aerchive.errors import AerchiveError
from aerchive.models import catalogue
from aerchive.models.cells import cells_of
from aerchive.project.care.folders import folders_below
from aerchive.project.catalogue.cells import CellColumns, cells_at, read_columns
from aerchive.project.catalogue.table import open_table
from aerchive.project.documents.record import read_record
from aerchive.project.writing.catalogue import CatalogueWriter
from aerchive.storage.chunks.read_plan import value_nbytes
from aerchive.storage.file import ProjectFile
from aerchive.storage.hdf5.cached_group import check_run_nodes
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.medium.names import no_such_project
from aerchive.storage.sessions import WriteSession
from aerchive.times import now


@dataclass(frozen=True)
class RebuildReport:
    """The report of `Project.rebuild_catalogue` on what it did.

    Attributes:
        path: Path of the project file.
        runs: Number of runs in the new catalogue.
        changed: Number of rows that are new, or differ from the old ones.
        problems: Descriptions of what could not be read; empty if everything could be read.
    """

    path: str
    runs: int
    changed: int
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        head = f"{self.path}: the catalogue was made anew: {self.runs} runs, {self.changed} rows changed"
        return "\n".join(map(clean, [head, *(f"  {problem}" for problem in self.problems)]))


def rebuild_project(file: ProjectFile, progress: Callable[[int, int], None] | None = None) -> RebuildReport:
    """Rebuilds the catalogue of a project; see `aerchive.Project.rebuild_catalogue`."""

    def write(session: WriteSession) -> RebuildReport:
        if not file.path.exists():  # no project is made for this: a new file has no name before the end
            raise no_such_project(file.path)
        return rebuild_catalogue(session, progress)

    return file.commit(write, now())


def rebuild_catalogue(session: WriteSession, progress: Callable[[int, int], None] | None = None) -> RebuildReport:
    """Rebuilds the catalogue, with a row for each run that can be read.

    Rows keep their order as far as the old catalogue has it; further runs follow by time of submission. A run whose
    documents are damaged keeps its old row, and so does a run in a folder whose members cannot be listed.

    Args:
        session: An open session of the project file; nothing is changed before all runs have been read.
        progress: A function that is called with the number of runs done and of all runs.

    Returns:
        The report on the new catalogue.
    """
    problems: list[str] = []
    old = _sound_rows(session, problems)
    paths, listed = _run_paths(session.root, problems)
    found = [old[path] for path in old.keys() - set(paths) if _is_in_unlisted(session.root, path, listed)]
    for done, path in enumerate(paths, 1):
        check_interrupt()
        entry = old.get(path)
        try:
            row, cells = _row_of(session.root.group(f"{layout.RUNS}/{path}"), path)
            entry = _Entry(len(old) if entry is None else entry.order, row, cells)
        except AerchiveError as error:
            problems.append(str(error))
        if entry is not None:
            found.append(entry)
        if progress is not None:
            progress(done, len(paths))
    found.sort(key=lambda one: (one.order, int(one.row["created_us"][0])))
    before = {one.row.tobytes()[: catalogue.CHECKED_BYTES] for one in old.values()}
    if layout.COLUMNS in session.root:
        session.remove(layout.COLUMNS, f"{layout.DELETED}/{layout.DELETED_TABLES}")
    session.replace_table(layout.CATALOGUE, np.empty(0, catalogue.DTYPE))
    writer = CatalogueWriter(session, 0)
    for one in found:
        writer.add_row(one.row, one.cells, is_part=one.is_part)
    changed = sum(one.row.tobytes()[: catalogue.CHECKED_BYTES] not in before for one in found)
    writer.finish()
    return RebuildReport(session.root.file, len(found), changed, problems)


class _Entry(NamedTuple):
    """What the new catalogue has of a run.

    Attributes:
        order: Position among the runs.
        row: The row.
        cells: The values in columns.
        is_part: Whether the run has further values, for which there is no column.
    """

    order: int
    row: NDArray[np.void]
    cells: Mapping[str, Any]
    is_part: bool = False


def _sound_rows(session: WriteSession, problems: list[str]) -> dict[str, _Entry]:
    """Reads what the catalogue has of each run, by path; damaged rows, and those of deleted runs, are left out."""
    try:
        rows = open_table(session).rows()
    except AerchiveError as error:
        problems.append(str(error))
        return {}
    columns: CellColumns | None = None
    with contextlib.suppress(AerchiveError):
        columns = read_columns(session, lambda _name: True)
    bad = set(catalogue.damaged_rows(rows, 0))
    kept = (number for number in range(len(rows)) if number not in bad and not rows["deleted"][number])
    by_path = {catalogue.row_text(rows[number], "path"): number for number in kept}
    found = {}
    for order, (path, number) in enumerate(by_path.items()):
        is_part = columns is None or bool(rows["overflow"][number] & np.uint32(catalogue.LEFT_OUT))
        found[path] = _Entry(order, rows[number : number + 1].copy(), cells_at(columns or {}, number), is_part)
    return found


def _run_paths(root: HDF5Group, problems: list[str]) -> tuple[list[str], set[str]]:
    """Paths of all runs and of all folders that could be listed, relative to ``/runs``, in order of folder and name."""
    paths, listed = [], set[str]()
    for folder, names, foreign in folders_below(root, layout.RUNS, 2, problems):
        for name in foreign:
            try:
                folder.group(name)
            except AerchiveError as error:
                problems.append(str(error))
        paths += [f"{folder.path}/{name}".removeprefix(f"{layout.RUNS}/") for name in names]
        listed.add(folder.path.removeprefix(layout.RUNS).removeprefix("/"))
    return paths, listed


def _is_in_unlisted(root: HDF5Group, path: str, listed: set[str]) -> bool:
    """Whether a run may be in a folder that is in the file, but whose members could not be listed."""
    folder = path.rpartition("/")[0]
    if folder in listed:
        return False
    try:
        return folder in root.group(layout.RUNS)
    except AerchiveError:
        return True


def _row_of(group: HDF5Group, path: str) -> tuple[NDArray[np.void], dict[str, Any]]:
    """The row of a run, and its values in columns."""
    nbytes, names = 0, group.names()
    check_run_nodes(len(names), group.where())
    for name in names:
        check_interrupt()
        if not (name.endswith(layout.CHECKSUMS_SUFFIX) or name.startswith(layout.LONG_PREFIX) or group.is_group(name)):
            nbytes += value_nbytes(group.describe(name), group.dataset_attributes(name).get("dtype"))
    record = read_record(group)
    return catalogue.make_row(record, path, nbytes), cells_of(record)
