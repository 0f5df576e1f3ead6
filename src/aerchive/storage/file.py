"""The project file: read sessions, which read one committed state, and write sessions, which commit the next."""

from __future__ import annotations

import collections
import contextlib
import copy
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from h5py import h5f

from aerchive.errors import (
    AerchiveError,
    AlreadyExistsError,
    CommittedError,
    IntegrityError,
    NotFoundError,
    ProjectLockedError,
    ReadOnlyError,
    ReplacedError,
    UncertainError,
    WriteError,
)
from aerchive.storage.chunks.drafts import AttributeValue
from aerchive.storage.commits.copying import Progress, copy_state
from aerchive.storage.commits.creation import NewFile, make_empty, new_file, writable_folder
from aerchive.storage.commits.journal import Journal, find_journal, may_have_journal
from aerchive.storage.commits.overlay import Overlay
from aerchive.storage.commits.read_file import ReadFile
from aerchive.storage.commits.recovery import recover
from aerchive.storage.commits.replacing import Replacement, replacement
from aerchive.storage.commits.superblock import Superblock, check_superblock, read_superblock, rewritten_text
from aerchive.storage.hdf5.attributes import read_attribute
from aerchive.storage.hdf5.nodes import Guard, guarded_file, root_group
from aerchive.storage.hdf5.opening import check_header, open_hdf5
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.medium import known_files
from aerchive.storage.medium.access import AccessByDescriptor, AccessByName
from aerchive.storage.medium.disk import disk
from aerchive.storage.medium.errors import disk_errors, write_errors
from aerchive.storage.medium.filesystems import LockTrial
from aerchive.storage.medium.interrupts import check_interrupt, deferred_interrupts
from aerchive.storage.medium.names import check_length
from aerchive.storage.medium.opening import Stamp, open_file, stamp_of
from aerchive.storage.medium.parts import parts_of
from aerchive.storage.part_vetting import admit_parts, guard_of
from aerchive.storage.sessions import ReadSession, WriteSession
from aerchive.storage.vetting import admit, must_be_vetted

_TURN_S = 0.1
"""How long `ProjectFile.visit` holds the read lock at a time, while writers wait."""
_REPLACED_TRIES = 5
"""How often a commit is tried if another program replaces the file each time."""
_T = TypeVar("_T")


class _Held(threading.local):
    """What a thread holds open, by path of the file.

    Attributes:
        sessions: The read sessions that are open.
        blocks: The blocks of `ProjectFile.held` that the thread is in; a session that is opened there lasts as long.
    """

    def __init__(self) -> None:
        self.sessions: dict[str, ReadSession] = {}
        self.blocks: dict[str, contextlib.ExitStack] = {}


_held = _Held()


