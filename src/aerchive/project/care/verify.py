"""Verification of a whole project: every run, every shared object, and the catalogue against the runs.

Runs are checked in turns. Several threads check the chunks of a turn while the file is not locked, so other processes
may write meanwhile.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aerchive import layout
from aerchive.display.html import ShownReport
from aerchive.display.text import clean, format_runs
from aerchive.errors import AerchiveError, FormatError, NewerFormatError, NotFoundError, UnsafeContentError
from aerchive.models import catalogue
from aerchive.models.provenance import Provenance
from aerchive.models.run import RunRecord
from aerchive.models.shown import shown_attributes
from aerchive.project.care.cells_check import CellsCheck
from aerchive.project.care.conflicts import conflicting_results, copy_notes
from aerchive.project.care.folders import added_to_root, folders_below
from aerchive.project.catalogue.deletions import read_deletions
from aerchive.project.catalogue.table import changes_of, run_path
from aerchive.project.documents.record import plot_of, read_record
from aerchive.project.sealing.leaves import Leaf
from aerchive.project.spooling.spools import Spools
from aerchive.storage.commits.superblock import rewritten_text
from aerchive.storage.file import ProjectFile
from aerchive.storage.hdf5.cached_group import CachedGroup, Folders, VisitedNodes
from aerchive.storage.hdf5.nodes import check_attributes, check_foreign, foreign_nodes
from aerchive.storage.hdf5.objects import LinkedObjects, is_object_path
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.hdf5.verify import ChunkCheck, GroupVerifier, chunk_problems, noted, object_problems
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.sessions import ReadSession
from aerchive.storage.vetting import limited_child
from aerchive.text import JSON_FORM
from aerchive.threads import processors

if TYPE_CHECKING:  # only a comparison with a seal needs it, and what it imports
    from aerchive.project.sealing.comparison import Expected

MUTABLE = frozenset({layout.STATUS, layout.LABELS, layout.VIEW, layout.MISSING})
LINKED = frozenset(layout.LINKS)

Progress = Callable[[int, int], None]
"""A function of the work done and the total work, in bytes of payload before compression, plus one for each run."""

_Row = tuple[int, np.void]
"""The number of a row of the catalogue, and the row."""


@dataclass(frozen=True)
class VerifyReport(ShownReport):
    """The report of `Project.verify` on what it found.

    Attributes:
        path: Path of the project file.
        runs: Number of runs that were checked.
        objects: Number of shared objects that were checked.
        problems: Descriptions of the problems, each with the file and the node; empty if there are none.
        notes: Descriptions of what is no damage of the project, but should be known: conflict copies beside it, or that
            another program has rewritten the file.
        root: The root of the runs, computed from their bytes, as 64 hexadecimal digits; ``None`` if none was given to
            compare it with.
    """

    path: str
    runs: int
    objects: int
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    root: str | None = None

    @property
    def ok(self) -> bool:
        """Whether no problem was found."""
        return not self.problems

    def __add__(self, other: VerifyReport) -> VerifyReport:
        """Combines the report on a project with the report on a pending file of it."""
        problems, notes = [*self.problems, *other.problems], [*self.notes, *other.notes]
        root = self.root or other.root
        return VerifyReport(self.path, self.runs + other.runs, self.objects + other.objects, problems, notes, root)

    def __str__(self) -> str:
        objects = f"{self.objects} shared object{'' if self.objects == 1 else 's'}"
        head = f"{self.path}: {format_runs(self.runs)} and {objects} verified"
        number = len(self.problems)
        found = f"{number or 'no'} problem{'' if number == 1 else 's'}"
        lines = [f"{head}, {found}", *(f"  {problem}" for problem in self.problems)]
        lines += [f"root: {self.root}"] * (self.root is not None)
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(map(clean, lines))


def verify_project(
    file: ProjectFile, spools: Spools, progress: Progress | None = None, expected: Expected | None = None
) -> VerifyReport:
    """Verifies a project and the runs in spools beside it; see `aerchive.Project.verify`."""
    leaves: dict[str, Leaf] | None = None if expected is None else {}
    report = verify(file, progress, leaves)
    if expected is not None and leaves is not None:
        from aerchive.project.sealing.comparison import compare

        compared = compare(file, leaves, expected)
        report += VerifyReport(str(file.path), 0, 0, compared.problems, compared.notes, compared.root)
    number, problems = spools.verify()
    notes = [rewritten_text(file.path)] if file.is_rewritten() else []
    notes += copy_notes(file)
    return report + VerifyReport(str(file.path), number, 0, [*problems, *conflicting_results(file)], notes)


def verify_in_child(file: ProjectFile, pending_folder: Path | None, expected: Expected | None = None) -> VerifyReport:
    """Verifies a project as `verify_project` does, in a child process with limits.

    Args:
        file: The project file.
        pending_folder: The folder for runs that can be written neither to the file nor beside it.
        expected: The seal with which the project is compared.

    Raises:
        UnsafeContentError: The child crashed, or took too much memory or time.
        AerchiveError: The file cannot be opened at all.
    """
    folder = None if pending_folder is None else str(pending_folder)
    with file.without_writers():  # raises if there is no such project
        pass
    with contextlib.nullcontext() if expected is None else expected.handed_over() as seal:
        given = [str(file.path), folder, file.lock_timeout_s, seal]
        found = limited_child(file.path, __name__, given, "it was verified")
    try:
        return VerifyReport(str(file.path), **found)
    except TypeError as error:
        raise UnsafeContentError(f"{file.path}: not verified: the answer of the child is not understandable") from error


def answer(
    path: str, pending_folder: str | None, lock_timeout_s: float, seal: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What the child of `verify_in_child` does; the names and values of a `VerifyReport` without the path."""
    os.environ["AERCHIVE_VET"] = "off"
    file = ProjectFile(Path(path), lock_timeout_s=lock_timeout_s, catalogue_dtype=catalogue.DTYPE, created_by="")
    spools = Spools(file, None if pending_folder is None else Path(pending_folder))
    try:
        report = verify_project(file, spools, expected=None if seal is None else _expected(**seal))
    except AerchiveError as error:
        report = VerifyReport(path, 0, 0, [str(error)])
    return {name: value for name, value in dataclasses.asdict(report).items() if name != "path"}


