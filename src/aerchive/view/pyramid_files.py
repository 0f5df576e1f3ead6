"""Files of complete pyramids in a folder of the user, so that an array is read only once for its views.

A file is an archive of plain arrays as ``numpy.savez`` makes it, without pickle. It has checksums; one that is damaged
or does not fit is ignored and made again. The files that were not used for longest are removed when there are too many.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import time
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 512 * 1024 * 1024
"""The greatest size of all files together."""
_ENDING = ".npz"
_PARTIAL = ".partial"
_LEFT_OVER_S = 3600.0
"""A file that is not complete after this time was left by a process that has died."""


class PyramidFiles:
    """The files in a folder. Errors of the disk are no errors here: there is then no file.

    Args:
        folder: The folder. It is made if it does not exist, and only its user may look into it. A folder of another
            user is not used.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> dict[str, NDArray[Any]] | None:
        """The arrays that were written under a name; ``None`` if there are none, or the file is damaged."""
        path = self._folder / (name + _ENDING)
        try:
            if not self._is_ours():
                return None
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                arrays = {key: archive[key] for key in archive.files}
            os.utime(path)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError):
            return None
        return arrays if all(isinstance(one, np.ndarray) for one in arrays.values()) else None

    def write(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Writes arrays under a name, all or nothing, and removes the oldest files if there are too many."""
        partial = self._folder / f"{name}.{os.getpid()}{_PARTIAL}"
        try:
            buffer = io.BytesIO()
            np.savez(buffer, **arrays)  # type: ignore[arg-type]
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if not self._is_ours():
                return
            self._make_room(buffer.getbuffer().nbytes)
            fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(buffer.getbuffer())
            os.replace(partial, self._folder / (name + _ENDING))
        except (OSError, MemoryError):
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    def _is_ours(self) -> bool:
        """Whether the folder belongs to this user, whom alone it then admits."""
        status = os.lstat(self._folder)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            return False
        if status.st_mode & 0o077:
            os.chmod(self._folder, 0o700)
        return True

    def _make_room(self, nbytes: int) -> None:
        found = []
        for entry in os.scandir(self._folder):
            status = entry.stat(follow_symlinks=False)
            is_left = entry.name.endswith(_PARTIAL) and time.time() - status.st_mtime > _LEFT_OVER_S
            if is_left:
                os.unlink(entry.path)
            elif entry.name.endswith(_ENDING):
                found.append((status.st_mtime, status.st_size, entry.path))
        total = nbytes + sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= MOST_BYTES:
                return
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            total -= size
