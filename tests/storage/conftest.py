"""Projects to look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.samples import everything, write_run


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with everything in it, not to be changed."""
    made = tmp_path_factory.mktemp("full") / "full.h5"
    write_run(made, everything())
    made.chmod(0o444)
    return made
