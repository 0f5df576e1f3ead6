"""What takes the space of a project file, and what compaction would give back."""

from __future__ import annotations

import collections
import contextlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aerchive import layout
from aerchive.display.text import format_bytes, format_runs, format_table, format_time
from aerchive.errors import AerchiveError, IntegrityError, NotFoundError, UnsafeContentError
from aerchive.models import catalogue
from aerchive.project.care.verify import Progress
from aerchive.project.catalogue.table import Catalogue, changes_of, present, run_path, was_replaced, whole_id
from aerchive.project.documents.record import ENCODING
from aerchive.project.finding.asking import UNREADABLE
from aerchive.storage.commits.superblock import SIZE as SUPERBLOCK_SIZE
from aerchive.storage.file import ProjectFile
from aerchive.storage.hdf5.kept_group import Folders, KeptGroup
from aerchive.storage.hdf5.measuring import (
    DatasetSize,
    GroupSize,
    measure_foreign,
    measure_group,
    measure_table,
    structure_bytes,
)
from aerchive.storage.hdf5.objects import is_object_path
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.medium.disk import disk
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.sessions import ReadSession
from aerchive.times import from_microseconds

_NUMBERED = re.compile(r"_[0-9]+\Z")
_TABLES = (layout.CATALOGUE, layout.CATALOGUE + layout.CHANGES_SUFFIX)
_TOP = 10
_GAPS = 4096
"""So much HDF5 leaves unused in any file."""
_WORTH_BYTES = 1024 * 1024
_WORTH_PART = 100
"""A new file is worth it where nothing was deleted if it is smaller by a MiB, or by a hundredth."""
_Look = Callable[[ReadSession, str], None]


@dataclass(frozen=True)
class RunSpace:
    """What one run takes.

    Attributes:
        job_id: Of the run.
        created: When it was submitted, UTC.
        outcome: Of the run.
        name: Given to it, or empty.
        stored_bytes: All it takes in the file, without what it shares with others.
        structure_bytes: Of these, documents, headers and checksums.
        nbytes: Of its values, before compression.
    """

    job_id: str
    created: str
    outcome: str
    name: str
    stored_bytes: int
    structure_bytes: int
    nbytes: int


@dataclass(frozen=True)
class KindSpace:
    """What all values of a kind take.

    Attributes:
        kind: Such as ``statevector`` or ``counts``; ``circuits`` and the like are shared by runs.
        number: Of datasets, or of shared objects.
        stored_bytes: In the file.
        nbytes: Before compression.
    """

    kind: str
    number: int
    stored_bytes: int
    nbytes: int


