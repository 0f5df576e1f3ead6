"""Compaction: a new file with all that a project holds and nothing else takes the place of the old one.

Most of the copying is done while others write: what is committed never changes in its place, so a later pass finds what
came since, and only the last, short one keeps writers out. The reasons and the measurements are in
``docs/decisions/0012-compaction.md``.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
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
from aerchive.filters.threads import processors
from aerchive.models import catalogue
from aerchive.models.catalogue import now
from aerchive.project.catalogue import Catalogue, changes_of, present, read_rows, run_path
from aerchive.project.space import survey_space
from aerchive.project.verify import LINKED, MUTABLE, Progress
from aerchive.storage.disk import disk
from aerchive.storage.file import LockedFile, ProjectFile, ReadSession, WriteSession
from aerchive.storage.free_space import no_room
from aerchive.storage.interrupts import check_interrupt
from aerchive.storage.node_copying import Fingerprint, NodeCopier, fingerprint
from aerchive.storage.replacing import Replacement, check_single
from aerchive.storage.temporary import remove_left_over
from aerchive.storage.verify import GroupVerifier, chunk_problems, object_problems

_MOST_PASSES = 5
_SHORT_S = 1.0
"""After a pass that took no longer, the next may be the last, during which nobody writes."""
_SHOWN = 5
_CHANGES = layout.CATALOGUE + layout.CHANGES_SUFFIX
_OURS = frozenset({layout.CATALOGUE, _CHANGES, layout.RUNS, layout.OBJECTS, layout.DELETED})


@dataclass(frozen=True)
class CompactReport:
    """What `Project.compact` did.

    Attributes:
        path: The file.
        runs: How many runs it holds.
        bytes_before: Its size before.
        bytes_after: Its size now.
        generation: Of the file: one more than before.
    """

    path: str
    runs: int
    bytes_before: int
    bytes_after: int
    generation: int

    @property
    def bytes_given_back(self) -> int:
        """How much smaller the file is."""
        return self.bytes_before - self.bytes_after


def compact(file: ProjectFile, progress: Progress | None, keeps_tombstones: Callable[[], bool]) -> CompactReport:
    """Compacts a project file; see `aerchive.project.project.Project.compact`.

    Args:
        file: Of the project.
        progress: Called with the work done and all of it.
        keeps_tombstones: Asked while nobody writes: whether deleted runs may come back from files beside the project,
            so that it must be remembered that they were deleted.
    """
    source = file.sibling(file.path)
    source.recover()
    remove_left_over(source.path)  # one may be a second name of the project, with which it could not be replaced
    with source.read() as session:
        header = session.root.attributes()
        original = session.detach()
    try:
        check_single(original, source.path)
        generation = header.get("generation")
        if not isinstance(generation, int):
            raise FormatError(f"{source.path}: /@generation: must be a number, found {generation!r}")
        _check_room(source, original)
        with source.replacement({**header, "generation": generation + 1}) as (target, new):
            compaction = _Compaction(source, original, target, progress)
            return compaction.run(new, keeps_tombstones, generation + 1)
    except (IntegrityError, UnsafeContentError) as error:
        raise type(error)(
            f"{error}; not compacted, nothing was changed: restore it from a copy, or delete it"
        ) from error
    finally:
        os.close(original)


def _check_room(source: ProjectFile, fd: int) -> None:
    """Refuses what cannot fit; the whole file is an upper bound, and only if that does not fit, it is looked at."""
    free = disk().free(fd)
    room = free - source.min_free_bytes
    if room < os.fstat(fd).st_size:
        needed = survey_space(source).live_bytes
        if room < needed:
            raise no_room(str(source.path), "the compacted project", needed, free, source.min_free_bytes)


class _Work:
    """How much is done, of copying and of verifying, in bytes of payload before compression and one for each run."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._done = 0
        self._total = 0
        self.sizes: dict[str, int] = {}

    def expect(self, rows: NDArray[np.void]) -> None:
        """These runs are there."""
        self.sizes = {run_path(row): int(row["nbytes"]) + 1 for row in rows}
        self._total = 2 * sum(self.sizes.values())

    def add(self, nbytes: int) -> None:
        """So much more is done."""
        self._done += nbytes
        if self._progress is not None:
            self._progress(min(self._done, self._total), self._total)


class _Seen(NamedTuple):
    """The catalogue of the source as it was when its runs were listed.

    Attributes:
        address: Of the table.
        rows: All of them.
        changes: How many entries its list of changes had.
        last_change: The last of them, which says what all before were.
    """

    address: int
    rows: NDArray[np.void]
    changes: int
    last_change: bytes