def _expected(**seal: Any) -> Expected:
    from aerchive.project.sealing.comparison import Expected

    return Expected.given(**seal)


def verify(file: ProjectFile, progress: Progress | None = None, leaves: dict[str, Leaf] | None = None) -> VerifyReport:
    """Verifies a whole project file.

    Args:
        file: The project file.
        progress: A function that is called with the work done and the total work.
        leaves: The leaf of each run, computed from its bytes, is added to it by the path of the run.
    """
    with ThreadPoolExecutor(processors(), thread_name_prefix="aerchive-verify") as pool:
        return _Verification(file, progress, pool, leaves).report()


class _Looked(NamedTuple):
    """A run of which everything except the chunks was checked.

    Attributes:
        size: Amount of work of the run, in the unit of `Progress`.
        problems: Descriptions of the problems that were found.
        checks: The chunks of the run, which are to be checked.
    """

    size: int
    problems: list[str]
    checks: list[ChunkCheck]


class _State(NamedTuple):
    """A state of the catalogue: if two states are equal, no row has changed between them.

    Attributes:
        file: Device and inode number of the file.
        table: Address of the table in the file.
        rows: Number of rows.
        change: The last entry of the list of changes, whose checksum covers all entries before it.
    """

    file: tuple[int, int]
    table: int
    rows: int
    change: bytes