@dataclass(frozen=True)
class SpaceReport:
    """What takes the space of a project; printed, two tables.

    The sizes add up to that of the file: ``file_bytes`` is the sum of all ``kinds``, ``structure_bytes``,
    ``catalogue_bytes``, ``foreign_bytes``, ``deleted_bytes`` and ``unused_bytes``.

    Attributes:
        path: The file.
        generation: 1, and one more after each compaction.
        file_bytes: Its size.
        runs: What each run takes, the largest first.
        kinds: What each kind of value takes, the largest first.
        structure_bytes: Documents, headers and checksums of all runs, and folders.
        catalogue_bytes: The table with one row a run.
        foreign_bytes: What other programs have put beside the runs, which stays.
        deleted_runs: How many runs were deleted since the last compaction.
        deleted_bytes: What they take, with the circuits and the like that only they needed.
        replaced: Whether labels or the state of a run were replaced since then.
        unused_bytes: What nothing leads to any more: replaced labels, gaps.
        beside_bytes: Files beside it that belong to it: pending and waiting runs, left by an interrupted compaction.
        free_bytes: On its disk.
        problems: What could not be measured, because it is damaged; it counts as unused.
    """

    path: str
    generation: int
    file_bytes: int
    runs: list[RunSpace]
    kinds: list[KindSpace]
    structure_bytes: int
    catalogue_bytes: int
    foreign_bytes: int
    deleted_runs: int
    deleted_bytes: int
    replaced: bool
    unused_bytes: int
    beside_bytes: int
    free_bytes: int
    problems: list[str]

    @property
    def reclaimable_bytes(self) -> int:
        """What compaction would give back, about."""
        return self.deleted_bytes + self.unused_bytes

    @property
    def live_bytes(self) -> int:
        """What the file would take after compaction, about."""
        return self.file_bytes - self.reclaimable_bytes

    @property
    def is_worth_it(self) -> bool:
        """Whether compaction removes anything that was deleted or replaced, or gives back more than a trifle."""
        more_than_gaps = self.unused_bytes > _GAPS and self.unused_bytes * _WORTH_PART >= self.file_bytes
        return bool(self.deleted_bytes or self.replaced) or more_than_gaps or self.unused_bytes >= _WORTH_BYTES

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self, top: int = _TOP) -> str:
        """The tables.

        Args:
            top: How many runs are shown.
        """
        rows = [(k.kind, str(k.number), k.stored_bytes, k.nbytes) for k in self.kinds]
        rows += [
            ("documents, headers, checksums", str(len(self.runs)), self.structure_bytes, 0),
            ("catalogue", "", self.catalogue_bytes, 0),
            ("of other programs", "", self.foreign_bytes, 0),
            ("deleted", str(self.deleted_runs), self.deleted_bytes, 0),
            ("unused", "", self.unused_bytes, 0),
        ]
        cells = [
            (kind, number, format_bytes(stored), _share(stored, self.file_bytes), format_bytes(raw) if raw else "")
            for kind, number, stored, raw in rows
            if stored
        ]
        lines = [
            f"{self.path}: {format_bytes(self.file_bytes)}, {format_runs(len(self.runs))}; "
            f"{format_bytes(self.free_bytes)} are free on the disk",
            "",
            format_table(("kind", "number", "stored", "share", "uncompressed"), cells, (1, 2, 3, 4)),
        ]
        if self.runs[:top]:
            table = [
                (
                    run.job_id,
                    format_time(run.created),
                    run.outcome,
                    format_bytes(run.stored_bytes),
                    _share(run.stored_bytes, self.file_bytes),
                    format_bytes(run.nbytes),
                    run.name,
                )
                for run in self.runs[:top]
            ]
            head = ("job id", "created", "outcome", "stored", "share", "uncompressed", "name")
            lines += ["", format_table(head, table, (3, 4, 5))]
            if len(self.runs) > top:
                lines.append(f"... the largest {top} of {len(self.runs)} runs")
        if self.problems:
            lines += ["", *(f"cannot be measured, and counts as unused: {problem}" for problem in self.problems[:top])]
            lines.append("'aerchive verify' names all that is damaged")
        if self.beside_bytes:
            lines += ["", f"{format_bytes(self.beside_bytes)} more in files beside it: runs that wait, or left over"]
        back = self.reclaimable_bytes
        if self.is_worth_it:
            end = f"'aerchive compact' gives back about {format_bytes(back)}"
        elif back > _GAPS:
            end = f"'aerchive compact' would give back about {format_bytes(back)}, which is not worth it"
        else:
            end = "nothing to give back"
        lines += ["", end]
        return "\n".join(lines)


def survey_space(file: ProjectFile, progress: Progress | None = None, beside_bytes: int = 0) -> SpaceReport:
    """Measures a project; see `aerchive.project.project.Project.space`."""
    return _Survey(file, progress).report(beside_bytes)


