"""Creation of a project file: it is completed under a hidden name, then renamed, so that no program sees a part."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from aerchive import layout
from aerchive.errors import CommittedError, IntegrityError, NotFoundError, ProjectLockedError, ReadOnlyError, WriteError
from aerchive.storage.chunks.drafts import AttributeValue
from aerchive.storage.commits.pages import root_draft
from aerchive.storage.commits.superblock import forget_extension_times
from aerchive.storage.hdf5.errors import hdf5_errors
from aerchive.storage.hdf5.table import create_table
from aerchive.storage.hdf5.writer import DraftWriter, write_attributes
from aerchive.storage.medium import known_files
from aerchive.storage.medium.disk import sync_folder
from aerchive.storage.medium.locks import NO_LOCKS, lock, unlock
from aerchive.storage.medium.names import check_length
from aerchive.storage.medium.temporary import not_writable, remove_left_over, rename_new, temporary_file

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""Error numbers of ``link`` on file systems without hard links, such as exFAT."""


class NewFile:
    """A new project file that does not have the project's name yet.

    Attributes:
        fd: File descriptor, open for reading and writing; the file is locked as long as its process lives.
        temporary: The present, hidden path of the file.
    """

    def __init__(
        self, path: Path, fd: int, temporary: Path, folder_fd: int, timeout_s: float, *, is_alone: bool
    ) -> None:
        self._path = path
        self.fd = fd
        self.temporary = temporary
        self._folder_fd = folder_fd
        self._timeout_s = timeout_s
        self._is_alone = is_alone

    def fill(self, catalogue_dtype: np.dtype[Any], created: str, created_by: str) -> None:
        """Writes an empty project, without runs, into the file."""
        project_uuid = str(uuid.uuid4())
        header: dict[str, AttributeValue] = {
            "format": layout.FORMAT,
            "format_version": layout.FORMAT_VERSION,
            "format_draft": layout.FORMAT_DRAFT,
            "project_uuid": project_uuid,
            "generation": 1,
            "created": created,
            "created_by": created_by,
            "about": layout.ABOUT,
            "NX_class": "NXroot",
        }
        make_empty(self.temporary, header, catalogue_dtype)
        known_files.keep(self.fd, str(self._path), "made", project_uuid)

    def publish(self) -> None:
        """Renames the file to the name of the project, durably.

        Raises:
            WriteError: The folder cannot be written; the project was not made.
            ProjectLockedError: Another program has made a file of this name meanwhile; that file stays.
            CommittedError: The file has its name, but a power cut may undo the renaming.
        """
        try:
            self._put_in_place()
        except FileExistsError as error:
            raise ProjectLockedError(f"{self._path}: another program made it at this moment; save again") from error
        except OSError as error:
            raise _failed(self._path, error) from error
        known_files.changed(self.fd)
        try:
            sync_folder(self._path.parent)
        except OSError as error:
            raise CommittedError(
                f"{self._path}: the runs are saved, but the disk failed when the folder was written ({error.strerror})"
            ) from error

    def _put_in_place(self) -> None:
        if rename_new(self.temporary, self._path):
            return
        try:
            os.link(self.temporary, self._path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if not self._is_alone and not _lock_folder(self._folder_fd, self._path, self._timeout_s):
                raise
            if self._path.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
            os.rename(self.temporary, self._path)  # the folder is locked, so no other process makes this file now
        else:
            with contextlib.suppress(OSError):  # a second name that stays behind is removed by `remove_left_over`
                self.temporary.unlink()


_ROOM = "room"
_ROOM_BYTES = 1536
"""Size of an attribute that is written into the header of the root and removed at once, so that its room is left."""


def make_empty(path: Path, header: Mapping[str, AttributeValue], catalogue_dtype: np.dtype[Any]) -> None:
    """Writes a project without runs into a file.

    Args:
        path: The file.
        header: Attributes of the root group.
        catalogue_dtype: The dtype of the rows of the catalogue.

    Raises:
        OSError: The disk is full or failed.
    """
    try:
        with _created(path) as file:
            root = h5py.h5g.open(file, b"/")
            write_attributes(root, {_ROOM: " " * _ROOM_BYTES})
            h5py.h5a.delete(root, _ROOM.encode())
            DraftWriter(root).write_root(root_draft(header))
            create_table(root, layout.CATALOGUE, catalogue_dtype, layout.CATALOGUE_CHUNK_ROWS)
    except IntegrityError as error:  # a new file is not damaged
        raise OSError(str(error.__cause__)) from error
    with path.open("r+b", buffering=0) as written:
        forget_extension_times(written.fileno())


@contextlib.contextmanager
def _created(path: Path) -> Iterator[h5py.h5f.FileID]:
    """Makes a file as ``h5py.File`` does, but without times of the root group, which old versions of h5py insist on.

    HDF5 may write most of it, and find the disk full, only when the file is closed.
    """
    h5f, h5p = h5py.h5f, h5py.h5p
    creation, access = h5p.create(h5p.FILE_CREATE), h5p.create(h5p.FILE_ACCESS)
    creation.set_obj_track_times(False)
    creation.set_attr_phase_change(layout.MAX_COMPACT_ATTRIBUTES, layout.MIN_DENSE_ATTRIBUTES)
    creation.set_file_space_strategy(h5f.FSPACE_STRATEGY_NONE, False, 1)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
    access.set_file_locking(False, False)
    file = h5f.create(os.fsencode(path), h5f.ACC_TRUNC, fcpl=creation, fapl=access)
    try:
        yield file
    finally:
        with hdf5_errors(str(path)):
            file.close()


@contextlib.contextmanager
def new_file(
    path: Path, timeout_s: float, *, lock_folder: bool = True, like: Path | None = None, mode: int = 0o666
) -> Iterator[NewFile | None]:
    """Makes a file that becomes the project when `NewFile.publish` is called, and is removed otherwise.

    Args:
        path: The project file.
        timeout_s: Longest time to wait for other processes that make a project in this folder, in seconds.
        lock_folder: Whether to lock the folder, so that several processes that make the same project end up with one
            file. Without the lock, `NewFile.publish` raises if another process was faster.
        like: File whose group, access list and permissions the new file gets; ``None``: there is none.
        mode: Permissions if there is none, as for ``os.open``; the umask is taken off.

    Yields:
        The file, or ``None`` if the project exists by now.

    Raises:
        InvalidInputError: The name is too long for the file system.
        NotFoundError: There is no such folder.
        ReadOnlyError: This user may not write in the folder.
        WriteError: The disk failed.
        ProjectLockedError: Other programs kept the folder locked.
    """
    check_length(path)
    with _folder_of(path) as folder_fd:
        is_alone = lock_folder and _lock_folder(folder_fd, path, timeout_s)
        try:
            if path.exists():
                yield None
                return
            remove_left_over(path)
            made = temporary_file(path, "new", lambda error: _failed(path, error), like or path, mode)
            with made as (fd, temporary):
                yield NewFile(path, fd, temporary, folder_fd, timeout_s, is_alone=is_alone)
        finally:
            unlock(folder_fd)


@contextlib.contextmanager
def writable_folder(path: Path) -> Iterator[int]:
    """Opens the folder of a project, after a check that this user may make files in it; nothing is made.

    Args:
        path: The project file, which need not exist.

    Yields:
        The file descriptor of the folder.

    Raises:
        NotFoundError: There is no such folder.
        ReadOnlyError: This user may not write in the folder.
        WriteError: The disk failed.
    """
    with _folder_of(path) as folder_fd:
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise not_writable(path)
        yield folder_fd


@contextlib.contextmanager
def _folder_of(path: Path) -> Iterator[int]:
    try:
        fd = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    except NotADirectoryError:
        raise NotFoundError(f"{path}: {path.parent} is not a folder; choose another place") from None
    except FileNotFoundError:
        raise NotFoundError(f"{path}: there is no folder {path.parent}; make it first") from None
    except PermissionError:
        raise ReadOnlyError(f"{path}: this user may not look into {path.parent}") from None
    except OSError as error:
        raise WriteError(f"{path}: {error.strerror}; nothing was saved") from error
    try:
        yield fd
    finally:
        os.close(fd)


def _lock_folder(folder_fd: int, path: Path, timeout_s: float) -> bool:
    """Locks the folder; returns whether that was possible, as network file systems may not lock folders."""
    try:
        lock(folder_fd, str(path.parent), exclusive=True, timeout_s=timeout_s)
    except ProjectLockedError:
        raise
    except OSError as error:
        if error.errno not in NO_LOCKS | {errno.EBADF}:  # NFS locks only what can be open for writing
            raise WriteError(f"{path}: {error.strerror} while locking the folder; nothing was saved") from error
        return False
    return True


def _failed(path: Path, error: OSError) -> WriteError:
    return WriteError(f"{path}: cannot be made: {error.strerror}; nothing was saved")
