"""What keeps a project, or a place, for a while."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aerchive.storage.medium import access


@contextmanager
def held(path: Path, kind: int = fcntl.LOCK_SH) -> Iterator[None]:
    """A lock on a file or folder, as another program has it."""
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, kind)
        yield
    finally:
        os.close(fd)


@contextmanager
def mounted(what: str, place: Path, *arguments: object) -> Iterator[Path]:
    """A file system, mounted for a while; skips the test, with the reason, where that is not possible.

    Args:
        what: It is, for the reason.
        place: An empty folder.
        *arguments: Of ``mount``, without the folder.
    """
    if os.geteuid() != 0:
        pytest.skip(f"only root may mount a {what}")
    answer = subprocess.run(["mount", *map(str, arguments), place], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        pytest.skip(f"cannot mount a {what}: {answer.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def before_the_lock(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> list[object]:
    """Lets something be committed after the next writer has begun, and before it has the lock.

    Returns:
        What was done, once it was.
    """
    done: list[object] = []
    begun: list[bool] = []
    lock = access.lock

    def late(fd: int, path: str, *, exclusive: bool, timeout_s: float) -> None:
        if exclusive and not begun:
            begun.append(True)
            done.append(act())
        lock(fd, path, exclusive=exclusive, timeout_s=timeout_s)

    monkeypatch.setattr(access, "lock", late)
    return done
