"""Measuring what takes the space of a project file, and what compaction would give back."""

from __future__ import annotations

import collections
import contextlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aerchive import layout
from aerchive.display.html import ShownReport
from aerchive.display.text import (
    clean,
    clean_lines,
    cut,
    distinct_width,
    format_bytes,
    format_runs,
    format_table,
    format_time,
)
from aerchive.errors import AerchiveError, IntegrityError, NotFoundError, UnsafeContentError
from aerchive.models import catalogue
from aerchive.project.care.folders import folders_below
from aerchive.project.care.verify import Progress
from aerchive.project.catalogue.table import Catalogue, changes_of, present, run_path, was_replaced, whole_id
from aerchive.project.documents.record import is_run
from aerchive.project.finding.asking import UNREADABLE
from aerchive.project.recomputing.comparison import is_array
from aerchive.storage.chunks.missing import read_missing
from aerchive.storage.chunks.witness import SUFFIXES
from aerchive.storage.commits.superblock import SIZE as SUPERBLOCK_SIZE
from aerchive.storage.file import ProjectFile
from aerchive.storage.hdf5.cached_group import CachedGroup, Folders
from aerchive.storage.hdf5.measuring import (
    DatasetSize,
    GroupSize,
    measure_foreign,
    measure_group,
    measure_table,
    structure_bytes,
)
from aerchive.storage.hdf5.nodes import check_foreign
from aerchive.storage.hdf5.objects import is_object_path
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.medium.disk import disk
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.sessions import ReadSession
from aerchive.times import from_microseconds

_NUMBERED = re.compile(r"_[0-9]+\Z")
_TABLES = (layout.CATALOGUE, layout.CATALOGUE + layout.CHANGES_SUFFIX, layout.DELETIONS)
_WITHOUT_NAME = 62
"""Width of the columns of the table of runs without job ids and names, which are text of users."""
_LEAST_NAME = 8
_TOP = 10
_WITNESSES = "witnesses"
"""The kind of what runs keep of arrays that they compute again."""
_GAPS = 4096
"""Bytes that HDF5 leaves unused in any file."""
_LARGE = 1024 * 1024
"""Size of a dataset before compression, in bytes, from which on `Project.shrink` replaces it if it is not told else."""
_WORTH_BYTES = 1024 * 1024
_WORTH_PART = 100
"""If nothing was deleted, compaction is worth it if the new file is smaller by 1 MiB, or by a hundredth."""
_Look = Callable[[ReadSession, str], None]


