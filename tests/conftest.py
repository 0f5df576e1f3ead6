"""What every test gets: settings, a default project and user folders that are its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the settings of whoever runs it, and none writes to their default project."""
    home: Path = tmp_path_factory.mktemp("home", numbered=True)
    for name in ("SAVE_JOBS", "LOCK_TIMEOUT", "ON_ERROR"):
        monkeypatch.delenv(f"AERCHIVE_{name}", raising=False)
    monkeypatch.setenv("AERCHIVE_PROJECT", str(home / "default.h5"))
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
