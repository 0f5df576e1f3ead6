"""Looking at a whole project: every run, every object, the catalogue against the runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from aerchive import layout
from aerchive.errors import AerchiveError
from aerchive.models import catalogue
from aerchive.project.catalogue import run_path
from aerchive.project.record import read_record
from aerchive.storage.file import ProjectFile, ReadSession
from aerchive.storage.reader import GroupReader
from aerchive.storage.verify import GroupVerifier, object_problems

MUTABLE = frozenset({layout.STATUS, layout.LABELS})
LINKED = frozenset({layout.PROVENANCE, layout.CIRCUITS, layout.NOISE_MODEL})

Progress = Callable[[int, int], None]
"""Called with the runs done and the runs in all."""


@dataclass(frozen=True)
class VerifyReport:
    """What `Project.verify` found.

    Attributes:
        path: The file.
        runs: How many runs were looked at.
        objects: How many shared objects were looked at.
        problems: In words, each with the file and the node; empty if all is well.
    """

    path: str
    runs: int
    objects: int
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.problems

    def __str__(self) -> str:
        head = f"{self.path}: {self.runs} runs and {self.objects} shared objects verified"
        if self.ok:
            return f"{head}, no problems"
        return "\n".join([f"{head}, {len(self.problems)} problems", *(f"  {problem}" for problem in self.problems)])


def verify(file: ProjectFile, progress: Progress | None = None) -> VerifyReport:
    """Verifies all of a project; see `Project.verify`."""
    problems: list[str] = []
    with file.read() as session:
        paths = list(_run_paths(session, problems))
        rows = _catalogue(session, problems)
        objects = list(_object_paths(session, problems))
        for path in objects:
            problems += object_problems(session.root.group(path), path.split("/")[1])
    for number, path in enumerate(paths):
        with file.read() as session:  # one at a time: writers get their turn
            problems += _run_problems(session, path, rows)
        if progress is not None:
            progress(number + 1, len(paths))
    missing = rows.keys() - set(paths)
    problems += [f"{file.path}: /{path}: is in the catalogue, but not in the file" for path in sorted(missing)]
    return VerifyReport(str(file.path), len(paths), len(objects), problems)


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


def _groups(parent: GroupReader, name: str, problems: list[str]) -> Iterator[GroupReader]:
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


def _members(group: GroupReader, problems: list[str]) -> list[str]:
    try:
        return group.names()
    except (AerchiveError, OSError, RuntimeError) as error:
        problems.append(f"{group.where()}: {error}")
        return []


def _catalogue(session: ReadSession, problems: list[str]) -> dict[str, np.void]:
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
    good = (row for number, row in enumerate(rows) if number not in bad and not row["deleted"])
    return {run_path(row): row for row in good}


def _run_problems(session: ReadSession, path: str, rows: dict[str, np.void]) -> list[str]:
    try:
        group = session.root.group(path)
        record = read_record(group)
        found = list(GroupVerifier(group, record.run_uuid).problems(MUTABLE, LINKED))
    except AerchiveError as error:
        return [str(error)]
    row = rows.get(path)
    if row is None:
        return [*found, f"{group.where()}: is not in the catalogue"]
    fresh = catalogue.make_row(record, path.removeprefix(f"{layout.RUNS}/"), int(row["nbytes"]))[0]
    differing = [
        name
        for name in catalogue.DTYPE.names or ()
        if name not in ("crc32",) and fresh[name].tobytes() != row[name].tobytes()
    ]
    if differing:
        found.append(f"{group.where()}: its row in the catalogue differs in {', '.join(differing)}")
    return found
