"""Compaction: a new file with all data of a project, and nothing else, replaces the old one.

Most of the copying is done while other processes write: committed data never changes in its place, so a later pass
finds what was added, and only the last, short pass keeps writers out. The reasons and the measurements are in
``docs/decisions/0012-compaction.md``.
"""

from __future__ import annotations

import collections
import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.display.html import ShownReport
from aerchive.display.text import clean, format_bytes, format_runs
from aerchive.errors import (
    AerchiveError,
    CommittedError,
    FormatError,
    IntegrityError,
    NotFoundError,
    UncertainError,
    UnsafeContentError,
    WriteError,
)
from aerchive.models import catalogue
from aerchive.project.care.folders import OURS, folders_below
from aerchive.project.care.space import SpaceReport, survey_space
from aerchive.project.care.verify import LINKED, MUTABLE, Progress
from aerchive.project.catalogue.deletions import add_deletions, read_deletions
from aerchive.project.catalogue.table import Catalogue, changes_of, present, read_rows, run_path, was_replaced
from aerchive.project.documents.record import is_run
from aerchive.project.writing.catalogue import copy_columns
from aerchive.storage.chunks.room import no_room
from aerchive.storage.commits.replacing import Replacement, check_single
from aerchive.storage.file import LockedFile, ProjectFile
from aerchive.storage.hdf5.cached_group import CachedGroup, Folders
from aerchive.storage.hdf5.node_copying import Fingerprint, NodeCopier, fingerprint
from aerchive.storage.hdf5.nodes import check_foreign
from aerchive.storage.hdf5.objects import LinkedObjects, is_object_path
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.hdf5.verify import GroupVerifier, chunk_problems, object_problems
from aerchive.storage.medium.disk import disk
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.medium.temporary import remove_left_over
from aerchive.storage.sessions import ReadSession, WriteSession
from aerchive.threads import processors
from aerchive.times import now

_MOST_PASSES = 5
_SHORT_S = 1.0
"""Seconds: after a pass that took less, the next pass is the last, during which no process can write."""
_SHOWN = 5
_OBJECT_FOLDER_DEPTH = 2
"""Number of slashes in the path of a folder that holds shared objects."""
_HEADER = ("format", "format_version", "format_draft", "project_uuid", "created", "created_by")
"""Root attributes that a new file needs at once; the others are copied with the data that is not a run."""


@dataclass(frozen=True)
class CompactReport(ShownReport):
    """The report of `Project.compact` on what it did, or would do.

    Attributes:
        path: Path of the project file.
        runs: Number of runs in the file.
        bytes_before: Size of the file before, in bytes.
        bytes_after: Size of the file now, in bytes; if nothing was done, the estimated size after compaction.
        generation: Generation of the file; compaction increases it by one.
        done: Whether the file was compacted.
        is_worth_it: Whether there is deleted or replaced data to remove, or enough space to give back.
        problems: Descriptions of what was wrong in the project before, and was copied as it is: runs that another
            program changed.
    """

    path: str
    runs: int
    bytes_before: int
    bytes_after: int
    generation: int
    done: bool = True
    is_worth_it: bool = True
    problems: list[str] = field(default_factory=list)

    @property
    def bytes_given_back(self) -> int:
        """Bytes by which the file is smaller now or, estimated, by which it would be smaller."""
        return self.bytes_before - self.bytes_after

    def __str__(self) -> str:
        before, after, back = map(format_bytes, (self.bytes_before, self.bytes_after, self.bytes_given_back))
        head = f"{self.path}: {format_runs(self.runs)}, {before}"
        if self.done:
            lines = [f"{head} before, {after} now: {back} given back"]
            if self.problems:
                lines.append("copied as they are, for they were so before:")
            return "\n".join(map(clean, (*lines, *(f"  {problem}" for problem in self.problems))))
        if self.is_worth_it:
            return clean(f"{head}: compaction would give back about {back}")
        return clean(
            f"{head}: not compacted, for it would give back about {back}, and nothing was deleted or replaced; "
            "with --force (force=True) it is compacted all the same"
        )


