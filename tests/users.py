"""Other users of the machine: parts of a test that run with another user id, in a process of their own."""

from __future__ import annotations

import encodings.ascii  # noqa: F401  (other users may not read the standard library where root has installed Python)
import os
import pickle
import shutil
import struct
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ANN, EVE, LAB = 4001, 4002, 4500
"""The ids of two users and of a group."""

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become other users")


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A folder in which every user may make files, and only remove their own, as in ``/tmp``."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o1777)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def as_user(uid: int, action: Callable[[], Any], groups: Sequence[int] = ()) -> Any:
    """What an action returns that runs with another user id; it fails the test if the action raises."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups(list(groups))
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            with tempfile.TemporaryDirectory() as home:
                os.environ.update({f"XDG_{name}_HOME": home for name in ("CONFIG", "DATA", "CACHE", "STATE")})
                answer = True, action()
        except BaseException:  # noqa: BLE001  (the test shows it)
            answer = False, traceback.format_exc()
        os.write(writing, pickle.dumps(answer))
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        done, found = pickle.loads(pipe.read())
    os.waitpid(pid, 0)
    assert done, found
    return found


def access_list(*entries: tuple[int, int, int]) -> bytes:
    """An access list of tags, rights and ids, as the attribute ``system.posix_acl_access`` has it."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NOBODY = 0xFFFFFFFF
EVE_MAY_WRITE = access_list((1, 6, NOBODY), (2, 6, EVE), (4, 4, NOBODY), (16, 6, NOBODY), (32, 0, NOBODY))
"""The owner and Eve may write, the group of the file may read."""


def give_access_list(path: Path, entries: bytes) -> None:
    """Gives a file an access list; skips the test where the file system knows none."""
    try:
        os.setxattr(path, "system.posix_acl_access", entries)
    except OSError as error:
        pytest.skip(f"{path.parent}: no access lists: {error.strerror}")
