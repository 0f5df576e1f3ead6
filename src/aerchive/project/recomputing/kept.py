"""The folder of this user in which runs that were computed again are kept, up to a limit.

Below it there is a folder for each run, by the digest of its UUID and of its values, with a project of this one run. It
gets its name when it is complete and was compared, so a process that is killed leaves nothing that counts; what it was
making is locked by it, and removed by the next process. The folder's time says when the run was used last.

The user may name a folder in which other things are, or which others may write, too. So only folders with such a name
are removed, and only those count that belong to this user alone, as every folder does that is made here.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from aerchive.errors import WriteError
from aerchive.settings import load_settings

FILE = "run.h5"
_LOCK = "lock"
_MAKING = "making-"
_KEY = re.compile(r"[0-9a-f]{40}\Z")
_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def find(key: str) -> Path | None:
    """The project of a run that is kept, which counts as used now; ``None`` if it is not kept, or not by this user.

    Args:
        key: The key of the run and its values.
    """
    folder = load_settings().recomputed / key
    try:
        is_own = _is_own(folder)
        os.utime(folder)
    except OSError:
        return None
    return folder / FILE if is_own and (folder / FILE).exists() else None


def _is_own(folder: Path) -> bool:
    """Whether only this user can have put something into a folder."""
    status = os.stat(folder, follow_symlinks=False)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & _OF_OTHERS


@contextlib.contextmanager
def alone(key: str) -> Iterator[None]:
    """Lets only one thread of all processes compute a run; the others wait, and then find what it has kept.

    Args:
        key: The key of the run and its values.

    Raises:
        WriteError: The folder cannot be made.
    """
    path = _root() / f"{key}.{_LOCK}"
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _no_folder(path.parent, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
    except BaseException:  # Ctrl-C while it waits; another process has the lock, and needs its name
        os.close(lock)
        raise
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()  # who waits has it open
        _release(lock)


def _release(lock: int) -> None:
    """Ends a lock, also if a process that was forked meanwhile has it open."""
    fcntl.flock(lock, fcntl.LOCK_UN)
    os.close(lock)


def _root() -> Path:
    """The folder, made if it is missing."""
    root = load_settings().recomputed
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _no_folder(root, error) from error
    return root


def _no_folder(root: Path, error: OSError) -> WriteError:
    return WriteError(
        f"{root}: runs that are computed again cannot be kept there ({error.strerror}); name another folder with the "
        "setting recomputed"
    )


@contextlib.contextmanager
def making() -> Iterator[Path]:
    """Makes a folder for a run that is computed again; it is removed after the block, unless it was kept.

    Raises:
        WriteError: It cannot be made.
    """
    root = _root()
    try:
        _remove_left_over(root)
        folder = Path(tempfile.mkdtemp(dir=root, prefix=_MAKING))
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _no_folder(root, error) from error
    maker = os.getpid()
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        if os.getpid() == maker:  # not a process that was forked in the block
            shutil.rmtree(folder, ignore_errors=True)
            _release(lock)
        else:
            os.close(lock)


def keep(folder: Path, key: str) -> Path:
    """Keeps what was made; others that were used longest ago are removed if all together take too much room.

    Args:
        folder: The folder that `making` gave.
        key: The key of the run and its values.

    Returns:
        The project of the run.

    Raises:
        WriteError: The folder cannot be renamed.
    """
    root = load_settings().recomputed
    try:
        try:
            folder.rename(root / key)
        except OSError:
            if find(key) is None:  # what is there has lost its project, or others may have put it there
                forget(key)
                folder.rename(root / key)
            # else another process was faster; what it made is the same, bit for bit
    except OSError as error:
        raise WriteError(f"{root}: a run that was computed again cannot be kept there ({error.strerror})") from error
    _remove_old(root, key)
    return root / key / FILE


def forget(key: str) -> None:
    """Removes a run, if it is kept."""
    shutil.rmtree(load_settings().recomputed / key, ignore_errors=True)


def _remove_old(root: Path, newest: str) -> None:
    """Removes runs until the others have room; the newest one stays in any case."""
    most, found = load_settings().recomputed_bytes, list[tuple[float, int, Path]]()
    with contextlib.suppress(OSError):
        for folder in root.iterdir():
            if not _KEY.match(folder.name):
                continue
            with contextlib.suppress(OSError):
                nbytes = sum(one.stat().st_blocks * 512 for one in folder.iterdir())
                found.append((folder.stat().st_mtime, nbytes, folder))
    total = sum(nbytes for _, nbytes, _ in found)
    for _, nbytes, folder in sorted(found):
        if total > most and folder.name != newest:
            shutil.rmtree(folder, ignore_errors=True)  # who has it open reads on
            total -= nbytes


def _remove_left_over(root: Path) -> None:
    """Removes what processes that have ended were making."""
    for folder in root.glob(f"{_MAKING}*"):
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # its process lives
            pass
        finally:
            os.close(lock)