class _Survey:
    """Measures a project, run by run; others may write meanwhile.

    Args:
        file: The project.
        progress: Called with the groups looked at and all of them.
    """

    def __init__(self, file: ProjectFile, progress: Progress | None) -> None:
        self._file = file
        self._progress = progress
        self._problems: list[str] = []
        self._rows: dict[str, np.void] = {}
        self._runs: list[RunSpace] = []
        self._values: dict[str, list[DatasetSize]] = collections.defaultdict(list)
        self._objects: dict[str, GroupSize] = {}
        self._needed: set[str] = set()
        self._deleted: list[int] = []
        self._deleted_runs = 0
        self._foreign: list[int] = []
        self._shared: dict[int, str] = {}
        self._shared_of: tuple[int, int] | None = None
        self._folders: Folders | None = None
        self._looks: dict[str, tuple[int, _Look]] = {
            layout.RUNS: (2, self._look_at_run),
            layout.OBJECTS: (3, self._look_at_object),
            layout.DELETED: (1, self._look_at_deleted),
        }
        """Of each group at the root: how deep what is looked at lies, and how."""

    def report(self, beside_bytes: int) -> SpaceReport:
        """The report."""
        with self._file.read() as session:
            root = session.root
            rows = Catalogue(session).rows()
            self._rows = {run_path(row): row for row in present(rows)}
            structure, work = SUPERBLOCK_SIZE + structure_bytes(root), []
            for name, (depth, look) in self._looks.items():
                for folder, strange in folders_below(root, name, depth):
                    structure += structure_bytes(folder)
                    self._foreign += [measure_foreign(folder, member) for member in strange]
                    if folder.path.count("/") == depth - 1:
                        work += [(look, f"{folder.path}/{member}") for member in folder.names()]
            catalogue_bytes = sum(measure_table(root, name) for name in _TABLES if name in root)
            others = [name for name in root.names() if name not in (*self._looks, *_TABLES)]
            self._foreign += [measure_foreign(root, name) for name in others]
            generation, replaced = root.attribute("generation"), was_replaced(rows, changes_of(session))
            end, free = session.end, disk().free(session.fd)
        self._visit(work)
        needed = self._needed_objects()
        deleted, foreign = sum(self._deleted), sum(self._foreign)
        for path, size in self._objects.items():
            if path in needed:
                self._values[path.split("/")[1]].append(_whole(path, size))
            else:
                deleted += size.stored_bytes
        structure += sum(run.structure_bytes for run in self._runs)
        kinds = [
            KindSpace(kind, len(sizes), sum(size.stored_bytes for size in sizes), sum(size.nbytes for size in sizes))
            for kind, sizes in self._values.items()
        ]
        known = sum(kind.stored_bytes for kind in kinds) + structure + catalogue_bytes + foreign + deleted
        return SpaceReport(
            path=str(self._file.path),
            generation=generation if isinstance(generation, int) else 0,
            file_bytes=end,
            runs=sorted(self._runs, key=lambda run: run.stored_bytes, reverse=True),
            kinds=sorted(kinds, key=lambda kind: kind.stored_bytes, reverse=True),
            structure_bytes=structure,
            catalogue_bytes=catalogue_bytes,
            foreign_bytes=foreign,
            deleted_runs=self._deleted_runs,
            deleted_bytes=deleted,
            replaced=replaced,
            unused_bytes=max(0, end - known),
            beside_bytes=beside_bytes,
            free_bytes=free,
            problems=self._problems,
        )

    def _visit(self, work: list[tuple[_Look, str]]) -> None:
        done = 0

        def look(session: ReadSession, item: tuple[_Look, str]) -> None:
            nonlocal done
            check_interrupt()
            try:
                item[0](session, item[1])
            except NotFoundError:  # deleted, or compacted away, since it was listed
                pass
            except UNREADABLE as error:  # what is damaged hides nothing else
                self._problems.append(str(error))
            done += 1
            if self._progress is not None:
                self._progress(done, len(work))

        self._file.visit(work, look)

    def _open(self, session: ReadSession, path: str) -> KeptGroup:
        if self._folders is None or self._folders.root is not session.root:  # another turn
            self._folders = Folders(session.root)
            status = os.fstat(session.fd)
            if (status.st_dev, status.st_ino) != self._shared_of:  # addresses mean nothing in another file
                self._shared_of, self._shared = (status.st_dev, status.st_ino), {}
        return self._folders.group(path)

    def _look_at_run(self, session: ReadSession, path: str) -> None:
        row = self._rows.get(path)
        try:
            group = self._open(session, path)
        except (IntegrityError, UnsafeContentError):
            if row is not None:
                raise
            with contextlib.suppress(IntegrityError, UnsafeContentError):  # a run that could not be moved away
                folder, _, name = path.rpartition("/")
                self._foreign.append(measure_foreign(session.root.group(folder), name))
            return
        if row is None and group.attribute("encoding") != ENCODING:
            self._foreign.append(measure_group(group, self._shared).stored_bytes)
            return
        size = measure_group(group, self._shared)
        self._runs.append(
            RunSpace(
                job_id=str(group.attribute("job_id")) if row is None else whole_id(session, row),
                created="" if row is None else from_microseconds(int(row["created_us"])),
                outcome="" if row is None else catalogue.row_text(row, "outcome"),
                name="" if row is None else catalogue.row_text(row, "name"),
                stored_bytes=size.stored_bytes,
                structure_bytes=size.structure_bytes,
                nbytes=sum(dataset.nbytes for dataset in size.datasets),
            )
        )
        self._needed.update(size.objects)
        for dataset in size.datasets:
            self._values[_NUMBERED.sub("", dataset.name)].append(dataset)

    def _look_at_object(self, session: ReadSession, path: str) -> None:
        if not is_object_path(path):
            folder, _, name = path.rpartition("/")
            self._foreign.append(measure_foreign(session.root.group(folder), name))
            return
        self._objects[path] = measure_group(self._open(session, path), self._shared)

    def _look_at_deleted(self, session: ReadSession, path: str) -> None:
        group = session.root.group(path)
        if path == f"{layout.DELETED}/{layout.DELETED_TABLES}":
            self._deleted.append(structure_bytes(group) + sum(measure_table(group, name) for name in group.names()))
            return
        self._deleted.append(measure_group(group).stored_bytes)
        self._deleted_runs += layout.STATUS in group

    def _needed_objects(self) -> set[str]:
        """Those that runs link, and those that these link in turn."""
        needed, new = set[str](), self._needed
        while new:
            needed |= new
            linked = {other for path in new if path in self._objects for other in self._objects[path].objects}
            new = linked - needed
        return needed