class _Verification:
    """Verifies a project: runs in turns, and the chunks of a turn while the file is not locked.

    Args:
        file: The project file.
        progress: A function that is called with the work done and the total work.
        pool: The threads that check chunks.
        leaves: As for `verify`.
    """

    def __init__(
        self,
        file: ProjectFile,
        progress: Progress | None,
        pool: ThreadPoolExecutor,
        leaves: dict[str, Leaf] | None,
    ) -> None:
        self._file = file
        self._leaves = leaves
        self._progress = progress
        self._pool = pool
        self._problems: list[str] = []
        self._notes: list[str] = []
        """Descriptions of runs that only a newer version can verify."""
        self._rows: dict[str, _Row] = {}
        self._cells = CellsCheck()
        self._state: _State | None = None
        self._folders: Folders | None = None
        """Folders that were opened in the session of this turn."""
        self._is_same = False
        """Whether the catalogue in this turn is unchanged since it was read."""
        self._known_file: tuple[int, int] | None = None
        self._objects = LinkedObjects()
        self._visited = VisitedNodes()
        self._foreign = set[int]()
        """Addresses of the nodes of other programs that were looked at."""
        self._deleted = set[int]()
        """Addresses of the deleted nodes that were looked at."""
        self._provenances: dict[int, Provenance] = {}
        self._turn: list[_Looked] = []
        self._done = self._total = 0

    def report(self) -> VerifyReport:
        """Verifies everything, and makes the report."""
        problems = self._problems
        paths: list[str] = []
        objects: list[str] = []
        foreign: list[str] = []
        with self._file.read() as session:
            root = session.root
            for name, depth, found in (
                (layout.RUNS, 2, paths),
                (layout.OBJECTS, 3, objects),
                (layout.DELETED, 1, foreign),
            ):
                with noted(problems, root.where(name)):
                    for folder, names, strange in folders_below(root, name, depth, problems):
                        found += [f"{folder.path}/{member}" for member in names]
                        foreign += [f"{folder.path}/{member}" for member in strange]
            beside = [name for name in (layout.ATTACHMENTS, layout.COVER) if name in root]
            with noted(problems, root.where()):
                _check_root(root)
            with noted(problems, root.where()):
                foreign += added_to_root(root, problems)
            foreign += [path for path in objects if not is_object_path(path)]
            with noted(problems, root.where()):
                foreign, unlooked = [], foreign
                check_foreign(len(unlooked), root.where())
                foreign = unlooked
            objects = [path for path in objects if is_object_path(path)]
            with noted(problems, root.where()):
                pages = GroupVerifier(root, str(root.attribute("project_uuid")), root)
                problems += pages.member_problems(name for name in layout.PAGES if name in root)
                problems += filter(None, chunk_problems(pages.chunks, session.fd, self._pool))
            with noted(problems, root.where(layout.CATALOGUE)):
                self._rows = catalogue_rows(session, problems)
            with noted(problems, root.where(layout.COLUMNS)):
                self._cells = CellsCheck(session)
            with noted(problems, root.where(layout.DELETIONS)):
                read_deletions(session)
            with noted(problems, root.where()):
                _check_default(root, self._rows)
            self._state = _state(session)
        self._file.visit(foreign, self._look_at_foreign)
        self._file.visit(objects, self._look_at_object)
        self._file.visit(beside, self._look_beside, self._look_at_chunks)
        missing = self._rows.keys() - set(paths)
        self._total = len(paths) + sum(int(row["nbytes"]) for _, row in self._rows.values())
        self._file.visit(paths, self._look_at_run, self._look_at_chunks)
        problems += [
            f"{self._file.path}: /{path}: is in the catalogue, but not in the file" for path in sorted(missing)
        ]
        return VerifyReport(str(self._file.path), len(paths), len(objects), problems, self._notes)

    def _look_at_foreign(self, session: ReadSession, path: str) -> None:
        """Looks for storage and links outside the file in what other programs have added, and in deleted nodes.

        Deleted nodes may be damaged: that may be why they were deleted, or replaced.
        """
        folder, _, name = path.rpartition("/")
        where, is_deleted = session.root.where(path), folder == layout.DELETED
        known = self._deleted if is_deleted else self._foreign
        with noted(self._problems, where), contextlib.suppress(NotFoundError, *[FormatError] * is_deleted):
            group = session.root.group(folder) if folder else session.root
            for _ in foreign_nodes(group.gid, name, where, known, are_deleted=is_deleted):
                pass

    def _look_at_object(self, session: ReadSession, path: str) -> None:
        with noted(self._problems, session.root.where(path)):
            self._problems += object_problems(session.root.group(path), path.split("/")[1], session.root)

    def _look_beside(self, session: ReadSession, path: str) -> None:
        """Looks at the attachments of the project itself, or at its cover."""
        with noted(self._problems, session.root.where(path)):
            verifier = GroupVerifier(session.root.group(path), path, session.root, visited=self._visited)
            is_cover = path == layout.COVER
            problems = verifier.cover_problems() if is_cover else verifier.attachment_problems()
            self._turn.append(_Looked(0, problems, verifier.chunks))

    def _look_at_run(self, session: ReadSession, path: str) -> None:
        row = self._rows.get(path)
        looked = _Looked(1 + (0 if row is None else int(row[1]["nbytes"])), [], [])
        self._turn.append(looked)
        with noted(looked.problems, session.root.where(path)):
            folders = self._folders or self._begin(session)
            try:
                group = folders.group(path)
            except NotFoundError:
                if row is None or _is_gone(session, row):
                    return
                raise
            self._look_at_group(session, group, row, looked)

    def _begin(self, session: ReadSession) -> Folders:
        """Begins a turn: the file, or its catalogue, may have been replaced since the turn before."""
        self._folders = Folders(session.root)
        state = _state(session)
        if state is not None and self._state is not None and state[:2] != self._state[:2]:
            self._rows, self._state = (
                catalogue_rows(session, []),
                state,
            )  # numbers of rows are not valid in another table
        self._is_same = state == self._state
        status = os.fstat(session.fd)
        file = status.st_dev, status.st_ino
        if file != self._known_file:  # addresses are not valid in another file
            self._known_file, self._objects, self._provenances = file, LinkedObjects(), {}
            self._visited = VisitedNodes()
        return self._folders

    def _look_at_group(self, session: ReadSession, group: CachedGroup, row: _Row | None, looked: _Looked) -> None:
        with noted(looked.problems, group.where()):
            try:
                record = read_record(group, self._provenances)
            except NewerFormatError as error:
                self._notes.append(f"{error}; not verified")
                return
            verifier = GroupVerifier(group, record.run_uuid, session.root, self._objects, self._visited)
            looked.problems.extend(verifier.problems(MUTABLE, LINKED))
            looked.checks.extend(verifier.chunks)
            if self._leaves is not None:
                status = verifier.sealed.get(layout.STATUS, "")
                self._leaves[group.path] = Leaf(record.run_uuid, verifier.core, status)
            looked.problems.extend(_shown_problems(group, record))
            if row is None:
                looked.problems.append(f"{group.where()}: is not in the catalogue")
                return
            nbytes = int(row[1]["nbytes"]) if looked.problems else verifier.nbytes
            looked.problems.extend(_row_problems(session, group, record, row, nbytes, is_same=self._is_same))
            if self._is_same:
                looked.problems.extend(self._cells.problems(record, *row, group.where()))

    def _look_at_chunks(self, fd: int) -> None:
        """Ends a turn by checking its chunks. Committed chunks never move, so no lock is held while they are read."""
        turn, self._turn, self._folders = self._turn, [], None
        found = chunk_problems([check for looked in turn for check in looked.checks], fd, self._pool)
        for looked in turn:
            for number, _ in enumerate(looked.checks, 1):
                if (problem := next(found)) is not None:
                    looked.problems.append(problem)
                self._step(number * looked.size // len(looked.checks))
            self._problems += looked.problems
            self._done += looked.size
            self._step(0)

    def _step(self, more: int) -> None:
        if self._progress is not None:
            self._progress(self._done + more, self._total)


def _state(session: ReadSession) -> _State | None:
    """The state of the catalogue, or ``None`` if it cannot be read."""
    status = os.fstat(session.fd)
    try:
        table, changes = session.table(layout.CATALOGUE), changes_of(session)
        change = b"" if changes is None else changes.last().tobytes()
        return _State((status.st_dev, status.st_ino), table.address, len(table), change)
    except AerchiveError:
        return None


def _check_root(root: HDF5Group) -> None:
    """Refuses attributes of the root that are too many or too large, and those of ours that have another type.

    Raises:
        AerchiveError: There is one.
    """
    check_attributes(root.gid, root.where())
    for name, kind, what in ("project_uuid", str, "text"), ("generation", int, "an integer"):
        if not isinstance(root.attribute(name), kind):
            raise FormatError(f"{root.where()}: its attribute '{name}' is not {what}")


def catalogue_rows(session: ReadSession, problems: list[str]) -> dict[str, _Row]:
    """Reads the rows, with their numbers, by path of the run; rows of deleted runs are left out."""
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
        check_interrupt()
        with noted(problems, f"{where}: row {number}"):
            if not _texts_are_right(row):
                problems.append(f"{where}: row {number} has a text that cannot be read")
            elif (first := found.setdefault(run_path(row), (number, row))[0]) != number:
                problems.append(f"{where}: row {number} is of the same run as row {first}")
    _changes(session, len(rows), problems)
    return found


def _texts_are_right(row: np.void) -> bool:
    """Whether all texts of a row are UTF-8; rows whose texts are ASCII, and none as JSON, need no closer look."""
    texts = [bytes(row[column]) for column in catalogue.TEXT_COLUMNS]
    if b"".join(texts).isascii() and not any(text.startswith(JSON_FORM) for text in texts):
        return True
    try:
        return all(catalogue.row_text(row, column) is not None for column in catalogue.TEXT_COLUMNS)
    except FormatError:
        return False


def _changes(session: ReadSession, rows: int, problems: list[str]) -> None:
    """Checks the list of changed rows, which tells other processes what to read again."""
    name = layout.CATALOGUE + layout.CHANGES_SUFFIX
    if name not in session.root:
        return
    try:
        numbers = session.table(name).rows()["row"]
    except (AerchiveError, ValueError) as error:  # the table may have other columns
        problems.append(f"{session.root.where(name)}: {error}")
        return
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < rows:
        problems.append(f"{session.root.where(name)}: names rows that there are not")


def _row_problems(
    session: ReadSession, group: HDF5Group, record: RunRecord, row: _Row, nbytes: int, *, is_same: bool
) -> Iterator[str]:
    """Compares a run with its row, as both are now.

    Args:
        session: An open session of the project file.
        group: The group of the run.
        record: The documents of the run.
        row: Number of the run's row, and the row as it was first read.
        nbytes: Size of the values of the run before compression, in bytes.
        is_same: Whether no row was replaced since then.
    """
    number, before = row
    now = before
    if not is_same:
        rows = session.table(layout.CATALOGUE).rows(number, 1)
        if rows[0]["deleted"]:  # the run was deleted and saved again since
            return
        if catalogue.damaged_rows(rows, number):
            yield f"{session.root.where(layout.CATALOGUE)}: row {number} is damaged"
            return
        now = rows[0]
    fresh = catalogue.make_row(record, group.path.removeprefix(f"{layout.RUNS}/"), nbytes)[0]
    if differing := catalogue.differing_columns(now, fresh, record.labels.params):
        yield f"{group.where()}: its row in the catalogue differs in {', '.join(differing)}"


def _shown_problems(group: CachedGroup, record: RunRecord) -> Iterator[str]:
    """Compares the shown attributes of a run with its documents."""
    fresh = shown_attributes(record, plot_of(group))
    differing = [name for name in layout.SHOWN if group.attribute(name) != fresh.get(name)]
    if differing:
        yield f"{group.where()}: its attributes {', '.join(differing)} are not what its documents say"


def _check_default(root: HDF5Group, rows: Mapping[str, _Row]) -> None:
    """Refuses an attribute of the root that leads viewers to something else than a run with plots."""
    path = root.attribute(layout.DEFAULT)
    if path is not None and not (isinstance(path, str) and path in rows and layout.VIEW in root.group(path)):
        raise FormatError(f"{root.where()}: its attribute 'default' leads to no run that has a plot")


def _is_gone(session: ReadSession, row: _Row) -> bool:
    """Whether a run was deleted, or moved, since the catalogue was read."""
    number, before = row
    now = session.table(layout.CATALOGUE).rows(number, 1)[0]
    return bool(now["deleted"]) or run_path(now) != run_path(before)