def compact(
    file: ProjectFile,
    progress: Progress | None,
    *,
    dry_run: bool = False,
    force: bool = False,
) -> CompactReport:
    """Compacts a project file; see `aerchive.project.project.Project.compact`.

    Args:
        file: The project file.
        progress: A function that is called with the work done and the total work.
        dry_run: Whether only to report what would be given back.
        force: Whether to compact the file even if it is not worth it.
    """
    source = file.sibling(file.path)
    if dry_run:
        return _estimate(survey_space(source, progress))
    source.recover()
    remove_left_over(source.path)  # one may be a second name of the project, which prevents its replacement
    with source.read() as session:
        generation = session.root.attribute("generation")
        header = {name: value for name in _HEADER if (value := session.root.attribute(name)) is not None}
        is_needed = force or _has_history(session)
        original = session.detach()
    try:
        check_single(original, source.path)
        if not isinstance(generation, int):
            raise FormatError(f"{source.path}: /@generation: must be a number, found {generation!r}")
        if not is_needed and not (estimate := _estimate(survey_space(source))).is_worth_it:
            return estimate
        _check_room(source, original)
        with source.replacement({**header, "generation": generation + 1}) as (target, new):
            compaction = _Compaction(source, original, target, progress)
            return compaction.run(new, generation + 1)
    except (IntegrityError, UnsafeContentError) as error:
        raise type(error)(
            f"{error}; not compacted, nothing was changed: restore it from a copy, or delete it"
        ) from error
    finally:
        os.close(original)


def _has_history(session: ReadSession) -> bool:
    """Whether anything was deleted or replaced; then compaction is always worth it, to remove that data for good."""
    try:
        return layout.DELETED in session.root or was_replaced(Catalogue(session).rows(), changes_of(session))
    except AerchiveError:  # compaction itself reports the damage
        return True


def _estimate(space: SpaceReport) -> CompactReport:
    return CompactReport(
        space.path,
        len(space.runs),
        space.file_bytes,
        space.live_bytes,
        space.generation,
        done=False,
        is_worth_it=space.is_worth_it,
    )


def _check_room(source: ProjectFile, fd: int) -> None:
    """Raises an error if the new file does not fit; its size is measured only if a file of the old size does not."""
    free = disk().free(fd)
    room = free - source.min_free_bytes
    if room < os.fstat(fd).st_size:
        needed = survey_space(source).live_bytes
        if room < needed:
            raise no_room(str(source.path), "the compacted project", needed, free, source.min_free_bytes)


