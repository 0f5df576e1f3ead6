"""Settings are read once for each state of their sources, and a change of any is seen at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aerchive.errors import InvalidInputError
from aerchive.settings import default_project, load_settings, settings_file


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without settings."""
    for name in ("CONFIG", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    for name in ("AERCHIVE_PROJECT", "AERCHIVE_SAVE_JOBS", "AERCHIVE_LOCK_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)


def write(text: str) -> None:
    settings_file().parent.mkdir(parents=True, exist_ok=True)
    settings_file().write_text(text, "utf-8")


def test_nothing_changes_nothing() -> None:
    assert load_settings() is load_settings()
    assert load_settings(lock_timeout=1.0) is load_settings(lock_timeout=1.0, durability=None)
    assert load_settings(lock_timeout=1.0).lock_timeout == 1.0


def test_a_changed_file_is_read() -> None:
    assert load_settings().lock_timeout == 60
    write("lock_timeout = 5")
    assert load_settings().lock_timeout == 5
    write("lock_timeout = 7.25")
    assert load_settings().lock_timeout == 7.25
    write("lock_timeout =")
    for _ in range(2):
        with pytest.raises(InvalidInputError, match="cannot be read"):
            load_settings()
    settings_file().unlink()
    assert load_settings().lock_timeout == 60


def test_a_changed_environment_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().save_jobs is True
    monkeypatch.setenv("AERCHIVE_SAVE_JOBS", "false")
    assert load_settings().save_jobs is False
    assert load_settings(save_jobs=True).save_jobs is True
    monkeypatch.delenv("AERCHIVE_SAVE_JOBS")
    assert load_settings().save_jobs is True
    before = load_settings().project
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "elsewhere"))
    assert load_settings().project == default_project() != before


@pytest.mark.parametrize("value", [[1], {}, "never", -1, object()])
def test_what_is_no_setting_is_refused_each_time(value: Any) -> None:
    for _ in range(2):
        with pytest.raises(InvalidInputError, match=r"^settings: lock_timeout: "):
            load_settings(lock_timeout=value)
