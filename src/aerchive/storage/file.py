"""The project file: sessions that read one state of it, and sessions that commit the next."""

from __future__ import annotations

import collections
import contextlib
import copy
import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from h5py import h5f, h5fd, h5g, h5o, h5p

from aerchive import layout
from aerchive.errors import (
    AerchiveError,
    AlreadyExistsError,
    CommittedError,
    FormatError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    ProjectLockedError,
    ReadError,
    ReadOnlyError,
    ReplacedError,
    UncertainError,
    WriteError,
)
from aerchive.storage.attributes import read_attribute
from aerchive.storage.border import disk_errors, hdf5_errors
from aerchive.storage.copying import Progress, copy_state
from aerchive.storage.creation import NewFile, make_empty, new_file, writable_folder
from aerchive.storage.disk import disk
from aerchive.storage.filesystems import LockTrial, no_locks, no_permission
from aerchive.storage.free_space import check_room
from aerchive.storage.interrupts import deferred_interrupts
from aerchive.storage.journal import Journal, find_journal
from aerchive.storage.locks import NO_LOCKS, lock, unlock
from aerchive.storage.names import check_length, no_such_project
from aerchive.storage.node_copying import NodeCopier
from aerchive.storage.nodes import AttributeValue, DatasetDraft, GroupDraft
from aerchive.storage.not_hdf5 import is_annexed
from aerchive.storage.read_file import ReadFile
from aerchive.storage.reader import HDF5Group
from aerchive.storage.recovery import recover
from aerchive.storage.replacing import Replacement, replacement
from aerchive.storage.superblock import Superblock, check_superblock, read_superblock
from aerchive.storage.table import CHANGES, TableReader, append_rows, change_of, create_table, replace_row
from aerchive.storage.transaction import Overlay
from aerchive.storage.writer import (
    DraftWriter,
    find_group,
    has_member,
    move,
    open_group,
    require_group,
    write_attributes,
)