class _Compaction:
    """One compaction.

    Args:
        source: The project.
        original: The same, open: another file of its name is not copied.
        target: The new file.
        progress: Called with the work done and all of it.
    """

    def __init__(self, source: ProjectFile, original: int, target: LockedFile, progress: Progress | None) -> None:
        self._source = source
        self._original = original
        self._target = target
        self._copied: dict[str, Fingerprint] = {}
        """What each run was in the source when it was copied, by path."""
        self._seen: _Seen | None = None
        self._work = _Work(progress)

    def run(self, new: Replacement, keeps_tombstones: Callable[[], bool], generation: int) -> CompactReport:
        """Copies all, and puts the new file in the place of the old one."""
        for _ in range(_MOST_PASSES):
            begun = time.monotonic()
            self._catch_up(self._source)
            if time.monotonic() - begun < _SHORT_S:
                break
        with self._source.without_writers() as held:
            self._catch_up(held)
            runs = self._finish(held, keeps_tombstones=keeps_tombstones())
            before, after = os.fstat(held.fd).st_size, os.fstat(new.fd).st_size
            new.publish(held.fd)
        return CompactReport(str(self._source.path), runs, before, after, generation)

    @contextlib.contextmanager
    def _write(self) -> Iterator[WriteSession]:
        """One commit to the new file."""
        try:
            with self._target.write(now()) as out:
                yield out
        except (CommittedError, UncertainError) as error:
            raise WriteError(
                f"{self._source.path}: {error.__cause__} while the new file was written; nothing was changed"
            ) from error

    # -- copying

    def _catch_up(self, source: ProjectFile) -> None:
        """Copies and verifies what was not copied yet, and removes what is not there any more."""
        with source.read() as session:
            self._check_same(session)
            paths, gone = self._to_do(session)
        if not paths and not gone:
            return
        changed: list[str] = []
        with self._write() as out:
            copier = out.copier()
            for path in gone:
                self._forget(copier, path)

            def look(session: ReadSession, path: str) -> None:
                self._check_same(session)
                if self._copy(copier, session, path):
                    changed.append(path)

            source.visit(paths, look, lambda fd: copier.copy_chunks(fd, self._work.add))
            copier.drop_removed()
        self._verify(changed, copier.objects)

    def _to_do(self, session: ReadSession) -> tuple[list[str], set[str]]:
        """Paths of the runs to look at, and of those that are gone, since the last time.

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
            paths = [f"{day.path}/{name}" for day in session.root.group(layout.RUNS).groups() for name in day.names()]
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
        """Copies a run, or only its documents if the rest was copied before; whether there was anything to do."""
        try:
            group = session.root.group(path)
        except NotFoundError:  # deleted since it was listed; the next pass sees that, too
            return False
        except IntegrityError:
            if path in self._work.sizes:
                raise
            return False  # it was deleted, and could not be moved away
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

    def _forget(self, copier: NodeCopier, path: str) -> None:
        if self._copied.pop(path, None) is not None:
            copier.remove(path)

    def _finish(self, held: LockedFile, *, keeps_tombstones: bool) -> int:
        """Writes the catalogue, and what else is not a run; returns how many runs there are."""
        with held.read() as session:
            rows = present(Catalogue(session).rows())
            self._check_catalogue(rows)
            for number in range(len(rows)):
                catalogue.seal_row(rows[number : number + 1], number)
            with self._write() as out:
                copier = out.copier()
                for name in session.root.names():
                    if name not in _OURS:
                        copier.copy_foreign(session.root, name)
                if keeps_tombstones and layout.DELETED in session.root:
                    for deleted in session.root.group(layout.DELETED).groups():
                        if deleted.attribute("run_uuid") is not None:  # else it is not a run
                            copier.keep_tombstone(deleted)
                if len(rows):
                    out.append_rows(layout.CATALOGUE, rows)
        with self._target.read() as session:
            if read_rows(session).tobytes() != rows.tobytes():
                raise self._refusal([f"{session.root.where(layout.CATALOGUE)}: is not what was written"])
        return len(rows)

    def _check_catalogue(self, rows: NDArray[np.void]) -> None:
        listed = {run_path(row) for row in rows}
        problems = [
            f"/{path}: is in the catalogue, but not in the file" for path in sorted(listed - self._copied.keys())
        ]
        problems += [f"/{path}: is not in the catalogue" for path in sorted(self._copied.keys() - listed)]
        if problems:
            raise self._refusal(problems)

    # -- verifying

    def _verify(self, paths: Iterable[str], objects: Iterable[str]) -> None:
        """Looks at every byte of runs and objects in the new file.

        Raises:
            IntegrityError: Something is not what was written once.
        """
        with self._target.read() as session, ThreadPoolExecutor(processors()) as pool:
            problems = [
                problem
                for path in objects
                for problem in object_problems(session.root.group(path), path.split("/")[1], session.root)
            ]
            for path in paths:
                check_interrupt()
                problems += self._run_problems(session, path, pool)
        if problems:
            raise self._refusal(problems)

    def _run_problems(self, session: ReadSession, path: str, pool: ThreadPoolExecutor) -> Iterator[str]:
        size = self._work.sizes.get(path, 1)
        try:
            group = session.root.group(path)
            verifier = GroupVerifier(group, str(group.attribute("run_uuid")), session.root)
            yield from verifier.problems(MUTABLE, LINKED)
        except AerchiveError as error:
            yield str(error)
            return
        share = size // (len(verifier.chunks) + 1)
        for problem in chunk_problems(verifier.chunks, session.fd, pool, expand=False):
            check_interrupt()
            self._work.add(share)
            if problem is not None:
                yield problem
        self._work.add(size - share * len(verifier.chunks))

    def _refusal(self, problems: list[str]) -> IntegrityError:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        return IntegrityError(
            f"{self._source.path}: what would be in the new file is not all in order: "
            f"{'; '.join(problems[:_SHOWN])}{more}; 'aerchive verify' tells more"
        )
