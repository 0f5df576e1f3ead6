"""Where crash tests keep their files."""

from __future__ import annotations

import os


def memory_folder() -> str | None:
    """A file system in memory, or ``None`` for the default of `tempfile`."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
