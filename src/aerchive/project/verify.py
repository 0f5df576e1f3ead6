"""Looking at a whole project: every run, every object, the catalogue against the runs.

Run by run, and the chunks of a run by several threads while the file is not locked: others may write meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from aerchive import layout
from aerchive.display.text import clean
from aerchive.errors import AerchiveError, NotFoundError
from aerchive.filters.threads import processors
from aerchive.models import catalogue
from aerchive.models.run import RunRecord
from aerchive.project.catalogue import run_path
from aerchive.project.record import read_record
from aerchive.storage.file import ProjectFile, ReadSession
from aerchive.storage.reader import HDF5Group
from aerchive.storage.verify import GroupVerifier, chunk_problems, object_problems

MUTABLE = frozenset({layout.STATUS, layout.LABELS})
LINKED = frozenset(layout.LINKS)

_OBJECTS_A_SESSION = 16
"""So many are looked at before others may write."""

Progress = Callable[[int, int], None]
"""Called with the work done and all of it, in bytes of payload before compression and one for each run."""

_Row = tuple[int, np.void]
"""A row of the catalogue and its number."""


@dataclass(frozen=True)
class VerifyReport:
    """What `Project.verify` found.

    Attributes:
        path: The file.
        runs: How many runs were looked at.
        objects: How many shared objects were looked at.
        problems: In words, each with the file and the node; empty if all is well.
        notes: In words, what is no damage of the project, but should be known: conflict copies beside it.
    """

    path: str
    runs: int
    objects: int
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.problems

    def __add__(self, other: VerifyReport) -> VerifyReport:
        """What was found in a project and in a pending file of it."""
        problems, notes = [*self.problems, *other.problems], [*self.notes, *other.notes]
        return VerifyReport(self.path, self.runs + other.runs, self.objects + other.objects, problems, notes)

    def __str__(self) -> str:
        head = f"{self.path}: {self.runs} runs and {self.objects} shared objects verified"
        found = f"{len(self.problems)} problems" if self.problems else "no problems"
        lines = [f"{head}, {found}", *(f"  {problem}" for problem in self.problems)]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(map(clean, lines))


def verify(file: ProjectFile, progress: Progress | None = None) -> VerifyReport:
    """Verifies all of a project; see `Project.verify`."""
    problems: list[str] = []
    with file.read() as session:
        paths = list(_run_paths(session, problems))
        rows = _catalogue(session, problems)
        objects = list(_object_paths(session, problems))
    for first in range(0, len(objects), _OBJECTS_A_SESSION):
        with file.read() as session:
            for path in objects[first : first + _OBJECTS_A_SESSION]:
                problems += _object_problems(session, path)
    done, total = 0, len(paths) + sum(int(row["nbytes"]) for _, row in rows.values())
    with ThreadPoolExecutor(processors(), thread_name_prefix="aerchive-verify") as pool:
        for path in paths:
            size = 1 + (int(rows[path][1]["nbytes"]) if path in rows else 0)

            def step(share: float, done: int = done, size: int = size) -> None:
                if progress is not None:
                    progress(done + int(share * size), total)

            problems += _run_problems(file, path, rows.get(path), pool, step)
            done += size
            step(1.0)
    missing = rows.keys() - set(paths)
    problems += [f"{file.path}: /{path}: is in the catalogue, but not in the file" for path in sorted(missing)]
    return VerifyReport(str(file.path), len(paths), len(objects), problems)


def _object_problems(session: ReadSession, path: str) -> list[str]:
    try:
        return list(object_problems(session.root.group(path), path.split("/")[1], session.root))
    except AerchiveError as error:
        return [str(error)]


def _run_paths(session: ReadSession, problems: list[str]) -> Iterator[str]:
    for day in _groups(session.root, layout.RUNS, problems):
        for run in _members(day, problems):
            yield f"{day.path}/{run}"


def _object_paths(session: ReadSession, problems: list[str]) -> Iterator[str]:
    if layout.OBJECTS not in session.root:
        return
    for kind in _groups(session.root, layout.OBJECTS, problems):
        for head in _groups(kind, "", problems):
            for name in _members(head, problems):
                yield f"{head.path}/{name}"


def _groups(parent: HDF5Group, name: str, problems: list[str]) -> Iterator[HDF5Group]:
    try:
        group = parent.group(name) if name else parent
        names = group.names()
    except AerchiveError as error:
        problems.append(str(error))
        return
    for member in names:
        try:
            yield group.group(member)
        except AerchiveError as error:
            problems.append(str(error))


def _members(group: HDF5Group, problems: list[str]) -> list[str]:
    try:
        return group.names()
    except AerchiveError as error:
        problems.append(str(error))
        return []


def _catalogue(session: ReadSession, problems: list[str]) -> dict[str, _Row]:
    """Rows by path of the run, deleted ones left out."""
    where = session.root.where(layout.CATALOGUE)
    try:
        table = session.table(layout.CATALOGUE)
        if table.dtype != catalogue.DTYPE:
            problems.append(f"{where}: has other columns than format version {layout.FORMAT_VERSION} says")
            return {}
        rows = table.rows()
    except AerchiveError as error:
        problems.append(str(error))
        return {}
    bad = set(catalogue.damaged_rows(rows, 0))
    problems += [f"{where}: row {number} is damaged" for number in sorted(bad)]
    found: dict[str, _Row] = {}
    for number, row in enumerate(rows):
        if number in bad or row["deleted"]:
            continue
        first = found.setdefault(run_path(row), (number, row))[0]
        if first != number:
            problems.append(f"{where}: row {number} is of the same run as row {first}")
    _changes(session, len(rows), problems)
    return found


def _changes(session: ReadSession, rows: int, problems: list[str]) -> None:
    """Looks at the list of replaced rows, which tells other processes what to read again."""
    name = layout.CATALOGUE + layout.CHANGES_SUFFIX
    if name not in session.root:
        return
    try:
        numbers = session.table(name).rows()["row"]
    except (AerchiveError, ValueError) as error:
        problems.append(str(error))
        return
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < rows:
        problems.append(f"{session.root.where(name)}: names rows that there are not")


def _run_problems(
    file: ProjectFile, path: str, row: _Row | None, pool: ThreadPoolExecutor, step: Callable[[float], None]
) -> list[str]:
    with file.read() as session:
        try:
            group = session.root.group(path)
            record = read_record(group)
            verifier = GroupVerifier(group, record.run_uuid, session.root)
            found = list(verifier.problems(MUTABLE, LINKED))
            if row is None:
                found.append(f"{group.where()}: is not in the catalogue")
            else:
                found += _row_problems(session, group, record, row)
        except AerchiveError as error:
            is_gone = isinstance(error, NotFoundError) and row is not None and _is_gone(session, row)
            return [] if is_gone else [str(error)]
        fd = session.detach()
    try:  # committed chunks never move, so no lock is held while bytes flow
        for number, problem in enumerate(chunk_problems(verifier.chunks, fd, pool), 1):
            if problem is not None:
                found.append(problem)
            step(number / len(verifier.chunks))
    finally:
        os.close(fd)
    return found


def _row_problems(session: ReadSession, group: HDF5Group, record: RunRecord, row: _Row) -> list[str]:
    """Compares a run with its row, as both are now."""
    number, before = row
    now = session.table(layout.CATALOGUE).rows(number, 1)
    if now[0]["deleted"]:  # and saved again since
        return []
    if catalogue.damaged_rows(now, number):
        return [f"{session.root.where(layout.CATALOGUE)}: row {number} is damaged"]
    fresh = catalogue.make_row(record, group.path.removeprefix(f"{layout.RUNS}/"), int(before["nbytes"]))[0]
    differing = catalogue.differing_columns(now[0], fresh, record.labels.params)
    return [f"{group.where()}: its row in the catalogue differs in {', '.join(differing)}"] if differing else []


def _is_gone(session: ReadSession, row: _Row) -> bool:
    """Whether a run was deleted, or moved, since the catalogue was read."""
    number, before = row
    now = session.table(layout.CATALOGUE).rows(number, 1)[0]
    return bool(now["deleted"]) or run_path(now) != run_path(before)