@dataclass(frozen=True)
class RunSpace:
    """The space that one run takes.

    Attributes:
        job_id: Job id of the run.
        created: Time of submission, UTC.
        outcome: Outcome of the run.
        name: Name of the run, or empty text.
        stored_bytes: All bytes of the run in the file, without objects that it shares with others.
        structure_bytes: The part of ``stored_bytes`` that is documents, headers and checksums.
        nbytes: Size of the run's values before compression, in bytes.
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
    """The space that all values of one kind take.

    Attributes:
        kind: Name of the kind, such as ``statevector`` or ``counts``; objects such as ``circuits`` are shared by runs.
        number: Number of datasets, or of shared objects.
        stored_bytes: Bytes of the values in the file.
        nbytes: Size of the values before compression, in bytes.
    """

    kind: str
    number: int
    stored_bytes: int
    nbytes: int


@dataclass(frozen=True)
class SpaceReport(ShownReport):
    """The report on what takes the space of a project; it is printed as two tables.

    The sizes add up to that of the file: ``file_bytes`` is the sum of all ``kinds``, ``structure_bytes``,
    ``catalogue_bytes``, ``foreign_bytes``, ``deleted_bytes`` and ``unused_bytes``.

    Attributes:
        path: Path of the project file.
        generation: Generation of the file: 1, and one more after each compaction.
        file_bytes: Size of the file.
        runs: Space that each run takes, the largest first.
        kinds: Space that each kind of value takes, the largest first.
        structure_bytes: Bytes of documents, headers and checksums of all runs and attachments, of folders, and of the
            pages about the format.
        catalogue_bytes: Bytes of the table with one row for each run, and of the columns beside it.
        foreign_bytes: Bytes that other programs have written beside the runs; compaction keeps them.
        deleted_runs: Number of runs that were deleted since the last compaction.
        deleted_bytes: Bytes of these runs, with the circuits and similar objects that only they needed.
        replaced: Whether labels or the state of a run were replaced since the last compaction.
        unused_bytes: Bytes to which nothing in the file refers any more: replaced labels, gaps.
        beside_bytes: Bytes of files beside the project that belong to it: pending and waiting runs, and remains of an
            interrupted compaction.
        free_bytes: Free bytes on the disk of the file.
        problems: Descriptions of damaged data that could not be measured; it counts as unused.
        recomputed_runs: Number of runs that do not store their large arrays, but compute them again.
        recomputed_bytes: Size of these arrays before compression, in bytes.
        shrinkable_runs: Number of runs whose arrays of 1 MiB and more `Project.shrink` may replace by what computes
            them again, as far as the catalogue tells.
        shrinkable_bytes: Stored size of these arrays, in bytes.
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
    recomputed_runs: int = 0
    recomputed_bytes: int = 0
    shrinkable_runs: int = 0
    shrinkable_bytes: int = 0

    @property
    def reclaimable_bytes(self) -> int:
        """Bytes that compaction would give back, approximately."""
        return self.deleted_bytes + self.unused_bytes

    @property
    def live_bytes(self) -> int:
        """Size of the file after compaction, approximately, in bytes."""
        return self.file_bytes - self.reclaimable_bytes

    @property
    def is_worth_it(self) -> bool:
        """Whether compaction removes anything that was deleted or replaced, or gives back enough unused space."""
        more_than_gaps = self.unused_bytes > _GAPS and self.unused_bytes * _WORTH_PART >= self.file_bytes
        return bool(self.deleted_bytes or self.replaced) or more_than_gaps or self.unused_bytes >= _WORTH_BYTES

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self, top: int = _TOP, width: int | None = None) -> str:
        """Formats the tables. Job ids are shown up to where no two runs of the project have the same.

        Args:
            top: Number of runs that are shown, at most.
            width: Width in characters to which names are cut; ``None``: to none.
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
            short = distinct_width([run.job_id for run in self.runs])
            room = None if width is None else max(width - _WITHOUT_NAME - short, _LEAST_NAME)
            table = [
                (
                    run.job_id[:short],
                    format_time(run.created),
                    format_bytes(run.stored_bytes),
                    _share(run.stored_bytes, self.file_bytes),
                    format_bytes(run.nbytes),
                    run.name if room is None else cut(run.name, room),
                )
                for run in self.runs[:top]
            ]
            head = ("job", "created", "stored", "share", "uncompressed", "name")
            lines += ["", format_table(head, table, (2, 3, 4))]
            if len(self.runs) > top:
                lines.append(f"... the largest {top} of {len(self.runs)} runs")
        if self.problems:
            lines += [
                "",
                *(f"cannot be measured, and counts as unused: {clean(problem)}" for problem in self.problems[:top]),
            ]
            lines.append("'aerchive verify' names all that is damaged")
        if self.beside_bytes:
            lines += ["", f"{format_bytes(self.beside_bytes)} more in files beside it: runs that wait, or left over"]
        if self.recomputed_runs:
            size, number = format_bytes(self.recomputed_bytes), format_runs(self.recomputed_runs)
            lines += ["", f"{size} before compression are not stored, but recomputed when they are read: {number}"]
        if self.shrinkable_runs:
            size, number = format_bytes(self.shrinkable_bytes), format_runs(self.shrinkable_runs)
            lines += ["", f"'aerchive shrink' may save up to {size} of {number}; with --dry-run it tells the cost"]
        back = self.reclaimable_bytes
        if self.is_worth_it:
            end = f"'aerchive compact' gives back about {format_bytes(back)}"
        elif back > _GAPS:
            end = f"'aerchive compact' would give back about {format_bytes(back)}, which is not worth it"
        else:
            end = "nothing to give back"
        lines += ["", end]
        return clean_lines("\n".join(lines))


def survey_space(file: ProjectFile, progress: Progress | None = None, beside_bytes: int = 0) -> SpaceReport:
    """Measures a project; see `aerchive.project.project.Project.space`."""
    return _Survey(file, progress).report(beside_bytes)


class _Survey:
    """Measures a project, run by run; other processes may write meanwhile.

    Args:
        file: The project file.
        progress: A function that is called with the number of groups done and of all groups.
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
        self._recomputed: list[int] = []
        self._shrinkable: list[int] = []
        """For each run the size of what it does not store, and the stored size of what may be replaced, in bytes."""
        self._deleted: list[int] = []
        self._deleted_runs = 0
        self._attached_bytes = 0
        """Size of documents, headers and checksums of the attachments of the project itself."""
        self._foreign: list[int] = []
        self._known: set[int] = set()
        """Addresses of the measured nodes of other programs."""
        self._shared: dict[int, str] = {}
        self._shared_of: tuple[int, int] | None = None
        self._folders: Folders | None = None
        self._looks: dict[str, tuple[int, _Look]] = {
            layout.RUNS: (2, self._look_at_run),
            layout.OBJECTS: (3, self._look_at_object),
            layout.ATTACHMENTS: (1, self._look_at_attachment),
            layout.DELETED: (1, self._look_at_deleted),
        }
        """For each group at the root: the depth of the nodes that are measured, and the method that measures one."""

    def report(self, beside_bytes: int) -> SpaceReport:
        """Measures everything, and makes the report."""
        with self._file.read() as session:
            root = session.root
            rows = Catalogue(session).rows()
            self._rows = {run_path(row): row for row in present(rows)}
            structure, work = SUPERBLOCK_SIZE + structure_bytes(root), []
            for name, (depth, look) in self._looks.items():
                for folder, names, strange in folders_below(root, name, depth, self._problems):
                    structure += structure_bytes(folder)
                    self._foreign += [measure_foreign(folder, member, self._known) for member in strange]
                    work += [(look, f"{folder.path}/{member}") for member in names]
            catalogue_bytes = sum(measure_table(root, name) for name in _TABLES if name in root)
            if layout.COLUMNS in root:
                catalogue_bytes += _tables_bytes(root.group(layout.COLUMNS))
            ours = (*layout.PAGES, layout.COVER)
            structure += sum(measure_foreign(root, name, self._known) for name in ours if name in root)
            others = [name for name in root.names() if name not in (*self._looks, *_TABLES, layout.COLUMNS, *ours)]
            check_foreign(len(others), root.where())
            self._foreign += [measure_foreign(root, name, self._known) for name in others]
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
        structure += sum(run.structure_bytes for run in self._runs) + self._attached_bytes
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
            recomputed_runs=len(self._recomputed),
            recomputed_bytes=sum(self._recomputed),
            shrinkable_runs=len(self._shrinkable),
            shrinkable_bytes=sum(self._shrinkable),
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
            except UNREADABLE as error:  # damaged nodes must not hide the others
                self._problems.append(str(error))
            done += 1
            if self._progress is not None:
                self._progress(done, len(work))

        self._file.visit(work, look)

    def _open(self, session: ReadSession, path: str) -> CachedGroup:
        if self._folders is None or self._folders.root is not session.root:  # a new turn has begun
            self._folders = Folders(session.root)
            status = os.fstat(session.fd)
            if (status.st_dev, status.st_ino) != self._shared_of:  # addresses are not valid in another file
                self._shared_of, self._shared = (status.st_dev, status.st_ino), {}
        return self._folders.group(path)

    def _look_at_run(self, session: ReadSession, path: str) -> None:
        row = self._rows.get(path)
        try:
            group = self._open(session, path)
        except (IntegrityError, UnsafeContentError):
            if row is not None:
                raise
            with contextlib.suppress(IntegrityError, UnsafeContentError):  # a deleted run that could not be moved
                folder, _, name = path.rpartition("/")
                self._foreign.append(measure_foreign(session.root.group(folder), name, self._known))
            return
        if row is None and not is_run(group):
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
        if row is not None:
            self._look_at_arrays(group, row, size)
        for dataset in size.datasets:
            kind = _WITNESSES if dataset.name.endswith(SUFFIXES) else _NUMBERED.sub("", dataset.name)
            self._values[kind].append(dataset)

    def _look_at_arrays(self, group: CachedGroup, row: np.void, size: GroupSize) -> None:
        """Notes what a run does not store, and what it may compute again."""
        if catalogue.is_recomputed(row):
            missing = read_missing(group, str(group.run_uuid()))
            if missing is not None:
                self._recomputed.append(sum(missing.datasets[name].nbytes for name in missing.recomputed))
        texts = [catalogue.row_text(row, name) for name in ("program", "parent", "outcome")]
        if texts not in (["run", "", "ok"], ["run", "", "partial"]):
            return
        large = [one for one in size.datasets if one.nbytes >= _LARGE and one.name in group]
        large = [one for one in large if is_array(group, one.name)]
        if large:
            self._shrinkable.append(sum(one.stored_bytes for one in large))

    def _look_at_object(self, session: ReadSession, path: str) -> None:
        if not is_object_path(path):
            folder, _, name = path.rpartition("/")
            self._foreign.append(measure_foreign(session.root.group(folder), name, self._known))
            return
        self._objects[path] = measure_group(self._open(session, path), self._shared)

    def _look_at_attachment(self, session: ReadSession, path: str) -> None:
        """Measures an attachment of the project itself."""
        size = measure_group(session.root.group(path))
        self._attached_bytes += size.structure_bytes
        self._values[layout.ATTACHMENTS] += size.datasets

    def _look_at_deleted(self, session: ReadSession, path: str) -> None:
        group = session.root.group(path)
        if path == f"{layout.DELETED}/{layout.DELETED_TABLES}":
            folders = [name for name in group.names() if group.is_group(name)]
            tables = sum(measure_table(group, name) for name in group.names() if name not in folders)
            self._deleted.append(structure_bytes(group) + tables)
            self._deleted += [_tables_bytes(group.group(name)) for name in folders]
            return
        self._deleted.append(measure_group(group).stored_bytes)
        self._deleted_runs += layout.STATUS in group

    def _needed_objects(self) -> set[str]:
        """Paths of the shared objects to which runs link, directly or through other objects."""
        needed, new = set[str](), self._needed
        while new:
            needed |= new
            linked = {other for path in new if path in self._objects for other in self._objects[path].objects}
            new = linked - needed
        return needed


def _tables_bytes(group: HDF5Group) -> int:
    """The size of a group of tables, in bytes."""
    return structure_bytes(group) + sum(measure_table(group, name) for name in group.names())


def _whole(path: str, size: GroupSize) -> DatasetSize:
    """The size of a shared object as the size of one value."""
    return DatasetSize(path, size.stored_bytes, sum(dataset.nbytes for dataset in size.datasets))


def _share(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):.1f} %"


def count_deleted(session: ReadSession) -> int:
    """Counts the deleted runs that a project still holds."""
    if layout.DELETED not in session.root:
        return 0
    deleted, number = session.root.group(layout.DELETED), 0
    for name in deleted.names():
        with contextlib.suppress(AerchiveError):  # damaged groups are not counted
            number += layout.STATUS in deleted.group(name)
    return number
