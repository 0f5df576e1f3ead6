"""A fixture for the tests of users of aerchive: a temporary project.

pytest finds this module by its entry point (``pytest11``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aerchive.project.project import Project


@pytest.fixture
def aerchive_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project in the folder of the test. It is the default project during the test.

    The settings file and the ``AERCHIVE_...`` variables of the user who runs the test are ignored.
    """
    import os

    import aerchive

    for name in [name for name in os.environ if name.startswith("AERCHIVE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("AERCHIVE_PROJECT", str(tmp_path / "project.h5"))
    with aerchive.open() as project:
        yield project