class ProjectFile:
    """A project on disk. No file is held open between sessions.

    Args:
        path: The project file, which need not exist yet.
        lock_timeout_s: Longest time that a session waits for the lock, in seconds.
        catalogue_dtype: The dtype of the rows of the catalogue, for a new file.
        created_by: Program and version, for a new file.
        trust_locks: Whether the user has declared that the locks of the file system are sufficient.
        min_free_bytes: Space that must stay free on the disk, in bytes; runs that would leave less are refused.
        new_mode: Permissions of a new file, as for ``os.open``; the umask is taken off.

    Raises:
        InvalidInputError: The name is too long for the file system.
    """

    def __init__(
        self,
        path: Path,
        *,
        lock_timeout_s: float,
        catalogue_dtype: np.dtype[Any],
        created_by: str,
        trust_locks: bool = False,
        min_free_bytes: int = 0,
        new_mode: int = 0o666,
    ) -> None:
        check_length(path)
        self.path = path
        self.lock_timeout_s = lock_timeout_s
        self._catalogue_dtype = catalogue_dtype
        self._created_by = created_by
        self._access = AccessByName(path, lock_timeout_s, LockTrial(trusted=trust_locks))
        self.min_free_bytes = min_free_bytes
        self.new_mode = new_mode
        self.before_reading: Callable[[], None] | None = None
        self._known_project: Stamp | None = None
        self._known_header: Stamp | None = None
        self._committing: tuple[int, int] | None = None  # device and inode

    def is_committing(self, status: os.stat_result) -> bool:
        """Whether a file is the one to which another thread commits with this object: it is a project, and locked."""
        return self._committing == (status.st_dev, status.st_ino)

    def exists(self) -> bool:
        """Whether the file exists."""
        self._prepare_reading()
        return self._access.exists()

    def check_destination(self) -> None:
        """Checks whether runs can be committed to this file now; nothing is committed or made.

        A file that another program has locked passes if it may be a project: the commit waits for the lock.

        Raises:
            NotFoundError: There is no file, and no folder for it.
            InvalidInputError: The path is a folder, or cannot be the name of a file.
            ReadOnlyError: This user may not write the file, or in the folder; or another program has rewritten the
                file.
            FormatError: The file is not a project, or a project of a newer format.
            IntegrityError: The project is damaged.
            WriteError: The disk failed, or the file system's locks are not seen by other machines.
        """
        path = str(self.path)
        try:
            fd = open_file(self.path, os.O_RDWR)
        except NotFoundError:
            with writable_folder(self.path) as folder_fd:
                self._access.trial.check_mount(folder_fd, path)
            return
        try:
            status = os.fstat(fd)
            now = stamp_of(status)
            if now == self._known_project or self.is_committing(status):  # unchanged since the last commit or check
                return
            self._access.trial.check_mount(fd, path)
            with deferred_interrupts(), disk_errors(path):
                if self._is_project(fd, path):
                    self._known_project = now
                    return
        finally:
            os.close(fd)
        # Another program is writing to the file, or its first bytes are damaged: reading under the lock shows which.
        with contextlib.suppress(ProjectLockedError), self.sibling(self.path, 0).read():
            pass

    @staticmethod
    def _is_project(fd: int, path: str) -> bool:
        """Whether a file is a project, as far as can be seen without its lock; raises if it certainly is not."""
        superblock = _own_superblock(fd, path)
        if may_have_journal(fd, superblock) or must_be_vetted(fd, path):
            return False
        with contextlib.suppress(IntegrityError), open_hdf5(ReadFile(fd, None), h5f.ACC_RDONLY, path) as file:
            check_header(file, path)
            return True
        return False

    def sibling(self, path: Path, lock_timeout_s: float | None = None) -> ProjectFile:
        """A `ProjectFile` for another path, with the same settings.

        Args:
            path: The other file.
            lock_timeout_s: Longest time to wait for its lock, in seconds; by default that of this file.
        """
        other = copy.copy(self)
        other.path = path
        other.before_reading = None
        if lock_timeout_s is not None:
            other.lock_timeout_s = lock_timeout_s
        other._access = AccessByName(path, other.lock_timeout_s, self._access.trial)
        return other

    def _prepare_reading(self) -> None:
        if self.before_reading is not None:
            self.before_reading()

    def peek_uuid(self) -> str | None:
        """Reads the project's UUID without a lock: it never changes, and HDF5's checksums protect it.

        Returns:
            The UUID, or ``None`` if there is no file, or if its root group cannot be read at the moment.
        """
        path = str(self.path)
        try:
            fd = open_file(self.path, os.O_RDONLY)
        except AerchiveError:
            return None
        try:
            superblock = read_superblock(fd, path)
            journal = find_journal(fd, superblock, path)
            if must_be_vetted(fd, path):
                with self.sibling(self.path, 0).read():
                    pass
            source, is_rewritten = ReadFile(fd, journal, superblock.unflagged()), superblock.is_rewritten(fd)
            with deferred_interrupts(), open_hdf5(source, h5f.ACC_RDONLY, path, is_rewritten=is_rewritten) as file:
                found = read_attribute(root_group(file, path), "project_uuid", path)
        except (AerchiveError, OSError):
            return None
        finally:
            os.close(fd)
        return found if isinstance(found, str) else None

    @contextlib.contextmanager
    def read(self) -> Iterator[ReadSession]:
        """Opens the committed state for reading.

        Raises:
            NotFoundError: There is no such file.
            FormatError: The file is not a project, or has a newer format.
            IntegrityError: The file is damaged.
            ProjectLockedError: A writer did not finish in time.
            ReadOnlyError: This user may not read the file.
            BaseException: The exception that a signal handler raised while this waited for the lock.
        """
        path = str(self.path)
        if self._access.is_by_name and path in _held.blocks and path not in _held.sessions:
            _held.sessions[path] = _held.blocks[path].enter_context(self._session())
        if self._access.is_by_name and path in _held.sessions:
            yield _held.sessions[path]
            return
        with self._session() as session:
            yield session

    @contextlib.contextmanager
    def _session(self) -> Iterator[ReadSession]:
        path = str(self.path)
        self._prepare_reading()
        # An interrupt inside one of HDF5's callbacks would be turned into another exception, or lost.
        with deferred_interrupts(), self._reading() as (fd, journal):
            with disk_errors(path):
                guard = _admitted(fd, path)
                source, is_rewritten = ReadFile(fd, journal), read_superblock(fd, path).is_rewritten(fd)
            try:
                with contextlib.ExitStack() as opened:
                    file = opened.enter_context(open_hdf5(source, h5f.ACC_RDONLY, path, is_rewritten=is_rewritten))
                    if guard is not None:
                        opened.enter_context(guarded_file(file, guard))
                    self._check_header(file, fd, journal)
                    root = HDF5Group(root_group(file, path), fd, "", path)
                    yield ReadSession(root, fd, journal, is_rewritten=is_rewritten)
            finally:
                source.check(path)

    def _check_header(self, file: h5f.FileID, fd: int, journal: Journal | None) -> None:
        """Checks the header, unless the file has not changed since this object checked it: a third of an opening."""
        now = stamp_of(os.fstat(fd))
        if now != self._known_header or journal is not None:
            check_header(file, str(self.path))
            self._known_header = now if journal is None else None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Opens the committed state at most once for all reads of this thread in the block, at the first of them.

        This is for a few successive reads: from the first of them to the end of the block no process or thread, also
        not this one, can commit.
        """
        path = str(self.path)
        if path in _held.sessions or path in _held.blocks:
            yield
            return
        with contextlib.ExitStack() as stack:
            _held.blocks[path] = stack
            try:
                yield
            finally:
                del _held.blocks[path]
                _held.sessions.pop(path, None)

    @contextlib.contextmanager
    def read_inside(self, session: WriteSession) -> Iterator[None]:
        """Lets this thread read the project during its own commit; otherwise it would wait for its own lock.

        Args:
            session: The session of the commit. Groups that it has replaced are read in their new state; it must not
                have replaced rows of tables yet.
        """
        path = str(self.path)
        _held.sessions[path] = ReadSession(session.root, session.root.fd)
        try:
            yield
        finally:
            del _held.sessions[path]

    @contextlib.contextmanager
    def _reading(self) -> Iterator[tuple[int, Journal | None]]:
        """Opens the file, locked for reading.

        Yields:
            The file descriptor, and the journal of an interrupted commit, or ``None`` if there is none, as usual. The
            file is read as if the journal had been applied; the next writer applies it, as reading changes no file.
        """
        path = str(self.path)
        with self._access.opened(os.O_RDONLY, exclusive=False) as fd:
            with disk_errors(path):
                superblock = read_superblock(fd, path)
                journal = find_journal(fd, superblock, path) if may_have_journal(fd, superblock) else None
                if journal is None:
                    check_superblock(superblock, disk().size(fd), path)
            yield fd, journal

    def visit(
        self,
        items: Iterable[_T],
        action: Callable[[ReadSession, _T], bool | None],
        afterwards: Callable[[int], None] = lambda _fd: None,
    ) -> None:
        """Visits many nodes in several read sessions, so that writers need not wait until the last node is visited.

        A session (turn) sees what was committed before it began.

        Args:
            items: The items to be visited, in order.
            action: Function called with a session and an item; it returns true if the session shall end now.
            afterwards: Function called after each session with a file descriptor of the file, which is not locked then;
                for long work.

        Raises:
            AerchiveError: As `read` does.
        """
        left = collections.deque(items)
        while left:
            with self.read() as session:
                end = time.monotonic() + _TURN_S
                while left and not action(session, left.popleft()) and time.monotonic() < end:
                    check_interrupt()
                fd = session.detach()
            try:
                afterwards(fd)
            finally:
                os.close(fd)

    @contextlib.contextmanager
    def without_writers(self) -> Iterator[LockedFile]:
        """Locks the file for reading while the block runs: other processes can read, and cannot write.

        Raises:
            AerchiveError: As `read` does.
        """
        with deferred_interrupts(), self._reading() as (fd, _):
            yield LockedFile(self, fd)

    @contextlib.contextmanager
    def replacement(self, header: Mapping[str, AttributeValue]) -> Iterator[tuple[LockedFile, Replacement]]:
        """Makes an empty project that can replace this one; it is removed unless it is published.

        Args:
            header: Attributes of the root group of the new project.

        Raises:
            AerchiveError: As `aerchive.storage.commits.replacing.replacement` does.
        """
        with replacement(self.path) as new:
            with write_errors(str(self.path)):
                make_empty(new.temporary, header, self._catalogue_dtype)
                known_files.keep(new.fd, str(new.temporary), "vetted", "")  # until it gets the name of the old one
            yield LockedFile(self, new.fd), new

    def recover(self) -> bool:
        """Completes an interrupted commit, if there is one.

        Returns:
            Whether there was an interrupted commit.

        Raises:
            AerchiveError: As `read` does.
            WriteError: The disk failed; the next commit tries again.
        """
        with self._access.opened(os.O_RDWR, exclusive=True) as fd, deferred_interrupts():
            return self._recover(fd)

    def _recover(self, fd: int) -> bool:
        try:
            known_files.find(fd, str(self.path))
            recovered = recover(fd, str(self.path))
            known_files.changed(fd)
            return recovered
        except AerchiveError:
            raise
        except OSError as error:
            raise WriteError(
                f"{self.path}: {error.strerror or error} while looking for an interrupted commit; nothing was lost, "
                "look at the disk, then open the project again"
            ) from error

    def is_rewritten(self) -> bool:
        """Whether another program has written the whole file anew, so that it can only be read; raises as `read`."""
        with self.read() as session:
            return session.is_rewritten

    def copy(
        self,
        target: Path,
        progress: Progress | None = None,
        complete: Callable[[], Callable[[WriteSession], None] | None] | None = None,
    ) -> ProjectFile:
        """Copies the committed state; see `aerchive.project.project.Project.copy`.

        Args:
            target: The new file.
            progress: Function called with the number of bytes copied so far and the total number.
            complete: Function called while this file is locked; it may return a function that writes more into the
                copy, in a commit before the copy gets its name.

        Returns:
            The copy.
        """
        copied = self.sibling(target)
        with self._reading() as (fd, journal), self._published(target) as new:
            with write_errors(str(target)):
                end = read_superblock(fd, str(self.path)).end if journal is None else journal.new.end
                copy_state(fd, new.fd, end, journal, progress)
                known_files.hand_on(known_files.find(fd, str(self.path)), new.fd, str(target))
            more = None if complete is None else complete()
            if more is not None:
                with copied._commit(new.fd) as session:
                    more(session)
        return copied

    @contextlib.contextmanager
    def rewritten(self, target: Path, created: str) -> Iterator[tuple[LockedFile, LockedFile]]:
        """Makes a new project from one state of this one; it gets its name when the block ends without an exception.

        Args:
            target: The new file.
            created: The present time, as text.

        Yields:
            This file, which no process can change meanwhile, and the new project, without runs.

        Raises:
            AerchiveError: As `copy` does.
        """
        self._prepare_reading()
        with self.without_writers() as held, self._published(target) as new:
            with write_errors(str(target)):
                new.fill(self._catalogue_dtype, created, self._created_by)
            yield held, LockedFile(self.sibling(target), new.fd)

    @contextlib.contextmanager
    def beginning(self, target: Path, created: str) -> Iterator[LockedFile]:
        """Makes a new project for content of this one; it gets its name when the block ends without an exception.

        Args:
            target: The new file, which gets permissions and group of this one.
            created: The present time, as text.

        Yields:
            The new project, without runs. It is as foreign as this one.

        Raises:
            AerchiveError: As `copy` does.
        """
        self._prepare_reading()
        with self._reading() as (fd, _):
            known = known_files.find(fd, str(self.path))
        with self._published(target) as new:
            with write_errors(str(target)):
                new.fill(self._catalogue_dtype, created, self._created_by)
                if known is not None and not known.is_own:
                    known_files.keep(new.fd, str(target), "vetted", "")
            yield LockedFile(self.sibling(target), new.fd)

    @contextlib.contextmanager
    def _published(self, target: Path) -> Iterator[NewFile]:
        """Makes a new file that gets its name when the block ends without an exception."""
        with new_file(target, self.lock_timeout_s, lock_folder=False, like=self.path) as new:
            if new is None:
                raise AlreadyExistsError(f"{target}: exists; choose another name")
            yield new
            try:
                new.publish()
            except ProjectLockedError:
                raise AlreadyExistsError(f"{target}: exists by now; choose another name") from None

    @contextlib.contextmanager
    def write(self, created: str, timeout_s: float | None = None) -> Iterator[WriteSession]:
        """Opens the project for one commit; a missing file is made.

        Args:
            created: The present time, as text, for a new file.
            timeout_s: Longest time to wait for the lock, in seconds; by default ``lock_timeout_s`` of this object.

        Raises:
            AerchiveError: As `read` does; also if the folder or file cannot be written.
            ReplacedError: Another program replaced or removed the file meanwhile: see `commit`.
            OSError: The disk is full or broken; the file is as it was.
            BaseException: The exception that a signal handler raised while this waited for a lock; nothing was done.
        """
        self._prepare_reading()  # may wait for another thread that commits, and no signal is held back meanwhile
        afterwards: list[Callable[[], None]] = []
        try:
            with deferred_interrupts(), self._writing(created, timeout_s) as session:
                afterwards = session.afterwards
                yield session
        finally:  # also after an error: it may be uncertain whether the commit was made
            for action in afterwards:
                action()

    def commit(self, work: Callable[[WriteSession], _T], created: str, timeout_s: float | None = None) -> _T:
        """Does one commit, and repeats it if another program replaced or removed the file meanwhile.

        Args:
            work: Function that writes into the session. If the commit is repeated, it is called again, with a session
                of the file that exists then.
            created: The present time, as text, for a new file.
            timeout_s: Longest time to wait for the lock, in seconds, as for `write`.

        Returns:
            The return value of the last call of `work`.

        Raises:
            AerchiveError: As `write` does.
            ReplacedError: The file was replaced each time.
        """
        tries = 0
        while True:
            tries += 1
            try:
                with self.write(created, timeout_s) as session:
                    done = work(session)
            except ReplacedError:
                if tries == _REPLACED_TRIES:
                    raise
            else:
                return done

    @contextlib.contextmanager
    def _writing(self, created: str, timeout_s: float | None) -> Iterator[WriteSession]:
        with contextlib.ExitStack() as stack:
            fd = self._open_existing(stack, timeout_s)
            if fd is None:
                new = stack.enter_context(new_file(self.path, self.lock_timeout_s, mode=self.new_mode))
                if new is not None:
                    with self._first_commit(new, created) as session:
                        yield session
                    return
                # Another process made the file first.
                fd = stack.enter_context(self._access.opened(os.O_RDWR, exclusive=True, timeout_s=timeout_s))
            try:
                with self._commit(fd) as session:
                    yield session
            except CommittedError:
                self._access.check_name(fd)
                raise
            self._access.check_name(fd)

    @contextlib.contextmanager
    def _first_commit(self, new: NewFile, created: str) -> Iterator[WriteSession]:
        """Fills a new file, commits to it, and gives it its name."""
        committed = None
        try:
            self._access.lock(new.fd, exclusive=True, timeout_s=0)
            self._access.check_lock_works(new.fd, new.temporary)
            with write_errors(str(self.path)):
                new.fill(self._catalogue_dtype, created, self._created_by)
            with self._commit(new.fd) as session:
                yield session
        except CommittedError as error:
            committed = error
        except UncertainError as error:  # the file has no name yet, so it is removed
            raise WriteError(f"{self.path}: cannot be made: {error.__cause__}; nothing was saved") from error
        new.publish()
        if committed is not None:
            raise committed

    def _open_existing(self, stack: contextlib.ExitStack, timeout_s: float | None) -> int | None:
        """Opens the file, locked for writing; returns ``None`` if it does not exist, or not any more."""
        if not self._access.exists():
            return None
        try:
            return stack.enter_context(self._access.opened(os.O_RDWR, exclusive=True, timeout_s=timeout_s))
        except NotFoundError:
            return None

    @contextlib.contextmanager
    def _commit(self, fd: int) -> Iterator[WriteSession]:
        with deferred_interrupts():
            with disk_errors(str(self.path)):
                _own_superblock(fd, str(self.path))
            self._recover(fd)
            with write_errors(str(self.path)):
                superblock = read_superblock(fd, str(self.path))
                check_superblock(superblock, disk().size(fd), str(self.path))
                admit(fd, str(self.path), for_writing=True)
                overlay = Overlay(fd, superblock, str(self.path), self.min_free_bytes)
            try:
                try:
                    with open_hdf5(overlay, h5f.ACC_RDWR, str(self.path)) as file:
                        check_header(file, str(self.path))
                        status = os.fstat(fd)
                        self._committing = status.st_dev, status.st_ino
                        yield WriteSession(file, fd, str(self.path), self.min_free_bytes)
                except Exception:
                    if overlay.error is None:
                        raise
                overlay.commit()  # raises also an error that occurred in a call by HDF5
            except CommittedError:
                raise
            except BaseException:
                with contextlib.suppress(OSError):  # bytes that stay beyond the end are never read
                    overlay.roll_back()
                raise
            finally:
                self._committing = None
                known_files.changed(fd)
            self._known_project = stamp_of(os.fstat(fd))


class LockedFile(ProjectFile):
    """A project file that is already open and locked, possibly without a name yet: its sessions take no lock.

    Args:
        like: The project whose path (for messages) and settings are used.
        fd: File descriptor of the file; the caller unlocks and closes it.

    Attributes:
        fd: File descriptor of the file.
    """

    def __init__(self, like: ProjectFile, fd: int) -> None:
        super().__init__(
            like.path,
            lock_timeout_s=like.lock_timeout_s,
            catalogue_dtype=like._catalogue_dtype,
            created_by=like._created_by,
            min_free_bytes=like.min_free_bytes,
        )
        self.fd = fd
        self._access = AccessByDescriptor(like._access, fd)


def _admitted(fd: int, path: str) -> Guard | None:
    """Vets a file before HDF5 opens it; returns a function that vets the nodes of one that is on another machine."""
    parts = parts_of(fd)
    if parts is None or known_files.find(fd, path) is not None:
        admit(fd, path)
        return None
    admit_parts(parts, fd, path)
    return guard_of(fd, path)


def _own_superblock(fd: int, path: str) -> Superblock:
    """Reads the superblock of a file that is to be written.

    Raises:
        ReadOnlyError: Another program has rewritten the file.
        FormatError: The file is not a project.
    """
    superblock = read_superblock(fd, path)
    if not superblock.is_rewritten(fd):
        return superblock
    check_superblock(superblock, disk().size(fd), path)
    admit(fd, path)
    with open_hdf5(ReadFile(fd, None), h5f.ACC_RDONLY, path, is_rewritten=True) as file:
        check_header(file, path)
    raise ReadOnlyError(rewritten_text(path))
