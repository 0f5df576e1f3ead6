"""Where files of many short lives are kept."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.folders import memory_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory, where there is one: these tests model the disk themselves."""
    made = Path(tempfile.mkdtemp(dir=memory_folder()))
    yield made
    shutil.rmtree(made)
