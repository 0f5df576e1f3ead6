"""How sessions get the open and locked file of a project: by its name, or by a descriptor that they are given."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from aerchive.errors import AerchiveError, InvalidInputError, ReadError, ReadOnlyError, ReplacedError, WriteError
from aerchive.storage.medium.errors import write_errors
from aerchive.storage.medium.filesystems import LockTrial, no_locks
from aerchive.storage.medium.interrupts import deferred_interrupts
from aerchive.storage.medium.locks import NO_LOCKS, lock, unlock
from aerchive.storage.medium.not_hdf5 import is_annexed
from aerchive.storage.medium.opening import is_same_file, missing, open_file, reason_of


class AccessByName:
    """Opens the file that has the name of the project, each time anew.

    Args:
        path: The project file.
        timeout_s: Longest time to wait for the lock, in seconds.
        trial: Tests whether the locks of the file system work.

    Attributes:
        trial: The same test.
        is_by_name: Whether the file is that which has the name: then sessions that the thread holds are used again.
    """

    is_by_name = True

    def __init__(self, path: Path, timeout_s: float, trial: LockTrial) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self.trial = trial

    def exists(self) -> bool:
        """Whether the file exists.

        Raises:
            AerchiveError: The path cannot be the name of a project, or this user may not look into its folder.
        """
        try:
            self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            if is_annexed(self._path):
                raise missing(self._path) from None
            return False
        except PermissionError:
            raise ReadOnlyError(f"{self._path}: this user may not look into {self._path.parent}") from None
        except (OSError, ValueError) as error:
            raise InvalidInputError(f"{self._path}: cannot be the name of a file: {reason_of(error)}") from None
        return True

    @contextlib.contextmanager
    def opened(self, flags: int, *, exclusive: bool, timeout_s: float | None = None) -> Iterator[int]:
        """Opens the file, locked until the end of the block.

        Args:
            flags: ``os.O_RDONLY`` or ``os.O_RDWR``.
            exclusive: Whether to lock it for writing.
            timeout_s: Longest time to wait for the lock, in seconds; by default that of this object.

        Raises:
            AerchiveError: The file cannot be opened or locked.
        """
        fd = -1
        try:
            with deferred_interrupts():  # so that an interrupt cannot leave the file locked
                fd = self._locked(flags, exclusive, self._timeout_s if timeout_s is None else timeout_s)
            yield fd
        finally:
            if fd >= 0:
                unlock(fd)
                os.close(fd)

    def _locked(self, flags: int, exclusive: bool, timeout_s: float) -> int:
        while True:
            fd = open_file(self._path, flags)
            try:
                self.lock(fd, exclusive=exclusive, timeout_s=timeout_s)
                if is_same_file(fd, self._path):
                    if exclusive:
                        self.check_lock_works(fd, self._path)
                    return fd
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # replaced while we waited

    def check_lock_works(self, fd: int, name: Path) -> None:
        """Refuses a file whose exclusive lock does not exclude other openings of the file, by the given name."""
        with write_errors(str(self._path)):
            self.trial.check(fd, str(self._path), str(name))

    def lock(self, fd: int, *, exclusive: bool, timeout_s: float) -> None:
        """Locks an open file; readers need no lock where the file system has none.

        Raises:
            AerchiveError: The file cannot be locked.
        """
        try:
            lock(fd, str(self._path), exclusive=exclusive, timeout_s=timeout_s)
        except AerchiveError:
            raise
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise (WriteError if exclusive else ReadError)(
                    f"{self._path}: {error.strerror} while locking"
                ) from error
            if exclusive:
                raise no_locks(str(self._path), error) from error
            # aerchive never writes to a file system without locks, so a reader needs no lock there.

    def check_name(self, fd: int) -> None:
        """Checks after a commit that the path still refers to the file: programs that synchronise take no lock.

        Raises:
            ReplacedError: The file was replaced or removed.
        """
        if not is_same_file(fd, self._path):
            what = "put another file in its place" if os.path.lexists(self._path) else "removed it"
            raise ReplacedError(
                f"{self._path}: another program {what} while it was written, perhaps one that synchronises the folder, "
                "so that what was saved is in a file without a name; do it again"
            )


class AccessByDescriptor(AccessByName):
    """Gives the file that is open and locked already, and may have no name yet.

    Args:
        other: The access to the project, whose path (for messages) and settings are used.
        fd: File descriptor of the file.
    """

    is_by_name = False

    def __init__(self, other: AccessByName, fd: int) -> None:
        super().__init__(other._path, other._timeout_s, other.trial)
        self._fd = fd

    def exists(self) -> bool:
        """Whether the file exists: it is open."""
        return True

    @contextlib.contextmanager
    def opened(self, flags: int, *, exclusive: bool, timeout_s: float | None = None) -> Iterator[int]:
        """Gives the file descriptor."""
        del flags, exclusive, timeout_s
        yield self._fd

    def check_name(self, fd: int) -> None:
        """Does nothing, as the file may have no name yet."""