def folders_below(root: HDF5Group, name: str, depth: int) -> list[tuple[HDF5Group, list[str]]]:
    """A group at the root and the folders in it, level by level, each with the names of what is no folder in it.

    Args:
        root: The root.
        name: Of the group; nothing is found if there is none of this name.
        depth: How many levels of folders there are, this one included.
    """
    found: list[tuple[HDF5Group, list[str]]] = []
    level = [root.group(name)] if name in root else []
    for step in range(depth):
        inner: list[HDF5Group] = []
        for folder in level:
            foreign: list[str] = []
            for member in folder.names() if step < depth - 1 else ():
                try:
                    inner.append(folder.group(member))
                except (IntegrityError, UnsafeContentError):
                    foreign.append(member)
            found.append((folder, foreign))
        level = inner
    return found


def _whole(path: str, size: GroupSize) -> DatasetSize:
    """A shared object as one value."""
    return DatasetSize(path, size.stored_bytes, sum(dataset.nbytes for dataset in size.datasets))


def _share(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):.1f} %"


def count_deleted(session: ReadSession) -> int:
    """How many deleted runs a project still holds."""
    if layout.DELETED not in session.root:
        return 0
    deleted, number = session.root.group(layout.DELETED), 0
    for name in deleted.names():
        with contextlib.suppress(AerchiveError):  # nothing can be read of what is damaged
            number += layout.STATUS in deleted.group(name)
    return number
