"""The project file: sessions that read one state of it, and sessions that commit the next."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d

from aerchive import layout
from aerchive.errors import (
    AerchiveError,
    FormatError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    ReadOnlyError,
)
from aerchive.storage.attributes import read_attributes
from aerchive.storage.locks import lock, unlock
from aerchive.storage.nodes import AttributeValue, GroupDraft
from aerchive.storage.reader import GroupReader
from aerchive.storage.superblock import check_superblock
from aerchive.storage.table import TableReader, append_rows, create_table, replace_row
from aerchive.storage.trace import note_read
from aerchive.storage.transaction import Overlay
from aerchive.storage.writer import DraftWriter, create_group, write_attributes


@dataclass(frozen=True)
class ReadSession:
    """One state of the project, while its block runs.

    Attributes:
        root: The root group.
        header: Attributes of the root.
        fd: The file, for positioned reads of chunks.
    """

    root: GroupReader
    header: dict[str, AttributeValue]
    fd: int

    def table(self, name: str) -> TableReader:
        """A table at the root."""
        return TableReader(self.root.open_dataset(name), self.root.where(name))


class WriteSession:
    """The next state of the project, committed when its block ends without an exception.

    Attributes:
        header: Attributes of the root.
        root: The root group, for reading what is there.
    """

    def __init__(self, file: h5py.File, fd: int, path: str, header: dict[str, AttributeValue]) -> None:
        self._root = h5py.h5g.open(file.id, b"/")
        self._drafts = DraftWriter(self._root)
        self.root = GroupReader(self._root, fd, "", path)
        self.header = header

    def write_run(self, folder: str, name: str, draft: GroupDraft, run_uuid: str) -> str:
        """Writes a run; see `DraftWriter.write_run`."""
        return self._drafts.write_run(folder, name, draft, run_uuid)

    def replace_group(self, parent: str, name: str, draft: GroupDraft, owner: str) -> None:
        """Replaces a mutable group; see `DraftWriter.replace_group`."""
        self._drafts.replace_group(parent, name, draft, owner)

    def remove(self, path: str) -> None:
        """Unlinks a group; its bytes become dead space, which is never used again."""
        self._root.unlink(path.encode())

    def count_members(self, folder: str) -> int | None:
        """How many members a group has, or ``None`` if there is no such group."""
        if folder.encode() not in self._root:
            return None
        return int(h5py.h5g.open(self._root, folder.encode()).get_num_objs())

    def has(self, path: str) -> bool:
        """Whether there is anything at a path."""
        return path.encode() in self._root

    def table(self, name: str) -> TableReader:
        """A table at the root, as it was before this session."""
        return TableReader(h5d.open(self._root, name.encode()), self.root.where(name))

    def append_rows(self, name: str, rows: np.ndarray[Any, Any]) -> None:
        """Adds rows to a table at the root."""
        append_rows(h5d.open(self._root, name.encode()), rows)

    def replace_row(self, name: str, number: int, row: np.ndarray[Any, Any]) -> None:
        """Replaces one row of a table at the root."""
        replace_row(h5d.open(self._root, name.encode()), number, row)


class ProjectFile:
    """A project on disk. Nothing is held open between sessions.

    Args:
        path: The file; need not exist yet.
        lock_timeout_s: How long a session waits for its turn, in seconds.
        catalogue_dtype: Of the rows of the catalogue, for a new file.
        created_by: Program and version, for a new file.
    """

    def __init__(self, path: Path, *, lock_timeout_s: float, catalogue_dtype: np.dtype[Any], created_by: str) -> None:
        self.path = path
        self.lock_timeout_s = lock_timeout_s
        self._catalogue_dtype = catalogue_dtype
        self._created_by = created_by

    def exists(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    @contextlib.contextmanager
    def read(self) -> Iterator[ReadSession]:
        """Opens the committed state for reading.

        Raises:
            NotFoundError: There is no such file.
            FormatError: It is not a project, or a newer one.
            IntegrityError: It is damaged.
            ProjectLockedError: A writer did not finish in time.
            ReadOnlyError: This user may not read it.
        """
        with self._opened(os.O_RDONLY, exclusive=False) as fd:
            check_superblock(fd, str(self.path))
            with _hdf5(_ReadFile(fd), "r", str(self.path)) as file:
                header = check_header(file, str(self.path))
                root = GroupReader(h5py.h5g.open(file.id, b"/"), fd, "", str(self.path))
                yield ReadSession(root, header, fd)

    @contextlib.contextmanager
    def write(self, created: str) -> Iterator[WriteSession]:
        """Opens the project, made if it is missing, for one commit.

        Args:
            created: The time now, for a new file.

        Raises:
            AerchiveError: As `read` does; also if the folder or file cannot be written.
            OSError: The disk is full or broken; the file is as it was.
        """
        if self.exists():
            with self._opened(os.O_RDWR, exclusive=True) as fd, self._commit(fd) as session:
                yield session
            return
        with self._creating() as made:
            if made is None:  # another process was faster
                with self._opened(os.O_RDWR, exclusive=True) as fd, self._commit(fd) as session:
                    yield session
                return
            fd, temporary = made
            self._create(temporary, created)
            with self._commit(fd) as session:
                yield session
            os.link(temporary, self.path)
            _sync_folder(self.path.parent)

    @contextlib.contextmanager
    def _opened(self, flags: int, *, exclusive: bool) -> Iterator[int]:
        while True:
            fd = _open(self.path, flags)
            try:
                lock(fd, str(self.path), exclusive=exclusive, timeout_s=self.lock_timeout_s)
            except BaseException:
                os.close(fd)
                raise
            if _is_same_file(fd, self.path):
                break
            os.close(fd)  # replaced while we waited
        try:
            yield fd
        finally:
            unlock(fd)
            os.close(fd)

    @contextlib.contextmanager
    def _commit(self, fd: int) -> Iterator[WriteSession]:
        overlay = Overlay(fd, check_superblock(fd, str(self.path)))
        try:
            with _hdf5(overlay, "r+", str(self.path)) as file:
                yield WriteSession(file, fd, str(self.path), check_header(file, str(self.path)))
            overlay.commit()
        except BaseException:
            overlay.roll_back()
            raise

    @contextlib.contextmanager
    def _creating(self) -> Iterator[tuple[int, Path] | None]:
        folder = self.path.parent
        try:
            folder_fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFoundError(f"{self.path}: the folder {folder} does not exist; make it first") from None
        try:
            lock(folder_fd, str(folder), exclusive=True, timeout_s=self.lock_timeout_s)
            if self.exists():
                yield None
                return
            temporary = folder / f".{self.path.name}.new-{os.getpid()}-{secrets.token_hex(4)}"
            try:
                fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            except PermissionError:
                raise ReadOnlyError(f"{self.path}: this user may not create files in {folder}") from None
            try:
                yield fd, temporary
            finally:
                os.close(fd)
                temporary.unlink(missing_ok=True)
        finally:
            fcntl.flock(folder_fd, fcntl.LOCK_UN)
            os.close(folder_fd)

    def _create(self, temporary: Path, created: str) -> None:
        with h5py.File(temporary, "w", libver=layout.LIBVER, fs_strategy="none", locking=False) as file:
            root = h5py.h5g.open(file.id, b"/")
            write_attributes(
                root,
                {
                    "format": layout.FORMAT,
                    "format_version": layout.FORMAT_VERSION,
                    "project_uuid": str(uuid.uuid4()),
                    "generation": 1,
                    "created": created,
                    "created_by": self._created_by,
                    "about": layout.ABOUT,
                },
            )
            create_group(root, layout.RUNS)
            create_table(root, layout.CATALOGUE, self._catalogue_dtype, layout.CATALOGUE_CHUNK_ROWS)


def check_header(file: h5py.File, path: str) -> dict[str, AttributeValue]:
    """The attributes of the root, once they say that this is a project we can read.

    Raises:
        FormatError: It is not, or it is from a newer version.
    """
    root = h5py.h5g.open(file.id, b"/")
    if not h5py.h5a.exists(root, b"format"):
        raise FormatError(f"{path}: is an HDF5 file, but not an aerchive project; choose another file")
    header = read_attributes(root, f"{path}: /")
    version = header.get("format_version")
    if header.get("format") != layout.FORMAT or not isinstance(version, int):
        raise FormatError(f"{path}: is an HDF5 file, but not an aerchive project; choose another file")
    if version > layout.FORMAT_VERSION:
        raise FormatError(
            f"{path}: has format version {version}, and this aerchive reads up to {layout.FORMAT_VERSION}; "
            "upgrade it with: pip install --upgrade aerchive"
        )
    return header


class _ReadFile(io.RawIOBase):
    """Positioned reads for h5py, counted."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position}.get(whence)
        self._position = (os.fstat(self._fd).st_size if base is None else base) + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view):
            number = os.preadv(self._fd, [view[done:]], self._position + done)
            if number == 0:
                break
            done += number
        note_read(self._position, done)
        view[done:] = bytes(len(view) - done)
        self._position += len(view)
        return len(view)


@contextlib.contextmanager
def _hdf5(fileobj: object, mode: str, path: str) -> Iterator[h5py.File]:
    try:
        file = h5py.File(fileobj, mode, libver=layout.LIBVER)
    except (OSError, RuntimeError) as error:
        raise IntegrityError(f"{path}: HDF5 cannot open it: {error}") from error
    try:
        yield file
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        if isinstance(error, AerchiveError):
            raise
        raise IntegrityError(f"{path}: HDF5 cannot read it: {error}") from error
    finally:
        file.close()


def _open(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such project") from None
    except IsADirectoryError:
        raise InvalidInputError(f"{path}: is a folder; a project is one file, such as {path / 'project.h5'}") from None
    except PermissionError:
        what = "written" if flags & os.O_RDWR else "read"
        raise ReadOnlyError(
            f"{path}: may not be {what} by this user; change its permissions, or open it with mode='r'"
        ) from None
    except OSError as error:
        if flags & os.O_RDWR and error.errno == errno.EROFS:
            raise ReadOnlyError(f"{path}: is on a read-only file system; open it with mode='r'") from None
        raise


def _is_same_file(fd: int, path: Path) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return True  # unlinked while open: the session goes on with what it has
    here = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