class _Work:
    """The progress of copying and verifying, in bytes of payload before compression, plus one for each run."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._done = 0
        self._total = 0
        self.sizes: dict[str, int] = {}

    def expect(self, rows: NDArray[np.void]) -> None:
        """Sets the total work from the rows of the runs."""
        self.sizes = {run_path(row): int(row["nbytes"]) + 1 for row in rows}
        self._total = 2 * sum(self.sizes.values())

    def add(self, nbytes: int) -> None:
        """Adds work that was done."""
        self._done += nbytes
        if self._progress is not None:
            self._progress(max(0, min(self._done, self._total)), self._total)


class _Seen(NamedTuple):
    """The catalogue of the source as it was when its runs were listed.

    Attributes:
        address: Address of the table in the file.
        rows: All rows of the table.
        changes: Number of entries in the list of changes.
        last_change: The last of these entries, whose checksum covers all entries before it.
    """

    address: int
    rows: NDArray[np.void]
    changes: int
    last_change: bytes


class _Compaction:
    """One compaction of a project file.

    Args:
        source: The project file.
        original: File descriptor of the project file; another file that gets its name is not copied.
        target: The new file.
        progress: A function that is called with the work done and the total work.
    """

    def __init__(self, source: ProjectFile, original: int, target: LockedFile, progress: Progress | None) -> None:
        self._source = source
        self._original = original
        self._target = target
        self._copied: dict[str, Fingerprint] = {}
        """Fingerprint of each run in the source at the time when it was copied, by path."""
        self._seen: _Seen | None = None
        self._work = _Work(progress)
        self._folders: Folders | None = None
        """Folders that were opened in the latest session."""
        self._as_before: dict[str, list[str]] = {}
        """Problems of runs that are the same in the source, by path."""

    def run(self, new: Replacement, generation: int) -> CompactReport:
        """Copies all data, and replaces the old file with the new one."""
        for _ in range(_MOST_PASSES):
            begun = time.monotonic()
            self._catch_up(self._source)
            if time.monotonic() - begun < _SHORT_S:
                break
        with self._source.without_writers() as held:
            self._catch_up(held)
            runs = self._finish(held)
            before, after = os.fstat(held.fd).st_size, os.fstat(new.fd).st_size
            new.publish(held.fd)
        problems = [problem for path in sorted(self._as_before) for problem in self._as_before[path]]
        return CompactReport(str(self._source.path), runs, before, after, generation, problems=problems)

    @contextlib.contextmanager
    def _write(self) -> Iterator[WriteSession]:
        """Makes one commit to the new file."""
        try:
            with self._target.write(now()) as out:
                yield out
        except (CommittedError, UncertainError) as error:
            raise WriteError(
                f"{self._source.path}: {error.__cause__} while the new file was written; nothing was changed"
            ) from error

    # -- copying

    def _catch_up(self, source: ProjectFile) -> None:
        """Copies and verifies what was not copied yet, and removes from the copy what the source no longer has."""
        with source.read() as session:
            self._check_same(session)
            paths, gone = self._to_do(session)
            if layout.ATTACHMENTS in session.root:  # no row tells that they were changed
                paths.append(layout.ATTACHMENTS)
        if not paths and not gone:
            return
        changed: list[str] = []
        with self._write() as out:
            copier = out.copier()
            for path in gone:
                self._forget(copier, path)

            def look(session: ReadSession, path: str) -> bool:
                self._check_same(session)
                if self._copy(copier, session, path):
                    changed.append(path)
                # Chunks are copied directly after their run, so the new file does not depend on the length of a turn.
                return copier.has_chunks_to_copy

            source.visit(paths, look, lambda fd: copier.copy_chunks(fd, self._work.add))
            copier.drop_removed()
        self._verify(source, changed, copier.objects)

    def _to_do(self, session: ReadSession) -> tuple[list[str], set[str]]:
        """Finds the paths of the runs to examine, and of those that are gone, since the last pass.

        Every commit adds rows to the catalogue, or replaces some and lists their numbers.
        """
        before, rows, changes = self._seen, Catalogue(session).rows(), changes_of(session)
        address, number = session.table(layout.CATALOGUE).address, 0 if changes is None else len(changes)
        if (
            before is not None
            and before.address == address
            and changes is not None
            and changes.last(before.changes).tobytes() != before.last_change
        ):
            raise WriteError(f"{self._source.path}: was put back to another state meanwhile; nothing was changed")
        self._seen = _Seen(address, rows, number, b"" if changes is None else changes.last().tobytes())
        self._work.expect(present(rows))
        if before is None or before.address != address or before.changes > number or len(before.rows) > len(rows):
            paths = [run_path(row) for row in present(rows)]
            return paths, self._copied.keys() - set(paths)
        replaced = set() if changes is None else set(changes.rows(before.changes)["row"].tolist())
        old = {run_path(before.rows[row]) for row in replaced if row < len(before.rows)}
        new = [rows[row] for row in sorted({*replaced, *range(len(before.rows), len(rows))})]
        paths = [run_path(row) for row in new if not row["deleted"]]
        return paths, old - set(paths)

    def _check_same(self, session: ReadSession) -> None:
        if not os.path.samestat(os.fstat(session.fd), os.fstat(self._original)):
            raise WriteError(f"{self._source.path}: was replaced by another file meanwhile; nothing was changed")

    def _copy(self, copier: NodeCopier, session: ReadSession, path: str) -> bool:
        """Copies a run, or only its documents if the rest was copied before; returns whether anything was copied."""
        try:
            group = self._group(session, path)
        except NotFoundError:  # deleted since it was listed; the next pass sees that, too
            return False
        before, is_now = self._copied.get(path), fingerprint(group)
        if is_now == before:
            return False
        if before is not None and is_now.address == before.address:
            copier.copy_documents(group)
        else:
            self._forget(copier, path)
            self._work.add(self._work.sizes.get(path, 1) - copier.copy_run(group))
        self._copied[path] = is_now
        return True

    def _group(self, session: ReadSession, path: str) -> CachedGroup:
        if self._folders is None or self._folders.root is not session.root:
            self._folders = Folders(session.root)
        return self._folders.group(path)

    def _forget(self, copier: NodeCopier, path: str) -> None:
        if self._copied.pop(path, None) is not None:
            copier.remove(path)

    def _finish(self, held: LockedFile) -> int:
        """Writes the catalogue, and all other data that is not a run; returns the number of runs."""
        with held.read() as session:
            kept = np.flatnonzero(Catalogue(session).rows()["deleted"] == 0)
            rows = Catalogue(session).rows()[kept]
            foreign = self._foreign(session, rows)
            for number in range(len(rows)):
                catalogue.seal_row(rows[number : number + 1], number)
            with self._write() as out:
                copier = out.copier()
                for folder, names in foreign:
                    copier.copy_foreign(folder, names)
                add_deletions(out, read_deletions(session))
                if len(rows):
                    out.append_rows(layout.CATALOGUE, rows)
                    copy_columns(session, out, kept)
        with self._target.read() as session:
            if read_rows(session).tobytes() != rows.tobytes():
                raise self._refusal([f"{session.root.where(layout.CATALOGUE)}: is not what was written"])
        return len(rows)

    def _foreign(self, session: ReadSession, rows: NDArray[np.void]) -> list[tuple[HDF5Group, list[str]]]:
        """Lists the root and all folders, each with the names of its members that aerchive did not write.

        Raises:
            IntegrityError: The catalogue does not list exactly the runs that are in the file.
        """
        listed = {run_path(row) for row in rows}
        problems = [
            f"/{path}: is in the catalogue, but not in the file" for path in sorted(listed - self._copied.keys())
        ]
        root, numbers = session.root, collections.Counter(path.rpartition("/")[0] for path in listed)
        found = [(root, [name for name in root.names() if name not in OURS or name == layout.COVER])]
        for folder, _, names in folders_below(root, layout.RUNS, 2, lists_last=False):
            if folder.path != layout.RUNS and folder.gid.get_num_objs() != numbers[folder.path]:
                opened = CachedGroup.of(folder)
                others = [name for name in opened.names() if f"{folder.path}/{name}" not in listed]
                check_foreign(len(others), folder.where())
                for name in others:
                    check_interrupt()
                    if is_run := _is_run(opened, name):
                        problems.append(f"/{folder.path}/{name}: is not in the catalogue")
                    elif is_run is not None:
                        names.append(name)
            found.append((folder, names))
        for folder, _, names in folders_below(root, layout.OBJECTS, 3, lists_last=False):
            if folder.path.count("/") == _OBJECT_FOLDER_DEPTH:
                names += [name for name in folder.names() if not is_object_path(f"{folder.path}/{name}")]
            found.append((folder, names))
        if problems:
            raise self._refusal(problems)
        check_foreign(sum(len(names) for _, names in found), root.where())
        return found

    # -- verifying

    def _verify(self, source: ProjectFile, paths: Iterable[str], objects: Iterable[str]) -> None:
        """Checks every byte of runs and objects in the new file.

        Raises:
            IntegrityError: Some data is not what was originally written.
        """
        with self._target.read() as session, ThreadPoolExecutor(processors()) as pool:
            problems = [
                problem
                for path in objects
                for problem in object_problems(session.root.group(path), path.split("/")[1], session.root)
            ]
            linked = LinkedObjects()
            for path in paths:
                check_interrupt()
                problems += self._run_problems(source, session, path, pool, linked)
        if problems:
            raise self._refusal(problems)

    def _run_problems(
        self, source: ProjectFile, session: ReadSession, path: str, pool: ThreadPoolExecutor, linked: LinkedObjects
    ) -> Iterator[str]:
        size = self._work.sizes.get(path, 1)
        self._as_before.pop(path, None)
        try:
            group = self._group(session, path)
            with contextlib.suppress(FormatError):  # the verifier reports it
                group.raw_attributes()
            verifier = GroupVerifier(group, str(group.run_uuid()), session.root, linked)
            found = _problems(verifier, path)
        except AerchiveError as error:
            yield str(error)
            return
        if found and self._was_so_before(source, path, found, verifier):
            self._as_before[path] = found
        else:
            yield from found
        share = size // (len(verifier.chunks) + 1)
        for problem in chunk_problems(verifier.chunks, session.fd, pool, are_copies=True):
            check_interrupt()
            self._work.add(share)
            if problem is not None:
                yield problem
        self._work.add(size - share * len(verifier.chunks))

    def _was_so_before(self, source: ProjectFile, path: str, found: list[str], copy: GroupVerifier) -> bool:
        """Whether a run of the source has the same nodes and the same problems, because another program changed it.

        HDF5 can read the whole run, so it is not damaged, and the copy loses none of its data.
        """
        try:
            with source.read() as session:
                group = session.root.group(path)
                verifier = GroupVerifier(group, str(group.run_uuid()), session.root)
                return _problems(verifier, path) == found and verifier.nodes == copy.nodes
        except AerchiveError:
            return False

    def _refusal(self, problems: list[str]) -> IntegrityError:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        return IntegrityError(
            f"{self._source.path}: what would be in the new file is not all in order: "
            f"{'; '.join(problems[:_SHOWN])}{more}; 'aerchive verify' tells more"
        )


def _problems(verifier: GroupVerifier, path: str) -> list[str]:
    """Verifies a run, or the attachments of the project, without the chunks."""
    return verifier.attachment_problems() if path == layout.ATTACHMENTS else verifier.problems(MUTABLE, LINKED)


def _is_run(folder: CachedGroup, name: str) -> bool | None:
    """Whether a member of a folder is a run; ``None`` for a deleted run that could not be moved to the deleted ones."""
    if not folder.members()[name].is_hard:
        return False
    try:
        return folder.is_group(name) and is_run(folder.group(name))
    except IntegrityError:  # HDF5 cannot open it
        return None
    except FormatError:
        return False