_RECOVERY_PATIENCE_S = 1.0
"""How long a reader waits to complete an interrupted commit before it reads the journal instead."""
_TURN_S = 0.1
"""How long somebody who visits many nodes keeps writers waiting at a time."""
_REPLACED_TRIES = 5
"""How often a commit is tried if the file is replaced each time."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class ReadSession:
    """One state of the project, while its block runs.

    Attributes:
        root: The root group.
        fd: The file, for positioned reads of chunks.
        journal: Of a commit that nobody has completed; what is read is the state after it.
    """

    root: HDF5Group
    fd: int
    journal: Journal | None = None

    @property
    def is_plain(self) -> bool:
        """Whether all of the state is in its place, nothing of it in the journal of an interrupted commit."""
        return self.journal is None

    @property
    def end(self) -> int:
        """Where what is committed ends in the file, in bytes."""
        return read_superblock(self.fd, self.root.file).end if self.journal is None else self.journal.new.end

    def detach(self) -> int:
        """The file, open for reading beyond the session; the caller closes it. It holds no lock then."""
        return os.dup(self.fd)

    def table(self, name: str) -> TableReader:
        """A table at the root."""
        return TableReader(self.root.open_dataset(name), self.root.where(name), fd=self.fd if self.is_plain else None)


class WriteSession:
    """The next state of the project, committed when its block ends without an exception.

    Attributes:
        root: The root group, for reading what is there.
        has_new_rows: Whether tables are not as they were before any more.
    """

    def __init__(self, file: h5f.FileID, fd: int, path: str, min_free_bytes: int) -> None:
        self._root = _root_of(file, path)
        self._drafts = DraftWriter(self._root)
        self._fd = fd
        self._path = path
        self._min_free_bytes = min_free_bytes
        self.root = HDF5Group(self._root, fd, "", path)
        self.has_new_rows = False

    def check_room(self, datasets: Collection[DatasetDraft], what: str) -> None:
        """Refuses datasets that do not fit on the disk; see `aerchive.storage.free_space.check_room`.

        Args:
            datasets: To be written.
            what: They are, for the message.

        Raises:
            WriteError: They do not fit.
        """
        check_room(self._fd, self._path, what, datasets, self._min_free_bytes)

    def write_run(self, folder: str, name: str, draft: GroupDraft, run_uuid: str) -> str:
        """Writes a run; see `DraftWriter.write_run`."""
        return self._drafts.write_run(folder, name, draft, run_uuid)

    def replace_group(self, parent: str, name: str, draft: GroupDraft, owner: str) -> None:
        """Replaces a mutable group; see `DraftWriter.replace_group`."""
        self._drafts.replace_group(parent, name, draft, owner)

    def set_root_attribute(self, name: str, value: AttributeValue) -> None:
        """Adds an attribute to the root."""
        write_attributes(self._root, {name: value})

    def remove(self, path: str, among: str = layout.DELETED) -> None:
        """Puts a node among the deleted ones: nothing is freed, so no address ever means something else.

        Args:
            path: Of the node.
            among: The group of deleted ones.
        """
        deleted = require_group(self._root, among)
        folder, _, name = path.rpartition("/")
        target, number = path.replace("/", "-"), 1
        while has_member(deleted, target):
            number += 1
            target = f"{path.replace('/', '-')}-{number}"
        move(open_group(self._root, folder) if folder else self._root, name, deleted, target)

    def can_open(self, path: str) -> bool:
        """Whether HDF5 can open a node; it neither moves nor removes one whose header is damaged."""
        try:
            h5o.open(self._root, path.encode())
        except (OSError, RuntimeError, ValueError, KeyError):
            return False
        return True

    def bring_back(self, name: str, path: str) -> None:
        """Takes a group out of the deleted ones.

        Args:
            name: Of it among the deleted ones.
            path: Where it goes; there must not be anything.
        """
        folder, _, member = path.rpartition("/")
        move(open_group(self._root, layout.DELETED), name, require_group(self._root, folder), member)

    def copier(self) -> NodeCopier:
        """Copies nodes of another file into this one."""
        return NodeCopier(self._root)

    def count_members(self, folder: str) -> int | None:
        """How many members a group has, or ``None`` if there is no such group."""
        group = find_group(self._root, folder)
        if group is None:
            return None
        with hdf5_errors(group):
            return int(group.get_num_objs())

    def attributes_of_members(self, folder: str, name: str) -> set[AttributeValue | None]:
        """One attribute of each group in a folder; empty if there is no such folder."""
        group = find_group(self._root, folder)
        if group is None:
            return set()
        where = self.root.where(folder)
        with hdf5_errors(where):
            members = [h5g.open(group, member) for member in group]
        return {read_attribute(member, name, where) for member in members}

    def has(self, path: str) -> bool:
        """Whether there is anything at a path."""
        folder, _, name = path.rpartition("/")
        group = find_group(self._root, folder) if folder else self._root
        return group is not None and has_member(group, name)

    def table(self, name: str) -> TableReader:
        """A table at the root, with what this session has written into it."""
        dsid, where = self.root.open_dataset(name), self.root.where(name)
        if self.has_new_rows:  # some of them may be with HDF5 still, or in the overlay
            return TableReader(dsid, where)
        return TableReader(dsid, where, fd=self.root.fd)

    def append_rows(self, name: str, rows: np.ndarray[Any, Any]) -> None:
        """Adds rows to a table at the root, and notes that in its list of changes."""
        self.has_new_rows = True
        table = self.root.open_dataset(name)
        first = int(table.shape[0])
        append_rows(table, rows)
        self._note_change(name, first, rows)

    def replace_row(self, name: str, number: int, row: np.ndarray[Any, Any]) -> None:
        """Replaces one row of a table at the root, and notes that in its list of changes."""
        self.has_new_rows = True
        replace_row(self.root.open_dataset(name), number, row)
        self._note_change(name, number, row)

    def _note_change(self, name: str, first: int, rows: np.ndarray[Any, Any]) -> None:
        """Tells others what to read again, and lets them see that this is the history they know.

        A list that cannot be read is left as it is: then nobody keeps rows.
        """
        changes = name + layout.CHANGES_SUFFIX
        with contextlib.suppress(AerchiveError):
            try:
                dsid = self.root.open_dataset(changes)
            except NotFoundError:
                dsid = create_table(self._root, changes, CHANGES, layout.CHANGES_CHUNK_ROWS)
            table = TableReader(dsid, self.root.where(changes))
            if table.dtype == CHANGES:
                append_rows(dsid, change_of(first, rows, table.last()))

    def replace_table(self, name: str, rows: np.ndarray[Any, Any]) -> None:
        """Writes a table at the root anew, which need not be there, or have rows that can be read.

        Its list of changes begins anew, too.

        Raises:
            IntegrityError: HDF5 cannot open the old one, and neither moves nor removes what it cannot open.
        """
        self.has_new_rows = True
        for old in (name, name + layout.CHANGES_SUFFIX):
            if self.has(old):
                try:
                    self.remove(old, f"{layout.DELETED}/{layout.DELETED_TABLES}")
                except IntegrityError as error:
                    raise IntegrityError(
                        f"{self.root.where(old)}: its header is damaged, so that it cannot be replaced "
                        f"({error.__cause__}); restore the file from a copy"
                    ) from error
        create_table(self._root, name, rows.dtype, layout.CATALOGUE_CHUNK_ROWS)
        self.append_rows(name, rows)


class _Held(threading.local):
    """The sessions that a thread holds open, by path of the file."""

    def __init__(self) -> None:
        self.sessions: dict[str, ReadSession] = {}


_held = _Held()


class ProjectFile:
    """A project on disk. Nothing is held open between sessions.

    Args:
        path: The file; need not exist yet.
        lock_timeout_s: How long a session waits for its turn, in seconds.
        catalogue_dtype: Of the rows of the catalogue, for a new file.
        created_by: Program and version, for a new file.
        trust_locks: Whether the user vouches for the locks of the file system.
        min_free_bytes: Runs that would leave less room on the disk are refused.

    Raises:
        InvalidInputError: The file system takes no name that is so long.
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
    ) -> None:
        check_length(path)
        self.path = path
        self.lock_timeout_s = lock_timeout_s
        self._catalogue_dtype = catalogue_dtype
        self._created_by = created_by
        self._trial = LockTrial(trusted=trust_locks)
        self.min_free_bytes = min_free_bytes
        self.before_reading: Callable[[], None] | None = None
        self._known_project: tuple[int, ...] | None = None

    def exists(self) -> bool:
        """Whether there is a file."""
        self._prepare_reading()
        return self._is_there()

    def _is_there(self) -> bool:
        try:
            self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            if is_annexed(self.path):
                raise _missing(self.path) from None
            return False
        except PermissionError:
            raise ReadOnlyError(f"{self.path}: this user may not look into {self.path.parent}") from None
        except (OSError, ValueError) as error:
            raise InvalidInputError(f"{self.path}: cannot be the name of a file: {_reason(error)}") from None
        return True

    def check_destination(self) -> None:
        """Looks whether runs can be committed here now: without a commit, and nothing is made.

        A file that another program has locked can be one: the commit waits for it.

        Raises:
            NotFoundError: There is no file, and no folder for it.
            InvalidInputError: It is a folder, or cannot be the name of a file.
            ReadOnlyError: This user may not write there.
            FormatError: There is a file that is no project, or one of a newer format.
            IntegrityError: The project is damaged.
            WriteError: The disk failed, or the file system's locks are not seen by other machines.
        """
        path = str(self.path)
        try:
            fd = _open(self.path, os.O_RDWR)
        except NotFoundError:
            with writable_folder(self.path) as folder_fd:
                self._trial.check_mount(folder_fd, path)
            return
        try:
            now = _state_of(fd)
            if now == self._known_project:  # runs are submitted one after another, and most projects have one writer
                return
            self._trial.check_mount(fd, path)
            with deferred_interrupts(), disk_errors(path):
                if self._is_project(fd, path):
                    self._known_project = now
                    return
        finally:
            os.close(fd)
        # Another program is writing to it, or its first bytes are damaged: without writers that shows.
        with contextlib.suppress(ProjectLockedError), self.sibling(self.path, 0).read():
            pass

    @staticmethod
    def _is_project(fd: int, path: str) -> bool:
        """Whether a file is a project, as far as one sees without its lock; raises if it is certainly none."""
        superblock = read_superblock(fd, path)
        if _may_have_journal(fd, superblock):
            return False
        with contextlib.suppress(IntegrityError), _hdf5(ReadFile(fd, None), h5f.ACC_RDONLY, path) as file:
            check_header(file, path)
            return True
        return False

    def sibling(self, path: Path, lock_timeout_s: float | None = None) -> ProjectFile:
        """Another file, used in the same way.

        Args:
            path: The file.
            lock_timeout_s: How long to wait for it, if not as long as for this one.
        """
        other = copy.copy(self)
        other.path = path
        other.before_reading = None
        if lock_timeout_s is not None:
            other.lock_timeout_s = lock_timeout_s
        return other

    def _prepare_reading(self) -> None:
        if self.before_reading is not None:
            self.before_reading()

    def peek_uuid(self) -> str | None:
        """The project's UUID, read without a lock: it never changes, and HDF5's checksums protect it.

        Returns:
            ``None`` if there is no file, or if its root cannot be read at the moment.
        """
        path = str(self.path)
        try:
            fd = _open(self.path, os.O_RDONLY)
        except AerchiveError:
            return None
        try:
            superblock = read_superblock(fd, path)
            journal = find_journal(fd, superblock)
            source = ReadFile(fd, journal, superblock.unflagged())
            with deferred_interrupts(), _hdf5(source, h5f.ACC_RDONLY, path) as file:
                found = read_attribute(_root_of(file, path), "project_uuid", path)
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
            FormatError: It is not a project, or a newer one.
            IntegrityError: It is damaged.
            ProjectLockedError: A writer did not finish in time.
            ReadOnlyError: This user may not read it.
            BaseException: What the handler of a signal raised while this waited for the lock.
        """
        path = str(self.path)
        if (held := self._session_of_thread()) is not None:
            yield held
            return
        self._prepare_reading()
        # An interrupt inside one of HDF5's callbacks would come out as something else, or nowhere.
        with deferred_interrupts(), self._reading() as (fd, journal):
            with disk_errors(path):
                source = ReadFile(fd, journal)
            try:
                with _hdf5(source, h5f.ACC_RDONLY, path) as file:
                    check_header(file, path)
                    yield ReadSession(HDF5Group(_root_of(file, path), fd, "", path), fd, journal)
            finally:
                source.check(path)

    def _session_of_thread(self) -> ReadSession | None:
        return _held.sessions.get(str(self.path))

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Opens the committed state once for all that this thread reads of it in the block.

        For a few reads in a row: until the end of the block nobody can commit, this thread included.

        Raises:
            AerchiveError: As `read` does.
        """
        path = str(self.path)
        with self.read() as session:
            if path in _held.sessions:
                yield
                return
            _held.sessions[path] = session
            try:
                yield
            finally:
                del _held.sessions[path]

    @contextlib.contextmanager
    def read_inside(self, session: WriteSession) -> Iterator[None]:
        """Lets this thread read the project inside its own commit; it would wait for its own lock otherwise.

        Args:
            session: Of the commit. What it has replaced is read as it is now, but its rows must not be replaced yet.
        """
        path = str(self.path)
        _held.sessions[path] = ReadSession(session.root, session.root.fd)
        try:
            yield
        finally:
            del _held.sessions[path]

    @contextlib.contextmanager
    def _reading(self) -> Iterator[tuple[int, Journal | None]]:
        """The file, locked for reading; with the journal of an interrupted commit if this user cannot complete it."""
        recovered = False
        while True:
            with self._opened(os.O_RDONLY, exclusive=False) as fd:
                with disk_errors(str(self.path)):
                    superblock = read_superblock(fd, str(self.path))
                    journal = find_journal(fd, superblock) if _may_have_journal(fd, superblock) else None
                    if journal is None:
                        check_superblock(superblock, disk().size(fd), str(self.path))
                if journal is None or recovered or not os.access(self.path, os.W_OK):
                    yield fd, journal
                    return
            # If it cannot be completed, the journal is read as if it had been applied.
            with contextlib.suppress(ProjectLockedError, ReadOnlyError, WriteError):
                self._recover_within(min(self.lock_timeout_s, _RECOVERY_PATIENCE_S))
            recovered = True

    def visit(
        self,
        items: Iterable[_T],
        look: Callable[[ReadSession, _T], bool | None],
        afterwards: Callable[[int], None] = lambda _fd: None,
    ) -> None:
        """Visits many nodes, letting go of the file now and then, so that writers need not wait for the last.

        What is committed in between is there from the next turn on.

        Args:
            items: What is visited, in order.
            look: Called with a session and an item; what it returns says whether the turn shall end now.
            afterwards: Called after each turn with the file, which is not locked then: for what takes long.

        Raises:
            AerchiveError: As `read` does.
        """
        left = collections.deque(items)
        while left:
            with self.read() as session:
                end = time.monotonic() + _TURN_S
                while left and not look(session, left.popleft()) and time.monotonic() < end:
                    pass
                fd = session.detach()
            try:
                afterwards(fd)
            finally:
                os.close(fd)

    @contextlib.contextmanager
    def without_writers(self) -> Iterator[LockedFile]:
        """Keeps writers out, not readers, while the block runs.

        Raises:
            AerchiveError: As `read` does.
        """
        with deferred_interrupts(), self._reading() as (fd, _):
            yield LockedFile(self, fd)

    @contextlib.contextmanager
    def replacement(self, header: Mapping[str, AttributeValue]) -> Iterator[tuple[LockedFile, Replacement]]:
        """An empty project that may take the place of this one; goes unless it is published.

        Args:
            header: Attributes of its root.

        Raises:
            AerchiveError: As `aerchive.storage.replacing.replacement` does.
        """
        with replacement(self.path) as new:
            with _write_errors(str(self.path)):
                make_empty(new.temporary, header, self._catalogue_dtype)
            yield LockedFile(self, new.fd), new

    def recover(self) -> bool:
        """Completes a commit that was interrupted, if there is one.

        Returns:
            Whether there was one.

        Raises:
            AerchiveError: As `read` does.
            WriteError: The disk failed; the next opening tries again.
        """
        return self._recover_within(self.lock_timeout_s)

    def _recover_within(self, timeout_s: float) -> bool:
        with self._opened(os.O_RDWR, exclusive=True, timeout_s=timeout_s) as fd, deferred_interrupts():
            return self._recover(fd)

    def _recover(self, fd: int) -> bool:
        try:
            return recover(fd, str(self.path))
        except AerchiveError:
            raise
        except OSError as error:
            raise WriteError(
                f"{self.path}: {error.strerror or error} while looking for an interrupted commit; nothing was lost, "
                "look at the disk, then open the project again"
            ) from error

    def copy(
        self,
        target: Path,
        progress: Progress | None = None,
        complete: Callable[[], Callable[[WriteSession], None] | None] | None = None,
    ) -> ProjectFile:
        """Copies the committed state; see `aerchive.project.project.Project.copy`.

        Args:
            target: The new file.
            progress: Called with the bytes done and all of them.
            complete: Called while this file is locked; may give what else to commit to the copy before it has a name.
        """
        copied = self.sibling(target)
        with self._reading() as (fd, journal), new_file(target, self.lock_timeout_s, lock_folder=False) as new:
            if new is None:
                raise AlreadyExistsError(f"{target}: exists; choose another name")
            with _write_errors(str(target)):
                end = read_superblock(fd, str(self.path)).end if journal is None else journal.new.end
                copy_state(fd, new.fd, end, journal, progress)
            more = None if complete is None else complete()
            if more is not None:
                with copied._commit(new.fd) as session:
                    more(session)
            try:
                new.publish()
            except ProjectLockedError:
                raise AlreadyExistsError(f"{target}: exists by now; choose another name") from None
        return copied

    @contextlib.contextmanager
    def write(self, created: str, timeout_s: float | None = None) -> Iterator[WriteSession]:
        """Opens the project, made if it is missing, for one commit.

        Args:
            created: The time now, for a new file.
            timeout_s: How long to wait for the lock, in seconds; by default as long as the file was made with.

        Raises:
            AerchiveError: As `read` does; also if the folder or file cannot be written.
            ReplacedError: Another program put another file in its place meanwhile, or removed it: see `commit`.
            OSError: The disk is full or broken; the file is as it was.
            BaseException: What the handler of a signal raised while this waited for a lock; nothing was done.
        """
        self._prepare_reading()  # may wait for another thread that commits, and no signal is held back meanwhile
        with deferred_interrupts(), self._writing(created, timeout_s) as session:
            yield session

    def commit(self, work: Callable[[WriteSession], _T], created: str, timeout_s: float | None = None) -> _T:
        """Does one commit, and does it again if another program replaced or removed the file meanwhile.

        Args:
            work: Writes what is to be committed. It is called again with a session of the file that is there then.
            created: The time now, for a new file.
            timeout_s: As for `write`.

        Returns:
            What the last call of `work` returned.

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
                new = stack.enter_context(new_file(self.path, self.lock_timeout_s))
                if new is not None:
                    with self._first_commit(new, created) as session:
                        yield session
                    return
                # Another process was faster.
                fd = stack.enter_context(self._opened(os.O_RDWR, exclusive=True, timeout_s=timeout_s))
            try:
                with self._commit(fd) as session:
                    yield session
            except CommittedError:
                self._check_name(fd)
                raise
            self._check_name(fd)

    def _check_name(self, fd: int) -> None:
        """Looks after a commit whether the name still leads to the file: programs that synchronise take no lock.

        Raises:
            ReplacedError: It does not.
        """
        if not _is_same_file(fd, self.path):
            what = "put another file in its place" if os.path.lexists(self.path) else "removed it"
            raise ReplacedError(
                f"{self.path}: another program {what} while it was written, perhaps one that synchronises the folder, "
                "so that what was saved is in a file without a name; do it again"
            )

    @contextlib.contextmanager
    def _first_commit(self, new: NewFile, created: str) -> Iterator[WriteSession]:
        """The commit that makes the file, and gives it its name."""
        committed = None
        try:
            self._lock(new.fd, exclusive=True, timeout_s=0)
            self._check_lock_works(new.fd, new.temporary)
            with _write_errors(str(self.path)):
                new.fill(self._catalogue_dtype, created, self._created_by)
            with self._commit(new.fd) as session:
                yield session
        except CommittedError as error:
            committed = error
        except UncertainError as error:  # the file has no name yet, so it goes
            raise WriteError(f"{self.path}: cannot be made: {error.__cause__}; nothing was saved") from error
        new.publish()
        if committed is not None:
            raise committed

    def _open_existing(self, stack: contextlib.ExitStack, timeout_s: float | None) -> int | None:
        """The file, locked for writing; ``None`` if there is none, perhaps no more."""
        if not self._is_there():
            return None
        try:
            return stack.enter_context(self._opened(os.O_RDWR, exclusive=True, timeout_s=timeout_s))
        except NotFoundError:
            return None

    @contextlib.contextmanager
    def _opened(self, flags: int, *, exclusive: bool, timeout_s: float | None = None) -> Iterator[int]:
        fd = -1
        try:
            with deferred_interrupts():  # so that no interrupt comes between the lock and the way to give it back
                fd = self._locked(flags, exclusive, self.lock_timeout_s if timeout_s is None else timeout_s)
            yield fd
        finally:
            if fd >= 0:
                unlock(fd)
                os.close(fd)

    def _locked(self, flags: int, exclusive: bool, timeout_s: float) -> int:
        while True:
            fd = _open(self.path, flags)
            try:
                self._lock(fd, exclusive, timeout_s)
                if _is_same_file(fd, self.path):
                    if exclusive:
                        self._check_lock_works(fd, self.path)
                    return fd
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # replaced while we waited

    def _check_lock_works(self, fd: int, place: Path) -> None:
        with _write_errors(str(self.path)):
            self._trial.check(fd, str(self.path), str(place))

    def _lock(self, fd: int, exclusive: bool, timeout_s: float) -> None:
        try:
            lock(fd, str(self.path), exclusive=exclusive, timeout_s=timeout_s)
        except AerchiveError:
            raise
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise (WriteError if exclusive else ReadError)(
                    f"{self.path}: {error.strerror} while locking"
                ) from error
            if exclusive:
                raise no_locks(str(self.path), error) from error
            # Nobody of ours writes where there are no locks, so a reader needs none.

    @contextlib.contextmanager
    def _commit(self, fd: int) -> Iterator[WriteSession]:
        with deferred_interrupts():
            self._recover(fd)
            with _write_errors(str(self.path)):
                superblock = read_superblock(fd, str(self.path))
                check_superblock(superblock, disk().size(fd), str(self.path))
                overlay = Overlay(fd, superblock, str(self.path), self.min_free_bytes)
            try:
                try:
                    with _hdf5(overlay, h5f.ACC_RDWR, str(self.path)) as file:
                        check_header(file, str(self.path))
                        yield WriteSession(file, fd, str(self.path), self.min_free_bytes)
                except Exception:
                    if overlay.error is None:
                        raise
                overlay.commit()  # raises what went wrong while HDF5 was at work
            except CommittedError:
                raise
            except BaseException:
                with contextlib.suppress(OSError):  # what is left beyond the end is never read
                    overlay.roll_back()
                raise
            self._known_project = _state_of(fd)


class LockedFile(ProjectFile):
    """A project file that is open and locked already, also one without a name: its sessions take no lock.

    Args:
        like: The project whose name is in messages, and that is used in the same way.
        fd: The file; the caller unlocks and closes it.

    Attributes:
        fd: The file.
    """

    def __init__(self, like: ProjectFile, fd: int) -> None:
        self.__dict__ |= like.sibling(like.path).__dict__
        self.fd = fd

    def _is_there(self) -> bool:
        return True  # it is open

    def _session_of_thread(self) -> ReadSession | None:
        return None  # that is of the file which has the name

    def _check_name(self, fd: int) -> None:
        pass  # it may have none yet

    @contextlib.contextmanager
    def _opened(self, flags: int, *, exclusive: bool, timeout_s: float | None = None) -> Iterator[int]:
        del flags, exclusive, timeout_s
        yield self.fd


def check_header(file: h5f.FileID, path: str) -> None:
    """Looks whether the attributes of the root say that this is a project we can read.

    Raises:
        FormatError: It is not, or it is from a newer version.
    """
    root = _root_of(file, path)
    kind, version = (read_attribute(root, name, f"{path}: /") for name in ("format", "format_version"))
    if kind != layout.FORMAT or not isinstance(version, int):
        raise FormatError(f"{path}: is an HDF5 file, but not an aerchive project; choose another file")
    if version < 1:
        raise FormatError(f"{path}: has format version {version}, which does not exist; the file is damaged or forged")
    if version > layout.FORMAT_VERSION:
        raise FormatError(
            f"{path}: has format version {version}, and this aerchive reads up to {layout.FORMAT_VERSION}; "
            "upgrade it with: pip install --upgrade aerchive"
        )


def _root_of(file: h5f.FileID, path: str) -> h5g.GroupID:
    with hdf5_errors(f"{path}: /"):
        return h5g.open(file, b"/")


@contextlib.contextmanager
def _write_errors(path: str) -> Iterator[None]:
    try:
        yield
    except AerchiveError:
        raise
    except OSError as error:
        raise WriteError(f"{path}: {error.strerror or error}; nothing was saved, the file is as it was") from error


@contextlib.contextmanager
def _hdf5(fileobj: object, flags: int, path: str) -> Iterator[h5f.FileID]:
    """An open HDF5 file. Of h5py the lower floor, which takes a third of a millisecond less."""
    properties = h5p.create(h5p.FILE_ACCESS)
    properties.set_fclose_degree(h5f.CLOSE_STRONG)
    properties.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
    properties.set_fileobj_driver(h5fd.fileobj_driver, fileobj)
    with hdf5_errors(path):
        file = h5f.open(os.fsencode(path), flags, fapl=properties)  # the name is for messages of `hdf5_errors` alone
    try:
        yield file
    finally:
        with hdf5_errors(path):
            file.close()


def _may_have_journal(fd: int, superblock: Superblock) -> bool:
    return superblock.is_flagged or not superblock.is_whole or disk().size(fd) != superblock.end


def _missing(path: Path) -> NotFoundError:
    if is_annexed(path):
        return NotFoundError(
            f"{path}: the content of this file of git-annex is not on this machine; fetch it with: git annex get FILE"
        )
    return no_such_project(path)


def _state_of(fd: int) -> tuple[int, ...]:
    """What the system says of a file, which is not the same any more when it has been written or replaced."""
    found = os.fstat(fd)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _reason(error: Exception) -> str:
    """What the system says, without the name of the file, which may be very long."""
    return getattr(error, "strerror", None) or str(error)


def _open(path: Path, flags: int) -> int:
    try:
        kind = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(path) from None
    except PermissionError:
        raise ReadOnlyError(f"{path}: this user may not look into {path.parent}") from None
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path}: cannot be the name of a file: {_reason(error)}") from None
    if stat.S_ISDIR(kind):
        raise InvalidInputError(f"{path}: is a folder; a project is one file, such as {path / 'project.h5'}")
    if not stat.S_ISREG(kind):
        raise InvalidInputError(f"{path}: is not a regular file; a project is one")
    if flags & os.O_RDWR and is_annexed(path):
        raise ReadOnlyError(no_permission(path))
    try:
        return os.open(path, flags | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(path) from None
    except PermissionError:
        raise ReadOnlyError(no_permission(path, "written" if flags & os.O_RDWR else "read")) from None
    except OSError as error:
        if flags & os.O_RDWR and error.errno == errno.EROFS:
            raise ReadOnlyError(f"{path}: is on a read-only file system; open it with mode='r'") from None
        if flags & os.O_RDWR:
            raise WriteError(f"{path}: {error.strerror}; nothing was saved, the file is as it was") from error
        raise ReadError(f"{path}: {error.strerror} while opening; look at the disk, then read again") from error


def _is_same_file(fd: int, path: Path) -> bool:
    try:
        there = os.stat(path)
    except OSError:
        return False
    here = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
