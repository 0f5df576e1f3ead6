"""The folder of this user in which blocks of projects from other machines are kept, up to a limit.

Below it there is a folder for each URL, by digest, and in that one for each state that was opened, with the stand-in,
the blocks, and what is known of the state. A process holds a lock on the states that it uses.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aerchive.errors import WriteError
from aerchive.settings import load_settings
from aerchive.storage.remote.blocks import Blocks
from aerchive.storage.remote.source import State

_LOCK = "lock"
_DIGITS = 32
_HEAD_BYTES = 48
_LOOK_BYTES = 64 * 1024 * 1024
"""Amount of new bytes after which it is looked how much space all states take."""


class CachedState:
    """What is kept of one state of a file, and locked against removal by other processes.

    Args:
        folder: Its folder.
        root: The folder of all states.
        state: The state.
        file_name: Name of the stand-in.
        lock: File descriptor with the lock; closed with the state.

    Attributes:
        folder: The same folder.
        stand_in: Path of the stand-in.
        blocks: The blocks.
    """

    def __init__(self, folder: Path, root: Path, state: State, file_name: str, lock: int) -> None:
        self.folder = folder
        self._root = root
        self.stand_in = folder / file_name
        self._lock = lock
        self.blocks = Blocks(folder, state.size)
        self._until_look = _LOOK_BYTES

    def open_stand_in(self, size: int) -> int:
        """Opens the stand-in, which has the size of the file and no bytes; what else lies there is replaced."""
        fd = os.open(self.stand_in, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        if os.fstat(fd).st_size != size:
            os.ftruncate(fd, size)
        return fd

    def is_whole(self, size: int) -> bool:
        """Whether the stand-in is as `open_stand_in` has made it: a user may have removed the folder."""
        try:
            return self.stand_in.lstat().st_size == size
        except OSError:
            return False

    def make_room(self, nbytes: int) -> bool:
        """Whether there is room for more bytes; states that no process uses are removed for it.

        The blocks of this state are removed if it takes all of the room.
        """
        most = load_settings().remote_cache_bytes
        self._until_look -= nbytes
        if self._until_look < 0:
            self._until_look = _LOOK_BYTES
            _remove_old(self._root)
        if self.blocks.nbytes + nbytes <= most:
            return True
        self.blocks.clear()
        return nbytes <= most

    def close(self) -> None:
        """Closes the files, and lets other processes remove the state."""
        self.blocks.close()
        os.close(self._lock)


def cached_state(key: str | None, state: State, head: bytes, file_name: str) -> CachedState:
    """The folder of a state, made if it is missing; others are removed if they take too much room.

    Args:
        key: What tells the file from others; ``None``: what is kept is of no use to other processes.
        state: The state of the file.
        head: The first bytes of the file.
        file_name: A name for the stand-in.

    Raises:
        WriteError: The folder cannot be made, or others could change it.
    """
    root = load_settings().remote_cache
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_old(root)
        if key is None:
            folder = Path(tempfile.mkdtemp(dir=root, prefix="object-"))
        else:
            digest = hashlib.sha256(repr((state, head[:_HEAD_BYTES])).encode()).hexdigest()[:_DIGITS]
            folder = root / key[:_DIGITS] / digest
            folder.parent.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            _check_own(folder.parent)
            _check_own(folder)
        while True:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            fcntl.flock(lock, fcntl.LOCK_SH)
            if _is_there(folder, lock):
                break
            os.close(lock)  # removed by another process just now
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.utime(lock)
        return CachedState(folder, root, state, file_name, lock)
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(
            f"{root}: what is fetched from other machines cannot be kept there ({error.strerror}); name another folder "
            "with the setting remote_cache"
        ) from error


def _check_own(folder: Path) -> None:
    """Checks that nobody else can put blocks into a folder.

    Raises:
        WriteError: It belongs to another user, or others may write to it.
    """
    status = folder.lstat()
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise WriteError(
            f"{folder}: what is fetched from other machines is not kept there, because other users could change it; "
            "name another folder with the setting remote_cache"
        )


def remove_state(kept: CachedState) -> None:
    """Removes a state that is of no use to other processes."""
    kept.close()
    shutil.rmtree(kept.folder, ignore_errors=True)


def note(kept: CachedState, name: str, content: dict[str, Any]) -> None:
    """Keeps a small document beside the blocks, if the disk lets it."""
    with contextlib.suppress(OSError):
        part = kept.folder / f"{name}.{os.getpid()}"
        part.write_text(json.dumps(content), "utf-8")
        part.replace(kept.folder / name)


def noted(kept: CachedState, name: str) -> dict[str, Any]:
    """A small document beside the blocks; empty if there is none that can be read."""
    with contextlib.suppress(OSError, ValueError):
        content = json.loads((kept.folder / name).read_text("utf-8"))
        if isinstance(content, dict):
            return content
    return {}


def _is_there(folder: Path, lock: int) -> bool:
    try:
        return os.path.samestat(os.stat(folder / _LOCK), os.fstat(lock))
    except OSError:
        return False


def _states(root: Path) -> Iterator[Path]:
    for one in root.iterdir():
        if one.name.startswith("object-"):
            yield one
        elif one.is_dir() and not one.is_symlink():
            yield from one.iterdir()


def _remove_old(root: Path) -> None:
    """Removes states that no process uses, those of dead processes first, then those used longest ago."""
    most, total = load_settings().remote_cache_bytes, 0
    found: list[tuple[float, int, Path]] = []
    with contextlib.suppress(OSError):
        for folder in _states(root):
            with contextlib.suppress(OSError):
                nbytes = sum(one.stat().st_blocks * 512 for one in folder.iterdir())
                used = 0.0 if folder.name.startswith("object-") else (folder / _LOCK).stat().st_mtime
                found.append((used, nbytes, folder))
                total += nbytes
    for used, nbytes, folder in sorted(found):
        if (total > most or not used) and _remove_unused(folder, root):
            total -= nbytes


def _remove_unused(folder: Path, root: Path) -> bool:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
        if folder.parent != root:
            with contextlib.suppress(OSError):
                folder.parent.rmdir()  # fails while it has other states
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
